"""Values looked at once each: those of columns of few values repeated, and those that only Python can read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame import columns
from analytex_pandas.frame.arrow_types import is_repeated, repeated
from analytex_pandas.frame.columns import TEXT, CellError, Coded, Coerced, Problem, UnsendableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from analytex_pandas.frame.columns import RawColumn, Why


def each(values: Iterable[Any], read: Callable[[Any], Any]) -> tuple[list[Any], tuple[Problem, ...]]:
    """Return what `read` makes of each value, None where it is missing or has a problem, and the problems."""
    found: list[Any] = []
    failures: dict[Why, list[int]] = {}
    for place, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
        except CellError as error:
            found.append(None)
            failures.setdefault(error.why, []).append(place)
    return found, tuple(Problem(np.array(places), *why) for why, places in failures.items())


def coded(column: RawColumn) -> Coded | None:
    """Return a column of repeated values as codes, None for any other.

    Values that no row has are left out: a category that does not occur is no value.
    """
    if isinstance(column, np.ndarray):
        return None
    if not isinstance(column, Coded):
        if not is_repeated(column.type):
            return None
        column = Coded(*repeated(column))
    codes = np.maximum(columns.integers_of(column.codes, -1), -1)
    missing = codes < 0
    occurs = np.zeros(len(column.values) + 1, bool)
    occurs[codes] = True  # -1 is the last
    used = np.flatnonzero(occurs[:-1])
    if len(used) == len(column.values):
        return Coded(pa.array(codes, mask=missing), column.values)
    places = np.cumsum(occurs)[codes] - 1
    return Coded(pa.array(places, mask=missing), looked_up(column.values, pa.array(used)))


def looked_up(values: RawColumn, codes: pa.Array) -> RawColumn:
    """Return the values that codes stand for, missing where a code is null."""
    if isinstance(values, np.ndarray):
        return columns.cells_of([*values, None])[columns.integers_of(codes, -1)]  # a null finds the last
    if isinstance(values, pa.RunEndEncodedArray):
        values = Coded(*repeated(values))
    if isinstance(values, Coded):
        return Coded(values.codes.take(codes), values.values)
    return values.take(codes)


def at_rows(error: UnsendableError, codes: pa.Array) -> UnsendableError:
    """Return what is wrong with some distinct values as what is wrong with the rows that have them."""
    rows = np.flatnonzero(np.isin(columns.integers_of(codes, -1), np.asarray(error.rows, np.int64)))
    return UnsendableError(error.why, error.way_out, rows[: len(error.rows)].tolist(), error.field)


def spread(coerced: Coerced, codes: pa.Array) -> Coerced:
    """Return the coerced distinct values as a column again, their problems at every row that has them."""
    distinct = columns.as_text(coerced.text)
    problems: list[Problem] = []
    if coerced.problems:  # sorted once, as each of many values may have its own
        numbers = columns.integers_of(codes, -1)
        order = np.argsort(numbers, kind="stable")
        bounds = np.searchsorted(numbers, np.arange(len(distinct) + 1), sorter=order)
        for problem in coerced.problems:
            rows = np.concatenate([order[bounds[place] : bounds[place + 1]] for place in problem.rows])
            problems += columns.problem_at(np.sort(rows), problem.code, problem.message)
    if distinct.null_count:
        codes = pc.if_else(pc.fill_null(distinct.is_valid().take(codes), fill_value=False), codes, None)
    if codes.null_count == len(codes):  # plain, as pyarrow 21 cannot read an empty column of codes back
        text = pa.nulls(len(codes), TEXT)
    else:
        text = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), distinct)
    return replace(coerced, text=text, problems=tuple(problems))
