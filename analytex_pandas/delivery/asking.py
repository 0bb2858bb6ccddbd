"""Questions to the service that are asked again: the list of jobs, a job, and how long for."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from http.client import responses
from typing import Final, TypeVar

from analytex_pandas.delivery import memory, pacing
from analytex_pandas.delivery.drive import Drive, logger
from analytex_pandas.delivery.lookup import chunk_of, is_ours, shown
from analytex_pandas.delivery.state import Trouble
from analytex_pandas.errors import AnalytexError, AuthenticationError, TransportError
from analytex_pandas.service.wire import Job

T = TypeVar("T")

CLOCKS_DIFFER: Final = dt.timedelta(days=1)
"""By how much the clocks of this machine and of the service may differ, and more."""


def newest_jobs(
    drive: Drive, what: str, patience: float | None = None, *, since: dt.datetime | None = None
) -> list[Job]:
    """Return the newest of the account's jobs, asking until they are known; `what` says it in words.

    Those up to the first that was known already, and to the first from before `since`, where that is given; all of
    them where the list is in another order.
    """
    listing = drive.client.listing()
    known = set(drive.chunk.known_jobs or ())

    def is_last(job: Job) -> bool:
        if since is None or job.job_id in known:
            return True
        return not known and is_before(job, since)

    # Page by page: the more pages there are, the less likely all of them are to come at once.
    jobs = persist(drive, lambda: listing.newest(is_last), what, patience)
    learn(drive, jobs)
    return jobs


def is_before(job: Job, since: dt.datetime | None) -> bool:
    """Tell whether a job is surely from before a time of this machine."""
    moment = job.submitted_at or job.start_time
    return since is not None and moment is not None and moment < since - CLOCKS_DIFFER


def looked_before(drive: Drive, what: str) -> list[Job]:
    """Return the newest jobs before a submit; none when the list cannot be read."""
    if drive.looked is None or drive.crowded:
        found = if_told(drive, lambda: newest_jobs(drive, what, pacing.PATIENCE_FOR_A_LIST))
        drive.looked = drive.looked if found is None else found
    return drive.looked or []


def job(drive: Drive, job_id: str, what: str, patience: float | None = None) -> Job | None:
    """Return a job, asking until there is an answer, None if there is none; `what` says it in words."""
    return if_told(drive, lambda: persist(drive, lambda: drive.client.job(job_id), what, patience))


def if_told(drive: Drive, question: Callable[[], T]) -> T | None:
    """Return the answer to a question that can go without one; without access nothing goes on."""
    try:
        return question()
    except AuthenticationError:
        raise
    except AnalytexError as error:
        logger.debug("push %s: no answer: %s", drive.id, in_brief(error))
        return None


def persist(drive: Drive, call: Callable[[], T], what: str, patience: float | None = None) -> T:
    """Ask, and ask again while what fails may heal; `call` may be repeated without harm."""
    setback = Setback(drive, what, patience)
    while True:
        try:
            answer = call()
        except AnalytexError as error:
            setback.rest(error)
        else:
            drive.answered()
            return answer


def learn(drive: Drive, jobs: list[Job]) -> None:
    """Learn from a list how it shows the chunks of this push, and whether one of them became two jobs."""
    ours = {chunk.job_id: chunk.number for chunk in drive.state.chunks if chunk.job_id is not None}
    drive.listed |= {shown(job, drive.name(ours[job.job_id])) for job in jobs if job.job_id in ours}
    if not drive.listed and drive.document.options.transport == "file" and any(map(is_ours, jobs)):
        drive.listed.add("named")
    for job in jobs:
        if job.job_id == drive.chunk.job_id and not drive.chunk.settled:
            drive.hear(job)
        number = chunk_of(job, drive.id)
        if number is not None and number <= len(drive.state.chunks) and job.job_id not in ours:
            note_twin(drive, number, job)


def note_twin(drive: Drive, number: int, job: Job) -> None:
    """Write down that a chunk became another job, too; what is remembered of its cells is in doubt from now on."""
    chunk = drive.state.chunk(number)
    twins = chunk.twins or ()
    if chunk.job_id is None or job.job_id in twins or job.failed:
        return
    words = (
        f"chunk {number:,} is at the service twice, as job {chunk.job_id} and, late, as job {job.job_id}: its rows "
        "are applied again when that one runs. What is remembered of them counts as changed."
    )
    logger.warning("push %s: %s", drive.id, words)
    drive.record(lambda it: memory.doubt(it, (drive.id, number)), number=number, twins=(*twins, job.job_id))
    drive.say(words)


class Setback:
    """Failures in a row of one thing that is tried again; `what` says in words what it is."""

    def __init__(self, drive: Drive, what: str, patience: float | None = None) -> None:
        self.drive = drive
        self.what = what
        self.patience = patience
        self.over()

    def over(self) -> None:
        self.failures = 0
        self._since: float | None = None
        self._refused_since: float | None = None
        self._told = 0.0  # seconds that the service asked to wait: no reason to lose patience with it

    def check(self, error: AnalytexError, delay: float = 0.0) -> float:
        """Take an error down; raise it when it does not heal, or patience has run out before `delay` is over.

        Returns when patience runs out, on the steady clock.
        """
        drive, now = self.drive, self.drive.clock.monotonic()
        drive.tries += 1
        drive.trouble = now if drive.trouble is None else drive.trouble
        self._since = now if self._since is None else self._since
        patience, since, told = self.patience, self._since, self._told
        if not (pacing.heals(error) or pacing.is_redirect(error)):
            if not (pacing.is_refusal(error) and drive.accepted):
                raise error
            since = self._refused_since = self._refused_since or now
            patience, told = min(patience or pacing.PATIENCE, pacing.PATIENCE_WITH_REFUSALS), 0.0
        elif not drive.accepted:
            # Not each question by itself: where nothing ever answers well, it is the address.
            since = min(since, drive.trouble)
            patience = min(patience or pacing.PATIENCE, pacing.PATIENCE_AT_FIRST)
        else:
            self._refused_since = None
        usual = pacing.PATIENCE if drive.chunk.job_id is None else pacing.PATIENCE_WITH_A_JOB
        patience = patience or usual
        until = since + min(patience + told, max(patience, pacing.PATIENCE))
        if now + delay > until:
            raise error
        return until

    def rest(self, error: AnalytexError) -> None:
        """Wait until the next try is due; raise `error` where ``check`` does."""
        drive = self.drive
        self.failures += 1
        delay = pacing.backoff(self.failures, error, drive.chance)
        self._told += pacing.told_to_wait(error) or 0.0
        until = self.check(error, delay)
        reason = in_brief(error)
        when = f"in {delay:,.0f} s" if delay >= 1 else "in a moment"
        drive.say(f"{self.what} again {when}: {reason}", trouble=self.trouble(reason, delay, until))
        logger.info("push %s: %s again in %.1f s: %s", drive.id, self.what, delay, reason)
        drive.rest(delay, in_trouble=True)

    def trouble(self, answer: str, delay: float, until: float) -> Trouble:
        """Return what a display says of it; until when is told where the push stops then."""
        drive, now, passed = self.drive, self.drive.clock.now(), self.drive.clock.monotonic()
        since = passed if drive.trouble is None else drive.trouble
        if self.patience is not None:  # the push can go without this answer
            until = math.inf if drive.accepted else since + pacing.PATIENCE_AT_FIRST
        return Trouble(
            now - dt.timedelta(seconds=passed - since),
            answer,
            drive.tries,
            now + dt.timedelta(seconds=delay),
            None if until == math.inf else now + dt.timedelta(seconds=until - passed),
        )


def in_brief(error: AnalytexError) -> str:
    if error.status_code is not None:
        return f"HTTP {error.status_code} {responses.get(error.status_code, '')}".rstrip()
    return "no answer" if isinstance(error, TransportError) else str(error).partition("\n")[0][:120]
