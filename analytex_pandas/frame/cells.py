"""Columns of Python objects → text of JSON primitives, one family of values at a time.

pandas keeps text, and anything else, as Python objects. A column of one plain family becomes an Arrow array at once.
In any other each type's cells are gathered, coerced together as the Arrow array they are, and put back in their places:
the same value so gives the same bytes in whatever company it stands.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.columns import (
    DURATION,
    NUMBER,
    STRING,
    TEXT,
    Cells,
    Coerced,
    Kinds,
    Problem,
    RawColumn,
    Traits,
    UnsendableError,
    is_unicode,
    json_type_of,
    together,
)
from analytex_pandas.frame.mends import HALF_A_PAIR, INFINITE, TOO_MANY_DIGITS, column_mended
from analytex_pandas.frame.moments import TICKS, is_calendrical, nanoseconds, seconds, wall_day, within
from analytex_pandas.frame.nested import TOO_DEEP, NotEncodable, add_flattened, is_nested, nested_texts
from analytex_pandas.frame.numbers import NOT_FINITE, fixed_point
from analytex_pandas.frame.parse import with_problems
from analytex_pandas.frame.wanted import Policy, as_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    class Coerce(Protocol):
        """The coercion of a whole column, which cells hand their families to."""

        def __call__(self, column: RawColumn, policy: Policy) -> dict[str, Coerced]:
            """Return a column as text of JSON primitives."""


INVALID_TEXT = "invalid_text"
NESTED = "list or dict"
PLAIN_FAMILIES = {
    "string": TEXT,
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "date": pa.date32(),
    "empty": pa.null(),
}


def coerce_cells(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    """Return a column of Python objects as text of JSON primitives."""
    family = pd.api.types.infer_dtype(cells, skipna=True)
    if family in PLAIN_FAMILIES:
        array = plain_array(cells, family)
        if array is not None:
            return coerce(array, policy)
    return coerce_families(cells, policy, coerce)


def plain_array(cells: Cells, family: str) -> pa.Array | None:
    """Return the cells as one Arrow array, or None where Arrow does not take them all."""
    if family == "empty" and not all(is_missing(cell, family_name(cell)) for cell in cells):
        return None
    if family == "date" and any(
        issubclass(kind, dt.datetime) for kind in set(map(type, cells)) - {type(pd.NaT)}
    ):
        return None  # pandas takes a datetime for a date, and Arrow would cut its time off
    try:
        array = pa.array(cells, PLAIN_FAMILIES[family] if family != "empty" else TEXT, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def coerce_families(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    """Return cells of several families, or of one that Arrow does not know, as text of JSON primitives."""
    places: dict[str, list[int]] = {}
    names: dict[type, str] = {}
    for row, cell in enumerate(cells):
        kind = type(cell)
        name = names.get(kind) or names.setdefault(kind, family_name(cell))
        if not is_missing(cell, name):
            places.setdefault(refined(cell, name), []).append(row)
    columns: dict[str, list[tuple[np.ndarray[Any, Any], Coerced]]] = {}
    wrong = []
    for name, rows in places.items():
        at = np.array(rows)
        try:
            coerced = FAMILIES[name](cells[at], policy, coerce)
        except UnsendableError as error:
            wrong.append(error.within(places=at))
            continue
        for suffix, part in coerced.items():
            columns.setdefault(suffix, []).append((at, part))
    if wrong:
        raise together(wrong)
    if not columns:
        return {"": Coerced(pa.nulls(len(cells), TEXT), frozenset(), plain=True)}
    return {suffix: assembled(parts, len(cells)) for suffix, parts in columns.items()}


def assembled(parts: Sequence[tuple[np.ndarray[Any, Any], Coerced]], length: int) -> Coerced:
    """Return the families' cells in their places again."""
    text = np.full(length, None, dtype=object)
    problems: list[Problem] = []
    traits = Traits()
    for at, part in parts:
        text[at] = np.array(part.text.to_pylist() or [None], dtype=object)[: len(at)]
        problems += [Problem(at[problem.rows], problem.code, problem.message) for problem in part.problems]
        present = len(at) - part.text.null_count
        kinds = part.traits.kinds or dict.fromkeys(part.families, present)
        traits += Traits(**{**vars(part.traits), "kinds": kinds})
    kinds_found = frozenset(kind for _, part in parts for kind in part.kinds)
    plain = all(part.plain for _, part in parts)
    return Coerced(pa.array(text, TEXT), kinds_found, plain, tuple(problems), traits)


def family_name(cell: Any) -> str:  # a table of types reads best as one
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return "missing"
    if isinstance(cell, enum.Enum):
        return "enum"
    for name, types in TYPES:
        if isinstance(cell, types):
            return name
    if is_nested(cell):
        return "nested"
    return "unknown"


TYPES: tuple[tuple[str, Any], ...] = (
    ("boolean", bool | np.bool_),
    ("string", str),
    ("text", uuid.UUID | pathlib.PurePath | pd.Period | pd.Interval),
    ("text", ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network),
    ("text", ipaddress.IPv4Interface | ipaddress.IPv6Interface),
    ("timedelta", pd.Timedelta | dt.timedelta | np.timedelta64),  # before integers: NumPy's is one
    ("datetime", pd.Timestamp | dt.datetime | np.datetime64),
    ("date", dt.date),
    ("time", dt.time),
    ("integer", int | np.integer),
    ("half", np.float16),
    ("single", np.float32),
    ("long", np.longdouble if np.longdouble is not np.float64 else ()),
    ("float", float | np.floating),
    ("decimal", decimal.Decimal),
    ("binary", bytes | bytearray | memoryview),
    ("complex", complex | np.complexfloating),
)


def is_missing(cell: Any, family: str) -> bool:
    """Tell whether a cell of a family that has missing values is one."""
    if family == "missing":
        return True
    if family in ("half", "single", "long", "float"):
        return bool(cell != cell)  # NaN  # noqa: PLR0124  # only NaN differs from itself
    if family == "decimal":
        return bool(cell.is_nan())
    if family in ("datetime", "timedelta"):
        return cell is pd.NaT or (isinstance(cell, np.datetime64 | np.timedelta64) and bool(np.isnat(cell)))
    return False


def refined(cell: Any, family: str) -> str:
    """Return the family of one cell, where that depends on more than its type."""
    if family == "datetime":
        aware = isinstance(cell, dt.datetime) and cell.tzinfo is not None
        return ("aware " if aware else "naive ") + ("fine" if nanoseconds(cell) % TICKS["us"] else "coarse")
    return "unknown" if is_calendrical(cell) else family


def strings(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    """Return text; what is no valid Unicode makes its row invalid."""
    bad = np.array([row for row, cell in enumerate(cells) if not is_unicode(cell)], dtype=np.int64)
    if not len(bad):
        return coerce(pa.array([str.__str__(cell) for cell in cells], TEXT), policy)
    clean = cells.copy()
    clean[bad] = None
    message = column_mended("The text holds half a surrogate pair, which no encoding can write", HALF_A_PAIR)
    sound = pa.array([None if cell is None else str.__str__(cell) for cell in clean], TEXT)
    coerced = coerce(sound, policy)[""]
    if policy.wanted is None:
        coerced = dataclasses.replace(coerced, kinds=STRING)  # text it is, if it be unsound
    return {"": with_problems(coerced, (Problem(bad, INVALID_TEXT, message),))}


def texts(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    """Return objects whose usual string is what is sent."""
    columns = coerce(pa.array([str(cell) for cell in cells], TEXT), policy)
    kinds = Counter(type(cell).__name__ for cell in cells)
    return (
        {"": dataclasses.replace(columns[""], traits=Traits(kinds=kinds))} if not policy.wanted else columns
    )


def enums(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    values = np.empty(len(cells), dtype=object)
    values[:] = [cell.value for cell in cells]
    return coerce_families(values, policy, coerce)


def integers(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    numbers = [int(cell) for cell in cells]
    try:
        return coerce(pa.array(numbers, pa.int64()), policy)
    except (OverflowError, pa.ArrowInvalid):
        return digits(
            numbers, str, policy, Traits(beyond_double=sum(abs(number) > 2**53 for number in numbers))
        )


def decimals(
    cells: Cells,
    policy: Policy,
    coerce: Coerce,  # noqa: ARG001  # all of one kind have one signature
) -> dict[str, Coerced]:
    return digits(list(cells), finite_decimal, policy, Traits())


def finite_decimal(number: decimal.Decimal) -> str:
    """Return the digits of a Decimal that has some."""
    if not number.is_finite():
        raise NotEncodable(NOT_FINITE, INFINITE)
    return fixed_point(number)


def longs(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:  # one shape for all families  # noqa: ARG001  # all of one kind have one signature
    """Return long doubles as their shortest digits."""
    return digits(list(cells), long_double, policy, Traits(floats=len(cells)))


def long_double(number: Any) -> str:
    if not np.isfinite(number):
        raise NotEncodable(NOT_FINITE, INFINITE)
    return fixed_point(decimal.Decimal(np.format_float_scientific(number, unique=True)))


def digits(
    numbers: Sequence[Any], text: Callable[[Any], str], policy: Policy, traits: Traits, kinds: Kinds = NUMBER
) -> dict[str, Coerced]:
    """Return numbers that Arrow has no type for as their digits."""
    written: list[str | None] = []
    failures: dict[tuple[str, str], list[int]] = {}
    for row, number in enumerate(numbers):
        try:
            written.append(text(number))
        except NotEncodable as error:
            written.append(None)
            failures.setdefault((error.code, error.message), []).append(row)
        except ValueError:  # Python refuses to write integers of more than some thousand digits
            written.append(None)
            failures.setdefault(("number_too_long", TOO_MANY_DIGITS), []).append(row)
    problems = tuple(Problem(np.array(rows), code, message) for (code, message), rows in failures.items())
    coerced = Coerced(pa.array(written, TEXT), kinds, plain=True, problems=problems, traits=traits)
    return {"": as_wanted(coerced, policy)}


def datetimes(zone: str | None, unit: Unit) -> Family:
    """Return the conversion of datetimes, naive or aware, of microseconds or finer."""

    def convert(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
        if policy.wanted == "date":
            return coerce(within([wall_day(cell) for cell in cells], pa.int32()).cast(pa.date32()), policy)
        counts = within([nanoseconds(cell) // TICKS[unit] for cell in cells], pa.int64())
        return coerce(counts.cast(pa.timestamp(unit, zone)), policy)

    return convert


def dates(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    return coerce(pa.array(list(cells), pa.date32()), policy)


def times(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    """Return times of day; one with a zone shows what its clock shows."""
    return coerce(pa.array([cell.replace(tzinfo=None) for cell in cells], pa.time64("us")), policy)


def timedeltas(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    spans = [nanoseconds(cell) for cell in cells]
    unit: Unit = "ns" if any(span % TICKS["us"] for span in spans) else "us"
    try:
        counts = pa.array([span // TICKS[unit] for span in spans], pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        return digits(spans, seconds, policy, Traits(), DURATION)
    return coerce(counts.cast(pa.duration(unit)), policy)


def arrow(type_: pa.DataType) -> Family:
    def convert(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
        return coerce(pa.array(list(cells), type_), policy)

    return convert


def nested(cells: Cells, policy: Policy, coerce: Coerce) -> dict[str, Coerced]:
    kinds = sorted({type(cell).__name__ for cell in cells})
    if policy.nested == "raise":
        raise UnsendableError(
            f"holds values of type {', '.join(kinds)}, which are no JSON primitives",
            'nested="json" sends JSON text'
            + ', nested="flatten" makes properties of dicts' * all(map(can_flatten, cells)),
            range(min(len(cells), 3)),
        )
    if policy.nested == "json":
        found = nested_texts(cells, lambda value: scalar_text(value, policy, coerce))
        coerced = coerce(found.text, policy_inside(policy))[""]
        coerced = dataclasses.replace(coerced, kinds=STRING, family=NESTED)
        return {"": as_wanted(with_problems(coerced, found.problems), policy, "A list or dict")}
    others = [row for row, cell in enumerate(cells) if not isinstance(cell, Mapping)]
    if others:
        raise UnsendableError(
            f"holds values of type {type(cells[others[0]]).__name__}, which have no fields to flatten",
            'nested="json" sends JSON text',
            others[:3],
        )
    columns: dict[str, Coerced] = {}
    wrong = []
    for key in dict.fromkeys(key for cell in cells for key in cell):
        values = np.empty(len(cells), dtype=object)
        for row, cell in enumerate(cells):
            values[row] = cell.get(key)
        try:
            add_flattened(columns, str(key), coerce(values, policy))
        except UnsendableError as error:
            wrong.append(error.within(f".{key}"))
    if wrong:
        raise together(wrong)
    return columns


def can_flatten(cell: Any, depth: int = 0) -> bool:
    """Tell whether a cell becomes properties when it is flattened: a dict, and no list is in it."""
    if not isinstance(cell, Mapping) or depth > TOO_DEEP:
        return False
    return all(can_flatten(value, depth + 1) for value in cell.values() if is_nested(value))


def unsendable(
    cells: Cells,
    policy: Policy,  # noqa: ARG001  # all of one kind have one signature
    coerce: Coerce,  # noqa: ARG001  # all of one kind have one signature
) -> dict[str, Coerced]:
    kinds = sorted({type(cell).__name__ for cell in cells})
    raise UnsendableError(
        f"holds values of type {', '.join(kinds)}, which have no JSON form",
        "convert it (to text or numbers), or leave it out with properties=[…]",
        range(min(len(cells), 3)),
    )


Unit = Literal["us", "ns"]

if TYPE_CHECKING:
    Family = Callable[[Cells, Policy, Coerce], dict[str, Coerced]]

FAMILIES: dict[str, Family] = {
    "boolean": arrow(pa.bool_()),
    "string": strings,
    "text": texts,
    "enum": enums,
    "integer": integers,
    "half": lambda cells, policy, coerce: coerce(pa.array(cells.astype(np.float16)), policy),
    "single": arrow(pa.float32()),
    "long": longs,
    "float": arrow(pa.float64()),
    "decimal": decimals,
    "naive coarse": datetimes(None, "us"),
    "naive fine": datetimes(None, "ns"),
    "aware coarse": datetimes("UTC", "us"),
    "aware fine": datetimes("UTC", "ns"),
    "date": dates,
    "time": times,
    "timedelta": timedeltas,
    "nested": nested,
    "binary": unsendable,
    "complex": unsendable,
    "unknown": unsendable,
}


def scalar_text(value: Any, policy: Policy, coerce: Coerce) -> tuple[str, str] | None:
    """Return the JSON kind and the text of one value inside a nested cell; None where it is missing."""
    cells = np.empty(1, dtype=object)
    cells[0] = value
    coerced = coerce_families(cells, policy_inside(policy), coerce)[""]
    if coerced.problems:
        raise NotEncodable(coerced.problems[0].code, coerced.problems[0].message)
    text = coerced.text[0].as_py()
    if text is None:
        return None
    return json_type_of(coerced.kinds), text


def policy_inside(policy: Policy) -> Policy:
    """Return the policy of values inside a nested cell: what is asked of the column is not asked of them."""
    return type(policy)(timezone=policy.timezone, nested="json")
