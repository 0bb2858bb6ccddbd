"""A push is driven against the sandbox through whatever comes, in any order, and stays right after each step.

``ANALYTEX_MACHINE_EXAMPLES=200`` makes many more journeys than the few of the normal suite.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from driving import resume, start
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mortal import MOMENTS, Death, Fate, LateClock, MortalClient
from plans import make_plan

from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.opening import pushes
from analytex_pandas.delivery.outcomes import outcomes_table
from analytex_pandas.delivery.state import FINISHED, SETTLED, counted
from analytex_pandas.delivery.worker import LIVE, live_key
from analytex_pandas.sandbox_server import Sandbox

if TYPE_CHECKING:
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.push import Push

EXAMPLES = int(os.environ.get("ANALYTEX_MACHINE_EXAMPLES", "6"))
PUSH_ID = "20261123-231500-3f9a1c"
SKIPPED, ROWS, CHUNK_ROWS = 2, 12, 3
IDS = [f"u{SKIPPED + n}" for n in range(ROWS)]
REFUSED = (
    "u2",
    "u5",
    "u6",
    "u9",
    "u12",
)  # none is the last of a chunk, which a job that loses rows leaves unreported
FAULTS = [
    "drop_request", "drop_answer", "cut_answer", "slow", "http_401", "http_404", "http_429", "http_500",
    "http_502_html", "http_503", "accepted_500", "empty_body", "html_200", "redirect",
]  # fmt: skip
LABELS = pd.MultiIndex.from_tuples([(place // 4, f"k{place}") for place in range(SKIPPED + ROWS)])


def until(ready: Any, seconds: float = 60.0) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not ready():
        assert time.monotonic() < deadline, "it did not come to that"
        never.wait(0.003)


class Journey(RuleBasedStateMachine):
    """One push on its way."""

    @initialize(
        shape=st.sampled_from(["objects", "strings", "by_row", "by_id", "text"]),
        ids=st.sampled_from(["uuid", "urn", "odd"]),
        listed=st.sampled_from(
            [("array", "url"), ("wrapped", "url"), ("paginated", "cursor"), ("paginated", "links")]
        ),
        included=st.booleans(),
        manners=st.sampled_from([("file", True), ("file", True), ("file", False), ("json", True)]),
        weather=st.sampled_from([0.0, 0.1, 0.25]),
        seed=st.integers(0, 999),
    )
    def begin(
        self, *, shape: Any, ids: Any, listed: Any, included: bool, manners: Any, weather: float, seed: int
    ) -> None:
        self.state = Path(tempfile.mkdtemp())
        self.fate = Fate()
        self.unwatch = self.fate.watched()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(Journal, "writing", self.fate.writing(Journal.writing))
        transport, echo = manners
        self.names_tell = transport == "file" and echo
        self.foreign = self.lossy = self.forgetful = False
        self.clock = LateClock()
        self.sandbox = Sandbox(
            rows_per_minute=6000,
            error_shape=shape,
            job_ids=ids,
            job_list=listed[0],
            paging=listed[1],
            page_size=2,
            echo_filename=echo,
            completed_includes_refused=included,
            refuse=dict.fromkeys(REFUSED, ("bad", "n", "no")),
            keep_bodies=True,
            faults=dict.fromkeys(
                ["drop_answer", "accepted_500", "drop_request", "http_502_html"], weather / 3
            ),
            seed=seed,
        ).start()
        document, spool = make_plan(
            self.state, ROWS, CHUNK_ROWS, push_id=PUSH_ID, skipped=SKIPPED, index=LABELS, transport=transport
        )
        self.push = start(document, spool, self.new_client(), **self.surroundings())
        self.push.subscribe(self.fate.look)

    def surroundings(self) -> dict[str, Any]:
        return {"clock": self.clock}

    def new_client(self) -> MortalClient:
        client = MortalClient(
            self.sandbox.api_key, self.sandbox.url, timeout=(5.0, 0.5), state_directory=self.state
        )
        client.fate = self.fate
        client.clock = self.clock
        return client

    def is_alive(self) -> bool:
        return any(thread.name == f"analytex-push-{PUSH_ID}" for thread in threading.enumerate())

    def come_back(self) -> Push:
        """Resume as a new process would, whose predecessor's locks the system has given back."""
        until(lambda: not self.is_alive())
        # What the end of a process does.
        dead = LIVE.pop(live_key(Journal(self.state), PUSH_ID), None)
        if dead is not None:
            dead.lock.release(force=True)
        push = resume(PUSH_ID, self.new_client(), **self.surroundings())
        push.subscribe(self.fate.look)
        return push

    @rule(
        kind=st.sampled_from(FAULTS),
        on=st.sampled_from(["submit", "list", "job", "any"]),
        times=st.integers(1, 3),
    )
    def something_goes_wrong(self, kind: Any, on: Any, times: int) -> None:
        more = {"seconds": 0.6} if kind == "slow" else {"retry_after": 0}
        self.sandbox.fault(kind, on, 1 if kind == "slow" else times, **more)

    @rule(seconds=st.sampled_from([0.2, 1.0, 2.0]))
    def a_gateway_gives_up_and_the_job_comes_late(self, seconds: float) -> None:
        if not self.foreign:  # behind whose job it would come later than anybody has to expect
            self.fate.late = seconds

    @rule(reads=st.integers(1, 8))
    def the_list_forgets(self, reads: int) -> None:
        if any(chunk.job_id for chunk in self.push.state().chunks):
            self.forgetful = True
            self.fate.forgets = reads

    @rule(kind=st.sampled_from(["fail_job", "lose_rows"]))
    def a_job_will_go_wrong(self, kind: Any) -> None:
        self.lossy = self.lossy or kind == "lose_rows"
        self.sandbox.fault(kind, "submit", 1)

    @rule(rows=st.integers(1, 40), named=st.booleans())
    def somebody_starts_a_job(self, rows: int, named: bool) -> None:
        try:
            self.sandbox.start_foreign_job(rows, filename="theirs.ndjson" if named else None)
        except RuntimeError:
            return
        self.foreign = True

    @rule(moment=st.sampled_from(MOMENTS))
    def the_process_will_die(self, moment: str) -> None:
        self.fate.moment = moment

    @rule(moment=st.sampled_from(MOMENTS))
    def the_process_dies_and_another_carries_on(self, moment: str) -> None:
        self.fate.moment = moment
        self.push.unpause()
        until(lambda: self.fate.moment is None or not self.is_alive())
        self.fate.moment = None
        if not self.push.done or self.push.status not in FINISHED:
            self.push = self.come_back()

    @rule()
    def the_last_answer_is_lost(self) -> None:
        self.sandbox.fault("drop_answer", "submit", 1)

    @rule()
    def a_new_process_resumes(self) -> None:
        # Not a precondition: which rules there are must not depend on threads.
        if not self.is_alive():
            self.push = self.come_back()

    @rule()
    def somebody_resumes_what_is_driven(self) -> None:
        if self.is_alive() and not self.push.done:
            again = resume(PUSH_ID, self.new_client(), **self.surroundings())
            if again is not self.push:  # it was ending, and says so a moment after it gives its lock back
                until(lambda: self.push.done)
            assert again is self.push or self.push.done

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

    def sent(self) -> Counter[str]:
        """How often each id was in an upload that became a job."""
        found: Counter[str] = Counter()
        for request in self.sandbox.requests:
            if request.endpoint == "submit" and request.job_id is not None:
                found.update(re.findall(r'"user_id": ?"(u\d+)"', (request.body or b"").decode()))
        return found

    @invariant()
    def no_row_is_taken_twice(self) -> None:
        if hasattr(self, "push"):
            sent = self.sent()
            assert set(sent) <= set(IDS)
            assert set(sent.values()) <= {1}

    @invariant()
    def what_is_shown_adds_up(self) -> None:
        if hasattr(self, "push"):
            state = self.push.state()
            assert state.counts["input"] * 2 == sum(state.counts.values())
            assert dict(state.counts) == counted(self.push.plan.document.counts, state.chunks)

    @invariant()
    def every_row_has_one_outcome(self) -> None:
        """The table of rows adds up to the counts of its moment, whatever the push is doing."""
        if hasattr(self, "push"):
            self.check_outcomes(self.push, self.push.state())

    def check_outcomes(self, push: Push, state: PushState) -> pd.DataFrame:
        table = outcomes_table(Journal(self.state), state, push.plan.invalid)
        counts = table["outcome"].value_counts()
        assert {name: counts[name] for name in SHOWN} == {name: state.counts[name] for name in SHOWN}
        assert table["position"].tolist() == list(range(SKIPPED + ROWS))
        assert table["index"].tolist() == LABELS.tolist()
        assert table["id"].tolist()[SKIPPED:] == IDS
        return table

    @invariant()
    def what_is_written_down_is_true_and_enough_to_go_on(self) -> None:
        """What the journal takes for answered is at the service, and what it does not is still in the spool."""
        if not hasattr(self, "push"):
            return
        record = pushes(self.state).iloc[0]
        assert record["input"] * 2 == record[["input", *SHOWN]].sum()
        chunks = Journal(self.state).push(PUSH_ID).chunks
        for chunk in chunks:
            ids = IDS[(chunk.number - 1) * CHUNK_ROWS : chunk.number * CHUNK_ROWS]
            if chunk.job_id is not None:
                # A slow submit is found in the list before the sandbox has answered it, and written it down.
                until(lambda ids=ids: set(ids) <= set(self.sent()), 5.0)
            if chunk.status not in SETTLED:
                path = self.state / "spool" / PUSH_ID / f"{chunk.number:05d}.ndjson"
                # It may have been settled, and its file deleted, since it was read.
                assert path.exists() or Journal(self.state).push(PUSH_ID).chunks[chunk.number - 1].settled
            elif self.names_tell and not (self.foreign or self.lossy or self.forgetful):
                assert chunk.unknown == 0

    def teardown(self) -> None:
        if not hasattr(self, "push"):
            return
        self.sandbox.clear_faults()
        self.fate.moment = self.fate.late = None
        try:
            for _ in range(4):
                self.push.unpause()
                until(lambda: not self.is_alive())
                if self.push.status in FINISHED:
                    break
                self.push = self.come_back()
            self.check_the_end()
            self.check_the_retry()
        finally:
            self.unwatch()
            self.patch.undo()
            self.sandbox.close()
            shutil.rmtree(self.state)

    def refused(self) -> list[str]:
        """The ids whose rows the service has refused, by itself or with their whole job."""
        failed = {str(job["job_id"]) for job in self.sandbox.jobs if job["status"] == "failed"}
        of_failed = [
            uid
            for chunk in self.push.state().chunks
            for uid in IDS[(chunk.number - 1) * CHUNK_ROWS : chunk.number * CHUNK_ROWS]
            if chunk.status != "unknown" and (chunk.job_id in failed or uid in REFUSED)
        ]
        return sorted(of_failed, key=IDS.index)

    def check_the_end(self) -> None:
        """Hold what counts: every row once, every answer on its row, nothing left behind."""
        counts, errors = self.push.state().counts, self.push.errors
        assert self.push.status in FINISHED
        assert counts["pending"] == counts["in_flight"] == 0
        assert not list((self.state / "spool").iterdir())
        assert not list((self.state / "locks").iterdir())
        self.no_row_is_taken_twice()
        self.what_is_written_down_is_true_and_enough_to_go_on()
        refused = self.refused()
        places = [IDS.index(uid) + SKIPPED for uid in refused]
        assert errors["position"].drop_duplicates().tolist() == places
        assert errors["index"].drop_duplicates().tolist() == [LABELS[place] for place in places]
        assert errors["id"].drop_duplicates().tolist() == refused
        assert self.push.failed.index.tolist() == [LABELS[place] for place in places]
        assert counts["refused"] == len(refused)
        table = self.push.outcomes
        assert table["id"][table["outcome"] == "refused"].tolist() == refused
        assert table["message"][table["outcome"] == "refused"].notna().all()
        chunks = {chunk.number: chunk.job_id for chunk in self.push.state().chunks}
        assert table["chunk"].tolist()[SKIPPED:] == [1 + place // CHUNK_ROWS for place in range(ROWS)]
        assert table["job_id"].dropna().tolist() == [
            job_id for job_id in (chunks[number] for number in table["chunk"].dropna()) if job_id is not None
        ]
        taken = set(self.sandbox.users["user_id"])
        if counts["unknown"] == 0:
            assert set(self.sent()) == set(IDS)
        # A lost row beside a refused one adds up where completed_rows may mean either.
        if counts["unknown"] == 0 and not self.lossy:
            assert set(IDS) - set(refused) <= taken
        assert counts["acknowledged"] <= len(taken) + self.lossy * len(IDS)
        key = self.sandbox.api_key.encode()
        assert not any(key in path.read_bytes() for path in self.state.rglob("*") if path.is_file())

    def check_the_retry(self) -> None:
        """Exactly the refused rows go out again, under their first positions."""
        before, refused = self.sent(), self.refused()
        again = self.push.retry().wait()
        assert self.sent() - before == Counter(refused)
        still = [uid for uid in refused if uid in REFUSED]
        places = [IDS.index(uid) + SKIPPED for uid in still]
        assert again.errors["position"].tolist() == places
        # What the retry came to stands in the place of what was refused, here and in a new kernel.
        table = self.check_outcomes(self.push, self.push.state())
        pd.testing.assert_frame_equal(
            table, self.check_outcomes(self.push, Journal(self.state).push(PUSH_ID))
        )
        assert table.index[table["outcome"] == "refused"].tolist() == places
        sent_again = table[table["id"].isin(refused)]
        assert sent_again["message"].str.contains(again.id).all()
        assert set(sent_again["job_id"]) == set(again.jobs["job_id"])
        counts = again.outcomes["outcome"].value_counts()
        assert {name: counts[name] for name in SHOWN} == {name: again.counts[name] for name in SHOWN}


SHOWN = [
    "invalid", "duplicate", "unchanged", "pending", "in_flight", "acknowledged", "refused", "unknown",
]  # fmt: skip

TestJourney = pytest.mark.filterwarnings("ignore")(Journey.TestCase)
TestJourney.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=14,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def test_death_is_none_of_our_errors() -> None:
    """So that nothing of the package can catch it by accident."""
    assert not issubclass(Death, Exception)
