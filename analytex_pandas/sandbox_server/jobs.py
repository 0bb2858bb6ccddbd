"""Jobs: where one stands is a matter of the clock alone, so nothing runs in the background."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from analytex_pandas.sandbox_server.records import Kind, Profile, RowError

Status = Literal["queued", "validating", "processing", "pending_refresh", "completed", "failed"]

# Shares of a job's time after which the next state begins. Most is processing, so that the pace that a caller
# measures from completed_rows is close to that of the whole job.
_VALIDATING: Final = 0.01
_PROCESSING: Final = 0.03
_PENDING_REFRESH: Final = 0.98


@dataclass(slots=True)
class Job:
    """One job, and what it does to the account.

    Times are seconds of the sandbox's clock.
    """

    job_id: str
    kind: Kind
    filename: str | None
    size: int | None  # bytes
    rows: int
    submitted: float
    seconds: float  # from submit to end
    profiles: list[Profile | None] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    lost_rows: int = 0  # rows at the end that are never processed and never mentioned
    fails_at: float | None = None  # share of the rows after which the whole job fails
    failure: str | None = None  # what a failed job says of itself, if anything
    processed: int = 0  # rows so far
    refused: int = 0  # of those

    @property
    def started_at(self) -> float:
        """When it was taken out of the queue."""
        return self.submitted + _VALIDATING * self.seconds

    @property
    def ended_at(self) -> float:
        """When it ends, or ended."""
        if self.fails_at is None:
            return self.submitted + self.seconds
        return self.submitted + self.seconds * (
            _PROCESSING + self.fails_at * (_PENDING_REFRESH - _PROCESSING)
        )

    def status(self, now: float) -> Status:
        if now >= self.ended_at:
            return "completed" if self.fails_at is None else "failed"
        share = self._share(now)
        if share < _VALIDATING:
            return "queued"
        if share < _PROCESSING:
            return "validating"
        return "processing" if share < _PENDING_REFRESH else "pending_refresh"

    def rows_processed(self, now: float) -> int:
        share = (self._share(now) - _PROCESSING) / (_PENDING_REFRESH - _PROCESSING)
        if self.fails_at is not None:
            share = min(share, self.fails_at)
        rows = math.floor(min(max(share, 0.0), 1.0) * self.rows)
        return min(rows, self.rows - self.lost_rows)

    def _share(self, now: float) -> float:
        passed = now - self.submitted
        return passed / self.seconds if self.seconds > passed else 1.0

    def process(self, now: float) -> list[Profile]:
        """Process the rows that are due, and return the profiles that they write."""
        due = self.rows_processed(now)
        rows = self.profiles[self.processed : due]
        self.processed = due
        self.refused += rows.count(None)
        if now >= self.ended_at:
            # Nothing of a finished job is needed but its report; a night's worth of records would be.
            self.profiles = []
        return [profile for profile in rows if profile is not None]
