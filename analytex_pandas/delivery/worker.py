"""The road of a push from its first chunk to its end, one job at a time, driven by one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytex_pandas.delivery.drive import CancelledError, Drive, logger
from analytex_pandas.delivery.following import Follower
from analytex_pandas.delivery.sending import Sender
from analytex_pandas.delivery.settling import settle
from analytex_pandas.errors import AnalytexError, PushError

if TYPE_CHECKING:
    from analytex_pandas.delivery.settling import Observer
    from analytex_pandas.delivery.state import ChunkState


class Worker:
    """Drives one push.

    Parameters
    ----------
    drive : Drive
        Its means.
    account : str
        The account's digest, for the observer.
    forgiven : (int, int)
        Rows refused and rows answered for when the user let a push go on that its own terms had stopped.
    observer : Observer, optional
        Who writes along when a chunk is sent and settled.
    """

    def __init__(
        self,
        drive: Drive,
        account: str,
        forgiven: tuple[int, int] = (0, 0),
        observer: Observer | None = None,
    ) -> None:
        self.drive = drive
        self.account = account
        self.forgiven_refused, self.forgiven_answered = forgiven
        self.observer = observer
        self.sender = Sender(drive, account, observer)
        self.follower = Follower(drive)

    def run(self) -> tuple[str, AnalytexError | None]:
        """Drive the push to its end; return its status and what stopped it, if anything did."""
        push_id = self.drive.push_id
        try:
            return self.travel(), None
        except CancelledError:
            return "cancelled", None
        except AnalytexError as error:
            return "failed", error
        except Exception as error:  # noqa: BLE001  # whatever it is, wait() raises it and the push stays resumable
            logger.exception("push %s: stopped by an unexpected error", push_id)
            failure = AnalytexError(
                f"Push {push_id} was stopped by an unexpected {type(error).__name__}: {error}. Nothing is "
                f"lost: apd.resume({push_id!r}) goes on with it."
            )
            failure.__cause__ = error
            return "failed", failure

    def travel(self) -> str:
        """Bring every chunk there and its answers back; return the status of the push."""
        drive = self.drive
        self.sweep()
        for chunk in drive.board.state.chunks:
            if chunk.settled:
                continue
            self.check_terms()
            settled = self.carry(chunk.number)
            drive.say(f"{drive.label(chunk.number)}: {outcome(settled)}", current=chunk.number)
        # Before the end is written down: a push that has ended is not resumed, and nobody would delete them.
        drive.spool.delete()
        drive.check_cancelled()
        chunks = drive.board.state.chunks
        return (
            "completed" if all(chunk.status == "completed" for chunk in chunks) else "completed_with_errors"
        )

    def sweep(self) -> None:
        """Delete the files of chunks whose driver wrote the answers down and did not live to delete them."""
        for chunk in self.drive.board.state.chunks:
            if chunk.settled:
                self.drive.spool.delete_chunk(chunk.number)

    def carry(self, number: int) -> ChunkState:
        """Bring one chunk to the service and its answers back."""
        job = None
        if self.drive.chunk(number).job_id is None:
            job = self.sender.deliver(number)
            if job is None:
                return settle(self.drive, self.account, self.observer, number, None)
        if self.observer is not None:
            self.observer.accepted(self.sender.described(number))
        ended = self.follower.follow(number, job)
        return settle(self.drive, self.account, self.observer, number, ended)

    def check_terms(self) -> None:
        """Raise PushError where the user's own terms say that the push goes no further.

        Only rows answered for since the user last let it go on count: else it would stop again at once.
        """
        state = self.drive.board.state
        options = self.drive.document.options
        answered = sum(chunk.rows for chunk in state.chunks if chunk.settled)
        pending = state.counts["pending"]
        if not pending:
            return
        first = state.chunks[0]
        stopped = f"Push {state.id} was stopped by its own terms: "
        way = (
            f" {pending:,} rows were not sent, and no job of it runs any more. push.errors tells what was refused and "
            f"why; apd.resume({state.id!r}) sends the rest all the same."
        )
        if options.canary and first.settled and not self.forgiven_answered and first.status != "completed":
            raise PushError(f"{stopped}of the {first.rows:,} rows of the canary, {outcome(first)}.{way}")
        limit = options.max_errors
        if limit is None:
            return
        refused = state.counts["refused"] - self.forgiven_refused
        answered -= self.forgiven_answered
        share = isinstance(limit, float)
        if answered and (refused / answered if share else refused) > limit:
            raise PushError(
                f"{stopped}{refused:,} of {answered:,} rows answered for were refused, and "
                f"max_errors={limit!r}.{way}"
            )


def outcome(chunk: ChunkState) -> str:
    """Return what became of a chunk's rows, in words."""
    parts = [f"{chunk.acknowledged:,} acknowledged"]
    parts += [f"{chunk.refused:,} refused"] if chunk.refused else []
    parts += [f"{chunk.unknown:,} unknown"] if chunk.unknown else []
    return ", ".join(parts)
