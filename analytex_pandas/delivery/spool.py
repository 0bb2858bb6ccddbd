"""Chunk files of one push on disk: written by its plan, sent by its push, deleted when answered for.

A chunk is a file ``00001.ndjson``, the records as they go over the wire. Where its lines came from (see
``frame.labels``) stands in ``runs``, a few bytes a chunk, as long as no row between was left out and the labels follow
from the positions, else in ``00001.rows.arrow``. They are personal data: private to the user and short-lived.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa

from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.columns import RangeLabels
from analytex_pandas.frame.labels import Run, run_of
from analytex_pandas.settings import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

ROOM_TO_SPARE = 64 * 1024 * 1024
"""Bytes that a spool leaves free on its disk, for the journal and everybody else."""


RUN = np.dtype([(name, "<i8") for name in ("chunk", "first", "count", "start", "step")])
"""An entry of the file of runs."""


class Spool:
    """The chunk files of one plan or push; their directory is made, for this user only, with the first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._spilled: BinaryIO | None = None
        self._runs: dict[int, Run] = {}  # written by sync(): before that nobody else reads them

    def __repr__(self) -> str:
        return f"Spool({str(self.directory)!r})"

    def chunk_path(self, number: int) -> Path:
        return self.directory / f"{number:05d}.ndjson"

    def rows_path(self, number: int) -> Path:
        """Return the path of the file that tells where a chunk's lines came from, if they are no run."""
        return self.directory / f"{number:05d}.rows.arrow"

    @property
    def runs_path(self) -> Path:
        return self.directory / "runs"

    def write_chunk(self, number: int, lines: Iterable[pa.Buffer | bytes], rows: pa.Table) -> None:
        """Write one chunk; `rows` has one row a line."""
        private_directory(self.directory)
        try:
            with open(self.chunk_path(number), "wb", opener=private) as file:  # needs an opener
                file.writelines(lines)
            self.write_rows(number, rows)
        except OSError as error:
            raise unwritable(f"Chunk {number}", self.directory, error) from error

    def write_rows(self, number: int, rows: pa.Table) -> None:
        run = run_of(rows)
        if run is not None:
            self._runs[number] = run
            return
        self._runs.pop(number, None)
        with (
            open(self.rows_path(number), "wb", opener=private) as table,  # needs an opener
            pa.ipc.new_file(table, rows.schema) as writer,
        ):
            writer.write_table(rows)

    def rows(self, number: int) -> pa.Table:
        """Return one row a line of the chunk: its position in the input and its index label."""
        if number in self._runs:
            return self._runs[number].table()
        path = self.rows_path(number)
        if path.exists():
            with pa.OSFile(str(path)) as file:
                return pa.ipc.open_file(file).read_all()
        runs = np.fromfile(self.runs_path, RUN)
        entries = runs[runs["chunk"] == number].tolist()
        if not entries:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        ((_, first, count, start, step),) = entries
        return Run(first, count, RangeLabels(start, step)).table()

    def read_chunk(self, number: int) -> bytes:
        return self.chunk_path(number).read_bytes()

    def lines(self, number: int) -> list[bytes]:
        """Return the lines of a chunk, without their line ends."""
        return self.read_chunk(number).split(b"\n")[:-1]

    def check_room(self, estimate: int) -> None:
        """Raise AnalytexError when the disk has not `estimate` bytes to give."""
        place = next(place for place in (self.directory, *self.directory.parents) if place.exists())
        free = shutil.disk_usage(place).free - ROOM_TO_SPARE
        if estimate > free:
            raise AnalytexError(
                f"The plan needs some {estimate / 1e6:,.0f} MB in {self.directory}, and {max(free, 0) / 1e6:,.0f} MB "
                "are free there. Make room, or set ANALYTEX_STATE_DIR to a directory with more. Nothing was sent."
            )

    def sync(self) -> None:
        """Wait until every file is on the disk, so that neither a crash nor a power cut takes it."""
        if not self.directory.is_dir():
            return
        entries = [
            (at, run.first, run.count, run.labels.start, run.labels.step) for at, run in self._runs.items()
        ]
        try:
            if entries:  # else another has written them
                with open(self.runs_path, "wb", opener=private) as file:  # needs an opener
                    file.write(np.array(entries, RUN).tobytes())
            for number in self._runs:
                self.rows_path(number).unlink(missing_ok=True)
            for path in (*self.directory.iterdir(), self.directory):
                sync(path)
        except OSError as error:
            raise unwritable("The records", self.directory, error) from error

    def spill(self, tables: Sequence[pa.Table]) -> None:
        """Keep tables that are too much to remember while a source is read, behind those that are there."""
        if self._spilled is None:
            private_directory(self.directory)
            self._spilled = open(self.directory / "tables.scratch", "w+b", opener=private)  # noqa: SIM115  # see drop_spilled
        for table in tables:
            with pa.ipc.new_stream(self._spilled, table.schema) as writer:
                writer.write_table(table)

    def spilled(self, count: int) -> Iterator[list[pa.Table]]:
        """Read those tables from the first, as many at a time as were added together."""
        if self._spilled is None:
            return
        end = self._spilled.tell()
        self._spilled.seek(0)
        while self._spilled.tell() < end:
            yield [pa.ipc.open_stream(self._spilled).read_all() for _ in range(count)]

    def drop_spilled(self) -> None:
        if self._spilled is not None:
            self._spilled.close()
            (self.directory / "tables.scratch").unlink(missing_ok=True)
            self._spilled = None

    def move(self, directory: Path) -> None:
        """Take the files elsewhere, perhaps to another disk."""
        if directory == self.directory or not self.directory.is_dir():
            self.directory = directory
            return
        try:
            shutil.move(self.directory, private_directory(directory.parent) / directory.name)
        except OSError as error:
            raise AnalytexError(
                f"The records of plan {directory.name!r} cannot be moved to {directory}: {error}. Nothing was sent."
            ) from error
        self.directory = directory

    def delete_chunk(self, number: int) -> None:
        self._runs.pop(number, None)
        self.chunk_path(number).unlink(missing_ok=True)
        self.rows_path(number).unlink(missing_ok=True)

    def delete(self) -> None:
        self.drop_spilled()
        if self.directory.is_dir():
            shutil.rmtree(self.directory)


def unwritable(what: str, directory: Path, error: OSError) -> AnalytexError:
    return AnalytexError(
        f"{what} cannot be written to {directory}: {error}. Make room there, or set ANALYTEX_STATE_DIR to a directory "
        "with more, and plan again. Nothing was sent."
    )


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    is_directory = path.is_dir()
    try:
        # Windows syncs no file that is only read.
        descriptor = os.open(path, os.O_RDONLY if is_directory else os.O_RDWR)
    except PermissionError:
        if is_directory:
            return  # Windows opens none
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private(path: str, flags: int) -> int:
    """Open a file for this user only; an opener for ``open``."""
    return os.open(path, flags, 0o600)


def new_id() -> str:
    """Return an id for a plan and its push: sorts by time, says when it began (UTC), is never given twice."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def spool_of(state_directory: Path, push_id: str) -> Spool:
    return Spool(state_directory / "spool" / push_id)
