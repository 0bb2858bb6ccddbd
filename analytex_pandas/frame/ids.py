"""What makes an id: text as it is, whole numbers as their digits, UUIDs as text; anything else is invalid."""

from __future__ import annotations

import dataclasses
import re
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame import cells as cell_families
from analytex_pandas.frame.coerce import (
    checked_length,
    coerce,
    only_used,
    runs,
    sole,
    spread,
    storage,
)
from analytex_pandas.frame.columns import (
    KEPT,
    STRING,
    TEXT,
    Cells,
    Coded,
    Coerced,
    Problem,
    RawColumn,
    Rows,
    Sighting,
    Traits,
    is_unicode,
    text_buffers,
    without,
)
from analytex_pandas.frame.mends import (
    EXPONENT,
    HALF_A_PAIR,
    LABEL,
    MEND,
    UNSEEN,
    VALUES,
    WRITTEN_BY_TOOLS,
    column_mended,
    mended,
)
from analytex_pandas.frame.numbers import EXACT_DIGITS_BELOW, EXACT_WHOLE, Floats
from analytex_pandas.frame.parse import with_problems
from analytex_pandas.frame.wanted import Policy

PLAIN = Policy()
SPACE = 0x20
DELETE = 0x7F
"""From here up a byte is no character that one sees, or the first or last of one outside ASCII."""
MAX_DIGITS = 4_000
"""Python refuses to write integers of a few more digits than this."""
TOO_LONG = ("invalid_id", "This {id} is a number of thousands of digits, which is no id.")
NOT_WHOLE = ("invalid_id", "This {id} is no whole number; an id is text or a whole number.")
MISSING = mended("There is no {id}; to leave such rows out", f"df = df.dropna(subset=[{LABEL}])")
BLANK = "This {id} is blank"
UNSEEN_ONLY = "This {id} has only characters that no one sees"
TOO_MANY_CHARACTERS = "This {id} is longer than the service takes"
FIT = {
    BLANK: f"{VALUES}.astype(str).str.strip() != ''",
    UNSEEN_ONLY: f"~{VALUES}.astype(str).str.fullmatch(r'[{UNSEEN}]*')",
    NOT_WHOLE[1]: f"{VALUES}.map(lambda cell: not pd.api.types.is_number(cell) or float(cell).is_integer())",
    TOO_LONG[
        1
    ]: f"{VALUES}.map(lambda cell: not pd.api.types.is_number(cell) or abs(cell) < 10**{MAX_DIGITS})",
    "id_too_large": f"{VALUES}.map(lambda cell: not pd.api.types.is_float(cell) or abs(cell) < 2**{{bits}})",
    "string_too_long": f"{VALUES}.astype(str).str.len() <= {settings.MAX_STRING_CHARACTERS:_}",
}
"""Message or code of an invalid id → the code that finds the others."""
BITS = re.compile(r"2\^(\d+)")
AS_TEXT = {"invalid_id": f"{VALUES}.astype(str)", cell_families.INVALID_TEXT: HALF_A_PAIR}
"""Code of an invalid id → the code that makes an id of it."""

UNSEEN_RE2 = re.sub(r"\\u(....)", r"\\x{\1}", UNSEEN)
INSIDE = f"(?s)[^{UNSEEN_RE2}].*[{UNSEEN_RE2.replace('x20', 'x1f')}].*[^{UNSEEN_RE2}]"
LONGEST_FLOAT = 40
LONGEST_MISSING = max(map(len, WRITTEN_BY_TOOLS))
MISSING_TEXTS = pa.array(sorted(WRITTEN_BY_TOOLS), TEXT)
LOOKS_MISSING = np.zeros((256, LONGEST_MISSING + 1), bool)
LOOKS_MISSING[[ord(text[0]) for text in WRITTEN_BY_TOOLS], [len(text) for text in WRITTEN_BY_TOOLS]] = True
"""By first byte and length, so that few texts have to be compared."""
STARTS_NUMBER = np.isin(np.arange(256), list(b"+-0123456789"))
OUTSIDE = (np.arange(256) <= SPACE) | (np.arange(256) >= DELETE)


def ids(column: RawColumn, name: str, *, optional: bool = False) -> Coerced:
    """Return a column as ids: text, null where there is none, a problem for each row whose id cannot be one.

    With `optional` a missing id leaves its row valid.
    """
    found = id_texts(column)
    found = checked_length(with_problems(found, blanks(found.text)))
    text = without(
        found.text, np.concatenate([np.array([], np.int64), *(problem.rows for problem in found.problems)])
    )
    problems = tuple(named(problem, name, optional=optional) for problem in found.problems)
    if not optional:
        reported = {row for problem in problems for row in problem.rows.tolist()}
        empty = np.flatnonzero(text.is_null()).tolist() if text.null_count else []
        missing = [row for row in empty if row not in reported]
        if missing:
            problems = (*problems, named(Problem(np.array(missing), "missing_id", MISSING), name))
    traits = dataclasses.replace(found.traits, seen={} if found.plain else oddities(text))
    return dataclasses.replace(found, text=text, kinds=STRING, problems=problems, traits=traits)


def named(problem: Problem, name: str, *, optional: bool = False) -> Problem:
    """Return the problem with the id's name, and the way out, in its message.

    Where the id is optional a row may do without; else the row is left out.
    """
    message = TOO_MANY_CHARACTERS if problem.code == "string_too_long" else problem.message
    if MEND not in message:
        fit = FIT.get(message) or FIT.get(problem.code)
        message = message.removesuffix(".")
        if fit is None:
            message = column_mended(f"{message}. To make ids of them", AS_TEXT[problem.code])
        else:
            bits = BITS.search(message)
            fit = fit.replace("{bits}", bits[1] if bits else "")
            message = (
                column_mended(f"{message}; to leave such ids out", f"{VALUES}.where({fit})")
                if optional
                else mended(f"{message}; to leave such rows out", f"df = df[{fit}]")
            )
    return dataclasses.replace(problem, message=message.replace("{id}", name))


def id_texts(column: RawColumn) -> Coerced:
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
        return float_ids(array.to_numpy(zero_copy_only=False))
    if pa.types.is_decimal(kind):
        return decimal_ids(array)
    return wrong_type(array, str(kind))


def float_ids(values: Floats) -> Coerced:
    """Return whole floats as their digits: an integer column with gaps is one of floats in pandas.

    They are judged at their own width, since a narrow one has rounded whole numbers much sooner.
    """
    bound = EXACT_DIGITS_BELOW.get(values.dtype.name, EXACT_WHOLE)
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        whole = present & (values == np.trunc(values)) & np.isfinite(values)
    small = whole & (np.abs(values) < bound)
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
                f"This {{id}} is a {values.dtype.name} from 2^{int(bound).bit_length() - 1} up, whose last digits may "
                "be lost; read the column as text or Int64.",
            ),
        ),
        traits=Traits(floats=int(present.sum()), whole_floats=int(small.sum())),
    )


def decimal_ids(array: pa.Array) -> Coerced:
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
        if is_unicode(cell):
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
        return first_of(float_ids(np.array([cell])))
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
    return str(number) if abs(number) < 10**MAX_DIGITS else TOO_LONG


def first_of(coerced: Coerced) -> str | tuple[str, str]:
    """Return the only id of a column of one, or its problem."""
    if coerced.problems:
        return coerced.problems[0].code, coerced.problems[0].message
    return str(coerced.text[0].as_py())


def blanks(text: pa.Array) -> tuple[Problem, ...]:
    """Return the problem of ids that are empty, or nothing but what no one sees."""
    edges = first_bytes(text)
    # only a text that begins with a space, or outside ASCII, or not at all can be blank
    suspects = np.flatnonzero((edges <= SPACE) | (edges >= DELETE))
    if not len(suspects):
        return ()
    those = text.take(pa.array(suspects))
    blank = flags(pc.match_substring_regex(those, f"^[{UNSEEN_RE2}]*$"))
    white = flags(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(those)), 0))
    return (
        *problem_at(suspects[blank & white], "blank_id", BLANK),
        *problem_at(suspects[blank & ~white], "blank_id", UNSEEN_ONLY),
    )


def oddities(text: pa.Array) -> dict[str, Sighting]:
    """Return what of ids that are text is likely not meant: see `notes.ID_NOTES`."""
    first, last = first_bytes(text), last_bytes(text)
    sizes = np.diff(text_buffers(text)[1])
    found = {}
    rows = np.flatnonzero(sizes <= LONGEST_MISSING)
    rows = rows[LOOKS_MISSING.take(first[rows].astype(np.int64) * (LONGEST_MISSING + 1) + sizes[rows])]
    if len(rows):
        those = text.take(pa.array(rows))
        found["missing"] = sighting(those, pc.is_in(those, MISSING_TEXTS))
    rows = np.flatnonzero(STARTS_NUMBER.take(first))
    rows = rows[STARTS_NUMBER.take(last[rows]) & (sizes[rows] <= LONGEST_FLOAT)]
    if len(rows):
        those = text.take(pa.array(rows))
        found["floats"] = sighting(those, pc.match_substring_regex(those, r"^[+-]?[0-9]+[.]0+$"))
        found["exponents"] = sighting(those, pc.match_substring_regex(those, rf"^{EXPONENT}$"))
    rows = np.flatnonzero(OUTSIDE.take(first) | OUTSIDE.take(last))
    if len(rows):
        those = text.take(pa.array(rows))
        trimmed = pc.utf8_trim_whitespace(those)
        unseen = pc.match_substring_regex(trimmed, f"^[{UNSEEN_RE2}]|[{UNSEEN_RE2}]$")
        found["spaces"] = sighting(those, pc.and_(pc.not_equal(those, trimmed), pc.invert(unseen)))
        found["unseen"] = sighting(those, unseen)
    data, offsets = text_buffers(text)
    characters = data[offsets[0] : offsets[-1]].view(np.int8)
    # as signed bytes those outside ASCII are below zero
    if len(characters) and (characters.min() < SPACE or characters.max() == DELETE):
        found["inside"] = sighting(text, pc.match_substring_regex(text, INSIDE))
    return {what: seen for what, seen in found.items() if seen.count}


def sighting(text: pa.Array, which: pa.Array) -> Sighting:
    those = text.filter(which).drop_null()
    return Sighting(len(those), tuple(those.unique()[:KEPT].to_pylist()))


def flags(which: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return an Arrow mask as NumPy's, False where it is null."""
    mask: np.ndarray[Any, np.dtype[np.bool_]] = pc.fill_null(which, fill_value=False).to_numpy(
        zero_copy_only=False
    )
    return mask


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
    return problem_at(np.flatnonzero(mask), code, message)


def problem_at(rows: Rows, code: str, message: str) -> tuple[Problem, ...]:
    return (Problem(rows, code, message),) if len(rows) else ()
