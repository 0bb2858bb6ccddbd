"""Whether the records of a plan are on their way already: a cell run twice, a script run again, two processes."""

from __future__ import annotations

import os
import sqlite3

from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import PATIENCE, driver_lock, is_free
from analytex_pandas.delivery.worker import LIVE, live_key
from analytex_pandas.errors import AnalytexError, warn
from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.service.client import Client


class LeftBehindError(Exception):
    """The same records are of a push that was interrupted; never leaves the room."""

    def __init__(self, push_id: str) -> None:
        super().__init__(push_id)
        self.push_id = push_id


def given_back(drive: Drive, how: str = "are on their way already") -> Drive:
    """Warn that a push is taken for one that was to begin."""
    counts = drive.state.counts
    warn(
        f"The same {drive.document.counts['to_send']:,} {drive.document.kind} {how}, as push {drive.id!r} "
        f"({drive.state.status}, {counts['acknowledged']:,} acknowledged so far). That push is given back, with its "
        "own options, and nothing is sent twice. To send them once more, wait for its end, or cancel it."
    )
    return drive


def under_way(document: PlanDocument, client: Client | None = None) -> Drive | None:
    """Return the push that this process drives of a plan, or of the same records to the account of a client."""
    digest = digest_of(document)
    for (process, _), drive in list(LIVE.items()):
        if process != os.getpid() or drive.cancelled:
            continue
        same = digest and (drive.document.kind, digest_of(drive.document)) == (document.kind, digest)
        if drive.id == document.id or (same and client and drive.client.is_of_account(client)):
            return drive
    return None


def digest_of(document: PlanDocument) -> str | None:
    """Return what tells the records of a plan from any others; None where it has none."""
    return document.digest or None if document.counts["to_send"] else None


def look_elsewhere(
    journal: Journal, document: PlanDocument, account: str, connection: sqlite3.Connection
) -> None:
    """Raise AnalytexError where another process drives a push of the same records, LeftBehindError where one did."""
    others = connection.execute(
        "SELECT id, ended_at IS NULL AND digest = ? FROM push WHERE account = ? AND kind = ? AND id <> ? "
        "ORDER BY created_at DESC, id DESC",
        [digest_of(document), account, document.kind, document.id],
    ).fetchall()
    for place, (push_id, is_same) in enumerate(others):
        if not is_same or live_key(journal, push_id) in LIVE:  # there, it is to be cancelled
            continue
        if not is_free(driver_lock(journal.directory, push_id), PATIENCE):
            raise AnalytexError(
                f"The same {document.counts['to_send']:,} {document.kind} are on their way to the account already, as "
                f"push {push_id!r}, which is driven by {driver_of(journal, push_id)}. Nothing was sent. Wait for it "
                "there; apd.pushes() shows how far it is. Or end that process: then "
                f"apd.resume({push_id!r}) goes on with it here."
            )
        if not place:
            raise LeftBehindError(push_id)


def driver_of(journal: Journal, push_id: str) -> str:
    """Return who drives a push of somebody else, in words."""
    driver = journal.push(push_id).driver if journal.has(push_id) else None
    return "process {pid} on {host}, since {since}".format_map(driver) if driver else "another process"
