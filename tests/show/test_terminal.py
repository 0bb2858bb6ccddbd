"""A push in terminals and logs."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import io
import os
import pty
import re
import struct
import termios
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from analytex_pandas.delivery.state import Trouble
from analytex_pandas.show import words
from analytex_pandas.show.live import follow
from analytex_pandas.show.snapshot import Snapshot
from analytex_pandas.show.terminal import PushBar, PushLines, line, stream_lines

if TYPE_CHECKING:
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
    assert "| 1,200 rows/min · 98 acknowledged, 2 refused, 200 to go · chunk 2 of 3" in shown
    assert "\x1b[2J" not in shown


def test_the_bar_is_silent_where_there_is_no_terminal(running: PushState, now: dt.datetime) -> None:
    """A pipe gets no control characters."""
    stream = io.StringIO()
    view = PushBar(stream)
    view.draw(Snapshot(running, now))
    view.end()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("hours", [0.2, 13.4])
def test_the_time_left_is_never_cut_off(
    columns: int, hours: float, running: PushState, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what one looks for: in a narrow terminal the other words are cut, and the line is never wrapped."""
    monkeypatch.delenv("COLUMNS", raising=False)
    end = now + dt.timedelta(hours=hours)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        view = PushBar(stream)
        view.draw(Snapshot(dataclasses.replace(running, estimated_end=end), now))
        view.end()
    written = b""
    with (
        os.fdopen(master, "rb", buffering=0) as screen,
        contextlib.suppress(OSError),
    ):  # at the end of what was written
        while part := screen.read(4096):
            written += part
    shown = written.decode().split("\r")[2]
    left = words.duration(hours * 3_600)
    assert f"| {left} left, " in shown
    if columns >= 80:
        assert f"until {words.about(end, now)}" in shown
    assert len(shown) <= columns


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"cancelling": True}, "stops in 30 s · "),
        ({"status": "paused", "pausing": True}, "pauses in 30 s · "),
        ({"trouble": True, "due": None}, "end not known · "),
        ({"status": "interrupted", "due": None}, "98 acknowledged, "),
    ],
)
def test_the_first_words_are_the_time_that_matters(
    changed: dict[str, Any], first: str, running: PushState, now: dt.datetime
) -> None:
    """As in the panel: when it stops, not when it would have ended; what was interrupted took no time."""
    due = {"due": now + dt.timedelta(seconds=30)}
    if "trouble" in changed:
        changed = changed | {"trouble": Trouble(now, "HTTP 503", 4, now, now)}
    assert line(Snapshot(dataclasses.replace(running, **due | changed), now)).startswith(first)


def test_a_bar_that_begins_has_no_words_of_tqdm() -> None:
    """Its first line, before anything is known, counts no "it"."""
    stream = Terminal()
    PushBar(stream).end()
    assert "it" not in stream.getvalue()


def told(snapshots: list[Snapshot], **options: Any) -> list[str]:
    """Return the lines that a log has of these moments."""
    lines: list[str] = []
    view = PushLines(lines.append, **options)
    for snapshot in snapshots:
        view.draw(snapshot)
    return lines


def test_a_log_has_the_beginning_each_change_and_the_end(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """And nothing for a moment that is like the last: the id first, to come back by."""
    waiting = dataclasses.replace(running, status="waiting")
    done = state([make_chunk(1, "completed")], status="completed", ended_at=now)
    moments = [running, running, waiting, waiting, running, running, done]
    lines = told([Snapshot(moment, now) for moment in moments])
    assert [text.split(",")[0] for text in lines] == [
        f"Push {running.id}: ◔ running",
        f"Push {running.id}: ↻ waiting",
        f"Push {running.id}: ◔ running",
        f"Push {running.id}: ✓ completed",
    ]
    assert lines[0] == f"Push {running.id}: ◔ running, 46.6 %, {line(Snapshot(running, now))}"
    assert lines[-1].splitlines()[1:] == ["  100 acknowledged, 0 refused, 0 to go", "  took 1 min"]


def test_a_log_has_a_line_every_so_often_though_nothing_changes(running: PushState, now: dt.datetime) -> None:
    """A job of eight minutes is not silent for eight minutes."""
    assert len(told([Snapshot(running, now)] * 3, interval=0)) == 3


def test_a_push_that_is_soon_over_says_nothing(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """On stderr nobody wants a line for each push of a second."""
    done = state([make_chunk(1, "completed")], status="completed")
    assert told([Snapshot(running, now), Snapshot(done, now)], patience=60) == []


def test_what_stopped_a_push_is_the_last_word(
    running: PushState,
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
) -> None:
    """Once it has said something, the log must also have the end."""
    done = state([make_chunk(1, "failed", refused=100)], status="failed", error="401: wrong key")
    first, last = told([Snapshot(running, now), Snapshot(done, now)])
    assert "running, 46.6 %" in first
    assert "Stopped: 401: wrong key" in last


def test_lines_on_a_stream_have_their_time(running: PushState, now: dt.datetime) -> None:
    """No logging puts one before them."""
    stream = io.StringIO()
    stream_lines(stream, patience=0).draw(Snapshot(running, now))
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Push ", stream.getvalue())


def test_a_real_push_ends_its_bar_and_its_lines(pushed: Callable[..., Push]) -> None:
    """Both come to an end with the push, with nothing left open."""
    frame = pd.DataFrame({"user_id": ["ann", "bob"]})
    push = pushed(frame)
    stream, log = Terminal(), io.StringIO()
    bar = PushBar(stream)
    assert follow(push, bar.draw, ended=bar.end).begin().finish(10)
    assert follow(push, stream_lines(log, patience=0).draw).begin().finish(10)
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
