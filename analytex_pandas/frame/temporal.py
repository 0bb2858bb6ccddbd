"""Dates and times → ISO 8601 text; as Python objects → counts of nanoseconds, since Python's integers never overflow.

A text is written into a slot of four words of eight bytes. Each part of it (a date, the minute of a day, three digits)
is looked up as the words that have its characters in their place and zeros elsewhere; ``|`` puts parts together::

    2024-01- 15T08:00 :00.1234 56789Z
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import zoneinfo
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame import columns
from analytex_pandas.frame.columns import Coerced, Mask, Problem, Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

TICKS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
TICKS |= {"m": 60 * TICKS["s"], "h": 3_600 * TICKS["s"], "D": 86_400 * TICKS["s"], "W": 604_800 * TICKS["s"]}
"""Nanoseconds of each unit."""
PARTS_OF_A_TICK = {"ps": 10**3, "fs": 10**6, "as": 10**9}
FARTHEST_YEAR = 1_000_000
SECONDS_A_DAY = 86_400
EPOCH = dt.date(1970, 1, 1)
FIRST_DAY = (dt.date.min - EPOCH).days
LAST_DAY = (dt.date.max - EPOCH).days
PYTZ_DAYS = range((dt.date(1902, 1, 1) - EPOCH).days, (dt.date(2037, 1, 1) - EPOCH).days)
COMMON_DAYS = range((dt.date(1900, 1, 1) - EPOCH).days, (dt.date(2100, 1, 1) - EPOCH).days)
"""Days whose text is written once and kept (1.2 MB)."""

SLOT: Final = 32
"""Bytes of a slot; the next are places in it."""
TIME: Final = 10
SECOND: Final = 16
MILLI, MICRO, NANO = 20, 23, 26
END: Final = 29
Words = np.ndarray[Any, np.dtype[np.uint64]]


def dates(array: pa.Array) -> Coerced:
    """Return dates as ``2024-01-15``."""
    days, problems = writable(days_of(array))
    slots = np.stack(day_words(days), axis=1)
    return written(slots, 0, np.full(len(days), TIME), columns.validity(array), problems, family="date")


def days_of(array: pa.Array) -> Rows:
    """Return dates as days since 1970; 0 where missing. Arrow's own cast overflows on what is far off."""
    counts = columns.integers_of(array, 0)
    return counts if pa.types.is_date32(array.type) else counts // np.int64(SECONDS_A_DAY * 1_000)


def midnights(array: pa.Array, timezone: str) -> Coerced:
    """Return dates as the moments at which they begin in `timezone`."""
    days = days_of(array)
    return instants(days * SECONDS_A_DAY, np.zeros_like(days), columns.validity(array), True, timezone)


def timestamps(array: pa.Array, timezone: str) -> Coerced:
    """Return timestamps as ``2024-01-15T08:00:00Z``, with a fraction of 3, 6 or 9 digits where a value has one.

    Naive ones are local times of `timezone`; a local time that a change of clocks skips or repeats is undecidable, so
    its row is invalid.
    """
    naive = array.type.tz is None
    found = instants(*seconds_of(array), columns.validity(array), naive, timezone)
    return dataclasses.replace(found, family="naive datetime" if naive else "aware datetime")


def instants(seconds: Rows, fractions: Rows, present: Mask, local: Mask | bool, timezone: str) -> Coerced:
    """Return seconds since 1970, 0 where missing, and nanoseconds as ``timestamps`` does; `local` ones by the clock."""
    problems: tuple[Problem, ...] = ()
    if timezone != "UTC" and np.any(local):
        seconds, problems = to_utc(seconds, present & local, timezone)
    days, clock = divided(seconds, SECONDS_A_DAY)
    days, outside = writable(days)
    slots, ends = clock_slots(clock, fractions)
    date, rest_of_date = day_words(days)
    slots[:, 0] = date
    slots[:, 1] |= rest_of_date
    slots.view(np.uint8).reshape(-1)[np.arange(0, slots.nbytes, SLOT) + ends] = ord("Z")
    return written(slots, 0, ends + 1, present, outside + problems)


def times(array: pa.Array) -> Coerced:
    """Return times of day as ``08:00:00``, with a fraction where a value has one."""
    slots, ends = clock_slots(*seconds_of(array))
    return written(slots, TIME + len("T"), ends - TIME - len("T"), columns.validity(array), family="time")


def written(
    slots: Words,
    first: int,
    sizes: Rows,
    present: Mask,
    problems: tuple[Problem, ...] = (),
    *,
    family: str = "",
) -> Coerced:
    """Return the texts that begin at byte `first` of each slot, missing where not `present` or with a problem."""
    present = present.copy()
    for problem in problems:
        present[problem.rows] = False
    starts = np.arange(first, slots.nbytes + first, slots.shape[1] * slots.itemsize)
    text = columns.texts_at(slots.view(np.uint8).reshape(-1), starts, sizes, present)
    return Coerced(text, columns.STRING, plain=True, problems=problems, family=family)


def clock_slots(clock: Rows, fractions: Rows) -> tuple[Words, Rows]:
    """Return slots with seconds of a day, and fractions of a second in nanoseconds, and where they end in each."""
    minute, second, milli, micro, nano = clock_words()
    slots = np.zeros((len(clock), SLOT // 8), np.uint64)
    minutes, seconds = divided(clock, 60)
    slots[:, 1] = minute[1].take(minutes)
    slots[:, 2] = second[2].take(seconds)
    if not fractions.any():
        return slots, np.full(len(clock), MILLI - len("."))
    millis, rest = divided(fractions, 1_000_000)
    micros, nanos = divided(rest, 1_000)
    slots[:, 2] |= milli[2].take(millis) | micro[2].take(micros)
    slots[:, 3] = micro[3].take(micros) | nano[3].take(nanos)
    whole = np.where(millis != 0, MICRO, MILLI - len("."))
    return slots, np.where(nanos != 0, END, np.where(micros != 0, NANO, whole))


@functools.cache
def clock_words() -> tuple[Words, ...]:
    """Return the minutes of a day, the seconds of a minute, and three digits as milli-, micro- and nanoseconds."""
    digits = [f"{number:03d}" for number in range(1_000)]
    return (
        words([f"T{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)], TIME),
        words([f":{second:02d}." for second in range(60)], SECOND),
        *(words(digits, place) for place in (MILLI, MICRO, NANO)),
    )


def words(texts: Iterable[str], place: int) -> Words:
    """Return texts in slots, from a place on: one row a word of the slot."""
    slots = b"".join((bytes(place) + text.encode()).ljust(SLOT, b"\0") for text in texts)
    return np.ascontiguousarray(np.frombuffer(slots, np.uint64).reshape(-1, SLOT // 8).T)


def day_words(days: Rows) -> tuple[Words, Words]:
    """Return the two words of each date: every day is written once, then looked up."""
    if not len(days) or (days.min() >= COMMON_DAYS.start and days.max() < COMMON_DAYS.stop):
        table, places = common_days(), days - COMMON_DAYS.start
    else:
        distinct, places = np.unique(days, return_inverse=True)
        table = words(np.datetime_as_string(distinct.astype("datetime64[D]"), unit="D").tolist(), 0)
    return table[0].take(places), table[1].take(places)


@functools.cache
def common_days() -> Words:
    days = np.arange(COMMON_DAYS.start, COMMON_DAYS.stop).astype("datetime64[D]")
    return words(np.datetime_as_string(days).tolist(), 0)[:2].copy()


def divided(numbers: Rows, divisor: int) -> tuple[Rows, Rows]:
    """Return quotient and remainder; a product is cheaper than a second division."""
    quotients = numbers // np.int64(divisor)
    return quotients, numbers - quotients * np.int64(divisor)


def seconds_of(array: pa.Array) -> tuple[Rows, Rows]:
    """Return timestamps or times of day as whole seconds and nanoseconds; 0 where missing."""
    tick = TICKS[array.type.unit]
    seconds, fractions = divided(columns.integers_of(array, 0), TICKS["s"] // tick)
    return seconds, fractions * np.int64(tick)


def writable(days: Rows) -> tuple[Rows, tuple[Problem, ...]]:
    """Return days with those of years that ISO 8601 cannot write moved to one that it can, and their problem."""
    if not len(days) or (days.min() >= FIRST_DAY and days.max() <= LAST_DAY):
        return days, ()
    inside = np.clip(days, FIRST_DAY, LAST_DAY)
    message = "The year is not between 1 and 9999, so ISO 8601 has no text for it."
    return inside, (Problem(np.flatnonzero(days != inside), "date_out_of_range", message),)


def wall_dates(array: pa.Array) -> pa.Array:
    """Return the calendar date that each timestamp shows in its own zone."""
    seconds, _ = seconds_of(array)
    if array.type.tz is not None:
        inner, moments, zone = in_zone(seconds, array.type.tz)
        local = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
        seconds = seconds + (np.asarray(local).astype(np.int64) - inner)
    days = np.clip(seconds // SECONDS_A_DAY, FIRST_DAY - 1, LAST_DAY + 1)
    return pa.array(days.astype(np.int32), mask=~columns.validity(array)).cast(pa.date32())


def to_utc(seconds: Rows, present: Mask, timezone: str) -> tuple[Rows, tuple[Problem, ...]]:
    """Return the wall times of a zone that are `present`, in seconds since 1970, as those of UTC.

    By pandas, which knows the zones on every system and in every year: Arrow has none on Windows, and after 2037 it
    silently leaves daylight saving time out.
    """
    inner, moments, zone = in_zone(np.where(present, seconds, 0), timezone)
    utc = moments.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert(None)
    unclear = np.asarray(utc.isna())
    inside = (seconds >= FIRST_DAY * SECONDS_A_DAY) & (seconds < (LAST_DAY + 1) * SECONDS_A_DAY)
    offsets = np.where(present & ~unclear & inside, np.asarray(utc).astype(np.int64) - inner, 0)
    message = (
        f"This local time is skipped or repeated by a change of clocks in {timezone}; "
        "give it a zone or an offset of its own."
    )
    return seconds + offsets, columns.problem_at(np.flatnonzero(unclear & present), "ambiguous_time", message)


def in_zone(seconds: Rows, timezone: str) -> tuple[Rows, pd.DatetimeIndex, str | zoneinfo.ZoneInfo]:
    """Return seconds since 1970, the same as naive datetimes, and their zone, as pandas is to be given it.

    pandas overflows in the first and the last day of a calendar, where the offset is that of the day beside it: those
    and what is beyond are moved there. By name pandas 2 takes a zone from pytz, which knows changes of clocks from
    1902 to 2037 only, but is 100 times as fast.
    """
    inner = np.clip(seconds, (FIRST_DAY + 1) * SECONDS_A_DAY, (LAST_DAY - 1) * SECONDS_A_DAY)
    moments = pd.DatetimeIndex(inner.astype("datetime64[s]"))
    first, last = PYTZ_DAYS.start * SECONDS_A_DAY, PYTZ_DAYS.stop * SECONDS_A_DAY
    by_name = timezone[0] in "+-" or not len(inner) or (inner.min() >= first and inner.max() < last)
    return inner, moments, timezone if by_name else zoneinfo.ZoneInfo(timezone)


def nanoseconds(cell: Any) -> int:
    """Return a duration, or the time since 1970 of a datetime, of UTC if it is aware, else of its own clock.

    pandas overflows on what is far off, and misreads NumPy's units below a nanosecond.
    """
    if isinstance(cell, pd.Timestamp | pd.Timedelta):
        cell = cell.asm8
    if isinstance(cell, dt.datetime):
        cell = cell.replace(tzinfo=None) - dt.datetime(1970, 1, 1) - (cell.utcoffset() or dt.timedelta())  # noqa: DTZ001  # counted by hand
    if isinstance(cell, dt.timedelta):
        return (cell.days * SECONDS_A_DAY + cell.seconds) * TICKS["s"] + cell.microseconds * TICKS["us"]
    unit, count = np.datetime_data(cell.dtype)
    ticks = int(cell.astype(np.int64)) * count
    if unit in ("Y", "M"):
        farthest = FARTHEST_YEAR * (12 if unit == "M" else 1)
        near = np.array([max(min(ticks, farthest), -farthest)]).astype(f"datetime64[{unit}]")
        return int(near.astype("datetime64[D]").astype(np.int64)[0]) * TICKS["D"]
    return ticks * TICKS[unit] if unit in TICKS else ticks // PARTS_OF_A_TICK[unit]


def within(counts: Iterable[int], type_: pa.DataType) -> pa.Array:
    """Return counts as an integer array, those beyond its range at its ends, where no year is that can be written."""
    bounds = np.iinfo(type_.to_pandas_dtype())
    return pa.array([max(min(count, int(bounds.max)), int(bounds.min)) for count in counts], type_)
