"""Jobs: where one stands is a matter of the clock alone, and how it is shown a matter of the terms.

The shapes of errors, jobs and lists are those that the service has been seen or documented to use.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from analytex_pandas.sandbox_server.messages import RefusedError
from analytex_pandas.sandbox_server.records import ID_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from analytex_pandas.sandbox_server.records import Record, RowError
    from analytex_pandas.sandbox_server.terms import Kind, Paging, Terms

JOBS_PATH: Final = "/v1/background_jobs"

Status = Literal["queued", "validating", "processing", "pending_refresh", "completed", "failed"]
# Shares of a job's time after which the next state begins. Most is processing, so that the pace that a caller
# measures from completed_rows is close to that of the whole job.
_VALIDATING: Final = 0.01
_PROCESSING: Final = 0.03
_PENDING_REFRESH: Final = 0.98


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
    def started_at(self) -> float:
        return self.submitted + _VALIDATING * self.seconds

    @property
    def ended_at(self) -> float:
        if self.fails_at is None:
            return self.submitted + self.seconds
        share = _PROCESSING + self.fails_at * (_PENDING_REFRESH - _PROCESSING)
        return self.submitted + self.seconds * share

    def status(self, now: float) -> Status:
        if now >= self.ended_at:
            return "completed" if self.fails_at is None else "failed"
        share = self._share(now)
        if share < _VALIDATING:
            return "queued"
        if share < _PROCESSING:
            return "validating"
        return "processing" if share < _PENDING_REFRESH else "pending_refresh"

    def process(self, now: float) -> list[Record]:
        """Process the rows that are due, and return the records that are to be written."""
        share = (self._share(now) - _PROCESSING) / (_PENDING_REFRESH - _PROCESSING)
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


def job_document(
    job: Job, now: float, epoch: datetime, terms: Terms, status: Status | None = None
) -> dict[str, Any]:
    """Return a job as the service shows it at a moment; `epoch` is when the clock stood at 0.

    `status` is given where the clock does not decide it: the answer to a submit says queued, however short the job
    will be.
    """

    def when(seconds: float) -> str:
        moment = epoch + timedelta(seconds=seconds)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    status = status or job.status(now)
    document: dict[str, Any] = {
        "type": f"bulk_identify_{job.kind}",
        "filename": job.filename if terms.echo_filename else None,
        "file_size": job.size,
        "total_rows": job.rows,
        "completed_rows": job.processed - (0 if terms.completed_includes_refused else job.refused),
        "start_time": when(job.started_at) if status != "queued" else None,
        "end_time": when(job.ended_at) if status in ("completed", "failed") else None,
        "elapsed_time": int(min(now, job.ended_at) - job.submitted),
        # The id is one segment, whatever characters it holds.
        "links": {"self": f"{JOBS_PATH}/{quote(job.job_id, safe='')}"},
        "submitted_at": when(job.submitted),
        "errors": _failure(job, terms) if status == "failed" else _row_errors(job, terms),
    }
    # The description lets end_time and errors be null; any other key is there or is not.
    shown = {
        key: value
        for key, value in document.items()
        if (terms.job_keys is None or key in terms.job_keys)
        and (value is not None or key in ("end_time", "errors"))
    }
    return {"job_id": job.job_id, "status": status, **shown}


def _failure(job: Job, terms: Terms) -> object:
    said = [] if job.failure is None else [job.failure]
    match terms.error_shape:
        case "objects":
            return [{"message": message} for message in said]
        case "strings":
            return said
        case _:
            return job.failure


def _row_errors(job: Job, terms: Terms) -> object:
    id_key = ID_KEYS[job.kind][0]
    errors = list(itertools.takewhile(lambda error: error.index < job.processed, job.errors))
    match terms.error_shape:
        case "objects":
            return [_error_object(error, id_key, terms) for error in errors]
        case "strings":
            return [_error_text(error, id_key, terms) for error in errors]
        case "by_row":
            return _grouped(errors, lambda error: str(error.index + terms.first_row))
        case "by_id":
            return _grouped(errors, lambda error: error.id or f"line {error.line}")
        case "text":
            return "\n".join(_error_text(error, id_key, terms) for error in errors) or None
        case "none":
            return None


def _error_object(error: RowError, id_key: str, terms: Terms) -> dict[str, object]:
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


def _error_text(error: RowError, id_key: str, terms: Terms) -> str:
    owner = f" ({id_key} {error.id})" if error.id is not None else ""
    subject = f"{error.property}: " if error.property is not None else ""
    return f"Row {error.index + terms.first_row}{owner}: {subject}{error.message}"


def _grouped(errors: Sequence[RowError], key: Callable[[RowError], str]) -> object:
    groups: dict[str, list[dict[str, str | None]]] = {}
    for error in errors:
        entry = {"property": error.property, "code": error.code, "message": error.message}
        groups.setdefault(key(error), []).append(entry)
    return groups or None


def list_document(jobs: Sequence[dict[str, Any]], query: Mapping[str, str], terms: Terms, url: str) -> object:
    """Return the list of jobs, newest first: all of it, or the page that the query asks for."""
    if terms.job_list == "array":
        return jobs
    if terms.job_list == "wrapped":
        return {terms.list_key: jobs}
    start = _page_start(jobs, query, terms)
    stop = start + terms.page_size
    more = stop < len(jobs)
    number = stop // terms.page_size + 1 if more else None
    address = f"{url}?page={number}" if more else None
    named: dict[Paging, dict[str, Any]] = {
        "url": {"next": address},
        "links": {"links": {"next": address}},
        "page": {"next_page": number},
        "cursor": {"next_cursor": jobs[stop - 1]["job_id"] if more else None},
    }
    return {str(terms.list_key): jobs[start:stop], **named[terms.paging]}


def _page_start(jobs: Sequence[dict[str, Any]], query: Mapping[str, str], terms: Terms) -> int:
    if terms.paging == "cursor":
        cursor = query.get("cursor")
        if cursor is None:
            return 0
        for place, job in enumerate(jobs, 1):
            if job["job_id"] == cursor:
                return place
        raise RefusedError(400, "invalid_cursor", "There is no such cursor.", cursor)
    page = query.get("page", "1")
    if not page.isascii() or not page.isdigit() or int(page) < 1:
        raise RefusedError(400, "invalid_page", "A page is a number from 1.", page)
    return (int(page) - 1) * terms.page_size
