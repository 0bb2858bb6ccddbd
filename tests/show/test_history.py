"""The measured pace over a whole push, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.show.snapshot import BLOCKS, CAPACITY, RateHistory, sparkline


def test_an_hour_at_four_pictures_a_second_takes_no_more_memory_than_a_minute() -> None:
    """A night's push must not grow its display."""
    history = RateHistory()
    for tick in range(4 * 3_600):
        history.add(tick / 4, tick * 5)
        assert len(history.points) <= CAPACITY
    assert history.rates(12) == pytest.approx([20.0] * 12)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 10_000)), min_size=2, max_size=400))
def test_the_rates_add_up_to_what_was_answered(steps: list[tuple[float, float]]) -> None:
    """Thinning the points out loses none of the rows between first and last."""
    history = RateHistory()
    time = rows = 0.0
    history.add(time, rows)
    for seconds, more in steps:
        time, rows = time + seconds, rows + more
        history.add(time, rows)
    rates = history.rates(10)
    assert sum(rates) * time / 10 == pytest.approx(rows, rel=1e-6, abs=1e-6)


def test_a_pause_shows_as_a_gap() -> None:
    """The history is there to show that it stood still."""
    history = RateHistory()
    for time, rows in [(0, 0), (10, 100), (20, 100), (30, 200)]:
        history.add(time, rows)
    assert history.rates(3) == pytest.approx([10, 0, 10])
    assert sparkline(history.rates(3)) == "█▁█"


@pytest.mark.parametrize("points", [[], [(1, 5)], [(1, 5), (1, 9)]])
def test_without_a_stretch_of_time_there_is_no_rate(points: list[tuple[float, float]]) -> None:
    """The first picture has nothing to measure."""
    history = RateHistory()
    for time, rows in points:
        history.add(time, rows)
    assert history.rates() == []
    assert sparkline(()) == ""


def test_nothing_answered_is_a_flat_line() -> None:
    """A division by the highest rate must not fail on zero."""
    assert sparkline((0.0, 0.0)) == BLOCKS[0] * 2
