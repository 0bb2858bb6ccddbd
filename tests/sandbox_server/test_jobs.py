"""Jobs by the clock, and what they leave behind."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox_server.conftest import Caller, Clock

STATUSES = ["queued", "validating", "processing", "pending_refresh", "completed"]


def users(count: int) -> list[dict[str, object]]:
    return [{"user_id": str(number), "metadata": {"n": number}} for number in range(count)]


def test_a_job_takes_its_time(open_sandbox: Callable[..., Caller], clock: Clock) -> None:
    """1,200 rows a minute, all states in their order, rows done on the way, and not a moment longer."""
    caller = open_sandbox(1200)
    job_id = caller.submit(users(2400)).json()["job_id"]
    seen = []
    for _ in range(240):
        job = caller.job(job_id)
        seen.append((job["status"], job["completed_rows"]))
        clock.advance(0.5)
    assert list(dict.fromkeys(status for status, _ in seen)) == STATUSES[:-1]
    assert all(before[1] <= after[1] for before, after in pairwise(seen))
    assert seen[120][1] == pytest.approx(1200, rel=0.05)
    job = caller.job(job_id)
    assert (job["status"], job["completed_rows"], job["elapsed_time"]) == ("completed", 2400, 120)


def test_the_first_answer_says_queued_however_short_the_job(fast: Caller) -> None:
    """A submit is answered before the job began."""
    job = fast.submit(users(1)).json()
    assert (job["status"], job["end_time"]) == ("queued", None)
    assert "start_time" not in job
    assert fast.job(job["job_id"])["status"] == "completed"


def test_times_are_utc_and_in_order(open_sandbox: Callable[..., Caller], clock: Clock) -> None:
    """Timestamps follow the clock, not the moment somebody looked."""
    caller = open_sandbox(job_keys=("submitted_at", "start_time", "end_time"))
    before = datetime.now(UTC)
    job_id = caller.submit(users(100)).json()["job_id"]
    clock.advance(10_000)
    job = caller.job(job_id)
    times = [datetime.fromisoformat(job[key]) for key in ("submitted_at", "start_time", "end_time")]
    assert times == sorted(times)
    assert times[2] - times[0] == timedelta(seconds=100)
    assert abs(times[0] - before) < timedelta(seconds=60)
    assert job["end_time"].endswith("Z")


def test_profiles_appear_as_they_are_processed(caller: Caller, clock: Clock) -> None:
    """A job half done has written half of its rows."""
    caller.submit(users(100))
    assert len(caller.sandbox.users) == 0
    clock.advance(50)
    assert len(caller.sandbox.users) == caller.sandbox.jobs[0]["completed_rows"] == pytest.approx(49, abs=2)
    clock.advance(50)
    assert caller.sandbox.users["n"].to_list() == list(range(100))


def test_errors_appear_as_they_are_found(caller: Caller, clock: Clock) -> None:
    """What stands at the end of a file is not known at its beginning."""
    job_id = caller.submit([{}, *users(98), {}]).json()["job_id"]
    assert caller.job(job_id)["errors"] == []
    clock.advance(50)
    assert [error["line"] for error in caller.job(job_id)["errors"]] == [1]
    clock.advance(50)
    assert [error["line"] for error in caller.job(job_id)["errors"]] == [1, 100]


def test_an_upsert_writes_what_is_named_and_nothing_else(fast: Caller) -> None:
    """The heart of the service: properties named are written, null included, the others stay."""
    fast.submit([{"user_id": "a", "company_id": "x", "metadata": {"plan": "pro", "seats": 3, "note": "n"}}])
    fast.submit([{"user_id": "a", "metadata": {"plan": None, "new": True}}, {"user_id": "b"}])
    frame = fast.sandbox.users
    assert frame.columns.to_list() == ["user_id", "company_id", "plan", "seats", "note", "new"]
    assert frame.iloc[0].to_list() == ["a", "x", None, 3, "n", True]
    assert frame.iloc[1]["company_id"] is None
    assert all(isinstance(cell, float) and math.isnan(cell) for cell in frame.iloc[1].to_list()[2:])
    fast.submit([{"user_id": "a", "company_id": "y"}])
    assert fast.sandbox.users["company_id"].to_list() == ["y", None]
    assert len(fast.sandbox.companies) == 0


def test_the_last_of_two_records_for_one_id_wins(fast: Caller) -> None:
    """Rows are written in their order, within a job and from one to the next."""
    fast.upload([{"company_id": "c", "metadata": {"n": n}} for n in range(3)], "companies")
    assert fast.sandbox.companies.to_dict("records") == [{"company_id": "c", "n": 2}]


def test_values_stay_what_they_were(fast: Caller) -> None:
    """Types and digits of what was sent can be read off, so that an encoder can be judged by it."""
    values = {"i": 2**70, "f": 0.1, "whole": 1.0, "s": "1", "t": True, "u": "Ä😀\x00", "z": None}
    fast.submit([{"user_id": "a", "metadata": values}])
    row = fast.sandbox.users.iloc[0].to_dict()
    assert {name: row[name] for name in values} == values
    assert [type(row[name]) for name in values] == [type(value) for value in values.values()]


def test_frames_have_their_columns_when_empty(fast: Caller) -> None:
    """Nothing there is still a frame."""
    assert fast.sandbox.users.columns.to_list() == ["user_id", "company_id"]
    assert fast.sandbox.companies.columns.to_list() == ["company_id"]
    assert (fast.sandbox.users.dtypes == "object").all()


def test_properties_named_like_ids_have_columns_of_their_own(fast: Caller) -> None:
    """A property may be called company_id; it is not the user's company."""
    fast.submit([{"user_id": "a", "company_id": "c", "metadata": {"company_id": "p", "user_id": 1}}])
    expected = pd.DataFrame(
        {"user_id": ["a"], "company_id": ["c"], "metadata.company_id": ["p"], "metadata.user_id": [1]},
        dtype="object",
    )
    pd.testing.assert_frame_equal(fast.sandbox.users, expected)


def test_refused_rows_may_count_as_completed_or_not(
    open_sandbox: Callable[..., Caller], clock: Clock
) -> None:
    """Both readings of completed_rows occur."""
    for included, completed in ((True, 4), (False, 3)):
        caller = open_sandbox(completed_includes_refused=included)
        job_id = caller.submit([*users(3), {}]).json()["job_id"]
        clock.advance(4)
        assert caller.job(job_id)["completed_rows"] == completed
        assert caller.job(job_id)["total_rows"] == 4


@pytest.mark.parametrize("pace", [0, -1, math.nan])
def test_a_pace_is_above_zero(open_sandbox: Callable[..., Caller], pace: float) -> None:
    """A job that never ends is a mistake in the test that asks for it."""
    with pytest.raises(ValueError, match="rows_per_minute"):
        open_sandbox(pace)
