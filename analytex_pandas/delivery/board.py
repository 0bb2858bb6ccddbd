"""Where the present state of a push stands: changed by its worker and by its user, read by everybody."""

from __future__ import annotations

import dataclasses
import logging
import threading
from typing import TYPE_CHECKING, Any

from analytex_pandas.delivery.state import ENDED, with_chunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.state import ChunkState, PushState

logger = logging.getLogger("analytex_pandas")

INTERRUPTIBLE_WAIT = 0.5
"""Seconds; on some systems an unbounded wait in the main thread cannot be interrupted by Ctrl-C."""


class Board:
    """The state of a push, its subscribers, and what its user has asked for.

    Every change makes a new frozen state with a higher revision. Subscribers are called by the worker alone,
    so that whoever presses a button never runs foreign code, and never out of order.
    """

    def __init__(self, state: PushState) -> None:
        self.wake = threading.Event()
        """Set when the worker has something new to heed."""
        self.ended = threading.Event()
        self.cancelled = False
        self.paused = False
        self._phase = state.status
        self._state = state
        self._announced = state.revision
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[PushState], object]] = []

    @property
    def state(self) -> PushState:
        """The state at this moment."""
        return self._state

    def change(self, *, phase: str | None = None, **values: Any) -> None:
        """Change the state; `phase` is its status but for a pause."""
        with self._lock:
            self._replace(dataclasses.replace(self._state, **values), phase)

    def change_chunk(self, number: int, *, phase: str | None = None, **values: Any) -> None:
        """Change one chunk, and the counts with it."""
        with self._lock:
            chunk = dataclasses.replace(self._state.chunk(number), **values)
            self._replace(with_chunk(self._state, chunk), phase)

    def put_chunk(self, chunk: ChunkState) -> None:
        """Put a chunk in the place of its earlier self."""
        with self._lock:
            self._replace(with_chunk(self._state, chunk), None)

    def pause(self, paused: bool, activity: str) -> bool:
        """Ask for a pause or its end, saying so; False when that changes nothing."""
        with self._lock:
            if self._phase in ENDED or self.cancelled or self.paused == paused:
                return False
            self.paused = paused
            self._replace(dataclasses.replace(self._state, activity=activity), None)
        self.wake.set()
        return True

    def cancel(self, activity: str) -> bool:
        """Ask for the push to be cancelled, saying so; False when that changes nothing."""
        with self._lock:
            if self._phase in ENDED or self.cancelled:
                return False
            self.cancelled, self.paused = True, False
            self._replace(dataclasses.replace(self._state, activity=activity), None)
        self.wake.set()
        return True

    def _replace(self, state: PushState, phase: str | None) -> None:
        self._phase = phase or self._phase
        running = self._phase not in ENDED
        self._state = dataclasses.replace(
            state,
            status="paused" if self.paused and running else self._phase,
            pausing=self.paused and running and state.counts["in_flight"] > 0,
            cancelling=self.cancelled and running,
            revision=self._state.revision + 1,
        )

    def subscribe(self, callback: Callable[[PushState], object]) -> Callable[[], None]:
        """Call `callback` after each change; return what ends that."""
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def announce(self) -> None:
        """Tell the subscribers if anything has changed; called by the worker alone."""
        with self._lock:
            state, subscribers = self._state, tuple(self._subscribers)
        if state.revision == self._announced:
            return
        self._announced = state.revision
        for subscriber in subscribers:
            try:
                subscriber(state)
            except Exception:  # a display must never stop a push
                logger.exception("push %s: a subscriber failed", state.id)

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end of the push, `timeout` seconds at most; return whether it came."""
        if timeout is not None:
            return self.ended.wait(timeout)
        while not self.ended.wait(INTERRUPTIBLE_WAIT):
            pass
        return True
