"""What the service tells about jobs, in each of the shapes that it has been seen or documented to use."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from urllib.parse import quote

from analytex_pandas.sandbox_server.answers import refuse
from analytex_pandas.sandbox_server.records import ID_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from analytex_pandas.sandbox_server.jobs import Job, Status
    from analytex_pandas.sandbox_server.records import RowError

ErrorShape = Literal["objects", "strings", "by_row", "by_id", "text", "none"]
ErrorKey = Literal[
    "line", "row", "index", "id", "property", "field", "code", "error_code", "error", "message", "details"
]
JobList = Literal["array", "wrapped", "paginated"]
ListKey = Literal["jobs", "data", "results"]
Paging = Literal["url", "links", "page", "cursor"]
JobKey = Literal[
    "type",
    "filename",
    "file_size",
    "total_rows",
    "completed_rows",
    "start_time",
    "end_time",
    "elapsed_time",
    "links",
    "submitted_at",
    "errors",
]

JOBS_PATH: Final = "/v1/background_jobs"


@dataclass(frozen=True, slots=True)
class Style:
    """Which of the possible shapes the sandbox uses; `Sandbox` describes each."""

    error_shape: ErrorShape = "objects"
    error_keys: Collection[ErrorKey] = ("line", "id", "property", "code", "message")
    first_row: Literal[0, 1] = 1
    job_keys: Collection[JobKey] = get_args(JobKey)
    completed_includes_refused: bool = True
    job_list: JobList = "array"
    list_key: ListKey = "jobs"
    paging: Paging = "url"
    page_size: int = 20

    def __post_init__(self) -> None:
        _check("error_shape", [self.error_shape], ErrorShape)
        _check("error_keys", self.error_keys, ErrorKey)
        _check("job_keys", self.job_keys, JobKey)
        _check("job_list", [self.job_list], JobList)
        _check("list_key", [self.list_key], ListKey)
        _check("paging", [self.paging], Paging)
        if self.page_size < 1:
            raise ValueError(f"page_size={self.page_size}: a page holds one job at least.")


def _check(name: str, values: Collection[str], allowed: object) -> None:
    for value in values:
        if value not in get_args(allowed):
            raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, get_args(allowed)))}.")


def job_path(job_id: str) -> str:
    """Return the path of a job; the id is one segment, whatever characters it holds."""
    return f"{JOBS_PATH}/{quote(job_id, safe='')}"


def job_document(
    job: Job, now: float, style: Style, when: Callable[[float], str], status: Status | None = None
) -> dict[str, Any]:
    """Return a job as the service shows it at a moment.

    `when` turns seconds of the clock into timestamps; `status` is given where the clock does not decide it:
    the answer to a submit says queued, however short the job will be.
    """
    status = status or job.status(now)
    ended = status in ("completed", "failed")
    until = min(now, job.ended_at)
    document: dict[str, Any] = {
        "type": f"bulk_identify_{job.kind}",
        "filename": job.filename,
        "file_size": job.size,
        "total_rows": job.rows,
        "completed_rows": job.processed - (0 if style.completed_includes_refused else job.refused),
        "start_time": when(job.started_at) if status != "queued" else None,
        "end_time": when(job.ended_at) if ended else None,
        "elapsed_time": int(until - job.submitted),
        "links": {"self": job_path(job.job_id)},
        "submitted_at": when(job.submitted),
        "errors": _job_errors(job, status == "failed", style),
    }
    # The description lets end_time and errors be null; any other key is there or is not.
    shown = {
        key: value
        for key, value in document.items()
        if key in style.job_keys and (value is not None or key in ("end_time", "errors"))
    }
    return {"job_id": job.job_id, "status": status, **shown}


def _job_errors(job: Job, failed: bool, style: Style) -> object:
    if failed:
        return _failure(job.failure, style.error_shape)
    reported = list(itertools.takewhile(lambda error: error.index < job.processed, job.errors))
    return row_errors(reported, ID_KEYS[job.kind], style)


def _failure(message: str | None, shape: ErrorShape) -> object:
    """Return the errors of a job that failed as a whole."""
    match shape:
        case _ if message is None:
            return [] if shape in ("objects", "strings") else None
        case "objects":
            return [{"message": message}]
        case "strings":
            return [message]
        case _:
            return message


def row_errors(errors: Sequence[RowError], id_key: str, style: Style) -> object:
    """Return row errors in the shape asked for."""
    row = _row_number(style.first_row)
    match style.error_shape:
        case "objects":
            return [_error_object(error, id_key, style) for error in errors]
        case "strings":
            return [_error_text(error, id_key, row(error)) for error in errors]
        case "by_row":
            return _grouped(errors, lambda error: str(row(error))) or None
        case "by_id":
            return _grouped(errors, lambda error: error.id or f"line {error.line}") or None
        case "text":
            return "\n".join(_error_text(error, id_key, row(error)) for error in errors) or None
        case "none":
            return None


def _row_number(first_row: int) -> Callable[[RowError], int]:
    return lambda error: error.index + first_row


def _error_object(error: RowError, id_key: str, style: Style) -> dict[str, object]:
    values: Mapping[str, tuple[str, object]] = {
        "line": ("line", error.line),
        "row": ("row", error.index + style.first_row),
        "index": ("index", error.index),
        "id": (id_key, error.id),
        "property": ("property", error.property),
        "field": ("field", error.property),
        "code": ("code", error.code),
        "error_code": ("error_code", error.code),
        "error": ("error", error.code),
        "message": ("message", error.message),
        "details": ("details", error.message),
    }
    return dict(values[key] for key in style.error_keys)


def _error_text(error: RowError, id_key: str, row: int) -> str:
    owner = f" ({id_key} {error.id})" if error.id is not None else ""
    subject = f"{error.property}: " if error.property is not None else ""
    return f"Row {row}{owner}: {subject}{error.message}"


def _grouped(
    errors: Sequence[RowError], key: Callable[[RowError], str]
) -> dict[str, list[dict[str, str | None]]]:
    groups: dict[str, list[dict[str, str | None]]] = {}
    for error in errors:
        entry = {"property": error.property, "code": error.code, "message": error.message}
        groups.setdefault(key(error), []).append(entry)
    return groups


def list_document(jobs: Sequence[dict[str, Any]], query: Mapping[str, str], style: Style, url: str) -> object:
    """Return the list of jobs, newest first: all of it, or the page that the query asks for; 400 for none such."""
    if style.job_list == "array":
        return jobs
    if style.job_list == "wrapped":
        return {style.list_key: jobs}
    start = _page_start(jobs, query, style)
    stop = start + style.page_size
    number = stop // style.page_size + 1
    more = stop < len(jobs)
    page: dict[str, Any] = {style.list_key: jobs[start:stop]}
    match style.paging:
        case "url":
            page["next"] = f"{url}?page={number}" if more else None
        case "links":
            page["links"] = {"next": f"{url}?page={number}" if more else None}
        case "page":
            page["next_page"] = number if more else None
        case "cursor":
            page["next_cursor"] = jobs[stop - 1]["job_id"] if more else None
    return page


def _page_start(jobs: Sequence[dict[str, Any]], query: Mapping[str, str], style: Style) -> int:
    if style.paging == "cursor":
        cursor = query.get("cursor")
        if cursor is None:
            return 0
        for place, job in enumerate(jobs, 1):
            if job["job_id"] == cursor:
                return place
        raise refuse(400, "invalid_cursor", "There is no such cursor.", cursor)
    page = query.get("page", "1")
    if not page.isascii() or not page.isdigit() or int(page) < 1:
        raise refuse(400, "invalid_page", "A page is a number from 1.", page)
    return (int(page) - 1) * style.page_size
