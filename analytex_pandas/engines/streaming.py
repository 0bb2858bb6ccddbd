"""Frames of engines → sources, read partition by partition: the driver holds one at a time.

No engine is imported for that: whoever has a frame of one has imported it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.engines import spark
from analytex_pandas.engines.failures import told_briefly
from analytex_pandas.errors import ValidationError
from analytex_pandas.frame import sources
from analytex_pandas.frame.columns import RawBatch, RawColumn, cells_of
from analytex_pandas.frame.inputs import read_source, source_of_frame
from analytex_pandas.frame.sources import Source
from analytex_pandas.frame.strangers import named

MODIN_ROWS = 100_000
"""Rows of a Modin frame that are fetched at once."""
RAY_OBJECTS = "ray.data.arrow_pickled_object"
DAFT_TYPES = "daft.super_extension"
"""Arrow types of columns of Python objects, such as the categories of a frame of pandas; Daft's is of others, too."""


@dataclass(frozen=True)
class Parts:
    """A frame of an engine in parts, which are pandas DataFrames or have an Arrow stream.

    `frames` starts the reading, which ends when it is closed; it yields each part with the number of its partition.
    `empty` gives a frame without rows, for where there is no part. `index_names` is None where rows have no label but
    (partition, row); `typed` tells that all parts have the columns and types of the first.
    """

    frames: Callable[[], Generator[tuple[int, Any]]]
    empty: Callable[[], Any]
    index_names: tuple[Hashable, ...] | None = None
    typed: bool = False
    rows: int | None = None


def open_source(data: Any) -> Source:
    """Return anything that can be read as a source: a frame of an engine, or what ``read_source`` takes."""
    with told_briefly(f"{named(data)} cannot be read"):
        data = native(data)
        if is_of(data, "polars", "LazyFrame"):
            data = lazy_batches(data)
        parts = parts_of(data)
    return read_source(data) if parts is None else parted_source(parts, named(data))


def native(data: Any) -> Any:
    """Return what is behind a frame of narwhals; anything else is as it is."""
    while is_of(data, "narwhals", "DataFrame") or is_of(data, "narwhals", "LazyFrame"):
        data = data.to_native()
    return data


def is_of(data: Any, module: str, name: str) -> bool:
    """Tell whether the class of something, or what it is made from, is called so in a module or one below."""
    return any(
        base.__name__ == name and f"{base.__module__}.".startswith(f"{module}.")
        for base in type(data).__mro__
    )


def parts_of(data: Any) -> Parts | None:
    """Return a frame of an engine in parts; None for anything else."""
    return next((open_parts(data) for module, name, open_parts in ENGINES if is_of(data, module, name)), None)


def parted_source(parts: Parts, what: str) -> Source:
    """Return parts as a source."""
    frames = parts.frames()
    read: Iterator[tuple[int, Any]] = frames
    fields, settled = None, False
    with ExitStack() as failing:
        failing.callback(frames.close)
        if parts.typed:
            with told_briefly(f"The first partition ({what}) cannot be read"):
                first = [*islice(frames, 1)]
                source = source_of_frame(first[0][1] if first else parts.empty())
            read = chain(first, frames)
            if source is not None:
                fields, settled = source.fields, source.settled
        failing.pop_all()
    return Source(
        fields,
        parts.index_names or (None, None),
        lambda: batches_of(parts, read, what),
        settled=settled,
        rows=parts.rows,
        close=frames.close,
    )


def batches_of(parts: Parts, frames: Iterator[tuple[int, Any]], what: str) -> Iterator[RawBatch]:
    start = begin = 0
    last = None
    for number in count():
        where = "The first partition" if last is None else f"What follows partition {last}"
        with told_briefly(f"{where} ({what}) cannot be read"):
            partition, frame = next(frames, (None, None))
        if partition is None:
            if number:
                return
            frame = parts.empty()
        if partition != last:
            last, begin = partition, start
        source = source_of_frame(frame, start, sources.STREAMED)
        if source is None:
            raise ValidationError(f"Partition {partition} ({what}) is {named(frame)}, which is no frame.")
        for batch in source.batches():
            start = batch.start + batch.rows
            labels = batch.labels
            if parts.index_names is None:
                rows = np.arange(batch.start - begin, start - begin, dtype=np.int64)
                labels = [pa.array(np.full(batch.rows, partition or 0, np.int64)), pa.array(rows)]
            yield replace(with_objects(batch), labels=labels)


def with_objects(batch: RawBatch) -> RawBatch:
    columns = {field: unpickled(column) for field, column in batch.columns.items()}
    return replace(batch, columns=columns)


def unpickled(column: RawColumn) -> RawColumn:
    """Return a column of Python objects that Ray or Daft holds in Arrow as the objects."""
    if not isinstance(column, pa.Array):
        return column
    kind = getattr(column.type, "extension_name", "")
    if kind == RAY_OBJECTS:
        return cells_of(column.to_pylist())
    if kind == DAFT_TYPES and b'"datatype":"Python"' in column.type.__arrow_ext_serialize__():
        # the engine of this process, or its workers, have made them
        return cells_of([None if cell is None else pickle.loads(cell) for cell in column.to_pylist()])  # noqa: S301
    return column


def dask_parts(data: Any) -> Parts:
    empty = data._meta  # noqa: SLF001  # what every library that knows Dask asks; it has no public name

    def frames() -> Generator[tuple[int, pd.DataFrame]]:
        waiting = data.to_delayed()
        if (client := dask_client()) is None:
            yield from ((number, part.compute()) for number, part in enumerate(waiting))
            return
        # All at once: what partitions share, such as a shuffle, is done once; each is let go when it is read.
        futures = client.compute(list(waiting))
        for number in range(len(futures)):
            future, futures[number] = futures[number], None
            yield number, future.result()

    return Parts(frames, lambda: empty, tuple(empty.index.names))


def dask_client() -> Any:
    """Return the client of the cluster that Dask's frames are computed by; None where there is none."""
    try:
        import dask
        from distributed import default_client

        chosen = dask.config.get("scheduler", None) in (None, "distributed")
        return default_client() if chosen else None
    except (ImportError, ValueError):
        return None


def spark_parts(data: Any) -> Parts:
    return Parts(lambda: spark.spark_frames(data), lambda: spark.without_rows(data), typed=True)


def pandas_on_spark_parts(data: Any) -> Parts:
    frame, index = spark.as_spark(data)
    return Parts(
        lambda: spark.spark_frames(frame, index),
        lambda: spark.with_index(pa.Table.from_pandas(spark.without_rows(frame)), index),
        tuple(data.index.names),
        typed=True,
    )


def ray_parts(data: Any) -> Parts:
    def frames() -> Generator[tuple[int, Any]]:
        with in_order(data):
            yield from enumerate(data.iter_batches(batch_size=None, batch_format=None))

    return Parts(frames, lambda: pd.DataFrame(columns=data.columns() or []))


@contextmanager
def in_order(data: Any) -> Iterator[None]:
    """Have Ray give blocks in their order, else positions were those of a moment; the setting is as before then."""
    options = data.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        yield
    finally:
        options.preserve_order = before


def daft_parts(data: Any) -> Parts:
    def frames() -> Generator[tuple[int, pa.Table]]:
        for number, part in enumerate(data.iter_partitions()):
            if not hasattr(part, "to_arrow"):  # under Ray, a reference
                import ray

                part = ray.get(part)  # noqa: PLW2901
            yield number, part.to_arrow()

    typed = not any(field.dtype.is_python() for field in data.schema())
    return Parts(frames, lambda: pd.DataFrame(columns=data.column_names), typed=typed)


def modin_parts(data: Any) -> Parts:
    def frames() -> Generator[tuple[int, pd.DataFrame]]:
        for number, first in enumerate(range(0, len(data), MODIN_ROWS)):
            yield number, data.iloc[first : first + MODIN_ROWS].modin.to_pandas()

    empty = data.iloc[:0].modin.to_pandas()
    return Parts(frames, lambda: empty, tuple(empty.index.names), rows=len(data))


def lazy_batches(data: Any) -> Any:
    """Return a LazyFrame of polars as a stream: its batches are no partitions, so a row's label is its position."""
    if not hasattr(data, "collect_batches"):  # before polars 1.34 nothing gives them one by one
        return data.collect()
    empty = pa.RecordBatchReader.from_stream(data.collect_schema().to_frame())

    def batches() -> Iterator[pa.RecordBatch]:
        with told_briefly("What is lazy cannot be collected"):
            for frame in data.collect_batches(maintain_order=True):
                yield from pa.RecordBatchReader.from_stream(frame)

    return pa.RecordBatchReader.from_batches(empty.schema, batches())


ENGINES: tuple[tuple[str, str, Callable[[Any], Parts]], ...] = (
    ("dask", "DataFrame", dask_parts),
    ("pyspark.pandas", "DataFrame", pandas_on_spark_parts),
    ("pyspark.sql", "DataFrame", spark_parts),
    ("ray.data", "Dataset", ray_parts),
    ("daft", "DataFrame", daft_parts),
    ("modin", "DataFrame", modin_parts),
)
"""Where the class of a frame comes from and what it is called → what opens it."""
