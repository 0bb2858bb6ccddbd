"""Numbers, durations and times in words, the same in every display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

MINUTE: Final = 60
HOUR_MINUTES: Final = 60
DAY_MINUTES: Final = 24 * HOUR_MINUTES
SECONDS_MATTER: Final = 10 * MINUTE
"""Seconds up to which a duration is told to the second."""
KILOBYTE: Final = 1_000


def number(value: float) -> str:
    return f"{value:,.0f}"


def count(value: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number(value)} {noun if value == 1 else plural}"


def percent(share: float) -> str:
    """Return a share as a percentage, rounded down: 100 % is said only of the whole."""
    return f"{int(share * 1000) / 10:.1f} %"


def size(byte_count: float) -> str:
    """Return bytes in the decimal unit that suits, as the service's limits are given."""
    for unit in ("bytes", "kB", "MB"):
        if byte_count < KILOBYTE:
            return f"{byte_count:.0f} {unit}" if unit == "bytes" else f"{byte_count:.1f} {unit}"
        byte_count /= KILOBYTE
    return f"{byte_count:.1f} GB"


def duration(seconds: float) -> str:
    """Return a duration in at most two units."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < SECONDS_MATTER:
        minutes, rest = divmod(whole, MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(whole / MINUTE)
    if minutes < HOUR_MINUTES:
        return f"{minutes} min"
    if minutes < DAY_MINUTES:
        hours, rest = divmod(minutes, HOUR_MINUTES)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, hours = divmod(round(minutes / HOUR_MINUTES), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def rate(rows_per_second: float) -> str:
    """Return a pace in rows a minute, the unit of the service's own limit."""
    return f"{number(rows_per_second * MINUTE)} rows/min"


def clock(moment: datetime, now: datetime) -> str:
    """Return the time of day of a moment in the zone of ``now``, with the day where it is another one."""
    local = moment.astimezone(now.tzinfo)
    time = f"{local:%H:%M:%S}" if abs((local - now).total_seconds()) < MINUTE else f"{local:%H:%M}"
    days = (local.date() - now.date()).days
    named = {0: time, 1: f"tomorrow {time}", -1: f"yesterday {time}"}
    return named.get(days, f"{local:%Y-%m-%d} {time}")


def moment_in_full(moment: datetime) -> str:
    """Return a moment for a page that is read later and elsewhere: date, time and zone."""
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or 'UTC'}"
