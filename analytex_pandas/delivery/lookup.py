"""Whether a job in the list is a chunk of ours: pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from urllib.parse import unquote

from analytex_pandas.service.wire import Job

UNCOUNTED: Final = frozenset({"queued", "validating", "failed"})
"""Statuses of a job whose rows may not have been counted to the end."""
OURS: Final = re.compile(r"(?<![0-9a-z])[0-9]{8}-[0-9]{6}-[0-9a-f]{6,8}-[0-9]{5,}-ndjson(?![0-9a-z])")
"""The name of a chunk of some push, here or on another machine."""


def shown(job: Job, name: str | None = None) -> str:
    """Return how the job of the chunk of this name is shown: ``named`` so, ``nameless``, or ``renamed``."""
    return "named" if is_name_of(job, name) else "renamed" if job.filename else "nameless"


def is_ours(job: Job) -> bool:
    """Tell whether a job has the name of a chunk, whosever that is."""
    return job.filename is not None and OURS.search(plain(job.filename)) is not None


def chunk_of(job: Job, push_id: str) -> int | None:
    """Return the number of the chunk of a push that a job shows by its name; None if it shows none."""
    found = None if job.filename is None else OURS.search(plain(job.filename))
    if found is None or not found[0].startswith(push_id):
        return None
    return int(found[0].removeprefix(f"{push_id}-").removesuffix("-ndjson"))


def in_the_way(jobs: Iterable[Job], harmless: Collection[str]) -> Job | None:
    """Return the job that runs, if one does that a submit may have to wait for."""
    return next(
        (job for job in jobs if not job.ended and job.end_time is None and job.job_id not in harmless), None
    )


def by_name(jobs: Iterable[Job], name: str | None) -> Job | None:
    """Return the job of an uploaded file, one that has not failed first; None for a chunk that went without a name."""
    named = [job for job in jobs if is_name_of(job, name)]
    return min(named, key=lambda job: job.failed, default=None)


def forgets(jobs: Sequence[Job], known: Sequence[str], *, newest_first: bool) -> bool:
    """Tell whether a list leaves out jobs that were listed before: then that one is not there says nothing.

    Of jobs in their order the newest that was known is enough: older ones may be kept for a time only.
    """
    listed = {job.job_id for job in jobs}
    return not listed.issuperset(known[:1] if newest_first else known)


def candidates(
    jobs: Iterable[Job],
    rows: int,
    *,
    known: Collection[str] | None,
    others: Collection[str],
    seen: Collection[str],
) -> list[Job]:
    """Return the jobs of a whole list that may be a chunk although they do not show its name; if none, it is not there.

    `known` are the jobs that were listed before it was sent, None when nobody had looked; `others` are known to be
    something else; `seen` is how jobs that are known to be chunks were shown.
    """
    return [
        job
        for job in jobs
        if job.job_id not in (known or ())
        and job.job_id not in others
        and (not seen or shown(job) in seen)
        and not has_other_rows(job, rows)
    ]


def has_other_rows(job: Job, rows: int) -> bool:
    """Tell whether a job is surely not one of so many rows; the line end of the last may count as one more."""
    total = job.total_rows or rows
    return total > rows + 1 or (total < rows and job.status not in UNCOUNTED)


def is_name_of(job: Job, name: str | None) -> bool:
    """Tell whether a job shows this file name, perhaps in a folder, re-encoded, or with something around it."""
    if name is None or not job.filename:
        return False
    wanted = re.escape(plain(name.removesuffix(".ndjson")))
    return re.search(rf"(?<![0-9a-z]){wanted}(?![0-9a-z])", plain(job.filename)) is not None


def plain(name: str) -> str:
    """Return what survives of a file name wherever it is stored: its letters and digits in lower case."""
    return re.sub(r"[^0-9a-z]+", "-", unquote(name).casefold())
