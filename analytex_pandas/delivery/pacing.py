"""When to ask next and when to try again: from the jobs' own measured speed; clock and chance are arguments.

A job is asked for a few times on its way, for the eyes of who watches, and closely only around its expected
end. What is expected comes from the jobs before it (between which two questions did they end?) and from its
own progress.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from analytex_pandas.errors import RateLimitError, ServerError, TransportError

LONGEST_POLL: Final = 30.0
"""Seconds between two questions at most: a watcher wants to see a long job move."""
SHORTEST_POLL: Final = 0.06
FIRST_POLL: Final = 0.15
STEADY_POLL: Final = 0.4
GROWTH: Final = 0.17
"""Seconds to the next question, in times of what the job has run, where nothing better is known."""
HASTE: Final = 0.1
"""The same at least, where a job's own progress says that it is about to end: it may say so for long."""
STRIDES: Final = 3
"""In how many strides a job is followed to where it is expected to end, for the eyes of who watches."""
STEPS: Final = 5
"""In how many steps the time is searched in which it is expected to end."""
ABSENCE: Final = float(os.environ.get("ANALYTEX_TEST_ABSENCE", "120"))
"""Seconds after a send before it is believed that the chunk is not at the service: behind a slow one it comes late.

Tests shorten it, also in processes that they start; whoever else does risks that rows are applied twice.
"""
LOOKS: Final = (0.3, 0.9, 1.8, 3.0, 6.0, 10.0)
"""Seconds before each look for a chunk without an answer; the last for all that follow."""
TRY_AGAIN: Final = 60.0
"""Seconds for which a job in the way is waited for before a submit is tried all the same."""
PATIENCE_AT_FIRST: Final = 120.0
"""Seconds to try for while no chunk of the push was accepted yet: more likely a mistake than an outage."""
PATIENCE: Final = 6 * 3600.0
"""Seconds to try for afterwards: an outage in the night is no reason to stop."""
PATIENCE_WITH_A_JOB: Final = 24 * 3600.0
"""Seconds to ask for while a job may run: giving up would leave its rows without an answer."""
PATIENCE_WITH_REFUSALS: Final = 180.0
"""Seconds for which a service that took this push may answer as if it knew neither key, path nor job: an ingress does
so while what is behind it is replaced."""
PATIENCE_FOR_A_LIST: Final = 20.0
"""Seconds to try for the look before a submit, which can go without it."""
LONG_QUEUED: Final = 600.0
"""Seconds after which a job that has not begun is worth a word."""
LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds that a Retry-After is kept at most."""
LONGEST_BACKOFF: Final = 60.0
LONGEST_WHEN_TOLD: Final = 2.0
"""Seconds to wait at most beyond what the service said."""
FIRST_BACKOFF: Final = 0.5
REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 410})
"""Statuses that a service which took this push before gives for good, or while it is being replaced."""
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


class Window(NamedTuple):
    """Seconds after its start between which a job is expected to end."""

    early: float
    late: float


@dataclass(slots=True)
class Watch:
    """What was seen of one running job; times are seconds since it was accepted."""

    rows: int
    last_running: float = 0.0
    seen: list[tuple[float, int]] = field(default_factory=list)
    """(seconds, completed rows), the first and the last of them that moved."""
    aims: int = 0
    """How often it was asked for where its own progress had it end."""

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
        self._expected: tuple[int, Window] | None = None
        """Rows of the last job, and what the jobs of so many rows say together."""
        self._seen = Window(0.0, 0.0)
        """What the last job alone says."""
        self._tail = 0.0
        """Seconds that the last job still ran after its rows were done, by its own progress."""

    def record(self, watch: Watch, ended: float, cycle: float) -> None:
        """Take in a job that was first seen to have ended `ended` seconds after its start.

        `cycle` are the seconds from its submit to now: what a chunk costs, everything included.
        """
        self._rows += watch.rows
        self._seconds += max(cycle, 1e-6)
        window = seen = Window(watch.last_running, max(ended, watch.last_running))
        if self._expected is not None and self._expected[0] == watch.rows:
            before = self._expected[1]
            window = Window(max(before.early, seen.early), min(before.late, seen.late))
            if window.early > window.late:  # the pace has changed: the last two jobs count
                window = Window(min(self._seen.early, seen.early), max(self._seen.late, seen.late))
        self._expected, self._seen = (watch.rows, window), seen
        by_progress = watch.end_by_progress()
        if by_progress is not None:
            self._tail = min(max(by_progress, window.early), window.late) - by_progress

    def rate(self, watch: Watch | None = None, elapsed: float = 0.0) -> float | None:
        """Return rows a second over all jobs so far; of the first job, by its progress."""
        if self._rows:
            return self._rows / self._seconds
        return watch.seen[-1][1] / elapsed if watch is not None and watch.seen and elapsed > 0 else None

    def expected_end(self, watch: Watch) -> float | None:
        """Return when a running job will likely end, in seconds after it was accepted; None if nothing tells."""
        by_progress = watch.end_by_progress()
        if by_progress is not None or self._expected is None:
            return None if by_progress is None else by_progress + max(self._tail, 0.0)
        rows, window = self._expected
        return window.late * (watch.rows / rows if rows else 1.0)

    def next_poll(self, watch: Watch, elapsed: float) -> float:
        """Return seconds until the next question about a job that was accepted `elapsed` seconds ago.

        The jobs before it say when it ends. Its own progress may say that it ends sooner, and is never a
        reason to ask later: rows that are counted late, or at first only, would put the question off for long.
        """
        usual, soonest = max(STEADY_POLL, GROWTH * elapsed), max(SHORTEST_POLL, HASTE * elapsed)
        end = watch.end_by_progress()
        if self._expected is None:
            if not elapsed:
                return FIRST_POLL
            delay, trusted = usual, elapsed + usual + soonest
        else:
            rows, (early, late) = self._expected
            # A job of other rows takes anything from the same time to one in step with them.
            share = watch.rows / rows if rows else 1.0
            early, late = early * min(share, 1.0), late * max(share, 1.0)
            closest = precision(late)
            if elapsed > late:
                return min(max(closest, elapsed - late), usual, LONGEST_POLL)
            if elapsed >= early - closest / 4:
                return min(max(closest, (late - early) / STEPS), usual, LONGEST_POLL)
            stride = min(max(late / STRIDES, STEADY_POLL), LONGEST_POLL)
            delay = early - elapsed if early - elapsed <= stride * 1.3 else stride
            end, trusted = None if end is None else end + self._tail, min(elapsed + delay, 0.9 * early)
        if end is not None and elapsed < end < trusted:
            # Just after the end by its own progress, and less closely after each time in vain.
            delay = max(end - elapsed + precision(end) / 2, soonest * 2.0**watch.aims)
            watch.aims += 1
        return min(delay, LONGEST_POLL)


def precision(duration: float) -> float:
    """Return to how many seconds the end of a job of this duration is worth knowing."""
    return max(SHORTEST_POLL, 0.015 * duration)


def heals(error: Exception) -> bool:
    """Tell whether the next try may well succeed where this one failed."""
    if isinstance(error, TransportError):
        return error.heals
    if isinstance(error, RateLimitError | ServerError):
        return True
    return getattr(error, "status_code", None) in HEALING_STATUSES


def may_have_arrived(error: Exception) -> bool:
    """Tell whether an upload that failed so may be at the service all the same."""
    if isinstance(error, TransportError):
        return error.sent
    status = getattr(error, "status_code", None)
    return isinstance(error, ServerError) or status in HEALING_STATUSES or status in SEE_OTHER


def is_refusal(error: Exception) -> bool:
    """Tell whether an answer denies what worked before in the same push."""
    return getattr(error, "status_code", None) in REFUSALS


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
    # Who says "at once" again and again, as some proxies do, is not to be hammered all the same.
    bound = LONGEST_BACKOFF if told is None else LONGEST_WHEN_TOLD
    delay = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 16), bound) * chance.uniform(0.5, 1.0)
    return delay if told is None else max(told + chance.uniform(0.0, 0.1), delay)
