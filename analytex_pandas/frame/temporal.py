"""Arrow dates and times → ISO 8601 text."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.columns import STRING, Coerced, Mask, Problem, Rows, integers_of, validity
from analytex_pandas.frame.slots import EPOCH, clock_texts, date_texts, divided, stamp_texts

if TYPE_CHECKING:
    from analytex_pandas.frame.views import Integers

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS_A_DAY = 86_400
FIRST_DAY = (dt.date.min - EPOCH).days
LAST_DAY = (dt.date.max - EPOCH).days

PYTZ_DAYS = range((dt.date(1902, 1, 1) - EPOCH).days, (dt.date(2037, 1, 1) - EPOCH).days)

NO_ROWS: Rows = np.array([], np.int64)


def dates(array: pa.Array) -> Coerced:
    days, outside = writable_days(days_of(array))
    text = date_texts(days, valid_but(present_in(array), outside, len(array)))
    return Coerced(text, STRING, plain=True, problems=out_of_range(outside))


def days_of(array: pa.Array) -> Integers:
    """Return dates as days since 1970; 0 where missing. Arrow's own cast overflows on what is far off."""
    counts = integers_of(array, 0)
    return counts if pa.types.is_date32(array.type) else counts // np.int64(SECONDS_A_DAY * UNITS["ms"])


def midnights(array: pa.Array, timezone: str) -> Coerced:
    """Return dates as the moments at which they begin in `timezone`."""
    days = days_of(array)
    return instants(days * SECONDS_A_DAY, np.zeros_like(days), present_in(array), True, timezone)


def timestamps(array: pa.Array, timezone: str) -> Coerced:
    """Return timestamps as ``2024-01-15T08:00:00Z``, with a fraction of 3, 6 or 9 digits where a value has one.

    Naive ones are local times of `timezone`; a local time that a change of clocks skips or repeats is undecidable, so
    its row is invalid.
    """
    seconds, fractions = divided(integers_of(array, 0), UNITS[array.type.unit])
    nanoseconds = fractions * np.int64(10**9 // UNITS[array.type.unit])
    return instants(seconds, nanoseconds, present_in(array), array.type.tz is None, timezone)


def instants(
    seconds: Integers, nanoseconds: Integers, present: Mask | None, local: Mask | bool, timezone: str
) -> Coerced:
    """Return seconds since 1970 with nanoseconds as ``timestamps`` does, `local` ones by the clock of `timezone`.

    `present` is None for a column without gaps; missing ones are at 0.
    """
    problems: tuple[Problem, ...] = ()
    if timezone != "UTC" and np.any(local):
        there = np.ones(len(seconds), bool) if present is None else present
        seconds, problems = to_utc(seconds, there & local, timezone)
    days, clock = divided(seconds, SECONDS_A_DAY)
    days, outside = writable_days(days)
    problems = (*out_of_range(outside), *problems)
    without_text = np.concatenate([problem.rows for problem in problems]) if problems else NO_ROWS
    valid = valid_but(present, without_text, len(seconds))
    text = stamp_texts(days, clock, nanoseconds, valid)
    return Coerced(text, STRING, plain=True, problems=problems)


def times(array: pa.Array) -> Coerced:
    """Return times of day as ``08:00:00``, with a fraction where a value has one."""
    per_second = UNITS[array.type.unit]
    seconds, fractions = divided(integers_of(array, 0), per_second)
    nanoseconds = fractions * np.int64(10**9 // per_second)
    text = clock_texts(seconds % SECONDS_A_DAY, nanoseconds, present_in(array))
    return Coerced(text, STRING, plain=True)


def writable_days(days: Integers) -> tuple[Integers, Rows]:
    """Return days with those that ISO 8601 cannot write replaced by one that it can, and where they are."""
    if not len(days) or (days.min() >= FIRST_DAY and days.max() <= LAST_DAY):
        return days, NO_ROWS
    return np.clip(days, FIRST_DAY, LAST_DAY), np.flatnonzero((days < FIRST_DAY) | (days > LAST_DAY))


def present_in(array: pa.Array) -> Mask | None:
    """Return which rows of an array have a value; None for all of them."""
    return validity(array) if array.null_count else None


def valid_but(present: Mask | None, rows: Rows, count: int) -> Mask | None:
    """Return which of `count` rows are present, `rows` excepted; None for all of them."""
    if not len(rows):
        return present
    valid = np.ones(count, bool) if present is None else present.copy()
    valid[rows] = False
    return valid


def wall_dates(array: pa.Array) -> pa.Array:
    """Return the calendar date that each timestamp shows in its own zone."""
    missing = array.is_null().to_numpy(zero_copy_only=False)
    seconds = seconds_of(array)
    if array.type.tz is not None and array.type.tz not in ("UTC", "+00:00"):
        # pandas overflows in the first and the last day, where the offset is that of the day beside it
        inner = np.clip(seconds, (FIRST_DAY + 1) * SECONDS_A_DAY, (LAST_DAY - 1) * SECONDS_A_DAY)
        zone = zone_for(array.type.tz, inner)
        local = moments(inner).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        seconds = seconds + (np.asarray(local).astype(np.int64) - inner)
    days = np.clip(seconds // SECONDS_A_DAY, FIRST_DAY - 1, LAST_DAY + 1)
    return pa.array(days.astype(np.int32), mask=missing).cast(pa.date32())


def to_utc(seconds: Integers, present: Mask, timezone: str) -> tuple[Integers, tuple[Problem, ...]]:
    """Return the wall times of a zone that are `present`, in seconds since 1970, as those of UTC.

    pandas knows the zones on every system.
    """
    days = seconds // SECONDS_A_DAY
    at_the_edge = present & ((days <= FIRST_DAY) | (days >= LAST_DAY))
    inner = np.where(present & ~at_the_edge, seconds, 0)
    zone = zone_for(timezone, inner)
    local = moments(inner).tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    missing = np.asarray(local.isna())
    utc = np.where(missing | ~present, seconds, np.asarray(local.tz_localize(None)).astype(np.int64))
    unclear = np.flatnonzero(missing & present & ~at_the_edge)
    message = (
        f"This local time is skipped or repeated by a change of clocks in {timezone}; "
        "give it a zone or an offset of its own."
    )
    problems = (Problem(unclear, "ambiguous_time", message),) if len(unclear) else ()
    if not at_the_edge.any():
        return utc, problems
    edge = np.flatnonzero(at_the_edge)
    utc[edge], beyond = to_utc_at_the_edge(seconds[edge], zone_of(timezone))
    return utc, (*problems, *out_of_range(edge[beyond]))


def to_utc_at_the_edge(seconds: Integers, zone: dt.tzinfo) -> tuple[Integers, Mask]:
    """Return wall times in the first or last day that a calendar has as those of UTC, and which are beyond it then.

    pandas overflows there; a sentinel such as 9999-12-31 is common enough to be worth doing one by one.
    """
    utc, beyond = np.zeros(len(seconds), np.int64), np.zeros(len(seconds), bool)
    for row, second in enumerate(seconds.tolist()):
        try:
            wall = dt.datetime(1970, 1, 1, tzinfo=zone) + dt.timedelta(seconds=second)
            offset = wall.utcoffset() or dt.timedelta()
            utc[row] = second - int(offset.total_seconds())
        except OverflowError:
            beyond[row] = True
    return utc, beyond


def moments(seconds: Integers) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"))


def seconds_of(array: pa.Array) -> Integers:
    """Return timestamps as whole seconds since 1970; 0 where missing."""
    return integers_of(array, 0) // np.int64(UNITS[array.type.unit])


def zone_of(timezone: str) -> dt.tzinfo:
    """Return the zone of a name, or of an offset such as ``+05:30``."""
    if timezone[0] not in "+-":
        return zoneinfo.ZoneInfo(timezone)
    hours, minutes = map(int, timezone[1:].split(":"))
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(offset if timezone[0] == "+" else -offset)


def zone_for(timezone: str, seconds: Integers) -> str | dt.tzinfo:
    """Return a zone as pandas is to be given it for moments, in seconds since 1970.

    By name pandas 2 takes it from pytz, which knows changes of clocks from 1902 to 2037 only, but is 100 times as fast.
    """
    days = seconds // SECONDS_A_DAY
    known = not len(days) or (days.min() >= PYTZ_DAYS.start and days.max() < PYTZ_DAYS.stop)
    return timezone if known else zone_of(timezone)


def out_of_range(rows: Rows) -> tuple[Problem, ...]:
    """Return the problem of years that ISO 8601 cannot write."""
    message = "The year is not between 1 and 9999, so ISO 8601 has no text for it."
    return (Problem(rows, "date_out_of_range", message),) if len(rows) else ()
