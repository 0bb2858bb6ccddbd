"""Whether a chunk is at the service, by the list of its jobs: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from analytex_pandas.service.wire import Job

Look = Literal["named", "nameless", "renamed"]
"""How the service shows a chunk: by the name of its file, without a name, or by a name of its own making."""

UNCOUNTED = frozenset({"queued", "validating", "failed"})
"""Statuses of a job whose rows may not have been counted to the end."""
OURS = re.compile(r"(?<![0-9a-z])[0-9]{8}-[0-9]{6}-[0-9a-f]{6,8}-[0-9]{5,}-ndjson(?![0-9a-z])")
"""The name of a chunk of some push, here or on another machine."""


class Finding(Enum):
    """What a list of jobs says about a chunk that it does not show by name."""

    ABSENT = "absent"
    """It is surely not there."""
    UNCLEAR = "unclear"
    """A job that is there may be it, or not."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is looked for: a chunk by the name of its file (None when it went out as JSON) and its rows."""

    name: str | None
    rows: int


@dataclass
class NameEcho:
    """How the service was seen to show chunks whose jobs are known, in one kind of answer."""

    seen: set[Look] = field(default_factory=set)

    def learn(self, job: Job, name: str | None) -> None:
        """Take in how a job that is known to be the chunk of this name is shown."""
        self.seen.add("named" if is_name_of(job, name) else "renamed" if job.filename else "nameless")

    def learn_from_names(self, jobs: Iterable[Job]) -> None:
        """Take in that names are kept if any job has the name of a chunk, whosever that is."""
        if not self.seen and any(OURS.search(plain(job.filename)) for job in jobs if job.filename):
            self.seen.add("named")

    def allow(self, job: Job) -> bool:
        """Tell whether a chunk could be shown as this job is, which does not have its name."""
        look: Look = "renamed" if job.filename else "nameless"
        return not self.seen or look in self.seen


def look(
    jobs: Sequence[Job],
    sent: Sent,
    *,
    known: Collection[str] | None,
    others: Collection[str],
    echo: NameEcho,
) -> Job | Finding:
    """Return the job of a chunk, or what its absence from the whole list means.

    `known` are the jobs that were listed before it was sent, None when nobody had looked; `others` are known to be
    something else.
    """
    named = by_name(jobs, sent.name)
    if named is not None:
        return named
    found = candidates(jobs, sent, known=known, others=others, echo=echo)
    return Finding.UNCLEAR if found else Finding.ABSENT


def candidates(
    jobs: Iterable[Job],
    sent: Sent,
    *,
    known: Collection[str] | None,
    others: Collection[str],
    echo: NameEcho,
) -> list[Job]:
    """Return the jobs that may be a chunk although they do not show its name."""
    return [
        job
        for job in jobs
        if job.job_id not in (known or ())
        and job.job_id not in others
        and echo.allow(job)
        and not has_other_rows(job, sent.rows)
    ]


def has_other_rows(job: Job, rows: int) -> bool:
    """Tell whether a job is surely not one of so many rows; the line end of the last may count as one more."""
    total = job.total_rows or rows
    return total > rows + 1 or (total < rows and job.status not in UNCOUNTED)


def by_name(jobs: Iterable[Job], name: str | None) -> Job | None:
    """Return the job of an uploaded file, one that has not failed first."""
    named = [job for job in jobs if is_name_of(job, name)]
    return next((job for job in named if not job.failed), named[0] if named else None)


def is_name_of(job: Job, name: str | None) -> bool:
    """Tell whether a job shows this file name, perhaps in a folder, re-encoded, or with something around it."""
    if name is None or not job.filename:
        return False
    wanted = re.escape(plain(name.removesuffix(".ndjson")))
    return re.search(rf"(?<![0-9a-z]){wanted}(?![0-9a-z])", plain(job.filename)) is not None


def plain(name: str) -> str:
    """Return what survives of a file name wherever it is stored: its letters and digits in lower case."""
    return re.sub(r"[^0-9a-z]+", "-", unquote(name).casefold())


def in_the_way(jobs: Sequence[Job]) -> Job | None:
    """Return the job that runs, the first listed if there are several."""
    return next((job for job in jobs if not job.ended), None)
