"""Whether a chunk is at the service, by the list of its jobs: pure."""

from __future__ import annotations

import posixpath
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analytex_pandas.service.wire import Job


class Finding(Enum):
    """What a list of jobs says about a chunk that it does not show by name."""

    ABSENT = "absent"
    """It is surely not there."""
    UNCLEAR = "unclear"
    """A job that is there may be it, or not."""


def look(
    jobs: Sequence[Job],
    name: str | None,
    *,
    known: Collection[str] | None,
    others: Collection[str],
    echoes: bool | None,
) -> Job | Finding:
    """Return the job of a chunk, or what its absence from the list means.

    Parameters
    ----------
    jobs : sequence of Job
        The whole list.
    name : str or None
        The name of the chunk's file; None when it went out as JSON, which has none.
    known : collection of str or None
        The jobs that were listed before it was sent; None when nobody had looked.
    others : collection of str
        Jobs that are known to be something else.
    echoes : bool or None
        Whether the service was seen to give names back (True), not to (False), or neither.
    """
    named = by_name(jobs, name)
    if named is not None:
        return named
    if known is None:
        # Nobody knows which jobs are new; but a service that gives names back would have given this one.
        return Finding.ABSENT if name is not None and echoes else Finding.UNCLEAR
    new = [job for job in jobs if job.job_id not in known and job.job_id not in others]
    return Finding.UNCLEAR if any(may_be_it(job, name, echoes=echoes) for job in new) else Finding.ABSENT


def may_be_it(job: Job, name: str | None, *, echoes: bool | None) -> bool:
    """Tell whether a new job may be a chunk whose file `name` it does not show."""
    if job.filename:
        # A name of its own: another's file, unless this service is known not to keep names.
        return echoes is False and name is not None
    # A nameless job is a chunk sent as JSON, or a file where names are not given back.
    return name is None or echoes is not True


def by_name(jobs: Sequence[Job], name: str | None) -> Job | None:
    """Return the job of an uploaded file, one that has not failed first."""
    if name is None:
        return None
    named = [job for job in jobs if is_name_of(job, name)]
    return next((job for job in named if not job.failed), named[0] if named else None)


def is_name_of(job: Job, name: str) -> bool:
    """Tell whether a job shows this file name, perhaps with a folder before it."""
    return job.filename is not None and posixpath.basename(job.filename.strip()) == name


def in_the_way(jobs: Sequence[Job]) -> Job | None:
    """Return the job that runs, the first listed if there are several."""
    return next((job for job in jobs if not job.ended), None)
