"""Raw batch → prepared batch: ids and properties as text, with the problems of its rows; then → lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.errors import code, empty_report, reason
from analytex_pandas.frame.coerce import coerce
from analytex_pandas.frame.columns import (
    NOTHING,
    TEXT,
    Cells,
    Coerced,
    Field,
    JsonKind,
    Mask,
    Problem,
    RawBatch,
    RawColumn,
    Rows,
    UnsendableError,
    as_text,
    is_unicode,
    text_buffers,
    without,
)
from analytex_pandas.frame.fingerprints import COMPANY as NO_NAME
from analytex_pandas.frame.fingerprints import Column, Comparison, of_columns
from analytex_pandas.frame.hashing import hashes
from analytex_pandas.frame.ids import ids
from analytex_pandas.frame.labels import labels, rows_table
from analytex_pandas.frame.layout import Layout, Report, unsendable, wrong_names
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.mends import cut_long, filled
from analytex_pandas.frame.ndjson import PropertyText, encode
from analytex_pandas.frame.notes import traits_of
from analytex_pandas.frame.options import Options
from analytex_pandas.settings import Kind

Result = TypeVar("Result")
COMPANY = "company_id"
FIRST_AT = " (first at row "
"""What divides what is wrong with a column, which is so in one batch as in another, from where it shows."""
JsonTypes = Mapping[str, "JsonKind"]
"""Property name → the one JSON type of its column."""


@dataclass(frozen=True)
class Prepared:
    """A batch as text: `rows` says where each row came from, `properties` is by property name.

    `wrong` says which columns cannot be sent at all; they are not among the properties.
    """

    rows: pa.Table
    id: Coerced
    company: Coerced | None
    properties: Mapping[str, Coerced]
    origins: Mapping[str, Field]
    wrong: Sequence[str] = ()


@dataclass(frozen=True)
class Encoded:
    """A batch as lines: those of its valid rows, where they came from, a hash of each one's id; and what is invalid.

    `reports` has one (row, property, problem) an invalid cell, rows counted within the batch; `comparison` tells what
    of the lines has changed, where that was asked for, `erased` how many of them send null, by property. `input_rows`,
    `input_ids` and `valid` have every row of the batch.
    """

    lines: pa.ChunkedArray
    rows: pa.Table
    hashes: np.ndarray[Any, np.dtype[np.uint64]]
    reports: Sequence[Report]
    input_rows: pa.Table
    input_ids: pa.Array
    valid: Mask
    comparison: Comparison | None = None
    erased: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return len(self.input_rows)

    def parts(self) -> Iterator[tuple[pa.Array, pa.Table]]:
        """Yield the lines as they lie in memory, with their rows."""
        start = 0
        for lines in self.lines.chunks:
            yield lines, self.rows.slice(start, len(lines))
            start += len(lines)


def prepare(batch: RawBatch, layout: Layout, kind: Kind) -> Prepared:
    positions = np.arange(batch.start, batch.start + batch.rows, dtype=np.int64)
    rows = rows_table(positions, batch.labels)
    wrong: list[str] = []
    names: list[tuple[str, str]] = []
    properties: dict[str, Coerced] = {}
    origins: dict[str, Field] = {}
    for part in layout.properties:
        try:
            columns = read_as(partial(coerce, policy=part.policy), batch.columns[part.field])
        except UnsendableError as error:
            wrong += [refusal(part.field, one, rows, part.name) for one in error.every]
            continue
        for suffix, coerced in columns.items():
            name = part.name + suffix
            names.append((code(part.field.label), name))
            if is_unicode(name):  # else it is wrong, and said so below
                properties[name] = described(addressed(coerced, part.field, suffix))
                origins[name] = part.field
    if len(names) != len(layout.properties) or any(
        name != part.name for (_, name), part in zip(names, layout.properties, strict=True)
    ):
        wrong += wrong_names(names)  # flattening made names of its own
    id_name = settings.ID_NAMES[kind]
    id_column = ids_of(batch, layout.id, id_name, rows)
    company = None if layout.company is None else ids_of(batch, layout.company, COMPANY, rows, optional=True)
    return Prepared(rows, id_column, company, properties, origins, wrong)


def ids_of(
    batch: RawBatch, field: Field | None, name: str, rows: pa.Table, *, optional: bool = False
) -> Coerced:
    """Return a batch's column as ids, with its traits; all missing where the batch has none."""
    column = pa.nulls(batch.rows) if field is None else batch.columns[field]
    try:
        found = read_as(partial(ids, name=name, optional=optional), column)
    except UnsendableError as error:
        if field is None:
            raise
        raise unsendable([refusal(field, error, rows)], empty_report()) from error
    missing = found.text.null_count
    present = len(found.text) - missing
    example = next((value for value in found.text.slice(0, 100).to_pylist() if value is not None), None)
    traits = dataclasses.replace(
        found.traits, present=present, missing=missing, example=example, kinds={"string": present}
    )
    return addressed(dataclasses.replace(found, traits=traits), field)


def read_as(read: Callable[[RawColumn], Result], column: RawColumn) -> Result:
    """Return what `read` makes of a column; objects may raise whatever they like, and the first that does is named."""
    try:
        return read(column)
    except UnsendableError:
        raise
    except Exception as error:
        raise UnsendableError(
            f"cannot be read ({reason(error)})",
            "convert it to text or numbers, or leave it out with properties=[…]",
            culprit(read, column) if isinstance(column, np.ndarray) else (),
        ) from error


def culprit(read: Callable[[RawColumn], object], cells: Cells) -> list[int]:
    """Return the first cell that cannot be read, found by halves."""
    first, stop = 0, len(cells)
    while stop - first > 1:
        middle = (first + stop) // 2
        try:
            read(cells[first:middle])
        except Exception:  # noqa: BLE001  # as above: what it is is known already
            stop = middle
        else:
            first = middle
    return [first]


def refusal(field: Field, error: UnsendableError, rows: pa.Table, name: str = "") -> str:
    """Return what to say of a column that cannot be sent."""
    where = ""
    if len(error.rows):
        first = ", ".join(code(label) for label in labels(rows.take(pa.array(list(error.rows), pa.int64()))))
        where = f"{FIRST_AT}{first})"
    what = f"Column {code(field.label)}" + (f", field {name + error.field!r}," if error.field else "")
    return f"{what} {error.why}{where}: {error.way_out}."


def addressed(coerced: Coerced, field: Field | None, suffix: str = "") -> Coerced:
    """Return a column whose problems say how this very column is mended."""
    problems = (
        dataclasses.replace(problem, message=filled(problem.message, field, suffix))
        for problem in coerced.problems
    )
    return dataclasses.replace(coerced, problems=tuple(problems)) if coerced.problems else coerced


def described(coerced: Coerced) -> Coerced:
    """Return a column whose invalid cells are missing, with its traits."""
    if coerced.problems:
        rows = np.concatenate([problem.rows for problem in coerced.problems])
        coerced = dataclasses.replace(coerced, text=without(coerced.text, rows))
    return dataclasses.replace(coerced, traits=traits_of(coerced))


def encode_prepared(
    batch: Prepared, types: JsonTypes, options: Options, kind: Kind, memory: Memory | None
) -> Encoded:
    """Return a prepared batch as lines, now that each property's JSON type is settled."""
    absent = Coerced(pa.nulls(len(batch.rows), TEXT), NOTHING, plain=True)
    parts = []
    for name, json_type in sorted(types.items()):
        found = batch.properties.get(name, absent)
        parts.append(PropertyText(name, found.text, json_type == "string", found.plain))
    company = None if batch.company is None else batch.company.text
    lines = encode(kind, batch.id.text, company, parts, options.nulls)
    columns = [(settings.ID_NAMES[kind], batch.id), *batch.properties.items()]
    if batch.company is not None:
        columns.insert(1, (COMPANY, batch.company))
    problems = [(name, problem) for name, coerced in columns for problem in coerced.problems]
    problems += [("", problem) for problem in too_large(lines, options.file_bytes, batch)]
    reports = [report(name, problem, batch) for name, problem in problems]
    valid_ids = batch.id.text
    rows = batch.rows
    mask = None
    valid = np.ones(len(lines), bool)
    if problems:
        for _, problem in problems:
            valid[problem.rows] = False
        mask = pa.array(valid)
        lines, rows, valid_ids = lines.filter(mask), rows.filter(mask), valid_ids.filter(mask)
    comparison = None
    if memory is not None and options.only_changed:
        sent = sent_columns(batch, types, options.nulls == "send", mask)
        comparison = memory.compare(of_columns(valid_ids, sent, memory.salt))
    erased = {part.name: gaps(part.text, mask) for part in parts} if options.nulls == "send" else {}
    whole = batch.rows, as_text(batch.id.text), valid
    return Encoded(lines, rows, hashes(valid_ids), reports, *whole, comparison, erased)


def gaps(text: pa.Array, mask: pa.Array | None) -> int:
    """Return how many values are missing, of a mask in the rows that it has."""
    count: int = (text if mask is None or not text.null_count else text.filter(mask)).null_count
    return count


def sent_columns(
    batch: Prepared, types: JsonTypes, sends_null: bool = False, mask: pa.Array | None = None
) -> Iterator[Column]:
    """Yield what the rows of a batch send, column by column; of a mask the rows that it has."""
    absent = pa.nulls(len(batch.rows), TEXT)
    texts = [] if batch.company is None else [Column(NO_NAME, "string", batch.company.text)]
    for name, json_type in types.items():
        if name in batch.properties:
            texts.append(Column(name, json_type, batch.properties[name].text, sends_null))
        elif sends_null:
            texts.append(Column(name, json_type, absent, sends_null))
    for column in texts:
        yield column if mask is None else dataclasses.replace(column, text=column.text.filter(mask))


def too_large(lines: pa.ChunkedArray, limit: int, batch: Prepared) -> tuple[Problem, ...]:
    """Return the problems of records that do not fit into a request."""
    offsets = [text_buffers(part)[1] for part in lines.chunks]
    if all(part[-1] - part[0] <= limit for part in offsets):
        return ()
    rows: Rows = np.flatnonzero(np.concatenate([np.diff(part) for part in offsets]) > limit)
    return tuple(
        Problem(rows[at : at + 1], "record_too_large", longest(row, limit, batch))
        for at, row in enumerate(rows)
    )


def longest(row: int, limit: int, batch: Prepared) -> str:
    """Return the message for a record that is too large: which property is the longest in it."""
    sizes = {name: len(str(coerced.text[row].as_py() or "")) for name, coerced in batch.properties.items()}
    name = max(sizes, key=sizes.__getitem__, default=None)
    if name is None:
        return f"The record alone is larger than a request may be ({limit:,} bytes)."
    return filled(cut_long(name, limit), batch.origins[name])


def report(name: str, problem: Problem, batch: Prepared) -> Report:
    at = pa.array(problem.rows, pa.int64())
    rows = batch.rows.take(at)
    ids_there = batch.id.text.take(at).to_pylist()
    return Report(rows["position"].to_pylist(), labels(rows), ids_there, name, problem.code, problem.message)
