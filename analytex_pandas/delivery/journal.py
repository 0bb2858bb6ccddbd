"""What was intended and what came of it, on disk: one SQLite file for all pushes of a state directory.

Intent is written before its effect, the result after it, each in one transaction that is on the disk when it
returns. Every operation opens the file anew and closes it: so several processes, threads and forks can use it
at once, and a kill at any moment costs the transaction under way and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from analytex_pandas.delivery.blobs import from_blob, sealed, unsealed
from analytex_pandas.delivery.files import ID, JOURNAL, ready, tighten, usable
from analytex_pandas.delivery.locks import UNFORKED
from analytex_pandas.delivery.state import ChunkState, PushState, counted
from analytex_pandas.errors import AnalytexError, NotFoundError, did_you_mean, harmless_line
from analytex_pandas.frame.columns import is_unicode
from analytex_pandas.frame.document import PlanDocument

Also = Callable[[sqlite3.Connection], object]
"""Writes in the same transaction, or looks; an error of it undoes the whole."""
Sizes = Iterable[tuple[int, int, int]]
"""(number, rows, bytes) of chunks."""

SCHEMA: Final = files(__package__).joinpath("schema.sql").read_text("utf-8")
APPLICATION_ID: Final = 0x41504450
"""Marks the file as one of ours; ASCII for APDP."""
VERSION: Final = 5
STEPS: Final = {
    2: ("ALTER TABLE chunk ADD COLUMN twins TEXT",),
    3: ("ALTER TABLE push ADD COLUMN digest TEXT",),
    4: (
        "ALTER TABLE push ADD COLUMN source TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE chunk ADD COLUMN heard TEXT",
    ),
}
"""What makes the next version of a journal of an older one."""
BUSY_TIMEOUT: Final = 60.0
"""Seconds to wait for another process to finish its transaction."""
SALT_BYTES: Final = 32
MISTYPED: Final = 0.9  # ids of one day are rather alike anyway

CHUNK_COLUMNS: Final = ", ".join(field.name for field in dataclasses.fields(ChunkState))
PUSH_COLUMNS: Final = (
    "id, kind, account, base_url, status, error_class, error, parent, counts, created_at AS started_at, ended_at, "
    "driver, source, forgiven_refused, forgiven_answered"
)
DECODED: Final[dict[str, Callable[[Any], Any]]] = {
    "counts": json.loads,
    "driver": json.loads,
    "job_id": lambda text: text.decode("utf-8", "surrogatepass") if isinstance(text, bytes) else text,
    **dict.fromkeys(("known_jobs", "twins"), lambda ids: tuple(json.loads(ids))),
    **dict.fromkeys(
        ("started_at", "submitted_at", "ended_at"), lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
    ),
}
"""How columns are read that SQLite has no type for; see ``encoded``."""


class Journal:
    """The journal of one state directory, which is made, for this user only, when something is written."""

    def __init__(self, state_directory: Path) -> None:
        self.directory = state_directory
        self.path = state_directory / JOURNAL

    def exists(self) -> bool:
        with usable():
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

    def open_push(self, push_id: str, chunks: Sizes, also: Also | None = None, /, **values: object) -> bool:
        """Write a new push down, with its chunks; False when it is there already."""
        names = ", ".join(values)
        with self.writing() as connection:
            opened = connection.execute(
                f"INSERT INTO push (id, {names}) VALUES (?{', ?' * len(values)}) ON CONFLICT DO NOTHING",  # noqa: S608  # names of columns
                [push_id, *map(encoded, values.values())],
            )
            if opened.rowcount:
                add_chunks(connection, push_id, chunks)
                if also is not None:
                    also(connection)
            return opened.rowcount > 0

    def update(
        self, push_id: str, number: int | None = None, also: Also | None = None, /, **values: object
    ) -> None:
        """Change columns of a push, or of a chunk of it."""
        columns = ", ".join(f"{name} = ?" for name in values)
        one = "push SET {} WHERE id = ?" if number is None else "chunk SET {} WHERE push = ? AND number = ?"
        keys = [push_id] if number is None else [push_id, number]
        with self.writing() as connection:
            changed = connection.execute(
                f"UPDATE {one.format(columns)}",  # names of columns
                [*map(encoded, values.values()), *keys],
            )
            if changed.rowcount != 1:
                raise AnalytexError(
                    f"The journal {self.path} does not have push {push_id!r} any more: somebody has removed or "
                    "replaced the file while the push was driven. Nothing more is sent, since it could not be written "
                    "down. Put the file back and resume; else plan again what was not sent."
                )
            if also is not None:
                also(connection)

    def recut(
        self,
        push_id: str,
        left: Iterable[tuple[int, int, int]],
        chunks: Sizes,
        document: PlanDocument,
        also: Also,
    ) -> None:
        """Put chunks in the place of some that have (number, rows, refused rows) left."""
        with self.writing() as connection:
            connection.executemany(
                "UPDATE chunk SET rows = ?3, refused = ?4, bytes = 0, "
                "status = iif(?4, 'completed_with_errors', 'completed') WHERE push = ?1 AND number = ?2",
                ((push_id, *chunk) for chunk in left),
            )
            add_chunks(connection, push_id, chunks)
            also(connection)
            values = [sealed(document.to_bytes()), push_id]
            connection.execute("UPDATE push SET document = ? WHERE id = ?", values)

    def pause(self, push_id: str, status: str) -> None:
        """Write down what a push is doing, unless it has just ended."""
        with self.writing() as connection:
            query = "UPDATE push SET status = ? WHERE id = ? AND ended_at IS NULL"
            connection.execute(query, [status, push_id])

    def push(self, push_id: str) -> PushState:
        found = self._states("WHERE id = ?", push_id)
        if not found:
            hint = did_you_mean(push_id, [push.id for push in self.pushes()], likeness=MISTYPED)
            left = self.directory / "spool" / push_id if ID.fullmatch(push_id) else None
            if left is not None and left.is_dir():
                hint = f" Its unsent records are in {left}: put the journal that knew it back, or push those anew."
            raise NotFoundError(
                f"There is no push {push_id!r} on this machine.{hint} apd.pushes() lists all."
            )
        return found[0]

    def pushes(self) -> list[PushState]:
        """Return every push, newest first."""
        return self._states("ORDER BY created_at DESC, id DESC")

    def _states(self, which: str, *values: object) -> list[PushState]:
        if not self.exists():
            return []
        with self.reading() as connection:
            found = connection.execute(f"SELECT {PUSH_COLUMNS} FROM push {which}", values).fetchall()  # noqa: S608  # constants
            states = []
            for push in self._decoded(found):
                rows = connection.execute(
                    f"SELECT {CHUNK_COLUMNS} FROM chunk WHERE push = ? ORDER BY number",  # noqa: S608  # a constant
                    [push["id"]],
                )
                chunks = tuple(ChunkState(**chunk) for chunk in self._decoded(rows))
                with self.legible():
                    activity, counts = push["status"].replace("_", " "), counted(push.pop("counts"), chunks)
                states.append(PushState(**push, chunks=chunks, counts=counts, activity=activity))
            return states

    def has(self, push_id: str) -> bool:
        """Tell whether a push has begun: not in a journal that cannot be read, since it is written down first."""
        with contextlib.suppress(AnalytexError):
            return self.push(push_id).id == push_id
        return False

    def document(self, push_id: str) -> PlanDocument:
        ((document,),) = self.rows("SELECT document FROM push WHERE id = ?", push_id)
        with self.legible():
            return PlanDocument.from_bytes(unsealed(document))

    def errors(self, push_id: str) -> list[dict[str, Any]]:
        """Return every row error of a push so far, by chunk, in the service's order, as columns of its table."""
        found = self.rows("SELECT * FROM error WHERE push = ? ORDER BY chunk, ordinal", push_id)
        return self._decoded(found)

    def errors_without_row(self, push_id: str) -> int:
        ((count,),) = self.rows("SELECT count(*) FROM error WHERE push = ? AND position IS NULL", push_id)
        return int(count)

    def heard(self, push_id: str, number: int) -> list[Any]:
        """Return what answers about a chunk's job, which runs, have said, as they were sent."""
        found = self.rows(
            "SELECT heard FROM chunk WHERE push = ? AND number = ? AND heard IS NOT NULL", push_id, number
        )
        with self.legible():
            return [answer for (answers,) in found for answer in json.loads(answers)]

    def kept(self, push_id: str) -> dict[int, pa.Table]:
        """Return the kept rows (see ``kept``) of every chunk that has some, by its number, in order."""
        found = self.rows("SELECT chunk, rows FROM kept WHERE push = ? ORDER BY chunk", push_id)
        with self.legible():
            return {number: from_blob(blob) for number, blob in found}

    def owners(self, job_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return which of these jobs are chunks of pushes known here: job id to (push id, chunk number)."""
        query = "SELECT job_id, push, number FROM chunk WHERE job_id IN (SELECT value FROM json_each(?))"
        found = self.rows(query, json.dumps([job_id for job_id in job_ids if is_unicode(job_id)]))
        for job_id in job_ids:
            if not is_unicode(job_id):
                found += self.rows("SELECT job_id, push, number FROM chunk WHERE job_id = ?", encoded(job_id))
        return {row["job_id"]: (row["push"], row["number"]) for row in self._decoded(found)}

    def _decoded(self, rows: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
        """Return rows with the values that ``encoded`` made what they are."""
        with self.legible():
            return [
                {
                    name: DECODED[name](value) if name in DECODED and value is not None else value
                    for name, value in dict(row).items()
                }
                for row in rows
            ]

    @contextlib.contextmanager
    def legible(self) -> Iterator[None]:
        """Make a clear error of a value that is not as it was written; SQLite itself has no checksums."""
        try:
            yield
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            OSError,
            pa.ArrowException,
        ) as error:
            raise damaged(
                self.path, f"a value in it is not as it was written ({harmless_line(str(error))})"
            ) from error

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self.reading() as connection:
            return connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            ready(self.directory)
            if not self.path.exists():
                # For this user only; SQLite gives its helper files the mode of the file itself.
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            tighten(self.path, True)
        except OSError as error:
            raise AnalytexError(
                f"The journal {self.path} cannot be made: {error}. Set ANALYTEX_STATE_DIR to a directory of "
                "your own."
            ) from error
        with (
            UNFORKED,
            told_of_sqlite(self.path),
            contextlib.closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT)) as connection,
        ):
            connection.isolation_level = None
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            while (found := version_of(connection)) is None or found in STEPS:
                make_tables(connection)
            if found != VERSION:
                raise AnalytexError(other_version(self.path, found))
            yield connection


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of this version, or those of an older one into them."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been here between the look and the lock.
    found = version_of(connection)
    if found is None or found in STEPS:
        # Not executescript: that would end the transaction, and a kill in between leave half a schema.
        for statement in SCHEMA.split(";") if found is None else STEPS[found]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION if found is None else found + 1}")
    connection.execute("COMMIT")


def version_of(connection: sqlite3.Connection) -> int | None:
    """Return the version of a journal, None for an empty file, -1 for a file that is something else."""
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if not tables and not application:
        return None
    return int(version) if application == APPLICATION_ID else -1


def other_version(path: Path, found: int | None) -> str:
    """Return what to say of a journal that is none of this version."""
    if found is None or found < 0:
        what, way = "is no journal of analytex_pandas", "Move the file away"
    else:
        newer = found > VERSION
        what = (
            f"was written by {'a newer' if newer else 'an older'} analytex_pandas (journal version {found}; this one "
            f"reads {VERSION})"
        )
        way = "Upgrade analytex-pandas" if newer else "Finish its pushes with that version"
    return f"{path} {what}. It was left as it is. {way}, or set ANALYTEX_STATE_DIR to another directory."


@contextlib.contextmanager
def told_of_sqlite(path: Path) -> Iterator[None]:
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
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise damaged(path, harmless_line(str(error))) from error


def damaged(path: Path, what: object) -> AnalytexError:
    return AnalytexError(
        f"The journal {path} is damaged: {what}. It was left as it is. Restore it from a backup, or move it away, with "
        "the files beside it of the same name, to start anew; what earlier pushes did is then not known here."
    )


def add_chunks(connection: sqlite3.Connection, push_id: str, chunks: Sizes) -> None:
    """Write down chunks that are not sent yet, with (number, rows, bytes) of each."""
    connection.executemany(
        "INSERT INTO chunk (push, number, rows, bytes) VALUES (?, ?, ?, ?)",
        ((push_id, *chunk) for chunk in chunks),
    )


def add_answers(
    connection: sqlite3.Connection,
    push_id: str,
    number: int,
    errors: Iterable[Sequence[object]],
    kept: bytes | None,
) -> None:
    """Write down the row errors of a chunk (position, id, property, code, message, job_id, raw), and kept rows."""
    for table in ("error", "kept"):
        connection.execute(f"DELETE FROM {table} WHERE push = ? AND chunk = ?", [push_id, number])  # noqa: S608  # constants
    connection.executemany(
        "INSERT INTO error (push, chunk, ordinal, position, id, property, code, message, job_id, raw) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((push_id, number, ordinal, *map(encoded, error)) for ordinal, error in enumerate(errors)),
    )
    if kept is not None:
        connection.execute("INSERT INTO kept VALUES (?, ?, ?)", [push_id, number, kept])


def encoded(value: object) -> object:
    """Return a value as SQLite holds it: times as seconds since 1970, what has parts as JSON."""
    if isinstance(value, dt.datetime):
        return value.timestamp()
    if isinstance(value, str) and not is_unicode(value):
        return value.encode("utf-8", "surrogatepass")  # an id of the service's may be any text of JSON
    return json.dumps(value) if isinstance(value, dict | tuple) else value
