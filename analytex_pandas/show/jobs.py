"""The account's jobs at one moment, in words: running first, then history, one's own pushes recognised."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import typed_table
from analytex_pandas.show import words
from analytex_pandas.show.markup import Markup, shortened, standing_alone, table, tag, tag_if_any, text_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from analytex_pandas.service.naming import RowError
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

jobs_table = partial(table, COLUMNS, numeric=NUMERIC)
"""The HTML table of such lines as ``job_line`` gives."""


def newest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs by the time they came; those that do not tell keep the service's order, at the end."""
    return sorted(jobs, key=lambda job: -moment.timestamp() if (moment := came(job)) else 0.0)


def came(job: Job) -> datetime | None:
    """Return when a job was submitted, or began."""
    return job.submitted_at or job.start_time


def jobs_told(
    jobs: Sequence[Job], owners: Owners, now: datetime
) -> tuple[str, list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return how many jobs there are, and the lines of those that run and of those that have ended."""
    ordered = newest_first(jobs)
    running = [job_line(job, owners, now) for job in ordered if not job.ended]
    history = [job_line(job, owners, now) for job in ordered if job.ended]
    state = f"{words.count(len(running), 'job')} running" if running else "No job runs"
    return f"{state}, {words.number(len(history))} in the history.", running, history


def job_line(job: Job, owners: Owners, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``COLUMNS`` for a job."""
    moment = came(job)
    push, chunk = owners.get(job.job_id, (None, 0))
    start, end = job.start_time or job.submitted_at, job.end_time or (None if job.ended else now)
    took = job.elapsed_time if start is None or end is None else (end - start).total_seconds()
    return (
        mark_of(job),
        rows_of(job),
        words.number(len(job.errors)) if job.errors else "",
        shortened(job.type or "", 40),
        f"push {push}, chunk {chunk:,}" if push else shortened(job.filename or "elsewhere", 60),
        words.clock(moment, now) if moment else "",
        "" if took is None else words.duration(took),
        job.job_id,
    )


def mark_of(job: Job) -> str:
    return str(words.mark(job.status, words.JOB_MARKS))


def rows_of(job: Job) -> str:
    done, total = job.completed_rows, job.total_rows
    if done is None or total is None or done == total:
        known = done if total is None else total
        return "" if known is None else words.number(known)
    return f"{words.number(done)} of {words.number(total)} ({words.percent(min(1.0, done / total))})"


def jobs_bundle(jobs: Sequence[Job], owners: Owners, width: int = 140) -> dict[str, str]:
    """Return the account's jobs as text and as HTML, the history cut short."""
    headline, running, history = jobs_told(jobs, owners, words.present())
    recent = history[:SHOWN_HISTORY]
    more = words.and_more(len(history) - len(recent), "older job", ", all in apd.jobs()")
    named = {"Running": running, "History": recent}
    tables = (jobs_table(lines, caption=name) for name, lines in named.items() if lines)
    text = [headline]
    if running or history:
        text.append(text_table(COLUMNS, running + recent, numeric=NUMERIC, width=width))
    page = standing_alone(tag("p", headline), *tables, tag_if_any("p", more))
    return {"text/plain": "\n".join(text), "text/html": str(page)}


def job_bundle(job: Job, owners: Owners) -> dict[str, str]:
    """Return one job as text and as HTML."""
    now = words.present()
    text = text_table(COLUMNS, [job_line(job, owners, now)], numeric=NUMERIC, width=160)
    return {"text/plain": text, "text/html": str(standing_alone(job_html(job, owners, now)))}


def job_html(job: Job, owners: Owners, now: datetime) -> Markup:
    """Return one job as HTML: what it is doing, and its first errors."""
    line = jobs_table([job_line(job, owners, now)], caption="Job")
    return tag("div", line, errors_html(job) if job.errors or job.ended else Markup(""))


def errors_html(job: Job) -> Markup:
    """Return the first errors of a job as HTML; where the rest is, in words."""
    if not job.errors:
        return tag("p", "The job reports no errors.")
    lines = [
        (
            "" if error.place is None else str(error.place),
            *(shortened(text or "", 60) for text in (error.id, error.property, error.code)),
            shortened(error.message or error.raw, 300),
        )
        for error in job.errors[:SHOWN_ERRORS]
    ]
    shown = table(ERROR_COLUMNS, lines, caption="Errors, as the service counts rows")
    more = len(job.errors) - len(lines)
    rest = f"and {words.number(more)} more; " if more > 0 else ""
    return tag("div", shown, tag("p", f"{rest}apd.job({job.job_id!r}).errors has them all as a DataFrame."))


def errors_frame(errors: Sequence[RowError]) -> pd.DataFrame:
    """Return the errors of a job: row (as the service counts), id, property, code, message, raw."""
    texts = list(ERROR_DTYPES)[1:]
    rows = [{"row": error.place} | {name: getattr(error, name) for name in texts} for error in errors]
    return typed_table(ERROR_DTYPES, rows)
