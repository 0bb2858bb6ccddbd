"""What ``types=`` asks for: text read as it, other values made it. What is ambiguous is said, never guessed."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from analytex_pandas.frame import columns, mends, temporal
from analytex_pandas.frame.coded import each, spread
from analytex_pandas.frame.columns import BOOLEAN, DURATION, NUMBER, STRING, TEXT, CellError, Coerced, Problem
from analytex_pandas.frame.numbers import fixed_point
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
BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), "true")
BOOLEANS |= dict.fromkeys(("false", "f", "no", "n", "0"), "false")
CALLED = {"naive datetime": "datetime", "aware datetime": "datetime", "time": "time of day"}
"""Family of values → what a message calls one."""
YEAR_FIRST = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?![-/.0-9])")
END_OF_TIME = re.compile(r"(:[0-9]{2})(?:[.,][0-9]+)?(?:\s*[+-][0-9]{2}:?[0-9]{2})?$")
NAMED_OFFSET = re.compile(
    r"(?i)(?<![a-z])(?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ +-])[a-z]{3,}\s*[+-]\s*[0-9]"
)
"""Such as GMT+2: two hours east to most, west by POSIX."""
NO_DATE_OF_DIGITS = re.compile(r"(?![0-9]{8}$)(?![0-9]*\.[0-9]*\.[0-9]*$)[0-9.]+")
"""Digits and points that are neither 20240115 nor 15.1.2024."""
DEFAULTS = (dt.datetime(2000, 1, 1), dt.datetime(2001, 2, 2))  # noqa: DTZ001  # stand in for what a text leaves out


def as_wanted(coerced: Coerced, wanted: JsonType | None) -> Coerced:
    """Return what is no text as the type asked for, or its rows as invalid."""
    if wanted is None or coerced.kinds == frozenset({wanted}):
        return coerced
    if wanted == "string":
        return replace(coerced, kinds=STRING)
    if wanted == "number" and coerced.kinds == DURATION:
        return replace(coerced, kinds=NUMBER)
    if wanted == "boolean" and coerced.kinds in (NUMBER, DURATION):
        found = read_as(coerced.text, boolean_of_number, partial(primitives, BOOLEAN))
    elif wanted in ("date", "datetime") and coerced.kinds == NUMBER:
        found = read_as(coerced.text, date_of_number, partial(primitives, STRING))
    else:
        (kind,) = coerced.kinds
        what = CALLED.get(coerced.family, coerced.family or kind)
        article = f"a {wanted}".removesuffix("time")
        message = mends.of_another_type(f"A {what}", article, is_flag=coerced.kinds == BOOLEAN)
        rows = np.flatnonzero(columns.validity(coerced.text))
        kinds = {"number": NUMBER, "boolean": BOOLEAN}.get(wanted, STRING)
        found = primitives(kinds, [None] * len(coerced.text))
        found = found.with_problems((Problem(rows, f"not_{article.replace(' ', '_')}", message),))
    return found.with_problems(coerced.problems)


def texts(text: pa.Array, wanted: JsonType | None, timezone: str) -> Coerced:
    """Return text as it is, or as what is asked for; a date without an offset is local time of `timezone`."""
    match wanted:
        case "number":
            return read_as(text, number, partial(primitives, NUMBER))
        case "boolean":
            return read_as(text, boolean, partial(primitives, BOOLEAN))
        case "date":  # of a text with a time, its own calendar date
            days = partial(pa.array, type=pa.date32())
            return read_as(text, lambda cell: moment(cell).date(), lambda dates: temporal.dates(days(dates)))
        case "datetime":
            return read_as(text, instant, partial(instants, timezone))
    return Coerced(text, STRING)


def read_as(
    text: pa.Array, read: Callable[[str], Any], coerced: Callable[[Sequence[Any]], Coerced]
) -> Coerced:
    """Return what `coerced` makes of what `read` has made of each different text."""
    distinct = text if isinstance(text.type, pa.DictionaryType) else text.dictionary_encode()
    values, problems = each(distinct.dictionary.to_pylist(), read)
    return spread(coerced(values).with_problems(problems), distinct.indices)


def primitives(kinds: columns.Kinds, texts: Sequence[str | None]) -> Coerced:
    return Coerced(pa.array(texts, TEXT), kinds, plain=True)


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
    if (found := BOOLEANS.get(text.strip().lower())) is None:
        raise CellError("not_a_boolean", mends.no_boolean(text))
    return found


def boolean_of_number(digits: str) -> str:
    value = decimal.Decimal(digits)
    if value not in (0, 1):
        what, code = f"{digits} is neither true nor false", f"{mends.VALUES}.replace({{{digits}: 1}})"
        raise CellError("not_a_boolean", mends.column_mended(f"{what}; if all but 0 is true", code))
    return "true" if value else "false"


def date_of_number(digits: str) -> str:
    raise CellError("not_a_date", mends.no_date_of_number(float(digits)))


def instants(timezone: str, moments: Sequence[tuple[int, int, bool] | None]) -> Coerced:
    values = [moment or (0, 0, 0) for moment in moments]
    seconds, fractions, naive = np.array(values, np.int64).reshape(-1, 3).T
    present = np.array([moment is not None for moment in moments], bool)
    return temporal.instants(seconds, fractions, present, naive.astype(bool), timezone)


def instant(text: str) -> tuple[int, int, bool]:
    """Return the moment that a text names, as seconds since 1970 and nanoseconds, and whether it is a local time."""
    stamp = moment(text)
    offset = stamp.utcoffset()
    seconds, nanosecond = divmod(temporal.nanoseconds(stamp), temporal.TICKS["s"])
    fine = [(kept, rest.rstrip("0")) for kept, rest in LONG_FRACTION.findall(text) if rest.strip("0")]
    for kept, digits in fine:  # what Python leaves out, if it is of the time and not of the offset
        of_the_time = int(kept) == stamp.microsecond and not (offset and offset.microseconds)
        if len(fine) > 1 or not of_the_time or len(digits) > NANOSECOND_DIGITS:
            raise CellError(
                "date_too_fine", f"{mends.shown(text)} is finer than a nanosecond; round it to nine digits."
            )
        nanosecond += int(digits.ljust(NANOSECOND_DIGITS, "0"))
    return seconds, nanosecond, offset is None


def moment(text: str) -> dt.datetime:
    """Return the moment that a text names, to the microsecond."""
    stripped = text.strip()
    try:
        stamp = dt.datetime.fromisoformat(stripped)
    except ValueError:
        stamp = None
    if PART_OF_MORE.search(stripped) or (
        stamp and re.search("[.,]", stripped) and not PART_OF_A_SECOND.search(stripped)
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
