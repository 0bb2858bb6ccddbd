"""Text → what ``types=`` asks for: numbers, booleans, dates, datetimes. What is ambiguous is said, never guessed."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Coerced, Problem, integers_of
from analytex_pandas.frame.numbers import fixed_point
from analytex_pandas.frame.temporal import dates, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
OTHER_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
LONG_FRACTION = re.compile(r"\.[0-9]{7,}")
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
SHOWN = 40
"""Characters of a text that a message shows."""
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
    failures: dict[tuple[str, str], list[int]] = {}
    for code, distinct in enumerate(encoded.dictionary.to_pylist()):
        try:
            values.append(None if distinct is None else read(distinct))
        except Unreadable as error:
            values.append(None)
            failures.setdefault((error.code, error.message), []).append(code)
    problems = tuple(
        Problem(rows, code, message)
        for (code, message), those in failures.items()
        if len(rows := np.flatnonzero(np.isin(codes, those)))
    )
    return values, codes, problems


def taken(array: pa.Array, codes: np.ndarray[Any, Any]) -> pa.Array:
    """Return `array` at `codes`; missing where a code is -1."""
    return array.take(pa.array(codes, mask=codes < 0))


def numbers(text: pa.Array) -> Coerced:
    """Return text as numbers with the digits it has."""
    values, codes, problems = by_distinct(text, number)
    return Coerced(taken(pa.array(values, TEXT), codes), frozenset({"number"}), plain=True, problems=problems)


def number(text: str) -> str:
    """Return the JSON number that a text holds."""
    stripped = text.strip()
    if not JSON_NUMBER.fullmatch(stripped):
        if not OTHER_NUMBER.fullmatch(stripped):
            raise Unreadable("not_a_number", f"{shown(text)} is no number.")
        stripped = fixed_point(decimal.Decimal(stripped))
    if np.isinf(float(stripped)):
        raise Unreadable("not_finite", f"{shown(text)} is larger than a number can be.")
    return stripped


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
        raise Unreadable("not_a_boolean", f"{shown(text)} is neither true nor false.")
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
    return boolean(str(int(value)) if value in (0, 1) else digits)


def date_texts(text: pa.Array) -> Coerced:
    """Return text as dates; of a text with a time, its own calendar date."""
    values, codes, problems = by_distinct(text, lambda cell: moment(cell)[0].date())
    return with_problems(dates(taken(pa.array(values, pa.date32()), codes)), problems)


def datetime_texts(text: pa.Array, timezone: str) -> Coerced:
    """Return text as datetimes; without an offset of its own a text is local time of `timezone`."""
    values, codes, problems = by_distinct(text, moment)
    read = [value or (None, 0) for value in values]
    nanoseconds = any(nanosecond for _, nanosecond in read)
    aware = [stamp for stamp, _ in read if stamp is not None and stamp.tzinfo is not None]
    naive = timestamps(taken(stamps(read, False, nanoseconds), codes), timezone)
    if not aware:
        return with_problems(naive, problems)
    zoned = timestamps(taken(stamps(read, True, nanoseconds), codes), timezone)
    text = pc.coalesce(naive.text, zoned.text)
    return Coerced(text, naive.kinds, plain=True, problems=(*naive.problems, *zoned.problems, *problems))


def stamps(read: list[tuple[dt.datetime | None, int]], aware: bool, nanoseconds: bool) -> pa.Array:
    """Return those of the datetimes that are (or are not) aware as Arrow timestamps."""
    zone = "UTC" if aware else None
    those = [(stamp if stamp and (stamp.tzinfo is not None) == aware else None, rest) for stamp, rest in read]
    array = pa.array([stamp for stamp, _ in those], pa.timestamp("us", zone))
    if not nanoseconds:
        return array
    counts = array.cast(pa.timestamp("ns", zone), safe=True).cast(pa.int64())
    rests = pa.array([rest for _, rest in those], pa.int64())
    return pc.add(counts, rests).cast(pa.timestamp("ns", zone))


def moment(text: str) -> tuple[dt.datetime, int]:
    """Return the moment that a text names, and its nanoseconds beyond the microsecond."""
    stripped = text.strip()
    nanosecond = 0
    try:
        if LONG_FRACTION.search(stripped):
            nanosecond = pd.Timestamp(stripped).nanosecond
        return dt.datetime.fromisoformat(stripped), nanosecond
    except ValueError:
        return other_moment(text, stripped), 0


def other_moment(text: str, stripped: str) -> dt.datetime:
    """Return the moment that a text which is not ISO 8601 names, when it can mean one only."""
    from dateutil import parser  # comes with pandas; needed for unusual dates alone

    if not stripped:
        raise Unreadable("not_a_date", "The text is blank, which is no date.")
    years = LONG_NUMBER.findall(END_OF_TIME.sub(r"\1", stripped))
    if len(years) > 1 or (  # dateutil takes the second date of a range for an offset
        ONLY_DIGITS.fullmatch(stripped)
        and not COMPACT_DATE.fullmatch(stripped)
        and stripped.count(".") != DOTS_OF_A_DATE
    ):
        raise Unreadable("not_a_date", f"{shown(text)} is no date.")
    if NAMED_OFFSET.search(stripped):
        raise Unreadable(
            "ambiguous_date",
            f"{shown(text)} names a zone and an offset, which is read in two ways; write +02:00 alone.",
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
                    raise Unreadable("not_a_date", f"{shown(text)} is no date.") from error
    if len(readings) > 1:
        raise Unreadable(
            "ambiguous_date",
            f"{shown(text)} can mean more than one date; write it as 2024-04-03, or parse the column yourself "
            "with pd.to_datetime(…, format=…).",
        )
    (reading,) = readings
    return reading


def written_zone(name: str | None, offset: int | None) -> dt.tzinfo | None:
    """Return the zone that a text gives by its offset or as UTC; dateutil would take other names for the machine's own.

    Raises
    ------
    ValueError
        For an abbreviation such as CST, which is several zones.
    """
    if name is not None and name.upper() not in {"UTC", "GMT", "Z"}:
        raise ValueError(f"{name} is no zone for certain")
    if name is None and offset is None:
        return None
    return dt.timezone(dt.timedelta(seconds=offset or 0))


def with_problems(coerced: Coerced, problems: tuple[Problem, ...]) -> Coerced:
    """Return the column with more problems."""
    return Coerced(coerced.text, coerced.kinds, coerced.plain, (*coerced.problems, *problems), coerced.traits)


def shown(text: str) -> str:
    """Return a text as a message shows it: quoted, and not longer than a line."""
    return repr(text) if len(text) <= SHOWN else repr(text[:SHOWN])[:-1] + "…'"
