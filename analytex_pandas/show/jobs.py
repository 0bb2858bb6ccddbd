"""The account's jobs at one moment, in words and as HTML: is it free, what runs, what went wrong, whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import pandas as pd

from analytex_pandas.errors import typed_table
from analytex_pandas.service.naming import RowError
from analytex_pandas.service.wire import Job
from analytex_pandas.show import markup, words
from analytex_pandas.show.markup import Markup, datum, join, prose, shortened, table, tag, tag_if_any
from analytex_pandas.show.pages import marked, pill
from analytex_pandas.show.words import Mark

Owners = Mapping[str, tuple[str, int]]
"""Push id and chunk of each job that this machine started."""

COLUMNS: Final = ("State", "What", "Rows", "When", "From", "Jobs")
EACH_COLUMNS: Final = (*COLUMNS[:-1], "Job")
NUMERIC: Final = ("Jobs", "Rows")
ERROR_COLUMNS: Final = ("Message", "Code", "Property", "Id", "Row")
ERROR_DTYPES: Final = {
    "row": "Int64",
    **dict.fromkeys(("id", "property", "code", "message", "raw"), "object"),
}
SHOWN_LINES: Final = 20
SHOWN_ERRORS: Final = 20
LANE: Final = timedelta(hours=24)
HOURS: Final = 4
"""Hours between two labels of the lane."""
LONGEST_TOLD: Final = 30 * 86_400.0
"""Seconds; an end beyond is no help."""
DIGITS: Final = re.compile(r"\d+")


class Line(NamedTuple):
    """Jobs of one file or push in one state, newest of them first."""

    mark: Mark
    name: str
    chunks: str
    rows: str
    when: str
    origin: str
    jobs: list[Job]


def newest_first(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs by the time they came; those that do not tell keep the service's order, at the end."""
    return sorted(jobs, key=lambda job: -moment.timestamp() if (moment := came(job)) else 0.0)


def came(job: Job) -> datetime | None:
    """Return when a job was submitted, or began."""
    return job.submitted_at or job.start_time


def began(job: Job) -> datetime | None:
    """Return when a job began, or was submitted."""
    return job.start_time or job.submitted_at


def refused(job: Job) -> int:
    """Return how many rows the errors of a job name, or how many errors there are that name none."""
    named = {(error.place, error.id) for error in job.errors} - {(None, None)}
    return len(named) or len(job.errors)


def mark_of(job: Job) -> Mark:
    mark = words.mark(job.status, words.JOB_MARKS)
    if job.errors:
        sign = mark if job.failed else words.SOME_REFUSED
        return sign._replace(word=f"{mark.word}, {words.number(refused(job))} refused")
    return mark


def name_of(job: Job, owners: Owners) -> str:
    """Return what a job is called: its push, where this machine started it, else its file, else its kind."""
    push, _ = owners.get(job.job_id, (None, 0))
    return f"push {push}" if push else shortened(job.filename or job.type or "no file name", 60)


def lines(jobs: Sequence[Job], owners: Owners, now: datetime, *, together: bool = True) -> list[Line]:
    """Return the jobs newest first, those that run before the others; of one push or file and state as one line."""
    ordered = sorted(newest_first(jobs), key=lambda job: job.ended)
    grouped: dict[object, list[Job]] = {}
    for job in ordered:
        same = DIGITS.sub("…", name_of(job, owners)) if job.job_id not in owners else name_of(job, owners)
        key = (same, mark_of(job).character) if together and job.ended else job.job_id
        grouped.setdefault(key, []).append(job)
    return [_line(group, owners, now) for group in grouped.values()]


def _line(group: list[Job], owners: Owners, now: datetime) -> Line:
    first, single = group[0], len(group) == 1
    mark, name = mark_of(first), name_of(first, owners)
    if not single:
        rows = sum(map(refused, group))
        done = mark.word.partition(",")[0]
        mark = mark._replace(word=f"{done}, {words.number(rows)} refused" if rows else done)
        name = name if first.job_id in owners else DIGITS.sub("…", name)
        total = sum(job.total_rows or job.completed_rows or 0 for job in group)
        told = words.number(total) if total else ""
    else:
        told = rows_of(first)
    numbers = sorted(owners[job.job_id][1] for job in group if job.job_id in owners)
    origin = "this machine" if first.job_id in owners else "elsewhere"
    return Line(mark, name, chunks_told(numbers), told, when(group, now), origin, group)


def chunks_told(numbers: Sequence[int]) -> str:
    """Return chunk numbers in words: ``chunks 1, 3 to 7 and 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told: list[str] = []
    for run in runs:
        told += [f"{run[0]:,} to {run[-1]:,}"] if len(run) > 2 else [f"{number:,}" for number in run]  # noqa: PLR2004
    *most, last = told or [""]
    listed = " and ".join(filter(None, (", ".join(most), last)))
    return f"{'chunk' if len(numbers) == 1 else 'chunks'} {listed}" if listed else ""


def when(group: Sequence[Job], now: datetime) -> str:
    begins = [moment for job in group if (moment := began(job))]
    ends = [job.end_time for job in group if job.end_time]
    if not begins:
        return ""
    if not group[0].ended:
        return f"since {words.clock(min(begins), now)}"
    begin = words.clock(min(begins), now, seconds=False)
    if not ends:
        return begin
    end = words.clock(max(ends), now, seconds=False)
    day, _, time = end.rpartition(" ")
    return f"{begin} to {time if day and begin.startswith(day) else end}"


def rows_of(job: Job) -> str:
    done, total = job.completed_rows, job.total_rows
    if done is None or not total or done == total:
        known = done if total is None else total
        return "" if known is None else words.number(known)
    return f"{words.number(done)} of {words.number(total)} ({words.percent(min(1.0, done / total))})"


def end_of(job: Job, now: datetime) -> datetime | None:
    """Return when a running job ends if it goes on as it did."""
    begin = began(job)
    if begin is None or not job.completed_rows or not job.total_rows or begin >= now:
        return None
    passed = (now - begin).total_seconds()
    left = passed * max(0.0, job.total_rows / job.completed_rows - 1)
    return now + timedelta(seconds=left) if left < LONGEST_TOLD else None


def headline(jobs: Sequence[Job]) -> str:
    running = sum(not job.ended for job in jobs)
    state = f"{words.count(running, 'job')} running" if running else "No job runs"
    return f"{state}, {words.number(len(jobs) - running)} in the history."


def account_html(jobs: Sequence[Job], owners: Owners, now: datetime, *, saved: bool = False) -> Markup:
    """Return whether the account is free, and its last day as a lane: one job at a time is one lane."""
    running = [line for line in lines(jobs, owners, now) if not line.jobs[0].ended]
    mark = words.mark("running", {}) if running else words.Mark("○", "free", "idle")
    since = min((moment for job in jobs if (moment := came(job))), default=None)
    story = f"since {words.clock(since, now)}" if since else ""
    number, what, time = "Free", "for the next push", ""
    if running:
        line = running[0]
        number = "Busy"
        what = f"with {', '.join(filter(None, (line.name, line.chunks, f'from {line.origin}')))}"
        end = end_of(line.jobs[0], now)
        if end is not None and end > now:
            left = words.duration((end - now).total_seconds())
            time = f"ends in {left}, {words.about(end, now)}"
    head = [tag("b", number), " ", tag("span", datum(what, 300))]
    head += [" ", tag("span", tag("b", time), class_="apd-time")] if time else []
    top = tag(
        "div", pill(mark._replace(word=headline(jobs).rstrip("."))), " ", tag("span", story), class_="apd-top"
    )
    parts = [
        top,
        tag("p", *head, class_="apd-head"),
        Markup("") if saved or not jobs else lane(jobs, owners, now),
    ]
    return tag("div", *parts)


def lane(jobs: Sequence[Job], owners: Owners, now: datetime) -> Markup:
    """Return the last day of the account: when jobs ran, whose they were, which failed."""
    last = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    first = last - LANE
    stretches = []
    for job in jobs:
        begin, end = began(job), job.end_time or now
        if begin is None or end < first:
            continue
        fate = "ack" if job.job_id in owners else "oth"
        fate = "ref" if job.failed else fate if job.ended else "due"
        left = min(max(0.0, (begin - first) / LANE * 100), 100.0)
        width = min(max(0.2, (end - first) / LANE * 100 - left), 100.0)
        stretches.append(tag("i", class_=f"apd-{fate}", style=f"left:{left:.2f}%;width:{width:.2f}%"))
    moments = (first + timedelta(hours=hour) for hour in range(0, 25, HOURS))
    hours = (tag("span", f"{moment:%H:%M}") for moment in moments)
    key = {"ack": "this machine", "due": "running", "oth": "elsewhere", "ref": "failed"}
    entries = join((tag("span", tag("b", class_=f"apd-{fate}"), word) for fate, word in key.items()), " ")
    parts = (("div", "apd-lane", stretches), ("p", "apd-hours", hours), ("p", "apd-key", [entries]))
    return join(tag(name, *inner, class_=kind, aria_hidden="true") for name, kind, inner in parts)


def lines_html(shown: Iterable[Line], caption: str, *, each: bool = False) -> Markup:
    """Return lines as a table; of `each` job its id, else how many jobs they are."""
    made = []
    for line in shown:
        what = join((tag("b", datum(line.name)), f", {line.chunks}" if line.chunks else ""))
        of = tag("code", line.jobs[0].job_id) if each else words.number(len(line.jobs))
        made.append((marked(line.mark), what, line.rows, line.when, line.origin, of))
    columns = EACH_COLUMNS if each else COLUMNS
    short = ("State", "When", "From")
    return table(columns, made, numeric=NUMERIC, wide="What", nowrap=short, caption=caption)


def jobs_bundle(jobs: Sequence[Job], owners: Owners) -> dict[str, str]:
    """Return the account's jobs as text and as HTML, the history cut short."""
    now = words.present()
    told = lines(jobs, owners, now)
    shown = told[:SHOWN_LINES]
    more = words.and_more(len(told) - len(shown), "older line", ", all in apd.jobs()")
    cells = [(*told_in_text(line), str(len(line.jobs))) for line in shown]
    text = [headline(jobs)]
    if shown:
        text.append(markup.text_table(COLUMNS, cells, numeric=NUMERIC, width=140))
    as_of = tag("p", tag("span", f"as of {now:%Y-%m-%d %H:%M %Z}"), class_="apd-foot")
    tables = [lines_html(shown, "Jobs, newest first")] if shown else []
    account = account_html(jobs, owners, now, saved=True)
    page = markup.standing_alone(account, *tables, tag_if_any("p", more), as_of)
    return {"text/plain": "\n".join(filter(None, (*text, more))), "text/html": str(page)}


def told_in_text(line: Line) -> tuple[str, ...]:
    what = ", ".join(filter(None, (line.name, line.chunks)))
    return str(line.mark), what, line.rows, line.when, line.origin


def job_bundle(job: Job, owners: Owners) -> dict[str, str]:
    """Return one job as text and as HTML."""
    now = words.present()
    (line,) = lines([job], owners, now)
    text = markup.text_table(EACH_COLUMNS, [(*told_in_text(line), job.job_id)], numeric=NUMERIC, width=160)
    return {"text/plain": text, "text/html": str(markup.standing_alone(job_html(job, owners, now)))}


def job_html(job: Job, owners: Owners, now: datetime) -> Markup:
    """Return one job as HTML: what it is doing, and its first errors."""
    made = lines_html(lines([job], owners, now), "Job", each=True)
    errors = errors_html(job) if job.errors or job.ended else Markup("")
    return tag("div", made, errors, class_=" ".join(markup.NO_MATHEMATICS))


def errors_html(job: Job, shown: slice = slice(SHOWN_ERRORS)) -> Markup:
    """Return errors of a job as HTML, message first; where all of them are, in words."""
    if not job.errors:
        return tag("p", "The job reports no errors.")
    cells = []
    for error in job.errors[shown]:
        texts = [datum(text or "", 60) for text in (error.code, error.property, error.id)]
        place = "" if error.place is None else str(error.place)
        cells.append((datum(error.message or error.raw, 300), *texts, place))
    made = table(ERROR_COLUMNS, cells, wide="Message", caption="Errors, as the service counts rows")
    more = words.and_more(len(job.errors) - len(cells), "more", "; ").replace("mores", "more")
    all_of_them = f"{more}`apd.job({job.job_id!r}).errors` has all as a DataFrame."
    return tag("div", made, tag("p", prose(all_of_them)))


def errors_frame(errors: Sequence[RowError]) -> pd.DataFrame:
    """Return the errors of a job: row (as the service counts), id, property, code, message, raw."""
    texts = list(ERROR_DTYPES)[1:]
    rows = [{"row": error.place} | {name: getattr(error, name) for name in texts} for error in errors]
    return typed_table(ERROR_DTYPES, rows)
