"""What makes an id: text as it is, whole numbers as their digits, UUIDs as text; anything else is invalid."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame import cells as cell_families
from analytex_pandas.frame.coerce import (
    Policy,
    checked_length,
    coerce,
    only_used,
    runs,
    sole,
    spread,
    storage,
)
from analytex_pandas.frame.columns import (
    STRING,
    TEXT,
    Cells,
    Coded,
    Coerced,
    Problem,
    RawColumn,
    Traits,
    text_buffers,
    without,
)
from analytex_pandas.frame.numbers import EXACT_WHOLE
from analytex_pandas.frame.parse import with_problems

PLAIN = Policy()
UTF8_FROM = 0x80
SPACE = 0x20
MAX_DIGITS = 4_000
"""Python refuses to write integers of a few more digits than this."""
TOO_LONG = ("invalid_id", "This {id} is a number of thousands of digits, which is no id.")
NOT_WHOLE = ("invalid_id", "This {id} is no whole number; an id is text or a whole number.")


def ids(column: RawColumn, name: str, *, optional: bool = False) -> Coerced:
    """Return a column as ids: text, null where there is none, a problem for each row whose id cannot be one.

    Parameters
    ----------
    column : RawColumn
        The id column of one batch.
    name : str
        ``user_id`` or ``company_id``, for messages.
    optional : bool
        True when a missing id leaves its row valid.
    """
    found = id_texts(column)
    found = checked_length(with_problems(found, blanks(found.text, name)))
    text = without(
        found.text, np.concatenate([np.array([], np.int64), *(problem.rows for problem in found.problems)])
    )
    problems = tuple(named(problem, name) for problem in found.problems)
    if not optional:
        reported = {row for problem in problems for row in problem.rows.tolist()}
        empty = np.flatnonzero(text.is_null()).tolist() if text.null_count else []
        missing = [row for row in empty if row not in reported]
        if missing:
            problems = (*problems, Problem(np.array(missing), "missing_id", f"There is no {name}."))
    return dataclasses.replace(found, text=text, kinds=STRING, problems=problems)


def named(problem: Problem, name: str) -> Problem:
    """Return the problem with the id's name in its message."""
    return dataclasses.replace(problem, message=problem.message.replace("{id}", name))


def id_texts(column: RawColumn) -> Coerced:
    """Return a column as id texts, blanks included."""
    if isinstance(column, Coded):
        column = only_used(column)
        coded = spread(id_texts(column.values), column.codes)
        return dataclasses.replace(coded, text=coded.text.cast(TEXT))
    if isinstance(column, np.ndarray):
        return cell_ids(column)
    if isinstance(column.type, pa.BaseExtensionType):
        inner = storage(column)
        if isinstance(inner, Coded | np.ndarray):
            return wrong_type(column, "a period or interval")
        return id_texts(inner)
    if pa.types.is_run_end_encoded(column.type):
        return id_texts(runs(column))
    return arrow_ids(column)


def arrow_ids(array: pa.Array) -> Coerced:
    """Return an Arrow array as id texts."""
    kind = array.type
    if pa.types.is_null(kind) or array.null_count == len(array):
        return Coerced(pa.nulls(len(array), TEXT), STRING)
    if pa.types.is_dictionary(kind):
        return id_texts(Coded(array.indices, array.dictionary))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return Coerced(array if kind == TEXT else pc.cast(array, TEXT), STRING)
    if pa.types.is_integer(kind):
        return Coerced(pc.cast(array, TEXT), STRING, plain=True)
    if pa.types.is_floating(kind):
        return float_ids(array)
    if pa.types.is_decimal(kind):
        return decimal_ids(array)
    return wrong_type(array, str(kind))


def float_ids(array: pa.Array) -> Coerced:
    """Return whole floats as their digits: an integer column with gaps is one of floats in pandas."""
    values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        whole = present & (values == np.trunc(values)) & np.isfinite(values)
    small = whole & (np.abs(values) < EXACT_WHOLE)
    digits = np.zeros(len(values), np.int64)
    digits[small] = values[small].astype(np.int64)
    text = pc.cast(pa.array(digits, mask=~small), TEXT)
    return Coerced(
        text,
        STRING,
        plain=True,
        problems=(
            *problem(
                present & ~whole,
                "invalid_id",
                "This {id} is no whole number; an id is text or a whole number.",
            ),
            *problem(
                whole & ~small,
                "id_too_large",
                "This {id} is a float from 2^53 up, whose last digits may be lost; read the column as text or Int64.",
            ),
        ),
        traits=Traits(floats=int(present.sum()), whole_floats=int(small.sum())),
    )


def decimal_ids(array: pa.Array) -> Coerced:
    """Return whole decimals as their digits."""
    coerced = sole(coerce(array, PLAIN))
    return whole_digits(coerced.text)


def whole_digits(text: pa.Array) -> Coerced:
    """Return decimal digits as whole numbers, without their zeros after the point."""
    whole = pc.fill_null(pc.match_substring_regex(text, r"^-?[0-9]+(\.0*)?$"), fill_value=False)
    bare = pc.replace_substring_regex(text, r"\.0*$", "")
    fractional = pc.and_(text.is_valid(), pc.invert(whole)).to_numpy(zero_copy_only=False)
    return Coerced(
        pc.if_else(whole, bare, None), STRING, plain=True, problems=problem(fractional, *NOT_WHOLE)
    )


def wrong_type(array: pa.Array, shown: str) -> Coerced:
    """Return an id column of a type that makes no ids: each present value is a problem."""
    present = array.is_valid().to_numpy(zero_copy_only=False)
    message = f"This {{id}} is of type {shown}; an id is text, a whole number or a UUID."
    return Coerced(pa.nulls(len(array), TEXT), STRING, problems=problem(present, "invalid_id", message))


def cell_ids(cells: Cells) -> Coerced:
    """Return Python objects as id texts."""
    family = pd.api.types.infer_dtype(cells, skipna=True)
    if family in ("string", "integer"):
        array = cell_families.plain_array(cells, family)
        if array is not None:
            return arrow_ids(array)
    text = np.full(len(cells), None, dtype=object)
    problems: dict[tuple[str, str], list[int]] = {}
    for row, cell in enumerate(cells):
        name = cell_families.family_name(cell)
        if name == "missing" or cell_families.is_missing(cell, name):
            continue
        found = cell_id(cell, name)
        if isinstance(found, tuple):
            problems.setdefault(found, []).append(row)
        else:
            text[row] = found
    found_problems = tuple(
        Problem(np.array(rows), code, message) for (code, message), rows in problems.items()
    )
    return Coerced(pa.array(text, TEXT), STRING, problems=found_problems)


def cell_id(cell: Any, family: str) -> str | tuple[str, str]:
    """Return the id that one cell makes, or the code and message of why it makes none."""
    if family == "string":
        if cell_families.is_unicode(cell):
            return str.__str__(cell)
        return (
            cell_families.INVALID_TEXT,
            "This {id} holds half a surrogate pair, which no encoding can write.",
        )
    if family == "enum" and isinstance(cell, str):
        return str.__str__(cell)
    if family == "integer" or (family == "enum" and isinstance(cell, int)):
        return whole_number(int(cell))
    if family in ("half", "single", "long", "float"):
        return first_of(float_ids(pa.array([float(cell)])))
    if family == "decimal" and cell.is_finite():
        if cell.adjusted() >= MAX_DIGITS:
            return TOO_LONG
        return whole_number(int(cell)) if cell == cell.to_integral_value() else NOT_WHOLE
    if isinstance(cell, uuid.UUID):
        return str(cell)
    return (
        "invalid_id",
        f"This {{id}} is of type {type(cell).__name__}; an id is text, a whole number or a UUID.",
    )


def whole_number(number: int) -> str | tuple[str, str]:
    """Return the digits of a whole number as an id."""
    return str(number) if abs(number) < 10**MAX_DIGITS else TOO_LONG


def first_of(coerced: Coerced) -> str | tuple[str, str]:
    """Return the only id of a column of one, or its problem."""
    if coerced.problems:
        return coerced.problems[0].code, coerced.problems[0].message
    return str(coerced.text[0].as_py())


def blanks(text: pa.Array, name: str) -> tuple[Problem, ...]:
    """Return the problem of ids that are empty or nothing but white space."""
    edges = first_bytes(text)
    # only a text that begins with a space, or outside ASCII, or not at all can be blank
    suspects = np.flatnonzero((edges <= SPACE) | (edges >= UTF8_FROM))
    if not len(suspects):
        return ()
    those = text.take(pa.array(suspects))
    blank = pc.fill_null(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(those)), 0), fill_value=False)
    rows = suspects[blank.to_numpy(zero_copy_only=False)]
    return (Problem(rows, "blank_id", f"This {name} is blank."),) if len(rows) else ()


def spaces_around(text: pa.Array) -> int:
    """Return how many ids begin or end with white space."""
    suspects = np.flatnonzero((first_bytes(text) <= SPACE) | (last_bytes(text) <= SPACE))
    those = text.take(pa.array(suspects)).drop_null()
    return int(pc.sum(pc.not_equal(those, pc.utf8_trim_whitespace(those))).as_py() or 0) if len(those) else 0


def first_bytes(text: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the first byte of each text; 0 where there is none."""
    return bytes_at(text, 0)


def last_bytes(text: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the last byte of each text; 0 where there is none."""
    return bytes_at(text, -1)


def bytes_at(text: pa.Array, which: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the first (0) or last (-1) byte of each text; 0 where there is none."""
    data, offsets = text_buffers(text)
    if not len(data):
        return np.zeros(len(text), np.uint8)
    found = data.take(offsets[:-1] if which == 0 else offsets[1:] - 1, mode="clip")
    found[offsets[1:] == offsets[:-1]] = 0
    return found


def problem(mask: np.ndarray[Any, np.dtype[np.bool_]], code: str, message: str) -> tuple[Problem, ...]:
    """Return the problem of the rows in `mask`, if there are any."""
    rows = np.flatnonzero(mask)
    return (Problem(rows, code, message),) if len(rows) else ()
