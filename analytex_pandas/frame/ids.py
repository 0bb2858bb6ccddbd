"""What makes an id: text as it is, whole numbers as their digits, UUIDs as text; anything else is invalid.

The messages name the id ``{id}`` until its name is known, and behind ``FIT`` the code that finds the ids that are none
of this problem: rows without are left out, or where the id is optional the ids are.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame.arrow_types import is_text, storage
from analytex_pandas.frame.cells import FLOATS, family_of, is_missing, plain_array
from analytex_pandas.frame.coded import coded, spread
from analytex_pandas.frame.coerce import INVALID_TEXT, checked_length
from analytex_pandas.frame.columns import (
    KEPT,
    STRING,
    TEXT,
    CellError,
    Cells,
    Coded,
    Coerced,
    Mask,
    Problem,
    RawColumn,
    Sighting,
    Traits,
    as_text,
    is_unicode,
    mask_of,
    problem_at,
    problems_of,
    text_buffers,
    without,
)
from analytex_pandas.frame.mends import (
    EXPONENT,
    HALF_A_PAIR,
    LABEL,
    UNSEEN,
    VALUES,
    WRITTEN_BY_TOOLS,
    column_mended,
    mended,
)
from analytex_pandas.frame.numbers import EXACT_DIGITS_BELOW, EXACT_WHOLE, Floats, decimals

if TYPE_CHECKING:
    from analytex_pandas.frame.columns import Why

FIT = "\ufdd4"
SPACE = 0x20
DELETE = 0x7F
"""From here up a byte is no character that one sees, or the first or last of one outside ASCII."""
MAX_DIGITS = 4_000
"""Python refuses to write integers of a few more digits than this."""
IS_NUMBER = "pd.api.types.is_number(cell)"
MISSING = mended("There is no {id}; to leave such rows out", f"df = df.dropna(subset=[{LABEL}])")
BLANK = f"This {{id}} is blank{FIT}{VALUES}.astype(str).str.strip() != ''"
UNSEEN_ONLY = (
    "This {id} has only characters that no one sees"
    f"{FIT}~{VALUES}.astype(str).str.fullmatch(r'[{UNSEEN}]*')"
)
TOO_LONG = (
    f"This {{id}} is longer than the service takes{FIT}{VALUES}.astype(str).str.len() "
    f"<= {settings.MAX_STRING_CHARACTERS:_}"
)
NOT_WHOLE = (
    "This {id} is no whole number; an id is text or a whole number"
    f"{FIT}{VALUES}.map(lambda cell: not {IS_NUMBER} or float(cell).is_integer())"
)
TOO_MANY_DIGITS = (
    "This {id} is a number of thousands of digits, which is no id"
    f"{FIT}{VALUES}.map(lambda cell: not {IS_NUMBER} or abs(cell) < 10**{MAX_DIGITS})"
)
SURROGATE = column_mended(
    "This {id} holds half a surrogate pair, which no encoding can write. To make ids of them", HALF_A_PAIR
)

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

    `name` is ``user_id`` or ``company_id``, for messages; where the id is `optional`, a row may do without.
    """
    found = id_texts(column)
    found = checked_length(found.with_problems(blanks(found.text)), ("string_too_long", TOO_LONG))
    invalid = np.concatenate([np.array([], np.int64), *(problem.rows for problem in found.problems)])
    text = without(found.text, invalid)
    problems = found.problems
    if not optional and text.null_count:
        absent = text.is_null().to_numpy(zero_copy_only=False) & ~mask_of(invalid, len(text))
        problems += problem_at(np.flatnonzero(absent), "missing_id", MISSING)
    problems = tuple(named(problem, name, optional=optional) for problem in problems)
    traits = dataclasses.replace(found.traits, seen={} if found.plain else oddities(text))
    return dataclasses.replace(found, text=text, kinds=STRING, problems=problems, traits=traits)


def named(problem: Problem, name: str, *, optional: bool) -> Problem:
    message, _, fit = problem.message.partition(FIT)
    if fit and optional:
        message = column_mended(f"{message}; to leave such ids out", f"{VALUES}.where({fit})")
    elif fit:
        message = mended(f"{message}; to leave such rows out", f"df = df[{fit}]")
    return dataclasses.replace(problem, message=message.replace("{id}", name))


def id_texts(column: RawColumn) -> Coerced:
    if isinstance(column, np.ndarray):
        return cell_ids(column)
    if isinstance(column, pa.Array) and isinstance(column.type, pa.BaseExtensionType):
        inner = storage(column)
        if isinstance(inner, Coded | np.ndarray):
            return wrong_type(column, "a period or interval")
        return id_texts(inner)
    if isinstance(column, pa.Array) and column.null_count == len(column):
        return Coerced(pa.nulls(len(column), TEXT), STRING)
    if (repeated := coded(column)) is not None:
        found = spread(id_texts(repeated.values), repeated.codes)
        return dataclasses.replace(found, text=as_text(found.text))
    return arrow_ids(column)


def arrow_ids(array: pa.Array) -> Coerced:
    """Return an Arrow array of a plain type, with some values, as id texts."""
    kind = array.type
    if is_text(kind):
        return Coerced(as_text(array), STRING)
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
    bits = int(bound).bit_length() - 1
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        whole = present & (values == np.trunc(values)) & np.isfinite(values)
    small = whole & (np.abs(values) < bound)
    digits = np.zeros(len(values), np.int64)
    digits[small] = values[small].astype(np.int64)
    too_large = (
        f"This {{id}} is a {values.dtype.name} from 2^{bits} up, whose last digits may be lost; read the column as "
        f"text or Int64{FIT}{VALUES}.map(lambda cell: not pd.api.types.is_float(cell) or abs(cell) < 2**{bits})"
    )
    return Coerced(
        pc.cast(pa.array(digits, mask=~small), TEXT),
        STRING,
        plain=True,
        problems=(
            *problem_at(np.flatnonzero(present & ~whole), "invalid_id", NOT_WHOLE),
            *problem_at(np.flatnonzero(whole & ~small), "id_too_large", too_large),
        ),
        traits=Traits(floats=int(present.sum()), whole_floats=int(small.sum())),
    )


def decimal_ids(array: pa.Array) -> Coerced:
    """Return whole decimals as their digits, without zeros after the point."""
    text = decimals(array).text
    whole = flags(pc.match_substring_regex(text, r"^-?[0-9]+(\.0*)?$"))
    bare = pc.if_else(pa.array(whole), pc.replace_substring_regex(text, r"\.0*$", ""), None)
    fractional = np.flatnonzero(flags(text.is_valid()) & ~whole)
    return Coerced(bare, STRING, plain=True, problems=problem_at(fractional, "invalid_id", NOT_WHOLE))


def wrong_type(array: pa.Array, shown: str) -> Coerced:
    present = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    return Coerced(
        pa.nulls(len(array), TEXT), STRING, problems=problem_at(present, "invalid_id", no_id(shown))
    )


def no_id(shown: str) -> str:
    what = f"This {{id}} is of type {shown}; an id is text, a whole number or a UUID. To make ids of them"
    return column_mended(what, f"{VALUES}.astype(str)")


def cell_ids(cells: Cells) -> Coerced:
    array = plain_array(cells)
    if array is not None and (is_text(array.type) or pa.types.is_integer(array.type)):
        return id_texts(array)
    text: list[str | None] = [None] * len(cells)
    failures: dict[int, Why] = {}
    for row, cell in enumerate(cells):
        family = family_of(cell)
        if is_missing(cell, family):
            continue
        try:
            text[row] = cell_id(cell, family)
        except CellError as error:
            failures[row] = error.why
    return Coerced(pa.array(text, TEXT), STRING, problems=problems_of(failures))


def cell_id(cell: Any, family: str) -> str:
    if isinstance(cell, str):  # members of a StrEnum are text, too
        if not is_unicode(cell):
            raise CellError(INVALID_TEXT, SURROGATE)
        return str.__str__(cell)
    if family in FLOATS:
        found = float_ids(np.array([cell]))
        for problem in found.problems:
            raise CellError(problem.code, problem.message)
        return str(found.text[0].as_py())
    if isinstance(cell, uuid.UUID):
        return str(cell)
    if family == "integer" or (family == "enum" and isinstance(cell, int)):
        return whole_number(cell)
    if family == "decimal" and cell.is_finite():
        if cell == cell.to_integral_value() or cell.adjusted() >= MAX_DIGITS:
            return whole_number(cell)
        raise CellError("invalid_id", NOT_WHOLE)
    raise CellError("invalid_id", no_id(type(cell).__name__))


def whole_number(cell: Any) -> str:
    if abs(cell) >= 10**MAX_DIGITS:
        raise CellError("invalid_id", TOO_MANY_DIGITS)
    return str(int(cell))


def blanks(text: pa.Array) -> tuple[Problem, ...]:
    """Return the problem of ids that are empty, or nothing but what no one sees."""
    first = byte_of(text, 0)
    # only a text that begins with a space, or outside ASCII, or not at all can be blank
    suspects = np.flatnonzero((first <= SPACE) | (first >= DELETE))
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
    first, last = byte_of(text, 0), byte_of(text, -1)
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


def flags(which: pa.Array) -> Mask:
    mask: Mask = pc.fill_null(which, fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def byte_of(text: pa.Array, which: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the first (0) or last (-1) byte of each text; 0 where there is none."""
    data, offsets = text_buffers(text)
    if not len(data):
        return np.zeros(len(text), np.uint8)
    found = data.take(offsets[:-1] if which == 0 else offsets[1:] - 1, mode="clip")
    found[offsets[1:] == offsets[:-1]] = 0
    return found
