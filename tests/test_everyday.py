"""What befalls a careful user on any day: a cell run twice, an interrupted one, rows left behind, a look afterwards."""

from __future__ import annotations

import _thread
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.worker import LIVE
from analytex_pandas.sandbox_server import Sandbox as Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = 40
INSTANTLY = float("inf")


def frame(rows: int = ROWS) -> pd.DataFrame:
    """Return the same records each time, in a frame that is made anew."""
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], "seats": range(rows)})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An account, named by the environment, that takes everything at once."""
    with Service(rows_per_minute=INSTANTLY) as service:
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        yield service


def submits(service: Any) -> int:
    return sum(request.endpoint == "submit" for request in service.requests)


NOW: dict[str, Any] = {"wait": False, "progress": False}
CHUNKS = ROWS // 10
WAYS: dict[str, Callable[[], Any]] = {
    "function": lambda: apd.push_users(frame(), chunk_rows=10, **NOW),
    "accessor": lambda: frame().analytex.push_users(chunk_rows=10, **NOW),
    "plan": lambda: apd.plan_users(frame(), chunk_rows=10).push(**NOW),
    "other chunks": lambda: apd.push_users(
        iter([frame().head(7), frame().iloc[7:]]), chunk_rows=9, canary=3, **NOW
    ),
}


def under_way() -> Any:
    """Return a push that goes on when the test says so."""
    push = WAYS["function"]()
    push.pause()
    return push


def ended(push: Any) -> Any:
    push.unpause()
    return push.wait(60)


@pytest.mark.parametrize("again", WAYS.values(), ids=WAYS)
def test_a_cell_run_twice_gives_the_push_under_way_back(quick: Any, again: Callable[..., Any]) -> None:
    """Nothing is sent twice, whichever way it is asked for, and a warning at the user's own line says so."""
    push = under_way()
    with pytest.warns(UserWarning, match="given back") as caught:
        same = [again() for _ in range(3)]
    assert same == [push] * 3
    assert len(caught) == 3
    assert all(push.id in str(warning.message) and warning.filename == __file__ for warning in caught)
    assert apd.pushes()["id"].tolist() == [push.id]
    gc.collect()
    spools = Path(os.environ["ANALYTEX_STATE_DIR"]) / "spool"
    assert [path.name for path in spools.iterdir()] == [push.id]
    assert ended(push).status == "completed"
    assert submits(quick) == CHUNKS
    once_more = again()  # it has ended: they are sent once more
    assert once_more.wait().id != push.id


def test_a_plan_pushed_twice_gives_its_push_back_while_it_is_under_way() -> None:
    """Afterwards it raises and names the push."""
    plan = frame().analytex.plan_users(chunk_rows=10)
    push = plan.push(**NOW)
    push.pause()
    with pytest.warns(UserWarning, match="given back"):
        assert plan.push(**NOW) is push
    ended(push)
    with pytest.raises(apd.AnalytexError, match=push.id):
        plan.push()


OTHERS: dict[str, Callable[[], Any]] = {
    "a value": lambda: apd.push_users(frame().assign(seats=1), **NOW),
    "the order": lambda: apd.push_users(frame().iloc[::-1], **NOW),
    "an option": lambda: apd.push_users(frame().assign(gap=None), nulls="send", **NOW),
    "no rows": lambda: apd.push_users(frame().head(0), **NOW),
    "kind": lambda: apd.push_companies(frame(), company_id="user_id", **NOW),
}


@pytest.mark.parametrize("of_files", [False, True], ids=["frame", "files"])
def test_what_was_acknowledged_meanwhile_makes_no_other_records(
    quick: Any, tmp_path: Path, of_files: bool
) -> None:
    """With ``only_changed`` a cell run again leaves out more than the first time, and is the same cell still."""
    quick.rows_per_minute = 600  # a second a chunk
    options: dict[str, Any] = {"only_changed": True, "chunk_rows": 10, **NOW}
    apd.to_ndjson(frame(), tmp_path / "out")

    def begun() -> apd.Push:
        return apd.push_files(tmp_path / "out", **options) if of_files else apd.push_users(frame(), **options)

    push = begun()
    while not push.counts["acknowledged"]:
        assert not push.done
    push.pause()
    with pytest.warns(UserWarning, match="given back"):
        assert begun() is push
    assert (
        apd.plan_users(frame().assign(seats=1), only_changed=True).document.digest
        != push.plan.document.digest
    )
    assert ended(push).counts["acknowledged"] == ROWS


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_other_records_are_another_push(other: Callable[[], Any]) -> None:
    """No mistaken identity: no warning, and both arrive."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = apd.push_users(frame(0), **NOW)
        pushes = [under_way(), other()]
    assert len({empty.id, *(push.id for push in pushes)}) == 3
    assert [ended(push).status for push in pushes] == ["completed", "completed"]


def test_the_same_records_for_another_account_are_another_push() -> None:
    """Also where both are kept in one state directory."""
    push = under_way()
    with Service(rows_per_minute=INSTANTLY) as other:
        client = apd.Client(other.api_key, other.url)
        assert apd.push_users(frame(), client=client, progress=False, wait=True).id != push.id
        assert len(other.users) == ROWS
    assert ended(push).status == "completed"


def test_a_push_to_be_cancelled_is_not_given_back() -> None:
    """Who cancels and runs the cell again wants it sent."""
    push = WAYS["function"]()
    push.cancel()
    again = WAYS["function"]()
    assert again.id != push.id
    assert ended(again).status == "completed"
    assert ended(push).status == "cancelled"


def test_threads_that_push_the_same_at_once_share_one_push(quick: Any) -> None:
    """The second finds the first, however near they are."""
    barrier = threading.Barrier(4)
    plans = [apd.plan_users(frame(), chunk_rows=10) for _ in range(4)]

    def push(plan: Any) -> Any:
        barrier.wait(20)
        return plan.push(**NOW)

    with pytest.warns(UserWarning, match="given back"), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(push, plans))
    for one in found:
        one.wait()
    assert len({one.id for one in found}) == len(apd.pushes()) == 1
    assert submits(quick) == CHUNKS


ELSEWHERE = f"""
import pandas as pd, sys, warnings, analytex_pandas as apd
frame = pd.DataFrame({{"user_id": [f"u{{row}}" for row in range({ROWS})], "seats": range({ROWS})}})
warnings.simplefilter("error")
try:
    push = apd.push_users(frame, wait=False, progress=False, chunk_rows=10)
    push.pause()
except apd.AnalytexError as error:
    sys.exit(str(error))
print(push.id, flush=True)
sys.stdin.read(1)
"""


def test_another_process_is_told_who_sends_the_same(quick: Any) -> None:
    """It sends nothing, and its error names the push, who drives it and the ways to it."""
    push = under_way()
    said = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False, timeout=120
    )
    assert said.returncode == 1
    assert f"push {push.id!r}, which is driven by process {os.getpid()}" in said.stderr
    assert f"apd.resume({push.id!r})" in said.stderr
    assert apd.pushes()["id"].tolist() == [push.id]
    ended(push)
    assert submits(quick) == CHUNKS


def killed() -> str:
    """Return the push of a process that has died; nothing of it but its first chunk was sent."""
    process = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        left = process.stdout.readline().strip()
        process.kill()
    return left


def test_a_script_run_again_goes_on_where_it_was_interrupted(quick: Any) -> None:
    """Its records are those of the push that it left behind, which brings the rest there."""
    left = killed()
    with pytest.warns(UserWarning, match="were on their way before"):
        push = WAYS["plan"]()
    assert push.id == left
    assert ended(push).status == "completed"
    assert push.counts["acknowledged"] == len(quick.users) == ROWS
    assert submits(quick) == CHUNKS


def test_what_was_left_behind_long_ago_is_not_gone_on_with(quick: Any) -> None:
    """Other users were sent since, perhaps over those that it had brought there: all are sent, as is asked."""
    left = killed()
    apd.push_users(frame().head(3).assign(seats=-1), wait=True, progress=False)
    push = WAYS["plan"]()
    assert push.id != left
    assert ended(push).counts["acknowledged"] == ROWS
    assert quick.users["seats"].tolist() == list(range(ROWS))


def test_an_interrupted_cell_is_taken_up_again_without_a_name(quick: Any) -> None:
    """``push = apd.push_users(…)`` never came to assign; the note says what does, in the same kernel."""

    def interrupt() -> None:
        while not LIVE:
            pass
        (drive,) = LIVE.values()
        drive.pause()
        _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt) as caught:
            apd.push_users(frame(), chunk_rows=10, wait=True, progress=False)
    finally:
        signal.signal(signal.SIGINT, before)
    (note,) = caught.value.__notes__
    (push_id,) = apd.pushes()["id"]
    assert f"push = apd.resume({push_id!r})" in note
    del caught
    gc.collect()
    with pytest.warns(UserWarning, match="given back"):
        again = WAYS["function"]()
    push = apd.resume(push_id, wait=False, progress=False)
    assert push is again
    assert push.id == apd.resume(wait=False, progress=False).id == push_id
    assert ended(push).status == "completed"
    assert submits(quick) == CHUNKS


@pytest.mark.parametrize(
    ("missing", "max_errors", "goes"),
    [
        (4, 4, True),
        (4, 3, False),
        (4, 0.1, True),
        (5, 0.1, False),
        (0, 0, True),
        (1, 0.0, False),
        (ROWS, None, True),
    ],
)
def test_what_is_left_out_is_bounded_before_anything_is_sent(
    quick: Any, missing: int, max_errors: float | None, goes: bool
) -> None:
    """By rows, or by their share of the input; the plan says so beforehand."""
    rows = frame()
    rows.loc[rows.index[:missing], "user_id"] = None
    plan = apd.plan_users(rows, invalid="skip", max_errors=max_errors)
    assert ("will refuse" in repr(plan)) is ("will refuse" in plan._repr_html_()) is not goes
    if goes:
        assert plan.push(wait=True, progress=False).counts["acknowledged"] == ROWS - missing
    else:
        with pytest.raises(apd.ValidationError, match=f"max_errors={max_errors}") as caught:
            plan.push()
        assert caught.value.report["code"].tolist() == ["missing_id"] * missing
        assert not quick.requests
        assert apd.pushes().empty


def test_rows_left_out_count_with_those_refused(quick: Any) -> None:
    """A number of rows is a number of rows, whoever did not take them; resumed, it goes on."""
    quick.refuse = {"u5": ("e", "seats", "no"), "u6": ("e", "seats", "no")}
    rows = frame()
    rows.loc[rows.index[:2], "user_id"] = None
    options: dict[str, Any] = {"invalid": "skip", "chunk_rows": 10, "progress": False, "wait": True}
    assert apd.push_users(rows, max_errors=4, **options).status == "completed_with_errors"
    with pytest.raises(apd.PushError, match="2 had been left out as invalid, and max_errors=3") as caught:
        apd.push_users(rows, max_errors=3, **options)
    assert apd.resume(caught.value.push.id, wait=True, progress=False).counts["pending"] == 0
    assert apd.push_users(rows, max_errors=0.25, **options).status == "completed_with_errors"


def test_a_recipe_of_which_nothing_went_does_not_pass(caplog: pytest.LogCaptureFixture) -> None:
    """The log's last line says how many rows stayed behind, and where all did, the recipe fails."""
    caplog.set_level(logging.INFO, "analytex_pandas")
    rows = frame().assign(user_id=[None, *["u"] * (ROWS - 1)], seats=1)
    some = apd.push_users(rows, invalid="skip", wait=True, progress=False)
    assert some.raise_for_errors() is some
    assert any("1 stayed behind as invalid" in message for message in caplog.messages[-2:])
    none = apd.push_users(frame().assign(user_id=None), invalid="skip", wait=True, progress=False)
    assert none.status == "completed"
    assert any(f"{ROWS} stayed behind as invalid" in message for message in caplog.messages[-2:])
    with pytest.raises(apd.PushError, match=r"left out as invalid.*plan\.invalid") as caught:
        none.raise_for_errors()
    assert caught.value.push is none
    assert apd.push_users(frame(0), wait=True, progress=False).raise_for_errors().done


def test_a_plan_that_was_pushed_shows_what_went() -> None:
    """The first records; or, where they are gone, why."""
    plan = apd.plan_users(frame())
    first = plan.records()
    push = plan.push(wait=True, progress=False)
    assert plan.records() == push.plan.records(3) + first[3:] == first
    plan.records()[0]["metadata"]["seats"] = "mine"
    assert plan.records() == first
    with pytest.raises(
        apd.AnalytexError, match=rf"deletes them as the service answers.*first 5 of the {ROWS}"
    ):
        plan.records(6)
    few = apd.plan_users(frame(2))
    few.push(wait=True, progress=False)
    assert len(few.records(100)) == 2
    del push
    gc.collect()
    with pytest.raises(apd.AnalytexError, match="none of the"):
        apd.resume(plan.id).plan.records()


def test_joining_back_is_one_line(quick: Any) -> None:
    """With any index, twice the same label or several levels, and with errors that name no row."""
    quick.refuse = {f"u{row}": ("e", "seats", f"{row} is too many") for row in (3, 5)}
    rows = frame().set_index(pd.Index([1, 2] * (ROWS // 2)))
    push = apd.push_users(rows, wait=True, progress=False)
    assert (
        rows.iloc[push.errors["position"].dropna()]["user_id"].tolist()
        == push.errors["id"].tolist()
        == ["u3", "u5"]
    )
    journal = Journal(Path(os.environ["ANALYTEX_STATE_DIR"]))
    with journal.writing() as connection:  # an error that names no row
        connection.execute("UPDATE error SET position = NULL WHERE ordinal = 0")
    assert rows.iloc[push.errors["position"].dropna()]["user_id"].tolist() == ["u5"]


def test_an_unknown_push_makes_no_wild_guess() -> None:
    """Ids of one day are alike; only what is mistyped is offered."""
    push = apd.push_users(frame(), wait=True, progress=False)
    for wild in (push.id[:8] + "-000000-000000", push.id[:15] + "-zzzzzz", "latest"):
        with pytest.raises(apd.NotFoundError) as caught:
            apd.resume(wild)
        assert push.id not in str(caught.value)
    with pytest.raises(apd.NotFoundError, match=f"Did you mean '{push.id}'"):
        apd.resume(push.id[:-1] + "z")


@pytest.mark.parametrize("only_changed", [False, True])
def test_a_plan_says_how_many_values_it_erases(only_changed: bool) -> None:
    """Of the records that go, by property and in all: not those of rows that are invalid, repeated or unchanged."""
    rows = frame(6).astype(object).assign(**{'say "hi", {': None, "plan": 'a, \\"plan":null'})
    rows.loc[[0, 1, 3], "plan"] = None
    rows.loc[3, "user_id"] = None
    rows.loc[6] = rows.loc[0]
    apd.push_users(rows.loc[[1]], nulls="send", wait=True, progress=False)
    options: dict[str, Any] = {"invalid": "skip", "only_changed": only_changed}
    plan = apd.plan_users(rows, nulls="send", **options)
    sent = plan.records(6)
    erased = {
        name: sum(record["metadata"][name] is None for record in sent)
        for name in ("seats", *rows.columns[2:])
    }
    assert erased == {"seats": 0, 'say "hi", {': 5 - only_changed, "plan": 2 - only_changed}
    notes = plan.columns.set_index("property")["note"]
    for name, count in erased.items():
        assert (f"{count} value" in notes[name] and "erases" in notes[name]) is (count > 0)
    for page in (repr(plan), plan._repr_html_()):
        assert (
            f"{sum(erased.values())} values sent as null, which erases what the profiles have there." in page
        )
    for harmless in (apd.plan_users(rows, **options), apd.plan_users(frame(), nulls="send")):
        assert "erase" not in repr(harmless) + harmless.columns["note"].str.cat()
