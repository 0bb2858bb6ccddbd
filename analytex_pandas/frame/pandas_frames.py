"""A pandas DataFrame as a source: each column by its dtype, which tells whether it has one JSON type, too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.errors import code, translated
from analytex_pandas.frame import sources
from analytex_pandas.frame.arrow_types import has_maps, one_array
from analytex_pandas.frame.columns import Coded, Field, RawBatch, RawColumn, cells_of
from analytex_pandas.frame.labels import index_arrays
from analytex_pandas.frame.sources import BatchSize, Source

PLAIN_FAMILIES = frozenset({"string", "boolean", "integer", "date", "empty"})

Reader = Callable[[int, int], RawColumn]
"""Gives the rows of a column from one to before another, without a look at the others."""


def frame_source(frame: pd.DataFrame, start: int = 0, size: BatchSize | None = None) -> Source:
    index = frame.index
    columns: list[tuple[Any, pd.Series[Any], bool]] = [
        (label, frame.iloc[:, number], False) for number, label in enumerate(frame.columns)
    ]
    columns += [
        (name, as_column(index.get_level_values(number)), True)
        for number, name in enumerate(index.names)
        if name is not None
    ]
    readers: list[tuple[Field, Reader]] = []
    settled = True
    for number, (label, column, is_index) in enumerate(columns):
        with translated(f"The label of column {number} (from 0 on) cannot be read"):
            hash(label)
            field = Field(label, str(label), str(column.dtype), is_index)
        with translated(f"Column {code(label)} cannot be read"):
            readers.append((field, column_reader(column)))
            settled = settled and is_settled(column)
    bytes_hint = 0
    with contextlib.suppress(pa.ArrowTypeError):  # columns of views, before pyarrow 22
        bytes_hint = int(frame.memory_usage(index=False).sum())
    return Source(
        fields=tuple(field for field, _ in readers),
        index_names=tuple(index.names),
        batches=lambda: frame_batches(index, readers, start, size or sources.IN_MEMORY),
        settled=settled,
        rows=len(frame),
        bytes_hint=bytes_hint,
    )


def frame_batches(
    index: pd.Index[Any], readers: Sequence[tuple[Field, Reader]], start: int, size: BatchSize
) -> Iterator[RawBatch]:
    for first, stop in sources.spans(len(index), size):
        columns: dict[Field, RawColumn] = {}
        for field, read in readers:
            with translated(f"Column {code(field.label)} cannot be read"):
                columns[field] = read(first, stop)
        with translated("The labels of the rows cannot be read"):
            if isinstance(index, pd.RangeIndex):
                labels: Any = sources.range_labels(index, start)
            else:
                labels = index_arrays(index[first:stop])
        yield from sources.slices(RawBatch(start + first, stop - first, columns, labels), size.bytes)


def as_column(index: pd.Index[Any]) -> pd.Series[Any]:
    """Return the values of an index as a column; ``to_series`` would hash them, and infer another dtype."""
    return pd.Series(index.array, dtype=index.dtype)


def column_reader(column: pd.Series[Any]) -> Reader:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        if not dtype.isnative:
            return column_reader(column.astype(dtype.newbyteorder("=")))
        if dtype.kind in "OcSVU":
            cells = column.to_numpy(dtype=object)
            return lambda first, stop: cells[first:stop]
        numbers = column.to_numpy()
        if dtype == np.longdouble and dtype != np.float64:  # each cell a scalar of its own type still
            return lambda first, stop: cells_of(list(numbers[first:stop]))
        return lambda first, stop: pa.array(numbers[first:stop], from_pandas=True)
    if isinstance(dtype, pd.CategoricalDtype):
        categories = as_column(column.cat.categories)
        values = column_reader(categories)(0, len(categories))
        codes = column.cat.codes.to_numpy()
        return lambda first, stop: Coded(pa.array(codes[first:stop]), values)
    if isinstance(dtype, pd.SparseDtype):
        dense: Any = dtype.subtype
        return lambda first, stop: column_reader(pd.Series(np.asarray(column.iloc[first:stop]), dtype=dense))(
            0, stop - first
        )
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return lambda first, stop: factorised(column.iloc[first:stop])
    return lambda first, stop: extension_values(column.iloc[first:stop])


def factorised(column: pd.Series[Any]) -> Coded:
    """Return periods or intervals as codes into their distinct values."""
    codes, distinct = pd.factorize(column)
    return Coded(pa.array(codes), cells_of(list(distinct)))


def extension_values(column: pd.Series[Any]) -> RawColumn:
    """Return a column as Arrow, or as cells where Arrow refuses it, as it does zones and texts that it cannot name."""
    values: Any = column if isinstance(column.dtype, pd.DatetimeTZDtype) else column.array
    try:
        return one_array(pa.array(values, from_pandas=True))
    except (TypeError, ValueError, NotImplementedError):
        return column.to_numpy(dtype=object)


def is_settled(column: pd.Series[Any]) -> bool:
    """Tell whether a column has one JSON type, whichever of its rows one looks at."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return is_settled(as_column(column.cat.categories))
    if isinstance(column.dtype, pd.SparseDtype):
        return bool(column.dtype.subtype != object)  # noqa: E721  # dtypes compare by value
    if isinstance(column.dtype, pd.ArrowDtype):  # flattened, maps are other properties in each batch
        return not has_maps(column.dtype.pyarrow_dtype)
    if column.dtype != object:
        return True
    return pd.api.types.infer_dtype(column, skipna=True) in PLAIN_FAMILIES
