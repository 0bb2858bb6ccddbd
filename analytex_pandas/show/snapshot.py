"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
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

NOUNS: Final = {"users": "user", "companies": "company"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the progress bar: its word, its tone, its share of the whole (0 to 1)."""

    word: str
    tone: Tone
    share: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A push at one moment, in numbers and in words.

    Attributes
    ----------
    total, acknowledged, refused, unknown, to_go, processed : int
        Rows. ``total`` is what this push sends: the sum of the four that follow it; ``processed`` of those to
        go are done with in the job that runs, though not answered for yet.
    share : float
        What is done with of the total, 0 to 1.
    left_out : str
        Rows of the input that are not sent, in words; empty if there are none.
    rate, sparkline, elapsed, left, end : str
        The measured pace, its history as blocks, the time since the start, the time left, the clock time of
        the end; each empty when it is not known.
    hint : str
        What the user can do next; empty while all goes its way.
    """

    id: str
    kind: str
    status: str
    mark: Mark
    done: bool
    title: str
    activity: str
    error: str
    hint: str
    total: int
    acknowledged: int
    refused: int
    unknown: int
    to_go: int
    processed: int
    left_out: str
    share: float
    segments: tuple[Segment, ...]
    rate: str
    sparkline: str
    elapsed: str
    left: str
    end: str
    strip: Strip
    can_pause: bool
    can_go_on: bool
    can_cancel: bool
    can_retry: bool

    @property
    def percent(self) -> str:
        """The share as a percentage."""
        return words.percent(self.share)

    @property
    def rows_in_words(self) -> str:
        """The rows by what became of them, in one line."""
        parts = [f"{words.number(self.acknowledged)} acknowledged", f"{words.number(self.refused)} refused"]
        if self.unknown:
            parts.append(f"{words.number(self.unknown)} unknown")
        parts.append(f"{words.number(self.to_go)} to go")
        return ", ".join(parts)

    @property
    def time_in_words(self) -> str:
        """Pace, time left and end in one line; the time it took once it is over."""
        if self.done:
            return f"took {self.elapsed}" if self.elapsed else ""
        until = f"{self.left} left, until {self.end}" if self.left and self.end else ""
        return ", ".join(part for part in (self.rate, until) if part)


def take(state: PushState, now: datetime, rates: tuple[float, ...] = ()) -> Snapshot:
    """Return the snapshot of a push at `now`, in whose zone times are told.

    `rates` are rows a second in equal stretches since the start, see ``RateHistory``.
    """
    counts = state.counts
    acknowledged, refused, unknown = counts["acknowledged"], counts["refused"], counts["unknown"]
    to_go = counts["pending"] + counts["in_flight"]
    total = acknowledged + refused + unknown + to_go
    processed = rows_processed(state)
    running = not state.done
    pausing = state.status == "paused" or state.pausing
    return Snapshot(
        id=state.id,
        kind=state.kind,
        status=state.status,
        mark=push_mark(state.status),
        done=state.done,
        title=f"{words.count(total, NOUNS.get(state.kind, 'row'))}",
        activity=_activity(state),
        error=state.error or "",
        hint=_hint(state, refused, unknown),
        total=total,
        acknowledged=acknowledged,
        refused=refused,
        unknown=unknown,
        to_go=to_go,
        processed=processed,
        left_out=_left_out(state),
        share=(total - to_go + processed) / total if total else float(state.done),
        segments=_segments(total, acknowledged, refused, unknown, processed),
        rate="" if state.rate is None else words.rate(state.rate),
        sparkline=sparkline(rates),
        elapsed=_elapsed(state, now),
        left=_left(state, now) if running and not pausing else "",
        end=words.clock(state.estimated_end, now) if state.estimated_end and running and not pausing else "",
        strip=strip(state.chunks),
        can_pause=running and not pausing and not state.cancelling,
        can_go_on=running and pausing and not state.cancelling,
        can_cancel=running and not state.cancelling,
        can_retry=state.done and refused > 0,
    )


def rows_done(state: PushState) -> int:
    """Return the rows that are done with, those processed in the running job included."""
    counts = state.counts
    return counts["acknowledged"] + counts["refused"] + counts["unknown"] + rows_processed(state)


def rows_processed(state: PushState) -> int:
    """Return the rows that are done with in a job that still runs."""
    if not state.counts["in_flight"]:
        return 0
    return sum(chunk.progress for chunk in state.chunks if chunk.status not in SETTLED)


def _activity(state: PushState) -> str:
    if state.done:
        return ""
    if state.activity:
        return state.activity
    return push_mark(state.status).word


def _hint(state: PushState, refused: int, unknown: int) -> str:
    come_back = f"apd.resume({state.id!r})"
    if state.status == "completed_with_errors":
        parts = []
        if refused:
            parts.append("push.errors lists the refused rows, push.retry() sends them again.")
        if unknown:
            parts.append("push.retry(unknown=True) sends the rows again of which no answer is known.")
        return " ".join(parts)
    return {
        "failed": f"Once that is mended, {come_back} sends the rest.",
        "cancelled": f"{come_back} sends the rest.",
        "interrupted": f"{come_back} carries on where it stopped.",
        "paused": "push.unpause() goes on.",
    }.get(state.status, "")


def _left_out(state: PushState) -> str:
    names = {"invalid": "invalid", "duplicate": "duplicate", "unchanged": "unchanged"}
    parts = [
        f"{words.number(state.counts[name])} {word}" for name, word in names.items() if state.counts[name]
    ]
    return (
        f"Of {words.count(state.counts['input'], 'input row')} not sent: {', '.join(parts)}." if parts else ""
    )


def _segments(
    total: int, acknowledged: int, refused: int, unknown: int, processed: int
) -> tuple[Segment, ...]:
    if not total:
        return ()
    stretches: tuple[tuple[str, Tone, int], ...] = (
        ("acknowledged", "ok", acknowledged),
        ("refused", "bad", refused),
        ("unknown", "warn", unknown),
        ("processed", "busy", processed),
    )
    return tuple(Segment(word, tone, rows / total) for word, tone, rows in stretches if rows)


def _elapsed(state: PushState, now: datetime) -> str:
    if state.started_at is None:
        return ""
    return words.duration(((state.ended_at or now) - state.started_at).total_seconds())


def _left(state: PushState, now: datetime) -> str:
    if state.estimated_end is None:
        return ""
    return words.duration((state.estimated_end - now).total_seconds())


MAX_CELLS: Final = 1_000
"""Marks in a strip; pushes of more chunks show several of them in one mark."""

JOB_COLUMNS: Final = ("Chunk", "State", "Rows", "Processed", "Refused", "Sent", "Took", "Tries", "Job")


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
