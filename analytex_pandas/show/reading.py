"""How far a plan is while it reads its source: shown once that takes a while, gone when it is done."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.display import Output, on_kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analytex_pandas.frame.columns import RawBatch

PATIENCE: Final = 2.0
"""Seconds that a plan may take without a word."""
INTERVAL: Final = 0.25
"""Seconds between two pictures."""

logger = logging.getLogger("analytex_pandas.show")


class TerminalBar:
    """A tqdm bar on stderr; none where that is no terminal."""

    def __init__(self, total: int | None) -> None:
        from tqdm import tqdm  # only a plan that takes long needs it

        self._bar = tqdm(
            total=total,
            desc="planning",
            unit=" rows",
            unit_scale=True,
            leave=False,
            disable=None,
            dynamic_ncols=True,
        )
        self.end = self._bar.close

    def draw(self, done: int) -> None:
        self._bar.update(done - self._bar.n)


class NotebookLine:
    """A line below the cell, renewed in place."""

    def __init__(self, total: int | None) -> None:
        self._of = "" if total is None else f" of {words.number(total)}"
        self._output = Output()

    def draw(self, done: int) -> None:
        text = f"Planning: {words.number(done)}{self._of} rows read. Nothing is sent yet."
        self._output.show({"text/plain": text})

    def end(self) -> None:
        self._output.show({"text/plain": ""})


def watched(batches: Iterable[RawBatch], total: int | None) -> Iterator[RawBatch]:
    """Yield batches, and show how far they are once that takes a while; a display that fails stops nothing."""
    view: NotebookLine | TerminalBar | None = None
    done, due = 0, time.monotonic() + PATIENCE
    try:
        for batch in batches:
            yield batch
            done += batch.rows
            if time.monotonic() >= due:
                due = inf  # not again where it fails
                with harmless():
                    view = view or (NotebookLine if on_kernel() else TerminalBar)(total)
                    view.draw(done)
                    due = time.monotonic() + INTERVAL
    finally:
        if view is not None and due < inf:
            with harmless():
                view.end()


@contextmanager
def harmless() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.warning("The display of a plan failed; the plan goes on.", exc_info=True)
