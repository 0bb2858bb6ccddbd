"""A push in marimo, which has no ipywidgets: HTML in the output of a cell, renewed from a thread of marimo's own."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import Any, Final

from analytex_pandas.delivery.state import PushState
from analytex_pandas.show.live import Live, ShownPush, follow
from analytex_pandas.show.pages import push_bundle

RENEWAL_INTERVAL: Final = 1.0
"""Seconds between two renewals: each replaces an output."""


def follow_in_cell(push: ShownPush, *, last: bool = False) -> Live[PushState]:
    """Show a push below the cell that runs and keep it up to date until it ends, or the cell runs again.

    It comes below what the cell has shown so far, or (`last`) instead of it: a result replaces what came before.
    """
    marimo: Any = sys.modules["marimo"]
    place = 0 if last else outputs_so_far()

    def draw(_: object) -> None:
        if getattr(threading.current_thread(), "should_exit", False):
            live.stop()  # the cell runs again, or is gone
            return
        marimo.output.replace_at_index(marimo.Html(push_bundle(push)["text/html"]), place)

    live = follow(push, draw, shortest=RENEWAL_INTERVAL)
    live.threads = marimo.Thread
    return live


def outputs_so_far() -> int:
    """Return how many outputs the cell that runs has; marimo tells it only within."""
    cell = context().execution_context
    return 0 if cell is None else len(cell.output)


def within_cell() -> bool:
    """Tell whether the code of a cell runs; else what it returned is being shown, and is all of its output."""
    names = context().globals
    return any(frame.f_globals is names for frame, _ in traceback.walk_stack(None))


def context() -> Any:
    """Return what marimo knows of the notebook that runs."""
    from marimo._runtime.context import get_context  # only there where it runs

    return get_context()
