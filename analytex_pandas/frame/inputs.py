"""The one boundary to what users have: pandas, Arrow streams, iterables of frames, Parquet → a source."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa

from analytex_pandas.errors import AnalytexError, ValidationError, code, reason, translated
from analytex_pandas.frame import sources
from analytex_pandas.frame.arrow_types import bytes_of, holds
from analytex_pandas.frame.pandas_frames import frame_source
from analytex_pandas.frame.places import place_of
from analytex_pandas.frame.sources import BatchSize, Source, arrow_source
from analytex_pandas.frame.strangers import (
    line_of,
    named,
    no_frame,
    no_frame_within,
    way_to_read,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow.parquet as pq

    from analytex_pandas.frame.columns import RawBatch
    from analytex_pandas.frame.places import Place

READ_AHEAD = 256 * 1024
"""Bytes of a column that are read from a file at once."""
READ_AHEAD_FAR = 4 * 1024 * 1024
"""The same from a URL, where each look takes its time."""
WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")
"""What a directory's name says that is a number: ``01234`` is text, and so are all others of its column then."""
PROBED_ROWS = 256
"""Rows at a file's beginning that show how wide its rows are."""
FILE_WORKERS = 3
"""Batches coerced at a time: each takes some 40 MB, and what is read from disk may be larger than memory."""


def read_source(data: Any) -> Source:
    if isinstance(data, Source):
        return data
    if isinstance(data, str | os.PathLike):
        if isinstance(data, str) and (not data.strip() or "\n" in data):
            line = "pd.read_csv(io.StringIO(data), dtype=str)" if data.strip() else ""
            raise no_frame(data, line, "This text")
        return parquet_source(place_of(data))
    if (source := source_of_frame(data)) is not None:
        return source
    if isinstance(data, Iterable) and not line_of(data):
        return frames_source(data)
    raise no_frame(data)


def source_of_frame(
    data: Any, start: int = 0, size: BatchSize | None = None, rows: int | None = None
) -> Source | None:
    """Return one frame, or one stream of so many `rows` if that is known, as a source; None for anything else.

    Its first row has the position `start`; `size` is that of its batches, unless what it is in decides.
    """
    if isinstance(data, pd.DataFrame):
        return frame_source(data, start, size)
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if not hasattr(type(data), "__arrow_c_stream__") or isinstance(
        data, pd.Series
    ):  # a Series streams one column
        return None
    reader, bytes_hint = opened(data), 0
    if isinstance(data, pa.Table):
        rows, bytes_hint = len(data), bytes_of(data)
    if size is None and is_in_memory(data):
        in_memory = sources.IN_MEMORY
        size = dataclasses.replace(in_memory, rows=sources.rows_at_once(len(data), in_memory))
    return arrow_source(reader.schema, reader, rows=rows, bytes_hint=bytes_hint, start=start, size=size)


def opened(data: Any) -> pa.RecordBatchReader:
    """Return a reader of an Arrow stream; what pyarrow does not know, such as polars' Int128, is named in an error."""
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table):  # before pyarrow 22 its stream of views that are all short crashes
        return data.to_reader()
    try:
        return pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if line_of(data):
            raise no_frame(data) from error
        unread = []
        for name in getattr(data, "columns", []) if hasattr(data, "select") else []:
            try:
                pa.RecordBatchReader.from_stream(data.select(name)).close()
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                unread.append(repr(name))
        columns = f"Column {', '.join(unread)}" if unread else "A column"
        raise ValidationError(
            f"{columns} of this {type(data).__name__} cannot be read: {error}. Cast what is of a type that pyarrow "
            "does not know (such as Int128 to a decimal), or leave it out."
        ) from error


def is_in_memory(data: Any) -> bool:
    """Tell whether all rows of an Arrow stream are in memory: then what holds them tells how many bytes they take."""
    kind = type(data)  # to ask the data themselves would count them
    return hasattr(kind, "__len__") and (hasattr(kind, "nbytes") or hasattr(kind, "estimated_size"))


def frames_source(frames: Iterable[Any], rows: Iterable[int] = ()) -> Source:
    """Return an iterable of frames as one source; `rows` tells how many rows its streams have, where that is known."""
    return Source(None, (), lambda: frames_batches(frames, iter(rows)), settled=False)


def frames_batches(frames: Iterable[Any], rows: Iterator[int]) -> Iterator[RawBatch]:
    start, iterator = 0, iter(frames)
    for number in count():
        with translated(f"Item {number} of the iterable ({named(frames)}) cannot be read"):
            data = next(iterator, iterator)
        if data is iterator:
            break
        source = source_of_frame(data, start, sources.STREAMED, next(rows, None))
        if source is None:
            raise no_frame_within(frames, number, data)
        for batch in source.batches():
            start = batch.start + batch.rows
            yield batch
    if not number:
        raise ValidationError("The iterable has no frames: it is empty, or has been read before.")


def parquet_source(place: Place) -> Source:
    """Return Parquet as a source that is streamed: a file, a pattern, or a directory of files by their names.

    The parts of names such as ``country=de`` in a directory are columns. Files with other columns than the first are
    read as an iterable of frames is: what is absent is missing.
    """
    import pyarrow.parquet as pq  # kept out of the import of the package

    readers, described = [], []
    try:
        for file, named_values in parquet_files(place):
            described.append(pq.read_metadata(file, filesystem=place.filesystem))
            schema = described[-1].schema.to_arrow_schema()
            constants = {name: value for name, value in named_values.items() if name not in schema.names}
            for name, value in constants.items():
                schema = schema.append(pa.field(name, value.type))
            batches = file_batches(place, file, schema, list(constants.values()))
            readers.append(pa.RecordBatchReader.from_batches(schema, batches))
    except AnalytexError:
        raise
    except Exception as error:
        raise ValidationError(
            f"{code(place.shown)} cannot be read as Parquet ({reason(error)}).{way_to_read(place)}"
        ) from error
    if not readers:
        raise ValidationError(f"There is no Parquet file at {code(place.shown)}.{way_to_read(place)}")
    first = readers[0].schema
    rows = [file.num_rows for file in described]
    if all(reader.schema.equals(first) for reader in readers):
        source = arrow_source(first, chain.from_iterable(readers), rows=sum(rows))
    else:
        source = frames_source(readers, rows)
    bytes_hint = sum(map(stored_bytes, described))
    return dataclasses.replace(source, rows=sum(rows), bytes_hint=bytes_hint, workers=FILE_WORKERS)


def parquet_files(place: Place) -> list[tuple[str, Mapping[str, pa.Scalar[Any]]]]:
    """Return the Parquet files at a place, each with what the names of its directories say, such as ``year=2024``."""
    if not place.is_dir():
        return [(str(file), {}) for file in place.matching()]
    import pyarrow.dataset as ds  # kept out of the import of the package

    files = place.below(".parquet")
    above = [part for file in files for part in file.relative_to(place.path).parts[:-1]]
    names = dict.fromkeys(unquote(part.partition("=")[0]) for part in above if "=" in part)
    if not names:
        return [(str(file), {}) for file in files]
    dataset = ds.dataset(
        [str(file) for file in files],
        filesystem=place.filesystem,
        partitioning=ds.partitioning(pa.schema([(name, pa.string()) for name in names]), flavor="hive"),
        partition_base_dir=str(place.path),
    )
    fragments = [*dataset.get_fragments()]
    keys = [ds.get_partition_keys(fragment.partition_expression) for fragment in fragments]
    for name in names:
        texts = [one[name] for one in keys if one.get(name) is not None]
        whole = texts and all(map(WHOLE.fullmatch, texts))
        for one in (one for one in keys if name in one):
            one[name] = pa.scalar(one[name], pa.string()).cast(pa.int64() if whole else pa.string())
    return [(fragment.path, one) for fragment, one in zip(fragments, keys, strict=True)]


def file_batches(
    place: Place, path: str, schema: pa.Schema, constants: list[pa.Scalar[Any]]
) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows, never a whole row group at once; few together where they are wide, on disk or in memory."""
    import pyarrow.parquet as pq  # kept out of the import of the package

    ahead = READ_AHEAD if place.is_local else READ_AHEAD_FAR
    with (
        translated(f"{code(path)} cannot be read as Parquet"),
        pq.ParquetFile(path, filesystem=place.filesystem, buffer_size=ahead, pre_buffer=False) as file,
    ):
        described = file.metadata
        groups = [group for group in range(file.num_row_groups) if described.row_group(group).num_rows]
        if not groups:
            return
        first = next(file.iter_batches(batch_size=PROBED_ROWS, row_groups=groups[:1], use_threads=False))
        width = max(stored_bytes(described) / described.num_rows, bytes_of(first) / len(first))
        size = max(1, min(sources.STREAMED.rows, int(sources.STREAMED.bytes / width)))
        nested = [kind for kind in file.schema_arrow.types if not pa.types.is_dictionary(kind)]
        apart = any(
            holds(kind, pa.types.is_dictionary) for kind in nested
        )  # such groups pyarrow reads one by one
        for together in [[group] for group in groups] if apart else [groups]:
            for batch in file.iter_batches(batch_size=size, row_groups=together, use_threads=False):
                repeated = [pa.repeat(value, len(batch)) for value in constants]
                yield pa.RecordBatch.from_arrays([*batch.columns, *repeated], schema=schema)


def stored_bytes(described: pq.FileMetaData) -> int:
    """Return how many bytes the columns take uncompressed."""
    return sum(described.row_group(group).total_byte_size for group in range(described.num_row_groups))
