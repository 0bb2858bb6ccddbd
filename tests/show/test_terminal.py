"""A push in terminals and logs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analytex_pandas.show.display import PushBar, PushLines, line
from analytex_pandas.show.live import follow
from analytex_pandas.show.snapshot import Snapshot

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.push import Push


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def running(state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]) -> PushState:
    """Two of three hundred rows refused, forty of the running chunk processed."""
    chunks = [
        make_chunk(1, "completed_with_errors", refused=2),
        make_chunk(2, "processing", completed_rows=40),
        make_chunk(3),
    ]
    return state(chunks, rate=20.0, activity="chunk 2 of 3: processing\x1b[2J")


def test_the_bar_shows_the_snapshots_numbers(
    running: PushState, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not tqdm's own pace, which would differ from the panel's."""
    monkeypatch.setenv("COLUMNS", "200")  # older tqdm asks these where the stream has no size
    monkeypatch.setenv("LINES", "50")
    stream = Terminal()
    view = PushBar(stream)
    view.draw(Snapshot(running, now))
    view.end()
    shown = stream.getvalue()
    assert "47%" in shown
    assert "| 98 acknowledged, 2 refused, 200 to go · 1,200 rows/min" in shown
    assert "\x1b[2J" not in shown


def test_the_bar_is_silent_where_there_is_no_terminal(running: PushState, now: dt.datetime) -> None:
    """A pipe gets no control characters."""
    stream = io.StringIO()
    view = PushBar(stream)
    view.draw(Snapshot(running, now))
    view.end()
    assert stream.getvalue() == ""


def test_a_log_gets_few_lines_and_the_end(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """A line now and then: the first at once only if it was asked for."""
    stream = io.StringIO()
    view = PushLines(stream, always=True)
    for _ in range(3):
        view.draw(Snapshot(running, now))
    done = state([make_chunk(1, "completed")], status="completed", ended_at=now)
    view.draw(Snapshot(done, now))
    first, *end = stream.getvalue().splitlines()
    assert first == f"Push {running.id}: ◔ running, 46.6 %, {line(Snapshot(running, now))}"
    assert end == [
        f"Push {running.id}: ✓ completed, 100 users",
        "  100 acknowledged, 0 refused, 0 to go",
        "  took 1 min",
    ]


def test_a_push_that_is_soon_over_says_nothing_in_a_log(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """Nobody wants a line for each push of a second."""
    stream = io.StringIO()
    view = PushLines(stream)
    view.draw(Snapshot(running, now))
    done = state([make_chunk(1, "completed")], status="completed")
    view.draw(Snapshot(done, now))
    assert stream.getvalue() == ""


def test_a_long_push_says_where_it_is_and_how_it_ended(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """Once it has said something, the log must also have the end."""
    stream = io.StringIO()
    view = PushLines(stream, interval=0)
    view.draw(Snapshot(running, now))
    done = state([make_chunk(1, "failed", refused=100)], status="failed", error="401: wrong key")
    view.draw(Snapshot(done, now))
    assert "running, 46.6 %" in stream.getvalue()
    assert "Stopped: 401: wrong key" in stream.getvalue()


def test_a_real_push_ends_its_bar_and_its_lines(pushed: Callable[..., Push]) -> None:
    """Both come to an end with the push, with nothing left open."""
    frame = pd.DataFrame({"user_id": ["ann", "bob"]})
    push = pushed(frame)
    stream, log = Terminal(), io.StringIO()
    bar = PushBar(stream)
    assert follow(push, bar.draw, ended=bar.end).begin().finish(10)
    assert follow(push, PushLines(log, always=True).draw).begin().finish(10)
    assert "100%" in stream.getvalue()
    assert stream.getvalue().endswith("\n")
    assert "2 acknowledged, 0 refused" in log.getvalue()


def test_the_text_of_a_push_groups_its_errors_and_says_what_to_do(pushed: Callable[..., Push]) -> None:
    """The repr is the summary in a terminal."""
    frame = pd.DataFrame({"user_id": [f"u{place}" for place in range(8)], "plan": "x"})
    refuse = {f"u{place}": ("bad", "plan", f"{place} is\x1b[A no plan") for place in (1, 2, 3, 5)}
    text = repr(pushed(frame, refuse))
    assert "✕ 4: plan: … is\ufffd[A no plan (rows 1, 2, 3, …)" in text
    assert "push.retry() sends them again." in text
    assert "\x1b" not in text
