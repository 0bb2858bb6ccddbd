"""How a push begins: from a plan, from the journal, or from the refused rows of another."""

from __future__ import annotations

import dataclasses
import difflib
import secrets
from typing import TYPE_CHECKING

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError, empty_report
from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.push import ledger as ledgers
from analytex_pandas.push.board import Board
from analytex_pandas.push.drive import Drive
from analytex_pandas.push.journal import Journal
from analytex_pandas.push.ledger import Ledger
from analytex_pandas.push.locks import DriverLock
from analytex_pandas.push.pacing import Clock
from analytex_pandas.push.push import LIVE, Bindings, Push
from analytex_pandas.push.spool import Spool
from analytex_pandas.push.state import FINISHED, PushState, counted
from analytex_pandas.push.worker import Worker

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from analytex_pandas.push.ledger import PushRecord
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
    clock = clock or Clock()
    journal = Journal(state_directory or settings.state_directory())
    ledger = Ledger(journal, document.id)
    account = client.account_digest(journal.salt())
    lock = DriverLock(journal.directory, document.id)
    if not lock.acquire():
        raise AnalytexError(driven_elsewhere(document.id, ledger.record()))
    try:
        spool.sync()
        new = ledger.open(
            kind=document.kind,
            account=account,
            base_url=client.base_url,
            counts=document.counts,
            document=document.to_bytes(),
            chunks=((size.number, size.rows, size.bytes) for size in document.chunks),
            parent=parent,
            now=clock.now(),
        )
        if not new:
            raise AnalytexError(
                f"This plan was pushed already, as push {document.id!r}: apd.resume({document.id!r}) gives that push. "
                "To send the data again, plan again."
            )
        return driven(document, ledger, spool, client, lock, clock, bindings)
    except BaseException:
        lock.release()
        raise


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
        Running again; a push that this process drives already is returned as it is, and so is one that has finished.

    Raises
    ------
    NotFoundError
        If there is no such push, or none to resume.
    AuthenticationError
        If it belongs to another account and `rebind` is not set.
    AnalytexError
        If another process drives it; the message says which.
    """
    clock = clock or Clock()
    journal = Journal(state_directory or settings.state_directory())
    account = client.account_digest(journal.salt())
    push_id = newest_unfinished(journal, account) if push_id is None else push_id
    ledger = Ledger(journal, push_id)
    if ledger.record() is None:
        raise NotFoundError(unheard_of(push_id, ledgers.push_ids(journal)))
    lock = DriverLock(journal.directory, push_id)
    live = LIVE.get(lock.key)
    if live is not None:
        return live
    if not lock.acquire():
        raise AnalytexError(driven_elsewhere(push_id, ledger.record()))
    try:
        return taken_up(ledger, client, account, lock, clock, bindings, rebind=rebind)
    except BaseException:
        lock.release()
        raise


def taken_up(
    ledger: Ledger,
    client: Client,
    account: str,
    lock: DriverLock,
    clock: Clock,
    bindings: Bindings | None,
    *,
    rebind: bool,
) -> Push:
    """Return a push of the journal whose lock is held: driven again, or finished as it is."""
    record = ledger.record()
    if record is None:
        raise NotFoundError(f"Push {ledger.push_id!r} was removed from the journal just now.")
    document = PlanDocument.from_bytes(ledger.document())
    if record.status in FINISHED:
        lock.release()
        return as_it_ended(document, ledger, record, client, bindings)
    if record.account != account:
        if not rebind:
            raise AuthenticationError(
                f"Push {record.id!r} was started with another API key or environment ({record.base_url}) than this "
                f"client's ({client.base_url}). Connect to that one; or, if it is the same account under a new key, "
                f"apd.resume({record.id!r}, rebind=True)."
            )
        ledger.rebound(account, client.base_url)
    if record.status == "failed" and record.error_class == "PushError":
        counts = counted(record.counts, ledger.chunks())
        ledger.forgiven(counts["refused"], counts["refused"] + counts["acknowledged"] + counts["unknown"])
    spool = Spool(ledger.journal.directory / "spool" / record.id)
    return driven(document, ledger, spool, client, lock, clock, bindings)


def driven(
    document: PlanDocument,
    ledger: Ledger,
    spool: Spool,
    client: Client,
    lock: DriverLock,
    clock: Clock,
    bindings: Bindings | None,
) -> Push:
    """Return a push of the journal, driven from now on; its lock is held."""
    bindings = bindings or Bindings()
    ledger.driven(clock.now())
    record = ledger.record()
    if record is None:
        raise NotFoundError(f"Push {ledger.push_id!r} was removed from the journal just now.")
    board = Board(state_of(record, ledger, "running", "starting"))
    push = Push(document, ledger, board, client, parent=record.parent, bindings=bindings)
    drive = Drive(document, client, spool, ledger, board, clock)
    forgiven = (record.forgiven_refused, record.forgiven_answered)
    push.drive(Worker(drive, record.account, forgiven, bindings.observer), lock)
    return push


def as_it_ended(
    document: PlanDocument, ledger: Ledger, record: PushRecord, client: Client, bindings: Bindings | None
) -> Push:
    """Return a push that has finished."""
    board = Board(state_of(record, ledger, record.status, record.status.replace("_", " ")))
    board.ended.set()
    return Push(document, ledger, board, client, parent=record.parent, bindings=bindings)


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
    near = difflib.get_close_matches(push_id, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no push {push_id!r} on this machine.{hint} apd.pushes() lists all."


def driven_elsewhere(push_id: str, record: PushRecord | None) -> str:
    """Return what to say of a push that another process drives."""
    driver = None if record is None else record.driver
    who = (
        f"process {driver['pid']} on {driver['host']}, since {driver['since']}"
        if driver
        else "another process"
    )
    return (
        f"Push {push_id!r} is driven by {who}. One process at a time drives a push: wait for it there, or end that "
        "process and resume again. Nothing is lost by that."
    )


def retry(push: Push, fixed: pd.DataFrame | None, *, unknown: bool, client: Client | None) -> Push:
    """Start a push of the refused rows of another; see ``Push.retry``."""
    if not push.done:
        raise AnalytexError(
            f"Push {push.id!r} is still {push.status}: its refused rows are not all known. push.wait() first."
        )
    client = client or push.client
    if client is None:
        raise AnalytexError(f"Push {push.id!r} has no client to retry with: pass client=…")
    rows, lines = push.kept_rows(unknown=unknown)
    directory = push.journal.directory
    if fixed is None:
        document, spool = as_they_were(push.document, rows, lines, directory)
    elif push.bindings.replan is not None:
        document, spool = push.bindings.replan(fixed, push.document, rows)
    else:
        raise AnalytexError("retry(fixed=…) needs the facade; import analytex_pandas.")
    return start(document, spool, client, state_directory=directory, bindings=push.bindings, parent=push.id)


def as_they_were(
    document: PlanDocument, rows: pa.Table, lines: Sequence[bytes], state_directory: Path
) -> tuple[PlanDocument, Spool]:
    """Return a plan of lines that were sent before, cut into chunks anew, every row with its first position."""
    clock = Clock()
    push_id = new_id(clock.now())
    spool = Spool(state_directory / "spool" / push_id)
    options = dataclasses.replace(document.options, canary=0)
    chunks = []
    for number, (begin, end) in enumerate(cuts(lines, options.chunk_rows, options.file_bytes), start=1):
        ended = [line + b"\n" for line in lines[begin:end]]
        spool.write_chunk(number, ended, rows.slice(begin, end - begin))
        chunks.append(ChunkSize(number, end - begin, sum(map(len, ended))))
    again = dataclasses.replace(
        document,
        id=push_id,
        options=options,
        counts={"input": len(lines), "invalid": 0, "duplicate": 0, "unchanged": 0, "to_send": len(lines)},
        chunks=tuple(chunks),
        invalid=empty_report(),
        blocked=False,
    )
    return again, spool


def cuts(lines: Sequence[bytes], chunk_rows: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield where chunks begin and end, each of at most so many rows and bytes, line ends included."""
    begin = size = 0
    for place, line in enumerate(lines):
        if place > begin and (place - begin == chunk_rows or size + len(line) + 1 > chunk_bytes):
            yield begin, place
            begin, size = place, 0
        size += len(line) + 1
    if begin < len(lines):
        yield begin, len(lines)


def new_id(now: dt.datetime) -> str:
    """Return the id of a new push: when it was made, and chance against two in one second."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
