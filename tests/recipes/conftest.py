"""The recipes of notebooks/pipeline.ipynb as a reader copies them, beside a service and a chat that takes alerts."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "pipeline.ipynb"
MAGIC = "%%writefile "
FAR: list[object] = []
"""What this process has looked for beyond this machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Schedulers warn one another of what is to come; of what warns in ours every test of theirs fails still."""
    for item in items:
        if item.get_closest_marker("recipes"):
            item.add_marker(pytest.mark.filterwarnings("default", r"error:::analytex_pandas(\..*)?"))


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note whatever is beyond this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in ("127.0.0.1", "localhost", "::1", "0.0.0.0", None, ""):  # noqa: S104  # nobody binds to it here
        FAR.append(host)


@pytest.fixture(scope="session", autouse=True)
def schedulers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Schedulers at home in a directory of their own, that tell nobody; they read this when they are imported."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster").mkdir()
    settings = {
        "AIRFLOW_HOME": home / "airflow",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DAGSTER_HOME": home / "dagster",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PREFECT_HOME": home / "prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    sys.addaudithook(watch)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        yield
    assert FAR == []


class Night:
    """A directory with the recipes and the customers, the service that they go to, and what is heard of it."""

    def __init__(self, folder: Path, service: Any) -> None:
        self.folder = folder
        self.service = service
        self.refused: set[str] = set()
        """The plans that the service refuses."""
        self.alerts: list[str] = []
        self.when_told: Callable[[], object] = lambda: None
        """What somebody does who hears of it."""

    def refuse(self, record: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Refuse a plan that is none."""
        plan = record["metadata"]["plan"]
        return ("bad_plan", "plan", f"{plan!r} is no plan") if plan in self.refused else None

    def take(self, request: Request) -> Response:
        """Take an alert."""
        self.alerts.append(request.get_json()["text"])
        self.when_told()
        return Response(status=204)

    def save(self, customers: pd.DataFrame, folder: Path | None = None) -> None:
        """Put tonight's customers where the recipes look for them."""
        customers.to_parquet((folder or self.folder) / "customers.parquet")

    def shell(self, line: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a line as a scheduler does, to its end."""
        options = {"cwd": self.folder, "capture_output": True, "text": True} | more
        return subprocess.run(["/bin/sh", "-c", line], check=False, **options)

    def kill_midway(self, *command: str) -> None:
        """Run a program, and kill it when a part of its push is acknowledged and a part is not."""
        run = subprocess.Popen([sys.executable, *command], cwd=self.folder)
        until = time.monotonic() + 60
        while not apd.pushes()["acknowledged"].any():
            assert run.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        run.kill()
        run.wait()
        (push,) = apd.pushes().to_dict("records")
        assert push["status"] == "interrupted"
        assert 0 < push["acknowledged"] < push["input"]

    @property
    def submits(self) -> list[Any]:
        """What the service was asked to take."""
        return [request for request in self.service.requests if request.endpoint == "submit"]

    @property
    def sent(self) -> list[str]:
        """The ids of all that the service took, as often as it took them."""
        bodies = [request.body.decode() for request in self.submits if request.job_id is not None]
        return [found for body in bodies for found in re.findall(r'"user_id": ?"(c\d+)"', body)]

    def module(self, name: str) -> Any:
        """Import a recipe."""
        for one in ("nightly", name):
            sys.modules.pop(one, None)
        return importlib.import_module(name)


@pytest.fixture
def night(tmp_path: Path, state_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """The recipes out of the notebook, and the environment of a scheduler that runs them."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.source.startswith(MAGIC):
            first, text = cell.source.split("\n", 1)
            (tmp_path / first.removeprefix(MAGIC)).write_text(f"{text}\n")
    with apd.sandbox(rows_per_minute=1e6, keep_bodies=True) as service:
        one = Night(tmp_path, service)
        service.refuse = one.refuse
        chat = make_server("127.0.0.1", 0, Request.application(one.take), threaded=True)
        threading.Thread(target=chat.serve_forever, daemon=True).start()
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(state_directory))
        monkeypatch.setenv("ALERT_URL", f"http://127.0.0.1:{chat.server_port}")
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        apd.connect()  # not as the sandbox's own client, which has a state directory of its own
        yield one
        chat.shutdown()


@pytest.fixture
def customers() -> pd.DataFrame:
    """Some customers, of whom none is wrong."""
    return customers_of(600)


@pytest.fixture
def many() -> pd.DataFrame:
    """So many that they go out in three parts."""
    return customers_of(25_000)


def customers_of(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"c{place}" for place in range(rows)],
            "plan": ["free", "team"] * (rows // 2),
            "seats": range(rows),
        }
    )
