"""Chunks that are not sent yet, cut anew: smaller, or without rows that the service does not take."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.blobs import to_blob
from analytex_pandas.delivery.journal import add_answers
from analytex_pandas.delivery.kept import FATE, REFUSED, joined, kept_rows
from analytex_pandas.delivery.report import Lines, Verdict, located
from analytex_pandas.delivery.spool import Spool, spool_of
from analytex_pandas.delivery.state import UNSENT
from analytex_pandas.errors import INVALID_COLUMNS, ValidationError, typed_table
from analytex_pandas.frame.labels import POSITION, labels
from analytex_pandas.frame.ndjson import Chunker, ChunkSize, lines_of
from analytex_pandas.service.row_errors import parse_report

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.errors import AnalytexError
    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.frame.options import Options

SKIPPED: Final = "skipped"
"""Code of a row that was left out though no answer named it."""
MOST_SHOWN: Final = 20


def note_declined(drive: Drive, error: AnalytexError) -> bool:
    """Write down which rows the service named when it declined a chunk, and say both ways on; False if none."""
    number, document = drive.number, drive.document
    if not isinstance(error, ValidationError) or error.document is None:
        return False
    lines = drive.spool.lines(number)
    chunk = Lines(list(map(json.loads, lines)), document.kind)
    answer = error.document if isinstance(error.document, dict) else {"errors": error.document}
    taught = memory.taught(drive.journal, drive.state.account, document.kind)
    _, found, _ = located(parse_report(answer, failed=True, sent=chunk.sent()), chunk, taught)
    refused = sorted({one.line for one in found if one.line is not None})
    if not refused:
        return False
    rows = drive.spool.rows(number)
    positions, names = rows[POSITION].to_pylist(), labels(rows)
    kept = to_blob(kept_rows(rows, lines, Verdict(refused=tuple(refused))))
    entries = [one.entry(positions, None) for one in found]
    drive.record(lambda it: add_answers(it, drive.id, number, entries, kept), status=drive.chunk.status)
    error.report = typed_table(
        INVALID_COLUMNS,
        [
            {"position": positions[one.line], "index": names[one.line], "id": one.id, "property": one.property,
             "code": one.code, "message": one.message}
            for one in found if one.line is not None
        ],
    )  # fmt: skip
    named = ", ".join(str(positions[line]) for line in refused[:MOST_SHOWN])
    named += f" and {len(refused) - MOST_SHOWN:,} more" if len(refused) > MOST_SHOWN else ""
    words = (
        f"{error} It names the rows at position {named}, which push.errors lists. apd.resume({drive.id!r}, "
        "skip=push.errors['position']) sends the others without them; push.retry(fixed) sends them, mended."
    )
    error.args = (words,)
    return True


def recut(
    journal: Journal, push: PushState, document: PlanDocument, chunk_bytes: int | None, skip: Collection[int]
) -> PlanDocument:
    """Cut all that is not sent yet anew, behind the chunks that there are; return the plan with the new ones.

    The old ones keep the rows to `skip`, by position, as refused, or none; they have no bytes any more, by which one
    knows them. The others lie in the order of the input still, over all chunks. A kill in between leaves the old or
    the new: the new files count only when the journal has them.
    """
    spool = spool_of(journal.directory, push.id)
    unsent = [chunk.number for chunk in push.chunks if chunk.status in UNSENT and chunk.job_id is None]
    left_out = {number: lines_at(spool, number, skip) for number in unsent}
    missing = set(skip).difference(*(places.values() for places in left_out.values()))
    if missing:
        raise ValidationError(
            f"skip=: no row that is still to be sent is at position {min(missing)}. push.errors lists positions; what "
            "is at the service already, or was left out, cannot be skipped. Nothing was changed."
        )
    options = document.options if chunk_bytes is None else replace(document.options, chunk_bytes=chunk_bytes)
    new = cut(spool, left_out, options, len(push.chunks), is_bound=chunk_bytes is not None)
    old = [
        ChunkSize(size.number, len(left_out[size.number]), 0) if size.number in left_out else size
        for size in document.chunks
    ]
    document = replace(document, options=options, chunks=(*old, *new))
    answers = [*answers_of(journal, spool, push.id, left_out)]

    def also(connection: sqlite3.Connection) -> None:
        for (number, *_), errors, kept in answers:
            add_answers(connection, push.id, number, errors, kept)

    journal.recut(push.id, [left for left, *_ in answers], new, document, also)
    for number in unsent:
        spool.delete_chunk(number)
    return document


def lines_at(spool: Spool, number: int, positions: Collection[int]) -> dict[int, int]:
    """Return the lines of a chunk that are at such positions of the input, with these."""
    if not positions:
        return {}
    return {line: at for line, at in enumerate(spool.rows(number)[POSITION].to_pylist()) if at in positions}


def cut(
    spool: Spool, left_out: Mapping[int, Collection[int]], options: Options, last: int, *, is_bound: bool
) -> list[ChunkSize]:
    """Write chunks, but for the lines that are left out of each, into new ones behind the `last`; return these.

    Where the bound of bytes is none that was just asked for, a record that is longer was sent before all the same.
    """

    def write(number: int, lines: Sequence[pa.Buffer], rows: pa.Table) -> None:
        spool.write_chunk(last + number, lines, rows)

    chunker = Chunker(options.chunk_rows, options.file_bytes, write)
    for number, left in left_out.items():
        lines, rows = lines_of(spool.read_chunk(number)), spool.rows(number)
        stays = pa.array([line not in left for line in range(len(lines))])
        lines, rows = lines.filter(stays), rows.filter(stays)
        longest = pc.max(pc.binary_length(lines)).as_py() or 0
        if is_bound and longest > options.file_bytes:
            raise ValidationError(
                f"A record of chunk {number:,} alone has {longest:,} bytes, and chunk_bytes={options.chunk_bytes:,}. "
                "Nothing was changed."
            )
        chunker.max_bytes = max(options.file_bytes, longest)
        chunker.add(lines, rows)
    chunker.close()
    spool.pushed()
    return [ChunkSize(last + size.number, size.rows, size.bytes) for size in chunker.sizes]


def answers_of(
    journal: Journal, spool: Spool, push_id: str, left_out: Mapping[int, Mapping[int, int]]
) -> Iterator[tuple[tuple[int, int, int], list[tuple[object, ...]], bytes | None]]:
    """Yield of each chunk what is left out of it: what is known of that stays.

    As (its number, rows, refused rows), their errors, and the rows that are kept of it.
    """
    columns = ("position", "id", "property", "code", "message", "job_id", "raw")
    every, kept = journal.errors(push_id), journal.kept(push_id)
    for number, left in left_out.items():
        if not left:
            yield (number, 0, 0), [], None
            continue
        named = {None, *left.values()}
        known = [error for error in every if error["chunk"] == number and error["position"] in named]
        told = {error["position"] for error in known}
        errors: list[tuple[object, ...]] = [tuple(error[name] for name in columns) for error in known]
        errors += [
            (at, None, None, SKIPPED, "It was left out by apd.resume(skip=…).", None, "")
            for at in left.values()
            if at not in told
        ]
        rows = kept_rows(spool.rows(number), spool.lines(number), Verdict(refused=tuple(left)))
        if number in kept:  # a retry may have brought them in meanwhile
            before = kept[number].filter(pc.is_in(kept[number][POSITION], value_set=pa.array(left.values())))
            is_new = pc.invert(pc.is_in(rows[POSITION], value_set=before[POSITION].combine_chunks()))
            rows = joined([before, rows.filter(is_new)]).sort_by(POSITION)
        yield (number, len(rows), rows[FATE].to_pylist().count(REFUSED)), errors, to_blob(rows)
