"""A chunk gets to the service once: never twice, never lost.

Before it is sent, the jobs that are there already are written down together with the intent. When no clear
answer comes, the list of jobs tells: the chunk's job by its file name, or that no job is new, or that nobody
can know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytex_pandas.delivery import memory
from analytex_pandas.delivery.drive import PATIENCE_WITH_A_JOB, Setback
from analytex_pandas.delivery.lookup import Finding, Sent, by_name, candidates, in_the_way, look
from analytex_pandas.delivery.pacing import Pace, Watch, backoff, heals, may_have_arrived
from analytex_pandas.delivery.state import running_status
from analytex_pandas.errors import AnalytexError, AuthenticationError, ConflictError

if TYPE_CHECKING:
    from analytex_pandas.delivery.drive import Drive
    from analytex_pandas.service.wire import Job

MOST_ASKED: Final = 20
"""Jobs that are asked about one by one, to find out whether one of them is a chunk."""
SETTLING: Final = (0.3, 0.9, 1.8)
"""Seconds before each look for a chunk without an answer: a job may be listed a moment after it was taken."""
PATIENCE_FOR_A_LIST: Final = 20.0
"""Seconds to try for the look before a submit, which can go without it."""


class NotArrivedError(Exception):
    """A chunk surely is not at the service; never leaves the worker."""

    def __init__(self, reason: AnalytexError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class NobodyKnowsError(Exception):
    """A chunk may be at the service or not, and nobody can tell; never leaves the worker."""


def deliver(drive: Drive, number: int) -> Job | None:
    """Return the job that a chunk became; None when nobody can tell whether it arrived."""
    try:
        return Sending(drive, number).deliver()
    except NobodyKnowsError:
        return None


class Sending:
    """One chunk on its way to the service."""

    def __init__(self, drive: Drive, number: int) -> None:
        self.drive = drive
        self.number = number
        self.label = drive.label(number)
        self.sent = Sent(drive.name(number), drive.chunk(number).rows)
        self.is_doubted = False
        """Whether it was sent before without a clear answer."""
        self.known_then: frozenset[str] | None = None
        """The jobs that were listed before it was first sent so."""

    def deliver(self) -> Job:
        drive = self.drive
        if drive.chunk(self.number).in_doubt:
            found = self.look_for("its sender did not live to see the answer")
            if found is not None:
                return found
            self.not_sent()
        setback = Setback(drive, drive.patience())
        while True:
            drive.hold()
            there = self.recognised(self.look_before())
            if there is not None:
                return self.adopt(there)
            try:
                return self.send()
            except ConflictError:
                mine = self.queue()
                if mine is not None:
                    return self.adopt(mine)
                setback.over()
            except NotArrivedError as failure:
                self.rest_after(failure.reason, setback)

    def rest_after(self, reason: AnalytexError, setback: Setback) -> None:
        """Wait until the chunk may be sent again; raise what stands in the way for good."""
        try:
            if not heals(reason):
                raise reason
            setback.patience = self.drive.patience()
            setback.rest(reason, f"sending {self.label}", stoppable=True)
        except AnalytexError as error:
            self.locate(error)
            raise
        if self.is_doubted:
            # One last look before it goes out again: some services list a job late.
            self.drive.looked = None

    def recognised(self, jobs: list[Job]) -> Job | None:
        """Return the job of a list that is the chunk; be strict where it was sent before without an answer."""
        if not self.is_doubted:
            return by_name(jobs, self.sent.name)
        found = self.examined(jobs)
        if found is Finding.UNCLEAR:
            raise NobodyKnowsError
        return None if isinstance(found, Finding) else found

    def examined(self, jobs: list[Job]) -> Job | Finding:
        """Return the job of the chunk, or what its absence from a list means, asking about jobs it may be."""
        drive, known = self.drive, self.known_then
        others = set(drive.journal.owners([job.job_id for job in jobs]))
        found = look(jobs, self.sent, known=known, others=others, echo=drive.listed)
        if found is not Finding.UNCLEAR or self.sent.name is None:
            return found
        possible = candidates(jobs, self.sent, known=known, others=others, echo=drive.listed)
        if len(possible) > MOST_ASKED:
            return Finding.UNCLEAR
        asked = [self.in_full(job) for job in possible]
        return look(asked, self.sent, known=None, others=(), echo=drive.asked)

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

    def send(self) -> Job:
        """Send the chunk once, and find out what came of it."""
        drive = self.drive
        chunk = drive.chunk(self.number)
        known = None if drive.looked is None else frozenset(job.job_id for job in drive.looked)
        drive.looked = None
        try:
            records, digests = drive.spool.read_chunk(self.number), drive.digests(self.number)
        except AnalytexError as error:
            self.locate(error)
            raise
        drive.record(
            self.number,
            lambda it: memory.forget_cells(
                it, drive.account, drive.document.kind, (drive.id, self.number), digests
            ),
            status="submitting",
            attempts=chunk.attempts + 1,
            known_jobs=known,
            submitted_at=drive.clock.now(),
        )
        drive.say(f"{self.label}: sending {chunk.rows:,} rows", current=self.number)
        try:
            job = self.upload(records)
        except ConflictError:
            # A place in the queue, not a failed attempt.
            self.not_sent(attempts=chunk.attempts, status="waiting")
            raise
        except AnalytexError as error:
            found = self.look_for("the answer was lost") if may_have_arrived(error) else None
            if found is not None:
                return found
            self.not_sent()
            raise NotArrivedError(error) from error
        return self.accept(job)

    def upload(self, records: bytes) -> Job:
        client, document = self.drive.client, self.drive.document
        if document.options.transport == "json":
            return client.submit_lines(records, document.kind)
        return client.submit_file(records, document.kind, filename=self.drive.file_name(self.number))

    def accept(self, job: Job) -> Job:
        # An end that the submit's answer or the list shows is not settled yet: the job is asked for its errors.
        status = running_status(job.status)
        self.drive.record(self.number, status=status, job_id=job.job_id, known_jobs=None)
        self.drive.show(phase="running")
        return job

    def adopt(self, job: Job) -> Job:
        """Take a job that was found in the list for the chunk's own."""
        self.drive.say(f"{self.label}: found its job, it had arrived")
        return self.accept(job)

    def not_sent(self, *, attempts: int | None = None, status: str = "pending") -> None:
        attempts = self.drive.chunk(self.number).attempts if attempts is None else attempts
        self.drive.record(
            self.number,
            lambda it: memory.not_sent(it, (self.drive.id, self.number)),
            status=status,
            attempts=attempts,
            known_jobs=None,
            submitted_at=None,
        )

    def look_before(self) -> list[Job]:
        """Return the jobs that are there before a submit; none when the list cannot be read."""
        drive = self.drive
        if drive.looked is None:
            what = f"{self.label}: reading the list of jobs"
            try:
                drive.looked = drive.list_jobs(what, patience=PATIENCE_FOR_A_LIST, stoppable=True)
            except AuthenticationError as error:
                self.locate(error)
                raise
            except AnalytexError:
                return []
        return drive.looked

    def look_for(self, why: str) -> Job | None:
        """Look a few times, over some seconds, for the chunk, which may have arrived; adopt its job if it has."""
        drive = self.drive
        drive.record(self.number, status="looking")
        what = f"{self.label}: {why}, looking for it among the jobs"
        if not self.is_doubted:
            self.is_doubted, self.known_then = True, drive.chunk(self.number).known_jobs
        found: Job | Finding = Finding.UNCLEAR
        for moment in SETTLING:
            drive.say(what, current=self.number)
            drive.rest(moment, stoppable=False)
            try:
                jobs = drive.list_jobs(what, patience=PATIENCE_WITH_A_JOB, stoppable=False)
                found = self.examined(jobs)
            except AuthenticationError as error:
                self.locate(error)
                raise
            except AnalytexError as error:
                raise NobodyKnowsError from error
            if not isinstance(found, Finding):
                return self.adopt(found)
            drive.looked = jobs
        if found is Finding.UNCLEAR:
            raise NobodyKnowsError
        return None

    def queue(self) -> Job | None:
        """Wait for the job in the way to end; return it at once if it is the chunk's own."""
        drive = self.drive
        what = f"{self.label} waits for a job that runs; asking which"
        try:
            jobs = drive.list_jobs(what, patience=PATIENCE_WITH_A_JOB, stoppable=True, phase="waiting")
        except AuthenticationError as error:
            self.locate(error)
            raise
        except AnalytexError:
            jobs = []
        mine = self.recognised(jobs)
        if mine is not None:
            return mine
        other = in_the_way(jobs)
        if other is None or not self.wait_for(other):
            # It ended between two questions, or is not listed: every try costs an upload, so they grow apart.
            activity = f"{self.label}: waiting for a job that is not listed"
            drive.say(activity, phase="waiting", current=self.number)
            drive.blind += 1
            drive.rest(backoff(drive.blind, None, drive.chance), stoppable=True)
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
            drive.say(f"waiting for {who}: {progress(job)}", phase="waiting", current=self.number)
            drive.rest(pace.next_poll(watch, elapsed), stoppable=True)
            try:
                job = drive.persist(
                    lambda: drive.client.job(job_id),
                    f"waiting for {who}; asking",
                    patience=PATIENCE_WITH_A_JOB,
                    stoppable=True,
                    phase="waiting",
                )
            except AuthenticationError as error:
                self.locate(error)
                raise
            except AnalytexError:
                return False
        drive.blind = 0
        return True

    def locate(self, error: AnalytexError) -> None:
        """Make an error also say which chunk it stopped and how to go on."""
        words = (
            f"{self.label.capitalize()} of push {self.drive.id} was not sent: {error} Nothing is lost: "
            f"apd.resume({self.drive.id!r}) goes on with it once that is mended."
        )
        error.args = (words,)


def progress(job: Job) -> str:
    if job.completed_rows is None:
        return job.status
    if job.total_rows:
        return f"{job.completed_rows:,} of {job.total_rows:,}"
    return f"{job.completed_rows:,} rows"
