"""The notebook about engines: run from top to bottom on a real kernel, and as it is saved.

After a change it is run in the environment of the engines and saved with its outputs, but for what the engines log.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.engines

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "notebooks" / "engines.ipynb"
MACHINE_PATH = re.compile(r"(?<![\w/.])/(?:root|home|tmp|work|Users|var)/")


def said(notebook: Any) -> list[str]:
    """Return what the cells of a notebook give or print, but for the port of the sandbox."""
    told = [
        output.data["text/plain"] if output.output_type == "execute_result" else output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result" or output.get("name") == "stdout"
    ]
    return [re.sub(r"127\.0\.0\.1:\d+", "…", text) for text in told]


def test_it_runs_and_says_what_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell gives what the reader sees."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ANALYTEX_STATE_DIR")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    saved, notebook = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=140, store_widget_state=False, resources=place).execute()
    assert said(notebook) == said(saved)


def test_it_is_saved_whole_and_clean() -> None:
    """It was run in one go, keeps no widget, and names no place of the machine that it was run on."""
    saved = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [output for cell in code for output in cell.outputs if output.get("name") == "stderr"] == []
    assert "widgets" not in saved.metadata
    assert not MACHINE_PATH.search(nbformat.writes(saved))
