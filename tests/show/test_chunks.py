"""Every chunk at a glance, and the jobs table."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.delivery.state import ChunkState
from analytex_pandas.show.snapshot import CHUNK_COLUMNS, chunk_line, strip
from analytex_pandas.show.words import CHUNK_MARKS, TO_GO, mark

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_thousand_chunks_fit_at_a_glance(make_chunk: Callable[..., ChunkState]) -> None:
    """Each of three hundred has its own; of more, several share one, and the legend counts them all."""
    for total, together in ((300, 1), (1_000, 4)):
        shown = strip([make_chunk(number, "completed") for number in range(1, total + 1)])
        assert len(shown.cells) * together == total
        assert shown.chunks_per_cell == together
        assert shown.legend[0][1] == total


@given(st.lists(st.sampled_from(sorted(CHUNK_MARKS)), max_size=200), st.integers(1, 30))
def test_trouble_is_never_hidden_behind_what_is_done(statuses: list[str], cells: int) -> None:
    """A mark that stands for several chunks is that of the worst among them."""
    shown = strip(
        [ChunkState(number, 1, 1, status, refused=1) for number, status in enumerate(statuses, 1)], cells
    )
    assert len(shown.cells) <= cells
    each = shown.chunks_per_cell
    for place, cell in enumerate(shown.cells):
        known = CHUNK_MARKS | {"waiting": TO_GO}
        group = [mark(status, known) for status in statuses[place * each : (place + 1) * each]]
        assert cell in group
        assert cell.character == "✕" or all(one.character != "✕" for one in group)


def test_the_jobs_table_tells_what_is_known_and_no_more(
    make_chunk: Callable[..., ChunkState], now: dt.datetime
) -> None:
    """Nothing sent, nothing told; a running job counts its time; refused and unknown rows stand apart."""
    chunks = [
        make_chunk(1, "completed_with_errors", refused=3, unknown=2, ended_at=now, completed_rows=95),
        make_chunk(2, "processing", completed_rows=40, attempts=2),
        make_chunk(3),
    ]
    first, second, third = (
        dict(zip(CHUNK_COLUMNS, chunk_line(one, now + dt.timedelta(seconds=2)), strict=True))
        for one in chunks
    )
    assert (first["State"], first["Refused"], first["Took"]) == (
        "! with refused rows",
        "3 + 2 unknown",
        "40 s",
    )
    assert (second["State"], second["Rows"], second["Took"]) == (
        "◔ processing, try 2",
        "40 of 100",
        "42 s so far",
    )
    assert third == dict.fromkeys(CHUNK_COLUMNS, "") | {"Chunk": "3", "State": "○ to go", "Rows": "100"}


@pytest.mark.parametrize(
    ("rows", "character"),
    [({"refused": 2}, "!"), ({"unknown": 2}, "?"), ({"refused": 1, "unknown": 1}, "!"), ({}, "✓")],
)
def test_a_chunk_says_of_its_rows_what_the_tiles_say(
    rows: dict[str, int], character: str, now: dt.datetime
) -> None:
    """No refused rows where none are: some have no answer only, or a retry has brought them in since."""
    chunk = ChunkState(1, 9, 90, "completed_with_errors", "j", 1, 9, **rows)
    assert strip([chunk]).cells[0].character == character
    assert chunk_line(chunk, now)[1].startswith(character)
