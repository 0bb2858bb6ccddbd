"""A clock whose waits are short, so that tests of patience need none of their own."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from analytex_pandas.delivery.pacing import Clock

if TYPE_CHECKING:
    import threading

LONGEST = 0.03


class HastyClock(Clock):
    """Waits a few hundredths of a second at most, and says that it was as long as asked."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.skipped)

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def wait(self, event: threading.Event, seconds: float) -> bool:
        came = event.wait(min(seconds, LONGEST))
        if not came:
            self.skipped += max(seconds - LONGEST, 0.0)
        return came
