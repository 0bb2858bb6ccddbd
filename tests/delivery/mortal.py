"""A driver that can be told to die at a moment, as by kill -9: nothing catches it, and it writes nothing down after."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from hasty import HastyClock

from analytex_pandas.errors import AnalytexError, ServerError
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.service.listing import Listing
    from analytex_pandas.service.wire import Job

MOMENTS = (
    "before submit",
    "after submit",
    "before list",
    "after list",
    "before poll",
    "after poll",
    "in a transaction",
    "between two steps",
)


class Death(BaseException):
    """What the driver dies of."""


@dataclass
class Fate:
    """Where the driver dies next, if anywhere; and who watches what threads die of."""

    moment: str | None = None
    late: float | None = None
    """Seconds after which the next upload arrives, whose gateway gives up on it at once."""
    forgets: int = 0
    """Readings of the list that show nothing."""

    def comes(self, moment: str) -> None:
        """Die, if it is time."""
        if self.moment == moment:
            self.moment = None
            raise Death

    def watched(self) -> Callable[[], None]:
        """Let threads die of Death without a word; return what ends that."""
        hook = threading.excepthook

        def buried(what: threading.ExceptHookArgs) -> None:
            if what.exc_type is not Death:
                hook(what)

        threading.excepthook = buried
        return lambda: setattr(threading, "excepthook", hook)

    def writing(self, writing: Any) -> Any:
        """Return how a journal is written by a driver that may die before its transaction is over."""

        @contextlib.contextmanager
        def mortal(journal: Any) -> Iterator[Any]:
            with writing(journal) as connection:
                yield connection
                if threading.current_thread().name.startswith("analytex-push-"):
                    self.comes("in a transaction")

        return mortal

    def look(self, state: PushState) -> None:
        """Heed a change, as a subscriber."""
        del state
        self.comes("between two steps")


class LateClock(HastyClock):
    """Brings late uploads when their time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.coming: list[tuple[float, Callable[[], object]]] = []

    def wait(self, event: threading.Event, seconds: float) -> bool:
        came = super().wait(event, seconds)
        for due, bring in tuple(self.coming):
            if self.monotonic() >= due:
                self.coming.remove((due, bring))
                with contextlib.suppress(AnalytexError):  # another fault met it: then it never comes
                    bring()
        return came


class MortalClient(Client):
    """A client whose driver may die around its calls."""

    fate: Fate
    clock: LateClock

    def submit(self, *arguments: Any, **options: Any) -> Job:
        self.fate.comes("before submit")
        if self.fate.late is not None:
            due, self.fate.late = self.clock.monotonic() + self.fate.late, None
            self.clock.coming.append((due, partial(super().submit, *arguments, **options)))
            raise ServerError("Gateway Time-out", status_code=504)
        job = super().submit(*arguments, **options)
        self.fate.comes("after submit")
        return job

    def listing(self) -> Listing:
        listing = super().listing()
        read_page = listing.read_page

        def mortal() -> None:
            self.fate.comes("before list")
            read_page()
            self.fate.comes("after list")

        listing.read_page = mortal  # type: ignore[method-assign]
        if self.fate.forgets:
            self.fate.forgets -= 1
            listing.newest = lambda *_: []  # type: ignore[method-assign]
        return listing

    def job(self, job_id: str) -> Job:
        self.fate.comes("before poll")
        job = super().job(job_id)
        self.fate.comes("after poll")
        return job
