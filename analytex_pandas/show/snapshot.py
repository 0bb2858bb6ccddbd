"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from operator import attrgetter
from typing import Final

from analytex_pandas.delivery.state import FINISHED, UNSENT, ChunkState, PushState, rows_left
from analytex_pandas.show import words
from analytex_pandas.show.words import Mark

TRIES_OF_A_BLIP: Final = 1
"""Answers that may fail before it is called trouble."""
USUAL: Final = re.compile(r".*: (processing|validating|pending refresh)(, [\d,]+ of [\d,]+ rows)?")
"""The activity while a job runs as jobs do."""


class Snapshot:
    """A push at the moment `now`, in whose zone times are told, in numbers (rows) and in words.

    Words are empty where there is nothing to say.
    """

    def __init__(self, state: PushState, now: datetime) -> None:
        self.state, self.now = state, now
        counts = state.counts
        self.acknowledged, self.refused, self.unknown = (
            counts[name] for name in ("acknowledged", "refused", "unknown")
        )
        self.in_flight, self.pending = counts["in_flight"], counts["pending"]
        self.to_go = self.in_flight + self.pending
        """Rows without an answer."""
        self.total = self.acknowledged + self.refused + self.unknown + self.to_go
        at_service = [it for it in state.chunks if not it.settled and it.status not in UNSENT]
        self.processed = sum(chunk.progress for chunk in at_service)
        """Those of the rows in flight that are done with in their job, though not answered for yet."""
        self.rows_done = self.total - self.to_go + self.processed
        self.share = self.rows_done / self.total if self.total else float(state.done)
        """What is done with of the total, 0 to 1."""
        # cut anew, a chunk is left without any rows
        self.chunks = tuple(chunk for chunk in state.chunks if chunk.rows)
        self.sent = next(iter(at_service), None)
        """The chunk that is at the service, or may be."""
        self.trouble = None if state.done else state.trouble
        if self.trouble is not None and self.trouble.tries <= TRIES_OF_A_BLIP:
            self.trouble = None

        self.mode = self._mode()
        """The status, and what a status does not tell: see ``words.PUSH_MARKS``."""
        self.mark = words.mark(self.mode, words.PUSH_MARKS)
        if state.status in FINISHED and self.unknown:
            self.mark = words.UNKNOWN._replace(word=f"completed, {words.count(self.unknown, 'row')} unknown")
        self.title = words.count(self.total, words.NOUNS.get(state.kind, "row"))
        self.origin = "Retry" if state.parent else state.source
        self.percent = words.percent(self.share)
        left = [(words.TO_GO, self.to_go)]
        if self.is_over and self.to_go:
            left = [(words.PROCESSING, self.in_flight), (words.NOT_SENT, self.pending)]
        self.rows_in_words = ", ".join(
            f"{words.number(rows)} {mark.word}"
            for mark, rows in (
                (words.ACKNOWLEDGED, self.acknowledged),
                (words.REFUSED, self.refused),
                (words.UNKNOWN, self.unknown),
                *left,
            )
            if rows or mark not in (words.UNKNOWN, words.PROCESSING)
        )
        self.left_out = words.left_out(counts)
        """Rows of the input that are not sent."""
        self.activity = "" if state.done else state.activity or self.mark.word
        self.pace = "" if state.rate is None else f"{words.number(state.rate * words.MINUTE)} rows/min"
        """In rows a minute, as the service's own limit is."""
        self.took = self.left = ""
        if state.done and state.started_at is not None:
            self.took = words.duration(((state.ended_at or now) - state.started_at).total_seconds())
        if state.estimated_end is not None:
            self.left = words.duration((state.estimated_end - now).total_seconds())

    def _mode(self) -> str:
        state = self.state
        if state.done:
            by_terms = state.error_class == "PushError" and state.status == "failed"
            return "stopped" if by_terms else state.status
        if state.cancelling:
            return "cancelling"
        if self.trouble is not None:
            return "trouble"
        if state.pausing:
            return "pausing"
        looking = state.status == "running" and self.sent is not None and self.sent.status == "looking"
        return "looking" if looking else state.status

    @property
    def is_over(self) -> bool:
        """Whether it came to an end of its own; what was interrupted only waits to be taken up again."""
        return self.state.done and self.state.status != "interrupted"

    @property
    def nothing_sent(self) -> bool:
        """Whether it ended before the service had anything of it."""
        return self.state.done and self.total > 0 and self.total == self.pending

    @property
    def acts(self) -> tuple[str, ...]:
        """What can be done now, the first thing first; see ``panel.PushPanel``."""
        state = self.state
        if not state.done:
            if state.cancelling:
                return ()
            return ("go_on" if state.pausing or state.status == "paused" else "pause", "cancel")
        acts = {
            "resume": state.status not in FINISHED,
            "retry_unknown": state.status in FINISHED and self.unknown,
            "retry": state.status in FINISHED and self.refused,
            "save": self.refused,
        }
        return tuple(act for act, can in acts.items() if can)

    @property
    def time_in_words(self) -> str:
        """Pace, time left and end in one line; the time it took once it is over."""
        if self.state.done:
            return f"took {self.took}" if self.took and self.is_over else ""
        end = self.state.estimated_end if self.mode in ("running", "waiting") else None
        until = "" if end is None else f"{self.left} left, until {words.about(end, self.now)}"
        return ", ".join(filter(None, (self.pace, until)))

    @property
    def sent_chunk(self) -> str:
        """What the chunk at the service is called in a sentence."""
        return f"chunk {self.sent.number:,}" if self.sent and len(self.chunks) > 1 else "its job"

    @property
    def is_usual(self) -> bool:
        """Whether a job runs as jobs do, so that there is nothing more to say of it."""
        return self.sent is not None and USUAL.fullmatch(self.state.activity) is not None

    @property
    def due(self) -> str:
        """When the running job ends, as the end of a sentence."""
        due = self.state.due
        if due is None or self.trouble is not None:
            return ""
        return f", {words.about(due, self.now)}" if due > self.now else ", any moment now"

    def clock(self, moment: datetime | None) -> str:
        return "an unknown time" if moment is None else words.clock(moment, self.now)

    @property
    def hint(self) -> str:
        """The call that helps; empty while all goes its way."""
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


def time_slot(shot: Snapshot) -> tuple[str, str]:
    """Return what stands beside the big number: the time that matters now, and what belongs to it."""
    state, now = shot.state, shot.now
    if shot.is_over:
        if state.started_at is None or shot.nothing_sent:
            return "", ""
        word, end = "took" if state.status in FINISHED else "ran", state.ended_at or now
        return f"{word} {shot.took}", f", {shot.clock(state.started_at)} to {shot.clock(end)}"
    if shot.mode in ("trouble", "looking"):
        return "end not known", ""
    if shot.mode in ("pausing", "cancelling"):
        verb = "pauses" if shot.mode == "pausing" else "stops"
        if state.due is None or shot.sent is None:
            return f"{verb} when its job ends" if shot.sent else "", ""
        left = (state.due - now).total_seconds()
        return f"{verb} in {words.duration(left)}" if left > 0 else f"{verb} any moment now", ""
    if shot.mode in ("paused", "interrupted"):
        left = rows_left(state) / state.rate if state.rate else 0
        return f"{words.duration(left)} of sending left" if left else "", ""
    if state.estimated_end is None:
        return "", ""
    if state.estimated_end <= now:
        return "any moment now", ""
    return f"{shot.left} left", f", until {words.about(state.estimated_end, now)}"


MAX_CELLS: Final = 300
"""Squares in a strip; pushes of more chunks show several of them in one."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Every chunk at a glance: at most ``MAX_CELLS`` marks, each for several chunks where there are more.

    Of several the one is shown that most asks for attention; the legend counts the chunks of each mark.
    """

    cells: tuple[Mark, ...]
    chunks_per_cell: int
    legend: tuple[tuple[Mark, int], ...]


def chunk_mark(chunk: ChunkState, known: Mapping[str, Mark] = words.CHUNK_MARKS) -> Mark:
    """Return the mark of a chunk: of one that ended with errors, by what its rows are now, after retries, too."""
    status = chunk.status
    if status == "completed_with_errors":
        status = status if chunk.refused else "unknown" if chunk.unknown else "completed"
    return words.mark(status, known)


def strip(chunks: Sequence[ChunkState], max_cells: int = MAX_CELLS, *, over: bool = False) -> Strip:
    """Return the strip of chunks; `over` says that what was not sent will not be."""
    known = words.CHUNK_MARKS | dict.fromkeys(UNSENT, words.NOT_SENT if over else words.TO_GO)
    marks = [chunk_mark(chunk, known) for chunk in chunks]
    legend = sorted(Counter(marks).items(), key=lambda entry: LEGEND.find(entry[0].character))
    together = max(1, ceil(len(marks) / max_cells))
    if together > 1:
        several = (marks[at : at + together] for at in range(0, len(marks), together))
        marks = [min(those, key=attrgetter("urgency")) for those in several]
    return Strip(tuple(marks), together, tuple(legend))


LEGEND: Final = "✓!?✕◔↑↻○⊘"
"""The order in which a legend tells the marks: from the first rows to the last."""
CHUNK_COLUMNS: Final = ("Chunk", "State", "Rows", "Refused", "Sent", "Took", "Job")


def chunk_line(chunk: ChunkState, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``CHUNK_COLUMNS`` for a chunk."""
    sent = took = ""
    if chunk.submitted_at:
        sent = words.clock(chunk.submitted_at, now)
        took = words.duration(((chunk.ended_at or now) - chunk.submitted_at).total_seconds())
        took += "" if chunk.ended_at else " so far"
    tries = f", try {chunk.attempts}" if chunk.attempts > 1 else ""
    state = f"{chunk_mark(chunk)}{tries}"
    unknown = f" + {words.number(chunk.unknown)} unknown" if chunk.unknown else ""
    refused = f"{words.number(chunk.refused)}{unknown}" if chunk.refused or unknown else ""
    rows = words.number(chunk.rows)
    if not chunk.settled and chunk.completed_rows is not None:
        rows = f"{words.number(chunk.progress)} of {rows}"
    return str(chunk.number), state, rows, refused, sent, took, chunk.job_id or ""
