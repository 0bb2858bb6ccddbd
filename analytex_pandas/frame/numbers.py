"""Arrow numbers, and booleans, → the text of JSON: every digit kept, nothing added."""

from __future__ import annotations

import decimal
import re
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame import columns
from analytex_pandas.frame.columns import BOOLEAN, DURATION, NUMBER, TEXT, Coerced, Traits
from analytex_pandas.frame.mends import INFINITE

EXACT_WHOLE = 2.0**53
"""Whole numbers below it in magnitude are exact as a double; JSON readers in JavaScript keep no more."""
EXACT_DIGITS_BELOW = {"float64": EXACT_WHOLE, "float32": 2.0**24, "float16": 2.0**11}
"""From here up the shortest digits of a whole float are those of another whole number."""
NARROW = 4_096
"""Integers between so many consecutive ones are looked up rather than written one by one."""
FIXED_POINT_DIGITS = 400
"""Decimals whose exponent is further from zero than this keep it, so that no value becomes a megabyte of zeros."""

NOT_FINITE = ("not_finite", INFINITE)

Floats = np.ndarray[Any, Any]


def booleans(array: pa.Array) -> Coerced:
    text = pa.DictionaryArray.from_arrays(pc.cast(array, pa.int32()), pa.array(["false", "true"], TEXT))
    return Coerced(text, BOOLEAN, plain=True)


def integers(array: pa.Array) -> Coerced:
    """Return integers as text; those of a narrow range are written once each and looked up."""
    extremes = pc.min_max(array).as_py()
    least, most = extremes["min"] or 0, extremes["max"] or 0
    beyond_double = 0
    if max(-least, most) > EXACT_WHOLE:
        values = array.drop_null().to_numpy(zero_copy_only=False)
        beyond_double = int(np.count_nonzero((values > int(EXACT_WHOLE)) | (values < -int(EXACT_WHOLE))))
    if most - least > min(NARROW, len(array)):
        text = pc.cast(array, TEXT)
    else:
        written = pa.array(np.arange(least, most + 1, dtype=np.int64 if most < 2**63 else np.uint64))
        places = pc.cast(pc.subtract(array, pa.scalar(least, array.type)), pa.int32())
        text = pa.DictionaryArray.from_arrays(places, pc.cast(written, TEXT))
    return Coerced(text, NUMBER, plain=True, traits=Traits(beyond_double=beyond_double))


def floats(array: pa.Array) -> Coerced:
    """Return floats as the shortest text that reads back the same at their own width; whole ones without ``.0``."""
    values = array.to_numpy(zero_copy_only=False)
    finite = np.isfinite(values)
    whole = finite & (values == np.trunc(values))
    text = half_floats(values, finite) if values.dtype == np.float16 else float_texts(values, finite, whole)
    if whole.any():
        text = with_exact_digits(text, values, np.flatnonzero(whole))
    problems = columns.problem_at(np.flatnonzero(np.isinf(values)), *NOT_FINITE)
    traits = Traits(floats=int(finite.sum()), whole_floats=int(whole.sum()))
    return Coerced(text, NUMBER, plain=True, problems=problems, traits=traits)


def with_exact_digits(text: pa.Array, values: Floats, whole: columns.Rows) -> pa.Array:
    """Return the text of floats with the digits of an integer where the shortest ones say less, or give a zero a sign.

    `whole` has the rows that have no fraction.
    """
    numbers = values[whole].astype(np.float64)
    size = np.abs(numbers)
    unlike = (size >= EXACT_DIGITS_BELOW[values.dtype.name]) & (size < EXACT_WHOLE)
    unlike |= (size == 0) & np.signbit(numbers)
    if not unlike.any():
        return text
    digits = pc.cast(pa.array(numbers[unlike].astype(np.int64)), TEXT)
    return pc.replace_with_mask(text, pa.array(columns.mask_of(whole[unlike], len(values))), digits)


def float_texts(values: Floats, finite: columns.Mask, whole: columns.Mask) -> pa.Array:
    """Return floats as the shortest text that reads back the same, missing where not `finite`.

    orjson writes them all at once, ``[1.5,3.0,null]``, in a quarter of the time that Arrow takes.
    """
    if not len(values):
        return pa.array([], TEXT)
    written = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    if b"e" in written:
        written = re.sub(rb"e(?=[0-9])", b"e+", written)  # some versions leave the plus away
    data = np.frombuffer(written, np.uint8)
    commas = np.flatnonzero(data == ord(","))
    starts, ends = np.append(1, commas + 1), np.append(commas, len(written) - 1)
    rows = np.flatnonzero(whole)
    pointed = rows[data[ends[rows] - len(".0")] == ord(".")]
    sizes = ends - starts
    sizes[pointed] -= len(".0")
    return columns.texts_at(data, starts, sizes, finite)


def half_floats(values: Floats, finite: columns.Mask) -> pa.Array:
    """Return 16-bit floats as text in NumPy's shortest form, missing where not `finite`; orjson writes doubles."""
    distinct, codes = np.unique(values.view(np.uint16), return_inverse=True)
    halves = distinct.view(np.float16)
    shortest = [np.format_float_positional(value, unique=True, trim="-") for value in halves]
    return pa.array(shortest, TEXT).take(pa.array(codes.astype(np.int32), mask=~finite))


def decimals(array: pa.Array) -> Coerced:
    """Return decimals as their own digits, scale included, without an exponent."""
    if pa.types.is_decimal32(array.type) or pa.types.is_decimal64(array.type):  # which Arrow does not write
        array = pc.cast(array, pa.decimal128(array.type.precision, array.type.scale))
    text = pc.cast(array, TEXT)
    exponents = pc.fill_null(pc.match_substring(text, "E"), fill_value=False)
    if pc.any(exponents).as_py():
        digits = [fixed_point(decimal.Decimal(number)) for number in text.filter(exponents).to_pylist()]
        text = pc.replace_with_mask(text, exponents, pa.array(digits, TEXT))
    return Coerced(text, NUMBER, plain=True)


def fixed_point(number: decimal.Decimal) -> str:
    """Return a finite Decimal's digits; zero has no sign."""
    exponent = cast("int", number.as_tuple().exponent)
    text = format(number, "f") if abs(exponent) <= FIXED_POINT_DIGITS else str(number)
    return text.removeprefix("-") if not number else text


def durations(array: pa.Array) -> Coerced:
    """Return durations as a number of seconds, exact, without trailing zeros."""
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[array.type.unit]
    values = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    seconds, rest = np.divmod(np.abs(values).astype(np.uint64), np.uint64(10**digits))
    fractional, negative = pa.array(rest != 0), pa.array(values < 0)
    point, minus, between = (pa.scalar(mark, TEXT) for mark in (".", "-", ""))
    text = pc.cast(pa.array(seconds), TEXT)
    if rest.any():
        fraction = pc.utf8_lpad(pc.cast(pa.array(rest).filter(fractional), TEXT), digits, "0")
        exact = pc.binary_join_element_wise(text.filter(fractional), pc.utf8_rtrim(fraction, "0"), point)
        text = pc.replace_with_mask(text, fractional, exact)
    if pc.any(negative).as_py():
        text = pc.if_else(negative, pc.binary_join_element_wise(minus, text, between), text)
    return Coerced(pc.if_else(array.is_valid(), text, None), DURATION, plain=True)
