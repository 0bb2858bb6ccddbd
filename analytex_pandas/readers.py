"""Files as sources: what ``frame``, which knows no disk, is handed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.sources import BATCH_ROWS, Source, arrow_source, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

READ_AHEAD = 256 * 1024
"""Bytes of a column that are read at once."""


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
    return arrow_source(
        schema,
        parquet_batches(paths),
        rows=sum(metadata.num_rows for _, metadata in described),
        bytes_hint=sum(
            metadata.row_group(group).total_byte_size
            for _, metadata in described
            for group in range(metadata.num_row_groups)
        ),
    )


def parquet_batches(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of Parquet files, never a whole row group at once."""
    import pyarrow.parquet as pq  # kept out of the import of the package

    for path in paths:
        with pq.ParquetFile(path, buffer_size=READ_AHEAD, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
