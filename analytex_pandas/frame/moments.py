"""Datetimes and durations as Python objects → counts of nanoseconds. Python's integers never overflow."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

TICKS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
TICKS |= {"m": 60 * TICKS["s"], "h": 3_600 * TICKS["s"], "D": 86_400 * TICKS["s"], "W": 604_800 * TICKS["s"]}
"""Nanoseconds of each unit."""
PARTS_OF_A_TICK = {"ps": 10**3, "fs": 10**6, "as": 10**9}
FARTHEST_YEAR = 1_000_000
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()


def nanoseconds(cell: Any) -> int:
    """Return a duration, or the time since 1970 of a datetime, of UTC if it is aware, else of its own clock.

    pandas overflows on what is far off, and misreads NumPy's units below a nanosecond.
    """
    if isinstance(cell, pd.Timestamp | pd.Timedelta):
        cell = cell.asm8
    if isinstance(cell, dt.datetime):
        cell = cell.replace(tzinfo=None) - dt.datetime(1970, 1, 1) - (cell.utcoffset() or dt.timedelta())  # noqa: DTZ001  # counted by hand
    if isinstance(cell, dt.timedelta):
        return (cell.days * 86_400 + cell.seconds) * TICKS["s"] + cell.microseconds * TICKS["us"]
    unit, count = np.datetime_data(cell.dtype)
    ticks = int(cell.astype(np.int64)) * count
    if unit in ("Y", "M"):
        farthest = FARTHEST_YEAR * (12 if unit == "M" else 1)
        near = np.array([max(min(ticks, farthest), -farthest)]).astype(f"datetime64[{unit}]")
        return int(near.astype("datetime64[D]").astype(np.int64)[0]) * TICKS["D"]
    return ticks * TICKS[unit] if unit in TICKS else ticks // PARTS_OF_A_TICK[unit]


def is_calendrical(span: Any) -> bool:
    """Tell whether a NumPy timedelta is one of months or years, or of no unit: no number of seconds."""
    return isinstance(span, np.timedelta64) and np.datetime_data(span.dtype)[0] in ("Y", "M", "generic")


def wall_day(cell: Any) -> int:
    """Return the date that a datetime's own calendar shows, as days since 1970."""
    if isinstance(cell, dt.datetime) and not isinstance(cell, pd.Timestamp):
        return cell.toordinal() - EPOCH_DAY
    wall = cell.tz_localize(None) if isinstance(cell, pd.Timestamp) else cell
    return nanoseconds(wall) // TICKS["D"]


def within(counts: Sequence[int], type_: pa.DataType) -> pa.Array:
    """Return counts as an integer array, those beyond its range at its ends, where no year is that can be written."""
    bounds = np.iinfo(type_.to_pandas_dtype())
    return pa.array([max(min(count, int(bounds.max)), int(bounds.min)) for count in counts], type_)


def seconds(span: int) -> str:
    """Return nanoseconds, however many, as the number of seconds."""
    whole, rest = divmod(abs(span), TICKS["s"])
    text = f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)
    return f"-{text}" if span < 0 else text
