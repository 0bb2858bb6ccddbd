"""Arrow dates and times → ISO 8601 text."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import STRING, TEXT, Coerced, Mask, Problem, Rows

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS_A_DAY = 86_400
EPOCH = dt.date(1970, 1, 1)
FIRST_DAY = (dt.date.min - EPOCH).days
LAST_DAY = (dt.date.max - EPOCH).days
LONG = 64
FRACTION_DIGITS = 9

COMMON_DAYS = range((dt.date(1900, 1, 1) - EPOCH).days, (dt.date(2100, 1, 1) - EPOCH).days)
"""Days whose text is written once and kept (0.7 MB)."""

PYTZ_DAYS = range((dt.date(1902, 1, 1) - EPOCH).days, (dt.date(2037, 1, 1) - EPOCH).days)

Integers = np.ndarray[Any, np.dtype[np.int64]]
Texts = np.ndarray[Any, Any]


def dates(array: pa.Array) -> Coerced:
    """Return dates as ``2024-01-15``."""
    days = pc.cast(pc.cast(array, pa.date32(), safe=False), pa.int32())
    values = days.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    outside = np.flatnonzero((values < FIRST_DAY) | (values > LAST_DAY))
    text = fixed_width(day_text(np.clip(values, FIRST_DAY, LAST_DAY)), days, outside)
    return Coerced(text, STRING, plain=True, problems=out_of_range(outside))


def timestamps(array: pa.Array, timezone: str) -> Coerced:
    """Return timestamps as ``2024-01-15T08:00:00Z``, with a fraction of 3, 6 or 9 digits where a value has one.

    Naive ones are local times of `timezone`; a local time that a change of clocks skips or repeats is undecidable, so
    its row is invalid.
    """
    counts = pc.cast(array, pa.int64())
    values = counts.fill_null(0).to_numpy(zero_copy_only=False)
    seconds, fractions = divided(values, UNITS[array.type.unit])
    problems: tuple[Problem, ...] = ()
    if array.type.tz is None and timezone != "UTC":
        present = counts.is_valid().to_numpy(zero_copy_only=False)
        seconds, problems = to_utc(seconds, present, timezone)
    days, clock = divided(seconds, SECONDS_A_DAY)
    outside = np.flatnonzero((days < FIRST_DAY) | (days > LAST_DAY))
    if len(outside):
        days = np.clip(days, FIRST_DAY, LAST_DAY)
    problems = (*out_of_range(outside), *problems)
    nanoseconds = fractions * np.int64(10**9 // UNITS[array.type.unit])
    without_text = np.unique(np.concatenate([outside, *(problem.rows for problem in problems)]))
    text = with_fractions(days, clock, nanoseconds, counts, without_text)
    return Coerced(text, STRING, plain=True, problems=problems)


def with_fractions(
    days: Integers, clock: Integers, nanoseconds: Integers, valid: pa.Array, outside: Rows
) -> pa.Array:
    """Return date, time and the fraction that each value needs, as text ending in ``Z``."""
    if not nanoseconds.any():
        return fixed_width(stamp_text(days, clock, None, 0), valid, outside)
    width = np.select(
        [nanoseconds == 0, nanoseconds % 1_000_000 == 0, nanoseconds % 1_000 == 0], [0, 3, 6], FRACTION_DIGITS
    )
    widths = np.unique(width)
    commonest = max(widths, key=lambda digits: np.count_nonzero(width == digits))
    text = fixed_width(stamp_text(days, clock, nanoseconds, commonest), valid, outside)
    for digits in widths[widths != commonest]:
        those = width == digits
        part = stamp_text(days[those], clock[those], nanoseconds[those], digits)
        mask = pc.and_(pa.array(those), text.is_valid())
        kept = fixed_width(
            part, valid.filter(pa.array(those)), np.flatnonzero(np.isin(np.flatnonzero(those), outside))
        )
        text = pc.replace_with_mask(text, mask, kept.drop_null())
    return text


def times(array: pa.Array) -> Coerced:
    """Return times of day as ``08:00:00``, with a fraction where a value has one."""
    values = pc.cast(array, pa.int64() if array.type.bit_width == LONG else pa.int32())
    counts = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    per_second = UNITS[array.type.unit]
    clock, fractions = divided(counts, per_second)
    text = fixed_width(clock_table("", "").take(clock % SECONDS_A_DAY), values, np.array([], np.int64))
    parts = np.flatnonzero(fractions)
    if len(parts):
        nanoseconds = fractions[parts] * (10**9 // per_second)
        exact = [fraction_text(int(nanosecond)) for nanosecond in nanoseconds]
        longer = pc.binary_join_element_wise(
            text.take(pa.array(parts)), pa.array(exact, TEXT), pa.scalar("", TEXT)
        )
        mask = np.zeros(len(text), bool)
        mask[parts] = True
        text = pc.replace_with_mask(text, pa.array(mask), longer)
    return Coerced(text, STRING, plain=True)


def fraction_text(nanoseconds: int) -> str:
    """Return a fraction of a second with its dot: of 3, 6 or 9 digits, or none at all."""
    if not nanoseconds:
        return ""
    digits = f"{nanoseconds:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return "." + digits


def wall_dates(array: pa.Array) -> pa.Array:
    """Return the calendar date that each timestamp shows in its own zone."""
    missing = array.is_null().to_numpy(zero_copy_only=False)
    seconds = seconds_of(array)
    if array.type.tz is not None and array.type.tz not in ("UTC", "+00:00"):
        zone = zone_for(array.type.tz, seconds)
        local = moments(seconds).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        seconds = np.asarray(local).astype(np.int64)
    return pa.array((seconds // SECONDS_A_DAY).astype(np.int32), mask=missing).cast(pa.date32())


def to_utc(seconds: Integers, present: Mask, timezone: str) -> tuple[Integers, tuple[Problem, ...]]:
    """Return wall times of a zone, in seconds since 1970, as those of UTC; pandas knows the zones on every system."""
    days = seconds // SECONDS_A_DAY
    at_the_edge = present & ((days <= FIRST_DAY) | (days >= LAST_DAY))
    inner = np.where(at_the_edge, 0, seconds)
    zone = zone_for(timezone, inner)
    local = moments(inner).tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    missing = np.asarray(local.isna())
    utc = np.where(missing, 0, np.asarray(local.tz_localize(None)).astype(np.int64))
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
    """Return seconds since 1970 as naive datetimes."""
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"))


def seconds_of(array: pa.Array) -> Integers:
    """Return timestamps as whole seconds since 1970; 0 where missing."""
    counts: Integers = pc.cast(array, pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return counts // np.int64(UNITS[array.type.unit])


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


def day_text(days: Integers) -> Texts:
    """Return days since 1970 as fixed-width text: each day is written once, then looked up."""
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if COMMON_DAYS.start <= first and last < COMMON_DAYS.stop:
        return common_days().take(days - COMMON_DAYS.start)
    distinct, codes = np.unique(days, return_inverse=True)
    return written_days(distinct).take(codes)


@functools.cache
def common_days() -> Texts:
    """Return the text of each of ``COMMON_DAYS``."""
    return written_days(np.arange(COMMON_DAYS.start, COMMON_DAYS.stop))


def written_days(days: Integers) -> Texts:
    """Return days since 1970 as ISO 8601 text of 10 characters."""
    wide = np.datetime_as_string(days.astype("datetime64[D]"), unit="D").astype("U10")
    return ascii_bytes(wide)


@functools.cache
def clock_table(before: str, after: str) -> Texts:
    """Return ``08:00:00`` for each second of a day, with `before` in front and `after` behind."""
    seconds = np.arange(SECONDS_A_DAY, dtype="timedelta64[s]") + np.datetime64("1970-01-01", "s")
    clock = (
        ascii_bytes(np.datetime_as_string(seconds, unit="s")).view("S1").reshape(SECONDS_A_DAY, -1)[:, 11:19]
    )
    front, behind = (np.full((SECONDS_A_DAY, len(edge)), edge.encode(), "S1") for edge in (before, after))
    joined = np.ascontiguousarray(np.concatenate([front, clock, behind], axis=1))
    return joined.view(f"S{joined.shape[1]}").reshape(-1)


@functools.cache
def thousand() -> Texts:
    """Return the numbers below 1,000 as three digits."""
    return np.array([f"{number:03d}".encode() for number in range(1_000)])


def ascii_bytes(texts: np.ndarray[Any, Any]) -> Texts:
    """Return fixed-width ASCII text as bytes."""
    width = texts.dtype.itemsize // 4
    narrow = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), width).astype(np.uint8)
    return narrow.view(f"S{width}").reshape(-1)


def stamp_text(days: Integers, clock: Integers, nanoseconds: Integers | None, digits: int) -> Texts:
    """Return date, time and a fraction of `digits` digits as fixed-width text."""
    if not digits or nanoseconds is None:
        whole = np.empty((len(days), 2), "S10")
        whole[:, 0], whole[:, 1] = day_text(days), clock_table("T", "Z").take(clock)
        return whole.view("S20").reshape(-1)
    text = np.empty(len(days), [("day", "S10"), ("clock", "S10"), ("fraction", f"S{digits}"), ("z", "S1")])
    text["day"], text["clock"], text["z"] = day_text(days), clock_table("T", ".").take(clock), b"Z"
    text["fraction"] = padded_digits(nanoseconds // 10 ** (FRACTION_DIGITS - digits), digits)
    return text


def padded_digits(numbers: Integers, digits: int) -> Texts:
    """Return numbers as text of `digits` digits, zeros in front, by groups of three."""
    groups = digits // 3
    text = np.empty((len(numbers), groups), "S3")
    rest = numbers
    for group in range(groups - 1, -1, -1):
        rest, three = divided(rest, 1_000)
        text[:, group] = thousand().take(three)
    return text.view(f"S{digits}").reshape(-1)


def divided(numbers: Integers, divisor: int) -> tuple[Integers, Integers]:
    """Return quotient and remainder; a product is cheaper than a second division."""
    quotients = numbers // np.int64(divisor)
    return quotients, numbers - quotients * np.int64(divisor)


def fixed_width(text: np.ndarray[Any, Any], valid: pa.Array, outside: Rows) -> pa.Array:
    """Return NumPy text of one width as an Arrow array without copying; missing where `valid` is, and at `outside`."""
    offsets = np.arange(len(text) + 1, dtype=np.int64) * text.dtype.itemsize
    missing = valid.is_null().to_numpy(zero_copy_only=False)
    if len(outside):
        missing = missing.copy()
        missing[outside] = True
    bitmap = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(TEXT, len(text), [bitmap, pa.py_buffer(offsets), pa.py_buffer(text)])
