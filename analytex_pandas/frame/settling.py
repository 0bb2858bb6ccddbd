"""From a source to a plan's chunks: what was read is judged as a whole, and what goes out is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame import duplicates
from analytex_pandas.frame.columns import Mask
from analytex_pandas.frame.draft import Draft, Store, read_lines
from analytex_pandas.frame.duplicates import Fetch
from analytex_pandas.frame.fingerprints import of_lines
from analytex_pandas.frame.labels import POSITION, labels
from analytex_pandas.frame.layout import Report, invalid_table, unsendable
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import Chunker, lines_of, records
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.sources import Source
from analytex_pandas.settings import Kind


def draft(
    source: Source, options: Options, kind: Kind, store: Store, *, workers: int, memory: Memory | None = None
) -> Draft:
    """Read a source into chunks and return what is known of them.

    Raises
    ------
    ValidationError
        If the frame as such cannot be sent: no id column, two properties of one name, a dtype that has no JSON.
    """
    return settled(read_lines(source, options, kind, store, workers=workers, memory=memory), store)


def settled(outcome: Draft, store: Store, fetch: Fetch | None = None) -> Draft:
    """Return a draft of all that was read, when it is settled which of its lines are sent; see ``settle_lines``."""
    check(outcome)
    settle_lines(outcome, store, fetch)
    return outcome


def check(outcome: Draft) -> None:
    """Raise ValidationError for what is wrong with the frame as such."""
    outcome.compare_types()
    if outcome.wrong:
        without_id = outcome.layout is None or outcome.layout.id is None  # then every row lacks one
        raise unsendable(outcome.wrong, invalid_table([] if without_id else outcome.reports))


def settle_lines(outcome: Draft, store: Store, fetch: Fetch | None = None) -> None:
    """Drop equal records, differing ones by policy, and unchanged ones; write the chunks anew where lines fell away.

    With `fetch` the chunks of the draft lie elsewhere: what goes out is fetched from there and written in any case.
    """
    options, kind, memory = outcome.options, outcome.kind, outcome.memory
    lines_at = fetch or partial(fetched, store)
    verdict = duplicates.judge(outcome.hashes, outcome.chunks, lines_at, kind, options.duplicates)
    outcome.hashes = []
    outcome.duplicate = len(verdict.dropped)
    outcome.conflicting = len(verdict.conflicting)
    outcome.invalid += outcome.conflicting
    gone = np.union1d(verdict.dropped, verdict.conflicting)
    same = np.concatenate(outcome.same) if outcome.same else None
    if same is not None:
        same[gone] = False
        outcome.unchanged = int(np.count_nonzero(same))
    store.input.end(duplicates.marked(outcome.valid, verdict, same))
    if fetch is None and not len(gone) and not outcome.unchanged:
        return
    chunker = Chunker(options.chunk_rows, options.file_bytes, store.write_chunk, options.canary)
    outcome.erased = Counter(dict.fromkeys(outcome.erased, 0))
    start = 0
    # a line never moves to a later chunk than it was in, so that each chunk is read before it is written over
    for size in outcome.chunks:
        conflicting = duplicates.within(verdict.conflicting, start, size.rows)
        repeated = duplicates.within(gone, start, size.rows)
        keep = ~repeated if same is None else ~(repeated | same[start : start + size.rows])
        start += size.rows
        wanted = keep | (conflicting if memory is None or same is None else repeated)
        if not wanted.any():
            continue
        lines, rows = lines_at(size.number, wanted)
        mask = pa.array(conflicting[wanted])
        outcome.reports += conflict_reports(lines.filter(mask), rows.filter(mask), kind)
        if same is not None:
            uncounted(outcome, lines.filter(pa.array(repeated[wanted])))
        mask = pa.array(keep[wanted])
        lines = lines.filter(mask)
        outcome.erased.update(nulls_of(lines, outcome.erased))
        chunker.add(lines, rows.filter(mask))
    chunker.close()
    if fetch is None:
        for size in outcome.chunks[len(chunker.sizes) :]:
            store.delete_chunk(size.number)
    outcome.chunks = chunker.sizes


def fetched(store: Store, number: int, wanted: Mask) -> tuple[pa.Array, pa.Table]:
    """Return the wanted lines of a chunk, and where they came from."""
    mask = pa.array(wanted)
    return lines_of(store.read_chunk(number)).filter(mask), store.rows(number).filter(mask)


def nulls_of(lines: pa.Array, names: Iterable[str]) -> dict[str, int]:
    """Return how many of some lines send null, by property; a quote within a text has a backslash before it."""
    keys = {name: json.dumps(name, ensure_ascii=False) for name in names}
    return {
        name: sum(
            pc.sum(pc.count_substring(lines, f"{before}{key}:null"), min_count=0).as_py() for before in "{,"
        )
        for name, key in keys.items()
    }


def uncounted(outcome: Draft, repeated: pa.Array) -> None:
    """Take lines that are sent by another row, or not at all, out of the tallies again."""
    if not len(repeated) or outcome.memory is None:
        return
    found, _ = of_lines(repeated.cast(pa.large_binary()).to_pylist(), outcome.kind, outcome.memory.salt)
    for name, tally in outcome.memory.compare(found).tallies.items():
        outcome.tallies[name] -= tally


def conflict_reports(lines: pa.Array, rows: pa.Table, kind: Kind) -> Iterator[Report]:
    """Yield why rows of one id with different values cannot be sent, if there are any."""
    if not len(lines):
        return
    id_name = settings.ID_NAMES[kind]
    ids: list[Any] = [record[id_name] for record in records(lines)]
    message = (
        "The same id stands in several rows with different values; choose with duplicates='first' or 'last', "
        "or mend the rows."
    )
    yield Report(rows[POSITION].to_pylist(), labels(rows), ids, id_name, "duplicate", message)
