"""What is drawn again and again: one loop on a thread of its own, for pushes that tell and for jobs that are asked.

A push only sets an event, so nothing that a display does (or fails to do) can reach it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Final, Generic, Protocol, TypeVar

import pandas as pd

from analytex_pandas.delivery.state import PushState
from analytex_pandas.errors import AnalytexError
from analytex_pandas.show.snapshot import Snapshot
from analytex_pandas.show.words import present

logger = logging.getLogger("analytex_pandas.show")

SHORTEST_INTERVAL: Final = 0.25
"""Seconds between two updates of a display."""
LONGEST_INTERVAL: Final = 1.0
"""Seconds after which the clock (time left, elapsed) is drawn anew though nothing changed."""
BUSY_INTERVAL: Final = 3.0
"""Seconds between two looks at the service while a job runs."""
LONGEST_SILENCE: Final = 120.0
"""Seconds between two looks at a service that does not answer."""

Seen = TypeVar("Seen")


class ShownPush(Protocol):
    """A push as a display sees and steers it; the user's own stands above this room."""

    @property
    def id(self) -> str: ...
    @property
    def refusals(self) -> pd.DataFrame: ...
    @property
    def failed(self) -> pd.DataFrame: ...
    def state(self) -> PushState: ...
    def subscribe(self, callback: Callable[[PushState], object]) -> Callable[[], None]: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def cancel(self) -> None: ...
    def retry(self, *, unknown: bool, wait: bool, progress: bool) -> ShownPush: ...
    def resume(self) -> object: ...


def ignored(*_: object) -> None:
    """Do nothing with what is told."""


@dataclass(eq=False)
class Live(Generic[Seen]):
    """Looks and shows what it sees, again and again, until there is nothing more to see.

    `rest` says of what was seen how many seconds pass until the next look, None after the last one. `subscribe`
    registers what wakes the loop earlier, though not before `shortest` seconds are over. `threads` makes the thread. A
    service that does not answer is `unseen`, and looked at again, less and less often. `ended` is called when no look
    follows.

    A drawing that fails is logged, as a warning the first time, and harms nobody: this is the one boundary between
    displays and what they show.
    """

    about: str
    look: Callable[[], Seen]
    show: Callable[[Seen], object]
    rest: Callable[[Seen], float | None]
    _: KW_ONLY
    unseen: Callable[[AnalytexError], object] = ignored
    ended: Callable[[], object] = ignored
    subscribe: Callable[[Callable[..., None]], Callable[[], None]] = lambda _: ignored
    shortest: float = 0.0
    threads: Callable[..., threading.Thread] = threading.Thread

    def __post_init__(self) -> None:
        self._pause = BUSY_INTERVAL
        self._warned = False
        self._drawing = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._finished = threading.Event()

    def begin(self) -> Live[Seen]:
        """Draw at once, and go on from a thread unless that was the last picture."""
        if self.draw():
            self._end()
        else:
            self.start()
        return self

    def start(self) -> None:
        """Look now and from time to time, from a thread; one that does so already only looks now."""
        with self._starting:
            self._wake.set()
            if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
                return
            self._stop = threading.Event()
            self._finished.clear()
            name = f"analytex-show {self.about}"
            self._thread = self.threads(target=self._run, args=(self._stop,), name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._wake.set()

    def finish(self, timeout: float = 5.0) -> bool:
        """Come to an end: with the last picture where there is one, at once where things go on.

        Returns whether the display has come to its end within `timeout` seconds.
        """
        if self.rest(self.look()) is None:
            self._wake.set()
        else:
            self.stop()
        return self._finished.wait(timeout)

    def draw(self) -> bool:
        """Look and draw once; tell whether that was the last picture."""
        with self._drawing:
            try:
                seen = self.look()
            except AnalytexError as error:
                self._pause = min(2 * max(self._pause, BUSY_INTERVAL), LONGEST_SILENCE)
                self._safely(self.unseen, error)
                return False
            pause = self.rest(seen)
            self._safely(self.show, seen)
            if pause is not None:
                self._pause = pause
            return pause is None

    def _run(self, stop: threading.Event) -> None:
        unsubscribe = self.subscribe(lambda *_: self._wake.set())
        try:
            while not stop.is_set():
                self._wake.clear()
                if self.draw():
                    break
                stop.wait(self.shortest)
                self._wake.wait(max(0.0, self._pause - self.shortest))
        finally:
            unsubscribe()
            self._end()

    def _end(self) -> None:
        self._safely(self.ended)
        self._finished.set()

    def _safely(self, told: Callable[..., object], *values: object) -> None:
        try:
            told(*values)
        except Exception:  # a display must never stop what it shows
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            said = "The display of %s failed; nothing else is affected."
            logger.log(level, said, self.about, exc_info=True)


def follow(
    push: ShownPush,
    draw: Callable[[Snapshot], object],
    *,
    ended: Callable[[], object] = ignored,
    shortest: float = SHORTEST_INTERVAL,
) -> Live[PushState]:
    """Return what draws a push whenever it changes, and once a second for the clock, until it is done."""
    longest = max(shortest, LONGEST_INTERVAL)
    return Live(
        f"push {push.id}",
        push.state,
        lambda state: draw(Snapshot(state, present())),
        lambda state: None if state.done else longest,
        ended=ended,
        subscribe=push.subscribe,
        shortest=shortest,
    )
