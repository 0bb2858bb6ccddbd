"""How fast an account's jobs are: learnt from whatever answers say of them, so that it costs no request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analytex_pandas import settings

if TYPE_CHECKING:
    from datetime import datetime

    from analytex_pandas.service.wire import Job

NEWEST: Final = 20
"""Jobs that count: what was long ago was perhaps at another pace."""
LEAST_ROWS: Final = 20
LEAST_SECONDS: Final = 1.0
"""What a job has to have for its times, often whole seconds, to say anything."""
TELLING_ROWS: Final = 1_000
"""Rows of a job that is slower only because the service is: one of few rows waits more than it works."""
OTHERS: Final = re.compile("import|export", re.IGNORECASE)
"""Types of jobs that the list holds as well, and that go at their own pace."""


class Speed:
    """The pace of the newest jobs; any thread may note one."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[datetime, int, float]] = {}

    def note(self, job: Job) -> None:
        """Take in what a job says of itself, if it ended well and says how long it took for how many rows."""
        if job.status != "completed" or job.start_time is None or job.end_time is None or not job.total_rows:
            return
        seconds = (job.end_time - job.start_time).total_seconds()
        if seconds >= LEAST_SECONDS and job.total_rows >= LEAST_ROWS and not OTHERS.search(job.type or ""):
            self._seen[job.job_id] = (job.end_time, job.total_rows, seconds)
        if len(self._seen) > 2 * NEWEST:
            self._seen = dict(sorted(self._seen.items(), key=lambda seen: seen[1])[-NEWEST:])

    @property
    def rows_per_minute(self) -> float | None:
        """The pace at which half of the rows went or faster, to two digits; None where no job has told."""
        rates = []
        for _, rows, seconds in sorted(self._seen.values())[-NEWEST:]:
            rate = rows / seconds * 60
            rates.append((rate if rows >= TELLING_ROWS else max(rate, settings.ROWS_PER_MINUTE), rows))
        half, passed = sum(rows for _, rows in rates) / 2, 0
        for rate, rows in sorted(rates):
            passed += rows
            if passed >= half:
                return float(f"{rate:.1e}")
        return None
