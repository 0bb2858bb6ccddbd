"""A driver that can be told to die at a moment, as by kill -9: nothing catches it, and it writes nothing down after."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


class MortalClient(Client):
    """A client whose driver may die around its calls."""

    fate: Fate

    def submit(self, *arguments: Any, **options: Any) -> Job:
        self.fate.comes("before submit")
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
        return listing

    def job(self, job_id: str) -> Job:
        self.fate.comes("before poll")
        job = super().job(job_id)
        self.fate.comes("after poll")
        return job
