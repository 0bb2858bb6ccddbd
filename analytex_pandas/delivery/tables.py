"""What a push shows as DataFrames, with the documented columns and dtypes also when they are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from analytex_pandas.delivery.state import COUNTS, counted
from analytex_pandas.errors import typed_table
from analytex_pandas.frame.labels import POSITION, labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from analytex_pandas.delivery.journal import ErrorRecord, PushRecord
    from analytex_pandas.delivery.state import ChunkState

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
    "id": "object",
    "property": "object",
    "code": "object",
    "message": "object",
    "chunk": "Int64",
    "job_id": "object",
    "raw": "object",
}
PUSH_COLUMNS: Final = {
    "id": "object",
    "kind": "object",
    "status": "object",
    "environment": "object",
    **dict.fromkeys(COUNTS, "int64"),
    "created_at": MOMENT,
    "ended_at": MOMENT,
    "parent": "object",
    "error": "object",
}


def counts_series(counts: Mapping[str, int]) -> pd.Series[int]:
    return pd.Series({name: counts[name] for name in COUNTS}, dtype="int64", name="rows")


def jobs_table(chunks: Iterable[ChunkState]) -> pd.DataFrame:
    return typed_table(
        JOB_COLUMNS,
        [
            {
                "chunk": chunk.number,
                **{name: getattr(chunk, name) for name in JOB_COLUMNS if name != "chunk"},
            }
            for chunk in chunks
        ],
    )


def errors_table(errors: Sequence[ErrorRecord], kept: Iterable[pa.Table]) -> pd.DataFrame:
    """Return the row errors of a push; every row that has one is among its kept rows, and so is its label."""
    label_of: dict[int, Any] = {}
    if errors:
        for rows in kept:
            positions = rows[POSITION].to_numpy().tolist()
            label_of.update(zip(positions, labels(rows), strict=True))
    return typed_table(
        ERROR_COLUMNS,
        [
            {
                "index": None if error.position is None else label_of.get(error.position),
                **{name: getattr(error, name) for name in ERROR_COLUMNS if name != "index"},
            }
            for error in errors
        ],
    )


def pushes_table(found: Iterable[tuple[PushRecord, str, Sequence[ChunkState]]]) -> pd.DataFrame:
    return typed_table(
        PUSH_COLUMNS,
        [
            {
                "id": record.id,
                "kind": record.kind,
                "status": status,
                "environment": record.base_url,
                **counted(record.counts, chunks),
                "created_at": record.created_at,
                "ended_at": record.ended_at,
                "parent": record.parent,
                "error": record.error,
            }
            for record, status, chunks in found
        ],
    )
