"""A chunk gets to the service once: never twice, never lost.

Before it is sent, the jobs that are there already are written down together with the intent. When no clear
answer comes, the list of jobs tells: the chunk's job by its file name, or that no job is new, or that nobody
can know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.drive import Setback
from analytex_pandas.delivery.lookup import by_name, candidates
from analytex_pandas.delivery.pacing import Pace, Watch, backoff, heals, may_have_arrived
from analytex_pandas.delivery.state import running_status
from analytex_pandas.errors import AnalytexError, ConflictError

if TYPE_CHECKING:
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.service.wire import Job

MOST_ASKED: Final = 20
"""Jobs that are asked about one by one, to find out whether one of them is a chunk."""
SETTLING: Final = (0.3, 0.9, 1.8)
"""Seconds before each look for a chunk without an answer: a job may be listed a moment after it was taken."""
PATIENCE_FOR_A_LIST: Final = 20.0
"""Seconds to try for the look before a submit, which can go without it."""
NOT_SENT: Final = "It was not sent, and its rows can also be pushed anew."


class NobodyKnowsError(Exception):
    """A chunk may be at the service or not, and nobody can tell; never leaves the worker."""


class Sending:
    """The chunk that is worked on, on its way to the service."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.is_doubted = False
        """Whether it was sent before without a clear answer."""
        self.known_then: frozenset[str] | None = None
        """The jobs that were listed before it was first sent so."""

    def deliver(self) -> Job:
        """Return the job that the chunk became; raise NobodyKnowsError when nobody can tell whether it arrived."""
        drive = self.drive
        if drive.chunk.in_doubt:
            found = self.look_for("its sender did not live to see the answer")
            if found is not None:
                return found
            self.not_sent()
        setback = Setback(drive, f"sending {drive.label}", drive.patience())
        while True:
            drive.hold()
            match self.recognised(self.look_before()) or self.send():
                case ConflictError():
                    mine = self.queue()
                    if mine is not None:
                        return mine
                    setback.over()
                case AnalytexError() as reason:
                    self.rest_after(reason, setback)
                case job:
                    return job

    def look_before(self) -> list[Job]:
        """Return the jobs that are there before a submit; none when the list cannot be read."""
        drive, what = self.drive, f"{self.drive.label}: reading the list of jobs"
        if drive.looked is None:
            drive.looked = drive.list_jobs(what, PATIENCE_FOR_A_LIST)
        return drive.looked or []

    def recognised(self, jobs: list[Job]) -> Job | None:
        """Take the job of a list that is the chunk for its own; raise NobodyKnowsError if one is there that may be."""
        job, is_unclear = self.examined(jobs)
        if is_unclear:
            raise NobodyKnowsError
        return None if job is None else self.adopt(job)

    def examined(self, jobs: list[Job]) -> tuple[Job | None, bool]:
        """Return the chunk's job in a list; if there is none, whether one may be it all the same.

        Be strict, and ask about those, where it was sent before without an answer.
        """
        drive, name, rows = self.drive, self.drive.name(self.drive.number), self.drive.chunk.rows
        mine = by_name(jobs, name)
        if mine is not None or not self.is_doubted:
            return mine, False
        others = drive.journal.owners([job.job_id for job in jobs])
        possible = candidates(jobs, rows, known=self.known_then, others=others, seen=drive.listed)
        if not possible or name is None or len(possible) > MOST_ASKED:
            return None, bool(possible)
        # The answer about a job alone may say more than the list.
        asked = [
            drive.job(job.job_id, f"asking whose job {job.job_id} is", PATIENCE_FOR_A_LIST) or job
            for job in possible
        ]
        mine = by_name(asked, name)
        unclear = mine is None and candidates(asked, rows, known=None, others=(), seen=drive.asked)
        return mine, bool(unclear)

    def send(self) -> Job | AnalytexError:
        """Send the chunk once; return its job, or why it surely is not there."""
        drive, number, kind = self.drive, self.drive.number, self.drive.document.kind
        chunk = drive.chunk
        known = None if drive.looked is None else frozenset(job.job_id for job in drive.looked)
        drive.looked = None
        with drive.reading(NOT_SENT):
            digests = drive.digests(number)
        drive.record(
            lambda it: memory.forget_cells(it, drive.state.account, kind, (drive.id, number), digests),
            status="submitting",
            attempts=chunk.attempts + 1,
            known_jobs=known,
            submitted_at=drive.clock.now(),
        )
        drive.say(f"{drive.label}: sending {chunk.rows:,} rows", phase="running")
        try:
            job = self.upload()
        except ConflictError as error:
            # A place in the queue, not a failed attempt.
            self.not_sent(attempts=chunk.attempts, status="waiting")
            return error
        except AnalytexError as error:
            found = self.look_for("the answer was lost") if may_have_arrived(error) else None
            if found is None:
                self.not_sent()
            return found or error
        return self.accept(job)

    def upload(self) -> Job:
        drive, number, kind = self.drive, self.drive.number, self.drive.document.kind
        with drive.reading(NOT_SENT):
            if drive.document.options.transport == "json":
                return drive.client.submit_lines(drive.spool.read_chunk(number), kind)
            return drive.client.submit_file(drive.spool.chunk_path(number), kind, filename=drive.name(number))

    def accept(self, job: Job) -> Job:
        # An end that the submit's answer or the list shows is not settled yet: the job is asked for its errors.
        self.drive.record(status=running_status(job.status), job_id=job.job_id, known_jobs=None)
        self.drive.show(phase="running")
        return job

    def adopt(self, job: Job) -> Job:
        self.drive.say(f"{self.drive.label}: found its job, it had arrived")
        return self.accept(job)

    def not_sent(self, *, status: str = "pending", **values: int) -> None:
        self.drive.record(
            lambda it: memory.not_sent(it, (self.drive.id, self.drive.number)),
            status=status,
            known_jobs=None,
            submitted_at=None,
            **values,
        )

    def rest_after(self, reason: AnalytexError, setback: Setback) -> None:
        """Wait until the chunk may be sent again; raise what stands in the way for good."""
        try:
            if not heals(reason):
                raise reason
            setback.patience = self.drive.patience()
            setback.rest(reason)
        except AnalytexError as error:
            self.drive.locate(error)
            raise
        if self.is_doubted:
            # One last look before it goes out again: some services list a job late.
            self.drive.looked = None

    def look_for(self, why: str) -> Job | None:
        """Look a few times, over some seconds, for the chunk, which may have arrived; adopt its job if it has."""
        drive, what = self.drive, f"{self.drive.label}: {why}, looking for it among the jobs"
        drive.record(status="looking")
        if not self.is_doubted:
            self.is_doubted, self.known_then = True, drive.chunk.known_jobs
        is_unclear = True
        for seconds in SETTLING:
            drive.say(what)
            drive.rest(seconds)
            jobs = drive.list_jobs(what)
            if jobs is None:
                raise NobodyKnowsError
            job, is_unclear = self.examined(jobs)
            if job is not None:
                return self.adopt(job)
            drive.looked = jobs
        if is_unclear:
            raise NobodyKnowsError
        return None

    def queue(self) -> Job | None:
        """Wait for the job in the way to end; return it at once if it is the chunk's own."""
        drive, what = self.drive, f"{self.drive.label} waits for a job that runs; asking which"
        drive.show(phase="waiting")
        jobs = drive.list_jobs(what) or []
        mine = self.recognised(jobs)
        if mine is not None:
            return mine
        other = next((job for job in jobs if not job.ended), None)
        if other is None or not self.wait_for(other):
            # It ended between two questions, or is not listed: every try costs an upload, so they grow apart.
            drive.say(f"{drive.label}: waiting for a job that is not listed")
            drive.blind += 1
            drive.rest(backoff(drive.blind, None, drive.chance))
        return None

    def wait_for(self, job: Job) -> bool:
        """Watch somebody else's job until it ends; False when it cannot be asked about."""
        drive, job_id = self.drive, job.job_id
        whose = drive.journal.owners([job_id]).get(job_id)
        who = "a job someone else started" if whose is None else f"chunk {whose[1]:,} of push {whose[0]}"
        watch, pace = Watch(job.total_rows or 0), Pace()
        begin = drive.clock.monotonic()
        while not job.ended:
            elapsed = drive.clock.monotonic() - begin
            watch.note(elapsed, job.completed_rows)
            drive.say(f"waiting for {who}: {progress(job)}")
            drive.rest(pace.next_poll(watch, elapsed))
            answer = drive.job(job_id, f"waiting for {who}; asking")
            if answer is None:
                return False
            job = answer
        drive.blind = 0
        return True


def progress(job: Job) -> str:
    if job.completed_rows is None:
        return job.status
    return f"{job.completed_rows:,} " + (f"of {job.total_rows:,}" if job.total_rows else "rows")
