"""Where the lines of a chunk came from, kept in a few bytes where that is possible, and read back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analytex_pandas as apd
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.frame.columns import RangeLabels
from analytex_pandas.frame.labels import index_arrays, labels, rows_table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


def rows_of(positions: list[int], index: RangeLabels | list[pa.Array]) -> pa.Table:
    """Return a rows table."""
    return rows_table(np.array(positions, np.int64), index)


@given(
    st.lists(st.integers(0, 30), max_size=6) | st.integers(0, 2**62).map(lambda first: [first, first + 1]),
    st.tuples(st.integers(-(2**40), 2**40), st.sampled_from([-3, -1, 1, 7])),
)
def test_rows_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, positions: list[int], ranged: tuple[int, int]
) -> None:
    """In a row or not, in order or not, whatever the range of the index."""
    spool = Spool(tmp_path_factory.mktemp("spool"))
    rows = rows_of(positions, RangeLabels(*ranged))
    spool.write_chunk(1, [b"{}\n"] * len(positions), rows)
    found = spool.rows(1)
    assert found["position"].to_pylist() == positions
    assert labels(found) == labels(rows)
    assert found.schema.equals(rows.schema, check_metadata=True)


def test_the_last_rows_written_count(tmp_path: Path) -> None:
    """A chunk is written over when lines fall away, from a run of rows to any others and back."""
    spool = Spool(tmp_path)
    named = index_arrays(pd.Index(["p", "q"]))
    for number in (1, 2):
        spool.write_chunk(number, [b"{}\n"] * 3, rows_of([7, 8, 9], RangeLabels()))
    for positions, index, wanted in (
        ([7, 9], RangeLabels(), [7, 9]),
        ([5, 6], RangeLabels(100, 2), [110, 112]),
        ([5, 6], named, ["p", "q"]),
        ([8], RangeLabels(), [8]),
    ):
        spool.write_chunk(1, [b"{}\n"] * len(positions), rows_of(positions, index))
        spool.pushed()
        for known in (spool, Spool(tmp_path)):
            assert known.rows(1)["position"].to_pylist() == positions
            assert labels(known.rows(1)) == wanted
            assert known.rows(2)["position"].to_pylist() == [7, 8, 9], "the other chunk is as it was"


def test_rows_that_are_gone_are_missed_by_name(tmp_path: Path) -> None:
    """Whoever needs them says which file it is."""
    spool = Spool(tmp_path)
    with pytest.raises(apd.AnalytexError, match="chunks does not have chunk 1"):
        spool.rows(1)
    spool.write_chunk(2, [b"{}\n"], rows_of([0], RangeLabels()))
    spool.pushed()
    with pytest.raises(apd.AnalytexError, match="chunks does not have chunk 1"):
        spool.rows(1)
    spool.chunk_path(2).unlink()
    with pytest.raises(apd.AnalytexError, match=r"00002\.ndjson cannot be read"):
        spool.read_chunk(2)


def test_every_file_is_for_this_user_only(tmp_path: Path) -> None:
    """Records and labels are personal data."""
    spool = Spool(tmp_path / "spool")
    spool.write_chunk(1, [b"{}\n"], rows_of([0], RangeLabels()))
    spool.write_chunk(2, [b"{}\n"], rows_of([4], index_arrays(pd.Index(["p"]))))
    spool.pushed()
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.directory.iterdir()}
    assert modes == dict.fromkeys(
        ["00001.ndjson", "00002.ndjson", "00002.rows.arrow", "chunks", "pushed.txt"], 0o600
    )
