"""The road from a source to chunks: read once, prepare, encode, cut, compare ids. Its disk is handed in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol, TypeVar, cast

import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.errors import code
from analytex_pandas.frame.batch import FIRST_AT, Encoded, Prepared, encode_prepared, prepare
from analytex_pandas.frame.columns import Coerced, Field, Kinds, Mask, RawBatch, Traits, json_type_of
from analytex_pandas.frame.duplicates import Marks
from analytex_pandas.frame.fingerprints import Comparison, Tally, add_tallies
from analytex_pandas.frame.hashing import Hashes
from analytex_pandas.frame.layout import Layout, Report, layout, same, wrong_columns, wrong_names
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import Chunker, ChunkSize
from analytex_pandas.frame.notes import changes_of_type
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.sources import Source
from analytex_pandas.settings import Kind

Item = TypeVar("Item")
Result = TypeVar("Result")


class Input(Protocol):
    """What is kept of every row of the input, whether it is sent or not."""

    def add(self, rows: pa.Table, ids: pa.Array) -> None:
        """Keep where more rows are, and their ids."""

    def end(self, marks: Marks) -> None:
        """Keep what the plan has made of each of them."""


class Sink(Protocol):
    """Where chunks are written to, and what is too much to remember while a source is read."""

    @property
    def input(self) -> Input:
        """Where the rows of the input are kept."""

    def write_chunk(self, number: int, lines: Iterable[pa.Buffer | bytes], rows: pa.Table) -> None:
        """Write one chunk, over one that has that number already."""

    def spill(self, tables: Sequence[pa.Table]) -> None:
        """Keep tables behind those that are there."""

    def spilled(self, count: int) -> Iterator[list[pa.Table]]:
        """Read the tables from the first, as many at a time as were added together."""


class Store(Sink, Protocol):
    """A sink that chunks are read back from."""

    def read_chunk(self, number: int) -> bytes:
        """Return the lines of a chunk."""

    def rows(self, number: int) -> pa.Table:
        """Return where the lines of a chunk came from."""

    def delete_chunk(self, number: int) -> None:
        """Delete a chunk."""


NOTHING_REMEMBERED = "strict: nothing is remembered of this account yet, so there was nothing to compare with"


@dataclass
class Draft:
    """What is known of a plan as its batches pass: columns with their traits, invalid rows, chunks, counts."""

    options: Options
    kind: Kind
    store: Sink
    memory: Memory | None
    layout: Layout | None
    index_names: tuple[Hashable, ...]
    wrong: list[str]
    fields: dict[str, Field] = field(default_factory=dict)
    traits: dict[str, Traits] = field(default_factory=dict)
    kinds: dict[str, Kinds] = field(default_factory=dict)
    id_traits: Traits = Traits()  # noqa: RUF009  # frozen
    company_traits: Traits | None = None
    reports: list[Report] = field(default_factory=list)
    chunks: Sequence[ChunkSize] = ()
    rows: int = 0
    invalid: int = 0
    duplicate: int = 0
    conflicting: int = 0
    unchanged: int = 0
    hashes: list[Hashes] = field(default_factory=list)
    valid: list[Mask] = field(default_factory=list)
    same: list[Mask] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    erased: Counter[str] = field(default_factory=Counter)
    change_notes: Mapping[str, str] = field(default_factory=dict)
    memory_note: str = ""
    drafted: str = ""

    def compared(self, comparison: Comparison | None) -> None:
        if comparison is None:
            return
        self.same.append(comparison.unchanged)
        add_tallies(self.tallies, comparison.tallies)

    def compare_types(self) -> None:
        """Note, or with ``strict`` refuse, properties that the account has not seen, or saw with another type."""
        if self.memory is None or self.wrong:
            return
        self.change_notes = changes_of_type(self.kinds, self.memory.types)
        if self.options.strict and not self.memory.types:
            self.memory_note = NOTHING_REMEMBERED
        if self.options.strict:
            self.wrong += [f"Property {name!r} is {note}" for name, note in self.change_notes.items()]

    def note(self, batch: Prepared) -> None:
        self.id_traits += batch.id.traits
        if batch.company is not None:
            self.company_traits = (self.company_traits or Traits(missing=self.rows)) + batch.company.traits
        elif self.company_traits is not None:
            self.company_traits += Traits(missing=len(batch.rows))
        said = {line.partition(FIRST_AT)[0] for line in self.wrong}
        self.wrong += [line for line in batch.wrong if line.partition(FIRST_AT)[0] not in said]
        for name, coerced in batch.properties.items():
            other = self.fields.get(name, batch.origins[name])
            if not same(other.label, batch.origins[name].label):
                both = [other.label, batch.origins[name].label]
                self.wrong += wrong_names([(code(label), name) for label in both])
            behind = Traits(missing=self.rows) if name not in self.traits else self.traits[name]
            self.fields.setdefault(name, batch.origins[name])
            self.traits[name] = behind + coerced.traits
            self.kinds[name] = self.kinds.get(name, frozenset()) | coerced.kinds
        self.rows += len(batch.rows)
        for name in self.traits.keys() - batch.properties.keys():
            self.traits[name] += Traits(missing=len(batch.rows))

    def drop_empty_parents(self) -> None:
        """Forget columns without any value of which other batches have fields: flattened, those are what it holds."""
        for name in [name for name, kinds in self.kinds.items() if not kinds]:
            label, begin = self.fields[name].label, f"{name}."
            if any(other.startswith(begin) and same(self.fields[other].label, label) for other in self.kinds):
                del self.kinds[name], self.traits[name], self.fields[name]


def read_lines(
    source: Source, options: Options, kind: Kind, store: Sink, *, workers: int, memory: Memory | None = None
) -> Draft:
    """Read a source into chunks: all that can be known without a look at one id twice, or at what was wrong."""
    known, wrong = None, []
    if source.fields is not None:
        known = layout(source.fields, options, kind)
        wrong = wrong_columns(source.fields, known, options, kind)
    outcome = Draft(options, kind, store, memory, known, source.index_names or (None,), wrong)
    if wrong and source.settled:
        # the columns' types belong into the same report; the first batch shows them
        every = source.batches
        source = replace(source, batches=lambda: islice(every(), 1))
    with ThreadPoolExecutor(workers, thread_name_prefix="analytex-encode") as pool:
        read = encoded_at_once if source.settled and known is not None else encoded_when_settled
        return gathered(outcome, read(outcome, source, pool, workers))


def gathered(outcome: Draft, batches: Iterable[Encoded]) -> Draft:
    """Cut batches into chunks."""
    options, store = outcome.options, outcome.store
    chunker = Chunker(options.chunk_rows, options.file_bytes, store.write_chunk, options.canary)
    for encoded in batches:
        outcome.reports += encoded.reports
        outcome.invalid += len(encoded.valid) - len(encoded.lines)
        if not outcome.wrong:
            store.input.add(encoded.input_rows, encoded.input_ids)
            outcome.valid.append(encoded.valid)
            for lines, rows in encoded.parts():
                chunker.add(lines, rows)
            outcome.erased.update(encoded.erased)
            outcome.hashes.append(encoded.hashes)
            outcome.compared(encoded.comparison)
    if not outcome.wrong:
        chunker.close()
    outcome.chunks = chunker.sizes
    return outcome


def encoded_at_once(
    outcome: Draft, source: Source, pool: ThreadPoolExecutor, workers: int
) -> Iterator[Encoded]:
    """Yield the batches of a source whose columns have one JSON type each, as lines."""
    known = cast("Layout", outcome.layout)

    def convert(batch: RawBatch) -> tuple[Prepared, Encoded]:
        prepared = prepare(batch, known, outcome.kind)
        types = {name: json_type_of(coerced.kinds) for name, coerced in prepared.properties.items()}
        encoded = encode_prepared(prepared, types, outcome.options, outcome.kind, outcome.memory)
        # its text is in the lines now, and several batches wait at a time
        return without_text(prepared), encoded

    for prepared, encoded in in_order(pool, convert, source.batches(), workers):
        outcome.note(prepared)
        yield encoded


def encoded_when_settled(
    outcome: Draft, source: Source, pool: ThreadPoolExecutor, workers: int
) -> Iterator[Encoded]:
    """Yield the batches of any source as lines, once the last has shown which JSON type each column has."""
    options, kind, known = outcome.options, outcome.kind, outcome.layout
    seen: dict[Field, None] = {}
    kept: list[Prepared] = []

    def convert(batch: RawBatch) -> Prepared:
        return prepare(batch, known or layout(list(batch.columns), options, kind), kind)

    def noted(batches: Iterator[RawBatch]) -> Iterator[RawBatch]:
        for batch in batches:
            seen.update(dict.fromkeys(batch.columns))
            yield batch

    for prepared in in_order(pool, convert, noted(source.batches()), workers):
        outcome.note(prepared)
        kept.append(put_away(prepared, outcome.store))
    if known is None:
        fields = unique_fields(seen)
        outcome.layout = layout(fields, options, kind)
        outcome.wrong += wrong_columns(fields, outcome.layout, options, kind)
    outcome.drop_empty_parents()
    if len(outcome.fields) > settings.MAX_PROPERTIES:
        outcome.wrong += wrong_names([(code(origin.label), name) for name, origin in outcome.fields.items()])
    if outcome.wrong and (outcome.layout is None or outcome.layout.id is None):
        return
    types = {name: json_type_of(kinds) for name, kinds in outcome.kinds.items()}
    with_company = outcome.company_traits is not None

    def encode(item: tuple[Prepared, list[pa.Table]]) -> Encoded:
        batch = taken_back(*item, with_company=with_company)
        return encode_prepared(batch, types, options, kind, outcome.memory)

    yield from in_order(pool, encode, zip(kept, outcome.store.spilled(2), strict=True), workers)


def unique_fields(seen: Iterable[Field]) -> list[Field]:
    by_label: dict[tuple[Hashable, bool], Field] = {}
    for one in seen:
        by_label.setdefault((one.label, one.is_index), one)
    return list(by_label.values())


def put_away(batch: Prepared, store: Sink) -> Prepared:
    """Write a prepared batch's text away and return the batch without it."""
    columns = {"id": batch.id.text, **({"company": batch.company.text} if batch.company else {})}
    texts = {f"property {name}": coerced.text for name, coerced in batch.properties.items()}
    store.spill([pa.table({**columns, **texts}), batch.rows])
    return replace(without_text(batch), rows=batch.rows.slice(0, 0))


def with_texts(batch: Prepared, text: Callable[[str, Coerced], pa.Array]) -> Prepared:
    """Return a prepared batch with other text in its columns, which are named as those that are put away."""

    def changed(name: str, coerced: Coerced) -> Coerced:
        return replace(coerced, text=text(name, coerced))

    company = changed("company", batch.company) if batch.company else None
    properties = {name: changed(f"property {name}", coerced) for name, coerced in batch.properties.items()}
    return replace(batch, id=changed("id", batch.id), company=company, properties=properties)


def without_text(batch: Prepared) -> Prepared:
    """Return a prepared batch with all that is known of its columns but their values."""
    bare = pa.nulls(0, pa.large_string())
    return with_texts(batch, lambda *_: bare)


def taken_back(batch: Prepared, tables: list[pa.Table], *, with_company: bool) -> Prepared:
    """Return a prepared batch with the text that was written away."""
    texts, rows = tables

    def text(name: str, _: Coerced) -> pa.Array:
        column = texts[name].combine_chunks()
        return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column

    found = with_texts(batch, text)
    if with_company and found.company is None:
        missing = Coerced(pa.nulls(len(rows), pa.large_string()), frozenset(), plain=True)
        found = replace(found, company=missing)
    return replace(found, rows=rows)


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield the results of `work` in the order of the items, never more than a few ahead of what is taken."""
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
