"""From data to a plan on disk: the options checked, the source opened, the spool written, the whole bound together."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import secrets
import shutil
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.delivery.locks import plan_lock
from analytex_pandas.delivery.spool import Scratch, Spool, private
from analytex_pandas.errors import AnalytexError, ValidationError, empty_report, translated
from analytex_pandas.frame.draft import draft
from analytex_pandas.frame.ndjson import Chunker, lines_of, records
from analytex_pandas.frame.options import checked
from analytex_pandas.frame.plan import Plan, document_of
from analytex_pandas.frame.strangers import named
from analytex_pandas.readers import read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from analytex_pandas.delivery.locks import DriverLock
    from analytex_pandas.frame.columns import RawBatch
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.frame.fingerprints import Memory
    from analytex_pandas.frame.ndjson import ChunkSize
    from analytex_pandas.frame.options import Options
    from analytex_pandas.frame.plan import Effects
    from analytex_pandas.frame.sources import Source
    from analytex_pandas.settings import Kind

Watched = Callable[["Iterator[RawBatch]", "int | None"], "Iterator[RawBatch]"]
"""Yields batches of so many rows in all, if that is known, and shows how far it is."""
BYTES_A_CELL = 24
"""Bytes of NDJSON that a cell takes, name and all, where nothing better is known."""


def make_plan(
    data: Any,
    kind: Kind,
    options: Options,
    effects: Effects,
    *,
    memory: Memory | None = None,
    place: Path | None = None,
    watched: Watched | None = None,
) -> Plan:
    """Return the plan of a push of `data`; see :func:`analytex_pandas.plan_users`.

    Its records wait in the state directory, or below `place`. `memory` is what the account has acknowledged, where
    that is known; `watched` shows how far the reading is.
    """
    with translated(f"This input ({named(data)}) cannot be planned"):
        source = read_source(data)
        if watched is not None:
            every, show = source.batches, watched
            source = dataclasses.replace(source, batches=lambda: show(every(), source.rows))
        plan_id = new_id()
        state = settings.private_directory(settings.state_directory())
        sweep(state)
        owner = plan_lock(state, plan_id)
        owner.acquire()
        spool = spool_of(plan_id) if place is None else Spool(place / f".{plan_id}")
        scratch = Scratch(spool.directory)
        try:
            spool.check_room(expected_bytes(source))
            outcome = draft(source, options, kind, spool, scratch, workers(source), memory)
            document = document_of(outcome, plan_id, kind, options)
        except BaseException:
            scratch.delete()
            drop(spool, owner)
            raise
    scratch.delete()
    plan = Plan(document, spool, effects)
    weakref.finalize(plan, drop_unpushed, spool, owner, plan.taken)
    return plan


def new_id() -> str:
    """Return an id for a plan and its push: sorts by time, says when it began (UTC), is never given twice."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def spool_of(plan_id: str) -> Spool:
    """Return the spool of a plan or push on this machine."""
    return Spool(settings.state_directory() / "spool" / plan_id)


def workers(source: Source) -> int:
    """Return how many threads coerce and encode: one a core this process may use, as far as the source allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, source.workers)


def expected_bytes(source: Source) -> int:
    """Return about how many bytes the spool of a source will take."""
    cells = (source.rows or 0) * len(source.fields or ())
    return cells * BYTES_A_CELL + source.bytes_hint


def drop_unpushed(spool: Spool, owner: DriverLock, taken: list[str]) -> None:
    """Delete what a plan that nobody pushed has left on disk."""
    if taken:
        owner.release()
    else:
        drop(spool, owner)


def drop(spool: Spool, owner: DriverLock) -> None:
    """Delete a spool and give back its lock."""
    spool.delete()
    owner.release()


def sweep(state: Path) -> None:
    """Delete the spools of plans whose process died before it could; pushes keep theirs."""
    directories = list((state / "spool").glob("*")) if (state / "spool").is_dir() else []
    orphans = [path for path in directories if plan_lock(state, path.name).is_free()]
    if not orphans:
        return
    from analytex_pandas.delivery.journal import Journal  # needed only where something was left
    from analytex_pandas.delivery.ledger import push_ids  # needed only where something was left

    journal = Journal(state)
    pushed = set(push_ids(journal)) if journal.exists() else set()
    for path in [path for path in orphans if path.name not in pushed]:
        shutil.rmtree(path, ignore_errors=True)


def export(plan: Plan, directory: str | Path) -> list[Path]:
    """Write a plan's chunks as NDJSON files into a directory and return their paths."""
    paths = free_paths(plan, directory)
    for path, size in zip(paths, plan.document.chunks, strict=True):
        with open(path, "xb", opener=private) as file:  # needs an opener
            file.write(plan.store.read_chunk(size.number))
    return paths


def write_ndjson(
    data: Any,
    directory: Path,
    kind: Kind,
    options: Options,
    effects: Effects,
    *,
    memory: Memory | None = None,
    watched: Watched | None = None,
) -> list[Path]:
    """Write the records of `data` as NDJSON files into a directory and return their paths.

    The chunks are spooled beside where they go and then moved, so that each byte is written once.
    """
    plan = make_plan(data, kind, options, effects, memory=memory, place=directory, watched=watched)
    spool = Spool(directory / f".{plan.id}")
    try:
        plan.check()
        paths = free_paths(plan, directory)
        for path, size in zip(paths, plan.document.chunks, strict=True):
            spool.chunk_path(size.number).rename(path)
    finally:
        spool.delete()  # at once: whoever holds the error would keep the plan, and its files, alive
    return paths


def free_paths(plan: Plan, directory: str | Path) -> list[Path]:
    """Return where the chunks of a plan go, if nothing stands there yet."""
    target: Path = checked("directory", directory)
    paths = [target / f"{plan.kind}-{size.number:05d}.ndjson" for size in plan.document.chunks]
    there = [path for path in paths if path.exists()]
    if there:
        raise AnalytexError(
            f"{str(there[0])!r} exists already; name an empty directory, or delete what is there."
        )
    return paths


def remake_plan(
    fixed: Any, parent: PlanDocument, rows: pa.Table, lines: Sequence[bytes], spool: Spool
) -> PlanDocument:
    """Return the plan of sending rows again as `fixed` has them, each with the position it had first.

    Parameters
    ----------
    fixed : pandas.DataFrame or other source
        Rows by their ids; those whose id is not among `lines` are left alone.
    parent : PlanDocument
        The plan that the rows come from; it was made with the options that count here too.
    rows, lines : pyarrow.Table, sequence of bytes
        Where the rows came from, and what was sent of them.
    spool : Spool
        Where the records go; its directory bears the id of the plan.

    Raises
    ------
    ValidationError
        If `fixed` has none of the rows, or some of them that cannot be sent.
    """
    id_name = "user_id" if parent.kind == "users" else "company_id"
    places = {json.loads(line)[id_name]: place for place, line in enumerate(lines)}
    scratch = Scratch(spool.directory)
    options = dataclasses.replace(parent.options, canary=0, invalid="raise", only_changed=False, strict=False)
    try:
        with translated(f"What is in fixed ({named(fixed)}) cannot be planned"):
            source = read_source(fixed)
            outcome = draft(source, options, parent.kind, spool, scratch, workers(source))
        document = document_of(outcome, spool.directory.name, parent.kind, options)
        unsendable = document.invalid[document.invalid["id"].isin(places)]
        if len(unsendable):
            raise ValidationError(
                f"{unsendable['position'].nunique():,} of the fixed rows cannot be sent, so nothing was. The first: "
                f"{unsendable['message'].iloc[0]} See .report for all.",
                unsendable.reset_index(drop=True),
            )
        chunks = only_ids(spool, document, places, rows, id_name)
    finally:
        scratch.delete()
    sent = sum(size.rows for size in chunks)
    if not sent:
        raise ValidationError(
            f"None of the ids in fixed is among the {len(places):,} rows to retry; push.failed has those. "
            "A row is found by its id, so that has to stay as it was."
        )
    counts = {"input": sent, "invalid": 0, "duplicate": 0, "unchanged": 0, "to_send": sent}
    return dataclasses.replace(
        document, counts=counts, chunks=tuple(chunks), invalid=empty_report(), index_names=parent.index_names
    )


def only_ids(
    spool: Spool, document: PlanDocument, places: Mapping[str, int], rows: pa.Table, id_name: str
) -> list[ChunkSize]:
    """Keep the records of some ids in a spool, with where their rows came from first; return its chunks."""
    chunker = Chunker(document.options.chunk_rows, document.options.file_bytes, spool.write_chunk)
    for size in document.chunks:
        lines = lines_of(spool.read_chunk(size.number))
        found = [places.get(record[id_name], -1) for record in records(lines)]
        wanted = [place for place in found if place >= 0]
        chunker.add(
            lines.filter(pa.array([place >= 0 for place in found])), rows.take(pa.array(wanted, pa.int64()))
        )
    chunker.close()
    for size in document.chunks[len(chunker.sizes) :]:
        spool.delete_chunk(size.number)
    return chunker.sizes
