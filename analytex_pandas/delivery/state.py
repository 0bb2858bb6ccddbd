"""A push at one moment, frozen, as the journal has it and displays show it; and the arithmetic of its counts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from analytex_pandas.settings import Kind

PLANNED: Final = ("input", "invalid", "duplicate", "unchanged")
COUNTS: Final = (*PLANNED, "pending", "in_flight", "acknowledged", "refused", "unknown")
"""The names of the counts; ``input`` is the sum of all the others at every moment."""

SETTLED: Final = frozenset({"completed", "completed_with_errors", "failed", "unknown"})
"""Statuses of a chunk of which every row is answered for."""

UNSENT: Final = frozenset({"pending", "waiting"})
"""Statuses of a chunk of which nothing can be at the service."""

IN_DOUBT: Final = frozenset({"submitting", "looking"})
"""Statuses of a chunk that may have arrived without an answer."""

RUNNING: Final = frozenset({"queued", "validating", "processing", "pending_refresh"})
"""Statuses of a chunk whose job runs, in the service's words."""

FINISHED: Final = frozenset({"completed", "completed_with_errors"})
"""Statuses of a push that has nothing left to do."""

ENDED: Final = FINISHED | {"failed", "cancelled", "interrupted"}
"""Statuses of a push that nobody drives (any more)."""


@dataclass(frozen=True, slots=True)
class ChunkState:
    """One chunk at one moment: its columns in the journal.

    ``status`` is ``pending``, ``submitting``, ``looking`` (the answer was lost; the job is looked for),
    ``waiting`` (a job is in the way), then the job's own status while it runs, then one of ``SETTLED``.
    """

    number: int
    rows: int
    bytes: int
    status: str = "pending"
    job_id: str | None = None
    attempts: int = 0
    completed_rows: int | None = None
    refused: int = 0
    unknown: int = 0
    submitted_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    known_jobs: tuple[str, ...] | None = None
    """Ids of the jobs listed before it was sent, in that order, while it is in doubt; None when nobody had looked."""
    twins: tuple[str, ...] | None = None
    """Ids of other jobs that the service made of it: they came late, and were not seen before it was sent again."""

    @property
    def settled(self) -> bool:
        return self.status in SETTLED

    @property
    def in_doubt(self) -> bool:
        """Whether it may be at the service without our knowing its job."""
        return self.status in IN_DOUBT and self.job_id is None

    @property
    def acknowledged(self) -> int:
        """Rows that the service took."""
        return self.rows - self.refused - self.unknown if self.settled else 0

    @property
    def progress(self) -> int:
        """Rows that are done with, as far as is known at this moment."""
        return self.rows if self.settled else min(self.completed_rows or 0, self.rows)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing moves: the service gives no good answer, and is asked again."""

    since: dt.datetime
    answer: str
    """What came last, in brief."""
    tries: int
    next_try: dt.datetime
    gives_up: dt.datetime | None
    """When the push stops if nothing changes; None where it goes on without this answer."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """The job that is waited for, as it was last seen."""

    job_id: str
    owner: tuple[str, int] | None
    """Push and chunk, where this machine started it."""
    filename: str | None
    kind: str | None
    completed_rows: int | None
    total_rows: int | None
    since: dt.datetime | None
    until: dt.datetime | None
    """When it ends if it goes on as it did."""


@dataclass(frozen=True, slots=True)
class PushState:
    """A push at one moment."""

    id: str
    kind: Kind
    status: str
    counts: Mapping[str, int]
    chunks: tuple[ChunkState, ...]
    current: int | None = None
    """Number of the chunk that is worked on."""
    activity: str = ""
    """What it is doing, in words."""
    rate: float | None = None
    """Rows a second, measured."""
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    estimated_end: dt.datetime | None = None
    due: dt.datetime | None = None
    """When the running job is expected to end."""
    since: dt.datetime | None = None
    """Since when it is in this status (or pausing, or cancelling)."""
    trouble: Trouble | None = None
    blocker: Blocker | None = None
    error_class: str | None = None
    error: str | None = None
    reason: str | None = None
    """What stopped it, without where and what next; in the process that drove it."""
    revision: int = 0
    pausing: bool = False
    """Paused, and a job of it still runs at the service."""
    cancelling: bool = False
    """To be cancelled as soon as its running job ends."""
    account: str = ""
    """Salted digest of whose it is."""
    base_url: str = ""
    parent: str | None = None
    """The push that this one retries."""
    source: str = ""
    """The file that it was read from, by its name."""
    driver: Mapping[str, Any] | None = None
    """Who drives it, or did last: pid, host, since."""
    forgiven_refused: int = 0
    """Rows that were refused, and answered for, when the user let it go on though its own terms had stopped it."""
    forgiven_answered: int = 0

    @property
    def done(self) -> bool:
        """Whether nobody drives it (any more)."""
        return self.status in ENDED

    def chunk(self, number: int) -> ChunkState:
        """Return the chunk of this number; chunks are numbered from 1."""
        return self.chunks[number - 1]


def counted(planned: Mapping[str, int], chunks: Iterable[ChunkState]) -> dict[str, int]:
    """Return the counts of a push from those of its plan and the present state of its chunks."""
    counts = dict.fromkeys(COUNTS, 0) | {name: int(planned.get(name, 0)) for name in PLANNED}
    for chunk in chunks:
        if chunk.settled:
            counts["acknowledged"] += chunk.acknowledged
            counts["refused"] += chunk.refused
            counts["unknown"] += chunk.unknown
        else:
            counts["pending" if chunk.status in UNSENT else "in_flight"] += chunk.rows
    return counts


def running_status(said: str) -> str:
    """Return the status of a chunk whose job the service says to be in some status.

    A chunk has ended only when its rows are answered for; and a word of the service's that we use for something else
    (``pending``, ``unknown``) must not be taken for ours.
    """
    return said if said in RUNNING else "processing"


def with_chunk(state: PushState, chunk: ChunkState) -> PushState:
    """Return the push with one of its chunks changed, its counts kept in step."""
    counts = Counter(state.counts)
    counts.subtract(counted({}, [state.chunk(chunk.number)]))
    counts.update(counted({}, [chunk]))
    chunks = (*state.chunks[: chunk.number - 1], chunk, *state.chunks[chunk.number :])
    return replace(state, chunks=chunks, counts=dict(counts))


def rows_left(state: PushState) -> int:
    """Return how many rows are still to be answered for, the progress of running jobs taken off."""
    return sum(chunk.rows - chunk.progress for chunk in state.chunks)


def at_the_service(state: PushState) -> str:
    """Return what of a push is at the service at this moment, in sentences that begin with a space."""
    return "".join(
        f" Chunk {chunk.number:,} runs at the service as job {chunk.job_id} and is not stopped by this."
        for chunk in state.chunks
        if chunk.job_id is not None and not chunk.settled
    ) + "".join(
        f" Whether chunk {chunk.number:,} has arrived is not known yet; it is looked up before anything is sent."
        for chunk in state.chunks
        if chunk.in_doubt
    )


def still_running(state: PushState) -> str:
    """Return what of a push goes on without anybody waiting, and how to come back to it."""
    left = state.counts["pending"] + state.counts["in_flight"]
    rows = "1 row" if left == 1 else f"{left:,} rows"
    return (
        f"push {state.id} is {state.status} in the background, with {rows} to be answered for."
        f"{at_the_service(state)} In a new process, apd.resume({state.id!r}) carries on."
    )
