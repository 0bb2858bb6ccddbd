"""The account's jobs at one moment, in words: running first, then history, one's own pushes recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import typed_table
from analytex_pandas.show import words
from analytex_pandas.show.markup import Markup, shortened, standing_alone, table, tag, text_table
from analytex_pandas.show.words import job_mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from analytex_pandas.service.row_errors import RowError
    from analytex_pandas.service.wire import Job

    Owners = Mapping[str, tuple[str, int]]
    """Push id and chunk of each job that this machine started."""

COLUMNS: Final = ("State", "Rows", "Errors", "Kind", "From", "Submitted", "Took", "Job")
NUMERIC: Final = ("Errors",)
ERROR_COLUMNS: Final = ("Row", "Id", "Property", "Code", "Message")
ERROR_DTYPES: Final = {
    "row": "Int64",
    **dict.fromkeys(("id", "property", "code", "message", "raw"), "object"),
}
SHOWN_HISTORY: Final = 20
SHOWN_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class JobsPicture:
    """What every display of the account's jobs draws: how many there are, and the cells of ``COLUMNS`` for each."""

    headline: str
    running: tuple[tuple[str, ...], ...]
    history: tuple[tuple[str, ...], ...]


def take_jobs(jobs: Sequence[Job], owners: Owners, now: datetime) -> JobsPicture:
    """Return the picture of an account's jobs."""
    ordered = newest_first(jobs)
    running = [job for job in ordered if not job.ended]
    ended = [job for job in ordered if job.ended]
    state = f"{words.count(len(running), 'job')} running" if running else "No job runs"
    return JobsPicture(
        headline=f"{state}, {words.number(len(ended))} in the history.",
        running=tuple(job_line(job, owners, now) for job in running),
        history=tuple(job_line(job, owners, now) for job in ended),
    )


def newest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs by the time they came; those that do not tell keep the service's order, at the end."""
    return sorted(jobs, key=lambda job: -moment.timestamp() if (moment := came(job)) else 0.0)


def came(job: Job) -> datetime | None:
    """Return when a job was submitted, or began."""
    return job.submitted_at or job.start_time


def job_line(job: Job, owners: Owners, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``COLUMNS`` for a job."""
    moment = came(job)
    return (
        str(job_mark(job.status)),
        rows_of(job),
        words.number(len(job.errors)) if job.errors else "",
        shortened(job.type or "", 40),
        origin(job, owners),
        words.clock(moment, now) if moment else "",
        took(job, now),
        job.job_id,
    )


def rows_of(job: Job) -> str:
    if job.total_rows is None:
        return "" if job.completed_rows is None else words.number(job.completed_rows)
    if job.completed_rows is None or job.completed_rows == job.total_rows:
        return words.number(job.total_rows)
    share = words.percent(min(1.0, job.completed_rows / job.total_rows))
    return f"{words.number(job.completed_rows)} of {words.number(job.total_rows)} ({share})"


def origin(job: Job, owners: Owners) -> str:
    """Return where a job came from: a push of this machine, else the file's name."""
    if job.job_id in owners:
        push, chunk = owners[job.job_id]
        return f"push {push}, chunk {chunk:,}"
    return shortened(job.filename or "elsewhere", 60)


def took(job: Job, now: datetime) -> str:
    start, end = job.start_time or job.submitted_at, job.end_time or (None if job.ended else now)
    if start is not None and end is not None:
        return words.duration((end - start).total_seconds())
    return "" if job.elapsed_time is None else words.duration(job.elapsed_time)


def jobs_html(picture: JobsPicture) -> Markup:
    parts = [tag("p", picture.headline)]
    if picture.running:
        parts.append(table(COLUMNS, picture.running, numeric=NUMERIC, caption="Running"))
    if picture.history:
        shown = picture.history[:SHOWN_HISTORY]
        parts.append(table(COLUMNS, shown, numeric=NUMERIC, caption="History"))
        if more := len(picture.history) - len(shown):
            parts.append(tag("p", f"and {words.count(more, 'older job')}, all in apd.jobs()"))
    return standing_alone(*parts)


def jobs_text(picture: JobsPicture, width: int = 140) -> str:
    lines = [*picture.running, *picture.history[:SHOWN_HISTORY]]
    if not lines:
        return picture.headline
    return f"{picture.headline}\n{text_table(COLUMNS, lines, numeric=NUMERIC, width=width)}"


def errors_frame(errors: Sequence[RowError]) -> pd.DataFrame:
    """Return the errors of a job: row (as the service counts), id, property, code, message, raw."""
    return typed_table(
        ERROR_DTYPES,
        [
            {name: getattr(error, "place" if name == "row" else name) for name in ERROR_DTYPES}
            for error in errors
        ],
    )


def errors_html(job: Job) -> Markup:
    """Return the first errors of a job as HTML; where the rest is, in words."""
    if not job.errors:
        return tag("p", "The job reports no errors.")
    lines = [
        (
            "" if error.place is None else str(error.place),
            shortened(error.id or "", 60),
            shortened(error.property or "", 60),
            shortened(error.code or "", 60),
            shortened(error.message or error.raw, 300),
        )
        for error in job.errors[:SHOWN_ERRORS]
    ]
    shown = table(ERROR_COLUMNS, lines, caption="Errors, as the service counts rows")
    more = len(job.errors) - len(lines)
    rest = f"and {words.number(more)} more; " if more > 0 else ""
    return tag("div", shown, tag("p", f"{rest}apd.job({job.job_id!r}).errors has them all as a DataFrame."))


def job_html(job: Job, owners: Owners, now: datetime) -> Markup:
    """Return one job as HTML: what it is doing, and its first errors."""
    line = table(COLUMNS, [job_line(job, owners, now)], numeric=NUMERIC, caption="Job")
    return tag("div", line, errors_html(job) if job.errors or job.ended else Markup(""))


def job_text(job: Job, owners: Owners, now: datetime) -> str:
    return text_table(COLUMNS, [job_line(job, owners, now)], numeric=NUMERIC, width=160)
