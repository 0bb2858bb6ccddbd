"""The one boundary to foreign frames: pandas, Arrow streams, iterables of frames → batches of raw columns.

A source is read once, from its first row to its last; a batch's rows stand in the order of the input.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.errors import ValidationError
from analytex_pandas.frame.arrow_types import without_views
from analytex_pandas.frame.columns import Coded, Field, RawBatch, RawColumn
from analytex_pandas.frame.labels import RangeLabels, decoded, index_arrays
from analytex_pandas.frame.pandas_columns import (
    as_column,
    bytes_of,
    column_reader,
    holds_map,
    index_levels,
    is_settled,
    level_dtype,
    memory_of,
    one_array,
)


@dataclass(frozen=True)
class BatchSize:
    """How much is coerced and encoded at once: so many rows, or fewer where they take more than so many bytes."""

    rows: int
    bytes: int


STREAMED = BatchSize(20_000, 4 * 1024 * 1024)
"""Of what is streamed. Memory is some thirty times the bytes, as three or four batches are under way."""
IN_MEMORY = BatchSize(80_000, 16 * 1024 * 1024)
"""Of what is in memory anyhow: threads stand less in each other's way when the steps are longer."""
BATCHES_LEFT = 4
"""Batches that are left to come, if the rows do for it: towards the end they are smaller, so that no core idles."""
UNNAMED_LEVEL = re.compile(r"__index_level_\d+__")


@runtime_checkable
class ArrowStream(Protocol):
    """Anything that exports an Arrow stream: pyarrow, polars, DuckDB and more."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@dataclass(frozen=True)
class Source:
    """An input that is ready to be read.

    Attributes
    ----------
    fields : tuple of Field or None
        Its columns and index levels; None when they are known only when all is read.
    index_names : tuple
        The names of its index levels.
    batches : callable
        Starts the reading; called once.
    settled : bool
        False when a column's JSON type can still change with a later batch.
    rows : int or None
        How many rows there are, where that is known.
    bytes_hint : int
        Bytes that the data take in memory, as far as known; 0 if not.
    workers : int
        How many batches may be coerced at a time; each takes memory.
    """

    fields: tuple[Field, ...] | None
    index_names: tuple[Hashable, ...]
    batches: Callable[[], Iterator[RawBatch]]
    settled: bool
    rows: int | None = None
    bytes_hint: int = 0
    workers: int = 4


def source_of(data: Any) -> Source:
    """Return any supported input as a source.

    Raises
    ------
    TypeError
        If the input is none that can be read.
    """
    if isinstance(data, pd.DataFrame):
        return frame_source(data)
    if isinstance(data, pd.Series):
        raise TypeError("A Series is one column; a DataFrame is needed: series.to_frame().")
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if isinstance(data, ArrowStream):
        reader = opened(data)
        rows = len(data) if isinstance(data, pa.Table) else None
        return arrow_source(
            reader.schema,
            reader,
            rows=rows,
            bytes_hint=0 if rows is None else bytes_of(data),
            size=arrow_batch_size(data),
        )
    if isinstance(data, Iterable) and not isinstance(data, str | bytes | dict):
        return frames_source(data)
    lazy = ""
    if hasattr(data, "scanner"):
        lazy = " Its .scanner().to_reader() is a stream of it."
    elif hasattr(data, "collect"):
        lazy = " It is lazy: its .collect() gives a frame, and written to Parquet it is streamed from there."
    raise TypeError(
        f"A {type(data).__name__} cannot be read as a frame.{lazy} There can be: a pandas DataFrame, anything with an "
        "Arrow stream (pyarrow, polars, DuckDB), an iterable of those, or the path of a Parquet file."
    )


def opened(data: ArrowStream) -> pa.RecordBatchReader:
    """Return a reader of an Arrow stream.

    Raises
    ------
    ValidationError
        If the stream has columns of types that pyarrow does not know, such as polars' Int128; it names them.
    """
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table):  # before pyarrow 22 its stream of views that are all short crashes
        return data.to_reader()
    try:
        return pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValidationError(
            f"{unread_columns(data)} of this {type(data).__name__} cannot be read: {error}. Cast what is "
            "of a type that pyarrow does not know (such as Int128 to a decimal), or leave it out."
        ) from error


def unread_columns(data: Any) -> str:
    """Return which columns of a stream pyarrow does not read, where the stream's owner can select them."""
    unread = []
    for name in getattr(data, "columns", []) if hasattr(data, "select") else []:
        try:
            pa.RecordBatchReader.from_stream(data.select(name)).close()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            unread.append(repr(name))
    return f"Column {', '.join(unread)}" if unread else "A column"


def arrow_batch_size(data: Any) -> BatchSize:
    """Return the size of the batches of an Arrow stream."""
    if not is_in_memory(data):
        return STREAMED
    return dataclasses.replace(IN_MEMORY, rows=rows_at_once(len(data), IN_MEMORY))


def is_in_memory(data: Any) -> bool:
    """Tell whether all rows of an Arrow stream are in memory: then what holds them tells how many bytes they take."""
    kind = type(data)  # to ask the data themselves would count them
    return hasattr(kind, "__len__") and (hasattr(kind, "nbytes") or hasattr(kind, "estimated_size"))


def rows_at_once(left: int, size: BatchSize) -> int:
    """Return how many rows make the next batch when so many are left."""
    return max(min(left // BATCHES_LEFT, size.rows), min(2 * STREAMED.rows, size.rows))


def frame_source(frame: pd.DataFrame) -> Source:
    """Return a pandas DataFrame as a source."""
    if isinstance(frame.columns, pd.MultiIndex):
        names: list[Hashable] = [tuple(label) for label in frame.columns]
    else:
        names = list(frame.columns)
    columns = [Field(label, str(label), str(dtype)) for label, dtype in zip(names, frame.dtypes, strict=True)]
    levels = [
        Field(name, str(name), str(level_dtype(frame.index, number)), is_index=True)
        for number, name in enumerate(frame.index.names)
        if name is not None
    ]
    return Source(
        fields=(*columns, *levels),
        index_names=tuple(frame.index.names),
        batches=lambda: frame_batches(frame, columns, levels, 0, IN_MEMORY),
        settled=all(is_settled(frame.iloc[:, number]) for number in range(len(columns)))
        and all(is_settled(as_column(level)) for level in index_levels(frame.index)),
        rows=len(frame),
        bytes_hint=memory_of(frame),
    )


def frame_batches(
    frame: pd.DataFrame, columns: Sequence[Field], levels: Sequence[Field], start: int, size: BatchSize
) -> Iterator[RawBatch]:
    """Yield a DataFrame's rows; `start` is the position of its first."""
    readers = [(field, column_reader(frame.iloc[:, number])) for number, field in enumerate(columns)]
    named = [number for number, name in enumerate(frame.index.names) if name is not None]
    for first, stop in spans(len(frame), size):
        index = frame.index[first:stop]
        read: dict[Field, RawColumn] = {field: reader(first, stop) for field, reader in readers}
        for field, number in zip(levels, named, strict=True):
            read[field] = column_reader(as_column(index.get_level_values(number)))(0, stop - first)
        labels = frame_labels(frame.index, index, start)
        yield from slices(RawBatch(start + first, stop - first, read, labels), size.bytes)


def spans(rows: int, size: BatchSize) -> Iterator[tuple[int, int]]:
    """Yield where each batch of so many rows begins and ends; an empty frame has one, too, which shows its columns."""
    stop = 0
    while True:
        first, stop = stop, min(stop + rows_at_once(rows - stop, size), rows)
        yield first, stop
        if stop == rows:
            return


def frame_labels(whole: pd.Index[Any], part: pd.Index[Any], start: int) -> RangeLabels | Sequence[pa.Array]:
    """Return the labels of part of an index; of a range they follow from the position in the input."""
    if isinstance(whole, pd.RangeIndex):
        return RangeLabels(whole.start - whole.step * start, whole.step)
    labels = index_arrays(part)
    if isinstance(labels, RangeLabels):
        return [pa.array(part.to_numpy())]
    return labels


def slices(batch: RawBatch, most_bytes: int) -> Iterator[RawBatch]:
    """Yield a batch whole, or in parts where its rows are wide."""
    size = sum(bytes_of(column) for column in batch.columns.values() if isinstance(column, pa.Array))
    parts = -(-size // most_bytes)
    if parts <= 1:
        yield batch
        return
    step = max(batch.rows // parts, 1)
    for first in range(0, batch.rows, step):
        rows = min(step, batch.rows - first)
        yield RawBatch(
            batch.start + first,
            rows,
            {field: cut(column, first, rows) for field, column in batch.columns.items()},
            batch.labels
            if isinstance(batch.labels, RangeLabels)
            else [label.slice(first, rows) for label in batch.labels],
        )


def cut(column: RawColumn, first: int, rows: int) -> RawColumn:
    """Return part of a column."""
    if isinstance(column, np.ndarray):
        return column[first : first + rows]
    if isinstance(column, Coded):
        return Coded(column.codes.slice(first, rows), column.values)
    return column.slice(first, rows)


def arrow_source(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    rows: int | None = None,
    bytes_hint: int = 0,
    size: BatchSize | None = None,
) -> Source:
    """Return a stream of Arrow batches as a source; the index that pandas left in its schema is an index still."""
    fields, levels, ranged = arrow_fields(schema)
    names = tuple(field.label for field in levels) if levels else (None,)
    return Source(
        fields=(*fields, *levels),
        index_names=tuple(
            None if isinstance(name, str) and UNNAMED_LEVEL.fullmatch(name) else name for name in names
        ),
        batches=lambda: arrow_batches(schema, batches, (fields, levels, ranged), 0, size or STREAMED),
        settled=not any(map(holds_map, schema.types)),
        rows=rows,
        bytes_hint=bytes_hint,
    )


def arrow_fields(schema: pa.Schema) -> tuple[list[Field], list[Field], RangeLabels]:
    """Return a schema's columns, its index levels, and the range that its labels are where it has no levels."""
    levels, ranged = pandas_index(schema)
    fields = [Field(child.name, child.name, str(child.type)) for child in schema if child.name not in levels]
    named = [Field(name, name, str(schema.field(name).type), is_index=True) for name in levels]
    return fields, named, ranged


def pandas_index(schema: pa.Schema) -> tuple[list[str], RangeLabels]:
    """Return the index columns, and the range index, that pandas wrote into a schema."""
    names = [name for name in schema.names if UNNAMED_LEVEL.fullmatch(name)]
    ranged = RangeLabels()
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        described = []
    for index in described:
        if isinstance(index, str) and index in schema.names and index not in names:
            names.append(index)
        elif isinstance(index, dict) and index.get("kind") == "range":
            ranged = RangeLabels(int(index.get("start") or 0), int(index.get("step") or 1))
    return names, ranged


def arrow_batches(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    parts: tuple[Sequence[Field], Sequence[Field], RangeLabels],
    start: int,
    size: BatchSize,
) -> Iterator[RawBatch]:
    """Yield Arrow batches in parts of some size; `parts` is what ``arrow_fields`` tells of them."""
    fields, levels, ranged = parts
    position = start
    for whole in regrouped(batches, schema, size):
        columns: dict[Field, RawColumn] = {
            field: without_views(one_array(whole.column(schema.names.index(field.name))))
            for field in (*fields, *levels)
        }
        labels = (
            [decoded(label) for field in levels if isinstance(label := columns[field], pa.Array)]
            if levels
            else ranged
        )
        yield from slices(RawBatch(position, len(whole), columns, labels), size.bytes)
        position += len(whole)


def regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema, size: BatchSize) -> Iterator[pa.Table]:
    """Yield tables of some size, whatever that of the batches; one without rows if all are without."""
    waiting: list[pa.RecordBatch] = []
    total, room = 0, 1.0  # of a table, the share that is free
    for batch in batches:
        rest = batch
        total += len(batch)
        share = max(
            1 / size.rows, bytes_of(batch) / max(len(batch), 1) / size.bytes
        )  # of a table, that a row takes
        while len(rest):
            part = rest.slice(0, max(round(room / share), 0 if waiting else 1))
            rest = rest.slice(len(part))
            room -= len(part) * share
            waiting.append(part)
            if room <= share / 2:
                yield pa.Table.from_batches(waiting)
                waiting, room = [], 1.0
    if waiting or not total:
        yield pa.Table.from_batches(waiting, schema)


def frames_source(frames: Iterable[Any]) -> Source:
    """Return an iterable of frames as one source; their columns are known only when the last has been read."""
    return Source(None, (), lambda: frames_batches(frames), settled=False)


def frames_batches(frames: Iterable[Any]) -> Iterator[RawBatch]:
    """Yield the batches of one frame after the other."""
    start, number = 0, -1
    for number, data in enumerate(frames):  # the last one's number says whether there were any
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])  # noqa: PLW2901  # the same rows in the form that has a stream
        if isinstance(data, pd.DataFrame):
            part = frame_source(data)
            batches = frame_batches(data, *split(part), start, STREAMED)
        elif isinstance(data, ArrowStream):
            reader = opened(data)
            fields, levels, ranged = arrow_fields(reader.schema)
            shifted = RangeLabels(ranged.start - ranged.step * start, ranged.step)
            batches = arrow_batches(reader.schema, reader, (fields, levels, shifted), start, STREAMED)
        else:
            raise ValidationError(
                f"Item {number} of the iterable is a {type(data).__name__}; each has to be a DataFrame or something "
                "with an Arrow stream."
            )
        for batch in batches:
            start = batch.start + batch.rows
            yield batch
    if number < 0:
        raise ValidationError("The iterable has no frames: it is empty, or has been read before.")


def split(source: Source) -> tuple[list[Field], list[Field]]:
    """Return a source's columns, and its index levels."""
    fields = source.fields or ()
    return [field for field in fields if not field.is_index], [field for field in fields if field.is_index]
