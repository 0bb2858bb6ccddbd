"""Dates and times of day → ISO 8601 text: each is written into a slot of four words, every part of it looked up.

A part is the word, of eight bytes, that has its characters in their place and zeros elsewhere, so that ``|`` puts parts
together::

    2024-01- 15T08:00 :00.1234 56789Z
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from analytex_pandas.frame.views import Bytes, Integers, texts_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from analytex_pandas.frame.columns import Mask

SLOT: Final = 32
"""Bytes of a slot."""
DATE: Final = 10
"""Bytes of a date."""
CLOCK: Final = 11
"""Where the time of day begins in a slot, behind the date and the T."""
WHOLE, MILLI, MICRO, NANO = 19, 23, 26, 29
"""Where it ends, by the digits of its fraction."""

Words = np.ndarray[Any, np.dtype[np.uint64]]

EPOCH = dt.date(1970, 1, 1)
COMMON_DAYS = range((dt.date(1900, 1, 1) - EPOCH).days, (dt.date(2100, 1, 1) - EPOCH).days)
"""Days whose text is written once and kept (1.2 MB)."""


def date_texts(days: Integers, valid: Mask | None) -> pa.Array:
    """Return days since 1970 as ``2024-01-15``, missing where not `valid`."""
    words = np.stack(day_words(days), axis=1)
    return texts_at(bytes_of(words), starts(words), np.full(len(days), DATE), valid)


def clock_texts(clock: Integers, nanoseconds: Integers, valid: Mask | None) -> pa.Array:
    """Return seconds of a day, and nanoseconds of a second, as ``08:00:00``; of the fraction the digits it needs."""
    slots, ends = written(clock, nanoseconds)
    return texts_at(bytes_of(slots), starts(slots) + CLOCK, ends - CLOCK, valid)


def stamp_texts(days: Integers, clock: Integers, nanoseconds: Integers, valid: Mask | None) -> pa.Array:
    """Return days since 1970 and times of day as ``2024-01-15T08:00:00Z``; of the fraction the digits it needs."""
    slots, ends = written(clock, nanoseconds)
    date, rest_of_date = day_words(days)
    slots[:, 0] = date
    slots[:, 1] |= rest_of_date
    text, places = bytes_of(slots), starts(slots)
    text[places + ends] = ord("Z")
    return texts_at(text, places, ends + 1, valid)


def written(clock: Integers, nanoseconds: Integers) -> tuple[Words, Integers]:
    """Return slots with the time of day in them, and where it ends in each."""
    parts = clock_parts()
    slots = np.zeros((len(clock), SLOT // 8), np.uint64)
    minutes, seconds = divided(clock, 60)
    slots[:, 1] = parts.minute.take(minutes)
    slots[:, 2] = parts.second.take(seconds)
    if not nanoseconds.any():
        return slots, np.full(len(clock), WHOLE)
    milli, rest = divided(nanoseconds, 1_000_000)
    micro, nano = divided(rest, 1_000)
    slots[:, 2] |= parts.milli.take(milli) | parts.micro.take(micro)
    slots[:, 3] = parts.rest_of_micro.take(micro) | parts.nano.take(nano)
    ends = np.where(nano != 0, NANO, np.where(micro != 0, MICRO, np.where(milli != 0, MILLI, WHOLE)))
    return slots, ends


class ClockParts(NamedTuple):
    """The parts of a time of day by number: minutes of a day, seconds of a minute, and groups of three digits."""

    minute: Words
    second: Words
    milli: Words
    micro: Words
    rest_of_micro: Words
    nano: Words


@functools.cache
def clock_parts() -> ClockParts:
    minutes = parts([f"T{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)], CLOCK - 1)
    seconds = parts([f":{second:02d}." for second in range(60)], WHOLE - 3)
    digits = [f"{number:03d}" for number in range(1_000)]
    micro = parts(digits, MILLI)
    return ClockParts(
        minute=minutes[1],
        second=seconds[2],
        milli=parts(digits, WHOLE + 1)[2],
        micro=micro[2],
        rest_of_micro=micro[3],
        nano=parts(digits, MICRO)[3],
    )


def parts(texts: Iterable[str], at: int) -> Words:
    """Return texts as words that have them from byte `at` of a slot on: one row a word of the slot."""
    slots = b"".join((bytes(at) + text.encode()).ljust(SLOT, b"\0") for text in texts)
    return np.ascontiguousarray(np.frombuffer(slots, np.uint64).reshape(-1, SLOT // 8).T)


def day_words(days: Integers) -> tuple[Words, Words]:
    """Return the two words of each date: every day is written once, then looked up."""
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if COMMON_DAYS.start <= first and last < COMMON_DAYS.stop:
        table, places = common_days(), days - COMMON_DAYS.start
    else:
        distinct, places = np.unique(days, return_inverse=True)
        table = written_days(distinct)
    return table[0].take(places), table[1].take(places)


@functools.cache
def common_days() -> Words:
    """Return the words of each of ``COMMON_DAYS``."""
    return written_days(np.arange(COMMON_DAYS.start, COMMON_DAYS.stop))


def written_days(days: Integers) -> Words:
    """Return days since 1970 as words: the first row has their first eight bytes, the second the others."""
    wide = np.datetime_as_string(days.astype("datetime64[D]"), unit="D").astype(f"U{DATE}")
    text = np.zeros((len(days), SLOT // 2), np.uint8)
    text[:, :DATE] = np.ascontiguousarray(wide).view(np.uint32).reshape(len(days), DATE)
    return np.ascontiguousarray(text.view(np.uint64).T)


def divided(numbers: Integers, divisor: int) -> tuple[Integers, Integers]:
    """Return quotient and remainder; a product is cheaper than a second division."""
    quotients = numbers // np.int64(divisor)
    return quotients, numbers - quotients * np.int64(divisor)


def bytes_of(words: Words) -> Bytes:
    """Return rows of words as their bytes, one row behind the other."""
    return words.view(np.uint8).reshape(-1)


def starts(words: Words) -> Integers:
    """Return where each row of words begins among their bytes."""
    return np.arange(0, words.nbytes, words.shape[1] * 8)
