"""The journal's sentences: what is written down of pushes and chunks, and read again, one function each."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytex_pandas.delivery.state import ChunkState
from analytex_pandas.errors import AnalytexError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.settings import Kind


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A push as the journal has it."""

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
class NewPush:
    """A push that is about to begin."""

    kind: Kind
    account: str
    base_url: str
    counts: Mapping[str, int]
    document: bytes
    parent: str | None
    created_at: dt.datetime


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


Hook = Callable[["sqlite3.Connection"], object]
"""What somebody else writes in the same transaction; an error of it undoes the whole."""

PUSH_COLUMNS = (
    "id, kind, account, base_url, status, error_class, error, parent, counts, created_at, ended_at, driver, "
    "forgiven_refused, forgiven_answered"
)
CHUNK_COLUMNS = (
    "number, rows, bytes, status, job_id, attempts, completed_rows, refused, unknown, submitted_at, ended_at"
)


class Ledger:
    """What the journal says of one push, and the only way to add to it."""

    def __init__(self, journal: Journal, push_id: str) -> None:
        self.journal = journal
        self.push_id = push_id

    def open(self, push: NewPush, chunks: Iterable[tuple[int, int, int]]) -> bool:
        """Write a new push down, with (number, rows, bytes) of its chunks; False when it is there already."""
        values = {
            "id": self.push_id,
            "status": "running",
            "kind": push.kind,
            "account": push.account,
            "base_url": push.base_url,
            "parent": push.parent,
            "counts": json.dumps({name: int(count) for name, count in push.counts.items()}),
            "document": push.document,
            "created_at": push.created_at.timestamp(),
        }
        with self.journal.writing() as connection:
            if connection.execute("SELECT 1 FROM push WHERE id = ?", [self.push_id]).fetchone():
                return False
            connection.execute(
                f"INSERT INTO push ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608  # names
                list(values.values()),
            )
            connection.executemany(
                "INSERT INTO chunk (push, number, rows, bytes) VALUES (?, ?, ?, ?)",
                ((self.push_id, *chunk) for chunk in chunks),
            )
        return True

    def record(self) -> PushRecord | None:
        """Return the push, or None when the journal has none of this id."""
        with self.journal.reading() as connection:
            row = connection.execute(
                f"SELECT {PUSH_COLUMNS} FROM push WHERE id = ?",  # noqa: S608  # a constant
                [self.push_id],
            ).fetchone()
        return None if row is None else push_record(row)

    def document(self) -> bytes:
        """Return the plan of the push."""
        with self.journal.reading() as connection:
            (document,) = connection.execute(
                "SELECT document FROM push WHERE id = ?", [self.push_id]
            ).fetchone()
        return bytes(document)

    def chunks(self) -> tuple[ChunkState, ...]:
        """Return the chunks, by number."""
        with self.journal.reading() as connection:
            return chunk_states(connection, self.push_id)

    def known_jobs(self, number: int) -> frozenset[str] | None:
        """Return the ids of the jobs listed before a chunk was submitted, None when nobody had looked."""
        with self.journal.reading() as connection:
            (known,) = connection.execute(
                "SELECT known_jobs FROM chunk WHERE push = ? AND number = ?", [self.push_id, number]
            ).fetchone()
        return None if known is None else frozenset(json.loads(known))

    def driven(self, now: dt.datetime) -> None:
        """Write down that this process drives the push from now on."""
        driver = {"pid": os.getpid(), "host": platform.node(), "since": now.isoformat(timespec="seconds")}
        self._set_push(
            driver=json.dumps(driver), status="running", ended_at=None, error=None, error_class=None
        )

    def status(self, status: str) -> None:
        """Write down what the push is doing, unless it has just ended."""
        with self.journal.writing() as connection:
            connection.execute(
                "UPDATE push SET status = ? WHERE id = ? AND ended_at IS NULL", [status, self.push_id]
            )

    def ended(self, status: str, now: dt.datetime, error: BaseException | None) -> None:
        """Write down how the push ended, or what stopped it."""
        self._set_push(
            status=status,
            ended_at=now.timestamp(),
            error_class=None if error is None else type(error).__name__,
            error=None if error is None else str(error),
        )

    def forgiven(self, refused: int, answered: int) -> None:
        """Write down that the user lets a push go on that its own terms had stopped at these counts."""
        self._set_push(forgiven_refused=refused, forgiven_answered=answered)

    def rebound(self, account: str, base_url: str, hook: Hook | None = None) -> None:
        """Write down that the push goes on under another account; `hook` writes along."""
        self._set_push(hook, account=account, base_url=base_url)

    def intended(
        self,
        number: int,
        attempts: int,
        known_jobs: Iterable[str] | None,
        now: dt.datetime,
        hook: Hook | None = None,
    ) -> None:
        """Write down that a chunk is about to be sent: from now on it may be at the service."""
        self._set_chunk(
            number,
            hook,
            status="submitting",
            attempts=attempts,
            known_jobs=None if known_jobs is None else json.dumps(sorted(known_jobs)),
            submitted_at=now.timestamp(),
        )

    def unsent(self, number: int, status: str, attempts: int) -> None:
        """Write down that a chunk surely is not at the service."""
        self._set_chunk(number, status=status, attempts=attempts, known_jobs=None, submitted_at=None)

    def looking(self, number: int) -> None:
        """Write down that a chunk was sent and no answer came."""
        self._set_chunk(number, status="looking")

    def accepted(self, number: int, job_id: str, status: str) -> None:
        """Write down the job that a chunk became."""
        self._set_chunk(number, status=status, job_id=job_id, known_jobs=None)

    def settled(
        self,
        chunk: ChunkState,
        errors: Sequence[ErrorRecord],
        kept: bytes | None,
        hook: Hook | None = None,
    ) -> None:
        """Write down what became of every row of a chunk."""
        with self.journal.writing() as connection:
            changed = connection.execute(
                "UPDATE chunk SET status = ?, completed_rows = ?, refused = ?, unknown = ?, ended_at = ?, "
                "known_jobs = NULL WHERE push = ? AND number = ?",
                [
                    chunk.status,
                    chunk.completed_rows,
                    chunk.refused,
                    chunk.unknown,
                    None if chunk.ended_at is None else chunk.ended_at.timestamp(),
                    self.push_id,
                    chunk.number,
                ],
            )
            self._check(changed)
            connection.executemany(
                "INSERT INTO error VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        self.push_id,
                        chunk.number,
                        ordinal,
                        error.position,
                        error.id,
                        error.property,
                        error.code,
                        error.message,
                        error.job_id,
                        error.raw,
                    )
                    for ordinal, error in enumerate(errors)
                ),
            )
            if kept is not None:
                connection.execute("INSERT INTO kept VALUES (?, ?, ?)", [self.push_id, chunk.number, kept])
            if hook is not None:
                hook(connection)

    def errors(self) -> list[ErrorRecord]:
        """Return every row error so far, by chunk, in the service's order."""
        with self.journal.reading() as connection:
            rows = connection.execute(
                "SELECT chunk, position, id, property, code, message, job_id, raw FROM error WHERE push = ? "
                "ORDER BY chunk, ordinal",
                [self.push_id],
            ).fetchall()
        return [ErrorRecord(*row) for row in rows]

    def kept(self) -> list[bytes]:
        """Return the kept rows of every chunk that has some, by chunk."""
        with self.journal.reading() as connection:
            rows = connection.execute(
                "SELECT rows FROM kept WHERE push = ? ORDER BY chunk", [self.push_id]
            ).fetchall()
        return [bytes(blob) for (blob,) in rows]

    def _set_push(self, hook: Hook | None = None, /, **values: object) -> None:
        with self.journal.writing() as connection:
            changed = connection.execute(
                f"UPDATE push SET {assignments(values)} WHERE id = ?",  # noqa: S608  # names of columns written here
                [*values.values(), self.push_id],
            )
            self._check(changed)
            if hook is not None:
                hook(connection)

    def _set_chunk(self, number: int, hook: Hook | None = None, /, **values: object) -> None:
        with self.journal.writing() as connection:
            changed = connection.execute(
                f"UPDATE chunk SET {assignments(values)} WHERE push = ? AND number = ?",  # noqa: S608  # as above
                [*values.values(), self.push_id, number],
            )
            self._check(changed)
            if hook is not None:
                hook(connection)

    def _check(self, changed: sqlite3.Cursor) -> None:
        """Raise AnalytexError where the journal does not have what was to be changed."""
        if changed.rowcount != 1:
            raise AnalytexError(
                f"The journal {self.journal.path} does not have push {self.push_id!r} any more: somebody has "
                "removed or replaced the file while the push was driven. Nothing more is sent, since it could "
                "not be written down. Put the file back and resume; else plan again what was not sent."
            )


def assignments(values: Mapping[str, object]) -> str:
    """Return the SET part of an UPDATE."""
    return ", ".join(f"{name} = ?" for name in values)


def all_pushes(journal: Journal) -> list[tuple[PushRecord, tuple[ChunkState, ...]]]:
    """Return every push of the journal with its chunks, newest first."""
    with journal.reading() as connection:
        rows = connection.execute(
            f"SELECT {PUSH_COLUMNS} FROM push ORDER BY created_at DESC, id DESC"  # noqa: S608  # a constant
        ).fetchall()
        return [(push_record(row), chunk_states(connection, row[0])) for row in rows]


def account_pushes(journal: Journal, account: str) -> list[PushRecord]:
    """Return the pushes of one account, newest first."""
    with journal.reading() as connection:
        rows = connection.execute(
            f"SELECT {PUSH_COLUMNS} FROM push WHERE account = ? ORDER BY created_at DESC, id DESC",  # noqa: S608  # a constant
            [account],
        ).fetchall()
    return [push_record(row) for row in rows]


def push_ids(journal: Journal) -> list[str]:
    """Return the ids of all pushes."""
    with journal.reading() as connection:
        return [push_id for (push_id,) in connection.execute("SELECT id FROM push")]


def pushes_of_jobs(journal: Journal, job_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return which of these jobs are chunks of pushes known here: job id to (push id, chunk number)."""
    with journal.reading() as connection:
        rows = connection.execute(
            "SELECT job_id, push, number FROM chunk WHERE job_id IN (SELECT value FROM json_each(?))",
            [json.dumps(list(job_ids))],
        ).fetchall()
    return {job_id: (push, number) for job_id, push, number in rows}


def removed(journal: Journal, push_id: str, hook: Hook | None = None) -> None:
    """Forget one push and all that belongs to it; `hook` writes along."""
    with journal.writing() as connection:
        if hook is not None:
            hook(connection)
        connection.execute("DELETE FROM push WHERE id = ?", [push_id])


def push_record(row: Sequence[Any]) -> PushRecord:
    """Read a row of ``PUSH_COLUMNS``."""
    values = dict(zip(PUSH_COLUMNS.split(", "), row, strict=True))
    values["counts"] = json.loads(values["counts"])
    values["created_at"] = moment(values["created_at"])
    values["ended_at"] = moment(values["ended_at"])
    values["driver"] = None if values["driver"] is None else json.loads(values["driver"])
    return PushRecord(**values)


def chunk_states(connection: sqlite3.Connection, push_id: str) -> tuple[ChunkState, ...]:
    """Read the chunks of a push, by number."""
    rows = connection.execute(
        f"SELECT {CHUNK_COLUMNS} FROM chunk WHERE push = ? ORDER BY number",  # noqa: S608  # a constant
        [push_id],
    ).fetchall()
    return tuple(chunk_state(dict(zip(CHUNK_COLUMNS.split(", "), row, strict=True))) for row in rows)


def chunk_state(values: Mapping[str, Any]) -> ChunkState:
    """Return a chunk from its columns."""
    times = {name: moment(values[name]) for name in ("submitted_at", "ended_at")}
    return ChunkState(**{**values, **times})


def moment(seconds: float | None) -> dt.datetime | None:
    """Return a time of the journal as a datetime."""
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
