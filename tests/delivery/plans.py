"""Plans and their chunk files made by hand, so that a push is tested without what makes plans of frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.delivery.spool import Spool
from analytex_pandas.errors import empty_report, typed_table
from analytex_pandas.frame.document import COLUMN_DTYPES, PlanDocument
from analytex_pandas.frame.duplicates import INVALID, SENT
from analytex_pandas.frame.labels import index_arrays, rows_table
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.frame.options import Options

if TYPE_CHECKING:
    from pathlib import Path


def make_plan(
    state: Path,
    rows: int = 6,
    chunk_rows: int = 2,
    *,
    push_id: str = "20261123-231500-3f9a1c",
    skipped: int = 0,
    index: pd.Index[Any] | None = None,
    kind: str = "users",
    user_ids: list[str] | None = None,
    **options: Any,
) -> tuple[PlanDocument, Spool]:
    """Return a plan of `rows` records in chunks; the first `skipped` rows of its input are invalid ones."""
    spool = Spool(state / "spool" / push_id)
    total = rows + skipped
    index = pd.RangeIndex(total) if index is None else index
    ids = user_ids or [f"u{position}" for position in range(skipped, total)]
    id_key = "user_id" if kind == "users" else "company_id"
    chunks = []
    canary = options.get("canary", 0)
    starts = [0] if canary else []
    starts += list(range(canary, rows, chunk_rows))
    for number, begin in enumerate(starts, start=1):
        end = starts[number] if number < len(starts) else rows
        positions = np.arange(begin, end, dtype=np.int64) + skipped
        lines = [
            json.dumps({id_key: ids[place], "metadata": {"n": place}}).encode() + b"\n"
            for place in range(begin, end)
        ]
        labels = index_arrays(index)
        if isinstance(labels, list):
            labels = index_arrays(index[positions])
        spool.write_chunk(number, lines, rows_table(positions, labels))
        chunks.append(ChunkSize(number, end - begin, sum(map(len, lines))))
    labels = index_arrays(index)
    spool.input.add(rows_table(np.arange(total, dtype=np.int64), labels), pa.array([None] * skipped + ids))
    spool.input.end(np.array([INVALID] * skipped + [SENT] * rows, np.int8))
    spool.pushed()  # so that another process finds them, too
    document = PlanDocument(
        id=push_id,
        kind=kind,  # type: ignore[arg-type]
        options=Options(chunk_rows=chunk_rows, **options),
        counts={"input": total, "invalid": skipped, "duplicate": 0, "unchanged": 0, "to_send": rows},
        chunks=tuple(chunks),
        columns=typed_table(
            COLUMN_DTYPES,
            [
                {
                    "column": id_key,
                    "property": id_key,
                    "dtype": "str",
                    "json_type": "string",
                    "nulls": 0,
                    "example": ids[0] if ids else "",
                    "note": "",
                },
                {
                    "column": "n",
                    "property": "n",
                    "dtype": "int64",
                    "json_type": "number",
                    "nulls": 0,
                    "example": "0",
                    "note": "",
                },
            ],
        ),
        invalid=empty_report(),
        index_names=tuple(index.names),
        id_columns={id_key: id_key},
    )
    return document, spool
