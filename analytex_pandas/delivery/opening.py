"""How a push begins: from a plan, or from the journal; which there were, and how to have them forgotten."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.drive import Drive, logger
from analytex_pandas.delivery.files import ID, children, folder
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import acquired, driver_lock, drop, is_free, plan_lock
from analytex_pandas.delivery.pacing import Clock
from analytex_pandas.delivery.spool import Spool, spool_of
from analytex_pandas.delivery.state import ENDED, FINISHED, PushState, counted
from analytex_pandas.delivery.tables import pushes_table
from analytex_pandas.delivery.worker import LIVE, driver, live_key, start
from analytex_pandas.errors import AnalytexError, AuthenticationError, NotFoundError, PushError, did_you_mean
from analytex_pandas.frame.document import PlanDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import FileLock

    from analytex_pandas.delivery.journal import PushRecord
    from analytex_pandas.service.client import Client


def begin(
    document: PlanDocument,
    spool: Spool,
    client: Client,
    *,
    parent: str | None = None,
    clock: Clock | None = None,
) -> Drive:
    """Start the push of a plan: on disk first, then in a thread of its own; its spool moves to the client's.

    Raises
    ------
    AnalytexError
        If the plan was pushed already.
    """
    journal, clock = Journal(client.state_directory), clock or Clock()
    place = spool_of(journal.directory, document.id).directory
    with contextlib.ExitStack() as stack:
        if spool.directory != place:
            stack.enter_context(moved(spool, place, journal))
        lock = stack.enter_context(locked(journal, document.id))
        stack.enter_context(marked(spool, journal))
        if not journal.open_push(
            document.id,
            [(size.number, size.rows, size.bytes) for size in document.chunks],
            kind=document.kind,
            account=client.account_digest(journal.salt()),
            base_url=client.base_url,
            status="running",
            parent=parent,
            counts={name: int(count) for name, count in document.counts.items()},
            document=document.to_bytes(),
            created_at=clock.now(),
        ):
            raise AnalytexError(pushed_already(document.id))
        return driven(journal, document, client, clock, lock)


def resume(push_id: str | None, client: Client, *, rebind: bool = False, clock: Clock | None = None) -> Drive:
    """Carry on with a push of the client's journal; see :func:`analytex_pandas.resume`.

    What this process drives already is returned as it is, and so is what has finished.
    """
    journal, clock = Journal(client.state_directory), clock or Clock()
    account = client.account_digest(journal.salt())
    push_id = newest_unfinished(journal, account) if push_id is None else push_id
    if journal.push(push_id) is None:
        raise NotFoundError(unheard_of(push_id, journal))
    live = LIVE.get(live_key(journal, push_id))
    if live is not None:
        return live
    with locked(journal, push_id) as lock:
        record = existing(journal, push_id)
        document = PlanDocument.from_bytes(journal.document(push_id))
        if record.status in FINISHED:
            drive = Drive(document, state_of(journal, record), journal, client, parent=record.parent)
            drive.ended.set()
            drop(lock)
            return drive
        if record.account != account:
            check_rebind(record, client, rebind=rebind)
            with journal.writing() as connection:
                memory.give_up(connection, push_id)
                connection.execute(
                    "UPDATE push SET account = ?, base_url = ? WHERE id = ?",
                    [account, client.base_url, push_id],
                )
        if record.status == "failed" and record.error_class == PushError.__name__:
            counts = counted(record.counts, journal.chunks(push_id))
            answered = counts["refused"] + counts["acknowledged"] + counts["unknown"]
            journal.update(push_id, forgiven_refused=counts["refused"], forgiven_answered=answered)
        return driven(journal, document, client, clock, lock)


@contextlib.contextmanager
def moved(spool: Spool, place: Path, journal: Journal) -> Iterator[None]:
    """Take a plan's records to another state directory, and back if what is done with it fails."""
    before = spool.directory
    folder(journal.directory, "spool")
    owner = plan_lock(journal.directory, place.name)
    with owner:  # until the journal has the push, a sweep would take them for somebody's who died
        spool.move(place)
        try:
            yield
        except BaseException:
            if not journal.has(place.name):
                spool.move(before)
            raise
    drop(owner)


@contextlib.contextmanager
def marked(spool: Spool, journal: Journal) -> Iterator[None]:
    """Make a plan's records a push's, on the disk; not so if the journal does not get to have it."""
    spool.pushed()
    try:
        yield
    except BaseException:
        if not journal.has(spool.directory.name):
            spool.not_pushed()
        raise


@contextlib.contextmanager
def locked(journal: Journal, push_id: str) -> Iterator[FileLock]:
    """Hold the right to drive a push; given back if what is done with it fails."""
    lock = driver_lock(journal.directory, push_id)
    if not acquired(lock):
        raise AnalytexError(driven_elsewhere(push_id, journal.push(push_id)))
    try:
        yield lock
    except BaseException:
        lock.release()
        raise


def driven(journal: Journal, document: PlanDocument, client: Client, clock: Clock, lock: FileLock) -> Drive:
    """Return a push of the journal, driven from now on; its lock is held."""
    journal.update(
        document.id,
        driver=driver(clock.now()),
        status="running",
        ended_at=None,
        error=None,
        error_class=None,
    )
    record = existing(journal, document.id)
    drive = Drive(
        document,
        state_of(journal, record, "starting"),
        journal,
        client,
        account=record.account,
        parent=record.parent,
        forgiven=(record.forgiven_refused, record.forgiven_answered),
        clock=clock,
        lock=lock,
    )
    start(drive)
    return drive


def check_rebind(record: PushRecord, client: Client, *, rebind: bool) -> None:
    if not rebind:
        raise AuthenticationError(
            f"Push {record.id!r} was started with another API key or environment ({record.base_url}) "
            f"than this client's ({client.base_url}). Connect to that one; or, if it is the same "
            f"account under a new key, apd.resume({record.id!r}, rebind=True)."
        )


def existing(journal: Journal, push_id: str) -> PushRecord:
    """Return a push that was there a moment ago."""
    record = journal.push(push_id)
    if record is None:
        raise NotFoundError(f"Push {push_id!r} was removed from the journal just now.")
    return record


def state_of(journal: Journal, record: PushRecord, activity: str | None = None) -> PushState:
    chunks = journal.chunks(record.id)
    return PushState(
        id=record.id,
        kind=record.kind,
        status=record.status,
        counts=counted(record.counts, chunks),
        chunks=chunks,
        activity=activity or record.status.replace("_", " "),
        started_at=record.created_at,
        ended_at=record.ended_at,
    )


def newest_unfinished(journal: Journal, account: str) -> str:
    """Return the id of the push that ``resume()`` without one means."""
    found = [record for record, _ in journal.pushes() if record.account == account]
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


def unheard_of(push_id: str, journal: Journal) -> str:
    known = [record.id for record, _ in journal.pushes()]
    return (
        f"There is no push {push_id!r} on this machine.{did_you_mean(push_id, known)} apd.pushes() lists all."
    )


def pushed_already(push_id: str) -> str:
    return (
        f"This plan was pushed already, as push {push_id!r}: apd.resume({push_id!r}) gives that push. "
        "To send the data again, plan again."
    )


def driven_elsewhere(push_id: str, record: PushRecord | None) -> str:
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


def pushes(state_directory: Path) -> pd.DataFrame:
    """Return the pushes of a state directory; see :func:`analytex_pandas.pushes`."""
    journal = Journal(state_directory)
    found = journal.pushes() if journal.exists() else []
    return pushes_table((record, present_status(journal, record), chunks) for record, chunks in found)


def present_status(journal: Journal, record: PushRecord) -> str:
    """Return the status of a push, ``interrupted`` when nobody drives it and it has not ended."""
    live = LIVE.get(live_key(journal, record.id))
    if live is not None:
        return live.state.status
    is_driven = record.status not in ENDED and not is_free(driver_lock(journal.directory, record.id))
    return record.status if record.status in ENDED or is_driven else "interrupted"


def clean(push_id: str | None, before: Any, state_directory: Path) -> list[str]:
    """Forget pushes: their history, their errors, and the rows that were kept; see :func:`analytex_pandas.clean`."""
    journal, end = Journal(state_directory), moment(before)
    if not journal.exists():
        return []
    records = [record for record, _ in journal.pushes()]
    if push_id is not None:
        chosen = [record for record in records if record.id == push_id]
        if not chosen:
            raise NotFoundError(unheard_of(push_id, journal))
    else:
        chosen = [
            record
            for record in records
            if record.status in (*FINISHED, "cancelled")
            and record.ended_at is not None
            and (end is None or record.ended_at < end)
        ]
    for record in chosen:
        with locked(journal, record.id) as lock:
            # The files first: a spool without its journal entry would never be found again.
            spool_of(journal.directory, record.id).delete()
            with journal.writing() as connection:
                memory.give_up(connection, record.id)
                connection.execute("DELETE FROM push WHERE id = ?", [record.id])
            drop(lock)
    return [record.id for record in chosen]


def moment(before: Any) -> dt.datetime | None:
    """Return a time, or a span before now, as an aware datetime."""
    if isinstance(before, dt.timedelta):
        return dt.datetime.now(dt.UTC) - before
    if isinstance(before, str):
        try:
            return dt.datetime.now(dt.UTC) - pd.Timedelta(before).to_pytimedelta()
        except ValueError:
            pass  # no span, so a time
    if before is None:
        return None
    stamp = pd.Timestamp(before)
    return (stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")).to_pydatetime()


def sweep(state_directory: Path) -> None:
    """Delete the spools of plans whose process died before it could; pushes keep theirs."""
    found = children(state_directory / "spool", ID)
    orphans = [path for path in found if is_free(plan_lock(state_directory, path.name))]
    if not orphans:
        return
    journal = Journal(state_directory)
    pushed = {record.id for record, _ in journal.pushes()} if journal.exists() else set()
    for path in [path for path in orphans if path.name not in pushed]:
        spool = Spool(path)
        if spool.is_pushed:
            unknown_records(path)
        else:
            spool.delete()
            drop(plan_lock(state_directory, path.name))


@functools.cache
def unknown_records(path: Path) -> None:
    """Say, once a process, that the journal does not know the push that some records are of."""
    logger.warning(
        "%s has records of a push that journal.sqlite3 beside it does not know. Nothing of them is sent or deleted. "
        "Put the journal back from a backup to go on with the push; or read what is there with pd.read_json(path, "
        "lines=True), push it with only_changed=True, and delete the folder.",
        path,
    )
