"""Which display suits where."""

from __future__ import annotations

import gc
import io
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analytex_pandas.show import display, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.push import Push


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def push(pushed: Callable[..., Push]) -> Push:
    """A finished push."""
    return pushed(pd.DataFrame({"user_id": ["ann"]}))


def test_a_terminal_gets_a_bar(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, so that a program's output stays its own."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert [shown.finish(10) for shown in display.show_push(push)] == [True]
    assert "100%" in sys.stderr.getvalue()


@pytest.mark.parametrize(
    ("progress", "silent", "said"),
    [(None, "", False), (True, "", True), (True, "1", True), (False, "", False)],
)
def test_a_log_is_told_only_what_it_was_asked_for(
    push: Push, monkeypatch: pytest.MonkeyPatch, progress: bool | None, silent: str, said: bool
) -> None:
    """No terminal: a short push says nothing unless told to; an argument is over the environment."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("ANALYTEX_SILENT", silent)
    assert all(feed.finish(10) for feed in display.show_push(push, progress))
    assert bool(sys.stderr.getvalue()) == said


@pytest.mark.parametrize("progress", [None, False])
def test_silence_is_kept_on_a_terminal_too(
    push: Push, monkeypatch: pytest.MonkeyPatch, progress: bool | None
) -> None:
    """ANALYTEX_SILENT, or progress=False."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("ANALYTEX_SILENT", "1")
    assert display.show_push(push, progress) == []
    assert sys.stderr.getvalue() == ""


def test_a_program_without_stderr_runs(push: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows programs without a console have none."""
    monkeypatch.setattr(sys, "stderr", None)
    assert display.show_push(push) == []


def test_no_kernel_no_widget(push: Push) -> None:
    """Outside a notebook a push is text and HTML, and no widget module is loaded for it."""
    assert not surroundings.in_notebook()
    assert not surroundings.widgets_work()
    assert set(display.push_mimebundle(push)) == {"text/plain", "text/html"}


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a half-made bar of tqdm before 4.70
def test_a_display_that_cannot_start_is_logged_and_nothing_else(
    push: Push, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The push is under way: it must be returned, not lost with a traceback."""

    class Closed(Terminal):
        def write(self, _: str) -> int:
            raise OSError("gone")

    monkeypatch.setattr(sys, "stderr", Closed())
    display.show_push(push)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    caplog.clear()  # the record holds the bar, which is to be gone within this test
    gc.collect()


def test_a_log_that_listens_is_told_and_stderr_is_not_told_again(
    push: Push, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where INFO goes somewhere, it goes there, with progress or without; and not to stderr besides."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with caplog.at_level(logging.INFO, "analytex_pandas"):
        for progress in (None, False):
            assert all(feed.finish(10) for feed in display.show_push(push, progress))
    assert [push.id in record.message for record in caplog.records] == [True, True]
    assert sys.stderr.getvalue() == ""


def test_the_package_loads_no_display_until_one_is_shown() -> None:
    """A pipeline that imports the package must not pay for widgets."""
    code = (
        "import sys, analytex_pandas, analytex_pandas.show.display, analytex_pandas.show.plan_page;"
        "print([name for name in ('ipywidgets', 'IPython', 'tqdm') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
