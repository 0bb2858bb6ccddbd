"""Columns of text → lines of NDJSON, and lines → chunks by rows and bytes.

A batch becomes one Arrow array of lines in one join; its data buffer is the file, its offsets are the sizes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, bitmap_of, integers_of, text_buffers, validity
from analytex_pandas.frame.labels import concat_rows
from analytex_pandas.frame.mosaic import Mosaic
from analytex_pandas.frame.views import Bytes, Integers, inline_views, with_replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analytex_pandas.frame.options import Nulls
    from analytex_pandas.settings import Kind

BACKSLASH = 0x5C
QUOTE = 0x22
FIRST_PRINTABLE = 0x20
ESCAPES = [
    json.dumps(chr(byte))[1:-1].encode() if byte in (QUOTE, BACKSLASH) or byte < FIRST_PRINTABLE else b""
    for byte in range(256)
]
ESCAPE_VIEWS = inline_views(ESCAPES)
GROWTH = np.array([len(escape) - 1 for escape in ESCAPES])
EMPTY = pa.scalar("", TEXT)


@dataclass(frozen=True)
class PropertyText:
    """One property of a batch: its text, whether it is a JSON string, whether nothing in it needs escaping."""

    name: str
    text: pa.Array
    quoted: bool
    plain: bool


@dataclass(frozen=True)
class Rest:
    """What a line still owes: before the next property, or before its end."""

    before_next: str
    before_end: str


UNOPENED = Rest('","metadata":{', '"}\n')
AFTER_TEXT = Rest('",', '"}}\n')
AFTER_BARE = Rest(",", "}}\n")
RESTS = (UNOPENED, AFTER_TEXT, AFTER_BARE)
ABSENT = len(RESTS)
RestNumbers: TypeAlias = "int | np.ndarray[Any, np.dtype[np.uint8]]"
"""The place in ``RESTS`` of what all rows owe, or of what each row does."""
ROWS_A_WORD = 1_000
"""Rows for each value of a column from which its few values are joined with what stands before them."""


class Lines:
    """Lines in the making: columns of text with the literal text that stands between them.

    What stands before a value depends on what its row has had so far: nothing (the metadata has to be opened), text (a
    quote has to be closed) or something bare. As long as all rows are alike that is one literal; else each row has the
    number of its `Rest`, and the texts are looked up.
    """

    def __init__(self, rows: int) -> None:
        self.mosaic = Mosaic(rows)
        self.rest: RestNumbers = RESTS.index(UNOPENED)

    def value(self, part: PropertyText) -> None:
        """Append a property where it is there."""
        text = part.text if part.plain or not part.quoted else escaped(part.text)
        key = json.dumps(part.name, ensure_ascii=False) + (':"' if part.quoted else ":")
        gaps = [*(rest.before_next + key for rest in RESTS), ""]
        here, self.rest = self.rests(text, RESTS.index(AFTER_TEXT if part.quoted else AFTER_BARE))
        if pa.types.is_dictionary(text.type) and len(text.dictionary) * ROWS_A_WORD <= len(text):
            self.word(here, gaps, text)
        else:
            self.gap(here, gaps)
            self.mosaic.column(text)

    def rests(self, text: pa.Array, after: int) -> tuple[RestNumbers, RestNumbers]:
        """Return what each row owes before a value, ``ABSENT`` where it has none, and what it owes then."""
        if not text.null_count:
            return self.rest, after
        valid = validity(text)
        before = self.rest if isinstance(self.rest, np.ndarray) else np.uint8(self.rest)
        here = np.where(valid, before, np.uint8(ABSENT))
        if np.ndim(before) == 0 and before == after:
            return here, after
        return here, np.where(valid, np.uint8(after), before)

    def word(self, rest: RestNumbers, gaps: Sequence[str], text: pa.Array) -> None:
        """Append one of a few values together with what stands before it, one piece instead of two."""
        words = [word or "" for word in text.dictionary.to_pylist()]
        codes = integers_of(text.indices, 0)
        if isinstance(rest, int):
            self.mosaic.lookup(codes, [gaps[rest] + word for word in words])
        else:
            codes = rest * np.int64(len(words)) + codes
            self.mosaic.lookup(codes, [gap + word if gap else "" for gap in gaps for word in words])

    def gap(self, rest: RestNumbers, texts: Sequence[str]) -> None:
        """Append what stands between one value and the next: the text at the number of each row's rest."""
        if isinstance(rest, int):
            self.mosaic.literal(texts[rest])
        else:
            self.mosaic.lookup(rest, texts)

    def joined(self) -> pa.ChunkedArray:
        """End each line and return them all."""
        self.gap(self.rest, [rest.before_end for rest in RESTS])
        return self.mosaic.joined()


def encode(
    kind: Kind, ids: pa.Array, companies: pa.Array | None, properties: Sequence[PropertyText], nulls: Nulls
) -> pa.ChunkedArray:
    """Return one record a row as a line of NDJSON, line end included.

    Properties stand in the order given. A row without properties has no ``metadata``; a row without an id gives a line
    that must not be sent.
    """
    lines = Lines(len(ids))
    lines.mosaic.literal('{"user_id":"' if kind == "users" else '{"company_id":"')
    lines.mosaic.column(escaped(ids))
    if companies is not None and companies.null_count < len(companies):
        there = validity(companies).view(np.uint8)
        lines.mosaic.lookup(there, ["", '","company_id":"'])
        lines.mosaic.column(escaped(companies))
    if nulls == "send":
        properties = [with_null(part) for part in properties]
    for part in properties:
        if part.text.null_count < len(part.text):
            lines.value(part)
    return lines.joined()


def with_null(part: PropertyText) -> PropertyText:
    """Return a property with JSON null where its value is missing."""
    text = part.text.cast(TEXT) if pa.types.is_dictionary(part.text.type) else part.text
    if part.quoted:
        text = text if part.plain else escaped(text)
        text = pc.binary_join_element_wise(pa.scalar('"', TEXT), text, pa.scalar('"', TEXT), EMPTY)
    return PropertyText(part.name, pc.fill_null(text, "null"), quoted=False, plain=True)


def escaped(text: pa.Array) -> pa.Array:
    """Return text with what JSON strings cannot hold escaped; without any, the same array.

    Works on the bytes of the whole array at once: in UTF-8 a byte that needs escaping is never part of another
    character.
    """
    if pa.types.is_dictionary(text.type):
        return pa.DictionaryArray.from_arrays(text.indices, escaped(text.dictionary))
    data, offsets = text_buffers(text)
    used = data[offsets[0] : offsets[-1]]
    at = np.flatnonzero((used < FIRST_PRINTABLE) | (used == QUOTE) | (used == BACKSLASH))
    if not len(at):
        return text
    escape = escape_few if len(at) < len(text) else escape_many
    escaped_data, moved = escape(used, at, offsets - offsets[0])
    bitmap = bitmap_of(validity(text)) if text.null_count else None
    return pa.Array.from_buffers(TEXT, len(text), [bitmap, pa.py_buffer(moved), escaped_data])


def escape_few(data: Bytes, at: Integers, offsets: Integers) -> tuple[pa.Buffer, Integers]:
    """Return bytes with those at some places escaped, and where each text begins and ends then: place by place."""
    rows = np.searchsorted(offsets[1:], at, side="right")
    growth = GROWTH.take(data[at])
    if growth.max() == 1:  # nearly always: only rare control characters take more than a backslash
        grown = np.bincount(rows, minlength=len(offsets) - 1)
    else:
        grown = np.bincount(rows, growth, len(offsets) - 1).astype(np.int64)
    offsets[1:] += np.cumsum(grown)
    return with_replaced(data, at, ESCAPE_VIEWS), offsets


def escape_many(data: Bytes, at: Integers, offsets: Integers) -> tuple[pa.Buffer, Integers]:
    """Return the same as ``escape_few``: character by character, which is faster when there are many places."""
    special = data[at]
    raw = data.tobytes()
    for byte in sorted(np.flatnonzero(np.bincount(special)).tolist(), key=lambda byte: byte != BACKSLASH):
        raw = raw.replace(bytes([byte]), ESCAPES[byte])
    growth = np.concatenate([[0], np.cumsum(GROWTH.take(special))])
    return pa.py_buffer(raw), offsets + growth.take(np.searchsorted(at, offsets))


@dataclass(frozen=True)
class ChunkSize:
    """One chunk of a plan; chunks are numbered from 1."""

    number: int
    rows: int
    bytes: int


@dataclass
class Chunker:
    """Cuts lines into chunks of at most so many rows and bytes, and hands each to `write` when it is full.

    `write` takes the chunk's number, its lines as buffers, and its rows table. The first chunk has at most `canary`
    rows, if that is not 0.
    """

    max_rows: int
    max_bytes: int
    write: Callable[[int, Sequence[pa.Buffer], pa.Table], None]
    canary: int = 0
    sizes: list[ChunkSize] = field(default_factory=list)
    parts: list[tuple[pa.Array, pa.Table]] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0

    def add(self, lines: pa.Array, rows: pa.Table) -> None:
        """Add lines, each with its line end, and where they came from."""
        _, offsets = text_buffers(lines)
        first = 0
        while first < len(lines):
            room = offsets[first] + self.max_bytes - self.bytes
            fitting = int(np.searchsorted(offsets, room, side="right")) - 1 - first
            count = min(fitting, self.limit - self.rows, len(lines) - first)
            if count > 0:
                self.parts.append((lines.slice(first, count), rows.slice(first, count)))
                self.rows += count
                self.bytes += int(offsets[first + count] - offsets[first])
                first += count
            if self.rows == self.limit or first < len(lines):
                self.close()

    @property
    def limit(self) -> int:
        """Rows that the chunk being filled may have."""
        return min(self.canary or self.max_rows, self.max_rows) if not self.sizes else self.max_rows

    def close(self) -> None:
        """End the chunk that is being filled, if it has any rows."""
        if not self.parts:
            return
        number = len(self.sizes) + 1
        buffers = [line_buffer(lines) for lines, _ in self.parts]
        self.write(number, buffers, concat_rows([rows for _, rows in self.parts]))
        self.sizes.append(ChunkSize(number, self.rows, self.bytes))
        self.parts, self.rows, self.bytes = [], 0, 0


def line_buffer(lines: pa.Array) -> pa.Buffer:
    """Return the bytes of lines, one behind the other, without copying them."""
    _, offsets = text_buffers(lines)
    return lines.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0]))


def lines_of(ndjson: bytes) -> pa.Array:
    """Return NDJSON as the array of its lines, each with its line end."""
    data = np.frombuffer(ndjson, np.uint8)
    ends = np.flatnonzero(data == ord("\n")).astype(np.int64) + 1
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    return pa.Array.from_buffers(TEXT, len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(ndjson)])


def records(lines: pa.Array) -> Iterator[Any]:
    """Yield each line as the record it says."""
    for line in lines.to_pylist():
        yield json.loads(line)
