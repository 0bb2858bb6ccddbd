"""A journal belongs to the client whose account it is of; a plan's records go with who pushes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas import connection
from analytex_pandas.sandbox_server import Sandbox as Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": ["a", "b", "c"], "plan": ["free", "bad", "pro"]}, index=[7, 8, 9])
REFUSED = {"b": ("e1", "plan", "no such plan")}


@pytest.fixture
def account() -> Iterator[Any]:
    """A service that stands for the real one: its client keeps its state where the user's are."""
    with apd.sandbox(rows_per_minute=float("inf"), refuse=REFUSED) as service:
        service.real = apd.Client(service.api_key, service.url)
        connection.DEFAULT[:] = []
        yield service


def test_a_push_to_the_real_account_is_the_users_whatever_sandbox_is_open(
    account: Any, state_directory: Path
) -> None:
    """It was once written down in the sandbox's temporary directory, and lost with the kernel."""
    with apd.sandbox(rows_per_minute=float("inf")) as sandbox:
        rehearsed = apd.push_users(FRAME, progress=False, wait=True)
        real = apd.push_users(FRAME, client=account.real, progress=False, wait=True)
        assert apd.pushes()["id"].tolist() == [rehearsed.id]
        assert apd.jobs()["push"].tolist() == [rehearsed.id]
    assert account.real.state_directory == state_directory
    assert (state_directory / "journal.sqlite3").exists()
    assert apd.pushes()["id"].tolist() == apd.pushes(client=account.real)["id"].tolist() == [real.id]
    assert sandbox.client.state_directory != state_directory
    assert sandbox.users["user_id"].tolist() == ["a", "b", "c"]


def test_a_sandbox_is_the_connected_one_within_its_block_only(account: Any) -> None:
    """And what was connected before is so again, also when another was connected within."""
    connection.DEFAULT[:] = [account.real]
    with apd.sandbox() as sandbox:
        assert connection.default_client() is sandbox.client
    assert connection.default_client() is account.real
    with apd.sandbox() as sandbox:
        apd.connect(sandbox.api_key, sandbox.url)
    assert connection.default_client() is account.real
    with apd.sandbox():
        other = apd.connect(account.api_key, account.url)
        assert connection.default_client() is other
    assert connection.default_client() is other
    again = apd.connect(account.api_key, account.url)
    (only,) = connection.DEFAULT
    assert only is again


def test_sandboxes_end_in_any_order_and_however_they_do(account: Any) -> None:
    """Nobody is left connected to one that is closed, and nobody to the real account while one is open."""
    connection.DEFAULT[:] = [account.real]
    first, second = apd.sandbox().start(), apd.sandbox().start()
    first.close()
    assert connection.default_client() is second.client
    second.close()
    assert connection.default_client() is account.real
    with pytest.raises(ZeroDivisionError), first, second, first:
        _ = 1 / int(connection.default_client() is not second.client)
    assert connection.default_client() is account.real
    with first, first:
        assert first.client.jobs() == []  # opened again, it listens elsewhere
    with first:
        with first:
            pass
        assert connection.default_client() is first.client
    assert connection.default_client() is account.real


def test_a_sandbox_serves_every_thread_and_goes_before_the_environment(
    account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that a block starts must not send to the real account, nor may anything after the block go astray."""
    monkeypatch.setenv("ANALYTEX_API_KEY", account.api_key)
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", account.url)
    with apd.sandbox(rows_per_minute=float("inf")) as sandbox, ThreadPoolExecutor(2) as pool:
        frames = [FRAME, FRAME.assign(user_id=["d", "e", "f"])]
        list(pool.map(lambda frame: apd.push_users(frame, progress=False, wait=True), frames))
        assert sorted(sandbox.users["user_id"]) == list("abcdef")
        assert account.users.empty
        given = apd.push_users(FRAME, client=account.real, progress=False, wait=True)
        assert given.counts["acknowledged"] == 2
    assert apd.push_users(FRAME.head(1), progress=False, wait=True).counts["acknowledged"] == 1
    assert len(account.jobs) == 2


def test_the_environment_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever changes the variables sends to the account that they name now, as fixtures do for each test."""
    services = [Service(rows_per_minute=float("inf")).start() for _ in range(2)]
    for number, service in enumerate((*services, *services)):
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / str(number)))
        plan = FRAME.assign(round=number).analytex.plan_users()
        push = plan.push(wait=True, progress=False)
        assert apd.pushes()["id"].tolist() == [push.id]
        assert apd.jobs()["push"].dropna().tolist() == [push.id]
        assert connection.default_client() is connection.default_client() is connection.connected()
        assert service.users["round"].tolist() == [number] * 3
    pinned = apd.connect()
    monkeypatch.setenv("ANALYTEX_API_KEY", "another")
    assert connection.default_client() is pinned
    connection.DEFAULT.clear()
    monkeypatch.setenv("ANALYTEX_API_KEY", "")
    assert connection.connected() is None
    with pytest.raises(apd.AuthenticationError, match="Nothing is connected"):
        apd.jobs()
    monkeypatch.setenv("ANALYTEX_API_KEY", "one key\nand more")
    with pytest.raises(apd.AuthenticationError, match="Was more than the key pasted"):
        apd.jobs()
    for service in services:
        service.close()


def test_a_plan_lies_with_who_is_connected_and_moves_to_who_pushes_it(
    account: Any, state_directory: Path, tmp_path: Path
) -> None:
    """Its records are never in two places, and a new process finds the push where the client's journal is."""
    plan = apd.plan_users(FRAME)
    assert plan.spool.directory.is_relative_to(state_directory)
    connection.DEFAULT[:] = [apd.Client(account.api_key, account.url, state_directory=tmp_path / "other")]
    push = plan.push(wait=True, progress=False)
    assert push.counts["acknowledged"] == 2
    assert not list((state_directory / "spool").iterdir())
    assert apd.pushes()["id"].tolist() == [push.id]
    assert not (state_directory / "journal.sqlite3").exists()


def test_retry_sends_the_refused_rows_as_they_are_mended(account: Any) -> None:
    """Found by their ids, at their first positions and labels; what else is in the frame stays."""
    push = apd.push_users(FRAME, client=account.real, progress=False, wait=True)
    assert push.errors[["position", "index", "id"]].to_numpy().tolist() == [[1, 8, "b"]]
    account.client  # noqa: B018  # made, and not used: it has another journal
    mended = pd.DataFrame({"user_id": ["c", "b"], "plan": ["never", "team"]})
    again = push.retry(mended, wait=True, progress=False)
    assert again.parent == push.id
    assert again.failed.to_dict("index") == {8: {"user_id": "b", "plan": "team"}}
    assert again.errors[["position", "index", "id"]].to_numpy().tolist() == [[1, 8, "b"]]
    with pytest.raises(apd.ValidationError, match="None of the ids"):
        push.retry(mended.head(1))
    with pytest.raises(apd.ValidationError, match="cannot be sent"):
        push.retry(mended.assign(plan=[1.0, float("inf")]))


def test_a_state_directory_that_is_none_is_said_before_anything_is_read(tmp_path: Path) -> None:
    """A file stands where it should be; no error of the operating system leaves the package."""
    (tmp_path / "file").touch()
    client = apd.Client("k-somebody", "http://127.0.0.1:9", state_directory=tmp_path / "file")
    for call in (apd.plan_users, apd.push_users):
        with pytest.raises(apd.AnalytexError, match=r"state directory cannot be used"):
            call(FRAME, client=client)


def test_a_plan_whose_push_cannot_begin_keeps_its_records(account: Any, tmp_path: Path) -> None:
    """They are back where they were, and another try sends them."""
    plan = apd.plan_users(FRAME)
    before = plan.spool.directory
    state = tmp_path / "other"
    state.mkdir()
    (state / "journal.sqlite3").write_bytes(b"this is no database at all, but text of some length" * 40)
    connection.DEFAULT[:] = [apd.Client(account.api_key, account.url, state_directory=state)]
    with pytest.raises(apd.AnalytexError, match="journal"):
        plan.push(progress=False)
    assert plan.spool.directory == before
    assert len(plan.records()) == 3
    connection.DEFAULT[:] = [account.real]
    assert plan.push(wait=True, progress=False).counts["acknowledged"] == 2
