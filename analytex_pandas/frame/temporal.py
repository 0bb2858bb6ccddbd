"""Dates and times → ISO 8601 text; those that are Python objects → counts of nanoseconds, which never overflow."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame import columns
from analytex_pandas.frame.columns import (
    SAMPLE,
    SHIFTED,
    STRING,
    TEXT,
    Bytes,
    Coerced,
    Mask,
    Problem,
    Rows,
    Sighting,
    Traits,
)

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
DATE, CLOCK = len("2024-01-15"), len("08:00:00")


def dates(array: pa.Array) -> Coerced:
    """Return dates as ``2024-01-15``."""
    days, problems = writable(days_of(array), 1)
    mask = ~columns.validity(array)
    for problem in problems:
        mask[problem.rows] = True
    text = pa.array(days.astype(np.int32), mask=mask).cast(pa.date32()).cast(TEXT)
    return Coerced(text, STRING, plain=True, problems=problems, family="date")


def days_of(array: pa.Array) -> Rows:
    """Return dates as days since 1970; 0 where missing. Arrow's own cast overflows on what is far off."""
    counts = columns.integers_of(array, 0)
    return counts if pa.types.is_date32(array.type) else counts // np.int64(SECONDS_A_DAY * 1_000)


def beginnings(array: pa.Array, timezone: str) -> Coerced:
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
    family = "naive datetime" if naive else "aware datetime"
    zone = timezone if naive else array.type.tz
    few = array.slice(0, 2 * SAMPLE).drop_null()[:SAMPLE]
    if zone == "UTC" or not len(few):
        return replace(found, family=family)
    seconds, fractions = seconds_of(few)
    if naive:
        local, utc = seconds, to_utc(seconds, np.ones(len(few), bool), zone)[0]
    else:
        local, utc = local_seconds(seconds, zone), seconds
    return replace(found, family=family, traits=midnights(local, utc, fractions))


def midnights(local: Rows, utc: Rows, fractions: Rows) -> Traits:
    """Return how many times are midnight by their own clock, in seconds since 1970, and not in UTC."""
    begins = (local % SECONDS_A_DAY == 0) & (fractions == 0)
    shifted = utc[begins & (utc % SECONDS_A_DAY != 0)]
    texts = tuple(f"{moment}Z" for moment in shifted[:1].astype("datetime64[s]"))
    seen = {SHIFTED: Sighting(len(shifted), texts)} if texts else {}
    return Traits(moments=int(np.count_nonzero(~begins)), seen=seen)


def midnights_of(cells: Iterable[Any]) -> Traits:
    """Return the same of Python objects, each with a zone of its own."""
    some = list(islice(cells, SAMPLE))
    local = [nanoseconds(cell.replace(tzinfo=None)) // TICKS["s"] for cell in some]
    utc = [nanoseconds(cell) // TICKS["s"] for cell in some]
    fractions = [nanoseconds(cell) % TICKS["s"] for cell in some]
    return midnights(np.array(local), np.array(utc), np.array(fractions))


def instants(seconds: Rows, fractions: Rows, present: Mask, local: Mask | bool, timezone: str) -> Coerced:
    """Return seconds since 1970, 0 where missing, and nanoseconds as ``timestamps`` does; `local` ones by the clock."""
    problems: tuple[Problem, ...] = ()
    if timezone != "UTC" and np.any(local):
        seconds, problems = to_utc(seconds, present & local, timezone)
    seconds, outside = writable(seconds, SECONDS_A_DAY)
    slots, ends = characters(seconds, fractions, pa.timestamp("us"), DATE + len("T") + CLOCK)
    slots[:, DATE] = ord("T")
    slots[np.arange(len(slots)), ends] = ord("Z")
    return written(slots, ends + len("Z"), present, (*outside, *problems))


def times(array: pa.Array) -> Coerced:
    """Return times of day as ``08:00:00``, with a fraction where a value has one."""
    seconds, fractions = seconds_of(array)
    slots, ends = characters(seconds % SECONDS_A_DAY, fractions, pa.time64("us"), CLOCK)
    return replace(written(slots, ends, columns.validity(array), ()), family="time")


def characters(seconds: Rows, fractions: Rows, kind: pa.DataType, width: int) -> tuple[Bytes, Rows]:
    """Return times as Arrow writes them, as rows of bytes with one to spare, and where each ends.

    Behind `width` bytes stand fractions of a second, in nanoseconds: of 0, 3, 6 or 9 digits, as few as say them whole.
    """
    if pa.types.is_timestamp(kind) and not fractions.any():
        parts = [bytes_of(pa.array(seconds).cast(pa.timestamp("s")), width)]
        ends = np.full(len(seconds), width)
    else:
        narrow = fractions.astype(np.uint32)  # which NumPy divides three times as fast
        micros = narrow // 1_000
        nanos = narrow - micros * 1_000
        parts = [bytes_of(pa.array(seconds * 10**6 + micros).cast(kind), width + len(".123456"))]
        if nanos.any():
            parts.append(bytes_of(pa.array(nanos + 1_000), len("1789"))[:, 1:])  # a one, and three digits
        finer = 3 * (micros // 1_000 * 10**6 != narrow) + 3 * (nanos != 0)
        ends = width + len(".123") * (narrow != 0) + finer
    return np.hstack([*parts, np.zeros((len(seconds), 1), np.uint8)]), ends


def bytes_of(array: pa.Array, width: int) -> Bytes:
    """Return what Arrow writes of each value, all of one width, as rows of bytes."""
    data, _ = columns.text_buffers(array.cast(TEXT))
    return data[: len(array) * width].reshape(len(array), width)


def written(slots: Bytes, sizes: Rows, present: Mask, problems: tuple[Problem, ...]) -> Coerced:
    """Return the first so many bytes of each slot as text, missing where not `present` or with a problem."""
    present = present.copy()
    for problem in problems:
        present[problem.rows] = False
    data, starts = slots.reshape(-1), np.arange(0, slots.size + 1, slots.shape[1])
    if (sizes == slots.shape[1]).all():  # they lie as they should
        bitmap = np.packbits(present, bitorder="little")
        buffers = [pa.py_buffer(part) for part in (bitmap, starts, data)]
        text = pa.Array.from_buffers(TEXT, len(slots), buffers)
    else:
        text = columns.texts_at(data, starts[:-1], sizes, present)
    return Coerced(text, STRING, plain=True, problems=problems)


def seconds_of(array: pa.Array) -> tuple[Rows, Rows]:
    """Return timestamps or times of day as whole seconds and nanoseconds; 0 where missing."""
    tick = TICKS[array.type.unit]
    counts, per_second = columns.integers_of(array, 0), np.int64(TICKS["s"] // tick)
    seconds = counts // per_second
    return seconds, (counts - seconds * per_second) * np.int64(tick)


def writable(counts: Rows, per_day: int) -> tuple[Rows, tuple[Problem, ...]]:
    """Return days, or parts of them, with those of years that ISO 8601 cannot write moved to one that it can."""
    inside = np.clip(counts, FIRST_DAY * per_day, (LAST_DAY + 1) * per_day - 1)
    message = "The year is not between 1 and 9999, so ISO 8601 has no text for it."
    return inside, columns.problem_at(np.flatnonzero(counts != inside), "date_out_of_range", message)


def wall_dates(array: pa.Array) -> pa.Array:
    """Return the calendar date that each timestamp shows in its own zone."""
    seconds, _ = seconds_of(array)
    if array.type.tz is not None:
        seconds = local_seconds(seconds, array.type.tz)
    days = np.clip(seconds // SECONDS_A_DAY, FIRST_DAY - 1, LAST_DAY + 1)
    return pa.array(days.astype(np.int32), mask=~columns.validity(array)).cast(pa.date32())


def local_seconds(seconds: Rows, timezone: str) -> Rows:
    """Return moments, in seconds since 1970, as what the clocks of a zone show then."""
    inner, moments, zone = in_zone(seconds, timezone)
    local = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return seconds + (np.asarray(local).astype(np.int64) - inner)


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
