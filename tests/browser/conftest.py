"""A real JupyterLab with a real kernel, in a real Chromium."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60_000
"""Milliseconds that a machine under load may take for anything."""
CHROMIUM_FLAGS = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-dev-shm-usage"
)
READY = """() => {
  const widget = window.jupyterapp?.shell.currentWidget, context = widget?.context;
  const kernel = context?.sessionContext?.session?.kernel;
  return Boolean(context?.isReady && context.sessionContext.isReady && widget.content?.widgets.length
    && kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle');
}"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a missing one is an error, not a reason to skip."""
    chromium = shutil.which("chromium")
    assert chromium, "The browser tests need chromium: apt-get install chromium fonts-dejavu-core"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, chromium_sandbox=False, args=CHROMIUM_FLAGS.split()
        )
        yield started
        started.close()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # ours
                return
        except OSError:
            server_is_starting = 0.1
            try:
                server.wait(server_is_starting)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(log.read_text())


@contextmanager
def marimo_served(home: Path, mode: str, notebook: str) -> Iterator[str]:
    """Serve a notebook by marimo, as an app ("run") or to be worked with ("edit"); yield its address."""
    (home / "book.py").write_text(notebook, encoding="utf-8")
    (home / "marimo").mkdir()
    (home / "marimo" / "marimo.toml").write_text("[runtime]\nauto_instantiate = true\n", encoding="utf-8")
    url = f"http://127.0.0.1:{free_port()}"
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "ANALYTEX_STATE_DIR")
    environment = os.environ | dict.fromkeys(places, str(home)) | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "marimo", "-q", mode, "book.py", "--headless", "--no-token"]
    command += ["--port", url.rpartition(":")[2], *(["--skip-update-check"] if mode == "edit" else [])]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        until_up(server, f"{url}/health", home / "log")
        yield url
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(params=["run", "edit"])
def marimo_page(
    request: pytest.FixtureRequest, tmp_path: Path, browser: Browser
) -> Iterator[Callable[[str], Page]]:
    """Open a notebook in marimo, all its cells run, as an app and as a notebook."""
    with ExitStack() as stack:

        def opened(notebook: str) -> Page:
            url = stack.enter_context(marimo_served(tmp_path, request.param, notebook))
            page = browser.new_page(viewport={"width": 1280, "height": 1700})
            stack.callback(page.close)
            page.set_default_timeout(PATIENCE)
            page.goto(url)
            return page

        yield opened


class Lab:
    """A running JupyterLab and its directory of notebooks."""

    def __init__(self, home: Path, browser: Browser) -> None:
        self.root = home / "notebooks"
        self.root.mkdir()
        self.home = home
        self.browser = browser
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))

    @contextmanager
    def running(self) -> Iterator[Lab]:
        """Serve until the block is left."""
        port = self.url.rpartition(":")[2]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": port,
            "ServerApp.port_retries": "0",
            "IdentityProvider.token": self.token,
            "ServerApp.root_dir": str(self.root),
            "LabApp.expose_app_in_browser": "True",
            "LabApp.news_url": "None",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "ANALYTEX_STATE_DIR": "state",
        }
        environment = os.environ | {name: str(self.home / folder) for name, folder in places.items()}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        environment.pop("ANALYTEX_SILENT", None)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        log = (self.home / "jupyterlab.log").open("wb")
        server = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until_up(server, f"{self.url}/api/status?token={self.token}", self.home / "jupyterlab.log")
            yield self
        finally:
            server.terminate()
            server.wait(30)
            log.close()

    @contextmanager
    def opened(
        self,
        name: str,
        cells: list[str] | None = None,
        *,
        width: int = 1280,
        dark: bool = False,
        height: int = 1700,
    ) -> Iterator[Notebook]:
        """Open a notebook in a tab of its own; with cells, write it first."""
        path = self.root / name
        if cells is not None:
            code = [nbformat.v4.new_code_cell(cell) for cell in cells]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
            nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=kernel), path)
        context = self.browser.new_context(viewport={"width": width, "height": height})
        try:
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(f"{self.url}/doc/tree/{name}?token={self.token}")
            page.wait_for_function(READY)
            theme = f"JupyterLab {'Dark' if dark else 'Light'}"
            page.evaluate(
                "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
            )
            page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")
            yield Notebook(page, path)
        finally:
            context.close()


class Notebook:
    """A notebook that is open in a browser."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path

    def run_all(self) -> None:
        """Start all cells; do not wait for them."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def command(self, name: str) -> None:
        """Run a command of JupyterLab and wait for it."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def add_cell(self, source: str) -> None:
        """Append a cell and run it."""
        self.page.evaluate(
            """source => {
              const {content} = window.jupyterapp.shell.currentWidget;
              content.activeCellIndex = content.widgets.length - 1;
              window.jupyterapp.commands.execute('notebook:insert-cell-below').then(() => {
                content.activeCell.model.sharedModel.setSource(source);
                window.jupyterapp.commands.execute('notebook:run-cell');
              });
            }""",
            source,
        )

    def ready(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(READY)

    def restart_kernel(self) -> None:
        """Restart the kernel, without being asked."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.ready()

    def shot(self, path: Path) -> None:
        """Take a picture of the whole notebook."""
        self.page.screenshot(path=path)

    def saved(self) -> Any:
        """Save, and return the notebook as it is on disk."""
        self.command("docmanager:save")
        return nbformat.read(self.path, as_version=4)

    @property
    def panel(self) -> Locator:
        """The first live panel."""
        return self.page.locator(".apd-panel").first

    def progress(self) -> float:
        """Return what the bar says, in percent."""
        return float(self.panel.locator("[role=progressbar]").first.get_attribute("aria-valuenow") or "nan")

    def button(self, name: str | re.Pattern[str], *, exact: bool = False) -> Locator:
        """Return a button by what a screen reader would say."""
        return self.page.get_by_role("button", name=name, exact=exact)

    def shows(self, text: str) -> None:
        """Wait until the state line of the panel says so."""
        expect(self.panel.locator(".apd-pill").first).to_contain_text(text, timeout=PATIENCE)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Lab]:
    """One server for all tests; each has its own notebook and kernel."""
    with Lab(tmp_path_factory.mktemp("lab"), browser).running() as running:
        yield running
