"""Text → what ``types=`` asks for: numbers, booleans, dates, datetimes. What is ambiguous is said, never guessed."""

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

from analytex_pandas.frame.columns import TEXT, Coerced, Mask, Problem, integers_of
from analytex_pandas.frame.mends import (
    NO_DATE_AT_ALL,
    NUMBERS_FOR_DATES,
    VALUES,
    column_mended,
    made_missing,
    no_boolean,
    no_boolean_number,
    no_date,
    no_number,
    replaced,
    shown,
    two_dates,
)
from analytex_pandas.frame.moments import TICKS, nanoseconds
from analytex_pandas.frame.numbers import fixed_point
from analytex_pandas.frame.temporal import dates, instants

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
OTHER_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
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
COMPACT_DATE = re.compile(r"[0-9]{8}")
END_OF_TIME = re.compile(r"(:[0-9]{2})(?:[.,][0-9]+)?(?:\s*[+-][0-9]{2}:?[0-9]{2})?$")
NAMED_OFFSET = re.compile(
    r"(?i)(?<![a-z])(?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ +-])[a-z]{3,}\s*[+-]\s*[0-9]"
)
"""Such as GMT+2: two hours east to most, west by POSIX."""
LONG_NUMBER = re.compile(r"[0-9]{4,}")
ONLY_DIGITS = re.compile(r"[0-9.]+")
DOTS_OF_A_DATE = 2
DEFAULTS = (dt.datetime(2000, 1, 1), dt.datetime(2001, 2, 2))  # they stand in for what a text leaves out  # noqa: DTZ001  # they stand in for what a text leaves out


class Unreadable(Exception):  # it ends a cell, not a program  # noqa: N818  # it ends a cell, not a program
    """A text cannot be read as what was asked for; carries the code and the message of its row."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def by_distinct(
    text: pa.Array, read: Callable[[str], Any]
) -> tuple[list[Any], np.ndarray[Any, Any], tuple[Problem, ...]]:
    """Return what `read` makes of each distinct text, each row's place in that (-1: none), and the unreadable rows."""
    encoded = text if isinstance(text.type, pa.DictionaryType) else text.dictionary_encode()
    codes = integers_of(encoded.indices, -1)
    values: list[Any] = []
    failures: dict[int, Unreadable] = {}
    for code, distinct in enumerate(encoded.dictionary.to_pylist()):
        try:
            values.append(None if distinct is None else read(distinct))
        except Unreadable as error:
            values.append(None)
            failures[code] = error
    order = np.argsort(codes, kind="stable") if failures else codes
    bounds = np.searchsorted(codes, np.arange(len(values) + 1), sorter=order) if failures else codes
    problems = tuple(
        Problem(order[bounds[code] : bounds[code + 1]], error.code, error.message)
        for code, error in failures.items()
        if bounds[code] < bounds[code + 1]
    )
    return values, codes, problems


def taken(array: pa.Array, codes: np.ndarray[Any, Any]) -> pa.Array:
    """Return `array` at `codes`; missing where a code is -1."""
    return array.take(pa.array(codes, mask=codes < 0))


def numbers(text: pa.Array) -> Coerced:
    values, codes, problems = by_distinct(text, number)
    return Coerced(taken(pa.array(values, TEXT), codes), frozenset({"number"}), plain=True, problems=problems)


def number(text: str) -> str:
    """Return the JSON number that a text holds."""
    stripped = text.strip()
    if not OTHER_NUMBER.fullmatch(stripped):
        raise Unreadable("not_a_number", no_number(text, is_number))
    if np.isinf(float(stripped)):
        raise Unreadable("not_finite", made_missing(f"{shown(text)} is larger than a number can be", [text]))
    if not JSON_NUMBER.fullmatch(stripped):
        try:
            stripped = fixed_point(decimal.Decimal(stripped))
        except decimal.InvalidOperation as error:
            reason = made_missing(f"{shown(text)} has an exponent beyond all measure", [text])
            raise Unreadable("not_a_number", reason) from error
    return stripped if stripped.lower().partition("e")[0].strip("-0.") else stripped.removeprefix("-")


def is_number(text: str) -> bool:
    return bool(OTHER_NUMBER.fullmatch(text))


def booleans(text: pa.Array) -> Coerced:
    """Return text such as true, no, 1 as booleans."""
    values, codes, problems = by_distinct(text, boolean)
    return Coerced(
        taken(pa.array(values, TEXT), codes), frozenset({"boolean"}), plain=True, problems=problems
    )


def boolean(text: str) -> str:
    """Return the JSON boolean that a text means."""
    word = text.strip().lower()
    if word not in TRUE and word not in FALSE:
        raise Unreadable("not_a_boolean", no_boolean(text, is_number))
    return "true" if word in TRUE else "false"


def booleans_of_numbers(text: pa.Array) -> Coerced:
    """Return the numbers 1 and 0, in whatever digits, as booleans."""
    values, codes, problems = by_distinct(text, boolean_of_number)
    return Coerced(
        taken(pa.array(values, TEXT), codes), frozenset({"boolean"}), plain=True, problems=problems
    )


def boolean_of_number(digits: str) -> str:
    """Return the JSON boolean that a number means."""
    value = decimal.Decimal(digits)
    if value not in (0, 1):
        raise Unreadable("not_a_boolean", no_boolean_number(digits))
    return "true" if value else "false"


def dates_of_numbers(text: pa.Array, present: Mask, code: str) -> tuple[Problem, ...]:
    """Return the problems of numbers where dates should be, by what they may count."""
    values = np.asarray(pd.to_numeric(pd.Series(text.to_pylist(), dtype=object), errors="coerce"), np.float64)
    left = present.copy()
    problems = []
    for least, most, message in NUMBERS_FOR_DATES:
        rows = np.flatnonzero(left & (values >= least) & (values < most))
        left[rows] = False
        if len(rows):
            problems.append(Problem(rows, code, message))
    return (*problems, *([Problem(np.flatnonzero(left), code, NO_DATE_AT_ALL)] if left.any() else []))


def date_texts(text: pa.Array) -> Coerced:
    """Return text as dates; of a text with a time, its own calendar date."""
    values, codes, problems = by_distinct(text, lambda cell: moment(cell).date())
    return with_problems(dates(taken(pa.array(values, pa.date32()), codes)), problems)


def datetime_texts(text: pa.Array, timezone: str) -> Coerced:
    """Return text as datetimes; without an offset of its own a text is local time of `timezone`."""
    values, codes, problems = by_distinct(text, instant)
    read = np.array([value or (0, 0, 0) for value in values] or [(0, 0, 0)], np.int64)
    seconds, fractions, naive = read.take(np.maximum(codes, 0), axis=0).T
    there = np.array([value is not None for value in values] or [False]).take(np.maximum(codes, 0))
    found = instants(seconds, fractions, there & (codes >= 0), naive.astype(bool), timezone)
    return with_problems(found, problems)


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
            raise Unreadable(
                "date_too_fine", f"{shown(text)} is finer than a nanosecond; round it to nine digits."
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
        raise Unreadable(
            "ambiguous_date",
            f"{shown(text)} has a fraction of a minute or an hour, which is read in several ways; write the seconds.",
        )
    return stamp or other_moment(text, stripped)


def other_moment(text: str, stripped: str) -> dt.datetime:
    """Return the moment that a text which is not ISO 8601 names, when it can mean one only."""
    from dateutil import parser  # comes with pandas; needed for unusual dates alone

    if not stripped:
        raise Unreadable("not_a_date", no_date(text))
    years = LONG_NUMBER.findall(END_OF_TIME.sub(r"\1", stripped))
    if len(years) > 1 or (  # dateutil takes the second date of a range for an offset
        ONLY_DIGITS.fullmatch(stripped)
        and not COMPACT_DATE.fullmatch(stripped)
        and stripped.count(".") != DOTS_OF_A_DATE
    ):
        raise Unreadable("not_a_date", no_date(text))
    if NAMED_OFFSET.search(stripped):
        raise Unreadable(
            "ambiguous_date",
            column_mended(
                f"{shown(text)} names a zone and an offset, which is read in two ways; as most people mean it",
                VALUES
                + replaced(r"(?i)\s*\b[a-z]{3,}\s*([-+])(\d)(?!\d)(?=:|$)", r" \g<1>0\2")
                + replaced(r"(?i)\s*\b[a-z]{3,}\s*([-+]\d\d)", r" \1"),
            ),
        )
    readings: set[dt.datetime] = set()
    # the orders in which people write dates; one that begins with the year goes on with the month
    orders = (
        [(False, False)] if YEAR_FIRST.match(stripped) else [(False, False), (True, False), (False, True)]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # dateutil warns of zone names that it does not know
        for dayfirst, yearfirst in orders:
            for default in DEFAULTS:
                try:
                    readings.add(
                        parser.parse(
                            stripped,
                            default=default,
                            dayfirst=dayfirst,
                            yearfirst=yearfirst,
                            tzinfos=written_zone,
                        )
                    )
                except (ValueError, OverflowError, Warning) as error:
                    raise Unreadable("not_a_date", no_date(text)) from error
    if len(readings) > 1:
        raise Unreadable("ambiguous_date", two_dates(text))
    (reading,) = readings
    return reading


def written_zone(name: str | None, offset: int | None) -> dt.tzinfo | None:
    """Return the zone that a text gives by its offset or as UTC; ValueError for CST, which is several zones.

    dateutil would take other names for the machine's own.
    """
    if name is not None and name.upper() not in {"UTC", "GMT", "Z"}:
        raise ValueError(f"{name} is no zone for certain")
    if name is None and offset is None:
        return None
    return dt.timezone(dt.timedelta(seconds=offset or 0))


def with_problems(coerced: Coerced, problems: tuple[Problem, ...]) -> Coerced:
    """Return the column with more problems."""
    return dataclasses.replace(coerced, problems=(*coerced.problems, *problems))
