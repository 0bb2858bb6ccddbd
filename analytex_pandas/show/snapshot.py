"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery.state import SETTLED
from analytex_pandas.show import words
from analytex_pandas.show.chunks import Strip, strip
from analytex_pandas.show.history import sparkline
from analytex_pandas.show.marks import Mark, Tone, push_mark

if TYPE_CHECKING:
    from datetime import datetime

    from analytex_pandas.delivery.state import PushState

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
    """Return the snapshot of a push.

    Parameters
    ----------
    state : PushState
        The push.
    now : datetime
        The present moment, aware; times are told in its zone.
    rates : tuple of float
        Rows a second in equal stretches since the start, see ``RateHistory``.
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
