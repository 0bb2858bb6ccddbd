"""Several users of one state directory at once: nobody takes away what another is about to send."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from driving import client_of, refusing, wait_until

import analytex_pandas as apd
from analytex_pandas.delivery import journal

if TYPE_CHECKING:
    from other_service import OtherService


@pytest.mark.parametrize("mended", [False, True])
def test_plans_made_meanwhile_leave_a_retry_alone(service: OtherService, mended: bool) -> None:
    """A plan sweeps what dead plans have left behind; the rows of a retry lie there before it is written down."""
    service.report = refusing(*range(5))
    service.seconds_a_job = 0.0
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(5)], "n": range(5)})
    client = client_of(service, Path(os.environ["ANALYTEX_STATE_DIR"]))
    first = apd.push_users(frame, client=client, progress=False)
    over = threading.Event()

    def others() -> None:
        while not over.is_set():
            apd.plan_users(frame)

    thread = threading.Thread(target=others)
    thread.start()
    try:
        again = [first.retry(frame if mended else None, wait=True, progress=False) for _ in range(6)]
    finally:
        over.set()
        thread.join()
    assert [push.counts["refused"] for push in again] == [5] * 6


def test_the_lock_of_a_plan_whose_process_was_killed_goes_with_its_push(service: OtherService) -> None:
    """Else a file would stay for each push that was killed and resumed."""
    state = Path(os.environ["ANALYTEX_STATE_DIR"])
    client, locks = client_of(service, state), state / "locks"
    plan = apd.plan_users(pd.DataFrame({"user_id": ["a"]}), client=client)
    assert plan.push(progress=False).status == "completed"
    assert not list(locks.iterdir()), "the journal has the push, so the plan need not hold it"
    del plan
    gc.collect()
    service.seconds_a_job = 0.2
    push = apd.push_users(
        pd.DataFrame({"user_id": ["b"]}),
        client=client,
        wait=False,
        progress=False,
    )
    (locks / f"{push.id}.plan.lock").touch()
    push.wait()
    wait_until(lambda: not list(locks.iterdir()))


def test_what_a_retry_has_brought_in_is_not_failed_any_more(service: OtherService) -> None:
    """Neither of its push, nor of those before it: it is not shown, and not sent again."""
    service.seconds_a_job = 0.0
    client = client_of(service, Path(os.environ["ANALYTEX_STATE_DIR"]))
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(8)], "n": range(8)})
    service.report = refusing(1, 2, 3, 5)
    first = apd.push_users(frame, client=client, progress=False, wait=True, chunk_rows=4)
    service.report = refusing(2, 5)
    second = first.retry(wait=True, progress=False)
    assert first.failed["n"].tolist() == second.failed["n"].tolist() == [2, 5]
    service.report = refusing(5)
    third = second.retry(wait=True, progress=False)
    assert [push.failed["n"].tolist() for push in (first, second, third)] == [[5]] * 3
    assert first.errors["id"].tolist() == ["u1", "u2", "u3", "u5"], "what was said is history, and stays"
    service.report = refusing()
    assert first.retry(wait=True, progress=False).counts["input"] == 1
    assert [len(push.failed) for push in (first, second, third)] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_waits_for_open_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that inherits a transaction of another thread would find the journal locked for good, or damage it."""
    monkeypatch.setattr(journal, "BUSY_TIMEOUT", 2.0)
    shared = journal.Journal(tmp_path)
    opened, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with shared.writing():
            opened.set()
            go_on.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    opened.wait(20)
    threading.Timer(0.1, go_on.set).start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what this is about
        child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os._exit(0 if shared.salt() else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.join()
