"""A chunk gets to the service once: never twice, never lost.

Before it is sent, the jobs that are there already are written down together with the intent. When no clear
answer comes, the list of jobs tells: the chunk's job by its file name, or that no job is new, or that nobody
can know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery import ledger as ledgers
from analytex_pandas.delivery.drive import PATIENCE_WITH_A_JOB, Setback
from analytex_pandas.delivery.lookup import Finding, Sent, by_name, candidates, in_the_way, look
from analytex_pandas.delivery.pacing import Pace, Watch, backoff, heals, may_have_arrived
from analytex_pandas.delivery.settling import ChunkContent, SendingChunk
from analytex_pandas.delivery.state import running_status
from analytex_pandas.errors import AnalytexError, AuthenticationError, ConflictError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.delivery.settling import Observer
    from analytex_pandas.service.wire import Job

MOST_ASKED: Final = 20
"""Jobs that are asked about one by one, to find out whether one of them is a chunk."""
SETTLING: Final = (0.3, 0.9, 1.8)
"""Seconds before each look for a chunk without an answer: a job may be listed a moment after it was taken."""
PATIENCE_FOR_A_LIST: Final = 20.0
"""Seconds to try for the look before a submit, which can go without it."""


class Sender:
    """Sends the chunks of one push."""

    def __init__(self, drive: Drive, account: str, observer: Observer | None = None) -> None:
        self.drive = drive
        self.account = account
        self.observer = observer
        self.blind = 0
        """Waits in a row for a job that nobody can be asked about."""
        self.doubted: Known | None = None
        """The jobs that were listed before the chunk at hand was first sent without a clear answer."""

    def deliver(self, number: int) -> Job | None:
        """Return the job that a chunk became; None when nobody can tell whether it arrived."""
        try:
            return self.delivered(number)
        except NobodyKnowsError:
            return None

    def delivered(self, number: int) -> Job:
        """Return the job that a chunk became.

        Raises
        ------
        NobodyKnowsError
            If it may be there or not, and the list cannot tell.
        """
        drive = self.drive
        self.doubted = None
        if drive.chunk(number).in_doubt:
            found = self.look_for(number, "its sender did not live to see the answer")
            if found is not None:
                return found
            self.not_sent(number)
        setback = Setback(drive, drive.patience())
        while True:
            drive.hold()
            there = self.recognised(number, self.look_before(number))
            if there is not None:
                return self.adopt(number, there)
            try:
                return self.send(number)
            except ConflictError:
                mine = self.queue(number)
                if mine is not None:
                    return self.adopt(number, mine)
                setback.over()
            except NotArrivedError as failure:
                self.rest_after(failure.reason, setback, number)

    def rest_after(self, reason: AnalytexError, setback: Setback, number: int) -> None:
        """Wait until a chunk that did not arrive may be sent again; raise what stands in the way for good."""
        try:
            if not heals(reason):
                raise reason
            setback.patience = self.drive.patience()
            setback.rest(reason, f"sending {self.drive.label(number)}", stoppable=True)
        except AnalytexError as error:
            self.locate(error, number)
            raise
        if self.doubted is not None:
            # One last look before it goes out again: some services list a job late.
            self.drive.looked = None

    def recognised(self, number: int, jobs: list[Job]) -> Job | None:
        """Return the job of a list that is a chunk; where the chunk was sent before, without an answer, be strict.

        Raises
        ------
        NobodyKnowsError
            If a job is there that may be it.
        """
        sent = Sent(self.drive.name(number), self.drive.chunk(number).rows)
        if self.doubted is None:
            return by_name(jobs, sent.name)
        found = self.examined(jobs, sent, self.doubted)
        if found is Finding.UNCLEAR:
            raise NobodyKnowsError
        return None if isinstance(found, Finding) else found

    def examined(self, jobs: list[Job], sent: Sent, known: Known) -> Job | Finding:
        """Return the job of a chunk, or what its absence from a list means, asking about jobs it may be."""
        drive = self.drive
        others = set(ledgers.pushes_of_jobs(drive.ledger.journal, [job.job_id for job in jobs]))
        found = look(jobs, sent, known=known.jobs, others=others, manners=drive.listed)
        if found is not Finding.UNCLEAR or sent.name is None:
            return found
        possible = candidates(jobs, sent, known=known.jobs, others=others, manners=drive.listed)
        asked = [self.in_full(job) for job in possible[:MOST_ASKED]]
        if len(asked) < len(possible):
            return Finding.UNCLEAR
        return look(asked, sent, known=None, others=(), manners=drive.asked)

    def in_full(self, job: Job) -> Job:
        """Return a job as the answer about it alone shows it, which may say more than the list."""
        try:
            return self.drive.persist(
                lambda: self.drive.client.job(job.job_id),
                f"asking whose job {job.job_id} is",
                patience=PATIENCE_FOR_A_LIST,
                stoppable=False,
            )
        except AuthenticationError:
            raise
        except AnalytexError:
            return job

    def send(self, number: int) -> Job:
        """Send a chunk once, and find out what came of it.

        Raises
        ------
        ConflictError
            If a job is in the way.
        NotArrivedError
            If it surely is not at the service.
        NobodyKnowsError
            If it may be there or not, and the list cannot tell.
        """
        drive = self.drive
        chunk = drive.chunk(number)
        known = None if drive.looked is None else [job.job_id for job in drive.looked]
        drive.looked = None
        now = drive.clock.now()
        drive.ledger.intended(number, chunk.attempts + 1, known, now, self.told(number))
        drive.change_chunk(number, status="submitting", attempts=chunk.attempts + 1, submitted_at=now)
        drive.say(f"{drive.label(number)}: sending {chunk.rows:,} rows", current=number)
        try:
            job = self.upload(number)
        except ConflictError:
            # A place in the queue, not a failed attempt.
            self.not_sent(number, attempts=chunk.attempts, status="waiting")
            raise
        except AnalytexError as error:
            found = self.look_for(number, "the answer was lost") if may_have_arrived(error) else None
            if found is not None:
                return found
            self.not_sent(number)
            raise NotArrivedError(error) from error
        return self.accept(number, job)

    def told(self, number: int) -> Callable[[sqlite3.Connection], None] | None:
        """Return what tells the observer, within the transaction, that a chunk is about to be sent."""
        observer = self.observer
        if observer is None:
            return None
        sending = self.described(number)
        return lambda connection: observer.sending(connection, sending)

    def described(self, number: int) -> SendingChunk:
        """Return a chunk as an observer gets it."""
        drive = self.drive
        content = ChunkContent(drive, number)
        return SendingChunk(drive.push_id, self.account, drive.document.kind, number, content)

    def upload(self, number: int) -> Job:
        """Make the request that sends a chunk."""
        drive = self.drive
        kind = drive.document.kind
        try:
            if drive.document.options.transport == "json":
                return drive.client.submit_lines(drive.spool.read_chunk(number), kind)
            return drive.client.submit_file(
                drive.spool.chunk_path(number), kind, filename=drive.file_name(number)
            )
        except OSError as error:
            self.not_sent(number)
            raise AnalytexError(
                f"{drive.label(number).capitalize()} cannot be read from the spool: {error}. It was not "
                f"sent. Put the file back and call apd.resume({drive.push_id!r}), or push those rows anew."
            ) from error

    def accept(self, number: int, job: Job) -> Job:
        """Write down the job that a chunk became."""
        drive = self.drive
        # An end that the submit's answer or the list shows is not settled yet: the job is asked for its errors.
        status = running_status(job.status)
        drive.ledger.accepted(number, job.job_id, status)
        drive.change_chunk(number, status=status, job_id=job.job_id, phase="running")
        return job

    def adopt(self, number: int, job: Job) -> Job:
        """Take a job that was found in the list for the chunk's own."""
        self.drive.say(f"{self.drive.label(number)}: found its job, it had arrived")
        return self.accept(number, job)

    def not_sent(self, number: int, *, attempts: int | None = None, status: str = "pending") -> None:
        """Write down that a chunk surely is not at the service."""
        drive = self.drive
        attempts = drive.chunk(number).attempts if attempts is None else attempts
        drive.ledger.unsent(number, status, attempts)
        drive.change_chunk(number, status=status, attempts=attempts, submitted_at=None)

    def look_before(self, number: int) -> list[Job]:
        """Return the jobs that are there before a submit; none when the list cannot be read."""
        drive = self.drive
        if drive.looked is None:
            try:
                drive.looked = drive.list_jobs(
                    f"{drive.label(number)}: reading the list of jobs",
                    patience=PATIENCE_FOR_A_LIST,
                    stoppable=True,
                )
            except AuthenticationError as error:
                self.locate(error, number)
                raise
            except AnalytexError:
                return []
        return drive.looked

    def look_for(self, number: int, why: str) -> Job | None:
        """Look a few times, over some seconds, for a chunk that may have arrived; adopt its job if it has.

        Raises
        ------
        NobodyKnowsError
            If it may be there or not, and the list cannot tell.
        """
        drive = self.drive
        drive.ledger.looking(number)
        drive.change_chunk(number, status="looking")
        what = f"{drive.label(number)}: {why}, looking for it among the jobs"
        sent = Sent(drive.name(number), drive.chunk(number).rows)
        if self.doubted is None:
            self.doubted = Known(drive.ledger.known_jobs(number))
        found: Job | Finding = Finding.UNCLEAR
        for moment in SETTLING:
            drive.say(what, current=number)
            drive.rest(moment, stoppable=False)
            try:
                jobs = drive.list_jobs(what, patience=PATIENCE_WITH_A_JOB, stoppable=False)
                found = self.examined(jobs, sent, self.doubted)
            except AuthenticationError as error:
                self.locate(error, number)
                raise
            except AnalytexError as error:
                raise NobodyKnowsError from error
            if not isinstance(found, Finding):
                return self.adopt(number, found)
            drive.looked = jobs
        if found is Finding.UNCLEAR:
            raise NobodyKnowsError
        return None

    def queue(self, number: int) -> Job | None:
        """Wait for the job in the way to end; return it at once if it is the chunk's own."""
        drive = self.drive
        what = f"{drive.label(number)} waits for a job that runs; asking which"
        try:
            jobs = drive.list_jobs(what, patience=PATIENCE_WITH_A_JOB, stoppable=True, phase="waiting")
        except AuthenticationError as error:
            self.locate(error, number)
            raise
        except AnalytexError:
            jobs = []
        mine = self.recognised(number, jobs)
        if mine is not None:
            return mine
        other = in_the_way(jobs)
        if other is None or not self.wait_for(number, other):
            # It ended between two questions, or is not listed: every try costs an upload, so they grow apart.
            drive.say(
                f"{drive.label(number)}: waiting for a job that is not listed",
                phase="waiting",
                current=number,
            )
            self.blind += 1
            drive.rest(backoff(self.blind, None, drive.chance), stoppable=True)
        return None

    def wait_for(self, number: int, job: Job) -> bool:
        """Watch somebody else's job until it ends; False when it cannot be asked about."""
        drive = self.drive
        whose = ledgers.pushes_of_jobs(drive.ledger.journal, [job.job_id]).get(job.job_id)
        who = "a job someone else started" if whose is None else f"chunk {whose[1]:,} of push {whose[0]}"
        watch, pace = Watch(job.total_rows or 0), Pace()
        begin = drive.clock.monotonic()
        while not job.ended:
            elapsed = drive.clock.monotonic() - begin
            watch.note(elapsed, job.completed_rows)
            drive.say(f"waiting for {who}: {progress(job)}", phase="waiting", current=number)
            drive.rest(pace.next_poll(watch, elapsed), stoppable=True)
            job_id = job.job_id
            try:
                job = drive.persist(
                    lambda job_id=job_id: drive.client.job(job_id),  # type: ignore[misc]
                    f"waiting for {who}; asking",
                    patience=PATIENCE_WITH_A_JOB,
                    stoppable=True,
                    phase="waiting",
                )
            except AuthenticationError as error:
                self.locate(error, number)
                raise
            except AnalytexError:
                return False
        self.blind = 0
        return True

    def locate(self, error: AnalytexError, number: int) -> None:
        """Make an error also say which chunk it stopped and how to go on."""
        words = (
            f"{self.drive.label(number).capitalize()} of push {self.drive.push_id} was not sent: {error} "
            f"Nothing is lost: apd.resume({self.drive.push_id!r}) goes on with it once that is mended."
        )
        error.args = (words,)


@dataclass(frozen=True)
class Known:
    """The ids of the jobs that were listed before a chunk was sent; None when nobody had looked."""

    jobs: frozenset[str] | None


class NotArrivedError(Exception):
    """A chunk surely is not at the service; never leaves the worker."""

    def __init__(self, reason: AnalytexError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class NobodyKnowsError(Exception):
    """A chunk may be at the service or not, and nobody can tell; never leaves the worker."""


def progress(job: Job) -> str:
    """Return how far a job is, in words."""
    if job.completed_rows is None:
        return job.status
    if job.total_rows:
        return f"{job.completed_rows:,} of {job.total_rows:,}"
    return f"{job.completed_rows:,} rows"
