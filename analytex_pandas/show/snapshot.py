"""What every display of a push draws: its numbers, marks and words at one moment, derived once, purely."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from analytex_pandas.delivery.state import FINISHED, UNSENT, rows_left
from analytex_pandas.show import words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.show.words import Mark, Tone

TRIES_OF_A_BLIP: Final = 1
"""Answers that may fail before it is called trouble."""
SERVICE_CANNOT_STOP: Final = "The service cannot stop a job that runs"
CAUSES: Final = {
    "AuthenticationError": (
        "The API key was not accepted.",
        "Connect with the right key, `apd.connect()`, then resume. "
        "The app token, shown beside the API key in Analytex, is often taken for it.",
    ),
    "TransportError": ("The service gave no answer.", "`apd.doctor()` says what is in the way; then resume."),
    "ServerError": ("The service could not do it.", "Once it works again, resume. `apd.doctor()` tells."),
    "RateLimitError": ("The service takes no more requests for now.", "Resume later."),
    "ConflictError": ("Another job stood in the way for too long.", "`apd.jobs()` shows it; then resume."),
    "NotFoundError": (
        "What was asked for is not there.",
        "Look at the address, `apd.connect()`, then resume.",
    ),
    "PayloadTooLargeError": ("A request was larger than is taken on the way.", ""),
}
"""What stopped a push, by the class of its error: in a few words, and the way out."""
USUAL: Final = re.compile(r".*: (processing|validating|pending refresh)(, [\d,]+ of [\d,]+ rows)?")
"""The activity while a job runs as jobs do."""


class Message(NamedTuple):
    """What is said when someone is waited for or needed; code in it stands in backticks."""

    tone: Tone
    headline: str
    sentence: str = ""
    facts: dict[str, str] = {}  # noqa: RUF012  # never changed


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
        self.rows_done = sum(chunk.progress for chunk in state.chunks)
        self.processed = self.rows_done + self.to_go - self.total
        """Those of the rows to go that are done with in the job that runs, though not answered for yet."""
        self.share = self.rows_done / self.total if self.total else float(state.done)
        """What is done with of the total, 0 to 1."""
        self.chunks = tuple(
            chunk for chunk in state.chunks if chunk.rows
        )  # cut anew, one is left without any
        self.sent = next((it for it in self.chunks if not it.settled and it.status not in UNSENT), None)
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
        self.percent = words.percent(self.share)
        self.rows_in_words = ", ".join(
            f"{words.number(rows)} {mark.word}"
            for mark, rows in (
                (words.ACKNOWLEDGED, self.acknowledged),
                (words.REFUSED, self.refused),
                (words.UNKNOWN, self.unknown),
                (words.TO_GO, self.to_go),
            )
            if rows or mark is not words.UNKNOWN
        )
        self.left_out = words.left_out(counts)
        """Rows of the input that are not sent."""
        self.message = message(self)
        self.activity = "" if state.done else self._activity()
        self.can_retry = state.status in FINISHED and self.refused > 0
        self.time_in_words = time_in_words(state, now, end_known=self.mode in ("running", "waiting"))

    def _mode(self) -> str:
        state = self.state
        if state.done:
            return (
                "stopped" if state.error_class == "PushError" and state.status == "failed" else state.status
            )
        if state.cancelling:
            return "cancelling"
        if self.trouble is not None:
            return "trouble"
        if state.pausing:
            return "pausing"
        looking = state.status == "running" and self.sent is not None and self.sent.status == "looking"
        return "looking" if looking else state.status

    def _activity(self) -> str:
        headline = self.message.headline if self.message and self.mode != "waiting" else ""
        return headline or self.state.activity or self.mark.word

    @property
    def acts(self) -> tuple[str, ...]:
        """What can be done now, the first thing first; see ``panel.ACTS``."""
        state = self.state
        if not state.done:
            if state.cancelling:
                return ()
            return ("go_on" if state.pausing or state.status == "paused" else "pause", "cancel")
        acts = {
            "resume": state.status not in FINISHED,
            "retry_unknown": state.status in FINISHED and self.unknown,
            "retry": self.can_retry,
            "save": self.refused,
        }
        return tuple(act for act, can in acts.items() if can)

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


def message(shot: Snapshot) -> Message | None:
    """Return what someone who looks has to know first; None while nothing needs them."""
    made = MESSAGES.get(shot.mode)
    return None if made is None else made(shot)


def _pausing(shot: Snapshot) -> Message:
    if not shot.pending:
        text = (
            f"Nothing is left to hold back: {SERVICE_CANNOT_STOP.lower()}, and the push ends with this one."
        )
        return Message("warn", f"The last rows are at the service{shot.due}.", text)
    text = f"{SERVICE_CANNOT_STOP}. After it nothing more is sent until it is told to go on."
    return Message("warn", f"Pauses when {shot.sent_chunk} is done{shot.due}.", text)


def _paused(shot: Snapshot) -> Message:
    text = f"The {words.number(shot.pending)} rows to go wait on this machine, also when this kernel ends."
    since = f" since {shot.clock(shot.state.since)}" if shot.state.since else ""
    return Message("warn", f"Paused{since}. Nothing of this push runs at the service.", text)


def _cancelling(shot: Snapshot) -> Message:
    stays = f"Nothing more is sent: {words.count(shot.pending, 'row')} stay here." if shot.pending else ""
    if shot.sent is None:
        return Message("warn", "Cancelled in a moment.", stays)
    if shot.sent.in_doubt:
        text = f"Cancelled as soon as it is known whether {shot.sent_chunk} has arrived."
        return Message("warn", text, stays)
    text = f"{SERVICE_CANNOT_STOP}; its answer is kept. {stays}".rstrip()
    return Message("warn", f"Cancelled when {shot.sent_chunk} is done{shot.due}.", text)


def _waiting(shot: Snapshot) -> Message:
    headline = "Another job runs in this account, and the service takes one at a time."
    goes_on = "This push then goes on by itself; nothing needs to be done."
    job = shot.state.blocker
    if job is None:
        text = "The service does not say which; it is tried again at least once a minute."
        return Message("warn", headline, f"{text} {goes_on}")
    own = "not started from this machine"
    if job.owner is not None:
        own = f"this machine's: chunk {job.owner[1]:,} of push {job.owner[0]}"
    rows = "" if job.completed_rows is None else words.number(job.completed_rows)
    rows += f" of {words.number(job.total_rows)} rows" if rows and job.total_rows else " rows" if rows else ""
    since = f"since {shot.clock(job.since)}" if job.since else ""
    free = "not known yet"
    if job.until is not None:
        left = (job.until - shot.now).total_seconds()
        free = (
            f"{words.about(job.until, shot.now)}, in {words.duration(left)}" if left > 0 else "any moment now"
        )
    facts = {
        "Whose": f"{own} (job {job.job_id})",
        "File": ", ".join(filter(None, (job.filename, job.kind))),
        "How far": ", ".join(filter(None, (rows, since))),
        "Free": free,
    }
    return Message("warn", headline, goes_on, {name: fact for name, fact in facts.items() if fact})


def _trouble(shot: Snapshot) -> Message:
    trouble = shot.trouble
    if trouble is None:
        raise ValueError("There is no trouble to tell of.")
    gives_up = "not on this question; the push goes on without its answer"
    if trouble.gives_up is not None:
        gives_up = f"{words.about(trouble.gives_up, shot.now)}; the push is kept then, and can be resumed"
    at = trouble.next_try
    facts = {
        "Last answer": "none" if trouble.answer == "no answer" else trouble.answer,
        "Tries": f"{trouble.tries:,} so far, the next {f'at {shot.clock(at)}' if at > shot.now else 'now'}",
        "Gives up": gives_up,
        "What helps": "`apd.doctor()` says whether network, address or key is in the way",
    }
    if shot.sent is not None and shot.sent.job_id is not None:
        place = f"{shot.sent_chunk.capitalize()} was accepted before that and probably runs on. "
    else:
        place = ""
    text = f"{place}Nothing is lost, and nothing is sent twice."
    silent = trouble.answer == "no answer"
    what = "has not answered" if silent else "has given no good answer"
    return Message("warn", f"The service {what} since {shot.clock(trouble.since)}.", text, facts)


def _looking(shot: Snapshot) -> Message:
    text = "Nothing is sent twice: it goes again only if it is not among the jobs of the account."
    chunk = "The upload" if len(shot.chunks) == 1 else shot.sent_chunk.capitalize()
    return Message("warn", f"{chunk} was sent, and no clear answer came.", text, {"Now": shot.state.activity})


def _cancelled(shot: Snapshot) -> Message:
    settled = sum(chunk.settled for chunk in shot.chunks)
    after = f", after {settled:,} of {words.count(len(shot.chunks), 'chunk')}"
    ended = f" at {shot.clock(shot.state.ended_at)}" if shot.state.ended_at else ""
    return Message("idle", f"Cancelled{ended}{after}.", _kept(shot))


def _failed(shot: Snapshot) -> Message:
    state = shot.state
    reason = state.reason or state.error or "It was stopped."
    if state.error_class == "PushError":
        way = "Mend the data and push again, or resume to send the rest all the same."
        return Message("bad", reason, f"{way} {_kept(shot)}".rstrip())
    headline, way = CAUSES.get(
        state.error_class or "", ("Something stopped it.", "Once that is mended, resume.")
    )
    if state.error_class == "PayloadTooLargeError" and shot.chunks:
        size = max(chunk.bytes for chunk in shot.chunks) // 2
        way = f"`apd.resume({state.id!r}, chunk_bytes={size:_})` cuts what is not sent yet into smaller ones."
    return Message("bad", headline, f"{way} {_kept(shot)}".rstrip(), {"Reason": reason})


def _interrupted(shot: Snapshot) -> Message:
    text = _kept(shot)
    if shot.sent is not None:
        text = (
            f"{shot.sent_chunk.capitalize()} was at the service then and may be done by now. "
            "Resume looks for it first, so nothing is sent twice."
        )
    return Message("warn", "The kernel that sent this push has ended.", text)


def _kept(shot: Snapshot) -> str:
    if not shot.pending:
        return ""
    return f"{words.count(shot.pending, 'row')} not sent, kept on this machine until sent or cleaned away."


def _refused(shot: Snapshot) -> Message:
    if not shot.unknown:
        total = words.count(shot.total, "row")
        return Message("bad", f"{words.number(shot.refused)} of {total} refused by the service.")
    partly = [chunk for chunk in shot.chunks if chunk.unknown]
    where = f"Chunk {partly[0].number:,}'s job" if len(shot.chunks) > 1 else "Its job"
    if len(partly) > 1:
        where = f"The jobs of {len(partly):,} chunks"
    text = f"{where} ended, and what was reported does not account for them. Sending them again is safe: equal values change nothing."
    return Message(
        "warn", f"The service does not say what became of {words.count(shot.unknown, 'row')}.", text
    )


MESSAGES: Final = {
    "pausing": _pausing,
    "paused": _paused,
    "cancelling": _cancelling,
    "waiting": _waiting,
    "trouble": _trouble,
    "looking": _looking,
    "cancelled": _cancelled,
    "failed": _failed,
    "stopped": _failed,
    "interrupted": _interrupted,
    "completed_with_errors": _refused,
}


def question(shot: Snapshot) -> Message:
    """Return what is asked before a push is cancelled."""
    running = ""
    if shot.sent is not None:
        what = shot.sent_chunk.capitalize()
        running = f"{what} runs on{shot.due.replace(', ', ' until ', 1)} and is answered for. Then "
    stays = f"{words.number(shot.pending)} rows stay unsent; they are kept"
    return Message(
        "warn",
        "Cancel this push?",
        f"{running}{stays}, and `apd.resume({shot.state.id!r})` sends them later.",
    )


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
        parts.append(f"{left} left, until {words.about(state.estimated_end, now)}")
    return ", ".join(parts)


def time_slot(shot: Snapshot) -> tuple[str, str]:
    """Return what stands beside the big number: the time that matters now, and what belongs to it."""
    state, now = shot.state, shot.now
    if state.done and state.status != "interrupted":
        if state.started_at is None:
            return "", ""
        end = state.ended_at or now
        took = words.duration((end - state.started_at).total_seconds())
        word = "took" if state.status in FINISHED else "ran"
        return f"{word} {took}", f", {shot.clock(state.started_at)} to {shot.clock(end)}"
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
    left = (state.estimated_end - now).total_seconds()
    if left <= 0:
        return "any moment now", ""
    return f"{words.duration(left)} left", f", until {words.about(state.estimated_end, now)}"


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


def strip(chunks: Sequence[ChunkState], max_cells: int = MAX_CELLS, *, over: bool = False) -> Strip:
    """Return the strip of chunks; `over` says that what was not sent will not be."""
    known = words.CHUNK_MARKS | ({"pending": words.NOT_SENT, "waiting": words.NOT_SENT} if over else {})
    marks = [words.mark(chunk.status, known) for chunk in chunks]
    legend = sorted(Counter(marks).items(), key=lambda entry: LEGEND.find(entry[0].character))
    together = max(1, ceil(len(marks) / max_cells))
    if together > 1:
        marks = [
            min(marks[at : at + together], key=attrgetter("urgency")) for at in range(0, len(marks), together)
        ]
    return Strip(tuple(marks), together, tuple(legend))


LEGEND: Final = "✓!?✕◔↑↻○⊘"
"""The order in which a legend tells the marks: from the first rows to the last."""
CHUNK_COLUMNS: Final = ("Chunk", "State", "Rows", "Refused", "Sent", "Took", "Tries", "Job")


def chunk_line(chunk: ChunkState, now: datetime) -> tuple[str, ...]:
    """Return the cells of ``CHUNK_COLUMNS`` for a chunk."""
    sent = took = ""
    if chunk.submitted_at:
        sent = words.clock(chunk.submitted_at, now)
        took = words.duration(((chunk.ended_at or now) - chunk.submitted_at).total_seconds())
        took += "" if chunk.ended_at else " so far"
    unknown = f" + {words.number(chunk.unknown)} unknown" if chunk.unknown else ""
    rows = words.number(chunk.rows)
    if not chunk.settled and chunk.completed_rows is not None:
        rows = f"{words.number(chunk.progress)} of {rows}"
    return (
        str(chunk.number),
        str(words.mark(chunk.status, words.CHUNK_MARKS)),
        rows,
        f"{words.number(chunk.refused)}{unknown}" if chunk.refused or unknown else "",
        sent,
        took,
        str(chunk.attempts) if chunk.attempts > 1 else "",
        chunk.job_id or "",
    )
