"""Rows that a push keeps after their chunk file is gone: refused and unknown ones.

They are what ``failed`` shows and ``retry`` sends.

A table of kept rows is a rows table (see ``frame.labels``: positions and labels) with two columns more: the
line as it was sent, and its fate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytex_pandas.delivery.report import Verdict

LINE: Final = "line"
FATE: Final = "fate"
REFUSED: Final = 1
DOUBTFUL: Final = 2


def kept_rows(rows: pa.Table, lines: Sequence[bytes], verdict: Verdict) -> pa.Table | None:
    """Return the refused and doubtful rows of a chunk, or None when there are none."""
    fates = dict.fromkeys(verdict.doubtful, DOUBTFUL) | dict.fromkeys(verdict.refused, REFUSED)
    if not fates:
        return None
    places = sorted(fates)
    kept = rows.take(pa.array(places, pa.int64()))
    kept = kept.append_column(LINE, pa.array([lines[place] for place in places], pa.large_binary()))
    return kept.append_column(FATE, pa.array([fates[place] for place in places], pa.int8()))


def to_blob(rows: pa.Table) -> bytes:
    """Return kept rows as bytes for the journal."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if pa.Codec.is_available("zstd") else None)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def from_blob(blob: bytes) -> pa.Table:
    """Return the kept rows that ``to_blob`` was given."""
    with pa.ipc.open_stream(blob) as reader:
        return reader.read_all()


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the kept rows of several chunks as one table; at least one is needed."""
    metadata = tables[0].schema.metadata
    return pa.concat_tables(tables, promote_options="permissive").replace_schema_metadata(metadata)


def of_fates(kept: pa.Table, *fates: int) -> pa.Table:
    """Return the kept rows of these fates."""
    return kept.filter(pc.is_in(kept[FATE], value_set=pa.array(fates, pa.int8())))


def split(kept: pa.Table) -> tuple[pa.Table, list[bytes]]:
    """Return the rows table and the lines of kept rows."""
    lines = [line for line in kept[LINE].to_pylist() if line is not None]
    return kept.drop_columns([LINE, FATE]), lines
