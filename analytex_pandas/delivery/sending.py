"""A chunk gets to the service once: never twice, never lost.

Before it is sent, the jobs that are there already are written down together with the intent. When no clear
answer comes, the list of jobs tells: the chunk's job by its file name, or that no job is new, or that nobody
can know.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery import asking, memory
from analytex_pandas.delivery.asking import Setback, in_brief
from analytex_pandas.delivery.lookup import by_name, candidates, forgets, in_the_way
from analytex_pandas.delivery.pacing import (
    ABSENCE,
    LOOKS,
    PATIENCE_FOR_A_LIST,
    TRY_AGAIN,
    Pace,
    Watch,
    backoff,
    may_have_arrived,
)
from analytex_pandas.delivery.recutting import note_declined
from analytex_pandas.delivery.state import Blocker, running_status
from analytex_pandas.errors import AnalytexError, ConflictError
from analytex_pandas.service.calls import BYTES_A_SECOND, SECONDS
from analytex_pandas.service.listing import newest_first

if TYPE_CHECKING:
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.service.wire import Job

MOST_ASKED: Final = 20
"""Jobs that are asked about one by one, to find out whether one of them is a chunk."""
LISTED_LATE: Final = 5.0
"""Seconds by which a list may be behind."""
LONGEST_TOLD: Final = 86_400.0
"""Seconds; an end beyond is no help."""
NOT_SENT: Final = "It was not sent, and its rows can also be pushed anew."


class NobodyKnowsError(Exception):
    """A chunk may be at the service or not, and nobody can tell; never leaves the worker."""


class Sending:
    """The chunk that is worked on, on its way to the service."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.setback = Setback(drive, f"sending {drive.label}")
        self.is_doubted = False
        """Whether it was sent before without a clear answer."""
        self.known_then: tuple[str, ...] | None = None
        """The jobs that were listed before it was first sent so."""
        self.sent_then: dt.datetime | None = None
        self.turn = drive.clock.monotonic() + TRY_AGAIN
        """Until when it is waited for a job that is listed as running."""

    def deliver(self) -> Job:
        """Return the job that the chunk became; raise NobodyKnowsError when nobody can tell whether it arrived."""
        drive, found = self.drive, None
        if drive.chunk.in_doubt:
            found = self.look_for("its sender did not live to see the answer", self.seconds_since_intent())
            if found is None:
                self.not_sent()
        while found is None:
            if drive.hold():
                self.setback.over()  # it was not the service that made it wait
            found = self.recognised(asking.looked_before(drive, f"{drive.label}: reading the list of jobs"))
            other = in_the_way(drive.looked or [], drive.passable)
            if found is None and other is not None and drive.clock.monotonic() < self.turn:
                self.wait_for(other)
            elif found is None:
                found = self.send()
        return found

    def recognised(self, jobs: list[Job]) -> Job | None:
        """Take the job of a list that is the chunk for its own; raise NobodyKnowsError if one is there that may be."""
        job, is_unclear = self.examined(jobs)
        if is_unclear:
            raise NobodyKnowsError
        return None if job is None else self.adopt(job, jobs)

    def examined(self, jobs: list[Job]) -> tuple[Job | None, bool]:
        """Return the chunk's job in a list; if there is none, whether one may be it all the same.

        Be strict, and ask about those, where it was sent before without an answer.
        """
        drive, name, rows = self.drive, self.drive.name(self.drive.number), self.drive.chunk.rows
        mine = by_name(jobs, name)
        if mine is not None or not self.is_doubted:
            return mine, False
        # Our own last job was there before, whatever the list has shown: one of running jobs only says nothing.
        known = (
            self.known_then or [chunk.job_id for chunk in drive.state.chunks if chunk.job_id is not None][-1:]
        )
        if forgets(jobs, known, newest_first=newest_first(jobs)):
            return None, True
        others = drive.journal.owners([job.job_id for job in jobs])
        possible = [
            job
            for job in candidates(jobs, rows, known=self.known_then, others=others, seen=drive.listed)
            if not asking.is_before(job, self.sent_then)
        ]
        if not possible or name is None or len(possible) > MOST_ASKED:
            return None, bool(possible)
        # The answer about a job alone may say more than the list.
        asked = [
            asking.job(drive, job.job_id, f"asking whose job {job.job_id} is", PATIENCE_FOR_A_LIST) or job
            for job in possible
        ]
        mine = by_name(asked, name)
        unclear = mine is None and candidates(asked, rows, known=None, others=(), seen=drive.asked)
        return mine, bool(unclear)

    def send(self) -> Job | None:
        """Send the chunk once; return its job, or None when it may be sent again, having waited for that."""
        drive, number, kind = self.drive, self.drive.number, self.drive.document.kind
        chunk, looked = drive.chunk, drive.looked
        drive.looked = None
        with drive.reading(NOT_SENT):
            records, digests = drive.spool.read_chunk(number), drive.digests(number)
        drive.record(
            lambda it: memory.forget_cells(it, drive.state.account, kind, (drive.id, number), digests),
            status="submitting",
            attempts=chunk.attempts + 1,
            known_jobs=None if looked is None else tuple(job.job_id for job in looked),
            submitted_at=drive.clock.now(),
        )
        drive.say(f"{drive.label}: sending {chunk.rows:,} rows", phase="running")
        try:
            job = self.upload(records)
        except ConflictError:
            # A place in the queue, not a failed attempt.
            self.not_sent(attempts=chunk.attempts, status="waiting")
            self.queue(looked or [])
        except AnalytexError as error:
            if not may_have_arrived(error):
                self.not_sent()
                if note_declined(drive, error):
                    raise
                self.setback.rest(error)
                return None
            self.setback.check(error)  # where that raises, the chunk stays in doubt
            found = self.look_for(f"the answer was lost ({in_brief(error)})", 0.0)
            if found is None:
                self.not_sent()
            return found
        else:
            drive.answered()
            drive.harmless |= {job.job_id for job in looked or []}
            return self.accept(job)
        return None

    def upload(self, records: bytes) -> Job:
        client, document = self.drive.client, self.drive.document
        if document.options.transport == "json":
            return client.submit_lines(records, document.kind)
        return client.submit_file(records, document.kind, filename=self.drive.name(self.drive.number))

    def accept(self, job: Job) -> Job:
        # An end that the submit's answer or the list shows is not settled yet: the job is asked for its errors.
        self.drive.hear(job)
        self.drive.record(status=running_status(job.status), job_id=job.job_id, known_jobs=None)
        self.drive.show(phase="running")
        return job

    def adopt(self, job: Job, jobs: list[Job]) -> Job:
        self.drive.say(f"{self.drive.label}: found its job, it had arrived")
        accepted = self.accept(job)
        asking.learn(self.drive, jobs)  # it may be there twice
        return accepted

    def not_sent(self, *, status: str = "pending", **values: int) -> None:
        self.drive.record(
            lambda it: memory.not_sent(it, (self.drive.id, self.drive.number)),
            status=status,
            known_jobs=None,
            submitted_at=None,
            **values,
        )

    def seconds_since_intent(self) -> float:
        """Return for how long the chunk is surely not sent any more; a clock that was set back says nothing.

        Its driver may have died at the very end of the longest call that it makes.
        """
        chunk, now = self.drive.chunk, self.drive.clock.now()
        if chunk.submitted_at is None:
            return 0.0
        longest = SECONDS + chunk.bytes / BYTES_A_SECOND
        return max((now - chunk.submitted_at).total_seconds() - longest, 0.0)

    def look_for(self, why: str, passed: float) -> Job | None:
        """Look for the chunk, which may have arrived, until its absence can be believed; adopt its job if it has.

        `passed` are the seconds since it was sent. A slow service makes a job of it long after its proxy gave up.
        """
        drive, chunk = self.drive, self.drive.chunk
        drive.record(status="looking")
        if not self.is_doubted:
            self.is_doubted = True
            self.known_then, self.sent_then = chunk.known_jobs, chunk.submitted_at
        sent, unclear_since = drive.clock.monotonic() - passed, 0.0
        for seconds in itertools.chain(LOOKS, itertools.repeat(LOOKS[-1])):
            left = ABSENCE - (drive.clock.monotonic() - sent)
            what = f"{drive.label}: {why}, looking for it among the jobs"
            drive.say(f"{what}; it goes again in {left:,.0f} s if it is not there" if left > 0 else what)
            drive.rest(min(seconds, max(left, LOOKS[0])), in_trouble=True)
            is_last = drive.clock.monotonic() - sent >= ABSENCE
            jobs = asking.newest_jobs(drive, what, since=chunk.submitted_at)
            job, is_unclear = self.examined(jobs)
            if job is not None:
                return self.adopt(job, jobs)
            drive.looked = jobs
            if is_unclear:
                unclear_since = unclear_since or drive.clock.monotonic()
                if drive.clock.monotonic() - unclear_since >= ABSENCE:
                    raise NobodyKnowsError
            elif is_last:
                break
            else:
                unclear_since = 0.0
        return None

    def queue(self, looked: list[Job]) -> None:
        """Prepare to wait after a submit that a job stood in the way of, also of one that is not listed."""
        drive = self.drive
        drive.crowded = True
        drive.answered()
        self.setback.over()
        drive.harmless -= {job.job_id for job in looked}
        self.turn = drive.clock.monotonic() + TRY_AGAIN
        drive.show(phase="waiting")
        jobs = asking.looked_before(drive, f"{drive.label} waits for a job that runs; asking which")
        if in_the_way(jobs, drive.passable) is None and by_name(jobs, drive.name(drive.number)) is None:
            # It ended between two questions, or is not listed: every try costs an upload, so they grow apart.
            drive.say(f"{drive.label}: waiting for a job that is not listed")
            drive.blind += 1
            # It may also be the chunk's own, by a repeated request, and be listed late.
            drive.rest(min(max(backoff(drive.blind, None, drive.chance), LISTED_LATE), TRY_AGAIN))
            drive.looked = None

    def wait_for(self, job: Job) -> None:
        """Watch a job in the way until it ends, or it is time to try all the same."""
        drive, job_id = self.drive, job.job_id
        drive.looked, drive.crowded = None, True
        if drive.chunk.status != "waiting":
            drive.record(status="waiting")
        whose = drive.journal.owners([job_id]).get(job_id)
        who = "of somebody else" if whose is None else f"of chunk {whose[1]:,} of push {whose[0]}"
        named = " ".join(
            filter(None, ("a job", who, f"({', '.join(filter(None, (job.filename, job.type)))})"))
        )
        watch, pace = Watch(job.total_rows or 0), Pace()
        begin = drive.clock.monotonic()
        while not job.ended and (left := self.turn - drive.clock.monotonic()) > 0:
            elapsed = drive.clock.monotonic() - begin
            watch.note(elapsed, job.completed_rows)
            blocker = seen(job, whose, watch, drive.clock.now(), elapsed)
            drive.say(f"waiting for {named}: {progress(blocker, job)}", blocker=blocker, phase="waiting")
            drive.rest(min(pace.next_poll(watch, elapsed), left))
            answer = asking.job(drive, job_id, f"waiting for {named}; asking", PATIENCE_FOR_A_LIST)
            if answer is None:
                drive.harmless.add(job_id)  # the submit itself will tell
                return
            job = answer
        drive.blind = 0
        if job.ended:
            drive.harmless.add(job_id)  # a list that is behind shows it as running for a while


def seen(job: Job, owner: tuple[str, int] | None, watch: Watch, now: dt.datetime, elapsed: float) -> Blocker:
    """Return a job in the way as displays show it; when it ends is told where it was seen to move."""
    end = watch.end_by_progress() if job.total_rows else None
    until = now + dt.timedelta(seconds=end - elapsed) if end and 0 < end - elapsed < LONGEST_TOLD else None
    since = job.start_time or job.submitted_at
    return Blocker(
        job.job_id, owner, job.filename, job.type, job.completed_rows, job.total_rows, since, until
    )


def progress(blocker: Blocker, job: Job) -> str:
    """Return how far a job is, and when it will end if it goes on so."""
    if blocker.completed_rows is None:
        return job.status
    of = f"of {blocker.total_rows:,}" if blocker.total_rows else "rows"
    until = f", likely until {blocker.until:%H:%M:%S} UTC" if blocker.until else ""
    return f"{blocker.completed_rows:,} {of}{until}"
