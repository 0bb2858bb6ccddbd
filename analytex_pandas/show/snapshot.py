"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import numpy as np

from analytex_pandas.show import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.show.words import Mark


class Snapshot:
    """A push at the moment `now`, in whose zone times are told, in numbers (rows) and in words.

    `rates` are rows a second in equal stretches since the start, see ``RateHistory``. Words are empty where there is
    nothing to say.
    """

    def __init__(self, state: PushState, now: datetime, rates: Sequence[float] = ()) -> None:
        self.state, self.now, self.rates = state, now, rates
        counts = state.counts
        self.tiles = {
            words.ACKNOWLEDGED: counts["acknowledged"],
            words.REFUSED: counts["refused"],
            words.UNKNOWN: counts["unknown"],
            words.TO_GO: counts["pending"] + counts["in_flight"],
        }
        """The rows of this push by what became of them."""
        self.acknowledged, self.refused, self.unknown, self.to_go = self.tiles.values()
        self.total = sum(self.tiles.values())
        self.rows_done = sum(chunk.progress for chunk in state.chunks)
        self.processed = self.rows_done + self.to_go - self.total
        """Those of the rows to go that are done with in the job that runs, though not answered for yet."""
        self.share = self.rows_done / self.total if self.total else float(state.done)
        """What is done with of the total, 0 to 1."""
        bar = self.tiles | {words.TO_GO: 0, words.PROCESSED: self.processed}
        self.segments = {mark: rows for mark, rows in bar.items() if rows}
        """The stretches of the progress bar, in rows of the total."""

        self.mark = words.mark(state.status, words.PUSH_MARKS)
        self.title = words.count(self.total, words.NOUNS.get(state.kind, "row"))
        self.percent = words.percent(self.share)
        self.rows_in_words = ", ".join(
            f"{words.number(rows)} {mark.word}"
            for mark, rows in self.tiles.items()
            if rows or mark is not words.UNKNOWN
        )
        self.activity = "" if state.done else state.activity or self.mark.word
        self.left_out = words.left_out(counts)
        """Rows of the input that are not sent."""

        pausing = state.status == "paused" or state.pausing
        self.can_cancel = not state.done and not state.cancelling
        self.can_pause = self.can_cancel and not pausing
        self.can_go_on = self.can_cancel and pausing
        self.can_retry = state.done and self.refused > 0
        self.time_in_words = time_in_words(state, now, end_known=not pausing)

    @property
    def hint(self) -> str:
        """What the user can do next; empty while all goes its way."""
        come_back = f"apd.resume({self.state.id!r})"
        ways = {
            "push.errors lists the refused rows, push.retry() sends them again.": self.refused,
            "push.retry(unknown=True) sends the rows again of which no answer is known.": self.unknown,
        }
        hints = {
            "completed_with_errors": " ".join(way for way, rows in ways.items() if rows),
            "failed": f"Once that is mended, {come_back} sends the rest.",
            "cancelled": f"{come_back} sends the rest.",
            "interrupted": f"{come_back} carries on where it stopped.",
            "paused": "push.unpause() goes on.",
        }
        return hints.get(self.state.status, "")


def time_in_words(state: PushState, now: datetime, *, end_known: bool) -> str:
    """Return pace, time left and end in one line; the time it took once it is over."""
    if state.done:
        if state.started_at is None:
            return ""
        return f"took {words.duration(((state.ended_at or now) - state.started_at).total_seconds())}"
    # in rows a minute, as the service's own limit is
    parts = [] if state.rate is None else [f"{words.number(state.rate * words.MINUTE)} rows/min"]
    if state.estimated_end is not None and end_known:
        left = words.duration((state.estimated_end - now).total_seconds())
        parts.append(f"{left} left, until {words.clock(state.estimated_end, now)}")
    return ", ".join(parts)


MAX_CELLS: Final = 1_000
"""Marks in a strip; pushes of more chunks show several of them in one mark."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Every chunk at a glance: at most ``MAX_CELLS`` marks, each for several chunks where there are more.

    Of several the one is shown that most asks for attention; the legend counts the chunks of each mark.
    """

    cells: tuple[Mark, ...]
    chunks_per_cell: int
    legend: tuple[tuple[Mark, int], ...]


def strip(chunks: Sequence[ChunkState], max_cells: int = MAX_CELLS) -> Strip:
    marks = [words.mark(chunk.status, words.CHUNK_MARKS) for chunk in chunks]
    legend = sorted(Counter(marks).items(), key=lambda entry: (-entry[0].urgency, entry[0].word))
    together = max(1, ceil(len(marks) / max_cells))
    if together > 1:
        marks = [
            min(marks[at : at + together], key=attrgetter("urgency")) for at in range(0, len(marks), together)
        ]
    return Strip(tuple(marks), together, tuple(legend))


CHUNK_COLUMNS: Final = ("Chunk", "State", "Rows", "Processed", "Refused", "Sent", "Took", "Tries", "Job")


def chunk_line(chunk: ChunkState, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``CHUNK_COLUMNS`` for a chunk."""
    sent = took = ""
    if chunk.submitted_at:
        sent = words.clock(chunk.submitted_at, now)
        took = words.duration(((chunk.ended_at or now) - chunk.submitted_at).total_seconds())
    unknown = f" + {words.number(chunk.unknown)} unknown" if chunk.unknown else ""
    return (
        str(chunk.number),
        str(words.mark(chunk.status, words.CHUNK_MARKS)),
        words.number(chunk.rows),
        "" if chunk.completed_rows is None else words.number(chunk.completed_rows),
        f"{words.number(chunk.refused)}{unknown}" if chunk.refused or unknown else "",
        sent,
        took,
        str(chunk.attempts) if chunk.attempts else "",
        chunk.job_id or "",
    )


CAPACITY: Final = 64
BLOCKS: Final = "▁▂▃▄▅▆▇█"


class RateHistory:
    """Rows answered over time: at most ``CAPACITY`` points, thinned out as the push grows longer."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self._spacing = 0.0

    def add(self, seconds: float, rows: float) -> None:
        """Note how many rows are answered at a time (in seconds of any steady clock)."""
        points = self.points
        # The newest point moves along until it is a spacing away from the one before: the end is exact.
        if len(points) > 1 and points[-1][0] - points[-2][0] < self._spacing:
            points.pop()
        points.append((seconds, rows))
        if len(points) > CAPACITY:
            del points[1:-1:2]
            self._spacing = max(2 * self._spacing, (points[-1][0] - points[0][0]) / CAPACITY)

    def rates(self, buckets: int = 24) -> list[float]:
        """Return rows per second in ``buckets`` equal stretches from first to last point, oldest first."""
        if not self.points or self.points[-1][0] <= self.points[0][0]:
            return []
        times, rows = zip(*self.points, strict=True)
        edges = np.linspace(times[0], times[-1], buckets + 1)
        gained = np.diff(np.interp(edges, times, rows)).clip(min=0)
        rates: list[float] = (gained / (edges[1] - edges[0])).tolist()
        return rates


def sparkline(rates: Sequence[float]) -> str:
    """Return the rates as a line of blocks, the highest one full."""
    highest = max(rates, default=0.0)
    if highest <= 0:
        return BLOCKS[0] * len(rates)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(value / highest * len(BLOCKS)))] for value in rates)
