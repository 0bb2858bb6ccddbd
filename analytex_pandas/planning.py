"""From data to a plan on disk: the source opened, the records spooled, all of it written into one document."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.delivery.kept import ids_of
from analytex_pandas.delivery.spool import Spool
from analytex_pandas.engines.staging import staged_draft
from analytex_pandas.engines.streaming import open_source
from analytex_pandas.errors import ValidationError, translated
from analytex_pandas.frame.columns import RawBatch
from analytex_pandas.frame.document import PlanDocument, document_of
from analytex_pandas.frame.draft import Draft
from analytex_pandas.frame.duplicates import SENT
from analytex_pandas.frame.memory import Memory
from analytex_pandas.frame.ndjson import Chunker, ChunkSize, lines_of, records
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.places import source_name
from analytex_pandas.frame.record_files import bytes_of_files, draft_of_files, record_files
from analytex_pandas.frame.settling import draft
from analytex_pandas.frame.sources import Source
from analytex_pandas.frame.strangers import named
from analytex_pandas.settings import Kind

Watched = Callable[["Iterator[RawBatch]", "int | None"], "Iterator[RawBatch]"]
"""Yields batches of so many rows in all, if that is known, and shows how far it is."""
BYTES_A_CELL = 24
"""Bytes of NDJSON that a cell takes, name and all, where nothing better is known."""


def planned(
    data: Any,
    kind: Kind,
    options: Options,
    spool: Spool,
    *,
    memory: Memory | None = None,
    watched: Watched | None = None,
    of_files: bool = False,
    called: str = "This input",
) -> PlanDocument:
    """Write the records of `data` into a spool, which bears the plan's id, and return the plan.

    `memory` is what the account has acknowledged, where that is known; `watched` shows how far the reading is, but
    `of_files` of records, which takes seconds a million; an error calls the data `called`.
    """
    with translated(f"{called} ({named(data)}) cannot be planned"):
        plan_id = spool.directory.name.removeprefix(".")
        if of_files:
            files = record_files(data)
            spool.check_room(bytes_of_files(files))
            outcome = draft_of_files(files, options, kind, spool, memory)
        elif options.staging is None:
            outcome = read_here(data, kind, options, spool, memory=memory, watched=watched)
        else:
            outcome = staged_draft(data, options, kind, spool, plan_id=plan_id, memory=memory)
        spool.drop_spilled()
        # What is left out as unchanged is more each time; what it is left out of is the same.
        drafted = f"{outcome.drafted or spool.drafted} {options.duplicates}"
        digest = drafted if options.only_changed else spool.digest
        source = data.name if isinstance(data, Source) else source_name(data)
        return document_of(outcome, plan_id, kind, options, digest=digest, source=source)


def read_here(
    data: Any, kind: Kind, options: Options, spool: Spool, *, memory: Memory | None, watched: Watched | None
) -> Draft:
    """Read data into a spool, on this machine."""
    with closing(open_source(data)) as opened:
        source = opened
        if watched is not None:
            source = replace(opened, batches=lambda: watched(opened.batches(), opened.rows))
        cells = (source.rows or 0) * len(source.fields or ())
        spool.check_room(cells * BYTES_A_CELL + source.bytes_hint)
        # A thread a core that this process may use, as far as the source allows.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return draft(source, options, kind, spool, workers=min(cores, source.workers), memory=memory)


def replanned(
    fixed: Any, parent: PlanDocument, rows: pa.Table, lines: Sequence[bytes], spool: Spool
) -> PlanDocument:
    """Return the plan of sending rows again as `fixed` has them, by their ids, each with the position it had first.

    `rows` and `lines` say where they came from, and what was sent of them; `spool` bears the id of the plan.
    """
    id_name = settings.ID_NAMES[parent.kind]
    places = {name: place for place, name in enumerate(ids_of(lines, parent.kind))}
    options = replace(
        parent.options, canary=0, invalid="raise", only_changed=False, strict=False, staging=None
    )
    document = planned(fixed, parent.kind, options, spool, called="What is in fixed")
    unsendable = document.invalid[document.invalid["id"].isin(places)]
    if len(unsendable):
        raise ValidationError(
            f"{unsendable['position'].nunique():,} of the fixed rows cannot be sent, so nothing was. The first: "
            f"{unsendable['message'].iloc[0]} See .report for all.",
            unsendable.reset_index(drop=True),
        )
    chunks = only_ids(spool, document, places, rows, id_name)
    sent = sum(size.rows for size in chunks)
    if not sent:
        raise ValidationError(
            f"None of the ids in fixed is among the {len(places):,} rows to retry; push.failed has those. "
            "A row is found by its id, so that has to stay as it was."
        )
    return replace(document.again(chunks, spool.digest), index_names=parent.index_names)


def only_ids(
    spool: Spool, document: PlanDocument, places: Mapping[str | None, int], rows: pa.Table, id_name: str
) -> list[ChunkSize]:
    """Keep the records of some ids in a spool, with where their rows came from first; return its chunks."""
    chunker = Chunker(document.options.chunk_rows, document.options.file_bytes, spool.write_chunk)
    spool.input.drop()
    for size in document.chunks:
        lines = lines_of(spool.read_chunk(size.number))
        found = [places.get(record[id_name], -1) for record in records(lines)]
        wanted = rows.take(pa.array([place for place in found if place >= 0], pa.int64()))
        kept = lines.filter(pa.array([place >= 0 for place in found]))
        chunker.add(kept, wanted)
        spool.input.add(wanted, pa.array([record[id_name] for record in records(kept)], pa.large_string()))
    chunker.close()
    spool.input.end(np.full(sum(size.rows for size in chunker.sizes), SENT, np.int8))
    for size in document.chunks[len(chunker.sizes) :]:
        spool.delete_chunk(size.number)
    return chunker.sizes
