"""A slow, obvious encoder, row by row and cell by cell, written from the documentation and not from the code.

It reads a column into plain values (``cells_of``), says of each value what JSON it is (``judged``), and puts records
together (``expected``). Nothing here is imported from the package, so that no shared mistake can pass both.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import re
import unicodedata
import uuid
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # the oracle counts by hand
MAX_TEXT = 65_535


# Values that Python's own types cannot hold exactly


@dataclass(frozen=True)
class Moment:
    """A datetime: nanoseconds since 1970, of UTC where `zone` is given, else of some unnamed wall clock."""

    nanoseconds: int
    zone: str | dt.tzinfo | None


@dataclass(frozen=True)
class Day:
    """A date: days since 1970."""

    days: int


@dataclass(frozen=True)
class Span:
    """A duration in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True)
class Clock:
    """A time of day in nanoseconds since midnight."""

    nanoseconds: int


# What becomes of a value


@dataclass(frozen=True)
class Json:
    """A JSON primitive; of a float only the number counts, of anything else the very text."""

    kind: str
    text: str
    is_float: bool = False
    is_nested: bool = False
    is_span: bool = False

    def same_as(self, token: object) -> bool:
        """Tell whether a parsed token is this value."""
        if self.kind != "number":
            return token == (self.text == "true" if self.kind == "boolean" else self.text)
        return isinstance(token, Digits) and self.same_digits(str(token))

    def same_digits(self, text: str) -> bool:
        """Tell whether the text of a number is this one."""
        if not self.is_float or text == self.text:
            return text == self.text
        try:
            number = decimal.Decimal(text)
        except decimal.InvalidOperation:
            return False
        # a whole float below 2^53 has neither point nor exponent, so that only its one text will do
        whole = number == number.to_integral_value() and abs(number) < 2**53
        return number == decimal.Decimal(self.text) and not whole


@dataclass(frozen=True)
class Bad:
    """A value that makes its row invalid; `kind` is the JSON type that it would have had."""

    kind: str
    why: str


class Refused(Exception):  # noqa: N818  # a verdict on a frame
    """The frame as such cannot be sent."""


class Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


Judged = Json | Bad | None


# Columns → plain values


def cells_of(column: Any) -> list[Any]:
    """Return the plain values of a pandas Series or an Arrow array."""
    if isinstance(column, pa.ChunkedArray):
        return [cell for chunk in column.chunks for cell in cells_of(chunk)]
    if isinstance(column, pa.Array):
        return [arrow_cell(scalar) for scalar in column]
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return (
            cells_of(pa.chunked_array([column.array.__arrow_array__().combine_chunks()]))
            if len(column)
            else []
        )
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return [numpy_time(value) for value in column.to_numpy()]
    return [plain(column.iloc[row]) for row in range(len(column))]


def arrow_cell(scalar: Any) -> Any:  # noqa: C901, PLR0912  # a table of types
    """Return the plain value of an Arrow scalar."""
    if not isinstance(scalar, pa.Scalar) or not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_run_end_encoded(kind):
        return arrow_cell(scalar.value)
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return uuid.UUID(bytes=scalar.value.as_py())
        if kind.extension_name == "arrow.bool8":
            return scalar.value.as_py() != 0
        return arrow_cell(scalar.value)
    if pa.types.is_dictionary(kind):
        return arrow_cell(scalar.value)
    if pa.types.is_timestamp(kind):
        return Moment(scalar.value * NANOSECONDS[kind.unit], kind.tz)
    if pa.types.is_duration(kind):
        return Span(scalar.value * NANOSECONDS[kind.unit])
    if pa.types.is_time(kind):
        return Clock(scalar.value * NANOSECONDS[kind.unit])
    if pa.types.is_date32(kind):
        return Day(scalar.value)
    if pa.types.is_date64(kind):
        return Day(scalar.value // 86_400_000)
    if pa.types.is_float16(kind):
        return np.float16(scalar.as_py())
    if pa.types.is_float32(kind):
        return np.float32(scalar.as_py())
    if pa.types.is_map(kind):
        return {arrow_cell(pair["key"]): arrow_cell(pair["value"]) for pair in scalar.values}  # noqa: PD011  # Arrow, not pandas
    if pa.types.is_struct(kind):
        return {child.name: arrow_cell(scalar[number]) for number, child in enumerate(kind)}
    if pa.types.is_nested(kind):
        return [arrow_cell(item) for item in scalar.values]  # noqa: PD011  # Arrow, not pandas
    return scalar.as_py()


def numpy_time(value: Any) -> Any:
    """Return the plain value of a NumPy datetime or timedelta."""
    if np.isnat(value):
        return None
    unit, count = np.datetime_data(value.dtype)
    if unit in ("Y", "M"):
        if isinstance(value, np.timedelta64):
            return value
        value, unit, count = value.astype("datetime64[D]"), "D", 1
    factors = {
        **NANOSECONDS,
        "W": 7 * 86_400 * 10**9,
        "D": 86_400 * 10**9,
        "h": 3_600 * 10**9,
        "m": 60 * 10**9,
    }
    nanoseconds = int(value.astype(np.int64)) * count * factors[unit]
    return Span(nanoseconds) if isinstance(value, np.timedelta64) else Moment(nanoseconds, None)


def plain(cell: Any) -> Any:  # a table of types
    """Return the plain value of a Python object."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return numpy_time(cell)
    if isinstance(cell, pd.Timestamp):
        utc = numpy_time(cell.asm8)
        return Moment(utc.nanoseconds, cell.tzinfo)
    if isinstance(cell, pd.Timedelta):
        return numpy_time(cell.asm8)
    if isinstance(cell, dt.datetime):
        offset = cell.utcoffset() or dt.timedelta()
        return Moment(
            (cell.replace(tzinfo=None) - EPOCH - offset) // dt.timedelta(microseconds=1) * 1_000, cell.tzinfo
        )
    if isinstance(cell, dt.timedelta):
        return Span(cell // dt.timedelta(microseconds=1) * 1_000)
    if isinstance(cell, dt.date):
        return Day(cell.toordinal() - EPOCH.toordinal())
    if isinstance(cell, dt.time):
        return Clock(((cell.hour * 60 + cell.minute) * 60 + cell.second) * 10**9 + cell.microsecond * 1_000)
    return cell


# Plain values → JSON


def judged(cell: Any, timezone: str = "UTC") -> Judged:  # noqa: C901, PLR0912  # the table of the documentation
    """Return what JSON a plain value is; None where it is missing."""
    if isinstance(cell, enum.Enum):
        return judged(plain(cell.value), timezone)
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return None
    if isinstance(cell, bool | np.bool_):
        return Json("boolean", "true" if cell else "false")
    if isinstance(cell, Moment):
        return moment_text(cell, timezone)
    if isinstance(cell, Day):
        return day_text(cell)
    if isinstance(cell, Clock):
        return Json("string", clock_text(cell.nanoseconds))
    if isinstance(cell, Span):
        return Json("number", seconds_text(cell.nanoseconds), is_span=True)
    if isinstance(cell, int | np.integer) and not isinstance(cell, np.timedelta64):
        return Json("number", str(int(cell)))
    if isinstance(cell, float | np.floating):
        return float_json(cell)
    if isinstance(cell, decimal.Decimal):
        if cell.is_nan():
            return None
        return Json("number", decimal_text(cell)) if cell.is_finite() else Bad("number", "infinite")
    if isinstance(cell, str):
        return text_json(str.__str__(cell))
    if isinstance(cell, uuid.UUID | pathlib.PurePath | pd.Period | pd.Interval | ADDRESSES):
        return text_json(str(cell))
    raise Refused(type(cell).__name__)


ADDRESSES = (
    ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network
    | ipaddress.IPv4Interface | ipaddress.IPv6Interface
)  # fmt: skip


def text_json(text: str) -> Json | Bad:
    """Return text as JSON."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        return Bad("string", "surrogate")
    return Json("string", text) if len(text) <= MAX_TEXT else Bad("string", "too long")


def float_json(number: Any) -> Json | Bad:
    """Return a float as the shortest number that reads back the same at its own width."""
    if not np.isfinite(number):
        return Bad("number", "infinite")
    if number == np.trunc(number) and abs(float(number)) < 2**53:
        return Json("number", str(int(number)), is_float=True)
    wide = isinstance(number, float) and not isinstance(number, np.generic)
    return Json("number", (repr(number) if wide else str(number)).removesuffix(".0"), is_float=True)


def decimal_text(number: decimal.Decimal) -> str:
    """Return a Decimal's own digits, without an exponent while that can be helped, and zero without a sign."""
    exponent = number.as_tuple().exponent
    text = f"{number:f}" if abs(int(exponent)) <= 400 else str(number)
    return text.removeprefix("-") if number == 0 else text


def seconds_text(nanoseconds: int) -> str:
    """Return nanoseconds as seconds."""
    whole, rest = divmod(abs(nanoseconds), 10**9)
    text = f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"-{text}" if nanoseconds < 0 else text


def clock_text(nanoseconds: int) -> str:
    """Return a time of day, with a fraction of 3, 6 or 9 digits only where it has one."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    text = f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    for digits in (3, 6, 9):
        if fraction and fraction % 10 ** (9 - digits) == 0:
            return f"{text}.{fraction // 10 ** (9 - digits):0{digits}d}"
    return text


def day_text(day: Day) -> Json | Bad:
    """Return a date."""
    try:
        return Json("string", (EPOCH.date() + dt.timedelta(days=day.days)).isoformat())
    except OverflowError:
        return Bad("string", "year")


def moment_text(moment: Moment, timezone: str) -> Json | Bad:
    """Return a datetime in UTC."""
    nanoseconds = moment.nanoseconds
    if moment.zone is None and timezone != "UTC":
        offset = wall_offset(nanoseconds, timezone)
        if offset is None:
            return Bad("string", "no such wall time, or two")
        nanoseconds -= offset * 10**9
    days, rest = divmod(nanoseconds, 86_400 * 10**9)
    date = day_text(Day(days))
    return date if isinstance(date, Bad) else Json("string", f"{date.text}T{clock_text(rest)}Z")


def wall_offset(nanoseconds: int, timezone: str) -> int | None:
    """Return the offset in seconds of a wall time; None where the clock skips or repeats it."""
    zone = zoneinfo.ZoneInfo(timezone)
    try:
        naive = EPOCH + dt.timedelta(microseconds=nanoseconds // 1_000)
        first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    except OverflowError:
        return 0  # the year alone makes it invalid
    return int(first.total_seconds()) if first is not None and first == second else None


# What `types` asks for

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
ISO_TEXT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?")
TRUTHS = dict.fromkeys(["true", "t", "yes", "y", "1"], "true") | dict.fromkeys(
    ["false", "f", "no", "n", "0"], "false"
)


def wanted_of(cell: Any, wanted: str, timezone: str) -> Judged:  # noqa: C901  # a table
    """Return what a plain value is as the type asked for; of text only plain spellings are known here."""
    while isinstance(cell, enum.Enum):
        cell = plain(cell.value)
    if wanted == "date" and isinstance(cell, Moment):
        return day_text(wall_day(cell))
    if wanted == "datetime" and isinstance(cell, Day):
        return moment_text(Moment(cell.days * 86_400 * 10**9, None), timezone)
    found = judged(cell, timezone)
    if not isinstance(found, Json):
        return (
            None
            if found is None
            else Bad({"date": "string", "datetime": "string"}.get(wanted, wanted), found.why)
        )
    if wanted == "string":
        return Json("string", found.text, found.is_float)
    if (wanted == "date" and isinstance(cell, Day)) or (wanted == "datetime" and isinstance(cell, Moment)):
        return found
    if found.kind == wanted:
        return replace(found, is_span=False)
    if wanted == "number" and found.kind == "string" and NUMBER.fullmatch(found.text):
        return Json("number", found.text)
    if wanted == "boolean" and found.kind == "number" and decimal.Decimal(found.text) in (0, 1):
        return Json("boolean", "true" if decimal.Decimal(found.text) else "false")
    if wanted == "boolean" and found.text.lower() in TRUTHS:
        return Json("boolean", TRUTHS[found.text.lower()])
    if (
        wanted in ("date", "datetime")
        and found.kind == "string"
        and (parts := ISO_TEXT.fullmatch(found.text))
    ):
        days, clock = Day((dt.date.fromisoformat(parts[1]) - EPOCH.date()).days), parts[2] or "00:00"
        whole, _, fraction = clock.partition(".")
        time = dt.time.fromisoformat(whole)
        seconds = days.days * 86_400 + (time.hour * 60 + time.minute) * 60 + time.second
        nanoseconds = seconds * 10**9 + int(fraction.ljust(9, "0"))
        return day_text(days) if wanted == "date" else moment_text(Moment(nanoseconds, None), timezone)
    return Bad({"date": "string", "datetime": "string"}.get(wanted, wanted), "does not parse")


def wall_day(moment: Moment) -> Day:
    """Return the date that a moment's own wall calendar shows."""
    nanoseconds = moment.nanoseconds
    if moment.zone is not None:
        zone = zone_of(moment.zone)
        try:
            utc = (EPOCH + dt.timedelta(microseconds=nanoseconds // 1_000)).replace(tzinfo=dt.UTC)
            offset = utc.astimezone(zone).utcoffset() or dt.timedelta()
        except OverflowError:
            offset = dt.timedelta()
        nanoseconds += offset // dt.timedelta(seconds=1) * 10**9
    return Day(nanoseconds // (86_400 * 10**9))


def zone_of(zone: str | dt.tzinfo) -> dt.tzinfo:
    """Return a zone by its name, or by an offset such as ``+02:00``."""
    if not isinstance(zone, str):
        return zone
    if re.fullmatch(r"[+-]\d\d:\d\d", zone):
        sign = -1 if zone[0] == "-" else 1
        return dt.timezone(sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])))
    return zoneinfo.ZoneInfo(zone)


# Nested values


def is_nested(cell: Any) -> bool:
    """Tell whether a plain value is a list or a dict."""
    return isinstance(cell, list | tuple | Mapping | np.ndarray)


def nested_json(cell: Any, timezone: str) -> str | Bad | None:
    """Return a nested value as compact JSON."""
    if isinstance(cell, Mapping):
        parts = []
        for key, item in cell.items():
            name = key if isinstance(key, str) else getattr(judged(plain(key), timezone), "text", "null")
            inside = nested_json(item, timezone)
            if isinstance(inside, Bad) or isinstance(bad := text_json(name), Bad):
                return inside if isinstance(inside, Bad) else bad
            parts.append(f"{json.dumps(name, ensure_ascii=False)}:{inside or 'null'}")
        return "{" + ",".join(parts) + "}"
    if is_nested(cell):
        items = [nested_json(item, timezone) for item in cell]
        return next(
            (item for item in items if isinstance(item, Bad)),
            "[" + ",".join(str(item or "null") for item in items) + "]",
        )
    found = judged(plain(cell), timezone)
    if not isinstance(found, Json):
        return found
    return json.dumps(found.text, ensure_ascii=False) if found.kind == "string" else found.text


def leaves(type_: Any, nested: str, name: str) -> list[str]:
    """Return the properties that a column of an Arrow type makes, whatever its values; ``Refused`` where it cannot."""
    if (
        not isinstance(type_, pa.DataType)
        or not pa.types.is_nested(type_)
        or pa.types.is_run_end_encoded(type_)
    ):
        return [name]
    if nested == "raise" or (
        nested == "flatten" and not (pa.types.is_struct(type_) or pa.types.is_map(type_))
    ):
        raise Refused(str(type_))
    if nested == "json" or pa.types.is_map(type_):
        return [name]
    return [leaf for child in type_ for leaf in leaves(child.type, nested, f"{name}.{child.name}")]


def type_of(column: Any) -> Any:
    """Return the Arrow type of a column; None where it is another."""
    return getattr(getattr(column, "dtype", None), "pyarrow_dtype", None) or getattr(column, "type", None)


def flattened(cell: Any, name: str) -> dict[str, Any]:
    """Return the properties that a plain value makes of itself."""
    if not isinstance(cell, Mapping) or not cell:
        return {name: None if isinstance(cell, Mapping) else cell}
    return {
        inner: value
        for key, item in cell.items()
        for inner, value in flattened(plain(item), f"{name}.{key}").items()
    }


# Ids


ZERO_WIDTH = set(
    "\xad\u034f\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062"
    "\u2063\u2064\u2065\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u2800\u3164\ufeff\uffa0"
)


def shows(text: str) -> bool:
    """Tell whether one sees anything of a text."""
    return not all(
        character.isspace() or unicodedata.category(character) == "Cc" or character in ZERO_WIDTH
        for character in text
    )


def id_of(cell: Any) -> str | Bad | None:  # a table of types
    """Return the id that a plain value makes; None where it is missing."""
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return None
    if isinstance(cell, str):
        text = str.__str__(cell)
        if isinstance(text_json(text), Bad) or not shows(text):
            return Bad("string", "blank or no text")
        return text
    if isinstance(cell, bool | np.bool_ | np.timedelta64):
        return Bad("string", "type")
    if isinstance(cell, int | np.integer):
        return str(int(cell))
    if isinstance(cell, enum.Enum):
        return Bad("string", "type")
    if isinstance(cell, float | np.floating):
        exact_below = {np.float32: 2**24, np.float16: 2**11}.get(type(cell), 2**53)
        whole = np.isfinite(cell) and cell == np.trunc(cell) and abs(float(cell)) < exact_below
        return str(int(cell)) if whole else Bad("string", "not whole, or too large")
    if isinstance(cell, decimal.Decimal):
        if cell.is_nan():
            return None
        return str(int(cell)) if cell.is_finite() and cell == int(cell) else Bad("string", "not whole")
    return str(cell) if isinstance(cell, uuid.UUID) else Bad("string", "type")


# Records


@dataclass
class Row:
    """What is expected of one row: its record, or what is wrong with which of its properties."""

    position: int
    id: str | Bad | None = None
    company: str | Bad | None = None
    properties: dict[str, Judged] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)

    def record(self, nulls: str, names: Sequence[str]) -> dict[str, Any]:
        """Return the record that is expected; numbers and text are ``Json`` still."""
        metadata = {name: self.properties.get(name) for name in names}
        if nulls == "omit":
            metadata = {name: value for name, value in metadata.items() if value is not None}
        company = {} if self.company is None else {"company_id": self.company}
        return {"id": self.id, **company, **({"metadata": metadata} if metadata else {})}


@dataclass
class Expected:
    """What is expected of a frame: the rows to send, in order, and (position, property) of what is invalid."""

    sent: list[tuple[int, dict[str, Any]]]
    wrong: set[tuple[int, str]]
    counts: dict[str, int]


def expected(
    columns: Mapping[str, Sequence[Any]],
    *,
    kind: str = "users",
    types: Mapping[str, str] | None = None,
    nulls: str = "omit",
    nested: str = "raise",
    duplicates: str = "raise",
    timezone: str = "UTC",
    arrow_types: Mapping[str, Any] | None = None,
) -> Expected:
    """Return what is expected of a frame of plain values; ``Refused`` where it cannot be sent at all."""
    id_name = "user_id" if kind == "users" else "company_id"
    total = len(columns[id_name])
    rows = [Row(position) for position in range(total)]
    named: dict[str, set[str]] = {}
    for label in columns:
        if label != id_name and not (kind == "users" and label == "company_id"):
            named[label] = set(leaves((arrow_types or {}).get(label), nested, label))
    for row in rows:
        row.id = id_of(columns[id_name][row.position])
        if not isinstance(row.id, str):
            row.wrong.add(id_name)
        if kind == "users" and "company_id" in columns:
            row.company = id_of(columns["company_id"][row.position])
            if isinstance(row.company, Bad):
                row.wrong.add("company_id")
        for label, cells in columns.items():
            if label == id_name or (kind == "users" and label == "company_id"):
                continue
            found = row_properties(label, cells[row.position], (types or {}).get(label), nested, timezone)
            named[label] |= found.keys() - ({label} if found.get(label) is None else set())
            row.properties |= found
            row.wrong |= {name for name, value in found.items() if isinstance(value, Bad)}
    names = {name for those in named.values() for name in those if not is_hollow(name, those, rows)}
    settle_kinds(rows, names)
    return settled(rows, sorted(names), nulls, duplicates)


def is_hollow(name: str, names: set[str], rows: Sequence[Row]) -> bool:
    """Tell whether no row has a value of a property, and some have fields of it: then those are the properties."""
    has_fields = any(other.startswith(name + ".") for other in names)
    return has_fields and all(row.properties.get(name) is None for row in rows)


def row_properties(
    label: str, cell: Any, wanted: str | None, nested: str, timezone: str
) -> dict[str, Judged]:
    """Return the properties that one cell makes."""
    while isinstance(cell, enum.Enum):
        cell = plain(cell.value)
    if is_nested(cell):
        if nested == "raise" or (nested == "flatten" and not isinstance(cell, Mapping)):
            raise Refused("nested")
        if nested == "json":
            text = nested_json(cell, timezone)
            found_text = replace(text, kind="string") if isinstance(text, Bad) else text_json(str(text))
            return {
                label: replace(found_text, is_nested=True) if isinstance(found_text, Json) else found_text
            }
        parts = flattened(cell, label)
        found: dict[str, Judged] = {}
        for name, value in parts.items():
            found |= row_properties(name, value, wanted, nested, timezone)
        return found
    if wanted is not None:
        judged(cell, timezone)  # what cannot be sent at all cannot be sent as anything else
        return {label: wanted_of(cell, wanted, timezone)}
    return {label: judged(cell, timezone)}


def settle_kinds(rows: Sequence[Row], names: set[str]) -> None:
    """Make strings of the values of each property that has several JSON types."""
    for name in names:
        values = [value for row in rows if (value := row.properties.get(name)) is not None]
        if len({(value.kind, isinstance(value, Json) and value.is_span) for value in values}) < 2:
            continue
        for row in rows:
            value = row.properties.get(name)
            if isinstance(value, Json):
                row.properties[name] = replace(value, kind="string")


def settled(rows: Sequence[Row], names: Sequence[str], nulls: str, duplicates: str) -> Expected:
    """Return the rows that are sent and those that are not, duplicates decided."""
    wrong = {(row.position, name) for row in rows for name in row.wrong}
    valid = [(row.position, row.record(nulls, names)) for row in rows if not row.wrong]
    by_id: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for position, record in valid:
        by_id.setdefault(record["id"], []).append((position, record))
    sent, dropped, conflicting = [], 0, 0
    for those in by_id.values():
        differing = any(canonical(record) != canonical(those[0][1]) for _, record in those)
        if differing and duplicates == "raise":
            wrong |= {(position, "*duplicate*") for position, _ in those}
            conflicting += len(those)
            continue
        sent.append(those[-1 if duplicates == "last" else 0])
        dropped += len(those) - 1
    invalid = sum(1 for row in rows if row.wrong) + conflicting
    counts = {
        "input": len(rows),
        "invalid": invalid,
        "duplicate": dropped,
        "unchanged": 0,
        "to_send": len(sent),
    }
    return Expected(sorted(sent, key=lambda pair: pair[0]), wrong, counts)


def canonical(value: Any) -> Any:
    """Return a record in a form that is equal where the encoded records are."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, Json) and value.is_float:
        return value.kind, str(decimal.Decimal(value.text).normalize())
    return (value.kind, value.text) if isinstance(value, Json) else value


# Lines → what was sent


def parsed(line: str) -> dict[str, Any]:
    """Return a line as the record it says, numbers as their own text; what is no strict JSON raises."""
    return json.loads(  # type: ignore[no-any-return]
        line,
        parse_float=Digits,
        parse_int=Digits,
        parse_constant=refuse_constant,
        object_pairs_hook=without_repeats,
    )


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError(f"{name} is no JSON")


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of an object, each key of which may stand once."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a key stands twice: {keys}")
    return dict(pairs)


def difference(line: str, record: Mapping[str, Any], kind: str) -> str:
    """Return in what a line differs from the record expected; empty where it does not."""
    found = parsed(line)
    id_name = "user_id" if kind == "users" else "company_id"
    wanted = {id_name if key == "id" else key: value for key, value in record.items()}
    if found.keys() != wanted.keys():
        return f"keys {list(found)} instead of {list(wanted)}: {line}"
    for key, value in wanted.items():
        if key != "metadata":
            if found[key] != value or isinstance(found[key], Digits):
                return f"{key} {found[key]!r} instead of {value!r}: {line}"
            continue
        if found[key].keys() != value.keys():
            return f"properties {list(found[key])} instead of {list(value)}: {line}"
        for name, json_value in value.items():
            token = found[key][name]
            if json_value is None:
                if token is not None:
                    return f"{name}: {token!r} instead of null: {line}"
            elif isinstance(token, Digits) != (json_value.kind == "number") or not same(token, json_value):
                return f"{name}: {token!r} instead of {json_value}: {line}"
    return ""


def same(token: Any, value: Json) -> bool:
    """Tell whether a token is a value; text of a float may spell its number in any way that reads back the same."""
    if value.kind == "string" and value.is_float:
        return isinstance(token, str) and value.same_digits(token)
    return value.same_as(token) or (value.is_nested and alike(parsed(token), parsed(value.text)))


def alike(one: Any, other: Any) -> bool:
    """Tell whether two nested values are the same but for how an exponent is written."""
    if isinstance(one, Digits) and isinstance(other, Digits):
        return one == other or (
            "e" in f"{one}{other}".lower() and decimal.Decimal(one) == decimal.Decimal(other)
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and bool(one == other)
