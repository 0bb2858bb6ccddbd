"""Numbers and times in words."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.show import words

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (65, "1 min 5 s"),
        (599.6, "10 min"),
        (3_570, "1 h"),
        (3_599, "1 h"),
        (3_600, "1 h"),
        (5_025, "1 h 24 min"),
        (86_399, "1 d"),
        (86_400 * 2 + 3 * 3_600, "2 d 3 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    """Roundings must not say 60 s, 60 min or 24 h."""
    assert words.duration(seconds) == text


@given(st.floats(0, 10_000_000))
def test_a_duration_never_says_a_full_lower_unit(seconds: float) -> None:
    """60 s is a minute, 60 min an hour, 24 h a day, whatever is rounded."""
    text = words.duration(seconds)
    assert not {"60 s", "60 min", "24 h"} & {f"{a} {b}" for a, b in pairwise(text.split())}


@given(st.floats(0, 1))
def test_a_hundred_percent_is_said_of_the_whole_only(share: float) -> None:
    """One row of a million that is missing must not be rounded away."""
    assert (words.percent(share) == "100.0 %") == (share == 1)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (dt.datetime(2026, 11, 23, 11, 0, 30, tzinfo=dt.UTC), "12:00:30"),
        (dt.datetime(2026, 11, 23, 11, 50, tzinfo=dt.UTC), "12:50:00"),
        (dt.datetime(2026, 11, 23, 14, 30, tzinfo=dt.UTC), "15:30"),
        (dt.datetime(2026, 11, 23, 23, 30, tzinfo=dt.UTC), "tomorrow 00:30"),
        (dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC), "yesterday 11:00"),
        (dt.datetime(2026, 11, 26, 10, 0, tzinfo=dt.UTC), "2026-11-26 11:00"),
    ],
)
def test_the_time_of_day_is_the_viewers_and_names_another_day(moment: dt.datetime, text: str) -> None:
    """An end at 03:42 means something else tomorrow; the zone is that of whoever looks."""
    assert words.clock(moment, NOON) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "user", "1 user"),
        (2_000, "user", "2,000 users"),
        (0, "company", "0 companies"),
        (1, "company", "1 company"),
    ],
)
def test_nouns_agree_with_their_number(count: int, noun: str, text: str) -> None:
    """1 users and 2 companys look careless."""
    assert words.count(count, noun) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(999, "999 bytes"), (1_000, "1.0 kB"), (49_999_999, "50.0 MB"), (2e9, "2.0 GB"), (3e12, "3000.0 GB")],
)
def test_sizes_are_decimal_as_the_services_limits_are(size: float, text: str) -> None:
    """50 MB is 50,000,000 bytes here as it is there."""
    assert words.size(size) == text
