"""An account of the service: its jobs, one at a time, and the profiles that they write.

Where a job stands is a matter of the clock alone, and how it is shown a matter of the terms: the shapes are those that
the service has been seen or documented to use.
"""

from __future__ import annotations

import itertools
import json
import math
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

import pandas as pd

from analytex_pandas.sandbox_server.records import ID_KEYS, Record, Row, RowError, judge
from analytex_pandas.sandbox_server.server import RefusedError
from analytex_pandas.sandbox_server.terms import Endpoint, Fault, Kind, Terms

JOBS_PATH: Final = "/v1/background_jobs"

Status = Literal["queued", "validating", "processing", "pending_refresh", "completed", "failed"]
STAGES: Final[dict[Status, float]] = {
    "queued": 0.0,
    "validating": 0.01,
    "processing": 0.03,
    "pending_refresh": 0.98,
}
"""Shares of a job's time after which each begins.

Most is processing, so that the pace that a caller measures from completed_rows is close to that of the whole job.
"""
PROCESSING: Final = STAGES["processing"]
PROCESSED: Final = STAGES["pending_refresh"]

UNSHOWN: Final[dict[Endpoint | None, frozenset[str]]] = {
    "submit": frozenset({"completed_rows", "errors", "elapsed_time", "submitted_at"}),
    "list": frozenset({"completed_rows", "errors", "submitted_at"}),
    "job": frozenset({"submitted_at"}),
}
"""What of a job is not among what is published of a call's answer."""

encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Job:
    """One job; times are seconds of the sandbox's clock."""

    job_id: str
    kind: Kind
    filename: str | None
    size: int | None  # bytes
    rows: int
    submitted: float
    seconds: float  # from submit to end
    records: list[Record | None] = field(default_factory=list)  # None: refused
    errors: list[RowError] = field(default_factory=list)
    lost_rows: int = 0  # rows at the end that are never processed and never mentioned
    fails_at: float | None = None  # share of the rows after which the whole job fails
    failure: str | None = None  # what a failed job says of itself, if anything
    processed: int = 0  # rows so far
    refused: int = 0  # of those

    @property
    def ended_at(self) -> float:
        share = 1.0
        if self.fails_at is not None:
            share = PROCESSING + self.fails_at * (PROCESSED - PROCESSING)
        return self.submitted + self.seconds * share

    def status(self, now: float) -> Status:
        if now >= self.ended_at:
            return "completed" if self.fails_at is None else "failed"
        return [stage for stage, begin in STAGES.items() if begin <= self._share(now)][-1]

    def process(self, now: float) -> list[Record]:
        """Process the rows that are due, and return the records that are to be written."""
        share = (self._share(now) - PROCESSING) / (PROCESSED - PROCESSING)
        share = min(max(share, 0.0), 1.0 if self.fails_at is None else self.fails_at)
        due = min(math.floor(share * self.rows), self.rows - self.lost_rows)
        rows = self.records[self.processed : due]
        self.processed = due
        self.refused += rows.count(None)
        if now >= self.ended_at:
            # Nothing of a finished job is needed but its report; a night's worth of records would be.
            self.records = []
        return [record for record in rows if record is not None]

    def _share(self, now: float) -> float:
        passed = now - self.submitted
        return passed / self.seconds if self.seconds > passed else 1.0


def reported(job: Job, terms: Terms) -> object:
    """Return the errors of the rows that a job has processed, in the shape that was asked for."""
    id_key = ID_KEYS[job.kind][0]
    errors = list(itertools.takewhile(lambda error: error.index < job.processed, job.errors))
    match terms.error_shape:
        case "objects":
            return [error_object(error, id_key, terms) for error in errors]
        case "strings":
            return [error_text(error, id_key, terms) for error in errors]
        case "text":
            return "\n".join(error_text(error, id_key, terms) for error in errors) or None
        case "by_row" | "by_id":
            groups: dict[str, list[dict[str, str | None]]] = {}
            for error in errors:
                by_id = error.id or f"line {error.line}"
                key = by_id if terms.error_shape == "by_id" else str(error.index + terms.first_row)
                entry = {"property": error.property, "code": error.code, "message": error.message}
                groups.setdefault(key, []).append(entry)
            return groups or None
        case "none":
            return None


def error_object(error: RowError, id_key: str, terms: Terms) -> dict[str, object]:
    values: dict[str, object] = {
        "line": error.line,
        "row": error.index + terms.first_row,
        "index": error.index,
        "id": error.id,
        **dict.fromkeys(("property", "field"), error.property),
        **dict.fromkeys(("code", "error_code", "error"), error.code),
        **dict.fromkeys(("message", "details"), error.message),
    }
    return {id_key if key == "id" else key: values[key] for key in terms.error_keys}


def error_text(error: RowError, id_key: str, terms: Terms) -> str:
    owner = f" ({id_key} {error.id})" if error.id is not None else ""
    subject = f"{error.property}: " if error.property is not None else ""
    return f"Row {error.index + terms.first_row}{owner}: {subject}{error.message}"


def failure(job: Job, terms: Terms) -> object:
    """Return what a job that failed says of itself, in the shape that was asked for of row errors."""
    if terms.error_shape not in ("objects", "strings"):
        return job.failure
    said = [] if job.failure is None else [job.failure]
    return [{"message": message} for message in said] if terms.error_shape == "objects" else said


class Account:
    """The state of one account; every method may be called from any thread."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._epoch = datetime.now(UTC) - timedelta(seconds=terms.clock())
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._current: Job | None = None
        self._profiles: dict[Kind, Profiles] = {kind: Profiles(kind) for kind in ID_KEYS}

    def moment(self, seconds: float | None = None) -> datetime:
        """Return the time of day when the clock stood at `seconds`, or of now."""
        return self._epoch + timedelta(seconds=self._terms.clock() if seconds is None else seconds)

    def submit(
        self,
        kind: Kind,
        rows: Sequence[Row],
        filename: str | None,
        size: int,
        fault: Callable[[], Fault | None],
    ) -> dict[str, Any]:
        """Accept a job, or refuse it (409); `fault` is asked what is to become of it once it is sure to be made."""
        self._refuse_while_busy()
        records, errors = judge(rows, kind, self._terms)
        with self._lock:
            self._refuse_while_busy()
            job = self._start(kind, filename, size, len(rows))
            job.records, job.errors = records, errors
            if (struck := fault()) is not None:
                if struck.kind == "fail_job":
                    job.fails_at, job.failure = struck.share or 0.0, struck.message
                else:
                    share = 0.1 if struck.share is None else struck.share
                    job.lost_rows = max(1, round(share * job.rows))
            return self._document(job, job.submitted, "submit", "queued")  # however short it will be

    def start_foreign_job(self, rows: int, kind: Kind, filename: str | None) -> str:
        with self._lock:
            self._advance()
            if (running := self._current) is not None:
                raise RuntimeError(f"Job {running.job_id} still runs; an account runs one job at a time.")
            return self._start(kind, filename, None, rows).job_id

    def jobs(self, view: Endpoint | None = "list") -> list[dict[str, Any]]:
        """Return all jobs, newest first, as a call shows them, or with all that there is of them."""
        with self._lock:
            now = self._advance()
            return [self._document(job, now, view) for job in reversed(self._jobs.values())]

    def job(self, job_id: str) -> dict[str, Any]:
        with self._lock:
            now = self._advance()
            if job_id not in self._jobs:
                raise RefusedError(404, "not_found", "There is no such job.", job_id)
            return self._document(self._jobs[job_id], now, "job")

    def frame(self, kind: Kind) -> pd.DataFrame:
        with self._lock:
            self._advance()
            return self._profiles[kind].frame()

    def _refuse_while_busy(self) -> None:
        with self._lock:
            now = self._advance()
            if (job := self._current) is not None:
                message = "A background job is already in progress."
                details = f"Job {job.job_id} is {job.status(now)}: {job.processed} of {job.rows} rows."
                raise RefusedError(409, "job_in_progress", message, details)

    def _advance(self) -> float:
        """Bring the account up to this moment of the clock, and return it."""
        now = self._terms.clock()
        if (job := self._current) is not None:
            self._profiles[job.kind].upsert(job.process(now))
            if now >= job.ended_at:
                self._current = None
        return now

    def _start(self, kind: Kind, filename: str | None, size: int | None, rows: int) -> Job:
        unique = uuid.uuid4()
        job_id = {
            "uuid": str(unique),
            "urn": f"bulk:jobs:NX-{unique.hex[:8]}:{unique}",
            "odd": f"bulk jobs/{unique.hex[:8]}%2F..?a=b&c#é;{unique.hex}+",
        }[self._terms.job_ids]
        seconds = rows * 60 / self._terms.rows_per_minute
        self._current = Job(job_id, kind, filename, size, rows, self._terms.clock(), seconds)
        self._jobs[job_id] = self._current
        return self._current

    def _document(
        self, job: Job, now: float, view: Endpoint | None, status: Status | None = None
    ) -> dict[str, Any]:
        """Return a job as a call shows it at a moment; `status` is given where the clock does not decide it."""

        def when(seconds: float) -> str:
            return self.moment(seconds).isoformat(timespec="microseconds").replace("+00:00", "Z")

        terms = self._terms
        status = status or job.status(now)
        document: dict[str, Any] = {
            "type": f"bulk_identify_{job.kind}",
            "filename": job.filename if terms.echo_filename else None,
            "file_size": job.size,
            "total_rows": job.rows,
            "completed_rows": job.processed - (0 if terms.completed_includes_refused else job.refused),
            "start_time": when(job.submitted + STAGES["validating"] * job.seconds)
            if status != "queued"
            else None,
            "end_time": when(job.ended_at) if status in ("completed", "failed") else None,
            "elapsed_time": int(min(now, job.ended_at) - job.submitted),
            # The id is one segment, whatever characters it holds.
            "links": {"self": f"{JOBS_PATH}/{quote(job.job_id, safe='')}"},
            "submitted_at": when(job.submitted),
            "errors": failure(job, terms) if status == "failed" else reported(job, terms),
        }
        # The description lets end_time and errors be null; any other key is there or is not.
        shown = {
            key: value
            for key, value in document.items()
            if (key not in UNSHOWN.get(view, ()) if terms.job_keys is None else key in terms.job_keys)
            and (value is not None or key in ("end_time", "errors"))
        }
        return {"job_id": job.job_id, "status": status, **shown}


class Profiles:
    """All profiles of one kind.

    Records are kept as JSON text, a third of the size of a dict: a rehearsal with a million rows fits into
    the memory of a notebook.
    """

    def __init__(self, kind: Kind) -> None:
        self._id_keys = ID_KEYS[kind]
        self._records: dict[str, bytes] = {}

    def upsert(self, records: Iterable[Record]) -> None:
        """Create profiles, or write the properties that are named and leave the others alone."""
        for record in records:
            profile_id = record[self._id_keys[0]]
            known = json.loads(self._records.get(profile_id, b"{}"))
            metadata = known.get("metadata", {}) | record.get("metadata", {})
            self._records[profile_id] = encode(known | record | {"metadata": metadata}).encode()

    def frame(self) -> pd.DataFrame:
        """Return the profiles, one a row, in the order in which they were created.

        Cells hold what JSON held (so the dtype is object): None where null was sent, NaN where nothing was. A
        property that is named like an id column stands as ``metadata.<name>``.
        """
        size = len(self._records)
        columns: dict[str, list[Any]] = {name: [None] * size for name in (self._id_keys[0], "company_id")}
        for row, text in enumerate(self._records.values()):
            record = json.loads(text)
            for name, value in record.pop("metadata").items():
                column = f"metadata.{name}" if name in self._id_keys else name
                if column not in columns:
                    columns[column] = [math.nan] * size
                columns[column][row] = value
            for name, value in record.items():
                columns[name][row] = value
        return pd.DataFrame({name: pd.Series(cells, dtype="object") for name, cells in columns.items()})
