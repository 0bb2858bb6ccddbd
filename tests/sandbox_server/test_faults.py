"""Each fault, as a caller meets it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import requests

from analytex_pandas.sandbox_server import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.sandbox_server.terms import FaultKind
    from tests.sandbox_server.conftest import Caller, Clock

RECORDS = [{"user_id": str(number)} for number in range(20)]


def statuses(caller: Caller) -> list[int | None]:
    return [request.status for request in caller.sandbox.requests]


@pytest.mark.parametrize("kind", ["drop_request", "drop_answer"])
@pytest.mark.parametrize("transport", ["json", "file"])
def test_a_dropped_connection(fast: Caller, kind: FaultKind, transport: str) -> None:
    """The caller gets no answer either way; whether the job was made is the difference."""
    fast.sandbox.fault(kind, on="submit")
    with pytest.raises(requests.ConnectionError):
        _ = fast.submit(RECORDS) if transport == "json" else fast.upload(RECORDS)
    assert len(fast.jobs()) == (kind == "drop_answer")
    (submit, _) = fast.sandbox.requests
    assert (submit.status, submit.fault) == (None, kind)
    assert fast.submit(RECORDS).status_code == 202


def test_a_large_upload_is_dropped_before_it_is_read(fast: Caller) -> None:
    """A connection that is cut while a file is under way makes no job."""
    fast.sandbox.fault("drop_request", on="submit")
    with pytest.raises(requests.ConnectionError):
        fast.upload(b'{"user_id": "a"}\n' + b" " * 20_000_000)
    assert fast.jobs() == []


def test_an_answer_cut_in_the_middle(fast: Caller) -> None:
    """The head says more than comes."""
    fast.sandbox.fault("cut_answer", on="submit")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        fast.submit(RECORDS)
    assert len(fast.jobs()) == 1
    assert statuses(fast) == [202, 200]


@pytest.mark.parametrize(
    ("kind", "status", "made"),
    [
        ("http_429", 429, 0),
        ("http_500", 500, 0),
        ("http_503", 503, 0),
        ("http_502_html", 502, 0),
        ("accepted_500", 500, 1),
        ("empty_body", 202, 1),
        ("html_200", 200, 0),
    ],
)
def test_another_answer_than_the_service_would_give(
    fast: Caller, kind: FaultKind, status: int, made: int
) -> None:
    """What proxies and a service in trouble answer, with or without the job being made."""
    fast.sandbox.fault(kind, on="submit")
    answer = fast.upload(RECORDS)
    assert answer.status_code == status
    assert ("<html>" in answer.text) == ("html" in kind)
    assert (answer.text == "") == (kind == "empty_body")
    if kind.startswith(("http_5", "http_4")) and "html" not in kind:
        assert answer.json()["errors"][0]["error_code"]
    assert len(fast.jobs()) == made
    assert fast.upload(RECORDS).status_code == 202


@pytest.mark.parametrize("kind", ["http_429", "http_500", "http_502_html", "http_503"])
def test_a_refusal_may_hide_that_the_job_was_made(fast: Caller, kind: FaultKind) -> None:
    """A proxy that gives up on the service does not know what the service did."""
    fast.sandbox.fault(kind, on="submit", accepted=True)
    assert fast.upload(RECORDS).status_code >= 429
    assert len(fast.jobs()) == 1


@pytest.mark.parametrize("after", [3, "Wed, 25 Nov 2026 07:28:00 GMT", None])
def test_retry_after(fast: Caller, after: int | str | None) -> None:
    """Seconds, a date, or nothing."""
    kinds: tuple[FaultKind, ...] = ("http_429", "http_503")
    for kind in kinds:
        fast.sandbox.fault(kind, retry_after=after)
        header = fast.call("GET", "/v1/background_jobs").headers.get("Retry-After")
        assert header == (None if after is None else str(after))


def test_a_redirect_points_to_another_host(fast: Caller) -> None:
    """By default to the same sandbox under another name, so that its log shows who follows, and with what."""
    fast.sandbox.fault("redirect", on="list")
    answer = fast.call("GET", "/v1/background_jobs", allow_redirects=False)
    port = fast.sandbox.url.rpartition(":")[2]
    assert (answer.status_code, answer.headers["Location"]) == (
        307,
        f"http://localhost:{port}/v1/background_jobs",
    )
    fast.sandbox.fault("redirect", location="http://elsewhere.invalid/")
    assert fast.call("POST", "/v1/users/bulk_identify", allow_redirects=False).headers["Location"] == (
        "http://elsewhere.invalid/"
    )


def test_a_slow_answer_is_an_accepted_call(fast: Caller) -> None:
    """A caller that does not wait long enough has submitted all the same."""
    fast.sandbox.fault("slow", on="submit", seconds=60)
    path = f"{fast.sandbox.url}/v1/users/bulk_identify"
    with pytest.raises(requests.ReadTimeout):
        fast.session.post(path, json={"users": RECORDS}, timeout=0.3)
    assert len(fast.jobs()) == 1


def test_a_slow_call_may_be_acted_on_late(fast: Caller) -> None:
    """The nastier kind: when the caller looks, the job is not there yet."""
    fast.sandbox.fault("slow", on="submit", seconds=60, accepted=False)
    path = f"{fast.sandbox.url}/v1/users/bulk_identify"
    with pytest.raises(requests.ReadTimeout):
        fast.session.post(path, json={"users": RECORDS}, timeout=0.3)
    assert fast.jobs() == []


def test_closing_does_not_wait_for_slow_answers() -> None:
    """Whoever leaves the with statement gets on at once."""
    with Sandbox() as sandbox:
        sandbox.fault("slow", on="list", seconds=3600)
        headers = {"Authorization": f"Token {sandbox.api_key}"}
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{sandbox.url}/v1/background_jobs", headers=headers, timeout=0.2)
        assert sandbox.requests == []
    (request,) = sandbox.requests
    assert request.fault == "slow"


def test_a_job_that_fails_whole(fast: Caller) -> None:
    """Nothing is written, and nothing is said unless asked for."""
    fast.sandbox.fault("fail_job")
    job = fast.finished(fast.submit(RECORDS))
    assert (job["status"], job["completed_rows"], job["errors"]) == ("failed", 0, [])
    assert job["end_time"] is not None
    assert len(fast.sandbox.users) == 0
    assert fast.finished(fast.submit(RECORDS))["status"] == "completed"


def test_a_job_that_fails_on_the_way(caller: Caller, clock: Clock) -> None:
    """It ends earlier than it would have, and what was processed stays; the account is free again."""
    caller.sandbox.fault("fail_job", share=0.5, message="Out of memory")
    job_id = caller.submit(RECORDS).json()["job_id"]
    clock.advance(9)
    assert caller.job(job_id)["status"] == "processing"
    clock.advance(3)
    job = caller.job(job_id)
    assert (job["status"], job["completed_rows"], job["errors"]) == (
        "failed",
        10,
        [{"message": "Out of memory"}],
    )
    assert len(caller.sandbox.users) == 10
    assert caller.submit(RECORDS).status_code == 202


@pytest.mark.parametrize(
    ("shape", "errors"),
    [("objects", [{"message": "No"}]), ("strings", ["No"]), ("by_row", "No"), ("text", "No"), ("none", "No")],
)
def test_what_a_failed_job_says(open_sandbox: Callable[..., Caller], shape: str, errors: object) -> None:
    """The message of a failed job comes in the shape of the others."""
    caller = open_sandbox(math.inf, error_shape=shape)
    caller.sandbox.fault("fail_job", message="No")
    assert caller.finished(caller.submit(RECORDS))["errors"] == errors


@pytest.mark.parametrize(("share", "lost"), [(None, 2), (0.25, 5), (0.0, 1), (1.0, 20)])
def test_a_job_that_loses_rows(fast: Caller, share: float | None, lost: int) -> None:
    """It says completed, and only the numbers tell that rows are missing."""
    fast.sandbox.fault("lose_rows", share=share)
    job = fast.finished(fast.submit(RECORDS))
    assert (job["status"], job["errors"]) == ("completed", [])
    assert job["completed_rows"] == len(fast.sandbox.users) == 20 - lost
    assert job["total_rows"] == 20


def test_faults_strike_where_and_as_often_as_told(fast: Caller) -> None:
    """A target, a number of times, a number of calls to let pass."""
    fast.sandbox.fault("http_500", on="list", times=2, after=1)
    answers = [fast.call("GET", "/v1/background_jobs").status_code for _ in range(5)]
    assert answers == [200, 500, 500, 200, 200]
    fast.sandbox.fault("http_500", on="job", times=None)
    assert fast.submit(RECORDS).status_code == 202
    job_id = fast.jobs()[0]["job_id"]
    assert {fast.call("GET", f"/v1/background_jobs/{job_id}").status_code for _ in range(5)} == {500}
    fast.sandbox.clear_faults()
    assert fast.job(job_id)["status"] == "completed"


def test_faults_strike_in_their_order(fast: Caller) -> None:
    """A test can write down the bad day of a push call by call."""
    kinds: tuple[FaultKind, ...] = ("http_500", "http_503", "http_429")
    for kind in kinds:
        fast.sandbox.fault(kind)
    assert [fast.call("GET", "/v1/background_jobs").status_code for _ in range(4)] == [500, 503, 429, 200]


def test_a_fault_after_accepting_waits_for_a_call_that_is_accepted(caller: Caller, clock: Clock) -> None:
    """A lost answer is that of a job: a call that is refused anyhow does not use the fault up."""
    caller.sandbox.start_foreign_job(10)
    caller.sandbox.fault("accepted_500", on="submit")
    assert caller.submit(RECORDS).status_code == 409
    clock.advance(10)
    assert caller.submit(RECORDS).status_code == 500
    assert len(caller.jobs()) == 2


def bad_day(open_sandbox: Callable[..., Caller], seed: int) -> list[int]:
    faults = {"http_500": 0.3, "http_429": {"on": "list", "probability": 0.5, "retry_after": None}}
    caller = open_sandbox(faults=faults, seed=seed)
    return [caller.call("GET", "/v1/background_jobs").status_code for _ in range(40)]


def test_faults_at_random_are_the_same_for_the_same_seed(open_sandbox: Callable[..., Caller]) -> None:
    """A failure found at random can be found again."""
    first = bad_day(open_sandbox, 1)
    assert set(first) == {200, 429, 500}
    assert bad_day(open_sandbox, 1) == first
    assert bad_day(open_sandbox, 2) != first


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": "http_418"},
        {"kind": "slow", "on": "poll"},
        {"kind": "fail_job", "on": "list"},
        {"kind": "drop_answer", "accepted": False},
        {"kind": "lose_rows", "share": 2},
        {"kind": "slow", "probability": -1},
        {"kind": "slow", "times": 0},
    ],
)
def test_a_fault_that_cannot_be_is_refused(terms: dict[str, object]) -> None:
    """A misspelt fault would make a test that proves nothing."""
    with pytest.raises(ValueError, match=r"\w"):
        Fault(**terms)  # type: ignore[arg-type]
