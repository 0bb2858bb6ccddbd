"""A plan that takes long says how far it is, and leaves no trace of it."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

import analytex_pandas as apd
from analytex_pandas.show import display

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": range(50_000)})


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show every plan's progress at once."""
    monkeypatch.setattr(display, "PATIENCE", 0.0)
    monkeypatch.setattr(display, "PLAN_INTERVAL", 0.0)


@pytest.mark.parametrize(
    ("stream", "silent", "said"),
    [(Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)],
)
def test_a_terminal_is_told_and_a_log_is_not(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, silent: str, said: bool
) -> None:
    """On stderr, with the rows there are; nothing of it stays."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("ANALYTEX_SILENT", silent)
    assert apd.plan_users(FRAME).rows == len(FRAME)
    assert ("planning" in stream.getvalue()) == said
    assert ("50.0k" in stream.getvalue()) == said
    assert stream.getvalue().endswith("\r" if said else "")


def test_a_short_plan_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar that flashes up helps nobody."""
    monkeypatch.setattr(display, "PATIENCE", 3_600.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    apd.plan_users(FRAME)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_a_display_that_fails_stops_no_plan(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, once."""

    class Broken:
        def __init__(self, total: int | None) -> None:
            self.total = total

        def draw(self, done: int) -> None:
            raise OSError(f"no room for {done} of {self.total}")

        def end(self) -> None:
            raise OSError("no room")

    monkeypatch.setattr(display, "PlanBar", Broken)
    with caplog.at_level(logging.WARNING):
        assert apd.plan_users(FRAME).rows == len(FRAME)
    assert [record.message for record in caplog.records] == [
        "The display of a plan failed; the plan goes on."
    ]


CELL = """
from analytex_pandas.show import display
line = display.PlanLine(total={total})
line.draw(1_000)
"""


@pytest.mark.filterwarnings("ignore:Kernel is running over TCP:UserWarning")
def test_a_notebook_is_told_in_one_line_that_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewed in place, and empty at the end."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    known, unknown = CELL.format(total=50_000), CELL.format(total=None)
    cells = [known, unknown + "line.draw(2_000)", known + "line.end()"]
    notebook: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [[output.data["text/plain"] for output in cell.outputs] for cell in notebook.cells]
    assert shown == [
        ["Planning: 1,000 of 50,000 rows read. Nothing is sent yet."],
        ["Planning: 2,000 rows read. Nothing is sent yet."],
        [""],
    ]
