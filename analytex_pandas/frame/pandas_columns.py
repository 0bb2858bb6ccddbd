"""One pandas column → a raw column, dtype by dtype, and what a column's dtype tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.arrow_types import bytes_of, has_maps, one_array, without_views
from analytex_pandas.frame.columns import Coded, RawColumn, cells_of

PLAIN_FAMILIES = frozenset({"string", "boolean", "integer", "date", "empty"})

Reader = Callable[[int, int], RawColumn]


def column_reader(column: pd.Series[Any]) -> Reader:  # a table of dtypes reads best as one
    """Return what reads rows of a pandas column as a raw column, without looking at the others."""
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
        values = raw_values(as_column(column.cat.categories))
        codes = column.cat.codes.to_numpy()
        return lambda first, stop: Coded(pa.array(codes[first:stop]), values)
    if isinstance(dtype, pd.SparseDtype):
        dense: Any = dtype.subtype
        return lambda first, stop: raw_values(pd.Series(np.asarray(column.iloc[first:stop]), dtype=dense))
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return lambda first, stop: factorised(column.iloc[first:stop])
    if isinstance(dtype, pd.ArrowDtype | pd.StringDtype) and (whole := arrow_values(column)) is not None:
        return lambda first, stop: without_views(one_array(whole.slice(first, stop - first)))
    return lambda first, stop: extension_values(column.iloc[first:stop])


def raw_values(column: pd.Series[Any]) -> RawColumn:
    return column_reader(column)(0, len(column))


def arrow_values(column: pd.Series[Any]) -> pa.ChunkedArray | None:
    """Return the Arrow data behind a column without copying them; None where it has none, or Arrow refuses."""
    try:
        values = pa.array(column.array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        return None
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def extension_values(column: pd.Series[Any]) -> RawColumn:
    refused: tuple[type[Exception], ...] = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
    values: Any = column.array
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        values, refused = column, (*refused, ValueError)  # Arrow has no name for every zone
    else:
        refused = (*refused, TypeError, UnicodeEncodeError)
    try:
        return one_array(pa.chunked_array([pa.array(values, from_pandas=True)]))
    except refused:
        return column.to_numpy(dtype=object)


def factorised(column: pd.Series[Any]) -> Coded:
    """Return periods or intervals as codes into their distinct values."""
    codes, distinct = pd.factorize(column)
    return Coded(pa.array(codes), cells_of(list(distinct)))


def memory_of(frame: pd.DataFrame) -> int:
    try:
        return int(frame.memory_usage(index=False).sum())
    except pa.ArrowTypeError:  # columns of views, before pyarrow 22
        arrays = [column.array for _, column in frame.items() if isinstance(column.dtype, pd.ArrowDtype)]
        return sum(bytes_of(pa.array(array)) for array in arrays)


def as_column(index: pd.Index[Any]) -> pd.Series[Any]:
    """Return the values of an index as a column; ``to_series`` would hash them, and infer another dtype."""
    return pd.Series(index.array, dtype=index.dtype)


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
