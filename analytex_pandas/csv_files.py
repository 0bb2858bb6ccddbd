"""CSV files for the command line: streamed as Arrow, every column as text, so that ids keep their zeros."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import csv

from analytex_pandas.errors import ValidationError, code, reason
from analytex_pandas.frame.inputs import read_source
from analytex_pandas.frame.places import place_of, source_name
from analytex_pandas.frame.sources import Source

CSV: Final = re.compile(r".+\.(csv|tsv|txt|tab)(\.(gz|bz2|zst|lz4|br))?", re.IGNORECASE)
PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}
DELIMITERS: Final = ",;\t|"
BLOCK_BYTES: Final = 8 * 1024 * 1024
"""Bytes that are read at once; no row may be longer."""
QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')
HEADER_BYTES: Final = 256 * 1024
"""Bytes of a file's beginning in which its first line is looked for."""


def data_at(place: str) -> Source | str:
    """Return what a path, pattern, directory or URL names as data of a plan.

    CSV is a source of this name, of several files as of frames; anything else, Parquet by all appearance, is the place
    itself, which a plan opens.

    Raises
    ------
    ValidationError
        If there is no file, a CSV file cannot be read, or a directory has files of both kinds.
    """
    if "://" in place:
        return place
    found = place_of(place)
    # a variable of the shell that is not set names no directory
    inside = found.is_dir() and bool(place.strip())
    files = found.below("") if inside else found.matching()
    if not files:
        raise ValidationError(f"There is no file at {code(place)}, as seen from where this runs.")
    texts = [Path(file) for file in files if CSV.fullmatch(file.name)]
    others = [file for file in files if not CSV.fullmatch(file.name)]
    parquet = [file for file in others if file.suffix.lower() == ".parquet"]
    # a text beside Parquet is to be read by people
    tables = [file for file in texts if ".txt" not in file.name.lower()]
    if inside and parquet and tables:
        raise ValidationError(
            f"{code(place)} has CSV and Parquet: {code(tables[0].name)} and {code(parquet[0].name)}, for example. Say "
            f"which to take by a pattern, such as {code(f'{place}/*{parquet[0].suffix}')}."
        )
    if not texts or parquet or (others and not inside):
        return place
    source = read_source(opened(texts[0]) if len(texts) == 1 else map(opened, texts))
    return replace(source, name=source_name(place))


def opened(file: Path) -> pa.RecordBatchReader:
    """Return a CSV file as a stream of batches of text; what is empty is missing."""
    try:
        read = csv.ReadOptions(block_size=BLOCK_BYTES)
        parse = csv.ParseOptions(delimiter=delimiter_of(file), newlines_in_values=True)
        names = csv.open_csv(unpacked(file), read, parse).schema.names
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()), null_values=[""], strings_can_be_null=True
        )
        reader = csv.open_csv(unpacked(file), read, parse, convert)
    except (pa.ArrowInvalid, OSError, UnicodeError, EOFError) as error:
        raise unreadable(file, error) from error
    return pa.RecordBatchReader.from_batches(reader.schema, batches(reader, file))


def unpacked(file: Path) -> pa.NativeFile:
    """Return a file's bytes; Arrow would go by the ending of its name in lower case alone."""
    return pa.input_stream(str(file), compression=PACKED.get(file.suffix.lower()))


def batches(reader: csv.CSVStreamingReader, file: Path) -> Iterator[pa.RecordBatch]:
    """Yield what a reader reads."""
    last = None
    try:
        for batch in reader:
            last = batch if len(batch) else last
            yield batch
    except (pa.ArrowInvalid, OSError) as error:
        raise unreadable(file, error) from error
    if last and re.search(r"[\r\n]", last[-1][-1].as_py() or "") and is_left_open(file):
        raise ValidationError(
            f"{code(str(file))}: the last cell begins with a quote that is never closed, and has swallowed the lines "
            'behind it. Close the quote, or write the cell as "…" with each quote within it twice.'
        )


def is_left_open(file: Path) -> bool:
    """Tell whether a file whose last cell is in quotes does not end with one; Arrow reads it all the same."""
    tail = b""
    with unpacked(file) as stream:
        while part := stream.read(BLOCK_BYTES):
            tail = (tail + part)[-HEADER_BYTES:]
    tail = tail.rstrip()
    return (len(tail) - len(tail.rstrip(b'"'))) % 2 == 0  # two of them are one within the cell


def delimiter_of(file: Path) -> str:
    """Return what stands most often between the names in the first line of a file."""
    with unpacked(file) as stream:
        beginning = stream.read(HEADER_BYTES).decode("utf-8", "replace")
    first = QUOTED.sub("", beginning).partition("\n")[0]
    counts = Counter(character for character in first if character in DELIMITERS)
    return counts.most_common(1)[0][0] if counts else DELIMITERS[0]


def unreadable(file: Path, error: Exception) -> ValidationError:
    """Return what to say of a file that is no CSV as it should be."""
    return ValidationError(
        f"{code(str(file))} cannot be read as CSV ({reason(error)}). It has to be UTF-8 with names in its first line, "
        "and as many cells in every row."
    )
