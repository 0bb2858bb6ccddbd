"""What each account has acknowledged, remembered from push to push, so that only what changed is sent.

Kept apart by account (its salted digest) and kind. A chunk that is answered for leaves a layer of digests in the
journal, within the transaction that writes its answers down: acknowledged is remembered, whatever dies next. Layers are
laid together, now and then, into a base: files of sorted digests beside the journal, mapped rather than read. Chunks
that may be at the service without an answer, or are about to be sent, are doubt, read from their spool files.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from analytex_pandas.delivery import bases
from analytex_pandas.delivery.layers import (
    Layer,
    compare,
    contested,
    from_bytes,
    layer_of,
    merged,
    to_bytes,
)
from analytex_pandas.delivery.layers import doubted as all_doubted
from analytex_pandas.delivery.locks import driver_lock, is_free
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.delivery.state import SETTLED, UNSENT
from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.fingerprints import COMPANY, Comparison, Fingerprints, Tally, add_tallies, of_lines

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.settling import ChunkContent, SendingChunk, SettledChunk
    from analytex_pandas.settings import Kind

logger = logging.getLogger("analytex_pandas")

TRIES: Final = 5
"""How often what others change meanwhile is read again."""


@dataclass(frozen=True)
class Recall:
    """What an account has acknowledged of one kind, as it stood when it was read.

    Attributes
    ----------
    account : str
        The account's digest.
    revision : int
        Grows with whatever is sent or acknowledged.
    salt : bytes
        What the digests are made with.
    types : dict of str to str
        The JSON type that each property was last acknowledged with.
    layers : sequence of Layer
        What is known of each id, the newest last.
    """

    account: str
    revision: int
    salt: bytes
    types: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[Layer] = ()

    def compare(self, found: Fingerprints) -> Comparison:
        """Tell which records differ from what is remembered."""
        return compare(self.layers, found)


def recall(journal: Journal, account: str, kind: Kind, *, types_only: bool = False) -> Recall:
    """Return what an account has acknowledged of a kind."""
    salt = journal.salt()
    if types_only:
        with journal.reading() as connection:
            return Recall(
                account,
                revision_of(connection, account, kind),
                salt,
                types_of(connection, account, kind),
            )
    with contextlib.suppress(OSError):  # a full disk is no reason not to compare
        bases.compact(journal, account, kind)
    lost = ""
    for _ in range(TRIES):
        with journal.reading() as connection:
            revision = revision_of(connection, account, kind)
            types = types_of(connection, account, kind)
            base = bases.base_of(connection, account, kind)
            blobs = bases.waiting(connection, account, kind)
            open_chunks = unanswered(connection, account, kind)
            coming = unsent(connection, account, kind)
        if base and not bases.has_base(journal, base) and base != lost:
            lost = base  # laid into another since the journal was read, or else taken away
            continue
        try:
            # A file that is gone was answered for, or laid into another base, since the journal was read.
            layers = [bases.read_base(journal, base)] if base and base != lost else []
            fresh = [from_bytes(blob) for _, blob in blobs]
            driven = {push for push in {push for push, _ in coming} if is_driven(journal, push)}
            coming = [chunk for chunk in coming if chunk[0] in driven]
            fresh += [doubt(journal, chunk, kind, salt) for chunk in (*open_chunks, *coming)]
        except FileNotFoundError:
            continue
        if base and base == lost:
            logger.warning(
                "%s is gone: what it remembered counts as changed", journal.directory / bases.FOLDER / base
            )
        return Recall(account, revision, salt, types, [*layers, *([merged(fresh)] if fresh else [])])
    logger.warning("what was acknowledged cannot be read whole, so everything counts as changed")
    return Recall(account, revision, salt, types)


def compared_lines(chunks: Iterable[bytes], known: Recall, kind: Kind) -> dict[str, Tally]:
    """Return what of the records of some chunks differs from what is remembered, property by property."""
    tallies: dict[str, Tally] = {}
    for chunk in chunks:
        found, _ = of_lines(chunk.split(b"\n")[:-1], kind, known.salt)
        add_tallies(tallies, known.compare(found).tallies)
    return tallies


def doubt(journal: Journal, chunk: tuple[str, int], kind: Kind, salt: bytes) -> Layer:
    """Return the doubt that a chunk without an answer casts on the cells it holds."""
    push_id, number = chunk
    lines = Spool(journal.directory / "spool" / push_id).lines(number)
    found, _ = of_lines(lines, kind, salt)
    return layer_of(found, doubtful=range(len(found.ids)))


def keep_doubt(connection: sqlite3.Connection, left: Mapping[tuple[str, Kind], Layer | None]) -> None:
    """Write down the doubt that a push leaves behind; where it is not known what it sent, all is in doubt."""
    for (account, kind), layer in left.items():
        moved(connection, account, kind)
        if layer is None:
            erased(connection, account, kind)
        else:
            remembered(connection, account, kind, layer, {})


class Remembrance:
    """Writes down what accounts acknowledge; an ``Observer`` of pushes."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._salt = b""
        self._ready: tuple[tuple[str, int], Layered] | None = None

    def sending(self, connection: sqlite3.Connection, chunk: SendingChunk, /) -> None:
        """Note that what is remembered of the account is in motion, and what was remembered before the chunk."""
        moved(connection, chunk.account, chunk.kind)
        connection.execute(
            "UPDATE chunk SET mark = (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'layer') "
            "WHERE push = ? AND number = ?",
            [chunk.push_id, chunk.number],
        )

    def accepted(self, chunk: SendingChunk, /) -> None:
        """Do, while the chunk's job runs, what would keep the next chunk waiting once it has ended."""
        with contextlib.suppress(AnalytexError):  # said when the chunk is answered for
            self._ready = (
                (chunk.push_id, chunk.number),
                Layered.of(chunk.content, chunk.kind, self.salt),
            )
        try:
            bases.compact(self.journal, chunk.account, chunk.kind)
        except OSError as error:
            logger.warning("what was acknowledged could not be laid together: %s", error)

    @property
    def salt(self) -> bytes:
        """The secret that digests are made with."""
        self._salt = self._salt or self.journal.salt()
        return self._salt

    def settled(self, connection: sqlite3.Connection, chunk: SettledChunk, /) -> None:
        """Remember what the account has acknowledged, and doubt what nobody knows."""
        moved(connection, chunk.account, chunk.kind)
        try:
            ready = self._layered(connection, chunk)
        except AnalytexError as error:
            # Which ids it held is not known, so nothing that is remembered can be trusted.
            logger.warning("everything counts as changed from now on: %s", error)
            erased(connection, chunk.account, chunk.kind)
            return
        layer = ready.layer(chunk.verdict.refused, chunk.verdict.doubtful)
        layer = unsettled(connection, chunk, layer)
        remembered(connection, chunk.account, chunk.kind, layer, ready.found.types)

    def _layered(self, connection: sqlite3.Connection, chunk: SettledChunk) -> Layered:
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] == (chunk.push_id, chunk.number):
            return ready[1]
        # The journal's own salt() would wait for the transaction that this runs in.
        (salt,) = connection.execute("SELECT value FROM setting WHERE name = 'salt'").fetchone()
        return Layered.of(chunk.content, chunk.kind, bytes(salt))


@dataclass(frozen=True)
class Layered:
    """The digests of a chunk, and which of its lines they belong to."""

    found: Fingerprints
    held: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, content: ChunkContent, kind: Kind, salt: bytes) -> Layered:
        """Return the digests of a chunk's lines."""
        return cls(*of_lines(content.lines, kind, salt))

    def layer(self, refused: Sequence[int], doubtful: Sequence[int]) -> Layer:
        """Return what the chunk leaves behind when these lines were refused, and those are doubtful."""
        place = np.cumsum(self.held) - 1
        return layer_of(
            self.found,
            [int(place[line]) for line in refused if self.held[line]],
            [int(place[line]) for line in doubtful if self.held[line]],
        )


def unsettled(connection: sqlite3.Connection, chunk: SettledChunk, layer: Layer) -> Layer:
    """Return what a chunk leaves behind, with doubt where others were answered for since it was sent.

    The answer to a chunk may be read long after it was given, by another process. Which of the two the service took
    last is then not known from the order of the answers, nor, while uploads take their time, from that of sending.
    """
    mark, laid = connection.execute(
        "SELECT coalesce(chunk.mark, 0), memory.laid FROM chunk, memory WHERE chunk.push = ? AND chunk.number = ? "
        "AND memory.account = ? AND memory.kind = ?",
        [chunk.push_id, chunk.number, chunk.account, chunk.kind],
    ).fetchone()
    if laid > mark:
        return all_doubted(layer)  # what the others said cannot be told apart any more
    since = [blob for number, blob in bases.waiting(connection, chunk.account, chunk.kind, after=mark)]
    return contested(layer, merged([from_bytes(blob) for blob in since])) if since else layer


def remembered(
    connection: sqlite3.Connection, account: str, kind: Kind, layer: Layer, types: Mapping[str, str]
) -> None:
    """Write a layer down, and the types of the properties in it."""
    if not len(layer.ids):
        return
    blob = to_bytes(layer)
    connection.execute(
        "INSERT INTO layer (account, kind, bytes, digests) VALUES (?, ?, ?, ?)",
        [account, kind, len(blob), blob],
    )
    there = {name for name, cells in layer.cells.items() if (cells > 1).any()}  # more than absent or doubtful
    connection.executemany(
        "INSERT INTO property VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET json_type = excluded.json_type",
        (
            (account, kind, name, json_type)
            for name, json_type in types.items()
            if name in there and name != COMPANY
        ),
    )


def moved(connection: sqlite3.Connection, account: str, kind: Kind) -> None:
    """Note that something was sent or acknowledged."""
    connection.execute(
        "INSERT INTO memory (account, kind, revision) VALUES (?, ?, 1) "
        "ON CONFLICT DO UPDATE SET revision = revision + 1",
        [account, kind],
    )


def revision_of(connection: sqlite3.Connection, account: str, kind: Kind) -> int:
    """Return a number that grows with whatever is sent or acknowledged."""
    row = connection.execute(
        "SELECT revision FROM memory WHERE account = ? AND kind = ?", [account, kind]
    ).fetchone()
    return 0 if row is None else int(row[0])


def types_of(connection: sqlite3.Connection, account: str, kind: Kind) -> dict[str, str]:
    """Return the JSON type that each property was last acknowledged with."""
    rows = connection.execute(
        "SELECT name, json_type FROM property WHERE account = ? AND kind = ?", [account, kind]
    )
    return dict(rows.fetchall())


def unanswered(connection: sqlite3.Connection, account: str, kind: Kind) -> list[tuple[str, int]]:
    """Return the chunks that may be at the service and are not answered for."""
    closed = json.dumps(sorted(SETTLED | UNSENT))
    return connection.execute(
        "SELECT chunk.push, chunk.number FROM chunk JOIN push ON push.id = chunk.push "
        "WHERE push.account = ? AND push.kind = ? "
        "AND chunk.status NOT IN (SELECT value FROM json_each(?)) ORDER BY chunk.submitted_at",
        [account, kind, closed],
    ).fetchall()


def unsent(connection: sqlite3.Connection, account: str, kind: Kind) -> list[tuple[str, int]]:
    """Return the chunks, of pushes that have not ended, that are still to be sent."""
    return connection.execute(
        "SELECT chunk.push, chunk.number FROM chunk JOIN push ON push.id = chunk.push "
        "WHERE push.account = ? AND push.kind = ? AND push.ended_at IS NULL "
        "AND chunk.status IN (SELECT value FROM json_each(?))",
        [account, kind, json.dumps(sorted(UNSENT))],
    ).fetchall()


def is_driven(journal: Journal, push_id: str) -> bool:
    """Tell whether somebody is about to send the rest of a push."""
    return not is_free(driver_lock(journal.directory, push_id))


def erased(connection: sqlite3.Connection, account: str, kind: Kind) -> None:
    """Forget what an account has acknowledged of a kind; the files of its base go with the next sweep."""
    connection.execute(
        "UPDATE memory SET base = NULL, revision = revision + 1, laid = max(laid, (SELECT coalesce(max(number), 0) "
        "FROM layer WHERE layer.account = memory.account AND layer.kind = memory.kind)) "
        "WHERE account = ? AND kind = ?",
        [account, kind],
    )
    for table in ("layer", "property"):
        connection.execute(f"DELETE FROM {table} WHERE account = ? AND kind = ?", [account, kind])  # noqa: S608  # names


def forget(journal: Journal, account: str, kinds: Sequence[Kind]) -> None:
    """Forget what an account has acknowledged, and delete the files of it."""
    if not journal.exists():
        return
    with journal.writing() as connection:
        for kind in kinds:
            erased(connection, account, kind)
    bases.swept(journal)


def doubted(journal: Journal, push_id: str) -> Mapping[tuple[str, Kind], Layer | None]:
    """Return the doubt that a push leaves behind if it is removed without having been answered for.

    None stands for a chunk whose files are gone, so that nobody can tell which cells it held.
    """
    with journal.reading() as connection:
        account, kind = connection.execute(
            "SELECT account, kind FROM push WHERE id = ?", [push_id]
        ).fetchone()
        chunks = [chunk for chunk in unanswered(connection, account, kind) if chunk[0] == push_id]
    if not chunks:
        return {}
    salt = journal.salt()
    try:
        return {(account, kind): merged([doubt(journal, chunk, kind, salt) for chunk in chunks])}
    except FileNotFoundError:
        return {(account, kind): None}
