"""Columns of few values repeated: each value that occurs is looked at once, whatever the rows that have it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.arrow_types import is_repeated, repeated
from analytex_pandas.frame.columns import (
    Coded,
    Coerced,
    UnsendableError,
    as_text,
    cells_of,
    integers_of,
    nothing,
    problem_at,
)

if TYPE_CHECKING:
    from analytex_pandas.frame.columns import Problem, RawColumn


def coded(column: RawColumn) -> Coded | None:
    """Return a column of repeated values as codes, those that no row has left out; None for any other column."""
    if isinstance(column, Coded):
        return only_used(column)
    if isinstance(column, np.ndarray):
        return None
    return only_used(Coded(*repeated(column))) if is_repeated(column.type) else None


def only_used(column: Coded) -> Coded:
    """Return a coded column without the values that no row has: a category that does not occur is no value."""
    codes = np.maximum(integers_of(column.codes, -1), -1)
    missing = codes < 0
    if len(column.values) <= len(codes):
        used = np.flatnonzero(np.bincount(codes + 1, minlength=len(column.values) + 1)[1:])
    else:
        used = np.unique(codes[~missing])
    if len(used) == len(column.values):
        return Coded(pa.array(codes, mask=missing), column.values)
    places = np.full(int(used[-1]) + 1 if len(used) else 1, -1, np.int64)
    places[used] = np.arange(len(used))
    return Coded(
        pa.array(places.take(codes, mode="clip"), mask=missing), taken(column.values, pa.array(used))
    )


def taken(values: RawColumn, codes: pa.Array) -> RawColumn:
    """Return the values that codes stand for, missing where a code is null."""
    if isinstance(values, np.ndarray):
        return cells_of([*values, None])[integers_of(codes, -1)]  # a null finds the last
    if isinstance(values, pa.RunEndEncodedArray):
        values = Coded(*repeated(values))
    if isinstance(values, Coded):
        return Coded(values.codes.take(codes), values.values)
    return values.take(codes)


def at_rows(error: UnsendableError, codes: pa.Array) -> UnsendableError:
    """Return what is wrong with some distinct values as what is wrong with the rows that have them."""
    rows = np.flatnonzero(np.isin(integers_of(codes, -1), np.asarray(error.rows, np.int64)))
    return UnsendableError(error.why, error.way_out, rows[: len(error.rows)].tolist(), error.field)


def spread(coerced: Coerced, codes: pa.Array) -> Coerced:
    """Return the coerced distinct values as a column again, their problems and traits at every row that has them."""
    if codes.null_count == len(codes):
        return nothing(len(codes))
    distinct = as_text(coerced.text)
    problems: list[Problem] = []
    for problem in coerced.problems:
        rows = np.flatnonzero(np.isin(integers_of(codes, -1), problem.rows))
        problems += problem_at(rows, problem.code, problem.message)
    if distinct.null_count:
        codes = pc.if_else(pc.fill_null(distinct.is_valid().take(codes), fill_value=False), codes, None)
    text = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), distinct)
    return dataclasses.replace(coerced, text=text, problems=tuple(problems))
