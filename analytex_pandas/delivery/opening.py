"""How a push begins: from a plan, or from the journal; which there were, and how to have them forgotten."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import operator
import os
import platform
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.blobs import sealed
from analytex_pandas.delivery.drive import Drive, logger
from analytex_pandas.delivery.files import ID, children, folder
from analytex_pandas.delivery.input_file import kept_path
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import acquired, driver_lock, drop, is_free, plan_lock
from analytex_pandas.delivery.pacing import Clock
from analytex_pandas.delivery.recutting import recut
from analytex_pandas.delivery.same_records import (
    LeftBehindError,
    digest_of,
    driver_of,
    given_back,
    look_elsewhere,
    under_way,
)
from analytex_pandas.delivery.spool import Spool, spool_of
from analytex_pandas.delivery.state import FINISHED, PushState
from analytex_pandas.delivery.tables import pushes_table
from analytex_pandas.delivery.worker import LIVE, live_key, start
from analytex_pandas.errors import (
    AnalytexError,
    AuthenticationError,
    NotFoundError,
    PushError,
    ValidationError,
    code,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from filelock import FileLock

    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.service.client import Client

BEGINNING: dict[int, threading.Lock] = {}
"""Held, in each process, while a push begins: of two of the same records, begun at once, the second finds the first."""


def begin(
    document: PlanDocument,
    spool: Spool,
    client: Client,
    *,
    parent: str | None = None,
    clock: Clock | None = None,
) -> Drive:
    """Start the push of a plan: on disk first, then in a thread of its own; its spool moves to the client's.

    Where the same records are under way to the same account, that push is returned, and the plan stays as it is; so
    is one that was interrupted, if nothing else was sent since: what it has brought there is there still.
    """
    journal, clock = Journal(client.state_directory), clock or Clock()
    with BEGINNING.setdefault(os.getpid(), threading.Lock()):
        if (live := under_way(document, client)) is not None:
            return given_back(live)
        try:
            return begun(document, spool, client, journal, parent=parent, clock=clock)
        except LeftBehindError as left:
            found = resume(left.push_id, client, clock=clock)
    return given_back(found, "were on their way before, and are again")


def begun(
    document: PlanDocument,
    spool: Spool,
    client: Client,
    journal: Journal,
    *,
    parent: str | None,
    clock: Clock,
) -> Drive:
    account = client.account_digest(journal.salt())
    with (
        moved(spool, journal, document.id),
        locked(journal, document.id) as lock,
        marked(spool, journal),
    ):
        if not journal.open_push(
            document.id,
            [(size.number, size.rows, size.bytes) for size in document.chunks],
            partial(look_elsewhere, journal, document, account),
            kind=document.kind,
            account=account,
            base_url=client.base_url,
            status="running",
            parent=parent,
            counts={name: int(count) for name, count in document.counts.items()},
            document=sealed(document.to_bytes()),
            digest=digest_of(document),
            source=document.source,
            created_at=clock.now(),
        ):
            raise AnalytexError(pushed_already(document.id))
        return driven(journal, document, client, clock, lock)


def resume(
    push_id: str | None,
    client: Client,
    *,
    rebind: bool = False,
    chunk_bytes: int | None = None,
    skip: Collection[int] = (),
    clock: Clock | None = None,
) -> Drive:
    """Carry on with a push of the client's journal; see :func:`analytex_pandas.resume`.

    What this process drives already is returned as it is, and so is what has finished.
    """
    check_id(push_id)
    journal = Journal(client.state_directory)
    account = client.account_digest(journal.salt())
    push_id = newest_unfinished(journal, account) if push_id is None else push_id
    journal.push(push_id)  # NotFoundError if there is none
    live = LIVE.get(live_key(journal, push_id))
    if live is not None:
        return live
    with locked(journal, push_id) as lock:
        push = journal.push(push_id)
        document = journal.document(push_id)
        if push.status in FINISHED:
            drive = Drive(document, push, journal, client)
            drive.ended.set()
            drop(lock)
            return drive
        if push.account != account:
            # A push that no account ever took a chunk of takes the new key by itself.
            if is_taken(push) and not rebind:
                raise AuthenticationError(
                    f"Push {push_id!r} was started with another API key or environment ({push.base_url}) "
                    f"than this client's ({client.base_url}). Connect to that one; or, if it is the same "
                    f"account under a new key, apd.resume({push_id!r}, rebind=True)."
                )
            give_up = partial(memory.give_up, push_id=push_id)
            journal.update(push_id, None, give_up, account=account, base_url=client.base_url)
        if chunk_bytes is not None or skip:
            document = recut(journal, push, document, chunk_bytes, skip)
            push = journal.push(push_id)
        if skip or (push.status == "failed" and push.error_class == PushError.__name__):
            answered = sum(push.counts[name] for name in ("refused", "acknowledged", "unknown"))
            journal.update(push_id, forgiven_refused=push.counts["refused"], forgiven_answered=answered)
        return driven(journal, document, client, clock or Clock(), lock)


def positions(skip: Iterable[int]) -> frozenset[int]:
    """Return positions as a set; a column of them has missing ones, of errors without a row."""
    try:
        return frozenset(map(operator.index, pd.Series(list(skip), dtype="object").dropna()))
    except TypeError as error:
        raise ValidationError(
            f"skip={code(skip)}: it takes the positions of rows, whole numbers, such as push.errors['position'] lists."
        ) from error


def is_taken(push: PushState) -> bool:
    """Tell whether an account may have taken a chunk of a push."""
    return any(chunk.job_id is not None or chunk.in_doubt for chunk in push.chunks)


def check_id(push_id: object) -> None:
    if not isinstance(push_id, str | None):
        raise ValidationError(
            f"push_id={code(push_id)}: the id of a push is text, as apd.pushes() lists it; None means the newest."
        )


@contextlib.contextmanager
def moved(spool: Spool, journal: Journal, plan_id: str) -> Iterator[None]:
    """Take a plan's records to another state directory, and back if what is done with it fails."""
    before, place = spool.directory, spool_of(journal.directory, plan_id).directory
    if before == place:
        yield
        return
    folder(journal.directory, "spool")
    owner = plan_lock(journal.directory, plan_id)
    with owner:  # until the journal has the push, a sweep would take them for somebody's who died
        spool.move(place)
        try:
            yield
        except BaseException:
            if not journal.has(plan_id):
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
        raise AnalytexError(
            f"Push {push_id!r} is driven by {driver_of(journal, push_id)}. One process at a time drives a push: wait "
            "for it there, or end that process and resume again. Nothing is lost by that."
        )
    try:
        yield lock
    except BaseException:
        lock.release()
        raise


def driven(journal: Journal, document: PlanDocument, client: Client, clock: Clock, lock: FileLock) -> Drive:
    """Return a push of the journal, driven from now on by this process; its lock is held."""
    since = clock.now().isoformat(timespec="seconds")
    journal.update(
        document.id,
        driver={"pid": os.getpid(), "host": platform.node(), "since": since},
        status="running",
        ended_at=None,
        error=None,
        error_class=None,
    )
    state = replace(journal.push(document.id), activity="starting")
    drive = Drive(document, state, journal, client, clock=clock, lock=lock)
    start(drive)
    return drive


def newest_unfinished(journal: Journal, account: str) -> str:
    """Return the id of the push that ``resume()`` without one means."""
    left = [push for push in journal.pushes() if push.status not in FINISHED]
    found = [push for push in left if push.account == account]
    unfinished = next((push.id for push in found if push.status != "cancelled"), None)
    if unfinished is not None:
        return unfinished
    # Another key may mean another account, so it is for the user to say which push goes to this one.
    other = next((push.id for push in left if push.status != "cancelled" and not is_taken(push)), None)
    hint = ""
    if other is not None:
        hint = f" Nothing of push {other!r} was ever taken: apd.resume({other!r}) sends it with this key and address."
    elif found:
        hint = f" The newest cancelled one is {found[0].id!r}: apd.resume({found[0].id!r}) continues it."
    raise NotFoundError(
        f"There is no unfinished push of this account in {journal.directory}.{hint} apd.pushes() lists all."
    )


def pushed_already(push_id: str) -> str:
    return (
        f"This plan was pushed already, as push {push_id!r}: apd.resume({push_id!r}) gives that push. "
        "To send the data again, plan again."
    )


def pushes(state_directory: Path) -> pd.DataFrame:
    """Return the pushes of a state directory; see :func:`analytex_pandas.pushes`."""
    journal = Journal(state_directory)
    return pushes_table(replace(push, status=present_status(journal, push)) for push in journal.pushes())


def present_status(journal: Journal, push: PushState) -> str:
    """Return the status of a push, ``interrupted`` when nobody drives it and it has not ended."""
    live = LIVE.get(live_key(journal, push.id))
    if live is not None:
        return live.state.status
    is_left = not push.done and is_free(driver_lock(journal.directory, push.id))
    return "interrupted" if is_left else push.status


def clean(push_id: str | None, before: Any, state_directory: Path) -> list[str]:
    """Forget pushes: their history, their errors, and the rows that were kept; see :func:`analytex_pandas.clean`."""
    check_id(push_id)
    journal, end = Journal(state_directory), moment(before)
    if not journal.exists():
        return []
    if push_id is not None:
        chosen = [journal.push(push_id).id]
    else:
        forgettable = [push for push in journal.pushes() if push.status in (*FINISHED, "cancelled")]
        chosen = [
            push.id
            for push in forgettable
            if push.ended_at is not None and (end is None or push.ended_at < end)
        ]
    for name in chosen:
        with locked(journal, name) as lock:
            # The files first: a spool without its journal entry would never be found again.
            spool_of(journal.directory, name).delete()
            kept_path(journal.directory, name).unlink(missing_ok=True)
            with journal.writing() as connection:
                memory.give_up(connection, name)
                connection.execute("DELETE FROM push WHERE id = ?", [name])
            drop(lock)
    return chosen


def moment(before: Any) -> dt.datetime | None:
    """Return a time, or a span before now, as an aware datetime."""
    if isinstance(before, str | dt.timedelta):
        with contextlib.suppress(ValueError):  # no span, so a time
            return dt.datetime.now(dt.UTC) - pd.Timedelta(before).to_pytimedelta()
    return None if before is None else pd.to_datetime(before, utc=True).to_pydatetime()


def sweep(state_directory: Path) -> None:
    """Delete the spools of plans whose process died before it could; pushes keep theirs."""
    found = children(state_directory / "spool", ID)
    orphans = [path for path in found if is_free(plan_lock(state_directory, path.name))]
    if not orphans:
        return
    pushed = {push.id for push in Journal(state_directory).pushes()}
    for path in [path for path in orphans if path.name not in pushed]:
        spool = Spool(path)
        if spool.is_pushed:
            unknown_records(path)
        else:
            try:
                spool.delete()
                drop(plan_lock(state_directory, path.name))
            except OSError as error:
                logger.warning("%s, left behind by a plan, cannot be deleted: %s", path, error)


@functools.cache
def unknown_records(path: Path) -> None:
    """Say, once a process, that the journal does not know the push that some records are of."""
    logger.warning(
        "%s has records of a push that journal.sqlite3 beside it does not know. Nothing of them is sent or deleted. "
        "Put the journal back from a backup to go on with the push; or read what is there with pd.read_json(path, "
        "lines=True), push it with only_changed=True, and delete the folder.",
        path,
    )
