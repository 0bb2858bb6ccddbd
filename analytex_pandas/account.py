"""The account's jobs for people: a DataFrame of all, a panel of all, and one to look at and to wait for."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from analytex_pandas.connection import default_client
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.errors import AnalytexError, ServerError, TransportError, harmless_line, typed_table
from analytex_pandas.service.client import Client
from analytex_pandas.service.wire import Job as WireJob
from analytex_pandas.show import display
from analytex_pandas.show.jobs import errors_frame, newest_first

if TYPE_CHECKING:
    from analytex_pandas.show.monitor import Monitor  # loads ipywidgets

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 15.0
"""Seconds between two looks at a job that is waited for."""
LOOKS_IN_VAIN: Final = 10
"""Looks in a row that may fail before ``wait`` gives up."""
ASKED_AT_ONCE: Final = 10
"""Jobs that a look at the account asks about one by one."""
JOB_COLUMNS: Final = {
    **dict.fromkeys(("job_id", "status", "type", "filename"), "object"),
    **dict.fromkeys(("file_size", "total_rows", "completed_rows"), "Int64"),
    "errors": "Int64",
    **dict.fromkeys(("start_time", "end_time", "submitted_at"), "datetime64[us, UTC]"),
    "push": "object",
    "chunk": "Int64",
}


def jobs(*, client: Client | None = None) -> pd.DataFrame:
    """Return the account's jobs, newest first, whoever started them.

    Returns
    -------
    pandas.DataFrame
        job_id, status, type, filename, file_size (bytes), total_rows, completed_rows, errors (how many, if shown),
        start_time, end_time, submitted_at (UTC), push and chunk (those of this machine that the job belongs to).
    """
    client = default_client(client)
    found = client.jobs()
    own = own_pushes(client, [job.job_id for job in found])
    rows = []
    for job in found:
        push, chunk = own.get(job.job_id, (None, None))
        ours = {"errors": len(job.errors) if "errors" in job.raw else None, "push": push, "chunk": chunk}
        rows.append({name: ours[name] if name in ours else getattr(job, name) for name in JOB_COLUMNS})
    return typed_table(JOB_COLUMNS, rows)


def job(job_id: str, *, client: Client | None = None) -> Job:
    """Return one job of the account.

    Returns
    -------
    Job
        With ``status``, ``errors`` (a DataFrame), ``wait()``.

    Raises
    ------
    NotFoundError
        If the account has no such job.
    """
    return Job(default_client(client), job_id)


def monitor(*, client: Client | None = None) -> Monitor:
    """Return a panel of all the account's jobs, whoever started them: running first, history below.

    Live in a notebook; elsewhere it shows them as they are now.

    Raises
    ------
    AnalytexError
        If the service does not answer the first time.
    """
    client = default_client(client)
    return display.monitor(WholeJobs(client), functools.partial(own_pushes, client))


def own_pushes(client: Client, job_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the push and the chunk of those jobs that this machine started."""
    journal = Journal(client.state_directory)
    return journal.owners(job_ids) if journal.exists() else {}


class WholeJobs:
    """The account's jobs with what only each of them tells by itself: the list has neither progress nor errors.

    A few are asked about at a time, the newest first, and those that have ended only once.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._ended: dict[str, WireJob] = {}

    def __call__(self) -> list[WireJob]:
        """Return the jobs as the list has them, and as they themselves say where they were asked."""
        found = self.client.jobs()
        asked: dict[str, WireJob] = {}
        for job in [it for it in newest_first(found) if it.job_id not in self._ended][:ASKED_AT_ONCE]:
            try:
                asked[job.job_id] = self.client.job(job.job_id)
            except AnalytexError:  # the list says what it says; it is asked again at the next look
                break
        self._ended |= {job_id: job for job_id, job in asked.items() if job.ended}
        return [asked.get(job.job_id) or self._ended.get(job.job_id) or job for job in found]


class Job:
    """One job of the account, as it stood when it was last looked at.

    Attributes
    ----------
    job_id : str
        Its id.
    """

    def __init__(self, client: Client, job_id: str) -> None:
        self.client = client
        self.job_id = job_id
        self._seen = client.job(job_id)

    @property
    def status(self) -> str:
        """What the service says it is doing; looks anew unless the job has ended."""
        return self.look().status

    @property
    def done(self) -> bool:
        """Whether it has ended; looks anew unless it has."""
        return self.look().ended

    @property
    def errors(self) -> pd.DataFrame:
        """What the job reports of its rows: row (as the service counts), id, property, code, message, raw."""
        return errors_frame(self.look().errors)

    def look(self) -> WireJob:
        """Return the job as the service shows it now; an ended one is not asked for again."""
        if not self._seen.ended:
            self._seen = self.client.job(self.job_id)
        return self._seen

    def wait(self, timeout: float | None = None) -> Job:
        """Wait for its end.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most; the job goes on all the same.

        Raises
        ------
        AnalytexError
            If the service does not answer for long, or `timeout` passes.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        pause, failures = FIRST_PAUSE, 0
        while True:
            try:
                if self.look().ended:
                    return self
                failures = 0
            except (TransportError, ServerError):
                failures += 1
                if failures >= LOOKS_IN_VAIN:
                    raise
            left = deadline - time.monotonic()
            if left <= 0:
                raise AnalytexError(
                    f"Job {self.job_id!r} was {self._seen.status} still after {timeout:g} s; it goes on at the service."
                )
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def _ipython_display_(self) -> None:
        owners = own_pushes(self.client, [self.job_id])
        display.display_job(self._seen, lambda: self.client.job(self.job_id), owners)

    def __repr__(self) -> str:
        seen, rows = self._seen, ""
        if seen.total_rows is not None:
            rows = f", {seen.completed_rows or 0:,} of {seen.total_rows:,} rows"
        return harmless_line(f"<Job {self.job_id}: {seen.status}{rows}, {len(seen.errors):,} errors>")
