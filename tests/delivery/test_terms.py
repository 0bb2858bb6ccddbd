"""What a user tells a push, before and while it runs: pause, cancel, canary, max_errors, wait, resume, clean."""

from __future__ import annotations

import _thread
import asyncio
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from driving import begin, client_of, refusing, resume, wait_until

from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.opening import clean, pushes
from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError, PushError
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from other_service import OtherService


def test_pause_stops_submitting_and_unpause_goes_on(service: OtherService, tmp_path: Path) -> None:
    """A running job is followed to its end meanwhile; nothing new is sent."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    wait_until(lambda: len(service.jobs) == 1)
    wait_until(lambda: push.jobs["job_id"][0])
    job_id = push.jobs["job_id"][0]
    push.pause()
    state = push.state()
    assert state.status == "paused"
    # The worker may have said in the meantime how far that job is.
    assert f"runs at the service as job {job_id}" in state.activity or "chunk 1" in state.activity
    wait_until(lambda: push.counts["acknowledged"] == 2)
    wait_until(lambda: "nothing of it runs" in push.state().activity)
    assert pushes(tmp_path)["status"].tolist() == ["paused"]
    assert len(service.jobs) == 1
    assert not push.done
    push.unpause()
    assert push.wait().status == "completed"
    push.pause()
    assert push.status == "completed"


def test_cancel_follows_the_running_job_and_resume_sends_the_rest(
    service: OtherService, tmp_path: Path
) -> None:
    """What runs cannot be stopped, so it is answered for; what was not sent stays resumable by its id."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    wait_until(lambda: len(service.jobs) == 1)
    wait_until(lambda: push.jobs["job_id"][0])
    job_id = push.jobs["job_id"][0]
    push.cancel()
    state = push.state()
    assert state.cancelling
    # The worker may have said in the meantime how far that job is.
    assert f"runs at the service as job {job_id}" in state.activity or "chunk 1" in state.activity
    assert push.wait().status == "cancelled"
    assert push.counts[["acknowledged", "pending"]].tolist() == [2, 4]
    assert len(service.jobs) == 1
    with pytest.raises(NotFoundError, match=push.id):
        resume(None, client_of(service, tmp_path))
    assert resume(push.id, client_of(service, tmp_path)).wait().status == "completed"
    assert set(service.applied().values()) == {1}


def test_a_paused_push_is_cancelled_at_once(service: OtherService, tmp_path: Path) -> None:
    """Nothing runs, so there is nothing to wait for."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    push.pause()
    push.cancel()
    assert push.wait(20).status == "cancelled"


def test_cancel_while_somebody_elses_job_runs_does_not_wait_for_it(
    service: OtherService, tmp_path: Path
) -> None:
    """Only what runs of one's own is followed."""
    service.start_job(seconds=60.0)
    push = begin(tmp_path, service)
    wait_until(lambda: push.status == "waiting")
    push.cancel()
    assert push.wait(20).status == "cancelled"
    assert push.counts["pending"] == 6


@pytest.mark.parametrize("stopped_by", ["refused", "failed"])
def test_a_canary_that_dies_stops_the_push(service: OtherService, tmp_path: Path, stopped_by: str) -> None:
    """Nothing after it is sent; the user looks, and may let the rest go all the same."""
    if stopped_by == "refused":
        service.report = refusing(0)
    else:
        service.fails = lambda number: number == 1
    push = begin(tmp_path, service, canary=1)
    with pytest.raises(PushError, match=r"canary.*no job of it runs any more") as caught:
        push.wait()
    assert caught.value.push is push
    assert push.status == "failed"
    assert push.counts[["refused", "pending"]].tolist() == [1, 5]
    row = pushes(tmp_path).iloc[0]
    assert row["status"] == "failed"
    assert "canary" in row["error"]
    resumed = resume(None, client_of(service, tmp_path)).wait()
    assert resumed.status == "completed_with_errors"
    assert resumed.counts[["refused", "acknowledged"]].tolist() == [1, 5]


@pytest.mark.parametrize(("limit", "sent"), [(0, 1), (1, 2), (2, 3), (0.4, 1), (0.5, 3), (1.0, 3)])
def test_max_errors_stops_submitting(service: OtherService, tmp_path: Path, limit: float, sent: int) -> None:
    """Once more rows are refused than an int, or a larger share of those answered than a float."""
    service.report = refusing(0, 2, 4)
    push = begin(tmp_path, service, max_errors=limit)
    if sent < 3:
        with pytest.raises(PushError, match="max_errors"):
            push.wait()
        resumed = resume(push.id, client_of(service, tmp_path))
        wait_until(lambda: resumed.done)
        assert resumed.counts["pending"] < push.counts["pending"]
    else:
        push.wait()
    assert push.counts["pending"] == 6 - 2 * sent


def test_a_canary_that_lives_lets_the_rest_go(service: OtherService, tmp_path: Path) -> None:
    """It is a job of its own, and then nothing special."""
    push = begin(tmp_path, service, canary=1).wait()
    assert push.jobs["rows"].tolist() == [1, 2, 2, 1]
    assert push.status == "completed"


def test_wait_that_runs_out_warns_and_the_push_goes_on(service: OtherService, tmp_path: Path) -> None:
    """It says what still runs, and how to come back."""
    service.seconds_a_job = 0.5
    push = begin(tmp_path, service)
    wait_until(lambda: push.counts["in_flight"] and push.jobs["job_id"][0])
    with pytest.warns(UserWarning, match=rf"runs at the service as job .*apd\.resume\('{push.id}'\)"):
        assert push.wait(0.01) is push
    service.seconds_a_job = 0.01
    assert push.wait().status == "completed"


def test_ctrl_c_leaves_the_push_running_and_says_how_to_come_back(
    service: OtherService, tmp_path: Path
) -> None:
    """The interrupt is the user's, not the push's."""
    service.seconds_a_job = 1.0
    push = begin(tmp_path, service, rows=2)
    wait_until(lambda: push.counts["in_flight"])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    threading.Timer(0.05, _thread.interrupt_main).start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            push.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    (note,) = caught.value.__notes__
    assert push.id in note
    assert "apd.resume" in note
    assert push.wait().status == "completed"


def test_a_push_can_be_awaited(service: OtherService, tmp_path: Path) -> None:
    """Also one that has ended, and one that was stopped raises there as wait does."""
    push = begin(tmp_path, service)

    async def main() -> str:
        first = await push
        second = await push
        assert first is second
        return first.status

    assert asyncio.run(main()) == "completed"
    service.report = refusing(0)
    stopped = begin(tmp_path, service, push_id="20261124-000000-cccccc", canary=1)

    async def raising() -> None:
        await stopped

    with pytest.raises(PushError):
        asyncio.run(raising())


def test_a_plan_is_pushed_once(service: OtherService, tmp_path: Path) -> None:
    """A cell run twice names the push instead of sending everything again."""
    push = begin(tmp_path, service)
    push.wait()
    with pytest.raises(AnalytexError, match="pushed already"):
        begin(tmp_path, service)


def test_resuming_what_this_process_drives_gives_that_push(service: OtherService, tmp_path: Path) -> None:
    """Resume in a notebook whose push still runs must not start a second driver."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    assert resume(push.id, client_of(service, tmp_path)) is push
    assert resume(None, client_of(service, tmp_path)) is push
    with pytest.raises(AnalytexError, match="still running"):
        push.retry()
    push.wait()


def test_nothing_to_resume_is_said(service: OtherService, tmp_path: Path) -> None:
    """With the near match where an id was mistyped, and the finished push where it has finished."""
    push = begin(tmp_path, service).wait()
    with pytest.raises(NotFoundError, match="no unfinished push"):
        resume(None, client_of(service, tmp_path))
    with pytest.raises(NotFoundError, match=f"Did you mean '{push.id}'"):
        resume(push.id[:-1], client_of(service, tmp_path))
    finished = resume(push.id, client_of(service, tmp_path))
    assert finished.done
    assert finished.status == "completed"
    assert finished.wait().jobs.equals(push.jobs)


def test_another_account_is_asked_about(service: OtherService, tmp_path: Path) -> None:
    """Rows of one account never go to another by accident; a renewed key is said to be one."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    wait_until(lambda: push.jobs["job_id"].notna().any())
    push.cancel()
    push.wait()
    other = Client("k-another", service.url, state_directory=tmp_path)
    with pytest.raises(AuthenticationError, match="rebind=True"):
        resume(push.id, other)
    with pytest.raises(NotFoundError):
        resume(None, other)
    service.key = "k-another"
    assert resume(push.id, other, rebind=True).wait().status == "completed"


def test_history_can_be_forgotten(service: OtherService, tmp_path: Path) -> None:
    """With everything that was kept of the rows, and what a cancelled push still had in its spool."""
    service.report = refusing(0)
    done = begin(tmp_path, service).wait()
    service.seconds_a_job = 0.3
    cancelled = begin(tmp_path, service, push_id="20261124-000000-dddddd")
    cancelled.cancel()
    cancelled.wait()
    assert list((tmp_path / "spool").iterdir())
    assert set(clean(None, None, tmp_path)) == {done.id, cancelled.id}
    assert len(pushes(tmp_path)) == 0
    assert not list((tmp_path / "spool").iterdir())
    assert Journal(tmp_path).errors(done.id) == []
    with pytest.raises(NotFoundError):
        clean("nowhere", None, tmp_path)
