"""A chunk's job is followed to its end, with few questions, whatever happens to them; what it says is written down."""

from __future__ import annotations

import contextlib
import functools
import json
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery import asking, memory
from analytex_pandas.delivery.asking import Setback, in_brief
from analytex_pandas.delivery.blobs import to_blob
from analytex_pandas.delivery.drive import logger
from analytex_pandas.delivery.journal import add_answers
from analytex_pandas.delivery.kept import kept_rows, later_answers, mend
from analytex_pandas.delivery.lookup import by_name, shown
from analytex_pandas.delivery.pacing import (
    ABSENCE,
    LONG_QUEUED,
    PATIENCE_WITH_REFUSALS,
    Watch,
    backoff,
    told_to_wait,
)
from analytex_pandas.delivery.report import Lines, Verdict, judge
from analytex_pandas.delivery.state import RUNNING, running_status
from analytex_pandas.errors import AnalytexError, NotFoundError
from analytex_pandas.frame.labels import POSITION

if TYPE_CHECKING:
    import sqlite3

    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.service.wire import Job

OVER: Final = frozenset({"cancelled", "canceled", "aborted", "stopped", "killed", "expired", "deleted"})
"""Words for an end that is not documented: what became of the rows is not told."""
MISSES: Final = 5
"""Answers that a job is not there, neither by itself nor in the list, until that is believed."""


def follow(drive: Drive, job: Job | None) -> Job | None:
    """Return the chunk's job when it has ended; None when the service does not know it any more.

    `job` is the job as the submit's answer or the list showed it; None after a restart.
    """
    chunk = drive.chunk
    submitted = chunk.submitted_at or drive.clock.now()
    before = 0.0 if job is not None else max((drive.clock.now() - submitted).total_seconds(), 0.0)
    begin = drive.clock.monotonic() - before
    watch, odd_since = Watch(chunk.rows), 0.0
    if job is None:
        drive.say(f"{drive.label}: asking how its job went on")
    else:
        show(drive, job, watch)
    drive.ahead = None
    # An end that the answer to something else shows may lack the errors: the job itself is asked anyway.
    delay = drive.pace.next_poll(watch, 0.0) if job is not None and not job.ended else 0.0
    told = 0.0
    while True:
        drive.rest(delay, in_trouble=told > 0)
        now = ask(drive)
        if now is None:
            return None
        elapsed = drive.clock.monotonic() - begin
        if now.ended:
            if job is not None:
                cycle = (drive.clock.now() - submitted).total_seconds()
                drive.pace.record(watch, elapsed, max(cycle, elapsed))
            return now
        if now.status not in RUNNING and (now.end_time is not None or now.status.casefold() in OVER):
            odd_since = odd_since or elapsed
            if elapsed - odd_since > PATIENCE_WITH_REFUSALS:
                return None
        watch.note(elapsed, now.completed_rows)
        show(drive, now, watch, elapsed)
        told = look_ahead(drive)
        delay = max(told, drive.pace.next_poll(watch, drive.clock.monotonic() - begin))


def show(drive: Drive, job: Job, watch: Watch, elapsed: float = 0.0) -> None:
    completed = job.completed_rows
    words = "done, reading the report" if job.ended else job.status.replace("_", " ")
    if completed is not None and not job.ended:
        words += f", {completed:,} of {drive.chunk.rows:,} rows"
    if job.status == "queued" and elapsed > LONG_QUEUED:
        words += f" for {elapsed / 60:,.0f} minutes; if it does not begin, ask the support of the service"
    elif not job.ended and job.status not in RUNNING:
        words += ", which is no status that is documented; its rows are unknown if the service says no more"
    drive.show_chunk(status=running_status(job.status), completed_rows=completed)
    drive.say(f"{drive.label}: {words}", watch=watch)


def ask(drive: Drive) -> Job | None:
    """Return the chunk's job as it stands, asking until there is an answer; None if it is forgotten."""
    setback, misses, missed_since = Setback(drive, f"{drive.label} runs; asking about it"), 0, 0.0
    while True:
        try:
            job = drive.client.job(drive.chunk.job_id or "")
        except NotFoundError as error:
            # Not in the list and no list are two things: only the first says that the service has forgotten it.
            found = listed(drive)
            misses += 1
            missed_since = missed_since or drive.clock.monotonic()
            is_believed = misses >= MISSES and drive.clock.monotonic() - missed_since >= ABSENCE
            # An end that the list shows lacks the errors.
            if is_believed or (found is not None and not found.ended):
                return found
            setback.rest(error)
        except AnalytexError as error:
            misses, missed_since = 0, 0.0
            # Not only what heals by itself: a login page redirects, and the job runs on behind it.
            setback.rest(error)
        else:
            drive.answered()
            drive.asked.add(shown(job, drive.name(drive.number)))
            drive.hear(job)
            return job


def listed(drive: Drive) -> Job | None:
    """Return the chunk's job as the list shows it, None when it does not."""
    what = f"{drive.label}: its job does not answer, looking in the list"
    jobs = asking.newest_jobs(drive, what, since=drive.chunk.submitted_at)
    job_id = drive.chunk.job_id
    same = next((job for job in jobs if job.job_id == job_id), None)
    if same is not None:
        return same
    renamed = by_name(jobs, drive.name(drive.number))
    if renamed is not None:
        status = running_status(renamed.status)
        drive.record(job_id=renamed.job_id, status=status, known_jobs=None)
    return renamed


def look_ahead(drive: Drive) -> float:
    """Read the list of jobs for the next submit while this chunk runs, so that it costs no time then.

    Returns the seconds for which the service asked not to be asked anything.
    """
    if drive.looked is not None or drive.number == len(drive.state.chunks):
        return 0.0
    drive.ahead = drive.ahead or drive.client.listing()
    try:
        drive.looked = drive.ahead.newest()
    except AnalytexError as error:
        logger.debug("push %s: the look ahead failed: %s", drive.id, in_brief(error))
        return 0.0 if told_to_wait(error) is None else backoff(1, error, drive.chance)
    drive.ahead = None
    asking.learn(drive, drive.looked)
    with contextlib.suppress(AnalytexError):  # said when the chunk is to be sent
        drive.digests(drive.number + 1)
    return 0.0


def settle(drive: Drive, job: Job | None) -> None:
    """Write down what became of every row of the chunk, then delete its files.

    `job` is its job as it ended; None when nobody can tell what became of it.
    """
    chunk, kind, number = drive.chunk, drive.document.kind, drive.number
    lines = functools.cache(lambda: drive.spool.lines(number))
    records = functools.cache(lambda: Lines(list(map(json.loads, lines())), kind))
    taught = memory.taught(drive.journal, drive.state.account, kind)
    kept, positions, answers = None, [], dict[str | None, tuple[int, str]]()
    # Where all is well nothing is read, but of a retry.
    with drive.reading("Its files are needed until its rows are answered for."):
        verdict = judge(job, chunk.rows, records, drive.heard, taught)
        if drive.state.parent is not None:
            answers = later_answers(drive.id, number, chunk.job_id, records().names, verdict)
        if verdict.refused or verdict.doubtful:
            rows = drive.spool.rows(number)
            positions = rows[POSITION].to_pylist()
            kept = to_blob(kept_rows(rows, lines(), verdict))
    errors = [error.entry(positions, chunk.job_id) for error in verdict.errors]

    def also(connection: sqlite3.Connection) -> None:
        add_answers(connection, drive.id, number, errors, kept)
        connection.execute("UPDATE chunk SET heard = NULL WHERE push = ? AND number = ?", [drive.id, number])
        memory.remember(connection, drive.state.account, kind, (drive.id, number), verdict)
        if verdict.taught != taught:
            memory.teach(connection, drive.state.account, kind, verdict.taught)
        if answers:
            mend(connection, drive.id, kind, answers)

    drive.record(
        also,
        status=status_of(job, verdict),
        completed_rows=chunk.completed_rows if job is None else job.completed_rows,
        refused=len(verdict.refused),
        unknown=verdict.unknown,
        known_jobs=None,
        ended_at=drive.clock.now(),
    )
    drive.spool.delete_chunk(number)


def status_of(job: Job | None, verdict: Verdict) -> str:
    if job is None or job.failed:
        return "unknown" if job is None else "failed"
    return "completed_with_errors" if verdict.errors or verdict.unknown else "completed"
