"""The state directory in a world that others share: nothing of theirs is deleted, nothing of ours is open to them."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from driving import begin, client_of, refusing, resume, wait_until
from other_service import serving

import analytex_pandas as apd

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": ["a", "b"], "n": [1, 2]})
OURS = "20260102-030405-0a1b2c3d"
"""A name of the form of our own."""


def foreign(folder: Path) -> Path:
    """Return a file that somebody else has put somewhere."""
    folder.mkdir(parents=True)
    (folder / "holiday.txt").write_text("do not delete")
    return folder / "holiday.txt"


@pytest.mark.parametrize("name", ["photos", OURS, "0123456789abcdef"])
@pytest.mark.parametrize("folder", ["spool", "memory"])
@pytest.mark.parametrize("before", [True, False])
def test_what_others_keep_there_stays(state_directory: Path, folder: str, name: str, before: bool) -> None:
    """Whatever its name, if it was there first; and what has no name of ours, or no file of ours in it, ever."""
    if not before:
        apd.plan_users(FRAME)
    theirs = foreign(state_directory / folder / name)
    with apd.sandbox() as sandbox:
        client = apd.Client(sandbox.api_key, sandbox.url, state_directory=state_directory)
        push = apd.push_users(FRAME, client=client, progress=False, wait=True)
        apd.plan_users(FRAME, client=client, only_changed=True)
        apd.forget(client=client)
        apd.clean(push.id, client=client)
    assert theirs.read_text() == "do not delete"


@pytest.mark.parametrize("folder", ["spool", "memory"])
def test_nothing_is_deleted_through_a_link(state_directory: Path, tmp_path: Path, folder: str) -> None:
    """A folder that is a link leads to something of somebody else."""
    apd.plan_users(FRAME)
    theirs = [foreign(tmp_path / name) for name in (OURS, "0123456789abcdef")]
    (tmp_path / OURS / "00001.ndjson").write_text("theirs, too")
    if (state_directory / folder).is_dir():
        (state_directory / folder).rename(tmp_path / "moved")
    (state_directory / folder).symlink_to(tmp_path)
    with apd.sandbox() as sandbox:
        client = apd.Client(sandbox.api_key, sandbox.url, state_directory=state_directory)
        apd.push_users(FRAME, client=client, progress=False, wait=True)
        apd.forget(client=client)
    assert all(path.exists() for path in theirs)
    assert (tmp_path / OURS / "00001.ndjson").exists()


def test_ids_that_somebody_planted_lead_nowhere(state_directory: Path, tmp_path: Path) -> None:
    """A journal is a file that others may have written: an id of it is not part of a path before it has our form."""
    theirs = foreign(tmp_path / "victim")
    with serving() as service:
        client = client_of(service, state_directory)
        push = begin(state_directory, service)
        push.wait()
        outside = os.path.relpath(tmp_path / "victim", state_directory / "spool")
        with sqlite3.connect(state_directory / "journal.sqlite3") as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("UPDATE push SET id = ?, status = 'completed'", [outside])
            connection.execute("UPDATE chunk SET push = ?", [outside])
        connection.close()
        with pytest.raises(apd.AnalytexError, match="no id of a push of ours"):
            apd.clean(outside, client=client)
        apd.plan_users(FRAME, client=client)
    assert theirs.exists()


@pytest.mark.parametrize("journal", ["missing", "empty"])
def test_unsent_records_outlive_their_journal(
    state_directory: Path, journal: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The next plan says what is there, and how it is saved, and leaves it alone."""
    with serving(seconds_a_job=0.2) as service:
        push = begin(state_directory, service, 6, 2)
        wait_until(lambda: push.counts["acknowledged"])
        push.cancel()
        push.wait()
        left = sorted(path.name for path in (state_directory / "spool" / push.id).glob("*.ndjson"))
        assert left
        for path in state_directory.glob("journal.sqlite3*"):
            path.unlink()
        if journal == "empty":
            (state_directory / "journal.sqlite3").touch()
        for _ in range(2):
            apd.plan_users(FRAME, client=client_of(service, state_directory))
    assert sorted(path.name for path in (state_directory / "spool" / push.id).glob("*.ndjson")) == left
    said = [record.getMessage() for record in caplog.records if push.id in record.getMessage()]
    assert len(said) == 1
    assert re.search("does not know.*Put the journal back.*read_json", said[0])


CHILD = """
import os, sys, pandas as pd, analytex_pandas as apd
plan = apd.plan_users(pd.DataFrame({"user_id": ["a"]}))
with apd.sandbox():
    there = apd.plan_users(pd.DataFrame({"user_id": ["a"]}))
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print(plan.records(1), there.push(progress=False).status)
"""


def test_a_forked_child_that_ends_leaves_its_parents_plans() -> None:
    """What a process made, no other takes away at its end."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[{'user_id': 'a'}] completed", done.stderr


def test_what_is_open_to_others_is_tightened(state_directory: Path) -> None:
    """An older version, a copy or a careless umask may have left it so; a user's own folder keeps its mode."""
    os.umask(0o022)
    with serving() as service:
        begin(state_directory, service).wait()
        apd.plan_users(FRAME)
        places = [
            state_directory,
            *(state_directory / name for name in ("spool", "locks", "journal.sqlite3")),
        ]
        for place in places:
            place.chmod(0o777)
        apd.plan_users(FRAME)
        apd.pushes(client=client_of(service, state_directory))
        assert [stat.S_IMODE(place.stat().st_mode) & 0o077 for place in places] == [0] * 4
        (state_directory / "notes.txt").touch()
        state_directory.chmod(0o755)
        apd.plan_users(FRAME)
        assert stat.S_IMODE(state_directory.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", [".", "spool", "journal.sqlite3"])
def test_what_belongs_to_another_user_is_refused(state_directory: Path, what: str) -> None:
    """Its owner could read the records, or plant others."""
    with serving() as service:
        client = client_of(service, state_directory)
        begin(state_directory, service).wait()
        os.chown(state_directory / what, 12345, -1)
        with pytest.raises(apd.AnalytexError, match=r"belongs to another user.*ANALYTEX_STATE_DIR"):
            apd.push_users(FRAME, client=client, progress=False)
        assert len(service.jobs) == 3


WAITING = """
import os, sys, pandas as pd, analytex_pandas as apd
with apd.sandbox(rows_per_minute=120):
    push = apd.push_users(pd.DataFrame({"user_id": ["a", "b"]}), wait=False, progress=False)
    if os.fork() == 0:
        try:
            push.wait()
        except apd.AnalytexError as error:
            print("forked from" in str(error), flush=True)
        os._exit(0)
    os.wait()
    print(push.wait().status)
"""


def test_a_forked_child_does_not_wait_for_ever() -> None:
    """Its copy of a push is driven by nobody."""
    done = subprocess.run(
        [sys.executable, "-c", WAITING], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["True", "completed"], done.stderr


def test_a_push_that_no_thread_can_drive_is_resumed_later(
    state_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may refuse one; nobody waits for ever."""
    with serving() as service:
        with monkeypatch.context() as patch:

            def refuse(_: threading.Thread) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", refuse)
            push = begin(state_directory, service)
            with pytest.raises(apd.AnalytexError, match="cannot be driven: can't start new thread"):
                push.wait(10)
        assert push.status == "failed"
        assert resume(push.id, client_of(service, state_directory)).wait(30).status == "completed"


def test_an_id_of_a_job_may_be_any_text(state_directory: Path) -> None:
    """Half a surrogate, too: it is kept, shown, and asked for as it came."""
    with serving(odd_ids=False, report=refusing(1)) as service:
        name = service._new_job  # noqa: SLF001  # what names jobs

        def named(*arguments: Any, **options: Any) -> Any:
            job = name(*arguments, **options)
            job.job_id += "\ud800\x1b[31m"
            return job

        service._new_job = named  # type: ignore[method-assign]  # noqa: SLF001
        push = begin(state_directory, service).wait(60)
        assert push.counts["acknowledged"] == 5
        assert push.jobs["job_id"].str.endswith("\ud800\x1b[31m").all()
        assert push.errors["job_id"][0] == push.jobs["job_id"][0]
        assert "\x1b" not in repr(push)
        again = resume(push.id, client_of(service, state_directory))
        assert again.jobs["job_id"].tolist() == push.jobs["job_id"].tolist()
