"""An account of the service: its jobs, one at a time, and the profiles that they write."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from analytex_pandas.sandbox_server.jobs import Job, job_document
from analytex_pandas.sandbox_server.messages import RefusedError
from analytex_pandas.sandbox_server.records import ID_KEYS, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from analytex_pandas.sandbox_server.faults import Fault
    from analytex_pandas.sandbox_server.records import Record, Row
    from analytex_pandas.sandbox_server.terms import Kind, Terms

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Account:
    """The state of one account; every method may be called from any thread."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._epoch = datetime.now(UTC) - timedelta(seconds=terms.clock())
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._current: Job | None = None
        self._profiles: dict[Kind, Profiles] = {kind: Profiles(kind) for kind in ID_KEYS}

    def now(self) -> datetime:
        """Return the time of day by the account's clock."""
        return self._epoch + timedelta(seconds=self._terms.clock())

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
            return job_document(job, job.submitted, self._epoch, self._terms, status="queued")

    def start_foreign_job(self, rows: int, kind: Kind, filename: str | None) -> str:
        with self._lock:
            self._advance()
            if (running := self._current) is not None:
                raise RuntimeError(f"Job {running.job_id} still runs; an account runs one job at a time.")
            return self._start(kind, filename, None, rows).job_id

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs, newest first."""
        with self._lock:
            now = self._advance()
            jobs = reversed(self._jobs.values())
            return [job_document(job, now, self._epoch, self._terms) for job in jobs]

    def job(self, job_id: str) -> dict[str, Any]:
        with self._lock:
            now = self._advance()
            if job_id not in self._jobs:
                raise RefusedError(404, "not_found", "There is no such job.", job_id)
            return job_document(self._jobs[job_id], now, self._epoch, self._terms)

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


class Profiles:
    """All profiles of one kind.

    Properties are kept as JSON text, a third of the size of a dict: a rehearsal with a million rows fits into
    the memory of a notebook.
    """

    def __init__(self, kind: Kind) -> None:
        self._id_keys = ID_KEYS[kind]
        self._companies: dict[str, str] = {}
        self._properties: dict[str, bytes] = {}

    def upsert(self, records: Iterable[Record]) -> None:
        """Create profiles, or write the properties that are named and leave the others alone."""
        for record in records:
            profile_id, metadata = record[self._id_keys[0]], record.get("metadata", {})
            if "company_id" in record:
                self._companies[profile_id] = record["company_id"]
            known = self._properties.get(profile_id)
            if known is None:
                self._properties[profile_id] = _encode(metadata).encode()
            elif metadata:
                self._properties[profile_id] = _encode({**json.loads(known), **metadata}).encode()

    def frame(self) -> pd.DataFrame:
        """Return the profiles, one a row, in the order in which they were created.

        Cells hold what JSON held (so the dtype is object): None where null was sent, NaN where nothing was. A
        property that is named like an id column stands as ``metadata.<name>``.
        """
        columns: dict[str, list[Any]] = {self._id_keys[0]: list(self._properties)}
        if "company_id" not in columns:
            columns["company_id"] = [self._companies.get(profile_id) for profile_id in self._properties]
        size = len(self._properties)
        for row, text in enumerate(self._properties.values()):
            for name, value in json.loads(text).items():
                column = f"metadata.{name}" if name in self._id_keys else name
                if column not in columns:
                    columns[column] = [float("nan")] * size
                columns[column][row] = value
        return pd.DataFrame({name: pd.Series(cells, dtype="object") for name, cells in columns.items()})
