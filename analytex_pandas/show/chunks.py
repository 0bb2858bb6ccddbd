"""The chunks of a push: a strip with one mark a chunk, its legend, and the lines of the jobs table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.marks import URGENCY, Mark, chunk_mark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytex_pandas.delivery.state import ChunkState

MAX_CELLS: Final = 1_000
"""Marks in a strip; pushes of more chunks show several of them in one mark."""

JOB_COLUMNS: Final = ("Chunk", "State", "Rows", "Processed", "Refused", "Sent", "Took", "Tries", "Job")


@dataclass(frozen=True, slots=True)
class Strip:
    """Every chunk at a glance.

    Attributes
    ----------
    cells : tuple of Mark
        In the order of the chunks, at most ``MAX_CELLS``.
    chunks_per_cell : int
        How many chunks a mark stands for; the one that most asks for attention is shown.
    legend : tuple of (Mark, int)
        Each mark that occurs, with its number of chunks.
    """

    cells: tuple[Mark, ...]
    chunks_per_cell: int
    legend: tuple[tuple[Mark, int], ...]


def strip(chunks: Sequence[ChunkState], max_cells: int = MAX_CELLS) -> Strip:
    """Return the strip of the chunks."""
    statuses = [chunk.status for chunk in chunks]
    mark_of = {status: chunk_mark(status) for status in set(statuses)}
    marks = [mark_of[status] for status in statuses]
    legend = [(mark_of[status], count) for status, count in Counter(statuses).items()]
    legend.sort(key=lambda entry: (-_urgency(entry[0]), entry[0].word))
    together = max(1, ceil(len(marks) / max_cells))
    cells = (
        marks
        if together == 1
        else [min(marks[at : at + together], key=_urgency) for at in range(0, len(marks), together)]
    )
    return Strip(tuple(cells), together, tuple(legend))


def _urgency(mark: Mark) -> int:
    return URGENCY.index(mark.character)


def job_lines(chunks: Sequence[ChunkState], now: datetime) -> list[tuple[str, ...]]:
    """Return the cells of ``JOB_COLUMNS`` for each chunk."""
    return [_job_line(chunk, now) for chunk in chunks]


def _job_line(chunk: ChunkState, now: datetime) -> tuple[str, ...]:
    sent = words.clock(chunk.submitted_at, now) if chunk.submitted_at else ""
    took = ""
    if chunk.submitted_at:
        took = words.duration(((chunk.ended_at or now) - chunk.submitted_at).total_seconds())
    refused = words.number(chunk.refused)
    if chunk.unknown:
        refused += f" + {words.number(chunk.unknown)} unknown"
    return (
        str(chunk.number),
        str(chunk_mark(chunk.status)),
        words.number(chunk.rows),
        "" if chunk.completed_rows is None else words.number(chunk.completed_rows),
        refused if chunk.refused or chunk.unknown else "",
        sent,
        took,
        str(chunk.attempts) if chunk.attempts else "",
        chunk.job_id or "",
    )
