"""Single values of a JSON answer, read leniently: a number may come as text, a time in several notations."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_COUNT: Final = 10**18
"""No count of rows or bytes is larger; it also keeps clear of Python's limit on converting long texts."""
COUNT: Final = re.compile(r"[0-9]{1,18}")
NUMBER: Final = r"(?:[0-9]{1,3}(?:[,'\u2019\u00a0\u202f][0-9]{3}){1,5}(?![0-9])|[0-9]{1,18})"
"""A whole number; commas and what else is no full stop may group its digits by three."""
NOUN: Final = r"(?:(?:row|line|index|record|item)s?\ )"
TO: Final = rf"(?:[-\u2013]|\.{{2,3}}|\u2026|\ (?:to|through|-|\u2013)\ {NOUN}?)"
SPAN: Final = rf"{NUMBER}(?:{TO}{NUMBER})?"
NEXT: Final = r"(?:\ ?[,;](?:\ (?:and\ )?|(?![0-9]{3}(?![0-9])))|\ (?:and|&)\ )"
"""Between two numbers; a comma before three digits groups them, else a text may be read in endless ways."""
COUNTS: Final = re.compile(rf"\#?{SPAN}(?:{NEXT}{NOUN}?\#?{SPAN})*")
SPANS: Final = re.compile(rf"({NUMBER})(?:{TO}({NUMBER}))?", re.IGNORECASE)
GROUPING: Final = re.compile(r"[^0-9]+")
MAX_LISTED: Final = 10_000
"""Characters of a list of numbers, and numbers in a span, that are read."""
EPOCH_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""An epoch number from this size up counts nanoseconds, microseconds, milliseconds; below, seconds."""
SECONDS: Final = re.compile(r"[0-9]{1,25}(?:\.[0-9]{1,25})?")


def clean(text: str) -> str:
    """Return text that can be stored and printed: lone surrogates become the replacement character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_text(value: object) -> str:
    """Return a value as readable text: strings as they are, whole floats as integers, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "; ".join(to_text(item) for item in value)
    return to_json(value)


def to_json(value: object) -> str:
    """Write a value as JSON that can be stored and printed; where it is none after all, as Python shows it."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
        # Lone surrogates cannot be stored or printed; as escapes they are kept.
        return text if clean(text) == text else json.dumps(value, default=repr)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return clean(repr(value))
    except (ValueError, RecursionError):
        return object.__repr__(value)


def to_count(value: object) -> int | None:
    """Return a whole number from 0 up, from a number or its text; else None."""
    if isinstance(value, str):
        return int(value) if COUNT.fullmatch(value.strip()) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < MAX_COUNT else None


def whole_number(text: str) -> int:
    """Return the number that text in the form of ``NUMBER`` is."""
    return int(GROUPING.sub("", text))


def to_counts(value: object) -> list[int]:
    """Return the whole numbers that a value is, ``3``, ``"1,203"``, ``"2-4"``, ``"2, 3 and 5"``; none if it is more."""
    if not isinstance(value, str):
        count = to_count(value)
        return [] if count is None else [count]
    if len(value) > MAX_LISTED or not COUNTS.fullmatch(value.strip()):
        return []
    counts: list[int] = []
    for first, last in SPANS.findall(value):
        begin, end = sorted(whole_number(text or first) for text in (first, last))
        counts += range(begin, end + 1) if end < begin + MAX_LISTED else [begin, end]
    return counts


def to_seconds(value: object) -> float | None:
    """Return a finite number from 0 up, from a number or its plain text; else None."""
    if isinstance(value, str):
        value = float(value) if SECONDS.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def to_datetime(value: object) -> datetime | None:
    """Return a time in UTC from ISO 8601 (no zone means UTC), an HTTP date, or an epoch number; else None."""
    number = to_seconds(value)
    try:
        if number is not None:
            unit = next((unit for size, unit in EPOCH_UNITS if number >= size), 1.0)
            return datetime.fromtimestamp(number / unit, UTC)
        if not isinstance(value, str):
            return None
        text = value.strip()
        if text[-4:].upper() == " UTC":
            text = text[:-4] + "Z"
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
