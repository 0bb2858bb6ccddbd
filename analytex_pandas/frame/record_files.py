"""Files of NDJSON that exist already → a draft, as frames give one; a row is a line, its label (file, line)."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from analytex_pandas.errors import ValidationError, code, translated
from analytex_pandas.frame.batch import Encoded
from analytex_pandas.frame.columns import TEXT
from analytex_pandas.frame.draft import Draft, Store, gathered
from analytex_pandas.frame.fingerprints import of_lines
from analytex_pandas.frame.hashing import hashes
from analytex_pandas.frame.labels import rows_table
from analytex_pandas.frame.layout import Report
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import lines_of
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.places import Place, place_of
from analytex_pandas.frame.record_lines import Problem, Reader
from analytex_pandas.frame.settling import settled
from analytex_pandas.settings import Kind

ENDINGS: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
"""Of the files that are taken of a directory."""
READ_BYTES: Final = 1024 * 1024
ROWS_AT_ONCE: Final = 16_384
BYTES_AT_ONCE: Final = 32_000_000
INDEX_NAMES: Final = ("file", "line")


class Line(NamedTuple):
    """A line of a file as it was read: the record in the form that is sent, or what is wrong with it."""

    file: int
    number: int
    id: str | None
    record: bytes
    problems: tuple[Problem, ...]


def record_files(paths: Any) -> list[Place]:
    """Return the files that paths, patterns, directories or URLs name, each once.

    Raises
    ------
    ValidationError
        If one of them names none.
    """
    alone = isinstance(paths, str | os.PathLike)
    if not alone and (not isinstance(paths, Iterable) or isinstance(paths, bytes)):
        raise ValidationError(
            f"paths={code(paths)}: the path of a file, a pattern, a directory, or a list of them is needed."
        )
    found: dict[tuple[Any, ...], Place] = {}
    for path in [paths] if alone else list(paths):
        if not isinstance(path, str | os.PathLike) or not str(path).strip():
            raise ValidationError(f"paths: {code(path)} is no path.")
        place = place_of(path)
        inside = place.is_dir()
        files = place.below(ENDINGS) if inside else place.matching()
        if not files:
            what = f"no file that ends in {' or '.join(ENDINGS[:2])}" if inside else "no file"
            raise ValidationError(f"There is {what} at {code(str(path))}.")
        for file in files:
            shown = str(file) if place.is_local or file != place.path else place.shown
            is_same = (file.resolve(),) if isinstance(file, Path) else (place.filesystem.handler.fs, file)
            found.setdefault(is_same, Place(shown, file, place.filesystem))
    return list(found.values())


def bytes_of_files(files: Iterable[Place]) -> int:
    """Return how many bytes files have, as they lie there."""
    with translated("The files cannot be read"):
        return sum(file.filesystem.get_file_info(str(file.path)).size or 0 for file in files)


def draft_of_files(
    files: list[Place], options: Options, kind: Kind, store: Store, memory: Memory | None
) -> Draft:
    """Read files into chunks and return what is known of them; a row's label is its file and line."""
    reader = Reader(kind, options.file_bytes)
    outcome = Draft(options, kind, store, memory, None, INDEX_NAMES, [])

    def encoded() -> Iterator[Encoded]:
        for lines in batches(reader, files):
            yield batch_of(lines, [file.shown for file in files], outcome)
        reader.describe(outcome)

    return settled(gathered(outcome, encoded()), store)


def lines_of_file(file: Place, longest: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, counted from 1; of a longer one a part that is too long still."""
    packed = "gzip" if file.path.suffix.lower() == ".gz" else None
    with file.filesystem.open_input_stream(str(file.path), compression=packed) as stream:
        content = io.BufferedReader(stream, READ_BYTES)
        number = 0
        while line := content.readline(longest + 2):
            number += 1
            rest = line
            while len(rest) == longest + 2 and not rest.endswith(b"\n"):
                rest = content.readline(longest + 2)
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if stripped := line.strip(b" \t\r\n"):
                yield number, stripped


def batches(reader: Reader, files: list[Place]) -> Iterator[list[Line]]:
    """Yield the lines of files, so many at a time."""
    lines: list[Line] = []
    size = 0
    for place, file in enumerate(files):
        with translated(f"{code(file.shown)} cannot be read"):
            for number, text in lines_of_file(file, reader.longest):
                ident, record, problems = reader.read(text)
                lines.append(Line(place, number, ident, record, problems))
                size += len(record)
                if len(lines) == ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
                    yield lines
                    lines, size = [], 0
    if lines:
        yield lines


def batch_of(lines: list[Line], names: list[str], outcome: Draft) -> Encoded:
    """Return lines as a batch like those that are made of frames."""
    kind, memory = outcome.kind, outcome.memory
    positions = np.arange(outcome.rows, outcome.rows + len(lines), dtype=np.int64)
    outcome.rows += len(lines)
    which = pa.array([line.file for line in lines], pa.int32())
    labels = [pa.array(names, TEXT).take(which), pa.array([line.number for line in lines], pa.int64())]
    rows = rows_table(positions, labels)
    ids = pa.array([line.id for line in lines], TEXT)
    valid = np.array([not line.problems for line in lines], bool)
    mask = pa.array(valid)
    sent = [line.record for line in lines if not line.problems]
    reports = [
        Report([int(position)], [(names[line.file], line.number)], [line.id], *problem)
        for position, line in zip(positions, lines, strict=True)
        for problem in line.problems
    ]
    comparison = None
    if memory is not None and outcome.options.only_changed:
        comparison = memory.compare(of_lines(sent, kind, memory.salt)[0])
    text = pa.chunked_array([lines_of(b"".join(sent))], TEXT)
    return Encoded(text, rows.filter(mask), hashes(ids.filter(mask)), reports, rows, ids, valid, comparison)
