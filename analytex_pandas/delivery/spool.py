"""Chunk files of one push on disk: written by its plan, sent by its push, deleted when answered for.

A chunk is a file ``00001.ndjson``, the records as they go over the wire. Where its lines came from (see
``frame.labels``) stands in ``chunks``, a few bytes a chunk, as long as no row between was left out and the labels
follow from the positions, else in ``00001.rows.arrow``. ``chunks`` also has a checksum of every file, compared before
each use. They are personal data: private to the user and short-lived. ``input.arrow``, see ``input_file``, stays.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64, xxh3_64_intdigest, xxh3_128

from analytex_pandas.delivery.files import checked_id, damaged, private, read, remove, sync, unwritable, write
from analytex_pandas.delivery.input_file import INPUT, InputFile
from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.arrow_types import ipc_bytes
from analytex_pandas.frame.columns import RangeLabels
from analytex_pandas.frame.labels import Run, run_of
from analytex_pandas.settings import private_directory

ROOM_TO_SPARE = 64 * 1024 * 1024
"""Bytes that a spool leaves free on its disk, for the journal and everybody else."""
CHUNKS: Final = "chunks"
SPILLED: Final = "tables.scratch"
PUSHED: Final = "pushed.txt"
PUSHED_TEXT: Final = (
    "Records of a push of analytex_pandas that are not answered for yet. They go when the push has ended, or when "
    "it is removed with apd.clean(). Which of them were sent is written in journal.sqlite3, two folders up.\n"
)
OURS: Final = re.compile(
    rf"[0-9]{{5,}}\.(ndjson|rows\.arrow)|{CHUNKS}|{re.escape(INPUT)}|{re.escape(SPILLED)}|{re.escape(PUSHED)}"
)
ENTRY: Final = np.dtype(
    [
        ("number", "<i8"),
        ("lines", "<u8"),  # the checksum of the records
        ("rows", "<u8"),  # that of the file of rows; 0 where a run says it all
        *((name, "<i8") for name in ("first", "count", "start", "step")),
    ]
)
"""A chunk in the file of chunks."""


class Spool:
    """The chunk files of one plan or push; their directory is made, for this user only, with the first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.input = InputFile(directory / INPUT)
        self._spilled: BinaryIO | None = None
        self._entries: dict[int, tuple[int, ...]] | None = None
        self._written = xxh3_128()
        self._drafted: str | None = None

    def __repr__(self) -> str:
        return f"Spool({str(self.directory)!r})"

    def chunk_path(self, number: int) -> Path:
        return self.directory / f"{number:05d}.ndjson"

    def rows_path(self, number: int) -> Path:
        """Return the path of the file that tells where a chunk's lines came from, if they are no run."""
        return self.directory / f"{number:05d}.rows.arrow"

    @property
    def entries(self) -> dict[int, tuple[int, ...]]:
        """The file of chunks, by number; written by ``sync``, before which nobody else reads it."""
        if self._entries is None:
            path = self.directory / CHUNKS
            content = read(path) if path.exists() else b""
            checksum, table = content[:8], content[8:]
            if content and (len(table) % ENTRY.itemsize or self._checksum(table) != checksum):
                raise damaged(path, "is not as it was written")
            self._entries = {entry[0]: entry for entry in np.frombuffer(table, ENTRY).tolist()}
        return self._entries

    @property
    def digest(self) -> str:
        """What tells the lines of all chunks, in their order, from any others, however they were cut."""
        return self._written.hexdigest()

    @property
    def drafted(self) -> str:
        """The digest that there was before chunks were written anew."""
        return self._drafted or self.digest

    def write_chunk(self, number: int, lines: Iterable[pa.Buffer | bytes], rows: pa.Table) -> None:
        """Write one chunk, behind those before it; `rows` has one row a line."""
        private_directory(self.directory)
        if number == 1 and self.entries:
            self._drafted = self.drafted
            self._written.reset()
        found, checksum, rows_checksum = run_of(rows), xxh3_64(), 0
        run = found or Run(0, len(rows), RangeLabels())
        try:
            with open(self.chunk_path(number), "wb", opener=private) as file:  # needs an opener
                for part in lines:
                    checksum.update(part)
                    self._written.update(part)
                    file.write(part)
            if found is None:
                content = ipc_bytes(rows, pa.ipc.new_file)
                write(self.rows_path(number), content)
                rows_checksum = xxh3_64_intdigest(content)
        except OSError as error:
            raise unwritable(f"Chunk {number}", self.directory, error) from error
        place = (run.first, run.count, run.labels.start, run.labels.step)
        self.entries[number] = (number, checksum.intdigest(), rows_checksum, *place)

    def rows(self, number: int) -> pa.Table:
        """Return one row a line of the chunk: its position in the input and its index label."""
        _, _, checksum, first, count, start, step = self.entry(number)
        if not checksum:
            return Run(first, count, RangeLabels(start, step)).table()
        with pa.ipc.open_file(checked(self.rows_path(number), checksum)) as reader:
            return reader.read_all()

    def read_chunk(self, number: int) -> bytes:
        _, checksum, *_ = self.entry(number)
        return checked(self.chunk_path(number), checksum)

    def _checksum(self, table: bytes) -> bytes:
        """Return the checksum of the file of chunks, which also tells one push's from another's."""
        return xxh3_64(self.directory.name.encode() + table).digest()

    def entry(self, number: int) -> tuple[int, ...]:
        if number not in self.entries:
            raise damaged(self.directory / CHUNKS, f"does not have chunk {number}")
        return self.entries[number]

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

    def pushed(self) -> None:
        """Wait until every file is on the disk, so that neither a crash nor a power cut takes it.

        From then on whoever finds them knows that they are a push's.
        """
        if not self.directory.is_dir():
            return
        table = np.array(list(self.entries.values()), ENTRY).tobytes()
        try:
            for name, content in ((CHUNKS, self._checksum(table) + table), (PUSHED, PUSHED_TEXT.encode())):
                write(self.directory / name, content)
            for path in (*self.directory.iterdir(), self.directory, self.directory.parent):
                sync(path)
        except OSError as error:
            raise unwritable("The records", self.directory, error) from error

    @property
    def is_pushed(self) -> bool:
        return (self.directory / PUSHED).exists()

    def not_pushed(self) -> None:
        """Take back that the files are a push's."""
        (self.directory / PUSHED).unlink(missing_ok=True)

    def spill(self, tables: Sequence[pa.Table]) -> None:
        """Keep tables that are too much to remember while a source is read, behind those that are there."""
        if self._spilled is None:
            private_directory(self.directory)
            self._spilled = open(self.directory / SPILLED, "w+b", opener=private)  # noqa: SIM115  # see drop_spilled
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
            (self.directory / SPILLED).unlink(missing_ok=True)
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
        self.chunk_path(number).unlink(missing_ok=True)
        self.rows_path(number).unlink(missing_ok=True)

    def delete(self) -> None:
        self.drop_spilled()
        remove(self.directory, OURS)


def checked(path: Path, checksum: int) -> bytes:
    """Return the content of a file that has a checksum."""
    content = read(path)
    if xxh3_64_intdigest(content) != checksum:
        raise damaged(path, "is not as it was written")
    return content


def spool_of(state_directory: Path, push_id: str) -> Spool:
    return Spool(state_directory / "spool" / checked_id(push_id))
