"""Files as sources: what ``frame``, which knows no disk, is handed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from glob import glob
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.pandas_columns import bytes_of
from analytex_pandas.frame.sources import (
    STREAMED,
    Source,
    arrow_source,
    frames_source,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """Return Parquet as a source that is streamed: a file, a pattern, or a directory of files by their names.

    The parts of names such as ``country=de`` in a directory are columns. Files with other columns than the first are
    read as an iterable of frames is: what is absent is missing.
    """
    import pyarrow as pa  # kept out of the import of the package

    try:
        parts = parquet_parts(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise AnalytexError(f"{str(path)!r} cannot be read as Parquet: {error}") from error
    if not parts:
        raise AnalytexError(f"There is no Parquet file at {str(path)!r}.")
    first = parts[0].schema
    if all(part.schema.equals(first) for part in parts):
        source = arrow_source(first, chain.from_iterable(part.batches() for part in parts))
    else:
        source = frames_source(
            pa.RecordBatchReader.from_batches(part.schema, part.batches()) for part in parts
        )
    return dataclasses.replace(
        source,
        rows=sum(part.rows for part in parts),
        bytes_hint=sum(part.bytes for part in parts),
        workers=WORKERS,
    )


@dataclass(frozen=True)
class ParquetPart:
    """One Parquet file, with the columns that the names of its directories are."""

    path: Path
    rows: int
    bytes: int
    schema: pa.Schema
    constants: Mapping[str, pa.Scalar[Any]]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, never a whole row group at once."""
        import pyarrow as pa  # kept out of the import of the package
        import pyarrow.parquet as pq  # kept out of the import of the package

        with pq.ParquetFile(self.path, buffer_size=READ_AHEAD, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=rows_at_once(file), use_threads=False):
                constants = [pa.repeat(value, len(batch)) for value in self.constants.values()]
                yield pa.RecordBatch.from_arrays([*batch.columns, *constants], schema=self.schema)


def parquet_parts(path: Path) -> list[ParquetPart]:
    """Return the Parquet files at a path, in the order of their names."""
    import pyarrow as pa  # kept out of the import of the package
    import pyarrow.parquet as pq  # kept out of the import of the package

    parts = []
    for file, names in partitioned(path):
        metadata = pq.read_metadata(file)
        schema = metadata.schema.to_arrow_schema()
        constants = {name: value for name, value in names.items() if name not in schema.names}
        for name, value in constants.items():
            schema = schema.append(pa.field(name, value.type))
        parts.append(ParquetPart(file, metadata.num_rows, stored_bytes(metadata), schema, constants))
    return parts


def partitioned(path: Path) -> list[tuple[Path, Mapping[str, pa.Scalar[Any]]]]:
    """Return the Parquet files at a path, each with what the names of its directories say, such as ``year=2024``."""
    if not path.is_dir():
        named = [path] if path.exists() else sorted(map(Path, glob(str(path), recursive=True)))  # noqa: PTH207  # may be absolute
        return [(file, {}) for file in named if file.is_file()]
    import pyarrow as pa  # kept out of the import of the package
    import pyarrow.dataset as ds  # kept out of the import of the package

    files = sorted(file for file in path.rglob("*.parquet") if not is_private(file.relative_to(path)))
    if not any("=" in part for file in files for part in file.relative_to(path).parts[:-1]):
        return [(file, {}) for file in files]
    found = ds.dataset([str(file) for file in files], partitioning="hive", partition_base_dir=str(path))
    return [
        (
            Path(fragment.path),
            {
                name: pa.scalar(value, found.schema.field(name).type)
                for name, value in ds.get_partition_keys(fragment.partition_expression).items()
            },
        )
        for fragment in found.get_fragments()
    ]


def is_private(path: Path) -> bool:
    """Tell whether a file is bookkeeping of who wrote the directory, such as ``_delta_log``."""
    return any(part.startswith(("_", ".")) and "=" not in part for part in path.parts)


def stored_bytes(metadata: pq.FileMetaData) -> int:
    """Return the bytes of a Parquet file's columns, uncompressed."""
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def rows_at_once(file: pq.ParquetFile) -> int:
    """Return how many rows of a Parquet file make a batch: few where they are wide, in the file or in memory."""
    described = file.metadata
    if not described.num_rows:
        return STREAMED.rows
    first = next(file.iter_batches(batch_size=PROBED_ROWS, use_threads=False))
    width = max(stored_bytes(described) / described.num_rows, bytes_of(first) / len(first))
    return max(1, min(STREAMED.rows, int(STREAMED.bytes / width)))
