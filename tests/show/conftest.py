"""Pushes for displays: pictures drawn by hand, pushes whose state a test sets, real ones on the sandbox."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import comm
import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.state import ChunkState, PushState, counted
from analytex_pandas.push import Push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = dt.datetime(2026, 11, 23, 23, 15, tzinfo=dt.UTC)
PUSH_ID = "20261123-231500-3f9a1c"


def chunk(number: int, status: str = "pending", rows: int = 100, **values: Any) -> ChunkState:
    """A chunk as it stands after so much of its life."""
    values.setdefault("attempts", 0 if status == "pending" else 1)
    if status not in ("pending", "waiting", "submitting", "looking"):
        values.setdefault("job_id", f"job-{number}")
        values.setdefault("submitted_at", NOW - dt.timedelta(seconds=40))
    return ChunkState(number, rows, rows * 50, status, **values)


def picture(
    chunks: list[ChunkState] | None = None, *, planned: dict[str, int] | None = None, **values: Any
) -> PushState:
    """A push with these chunks; its counts follow from them."""
    made = tuple(chunks if chunks is not None else [chunk(1, "processing", completed_rows=40), chunk(2)])
    left_out = {"invalid": 0, "duplicate": 0, "unchanged": 0} | (planned or {})
    total = sum(item.rows for item in made) + sum(left_out.values())
    counts = counted(left_out | {"input": total}, made)
    values = {
        "id": PUSH_ID,
        "kind": "users",
        "status": "running",
        "started_at": NOW - dt.timedelta(minutes=1),
    } | values
    return PushState(counts=counts, chunks=made, **values)


@pytest.fixture
def state() -> Callable[..., PushState]:
    """Make the state of a push."""
    return picture


@pytest.fixture
def make_chunk() -> Callable[..., ChunkState]:
    """Make the state of a chunk."""
    return chunk


@pytest.fixture
def now() -> dt.datetime:
    """The moment at which pictures are taken."""
    return NOW


@pytest.fixture(autouse=True)
def private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory for each test."""
    monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("ANALYTEX_SILENT", raising=False)
    return tmp_path / "state"


class Steered:
    """A real push that nobody drives: the test sets its state as a worker would."""

    def __init__(self, directory: Path, state: PushState) -> None:
        plan = apd.plan_users(pd.DataFrame({"user_id": ["ann"]}))
        client = apd.Client("k-steered", "http://127.0.0.1:9", state_directory=directory)
        document = dataclasses.replace(plan.document, id=state.id)
        self.drive = Drive(document, state, Journal(directory), client)
        self.push = Push(self.drive, plan)

    def show(self, state: PushState) -> None:
        """Let the push be in this state."""
        values = {name: getattr(state, name) for name in ("counts", "chunks", "current", "activity", "rate")}
        times = {name: getattr(state, name) for name in ("started_at", "ended_at", "estimated_end", "error")}
        self.drive.show(phase=state.status, **values, **times)
        if state.done:
            self.drive.ended.set()
        self.drive.announce()


@pytest.fixture
def steered(private_state: Path) -> Callable[..., Steered]:
    """Make a push whose state the test sets."""
    return lambda state: Steered(private_state, state)


Refusals = dict[str, tuple[str, str, str]]


@pytest.fixture
def pushed() -> Iterator[Callable[..., Push]]:
    """Send a frame through a sandbox of its own, which refuses what a test says; return the ended push."""
    opened = []

    def send(
        frame: pd.DataFrame, refuse: Refusals | None = None, *, wait: bool = True, **options: Any
    ) -> Push:
        service = apd.sandbox(rows_per_minute=math.inf, refuse=refuse or {})
        service.__enter__()
        opened.append(service)
        return apd.push_users(frame, client=service.client, wait=wait, progress=False, **options)

    yield send
    for service in opened:
        service.__exit__(None, None, None)


class Wire:
    """Counts what widgets send to the front end."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.custom: list[tuple[str, Any]] = []

    def clear(self) -> None:
        """Forget what was sent."""
        self.messages.clear()
        self.custom.clear()

    @property
    def bytes(self) -> int:
        """Bytes of JSON that were sent."""
        return sum(len(json.dumps(message, ensure_ascii=False).encode()) for message in self.messages)

    @property
    def names(self) -> Counter[str]:
        """How often each trait was sent."""
        return Counter(name for message in self.messages for name in message.get("state", {}))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """Record every message of every widget that is made from now on."""
    sent = Wire()

    class Recording(comm.DummyComm):
        def send(self, data: Any = None, **_: Any) -> None:
            sent.messages.append(data)
            if data.get("method") == "custom":
                sent.custom.append((self.comm_id, data["content"]))

    monkeypatch.setattr(comm, "create_comm", Recording)
    return sent
