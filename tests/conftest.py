"""What every room's tests share."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

os.environ["ANALYTEX_TEST_ABSENCE"] = "3"  # before the package is imported, and for every process of a test

if threading.current_thread() is threading.main_thread():
    # Where Ctrl-C is ignored (nohup, a job in the background), the processes of the tests would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from analytex_pandas import connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def state_directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a state directory of its own, so that none sees the user's or another's."""
    directory = tmp_path_factory.mktemp("state", numbered=True)
    monkeypatch.setenv("ANALYTEX_STATE_DIR", str(directory))
    return directory


@pytest.fixture(autouse=True)
def connections() -> Iterator[None]:
    """Leave no client connected that a test connected: its service is gone, and what follows would be sent there."""
    kept = [connection.DEFAULT, connection.LENT, connection.FROM_ENVIRONMENT]
    before = [list(clients) for clients in kept]
    yield
    for clients, those in zip(kept, before, strict=True):
        clients[:] = those
