"""Files as sources: what ``frame``, which knows no disk, is handed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.sources import BATCH_BYTES, BATCH_ROWS, Source, arrow_source, bytes_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

READ_AHEAD = 256 * 1024
"""Bytes of a column that are read at once."""
WORKERS = 3
"""Batches coerced at a time: each takes some 40 MB, and what is read from disk may be larger than memory."""
PROBED_ROWS = 256
"""Rows at a file's beginning that show how wide its rows are."""


def read_source(data: Any) -> Source:
    """Return any supported input, the path of a Parquet file included, as a source.

    Raises
    ------
    TypeError
        If the input is none that can be read.
    AnalytexError
        If a path leads to no Parquet file.
    """
    return parquet_source(Path(data)) if isinstance(data, str | Path) else source_of(data)


def parquet_source(path: Path) -> Source:
    """Return a Parquet file, or a directory of them in the order of their names, as a source that is streamed."""
    import pyarrow as pa  # kept out of the import of the package
    import pyarrow.parquet as pq  # kept out of the import of the package

    paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not paths or not paths[0].exists():
        raise AnalytexError(f"There is no Parquet file at {str(path)!r}.")
    try:
        described = [(file, pq.read_metadata(file)) for file in paths]
    except (pa.ArrowInvalid, OSError) as error:
        raise AnalytexError(f"{str(path)!r} cannot be read as Parquet: {error}") from error
    schema = pq.read_schema(paths[0])
    for file in paths[1:]:
        if not pq.read_schema(file).equals(schema):
            raise AnalytexError(
                f"{file.name!r} has other columns or types than {paths[0].name!r}; push them one by one."
            )
    source = arrow_source(
        schema,
        parquet_batches(paths),
        rows=sum(metadata.num_rows for _, metadata in described),
        bytes_hint=sum(
            metadata.row_group(group).total_byte_size
            for _, metadata in described
            for group in range(metadata.num_row_groups)
        ),
    )
    return dataclasses.replace(source, workers=WORKERS)


def parquet_batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of Parquet files, never a whole row group at once."""
    import pyarrow.parquet as pq  # kept out of the import of the package

    for path in paths:
        with pq.ParquetFile(path, buffer_size=READ_AHEAD, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=rows_at_once(file), use_threads=False)


def rows_at_once(file: pq.ParquetFile) -> int:
    """Return how many rows of a Parquet file make a batch: few where they are wide, in the file or in memory."""
    described = file.metadata
    if not described.num_rows:
        return BATCH_ROWS
    stored = sum(described.row_group(group).total_byte_size for group in range(described.num_row_groups))
    first = next(file.iter_batches(batch_size=PROBED_ROWS, use_threads=False))
    width = max(stored / described.num_rows, bytes_of(first) / len(first))
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / width)))
