"""Python objects → Arrow, one family of values at a time.

pandas keeps text, and anything else, as Python objects. A column of one plain family becomes an Arrow array at once.
In any other the cells of each family are gathered and become the Arrow array that they are: the same value so gives the
same bytes in whatever company it stands.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame import columns
from analytex_pandas.frame.coded import each
from analytex_pandas.frame.columns import DURATION, NUMBER, TEXT, CellError, Cells, Coerced, Kinds, Rows
from analytex_pandas.frame.mends import TOO_MANY_DIGITS
from analytex_pandas.frame.nested import is_nested
from analytex_pandas.frame.numbers import EXACT_WHOLE, NOT_FINITE, fixed_point
from analytex_pandas.frame.options import JsonType
from analytex_pandas.frame.temporal import TICKS, nanoseconds, within

FAMILIES: tuple[tuple[str, Any], ...] = (
    ("enum", enum.Enum),
    ("boolean", bool | np.bool_),
    ("string", str),
    ("text", uuid.UUID | pathlib.PurePath | pd.Period | pd.Interval),
    ("text", ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network),
    ("timedelta", dt.timedelta | np.timedelta64),  # before integers: NumPy's is one
    ("datetime", dt.datetime | np.datetime64),
    ("date", dt.date),
    ("time", dt.time),
    ("integer", int | np.integer),
    ("half", np.float16),
    ("single", np.float32),
    ("long", np.longdouble if np.longdouble is not np.float64 else ()),
    ("float", float | np.floating),
    ("decimal", decimal.Decimal),
    ("unknown", bytes | bytearray | memoryview | complex | np.complexfloating),
)
"""Family → its types; the first that fits is meant."""
PLAIN_FAMILIES = ("string", "boolean", "integer", "date")
"""What pandas calls the cells of a column that become Arrow at once."""
ARROW_TYPES = {
    "string": TEXT,
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "half": pa.float16(),
    "single": pa.float32(),
    "float": pa.float64(),
    "date": pa.date32(),
    "naive coarse": pa.timestamp("us"),
    "naive fine": pa.timestamp("ns"),
    "aware coarse": pa.timestamp("us", "UTC"),
    "aware fine": pa.timestamp("ns", "UTC"),
}
FLOATS = frozenset({"half", "single", "long", "float"})


def plain_array(cells: Cells) -> pa.Array | None:
    """Return cells of one plain family as one Arrow array; None where they are of several, or Arrow refuses one."""
    family = pd.api.types.infer_dtype(cells, skipna=True)
    if family not in PLAIN_FAMILIES:
        return None
    types = set(map(type, cells)) - {type(pd.NaT)} if family == "date" else ()
    if any(issubclass(kind, dt.datetime) for kind in types):
        return None  # pandas takes a datetime for a date, and Arrow would cut its time off
    try:
        array = pa.array(cells, ARROW_TYPES[family], from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def by_family(cells: Cells) -> dict[str, Rows]:
    """Return where the cells of each family are; those that are missing are of none."""
    places: dict[str, list[int]] = {}
    names: dict[type, str] = {}
    for row, cell in enumerate(cells):
        kind = type(cell)
        name = names.get(kind) or names.setdefault(kind, family_of(cell))
        if not is_missing(cell, name):
            places.setdefault(refined(cell, name), []).append(row)
    return {name: np.array(rows) for name, rows in places.items()}


def family_of(cell: Any) -> str:
    """Return the family that all cells of this cell's type belong to."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return "missing"
    found = next((name for name, types in FAMILIES if isinstance(cell, types)), None)
    return found or ("nested" if is_nested(cell) else "unknown")


def is_missing(cell: Any, family: str) -> bool:
    """Tell whether a cell of a family is missing, NaN and NaT among them."""
    if family in FLOATS:
        return bool(cell != cell)  # NaN  # noqa: PLR0124  # only NaN differs from itself
    if family == "decimal":
        return bool(cell.is_nan())
    if family in ("datetime", "timedelta"):
        return cell is pd.NaT or (isinstance(cell, np.datetime64 | np.timedelta64) and bool(np.isnat(cell)))
    return family == "missing"


def refined(cell: Any, family: str) -> str:
    """Return the family of one cell, where that depends on more than its type."""
    if family == "datetime":
        aware = isinstance(cell, dt.datetime) and cell.tzinfo is not None
        return ("aware " if aware else "naive ") + ("fine" if nanoseconds(cell) % TICKS["us"] else "coarse")
    if isinstance(cell, np.timedelta64) and np.datetime_data(cell.dtype)[0] in ("Y", "M", "generic"):
        return "unknown"  # no number of seconds
    return family


def arrow_of(cells: Cells, family: str, wanted: JsonType | None) -> pa.Array | Coerced:
    """Return cells of a family that is neither text nor nested as Arrow, or as digits if Arrow has no type for them."""
    match family:
        case "text":  # objects whose usual string is what is sent
            return pa.array([str(cell) for cell in cells], TEXT)
        case "time":  # one with a zone shows what its clock shows
            return pa.array([cell.replace(tzinfo=None) for cell in cells], pa.time64("us"))
        case "integer":
            numbers = [int(cell) for cell in cells]
            if fit(numbers):
                return pa.array(numbers, pa.int64())
            return digits(numbers, str, beyond_double=sum(abs(number) > EXACT_WHOLE for number in numbers))
        case "decimal":
            return digits(cells, finite_decimal)
        case "long":
            return digits(cells, long_double, floats=len(cells))
        case "timedelta":
            spans = [nanoseconds(cell) for cell in cells]
            unit = "ns" if any(span % TICKS["us"] for span in spans) else "us"
            counts = [span // TICKS[unit] for span in spans]
            if fit(counts):
                return pa.array(counts, pa.int64()).cast(pa.duration(unit))
            return digits(spans, seconds, DURATION)
    kind = ARROW_TYPES[family]
    return datetimes(cells, kind, wanted) if pa.types.is_timestamp(kind) else pa.array(list(cells), kind)


def datetimes(cells: Cells, kind: pa.DataType, wanted: JsonType | None) -> pa.Array:
    if wanted == "date":  # that which the cell's own calendar shows
        walls = [cell.replace(tzinfo=None) if isinstance(cell, dt.datetime) else cell for cell in cells]
        return within((nanoseconds(wall) // TICKS["D"] for wall in walls), pa.int32()).cast(pa.date32())
    return within((nanoseconds(cell) // TICKS[kind.unit] for cell in cells), pa.int64()).cast(kind)


def fit(numbers: Sequence[int]) -> bool:
    return min(numbers) >= -(2**63) and max(numbers) < 2**63


def finite_decimal(number: decimal.Decimal) -> str:
    if not number.is_finite():
        raise CellError(*NOT_FINITE)
    return fixed_point(number)


def long_double(number: Any) -> str:
    return finite_decimal(decimal.Decimal(np.format_float_scientific(number, unique=True)))


def seconds(span: int) -> str:
    """Return nanoseconds, however many, as the number of seconds."""
    return f"{decimal.Decimal(f'{span}e-9'):f}".rstrip("0").rstrip(".")


def digits(
    numbers: Iterable[Any], text: Callable[[Any], str], kinds: Kinds = NUMBER, **counts: Any
) -> Coerced:
    """Return numbers that Arrow has no type for as their digits."""

    def written(number: Any) -> str:
        try:
            return text(number)
        except ValueError:  # Python refuses to write integers of more than some thousand digits
            raise CellError("number_too_long", TOO_MANY_DIGITS) from None

    found, problems = each(numbers, written)
    traits = columns.Traits(**counts)
    return Coerced(pa.array(found, TEXT), kinds, plain=True, problems=problems, traits=traits)
