"""Rows that a push keeps after their chunk file is gone: refused and unknown ones.

They are what ``failed`` shows and ``retry`` sends.

A table of kept rows is a rows table (see ``frame.labels``: positions and labels) with two columns more: the
line as it was sent, and its fate.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.delivery.blobs import from_blob, to_blob
from analytex_pandas.errors import empty_report
from analytex_pandas.frame.document import no_changes
from analytex_pandas.frame.labels import POSITION
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.settings import ID_NAMES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.report import Verdict
    from analytex_pandas.delivery.spool import Spool
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.settings import Kind

LINE: Final = "line"
FATE: Final = "fate"
REFUSED: Final = 1
DOUBTFUL: Final = 2
MENDED: Final = 3
"""The fate of a row that a later push, of a retry, has brought in after all."""


def kept_rows(rows: pa.Table, lines: Sequence[bytes], verdict: Verdict) -> pa.Table:
    fates = dict.fromkeys(verdict.doubtful, DOUBTFUL) | dict.fromkeys(verdict.refused, REFUSED)
    places = sorted(fates)
    kept = rows.take(pa.array(places, pa.int64()))
    kept = kept.append_column(LINE, pa.array([lines[place] for place in places], pa.large_binary()))
    return kept.append_column(FATE, pa.array([fates[place] for place in places], pa.int8()))


def ids_of(lines: Iterable[bytes], kind: Kind) -> list[str | None]:
    return [json.loads(line).get(ID_NAMES[kind]) for line in lines]


RELATED: Final = """
WITH RECURSIVE
    above (id, parent) AS (
        SELECT id, parent FROM push WHERE id = :push
        UNION SELECT push.id, push.parent FROM push JOIN above ON push.id = above.parent
    ),
    family (id) AS (
        SELECT id FROM above WHERE parent IS NULL OR parent NOT IN (SELECT id FROM push)
        UNION SELECT push.id FROM push JOIN family ON push.parent = family.id
    )
SELECT push, chunk, rows FROM kept WHERE push IN (SELECT id FROM family) AND push <> :push
"""
"""What pushes have kept of whose rows one is a retry, or a retry of a retry."""


def mend(connection: sqlite3.Connection, push_id: str, kind: Kind, ids: Collection[str | None]) -> None:
    """Write down that rows were acknowledged in a retry, in whatever pushes of the same rows have kept of them."""
    for push, chunk, blob in connection.execute(RELATED, {"push": push_id}).fetchall():
        try:
            rows = from_blob(blob)
        except (ValueError, pa.ArrowException):
            continue  # whoever reads it is told that it is damaged
        known = zip(ids_of(rows[LINE].to_pylist(), kind), rows[FATE].to_pylist(), strict=True)
        fates = pa.array([MENDED if name in ids else fate for name, fate in known], pa.int8())
        changed = rows.set_column(rows.schema.get_field_index(FATE), FATE, fates)
        connection.execute(
            "UPDATE kept SET rows = ? WHERE push = ? AND chunk = ?", [to_blob(changed), push, chunk]
        )


def kept_of(journal: Journal, push_id: str, *, unknown: bool = False) -> tuple[pa.Table, list[bytes]]:
    """Return the refused rows of a push, and their lines, with those that are unknown if asked for."""
    tables = journal.kept(push_id)
    if not tables:
        return pa.table({POSITION: pa.array([], pa.int64())}), []
    metadata = tables[0].schema.metadata
    kept = pa.concat_tables(tables, promote_options="permissive").replace_schema_metadata(metadata)
    fates = [REFUSED, DOUBTFUL] if unknown else [REFUSED]
    kept = kept.filter(pc.is_in(kept[FATE], value_set=pa.array(fates, pa.int8())))
    return kept.drop_columns([LINE, FATE]), [line for line in kept[LINE].to_pylist() if line is not None]


def as_they_were(
    document: PlanDocument, rows: pa.Table, lines: Sequence[bytes], spool: Spool
) -> PlanDocument:
    """Return a plan of lines sent before, cut into chunks anew, every row with its first position."""
    options = dataclasses.replace(document.options, canary=0, only_changed=False, strict=False)
    chunks = []
    for number, (begin, end) in enumerate(cuts(lines, options.chunk_rows, options.file_bytes), start=1):
        ended = [line + b"\n" for line in lines[begin:end]]
        spool.write_chunk(number, ended, rows.slice(begin, end - begin))
        chunks.append(ChunkSize(number, end - begin, sum(map(len, ended))))
    return dataclasses.replace(
        document,
        id=spool.directory.name,
        options=options,
        counts={"input": len(lines), "invalid": 0, "duplicate": 0, "unchanged": 0, "to_send": len(lines)},
        chunks=tuple(chunks),
        invalid=empty_report(),
        blocked=False,
        changes=no_changes(),
        digest=spool.digest,
    )


def cuts(lines: Sequence[bytes], chunk_rows: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where chunks begin and end, each of at most so many rows and bytes, line ends included."""
    begin = size = 0
    for place, line in enumerate(lines):
        if place > begin and (place - begin == chunk_rows or size + len(line) + 1 > chunk_bytes):
            yield begin, place
            begin, size = place, 0
        size += len(line) + 1
    if begin < len(lines):
        yield begin, len(lines)
