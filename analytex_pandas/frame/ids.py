"""What makes an id: text as it is, whole numbers as their digits, UUIDs as text; anything else is invalid."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame import columns, mends
from analytex_pandas.frame.arrow_types import is_text, storage
from analytex_pandas.frame.cells import FLOATS, family_of, is_missing, plain_array
from analytex_pandas.frame.coded import coded, each, spread
from analytex_pandas.frame.coerce import INVALID_TEXT, checked_length
from analytex_pandas.frame.columns import STRING, TEXT, Bytes, CellError, Coerced, Problem, RawColumn, Why
from analytex_pandas.frame.mends import VALUES
from analytex_pandas.frame.numbers import EXACT_DIGITS_BELOW, EXACT_WHOLE, Floats, decimals

Unfit = Callable[..., Why]

SPACE = 0x20
DELETE = 0x7F
"""From here up a byte is no character that one sees, or the first or last of one outside ASCII."""
MAX_DIGITS = 4_000
"""Python refuses to write integers of a few more digits than this."""
IS_NUMBER = "pd.api.types.is_number(cell)"
NOT_WHOLE = (
    "invalid_id",
    "is no whole number; an id is text or a whole number",
    f"{VALUES}.map(lambda cell: not {IS_NUMBER} or float(cell).is_integer())",
)
UNSEEN_RE2 = re.sub(r"\\u(....)", r"\\x{\1}", mends.UNSEEN)
INSIDE = f"(?s)[^{UNSEEN_RE2}].*[{UNSEEN_RE2.replace('x20', 'x1f')}].*[^{UNSEEN_RE2}]"
LONGEST_FLOAT = 40
LONGEST_MISSING = max(map(len, mends.WRITTEN_BY_TOOLS))
MISSING_TEXTS = pa.array(sorted(mends.WRITTEN_BY_TOOLS), TEXT)
LOOKS_MISSING = np.zeros((256, LONGEST_MISSING + 1), bool)
LOOKS_MISSING[
    [ord(text[0]) for text in mends.WRITTEN_BY_TOOLS], [len(text) for text in mends.WRITTEN_BY_TOOLS]
] = True
"""By first byte and length, so that few texts have to be compared."""
STARTS_NUMBER = np.isin(np.arange(256), list(b"+-0123456789"))
OUTSIDE = (np.arange(256) <= SPACE) | (np.arange(256) >= DELETE)


def ids(column: RawColumn, name: str, *, optional: bool = False) -> Coerced:
    """Return a column as ids: text, null where there is none, a problem for each row whose id cannot be one.

    `name` is ``user_id`` or ``company_id``, for messages; where the id is `optional`, a row may do without.
    """
    unfit = partial(why_unfit, name, optional)
    too_long = unfit(
        "string_too_long",
        "is longer than the service takes",
        f"{VALUES}.astype(str).str.len() <= {settings.MAX_STRING_CHARACTERS:_}",
    )
    found = id_texts(column, unfit)
    found = checked_length(found.with_problems(blanks(found.text, unfit)), too_long)
    invalid = np.concatenate([np.array([], np.int64), *(problem.rows for problem in found.problems)])
    text = columns.without(found.text, invalid)
    if not optional and text.null_count:
        message = f"There is no {name}; to leave such rows out"
        missing = np.flatnonzero(~columns.validity(text) & ~columns.mask_of(invalid, len(text)))
        mend = mends.mended(message, f"df = df.dropna(subset=[{mends.LABEL}])")
        found = found.with_problems(columns.problem_at(missing, "missing_id", mend))
    traits = replace(found.traits, seen={} if found.plain else oddities(text))
    return replace(found, text=text, kinds=STRING, traits=traits)


def why_unfit(name: str, optional: bool, code: str, what: str, fits: str = "", *, mend: str = "") -> Why:
    """Return why some are no ids, and how they are mended, or left out: `fits` is code that finds the others.

    Where the id is `optional` only the ids are, else their rows.
    """
    if mend:
        return code, mends.column_mended(f"This {name} {what}. To make ids of them", mend)
    if optional:
        message = f"This {name} {what}; to leave such ids out"
        return code, mends.column_mended(message, f"{VALUES}.where({fits})")
    return code, mends.mended(f"This {name} {what}; to leave such rows out", f"df = df[{fits}]")


def wrong_type(shown: str, unfit: Unfit) -> Why:
    what = f"is of type {shown}; an id is text, a whole number or a UUID"
    return unfit("invalid_id", what, mend=f"{VALUES}.astype(str)")


def id_texts(column: RawColumn, unfit: Unfit) -> Coerced:
    if isinstance(column, np.ndarray):
        plain = plain_array(column)
        if plain is not None and (is_text(plain.type) or pa.types.is_integer(plain.type)):
            return id_texts(plain, unfit)
        texts, problems = each(column, partial(cell_id, unfit=unfit))
        return Coerced(pa.array(texts, TEXT), STRING, problems=problems)
    if isinstance(column, pa.Array) and isinstance(column.type, pa.BaseExtensionType):
        inner = storage(column)
        if isinstance(inner, pa.Array):
            return id_texts(inner, unfit)
        return arrow_ids(column, "a period or interval", unfit)
    if (repeated := coded(column)) is not None:
        found = spread(id_texts(repeated.values, unfit), repeated.codes)
        return replace(found, text=columns.as_text(found.text), kinds=STRING)
    array: pa.Array = column
    return arrow_ids(array, str(array.type), unfit)


def arrow_ids(array: pa.Array, shown: str, unfit: Unfit) -> Coerced:
    """Return an Arrow array as id texts; `shown` is what a message calls its type."""
    kind = array.type
    if is_text(kind):
        return Coerced(columns.as_text(array), STRING)
    if pa.types.is_integer(kind):
        return Coerced(pc.cast(array, TEXT), STRING, plain=True)
    if pa.types.is_floating(kind):
        return float_ids(array.to_numpy(zero_copy_only=False), unfit)
    if pa.types.is_decimal(kind):
        return decimal_ids(array, unfit)
    problems = columns.problem_at(np.flatnonzero(columns.validity(array)), *wrong_type(shown, unfit))
    return Coerced(pa.nulls(len(array), TEXT), STRING, problems=problems)


def float_ids(values: Floats, unfit: Unfit) -> Coerced:
    """Return whole floats as their digits: an integer column with gaps is one of floats in pandas.

    They are judged at their own width, since a narrow one has rounded whole numbers much sooner.
    """
    bound = EXACT_DIGITS_BELOW.get(values.dtype.name, EXACT_WHOLE)
    bits = int(bound).bit_length() - 1
    present = ~np.isnan(values)
    whole = np.isfinite(values) & (values == np.trunc(values))
    small = whole & (np.abs(values) < bound)
    digits = np.zeros(len(values), np.int64)
    digits[small] = values[small].astype(np.int64)
    too_large = unfit(
        "id_too_large",
        f"is a {values.dtype.name} from 2^{bits} up, whose last digits may be lost; read the column as text or Int64",
        f"{VALUES}.map(lambda cell: not pd.api.types.is_float(cell) or abs(cell) < 2**{bits})",
    )
    return Coerced(
        pc.cast(pa.array(digits, mask=~small), TEXT),
        STRING,
        plain=True,
        problems=(
            *columns.problem_at(np.flatnonzero(present & ~whole), *unfit(*NOT_WHOLE)),
            *columns.problem_at(np.flatnonzero(whole & ~small), *too_large),
        ),
        traits=columns.Traits(floats=int(present.sum()), whole_floats=int(small.sum())),
    )


def decimal_ids(array: pa.Array, unfit: Unfit) -> Coerced:
    """Return whole decimals as their digits, without zeros after the point."""
    text = decimals(array).text
    whole = flags(pc.match_substring_regex(text, r"^-?[0-9]+(\.0*)?$"))
    bare = pc.if_else(pa.array(whole), pc.replace_substring_regex(text, r"\.0*$", ""), None)
    fractional = np.flatnonzero(columns.validity(text) & ~whole)
    return Coerced(bare, STRING, plain=True, problems=columns.problem_at(fractional, *unfit(*NOT_WHOLE)))


def cell_id(cell: Any, unfit: Unfit) -> str | None:
    family = family_of(cell)
    if is_missing(cell, family):
        return None
    if isinstance(cell, str):  # members of a StrEnum are text, too
        if columns.is_unicode(cell):
            return str.__str__(cell)
        what = "holds half a surrogate pair, which no encoding can write"
        raise CellError(*unfit(INVALID_TEXT, what, mend=mends.HALF_A_PAIR))
    if family in FLOATS:
        found = float_ids(np.array([cell]), unfit)
        for problem in found.problems:
            raise CellError(problem.code, problem.message)
        return str(found.text[0].as_py())
    if isinstance(cell, uuid.UUID):
        return str(cell)
    whole = family == "integer" or (family == "enum" and isinstance(cell, int))
    if not whole and not (family == "decimal" and cell.is_finite()):
        raise CellError(*wrong_type(type(cell).__name__, unfit))
    if abs(cell) >= 10**MAX_DIGITS:
        what = "is a number of thousands of digits, which is no id"
        fits = f"{VALUES}.map(lambda cell: not {IS_NUMBER} or abs(cell) < 10**{MAX_DIGITS})"
        raise CellError(*unfit("invalid_id", what, fits))
    if not whole and cell != cell.to_integral_value():
        raise CellError(*unfit(*NOT_WHOLE))
    return str(int(cell))


def blanks(text: pa.Array, unfit: Unfit) -> tuple[Problem, ...]:
    """Return the problem of ids that are empty, or nothing but what no one sees."""
    # only a text that begins with a space, or outside ASCII, or not at all can be blank
    suspects = np.flatnonzero(OUTSIDE.take(byte_of(text, 0)))
    those = text.take(pa.array(suspects))
    blank = flags(pc.match_substring_regex(those, f"^[{UNSEEN_RE2}]*$"))
    white = flags(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(those)), 0))
    empty = unfit("blank_id", "is blank", f"{VALUES}.astype(str).str.strip() != ''")
    unseen = unfit(
        "blank_id",
        "has only characters that no one sees",
        f"~{VALUES}.astype(str).str.fullmatch(r'[{mends.UNSEEN}]*')",
    )
    return (
        *columns.problem_at(suspects[blank & white], *empty),
        *columns.problem_at(suspects[blank & ~white], *unseen),
    )


def oddities(text: pa.Array) -> dict[str, columns.Sighting]:
    """Return what of ids that are text is likely not meant: see `notes.ID_NOTES`.

    So that few have to be read whole, those that may be odd are found by their first byte, their last and their size.
    """
    first, last = byte_of(text, 0), byte_of(text, -1)
    data, offsets = columns.text_buffers(text)
    sizes = np.diff(offsets)
    short = np.flatnonzero(sizes <= LONGEST_MISSING)
    short = short[LOOKS_MISSING[first[short], sizes[short]]]
    like_missing = text.take(pa.array(short))
    numeric = np.flatnonzero(STARTS_NUMBER.take(first))
    numeric = numeric[STARTS_NUMBER.take(last[numeric]) & (sizes[numeric] <= LONGEST_FLOAT)]
    like_numbers = text.take(pa.array(numeric))
    edged = text.take(pa.array(np.flatnonzero(OUTSIDE.take(first) | OUTSIDE.take(last))))
    trimmed = pc.utf8_trim_whitespace(edged)
    unseen = pc.match_substring_regex(trimmed, f"^[{UNSEEN_RE2}]|[{UNSEEN_RE2}]$")
    found = {
        "missing": sighting(like_missing, pc.is_in(like_missing, MISSING_TEXTS)),
        "floats": sighting(like_numbers, pc.match_substring_regex(like_numbers, r"^[+-]?[0-9]+[.]0+$")),
        "exponents": sighting(like_numbers, pc.match_substring_regex(like_numbers, rf"^{mends.EXPONENT}$")),
        "spaces": sighting(edged, pc.and_(pc.not_equal(edged, trimmed), pc.invert(unseen))),
        "unseen": sighting(edged, unseen),
    }
    characters = data[offsets[0] : offsets[-1]].view(np.int8)
    # as signed bytes those outside ASCII are below zero
    if len(characters) and (characters.min() < SPACE or characters.max() == DELETE):
        found["inside"] = sighting(text, pc.match_substring_regex(text, INSIDE))
    return {what: seen for what, seen in found.items() if seen.count}


def sighting(text: pa.Array, which: pa.Array) -> columns.Sighting:
    those = text.filter(which).drop_null()
    return columns.Sighting(len(those), tuple(those.unique()[: columns.KEPT].to_pylist()))


def flags(which: pa.Array) -> columns.Mask:
    mask: columns.Mask = pc.fill_null(which, fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def byte_of(text: pa.Array, which: int) -> Bytes:
    """Return the first (0) or last (-1) byte of each text; 0 where there is none."""
    data, offsets = columns.text_buffers(text)
    if not len(data):
        return np.zeros(len(text), np.uint8)
    found = data.take(offsets[:-1] if which == 0 else offsets[1:] - 1, mode="clip")
    found[offsets[1:] == offsets[:-1]] = 0
    return found
