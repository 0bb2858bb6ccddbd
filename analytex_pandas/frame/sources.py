"""A source, which is read once, from its first row to its last; and Arrow batches as one.

A batch's rows stand in the order of the input.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.arrow_types import bytes_of, has_maps, one_array
from analytex_pandas.frame.columns import Coded, Field, RangeLabels, RawBatch, RawColumn
from analytex_pandas.frame.labels import decoded


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


@dataclass(frozen=True)
class Source:
    """An input that is ready to be read.

    `batches` starts the reading, and is called once. `fields` is None where the columns are known only when all is
    read, `settled` False where a column's JSON type can still change with a later batch. `rows` is None, `bytes_hint` 0
    where that is not known. Of the batches, `workers` may be coerced at a time; each takes memory. `close` ends the
    reading, also of what an error left in the middle. `name` is that of the file, or of the files, that it is of.
    """

    fields: tuple[Field, ...] | None
    index_names: tuple[Hashable, ...]
    batches: Callable[[], Iterator[RawBatch]]
    settled: bool
    rows: int | None = None
    bytes_hint: int = 0
    workers: int = 4
    close: Callable[[], None] = lambda: None
    name: str = ""


def rows_at_once(left: int, size: BatchSize) -> int:
    """Return how many rows make the next batch when so many are left."""
    return max(min(left // BATCHES_LEFT, size.rows), min(2 * STREAMED.rows, size.rows))


def spans(rows: int, size: BatchSize) -> Iterator[tuple[int, int]]:
    """Yield where each batch of so many rows begins and ends; an empty frame has one, too, which shows its columns."""
    stop = 0
    while True:
        first, stop = stop, min(stop + rows_at_once(rows - stop, size), rows)
        yield first, stop
        if stop == rows:
            return


def slices(batch: RawBatch, most_bytes: int) -> Iterator[RawBatch]:
    """Yield a batch whole, or in parts where its rows are wide."""
    size = sum(bytes_of(column) for column in batch.columns.values() if isinstance(column, pa.Array))
    if size <= most_bytes:
        yield batch
        return
    step = max(batch.rows // -(-size // most_bytes), 1)
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


def range_labels(index: pd.RangeIndex, start: int) -> RangeLabels:
    """Return a range whose first label is that of the row at position `start`."""
    return RangeLabels(index.start - index.step * start, index.step)


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
    ranges = list(index.values()) or [pd.RangeIndex(0)]
    levels = {field.name for field, ranged in index.items() if ranged is None}
    columns = [Field(child.name, child.name, str(child.type)) for child in schema if child.name not in levels]
    numbers = {name: number for number, name in reversed([*enumerate(schema.names)])}

    def read() -> Iterator[RawBatch]:
        position = start
        for table in regrouped(batches, schema, size or STREAMED):
            found: dict[Field, RawColumn] = {}
            for field in (*columns, *index):
                if (ranged := index.get(field)) is None:
                    found[field] = one_array(table.column(numbers[field.name]))
                else:
                    found[field] = pa.array(ranged[position - start :][: len(table)].to_numpy())
            if len(ranges) == 1 and ranges[0] is not None:  # then the labels need no column
                labels: RangeLabels | list[pa.Array] = range_labels(ranges[0], start)
            else:
                labels = [decoded(found[field]) for field in index]
            named = {field: column for field, column in found.items() if field.name or not field.is_index}
            yield from slices(RawBatch(position, len(table), named, labels), (size or STREAMED).bytes)
            position += len(table)

    names = tuple(None if UNNAMED_LEVEL.fullmatch(field.name) else field.label for field in index)
    return Source(
        fields=(*columns, *(field for field in index if field.name)),
        index_names=names or (None,),
        batches=read,
        settled=not any(map(has_maps, schema.types)),
        rows=rows,
        bytes_hint=bytes_hint,
    )


def pandas_index(schema: pa.Schema, rows: int | None) -> Mapping[Field, pd.RangeIndex | None]:
    """Return the index that pandas wrote into a schema: the levels that ``to_pandas`` would give it.

    What is no column of it is a range. Of rows that were filtered, or of another table, a range is no index; that shows
    only where their number is known.
    """
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
    except (ValueError, KeyError, TypeError):
        described = []
    index: dict[Field, pd.RangeIndex | None] = {}
    stored = {child.name: Field(child.name, child.name, str(child.type), is_index=True) for child in schema}
    for level in described if isinstance(described, list) else []:
        if isinstance(level, dict):
            ranged = described_range(level)
            if ranged is not None and len(ranged) == rows:
                name: Any = ranged.name
                index[Field(name, name or "", "int64", is_index=True)] = ranged
        elif level in schema.names:
            index[stored[level]] = None
    return index | dict.fromkeys(stored[name] for name in schema.names if UNNAMED_LEVEL.fullmatch(name))


def described_range(description: Mapping[str, Any]) -> pd.RangeIndex | None:
    name = description.get("name")
    try:
        told = (description[key] for key in ("start", "stop", "step"))
        start, stop, step = (int(np.int64(operator.index(bound))) for bound in told)
        return pd.RangeIndex(start, stop, step, name=name if name is None else str(name))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


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
