"""What a status looks like: a mark and a word always, a tone (colour) beside them, never alone.

Jupyter's green and red are nearly one colour to a deuteranope, so the mark carries the meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Tone = Literal["ok", "bad", "warn", "busy", "idle"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One status for the eye: a character, a word, a tone."""

    character: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.character} {self.word}"


TO_GO: Final = Mark("○", "to go", "idle")
SOME_REFUSED: Final = Mark("!", "done, rows refused", "bad")

JOB_MARKS: Final = {
    "queued": Mark("◔", "queued", "busy"),
    "validating": Mark("◔", "validating", "busy"),
    "processing": Mark("◔", "processing", "busy"),
    "pending_refresh": Mark("◔", "refreshing", "busy"),
    "completed": Mark("✓", "done", "ok"),
    "failed": Mark("✕", "failed", "bad"),
}

CHUNK_MARKS: Final = JOB_MARKS | {
    "pending": TO_GO,
    "submitting": Mark("↑", "sending", "busy"),
    "looking": Mark("↻", "looking for it", "warn"),
    "waiting": Mark("↻", "waiting", "warn"),
    "completed_with_errors": SOME_REFUSED,
    "unknown": Mark("?", "unknown", "warn"),
    "cancelled": Mark("⊘", "cancelled", "idle"),
}

PUSH_MARKS: Final = {
    "running": Mark("◔", "running", "busy"),
    "paused": Mark("‖", "paused", "warn"),
    "waiting": Mark("↻", "waiting", "warn"),
    "completed": Mark("✓", "completed", "ok"),
    "completed_with_errors": Mark("!", "completed with errors", "bad"),
    "failed": Mark("✕", "failed", "bad"),
    "cancelled": Mark("⊘", "cancelled", "idle"),
    "interrupted": Mark("‖", "interrupted", "warn"),
}

URGENCY: Final = ("✕", "?", "!", "↻", "↑", "◔", "○", "⊘", "✓")
"""Which mark stands for several chunks: what asks for attention first, then what moves, then what is over."""


def chunk_mark(status: str) -> Mark:
    """Return the mark of a chunk; a job status that the service invented later is shown as it came."""
    return CHUNK_MARKS.get(status) or Mark("◔", status, "busy")


def job_mark(status: str) -> Mark:
    return JOB_MARKS.get(status) or Mark("◔", status, "busy")


def push_mark(status: str) -> Mark:
    return PUSH_MARKS.get(status) or Mark("◔", status, "busy")
