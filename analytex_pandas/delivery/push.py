"""A push under way or ended, as its user holds it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from analytex_pandas.delivery import kept, tables
from analytex_pandas.delivery.bindings import Bindings
from analytex_pandas.delivery.drive import logger
from analytex_pandas.delivery.locks import plan_lock
from analytex_pandas.errors import AnalytexError, PushError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pandas as pd
    import pyarrow as pa

    from analytex_pandas.delivery.bindings import Displays
    from analytex_pandas.delivery.board import Board
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.ledger import Ledger
    from analytex_pandas.delivery.locks import DriverLock
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.delivery.worker import Worker
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client


class Push:
    """A DataFrame on its way to the service, or there.

    It runs in a background thread, and on disk: whatever becomes of this process, ``apd.resume()`` carries
    on.

    Examples
    --------
    >>> push = df.analytex.push_users(user_id="uid")  # doctest: +SKIP
    >>> push.wait().counts["refused"]  # doctest: +SKIP
    3
    >>> push.errors[["index", "property", "message"]]  # doctest: +SKIP
    """

    displays: ClassVar[Displays | None] = None

    def __init__(
        self,
        document: PlanDocument,
        ledger: Ledger,
        board: Board,
        client: Client | None,
        *,
        parent: str | None = None,
        bindings: Bindings | None = None,
    ) -> None:
        self.document = document
        self.parent = parent
        self.client = client
        self.bindings = bindings or Bindings()
        self._ledger = ledger
        self._board = board
        self._error: AnalytexError | None = None

    @property
    def id(self) -> str:
        """The push's id, for ``apd.resume``; its files at the service begin with it."""
        return self.document.id

    @property
    def kind(self) -> str:
        """What a record is: ``"users"`` or ``"companies"``."""
        return self.document.kind

    @property
    def status(self) -> str:
        """What it is doing or how it ended.

        ``running``, ``paused``, ``waiting`` (for a job of somebody else), ``completed``,
        ``completed_with_errors``, ``failed`` (stopped; ``apd.resume`` goes on), ``cancelled``,
        ``interrupted``.
        """
        return self._board.state.status

    @property
    def done(self) -> bool:
        """Whether it has ended, however it did."""
        return self._board.ended.is_set()

    @property
    def plan(self) -> Any:
        """The plan that it carries out."""
        return self.document if self.bindings.plan is None else self.bindings.plan(self.document)

    @property
    def counts(self) -> pd.Series[int]:
        """Rows: input, invalid, duplicate, unchanged, pending, in_flight, acknowledged, refused, unknown.

        The first is the sum of all the others, at every moment.
        """
        return tables.counts_series(self._board.state.counts)

    @property
    def jobs(self) -> pd.DataFrame:
        """The chunks and their jobs, one row each.

        chunk, job_id, status, rows, completed_rows, bytes, submitted_at, ended_at, attempts.
        """
        return tables.jobs_table(self._board.state.chunks)

    @property
    def errors(self) -> pd.DataFrame:
        """What the service refused: position, index, id, property, code, message, chunk, job_id, raw.

        ``position`` is the row's place in the input and ``index`` its label (a tuple for a MultiIndex). An
        error that names no row has neither.
        """
        return tables.errors_table(self._ledger.errors(), map(kept.from_blob, self._ledger.kept()))

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of the input that the service refused, under their own column names and index."""
        rows, lines = self.kept_rows(unknown=False)
        return self.document.restore(rows, lines)

    def kept_rows(self, *, unknown: bool) -> tuple[pa.Table, list[bytes]]:
        """Return the refused rows and lines, with those that are unknown if asked for."""
        blobs = self._ledger.kept()
        if not blobs:
            return tables.no_rows(), []
        fates = (kept.REFUSED, kept.DOUBTFUL) if unknown else (kept.REFUSED,)
        return kept.split(kept.of_fates(kept.joined([kept.from_blob(blob) for blob in blobs]), *fates))

    @property
    def journal(self) -> Journal:
        """Where it is written down."""
        return self._ledger.journal

    def state(self) -> PushState:
        """Return the push as it stands: frozen, cheap, and all that a display needs."""
        return self._board.state

    def subscribe(self, callback: Callable[[PushState], object]) -> Callable[[], None]:
        """Call `callback` with the state after each change, on the push's thread; return what ends that."""
        return self._board.subscribe(callback)

    def pause(self) -> None:
        """Submit nothing until ``unpause()``; a job that runs at the service runs on, and is followed."""
        if self._board.pause(True, f"paused, nothing more is sent.{remote(self._board.state)}"):
            logger.info("push %s: %s", self.id, self._board.state.activity)
            self._ledger.status("paused")

    def unpause(self) -> None:
        """Go on after ``pause()``."""
        if self._board.pause(False, "going on"):
            self._ledger.status("running")

    def cancel(self) -> None:
        """Submit nothing more, follow the running job to its end, then end as ``cancelled``.

        The service has no way to stop a job that runs. ``apd.resume(push.id)`` sends the rest after all;
        until then, or until ``apd.clean()``, its records stay in the private spool.
        """
        if self._board.cancel(f"to be cancelled, nothing more is sent.{remote(self._board.state)}"):
            logger.info("push %s: %s", self.id, self._board.state.activity)

    def wait(self, timeout: float | None = None) -> Push:
        """Wait for the end of the push.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most. When they have passed the push goes on, and a warning says so.

        Returns
        -------
        Push
            The push itself.

        Raises
        ------
        AnalytexError
            What stopped the push, in its own class, with ``.push``. Refused rows do not: see
            ``raise_for_errors``.
        """
        try:
            ended = self._board.wait(timeout)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"{self.still_running()} push.wait() waits for it again.")
            raise
        if not ended:
            warnings.warn(f"After {timeout:g} s: {self.still_running()}", stacklevel=2)
        elif self._error is not None:
            raise self._error.with_traceback(None)
        return self

    def __await__(self) -> Generator[Any, None, Push]:
        return self._awaited().__await__()

    async def _awaited(self) -> Push:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def notice(state: PushState) -> None:
            if state.done:
                loop.call_soon_threadsafe(ended.set)

        unsubscribe = self.subscribe(notice)
        try:
            if not self._board.state.done:
                await ended.wait()
        finally:
            unsubscribe()
        # The state shows the end a moment before waiters are let go.
        return self.wait()

    def still_running(self) -> str:
        """Return what goes on without anybody waiting, and how to come back to it."""
        state = self._board.state
        left = state.counts["pending"] + state.counts["in_flight"]
        return (
            f"push {self.id} is {state.status} in the background, with {left:,} rows to be answered "
            f"for.{remote(state)} In a new process, apd.resume({self.id!r}) carries on."
        )

    def raise_for_errors(self) -> Push:
        """Raise if the push was stopped, or if any of its rows was refused or is unknown.

        Returns
        -------
        Push
            The push itself, if there is nothing to raise for.

        Raises
        ------
        PushError
            If rows were refused or are unknown, with ``.push``.
        AnalytexError
            What stopped the push, if anything did.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        counts = self._board.state.counts
        parts = [
            f"{counts[name]:,} {words[0 if counts[name] == 1 else 1]}"
            for name, words in BAD_ENDS.items()
            if counts[name]
        ]
        if parts:
            error = PushError(
                f"Of the {counts['input']:,} rows of push {self.id}, {' and '.join(parts)}. push.errors "
                "tells why, push.failed has the refused rows, and push.retry() sends them again."
            )
            error.push = self
            raise error
        return self

    def retry(
        self,
        fixed: pd.DataFrame | None = None,
        unknown: bool = False,
        *,
        client: Client | None = None,
        wait: bool | None = None,
        progress: bool | None = None,
    ) -> Push:
        """Send the refused rows again, as a push of its own.

        Parameters
        ----------
        fixed : pandas.DataFrame, optional
            Those rows mended, found by their ids; else they go as they were.
        unknown : bool, default False
            Whether to send the rows again, too, of which nobody knows what became.
        client : Client, optional
            Else the one of this push.
        wait, progress : bool, optional
            As in ``push_users``.

        Returns
        -------
        Push
            The new push. Its positions and labels are those of the first input.

        Raises
        ------
        AnalytexError
            If this push is still running.
        """
        from analytex_pandas.delivery.retrying import retry  # retrying makes pushes

        again = retry(self, fixed, unknown=unknown, client=client)
        if self.bindings.present is not None:
            self.bindings.present(again, wait, progress)
        elif wait:
            again.wait()
        return again

    def panel(self) -> Any:
        """Return the live panel of this push, for a notebook."""
        if self.displays is None:
            raise AnalytexError("There are no displays without the facade; import analytex_pandas.")
        return self.displays.panel(self)

    def __repr__(self) -> str:
        if self.displays is not None:
            return self.displays.text(self)
        return f"<Push {self.id}: {self.status}, {dict(self._board.state.counts)}>"

    def _ipython_display_(self) -> None:
        if self.displays is None:
            raise NotImplementedError  # IPython's way of being told to use the repr
        self.displays.display(self)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return None if self.displays is None else self.displays.mimebundle(self, **options)

    def drive(self, worker: Worker, lock: DriverLock) -> None:
        """Start to drive the push in a thread of its own; `lock` is held, and given back at the end."""
        LIVE[lock.key] = self
        thread = threading.Thread(
            target=self._run, args=(worker, lock), name=f"analytex-push-{self.id}", daemon=True
        )
        thread.start()

    def _run(self, worker: Worker, lock: DriverLock) -> None:
        status, error = worker.run()
        if error is not None:
            tell_the_way_back(error, self._board.state)
        now = worker.drive.clock.now()
        try:
            self._ledger.ended(status, now, error)
        except AnalytexError as unwritten:
            status, error = "failed", error or unwritten
        LIVE.pop(lock.key, None)
        try:
            # Asking whether it is free takes away what a plan's process left that was killed.
            plan_lock(self.journal.directory, self.id).is_free()
            lock.release()
        except OSError as kept:
            # It is given back when the process ends; whoever waits for the push must not wait for that.
            logger.warning("push %s: its lock stays until this process ends: %s", self.id, kept)
        if error is not None:
            error.push = self
        self._error = error
        self._finish(status, worker.drive)

    def _finish(self, status: str, drive: Drive) -> None:
        counts = self._board.state.counts
        words = [f"{counts[name]:,} {name}" for name in ("acknowledged", "refused", "unknown", "pending")]
        activity = f"{status.replace('_', ' ')}: " + ", ".join(
            word for word in words if not word.startswith("0 ")
        )
        logger.info("push %s: %s", self.id, activity)
        self._board.change(
            phase=status,
            activity=activity.rstrip(": "),
            current=None,
            estimated_end=None,
            ended_at=drive.clock.now(),
            error=None if self._error is None else str(self._error),
        )
        self._board.announce()
        self._board.ended.set()


def remote(state: PushState) -> str:
    """Return what of a push is at the service at this moment, in sentences that begin with a space."""
    running = [chunk for chunk in state.chunks if chunk.job_id is not None and not chunk.settled]
    return "".join(
        f" Chunk {chunk.number:,} runs at the service as job {chunk.job_id} and is not stopped by this."
        for chunk in running
    ) + "".join(
        f" Whether chunk {chunk.number:,} has arrived is not known yet; it is looked up before anything is sent."
        for chunk in state.chunks
        if chunk.in_doubt
    )


def tell_the_way_back(error: AnalytexError, state: PushState) -> None:
    """Make the error that stopped a push also say what of it is at the service, and the call that goes on."""
    text = str(error)
    if not any(chunk.job_id and chunk.job_id in text for chunk in state.chunks):
        text += remote(state)
    if state.id not in text:
        text += f" Nothing is lost: apd.resume({state.id!r}) goes on once that is mended."
    error.args = (text,)


BAD_ENDS = {
    "refused": ("was refused", "were refused"),
    "unknown": (
        "is unknown (nobody can tell whether it arrived)",
        "are unknown (nobody can tell whether they arrived)",
    ),
}
"""What to say of one row, and of several."""

LIVE: dict[tuple[int, str], Push] = {}
"""The pushes that this process drives, by process and lock: a fork inherits the entries, but not the
threads."""


@atexit.register
def say_what_is_left() -> None:
    """Tell, at the end of the process, which pushes go no further without it."""
    for (process, _), push in list(LIVE.items()):
        if process == os.getpid():
            logger.warning("The program ends before its push: %s", push.still_running())
