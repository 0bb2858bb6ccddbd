"""The pushes of this machine: which there were, and how to have them forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytex_pandas import settings
from analytex_pandas.delivery import changes
from analytex_pandas.delivery import ledger as ledgers
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import DriverLock
from analytex_pandas.delivery.opening import driven_elsewhere, spool_of, unheard_of
from analytex_pandas.delivery.push import LIVE
from analytex_pandas.delivery.state import ENDED, FINISHED
from analytex_pandas.delivery.tables import pushes_table
from analytex_pandas.errors import AnalytexError, NotFoundError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    import pandas as pd

    from analytex_pandas.delivery.ledger import PushRecord


def pushes(*, state_directory: Path | None = None) -> pd.DataFrame:
    """Return the pushes of this machine, newest first.

    Returns
    -------
    pandas.DataFrame
        id, kind, status, environment, the counts, created_at, ended_at, parent (the push that it retries),
        error (what stopped it). A push whose process died is ``interrupted``: ``apd.resume(id)`` carries on.
    """
    journal = Journal(state_directory or settings.state_directory())
    if not journal.exists():
        return pushes_table([])
    return pushes_table(
        (record, present_status(journal, record), chunks) for record, chunks in ledgers.all_pushes(journal)
    )


def present_status(journal: Journal, record: PushRecord) -> str:
    """Return the status of a push, ``interrupted`` when nobody drives it and it has not ended."""
    lock = DriverLock(journal.directory, record.id)
    live = LIVE.get(lock.key)
    if live is not None:
        return live.status
    if record.status in ENDED or not lock.is_free():
        return record.status
    return "interrupted"


def clean(
    push_id: str | None = None,
    *,
    before: dt.datetime | None = None,
    state_directory: Path | None = None,
) -> list[str]:
    """Forget pushes: their history, their errors, and the rows that were kept of them.

    Parameters
    ----------
    push_id : str, optional
        One push, finished or not.
    before : datetime, optional
        Else every push that had finished, or was cancelled, before this time.
    state_directory : pathlib.Path, optional
        Where the journal is; else that of the settings.

    Returns
    -------
    list of str
        The pushes that were forgotten.

    Raises
    ------
    NotFoundError
        If there is no such push.
    AnalytexError
        If it is being driven.
    """
    journal = Journal(state_directory or settings.state_directory())
    if not journal.exists():
        return []
    records = [record for record, _ in ledgers.all_pushes(journal)]
    if push_id is not None:
        chosen = [record for record in records if record.id == push_id]
        if not chosen:
            raise NotFoundError(unheard_of(push_id, [record.id for record in records]))
    else:
        chosen = [
            record
            for record in records
            if record.status in (*FINISHED, "cancelled")
            and record.ended_at is not None
            and (before is None or record.ended_at < before)
        ]
    for record in chosen:
        forget(journal, record)
    return [record.id for record in chosen]


def forget(journal: Journal, record: PushRecord) -> None:
    """Forget one push that nobody drives."""
    lock = DriverLock(journal.directory, record.id)
    if not lock.acquire():
        raise AnalytexError(driven_elsewhere(record.id, record))
    with lock:
        left = changes.doubted(journal, record.id)
        # The files first: a spool without its journal entry would never be found again.
        spool_of(journal, record.id).delete()
        ledgers.removed(journal, record.id, lambda connection: changes.keep_doubt(connection, left))
