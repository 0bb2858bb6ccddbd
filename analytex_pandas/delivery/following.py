"""A chunk's job is followed to its end: with few questions, and whatever happens to them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery.drive import PATIENCE_WITH_A_JOB, Setback, in_brief, logger
from analytex_pandas.delivery.lookup import by_name
from analytex_pandas.delivery.pacing import Watch, backoff, told_to_wait
from analytex_pandas.delivery.state import running_status
from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError

if TYPE_CHECKING:
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.service.wire import Job

MISSES: Final = 5
"""Answers in a row that a job is not there, neither by itself nor in the list, until that is believed."""


def follow(drive: Drive, number: int, job: Job | None) -> Job | None:
    """Return a chunk's job when it has ended; None when the service does not know it any more.

    `job` is the job as the submit's answer or the list showed it; None after a restart.
    """
    chunk = drive.chunk(number)
    submitted = chunk.submitted_at or drive.clock.now()
    before = 0.0 if job is not None else max((drive.clock.now() - submitted).total_seconds(), 0.0)
    begin = drive.clock.monotonic() - before
    watch = Watch(chunk.rows)
    show(drive, number, job, watch)
    drive.ahead = None
    # An end that the answer to something else shows may lack the errors: the job itself is asked anyway.
    delay = drive.pace.next_poll(watch, 0.0) if job is not None and not job.ended else 0.0
    while True:
        drive.rest(delay, stoppable=False)
        try:
            now = ask(drive, number)
        except NotFoundError:
            return None
        elapsed = drive.clock.monotonic() - begin
        if now.ended:
            if job is not None:
                cycle = (drive.clock.now() - submitted).total_seconds()
                drive.pace.record(watch, elapsed, max(cycle, elapsed))
            return now
        watch.note(elapsed, now.completed_rows)
        show(drive, number, now, watch)
        told = look_ahead(drive, number)
        delay = max(told, drive.pace.next_poll(watch, drive.clock.monotonic() - begin))


def ask(drive: Drive, number: int) -> Job:
    """Return the chunk's job as it stands, asking until there is an answer; raise NotFoundError if it is forgotten."""
    setback = Setback(drive, PATIENCE_WITH_A_JOB)
    misses = 0
    while True:
        try:
            job = drive.client.job(drive.chunk(number).job_id or "")
        except AuthenticationError as error:
            locate(error, drive, number)
            raise
        except NotFoundError as error:
            job_in_list = listed(drive, number)
            if job_in_list is not None:
                return job_in_list
            misses += 1
            if misses == MISSES:
                raise
            reason: AnalytexError = error
        except AnalytexError as error:
            # Not only what heals by itself: a login page redirects, and the job runs on behind it.
            reason = error
        else:
            drive.asked.learn(job, drive.name(number))
            return job
        setback.rest(reason, f"{drive.label(number)} runs; asking about it", stoppable=False)


def listed(drive: Drive, number: int) -> Job | None:
    """Return the chunk's job as the list shows it, None when it does not."""
    what = f"{drive.label(number)}: its job does not answer, looking in the list"
    try:
        jobs = drive.list_jobs(what, patience=PATIENCE_WITH_A_JOB, stoppable=False)
    except AuthenticationError as error:
        locate(error, drive, number)
        raise
    except AnalytexError:
        return None
    job_id = drive.chunk(number).job_id
    same = next((job for job in jobs if job.job_id == job_id), None)
    if same is not None:
        return same
    renamed = by_name(jobs, drive.name(number))
    if renamed is not None:
        status = running_status(renamed.status)
        drive.record(number, job_id=renamed.job_id, status=status, known_jobs=None)
    return renamed


def look_ahead(drive: Drive, number: int) -> float:
    """Read the list of jobs for the next submit while this chunk runs, so that it costs no time then.

    Returns the seconds for which the service asked not to be asked anything.
    """
    if drive.looked is not None or number == len(drive.state.chunks):
        return 0.0
    drive.ahead = drive.ahead or drive.client.listing()
    try:
        drive.looked = drive.ahead.read()
    except AnalytexError as error:
        logger.debug("push %s: the look ahead failed: %s", drive.id, in_brief(error))
        return 0.0 if told_to_wait(error) is None else backoff(1, error, drive.chance)
    drive.ahead = None
    drive.learn(drive.looked)
    with contextlib.suppress(AnalytexError):  # said when the chunk is to be sent
        drive.digests(number + 1)
    return 0.0


def show(drive: Drive, number: int, job: Job | None, watch: Watch) -> None:
    if job is None:
        drive.say(f"{drive.label(number)}: asking how its job went on", current=number)
        return
    completed = job.completed_rows
    words = job.status.replace("_", " ") if not job.ended else "done, reading the report"
    if completed is not None and not job.ended:
        words += f", {completed:,} of {drive.chunk(number).rows:,} rows"
    drive.show_chunk(number, status=running_status(job.status), completed_rows=completed)
    drive.say(f"{drive.label(number)}: {words}", current=number, watch=watch)


def locate(error: AnalytexError, drive: Drive, number: int) -> None:
    """Make an error also say which chunk's job runs on and how to come back to it."""
    words = (
        f"{drive.label(number).capitalize()} of push {drive.id} is at the service as job "
        f"{drive.chunk(number).job_id} and runs on there, but it cannot be asked about: {error} Nothing is lost: "
        f"apd.resume({drive.id!r}) goes on with it once that is mended."
    )
    error.args = (words,)
