"""A push is driven against the sandbox through whatever comes, in any order, and stays right after each step.

``ANALYTEX_MACHINE_EXAMPLES=200`` makes many more journeys than the few of the normal suite.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hasty import HastyClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from plans import make_plan

from analytex_pandas.errors import AnalytexError
from analytex_pandas.push.locks import DriverLock
from analytex_pandas.push.opening import resume, start
from analytex_pandas.push.push import LIVE, Push
from analytex_pandas.sandbox_server import Sandbox
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from analytex_pandas.service.listing import Listing
    from analytex_pandas.service.wire import Job

EXAMPLES = int(os.environ.get("ANALYTEX_MACHINE_EXAMPLES", "8"))
PUSH_ID = "20261123-231500-3f9a1c"
ROWS, CHUNK_ROWS = 12, 3
REFUSED = ("u3", "u7")
FAULTS = [
    "drop_request", "drop_answer", "cut_answer", "http_429", "http_500", "http_502_html", "http_503",
    "accepted_500", "empty_body", "html_200", "redirect",
]  # fmt: skip


class Death(BaseException):
    """What the driver dies of: nothing catches it, nothing is written down after it."""


class MortalClient(Client):
    """A client whose process can be told to die around one of its next calls."""

    doom: tuple[str, bool] | None = None

    def die(self, call: str, after: bool) -> None:
        """Die, if it is time."""
        if self.doom == (call, after):
            self.doom = None
            raise Death

    def submit_file(self, *arguments: Any, **options: Any) -> Job:
        self.die("submit", after=False)
        job = super().submit_file(*arguments, **options)
        self.die("submit", after=True)
        return job

    def listing(self) -> Listing:
        listing = super().listing()
        page = listing._page  # noqa: SLF001  # the one request that a reading makes

        def mortal(url: str) -> Any:
            self.die("list", after=False)
            return page(url)

        listing._page = mortal  # noqa: SLF001  # as above
        return listing

    def job(self, job_id: str) -> Job:
        self.die("poll", after=False)
        job = super().job(job_id)
        self.die("poll", after=True)
        return job


def until(ready: Any, seconds: float = 60.0) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not ready():
        assert time.monotonic() < deadline, "it did not come to that"
        never.wait(0.003)


class Journey(RuleBasedStateMachine):
    """One push on its way."""

    @initialize(
        shape=st.sampled_from(["objects", "strings", "by_row", "by_id"]),
        ids=st.sampled_from(["uuid", "urn", "odd"]),
        listed=st.sampled_from(["array", "wrapped", "paginated"]),
        included=st.booleans(),
    )
    def begin(self, shape: Any, ids: Any, listed: Any, included: bool) -> None:
        self.state = Path(tempfile.mkdtemp())
        self.hook, threading.excepthook = threading.excepthook, self.buried
        self.sandbox = Sandbox(
            rows_per_minute=2400,
            error_shape=shape,
            job_ids=ids,
            job_list=listed,
            page_size=2,
            completed_includes_refused=included,
            refuse=dict.fromkeys(REFUSED, ("bad", "n", "no")),
        ).start()
        document, spool = make_plan(self.state, ROWS, CHUNK_ROWS, push_id=PUSH_ID)
        self.client = self.new_client()
        self.push = start(document, spool, self.client, state_directory=self.state, clock=HastyClock())

    def buried(self, what: threading.ExceptHookArgs) -> None:
        if what.exc_type is not Death:
            self.hook(what)

    def new_client(self) -> MortalClient:
        return MortalClient(self.sandbox.api_key, self.sandbox.url, timeout=5.0)

    def is_alive(self) -> bool:
        return any(thread.name == f"analytex-push-{PUSH_ID}" for thread in threading.enumerate())

    def come_back(self) -> Push:
        """Resume as a new process would, whose predecessor's locks the system has given back."""
        until(lambda: not self.is_alive())
        key = DriverLock(self.state, PUSH_ID).key
        LIVE.pop(key, None)
        DriverLock._held.discard(key)  # noqa: SLF001  # what the end of a process does
        self.client = self.new_client()
        return resume(PUSH_ID, self.client, state_directory=self.state, clock=HastyClock())

    @rule(
        kind=st.sampled_from(FAULTS),
        on=st.sampled_from(["submit", "list", "job", "any"]),
        times=st.integers(1, 3),
    )
    def something_goes_wrong(self, kind: Any, on: Any, times: int) -> None:
        self.sandbox.fault(kind, on, times, retry_after=0)

    @rule(rows=st.integers(1, 20), named=st.booleans())
    def somebody_starts_a_job(self, rows: int, named: bool) -> None:
        try:
            self.sandbox.start_foreign_job(rows, filename="theirs.ndjson" if named else None)
        except RuntimeError:
            return

    @rule(call=st.sampled_from(["submit", "list", "poll"]), after=st.booleans())
    def the_process_will_die(self, call: str, after: bool) -> None:
        self.client.doom = (call, after and call != "list")

    @rule()
    def a_new_process_resumes(self) -> None:
        # Not a precondition: which rules there are must not depend on threads.
        if not self.is_alive():
            self.push = self.come_back()

    @rule()
    def pause(self) -> None:
        self.push.pause()

    @rule()
    def unpause(self) -> None:
        self.push.unpause()

    @rule()
    def cancel(self) -> None:
        self.push.cancel()

    @rule()
    def time_passes(self) -> None:
        revision = self.push.state().revision
        until(
            lambda: (
                self.push.state().revision > revision + 4
                or not self.is_alive()
                or self.push.status == "paused"
            )
        )

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "push"):
            return
        counts = self.push.state().counts
        assert counts["input"] * 2 == sum(counts.values())
        names = [job["filename"] for job in self.sandbox.jobs if str(job.get("filename")).startswith(PUSH_ID)]
        assert len(names) == len(set(names)), "a chunk was applied twice"
        assert counts["acknowledged"] + counts["refused"] <= len(names) * CHUNK_ROWS

    def teardown(self) -> None:
        if not hasattr(self, "push"):
            return
        self.sandbox.clear_faults()
        self.client.doom = None
        for _ in range(4):
            self.push.unpause()
            until(lambda: not self.is_alive())
            if self.push.status in ("completed", "completed_with_errors"):
                break
            self.push = self.come_back()
        threading.excepthook = self.hook
        try:
            self.check_the_end()
        finally:
            self.sandbox.close()
            shutil.rmtree(self.state)

    def check_the_end(self) -> None:
        """Hold what counts: every row once, every answer on its row, nothing left behind."""
        counts = self.push.state().counts
        names = sorted(str(job.get("filename")) for job in self.sandbox.jobs)
        ours = [name for name in names if name.startswith(PUSH_ID)]
        sent = [f"{PUSH_ID}-{number:05d}.ndjson" for number in range(1, 5)]
        assert set(ours) <= set(sent)
        assert len(ours) == len(set(ours))
        if counts["unknown"] == 0:
            assert ours == sent
            assert self.push.errors["id"].tolist() == list(REFUSED)
            assert self.push.errors["position"].tolist() == [3, 7]
            assert counts["refused"] == 2
            assert sorted(self.sandbox.users["user_id"]) == sorted(
                f"u{n}" for n in range(ROWS) if f"u{n}" not in REFUSED
            )
        assert self.push.status == "completed_with_errors"
        assert not list((self.state / "spool").iterdir())


TestJourney = pytest.mark.filterwarnings("ignore")(Journey.TestCase)
TestJourney.settings = settings(max_examples=EXAMPLES, stateful_step_count=14, deadline=None)


def test_an_error_of_the_journey_is_an_error_of_ours() -> None:
    """Death is none of our errors, so that nothing of the package can catch it by accident."""
    assert not issubclass(Death, (AnalytexError, Exception))
