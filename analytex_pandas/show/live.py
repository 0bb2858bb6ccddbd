"""What is drawn again and again: one loop on a thread of its own, for pushes that tell and for jobs that are asked.

A push only sets an event, so nothing that a display does (or fails to do) can reach it.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from analytex_pandas.errors import AnalytexError
from analytex_pandas.show.snapshot import RateHistory, Snapshot, rows_done, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.show.shown import ShownPush

logger = logging.getLogger("analytex_pandas.show")

SHORTEST_INTERVAL: Final = 0.25
"""Seconds between two updates of a display."""
LONGEST_INTERVAL: Final = 1.0
"""Seconds after which the clock (time left, elapsed) is drawn anew though nothing changed."""
BUSY_INTERVAL: Final = 3.0
"""Seconds between two looks at the service while a job runs."""
IDLE_INTERVAL: Final = 5.0
"""Seconds between two looks while none does."""
LONGEST_SILENCE: Final = 120.0
"""Seconds between two looks at a service that does not answer."""
PATIENCE: Final = 1_800.0
"""Seconds without a running job after which nobody is supposed to look any more."""

Seen = TypeVar("Seen")
Shown_contra = TypeVar("Shown_contra", contravariant=True)


class Loop:
    """Takes a step, rests, and takes the next, on a thread of its own; `end` is called when no step follows.

    `step` returns the seconds to rest at least, and at most where nothing wakes it; None after the last.
    """

    def __init__(
        self, step: Callable[[], tuple[float, float] | None], end: Callable[[], object], name: str
    ) -> None:
        self._step = step
        self._end = end
        self._name = name
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Take a step now; nothing more happens if it runs already."""
        with self._starting:
            self._wake.set()
            if self.running and not self._stop.is_set():
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name=self._name, daemon=True
            )
            self._thread.start()

    def wake(self, *_: object) -> None:
        """Take the next step as soon as the rest allows."""
        self._wake.set()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self._wake.clear()
                rest = self._step()
                if rest is None:
                    break
                stop.wait(rest[0])
                self._wake.wait(rest[1] - rest[0])
        finally:
            self._end()


class View(Protocol):
    """One display of a push."""

    def draw(self, state: PushState, snapshot: Snapshot) -> None:
        """Show this picture."""

    def end(self) -> None:
        """Nothing more will be drawn."""


class Feed:
    """Draws a push on a view, every `interval` seconds at most, until the push is done."""

    def __init__(self, push: ShownPush, view: View, interval: float = SHORTEST_INTERVAL) -> None:
        self._push = push
        self._view = view
        self._rests = (interval, max(interval, LONGEST_INTERVAL))
        self._rates = RateHistory()
        self._loop = Loop(self._step, self._end, f"analytex-show-{push.id}")
        self._unsubscribe: Callable[[], None] | None = None
        self._finished = threading.Event()
        self._told = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Draw once, then whenever the push changes, from a thread."""
        if self.draw():
            self._end()
            return
        self._unsubscribe = self._push.subscribe(self._loop.wake)
        self._loop.start()

    def finish(self, timeout: float = 5.0) -> bool:
        """Come to an end: with the last picture of a push that is done, at once with one that goes on.

        Returns whether the display has come to its end within `timeout` seconds.
        """
        if not self._push.done:
            self._loop.stop()
        self._loop.wake()
        return self._finished.wait(timeout)

    def draw(self) -> bool:
        """Draw the present state, and tell whether it is the last one.

        What goes wrong is logged, as a warning the first time, and harms nobody.
        """
        with self._lock:
            try:
                state = self._push.state()
                self._rates.add(time.monotonic(), rows_done(state))
                self._view.draw(state, take(state, datetime.now(UTC).astimezone(), self._rates.rates()))
            except Exception:  # the one boundary between displays and pushes
                level = logging.DEBUG if self._told else logging.WARNING
                self._told = True
                text = "The display of push %s failed; the push goes on."
                logger.log(level, text, self._push.id, exc_info=True)
                return self._push.done
            return state.done

    def _step(self) -> tuple[float, float] | None:
        return None if self.draw() else self._rests

    def _end(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._view.end()
        self._finished.set()


class Watcher(Protocol[Shown_contra]):
    """What is told of what was seen."""

    def seen(self, found: Shown_contra) -> bool:
        """Show it; tell whether a job runs."""

    def unseen(self, error: AnalytexError) -> None:
        """Show that the service did not answer."""

    def stopped(self) -> None:
        """Show that nobody looks any more."""


class Watch(Generic[Seen]):
    """Looks at the service at a considerate pace, and tells the watcher, until what is seen is `over`."""

    def __init__(
        self, look: Callable[[], Seen], watcher: Watcher[Seen], over: Callable[[Seen], bool] = lambda _: False
    ) -> None:
        self._look = look
        self._watcher = watcher
        self._over = over
        self._loop = Loop(self._step, lambda: self._tell(watcher.stopped), "analytex-watch")
        self._interval = BUSY_INTERVAL
        self._last_busy = 0.0

    @property
    def running(self) -> bool:
        return self._loop.running

    def start(self) -> None:
        """Look now and from time to time; nothing happens if it does already."""
        self._last_busy = time.monotonic()
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def look_once(self) -> bool:
        """Look, tell, set the pace; tell whether that was the last look."""
        try:
            found = self._look()
        except AnalytexError as error:
            failure = error
            self._interval = min(2 * max(self._interval, BUSY_INTERVAL), LONGEST_SILENCE)
            self._tell(lambda: self._watcher.unseen(failure))
            return False
        busy = self._tell(lambda: self._watcher.seen(found))
        now = time.monotonic()
        if busy:
            self._last_busy = now
        self._interval = BUSY_INTERVAL if busy else IDLE_INTERVAL
        return self._over(found) or now - self._last_busy > PATIENCE

    def _step(self) -> tuple[float, float] | None:
        return None if self.look_once() else (0.0, self._interval)

    def _tell(self, told: Callable[[], bool | None]) -> bool:
        try:
            return bool(told())
        except Exception:  # a display that fails must not end the watch
            logger.warning("The display of the account's jobs failed.", exc_info=True)
            return False
