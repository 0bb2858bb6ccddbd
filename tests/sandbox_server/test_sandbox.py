"""The sandbox as an object: opening and closing, its log, its silence, what it may import."""

from __future__ import annotations

import ast
import gc
import json
import socket
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import analytex_pandas.sandbox_server as package
from analytex_pandas.sandbox_server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox_server.conftest import Caller, Clock

SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))


def port_of(sandbox: Sandbox) -> int:
    return int(sandbox.url.rpartition(":")[2])


def test_opening_and_closing() -> None:
    """A sandbox listens between start and close, and both can be said twice."""
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not open"):
        _ = sandbox.url
    assert sandbox.start() is sandbox.start()
    port = port_of(sandbox)
    assert repr(sandbox) == f"<Sandbox http://127.0.0.1:{port}, 1,200 rows a minute>"
    sandbox.close()
    sandbox.close()
    assert repr(sandbox) == "<Sandbox closed, 1,200 rows a minute>"
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_closing_ends_kept_connections_and_threads() -> None:
    """Nothing of a sandbox outlives it: no thread, no socket."""
    before = threading.active_count()
    with Sandbox() as sandbox, requests.Session() as session:
        session.headers["Authorization"] = f"Token {sandbox.api_key}"
        session.get(f"{sandbox.url}/v1/background_jobs", timeout=20)
        sandbox.close()
        with pytest.raises(RuntimeError):
            _ = sandbox.url
    assert threading.active_count() <= before
    gc.collect()  # sockets left open would be a ResourceWarning, and so an error


def test_what_the_account_holds_outlives_the_server(caller: Caller, clock: Clock) -> None:
    """Tests look at the result when the with statement is over; a new start goes on with it."""
    caller.submit([{"user_id": "a"}])
    caller.sandbox.close()
    clock.advance(1)
    assert caller.sandbox.users["user_id"].to_list() == ["a"]
    caller.sandbox.start()
    assert len(caller.jobs()) == 1


def test_a_taken_port_is_told() -> None:
    """The error says which port, and the way out."""
    with Sandbox() as first, pytest.raises(OSError) as caught:  # noqa: PT011  # the note is what is looked at
        Sandbox(port=port_of(first)).start()
    assert "port=0" in "".join(caught.value.__notes__)


def test_it_listens_on_loopback_only(caller: Caller) -> None:
    """Nobody else on the network is served."""
    assert caller.sandbox.url.startswith("http://127.0.0.1:")


def test_keys_are_made_up_or_given() -> None:
    """Two sandboxes do not share a key by accident; no key shows in the repr."""
    first, second = Sandbox(), Sandbox()
    assert first.api_key != second.api_key
    assert first.api_key.isascii()
    assert Sandbox(api_key="k").api_key == "k"
    assert first.api_key not in repr(first)


def test_requests_are_written_down(fast: Caller) -> None:
    """The log is what tests of a client read: each request in order, what it carried, never the key."""
    job_id = fast.upload([{"user_id": "a"}, {"user_id": "b"}], name="mine.ndjson").json()["job_id"]
    fast.job(job_id)
    fast.jobs("?page=1")
    fast.call("GET", "/nowhere", headers={"Authorization": "Token wrong"})
    submit, job, listed, nowhere = fast.sandbox.requests
    assert (submit.method, submit.path, submit.endpoint) == ("POST", "/v1/users/bulk_identify", "submit")
    assert (submit.status, submit.filename, submit.rows, submit.job_id) == (202, "mine.ndjson", 2, job_id)
    assert submit.bytes > len('{"user_id": "a"}\n' * 2)
    assert submit.body is None
    assert abs((submit.at - datetime.now(UTC)).total_seconds()) < 60
    assert (job.endpoint, job.job_id, job.rows) == ("job", job_id, None)
    assert (listed.endpoint, listed.path) == ("list", "/v1/background_jobs?page=1")
    assert (nowhere.endpoint, nowhere.status, nowhere.authorized) == (None, 404, False)
    assert all(request.authorized for request in (submit, job, listed))
    assert fast.sandbox.api_key not in repr(fast.sandbox.requests)


def test_bodies_are_kept_on_demand(open_sandbox: Callable[..., Caller]) -> None:
    """Digits and bytes as they were on the wire."""
    caller = open_sandbox(keep_bodies=True)
    caller.upload(b'{"user_id": "a", "metadata": {"x": 1.50}}\n')
    assert b'{"x": 1.50}' in (caller.sandbox.requests[0].body or b"")


def test_submits_at_once_make_one_job(caller: Caller) -> None:
    """Of many that come at the same moment one is accepted, the others are 409."""
    barrier = threading.Barrier(8)
    headers = {"Authorization": f"Token {caller.sandbox.api_key}"}
    url = f"{caller.sandbox.url}/v1/users/bulk_identify"

    def submit(number: int) -> int:
        body = {"users": [{"user_id": f"{number}-{row}"} for row in range(100)]}
        barrier.wait(20)
        return requests.post(url, json=body, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(submit, range(8)))
    assert sorted(statuses) == [202] + [409] * 7
    assert len(caller.jobs()) == 1


def test_it_prints_nothing(open_sandbox: Callable[..., Caller], capfd: pytest.CaptureFixture[str]) -> None:
    """A demo's or notebook's output is its own, also when connections break."""
    caller = open_sandbox()
    caller.submit([{"user_id": "a"}])
    caller.call("GET", "/nowhere")
    caller.sandbox.fault("drop_answer")
    with pytest.raises(requests.ConnectionError):
        caller.jobs()
    caller.sandbox.close()
    assert capfd.readouterr() == ("", "")


def imported(path: Path) -> set[str]:
    """Return the modules that a source file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_shares_no_code_with_the_client(path: Path) -> None:
    """No bug passes both by being in both: the sandbox imports nothing else of the package, nor requests."""
    for name in imported(path):
        assert name.partition(".")[0] in {*sys.stdlib_module_names, "analytex_pandas", "pandas", "werkzeug"}
        assert not name.startswith("analytex_pandas") or name.startswith("analytex_pandas.sandbox_server")


def test_a_finished_job_lets_its_records_go(fast: Caller) -> None:
    """A rehearsal with a million rows fits into memory: of a job stays what its profiles weigh as JSON."""
    records = [
        {"user_id": str(row), "metadata": {f"property {k}": f"{row} {k}" for k in range(12)}}
        for row in range(5000)
    ]
    weight = len(json.dumps(records))
    body = json.dumps({"users": records}).encode()
    del records
    fast.finished(fast.submit([{"user_id": "warm"}]))
    tracemalloc.start()
    try:
        headers = {"Content-Type": "application/json"}
        fast.finished(fast.call("POST", "/v1/users/bulk_identify", data=body, headers=headers))
        gc.collect()
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 1.6 * weight
    assert peak > 2 * left
