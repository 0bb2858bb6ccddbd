"""The account's own pace, learnt from its jobs at no cost, for what a plan says of its duration."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.service.speed import NEWEST, Speed
from analytex_pandas.service.wire import Job

BEGIN = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def job(number: int, rows: int, seconds: float, **more: Any) -> Job:
    start = BEGIN + dt.timedelta(hours=number)
    values = {"start_time": start, "end_time": start + dt.timedelta(seconds=seconds), "total_rows": rows}
    return Job(f"j{number}", **{"status": "completed", **values, **more})


def learnt(*jobs: Job) -> float | None:
    speed = Speed()
    for one in jobs:
        speed.note(one)
    return speed.rows_per_minute


def test_the_newest_jobs_count() -> None:
    """A service that has become faster is believed once its newest jobs say so, whatever the order they are seen in."""
    slow = [job(number, 10_000, 500) for number in range(60)]
    fast = [job(number, 10_000, 333.4) for number in range(60, 60 + NEWEST)]
    assert learnt(*slow) == 1_200
    assert learnt(*slow, *fast) == learnt(*reversed(fast), *reversed(slow)) == 1_800


def test_rows_count_not_jobs() -> None:
    """Small jobs, which wait more than they work, and one that hung say nothing against large ones."""
    small = [job(number, 30, 20) for number in range(9)]
    hung = job(20, 500, 86_400)
    assert learnt(*small, hung, job(10, 10_000, 333)) == 1_800
    assert learnt(*small) == 1_200, "the documented one: that they are slow is not the pace"
    assert learnt(job(1, 10_000, 1_000)) == 600, "a large one that is slow is"


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "failed"},
        {"status": "processing", "end_time": None},
        {"start_time": None},
        {"total_rows": None},
        {"total_rows": 0},
        {"type": "user_export"},
        {"type": "CSV Import"},
        {"end_time": BEGIN},
    ],
)
def test_what_tells_nothing(odd: dict[str, Any]) -> None:
    """Jobs that did not end well, of other kinds, or without their times, are no measure."""
    assert learnt(job(0, 10_000, 100, **odd)) is None


def test_a_plan_reckons_with_it() -> None:
    """Connecting is enough; without it, a plan is at the documented pace, and asks nobody."""
    frame = pd.DataFrame({"user_id": range(3_600)})
    clock = [1_000.0]
    with apd.sandbox(1_800, clock=lambda: clock[0]) as service:
        assert frame.analytex.plan_users().duration == pd.Timedelta(minutes=3)
        assert not service.requests
        service.start_foreign_job(9_000)
        clock[0] += 400
        client = apd.connect(service.api_key, service.url)
        asked = len(service.requests)
        plan = frame.analytex.plan_users()
        assert plan.duration == pd.Timedelta(minutes=2)
        assert "about 2 min" in repr(plan)
        assert "1,800 rows a minute" in repr(plan)
        assert "1,800 rows a minute" in plan._repr_html_()
        assert len(service.requests) == asked
        assert client.speed.rows_per_minute == 1_800
