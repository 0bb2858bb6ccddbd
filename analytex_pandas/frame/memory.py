"""What an account has acknowledged, as arrays: layers of digests, the newer over the older. Pure.

A remembered layer has its rows sorted by the hash of the id, each id once. A cell is the digest of a value, which is
odd; or an even number, twice the revision since which nobody knows the value; or ``ABSENT``: then the layer below shows
through.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analytex_pandas.frame.arrow_types import ipc_bytes
from analytex_pandas.frame.columns import Mask
from analytex_pandas.frame.fingerprints import ABSENT, ODD, Comparison, Layer, Tally
from analytex_pandas.frame.hashing import Hashes

ACKNOWLEDGED: Final = 0
REFUSED: Final = 1
UNKNOWN: Final = 2
OPEN: Final = 2**62
"""Later than every revision."""
IDS: Final = "ids"
EXISTS: Final = "exists"
CELL: Final = "cell "
"""What the name of a property follows in the columns of a stored layer."""


@dataclass(frozen=True)
class Memory:
    """What an account has acknowledged of one kind, at a revision that grows with whatever is sent or acknowledged.

    `types` are the JSON types that properties were last acknowledged with; of `layers` the newest is the last.
    """

    account: str
    revision: int
    salt: bytes
    types: Mapping[str, str] = field(default_factory=dict)
    layers: Sequence[Layer] = ()

    def compare(self, found: Layer) -> Comparison:
        """Tell which records differ from what is remembered."""
        return compare(self.layers, found)


@dataclass(frozen=True)
class Sent:
    """The digests of a chunk that was sent, a row a line.

    Attributes
    ----------
    sent, answered : int
        The revisions of the memory between which the account may have taken it; ``OPEN`` while nobody has answered.
    rows : Layer
        What it says of each id; not sorted.
    fates : array of uint8
        What became of each row: ``ACKNOWLEDGED``, ``REFUSED`` or ``UNKNOWN``.
    """

    sent: int
    answered: int
    rows: Layer
    fates: np.ndarray[Any, np.dtype[np.uint8]]

    def touched(self) -> Layer:
        """Return the rows that the account may have taken."""
        return self.rows.only(self.fates != REFUSED)


def overlay(chunks: Sequence[Sent], base: Layer, folded: int, *, answered_only: bool = False) -> Layer:
    """Return what chunks that were sent say of their ids, over a base that holds what was answered up to `folded`.

    A cell is known where one chunk gave it and the account took that. Whatever else touched it in the meantime,
    nobody knows which came last: then it is doubtful, as where the row is unknown, or not answered yet.
    """
    layers = []

    @functools.cache
    def sorted_rows(place: int) -> Layer:
        return merged([chunks[place].touched()])

    for chunk in sorted(chunks, key=lambda chunk: chunk.answered):
        if answered_only and chunk.answered == OPEN:
            continue
        others = [
            sorted_rows(place)
            for place, other in enumerate(chunks)
            if other is not chunk and other.sent < chunk.answered and chunk.sent < other.answered
        ]
        over = [base] if chunk.sent < folded else []
        rows = chunk.touched()
        acknowledged = chunk.fates[chunk.fates != REFUSED] == ACKNOWLEDGED
        hits = [(layer, *layer.find(rows.ids)) for layer in (*others, *over)]
        cells = {}
        for name, digests in rows.cells.items():
            known = acknowledged.copy()
            for layer, places, there in hits:
                theirs = layer.cells.get(name)
                if theirs is not None and len(theirs):
                    said = np.where(there, theirs[places], ABSENT)
                    known &= ~(doubted_since(said, chunk.sent) if layer is base else said != ABSENT)
            shown = np.where(known, digests, np.uint64(chunk.answered << 1))
            cells[name] = np.where(digests != ABSENT, shown, ABSENT)
        layers.append(Layer(rows.ids, np.where(acknowledged, rows.exists, ABSENT), cells))
    return merged(layers)


def doubted_since(cells: Hashes, revision: int) -> Mask:
    """Tell which cells became doubtful after a revision."""
    found: Mask = (cells != ABSENT) & ((cells & ODD) == 0) & ((cells >> ODD) > revision)
    return found


def merged(layers: Sequence[Layer]) -> Layer:
    """Return layers as one; the last is the newest. Rows of one layer need not be sorted, later ones count."""
    ids = distinct([layer.ids for layer in layers])
    places = [np.searchsorted(ids, layer.ids) for layer in layers]
    names = dict.fromkeys(name for layer in layers for name in layer.cells)
    exists = overlaid([layer.exists for layer in layers], places, len(ids))
    cells = {name: overlaid([layer.cells.get(name) for layer in layers], places, len(ids)) for name in names}
    return Layer(ids, exists, cells)


def distinct(ids: Sequence[Hashes]) -> Hashes:
    """Return the ids of several arrays, sorted, each once; in less room than ``np.unique`` takes."""
    whole = np.concatenate([np.zeros(0, np.uint64), *ids])
    whole.sort()
    first = np.ones(len(whole), bool)
    np.not_equal(whole[1:], whole[:-1], out=first[1:])
    found: Hashes = whole[first]
    return found


def overlaid(
    columns: Sequence[Hashes | None],
    places: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]],
    length: int,
) -> Hashes:
    """Return columns laid over one another, each at its places; the last is on top."""
    found = np.zeros(length, np.uint64)
    for column, at in zip(columns, places, strict=True):
        if column is not None:
            there = column != ABSENT
            found[at[there]] = column[there]
    return found


def compare(layers: Sequence[Layer], found: Layer) -> Comparison:
    """Tell which records differ from what the layers, the last of them the newest, know of their ids."""
    order = np.argsort(found.ids, kind="stable")  # neighbours are looked for together: few pages of the disk
    ids = found.ids[order]
    hits = [(layer, *layer.find(ids)) for layer in layers]

    def remembered(column: str | None) -> Hashes:
        seen = np.zeros(len(ids), np.uint64)
        for layer, places, there in hits:
            values = layer.exists if column is None else layer.cells.get(column)
            if values is not None and len(values):
                here = np.where(there, values[places], ABSENT)
                seen = np.where(here != ABSENT, here, seen)
        return seen

    known = remembered(None) == found.exists[order]
    same = known.copy()
    tallies = {}
    for name, cells in found.cells.items():
        digests = cells[order]
        sent = digests != ABSENT
        equal = known & (remembered(name) == digests)
        same &= equal | ~sent
        new = int(np.count_nonzero(sent & ~known))
        unchanged = int(np.count_nonzero(sent & equal))
        tallies[name] = Tally(new, int(np.count_nonzero(sent)) - new - unchanged, unchanged)
    unchanged_rows = np.empty(len(ids), bool)
    unchanged_rows[order] = same
    return Comparison(unchanged_rows, tallies)


def to_bytes(layer: Layer) -> bytes:
    """Return a layer as bytes, for the journal."""
    cells = {CELL + name: cells for name, cells in layer.cells.items()}
    columns = {IDS: layer.ids, EXISTS: layer.exists} | cells
    return ipc_bytes(pa.table({name: pa.array(values) for name, values in columns.items()}))


def from_bytes(blob: bytes) -> Layer:
    """Return the layer that ``to_bytes`` was given."""
    with pa.ipc.open_stream(blob) as reader:
        table = reader.read_all()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    cells = {name.removeprefix(CELL): values for name, values in columns.items() if name.startswith(CELL)}
    return Layer(columns[IDS], columns[EXISTS], cells)
