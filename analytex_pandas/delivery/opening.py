"""How a push begins: from a plan, from the journal, or from the refused rows of another."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analytex_pandas import settings
from analytex_pandas.delivery import changes
from analytex_pandas.delivery import ledger as ledgers
from analytex_pandas.delivery.bindings import Bindings
from analytex_pandas.delivery.board import Board
from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.ledger import Ledger, NewPush
from analytex_pandas.delivery.locks import DriverLock
from analytex_pandas.delivery.pacing import Clock
from analytex_pandas.delivery.push import LIVE, Push
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.delivery.state import FINISHED, PushState, counted
from analytex_pandas.delivery.worker import Worker
from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError, PushError, did_you_mean
from analytex_pandas.frame.document import PlanDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from analytex_pandas.delivery.ledger import PushRecord
    from analytex_pandas.service.client import Client


def start(
    document: PlanDocument,
    spool: Spool,
    client: Client,
    *,
    state_directory: Path | None = None,
    bindings: Bindings | None = None,
    parent: str | None = None,
    clock: Clock | None = None,
) -> Push:
    """Start the push of a plan: on disk first, then in a thread of its own.

    Parameters
    ----------
    document : PlanDocument
        The plan.
    spool : Spool
        Its chunk files, in ``{state directory}/spool/{id}``; the push takes them over.
    client : Client
        Where to send them.
    state_directory : pathlib.Path, optional
        Where the journal is; else that of the settings.
    bindings : Bindings, optional
        What the facade hands in.
    parent : str, optional
        The push whose rows are sent again.
    clock : Clock, optional
        The time.

    Raises
    ------
    AnalytexError
        If the plan was pushed already.
    """
    return Opening.of(client, state_directory, bindings, clock).begin(document, spool, parent)


def resume(
    push_id: str | None,
    client: Client,
    *,
    rebind: bool = False,
    state_directory: Path | None = None,
    bindings: Bindings | None = None,
    clock: Clock | None = None,
) -> Push:
    """Carry on with a push.

    Parameters
    ----------
    push_id : str or None
        The push; None for the newest unfinished one of this account that was not cancelled.
    client : Client
        The account it belongs to.
    rebind : bool, default False
        Whether to go on under another key or environment than it was started with.
    state_directory, bindings, clock
        As in ``start``.

    Returns
    -------
    Push
        Running again; a push that this process drives already is returned as it is, and so is one that has
        finished.

    Raises
    ------
    NotFoundError
        If there is no such push, or none to resume.
    AuthenticationError
        If it belongs to another account and `rebind` is not set.
    AnalytexError
        If another process drives it; the message says which.
    """
    opening = Opening.of(client, state_directory, bindings, clock)
    push_id = newest_unfinished(opening.journal, opening.account) if push_id is None else push_id
    return opening.take_up(push_id, rebind=rebind)


@dataclass(frozen=True)
class Opening:
    """What a push is opened with: the account, the journal, and what the facade hands in."""

    client: Client
    account: str
    journal: Journal
    bindings: Bindings
    clock: Clock

    @classmethod
    def of(
        cls,
        client: Client,
        state_directory: Path | None,
        bindings: Bindings | None,
        clock: Clock | None,
    ) -> Opening:
        """Return the means of opening pushes of a client's account."""
        journal = Journal(state_directory or settings.state_directory())
        account = client.account_digest(journal.salt())
        return cls(client, account, journal, bindings or Bindings(), clock or Clock())

    def begin(self, document: PlanDocument, spool: Spool, parent: str | None) -> Push:
        """Return the push of a plan, written down and driven."""
        ledger = Ledger(self.journal, document.id)
        with self.locked(ledger) as lock:
            spool.sync()
            opened = NewPush(
                kind=document.kind,
                account=self.account,
                base_url=self.client.base_url,
                counts=document.counts,
                document=document.to_bytes(),
                parent=parent,
                created_at=self.clock.now(),
            )
            if not ledger.open(opened, [(size.number, size.rows, size.bytes) for size in document.chunks]):
                raise AnalytexError(
                    f"This plan was pushed already, as push {document.id!r}: apd.resume({document.id!r}) "
                    "gives that push. To send the data again, plan again."
                )
            return self.driven(document, ledger, spool, lock)

    def take_up(self, push_id: str, *, rebind: bool) -> Push:
        """Return a push of the journal: driven again, or as it is if it is driven here or has finished."""
        ledger = Ledger(self.journal, push_id)
        if ledger.record() is None:
            raise NotFoundError(unheard_of(push_id, ledgers.push_ids(self.journal)))
        live = LIVE.get(DriverLock(self.journal.directory, push_id).key)
        if live is not None:
            return live
        with self.locked(ledger) as lock:
            record = existing(ledger)
            document = PlanDocument.from_bytes(ledger.document())
            if record.status in FINISHED:
                push = self.as_it_ended(document, ledger, record)
                lock.release()
                return push
            self.check_account(ledger, record, rebind=rebind)
            if record.status == "failed" and record.error_class == PushError.__name__:
                counts = counted(record.counts, ledger.chunks())
                answered = counts["refused"] + counts["acknowledged"] + counts["unknown"]
                ledger.forgiven(counts["refused"], answered)
            return self.driven(document, ledger, spool_of(self.journal, push_id), lock)

    @contextlib.contextmanager
    def locked(self, ledger: Ledger) -> Iterator[DriverLock]:
        """Hold the right to drive a push; given back if what is done with it fails."""
        lock = DriverLock(self.journal.directory, ledger.push_id)
        if not lock.acquire():
            raise AnalytexError(driven_elsewhere(ledger.push_id, ledger.record()))
        try:
            yield lock
        except BaseException:
            lock.release()
            raise

    def check_account(self, ledger: Ledger, record: PushRecord, *, rebind: bool) -> None:
        """Raise AuthenticationError when a push belongs to another account, unless it is to be rebound."""
        if record.account == self.account:
            return
        if not rebind:
            raise AuthenticationError(
                f"Push {record.id!r} was started with another API key or environment ({record.base_url}) "
                f"than this client's ({self.client.base_url}). Connect to that one; or, if it is the same "
                f"account under a new key, apd.resume({record.id!r}, rebind=True)."
            )
        left = changes.doubted(self.journal, record.id)
        ledger.rebound(
            self.account, self.client.base_url, lambda connection: changes.keep_doubt(connection, left)
        )

    def driven(self, document: PlanDocument, ledger: Ledger, spool: Spool, lock: DriverLock) -> Push:
        """Return a push of the journal, driven from now on; its lock is held."""
        ledger.driven(self.clock.now())
        record = existing(ledger)
        board = Board(state_of(record, ledger, "running", "starting"))
        push = Push(document, ledger, board, self.client, parent=record.parent, bindings=self.bindings)
        drive = Drive(document, self.client, spool, ledger, board, self.clock)
        forgiven = (record.forgiven_refused, record.forgiven_answered)
        push.drive(Worker(drive, record.account, forgiven, self.bindings.observer), lock)
        return push

    def as_it_ended(self, document: PlanDocument, ledger: Ledger, record: PushRecord) -> Push:
        """Return a push that has finished."""
        board = Board(state_of(record, ledger, record.status, record.status.replace("_", " ")))
        board.ended.set()
        return Push(document, ledger, board, self.client, parent=record.parent, bindings=self.bindings)


def existing(ledger: Ledger) -> PushRecord:
    """Return a push that was there a moment ago."""
    record = ledger.record()
    if record is None:
        raise NotFoundError(f"Push {ledger.push_id!r} was removed from the journal just now.")
    return record


def spool_of(journal: Journal, push_id: str) -> Spool:
    """Return where the chunk files of a push are."""
    return Spool(journal.directory / "spool" / push_id)


def state_of(record: PushRecord, ledger: Ledger, status: str, activity: str) -> PushState:
    """Return a push as the journal has it."""
    chunks = ledger.chunks()
    return PushState(
        id=record.id,
        kind=record.kind,
        status=status,
        counts=counted(record.counts, chunks),
        chunks=chunks,
        activity=activity,
        started_at=record.created_at,
        ended_at=record.ended_at,
    )


def newest_unfinished(journal: Journal, account: str) -> str:
    """Return the id of the push that ``resume()`` without one means."""
    found = ledgers.account_pushes(journal, account)
    unfinished = [record for record in found if record.status not in (*FINISHED, "cancelled")]
    if unfinished:
        return unfinished[0].id
    cancelled = next((record.id for record in found if record.status == "cancelled"), None)
    hint = (
        f" The newest cancelled one is {cancelled!r}: apd.resume({cancelled!r}) continues it."
        if cancelled
        else ""
    )
    raise NotFoundError(
        f"There is no unfinished push of this account in {journal.directory}.{hint} apd.pushes() lists all."
    )


def unheard_of(push_id: str, known: Sequence[str]) -> str:
    """Return what to say of a push that the journal does not have."""
    return (
        f"There is no push {push_id!r} on this machine.{did_you_mean(push_id, known)} apd.pushes() lists all."
    )


def driven_elsewhere(push_id: str, record: PushRecord | None) -> str:
    """Return what to say of a push that another process drives."""
    driver = None if record is None else record.driver
    who = (
        f"process {driver['pid']} on {driver['host']}, since {driver['since']}"
        if driver
        else "another process"
    )
    return (
        f"Push {push_id!r} is driven by {who}. One process at a time drives a push: wait for it there, or "
        "end that process and resume again. Nothing is lost by that."
    )
