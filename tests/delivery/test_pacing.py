"""When a job is asked about, and when what failed is tried again: by what was measured, in simulated time."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.delivery.pacing import (
    LONGEST_BACKOFF,
    Pace,
    Watch,
    backoff,
    heals,
    may_have_arrived,
)
from analytex_pandas.errors import RateLimitError, ServerError, TransportError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

COUNTED: dict[str, Callable[[float], float | None]] = {
    "not at all": lambda _: None,
    "steadily": lambda share: share,
    "in quarters": lambda share: int(4 * share) / 4,
    "at the end": lambda share: max(0.0, (share - 0.9) / 0.1),
    "late": lambda share: max(0.0, (share - 0.6) / 0.4),
    "early": lambda share: min(1.0, 2 * share),
    "ever slower": lambda share: share**0.5,
    "ever faster": lambda share: min(1.0, share**2 + 0.2),
    "one at first": lambda _: 0.01,
    "all at once": lambda _: 1.0,
}
"""How far a job says to be, when this share of its time has passed."""


def follow(
    pace: Pace, duration: float, rows: int = 100, *, counted: str = "not at all", tail: float = 0.0
) -> tuple[int, float]:
    """Follow a job of so many seconds in simulated time; return how often it was asked about and the time lost."""
    watch, elapsed, polls = Watch(rows), 0.0, 0
    while True:
        elapsed += pace.next_poll(watch, elapsed)
        polls += 1
        if elapsed >= duration:
            pace.record(watch, elapsed, elapsed)
            return polls, elapsed - duration
        share = COUNTED[counted](min(elapsed / (duration - tail), 1.0))
        watch.note(elapsed, None if share is None else int(rows * share))


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("tail", [0.0, 1.0])
@pytest.mark.parametrize("duration", [4.0, 60.0, 500.0])
def test_few_questions_and_little_time_lost(duration: float, tail: float, counted: str) -> None:
    """Of ten jobs of 4 s, each takes at most 12 questions, and the service idles little, however it counts."""
    pace = Pace()
    found = [follow(pace, duration, counted=counted, tail=tail) for _ in range(10)]
    assert max(polls for polls, _ in found) <= (12 if duration == 4.0 else 50)
    assert sum(lost for _, lost in found) / (10 * duration) < 0.04
    assert all(lost < 0.07 * duration for _, lost in found[2:])


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("rows", [(10, 10_000), (10_000, 10)])
def test_a_job_of_other_rows_is_not_put_off(rows: tuple[int, int], counted: str) -> None:
    """After a canary, and for the last chunk: whether time grows with the rows or not, the end is seen soon."""
    for grows in (False, True):
        pace, seconds = Pace(), [4.0, 4.0 * rows[1] / rows[0] if grows else 4.0]
        for duration, number in zip(seconds, rows, strict=True):
            polls, lost = follow(pace, duration, number, counted=counted)
            assert polls <= (12 if duration <= 4.0 else 200)
            assert lost <= max(0.4, min(0.2 * duration, 30.0))


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_change_of_pace_is_noticed(counted: str, factor: float) -> None:
    """A service that becomes faster or slower is followed as closely again from the second job on."""
    pace = Pace()
    for _ in range(4):
        follow(pace, 4.0, counted=counted)
    found = [follow(pace, 4.0 * factor, counted=counted) for _ in range(4)]
    assert max(polls for polls, _ in found) <= 14
    assert all(lost < 0.1 * 4.0 * factor for _, lost in found[2:])


@given(
    st.lists(st.floats(0.01, 600.0), min_size=1, max_size=12),
    st.sampled_from(list(COUNTED)),
    st.floats(0.0, 0.9),
)
def test_jobs_of_any_duration_are_followed(durations: list[float], counted: str, tail: float) -> None:
    """Whatever the jobs before took, the questions about the next are bounded and its end is seen in time."""
    pace = Pace()
    longest = 0.0
    for duration in durations:
        longest = max(longest, duration)
        polls, lost = follow(pace, duration, counted=counted, tail=tail * duration)
        assert polls <= 60
        assert lost <= max(0.5, 0.5 * longest)


def test_a_long_job_is_asked_about_often_enough_to_see_it_move() -> None:
    """A watcher sees something new at least every half minute."""
    pace = Pace()
    follow(pace, 3600.0)
    watch = Watch(100)
    assert pace.next_poll(watch, 100.0) <= 30.0


def test_the_rate_is_measured_from_whole_cycles_else_from_progress() -> None:
    """The estimate of the end uses what chunks took, uploads and gaps included."""
    pace, watch = Pace(), Watch(100)
    assert pace.rate(watch, 0.0) is None
    watch.note(2.0, 50)
    assert pace.rate(watch, 2.0) == 25.0
    pace.record(watch, 4.0, 5.0)
    assert pace.rate() == 20.0


def test_backoff_grows_is_bounded_and_jittered() -> None:
    """Many clients do not come back at once, and nobody waits for hours between two tries."""
    chance = random.Random(1)  # noqa: S311  # to be replayed, not kept secret
    delays = [backoff(failures, None, chance) for failures in range(1, 40)]
    assert delays[0] < 0.6
    assert max(delays) <= LONGEST_BACKOFF
    assert min(delays[10:]) >= LONGEST_BACKOFF / 2
    assert len(set(delays)) == len(delays)


def test_retry_after_is_kept() -> None:
    """The service's own word on when to come back goes before ours."""
    told = backoff(1, RateLimitError("slow down", retry_after=7.0), random.Random(1))  # noqa: S311  # to be replayed, not kept secret
    assert 7.0 <= told <= 7.2
    assert backoff(3, ServerError("x", retry_after=10**9), random.Random(1)) <= 3601  # noqa: S311  # to be replayed, not kept secret


def test_who_says_at_once_again_and_again_is_not_hammered() -> None:
    """Some proxies send ``Retry-After: 0`` with every answer of an outage."""
    chance = random.Random(1)  # noqa: S311  # to be replayed, not kept secret
    delays = [backoff(failures, ServerError("x", retry_after=0.0), chance) for failures in range(1, 30)]
    assert min(delays[4:]) >= 1.0
    assert max(delays) <= 2.1


def test_what_heals_and_what_may_have_arrived() -> None:
    """After a 5xx or silence one has to look; after 429 or no connection nothing arrived; 400 does not heal."""
    lost, unsent = TransportError("x"), TransportError("x", sent=False)
    assert [heals(error) for error in (lost, unsent, ServerError("x"), RateLimitError("x"))] == [True] * 4
    assert not heals(ValidationError("x", status_code=400))
    assert may_have_arrived(lost)
    assert may_have_arrived(ServerError("x", status_code=502))
    assert not may_have_arrived(unsent)
    assert not may_have_arrived(RateLimitError("x"))


def test_a_job_that_has_barely_begun_does_not_put_off_the_next_question() -> None:
    """A few rows at first sight are no pace: one extrapolated from them let a job of 5 s go unasked for 19 s."""
    watch = Watch(10_000)
    watch.note(0.15, 22)
    assert Pace().next_poll(watch, 0.15) <= 0.5
