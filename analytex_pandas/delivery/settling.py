"""A job that ended becomes an answer for each row of its chunk, written down before the chunk's files go."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from analytex_pandas import settings
from analytex_pandas.delivery import memory
from analytex_pandas.delivery.journal import ErrorRecord, add_answers
from analytex_pandas.delivery.kept import kept_rows, to_blob
from analytex_pandas.delivery.report import Verdict, all_unknown, judge
from analytex_pandas.errors import AnalytexError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    import pyarrow as pa

    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.state import ChunkState
    from analytex_pandas.service.wire import Job

T = TypeVar("T")


class ChunkContent:
    """The lines of a chunk and where they came from, read from the spool when they are needed."""

    def __init__(self, drive: Drive, number: int) -> None:
        self._drive = drive
        self._number = number

    @cached_property
    def lines(self) -> list[bytes]:
        """The records, one a line, without line ends."""
        return self._read(self._drive.spool.lines)

    @cached_property
    def rows(self) -> pa.Table:
        """The position and label of each line."""
        return self._read(self._drive.spool.rows)

    @cached_property
    def ids(self) -> list[str | None]:
        """The id of each line, None where it has none."""
        key = settings.ID_NAMES[self._drive.document.kind]
        return [id_of(line, key) for line in self.lines]

    def _read(self, read: Callable[[int], T]) -> T:
        try:
            return read(self._number)
        except AnalytexError as error:
            raise AnalytexError(
                f"{self._drive.label(self._number).capitalize()} of push {self._drive.id} has ended at the service, "
                f"but its answers cannot be told by row: {error}"
            ) from error


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

    def also(connection: sqlite3.Connection) -> None:
        add_answers(connection, drive.id, number, errors, kept)
        memory.remember(connection, drive.account, drive.document.kind, (drive.id, number), verdict)

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
    if job is None:
        return "unknown"
    if job.failed:
        return "failed"
    return "completed_with_errors" if verdict.errors or verdict.unknown else "completed"


def error_records(chunk: ChunkState, verdict: Verdict, content: ChunkContent) -> list[ErrorRecord]:
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
