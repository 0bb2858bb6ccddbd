"""Every chunk at a glance, and the jobs table."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

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
    shown = strip([ChunkState(number, 1, 1, status) for number, status in enumerate(statuses, 1)], cells)
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
