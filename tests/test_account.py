"""The account's jobs as a DataFrame, and one of them to look at and to wait for."""

from __future__ import annotations

import math

import pandas as pd
import pytest

import analytex_pandas as apd

FRAME = pd.DataFrame({"user_id": ["a", "b"], "plan": ["free", "<b>"]})


def test_jobs_have_the_same_columns_and_dtypes_with_and_without_jobs() -> None:
    """A pipeline that filters by them works on its first day, too."""
    with apd.sandbox(rows_per_minute=float("inf")) as service:
        before = apd.jobs(client=service.client)
        push = apd.push_users(FRAME, client=service.client, progress=False)
        service.client.submit_records([{"user_id": "c"}])
        after = apd.jobs(client=service.client)
    assert before.empty
    assert before.dtypes.equals(after.dtypes)
    assert after["push"].tolist() == [None, push.id]
    assert after["chunk"].tolist() == [pd.NA, 1]
    assert after["total_rows"].tolist() == [1, 2]


def test_a_job_is_waited_for_and_tells_its_errors() -> None:
    """As the service counts rows; without errors the columns are the same."""
    with apd.sandbox(rows_per_minute=600, refuse={"b": ("bad", "plan", "no")}) as service:
        submitted = service.client.submit_records([{"user_id": "a"}, {"user_id": "b"}])
        job = apd.job(submitted.job_id, client=service.client)
        columns = job.errors.columns.tolist()
        assert job.wait(timeout=30).status == "completed"
        assert job.done
        assert job.errors[["id", "property", "code", "message"]].to_numpy().tolist() == [
            ["b", "plan", "bad", "no"]
        ]
        assert job.errors.columns.tolist() == columns
        with pytest.raises(apd.NotFoundError, match="no-such-job"):
            apd.job("no-such-job", client=service.client)


def test_waiting_for_a_job_has_an_end() -> None:
    """The job goes on, and the error says so."""
    with apd.sandbox(rows_per_minute=1) as service:
        submitted = service.client.submit_records([{"user_id": "a"}])
        with pytest.raises(apd.AnalytexError, match="goes on at the service"):
            apd.job(submitted.job_id, client=service.client).wait(timeout=0.05)


def test_the_monitor_tells_what_only_each_job_tells() -> None:
    """The list of the service has no errors; each ended job is asked once, and no more."""
    with apd.sandbox(rows_per_minute=math.inf, refuse={"u3": ("bad", "plan", "no such plan")}) as service:
        frame = pd.DataFrame({"user_id": [f"u{place}" for place in range(8)], "plan": "gold"})
        frame.analytex.push_users(chunk_rows=4, client=service.client, wait=True, progress=False)
        before = len(service.requests)
        watched = apd.monitor(client=service.client)
        assert "! done, 1 refused" in repr(watched)
        assert len(service.requests) - before <= 4  # the list, of one page or two, and both jobs
        again = len(service.requests)
        watched.seen(watched.live.look())
        assert len(service.requests) - again <= 2
        assert "! done, 1 refused" in repr(watched)
