"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery.state import SETTLED
from analytex_pandas.show import words
from analytex_pandas.show.words import URGENCY, Mark, Tone, chunk_mark, push_mark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytex_pandas.delivery.state import ChunkState, PushState


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the progress bar: its word, its tone, its share of the whole (0 to 1)."""

    word: str
    tone: Tone
    share: float


@dataclass(frozen=True)
class Snapshot:
    """A push at the moment `now`, in whose zone times are told, in numbers (rows) and in words.

    `rates` are rows a second in equal stretches since the start, see ``RateHistory``. Words are empty where there is
    nothing to say.
    """

    state: PushState
    now: datetime
    rates: tuple[float, ...] = ()

    @property
    def acknowledged(self) -> int:
        return self.state.counts["acknowledged"]

    @property
    def refused(self) -> int:
        return self.state.counts["refused"]

    @property
    def unknown(self) -> int:
        return self.state.counts["unknown"]

    @property
    def to_go(self) -> int:
        return self.state.counts["pending"] + self.state.counts["in_flight"]

    @property
    def total(self) -> int:
        """What this push sends: acknowledged, refused, unknown and to go."""
        return self.acknowledged + self.refused + self.unknown + self.to_go

    @cached_property
    def processed(self) -> int:
        """Those of the rows to go that are done with in the job that runs, though not answered for yet."""
        return rows_processed(self.state)

    @property
    def share(self) -> float:
        """What is done with of the total, 0 to 1."""
        if not self.total:
            return float(self.state.done)
        return (self.total - self.to_go + self.processed) / self.total

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The stretches of the progress bar."""
        stretches: tuple[tuple[str, Tone, int], ...] = (
            ("acknowledged", "ok", self.acknowledged),
            ("refused", "bad", self.refused),
            ("unknown", "warn", self.unknown),
            ("processed", "busy", self.processed),
        )
        return tuple(Segment(word, tone, rows / self.total) for word, tone, rows in stretches if rows)

    @property
    def mark(self) -> Mark:
        return push_mark(self.state.status)

    @property
    def title(self) -> str:
        return words.count(self.total, words.NOUNS.get(self.state.kind, "row"))

    @property
    def percent(self) -> str:
        return words.percent(self.share)

    @property
    def rows_in_words(self) -> str:
        """The rows by what became of them, in one line."""
        unknown = f"{words.number(self.unknown)} unknown, " if self.unknown else ""
        return (
            f"{words.number(self.acknowledged)} acknowledged, {words.number(self.refused)} refused, "
            f"{unknown}{words.number(self.to_go)} to go"
        )

    @property
    def time_in_words(self) -> str:
        """Pace, time left and end in one line; the time it took once it is over."""
        state = self.state
        if state.done:
            ended = state.ended_at or self.now
            took = None if state.started_at is None else (ended - state.started_at).total_seconds()
            return "" if took is None else f"took {words.duration(took)}"
        parts = [] if state.rate is None else [words.rate(state.rate)]
        if state.estimated_end is not None and not self.pausing:
            left = (state.estimated_end - self.now).total_seconds()
            parts.append(f"{words.duration(left)} left, until {words.clock(state.estimated_end, self.now)}")
        return ", ".join(parts)

    @property
    def sparkline(self) -> str:
        return sparkline(self.rates)

    @property
    def activity(self) -> str:
        return "" if self.state.done else self.state.activity or self.mark.word

    @property
    def left_out(self) -> str:
        """Rows of the input that are not sent."""
        return words.left_out(self.state.counts)

    @property
    def hint(self) -> str:
        """What the user can do next; empty while all goes its way."""
        come_back = f"apd.resume({self.state.id!r})"
        if self.state.status == "completed_with_errors":
            parts = []
            if self.refused:
                parts.append("push.errors lists the refused rows, push.retry() sends them again.")
            if self.unknown:
                parts.append("push.retry(unknown=True) sends the rows again of which no answer is known.")
            return " ".join(parts)
        return {
            "failed": f"Once that is mended, {come_back} sends the rest.",
            "cancelled": f"{come_back} sends the rest.",
            "interrupted": f"{come_back} carries on where it stopped.",
            "paused": "push.unpause() goes on.",
        }.get(self.state.status, "")

    @cached_property
    def strip(self) -> Strip:
        return strip(self.state.chunks)

    @property
    def pausing(self) -> bool:
        return self.state.status == "paused" or self.state.pausing

    @property
    def can_cancel(self) -> bool:
        return not self.state.done and not self.state.cancelling

    @property
    def can_pause(self) -> bool:
        return self.can_cancel and not self.pausing

    @property
    def can_go_on(self) -> bool:
        return self.can_cancel and self.pausing

    @property
    def can_retry(self) -> bool:
        return self.state.done and self.refused > 0


def rows_done(state: PushState) -> int:
    """Return the rows that are done with, those processed in the running job included."""
    counts = state.counts
    return counts["acknowledged"] + counts["refused"] + counts["unknown"] + rows_processed(state)


def rows_processed(state: PushState) -> int:
    """Return the rows that are done with in a job that still runs."""
    if not state.counts["in_flight"]:
        return 0
    return sum(chunk.progress for chunk in state.chunks if chunk.status not in SETTLED)


MAX_CELLS: Final = 1_000
"""Marks in a strip; pushes of more chunks show several of them in one mark."""

CHUNK_COLUMNS: Final = ("Chunk", "State", "Rows", "Processed", "Refused", "Sent", "Took", "Tries", "Job")


@dataclass(frozen=True, slots=True)
class Strip:
    """Every chunk at a glance: at most ``MAX_CELLS`` marks, each for several chunks where there are more.

    Of several the one is shown that most asks for attention; the legend counts the chunks of each mark.
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
    if together > 1:
        marks = [min(marks[at : at + together], key=_urgency) for at in range(0, len(marks), together)]
    return Strip(tuple(marks), together, tuple(legend))


def _urgency(mark: Mark) -> int:
    return URGENCY.index(mark.character)


def chunk_line(chunk: ChunkState, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``CHUNK_COLUMNS`` for a chunk."""
    sent = took = ""
    if chunk.submitted_at:
        sent = words.clock(chunk.submitted_at, now)
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


CAPACITY: Final = 64
BLOCKS: Final = "▁▂▃▄▅▆▇█"


class RateHistory:
    """Rows answered over time: at most ``CAPACITY`` points, thinned out as the push grows longer."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._spacing = 0.0

    def __len__(self) -> int:
        return len(self._points)

    def add(self, seconds: float, rows: float) -> None:
        """Note how many rows are answered at a time (in seconds of any steady clock)."""
        points = self._points
        # The newest point moves along until it is a spacing away from the one before: the end is exact.
        if len(points) > 1 and points[-1][0] - points[-2][0] < self._spacing:
            points[-1] = (seconds, rows)
        else:
            points.append((seconds, rows))
        if len(points) > CAPACITY:
            self._points = points[::2] if len(points) % 2 else [*points[::2], points[-1]]
            span = self._points[-1][0] - self._points[0][0]
            self._spacing = max(2 * self._spacing, span / CAPACITY)

    def rates(self, buckets: int = 24) -> tuple[float, ...]:
        """Return rows per second in ``buckets`` equal stretches from first to last point, oldest first."""
        points = self._points
        if len(points) < 2 or points[-1][0] <= points[0][0]:  # noqa: PLR2004  # a stretch has two ends
            return ()
        start, step = points[0][0], (points[-1][0] - points[0][0]) / buckets
        totals = _interpolated(points, [start + step * place for place in range(buckets + 1)])
        return tuple(max(0.0, (after - before) / step) for before, after in pairwise(totals))


def _interpolated(points: list[tuple[float, float]], times: list[float]) -> list[float]:
    """Return the rows answered at each of the rising times, on straight lines between the points."""
    values = []
    right = 1
    for time in times:
        while right < len(points) - 1 and points[right][0] < time:
            right += 1
        (time_0, rows_0), (time_1, rows_1) = points[right - 1], points[right]
        weight = 1.0 if time_1 <= time_0 else min(1.0, max(0.0, (time - time_0) / (time_1 - time_0)))
        values.append(rows_0 + weight * (rows_1 - rows_0))
    return values


def sparkline(rates: tuple[float, ...]) -> str:
    """Return the rates as a line of blocks, the highest one full."""
    highest = max(rates, default=0.0)
    if highest <= 0:
        return BLOCKS[0] * len(rates)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(value / highest * len(BLOCKS)))] for value in rates)
