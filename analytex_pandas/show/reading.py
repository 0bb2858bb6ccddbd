"""How far a plan is while it reads its source: shown once that takes a while, gone when it is done."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.show import words
from analytex_pandas.show.display import Output, on_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from analytex_pandas.frame.columns import RawBatch

PATIENCE: Final = 2.0
"""Seconds that a plan may take without a word."""
INTERVAL: Final = 0.25
"""Seconds between two pictures."""

logger = logging.getLogger("analytex_pandas.show")


class TerminalBar:
    """A tqdm bar on a terminal; none where stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def draw(self, done: int, total: int | None) -> None:
        from tqdm import tqdm  # only a plan that takes long needs it

        if self._bar is None:
            self._bar = tqdm(
                desc="planning",
                total=total,
                unit=" rows",
                unit_scale=True,
                leave=False,
                disable=None,
                dynamic_ncols=True,
                file=sys.stderr,
            )
        self._bar.update(done - self._bar.n)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()


class NotebookLine:
    """A line below the cell, renewed in place."""

    def __init__(self) -> None:
        self._output = Output()

    def draw(self, done: int, total: int | None) -> None:
        of = "" if total is None else f" of {words.number(total)}"
        self._output.show(
            {"text/plain": f"Planning: {words.number(done)}{of} rows read. Nothing is sent yet."}
        )

    def end(self) -> None:
        if self._output.handle is not None:
            self._output.show({"text/plain": ""})


def watched(batches: Iterable[RawBatch], total: int | None) -> Iterator[RawBatch]:
    """Yield batches, and show how far they are once that takes a while; a display that fails stops nothing."""
    view = NotebookLine() if on_kernel() else TerminalBar()
    failed = False

    def tell(told: Callable[..., None], *values: int | None) -> None:
        nonlocal failed
        try:
            if not failed:
                told(*values)
        except Exception:  # no display may stop a plan
            failed = True
            logger.warning("The display of a plan failed; the plan goes on.", exc_info=True)

    done, due = 0, time.monotonic() + PATIENCE
    try:
        for batch in batches:
            yield batch
            done += batch.rows
            if time.monotonic() >= due:
                due = time.monotonic() + INTERVAL
                tell(view.draw, done, total)
    finally:
        tell(view.end)
