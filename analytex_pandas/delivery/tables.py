"""What a push shows as DataFrames, with the documented columns and dtypes also when they are empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

import pandas as pd

from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.state import COUNTS, ChunkState, PushState
from analytex_pandas.errors import typed_table
from analytex_pandas.frame.labels import POSITION, labels

MOMENT: Final = "datetime64[us, UTC]"
JOB_COLUMNS: Final = {
    "chunk": "int64",
    "job_id": "object",
    "status": "object",
    "rows": "int64",
    "completed_rows": "Int64",
    "bytes": "int64",
    "submitted_at": MOMENT,
    "ended_at": MOMENT,
    "attempts": "int64",
}
ERROR_COLUMNS: Final = {
    "position": "Int64",
    "index": "object",
    **dict.fromkeys(("id", "property", "code", "message"), "object"),
    "chunk": "Int64",
    "job_id": "object",
    "raw": "object",
}
PUSH_COLUMNS: Final = {
    **dict.fromkeys(("id", "kind", "status", "environment"), "object"),
    **dict.fromkeys(COUNTS, "int64"),
    "created_at": MOMENT,
    "ended_at": MOMENT,
    "parent": "object",
    "error": "object",
}


def jobs_table(chunks: Iterable[ChunkState]) -> pd.DataFrame:
    rows = []
    for chunk in (chunk for chunk in chunks if chunk.rows):  # cut anew, a chunk is left without any
        row = asdict(chunk) | {"chunk": chunk.number}
        # Of a job that came late, and was not asked for, nothing is known but that it is there.
        unasked = dict.fromkeys(("completed_rows", "submitted_at", "ended_at"))
        rows += [
            row,
            *(row | unasked | {"job_id": job_id, "status": "twice"} for job_id in chunk.twins or ()),
        ]
    return typed_table(JOB_COLUMNS, rows)


def errors_table(journal: Journal, push_id: str) -> pd.DataFrame:
    """Return the row errors of a push; every row that has one is among its kept rows, and so is its label."""
    errors = journal.errors(push_id)
    label_of: dict[int | None, Any] = {}
    for table in journal.kept(push_id).values() if errors else ():
        label_of.update(zip(table[POSITION].to_pylist(), labels(table), strict=True))
    rows = [{**error, "index": label_of.get(error["position"])} for error in errors]
    return typed_table(ERROR_COLUMNS, rows)


def pushes_table(found: Iterable[PushState]) -> pd.DataFrame:
    named = {"environment": "base_url", "created_at": "started_at"}
    told = [name for name in PUSH_COLUMNS if name not in COUNTS]
    rows = ({name: getattr(push, named.get(name, name)) for name in told} | {**push.counts} for push in found)
    return typed_table(PUSH_COLUMNS, [*rows])
