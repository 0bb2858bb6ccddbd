"""Looks at the service again and again for a display, at a considerate pace, until there is nothing more to see."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from analytex_pandas.errors import AnalytexError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("analytex_pandas.show")

Seen = TypeVar("Seen")
Shown_contra = TypeVar("Shown_contra", contravariant=True)
BUSY_INTERVAL: Final = 3.0
"""Seconds between two looks while a job runs."""
IDLE_INTERVAL: Final = 5.0
"""Seconds between two looks while none does."""
LONGEST_INTERVAL: Final = 120.0
"""Seconds between two looks at a service that does not answer."""
PATIENCE: Final = 1_800.0
"""Seconds without a running job after which nobody is supposed to look any more."""


class Watcher(Protocol[Shown_contra]):
    """What is told of what was seen."""

    def seen(self, found: Shown_contra) -> bool:
        """Show it; tell whether a job runs."""

    def unseen(self, error: AnalytexError) -> None:
        """Show that the service did not answer."""

    def stopped(self) -> None:
        """Show that nobody looks any more."""


class Watch(Generic[Seen]):
    """A thread that looks and tells.

    Parameters
    ----------
    look : callable
        Asks the service.
    watcher : Watcher
        Is told, from the watch's thread.
    over : callable
        Whether what was seen is the end.
    """

    def __init__(
        self, look: Callable[[], Seen], watcher: Watcher[Seen], over: Callable[[Seen], bool] = lambda _: False
    ) -> None:
        self._look = look
        self._watcher = watcher
        self._over = over
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._interval = BUSY_INTERVAL
        self._last_busy = 0.0
        self._starting = threading.Lock()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Look now and from time to time; nothing happens if it does already."""
        with self._starting:
            self._wake.set()
            if self.running and not self._stop.is_set():
                return
            self._stop = threading.Event()
            self._last_busy = time.monotonic()
            arguments = (self._stop,)
            self._thread = threading.Thread(
                target=self._run, args=arguments, name="analytex-watch", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            if self.look_once():
                break
            self._wake.wait(self._interval)
        self._tell(self._watcher.stopped)

    def look_once(self) -> bool:
        """Look, tell, set the pace; tell whether that was the last look."""
        try:
            found = self._look()
        except AnalytexError as error:
            failure = error
            self._interval = min(2 * max(self._interval, BUSY_INTERVAL), LONGEST_INTERVAL)
            self._tell(lambda: self._watcher.unseen(failure))
            return False
        busy = self._tell(lambda: self._watcher.seen(found))
        now = time.monotonic()
        if busy:
            self._last_busy = now
        self._interval = BUSY_INTERVAL if busy else IDLE_INTERVAL
        return self._over(found) or now - self._last_busy > PATIENCE

    def _tell(self, told: Callable[[], bool | None]) -> bool:
        try:
            return bool(told())
        except Exception:  # a display that fails must not end the watch
            logger.warning("The display of the account's jobs failed.", exc_info=True)
            return False
