"""One pandas column → a raw column, dtype by dtype, and what a column's dtype tells of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.arrow_types import holds, joined, without_views
from analytex_pandas.frame.columns import Cells, Coded, RawColumn

PLAIN_FAMILIES = frozenset({"string", "boolean", "integer", "date", "empty"})

Reader = Callable[[int, int], RawColumn]


def column_reader(column: pd.Series[Any]) -> Reader:  # a table of dtypes reads best as one
    """Return what reads rows of a pandas column as a raw column, without looking at the others."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        return column_reader(column.astype(dtype.newbyteorder("=")))
    if isinstance(dtype, pd.CategoricalDtype):
        values = raw_values(as_column(column.cat.categories))
        codes = column.cat.codes.to_numpy()
        return lambda first, stop: Coded(pa.array(codes[first:stop]), values)
    if isinstance(dtype, pd.SparseDtype):
        return lambda first, stop: raw_values(densified(column.iloc[first:stop]))
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return lambda first, stop: factorised(column.iloc[first:stop])
    if isinstance(dtype, pd.ArrowDtype | pd.StringDtype) and (whole := arrow_values(column)) is not None:
        return lambda first, stop: without_views(one_array(whole.slice(first, stop - first)))
    if dtype == object or (isinstance(dtype, np.dtype) and dtype.kind in "cSVU"):  # noqa: E721  # dtypes compare by value
        cells = column.to_numpy(dtype=object)
        return lambda first, stop: cells[first:stop]
    if isinstance(dtype, np.dtype) and dtype == np.longdouble and dtype != np.float64:
        wide = column.to_numpy()
        return lambda first, stop: objects(wide[first:stop])
    if isinstance(dtype, np.dtype) and dtype.kind in "biufmM":
        numbers = column.to_numpy()
        return lambda first, stop: pa.array(numbers[first:stop], from_pandas=True)
    return lambda first, stop: extension_values(column.iloc[first:stop])


def raw_values(column: pd.Series[Any]) -> RawColumn:
    """Return a whole pandas column as a raw column."""
    return column_reader(column)(0, len(column))


def arrow_values(column: pd.Series[Any]) -> pa.ChunkedArray | None:
    """Return the Arrow data behind a column without copying them; None where it has none, or Arrow refuses."""
    try:
        values = pa.array(column.array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        return None
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def extension_values(column: pd.Series[Any]) -> RawColumn:
    """Return an extension column as Arrow where it knows how, else as Python objects."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return zoned(column)
    try:
        return one_array(pa.chunked_array([pa.array(column.array, from_pandas=True)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, UnicodeEncodeError):
        return column.to_numpy(dtype=object)


def zoned(column: pd.Series[Any]) -> RawColumn:
    """Return aware datetimes as Arrow timestamps of their zone, or as objects where Arrow has no name for the zone."""
    try:
        return one_array(pa.chunked_array([pa.array(column, from_pandas=True)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError):
        return column.to_numpy(dtype=object)


def densified(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a sparse column as a dense one."""
    dtype: Any = column.dtype
    dense: pd.Series[Any] = pd.Series(np.asarray(column), dtype=dtype.subtype)
    return dense


def factorised(column: pd.Series[Any]) -> Coded:
    """Return periods or intervals as codes into their distinct values."""
    codes, distinct = pd.factorize(column)
    return Coded(pa.array(codes), np.array(pd.Series(distinct).astype(object), dtype=object))


def objects(values: np.ndarray[Any, Any]) -> Cells:
    """Return NumPy scalars as objects, each of its own type still."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = list(values)
    return cells


def one_array(column: pa.ChunkedArray) -> pa.Array:
    if not column.num_chunks:
        return pa.nulls(0, column.type)  # pa.array knows fewer types
    return joined(column.chunks)


def bytes_of(data: pa.Array | pa.RecordBatch | pa.Table) -> int:
    """Return how many bytes data take; before pyarrow 22 views cannot be measured but with all they look at."""
    try:
        return int(data.nbytes)
    except pa.ArrowTypeError:
        return int(data.get_total_buffer_size())


def memory_of(frame: pd.DataFrame) -> int:
    """Return about how many bytes the columns of a frame take."""
    try:
        return int(frame.memory_usage(index=False).sum())
    except pa.ArrowTypeError:  # columns of views, before pyarrow 22
        return sum(bytes_of(pa.array(column.array)) for _, column in frame.items() if is_arrow(column))


def is_arrow(column: pd.Series[Any]) -> bool:
    """Tell whether a column is an Arrow array in the coat of pandas."""
    return isinstance(column.dtype, pd.ArrowDtype)


def index_levels(index: pd.Index[Any]) -> Sequence[pd.Index[Any]]:
    """Return the distinct values of each level of an index; of an index without levels itself."""
    return index.levels if isinstance(index, pd.MultiIndex) else [index]


def as_column(index: pd.Index[Any]) -> pd.Series[Any]:
    """Return the values of an index as a column; ``to_series`` would hash them, and infer another dtype."""
    return pd.Series(index.array, dtype=index.dtype)


def level_dtype(index: pd.Index[Any], number: int) -> Any:
    """Return the dtype of one index level."""
    return index.levels[number].dtype if isinstance(index, pd.MultiIndex) else index.dtype


def is_settled(column: pd.Series[Any]) -> bool:
    """Tell whether a column has one JSON type, whichever of its rows one looks at."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return is_settled(as_column(column.cat.categories))
    if isinstance(column.dtype, pd.SparseDtype):
        return bool(column.dtype.subtype != object)  # noqa: E721  # dtypes compare by value
    if isinstance(column.dtype, pd.ArrowDtype):
        return not holds_map(column.dtype.pyarrow_dtype)
    if column.dtype != object:
        return True
    return pd.api.types.infer_dtype(column, skipna=True) in PLAIN_FAMILIES


def holds_map(type_: pa.DataType) -> bool:
    """Tell whether a type has maps in it; flattened they are other properties in each batch."""
    return holds(type_, pa.types.is_map)
