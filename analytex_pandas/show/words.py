"""What is said of a status, and of numbers, durations and times: the same words in every display."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

NOUNS: Final = {"users": "user", "companies": "company"}
"""What a record of each kind is called."""
UNITS: Final = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
ROUNDED: Final = ((10 * 60, 60), (86_400, 3_600))
"""From how many seconds on a duration is told to how many seconds."""
MINUTE: Final = 60
HOUR: Final = 3_600
KILOBYTE: Final = 1_000


def number(value: float) -> str:
    return f"{value:,.0f}"


def count(value: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number(value)} {noun if value == 1 else plural}"


def and_more(hidden: int, noun: str, where: str) -> str:
    """Return what a list leaves out and where it is found; empty if it leaves out nothing."""
    return f"and {count(hidden, noun)}{where}" if hidden > 0 else ""


def percent(share: float) -> str:
    """Return a share as a percentage, rounded down: 100 % is said only of the whole."""
    return f"{int(share * 1000) / 10:.1f} %"


def size(byte_count: float) -> str:
    """Return bytes in the decimal unit that suits, as the service's limits are given."""
    for unit in ("bytes", "kB", "MB"):
        if byte_count < KILOBYTE:
            return f"{byte_count:.0f} {unit}" if unit == "bytes" else f"{byte_count:.1f} {unit}"
        byte_count /= KILOBYTE
    return f"{byte_count:.1f} GB"


def duration(seconds: float) -> str:
    """Return a duration in at most two units."""
    left = max(0, round(seconds))
    for least, step in ROUNDED:
        if left >= least:
            left = round(left / step) * step
    parts = []
    for unit, length in UNITS.items():
        whole, left = divmod(left, length)
        parts += [f"{whole} {unit}"] if whole else []
    return " ".join(parts) or "0 s"


def present() -> datetime:
    """Return the present moment in the viewer's zone."""
    return datetime.now(UTC).astimezone()


def clock(moment: datetime, now: datetime, *, seconds: bool = True) -> str:
    """Return the time of day of a moment in the zone of ``now``, with the day where it is another one.

    Seconds, if any, are told of what is less than an hour away.
    """
    local = moment.astimezone(now.tzinfo)
    is_near = seconds and abs((local - now).total_seconds()) < HOUR
    time = f"{local:%H:%M:%S}" if is_near else f"{local:%H:%M}"
    days = (local.date() - now.date()).days
    named = {0: time, 1: f"tomorrow {time}", -1: f"yesterday {time}"}
    return named.get(days, f"{local:%Y-%m-%d} {time}")


def about(moment: datetime, now: datetime) -> str:
    """Return a moment that is only expected."""
    return f"about {clock(moment, now)}"


def left_out(counts: Mapping[str, int]) -> str:
    """Return which rows of an input are not sent, of a plan or a push; empty if all are."""
    names = [name for name in ("invalid", "duplicate", "unchanged") if counts[name]]
    parts = [f"{number(counts[name])} {name}" for name in names]
    return f"Of {count(counts['input'], 'input row')} not sent: {', '.join(parts)}." if parts else ""


Tone = Literal["ok", "bad", "warn", "busy", "idle"]


class Mark(NamedTuple):
    """One status, or one fate of rows, for the eye: a character, a word, a tone."""

    character: str
    word: str
    tone: Tone

    @property
    def urgency(self) -> int:
        return URGENCY.index(self.character)

    def __str__(self) -> str:
        return f"{self.character} {self.word}"


ACKNOWLEDGED: Final = Mark("✓", "acknowledged", "ok")
REFUSED: Final = Mark("✕", "refused", "bad")
UNKNOWN: Final = Mark("?", "unknown", "warn")
PROCESSING: Final = Mark("◔", "processing", "busy")
TO_GO: Final = Mark("○", "to go", "idle")
NOT_SENT: Final = Mark("⊘", "not sent", "idle")
SOME_REFUSED: Final = Mark("!", "with refused rows", "bad")

JOB_MARKS: Final = {
    "pending_refresh": Mark("◔", "refreshing", "busy"),
    "completed": Mark("✓", "done", "ok"),
    "failed": Mark("✕", "failed", "bad"),
}
CHUNK_MARKS: Final = JOB_MARKS | {
    "pending": TO_GO,
    "submitting": Mark("↑", "being sent", "busy"),
    "looking": Mark("↻", "looked for", "warn"),
    "waiting": Mark("↻", "waiting", "warn"),
    "completed_with_errors": SOME_REFUSED,
    "unknown": Mark("?", "with unknown rows", "warn"),
    "cancelled": NOT_SENT,
}
PUSH_MARKS: Final = {
    "pausing": Mark("‖", "pausing after this job", "warn"),
    "paused": Mark("‖", "paused", "warn"),
    "cancelling": Mark("⊘", "cancelling", "warn"),
    "waiting": Mark("↻", "waiting", "warn"),
    "trouble": Mark("↻", "no good answer", "warn"),
    "looking": Mark("↻", "looking for what was sent", "warn"),
    "completed": Mark("✓", "completed", "ok"),
    "completed_with_errors": Mark("!", "completed with errors", "bad"),
    "stopped": Mark("✕", "stopped", "bad"),
    "failed": Mark("✕", "failed", "bad"),
    "cancelled": Mark("⊘", "cancelled", "idle"),
    "interrupted": Mark("‖", "interrupted", "warn"),
}
URGENCY: Final = "✕?!↻↑◔○⊘✓"
"""Which mark stands for several chunks: what asks for attention first, then what moves, then what is over."""


def mark(status: str, known: Mapping[str, Mark]) -> Mark:
    """Return the mark of a status; what is not known to be anything else runs, in the service's own word."""
    return known.get(status) or Mark("◔", status, "busy")
