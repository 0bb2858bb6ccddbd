"""Parquet files as sources, and of what is no Parquet the line that makes a frame of it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from glob import glob
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analytex_pandas.errors import ValidationError, code, reason, translated
from analytex_pandas.frame.arrow_types import bytes_of, holds
from analytex_pandas.frame.sources import STREAMED, Source, arrow_source, frames_source, source_of
from analytex_pandas.frame.strangers import no_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow.parquet as pq

READ_AHEAD = 256 * 1024
"""Bytes of a column that are read at once."""
WORKERS = 3
"""Batches coerced at a time: each takes some 40 MB, and what is read from disk may be larger than memory."""
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
READ_BY = {
    ".parquet": "",
    **dict.fromkeys([".csv", ".txt"], "pd.read_csv({}, dtype=str)"),
    ".tsv": 'pd.read_csv({}, sep="\\t", dtype=str)',
    **dict.fromkeys([".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"], "pd.read_excel({}, dtype=str)"),
    ".json": "pd.read_json({}, dtype=False, convert_dates=False)",
    **dict.fromkeys([".jsonl", ".ndjson"], "pd.read_json({}, lines=True, dtype=False, convert_dates=False)"),
    **dict.fromkeys([".feather", ".arrow", ".ipc"], "pd.read_feather({})"),
    ".orc": "pd.read_orc({})",
    ".dta": "pd.read_stata({})",
    ".sav": "pd.read_spss({})",
    **dict.fromkeys([".sas7bdat", ".xpt"], "pd.read_sas({})"),
    **dict.fromkeys([".pkl", ".pickle"], "pd.read_pickle({})"),
}
"""How a file's name ends → what makes a frame of it; ids in text keep their zeros."""
PROBED_ROWS = 256
"""Rows at a file's beginning that show how wide its rows are."""


def read_source(data: Any) -> Source:
    """Return any supported input as a source, the path of Parquet included."""
    if not isinstance(data, str | os.PathLike):
        return source_of(data)
    if isinstance(data, str) and (not data.strip() or "\n" in data):
        raise no_frame(data, "pd.read_csv(io.StringIO(data), dtype=str)" if data.strip() else "", "This text")
    if isinstance(data, str) and "://" in data:
        line = line_to_read(Path(data)) or "pd.read_parquet({})"
        raise no_frame(data, line.format(code(data)), "A URL")
    return parquet_source(Path(os.fsdecode(data)))


def parquet_source(path: Path) -> Source:
    """Return Parquet as a source that is streamed: a file, a pattern, or a directory of files by their names.

    The parts of names such as ``country=de`` in a directory are columns. Files with other columns than the first are
    read as an iterable of frames is: what is absent is missing.
    """
    try:
        parts = parquet_parts(path)
    except Exception as error:
        raise ValidationError(
            f"{code(str(path))} cannot be read as Parquet ({reason(error)}).{way_to_read(path)}"
        ) from error
    if not parts:
        raise ValidationError(f"There is no Parquet file at {code(str(path))}.{way_to_read(path)}")
    first = parts[0].schema
    rows = [part.rows for part in parts]
    total = sum(rows)
    if all(part.schema.equals(first) for part in parts):
        source = arrow_source(first, chain.from_iterable(part.batches() for part in parts), rows=total)
    else:
        readers = (pa.RecordBatchReader.from_batches(part.schema, part.batches()) for part in parts)
        source = frames_source(readers, rows)
    bytes_hint = sum(part.bytes for part in parts)
    return dataclasses.replace(source, rows=total, bytes_hint=bytes_hint, workers=WORKERS)


def way_to_read(path: Path) -> str:
    """Return the line that makes a frame of a file that is no Parquet, or of a directory of such; empty if unknown."""
    if path.is_file():
        line = line_to_read(path)
        return f" This makes a frame of it: {line.format(code(str(path)))}." if line else ""
    if not path.is_dir():
        return " Is it the right path, seen from os.getcwd()?"
    found = next((file for file in sorted(path.iterdir()) if line_to_read(file)), None)
    if found is None:
        return ""
    pattern = code(str(path / f"*{''.join(found.suffixes)}"))
    line = line_to_read(found).format("path")
    return f" These are frames of what it holds: ({line} for path in glob.glob({pattern}))."


def line_to_read(path: Path) -> str:
    """Return the line, without the path, that reads a file by how its name ends."""
    suffixes = [suffix for suffix in path.suffixes if suffix.casefold() not in COMPRESSED]
    return READ_BY.get(suffixes[-1].casefold(), "") if suffixes else ""


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
        import pyarrow.parquet as pq  # kept out of the import of the package

        with (
            translated(f"{code(str(self.path))} cannot be read as Parquet"),
            pq.ParquetFile(self.path, buffer_size=READ_AHEAD, pre_buffer=False) as file,
        ):
            readable = readable_groups(file)
            size = rows_at_once(file, readable)
            for groups in readable:
                for batch in file.iter_batches(batch_size=size, row_groups=groups, use_threads=False):
                    constants = [pa.repeat(value, len(batch)) for value in self.constants.values()]
                    yield pa.RecordBatch.from_arrays([*batch.columns, *constants], schema=self.schema)


def readable_groups(file: pq.ParquetFile) -> list[list[int]]:
    """Return the row groups that have rows, as many together as pyarrow reads: one, where dictionaries are nested."""
    every = [group for group in range(file.num_row_groups) if file.metadata.row_group(group).num_rows]
    nested = [kind for kind in file.schema_arrow.types if not pa.types.is_dictionary(kind)]
    apart = any(holds(kind, pa.types.is_dictionary) for kind in nested)
    return [[group] for group in every] if apart else [every]


def parquet_parts(path: Path) -> list[ParquetPart]:
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
    import pyarrow.dataset as ds  # kept out of the import of the package

    files = sorted(
        file for file in path.rglob("*.parquet") if file.is_file() and not is_private(file.relative_to(path))
    )
    if not any("=" in part for file in files for part in file.relative_to(path).parts[:-1]):
        return [(file, {}) for file in files]
    found = ds.dataset([str(file) for file in files], partitioning="hive", partition_base_dir=str(path))
    named_files: list[tuple[Path, Mapping[str, pa.Scalar[Any]]]] = []
    for fragment in found.get_fragments():
        keys = ds.get_partition_keys(fragment.partition_expression)
        values = {name: pa.scalar(value, found.schema.field(name).type) for name, value in keys.items()}
        named_files.append((Path(fragment.path), values))
    return named_files


def is_private(path: Path) -> bool:
    """Tell whether a file is bookkeeping of who wrote the directory, such as ``_delta_log``."""
    return any(part.startswith(("_", ".")) and "=" not in part for part in path.parts)


def stored_bytes(metadata: pq.FileMetaData) -> int:
    """Return how many bytes the columns take uncompressed."""
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def rows_at_once(file: pq.ParquetFile, readable: Sequence[Sequence[int]]) -> int:
    """Return how many rows of a Parquet file make a batch: few where they are wide, in the file or in memory."""
    described = file.metadata
    if not described.num_rows:
        return STREAMED.rows
    first = next(file.iter_batches(batch_size=PROBED_ROWS, row_groups=readable[0], use_threads=False))
    width = max(stored_bytes(described) / described.num_rows, bytes_of(first) / len(first))
    return max(1, min(STREAMED.rows, int(STREAMED.bytes / width)))
