"""What was intended and what came of it, on disk: one SQLite file for all pushes of a state directory.

Intent is written before its effect, the result after it, each in one transaction that is on the disk when it
returns. Every operation opens the file anew and closes it: so several processes, threads and forks can use it
at once, and a kill at any moment costs the transaction under way and nothing else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import secrets
import sqlite3
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.delivery.files import JOURNAL, ready, tighten
from analytex_pandas.delivery.state import ChunkState
from analytex_pandas.errors import AnalytexError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from analytex_pandas.settings import Kind

APPLICATION_ID: Final = 0x41504450
"""Marks the file as one of ours; ASCII for APDP."""
VERSION: Final = 2
BUSY_TIMEOUT: Final = 60.0
"""Seconds to wait for another process to finish its transaction."""
SALT_BYTES: Final = 32


PUSH_COLUMNS: Final = (
    "id, kind, account, base_url, status, error_class, error, parent, counts, created_at, ended_at, driver, "
    "forgiven_refused, forgiven_answered"
)
CHUNK_COLUMNS: Final = (
    "number, rows, bytes, status, job_id, attempts, completed_rows, refused, unknown, submitted_at, ended_at, "
    "known_jobs"
)
ERROR_VALUES: Final = ("position", "id", "property", "code", "message", "job_id", "raw")


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A push as the journal has it: the columns of its table but for the plan."""

    id: str
    kind: Kind
    account: str
    base_url: str
    status: str
    error_class: str | None
    error: str | None
    parent: str | None
    counts: Mapping[str, int]
    created_at: dt.datetime
    ended_at: dt.datetime | None
    driver: Mapping[str, Any] | None
    forgiven_refused: int
    forgiven_answered: int


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A row error as the journal has it."""

    chunk: int
    position: int | None
    id: str | None
    property: str | None
    code: str | None
    message: str
    job_id: str | None
    raw: str


class Journal:
    """The journal of one state directory, which is made, for this user only, when something is written."""

    def __init__(self, state_directory: Path) -> None:
        self.directory = state_directory
        self.path = state_directory / JOURNAL

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    def exists(self) -> bool:
        return self.path.exists()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection within one transaction: all of it is on the disk afterwards, or nothing."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one moment of the journal."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield connection

    def salt(self) -> bytes:
        """Return the secret of this state directory with which accounts are digested."""
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO setting VALUES ('salt', ?) ON CONFLICT DO NOTHING",
                [secrets.token_bytes(SALT_BYTES)],
            )
            (salt,) = connection.execute("SELECT value FROM setting WHERE name = 'salt'").fetchone()
        return bytes(salt)

    def open_push(self, push_id: str, chunks: Iterable[tuple[int, int, int]], **values: object) -> bool:
        """Write a new push down, with (number, rows, bytes) of its chunks; False when it is there already."""
        values = {"id": push_id, **{name: encoded(value) for name, value in values.items()}}
        with self.writing() as connection:
            if connection.execute("SELECT 1 FROM push WHERE id = ?", [push_id]).fetchone():
                return False
            connection.execute(
                f"INSERT INTO push ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608  # names of columns
                list(values.values()),
            )
            connection.executemany(
                "INSERT INTO chunk (push, number, rows, bytes) VALUES (?, ?, ?, ?)",
                ((push_id, *chunk) for chunk in chunks),
            )
        return True

    def update(self, push_id: str, /, **values: object) -> None:
        with self.writing() as connection:
            changed = connection.execute(
                f"UPDATE push SET {assignments(values)} WHERE id = ?",  # noqa: S608  # names of columns
                [*map(encoded, values.values()), push_id],
            )
            self.check(changed, push_id)

    def update_chunk(
        self,
        push_id: str,
        number: int,
        values: Mapping[str, object],
        also: Callable[[sqlite3.Connection], object] | None = None,
    ) -> None:
        """Change columns of a chunk; `also` writes in the same transaction, and an error of it undoes the whole."""
        with self.writing() as connection:
            changed = connection.execute(
                f"UPDATE chunk SET {assignments(values)} WHERE push = ? AND number = ?",  # noqa: S608  # names of columns
                [*map(encoded, values.values()), push_id, number],
            )
            self.check(changed, push_id)
            if also is not None:
                also(connection)

    def pause(self, push_id: str, status: str) -> None:
        """Write down what a push is doing, unless it has just ended."""
        with self.writing() as connection:
            connection.execute(
                "UPDATE push SET status = ? WHERE id = ? AND ended_at IS NULL", [status, push_id]
            )

    def check(self, changed: sqlite3.Cursor, push_id: str) -> None:
        if changed.rowcount != 1:
            raise AnalytexError(
                f"The journal {self.path} does not have push {push_id!r} any more: somebody has removed or replaced "
                "the file while the push was driven. Nothing more is sent, since it could not be written down. Put the "
                "file back and resume; else plan again what was not sent."
            )

    def push(self, push_id: str) -> PushRecord | None:
        """Return a push, or None when there is none of this id."""
        row = self.rows(f"SELECT {PUSH_COLUMNS} FROM push WHERE id = ?", push_id)  # noqa: S608  # a constant
        return push_record(row[0]) if row else None

    def pushes(self) -> list[tuple[PushRecord, tuple[ChunkState, ...]]]:
        """Return every push with its chunks, newest first."""
        with self.reading() as connection:
            found = connection.execute(
                f"SELECT {PUSH_COLUMNS} FROM push ORDER BY created_at DESC, id DESC"  # noqa: S608  # a constant
            ).fetchall()
            return [(push_record(row), chunk_states(connection, row[0])) for row in found]

    def has(self, push_id: str) -> bool:
        """Tell whether a push has begun: not in a journal that cannot be read, since it is written down first."""
        try:
            return self.exists() and self.push(push_id) is not None
        except AnalytexError:
            return False

    def document(self, push_id: str) -> bytes:
        ((document,),) = self.rows("SELECT document FROM push WHERE id = ?", push_id)
        return bytes(document)

    def chunks(self, push_id: str) -> tuple[ChunkState, ...]:
        with self.reading() as connection:
            return chunk_states(connection, push_id)

    def errors(self, push_id: str) -> list[ErrorRecord]:
        """Return every row error of a push so far, by chunk, in the service's order."""
        found = self.rows(
            "SELECT chunk, position, id, property, code, message, job_id, raw FROM error WHERE push = ? "
            "ORDER BY chunk, ordinal",
            push_id,
        )
        return [ErrorRecord(*row) for row in found]

    def kept(self, push_id: str) -> list[bytes]:
        """Return the kept rows (see ``kept``) of every chunk that has some, by chunk."""
        return [
            bytes(blob)
            for (blob,) in self.rows("SELECT rows FROM kept WHERE push = ? ORDER BY chunk", push_id)
        ]

    def owners(self, job_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return which of these jobs are chunks of pushes known here: job id to (push id, chunk number)."""
        found = self.rows(
            "SELECT job_id, push, number FROM chunk WHERE job_id IN (SELECT value FROM json_each(?))",
            json.dumps(list(job_ids)),
        )
        return {job_id: (push, number) for job_id, push, number in found}

    def rows(self, query: str, *values: object) -> list[Any]:
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with translated(self.path):
            self._make()
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)
            try:
                self._prepare(connection)
                yield connection
            finally:
                connection.close()

    def _make(self) -> None:
        """Make the file for this user only; SQLite gives its helper files the mode of the file itself."""
        try:
            ready(self.directory)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            tighten(self.path, True)
        except OSError as error:
            raise AnalytexError(
                f"The journal {self.path} cannot be made: {error}. Set ANALYTEX_STATE_DIR to a directory of "
                "your own."
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        if version_of(connection) is None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have been here between the look and the lock.
            if version_of(connection) is None:
                # Not executescript: that would end the transaction, and a kill in between leave half a
                # schema.
                for statement in filter(str.strip, SCHEMA_STATEMENTS):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        found = version_of(connection)
        if found != VERSION:
            raise AnalytexError(other_version(self.path, found))


def add_answers(
    connection: sqlite3.Connection,
    push_id: str,
    number: int,
    errors: Iterable[ErrorRecord],
    kept: bytes | None,
) -> None:
    """Write down the row errors of a chunk, and its rows that are kept."""
    connection.executemany(
        "INSERT INTO error (push, chunk, ordinal, position, id, property, code, message, job_id, raw) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (push_id, number, ordinal, *(getattr(error, name) for name in ERROR_VALUES))
            for ordinal, error in enumerate(errors)
        ),
    )
    if kept is not None:
        connection.execute("INSERT INTO kept VALUES (?, ?, ?)", [push_id, number, kept])


def encoded(value: object) -> object:
    """Return a value as SQLite holds it: times as seconds since 1970, what has parts as JSON."""
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, frozenset):
        return json.dumps(sorted(value))
    return json.dumps(value) if isinstance(value, dict) else value


def assignments(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = ?" for name in values)


def push_record(row: Sequence[Any]) -> PushRecord:
    values = dict(zip(PUSH_COLUMNS.split(", "), row, strict=True))
    values["counts"] = json.loads(values["counts"])
    values["driver"] = None if values["driver"] is None else json.loads(values["driver"])
    return PushRecord(**with_times(values, "created_at", "ended_at"))


def chunk_states(connection: sqlite3.Connection, push_id: str) -> tuple[ChunkState, ...]:
    rows = connection.execute(
        f"SELECT {CHUNK_COLUMNS} FROM chunk WHERE push = ? ORDER BY number",  # noqa: S608  # a constant
        [push_id],
    )
    return tuple(chunk_state(dict(zip(CHUNK_COLUMNS.split(", "), row, strict=True))) for row in rows)


def chunk_state(values: dict[str, Any]) -> ChunkState:
    known = values["known_jobs"]
    values["known_jobs"] = None if known is None else frozenset(json.loads(known))
    return ChunkState(**with_times(values, "submitted_at", "ended_at"))


def with_times(values: dict[str, Any], *names: str) -> dict[str, Any]:
    times = {name: values[name] for name in names if values[name] is not None}
    return values | {name: dt.datetime.fromtimestamp(seconds, dt.UTC) for name, seconds in times.items()}


def without_comments(schema: str) -> str:
    """Return the schema without its comments, which may hold semicolons."""
    return "\n".join(line.partition("--")[0] for line in schema.splitlines())


SCHEMA: Final = files(__package__).joinpath("schema.sql").read_text("utf-8")
SCHEMA_STATEMENTS: Final = tuple(without_comments(SCHEMA).split(";"))


def version_of(connection: sqlite3.Connection) -> int | None:
    """Return the version of a journal, None for an empty file, -1 for a file that is something else."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not application:
        return None
    return int(version) if application == APPLICATION_ID else -1


def other_version(path: Path, found: int | None) -> str:
    """Return what to say of a journal that is none of this version."""
    if found is not None and found > VERSION:
        what = f"was written by a newer analytex_pandas (journal version {found}; this one reads {VERSION})"
        way = "Upgrade analytex-pandas, or set ANALYTEX_STATE_DIR to another directory."
    elif found is not None and found >= 0:
        what = f"was written by an older analytex_pandas (journal version {found}; this one reads {VERSION})"
        way = "Finish its pushes with that version, or set ANALYTEX_STATE_DIR to another directory."
    else:
        what = "is no journal of analytex_pandas"
        way = "Move the file away, or set ANALYTEX_STATE_DIR to another directory."
    return f"{path} {what}. It was left as it is. {way}"


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the journal into errors that tell what to do."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a mistake of ours, not of the file's
    except sqlite3.OperationalError as error:
        raise AnalytexError(
            f"The journal {path} cannot be used: {error}. Is its disk full or read-only, or does another "
            "program hold it? Nothing that was written down before is lost; try again when that is mended."
        ) from error
    except sqlite3.DatabaseError as error:
        raise AnalytexError(
            f"The journal {path} is damaged: {error}. It was left as it is. Restore it from a backup, or "
            "move it away, with the files beside it of the same name, to start anew; what earlier pushes did "
            "is then not known here."
        ) from error
