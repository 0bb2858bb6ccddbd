"""A job that ended becomes an answer for each row of its chunk, written down before the chunk's files go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from analytex_pandas.delivery.journal import ErrorRecord, add_answers
from analytex_pandas.delivery.kept import kept_rows, to_blob
from analytex_pandas.delivery.report import Verdict, all_unknown, judge
from analytex_pandas.errors import AnalytexError

if TYPE_CHECKING:
    import sqlite3

    import pyarrow as pa

    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.state import ChunkState
    from analytex_pandas.service.wire import Job
    from analytex_pandas.settings import Kind

ID_KEYS: Final = {"users": "user_id", "companies": "company_id"}


@dataclass(frozen=True)
class SettledChunk:
    """A chunk of which every row is answered for, as an observer gets it.

    Attributes
    ----------
    push_id, account, kind, number
        Which chunk it is; `account` is the salted digest that the journal knows the account by.
    content : ChunkContent
        Its lines, read when they are asked for.
    verdict : Verdict
        What became of them. A line that is neither refused nor doubtful was acknowledged.
    """

    push_id: str
    account: str
    kind: Kind
    number: int
    content: ChunkContent
    verdict: Verdict


class Observer(Protocol):
    """Whoever remembers what the account has acknowledged; it writes in the push's own transactions."""

    def sending(self, connection: sqlite3.Connection, chunk: SendingChunk, /) -> None:
        """Heed a chunk that is about to be sent; called within the transaction that writes the intent down.

        A chunk that is sent again is announced again.
        """

    def accepted(self, chunk: SendingChunk, /) -> None:
        """Make ready while a chunk's job runs; called outside of any transaction, once a driver."""

    def settled(self, connection: sqlite3.Connection, chunk: SettledChunk, /) -> None:
        """Heed a chunk that is answered for; called within the transaction that settles it, once a chunk."""


@dataclass(frozen=True)
class SendingChunk:
    """A chunk that is about to be sent, as an observer gets it."""

    push_id: str
    account: str
    kind: Kind
    number: int
    content: ChunkContent


class ChunkContent:
    """The lines of a chunk and where they came from, read from the spool when they are needed."""

    def __init__(self, drive: Drive, number: int) -> None:
        self._drive = drive
        self._number = number

    @cached_property
    def lines(self) -> list[bytes]:
        """The records, one a line, without line ends."""
        try:
            return self._drive.spool.lines(self._number)
        except OSError as error:
            raise self._missing(error) from error

    @cached_property
    def rows(self) -> pa.Table:
        """The position and label of each line."""
        try:
            return self._drive.spool.rows(self._number)
        except OSError as error:
            raise self._missing(error) from error

    @cached_property
    def ids(self) -> list[str | None]:
        """The id of each line, None where it has none."""
        key = ID_KEYS[self._drive.document.kind]
        return [id_of(line, key) for line in self.lines]

    def _missing(self, error: OSError) -> AnalytexError:
        return AnalytexError(
            f"{self._drive.label(self._number).capitalize()} of push {self._drive.id} cannot be read "
            f"from the spool: {error}. Its files are needed until its rows are answered for; put them back and call "
            f"apd.resume({self._drive.id!r})."
        )


def id_of(line: bytes, key: str) -> str | None:
    """Return the id of a record as text, None when it has none; files from elsewhere may hold anything."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    value = record.get(key) if isinstance(record, dict) else None
    return None if value is None else str(value)


def settle(drive: Drive, number: int, job: Job | None) -> ChunkState:
    """Write down what became of every row of a chunk, then delete its files.

    `job` is the chunk's job as it ended; None when nobody can tell what became of it.
    """
    chunk = drive.chunk(number)
    content = ChunkContent(drive, number)
    verdict = all_unknown(chunk.rows) if job is None else judge(job, chunk.rows, lambda: content.ids)
    kept = None
    if verdict.refused or verdict.doubtful:
        kept = to_blob(kept_rows(content.rows, content.lines, verdict))
    errors = error_records(chunk, verdict, content)
    observer = drive.observer
    told = SettledChunk(drive.id, drive.account, drive.document.kind, number, content, verdict)

    def also(connection: sqlite3.Connection) -> None:
        add_answers(connection, drive.id, number, errors, kept)
        if observer is not None:
            observer.settled(connection, told)

    drive.record(
        number,
        also,
        status=status_of(job, verdict),
        completed_rows=chunk.completed_rows if job is None else job.completed_rows,
        refused=len(verdict.refused),
        unknown=verdict.unknown,
        known_jobs=None,
        ended_at=drive.clock.now(),
    )
    drive.spool.delete_chunk(number)
    return drive.chunk(number)


def status_of(job: Job | None, verdict: Verdict) -> str:
    """Return the status of a chunk that is answered for."""
    if job is None:
        return "unknown"
    if job.failed:
        return "failed"
    return "completed_with_errors" if verdict.errors or verdict.unknown else "completed"


def error_records(chunk: ChunkState, verdict: Verdict, content: ChunkContent) -> list[ErrorRecord]:
    """Return the errors of a chunk as the journal takes them."""
    if not verdict.errors:
        return []
    positions = content.rows["position"].to_pylist()
    return [
        ErrorRecord(
            chunk=chunk.number,
            position=None if error.line is None else positions[error.line],
            id=error.id,
            property=error.property,
            code=error.code,
            message=error.message,
            job_id=chunk.job_id,
            raw=error.raw,
        )
        for error in verdict.errors
    ]
