"""A service that is slow, forgets, or seems to be gone for a while: nothing goes twice, nothing is lost from sight."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from driving import begin, client_of, refusing, resume, start, wait_until
from hasty import HastyClock
from other_service import OtherService, serving
from plans import make_plan

import analytex_pandas as apd
from analytex_pandas.delivery import pacing
from analytex_pandas.delivery.blobs import sealed
from analytex_pandas.delivery.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

IDS = [f"u{n}" for n in range(6)]


class SlowService(OtherService):
    """Its gateway gives up on the second submit; the job is made `late` seconds later, when no other runs."""

    late = 0.5

    def submit(self, path: str, headers: Any, body: bytes) -> tuple[int, object]:
        if self.calls["submit"] != 2:
            return super().submit(path, headers, body)

        def make() -> None:
            while True:
                with self.lock:
                    if self.running() is None:
                        OtherService.submit(self, path, headers, body)
                        return
                time.sleep(0.02)

        threading.Timer(self.late, make).start()
        return 504, "<html>Gateway Time-out</html>"


@pytest.mark.parametrize("late", [0.1, 0.6, 1.3, 2.2])
def test_a_job_that_comes_late_is_the_chunks_own(tmp_path: Path, late: float) -> None:
    """It is looked for as long as it may come (here three seconds), and then not sent again."""
    with SlowService(seconds_a_job=0.1) as service:
        service.late = late
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, client_of(service, tmp_path)).wait(60)
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


def test_a_chunk_that_is_there_twice_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its job came when nobody could expect it any more: log, jobs, and what is remembered say so."""
    caplog.set_level(logging.WARNING)
    with SlowService(seconds_a_job=0.3) as service:
        service.late = pacing.ABSENCE + 0.6
        frame = pd.DataFrame({"user_id": IDS, "n": range(6)})
        client = client_of(service, tmp_path)
        push = apd.push_users(frame, client=client, progress=False, chunk_rows=1, wait=False)
        push.wait(60)
        assert max(service.applied().values()) == 2
        jobs = push.jobs
        assert jobs["status"].tolist().count("twice") == 1
        assert jobs[jobs["chunk"] == 2]["job_id"].nunique() == 2
        assert any("is at the service twice" in record.getMessage() for record in caplog.records)
        plan = apd.plan_users(frame, client=client, only_changed=True)
        assert [record["user_id"] for record in plan.records()] == ["u1"]
        assert apd.resume(push.id, client=client).jobs["status"].tolist() == jobs["status"].tolist()


@pytest.mark.parametrize("code", ["400", "401", "403", "404", "410", "502", "html", "redirect"])
@pytest.mark.parametrize("calls", [("poll", "list"), ("submit",), ("submit", "list", "poll")])
def test_a_service_that_took_the_push_may_be_gone_for_a_while(
    tmp_path: Path, code: str, calls: tuple[str, ...]
) -> None:
    """An ingress whose service is replaced answers whatever it likes: the push waits, and loses nothing."""
    gone: list[str] = []

    def faults(call: str, _: int) -> str | None:
        if service.jobs and call in calls and len(gone) < 6:
            gone.append(call)
            return code
        return None

    with serving(seconds_a_job=0.2) as service:
        service.faults = faults
        push = begin(tmp_path, service).wait(60)
    assert push.status == "completed"
    assert push.counts["unknown"] == 0
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("code", ["401", "404"])
def test_what_stays_refused_stops_the_push_and_is_never_unknown(tmp_path: Path, code: str) -> None:
    """After some minutes, by a clock that tests turn: resumable, with the job that runs."""
    with serving(seconds_a_job=0.2) as service:
        service.faults = lambda _call, _count: code if service.jobs else None
        push = begin(tmp_path, service)
        with pytest.raises(apd.AnalytexError, match=rf"apd.resume\('{push.id}'\)"):
            push.wait(60)
        assert push.counts["in_flight"] == 2
        assert push.counts["unknown"] == 0
        service.faults = lambda _call, _count: None
        again = apd.resume(push.id, client=client_of(service, tmp_path)).wait(60)
    assert again.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("page", ["html200", "redirect", "503", "drop", "html"])
def test_a_wrong_address_is_given_up_on_soon(tmp_path: Path, page: str) -> None:
    """Nothing of it ever answers well: two minutes by a clock that tests turn, then what was answered is said."""
    clock = HastyClock()
    with serving(faults=lambda _call, _count: page) as service:
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, client_of(service, tmp_path), clock=clock)
        with pytest.raises(apd.AnalytexError, match="Chunk 1 of 3"):
            push.wait(60)
        assert clock.skipped < 200
        assert push.status == "failed"
        service.faults = lambda _call, _count: None
        assert apd.resume(push.id, client=client_of(service, tmp_path)).wait(60).status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("page", ["html200", "503", "drop"])
def test_cancelling_does_not_wait_for_a_service_that_is_not_there(tmp_path: Path, page: str) -> None:
    """Within seconds, whatever is tried again at the moment."""
    with serving(faults=lambda _call, _count: page) as service:
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, client_of(service, tmp_path))
        wait_until(lambda: service.calls["list"] > 2)
        push.cancel()
        push.wait(10)
    assert push.status == "cancelled"


def test_a_driver_may_have_died_at_the_end_of_a_long_send(tmp_path: Path) -> None:
    """Its intent is older than what absence takes, and the job is made only now: it is waited for all the same."""
    with OtherService(seconds_a_job=0.1) as service:
        client = client_of(service, tmp_path)
        document, spool = make_plan(tmp_path, 2, 2)
        spool.pushed()
        journal, long_ago = Journal(tmp_path), dt.datetime.now(dt.UTC) - dt.timedelta(seconds=100)
        journal.open_push(
            document.id,
            [(1, 2, document.chunks[0].bytes)],
            kind="users",
            account=client.account_digest(journal.salt()),
            base_url=client.base_url,
            status="running",
            counts={"input": 2},
            document=sealed(document.to_bytes()),
            created_at=long_ago,
        )
        journal.update(document.id, 1, status="submitting", attempts=1, known_jobs=(), submitted_at=long_ago)
        push = resume(document.id, client)
        late = threading.Timer(
            1.0,
            lambda: client.submit_file(spool.read_chunk(1), "users", filename=f"{document.id}-00001.ndjson"),
        )
        late.start()
        push.wait(60)
    assert push.status == "completed"
    assert service.applied() == {"u0": 1, "u1": 1}


def test_a_pause_is_no_reason_to_lose_patience(tmp_path: Path) -> None:
    """Nothing was asked of the service meanwhile: afterwards it has its two minutes again."""
    clock, failing = HastyClock(), [True] * 3
    with serving(seconds_a_job=0.0) as service:
        service.faults = lambda call, _: "503" if call == "submit" and failing and failing.pop() else None
        document, spool = make_plan(tmp_path, 2, 2)
        push = start(document, spool, client_of(service, tmp_path), clock=clock)
        wait_until(lambda: service.calls["submit"] > 0)
        push.pause()
        wait_until(lambda: push.status == "paused" and "paused;" in push.state().activity)
        paused = clock.skipped
        wait_until(lambda: clock.skipped > paused + 600)
        push.unpause()
        assert push.wait(60).status == "completed"
    assert service.applied() == {"u0": 1, "u1": 1}


def test_a_job_of_last_week_is_not_taken_for_what_was_just_sent(tmp_path: Path) -> None:
    """It has as many rows, nothing shows names, and nobody could look before the send: its time tells."""

    def faults(call: str, number: int) -> str | None:
        return {"submit": "drop" if number == 1 else None, "list": "500" if number < 9 else None}.get(call)

    class LastWeek(OtherService):
        def describe(self, job: Any, view: str) -> dict[str, Any]:
            days = 7 if job is self.jobs[0] else 0
            begun = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
            return super().describe(job, view) | {"submitted_at": begun.isoformat()}

    with LastWeek(seconds_a_job=0.0, echo="none", faults=faults) as service:
        service.start_job(rows=2, seconds=0.0)
        push = begin(tmp_path, service).wait(60)
    assert push.status == "completed"
    assert {name: count for name, count in service.applied().items() if name != "x"} == dict.fromkeys(IDS, 1)


def test_a_list_that_forgets_says_nothing(tmp_path: Path) -> None:
    """Jobs known before the send are not listed any more: nobody can tell, and nothing is sent twice."""

    def faults(call: str, number: int) -> str | None:
        if call == "submit" and number == 3:
            service.hidden |= {job.job_id for job in service.jobs}
            return "drop"
        return None

    with serving() as service:
        service.faults = faults
        push = begin(tmp_path, service).wait(60)
    assert push.counts["unknown"] == 2
    assert max(service.applied().values()) == 1


def test_a_job_that_blocks_nobody_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """An export, say, or one that is stuck: the submit is tried all the same, once in a while."""
    with serving() as service:
        service.start_job(rows=5, seconds=1e6, filename="export.csv")
        service.running = lambda: None  # type: ignore[method-assign]
        states: list[str] = []
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, client_of(service, tmp_path), clock=HastyClock())
        push.subscribe(lambda state: states.append(state.activity))
        push.wait(60)
    assert push.status == "completed"
    assert any("export.csv" in state for state in states)
    assert push.jobs["attempts"].tolist() == [1, 1, 1]


class OldAccount(OtherService):
    """Has had thousands of jobs, and lists them with their times, three a page."""

    def describe(self, job: Any, view: str) -> dict[str, Any]:
        begun = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=job.started)
        return super().describe(job, view) | {"submitted_at": begun.isoformat()}


def test_the_age_of_an_account_costs_nothing(tmp_path: Path) -> None:
    """Its list is read from the newest to the first that is known: a few requests a chunk."""
    with OldAccount(list_style="pages", seconds_a_job=0.02) as service:
        for _ in range(400):
            service.start_job(rows=1, seconds=0.0)
        service.faults = lambda call, number: "drop" if (call, number) == ("submit", 2) else None
        push = begin(tmp_path, service).wait(60)
        assert push.status == "completed"
        assert {name: count for name, count in service.applied().items() if name != "x"} == dict.fromkeys(
            IDS, 1
        )
        assert service.calls["list"] < 40


class LeanProxy(OtherService):
    """Takes requests of some bytes at most."""

    most = 1_000

    def submit(self, path: str, headers: Any, body: bytes) -> tuple[int, object]:
        if len(body) > self.most:
            return 413, {"errors": [{"message": "too large"}]}
        return super().submit(path, headers, body)


def test_what_is_not_sent_is_cut_anew_where_a_proxy_takes_less(state_directory: Path) -> None:
    """The error names the call; rows keep their positions and labels, each goes once, and counts add up."""
    frame = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(60)], "n": range(60)}, index=[f"row {n}" for n in range(60)]
    )
    with LeanProxy(seconds_a_job=0.0, report=refusing(7, 41)) as service:
        client = client_of(service, state_directory)

        def faults(_call: str, _count: int) -> None:
            service.most = 800 if service.jobs else 10**6

        service.faults = faults
        with pytest.raises(apd.PayloadTooLargeError, match=r"chunk_bytes=[0-9_]+\)") as caught:
            apd.push_users(frame, client=client, chunk_rows=20, progress=False)
        push = caught.value.push
        assert push.counts["pending"] == 40
        with pytest.raises(apd.ValidationError, match="chunk_bytes"):
            apd.resume(push.id, client=client, chunk_bytes=10, wait=True, progress=False)
        again = apd.resume(push.id, client=client, chunk_bytes=800, wait=True, progress=False)
    assert again.status == "completed_with_errors"
    assert service.applied() == {f"u{n}": 1 for n in range(60)}
    assert again.counts["acknowledged"] == 58
    assert again.counts["input"] == 60
    assert again.errors["index"].tolist() == ["row 7", "row 41"]
    assert again.failed.index.tolist() == ["row 7", "row 41"]
    assert again.jobs["rows"].sum() == 60
    table = again.outcomes
    assert table["index"].tolist() == frame.index.tolist()
    assert table.index[table["outcome"] == "refused"].tolist() == [7, 41]
    rows = table.groupby("chunk").size()
    assert rows.tolist() == again.jobs.set_index("chunk")["rows"][rows.index].tolist()
    assert not list((state_directory / "spool").iterdir())


def test_a_refused_row_larger_than_requests_are_by_now_is_sent_again(state_directory: Path) -> None:
    """What was sent once fits into no chunk of the new size; the retry carries it all the same, and comes to an end."""
    frame = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(40)], "n": range(40), "text": ["x" * 900, *["y"] * 39]}
    )
    with LeanProxy(seconds_a_job=0.0, report=refusing(0, 1)) as service:
        client = client_of(service, state_directory)

        def faults(_call: str, _count: int) -> None:
            service.most = 800 if service.jobs else 10**6

        service.faults = faults
        with pytest.raises(apd.PayloadTooLargeError) as caught:
            apd.push_users(frame, client=client, chunk_rows=20, progress=False)
        again = apd.resume(caught.value.push.id, client=client, chunk_bytes=800, wait=True, progress=False)
        assert again.counts["refused"] == 2
        service.faults, service.most, service.report = lambda *_: None, 10**6, lambda _: (None, 0)
        mended = again.retry(wait=True, progress=False)
    assert mended.status == "completed"
    assert mended.counts["acknowledged"] == 2
