"""Notebooks that are executed with nobody before them, by nbconvert, papermill or nbclient, and read offline."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
CELLS = [
    """
import pandas as pd, analytex_pandas as apd
service = apd.sandbox(rows_per_minute=60_000, refuse={"u3": ("bad", "plan", "'gold' is no plan")})
service.__enter__()
df = pd.DataFrame({"user_id": [f"u{place}" for place in range(400)], "plan": "gold"})
""",
    "df.analytex.plan_users()",
    "push = df.analytex.push_users(chunk_rows=100)",
    "shown_again = push.panel()\nshown_again",
    "push.wait()",
    "apd.monitor()",
    "apd.job(push.jobs['job_id'][0])",
    "df[:2].analytex.push_users(wait=True)",
]
WIDGET = "application/vnd.jupyter.widget-view+json"


class Reader(HTMLParser):
    """What is read of a page where no script runs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.hidden = "", 0
        self.feed(page)

    def handle_starttag(self, name: str, _: list[tuple[str, str | None]]) -> None:
        self.hidden += name in ("script", "style")

    def handle_endtag(self, name: str) -> None:
        self.hidden -= name in ("script", "style")

    def handle_data(self, text: str) -> None:
        self.text += text if not self.hidden else ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the notebook, and an environment that finds the package."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    code = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=kernel), tmp_path / "book.ipynb")
    return tmp_path


def test_the_page_of_nbconvert_shows_the_end_without_scripts(home: Path) -> None:
    """Offline no script is loaded: each push stands there as it ended, with what was refused."""
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "book.ipynb"]
    subprocess.run(command, cwd=home, capture_output=True, check=True)
    page = (home / "book.html").read_text(encoding="utf-8")
    read = Reader(page).text
    assert f'<script type="{WIDGET}"' not in page
    assert read.count("completed with errors") == 3  # the push, its panel, the result of wait()
    assert read.count("'gold' is no plan") >= 4  # and its job
    assert "running" not in read.replace("No job runs", "")
    assert "5 in the history" in read or "4 in the history" in read


@pytest.mark.filterwarnings("ignore:Kernel is running over TCP:UserWarning")
@pytest.mark.parametrize("stored", [True, False])
def test_an_executed_file_has_the_end_whatever_widgets_were_stored(home: Path, stored: bool) -> None:
    """What papermill does too: no output depends on a widget, and a push in the last cell is there at its end."""
    book: Any = nbformat.read(home / "book.ipynb", as_version=4)
    NotebookClient(
        book, timeout=120, store_widget_state=stored, resources={"metadata": {"path": str(home)}}
    ).execute()
    shown = [[output.get("data", {}) for output in cell.outputs] for cell in book.cells]
    assert not any(WIDGET in data for cell in shown for data in cell)
    for place in (2, 3, 4):
        assert ["completed with errors" in data["text/html"] for data in shown[place]] == [True], place
    assert ["completed" in data["text/html"] for data in shown[-1]] == [True]
