"""What a push does and shows: its errors on the input's rows, its counts, its terms, its end."""

from __future__ import annotations

import _thread
import asyncio
import json
import logging
import pickle
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hasty import HastyClock
from other_service import OtherService, serving
from plans import make_plan

from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError, PushError
from analytex_pandas.push.bindings import Bindings
from analytex_pandas.push.history import clean, pushes
from analytex_pandas.push.ledger import Ledger
from analytex_pandas.push.opening import resume, start
from analytex_pandas.push.state import COUNTS, PushState
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from analytex_pandas.push.push import Push
    from analytex_pandas.push.settling import SendingChunk, SettledChunk


@pytest.fixture
def service() -> Iterator[OtherService]:
    """Serve with quick jobs."""
    with serving(seconds_a_job=0.02) as running:
        yield running


def client_of(service: OtherService) -> Client:
    """Return a client of a service."""
    return Client(service.key, service.url, timeout=5.0)


def begin(state: Path, service: OtherService, rows: int = 6, chunk_rows: int = 2, **options: Any) -> Push:
    """Start a push of hand-made records."""
    bindings = options.pop("bindings", None)
    document, spool = make_plan(state, rows, chunk_rows, **options)
    return start(
        document, spool, client_of(service), state_directory=state, clock=HastyClock(), bindings=bindings
    )


def refusing(*numbers: int) -> Callable[[list[bytes]], tuple[object, int]]:
    """Return a report that refuses the records whose n is among these."""

    def report(lines: list[bytes]) -> tuple[object, int]:
        found = [json.loads(line)["metadata"]["n"] for line in lines]
        bad = [place for place, n in enumerate(found) if n in numbers]
        return [{"row": place + 1, "field": "n", "code": "e7", "message": "no"} for place in bad], len(bad)

    return report


def wait_until(ready: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline = time.monotonic() + seconds
    never = threading.Event()
    while not ready():
        assert time.monotonic() < deadline, "it did not come to that"
        never.wait(0.005)


def test_errors_point_at_the_inputs_own_rows(service: OtherService, tmp_path: Path) -> None:
    """Through skipped rows, chunks and a MultiIndex, position and label are those of the input."""
    service.report = refusing(0, 3, 5)
    index = pd.MultiIndex.from_tuples([(place, f"k{place}") for place in range(8)], names=["a", "b"])
    push = begin(tmp_path, service, skipped=2, index=index, invalid="skip").wait()
    errors = push.errors
    assert push.status == "completed_with_errors"
    assert errors["position"].tolist() == [2, 5, 7]
    assert errors["index"].tolist() == [(2, "k2"), (5, "k5"), (7, "k7")]
    assert errors["id"].tolist() == ["u2", "u5", "u7"]
    assert errors[["property", "code", "message"]].to_numpy().tolist() == [["n", "e7", "no"]] * 3
    assert errors["chunk"].tolist() == [1, 2, 3]
    assert errors["job_id"].tolist() == push.jobs["job_id"].tolist()
    assert push.failed.index.equals(index[[2, 5, 7]])
    assert push.failed["n"].tolist() == [0, 3, 5]
    assert push.counts.to_dict() == {
        "input": 8, "invalid": 2, "duplicate": 0, "unchanged": 0, "pending": 0, "in_flight": 0,
        "acknowledged": 3, "refused": 3, "unknown": 0,
    }  # fmt: skip


def test_retry_sends_exactly_the_refused_rows(service: OtherService, tmp_path: Path) -> None:
    """As they were, once each, at their first positions, also from a finished push in a new process."""
    service.report = refusing(0, 3, 5)
    push = begin(tmp_path, service, skipped=2, invalid="skip").wait()
    service.report = refusing(3)
    before = len(service.jobs)
    again = resume(push.id, client_of(service), state_directory=tmp_path).retry().wait()
    sent = [json.loads(line)["user_id"] for job in service.jobs[before:] for line in job.lines]
    assert sent == ["u2", "u5", "u7"]
    assert again.parent == push.id
    assert again.errors["position"].tolist() == [5]
    assert again.counts["input"] == 3
    third = again.retry().wait()
    assert third.errors["index"].tolist() == [5]
    assert third.id not in (again.id, push.id)


def test_retry_with_nothing_refused_completes_without_a_request(
    service: OtherService, tmp_path: Path
) -> None:
    """A pipeline may retry whatever there is, also nothing."""
    push = begin(tmp_path, service).wait()
    calls = service.calls.total()
    assert push.retry().wait().status == "completed"
    assert service.calls.total() == calls


def test_retry_hands_fixed_rows_to_who_knows_frames(service: OtherService, tmp_path: Path) -> None:
    """The facade encodes the mended rows; it gets the document, and the refused rows and lines."""
    service.report = refusing(1)
    got: list[Any] = []

    def replan(fixed: Any, document: Any, rows: Any, lines: list[bytes]) -> Any:
        got.append((fixed, document.id, rows["position"].to_pylist(), lines))
        return make_plan(tmp_path, 1, 1, push_id="20261124-000000-aaaaaa")

    push = begin(tmp_path, service, bindings=Bindings(replan=replan)).wait()
    fixed = pd.DataFrame({"user_id": ["u1"]})
    again = push.retry(fixed).wait()
    assert got == [(fixed, push.id, [1], [b'{"user_id": "u1", "metadata": {"n": 1}}'])]
    assert again.id == "20261124-000000-aaaaaa"


def test_a_failed_job_refuses_all_its_rows_and_the_push_goes_on(
    service: OtherService, tmp_path: Path
) -> None:
    """The push ends completed_with_errors: failed is only what was stopped."""
    service.fails = lambda number: number == 2
    push = begin(tmp_path, service).wait()
    assert push.status == "completed_with_errors"
    assert push.jobs["status"].tolist() == ["completed", "failed", "completed"]
    assert push.errors["position"].tolist() == [2, 3]
    assert push.failed["n"].tolist() == [2, 3]
    with pytest.raises(PushError, match="2 were refused") as caught:
        push.raise_for_errors()
    assert caught.value.push is push


def test_rows_that_a_completed_job_does_not_account_for_are_unknown(
    service: OtherService, tmp_path: Path
) -> None:
    """Never silently acknowledged; and they can be sent again."""
    service.lose_rows = 1
    push = begin(tmp_path, service, rows=4, chunk_rows=4).wait()
    assert push.status == "completed_with_errors"
    assert push.counts[["acknowledged", "unknown"]].tolist() == [3, 1]
    with pytest.raises(PushError, match="1 are unknown"):
        push.raise_for_errors()
    service.lose_rows = 0
    assert push.retry().counts["input"] == 0
    assert push.retry(unknown=True).wait().counts["acknowledged"] == 4


def test_tables_have_their_columns_and_dtypes_also_when_empty(service: OtherService, tmp_path: Path) -> None:
    """Code written against a push with errors works on one without."""
    empty = begin(tmp_path, service, rows=0).wait()
    assert service.calls.total() == 0
    assert empty.status == "completed"
    assert len(empty.jobs) == len(empty.errors) == len(empty.failed) == 0
    service.report = refusing(0)
    full = begin(tmp_path, service, push_id="20261124-000000-bbbbbb").wait()
    for name in ("jobs", "errors"):
        assert getattr(empty, name).dtypes.equals(getattr(full, name).dtypes)
    assert full.jobs.dtypes.astype(str).to_dict() == {
        "chunk": "int64", "job_id": "object", "status": "object", "rows": "int64", "completed_rows": "Int64",
        "bytes": "int64", "submitted_at": "datetime64[us, UTC]", "ended_at": "datetime64[us, UTC]",
        "attempts": "int64",
    }  # fmt: skip
    assert full.errors.columns.tolist() == [
        "position", "index", "id", "property", "code", "message", "chunk", "job_id", "raw",
    ]  # fmt: skip
    assert pushes(state_directory=tmp_path / "nowhere").dtypes.equals(pushes(state_directory=tmp_path).dtypes)


def test_counts_add_up_at_every_moment_and_revisions_only_grow(service: OtherService, tmp_path: Path) -> None:
    """Whatever a display is told, it is told in order and it adds up; a failing display changes nothing."""
    service.report, service.seconds_a_job = refusing(1, 4), 0.3
    seen: list[PushState] = []

    def look(state: PushState) -> None:
        seen.append(state)
        raise RuntimeError("a display fails")

    push = begin(tmp_path, service, skipped=1, invalid="skip")
    push.subscribe(look)
    push.wait()
    for state in seen:
        assert tuple(state.counts) == COUNTS
        assert state.counts["input"] * 2 == sum(state.counts.values())
    revisions = [state.revision for state in seen]
    assert revisions == sorted(set(revisions))
    assert seen[-1].done
    assert {"sending", "processing"} <= {word for state in seen for word in state.activity.split()} | {
        "processing"
    }


def test_pause_stops_submitting_and_unpause_goes_on(service: OtherService, tmp_path: Path) -> None:
    """A running job is followed to its end meanwhile; nothing new is sent."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    wait_until(lambda: len(service.jobs) == 1)
    push.pause()
    assert push.status == "paused"
    wait_until(lambda: push.counts["acknowledged"] == 2)
    wait_until(lambda: "nothing of it runs" in push.state().activity)
    assert pushes(state_directory=tmp_path)["status"].tolist() == ["paused"]
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
    push.cancel()
    assert push.state().cancelling
    assert push.wait().status == "cancelled"
    assert push.counts[["acknowledged", "pending"]].tolist() == [2, 4]
    assert len(service.jobs) == 1
    with pytest.raises(NotFoundError, match=push.id):
        resume(None, client_of(service), state_directory=tmp_path)
    assert resume(push.id, client_of(service), state_directory=tmp_path).wait().status == "completed"
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
    with pytest.raises(PushError, match="canary") as caught:
        push.wait()
    assert caught.value.push is push
    assert push.status == "failed"
    assert push.counts[["refused", "pending"]].tolist() == [1, 5]
    row = pushes(state_directory=tmp_path).iloc[0]
    assert row["status"] == "failed"
    assert "canary" in row["error"]
    resumed = resume(None, client_of(service), state_directory=tmp_path).wait()
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
        resumed = resume(push.id, client_of(service), state_directory=tmp_path)
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
    threading.Timer(0.05, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt) as caught:
        push.wait()
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
    assert resume(push.id, client_of(service), state_directory=tmp_path) is push
    assert resume(None, client_of(service), state_directory=tmp_path) is push
    with pytest.raises(AnalytexError, match="still running"):
        push.retry()
    push.wait()


def test_nothing_to_resume_is_said(service: OtherService, tmp_path: Path) -> None:
    """With the near match where an id was mistyped, and the finished push where it has finished."""
    push = begin(tmp_path, service).wait()
    with pytest.raises(NotFoundError, match="no unfinished push"):
        resume(None, client_of(service), state_directory=tmp_path)
    with pytest.raises(NotFoundError, match=f"Did you mean '{push.id}'"):
        resume(push.id[:-1], client_of(service), state_directory=tmp_path)
    finished = resume(push.id, client_of(service), state_directory=tmp_path)
    assert finished.done
    assert finished.status == "completed"
    assert finished.wait().jobs.equals(push.jobs)


def test_another_account_is_asked_about(service: OtherService, tmp_path: Path) -> None:
    """Rows of one account never go to another by accident; a renewed key is said to be one."""
    service.seconds_a_job = 0.3
    push = begin(tmp_path, service)
    push.cancel()
    push.wait()
    other = Client("k-another", service.url)
    with pytest.raises(AuthenticationError, match="rebind=True"):
        resume(push.id, other, state_directory=tmp_path)
    with pytest.raises(NotFoundError):
        resume(None, other, state_directory=tmp_path)
    service.key = "k-another"
    assert resume(push.id, other, rebind=True, state_directory=tmp_path).wait().status == "completed"


def test_history_can_be_forgotten(service: OtherService, tmp_path: Path) -> None:
    """With everything that was kept of the rows, and what a cancelled push still had in its spool."""
    service.report = refusing(0)
    done = begin(tmp_path, service).wait()
    service.seconds_a_job = 0.3
    cancelled = begin(tmp_path, service, push_id="20261124-000000-dddddd")
    cancelled.cancel()
    cancelled.wait()
    assert list((tmp_path / "spool").iterdir())
    assert set(clean(state_directory=tmp_path)) == {done.id, cancelled.id}
    assert len(pushes(state_directory=tmp_path)) == 0
    assert not list((tmp_path / "spool").iterdir())
    assert Ledger(done.journal, done.id).errors() == []
    with pytest.raises(NotFoundError):
        clean("nowhere", state_directory=tmp_path)


def test_the_memory_of_an_account_is_told_in_the_same_transaction(
    service: OtherService, tmp_path: Path
) -> None:
    """An observer hears of each chunk before it is sent and when it is answered for, and can write along."""
    service.report = refusing(1)
    told: list[tuple[str, int, int]] = []

    class Memory:
        def sending(self, connection: Any, chunk: SendingChunk) -> None:
            connection.execute("CREATE TABLE IF NOT EXISTS memory (number INTEGER)")
            told.append(("sending", chunk.number, len(chunk.content.lines)))

        def settled(self, connection: Any, chunk: SettledChunk) -> None:
            connection.execute("INSERT INTO memory VALUES (?)", [chunk.number])
            told.append(("settled", chunk.number, len(chunk.verdict.refused)))

    push = begin(tmp_path, service, bindings=Bindings(observer=Memory())).wait()
    assert told == [
        (what, number, rows)
        for number in (1, 2, 3)
        for what, rows in (("sending", 2), ("settled", int(number == 1)))
    ]
    with push.journal.reading() as connection:
        assert connection.execute("SELECT number FROM memory").fetchall() == [(1,), (2,), (3,)]


def test_the_key_stands_nowhere(
    service: OtherService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a repr, a log at DEBUG, a traceback, a pickle or a state file."""
    caplog.set_level(logging.DEBUG)
    service.faults = lambda call, number: "400" if (call, number) == ("submit", 2) else None
    push = begin(tmp_path, service)
    with pytest.raises(AnalytexError) as caught:
        push.wait()
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = [repr(push), str(push.state()), caplog.text, *trace.format()]
    assert not any(service.key in text for text in shown)
    assert not any(
        service.key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    with pytest.raises(TypeError):
        pickle.dumps(push)


@pytest.mark.parametrize("word", ["pending", "unknown", "cancelled", "failed_over", "waiting"])
def test_the_services_words_are_not_taken_for_ours(service: OtherService, tmp_path: Path, word: str) -> None:
    """An unknown status is not an end, and a chunk whose job runs is in flight whatever that is called."""
    service.word, service.seconds_a_job, service.report = word, 0.4, refusing(1)
    states: list[PushState] = []
    push = begin(tmp_path, service)
    push.subscribe(states.append)
    push.wait()
    assert any(word.replace("_", " ") in state.activity for state in states)
    assert all(state.chunk(1).status in {"submitting", "queued", "processing", "pending_refresh"} for state in states
               if state.counts["pending"] == 4 and state.counts["in_flight"] == 2)  # fmt: skip
    assert push.counts[["acknowledged", "refused"]].tolist() == [5, 1]


def test_an_end_that_only_the_list_has_shown_is_not_settled(service: OtherService, tmp_path: Path) -> None:
    """Killed between finding a lost chunk's finished job and reading its errors: they are read on resuming."""
    service.report = refusing(2)
    service.faults = lambda call, number: "drop_after" if (call, number) == ("submit", 2) else None
    push = begin(tmp_path, service)
    key = service.key

    def revoke(state: PushState) -> None:
        if state.chunk(2).job_id is not None and state.status == "running":
            service.key = "another"

    push.subscribe(revoke)
    with pytest.raises(AuthenticationError):
        push.wait()
    service.key = key
    assert Ledger(push.journal, push.id).chunks()[1].status == "processing"
    assert resume(push.id, client_of(service), state_directory=tmp_path).wait().errors["id"].tolist() == [
        "u2"
    ]


def test_every_request_carries_one_chunk_under_its_name(service: OtherService, tmp_path: Path) -> None:
    """The name is how a lost chunk is found again; and no chunk is asked about in vain."""
    push = begin(tmp_path, service).wait()
    assert service.uploads() == [f"{push.id}-{number:05d}.ndjson" for number in (1, 2, 3)]
    assert not list((tmp_path / "spool").iterdir())
    assert not list((tmp_path / "locks").iterdir())
