"""The notebooks: run from top to bottom on a real kernel, and as they are saved.

After a change, they are run and saved with their outputs by ``jupyter nbconvert --to notebook --execute --inplace
--ExecutePreprocessor.store_widget_state=False notebooks/*.ipynb``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

import analytex_pandas as apd
from analytex_pandas.arguments import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted(path for path in (REPOSITORY / "notebooks").glob("*.ipynb") if path.stem != "engines")
MACHINE_PATH = re.compile(r"(?<![\w/.])/(?:root|home|tmp|work|Users|var)/")
VARYING = re.compile(
    r"took [^\n]*|\d{8}-\d{6}-[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d[\d.,:+-]*[a-f\d]*|[.\s─]+"
)
"""Ids, times, numbers and the widths of columns: what is not the same in two runs."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """One notebook after the other."""
    place: Path = request.param
    return place


def outputs(notebook: Any) -> Iterator[Any]:
    """Yield every output of every cell."""
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def said(notebook: Any) -> list[str]:
    """Return what the cells of a notebook say, without what varies from run to run."""
    told = [
        output.get("text") or output.data.get("text/plain", "")
        for output in outputs(notebook)
        if output.output_type in ("execute_result", "stream")
    ]
    return [VARYING.sub(" ", text) for text in told]


@pytest.mark.filterwarnings("ignore:Kernel is running over TCP:UserWarning")
def test_a_notebook_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty directory no cell raises, none writes to stderr, and each says what is saved of it."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ANALYTEX_STATE_DIR")
    notebook: Any = nbformat.read(path, as_version=4)
    saved = said(notebook)
    runner = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    runner.execute()
    assert not [one for one in outputs(notebook) if one.output_type == "error" or one.get("name") == "stderr"]
    if pd.__version__ >= "3":  # an older pandas writes its types otherwise
        assert said(notebook) == saved


def test_a_saved_notebook_shows_how_it_ended(path: Path) -> None:
    """Opened without a kernel, the pushes are there as HTML, at their end."""
    notebook = nbformat.read(path, as_version=4)
    shown = [output.data for output in outputs(notebook) if output.output_type == "display_data"]
    assert all("text/html" in data and len(data) == 2 for data in shown)  # and as text, but as no widget
    assert [data for data in shown if "running" in data["text/plain"]] == []
    assert shown or path.stem == "reference"


def test_a_saved_notebook_is_complete_and_clean(path: Path) -> None:
    """It was run in one go, keeps no widget state, and names no place of the machine that it was run on."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in notebook.metadata
    assert not MACHINE_PATH.search(nbformat.writes(notebook))


def test_the_quickstart_ends_with_every_row_answered_for() -> None:
    """It is what a newcomer sees first."""
    notebook = nbformat.read(REPOSITORY / "notebooks" / "quickstart.ipynb", as_version=4)
    texts = [output.data["text/plain"] for output in outputs(notebook) if "data" in output]
    assert any(re.search(r"acknowledged +2998 +3\n", text) for text in texts)


def test_the_reference_has_every_argument_and_every_error() -> None:
    """What can be asked for is shown with its records, what can go wrong with its way out."""
    notebook = nbformat.read(REPOSITORY / "notebooks" / "reference.ipynb", as_version=4)
    headings = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert [name for name in MEANINGS if f"`{name}`" not in headings] == []
    assert [name for name in MEANINGS if not re.search(rf'\b{name}=|"{name}":', code)] == []
    told = " ".join(output.get("text", "") for output in outputs(notebook))
    errors = [name for name in apd.__all__ if name.endswith("Error")]
    assert [name for name in errors if f"{name}: " not in told] == []
