"""Every row of a push's input on disk: its id, its label, what the plan made of it. ``Push.outcomes`` rests on it.

A file is compressed Arrow, some rows at a time, each with the schema that its labels need; behind them the mark of
each row (see ``frame.duplicates``) and a checksum. It is written beside the chunks and, when those are gone, kept in a
folder of its own for as long as the push is remembered.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64, xxh3_64_digest

from analytex_pandas.delivery.blobs import to_ipc
from analytex_pandas.delivery.files import checked_id, folder, private, read, unwritable
from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.labels import POSITION, concat_rows
from analytex_pandas.settings import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from analytex_pandas.frame.duplicates import Marks

INPUT: Final = "input.arrow"
KEPT_IN: Final = "outcomes"
"""The folder of a state directory that has the inputs of pushes of which nothing is spooled any more."""
ROWS_AT_ONCE: Final = 65_536
ID: Final = "id"
MARK: Final = "mark"
CHECKSUM_BYTES: Final = 8


class InputFile:
    """The file as it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[tuple[pa.Table, pa.Array]] = []
        self._rows = 0
        self._checksum = xxh3_64()

    def add(self, rows: pa.Table, ids: pa.Array) -> None:
        """Add rows of the input, as a rows table (see ``frame.labels``), and their ids."""
        self._waiting.append((rows, ids))
        if sum(len(ids) for _, ids in self._waiting) >= ROWS_AT_ONCE:
            self._write_waiting()

    def end(self, marks: Marks) -> None:
        """Add what the plan has made of each of the rows, and the checksum of it all."""
        if not len(marks):
            return
        self._write_waiting()
        self._write(to_ipc(pa.table({MARK: marks})))
        self._write(self._checksum.digest())

    def drop(self) -> None:
        """Forget what was added, to begin anew."""
        self.path.unlink(missing_ok=True)
        self._waiting, self._rows, self._checksum = [], 0, xxh3_64()

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        rows = concat_rows([rows for rows, _ in self._waiting])
        ids = pa.chunked_array([ids for _, ids in self._waiting])
        first, self._waiting = self._rows, []
        self._rows += len(rows)
        if np.array_equal(rows[POSITION].to_numpy(), np.arange(first, self._rows)):
            rows = rows.drop_columns([POSITION])  # those of a plan are in order; those of a retry have gaps
        self._write(to_ipc(rows.append_column(ID, ids)))

    def _write(self, content: bytes) -> None:
        self._checksum.update(content)
        try:
            private_directory(self.path.parent)
            with open(self.path, "ab", opener=private) as file:  # needs an opener
                file.write(content)
        except OSError as error:
            raise unwritable("What is known of the input", self.path.parent, error) from error


def put_away(spool_directory: Path, state_directory: Path) -> None:
    """Take the input of a push out of its spool, which is about to be deleted."""
    if (spool_directory / INPUT).exists():
        (spool_directory / INPUT).replace(folder(state_directory, KEPT_IN) / f"{spool_directory.name}.arrow")


def kept_path(state_directory: Path, push_id: str) -> Path:
    return state_directory / KEPT_IN / f"{checked_id(push_id)}.arrow"


def read_input(state_directory: Path, push_id: str) -> tuple[pa.Table, pa.ChunkedArray, Marks]:
    """Return the rows of a push's input, their ids, and their marks.

    Raises
    ------
    AnalytexError
        If the file is gone or not as it was written.
    """
    spooled = state_directory / "spool" / checked_id(push_id) / INPUT
    path = spooled if spooled.exists() else kept_path(state_directory, push_id)
    if not path.exists():
        raise AnalytexError(
            f"What the input of push {push_id} was is not known here: {path} is gone, or the push was made by a "
            "version that did not keep it. push.counts, push.errors and push.failed tell what became of it."
        )
    content = read(path)
    body = content[:-CHECKSUM_BYTES]
    if xxh3_64_digest(body) != content[-CHECKSUM_BYTES:]:
        raise AnalytexError(
            f"{path} is not as it was written. push.counts, push.errors and push.failed do without it."
        )
    *parts, marks = tables_of(body)
    counts = np.cumsum([0, *map(len, parts)])
    rows = concat_rows([with_positions(part, int(first)) for part, first in zip(parts, counts, strict=False)])
    ids = pa.chunked_array([chunk for part in parts for chunk in part[ID].chunks])
    return rows, ids, marks[MARK].to_numpy()


def tables_of(content: bytes) -> Iterator[pa.Table]:
    stream = io.BytesIO(content)
    while stream.tell() < len(content):
        yield pa.ipc.open_stream(stream).read_all()


def with_positions(part: pa.Table, first: int) -> pa.Table:
    """Return a part of the input as a rows table."""
    rows = part.drop_columns([ID])
    if POSITION in rows.column_names:
        return rows
    positions: Any = pa.array(np.arange(first, first + len(part), dtype=np.int64))
    return rows.add_column(0, pa.field(POSITION, pa.int64()), positions)
