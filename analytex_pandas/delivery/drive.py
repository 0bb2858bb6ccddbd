"""One push on its way: where it stands, on disk and in memory, what its user wants, and calls that are tried again."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import random
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.lookup import is_ours, shown
from analytex_pandas.delivery.pacing import Clock, Pace, backoff, heals, is_redirect, told_to_wait
from analytex_pandas.delivery.spool import spool_of
from analytex_pandas.delivery.state import ENDED, at_the_service, rows_left, with_chunk
from analytex_pandas.errors import AnalytexError, AuthenticationError, TransportError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from filelock import FileLock

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.pacing import Watch
    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client
    from analytex_pandas.service.listing import Listing
    from analytex_pandas.service.wire import Job

logger = logging.getLogger("analytex_pandas")

T = TypeVar("T")

PATIENCE_AT_FIRST: Final = 120.0
"""Seconds to try for while no chunk of the push was accepted yet: more likely a mistake than an outage."""
PATIENCE: Final = 6 * 3600.0
"""Seconds to try for afterwards: an outage in the night is no reason to stop."""
PATIENCE_WITH_A_JOB: Final = 24 * 3600.0
"""Seconds to ask for while a job may run: giving up would leave its rows without an answer."""
INTERRUPTIBLE_WAIT: Final = 0.5
"""Seconds; on some systems an unbounded wait in the main thread cannot be interrupted by Ctrl-C."""


class CancelledError(Exception):
    """The user cancelled the push, and nothing of it runs; never leaves the worker."""


class Drive:
    """The only owner of the state of a push; changed by its worker and by its user, read by everybody.

    Every change makes a new frozen state with a higher revision. Subscribers are called by the worker alone, so that
    whoever presses a button never runs foreign code, and never out of order.
    """

    def __init__(
        self,
        document: PlanDocument,
        state: PushState,
        journal: Journal,
        client: Client,
        *,
        clock: Clock | None = None,
        lock: FileLock | None = None,
    ) -> None:
        self.document = document
        self.id = document.id
        self.journal = journal
        self.client = client
        self.clock = clock or Clock()
        self.spool = spool_of(journal.directory, document.id)
        self.lock = lock
        """Held while it is driven."""

        self.wake = threading.Event()
        """Set when the worker has something new to do."""
        self.ended = threading.Event()
        self.error: AnalytexError | None = None
        """What stopped it."""
        self.cancelled = False
        self.paused = False
        self.state = state
        self.number = 1
        """Of the chunk that is worked on."""
        self._phase = state.status
        self._announced = state.revision
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[PushState], object]] = []

        self.chance = random.Random()  # noqa: S311  # spreads tries in time
        self.pace = Pace()
        self.looked: list[Job] | None = None
        """The last list of the account's jobs, until the next submit makes it old."""
        self.ahead: Listing | None = None
        """The reading of the list for the next submit, as far as it has come."""
        self._digests: dict[int, tuple[bytes, str]] = {}
        self.blind = 0
        """Waits in a row for a job that nobody can be asked about."""
        self.listed: set[str] = set()
        """How the list was seen to show jobs that are known to be chunks of this push, see ``lookup.shown``."""
        self.asked: set[str] = set()
        """How the answer about a single job was."""

    # Where it stands

    @property
    def chunk(self) -> ChunkState:
        """The chunk that is worked on."""
        return self.state.chunk(self.number)

    @property
    def label(self) -> str:
        return f"chunk {self.number:,} of {len(self.state.chunks):,}"

    def name(self, number: int) -> str | None:
        """Return the file name by which a chunk can be found, None if it goes without one."""
        return f"{self.id}-{number:05d}.ndjson" if self.document.options.transport == "file" else None

    def digests(self, number: int) -> tuple[bytes, str]:
        """Return the digests of a chunk that is next to be sent; they may be asked for before their time."""
        if number not in self._digests:
            lines = self.spool.lines(number)
            self._digests = {number: memory.digested(lines, self.document.kind, self.journal.salt())}
        return self._digests[number]

    def record(self, also: Callable[[sqlite3.Connection], object] | None = None, /, **values: Any) -> None:
        """Write down what became of the chunk, then show it; `also` writes in the same transaction."""
        self.journal.update(self.id, self.number, also, **values)
        self.show_chunk(**values)

    def show_chunk(self, **values: Any) -> None:
        """Change the chunk, and the counts with it, in memory only: what a new process asks for again."""
        with self._lock:
            changed = with_chunk(self.state, dataclasses.replace(self.chunk, **values))
            self.show(chunks=changed.chunks, counts=changed.counts)

    def show(self, *, phase: str | None = None, **values: Any) -> None:
        """Change the state; `phase` is its status but for a pause."""
        with self._lock:
            self._phase = phase or self._phase
            running = self._phase not in ENDED
            state = dataclasses.replace(self.state, **values, revision=self.state.revision + 1)
            self.state = dataclasses.replace(
                state,
                status="paused" if self.paused and running else self._phase,
                pausing=self.paused and running and state.counts["in_flight"] > 0,
                cancelling=self.cancelled and running,
            )

    def say(self, activity: str, *, watch: Watch | None = None, **values: Any) -> None:
        """Show what the push is doing now, and tell the subscribers."""
        rate = self.pace.rate(watch, watch.last_running if watch else 0.0)
        end = None
        if rate and values.get("phase", self._phase) == "running" and not self.paused:
            end = self.clock.now() + dt.timedelta(seconds=rows_left(self.state) / rate)
        if activity != self.state.activity:
            logger.debug("push %s: %s", self.id, activity)
        self.show(activity=activity, current=self.number, rate=rate, estimated_end=end, **values)
        self.announce()

    def subscribe(self, callback: Callable[[PushState], object]) -> Callable[[], None]:
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

        return unsubscribe

    def announce(self) -> None:
        """Tell the subscribers if anything has changed; called by the worker alone."""
        with self._lock:
            state, subscribers = self.state, tuple(self._subscribers)
        if state.revision == self._announced:
            return
        self._announced = state.revision
        for subscriber in subscribers:
            try:
                subscriber(state)
            except Exception:  # a display must never stop a push
                logger.exception("push %s: a subscriber failed", state.id)

    # What its user wants

    def pause(self) -> None:
        self._request("paused", paused=True)

    def unpause(self) -> None:
        self._request("going on", paused=False)

    def cancel(self) -> None:
        self._request("to be cancelled", paused=False, cancelled=True)

    def _request(self, activity: str, *, paused: bool, cancelled: bool = False) -> None:
        with self._lock:
            same = (self.paused, self.cancelled) == (paused, cancelled)
            if self._phase in ENDED or self.cancelled or same:
                return
            self.paused, self.cancelled = paused, cancelled
            if paused or cancelled:
                activity += f", nothing more is sent.{at_the_service(self.state)}"
            self.show(activity=activity)
        logger.info("push %s: %s", self.id, activity)
        self.wake.set()
        if not cancelled:  # which has to work on a full disk too
            self.journal.pause(self.id, "paused" if paused else "running")

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end, `timeout` seconds at most; return whether it came."""
        if timeout is not None:
            return self.ended.wait(timeout)
        while not self.ended.wait(INTERRUPTIBLE_WAIT):
            pass
        return True

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise CancelledError

    def rest(self, seconds: float) -> None:
        """Wait, doing as the user asks meanwhile; a cancelled push ends here if nothing of it can be at the service."""
        deadline = self.clock.monotonic() + seconds
        while True:
            if not self.state.counts["in_flight"]:
                self.check_cancelled()
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return
            if self.clock.wait(self.wake, left):
                self.wake.clear()
                self.announce()

    def hold(self) -> None:
        """Return when the push may send; raise CancelledError when it may not any more."""
        self.check_cancelled()
        while self.paused:
            self.say("paused; nothing of it runs at the service")
            self.clock.wait(self.wake, 60.0)
            self.wake.clear()
            self.announce()
            self.check_cancelled()

    # Calls that are tried again

    def patience(self) -> float:
        """Return for how many seconds what should heal is waited for."""
        # A chunk that became a job under an earlier driver shows as well that the service takes this push.
        accepted = any(chunk.job_id is not None for chunk in self.state.chunks)
        return PATIENCE if accepted else PATIENCE_AT_FIRST

    def list_jobs(self, what: str, patience: float = PATIENCE_WITH_A_JOB) -> list[Job] | None:
        """Return the account's jobs, asking until they are known, None if they cannot be; `what` says it in words."""
        listing = self.client.listing()

        def read() -> list[Job]:
            while not listing.whole:
                # Page by page: the more pages there are, the less likely all of them are to come at once.
                self.persist(listing.read_page, what, patience)
            return listing.read()

        jobs = self.told(read)
        self.learn(jobs or [])
        return jobs

    def job(self, job_id: str, what: str, patience: float = PATIENCE_WITH_A_JOB) -> Job | None:
        """Return a job, asking until there is an answer, None if there is none; `what` says it in words."""
        return self.told(lambda: self.persist(lambda: self.client.job(job_id), what, patience))

    def told(self, question: Callable[[], T]) -> T | None:
        try:
            return question()
        except AuthenticationError as error:  # without access nothing goes on
            self.locate(error)
            raise
        except AnalytexError:
            return None

    def persist(self, call: Callable[[], T], what: str, patience: float) -> T:
        """Ask, and ask again while what fails may heal, for `patience` seconds after the first failure."""
        setback = Setback(self, what, patience)
        while True:
            try:
                return call()
            except AnalytexError as error:
                # A login page redirects until somebody logs in.
                if not (heals(error) or is_redirect(error)):
                    raise
                setback.rest(error)

    def learn(self, jobs: list[Job]) -> None:
        """Learn from a list how it shows the chunks of this push."""
        ours = {chunk.job_id: chunk.number for chunk in self.state.chunks if chunk.job_id is not None}
        self.listed |= {shown(job, self.name(ours[job.job_id])) for job in jobs if job.job_id in ours}
        if not self.listed and self.document.options.transport == "file" and any(map(is_ours, jobs)):
            self.listed.add("named")

    # What to say of an error

    def locate(self, error: AnalytexError) -> None:
        """Make an error also say which chunk it stopped and how to go on."""
        job_id = self.chunk.job_id
        what = (
            "was not sent"
            if job_id is None
            else f"is at the service as job {job_id} and runs on there, but it cannot be asked about"
        )
        words = (
            f"{self.label.capitalize()} of push {self.id} {what}: {error} Nothing is lost: "
            f"apd.resume({self.id!r}) goes on with it once that is mended."
        )
        error.args = (words,)

    @contextlib.contextmanager
    def reading(self, consequence: str) -> Iterator[None]:
        """Say of the chunk whose files cannot be read what that means."""
        try:
            yield
        except OSError as error:
            raise AnalytexError(
                f"{self.label.capitalize()} cannot be read from the spool: {error}. {consequence} Put the file "
                f"back and call apd.resume({self.id!r})."
            ) from error


class Setback:
    """Failures in a row of one thing that is tried again; `what` says in words what it is."""

    def __init__(self, drive: Drive, what: str, patience: float = PATIENCE_WITH_A_JOB) -> None:
        self.drive = drive
        self.what = what
        self.patience = patience
        self.over()

    def over(self) -> None:
        self.failures = 0
        self._since: float | None = None
        self._told = 0.0  # seconds that the service asked to wait: no reason to lose patience with it

    def rest(self, error: AnalytexError) -> None:
        """Wait until the next try is due; raise `error` when patience has run out."""
        drive, now = self.drive, self.drive.clock.monotonic()
        self._since = now if self._since is None else self._since
        self.failures += 1
        delay = backoff(self.failures, error, drive.chance)
        self._told += told_to_wait(error) or 0.0
        waited = now - self._since + delay
        if waited - self._told > self.patience or waited > max(self.patience, PATIENCE):
            raise error
        reason = in_brief(error)
        when = f"in {delay:,.0f} s" if delay >= 1 else "in a moment"
        drive.say(f"{self.what} again {when}: {reason}")
        logger.info("push %s: %s again in %.1f s: %s", drive.id, self.what, delay, reason)
        drive.rest(delay)


def in_brief(error: AnalytexError) -> str:
    if error.status_code is not None:
        return f"HTTP {error.status_code}"
    return "no answer" if isinstance(error, TransportError) else str(error).partition("\n")[0][:120]
