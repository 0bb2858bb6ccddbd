"""What is called at the end of a push: once, with the push, whatever else goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
FRAME = pd.DataFrame({"user_id": [f"u{place}" for place in range(20)], "plan": "pro"})


@pytest.fixture
def service() -> Iterator[Any]:
    """A service that is held up until a test lets it go on, and refuses one row."""
    with apd.sandbox(rows_per_minute=60_000, refuse={"u3": ("bad", "plan", "no")}) as running:
        yield running


def paused(**options: Any) -> apd.Push:
    """A push that does not go on by itself."""
    push = apd.push_users(FRAME, wait=False, progress=False, chunk_rows=5, **options)
    push.pause()
    return push


@pytest.mark.usefixtures("service")
def test_they_are_called_in_order_with_the_push_at_its_end() -> None:
    """On the push's thread, when everything can be asked: status, counts, errors, the end itself."""
    push = paused()
    called: list[Any] = []
    told = threading.Event()
    push.add_done_callback(lambda push: called.append((push.id, push.done, push.status, len(push.errors))))
    push.add_done_callback(lambda push: called.append(push.wait() is push))
    push.add_done_callback(lambda _: called.append(threading.current_thread().name))
    push.add_done_callback(lambda _: told.set())
    assert called == []
    push.unpause()
    assert told.wait(30)
    assert called == [(push.id, True, "completed_with_errors", 1), True, f"analytex-push-{push.id}"]


@pytest.mark.usefixtures("service")
def test_one_that_comes_late_is_called_at_once() -> None:
    """Also for a push that has ended in another process, or was cancelled."""
    push = apd.push_users(FRAME, wait=True, progress=False)
    found = apd.resume(push.id)
    called: list[str] = []
    for one in (push, found):
        one.add_done_callback(lambda push: called.append(push.id))
    assert called == [push.id] * 2
    cancelled = paused(canary=1)
    told = threading.Event()
    cancelled.add_done_callback(lambda _: told.set())
    cancelled.cancel()
    assert told.wait(30)


@pytest.mark.usefixtures("service")
def test_one_that_raises_keeps_nobody_from_anything(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback; the push is what it was, and the next one is called."""
    push, told = paused(), threading.Event()
    push.add_done_callback(lambda _: 1 / 0)
    push.add_done_callback(lambda _: told.set())
    push.unpause()
    assert told.wait(30)
    push.add_done_callback(lambda _: 1 / 0)
    assert push.wait().counts["acknowledged"] == 19
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.exc_info[0] for record in logged if record.exc_info] == [ZeroDivisionError] * 2
    assert push.id in logged[0].message


@pytest.mark.usefixtures("service")
def test_one_can_mend_and_send_again() -> None:
    """A retry from within is a push as any other."""
    push, retried = paused(), []
    told = threading.Event()

    def again(push: apd.Push) -> None:
        retried.append(push.retry(FRAME.assign(plan="free"), wait=False, progress=False))
        told.set()

    push.add_done_callback(again)
    push.unpause()
    assert told.wait(30)
    assert retried[0].parent == push.id
    retried[0].wait()


@pytest.mark.usefixtures("service")
def test_what_cannot_be_called_is_said_at_once() -> None:
    """And not in a log, at night."""
    with pytest.raises(TypeError, match="takes a function"):
        apd.push_users(FRAME, wait=True, progress=False).add_done_callback(None)  # type: ignore[arg-type]


SCRIPT = """
import multiprocessing, sys, time, pandas as pd, analytex_pandas as apd

def push(key, url):
    apd.connect(key, url)
    push = apd.push_users(pd.DataFrame({"user_id": ["ann"]}), wait=False)
    push.add_done_callback(lambda push: (time.sleep(0.5), print("told", push.status, flush=True)))
    push.wait()

if __name__ == "__main__":
    key, url, *way = sys.argv[1:]
    if not way:
        push(key, url)
    else:
        process = multiprocessing.get_context(*way).Process(target=push, args=(key, url))
        process.start()
        process.join()
"""


@pytest.mark.parametrize("way", [[], ["fork"], ["spawn"]], ids=["itself", "fork", "spawn"])
def test_a_process_does_not_end_before_they_have(service: Any, tmp_path: Path, way: list[str]) -> None:
    """An alert that is under way arrives, though the last line has run: of a script, of a scheduler's own process."""
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(tmp_path / "script.py"), service.api_key, service.url, *way]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "told completed\n"
