"""Carries the changes of a push to its displays: at most four times a second, on a thread of its own.

The push only sets an event, so nothing that a display does (or fails to do) can reach it.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from analytex_pandas.show.history import RateHistory
from analytex_pandas.show.snapshot import Snapshot, rows_done, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.show.shown import ShownPush

logger = logging.getLogger("analytex_pandas.show")

SHORTEST_INTERVAL: Final = 0.25
"""Seconds between two updates of a display."""
LONGEST_INTERVAL: Final = 1.0
"""Seconds after which the clock (time left, elapsed) is drawn anew though nothing changed."""


class View(Protocol):
    """One display of a push."""

    def draw(self, state: PushState, snapshot: Snapshot) -> None:
        """Show this picture."""

    def end(self) -> None:
        """Nothing more will be drawn."""


class Feed:
    """Draws a push on its views until the push is done.

    Parameters
    ----------
    push : Push
        The push; its ``state``, ``done`` and ``subscribe`` are used, from a thread of the feed's own.
    view : View
        What is drawn on.
    interval : float
        Seconds between two updates at least.
    """

    def __init__(self, push: ShownPush, view: View, interval: float = SHORTEST_INTERVAL) -> None:
        self._push = push
        self._view = view
        self._interval = interval
        self._rates = RateHistory()
        self._changed = threading.Event()
        self._closed = threading.Event()
        self._finished = threading.Event()
        self._told = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Draw once, then whenever the push changes, from a thread."""
        if self.draw():
            self._end()
            return
        name = f"analytex-show-{self._push.id}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def finish(self, timeout: float = 5.0) -> bool:
        """Come to an end: with the last picture of a push that is done, at once with one that goes on.

        Parameters
        ----------
        timeout : float
            Seconds to wait for that at most.

        Returns
        -------
        bool
            Whether the display has come to its end.
        """
        if not self._push.done:
            self._closed.set()
        self._changed.set()
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

    def _run(self) -> None:
        unsubscribe: Callable[[], None] = self._push.subscribe(self._wake)
        try:
            while not self._closed.is_set() and not self.draw():
                self._closed.wait(self._interval)
                self._changed.wait(max(0.0, LONGEST_INTERVAL - self._interval))
                self._changed.clear()
        finally:
            unsubscribe()
            self._end()

    def _end(self) -> None:
        self._view.end()
        self._finished.set()

    def _wake(self, *_: object) -> None:
        self._changed.set()
