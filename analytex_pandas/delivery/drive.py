"""One push on its way: where it stands, on disk and in memory, what its user wants, and calls that are tried again."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import threading
from collections import Counter
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.pacing import Clock, Pace
from analytex_pandas.delivery.spool import spool_of
from analytex_pandas.delivery.state import ENDED, at_the_service, counted, rows_left, with_chunk
from analytex_pandas.errors import AnalytexError, harmless_line, logger_of
from analytex_pandas.service.calls import hurry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from filelock import FileLock

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.pacing import Watch
    from analytex_pandas.delivery.state import Blocker, ChunkState, PushState
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client
    from analytex_pandas.service.listing import Listing
    from analytex_pandas.service.wire import Job

logger = logger_of("analytex_pandas")

T = TypeVar("T")

LONGEST_ESTIMATE: Final = 10 * 365 * 86400.0
INTERRUPTIBLE_WAIT: Final = 0.5
"""Seconds; on some systems an unbounded wait in the main thread cannot be interrupted by Ctrl-C."""


def later(seconds: float) -> dt.timedelta:
    return dt.timedelta(seconds=min(seconds, LONGEST_ESTIMATE))


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

        self.process = os.getpid()
        self.wake = threading.Event()
        """Set when the worker has something new to do."""
        self.ended = threading.Event()
        self.error: AnalytexError | None = None
        """What stopped it."""
        self.cancelled = self.paused = False
        self.state = state
        self.number = 1
        """Of the chunk that is worked on."""
        self._phase = state.status
        self._announced = state.revision
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[PushState], object]] = []
        self._at_the_end: list[Callable[[], object]] = []

        self.chance = random.Random()  # noqa: S311  # spreads tries in time
        self.pace = Pace()
        self.looked: list[Job] | None = None
        """The newest of the account's jobs, until the next submit makes them old."""
        self.ahead: Listing | None = None
        """The reading of the list for the next submit, as far as it has come."""
        self._digests: dict[int, tuple[bytes, str]] = {}
        self.thread: int | None = None
        """That of its worker."""
        self.trouble: float | None = None
        """Since when the service gives no good answer at all."""
        self.tries = 0
        """Answers since then that were not good."""
        self.reason: str | None = None
        """What stopped it, before it was said where and what to do."""
        self.harmless: set[str] = set()
        """Jobs that ran while a chunk was accepted."""
        self.crowded = False
        """Whether others send to the account, too."""
        self.blind = 0
        """Waits in a row for a job that nobody can be asked about."""
        self.listed: set[str] = set()
        """How the list was seen to show jobs that are known to be chunks of this push, see ``lookup.shown``."""
        self.asked: set[str] = set()
        """How the answer about a single job was."""
        self.heard: list[Job] = []
        """Answers about the present chunk's job that spoke of errors; the last may not repeat them."""

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

    def record(
        self,
        also: Callable[[sqlite3.Connection], object] | None = None,
        /,
        number: int | None = None,
        **values: Any,
    ) -> None:
        """Write down what became of a chunk, the present one or another; `also` writes in the same transaction."""
        self.journal.update(self.id, number or self.number, also, **values)
        self.show_chunk(number, **values)

    def show_chunk(self, number: int | None = None, **values: Any) -> None:
        """Change a chunk, and the counts with it, in memory only: what a new process asks for again."""
        with self._lock:
            chunk = self.state.chunk(number or self.number)
            changed = with_chunk(self.state, replace(chunk, **values))
            self.show(chunks=changed.chunks, counts=changed.counts)

    def show(self, *, phase: str | None = None, **values: Any) -> None:
        """Change the state; `phase` is its status but for a pause."""
        with self._lock:
            self._phase = phase or self._phase
            running = self._phase not in ENDED
            state = replace(self.state, **values, revision=self.state.revision + 1)
            status = "paused" if self.paused and running else self._phase
            pausing = self.paused and running and state.counts["in_flight"] > 0
            mode = (status, pausing, self.cancelled and running)
            is_same = mode == (self.state.status, self.state.pausing, self.state.cancelling)
            since = (state.since if is_same else None) or self.clock.now()
            self.state = replace(state, status=status, pausing=pausing, cancelling=mode[2], since=since)

    def say(
        self, activity: str, *, watch: Watch | None = None, blocker: Blocker | None = None, **values: Any
    ) -> None:
        """Show what the push is doing now, and tell the subscribers."""
        now, elapsed = self.clock.now(), watch.last_running if watch else 0.0
        rate = self.pace.rate(watch, elapsed)
        expected = self.pace.expected_end(watch) if watch else None
        due = now + later(expected - elapsed) if expected is not None and expected > elapsed else None
        begin = {"running": now, "waiting": blocker and blocker.until}.get(values.get("phase", self._phase))
        going = not (self.paused or self.cancelled or values.get("trouble"))
        end = begin + later(rows_left(self.state) / rate) if rate and begin and going else None
        activity = harmless_line(activity)
        if activity != self.state.activity:
            logger.debug("push %s: %s", self.id, activity)
        values |= {"current": self.number, "rate": rate, "estimated_end": end, "due": due, "blocker": blocker}
        self.show(activity=activity, **values)
        self.announce()

    def answered(self) -> None:
        """Take down that the service gave a good answer."""
        self.trouble, self.tries = None, 0
        if self.state.trouble is not None:
            self.show(trouble=None)

    def reread(self) -> PushState:
        """Return the state; of an ended push with what a retry, perhaps of another process, has mended since."""
        if self.ended.is_set():
            with contextlib.suppress(AnalytexError):  # its history may have been cleaned
                now = {chunk.number: chunk for chunk in self.journal.push(self.id).chunks}
                chunks = tuple(
                    replace(chunk, refused=now[chunk.number].refused, unknown=now[chunk.number].unknown)
                    if chunk.settled
                    else chunk
                    for chunk in self.state.chunks
                )
                if chunks != self.state.chunks:
                    self.show(chunks=chunks, counts=counted(self.document.counts, chunks))
        return self.state

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

    def when_ended(self, callback: Callable[[], object]) -> None:
        """Call `callback` once it has ended, on the worker's thread; now if it has."""
        with self._lock:
            if not self.ended.is_set():
                self._at_the_end.append(callback)
                return
        self._call(callback)

    def finish(self) -> None:
        """Let go whoever waits for the end, then call those who want to be called; called by the worker alone."""
        with self._lock:
            self.ended.set()
            callbacks, self._at_the_end = self._at_the_end, []
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:  # one that fails is no reason not to call the others
            logger.exception("push %s: a callback at its end failed", self.id)

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
        if cancelled and self.thread is not None:
            hurry(self.thread)  # an answer that does not come is not waited for
        if not cancelled:  # which has to work on a full disk too
            self.journal.pause(self.id, "paused" if paused else "running")

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end, `timeout` seconds at most; return whether it came."""
        self.check_process()
        if timeout is not None:
            return self.ended.wait(timeout)
        while not self.ended.wait(INTERRUPTIBLE_WAIT):
            pass
        return True

    def check_process(self) -> None:
        """Raise AnalytexError in a forked child, whose copy of the push is driven by nobody."""
        if os.getpid() != self.process and not self.ended.is_set():
            raise AnalytexError(
                f"Push {self.id} is driven by process {self.process}, which this one was forked from. Wait for it "
                f"there; when that process has ended, apd.resume({self.id!r}) goes on with it here."
            )

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise CancelledError

    def rest(self, seconds: float, *, in_trouble: bool = False) -> None:
        """Wait, doing as the user asks meanwhile.

        A cancelled push ends here if nothing of it can be at the service, or nobody knows when that will be told.
        """
        deadline = self.clock.monotonic() + seconds
        while True:
            if in_trouble or not self.state.counts["in_flight"]:
                self.check_cancelled()
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return
            if self.clock.wait(self.wake, left):
                self.wake.clear()
                self.announce()

    def hold(self) -> bool:
        """Return when the push may send, and whether it was paused; raise CancelledError when it may not any more."""
        self.check_cancelled()
        was_paused = self.paused
        while self.paused:
            self.say("paused; nothing of it runs at the service")
            self.clock.wait(self.wake, 60.0)
            self.wake.clear()
            self.announce()
            self.check_cancelled()
        if was_paused:
            self.trouble = None
        return was_paused

    # What the service was seen to do

    @property
    def passable(self) -> set[str]:
        """Jobs that do not stand in the way of a submit: our own, of which one at a time runs, and those found so."""
        return self.harmless | {chunk.job_id for chunk in self.state.chunks if chunk.job_id is not None}

    @property
    def accepted(self) -> bool:
        """Whether the service took a chunk of the push before, perhaps under an earlier driver."""
        return any(chunk.job_id is not None for chunk in self.state.chunks)

    def hear(self, job: Job) -> None:
        """Take down what an answer says of errors of the present chunk, in the place of one that said no more."""
        if not job.has_report:
            return
        last = self.heard[-1] if self.heard else job
        before, now = (Counter(error._replace(raw="") for error in one.errors) for one in (last, job))
        is_same = before or last.raw.get("errors") == job.raw.get("errors")
        says_it_too = bool(self.heard and before <= now and is_same)
        says_more = not (says_it_too and before == now)
        if says_it_too:
            self.heard.pop()
        self.heard.append(job)
        # Its end may not repeat it, and another process see the end.
        if says_more and not job.ended:
            self.journal.update(self.id, self.number, heard=tuple(dict(one.raw) for one in self.heard))

    # What to say of an error

    def locate(self, error: AnalytexError) -> None:
        """Make an error also say which chunk it stopped and how to go on."""
        self.reason = str(error)
        job_id = self.chunk.job_id
        if job_id is not None:
            what = f"is at the service as job {job_id} and runs on there, but it cannot be asked about"
        elif self.chunk.in_doubt:
            what = "may be at the service or not, which is looked up before it is sent again"
        else:
            what = "was not sent"
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            what += f" with its {self.chunk.bytes:,} bytes; something on the way takes less than the service"
        words = (
            f"{self.label.capitalize()} of push {self.id} {what}: {error} "
            f"apd.resume({self.id!r}) goes on with it once that is mended."
        )
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            words += (
                f" apd.resume({self.id!r}, chunk_bytes={self.chunk.bytes // 2:_}) cuts what is not sent yet into "
                "smaller chunks, and goes on with them."
            )
        error.args = (words,)

    @contextlib.contextmanager
    def reading(self, consequence: str) -> Iterator[None]:
        """Say of the chunk whose files are damaged what that means."""
        try:
            yield
        except AnalytexError as error:
            error.args = (f"{error} {consequence}",)
            raise
