"""The one picture that every display draws."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.delivery.state import ENDED, ChunkState, PushState, counted, still_running
from analytex_pandas.show.messages import question
from analytex_pandas.show.pages import snapshot_html, snapshot_text
from analytex_pandas.show.snapshot import Snapshot, strip
from analytex_pandas.show.words import CHUNK_MARKS, JOB_MARKS, PUSH_MARKS, URGENCY, mark

if TYPE_CHECKING:
    from collections.abc import Callable

STATUSES = [
    "pending",
    "submitting",
    "looking",
    "waiting",
    "queued",
    "validating",
    "processing",
    "pending_refresh",
    "completed",
    "completed_with_errors",
    "failed",
    "unknown",
    "from_the_future",
]


def test_rows_add_up_and_the_running_job_moves_the_share(
    state: Callable[..., PushState], make_chunk: Callable[..., ChunkState], now: dt.datetime
) -> None:
    """The bar moves within a chunk, though its rows are acknowledged only at its end."""
    chunks = [
        make_chunk(1, "completed_with_errors", refused=3, unknown=2),
        make_chunk(2, "processing", completed_rows=40),
        make_chunk(3),
    ]
    shot = Snapshot(state(chunks), now)
    assert (shot.total, shot.acknowledged, shot.refused, shot.unknown, shot.to_go) == (300, 95, 3, 2, 200)
    assert shot.processed == 40
    assert shot.share == pytest.approx(140 / 300)
    assert shot.rows_in_words == "95 acknowledged, 3 refused, 2 unknown, 200 to go"


@pytest.mark.parametrize(
    ("status", "left"),
    [("running", "200 to go"), ("paused", "200 to go"), ("interrupted", "200 to go")]
    + [(status, "200 not sent") for status in ("cancelled", "failed")],
)
def test_what_a_stopped_push_has_left_is_not_sent(
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
    status: str,
    left: str,
) -> None:
    """Nothing of it is to go any more, in text as in the tiles of the panel."""
    shot = Snapshot(state([make_chunk(1, "completed"), make_chunk(2), make_chunk(3)], status=status), now)
    assert left in snapshot_text(shot, [])
    assert shot.rows_in_words == f"100 acknowledged, 0 refused, {left}"


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize(
    "values", [{"cancelling": True}, {"status": "paused"}, *({"status": one} for one in ENDED)]
)
def test_a_single_row_is_one_row(
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
    values: dict[str, Any],
    rows: int,
) -> None:
    """Whatever is said of it, and asked."""
    shot = Snapshot(state([make_chunk(1, "processing", rows=1), make_chunk(2, rows=rows)], **values), now)
    told = f"{snapshot_text(shot, [])} {question(shot).sentence} {still_running(shot.state)}"
    assert re.search(r"\b1 (rows|users|chunks)\b|\b[02-9] (row|user|chunk)\b", told) is None


@pytest.mark.parametrize("seconds", [30, -30, None])
@pytest.mark.parametrize("waiting", [True, False])
def test_a_cancel_is_asked_for_with_what_it_does(
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    now: dt.datetime,
    seconds: int | None,
    waiting: bool,
) -> None:
    """Where all rows are at the service it holds back none, and leaves nothing to resume."""
    chunks = [make_chunk(1, "processing"), *([make_chunk(2)] if waiting else [])]
    due = None if seconds is None else now + dt.timedelta(seconds=seconds)
    asked = question(Snapshot(state(chunks, due=due), now)).sentence
    assert ("apd.resume(" in asked) == ("100 rows will stay unsent" in asked) == waiting
    assert ("Nothing is left to hold back" in asked) != waiting
    assert "until any" not in asked


@st.composite
def states(draw: st.DrawFn) -> PushState:
    """Any picture of a push."""
    rows = draw(st.lists(st.integers(1, 10_000), max_size=40))
    chunks = []
    for number, size in enumerate(rows, 1):
        refused = draw(st.integers(0, size))
        status = draw(st.sampled_from(STATUSES))
        completed = draw(st.none() | st.integers(0, 2 * size))
        unknown = draw(st.integers(0, size - refused))
        chunks.append(
            ChunkState(number, size, size, status, completed_rows=completed, refused=refused, unknown=unknown)
        )
    counts = counted({"input": sum(rows)}, chunks)
    return PushState(
        "p",
        "users",
        draw(st.sampled_from(sorted({"running", "paused", "waiting", *ENDED}))),
        counts,
        tuple(chunks),
    )


@given(states())
def test_every_picture_can_be_drawn_and_adds_up(pushed: PushState) -> None:
    """No status, however odd, and no number that a service sends breaks the picture."""
    shot = Snapshot(pushed, dt.datetime.now(dt.UTC))
    assert shot.total == shot.acknowledged + shot.refused + shot.unknown + shot.to_go
    assert 0 <= shot.share <= 1
    assert 0 <= shot.processed <= shot.in_flight
    assert shot.total == 0 or shot.rows_done / shot.total == pytest.approx(shot.share)
    assert sum(chunks for _, chunks in strip(pushed.chunks).legend) == len(pushed.chunks)
    assert not (pushed.status in ENDED and {"pause", "go_on", "cancel"} & {*shot.acts})
    assert snapshot_html(shot, [])
    assert snapshot_text(shot, [])


def test_time_left_and_the_clock_time_of_the_end(state: Callable[..., PushState], now: dt.datetime) -> None:
    """Both, because one is for waiting and the other for going home; the pace in the unit of the service's limit."""
    shot = Snapshot(state(rate=20.0, estimated_end=now + dt.timedelta(minutes=90)), now)
    assert shot.time_in_words == "1,200 rows/min, 1 h 30 min left, until about tomorrow 00:45"


@pytest.mark.parametrize("values", [{"status": "paused"}, {"pausing": True}])
def test_a_paused_push_promises_no_end(
    state: Callable[..., PushState], now: dt.datetime, values: dict[str, Any]
) -> None:
    """It ends when somebody lets it go on, which no rate can know."""
    shot = Snapshot(state(estimated_end=now, rate=20.0, **values), now)
    assert shot.time_in_words == "1,200 rows/min"
    assert shot.acts == ("go_on", "cancel")


def test_a_push_that_is_over_says_how_long_it_took(
    state: Callable[..., PushState], make_chunk: Callable[..., ChunkState], now: dt.datetime
) -> None:
    """The rate of the last minute and a time left mean nothing then."""
    done = state([make_chunk(1, "completed")], status="completed", rate=1.0, ended_at=now, estimated_end=now)
    shot = Snapshot(done, now + dt.timedelta(days=3))
    assert shot.time_in_words == "took 1 min"
    assert shot.activity == ""


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("failed", "apd.resume('20261123-231500-3f9a1c')"),
        ("cancelled", "apd.resume('20261123-231500-3f9a1c') sends the rest."),
        ("interrupted", "apd.resume('20261123-231500-3f9a1c') carries on"),
        ("paused", "push.unpause()"),
        ("running", ""),
    ],
)
def test_the_hint_is_the_call_that_helps(
    state: Callable[..., PushState], now: dt.datetime, status: str, hint: str
) -> None:
    """Somebody who comes back needs the next line to type."""
    assert hint in Snapshot(state(status=status), now).hint


def test_refused_and_unknown_rows_have_a_hint_each(
    state: Callable[..., PushState], make_chunk: Callable[..., ChunkState], now: dt.datetime
) -> None:
    """retry() leaves the unknown rows alone unless told."""
    shot = Snapshot(
        state([make_chunk(1, "completed_with_errors", refused=1, unknown=1)], status="completed_with_errors"),
        now,
    )
    assert "push.retry()" in shot.hint
    assert "push.retry(unknown=True)" in shot.hint
    assert shot.acts == ("retry_unknown", "retry", "save")


def test_rows_that_are_not_sent_are_named(state: Callable[..., PushState], now: dt.datetime) -> None:
    """20,000 input rows and 19,977 sent: the difference has reasons."""
    assert Snapshot(state(planned={"invalid": 12, "unchanged": 1_000}), now).left_out == (
        "Of 1,212 input rows not sent: 12 invalid, 1,000 unchanged."
    )
    assert Snapshot(state(), now).left_out == ""


def test_an_empty_push_is_whole(state: Callable[..., PushState], now: dt.datetime) -> None:
    """No rows, no division by zero."""
    assert Snapshot(state([], status="completed"), now).percent == "100.0 %"
    assert Snapshot(state([]), now).percent == "0.0 %"


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_mark_a_word_and_a_place(status: str) -> None:
    """Colour alone tells nothing to many."""
    for known in (CHUNK_MARKS, JOB_MARKS, PUSH_MARKS):
        assert mark(status, known).character in {*URGENCY, "‖"}
        assert mark(status, known).word
