"""What a push says to whoever is waited for or needed, in sentences: one message for each of its modes."""

from __future__ import annotations

from typing import Final, NamedTuple

from analytex_pandas.show import words
from analytex_pandas.show.snapshot import Snapshot
from analytex_pandas.show.words import Tone

SERVICE_CANNOT_STOP: Final = "The service cannot stop a job that runs"
NOTHING_TO_HOLD: Final = (
    f"Nothing is left to hold back: {SERVICE_CANNOT_STOP.lower()}, and the push ends with it."
)
CAUSES: Final = {
    "AuthenticationError": (
        "The API key was not accepted.",
        "Connect with the right key, `apd.connect()`, then resume. It is not the app token beside it.",
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


class Message(NamedTuple):
    """What is said when someone is waited for or needed; only in the sentence code stands in backticks."""

    tone: Tone
    headline: str
    sentence: str = ""
    facts: dict[str, str] = {}  # noqa: RUF012  # never changed
    small: str = ""
    """Technicalities, for the small print."""


def message(shot: Snapshot) -> Message | None:
    """Return what someone who looks has to know first; None while nothing needs them."""
    made = MESSAGES.get(shot.mode)
    return None if made is None else made(shot)


def _pausing(shot: Snapshot) -> Message:
    if not shot.pending:
        return Message("warn", f"The last rows are at the service{shot.due}.", NOTHING_TO_HOLD)
    text = f"{SERVICE_CANNOT_STOP}. After it nothing more is sent until it is told to go on."
    return Message("warn", f"Pauses when {shot.sent_chunk} is done{shot.due}.", text)


def _paused(shot: Snapshot) -> Message:
    text = f"{words.count(shot.pending, 'row')} to go, kept on this machine, also when this kernel ends."
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
        until = words.about(job.until, shot.now)
        free = f"{until}, in {words.duration(left)}" if left > 0 else "any moment now"
    facts = {
        "Whose": f"{own} (job {job.job_id})",
        "File" if job.filename else "Kind": ", ".join(filter(None, (job.filename, job.kind))),
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
    }
    runs_on = f"{shot.sent_chunk.capitalize()} was accepted before that and probably runs on. "
    place = runs_on if shot.sent is not None and shot.sent.job_id is not None else ""
    helps = "`apd.doctor()` says whether network, address or key is in the way."
    text = f"{place}Nothing is lost, and nothing is sent twice. {helps}"
    silent = trouble.answer == "no answer"
    what = "has not answered" if silent else "has given no good answer"
    return Message("warn", f"The service {what} since {shot.clock(trouble.since)}.", text, facts)


def _looking(shot: Snapshot) -> Message:
    text = "Nothing is sent twice: it goes again only if it is not among the jobs of the account."
    chunk = "The upload" if len(shot.chunks) == 1 else shot.sent_chunk.capitalize()
    return Message("warn", f"{chunk} was sent, and no clear answer came.", text, {"Now": shot.state.activity})


def _cancelled(shot: Snapshot) -> Message:
    settled = sum(chunk.settled for chunk in shot.chunks)
    total = len(shot.chunks)
    after = f", after {settled:,} of {words.count(total, 'chunk')}" if total > 1 else ""
    ended = f" at {shot.clock(shot.state.ended_at)}" if shot.state.ended_at else ""
    return Message("idle", f"Cancelled{ended}{after}.", _kept(shot))


def _failed(shot: Snapshot) -> Message:
    state = shot.state
    reason = state.reason or state.error or "It was stopped."
    headline, way, small = reason, "Once that is mended, resume.", ""
    if state.error_class == "PushError":
        way = "Mend the data and push again, or resume to send the rest all the same."
    elif state.error_class in CAUSES:
        (headline, way), small = CAUSES[state.error_class], reason
    if state.error_class == "PayloadTooLargeError" and shot.chunks:
        size = max(chunk.bytes for chunk in shot.chunks) // 2
        way = f"`apd.resume({state.id!r}, chunk_bytes={size:_})` cuts what is not sent yet into smaller ones."
    return Message("bad", headline, f"{way} {_kept(shot)}".rstrip(), small=small)


def _interrupted(shot: Snapshot) -> Message:
    text = _kept(shot)
    if shot.sent is not None:
        text = (
            f"{shot.sent_chunk.capitalize()} was at the service then and may be done by now. "
            "Resume looks for it first, so nothing is sent twice."
        )
    return Message("warn", "The kernel that sent this push has ended.", text)


def _kept(shot: Snapshot) -> str:
    if not shot.pending or shot.nothing_sent:
        return ""
    return f"{words.count(shot.pending, 'row')} not sent, kept on this machine until sent or cleaned away."


def _refused(shot: Snapshot) -> Message:
    if not shot.unknown and not shot.refused:
        return Message("ok", "What was refused was sent again since, and is acknowledged.")
    if not shot.unknown:
        total = words.count(shot.total, "row")
        return Message("bad", f"{words.number(shot.refused)} of {total} refused by the service.")
    partly = [chunk for chunk in shot.chunks if chunk.unknown]
    where = f"Chunk {partly[0].number:,}'s job" if len(shot.chunks) > 1 else "Its job"
    if len(partly) > 1:
        where = f"The jobs of {len(partly):,} chunks"
    text = (
        f"{where} ended, and what was reported does not account for them. Sending them again is safe: equal values "
        "change nothing."
    )
    headline = f"The service does not say what became of {words.count(shot.unknown, 'row')}."
    return Message("warn", headline, text)


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
        running = f"{what} runs on{shot.due.replace(', about', ' until about')} and is answered for. Then "
    left = words.count(shot.pending, "row")
    text = (
        f"{running}{left} will stay unsent, but kept: `apd.resume({shot.state.id!r})` sends the rest later."
    )
    return Message("warn", "Cancel this push?", text if shot.pending else NOTHING_TO_HOLD)
