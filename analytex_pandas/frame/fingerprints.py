"""Digests of ids and values, by which it is told what has changed without keeping any value.

A digest is of the value as it is sent: its JSON type, and its canonical text (numbers by value, so that ``1.5`` and
``1.50`` are one). It is salted, and mixed with a second hash of its id. So two ids with one 64-bit hash, of which there
is a pair among ten million in one of 400,000 cases, are still told apart, and a changed value is taken for unchanged
once in 2^64.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame.columns import TEXT, Mask, Rows, validity
from analytex_pandas.frame.hashing import Hashes, hashes, mixed, seed_of
from analytex_pandas.frame.numbers import FIXED_POINT_DIGITS
from analytex_pandas.settings import Kind

COMPANY: Final = ""
"""The name that a user's company goes by among the properties, none of which can have it."""
ABSENT: Final = np.uint64(0)
"""The digest of a value that was left out."""
ODD: Final = np.uint64(1)
"""Digests of values are odd: an even number in the place of one says that nobody knows it, see ``frame.memory``."""
NULL: Final = "null"


@dataclass(frozen=True)
class Layer:
    """The digests of some records, a row an id.

    Attributes
    ----------
    ids : array of uint64
        A hash of each id.
    exists : array of uint64
        A second hash of each id: remembered when the profile is known to exist.
    cells : dict of str to array of uint64
        The digests of each property, ``ABSENT`` where a record leaves it out.
    """

    ids: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    exists: Hashes = field(default_factory=lambda: np.zeros(0, np.uint64))
    cells: Mapping[str, Hashes] = field(default_factory=dict)

    def find(self, ids: Hashes) -> tuple[Rows, Mask]:
        """Return where each id stands, and which of them do; for a layer whose ids are sorted, each there once."""
        places = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        there = self.ids[places] == ids if len(self.ids) else np.zeros(len(ids), bool)
        return places, there

    def only(self, kept: Mask) -> Layer:
        """Return some of its rows."""
        cells = {name: digests[kept] for name, digests in self.cells.items()}
        return Layer(self.ids[kept], self.exists[kept], cells)


@dataclass(frozen=True)
class Column:
    """One property of some records as it is sent: text of JSON primitives; null is left out, or sent as null."""

    name: str
    json_type: str
    text: pa.Array
    sends_null: bool = False


@dataclass(frozen=True)
class Tally:
    """How many values of a property belong to new profiles, differ from what the account has, or do not."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged)

    def __sub__(self, other: Tally) -> Tally:
        return Tally(self.new - other.new, self.changed - other.changed, self.unchanged - other.unchanged)


def add_tallies(total: dict[str, Tally], more: Mapping[str, Tally]) -> None:
    for name, tally in more.items():
        total[name] = total.get(name, Tally()) + tally


@dataclass(frozen=True)
class Comparison:
    """What of some records has changed: a mask of those with nothing new, and a tally of each property."""

    unchanged: Mask
    tallies: Mapping[str, Tally]


def of_columns(ids: pa.Array, columns: Iterable[Column], salt: bytes) -> Layer:
    """Return the digests of records that stand in columns; every one of them has an id."""
    exists = hashes(ids, seed_of(salt, "exists"))
    cells = {column.name: cell_digests(column, exists, salt) for column in columns}
    return Layer(hashes(ids, seed_of(salt, "id")), exists | ODD, cells)


def cell_digests(column: Column, exists: Hashes, salt: bytes) -> Hashes:
    text = canonical(column.text) if column.json_type == "number" else column.text
    found = salted(hashes(text, seed_of(salt, column.json_type)), exists)
    if not column.text.null_count:
        return found
    valid = validity(column.text)
    if column.sends_null:
        return np.where(valid, found, nulls(exists, salt))
    return np.where(valid, found, ABSENT)


def nulls(exists: Hashes, salt: bytes) -> Hashes:
    """Return the digest of JSON null for each of some ids."""
    return salted(np.full(len(exists), seed_of(salt, NULL), np.uint64), exists)


def salted(values: Hashes, exists: Hashes) -> Hashes:
    """Return the digests of values that belong to the ids of these second hashes."""
    return mixed(values ^ exists) | ODD


def canonical(text: pa.Array) -> pa.Array:
    """Return JSON numbers with one text for each value: ``1.50`` and ``15e-1`` are ``1.5``."""
    if pa.types.is_dictionary(text.type):
        return pa.DictionaryArray.from_arrays(text.indices, canonical(text.dictionary))
    has_e = pc.or_(pc.match_substring(text, "e"), pc.match_substring(text, "E"))
    exponent = pc.fill_null(has_e, fill_value=False)
    fraction = pc.and_(pc.fill_null(pc.match_substring(text, "."), fill_value=False), pc.invert(exponent))
    if pc.any(fraction).as_py():
        bare = pc.ascii_rtrim(pc.ascii_rtrim(text.filter(fraction), characters="0"), characters=".")
        text = pc.replace_with_mask(text, fraction, bare)
    if pc.any(exponent).as_py():
        written = [canonical_number(number) for number in text.filter(exponent).to_pylist()]
        text = pc.replace_with_mask(text, exponent, pa.array(written, TEXT))
    return text


def canonical_number(text: str) -> str:
    """Return one JSON number with an exponent as the text that all of its value share."""
    sign, digits, exponent = decimal.Decimal(text).as_tuple()
    number = "".join(map(str, digits)).lstrip("0").rstrip("0")
    if not number or not isinstance(exponent, int):
        return "0"
    exponent += len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if abs(exponent) > FIXED_POINT_DIGITS:
        return f"{'-' * sign}{number}e{exponent}"
    return format(decimal.Decimal((sign, tuple(map(int, number)), exponent)), "f")


class Number(str):
    """A JSON number as it stands."""

    __slots__ = ()


def of_lines(lines: Sequence[bytes], kind: Kind, salt: bytes) -> tuple[Layer, dict[str, str]]:
    """Return the digests of records that stand in lines, a row a line, and the JSON type of each property with values.

    A line without a record has no digests.
    """
    id_name = settings.ID_NAMES[kind]
    ids: list[bytes] = []
    columns: dict[str, dict[str, tuple[list[int], list[bytes]]]] = {}
    for number, line in enumerate(lines):
        record = record_of(line)
        name = record.get(id_name)
        ids.append(b"" if name is None else str(name).encode("utf-8", "surrogatepass"))
        metadata = record.get("metadata")
        values = dict(metadata) if isinstance(metadata, dict) and name is not None else {}
        if kind == "users" and "company_id" in record and name is not None:
            values[COMPANY] = record["company_id"]
        for key, value in values.items():
            json_type, text = primitive(value)
            rows, texts = columns.setdefault(key, {}).setdefault(json_type, ([], []))
            rows.append(number)
            texts.append(text.encode("utf-8", "surrogatepass"))
    text = pa.array(ids, pa.large_binary())
    exists = hashes(text, seed_of(salt, "exists"))
    cells = {name: scattered(parts, exists, salt) for name, parts in columns.items()}
    types = {name: most_common(parts) for name, parts in columns.items() if parts.keys() != {NULL}}
    there = np.array([bool(name) for name in ids], bool)
    return Layer(hashes(text, seed_of(salt, "id")), np.where(there, exists | ODD, ABSENT), cells), types


def record_of(line: bytes) -> dict[str, Any]:
    """Return a line as the record it holds, its numbers as they stand; empty where it holds none."""
    try:
        record = json.loads(line, parse_int=Number, parse_float=Number)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def primitive(value: Any) -> tuple[str, str]:
    if value is None:
        return NULL, ""
    if isinstance(value, Number):
        return "number", value
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    return "string", value if isinstance(value, str) else json.dumps(value)


def scattered(parts: Mapping[str, tuple[list[int], list[bytes]]], exists: Hashes, salt: bytes) -> Hashes:
    """Return the digests of a property whose values come by JSON type, each with its rows."""
    found = np.zeros(len(exists), np.uint64)
    for json_type, (rows, texts) in parts.items():
        if json_type == NULL:
            found[rows] = nulls(exists[rows], salt)
            continue
        text = pa.array(texts, pa.large_binary())
        if json_type == "number":
            text = text.cast(TEXT)
        found[rows] = cell_digests(Column("", json_type, text), exists[rows], salt)
    return found


def most_common(parts: Mapping[str, tuple[list[int], list[bytes]]]) -> str:
    return max((name for name in parts if name != NULL), key=lambda name: len(parts[name][0]))
