"""What the facade hands a push from rooms that a push must not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import pyarrow as pa

    from analytex_pandas.delivery.push import Push
    from analytex_pandas.delivery.settling import Observer
    from analytex_pandas.delivery.spool import Spool
    from analytex_pandas.frame.document import PlanDocument


class Displays(Protocol):
    """How a push is shown; handed in by the facade, since a push knows no display."""

    def panel(self, push: Push, /) -> Any:
        """Return a live panel."""

    def text(self, push: Push, /) -> str:
        """Return the push as text."""

    def display(self, push: Push, /) -> None:
        """Display the push where IPython displays things."""

    def mimebundle(self, push: Push, /, **options: Any) -> Any:
        """Return what a notebook shows."""


class Replan(Protocol):
    """How rows are encoded anew for a retry; handed in by the facade, since a push knows no sources."""

    def __call__(
        self, fixed: pd.DataFrame, document: PlanDocument, rows: pa.Table, lines: list[bytes], spool: Spool, /
    ) -> PlanDocument:
        """Return a plan of those rows as `fixed` has them, each in its first place; its chunks go to `spool`."""


@dataclass(frozen=True)
class Bindings:
    """What the facade hands a push from rooms that a push must not know.

    Attributes
    ----------
    plan : callable, optional
        Makes of a plan's document what ``Push.plan`` gives; else that is the document itself.
    replan : callable, optional
        Encodes anew into a spool, from the frame given to ``retry(fixed=…)``, the rows of a document that are in
        the rows table, with their lines.
    present : callable, optional
        Shows a push that ``retry`` has started and waits for it, as ``wait`` and ``progress`` say.
    observer : Observer, optional
        Remembers what the account has acknowledged.
    """

    plan: Callable[[PlanDocument], Any] | None = None
    replan: Replan | None = None
    present: Callable[[Push, bool | None, bool | None], object] | None = None
    observer: Observer | None = None
