"""What ``types=`` asks for: text read as it, other values made it. What is ambiguous is said, never guessed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame import mends
from analytex_pandas.frame.columns import (
    BOOLEAN,
    DURATION,
    NUMBER,
    STRING,
    TEXT,
    CellError,
    Coerced,
    Problem,
    integers_of,
    problem_at,
    validity,
)
from analytex_pandas.frame.moments import TICKS, nanoseconds
from analytex_pandas.frame.numbers import fixed_point
from analytex_pandas.frame.temporal import dates, instants

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.frame.columns import Kinds, Rows, Why
    from analytex_pandas.frame.options import JsonType

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
LONG_FRACTION = re.compile(r"(?<=\d)[.,](\d{6})(\d+)")
PART_OF_A_SECOND = re.compile(r"(?::\d\d:\d\d|\D\d{6})[.,]\d")
PART_OF_MORE = re.compile(
    r"(?i)(?<![\d:])\d{1,2}:\d{1,2}[.,]\d|(?<![\d:.,])\d{1,2}[.,]\d+\s*(?:h|m|hours?|minutes?|[ap]\.?m\.?)(?![a-z])"
)
"""Such as 10:30.5 or 10.30 pm: Python reads it as a part of a second, dateutil as one of a minute, or not at all."""
NANOSECOND_DIGITS = 3
"""Digits of a fraction beyond the six that Python keeps."""
TRUE = frozenset({"true", "t", "yes", "y", "1"})
FALSE = frozenset({"false", "f", "no", "n", "0"})
YEAR_FIRST = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?![-/.0-9])")
END_OF_TIME = re.compile(r"(:[0-9]{2})(?:[.,][0-9]+)?(?:\s*[+-][0-9]{2}:?[0-9]{2})?$")
NAMED_OFFSET = re.compile(
    r"(?i)(?<![a-z])(?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ +-])[a-z]{3,}\s*[+-]\s*[0-9]"
)
"""Such as GMT+2: two hours east to most, west by POSIX."""
NO_DATE_OF_DIGITS = re.compile(r"(?![0-9]{8}$)(?![0-9]*\.[0-9]*\.[0-9]*$)[0-9.]+")
"""Digits and points that are neither 20240115 nor 15.1.2024."""
DEFAULTS = (dt.datetime(2000, 1, 1), dt.datetime(2001, 2, 2))  # they stand in for what a text leaves out  # noqa: DTZ001  # they stand in for what a text leaves out


def as_wanted(coerced: Coerced, wanted: JsonType | None, what: str = "") -> Coerced:
    """Return what is no text as the type asked for, or its rows as invalid; `what` is what a message calls a cell."""
    if wanted is None or coerced.kinds == frozenset({wanted}):
        return coerced
    if wanted == "string":
        return dataclasses.replace(coerced, kinds=STRING)
    if wanted == "number" and coerced.kinds == DURATION:
        return dataclasses.replace(coerced, kinds=NUMBER)
    if wanted == "boolean" and coerced.kinds in (NUMBER, DURATION):
        return read_as(coerced.text, boolean_of_number, BOOLEAN).with_problems(coerced.problems)
    present = np.flatnonzero(validity(coerced.text))
    code = f"not_a_{wanted}".removesuffix("time")
    if wanted in ("date", "datetime") and coerced.kinds == NUMBER:
        problems = dates_of_numbers(coerced.text.cast(TEXT), present, code)
    else:
        (kind,) = coerced.kinds
        article = "a date" if wanted in ("date", "datetime") else f"a {wanted}"
        message = mends.of_another_type(what or f"A {kind}", article, is_flag=coerced.kinds == BOOLEAN)
        problems = (Problem(present, code, message),)
    kinds = NUMBER if wanted == "number" else BOOLEAN if wanted == "boolean" else STRING
    text = pa.nulls(len(coerced.text), TEXT)
    return Coerced(text, kinds, plain=True, problems=(*coerced.problems, *problems))


def texts(text: pa.Array, wanted: JsonType | None, timezone: str) -> Coerced:
    """Return text as it is, or as what is asked for; a date without an offset is local time of `timezone`."""
    match wanted:
        case "number":
            return read_as(text, number, NUMBER)
        case "boolean":
            return read_as(text, boolean, BOOLEAN)
        case "date":
            return date_texts(text)
        case "datetime":
            return datetime_texts(text, timezone)
    return Coerced(text, STRING)


def read_as(text: pa.Array, read: Callable[[str], str], kinds: Kinds) -> Coerced:
    values, codes, problems = by_distinct(text, read)
    return Coerced(taken(pa.array(values, TEXT), codes), kinds, plain=True, problems=problems)


def by_distinct(text: pa.Array, read: Callable[[str], Any]) -> tuple[list[Any], Rows, tuple[Problem, ...]]:
    """Return what `read` makes of each distinct text, each row's place in that (-1: none), and the unreadable rows."""
    encoded = text if isinstance(text.type, pa.DictionaryType) else text.dictionary_encode()
    codes = integers_of(encoded.indices, -1)
    values: list[Any] = []
    failures: dict[int, Why] = {}
    for code, distinct in enumerate(encoded.dictionary.to_pylist()):
        try:
            values.append(None if distinct is None else read(distinct))
        except CellError as error:
            values.append(None)
            failures[code] = error.why
    problems: list[Problem] = []
    if failures:
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes, np.arange(len(values) + 1), sorter=order)
        for code, why in failures.items():
            problems += problem_at(order[bounds[code] : bounds[code + 1]], *why)
    return values, codes, tuple(problems)


def taken(array: pa.Array, codes: Rows) -> pa.Array:
    return array.take(pa.array(codes, mask=codes < 0))


def number(text: str) -> str:
    stripped = text.strip()
    if not mends.ANY_NUMBER.fullmatch(stripped):
        raise CellError("not_a_number", mends.no_number(text))
    if np.isinf(float(stripped)):
        raise CellError(
            "not_finite", mends.made_missing(f"{mends.shown(text)} is larger than a number can be", text)
        )
    if not JSON_NUMBER.fullmatch(stripped):
        try:
            stripped = fixed_point(decimal.Decimal(stripped))
        except decimal.InvalidOperation as error:
            reason = mends.made_missing(f"{mends.shown(text)} has an exponent beyond all measure", text)
            raise CellError("not_a_number", reason) from error
    return stripped if stripped.lower().partition("e")[0].strip("-0.") else stripped.removeprefix("-")


def boolean(text: str) -> str:
    word = text.strip().lower()
    if word not in TRUE and word not in FALSE:
        raise CellError("not_a_boolean", mends.no_boolean(text))
    return "true" if word in TRUE else "false"


def boolean_of_number(digits: str) -> str:
    value = decimal.Decimal(digits)
    if value not in (0, 1):
        raise CellError("not_a_boolean", mends.no_boolean_number(digits))
    return "true" if value else "false"


def dates_of_numbers(text: pa.Array, present: Rows, code: str) -> tuple[Problem, ...]:
    """Return the problems of numbers where dates should be, by what they may count."""
    values = np.asarray(pd.to_numeric(pd.Series(text.to_pylist(), dtype=object), errors="coerce"), np.float64)
    problems: list[Problem] = []
    left = present
    for least, most, message in mends.NUMBERS_FOR_DATES:
        those = (values[left] >= least) & (values[left] < most)
        problems += problem_at(left[those], code, message)
        left = left[~those]
    return (*problems, *problem_at(left, code, mends.NO_DATE_AT_ALL))


def date_texts(text: pa.Array) -> Coerced:
    """Return text as dates: of a text with a time, its own calendar date."""
    values, codes, problems = by_distinct(text, lambda cell: moment(cell).date())
    return dates(taken(pa.array(values, pa.date32()), codes)).with_problems(problems)


def datetime_texts(text: pa.Array, timezone: str) -> Coerced:
    values, codes, problems = by_distinct(text, instant)
    read = np.array([value or (0, 0, 0) for value in values] or [(0, 0, 0)], np.int64)
    seconds, fractions, naive = read.take(np.maximum(codes, 0), axis=0).T
    there = np.array([value is not None for value in values] or [False]).take(np.maximum(codes, 0))
    found = instants(seconds, fractions, there & (codes >= 0), naive.astype(bool), timezone)
    return found.with_problems(problems)


def instant(text: str) -> tuple[int, int, bool]:
    """Return the moment that a text names, as seconds since 1970 and nanoseconds, and whether it is a local time."""
    stamp = moment(text)
    nanosecond = 0
    fine = [part for part in LONG_FRACTION.findall(text) if part[1].strip("0")]
    offset = stamp.utcoffset()
    if fine:
        kept, digits = fine[0][0], fine[0][1].rstrip("0")
        of_the_time = (
            len(fine) == 1 and int(kept) == stamp.microsecond and not (offset and offset.microseconds)
        )
        if not of_the_time or len(digits) > NANOSECOND_DIGITS:
            raise CellError(
                "date_too_fine", f"{mends.shown(text)} is finer than a nanosecond; round it to nine digits."
            )
        nanosecond = int(digits.ljust(NANOSECOND_DIGITS, "0"))
    seconds, rest = divmod(nanoseconds(stamp), TICKS["s"])
    return seconds, rest + nanosecond, offset is None


def moment(text: str) -> dt.datetime:
    """Return the moment that a text names, to the microsecond."""
    stripped = text.strip()
    try:
        stamp = dt.datetime.fromisoformat(stripped)
    except ValueError:
        stamp = None
    if PART_OF_MORE.search(stripped) or (
        stamp and ("." in stripped or "," in stripped) and not PART_OF_A_SECOND.search(stripped)
    ):
        raise CellError(
            "ambiguous_date",
            f"{mends.shown(text)} has a fraction of a minute or an hour, which is read in several ways; "
            "write the seconds.",
        )
    return stamp or other_moment(text, stripped)


def other_moment(text: str, stripped: str) -> dt.datetime:
    """Return the moment that a text which is not ISO 8601 names, when it can mean one only."""
    from dateutil import parser  # comes with pandas; needed for unusual dates alone

    years = re.findall("[0-9]{4,}", END_OF_TIME.sub(r"\1", stripped))
    # dateutil takes the second date of a range for an offset
    if not stripped or len(years) > 1 or NO_DATE_OF_DIGITS.fullmatch(stripped):
        raise CellError("not_a_date", mends.no_date(text))
    if NAMED_OFFSET.search(stripped):
        message = mends.rewritten(
            f"{mends.shown(text)} names a zone and an offset, which is read in two ways; as most people mean it",
            (r"(?i)\s*\b[a-z]{3,}\s*([-+])(\d)(?!\d)(?=:|$)", r" \g<1>0\2"),
            (r"(?i)\s*\b[a-z]{3,}\s*([-+]\d\d)", r" \1"),
        )
        raise CellError("ambiguous_date", message)
    # the orders in which people write dates; one that begins with the year goes on with the month
    orders: list[dict[str, Any]] = (
        [{}] if YEAR_FIRST.match(stripped) else [{}, {"dayfirst": True}, {"yearfirst": True}]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # dateutil warns of zone names that it does not know
        try:
            readings: set[dt.datetime] = {
                parser.parse(stripped, default=default, tzinfos=written_zone, **order)
                for order in orders
                for default in DEFAULTS
            }
        except (ValueError, OverflowError, Warning) as error:
            raise CellError("not_a_date", mends.no_date(text)) from error
    if len(readings) > 1:
        raise CellError("ambiguous_date", mends.two_dates(text))
    (reading,) = readings
    return reading


def written_zone(name: str | None, offset: int | None) -> dt.tzinfo | None:
    """Return the zone of an offset or of UTC; others raise ValueError: CST is several zones.

    dateutil would take a name for one of the machine's own.
    """
    if name is not None and name.upper() not in {"UTC", "GMT", "Z"}:
        raise ValueError(f"{name} is no zone for certain")
    if name is None and offset is None:
        return None
    return dt.timezone(dt.timedelta(seconds=offset or 0))
