"""The one boundary to foreign frames: pandas, Arrow streams, iterables of frames → batches of raw columns.

A source is read once, from its first row to its last; a batch's rows stand in the order of the input.
"""

from __future__ import annotations

import dataclasses
import json
import operator
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.errors import ValidationError, code, translated
from analytex_pandas.frame.arrow_types import bytes_of, has_maps, one_array, without_views
from analytex_pandas.frame.columns import Coded, Field, RangeLabels, RawBatch, RawColumn
from analytex_pandas.frame.labels import decoded, index_arrays
from analytex_pandas.frame.pandas_columns import as_column, column_reader, is_settled, memory_of
from analytex_pandas.frame.strangers import line_of, named, no_frame, no_frame_within

Result = TypeVar("Result")


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

    `batches` starts the reading, and is called once. `fields` is None where the columns are known only when all is
    read, `settled` False where a column's JSON type can still change with a later batch. `rows` is None, `bytes_hint` 0
    where that is not known. Of the batches, `workers` may be coerced at a time; each takes memory.
    """

    fields: tuple[Field, ...] | None
    index_names: tuple[Hashable, ...]
    batches: Callable[[], Iterator[RawBatch]]
    settled: bool
    rows: int | None = None
    bytes_hint: int = 0
    workers: int = 4


def source_of(data: Any) -> Source:
    if isinstance(data, pd.Series):  # it has a stream, too, as a column
        raise no_frame(data)
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
    if not isinstance(data, ArrowStream) or isinstance(data, type):
        return None
    reader, bytes_hint = opened(data), 0
    if isinstance(data, pa.Table):
        rows, bytes_hint = len(data), bytes_of(data)
    if size is None and is_in_memory(data):
        size = dataclasses.replace(IN_MEMORY, rows=rows_at_once(len(data), IN_MEMORY))
    return arrow_source(reader.schema, reader, rows=rows, bytes_hint=bytes_hint, start=start, size=size)


def opened(data: ArrowStream) -> pa.RecordBatchReader:
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


def is_in_memory(data: Any) -> bool:
    """Tell whether all rows of an Arrow stream are in memory: then what holds them tells how many bytes they take."""
    kind = type(data)  # to ask the data themselves would count them
    return hasattr(kind, "__len__") and (hasattr(kind, "nbytes") or hasattr(kind, "estimated_size"))


def rows_at_once(left: int, size: BatchSize) -> int:
    """Return how many rows make the next batch when so many are left."""
    return max(min(left // BATCHES_LEFT, size.rows), min(2 * STREAMED.rows, size.rows))


def frame_source(frame: pd.DataFrame, start: int = 0, size: BatchSize | None = None) -> Source:
    names: list[Any] = list(frame.columns)
    if isinstance(frame.columns, pd.MultiIndex):
        names = [tuple(label) for label in names]
    columns = [
        column_field(number, label, dtype)
        for number, (label, dtype) in enumerate(zip(names, frame.dtypes, strict=True))
    ]
    levels: dict[Field, int] = {}
    distinct = frame.index.levels if isinstance(frame.index, pd.MultiIndex) else [frame.index]
    for number, (name, level) in enumerate(zip(frame.index.names, distinct, strict=True)):
        if name is not None:
            levels[dataclasses.replace(column_field(number, name, level.dtype), is_index=True)] = number
    return Source(
        fields=(*columns, *levels),
        index_names=tuple(frame.index.names),
        batches=lambda: frame_batches(frame, columns, levels, start, size or IN_MEMORY),
        settled=all(
            read_of(column, is_settled, frame.iloc[:, number]) for number, column in enumerate(columns)
        )
        and all(is_settled(as_column(level)) for level in distinct),
        rows=len(frame),
        bytes_hint=memory_of(frame),
    )


def column_field(number: int, label: Hashable, dtype: Any) -> Field:
    with translated(f"The label of column {number} (from 0 on) cannot be read"):
        hash(label)
        return Field(label, str(label), str(dtype))


def read_of(field: Field, read: Callable[..., Result], *given: Any) -> Result:
    """Return what `read` makes of a column; what a foreign array raises is said of its column."""
    with translated(f"Column {code(field.label)} cannot be read"):
        return read(*given)


def frame_batches(
    frame: pd.DataFrame, columns: Sequence[Field], levels: Mapping[Field, int], start: int, size: BatchSize
) -> Iterator[RawBatch]:
    """Yield a DataFrame's rows; `levels` has the number of each index level."""
    readers = [
        (field, read_of(field, column_reader, frame.iloc[:, number])) for number, field in enumerate(columns)
    ]
    for first, stop in spans(len(frame), size):
        index = frame.index[first:stop]
        read: dict[Field, RawColumn] = {
            field: read_of(field, reader, first, stop) for field, reader in readers
        }
        for field, number in levels.items():
            read[field] = column_reader(as_column(index.get_level_values(number)))(0, stop - first)
        with translated("The labels of the rows cannot be read"):
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
        return range_labels(whole, start)
    labels = index_arrays(part)
    return [pa.array(part.to_numpy())] if isinstance(labels, RangeLabels) else labels


def range_labels(index: pd.RangeIndex, start: int) -> RangeLabels:
    """Return a range whose first label is that of the row at position `start`."""
    return RangeLabels(index.start - index.step * start, index.step)


def slices(batch: RawBatch, most_bytes: int) -> Iterator[RawBatch]:
    """Yield a batch whole, or in parts where its rows are wide."""
    size = sum(bytes_of(column) for column in batch.columns.values() if isinstance(column, pa.Array))
    parts = -(-size // most_bytes)
    if parts <= 1:
        yield batch
        return
    step = max(batch.rows // parts, 1)
    for first in range(0, batch.rows, step):
        part = slice(first, min(first + step, batch.rows))
        columns = {
            field: Coded(column.codes[part], column.values) if isinstance(column, Coded) else column[part]
            for field, column in batch.columns.items()
        }
        labels = batch.labels
        if not isinstance(labels, RangeLabels):
            labels = [label[part] for label in labels]
        yield RawBatch(batch.start + first, part.stop - first, columns, labels)


ArrowIndex = Mapping[Field, "pd.RangeIndex | None"]
"""The levels of the index that pandas left in a schema; what is no column of it is a range."""


def arrow_source(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    rows: int | None = None,
    bytes_hint: int = 0,
    start: int = 0,
    size: BatchSize | None = None,
) -> Source:
    """Return Arrow batches as a source; the index that pandas left in their schema is an index still."""
    index = pandas_index(schema, rows)
    levels = {field.name for field, ranged in index.items() if ranged is None}
    columns = [Field(child.name, child.name, str(child.type)) for child in schema if child.name not in levels]
    names = tuple(None if UNNAMED_LEVEL.fullmatch(field.name) else field.label for field in index)

    def read() -> Iterator[RawBatch]:
        position = start
        for table in regrouped(batches, schema, size or STREAMED):
            batch = arrow_batch(table, columns, index, start, position)
            yield from slices(batch, (size or STREAMED).bytes)
            position += batch.rows

    return Source(
        fields=(*columns, *(field for field in index if field.name)),
        index_names=names or (None,),
        batches=read,
        settled=not any(map(has_maps, schema.types)),
        rows=rows,
        bytes_hint=bytes_hint,
    )


def pandas_index(schema: pa.Schema, rows: int | None) -> ArrowIndex:
    """Return the index that pandas wrote into a schema: the levels that ``to_pandas`` would give it.

    Of rows that were filtered, or of another table, a range is no index; that shows only where their number is known.
    """
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError):
        described = []
    index: dict[Field, pd.RangeIndex | None] = {}
    stored = {child.name: Field(child.name, child.name, str(child.type), is_index=True) for child in schema}
    for level in described if isinstance(described, list) else []:
        if isinstance(level, dict):
            ranged = described_range(level, rows)
            if ranged is not None:
                name: Any = ranged.name
                index[Field(name, name or "", "int64", is_index=True)] = ranged
        elif level in schema.names:
            index[stored[level]] = None
    return index | dict.fromkeys(stored[name] for name in schema.names if UNNAMED_LEVEL.fullmatch(name))


def described_range(description: Mapping[str, Any], rows: int | None) -> pd.RangeIndex | None:
    """Return the range that metadata describe; None where they describe none of so many rows."""
    name = description.get("name")
    try:
        start, stop, step = (
            int(np.int64(operator.index(description[key]))) for key in ("start", "stop", "step")
        )
        ranged = pd.RangeIndex(start, stop, step, name=name if name is None else str(name))
        return ranged if len(ranged) == rows else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def arrow_batch(
    table: pa.Table, fields: Sequence[Field], index: ArrowIndex, start: int, position: int
) -> RawBatch:
    """Return a table of a stream as a batch; the stream begins at `start`, the table at `position`."""
    ranges = list(index.values()) or [pd.RangeIndex(0)]
    columns: dict[Field, pa.Array] = {}
    for field in (*fields, *index):
        if (ranged := index.get(field)) is None:
            columns[field] = without_views(one_array(table.column(table.schema.names.index(field.name))))
        else:
            columns[field] = pa.array(ranged[position - start :][: len(table)].to_numpy())
    labels: RangeLabels | list[pa.Array]
    if len(ranges) == 1 and ranges[0] is not None:  # then the labels need no column
        labels = range_labels(ranges[0], start)
    else:
        labels = [decoded(columns[field]) for field in index]
    read = {field: column for field, column in columns.items() if field.name or not field.is_index}
    return RawBatch(position, len(table), read, labels)


def regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema, size: BatchSize) -> Iterator[pa.Table]:
    """Yield tables of some size, whatever that of the batches; one without rows if all are without."""
    waiting: list[pa.RecordBatch] = []
    total, room = 0, 1.0  # the share of a table that is free
    for batch in batches:
        rest = batch
        total += len(batch)
        # the share of a table that a row takes
        share = max(1 / size.rows, bytes_of(batch) / max(len(batch), 1) / size.bytes)
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


def frames_source(frames: Iterable[Any], rows: Iterable[int] = ()) -> Source:
    """Return an iterable of frames as one source; `rows` tells how many rows its streams have, where that is known."""
    return Source(None, (), lambda: frames_batches(frames, iter(rows)), settled=False)


def frames_batches(frames: Iterable[Any], rows: Iterator[int]) -> Iterator[RawBatch]:
    start, number = 0, -1
    for number, data in enumerate(items(frames)):  # the last one's number says whether there were any
        source = source_of_frame(data, start, STREAMED, next(rows, None))
        if source is None:
            raise no_frame_within(frames, number, data)
        for batch in source.batches():
            start = batch.start + batch.rows
            yield batch
    if number < 0:
        raise ValidationError("The iterable has no frames: it is empty, or has been read before.")


def items(frames: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of an iterable that may raise."""
    iterator = iter(frames)
    for number in count():
        with translated(f"Item {number} of the iterable ({named(frames)}) cannot be read"):
            item = next(iterator, iterator)
        if item is iterator:
            return
        yield item
