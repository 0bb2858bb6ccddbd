"""A push under way or ended, as its user holds it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Generator
from typing import Any
from weakref import WeakValueDictionary

import pandas as pd

from analytex_pandas import connection
from analytex_pandas.delivery import kept, opening, tables
from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.outcomes import outcomes_table
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.delivery.state import PushState, still_running
from analytex_pandas.errors import AnalytexError, PushError, code
from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.planning import replanned
from analytex_pandas.service.client import Client
from analytex_pandas.settings import Kind
from analytex_pandas.show import display
from analytex_pandas.show.pages import push_bundle
from analytex_pandas.show.surroundings import in_notebook


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

    def __init__(self, drive: Drive, plan: Any) -> None:
        self.plan = plan
        """The plan that it carries out: an :class:`analytex_pandas.Plan`."""
        self._drive = drive
        PUSHES[drive] = self

    @property
    def id(self) -> str:
        """The push's id, for ``apd.resume``; its files at the service begin with it."""
        return self._drive.id

    @property
    def kind(self) -> Kind:
        """What a record is: ``"users"`` or ``"companies"``."""
        return self._drive.document.kind

    @property
    def status(self) -> str:
        """What it is doing or how it ended.

        ``running``, ``paused``, ``waiting`` (for a job of somebody else), ``completed``,
        ``completed_with_errors``, ``failed`` (stopped; ``apd.resume`` goes on), ``cancelled``,
        ``interrupted``.
        """
        return self._drive.state.status

    @property
    def done(self) -> bool:
        """Whether it has ended, however it did."""
        return self._drive.ended.is_set()

    @property
    def parent(self) -> str | None:
        """The push whose rows this one sends again."""
        return self._drive.state.parent

    @property
    def counts(self) -> pd.Series[int]:
        """Rows: input, invalid, duplicate, unchanged, pending, in_flight, acknowledged, refused, unknown.

        The first is the sum of all the others, at every moment. A row that a retry has brought in counts as
        acknowledged from then on.
        """
        return pd.Series(self._drive.reread().counts, dtype="int64", name="rows")

    @property
    def jobs(self) -> pd.DataFrame:
        """The chunks and their jobs, one row each.

        chunk, job_id, status, rows, completed_rows, bytes, submitted_at, ended_at, attempts. A chunk that the service
        made a second job of, long after it had seemed not to arrive, has another row, of the status ``twice``.
        """
        return tables.jobs_table(self._drive.state.chunks)

    @property
    def errors(self) -> pd.DataFrame:
        """What the service refused: position, index, id, property, code, message, chunk, job_id, raw.

        ``position`` is the row's place in the input and ``index`` its label (a tuple for a MultiIndex). An
        error that names no row has neither. ``df.iloc[push.errors["position"].dropna()]`` is the input's row of each
        error that names one, whatever the frame's index.
        """
        return tables.errors_table(self._drive.journal, self.id)

    @property
    def outcomes(self) -> pd.DataFrame:
        """What became of each row of the input, in its order; adds up to ``counts`` at every moment.

        position, index, id (missing where it cannot be one), outcome (a category: the names of ``counts`` without
        ``input``), chunk, job_id, code, message. Text is Arrow's, so that a million rows take some tenths of a second.

        ``code`` and ``message`` say why a row is invalid, refused or unknown: the first thing that was said. Of a row
        that was sent again by a retry, ``outcome``, ``chunk``, ``job_id`` and ``message`` are those of the retry, whose
        id stands in the message. Where a job leaves open which of several rows have no answer, the last of them are
        ``unknown``, and the message of all says so.

        Raises
        ------
        AnalytexError
            If the input is not kept any more: its file was removed.

        Examples
        --------
        >>> import pandas as pd, analytex_pandas as apd
        >>> df = pd.DataFrame({"user_id": ["ann", "bob", " "]}, index=["a", "b", "c"])
        >>> with apd.sandbox(rows_per_minute=1e6, refuse={"bob": ("bad", None, "No.")}) as service:
        ...     push = df.analytex.push_users(invalid="skip", progress=False)
        >>> df.join(push.outcomes.set_index("index")[["outcome", "code"]])
          user_id       outcome      code
        a     ann  acknowledged      <NA>
        b     bob       refused       bad
        c               invalid  blank_id

        Where labels stand twice, or are tuples, go by place:
        ``df.join(push.outcomes[["outcome", "code"]].set_axis(df.index))`` for unique ones, else
        ``df.assign(outcome=push.outcomes["outcome"].array)``.
        """
        drive = self._drive
        return outcomes_table(drive.journal, drive.reread(), drive.document.invalid)

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of the input that the service refused, under their own column names and index.

        Without those that a retry has brought in since.
        """
        return self._drive.document.restore(*kept.kept_of(self._drive.journal, self.id))

    @property
    def refusals(self) -> pd.DataFrame:
        """Those of ``errors`` whose rows no retry has brought in since: what a display counts and names."""
        errors = self.errors
        return errors[~errors["position"].isin(kept.mended_positions(self._drive.journal, self.id))]

    def state(self) -> PushState:
        """Return the push as it stands: frozen, cheap, and all that a display needs."""
        return self._drive.reread()

    def subscribe(self, callback: Callable[[PushState], object]) -> Callable[[], None]:
        """Call `callback` with the state after each change, on the push's thread; return what ends that."""
        return self._drive.subscribe(callback)

    def add_done_callback(self, fn: Callable[[Push], object]) -> None:
        """Call `fn` with this push when it has ended, however it did; at once if it has.

        As of ``concurrent.futures``: on the push's own thread, in the order in which they were added. What one raises
        is logged, and keeps neither the others nor the push from anything. ``wait()`` may return before they have;
        the process does not end before.

        Parameters
        ----------
        fn : callable
            Takes the push; what it returns is ignored.

        Examples
        --------
        >>> push.add_done_callback(lambda push: alert(f"{push.id}: {push.status}"))  # doctest: +SKIP
        """
        if not callable(fn):
            raise TypeError(f"add_done_callback() takes a function that takes the push, not {code(fn, 100)}.")
        self._drive.check_process()
        self._drive.when_ended(lambda: fn(self))

    def pause(self) -> None:
        """Submit nothing until ``unpause()``; a job that runs at the service runs on, and is followed."""
        self._drive.pause()

    def unpause(self) -> None:
        """Go on after ``pause()``."""
        self._drive.unpause()

    def cancel(self) -> None:
        """Submit nothing more, follow the running job to its end, then end as ``cancelled``.

        The service has no way to stop a job that runs. ``apd.resume(push.id)`` sends the rest after all;
        until then, or until ``apd.clean()``, its records stay in the private spool.
        """
        self._drive.cancel()

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
            ended = self._drive.wait(timeout)
        except KeyboardInterrupt as interrupt:
            tell_the_way_back(interrupt, self._drive)
            raise
        if not ended:
            warnings.warn(f"After {timeout:g} s: {still_running(self._drive.state)}", stacklevel=2)
        else:
            self._raise_what_stopped_it()
        return self

    def _raise_what_stopped_it(self) -> None:
        error = self._drive.error
        if error is not None:
            error.push = self
            raise error.with_traceback(None)

    def __await__(self) -> Generator[Any, None, Push]:
        return self._awaited().__await__()

    async def _awaited(self) -> Push:
        self._drive.check_process()
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def notice(state: PushState) -> None:
            if state.done:
                loop.call_soon_threadsafe(ended.set)

        unsubscribe = self.subscribe(notice)
        try:
            if not self._drive.state.done:
                await ended.wait()
        finally:
            unsubscribe()
        # The state shows the end a moment before waiters are let go.
        return self.wait()

    def raise_for_errors(self) -> Push:
        """Raise if the push was stopped, if the service reported any error, or if no row could be sent.

        Returns
        -------
        Push
            The push itself, if there is nothing to raise for.

        Raises
        ------
        PushError
            If rows were refused and not mended by a retry, if rows are unknown, if there are ``errors`` without a row,
            or if all rows were left out as invalid.
        AnalytexError
            What stopped the push, if anything did.
        """
        self._raise_what_stopped_it()
        counts = self._drive.reread().counts
        bad = [(counts[name], *words) for name, words in BAD_ENDS.items() if counts[name]]
        if bad:
            parts = " and ".join(f"{count:,} {one if count == 1 else many}" for count, one, many, _ in bad)
            ways = " ".join(way for *_, way in bad)
            error = PushError(f"Of the {counts['input']:,} rows of push {self.id}, {parts}. {ways}")
        elif counts["input"] and counts["invalid"] == counts["input"]:
            error = PushError(
                f"All {counts['input']:,} rows of push {self.id} were left out as invalid, so nothing was sent. "
                "push.plan.invalid tells why."
            )
        elif count := self._drive.journal.errors_without_row(self.id):
            error = PushError(
                f"The service reported {count:,} error{'s' * (count != 1)} on push {self.id}, which lead to no row; "
                "push.errors lists them."
            )
        else:
            return self
        error.push = self
        raise error

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
        drive = self._drive
        if not self.done:
            raise AnalytexError(
                f"Push {self.id!r} is still {self.status}: its refused rows are not all known. push.wait() first."
            )
        client = client or drive.client
        rows, lines = kept.kept_of(drive.journal, self.id, unknown=unknown)

        def write(spool: Spool) -> PlanDocument:
            if fixed is None:
                return kept.as_they_were(drive.document, rows, lines, spool)
            return replanned(fixed, drive.document, rows, lines, spool)

        again: Push = self.plan.successor(write, client, self.id).push(wait, progress)
        return again

    def resume(self) -> Push:
        """Carry on with it where it stopped: ``apd.resume(push.id)``, which gives back this very push.

        Under the key of the connected client, where that is of the same address: it may have been mended.

        Raises
        ------
        AuthenticationError
            If the connected key is of another account.
        AnalytexError
            If another process drives it; the message says which.
        """
        client, connected = self._drive.client, connection.connected()
        place = (client.base_url, client.state_directory)
        if connected is not None and (connected.base_url, connected.state_directory) == place:
            client = connected
        self._drive = opening.resume(self.id, client)
        PUSHES[self._drive] = self
        return self

    def panel(self) -> Any:
        """Return the live panel of this push, for a notebook."""
        return display.panel(self)

    def __repr__(self) -> str:
        return push_bundle(self)["text/plain"]

    def _ipython_display_(self) -> None:
        display.display_push(self)

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return display.push_mimebundle(self)


def presented(push: Push, wait: bool | None, progress: bool | None) -> Push:
    """Show a push as the surroundings suggest, and wait for it where nobody could come back to it."""
    displays = display.show_push(push, progress)
    if wait or (wait is None and not in_notebook()):
        try:
            push.wait()
        finally:
            for shown in displays:
                shown.finish()
    return push


def tell_the_way_back(interrupt: KeyboardInterrupt, drive: Drive) -> None:
    """Make an interrupt say what goes on, and how to come back to it where no name was given to it yet."""
    if not hasattr(interrupt, "__notes__"):
        back = f"Here, push = apd.resume({drive.id!r}) has it again, and push.wait() waits for it again."
        interrupt.add_note(f"{still_running(drive.state)} {back}")


PUSHES: WeakValueDictionary[Drive, Push] = WeakValueDictionary()
"""The push that a user holds of what is driven, so that there is only one."""

BAD_ENDS = {
    "refused": (
        "was refused",
        "were refused",
        "push.errors tells why, push.failed has the refused rows, and push.retry() sends them again.",
    ),
    "unknown": (
        "is unknown (nobody can tell whether it arrived)",
        "are unknown (nobody can tell whether they arrived)",
        "push.retry(unknown=True) sends the unknown ones again, too.",
    ),
}
"""What to say of one row, of several, and of the way out."""
