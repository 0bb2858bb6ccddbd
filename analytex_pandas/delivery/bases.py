"""The older part of what accounts have acknowledged: files of sorted digests, mapped rather than read.

The journal names the base that counts, so that a kill at any moment leaves the old one, and files to sweep.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from analytex_pandas.delivery.files import children, folder, remove, sync, write
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.frame.fingerprints import Layer
from analytex_pandas.frame.hashing import Hashes
from analytex_pandas.frame.memory import distinct, overlaid

FOLDER: Final = "memory"
NAMES: Final = "names.json"
BASE: Final = re.compile(r"[0-9a-f]{16}")
OURS: Final = re.compile(rf"[0-9]+|ids|exists|{re.escape(NAMES)}")


def write_base(journal: Journal, layers: Sequence[Layer]) -> str:
    """Write layers as one base, a file a column, so that one column at a time is in memory; return its folder."""
    name = secrets.token_hex(8)
    place = folder(journal.directory, FOLDER) / name
    place.mkdir(mode=0o700)
    ids = distinct([layer.ids for layer in layers])
    names = list(dict.fromkeys(name for layer in layers for name in layer.cells))
    places = [np.searchsorted(ids, layer.ids) for layer in layers]
    write_array(place / "ids", ids)
    write_array(place / "exists", overlaid([layer.exists for layer in layers], places, len(ids)))
    for number, column in enumerate(names):
        cells = [layer.cells.get(column) for layer in layers]
        write_array(place / f"{number}", overlaid(cells, places, len(ids)))
    write(place / NAMES, json.dumps({"rows": len(ids), "names": names}).encode())
    for path in (*place.iterdir(), place, place.parent, journal.directory):
        sync(path)  # else a power cut may take content or names
    return name


def write_array(path: Path, values: Hashes) -> None:
    write(path, values.astype("<u8", copy=False).data)


def read_base(journal: Journal, name: str) -> Layer | None:
    """Return a base, its columns mapped from their files; None if it is not there any more, or damaged."""
    place = folder(journal.directory, FOLDER) / name
    try:
        told = json.loads((place / NAMES).read_text(encoding="utf-8"))
        rows, names = told["rows"], told["names"]
        ids, exists, *cells = (
            read_array(place / file, rows) for file in ("ids", "exists", *map(str, range(len(names))))
        )
        return Layer(ids, exists, dict(zip(names, cells, strict=True)))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_array(path: Path, rows: int) -> Hashes:
    """Return an array of a file, mapped; a plain view, since ``memmap`` makes every slice a slow one."""
    if path.stat().st_size != rows * 8:
        raise ValueError(path)
    mapped: Hashes = np.asarray(np.memmap(path, "<u8", "r")) if rows else np.zeros(0, np.uint64)
    return mapped


def base_bytes(journal: Journal, name: str | None) -> int:
    place = journal.directory / FOLDER / (name or "")
    return sum(path.stat().st_size for path in place.glob("*")) if name else 0


def sweep(journal: Journal) -> None:
    """Delete the bases that the journal does not name; the lock is held."""
    with journal.reading() as connection:
        named = {name for (name,) in connection.execute("SELECT base FROM memory WHERE base IS NOT NULL")}
    for place in children(journal.directory / FOLDER, BASE):
        if place.name not in named:
            remove(place, OURS)
