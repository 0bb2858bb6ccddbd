"""What a push does and shows: its errors on the input's rows, its counts, its terms, its end."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from driving import begin, client_of, refusing, resume

from analytex_pandas.delivery import worker
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.opening import pushes
from analytex_pandas.delivery.state import COUNTS, PushState
from analytex_pandas.errors import AnalytexError, AuthenticationError, PushError

if TYPE_CHECKING:
    from pathlib import Path

    from other_service import OtherService


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
    again = resume(push.id, client_of(service, tmp_path)).retry().wait()
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
    with pytest.raises(PushError, match="1 is unknown"):
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
    assert pushes(tmp_path / "nowhere").dtypes.equals(pushes(tmp_path).dtypes)


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


def test_the_key_stands_nowhere(
    service: OtherService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a repr, a log at DEBUG, a traceback, a pickle or a state file."""
    caplog.set_level(logging.DEBUG)
    service.faults = lambda call, number: "400" if (call, number) == ("submit", 1) else None
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


def test_a_key_that_the_service_repeats_stays_out(service: OtherService, tmp_path: Path) -> None:
    """A careless service puts the token it got into an error; it reaches no table and no file."""
    service.report = lambda lines: (
        [{"line": 1, "message": f"token {service.key} lacks a right"}],
        len(lines[:1]),
    )
    push = begin(tmp_path, service).wait()
    assert push.errors["message"].tolist() == ["token *** lacks a right"] * 3
    assert service.key not in push.errors.to_csv()
    assert not any(
        service.key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


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
    assert Journal(tmp_path).push(push.id).chunks[1].status == "processing"
    assert resume(push.id, client_of(service, tmp_path)).wait().errors["id"].tolist() == ["u2"]


def test_every_request_carries_one_chunk_under_its_name(service: OtherService, tmp_path: Path) -> None:
    """The name is how a lost chunk is found again; and no chunk is asked about in vain."""
    push = begin(tmp_path, service).wait()
    assert service.uploads() == [f"{push.id}-{number:05d}.ndjson" for number in (1, 2, 3)]
    assert not list((tmp_path / "spool").iterdir())
    assert not list((tmp_path / "locks").iterdir())


def test_an_error_nobody_expected_ends_the_push_and_loses_nothing(
    service: OtherService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised by wait, not swallowed by a thread; resuming carries on."""
    with monkeypatch.context() as patch:
        patch.setattr(worker, "settle", lambda *_: 1 / 0)
        push = begin(tmp_path, service)
        with pytest.raises(AnalytexError, match="unexpected ZeroDivisionError") as caught:
            push.wait()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert push.counts["in_flight"] == 2
    assert resume(push.id, client_of(service, tmp_path)).wait().status == "completed"
    assert set(service.applied().values()) == {1}


def test_locks_that_cannot_be_given_back_keep_nobody_waiting(
    service: OtherService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody has cleared the state directory away meanwhile; the push has ended all the same."""
    service.seconds_a_job = 0.2
    push = begin(tmp_path, service)
    locks = tmp_path / "locks"
    locks.rename(tmp_path / "gone")
    locks.touch()
    assert push.wait(30).status == "completed"
    assert "its lock stays" in caplog.text
