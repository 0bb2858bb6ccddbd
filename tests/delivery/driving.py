"""Pushes of hand-made records against a service of the test's own."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from hasty import HastyClock
from plans import make_plan

from analytex_pandas.delivery.opening import begin as begin_push
from analytex_pandas.delivery.opening import resume as resume_push
from analytex_pandas.plan import Plan
from analytex_pandas.push import PUSHES, Push
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from other_service import OtherService

    from analytex_pandas.delivery.spool import Spool
    from analytex_pandas.frame.document import PlanDocument


def client_of(service: OtherService, state: Path) -> Client:
    """Return a client of a service."""
    return Client(service.key, service.url, timeout=5.0, state_directory=state)


def start(document: PlanDocument, spool: Spool, client: Client, **more: Any) -> Push:
    """Start the push of a hand-made plan."""
    return Push(begin_push(document, spool, client, **more), Plan(document, spool, client))


def resume(push_id: str | None, client: Client, **more: Any) -> Push:
    """Carry on with a push."""
    drive = resume_push(push_id, client, **more)
    return PUSHES.get(drive) or Push(drive, Plan(drive.document, drive.spool, client))


def begin(state: Path, service: OtherService, rows: int = 6, chunk_rows: int = 2, **options: Any) -> Push:
    """Start a push of hand-made records."""
    document, spool = make_plan(state, rows, chunk_rows, **options)
    return start(document, spool, client_of(service, state), clock=HastyClock())


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
