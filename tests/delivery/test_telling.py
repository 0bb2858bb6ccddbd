"""What the state of a push tells those who watch: troubles, whose job is waited for, ends foreseen, since when."""

from __future__ import annotations

import datetime as dt
import math
import threading
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.delivery.pacing import PATIENCE_AT_FIRST, Pace, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.push import Push

FRAME = pd.DataFrame({"user_id": [f"u{place}" for place in range(600)]})


def seen(push: Push, wanted: Callable[[PushState], object]) -> PushState:
    """The first state of a push that is as wanted."""
    found: list[PushState] = []
    there = threading.Event()

    def look(state: PushState) -> None:
        if not found and wanted(state):
            found.append(state)
            there.set()

    unsubscribe = push.subscribe(look)
    look(push.state())
    assert there.wait(20)
    unsubscribe()
    return found[0]


def test_trouble_says_since_when_which_try_and_when_it_is_given_up() -> None:
    """A dead network is no calm 0 %."""
    begin = dt.datetime.now(dt.UTC)
    push = apd.push_users(FRAME, client=apd.Client("k", "http://127.0.0.1:9"), wait=False, progress=False)
    state = seen(push, lambda state: state.trouble and state.trouble.tries > 1)
    trouble = state.trouble
    assert trouble is not None
    assert trouble.gives_up is not None
    assert begin <= trouble.since <= trouble.next_try <= trouble.gives_up
    assert (trouble.gives_up - trouble.since).total_seconds() == pytest.approx(PATIENCE_AT_FIRST, abs=1)
    assert state.estimated_end is None
    push.cancel()
    push._drive.wait(10)  # noqa: SLF001  # wait() would raise nothing else
    assert push.state().trouble is None


def test_trouble_is_over_with_the_first_good_answer() -> None:
    """And the tries are counted anew."""
    with apd.sandbox(rows_per_minute=math.inf, faults={"http_503": {"times": 2}}) as service:
        push = apd.push_users(FRAME, client=service.client, wait=False, progress=False)
        state = seen(push, lambda state: state.trouble and state.trouble.tries > 1)
        assert state.trouble is not None
        assert state.trouble.answer == "HTTP 503 Service Unavailable"
        push.wait(20)
        assert push.status == "completed"
        assert push.state().trouble is None


def test_who_is_waited_for_is_told_with_file_rows_and_end() -> None:
    """Whose, what, how far, until when; the push's own end follows from it."""
    with apd.sandbox(rows_per_minute=30_000) as service:
        lines = b"".join(b'{"user_id": "z%d"}\n' % place for place in range(900))
        other = service.client.submit_file(lines, "users", filename="crm-sync.ndjson")
        push = apd.push_users(FRAME, client=service.client, wait=False, progress=False)
        state = seen(push, lambda state: state.blocker and state.blocker.until)
        blocker = state.blocker
        assert blocker is not None
        assert (blocker.job_id, blocker.owner, blocker.filename) == (other.job_id, None, "crm-sync.ndjson")
        assert blocker.total_rows == 900
        assert state.status == "waiting"
        assert state.since is not None
        push.wait(20)
        assert push.state().blocker is None


def test_an_intent_is_told_at_once_and_what_it_waits_for() -> None:
    """A click that is not seen is clicked again."""
    with apd.sandbox(rows_per_minute=20_000) as service:
        push = apd.push_users(FRAME, client=service.client, chunk_rows=300, wait=False, progress=False)
        seen(push, lambda state: state.due and state.chunks[0].completed_rows)
        push.pause()
        assert push.state().pausing
        assert "pausing after this job" in repr(push)
        assert "Pauses when chunk 1 is done, about " in repr(push)
        push.cancel()
        assert push.state().cancelling
        assert "cancelling" in repr(push)
        assert "Cancelled when chunk 1 is done, about " in repr(push)
        push.wait(20)
        assert push.status == "cancelled"
        push.resume().wait(20)
        assert push.status == "completed"
        assert len(service.users) == len(FRAME)


def test_a_stop_has_its_bare_reason_beside_the_whole_error() -> None:
    """What is said first is said without where and what next."""
    with apd.sandbox(rows_per_minute=math.inf) as service:
        wrong = apd.Client("not-the-key", service.url)
        push = apd.push_users(FRAME, client=wrong, wait=False, progress=False)
        with pytest.raises(apd.AuthenticationError):
            push.wait(20)
        state = push.state()
        assert state.error_class == "AuthenticationError"
        assert state.reason is not None
        assert push.id not in state.reason
        assert "The API key was not accepted." in repr(push)


def test_the_end_of_a_job_is_foreseen_by_progress_else_by_the_jobs_before() -> None:
    """A small last chunk takes its share of the time."""
    pace, watch = Pace(), Watch(1_000)
    assert pace.expected_end(watch) is None
    watch.note(10.0, 250)
    assert pace.expected_end(watch) == pytest.approx(40.0)
    watch.note(39.0, 990)
    pace.record(watch, 40.0, 41.0)
    assert pace.expected_end(Watch(1_000)) == pytest.approx(40.0)
    assert pace.expected_end(Watch(500)) == pytest.approx(20.0)
