"""The journal and the locks: private, durable, shared by processes, and never silently replaced."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from analytex_pandas.delivery.blobs import to_blob
from analytex_pandas.delivery.journal import CHUNK_COLUMNS, VERSION, Journal, add_answers
from analytex_pandas.delivery.locks import acquired, driver_lock, drop, is_free
from analytex_pandas.delivery.state import ChunkState
from analytex_pandas.errors import AnalytexError

NOW = dt.datetime(2026, 11, 23, 23, 15, tzinfo=dt.UTC)


def opened(directory: Path, push_id: str = "p1") -> Journal:
    """Return the journal of a new push of two chunks."""
    journal = Journal(directory)
    assert open_push(journal, push_id)
    return journal


def open_push(journal: Journal, push_id: str) -> bool:
    """Write a push of two chunks down."""
    return journal.open_push(
        push_id,
        [(1, 3, 30), (2, 2, 20)],
        kind="users", account="acc", base_url="https://x", status="running", parent=None,
        counts={"input": 5}, document=b"{}", created_at=NOW,
    )  # fmt: skip


def test_files_and_directories_are_for_this_user_only(tmp_path: Path) -> None:
    """Whatever the umask: 0600 and 0700, SQLite's helper files included."""
    before = os.umask(0o000)
    try:
        journal = opened(tmp_path / "a" / "b")
        with journal.writing() as connection:
            connection.execute("UPDATE push SET status = 'x'")
            connection.execute("COMMIT")
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a" / "b").iterdir()
            }
            connection.execute("BEGIN")
    finally:
        os.umask(before)
    assert set(modes) == {"journal.sqlite3", "journal.sqlite3-wal", "journal.sqlite3-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """The life of a chunk in the journal: intent, doubt, job, answer."""
    journal = opened(tmp_path)
    known = ("ü", "j0")
    intent = {"status": "submitting", "attempts": 1, "known_jobs": known, "submitted_at": NOW}
    journal.update("p1", 1, **intent)
    first = ChunkState(1, 3, 30, "submitting", attempts=1, submitted_at=NOW, known_jobs=known)
    assert journal.push("p1").chunks == (first, ChunkState(2, 2, 20))
    ended = ChunkState(1, 3, 30, "completed_with_errors", "a/b", 1, 2, 1, 0, NOW, NOW)
    error = (7, "ann", "plan", "e1", "bad \u2603", "a/b", "{}")
    rows = pa.table({"position": [7]})
    values = {name: getattr(ended, name) for name in CHUNK_COLUMNS.split(", ")}
    journal.update("p1", 1, lambda it: add_answers(it, "p1", 1, [error], to_blob(rows)), **values)
    assert journal.push("p1").chunks[0] == ended
    (found,) = journal.errors("p1")
    assert tuple(found.values()) == ("p1", 1, 0, *error)
    assert journal.kept("p1") == {1: rows}
    assert journal.owners(["a/b", "nowhere"]) == {"a/b": ("p1", 1)}
    (push,) = journal.pushes()
    assert (push.id, push.started_at, push.chunks) == ("p1", NOW, journal.push("p1").chunks)
    assert (push.counts["input"], push.counts["refused"], push.counts["pending"]) == (5, 1, 2)
    with journal.writing() as connection:
        connection.execute("DELETE FROM push")
    assert journal.pushes() == journal.errors("p1") == [*journal.kept("p1")] == []


def test_what_fails_along_undoes_the_change(tmp_path: Path) -> None:
    """What is written with a change of a chunk is in one transaction with it."""
    journal = opened(tmp_path)

    def also(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE noted (x)")
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        journal.update("p1", 1, also, status="completed")
    assert journal.push("p1").chunks[0].status == "pending"
    with journal.reading() as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT * FROM noted")


def test_a_push_is_written_down_once(tmp_path: Path) -> None:
    """A cell run twice does not make two pushes of one plan."""
    assert not open_push(opened(tmp_path), "p1")


def test_an_end_is_not_overwritten_by_a_late_pause(tmp_path: Path) -> None:
    """Somebody presses Pause in the moment the push ends."""
    journal = opened(tmp_path)
    journal.update("p1", status="completed", ended_at=NOW)
    journal.pause("p1", "paused")
    record = journal.push("p1")
    assert record.status == "completed"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"this is no database at all, but text of some length" * 40, "damaged"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "damaged|cannot be used"),
    ],
)
def test_a_damaged_journal_is_named_and_kept(tmp_path: Path, content: bytes, says: str) -> None:
    """Nothing of a damaged journal is overwritten: somebody may still mend it."""
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(content)
    with pytest.raises(AnalytexError, match=says) as caught:
        Journal(tmp_path).salt()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_journal_cut_short_is_named_and_kept(tmp_path: Path) -> None:
    """A full disk or a bad copy leaves half a file."""
    opened(tmp_path)
    path = tmp_path / "journal.sqlite3"
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    with pytest.raises(AnalytexError, match=r"damaged|cannot be used"):
        Journal(tmp_path).pushes()
    assert path.read_bytes() == half


@pytest.mark.parametrize(("version", "says"), [(VERSION + 1, "newer"), (1, "older")])
def test_another_version_is_refused_and_kept(tmp_path: Path, version: int, says: str) -> None:
    """A journal of another version is neither misread nor migrated in silence."""
    opened(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite3") as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = (tmp_path / "journal.sqlite3").read_bytes()
    with pytest.raises(AnalytexError, match=says):
        Journal(tmp_path).salt()
    assert (tmp_path / "journal.sqlite3").read_bytes() == before


@pytest.mark.parametrize("version", range(2, VERSION))
def test_an_older_version_that_is_known_becomes_this_one(tmp_path: Path, version: int) -> None:
    """An update of the package between two pushes costs nothing of the history, from however long ago."""
    opened(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite3") as connection:
        for added in [("push", "source"), ("chunk", "heard"), ("push", "digest"), ("chunk", "twins")][
            : VERSION + 1 - version
        ]:
            connection.execute("ALTER TABLE {} DROP COLUMN {}".format(*added))
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    journal = Journal(tmp_path)
    assert [push.id for push in journal.pushes()] == ["p1"]
    assert open_push(journal, "p2")
    assert {row["digest"] for row in journal.rows("SELECT digest FROM push")} == {None}


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """ANALYTEX_STATE_DIR may point where another program keeps its own file of that name."""
    with sqlite3.connect(tmp_path / "journal.sqlite3") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(AnalytexError, match="no journal of analytex_pandas"):
        Journal(tmp_path).salt()


def test_many_threads_and_processes_write_at_once(tmp_path: Path) -> None:
    """Two processes may share a state directory from its first moment on."""
    code = (
        "import sys; from pathlib import Path; from analytex_pandas.delivery.journal import Journal\n"
        "print(Journal(Path(sys.argv[1])).salt().hex())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(3)
    ]
    with ThreadPoolExecutor(8) as pool:
        salts = {salt.hex() for salt in pool.map(lambda _: Journal(tmp_path).salt(), range(24))}
    for process in processes:
        salts.add(process.communicate()[0].strip())
        assert process.returncode == 0
    assert len(salts) == 1


def test_one_driver_at_a_time_within_a_process(tmp_path: Path) -> None:
    """Neither another thread nor a fork of this process drives what it drives."""
    first, second = driver_lock(tmp_path, "p"), driver_lock(tmp_path, "p")
    assert acquired(first)
    assert not acquired(second, 0.0)
    assert not is_free(second)
    drop(first)
    assert is_free(second)
    assert acquired(second, 0.0)
    drop(second)
    assert not list((tmp_path / "locks").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_killed_driver_gives_its_lock_back(tmp_path: Path) -> None:
    """Another process is kept out while the driver lives, asked or not, and let in when it is dead."""
    code = (
        "import sys; from pathlib import Path; from analytex_pandas.delivery.locks import acquired, driver_lock\n"
        "lock = driver_lock(Path(sys.argv[1]), 'p'); assert acquired(lock); print('held', flush=True); input()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        lock = driver_lock(tmp_path, "p")
        assert not is_free(lock)
        assert not is_free(lock), "asking must not take the lock away"
        assert not acquired(lock, 0.0)
        process.kill()
        process.wait()
        assert acquired(lock)
        lock.release()
