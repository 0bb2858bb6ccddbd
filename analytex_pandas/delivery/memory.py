"""What each account has acknowledged, from push to push, so that only what changed is sent.

Kept apart by account (its salted digest) and kind. A chunk that is about to be sent leaves the digests of its cells in
the journal, in the transaction that writes the intent down: from then on nobody knows these cells. They are known again
when the chunk is answered for, in the transaction that writes the answers down, unless another chunk touched them
meanwhile (see ``frame.memory``). Now and then all that is answered goes into a base, see ``bases``.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from analytex_pandas.delivery import bases
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.locks import acquired, driver_lock, drop
from analytex_pandas.delivery.report import Verdict
from analytex_pandas.errors import logger_of
from analytex_pandas.frame.fingerprints import COMPANY, ODD, Layer, Tally, add_tallies, of_lines
from analytex_pandas.frame.memory import (
    ACKNOWLEDGED,
    OPEN,
    REFUSED,
    UNKNOWN,
    Memory,
    Sent,
    from_bytes,
    overlay,
    to_bytes,
)
from analytex_pandas.service.client import Client
from analytex_pandas.settings import Kind

logger = logger_of("analytex_pandas")

LOCK: Final = "memory"
MAX_CHUNKS: Final = 400
"""Chunks whose digests wait in the journal at most."""
MAX_CHUNK_BYTES: Final = 32 * 1024 * 1024
"""Bytes of digests that wait in the journal at most, while the base is small."""
BASE_SHARE: Final = 8
"""A base is written anew when a part of it as large as this waits in the journal."""


def recall(journal: Journal, account: str, kind: Kind, *, types_only: bool = False) -> Memory:
    """Return what an account has acknowledged of a kind."""
    salt = journal.salt()
    if not types_only:
        with contextlib.suppress(OSError):  # a full disk is no reason not to compare
            fold(journal, account, kind)
    missed = None
    while True:
        with journal.reading() as connection:
            revision, base, folded = state_of(connection, account, kind)
            found = connection.execute(
                "SELECT name, json_type FROM property WHERE account = ? AND kind = ?", [account, kind]
            )
            types = dict(found.fetchall())
            if types_only:
                return Memory(account, revision, salt, types)
            with journal.legible():
                chunks = sent_chunks(connection, account, kind)
        below = Layer() if base is None else bases.read_base(journal, base)
        if below is None and base != missed:
            missed = base  # perhaps folded into another since the journal was read
            continue
        if below is None:
            place = journal.directory / bases.FOLDER / str(base)
            logger.warning("%s is gone or damaged: what it remembered counts as changed", place)
            below = Layer()
        return Memory(account, revision, salt, types, [below, overlay(chunks, below, folded)])


def compared_lines(chunks: Iterable[bytes], known: Memory, kind: Kind) -> dict[str, Tally]:
    """Return what of the records of some chunks differs from what is remembered, property by property."""
    tallies: dict[str, Tally] = {}
    for chunk in chunks:
        found, _ = of_lines(chunk.split(b"\n")[:-1], kind, known.salt)
        add_tallies(tallies, known.compare(found).tallies)
    return tallies


def digested(lines: Sequence[bytes], kind: Kind, salt: bytes) -> tuple[bytes, str]:
    """Return the digests of a chunk, and the JSON types of its properties, as the journal takes them."""
    layer, types = of_lines(lines, kind, salt)
    return to_bytes(layer), json.dumps(types)


def forget_cells(
    connection: sqlite3.Connection,
    account: str,
    kind: Kind,
    chunk: tuple[str, int],
    digests: tuple[bytes, str],
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO sent (account, kind, push, chunk, sent, digests, types) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [account, kind, *chunk, moved(connection, account, kind), *digests],
    )


def not_sent(connection: sqlite3.Connection, chunk: tuple[str, int]) -> None:
    """Take back that the cells of a chunk were touched."""
    connection.execute("DELETE FROM sent WHERE push = ? AND chunk = ? AND answered IS NULL", chunk)


def remember(
    connection: sqlite3.Connection, account: str, kind: Kind, chunk: tuple[str, int], verdict: Verdict
) -> None:
    row = connection.execute(
        "SELECT digests, types, fates FROM sent WHERE account = ? AND push = ? AND chunk = ?",
        [account, *chunk],
    ).fetchone()
    revision = moved(connection, account, kind)
    if row is None:
        return  # nobody knows what was sent: an earlier account, or a chunk that was never seen to go
    layer = from_bytes(row[0])
    # What was folded since it was sent was forgotten along with what told whether others touched it.
    fates = np.full(len(layer.ids), ACKNOWLEDGED if row[2] is None else UNKNOWN, np.uint8)
    fates[list(verdict.doubtful)] = UNKNOWN
    fates[list(verdict.refused)] = REFUSED
    connection.execute(
        "UPDATE sent SET answered = ?, fates = ? WHERE account = ? AND push = ? AND chunk = ?",
        [revision, fates.tobytes(), account, *chunk],
    )
    taken = fates == ACKNOWLEDGED
    there = {name for name, cells in layer.cells.items() if (cells[taken] & ODD).any()} - {COMPANY}
    types = json.loads(row[1]).items()
    connection.executemany(
        "INSERT INTO property VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET json_type = excluded.json_type",
        [(account, kind, name, json_type) for name, json_type in types if name in there],
    )


def taught(journal: Journal, account: str, kind: Kind) -> dict[str, int]:
    """Return what an account's reports have shown of where their numbers begin, see ``report``."""
    found = journal.rows("SELECT value FROM setting WHERE name = ?", f"first rows of {account} {kind}")
    with journal.legible():
        return {str(name): int(first) for (told,) in found for name, first in json.loads(told).items()}


def teach(connection: sqlite3.Connection, account: str, kind: Kind, firsts: Mapping[str, int]) -> None:
    """Remember what an account's reports have shown of where their numbers begin."""
    connection.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        [f"first rows of {account} {kind}", json.dumps(dict(firsts))],
    )


def doubt(connection: sqlite3.Connection, chunk: tuple[str, int]) -> None:
    """Leave in doubt what a chunk has done: the service has it twice, and nobody knows when it applies the second."""
    found = connection.execute(
        "SELECT account, kind, digests, answered FROM sent WHERE push = ? AND chunk = ?", chunk
    ).fetchall()
    for account, kind, digests, answered in found:
        fates, now = b"", None  # as of an answer that comes when nobody knows any more what others did
        if answered is not None:
            fates = np.full(len(from_bytes(digests).ids), UNKNOWN, np.uint8).tobytes()
            now = moved(connection, account, kind)
        connection.execute(
            "UPDATE sent SET answered = ?, fates = ? WHERE account = ? AND push = ? AND chunk = ?",
            [now, fates, account, *chunk],
        )


def give_up(connection: sqlite3.Connection, push_id: str) -> None:
    """Leave in doubt what a push may have done to an account that will never be answered for."""
    open_chunks = connection.execute(
        "SELECT account, kind, chunk, digests FROM sent WHERE push = ? AND answered IS NULL", [push_id]
    ).fetchall()
    for account, kind, number, digests in open_chunks:
        fates = np.full(len(from_bytes(digests).ids), UNKNOWN, np.uint8)
        # Under a name of its own: rebound back and sent again, the chunk would replace it, and the doubt with it.
        connection.execute(
            "UPDATE sent SET answered = :now, fates = :fates, push = push || '@' || :now "
            "WHERE account = :account AND push = :push AND chunk = :chunk",
            {"account": account, "push": push_id, "chunk": number}
            | {"now": moved(connection, account, kind), "fates": fates.tobytes()},
        )


def forget(client: Client, kinds: Sequence[Kind]) -> None:
    """Forget what an account has acknowledged; what is not answered for yet is remembered again."""
    journal = Journal(client.state_directory)
    if not journal.exists():
        return
    account = client.account_digest(journal.salt())
    with journal.writing() as connection:
        for kind in kinds:
            moved(connection, account, kind)
            connection.execute(
                "UPDATE memory SET base = NULL WHERE account = ? AND kind = ?", [account, kind]
            )
            connection.execute("DELETE FROM property WHERE account = ? AND kind = ?", [account, kind])
            # What is answered stays where a chunk was open at the time: nobody knows which of the two came last.
            connection.execute(
                "DELETE FROM sent WHERE account = :account AND kind = :kind AND answered < (SELECT "
                "coalesce(min(sent), 9e18) FROM sent WHERE account = :account AND kind = :kind AND answered IS NULL)",
                {"account": account, "kind": kind},
            )
            _, _, folded = state_of(connection, account, kind)
            connection.execute(
                "UPDATE sent SET fates = iif(answered IS NULL, iif(sent < ?, x'', NULL), NULL) "
                "WHERE account = ? AND kind = ?",
                [folded, account, kind],
            )
    lock = driver_lock(journal.directory, LOCK)
    if acquired(lock):
        try:
            bases.sweep(journal)
        finally:
            drop(lock)


def moved(connection: sqlite3.Connection, account: str, kind: Kind) -> int:
    """Return the next revision of what is remembered."""
    connection.execute(
        "INSERT INTO memory (account, kind, revision) VALUES (?, ?, 1) "
        "ON CONFLICT DO UPDATE SET revision = revision + 1",
        [account, kind],
    )
    return state_of(connection, account, kind)[0]


def state_of(connection: sqlite3.Connection, account: str, kind: Kind) -> tuple[int, str | None, int]:
    """Return the revision, the base, and up to which revision all answers may be in the base."""
    row = connection.execute(
        "SELECT revision, base, folded FROM memory WHERE account = ? AND kind = ?", [account, kind]
    ).fetchone()
    return row or (0, None, 0)


def sent_chunks(connection: sqlite3.Connection, account: str, kind: Kind) -> list[Sent]:
    found = connection.execute(
        "SELECT sent, answered, digests, fates FROM sent WHERE account = ? AND kind = ?", [account, kind]
    )
    chunks = []
    for sent, answered, digests, fates in found:
        rows = from_bytes(digests)
        known = np.frombuffer(fates, np.uint8) if fates else np.full(len(rows.ids), UNKNOWN, np.uint8)
        chunks.append(Sent(sent, OPEN if answered is None else answered, rows, known))
    return chunks


def fold(journal: Journal, account: str, kind: Kind) -> None:
    """Write what is answered into a new base, if much of it waits and nobody else does."""
    with journal.reading() as connection:
        count, size = connection.execute(
            "SELECT count(*), coalesce(sum(length(digests)), 0) FROM sent WHERE account = ? AND kind = ? "
            "AND answered IS NOT NULL",
            [account, kind],
        ).fetchone()
        _, base, _ = state_of(connection, account, kind)
    if count <= MAX_CHUNKS and size <= max(MAX_CHUNK_BYTES, bases.base_bytes(journal, base) // BASE_SHARE):
        return
    lock = driver_lock(journal.directory, LOCK)
    if not acquired(lock, 0.0):
        return
    try:
        write_new_base(journal, account, kind)
        bases.sweep(journal)
    finally:
        drop(lock)


def write_new_base(journal: Journal, account: str, kind: Kind) -> None:
    """Write base and answered chunks as a new base; the lock is held."""
    with journal.reading() as connection:
        revision, base, folded = state_of(connection, account, kind)
        with journal.legible():
            chunks = sent_chunks(connection, account, kind)
    # Only whoever holds the lock replaces a base, so one that is not there was taken away by hand.
    below = (None if base is None else bases.read_base(journal, base)) or Layer()
    top = overlay(chunks, below, folded, answered_only=True)
    written = bases.write_base(journal, [below, top])
    with journal.writing() as connection:
        (there,) = connection.execute(
            "SELECT count(*) FROM sent WHERE account = ? AND kind = ? AND answered <= ?",
            [account, kind, revision],
        ).fetchone()
        if (
            there != sum(chunk.answered != OPEN for chunk in chunks)
            or state_of(connection, account, kind)[1] != base
        ):
            return  # forgotten meanwhile
        connection.execute(
            "UPDATE memory SET base = ?, folded = ? WHERE account = ? AND kind = ?",
            [written, revision, account, kind],
        )
        connection.execute(
            "DELETE FROM sent WHERE account = ? AND kind = ? AND answered <= ?", [account, kind, revision]
        )
