"""The older part of what accounts have acknowledged: files of sorted digests, mapped rather than read.

Layers wait in the journal until there are many of them; then they are laid, with the base that there is, into a new
one.
The journal names the base that counts, so that a kill at any moment leaves the old one, and files to sweep.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

import numpy as np

from analytex_pandas.delivery.layers import Layer, distinct, from_bytes, merged, overlaid
from analytex_pandas.delivery.locks import acquired, driver_lock, drop
from analytex_pandas.delivery.spool import private, sync
from analytex_pandas.settings import private_directory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.frame.hashing import Hashes
    from analytex_pandas.settings import Kind

MAX_LAYERS: Final = 400
"""Layers that wait in the journal at most."""
MAX_LAYER_BYTES: Final = 32 * 1024 * 1024
"""Bytes of layers that wait in the journal at most, while the base is small."""
BASE_SHARE: Final = 8
"""A base is written anew when a part of it as large as this waits in the journal."""
FOLDER: Final = "memory"
LOCK: Final = "memory"
NAMES: Final = "names.json"


def base_of(connection: sqlite3.Connection, account: str, kind: Kind) -> str | None:
    """Return the folder of the base, if there is one."""
    row = connection.execute(
        "SELECT base FROM memory WHERE account = ? AND kind = ?", [account, kind]
    ).fetchone()
    return None if row is None else row[0]


def waiting(
    connection: sqlite3.Connection, account: str, kind: Kind, *, after: int = 0
) -> list[tuple[int, bytes]]:
    """Return the layers that wait to be laid into the base, the newest last, each with its number."""
    return connection.execute(
        "SELECT number, digests FROM layer WHERE account = ? AND kind = ? AND number > ? ORDER BY number",
        [account, kind, after],
    ).fetchall()


def compact(journal: Journal, account: str, kind: Kind) -> None:
    """Lay the layers that wait into the base, if there are many of them and nobody else does."""
    with journal.reading() as connection:
        count, size = connection.execute(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM layer WHERE account = ? AND kind = ?",
            [account, kind],
        ).fetchone()
        base = base_of(connection, account, kind)
    if count <= MAX_LAYERS and size <= max(MAX_LAYER_BYTES, base_bytes(journal, base) // BASE_SHARE):
        return
    lock = driver_lock(journal.directory, LOCK)
    if not acquired(lock, 0.0):
        return
    try:
        lay_together(journal, account, kind)
        sweep(journal)
    finally:
        drop(lock)


def lay_together(journal: Journal, account: str, kind: Kind) -> None:
    """Write base and layers as a new base; the lock is held."""
    with journal.reading() as connection:
        base = base_of(connection, account, kind)
        blobs = waiting(connection, account, kind)
    # Only whoever holds the lock replaces a base, so one that is not there was taken away by hand.
    layers = [read_base(journal, base)] if base and has_base(journal, base) else []
    numbers = json.dumps([number for number, _ in blobs])
    written = write_base(journal, [*layers, merged([from_bytes(blob) for _, blob in blobs])])
    with journal.writing() as connection:
        (there,) = connection.execute(
            "SELECT count(*) FROM layer WHERE number IN (SELECT value FROM json_each(?))", [numbers]
        ).fetchone()
        if there != len(blobs) or base_of(connection, account, kind) != base:
            return  # forgotten meanwhile
        connection.execute(
            "UPDATE memory SET base = ?, laid = max(laid, ?) WHERE account = ? AND kind = ?",
            [written, max((number for number, _ in blobs), default=0), account, kind],
        )
        connection.execute("DELETE FROM layer WHERE number IN (SELECT value FROM json_each(?))", [numbers])


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
    """Write an array to the disk."""
    with open(path, "wb", opener=private) as file:  # needs an opener
        np.save(file, values, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def has_base(journal: Journal, name: str) -> bool:
    """Tell whether the files of a base are there."""
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
    """Return how many bytes a base takes."""
    folder = journal.directory / FOLDER / (name or "")
    return sum(path.stat().st_size for path in folder.glob("*.npy")) if name else 0


def swept(journal: Journal) -> None:
    """Delete the bases that the journal does not name, unless somebody writes one just now."""
    lock = driver_lock(journal.directory, LOCK)
    if acquired(lock):
        try:
            sweep(journal)
        finally:
            drop(lock)


def sweep(journal: Journal) -> None:
    """Delete the bases that the journal does not name; the lock is held."""
    with journal.reading() as connection:
        named = {name for (name,) in connection.execute("SELECT base FROM memory WHERE base IS NOT NULL")}
    folder = journal.directory / FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in named:
            shutil.rmtree(path, ignore_errors=True)
