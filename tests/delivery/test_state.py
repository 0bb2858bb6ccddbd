"""The counts of a push add up at every moment, whatever its chunks are doing."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.delivery.state import SETTLED, ChunkState, PushState, counted, rows_left, with_chunk

STATUSES = [
    "pending",
    "waiting",
    "submitting",
    "looking",
    "queued",
    "processing",
    "some new status",
    *sorted(SETTLED),
]


@st.composite
def chunks(draw: st.DrawFn, number: int = 1, rows: int | None = None) -> ChunkState:
    """Return a chunk in any state it can be in."""
    rows = draw(st.integers(1, 20)) if rows is None else rows
    refused = draw(st.integers(0, rows))
    return ChunkState(
        number, rows, 1, draw(st.sampled_from(STATUSES)), completed_rows=draw(st.none() | st.integers(0, 30)),
        refused=refused, unknown=draw(st.integers(0, rows - refused)),
    )  # fmt: skip


@given(st.data(), st.integers(1, 5))
def test_counts_add_up_through_every_change(data: st.DataObject, number: int) -> None:
    """Input is the sum of all the others, and changing one chunk keeps the counts what counting anew would give."""
    states = tuple(data.draw(chunks(number=place + 1)) for place in range(number))
    planned = {"input": 6 + sum(chunk.rows for chunk in states), "invalid": 3, "duplicate": 2, "unchanged": 1}
    state = PushState("p", "users", "running", counted(planned, states), states)
    place = data.draw(st.integers(1, number))
    changed = with_chunk(state, data.draw(chunks(number=place, rows=state.chunk(place).rows)))
    assert changed.counts == counted(planned, changed.chunks)
    assert changed.counts["input"] == sum(changed.counts.values()) - changed.counts["input"]
    assert min(changed.counts.values()) >= 0
    assert rows_left(changed) >= 0


def test_a_chunk_in_doubt_is_in_flight() -> None:
    """Rows that may have arrived are neither pending nor unknown while they are being looked for."""
    chunk = ChunkState(1, 5, 1, "looking")
    assert counted({"input": 5}, [chunk])["in_flight"] == 5
    assert chunk.in_doubt
    assert not dataclasses.replace(chunk, status="waiting").in_doubt
