"""When to ask next and when to try again: from the jobs' own measured speed; clock and chance are arguments.

A job is asked for a few times on its way, for the eyes of who watches, and closely only around its expected
end. What is expected comes from the jobs before it (between which two questions did they end?) and from its
own progress.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import RateLimitError, ServerError, TransportError

if TYPE_CHECKING:
    import random
    import threading

LONGEST_POLL: Final = 30.0
"""Seconds between two questions at most: a watcher wants to see a long job move."""
SHORTEST_POLL: Final = 0.06
FIRST_POLL: Final = 0.15
STEADY_POLL: Final = 0.4
REACH: Final = 1.5
"""How far ahead a tentative expectation is trusted, in times of what the job has run already."""
LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds that a Retry-After is kept at most."""
LONGEST_BACKOFF: Final = 60.0
FIRST_BACKOFF: Final = 0.5
HEALING_STATUSES: Final = frozenset({408, 425})
"""Client errors that the next try may not meet; 429 and 5xx have classes of their own."""
SEE_OTHER: Final = frozenset({301, 302, 303})
"""Redirects that may answer a request which was taken; 307 and 308 ask for it to be made elsewhere."""


class Clock:
    """The time, and waiting; tests hand in one of their own."""

    def now(self) -> dt.datetime:
        """Return the time of day, aware, UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event, `seconds` at most; return whether it came."""
        return event.wait(seconds)


@dataclass(frozen=True, slots=True)
class Expectation:
    """Seconds after its start between which a job is expected to end, and how closely to watch it then.

    It is `tentative` as long as it rests on the job's own progress alone: the first rows say little of the others.
    """

    early: float
    late: float
    closest: float
    tentative: bool = False


@dataclass(slots=True)
class Watch:
    """What was seen of one running job; times are seconds since it was accepted."""

    rows: int
    last_running: float = 0.0
    seen: list[tuple[float, int]] = field(default_factory=list)
    """(seconds, completed rows), the first and the last of them that moved."""

    def note(self, elapsed: float, completed: int | None) -> None:
        """Take down that the job was still running, and how far it was."""
        self.last_running = elapsed
        if completed and (not self.seen or completed > self.seen[-1][1]):
            self.seen = [*self.seen[:1], (elapsed, completed)]

    def end_by_progress(self) -> float | None:
        """Return when its rows will be done if it goes on as it did, or None when that cannot be told."""
        if not self.seen:
            return None
        (last, completed) = self.seen[-1]
        (first, before) = self.seen[0] if len(self.seen) > 1 else (0.0, 0)
        rate = (completed - before) / (last - first) if last > first else 0.0
        return last + max(self.rows - completed, 0) / rate if rate > 0 else None


class Pace:
    """The measured speed of a push's jobs."""

    def __init__(self) -> None:
        self._rows = 0
        self._seconds = 0.0
        self._last: tuple[int, Expectation] | None = None
        self._tail = 0.0
        """Seconds that the last job still ran after its rows were done, by its own progress."""

    def record(self, watch: Watch, ended: float, cycle: float) -> None:
        """Take in a job that was seen to have ended.

        Parameters
        ----------
        watch : Watch
            What was seen of it before.
        ended : float
            Seconds after its start when it was first seen to have ended.
        cycle : float
            Seconds from its submit to now: what a chunk costs, everything included.
        """
        self._rows += watch.rows
        self._seconds += max(cycle, 1e-6)
        ended = max(ended, watch.last_running)
        seen = Expectation(watch.last_running, ended, precision(ended))
        seen = self._narrowed(watch.rows, seen)
        self._last = (watch.rows, seen)
        by_progress = watch.end_by_progress()
        if by_progress is not None:
            self._tail = min(max(by_progress, seen.early), seen.late) - by_progress

    def _narrowed(self, rows: int, seen: Expectation) -> Expectation:
        if self._last is None or self._last[0] != rows:
            return seen
        before = self._last[1]
        early, late = max(before.early, seen.early), min(before.late, seen.late)
        return Expectation(early, late, precision(late)) if early <= late else seen

    def rate(self, watch: Watch | None = None, elapsed: float = 0.0) -> float | None:
        """Return rows a second over all jobs so far; of the first job, by its progress."""
        if self._rows:
            return self._rows / self._seconds
        if watch is not None and watch.seen and elapsed > 0:
            return watch.seen[-1][1] / elapsed
        return None

    def expected(self, watch: Watch) -> Expectation | None:
        """Return when a job is expected to end: as the last did, unless its own progress says otherwise."""
        by_progress = watch.end_by_progress()
        by_history = self._scaled(watch.rows)
        if by_progress is None:
            return by_history
        by_progress += self._tail
        if by_history is not None and by_history.early * 0.9 <= by_progress <= by_history.late * 1.1:
            return by_history
        # Nothing says yet what a job still does after its last row, so the first one is not pressed.
        slack = precision(by_progress) if by_history is not None else 0.07 * by_progress
        return Expectation(by_progress - slack, by_progress + slack, slack, tentative=True)

    def _scaled(self, rows: int) -> Expectation | None:
        if self._last is None:
            return None
        before, seen = self._last
        share = rows / before if before else 1.0
        early, late = seen.early * min(share, 1.0), seen.late * max(share, 1.0)
        return Expectation(early, late, precision(late))


def precision(duration: float) -> float:
    """Return to how many seconds the end of a job of this duration is worth knowing."""
    return max(SHORTEST_POLL, 0.015 * duration)


def next_poll(elapsed: float, expected: Expectation | None) -> float:
    """Return seconds until the next question about a job that was accepted `elapsed` seconds ago."""
    if expected is None:
        return min(max(STEADY_POLL, elapsed / 5), LONGEST_POLL) if elapsed else FIRST_POLL
    closest = max(expected.closest, SHORTEST_POLL)
    if elapsed < expected.early - closest / 4:
        until = expected.early - elapsed
        stride = min(max(expected.late / 4, STEADY_POLL), LONGEST_POLL)
        if expected.tentative:
            stride = min(stride, max(STEADY_POLL, REACH * elapsed))
        return until if until <= stride * 1.3 else stride
    if elapsed <= expected.late:
        return max(closest, (expected.late - expected.early) / 3)
    return min(max(closest, (elapsed - expected.late) / 2), LONGEST_POLL)


def heals(error: Exception) -> bool:
    """Tell whether the next try may well succeed where this one failed."""
    if isinstance(error, TransportError | RateLimitError | ServerError):
        return True
    return getattr(error, "status_code", None) in HEALING_STATUSES


def may_have_arrived(error: Exception) -> bool:
    """Tell whether an upload that failed so may be at the service all the same."""
    if isinstance(error, TransportError):
        return error.sent
    status = getattr(error, "status_code", None)
    return isinstance(error, ServerError) or status in HEALING_STATUSES or status in SEE_OTHER


def is_redirect(error: Exception) -> bool:
    """Tell whether an answer pointed elsewhere and was not followed."""
    return 300 <= (getattr(error, "status_code", None) or 0) < 400  # noqa: PLR2004  # the class of HTTP statuses


def told_to_wait(error: Exception | None) -> float | None:
    """Return the seconds for which the service asked not to be asked again, None if it did not."""
    told = getattr(error, "retry_after", None)
    return None if told is None else min(max(float(told), 0.0), LONGEST_RETRY_AFTER)


def backoff(failures: int, error: Exception | None, chance: random.Random) -> float:
    """Return seconds to wait after `failures` in a row: what the service said, else growing.

    Between half of the time and the whole, by chance, so that many clients do not come back at once.
    """
    told = told_to_wait(error)
    if told is not None:
        return told + chance.uniform(0.0, 0.1)
    longest = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 16), LONGEST_BACKOFF)
    return longest * chance.uniform(0.5, 1.0)
