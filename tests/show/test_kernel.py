"""A real kernel with somebody before it, as JupyterLab, Notebook and Colab have one, with either ipywidgets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import start_new_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
BEGINNING = """
import pandas as pd, analytex_pandas as apd
service = apd.sandbox(rows_per_minute=6_000).start()
df = pd.DataFrame({"user_id": [f"u{place}" for place in range(200)]})
"""
pytestmark = pytest.mark.filterwarnings("ignore:Kernel is running over TCP:UserWarning")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A kernel with a service, a frame, and who asks it to run cells."""
    home = tmp_path_factory.mktemp("kernel")
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "IPYTHONDIR": str(home),
        "ANALYTEX_STATE_DIR": str(home),
    }
    manager, client = start_new_kernel(env=environment, cwd=str(home))
    try:
        assert told(client, BEGINNING) == []
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def told(client: Any, code: str, **options: Any) -> list[Any]:
    """Run a cell and return what it shows: the data of displays, the text of errors."""
    shown: list[Any] = []

    def hear(message: Any) -> None:
        content = message["content"]
        if message["msg_type"] in ("display_data", "execute_result"):
            shown.append(content["data"])
        elif message["msg_type"] == "error":
            shown.append("\n".join(content["traceback"]))

    client.execute_interactive(code, output_hook=hear, timeout=60, **options)
    return shown


def test_a_displayed_push_has_its_buttons(kernel: Any) -> None:
    """The panel is a widget, with HTML for the file, whether ipywidgets knows of bundles or not; and can be pressed."""
    shown = told(kernel, "push = df.analytex.push_users(chunk_rows=50)\npush")
    assert [WIDGET in data for data in shown].count(True) == 1
    assert any("running" in data["text/plain"] and "running" in data["text/html"] for data in shown)
    found = "import gc, ipywidgets\n{one.description for one in gc.get_objects() if isinstance(one, ipywidgets.Button)}"
    (names,) = told(kernel, found)
    assert "Pause" in names["text/plain"]
    assert "Cancel" in names["text/plain"]
    assert [WIDGET in data for data in told(kernel, "push")].count(True) == 1
    assert told(kernel, "push.cancel()") == []


@pytest.mark.parametrize(
    "code", ["push = df.analytex.push_users(wait=True)", "push.panel()", "apd.monitor()"]
)
def test_with_nobody_before_it_no_widget_is_shown(kernel: Any, code: str) -> None:
    """Who cannot type cannot press a button; and a widget in the file would need the scripts of another server."""
    shown = told(kernel, code, allow_stdin=False)
    assert [set(data) for data in shown] == [{"text/html", "text/plain"}]
    assert "apd-static" in shown[0]["text/html"]
