"""Only what changed is sent: by what the account has acknowledged, through the public names and real HTTP."""

from __future__ import annotations

import contextlib
import decimal
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import analytex_pandas as apd
from analytex_pandas import connection
from analytex_pandas.delivery import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAST = float("inf")
FRAME = pd.DataFrame(
    {
        "user_id": ["a", "b", "c", "d"],
        "company_id": ["x", None, "y", "x"],
        "plan": ["free", "pro", None, "pro"],
        "seats": [1.5, 2.0, None, 4.0],
        "active": [True, False, True, None],
        "since": pd.to_datetime(
            ["2024-01-15T08:00", None, "2024-02-01", "2024-03-01T00:00:00.5"], format="ISO8601"
        ),
    },
    index=[10, 20, 30, 40],
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A sandbox whose jobs end at once; other clients keep their state where its client does."""
    with apd.sandbox(rows_per_minute=FAST) as sandbox:
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(sandbox.client.state_directory))
        yield sandbox


def send(service: Any, frame: Any, **options: Any) -> apd.Push:
    """Push a frame and wait for its end."""
    return apd.push_users(frame, client=service.client, progress=False, wait=True, **options)


def plan(service: Any, frame: Any, **options: Any) -> apd.Plan:
    """Plan a push of what has changed."""
    return apd.plan_users(frame, client=service.client, only_changed=True, **options)


def to_send(service: Any, frame: Any, **options: Any) -> list[str]:
    """Return the ids of the rows that would be sent."""
    return [record["user_id"] for record in plan(service, frame, **options).records(100)]


EQUAL: dict[str, Callable[[pd.DataFrame], Any]] = {
    "as it was": lambda frame: frame,
    "rows shuffled": lambda frame: frame.sample(frac=1, random_state=3),
    "columns shuffled": lambda frame: frame[frame.columns[::-1]],
    "a part of the rows": lambda frame: frame.iloc[1:3],
    "a part of the columns": lambda frame: frame[["user_id", "seats"]],
    "nullable": lambda frame: frame.convert_dtypes(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "polars": pl.from_pandas,
    "objects": lambda frame: frame.astype(object).where(frame.notna(), None),
    "categories": lambda frame: frame.assign(plan=frame["plan"].astype("category")),
    "other units of time": lambda frame: frame.assign(since=frame["since"].dt.as_unit("ms")),
    "aware": lambda frame: frame.assign(
        since=frame["since"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    ),
    "decimals": lambda frame: frame.assign(
        seats=[decimal.Decimal("1.50"), decimal.Decimal(2), None, decimal.Decimal("40e-1")]
    ),
    "values left out": lambda frame: frame.assign(plan=None),
    "without company": lambda frame: frame.drop(columns="company_id"),
}


@pytest.mark.parametrize("equal", EQUAL.values(), ids=EQUAL.keys())
def test_equal_values_are_unchanged(service: Any, equal: Callable[[pd.DataFrame], Any]) -> None:
    """Whatever the dtype, the backend, the order, the part: equal to what was acknowledged is not sent again."""
    send(service, FRAME)
    before = len(service.requests)
    push = send(service, equal(FRAME), only_changed=True)
    assert push.status == "completed"
    assert push.counts["unchanged"] == push.counts["input"] > 0
    assert len(service.requests) == before


CHANGED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], list[str]]] = {
    "another value": (lambda frame: frame.assign(seats=[1.5, 3.0, None, 4.0]), ["b"]),
    "another company": (lambda frame: frame.assign(company_id=["x", None, "z", "x"]), ["c"]),
    "a company at last": (lambda frame: frame.assign(company_id=["x", "x", "y", "x"]), ["b"]),
    "a value at last": (lambda frame: frame.assign(plan=["free", "pro", "free", "pro"]), ["c"]),
    "a new property": (lambda frame: frame.assign(extra=[None, 1, None, 2]), ["b", "d"]),
    "another JSON type": (lambda frame: frame.assign(seats=["1.5", None, None, None]), ["a"]),
    "text for a boolean": (lambda frame: frame.assign(active=["true", None, None, None]), ["a"]),
    "a moment later": (
        lambda frame: frame.assign(since=frame["since"] + pd.Timedelta("1us")),
        ["a", "c", "d"],
    ),
    "a new profile": (lambda frame: pd.concat([frame, frame.tail(1).assign(user_id="e")]), ["e"]),
    "a new profile without properties": (
        lambda frame: pd.concat([frame[["user_id"]], pd.DataFrame({"user_id": ["e"]})]),
        ["e"],
    ),
    "swapped between rows": (lambda frame: frame.assign(plan=["pro", "free", None, "pro"]), ["a", "b"]),
}


@pytest.mark.parametrize(("change", "ids"), CHANGED.values(), ids=CHANGED.keys())
def test_a_change_is_sent_whole_and_nothing_else(
    service: Any, change: Callable[[pd.DataFrame], pd.DataFrame], ids: list[str]
) -> None:
    """One changed property sends its row, with all of its properties."""
    send(service, FRAME)
    frame = change(FRAME)
    wanted = [
        record
        for record in apd.plan_users(frame, client=service.client).records(100)
        if record["user_id"] in ids
    ]
    found = plan(service, frame)
    assert found.records(100) == wanted
    assert found.counts.drop("input").sum() == found.counts["input"] == len(frame)
    assert send(service, frame, only_changed=True).counts["acknowledged"] == len(ids)
    assert to_send(service, frame) == []


def test_back_to_an_older_value_is_a_change(service: Any) -> None:
    """What counts is the last that was acknowledged, not whether it ever was."""
    for plan_name in ("free", "pro"):
        send(service, FRAME.assign(plan=plan_name))
    assert to_send(service, FRAME.assign(plan="pro")) == []
    assert to_send(service, FRAME.assign(plan="free")) == ["a", "b", "c", "d"]


def test_null_that_is_sent_is_a_value(service: Any) -> None:
    """Erased is not left out, and erased twice is erased."""
    send(service, FRAME)
    erasing = FRAME[["user_id", "plan"]]
    assert to_send(service, erasing, nulls="send") == ["c"]
    send(service, erasing, nulls="send", only_changed=True)
    assert to_send(service, erasing, nulls="send") == []
    assert to_send(service, erasing.assign(plan="new")) == ["a", "b", "c", "d"]


def test_changes_says_what_a_push_would_do(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of new profiles, changed and unchanged ones, by property; rows that are not sent do not count."""
    monkeypatch.setattr(connection, "DEFAULT", [])  # with nobody connected there is nothing to compare with
    assert plan(service, FRAME.head(0)).changes.dtypes.astype(str).to_dict() == {
        "property": "object",
        "new_profiles": "int64",
        "changed_values": "int64",
        "unchanged_values": "int64",
    }
    assert apd.plan_users(FRAME).changes.empty
    send(service, FRAME)
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b", "new", "b", None],
            "plan": ["free", "team", "free", "team", "free"],
            "seats": [2, 2, 1, 2, 1],
        }
    )
    found = plan(service, frame, invalid="skip")
    assert found.changes.set_index("property").to_numpy().tolist() == [[1, 1, 1], [1, 1, 1]]
    assert dict(found.counts) == {"input": 5, "invalid": 1, "duplicate": 1, "unchanged": 0, "to_send": 3}
    plain = apd.plan_users(frame, client=service.client, invalid="skip")
    assert plain.changes.equals(found.changes)
    push = found.push(wait=True, progress=False)
    assert apd.resume(push.id, client=service.client).plan.changes.equals(found.changes)


def test_a_plan_shows_what_would_change(service: Any) -> None:
    """As text and as HTML, hostile names of properties included; without a change there is no table."""
    frame = FRAME.rename(columns={"plan": "<img src=x>"})
    send(service, frame)
    found = plan(service, frame.assign(**{"<img src=x>": ["team", "pro", None, "pro"]}))
    table = repr(found).split("Values that the account does not have yet:")[1].splitlines()
    assert [line.split() for line in table if "img" in line] == [["<img", "src=x>", "1", "2"]]
    assert "&lt;img src=x&gt;" in found._repr_html_()
    assert "<img" not in found._repr_html_()
    assert "does not have yet" not in repr(plan(service, frame))


def test_conflicts_are_judged_before_what_is_unchanged_is_left_out(service: Any) -> None:
    """A row that the account has already still competes with another of its id."""
    send(service, FRAME)
    twice = pd.concat([FRAME, FRAME.head(1).assign(plan="team")])
    assert plan(service, twice).invalid["code"].tolist() == ["duplicate", "duplicate"]
    assert to_send(service, twice, duplicates="last") == ["a"]
    first = plan(service, twice, duplicates="first")
    assert dict(first.counts) == {"input": 5, "invalid": 0, "duplicate": 1, "unchanged": 4, "to_send": 0}


def test_refused_rows_are_not_remembered_and_map_back(service: Any) -> None:
    """A refusal leaves what was acknowledged before; errors point at the input's own rows."""
    service.refuse = {"b": ("bad", "plan", "no"), "d": ("bad", "plan", "no")}
    with apd.sandbox(rows_per_minute=FAST, refuse=service.refuse) as strict_service:
        send(strict_service, FRAME[FRAME["user_id"].isin(["a", "c"])])
        push = send(strict_service, FRAME, only_changed=True, chunk_rows=1)
        assert push.counts[["unchanged", "refused"]].tolist() == [2, 2]
        assert push.errors[["position", "index", "id"]].to_numpy().tolist() == [[1, 20, "b"], [3, 40, "d"]]
        assert push.failed.index.tolist() == [20, 40]
        assert to_send(strict_service, FRAME) == ["b", "d"]


def test_a_refusal_leaves_what_was_acknowledged_before() -> None:
    """The older value is what the account has."""

    def refuse(record: dict[str, Any]) -> tuple[str, str, str] | None:
        return ("bad", "plan", "no") if record.get("metadata", {}).get("plan") == "bad" else None

    with apd.sandbox(rows_per_minute=FAST, refuse=refuse) as service:
        send(service, FRAME)
        assert send(service, FRAME.assign(plan="bad")).counts["refused"] == len(FRAME)
        assert to_send(service, FRAME) == []
        assert to_send(service, FRAME.assign(plan="bad")) == ["a", "b", "c", "d"]


def test_unknown_rows_are_neither_new_nor_old(service: Any) -> None:
    """Nobody knows which value the account has: both are sent again, until one is acknowledged."""
    send(service, FRAME)
    service.fault("lose_rows", share=0.5)
    changed = FRAME[["user_id"]].assign(plan="team")
    assert send(service, changed).counts["unknown"] > 0
    assert set(to_send(service, changed)) == {"a", "b", "c", "d"}
    assert set(to_send(service, FRAME)) == {"a", "b", "d"}  # c left its plan out, and the rest is as it was
    send(service, changed, only_changed=True)
    assert to_send(service, changed) == []


def test_accounts_and_kinds_are_apart(service: Any) -> None:
    """What one account has acknowledged says nothing of another, nor users of companies."""
    send(service, FRAME)
    with apd.sandbox(rows_per_minute=FAST) as other:
        assert len(to_send(other, FRAME)) == len(FRAME)
    companies = FRAME.drop(columns="company_id").rename(columns={"user_id": "company_id"})
    found = apd.plan_companies(companies, client=service.client, only_changed=True)
    assert found.counts["to_send"] == len(FRAME)
    apd.push_companies(companies, client=service.client, progress=False)
    again = apd.plan_companies(companies, client=service.client, only_changed=True)
    assert again.counts["unchanged"] == len(FRAME)


def test_forgotten_is_sent_again(service: Any) -> None:
    """Of one kind, or of both."""
    companies = FRAME[["company_id", "plan"]].dropna().drop_duplicates("company_id")
    send(service, FRAME)
    apd.push_companies(companies, client=service.client, progress=False)
    apd.forget("companies", client=service.client)
    assert apd.plan_companies(companies, client=service.client, only_changed=True).rows == len(companies)
    assert to_send(service, FRAME) == []
    apd.forget(client=service.client)
    assert len(to_send(service, FRAME)) == len(FRAME)
    with pytest.raises(apd.ValidationError, match="'user'"):
        apd.forget("user", client=service.client)  # type: ignore[arg-type]


def test_a_plan_that_others_overtook_is_refused(service: Any) -> None:
    """What it leaves out may not be unchanged any more."""
    send(service, FRAME)
    old = plan(service, FRAME)
    send(service, FRAME.assign(plan="team"))
    with pytest.raises(apd.AnalytexError, match="Plan again"):
        old.push()
    fresh = plan(service, FRAME)
    apd.push_companies(FRAME[["company_id"]].dropna(), client=service.client, progress=False)
    assert fresh.push(wait=True, progress=False).counts["acknowledged"] == 3  # c leaves its plan out


def test_strict_refuses_what_looks_like_a_mistake(service: Any) -> None:
    """A property never sent, with the near match, and one of another type; else both are notes."""
    first = apd.plan_users(FRAME, client=service.client, strict=True)
    assert "nothing is remembered" in first.columns["note"][0]
    first.push(wait=True, progress=False)
    assert apd.plan_users(FRAME, client=service.client, strict=True).columns["note"].eq("").all()
    odd = FRAME.rename(columns={"plan": "plna"}).assign(seats="many")
    with pytest.raises(apd.ValidationError) as caught:
        apd.plan_users(odd, client=service.client, strict=True)
    assert "'plna'" in str(caught.value)
    assert "did you mean 'plan'?" in str(caught.value)
    assert "'seats' is a string" in str(caught.value)
    notes = apd.plan_users(odd, client=service.client).columns.set_index("property")["note"]
    assert "did you mean 'plan'?" in notes["plna"]
    assert "a number" in notes["seats"]


def test_every_push_keeps_the_memory(service: Any) -> None:
    """JSON bodies, retries and resumed pushes count as well."""
    send(service, FRAME, transport="json")
    assert to_send(service, FRAME) == []
    service.fault("fail_job")
    failed = send(service, FRAME.assign(plan="team"), only_changed=True)
    assert failed.counts["refused"] == len(FRAME)
    assert len(to_send(service, FRAME.assign(plan="team"))) == len(FRAME)
    again = failed.retry(client=service.client, wait=True, progress=False)
    assert again.plan.changes.empty
    assert to_send(service, FRAME.assign(plan="team")) == []


def test_layers_laid_together_say_the_same(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base files, layers in the journal and doubt are one memory; what a killed writer left is swept."""
    monkeypatch.setattr(memory, "MAX_CHUNKS", 1)
    for number in range(5):
        frame = FRAME.iloc[number % 4 :].assign(plan=f"plan {number}")
        send(service, frame, chunk_rows=1)
        assert to_send(service, frame) == []
        assert "a" in to_send(service, FRAME.assign(plan="never"))
    folder = bases_folder()
    (folder / "0123456789abcdef").mkdir()
    for number in range(5):
        send(service, FRAME.assign(plan=f"plan {number}"), chunk_rows=1)
    assert len(list(folder.iterdir())) == 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
    apd.forget(client=service.client)
    assert not list(folder.iterdir())


def bases_folder() -> Path:
    """Return where the bases are."""
    from pathlib import Path

    return Path(os.environ["ANALYTEX_STATE_DIR"]) / "memory"


def test_a_base_that_is_gone_is_built_anew(
    service: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it remembered is sent again, with a warning; what came later is not, and the next base heals it."""
    send(service, FRAME)
    with monkeypatch.context() as few:
        few.setattr(memory, "MAX_CHUNKS", 0)
        assert to_send(service, FRAME) == []
    shutil.rmtree(bases_folder())
    send(service, FRAME.head(1))
    assert to_send(service, FRAME) == ["b", "c", "d"]
    assert "is gone" in caplog.text
    caplog.clear()
    monkeypatch.setattr(memory, "MAX_CHUNKS", 0)
    send(service, FRAME, only_changed=True)
    assert to_send(service, FRAME) == []
    assert not caplog.text


def test_no_value_and_no_id_is_kept(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a push, what is remembered holds digests and the names of properties only."""
    monkeypatch.setattr(memory, "MAX_CHUNKS", 0)
    send(
        service,
        pd.DataFrame({"user_id": ["secret-person"], "plan": ["secret-plan"], "company_id": ["secret-firm"]}),
    )
    apd.clean()
    state = bases_folder().parent
    found = [path for path in state.rglob("*") if path.is_file() and b"secret-" in path.read_bytes()]
    leftovers = [path for path in found if not path.name.startswith("journal.sqlite3")]
    assert not leftovers
    assert to_send(service, pd.DataFrame({"user_id": ["secret-person"], "plan": ["secret-plan"]})) == []


OLD = pd.DataFrame({"user_id": [f"u{number}" for number in range(6)], "plan": "old"})
NEW = OLD.assign(plan="new")
SLOW_PUSH = """
import sys
import pandas as pd, analytex_pandas as apd
frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(6)], "plan": "new"})
client = apd.Client(sys.argv[2], sys.argv[1])
apd.push_users(frame, client=client, chunk_rows=2, wait=True, progress=False)
"""


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A sandbox that has taken the first of three chunks from a process that was killed while the second ran."""
    with apd.sandbox(rows_per_minute=240) as service:
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(service.client.state_directory))
        send(service, OLD)
        script = tmp_path / "push.py"
        script.write_text(SLOW_PUSH)
        driver = subprocess.Popen([sys.executable, script, service.url, service.api_key])
        while len(service.client.jobs()) < 3:  # the old rows, and two chunks
            assert driver.poll() is None
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        yield service


def test_kill_between_acknowledgement_and_end(killed: Any) -> None:
    """What was acknowledged is remembered; what was in flight is taken for neither the old value nor the new."""
    assert to_send(killed, NEW) == ["u2", "u3", "u4", "u5"]
    assert to_send(killed, OLD) == ["u0", "u1", "u2", "u3"]
    apd.resume(client=killed.client, wait=True, progress=False)
    assert to_send(killed, NEW) == []


@pytest.mark.parametrize("files_are_there", [True, False])
def test_history_that_is_dropped_leaves_its_doubt(killed: Any, files_are_there: bool) -> None:
    """An upload that was given up without an answer may have changed the account, be its files there or not."""
    push_id = apd.pushes()["id"][0]
    if not files_are_there:
        shutil.rmtree(bases_folder().parent / "spool" / push_id)
    apd.clean(push_id)
    assert to_send(killed, OLD) == ["u0", "u1", "u2", "u3"]


@pytest.mark.parametrize("meanwhile", ["nothing", "laid together", "forgotten"])
def test_another_push_before_an_answer_that_came_late(
    killed: Any, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is read after another push's was not given after it: who of the two was last, nobody knows."""
    send(killed, OLD.iloc[2:4])
    if meanwhile == "laid together":
        monkeypatch.setattr(memory, "MAX_CHUNKS", 0)
        to_send(killed, OLD)
    elif meanwhile == "forgotten":
        apd.forget(client=killed.client)
    apd.resume(apd.pushes()["id"][1], client=killed.client, wait=True, progress=False)
    held = killed.users.set_index("user_id")["plan"]
    for frame in (NEW, OLD):
        differ = [
            name for name, value in zip(frame["user_id"], frame["plan"], strict=True) if held[name] != value
        ]
        assert set(differ) <= set(to_send(killed, frame))


def test_what_a_rebound_push_had_in_flight_stays_doubtful(killed: Any) -> None:
    """A push that goes on under another account may have changed the first."""
    with apd.sandbox(rows_per_minute=FAST) as other:
        client = apd.Client(other.api_key, other.url, state_directory=killed.client.state_directory)
        push_id = apd.pushes(client=client)["id"][0]
        apd.resume(push_id, client=client, rebind=True, wait=True, progress=False)
    assert {"u2", "u3"} <= set(to_send(killed, OLD))


EXAMPLES = int(os.environ.get("ANALYTEX_MEMORY_EXAMPLES", "4"))
IDS = [f"u{number}" for number in range(4)]
STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "ids": st.lists(st.sampled_from(IDS), min_size=1, unique=True),
            "values": st.lists(st.integers(0, 2), min_size=4, max_size=4),
            "columns": st.sampled_from([["p"], ["q"], ["p", "q"]]),
            "fault": st.sampled_from(
                [None, None, "fail_job", "lose_rows", "drop_answer", "accepted_500", "drop_request"]
            ),
            "only_changed": st.booleans(),
            "then": st.sampled_from(["", "", "fold", "forget", "clean", "stop", "retry"]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_what_counts_as_unchanged_is_what_the_account_has(
    steps: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever pushes met: faults, refusals, answers that were lost, history that was dropped, what was folded."""
    refuse = {"u3": ("bad", "p", "no")}
    with apd.sandbox(rows_per_minute=FAST, refuse=refuse, echo_filename=False) as service:
        for step in steps:
            frame = pd.DataFrame({"user_id": step["ids"]})
            for column in step["columns"]:
                frame[column] = step["values"][: len(frame)]
            note(str(step))
            # A lost row beside a refused one adds up where completed_rows may mean either.
            if step["fault"] and not (step["fault"] == "lose_rows" and "u3" in step["ids"]):
                service.fault(step["fault"], "submit")
            push = apd.push_users(
                frame, only_changed=step["only_changed"], chunk_rows=2, wait=False, progress=False,
                max_errors=0 if step["then"] == "stop" else None,
            )  # fmt: skip
            with contextlib.suppress(apd.AnalytexError):
                push.wait()
            service.clear_faults()
            if step["then"] == "forget":
                apd.forget()
            elif step["then"] == "clean":
                apd.clean(push.id)
            elif step["then"] == "retry":
                push.retry(unknown=True, wait=True, progress=False)
            monkeypatch.setattr(memory, "MAX_CHUNKS", 0 if step["then"] == "fold" else 400)
            check_unchanged(service)


def check_unchanged(service: Any) -> None:
    """Hold that no row counts as unchanged that the account has otherwise."""
    users = service.users
    held = users.set_index("user_id") if len(users) else users
    for column in ("p", "q"):
        for value in range(3):
            frame = pd.DataFrame({"user_id": IDS, column: value})
            sent = {record["user_id"] for record in plan(service, frame).records(10)}
            for name in set(IDS) - sent:
                assert held.loc[name, column] == value
