"""Rows that a push keeps after their chunk file is gone: refused and unknown ones.

They are what ``failed`` shows and ``retry`` sends.

A table of kept rows is a rows table (see ``frame.labels``: positions and labels) with two columns more: the
line as it was sent, and its fate.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.delivery.blobs import from_blob, to_blob
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.report import Verdict
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.frame.duplicates import SENT
from analytex_pandas.frame.labels import NO_ROWS, POSITION
from analytex_pandas.frame.ndjson import Chunker, lines_of
from analytex_pandas.settings import ID_NAMES, Kind

LINE: Final = "line"
FATE: Final = "fate"
REFUSED: Final = 1
DOUBTFUL: Final = 2
LATER: Final = "later"
"""What a later push, of a retry, was told of the row: JSON of chunk, job_id, code and message; else null."""
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


def later_answers(
    push_id: str, number: int, job_id: str | None, names: Sequence[str | None], verdict: Verdict
) -> dict[str | None, tuple[int, str]]:
    """Return what a chunk of a retry says of its rows, by id: the fate, and the answer as JSON."""
    said = {error.line: error for error in reversed(verdict.errors) if error.line is not None}
    doubtful = {*verdict.doubtful}
    answers = {}
    for line, name in enumerate(names):
        if line in doubtful:
            continue
        answer = {"chunk": number, "job_id": job_id, "code": None}
        if line in said:
            again = f"{said[line].message} (said when push {push_id} sent it again)"
            answer |= {"code": said[line].code, "message": again}
        else:
            answer["message"] = f"Brought in by push {push_id}, which sent it again."
        answers[name] = (REFUSED if line in said else MENDED, json.dumps(answer))
    return answers


def mend(
    connection: sqlite3.Connection, push_id: str, kind: Kind, answers: Mapping[str | None, tuple[int, str]]
) -> None:
    """Write down what a retry came to, in whatever pushes of the same rows have kept of them, and in their counts.

    A row that was acknowledged once stays so; one that the retry does not know the end of stays what it was.
    """
    for push, chunk, blob in connection.execute(RELATED, {"push": push_id}).fetchall():
        try:
            rows = from_blob(blob)
        except (ValueError, pa.ArrowException):
            continue  # whoever reads it is told that it is damaged
        fates = rows[FATE].to_pylist()
        later = rows[LATER].to_pylist() if LATER in rows.column_names else [None] * len(rows)
        names = ids_of(rows[LINE].to_pylist(), kind)
        told = [at for at, name in enumerate(names) if name in answers and fates[at] != MENDED]
        if not told:
            continue
        for at in told:
            fates[at], later[at] = answers[names[at]]
        plain = rows.drop_columns([name for name in (FATE, LATER) if name in rows.column_names])
        changed = plain.append_column(FATE, pa.array(fates, pa.int8()))
        changed = changed.append_column(LATER, pa.array(later, pa.large_string()))
        key = [push, chunk]
        connection.execute("UPDATE kept SET rows = ? WHERE push = ? AND chunk = ?", [to_blob(changed), *key])
        connection.execute(
            "UPDATE chunk SET refused = ?, unknown = min(unknown, ?) WHERE push = ? AND number = ?",
            [fates.count(REFUSED), fates.count(DOUBTFUL), *key],
        )


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of kept rows of one push as one; a retry has answered for rows of some of them only."""
    metadata = tables[0].schema.metadata
    return pa.concat_tables(tables, promote_options="permissive").replace_schema_metadata(metadata)


def kept_of(journal: Journal, push_id: str, *, unknown: bool = False) -> tuple[pa.Table, list[bytes]]:
    """Return the refused rows of a push, and their lines, with those that are unknown if asked for."""
    tables = [*journal.kept(push_id).values()]
    if not tables:
        return NO_ROWS, []
    kept = joined(tables)
    names = [name for name in kept.column_names if name not in (LINE, FATE, LATER)]
    fates = [REFUSED, DOUBTFUL] if unknown else [REFUSED]
    kept = kept.filter(pc.is_in(kept[FATE], value_set=pa.array(fates, pa.int8())))
    return kept.select(names), [line for line in kept[LINE].to_pylist() if line is not None]


def mended_positions(journal: Journal, push_id: str) -> list[int]:
    """Return the places of the rows of a push that a retry has brought in since."""
    tables = journal.kept(push_id).values()
    return [at for rows in tables for at in rows.filter(pc.equal(rows[FATE], MENDED))[POSITION].to_pylist()]


def as_they_were(
    document: PlanDocument, rows: pa.Table, lines: Sequence[bytes], spool: Spool
) -> PlanDocument:
    """Return a plan of lines sent before, cut into chunks anew, every row with its first position."""
    options = replace(document.options, canary=0, only_changed=False, strict=False)
    ended = [line + b"\n" for line in lines]
    # chunks cut anew may be smaller than a record that was sent before
    chunker = Chunker(options.chunk_rows, max([options.file_bytes, *map(len, ended)]), spool.write_chunk)
    chunker.add(lines_of(b"".join(ended)), rows)
    chunker.close()
    spool.input.add(rows, pa.array(ids_of(lines, document.kind), pa.large_string()))
    spool.input.end(np.full(len(lines), SENT, np.int8))
    again = document.again(chunker.sizes, spool.digest)
    return replace(again, id=spool.directory.name, options=options)
