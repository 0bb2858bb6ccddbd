"""What every stretch of the road needs: the means of a push, its pauses, and calls that are tried again."""

from __future__ import annotations

import datetime as dt
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analytex_pandas.delivery.lookup import Manners
from analytex_pandas.delivery.pacing import Pace, backoff, heals, is_redirect, told_to_wait
from analytex_pandas.delivery.state import rows_left
from analytex_pandas.errors import AnalytexError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.board import Board
    from analytex_pandas.delivery.ledger import Ledger
    from analytex_pandas.delivery.pacing import Clock, Watch
    from analytex_pandas.delivery.spool import Spool
    from analytex_pandas.delivery.state import ChunkState
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client
    from analytex_pandas.service.wire import Job

logger = logging.getLogger("analytex_pandas")

T = TypeVar("T")

PATIENCE_AT_FIRST: Final = 120.0
"""Seconds to try for while no chunk of the push was accepted yet: more likely a mistake than an outage."""
PATIENCE: Final = 6 * 3600.0
"""Seconds to try for afterwards: an outage in the night is no reason to stop."""
PATIENCE_WITH_A_JOB: Final = 24 * 3600.0
"""Seconds to ask for while a job may run: giving up would leave its rows without an answer."""


class CancelledError(Exception):
    """The user cancelled the push, and nothing of it runs; never leaves the worker."""


@dataclass
class Drive:
    """The means of one push while it is driven."""

    document: PlanDocument
    client: Client
    spool: Spool
    ledger: Ledger
    board: Board
    clock: Clock
    chance: random.Random = field(default_factory=random.Random)
    pace: Pace = field(default_factory=Pace)
    looked: list[Job] | None = None
    """The last list of the account's jobs, until the next submit makes it old."""
    listed: Manners = field(default_factory=Manners)
    """How the list shows jobs that are known to be chunks of this push."""
    asked: Manners = field(default_factory=Manners)
    """How the answer about a single job shows them."""

    @property
    def push_id(self) -> str:
        """The push."""
        return self.document.id

    def chunk(self, number: int) -> ChunkState:
        """Return a chunk as it stands."""
        return self.board.state.chunk(number)

    def file_name(self, number: int) -> str:
        """Return the name under which a chunk is uploaded."""
        return f"{self.push_id}-{number:05d}.ndjson"

    def label(self, number: int) -> str:
        """Return how a chunk is called in words."""
        return f"chunk {number:,} of {len(self.board.state.chunks):,}"

    def say(
        self, activity: str, *, phase: str = "running", watch: Watch | None = None, **values: Any
    ) -> None:
        """Show what the push is doing now."""
        now = self.clock.now()
        rate = self.pace.rate(watch, watch.last_running if watch else 0.0)
        end = None
        if rate and phase == "running" and not self.board.paused:
            end = now + dt.timedelta(seconds=rows_left(self.board.state) / rate)
        if activity != self.board.state.activity:
            logger.debug("push %s: %s", self.push_id, activity)
        self.board.change(phase=phase, activity=activity, rate=rate, estimated_end=end, **values)
        self.board.announce()

    def change_chunk(self, number: int, **values: Any) -> None:
        """Show what has become of a chunk."""
        self.board.change_chunk(number, **values)

    def check_cancelled(self) -> None:
        """Raise CancelledError when the user has cancelled the push."""
        if self.board.cancelled:
            raise CancelledError

    def rest(self, seconds: float, *, stoppable: bool) -> None:
        """Wait, heeding the user meanwhile; `stoppable` is a rest that a cancelled push need not finish."""
        deadline = self.clock.monotonic() + seconds
        while True:
            if stoppable:
                self.check_cancelled()
            left = deadline - self.clock.monotonic()
            if left <= 0:
                return
            if self.clock.wait(self.board.wake, left):
                self.board.wake.clear()
                self.board.announce()

    def hold(self) -> None:
        """Return when the push may send; raise CancelledError when it may not any more."""
        while True:
            self.check_cancelled()
            if not self.board.paused:
                return
            self.say("paused; nothing of it runs at the service", phase="running")
            self.clock.wait(self.board.wake, 60.0)
            self.board.wake.clear()
            self.board.announce()

    def patience(self) -> float:
        """Return for how many seconds what should heal is waited for."""
        # A chunk that became a job under an earlier driver shows as well that the service takes this push.
        accepted = any(chunk.job_id is not None for chunk in self.board.state.chunks)
        return PATIENCE if accepted else PATIENCE_AT_FIRST

    def name(self, number: int) -> str | None:
        """Return the file name by which a chunk can be found, None if it goes without one."""
        return self.file_name(number) if self.document.options.transport == "file" else None

    def list_jobs(self, what: str, *, patience: float, stoppable: bool, phase: str = "running") -> list[Job]:
        """Return the account's jobs, asking until they are known; learn from them how the list shows ours."""
        listing = self.client.listing()
        while not listing.whole:
            # Page by page: the more pages there are, the less likely all of them are to come at once.
            self.persist(listing.read_page, what, patience=patience, stoppable=stoppable, phase=phase)
        jobs = listing.read()
        self.learn(jobs)
        return jobs

    def learn(self, jobs: list[Job]) -> None:
        """Learn from a list how it shows the chunks of this push."""
        ours = {chunk.job_id: chunk.number for chunk in self.board.state.chunks if chunk.job_id is not None}
        for job in jobs:
            if job.job_id in ours:
                self.listed.learn(job, self.name(ours[job.job_id]))
        if self.document.options.transport == "file":
            self.listed.learn_from_names(jobs)

    def persist(
        self, call: Callable[[], T], what: str, *, patience: float, stoppable: bool, phase: str = "running"
    ) -> T:
        """Ask, and ask again while what fails may heal, for `patience` seconds.

        Parameters
        ----------
        call : callable
            What to ask; repeating it must do no harm.
        what : str
            What it is, in words, for who watches.
        patience : float
            Seconds after the first failure until its error is raised.
        stoppable : bool
            Whether a cancelled push need not go on with it.
        phase : str
            The status of the push meanwhile.
        """
        setback = Setback(self, patience)
        while True:
            try:
                return call()
            except AnalytexError as error:
                # A login page redirects until somebody logs in.
                if not (heals(error) or is_redirect(error)):
                    raise
                setback.rest(error, what, stoppable=stoppable, phase=phase)


class Setback:
    """Failures in a row of one thing that is tried again."""

    def __init__(self, drive: Drive, patience: float) -> None:
        self.drive = drive
        self.patience = patience
        self.failures = 0
        self._since: float | None = None
        self._told = 0.0
        """Seconds that the service asked to wait: they are no reason to lose patience with it."""

    def over(self) -> None:
        """Take down that it went well."""
        self.failures, self._since, self._told = 0, None, 0.0

    def rest(self, error: AnalytexError, what: str, *, stoppable: bool, phase: str = "running") -> None:
        """Wait until the next try is due; raise `error` when patience has run out."""
        now = self.drive.clock.monotonic()
        self._since = now if self._since is None else self._since
        self.failures += 1
        delay = backoff(self.failures, error, self.drive.chance)
        self._told += told_to_wait(error) or 0.0
        waited = now - self._since + delay
        if waited - self._told > self.patience or waited > max(self.patience, PATIENCE):
            raise error
        reason = in_brief(error)
        when = f"in {delay:,.0f} s" if delay >= 1 else "in a moment"
        self.drive.say(f"{what} again {when}: {reason}", phase=phase)
        logger.info("push %s: %s again in %.1f s: %s", self.drive.push_id, what, delay, reason)
        self.drive.rest(delay, stoppable=stoppable)


def in_brief(error: AnalytexError) -> str:
    """Return an error in a few words."""
    if error.status_code is not None:
        return f"HTTP {error.status_code}"
    return "no answer" if isinstance(error, TransportError) else str(error).partition("\n")[0][:120]
