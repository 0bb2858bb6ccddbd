"""An account of the service: its jobs, one at a time, and the profiles that they write."""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import pandas as pd

from analytex_pandas.sandbox_server.answers import refuse
from analytex_pandas.sandbox_server.jobs import Job
from analytex_pandas.sandbox_server.records import ID_KEYS, Judge
from analytex_pandas.sandbox_server.reports import job_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from analytex_pandas.sandbox_server.bodies import Submission
    from analytex_pandas.sandbox_server.faults import Fault
    from analytex_pandas.sandbox_server.records import Kind, Limits, Profile, Refuse
    from analytex_pandas.sandbox_server.reports import Style

JobIds = Literal["uuid", "urn", "odd"]
_LOST_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account is granted, and how its jobs are named."""

    rows_per_minute: float
    limits: Limits
    style: Style
    refuse: Refuse | None = None
    job_ids: JobIds = "uuid"

    def __post_init__(self) -> None:
        if not self.rows_per_minute > 0:
            raise ValueError(f"rows_per_minute={self.rows_per_minute}: a pace is above 0.")
        if self.job_ids not in get_args(JobIds):
            raise ValueError(f"job_ids={self.job_ids!r} is none of {', '.join(get_args(JobIds))}.")


class Account:
    """The state of one account; every method may be called from any thread."""

    def __init__(self, terms: Terms, clock: Callable[[], float]) -> None:
        self._terms = terms
        self._clock = clock
        self._epoch = datetime.now(UTC) - timedelta(seconds=clock())
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._current: Job | None = None
        self._profiles: Mapping[Kind, Profiles] = {
            "users": Profiles("users"),
            "companies": Profiles("companies"),
        }

    def now(self) -> datetime:
        """Return the time of day by the account's clock."""
        return self._when(self._clock())

    def submit(self, kind: Kind, submission: Submission, fault: Callable[[], Fault | None]) -> dict[str, Any]:
        """Accept a job, or refuse it (409); `fault` is asked what is to become of it once it is sure to be made."""
        self._refuse_while_busy()
        judge = Judge(kind, self._terms.limits, self._terms.refuse)
        profiles, errors = judge.judge(submission.rows)
        with self._lock:
            self._refuse_while_busy()
            job = self._job(kind, submission.filename, submission.size, len(submission.rows))
            job.profiles, job.errors = profiles, errors
            if (doom := fault()) is not None:
                _doom(job, doom)
            return job_document(job, job.submitted, self._terms.style, self._stamp, status="queued")

    def start_foreign_job(self, rows: int, kind: Kind, filename: str | None) -> str:
        """Start a job that someone else submitted, and return its id."""
        with self._lock:
            if (running := self._advance(self._clock())) is not None:
                raise RuntimeError(f"Job {running.job_id} still runs; an account runs one job at a time.")
            return self._job(kind, filename, None, rows).job_id

    def jobs(self) -> list[dict[str, Any]]:
        with self._lock:
            now = self._clock()
            self._advance(now)
            return [self._document(job, now) for job in reversed(self._jobs.values())]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return one job, or refuse (404)."""
        with self._lock:
            now = self._clock()
            self._advance(now)
            if job_id not in self._jobs:
                raise refuse(404, "not_found", "There is no such job.", job_id)
            return self._document(self._jobs[job_id], now)

    def frame(self, kind: Kind) -> pd.DataFrame:
        with self._lock:
            self._advance(self._clock())
            return self._profiles[kind].frame()

    def _refuse_while_busy(self) -> None:
        with self._lock:
            now = self._clock()
            if (running := self._advance(now)) is not None:
                raise refuse(
                    409,
                    "job_in_progress",
                    "A background job is already in progress.",
                    f"Job {running.job_id} is {running.status(now)}: "
                    f"{running.processed} of {running.rows} rows.",
                )

    def _advance(self, now: float) -> Job | None:
        """Bring the account up to a moment, and return the job that runs then."""
        job = self._current
        if job is None:
            return None
        self._profiles[job.kind].upsert(job.process(now))
        if now >= job.ended_at:
            self._current = None
        return self._current

    def _job(self, kind: Kind, filename: str | None, size: int | None, rows: int) -> Job:
        seconds = rows * 60 / self._terms.rows_per_minute
        job = Job(self._new_id(), kind, filename, size, rows, self._clock(), seconds)
        self._jobs[job.job_id] = self._current = job
        return job

    def _new_id(self) -> str:
        unique = uuid.uuid4()
        match self._terms.job_ids:
            case "uuid":
                return str(unique)
            case "urn":
                return f"bulk:jobs:NX-{unique.hex[:8]}:{unique}"
            case "odd":
                return f"bulk jobs/{unique.hex[:8]}%2F..?a=b&c#é;{unique.hex}+"

    def _document(self, job: Job, now: float) -> dict[str, Any]:
        return job_document(job, now, self._terms.style, self._stamp)

    def _when(self, seconds: float) -> datetime:
        return self._epoch + timedelta(seconds=seconds)

    def _stamp(self, seconds: float) -> str:
        return self._when(seconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _doom(job: Job, fault: Fault) -> None:
    """Let a fault decide what becomes of a job."""
    if fault.kind == "fail_job":
        job.fails_at = fault.share or 0.0
        job.failure = fault.message
    else:
        share = _LOST_SHARE if fault.share is None else fault.share
        job.lost_rows = max(1, round(share * job.rows))


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Profiles:
    """All profiles of one kind.

    Properties are kept as JSON text, a third of the size of a dict: a rehearsal with a million rows fits into
    the memory of a notebook.
    """

    def __init__(self, kind: Kind) -> None:
        self._id_key = ID_KEYS[kind]
        self._has_company = kind == "users"
        self._companies: dict[str, str] = {}
        self._properties: dict[str, bytes] = {}

    def upsert(self, profiles: Iterable[Profile]) -> None:
        """Create profiles, or write the properties that are named and leave the others alone."""
        for profile in profiles:
            known = self._properties.get(profile.id)
            if profile.company_id is not None:
                self._companies[profile.id] = profile.company_id
            if known is None:
                self._properties[profile.id] = _encode(profile.properties).encode()
            elif profile.properties:
                self._properties[profile.id] = _encode({**json.loads(known), **profile.properties}).encode()

    def frame(self) -> pd.DataFrame:
        """Return the profiles, one a row, in the order in which they were created.

        Cells hold what JSON held (so the dtype is object): None where null was sent, NaN where nothing was. A
        property that is named like an id column stands as ``metadata.<name>``.
        """
        ids = [self._id_key, "company_id"] if self._has_company else [self._id_key]
        columns: dict[str, list[Any]] = {self._id_key: list(self._properties)}
        if self._has_company:
            columns["company_id"] = [self._companies.get(profile_id) for profile_id in self._properties]
        size = len(self._properties)
        for row, text in enumerate(self._properties.values()):
            for name, value in json.loads(text).items():
                column = f"metadata.{name}" if name in ids else name
                if column not in columns:
                    columns[column] = [float("nan")] * size
                columns[column][row] = value
        return pd.DataFrame({name: pd.Series(cells, dtype="object") for name, cells in columns.items()})
