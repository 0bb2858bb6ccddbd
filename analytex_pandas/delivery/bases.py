"""The older part of what accounts have acknowledged: files of sorted digests, mapped rather than read.

The journal names the base that counts, so that a kill at any moment leaves the old one, and files to sweep.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

import numpy as np

from analytex_pandas.delivery.spool import private, sync
from analytex_pandas.frame.fingerprints import Layer
from analytex_pandas.frame.memory import distinct, overlaid
from analytex_pandas.settings import private_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.frame.hashing import Hashes

FOLDER: Final = "memory"
NAMES: Final = "names.json"


def write_base(journal: Journal, layers: Sequence[Layer]) -> str:
    """Write layers as one base, a file a column, so that one column at a time is in memory; return its folder."""
    name = secrets.token_hex(8)
    folder = private_directory(private_directory(journal.directory / FOLDER) / name)
    ids = distinct([layer.ids for layer in layers])
    names = list(dict.fromkeys(name for layer in layers for name in layer.cells))
    places = [np.searchsorted(ids, layer.ids) for layer in layers]
    write_array(folder / "ids.npy", ids)
    write_array(folder / "exists.npy", overlaid([layer.exists for layer in layers], places, len(ids)))
    for number, column in enumerate(names):
        cells = [layer.cells.get(column) for layer in layers]
        write_array(folder / f"{number}.npy", overlaid(cells, places, len(ids)))
    with open(folder / NAMES, "w", opener=private, encoding="utf-8") as file:  # needs an opener
        json.dump(names, file)
        file.flush()
        os.fsync(file.fileno())
    for directory in (folder, folder.parent, journal.directory):
        sync(directory)  # else a power cut may take its names
    return name


def write_array(path: Path, values: Hashes) -> None:
    with open(path, "wb", opener=private) as file:  # needs an opener
        np.save(file, values, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def has_base(journal: Journal, name: str) -> bool:
    return (journal.directory / FOLDER / name / NAMES).exists()


def read_base(journal: Journal, name: str) -> Layer:
    """Return a base, its columns mapped from their files."""
    folder = journal.directory / FOLDER / name
    names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
    cells = {column: read_array(folder / f"{number}.npy") for number, column in enumerate(names)}
    return Layer(read_array(folder / "ids.npy"), read_array(folder / "exists.npy"), cells)


def read_array(path: Path) -> Hashes:
    """Return an array of a file, mapped; a plain view, since ``memmap`` makes every slice a slow one."""
    mapped: Hashes = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    return mapped


def base_bytes(journal: Journal, name: str | None) -> int:
    folder = journal.directory / FOLDER / (name or "")
    return sum(path.stat().st_size for path in folder.glob("*.npy")) if name else 0


def sweep(journal: Journal) -> None:
    """Delete the bases that the journal does not name; the lock is held."""
    with journal.reading() as connection:
        named = {name for (name,) in connection.execute("SELECT base FROM memory WHERE base IS NOT NULL")}
    folder = journal.directory / FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in named:
            shutil.rmtree(path, ignore_errors=True)
