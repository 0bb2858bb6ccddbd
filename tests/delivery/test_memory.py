"""What is remembered of an account where pushes meet: nobody's value, until it is known whose came last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import analytex_pandas as apd
from analytex_pandas.delivery import memory
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.report import Verdict
from analytex_pandas.frame.fingerprints import of_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Account:
    """An account of which a journal remembers something; chunks of two profiles with one value."""

    def __init__(self, directory: Path) -> None:
        self.client = apd.Client("k-somebody", "http://127.0.0.1:9", state_directory=directory)
        self.journal = Journal(directory)
        self.salt = self.journal.salt()
        self.name = self.client.account_digest(self.salt)

    def lines(self, value: int) -> list[bytes]:
        return [json.dumps({"user_id": name, "metadata": {"p": value}}).encode() for name in "ab"]

    def send(self, push: str, value: int, account: str | None = None) -> None:
        digests = memory.digested(self.lines(value), "users", self.salt)
        with self.journal.writing() as connection:
            memory.forget_cells(connection, account or self.name, "users", (push, 1), digests)

    def answer(self, push: str, verdict: Verdict | None = None) -> None:
        with self.journal.writing() as connection:
            memory.remember(connection, self.name, "users", (push, 1), verdict or Verdict())

    def has(self, value: int) -> bool:
        """Tell whether a value counts as what the account has."""
        known = memory.recall(self.journal, self.name, "users")
        return bool(known.compare(of_lines(self.lines(value), "users", self.salt)[0]).unchanged.all())


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An account that has acknowledged 0."""
    found = Account(tmp_path)
    found.send("p0", 0)
    found.answer("p0")
    assert found.has(0)
    return found


def not_sent(account: Account) -> None:
    """The chunk is surely not at the service."""
    with account.journal.writing() as connection:
        memory.not_sent(connection, ("p1", 1))


ENDS: dict[str, Callable[[Account], Any]] = {
    "refused": lambda account: account.answer("p1", Verdict(refused=(0, 1))),
    "not sent": not_sent,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_push_that_was_bound_elsewhere_and_back_leaves_its_doubt(
    account: Account, end: Callable[[Account], Any]
) -> None:
    """The upload that was given up may have arrived, whatever becomes of the next."""
    account.send("p1", 1)
    with account.journal.writing() as connection:
        memory.give_up(connection, "p1")
    assert not account.has(0)
    account.send("p1", 1)
    end(account)
    assert not account.has(0)
    assert not account.has(1)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("forgotten", [False, True])
def test_two_that_meet_are_neither_remembered(
    account: Account, folded: bool, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is folded or forgotten while the first is open, and in whichever order they are answered."""
    account.send("p1", 1)
    if folded:
        with monkeypatch.context() as patch:
            patch.setattr(memory, "MAX_CHUNKS", 0)
            account.has(0)
    if forgotten:
        memory.forget(account.client, ["users"])
    account.send("p2", 2)
    account.answer("p2")
    assert not any(account.has(value) for value in range(3))
    account.answer("p1")
    assert not any(account.has(value) for value in range(3))
    account.send("p3", 3)
    account.answer("p3")
    assert account.has(3)
