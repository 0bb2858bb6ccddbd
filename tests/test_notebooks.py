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
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
NOTEBOOKS = sorted(path for path in (REPOSITORY / "notebooks").glob("*.ipynb") if path.stem != "engines")
MACHINE_PATH = re.compile(r"(?<![\w/.])/(?:root|home|tmp|work|Users|var)/")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def saved(request: pytest.FixtureRequest) -> Any:
    """A notebook as it stands in the repository."""
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def executed(saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A notebook after a run on a kernel of its own, in an empty directory."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ANALYTEX_STATE_DIR")
    runner = NotebookClient(
        saved, timeout=120, store_widget_state=False, resources={"metadata": {"path": str(tmp_path)}}
    )
    runner.execute()
    return saved


def outputs(notebook: Any) -> Iterator[Any]:
    """Yield every output of every cell."""
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def pushes_shown(notebook: Any) -> list[str]:
    """Return the displayed pushes as their static HTML."""
    shown = [output for output in outputs(notebook) if output.output_type == "display_data"]
    return [output.data["text/html"] for output in shown]


@pytest.mark.filterwarnings("ignore:Kernel is running over TCP:UserWarning")
def test_a_notebook_runs_from_top_to_bottom(executed: Any) -> None:
    """No cell raises, none writes to stderr, and the refused rows end up acknowledged."""
    assert [output for output in outputs(executed) if output.output_type in ("error", "stream")] == []
    texts = [output.data["text/plain"] for output in outputs(executed) if "data" in output]
    assert any(re.search(r"acknowledged +2995 +3\n", text) for text in texts)


def test_a_saved_notebook_shows_how_it_ended(saved: Any) -> None:
    """Opened without a kernel, the pushes are there as HTML, at their end."""
    shown = pushes_shown(saved)
    assert len(shown) == 2
    assert all("completed" in html and "running" not in html for html in shown)


def test_a_saved_notebook_is_complete_and_clean(saved: Any) -> None:
    """It was run in one go, keeps no widget state, and names no place of the machine that it was run on."""
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "widgets" not in saved.metadata
    assert not MACHINE_PATH.search(nbformat.writes(saved))
