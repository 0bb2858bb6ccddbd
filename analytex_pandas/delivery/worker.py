"""The road of a push from its first chunk to its end, one job at a time, driven by one thread."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from typing import TYPE_CHECKING

from analytex_pandas.delivery import asking, memory
from analytex_pandas.delivery.drive import CancelledError, logger
from analytex_pandas.delivery.following import follow, settle
from analytex_pandas.delivery.input_file import put_away
from analytex_pandas.delivery.locks import drop, is_free, plan_lock
from analytex_pandas.delivery.sending import NobodyKnowsError, Sending
from analytex_pandas.delivery.state import FINISHED, at_the_service, still_running
from analytex_pandas.errors import AnalytexError, PushError
from analytex_pandas.service.calls import calm, hurry
from analytex_pandas.service.wire import parse_job

if TYPE_CHECKING:
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.state import ChunkState, PushState

LIVE: dict[tuple[int, str], Drive] = {}
"""The pushes that this process drives, by process and place: a fork inherits the entries, but not the threads."""

ENDING: set[threading.Thread] = set()
"""Workers that call whoever wants to be called at the end of their push; the process does not end before them."""


def live_key(journal: Journal, push_id: str) -> tuple[int, str]:
    return os.getpid(), str(journal.directory / push_id)


def start(drive: Drive) -> None:
    """Drive a push in a thread of its own; its lock is held, and given back at the end."""
    LIVE[live_key(drive.journal, drive.id)] = drive
    try:
        threading.Thread(target=run, args=(drive,), name=f"analytex-push-{drive.id}", daemon=True).start()
    except RuntimeError as error:
        end(
            drive,
            "failed",
            AnalytexError(
                f"Push {drive.id} cannot be driven: {error}. Nothing of it was sent. Free some threads or memory, then "
                f"apd.resume({drive.id!r})."
            ),
        )


def run(drive: Drive) -> None:
    drive.thread = threading.get_ident()
    if drive.cancelled:  # before there was a thread
        hurry(drive.thread)
    try:
        end(drive, *outcome_of(drive))
    finally:
        calm(drive.thread)


def end(drive: Drive, status: str, error: AnalytexError | None) -> None:
    """Write down how a push ended, and tell everybody."""
    from multiprocessing.util import Finalize  # light until used

    if error is not None:
        tell_the_way_back(error, drive.state)
    now, words = drive.clock.now(), None if error is None else str(error)
    error_class = None if error is None else type(error).__name__
    try:
        drive.journal.update(drive.id, status=status, ended_at=now, error_class=error_class, error=words)
    except AnalytexError as unwritten:
        status, error = "failed", error or unwritten
    LIVE.pop(live_key(drive.journal, drive.id), None)
    try:
        give_back(drive, for_good=status in FINISHED)
    except (OSError, AnalytexError) as kept:
        # It is given back when the process ends; whoever waits for the push must not wait for that.
        logger.warning("push %s: its lock stays until this process ends: %s", drive.id, kept)
    drive.error = error
    names, counts = ("acknowledged", "refused", "unknown", "pending"), drive.state.counts
    parts = ", ".join(f"{counts[name]:,} {name}" for name in names if counts[name])
    activity = f"{status.replace('_', ' ')}: {parts}".rstrip(": ")
    left_out = f"; {counts['invalid']:,} stayed behind as invalid" if counts["invalid"] else ""
    logger.info("push %s: %s%s", drive.id, activity, left_out)
    drive.show(
        phase=status,
        activity=activity,
        current=None,
        estimated_end=None,
        ended_at=now,
        error=None if error is None else str(error),
        error_class=error_class,
        reason=drive.reason,
        due=None,
        blocker=None,
        trouble=None,
    )
    drive.announce()
    here = threading.current_thread()
    ENDING.add(here)
    # A process that multiprocessing forked ends without calling what atexit has.
    waited_for = Finalize(None, here.join, exitpriority=0)
    drive.finish()
    waited_for.cancel()
    ENDING.discard(here)


def give_back(drive: Drive, *, for_good: bool) -> None:
    """Give back the right to drive a push."""
    if drive.lock is not None:
        if for_good:
            drop(drive.lock)
        else:
            drive.lock.release()
    left = plan_lock(drive.journal.directory, drive.id)
    if is_free(left):  # the plan's process was killed
        drop(left)


def outcome_of(drive: Drive) -> tuple[str, AnalytexError | None]:
    """Bring a push to its end; return its status and what stopped it, if anything did."""
    try:
        return travel(drive), None
    except CancelledError:
        return "cancelled", None
    except AnalytexError as error:
        return "failed", error
    except Exception as error:  # noqa: BLE001  # whatever it is, wait() raises it and the push stays resumable
        logger.exception("push %s: stopped by an unexpected error", drive.id)
        failure = AnalytexError(
            f"Push {drive.id} was stopped by an unexpected {type(error).__name__}: {error}. Nothing is "
            f"lost: apd.resume({drive.id!r}) goes on with it."
        )
        failure.__cause__ = error
        return "failed", failure


def travel(drive: Drive) -> str:
    """Bring every chunk there and its answers back; return the status of the push."""
    for chunk in drive.state.chunks:
        if chunk.settled:
            # Its driver wrote the answers down and did not live to delete the files.
            drive.spool.delete_chunk(chunk.number)
            continue
        check_terms(drive)
        drive.number = chunk.number
        drive.heard = [*map(parse_job, drive.journal.heard(drive.id, chunk.number))]
        carry(drive)
        drive.say(f"{drive.label}: {outcome(drive.chunk)}", phase="running")
    if any(chunk.attempts > 1 for chunk in drive.state.chunks):
        # What was sent again may have come late all the same; later nobody looks.
        with contextlib.suppress(AnalytexError):
            asking.learn(drive, drive.client.listing().newest())
    # Before the end is written down: a push that has ended is not resumed, and nobody would delete them.
    put_away(drive.spool.directory, drive.journal.directory)
    drive.spool.delete()
    drive.check_cancelled()
    is_complete = all(chunk.status == "completed" for chunk in drive.state.chunks)
    return "completed" if is_complete else "completed_with_errors"


def carry(drive: Drive) -> None:
    """Bring one chunk to the service and its answers back."""
    try:
        job = Sending(drive).deliver() if drive.chunk.job_id is None else None
        try:
            memory.fold(drive.journal, drive.state.account, drive.document.kind)  # while the chunk's job runs
        except OSError as unwritten:
            logger.warning("what was acknowledged could not be folded: %s", unwritten)
        job = follow(drive, job)
    except NobodyKnowsError:
        job = None
    except AnalytexError as error:
        drive.locate(error)
        raise
    settle(drive, job)


def check_terms(drive: Drive) -> None:
    """Raise PushError where the user's own terms say that the push goes no further.

    Only rows answered for since the user last let it go on count: else it would stop again at once.
    """
    state, options = drive.state, drive.document.options
    if not state.counts["pending"]:
        return
    first = next(chunk for chunk in state.chunks if chunk.rows)  # cut anew, a chunk is left without any
    limit = options.max_errors
    refused = state.counts["refused"] - state.forgiven_refused
    # A share is one of the rows answered for; that of those left out was looked at before anything was sent.
    counts_all = isinstance(limit, int) and not state.forgiven_answered
    left_out = state.counts["invalid"] if counts_all else 0
    answered = sum(chunk.rows for chunk in state.chunks if chunk.settled) - state.forgiven_answered
    if options.canary and first.settled and not state.forgiven_answered and first.status != "completed":
        reason = f"of the {first.rows:,} rows of the canary, {outcome(first)}"
    elif options.too_many(refused + left_out, answered):
        behind = f", {left_out:,} had been left out as invalid" if left_out else ""
        reason = (
            f"{refused:,} of {answered:,} rows answered for were refused{behind}, and max_errors={limit!r}"
        )
    else:
        return
    drive.reason = f"{reason[:1].upper()}{reason[1:]}."
    raise PushError(
        f"Push {state.id} was stopped by its own terms: {reason}. {state.counts['pending']:,} rows were not sent, and "
        "no job of it runs any more. push.errors tells what was refused and why; "
        f"apd.resume({state.id!r}) sends the rest all the same."
    )


def outcome(chunk: ChunkState) -> str:
    """Return what became of a chunk's rows, in words."""
    more = [
        f"{rows:,} {what}" for what, rows in (("refused", chunk.refused), ("unknown", chunk.unknown)) if rows
    ]
    return ", ".join([f"{chunk.acknowledged:,} acknowledged", *more])


def tell_the_way_back(error: AnalytexError, state: PushState) -> None:
    """Make the error that stopped a push also say what of it is at the service, and the call that goes on."""
    text = str(error)
    if not any(chunk.job_id and chunk.job_id in text for chunk in state.chunks):
        text += at_the_service(state)
    if state.id not in text:
        text += f" apd.resume({state.id!r}) goes on once that is mended."
    error.args = (text,)


@atexit.register
def say_what_is_left() -> None:
    """Tell, at the end of the process, which pushes go no further without it."""
    for (process, _), drive in list(LIVE.items()):
        if process == os.getpid():
            logger.warning("The program ends before its push: %s", still_running(drive.state))


@atexit.register
def let_callbacks_end() -> None:
    """Wait at the end of the process for what is called at the end of a push: an alert is to arrive."""
    for thread in list(ENDING):
        thread.join()
