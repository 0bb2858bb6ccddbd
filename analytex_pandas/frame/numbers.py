"""Arrow numbers → the text of JSON numbers: every digit kept, nothing added."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Coerced, Problem, Traits, mask_of

if TYPE_CHECKING:
    from collections.abc import Callable

EXACT_WHOLE = 2.0**53
"""Whole numbers below it in magnitude are exact as a double; JSON readers in JavaScript keep no more."""
ARROW_EXPONENT_FROM = 1e10
"""From here up Arrow writes whole floats with an exponent."""
NARROW_EXPONENT_FROM = 1e4
"""The same of 16- and 32-bit floats."""
HALF_ROUNDED_FROM = 2_048
"""From here up the shortest digits of a whole 16-bit float are those of another whole number."""
SMALLEST_WRITABLE = 128
"""Bits of the decimals that Arrow writes as text; narrower ones are widened."""
NARROW = 4_096
"""Integers between so many consecutive ones are looked up rather than written one by one."""
FIXED_POINT_DIGITS = 400
"""Decimals whose exponent is further from zero than this keep it, so that no value becomes a megabyte of zeros."""

NOT_FINITE = "not_finite"


def integers(array: pa.Array) -> Coerced:
    """Return integers as their digits."""
    extremes = pc.min_max(array).as_py()
    least, most = extremes["min"] or 0, extremes["max"] or 0
    traits = Traits(beyond_double=beyond_double(array) if max(-least, most) > EXACT_WHOLE else 0)
    return Coerced(integer_text(array, least, most), frozenset({"number"}), plain=True, traits=traits)


def integer_text(array: pa.Array, least: int, most: int) -> pa.Array:
    """Return integers as text; those of a narrow range are written once each and looked up."""
    if most - least > NARROW or most - least > len(array):
        return pc.cast(array, TEXT)
    written = pc.cast(
        pa.array(np.arange(least, most + 1, dtype=np.int64 if most < 2**63 else np.uint64)), TEXT
    )
    places = pc.cast(pc.subtract(array, pa.scalar(least, array.type)), pa.int32())
    return pa.DictionaryArray.from_arrays(places, written)


def beyond_double(array: pa.Array) -> int:
    """Return how many integers have more digits than a double keeps."""
    values = array.drop_null().to_numpy(zero_copy_only=False)
    exact = int(EXACT_WHOLE)
    return int(np.count_nonzero((values > exact) | (values.astype(np.int64) < -exact) & (values < 0)))


def floats(array: pa.Array) -> Coerced:
    """Return floats as the shortest text that reads back the same at their own width; whole ones without ``.0``."""
    values = array.to_numpy(zero_copy_only=False)
    narrow = values.dtype != np.float64
    if narrow:
        values = values.astype(np.float64)
    finite = np.isfinite(values)
    problems: tuple[Problem, ...] = ()
    if not finite.all():
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            problems = (
                Problem(infinite, NOT_FINITE, "An infinite number has no JSON; make it missing or finite."),
            )
        array = pc.if_else(pa.array(finite), array, None)
    text = half_floats(array) if pa.types.is_float16(array.type) else pc.cast(array, TEXT)
    with np.errstate(invalid="ignore"):
        whole = finite & (values == np.trunc(values))
        odd = whole & (np.abs(values) < EXACT_WHOLE)
        odd &= (np.abs(values) >= ARROW_EXPONENT_FROM) | ((values == 0) & np.signbit(values))
        if narrow:
            first = HALF_ROUNDED_FROM if pa.types.is_float16(array.type) else NARROW_EXPONENT_FROM
            odd |= whole & (np.abs(values) >= first) & (np.abs(values) < EXACT_WHOLE)
    if odd.any():
        digits = pc.cast(pa.array(values[odd].astype(np.int64)), TEXT)
        text = pc.replace_with_mask(text, pa.array(odd), digits)
    traits = Traits(floats=int(np.count_nonzero(finite)), whole_floats=int(np.count_nonzero(whole)))
    return Coerced(text, frozenset({"number"}), plain=True, problems=problems, traits=traits)


def half_floats(array: pa.Array) -> pa.Array:
    """Return 16-bit floats as text: Arrow would write the digits of a double, so NumPy's shortest form it is."""
    values = array.to_numpy(zero_copy_only=False).astype(np.float16)
    distinct, codes = np.unique(values.view(np.uint16), return_inverse=True)
    shortest = [
        np.format_float_positional(value, unique=True, trim="-") for value in distinct.view(np.float16)
    ]
    text = pa.array(shortest, TEXT).take(pa.array(codes.astype(np.int32)))
    return pc.if_else(array.is_valid(), text, None)


def decimals(array: pa.Array) -> Coerced:
    """Return decimals as their own digits, scale included, without an exponent."""
    if array.type.bit_width < SMALLEST_WRITABLE:
        array = pc.cast(array, pa.decimal128(array.type.precision, array.type.scale))
    text = pc.cast(array, TEXT)
    exponents = pc.fill_null(pc.match_substring(text, "E"), fill_value=False)
    if pc.any(exponents).as_py():
        digits = [fixed_point(decimal.Decimal(number)) for number in text.filter(exponents).to_pylist()]
        text = pc.replace_with_mask(text, exponents, pa.array(digits, TEXT))
    return Coerced(text, frozenset({"number"}), plain=True)


def fixed_point(number: decimal.Decimal) -> str:
    """Return a finite Decimal's digits; zero has no sign."""
    exponent = cast("int", number.as_tuple().exponent)
    text = format(number, "f") if abs(exponent) <= FIXED_POINT_DIGITS else str(number)
    return text.removeprefix("-") if not number else text


def durations(array: pa.Array) -> Coerced:
    """Return durations as a number of seconds, exact, without trailing zeros."""
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[array.type.unit]
    counts = array.cast(pa.int64())
    if not digits:
        return Coerced(pc.cast(counts, TEXT), frozenset({"number"}), plain=True)
    values = counts.fill_null(0).to_numpy(zero_copy_only=False)
    magnitude = np.abs(values).astype(np.uint64)
    seconds, rest = np.divmod(magnitude, np.uint64(10**digits))
    text = pc.cast(pa.array(seconds), TEXT)
    fractional = rest != 0
    if fractional.any():
        fraction = pc.utf8_rtrim(
            pc.utf8_lpad(pc.cast(pa.array(rest[fractional]), TEXT), width=digits, padding="0"), characters="0"
        )
        exact = pc.binary_join_element_wise(text.filter(pa.array(fractional)), fraction, large("."))
        text = pc.replace_with_mask(text, pa.array(fractional), exact)
    negative = values < 0
    if negative.any():
        signed = pc.binary_join_element_wise(large("-"), text, large(""))
        text = pc.if_else(pa.array(negative), signed, text)
    return Coerced(pc.if_else(counts.is_valid(), text, None), frozenset({"number"}), plain=True)


def large(text: str) -> pa.Scalar[Any]:
    """Return text as the scalar that ``binary_join_element_wise`` asks for beside large strings."""
    return pa.scalar(text, TEXT)


def map_text(text: pa.Array, rows: np.ndarray[Any, Any], change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return `text` with `change` applied at `rows` only."""
    mask = pa.array(mask_of(rows, len(text)))
    return pc.replace_with_mask(text, mask, change(text.filter(mask)))
