"""What an account has acknowledged, as arrays: layers of digests, the newer over the older. Pure.

A layer has one row an id, sorted by the id's hash. A cell is a digest, ``DOUBT``, or ``ABSENT``: then the layer below
shows through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from analytex_pandas.frame.fingerprints import ABSENT, DOUBT, Comparison, Fingerprints, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytex_pandas.frame.columns import Mask
    from analytex_pandas.frame.hashing import Hashes

IDS: Final = "ids"
EXISTS: Final = "exists"
CELL: Final = "cell "
"""What the name of a property follows in the columns of a stored layer."""


@dataclass(frozen=True)
class Layer:
    """Digests by id; ``ids`` is sorted and each is there once."""

    ids: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    exists: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    cells: Mapping[str, Hashes] = field(default_factory=dict)

    def find(self, ids: Hashes) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Mask]:
        """Return where each id stands, and which of them do."""
        places = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        there = self.ids[places] == ids if len(self.ids) else np.zeros(len(ids), bool)
        return places, there


def layer_of(found: Fingerprints, refused: Sequence[int] = (), doubtful: Sequence[int] = ()) -> Layer:
    """Return what records leave behind: those refused nothing, those that are doubtful doubt.

    Doubt lies on the cells that were sent: what else is known of the id, and that it exists, stays as it was.
    """
    kept = np.ones(len(found.ids), bool)
    kept[list(refused)] = False
    doubt = np.zeros(len(found.ids), bool)
    doubt[list(doubtful)] = True
    exists = np.where(doubt, ABSENT, found.exists)[kept]
    cells = {name: doubt_where(values, doubt)[kept] for name, values in found.cells.items()}
    return merged([Layer(found.ids[kept], exists, cells)])


def doubted(layer: Layer) -> Layer:
    """Return a layer with doubt on all of its cells; its profiles exist as they did."""
    return Layer(
        layer.ids, layer.exists, {name: doubt_where(cells, True) for name, cells in layer.cells.items()}
    )


def contested(layer: Layer, others: Layer) -> Layer:
    """Return a layer with doubt on the cells of which others, given to the service about then, say otherwise."""
    places, there = others.find(layer.ids)

    def settled(name: str, cells: Hashes) -> Hashes:
        theirs = others.cells.get(name)
        if theirs is None or not len(theirs):
            return cells
        said = np.where(there, theirs[places], ABSENT)
        return doubt_where(cells, (said != ABSENT) & (said != cells))

    return Layer(layer.ids, layer.exists, {name: settled(name, cells) for name, cells in layer.cells.items()})


def doubt_where(cells: Hashes, mask: Mask | bool) -> Hashes:
    """Return cells with doubt in place of some values; what is absent stays so."""
    found: Hashes = np.where((cells != ABSENT) & mask, DOUBT, cells)
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


def compare(layers: Sequence[Layer], found: Fingerprints) -> Comparison:
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
    columns = {IDS: layer.ids, EXISTS: layer.exists} | {
        CELL + name: cells for name, cells in layer.cells.items()
    }
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def from_bytes(blob: bytes) -> Layer:
    """Return the layer that ``to_bytes`` was given."""
    with pa.ipc.open_stream(blob) as reader:
        table = reader.read_all()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    cells = {name.removeprefix(CELL): values for name, values in columns.items() if name.startswith(CELL)}
    return Layer(columns[IDS], columns[EXISTS], cells)
