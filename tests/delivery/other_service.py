"""Another implementation of the service, written apart from the sandbox, with the manners of a bad day.

Standard library only. Everything it is asked is logged, everything it applies is counted, and what goes wrong is
decided by a function of the test: ``faults(call, count)`` names a fault for the count-th call of "submit", "list" or
"poll", or None.
"""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "k-5b1f6d7e-not-to-be-seen"
ODD_IDS = (
    "bulk:jobs:NX-ac54070e:c6f91301-{n}",
    "a/b/../{n}",
    "50% off? #{n}&x=1",
    "j\u00f6b {n} \u2603",
    "..%2F{n}",
    "{n};drop=table",
    "plain-{n}",
)

RENAMED = {
    "folder": "tenant 7/uploads/{name}",
    "windows": "C:\\up\\{name}",
    "prefixed": "9f1c2d07_{name}",
    "quoted": "uploads%2F{name}",
    "zipped": "{name}.gz",
    "shouted": "{stem}.NDJSON",
    "tidied": "{stem}_ndjson",
}
"""What services make of the name of an uploaded file."""

PAGES: dict[str, tuple[Any, ...]] = {
    "html": (502, "<html><script>alert(1)</script>Bad Gateway</html>"),
    "html200": (200, "<html>Welcome to the airport's wifi</html>"),
    "empty": (200, ""),
    "429": (429, {"errors": [{"message": "slow down"}]}, {"Retry-After": "0"}),
    "maintenance": (503, "", {"Retry-After": "0"}),
    "busy": (429, "", {"Retry-After": "300"}),
    "redirect": (302, "", {"Location": "http://192.0.2.1/login"}),
}

Report = Callable[[list[bytes]], tuple[object, int]]
"""From the lines of a file to the `errors` of its job and how many rows were refused."""


@dataclass
class RemoteJob:
    job_id: str
    kind: str
    filename: str | None
    lines: list[bytes]
    started: float
    seconds: float
    errors: object = None
    refused: int = 0
    failed: bool = False
    shown_name: str | None = None
    listed_from: float = 0.0
    polls: int = 0

    def done_at(self) -> float:
        return self.started + self.seconds


@dataclass
class OtherService:
    """A service on loopback; use it as a context manager."""

    seconds_a_job: float = 0.05
    seconds_a_row: float = 0.0
    tail: float = 0.0
    echo: str = "name"
    """"name", "none", a key of ``RENAMED``, or "other" for a name of the service's own, also where none was sent."""
    named_in: tuple[str, ...] = ("submit", "list", "poll")
    """The answers that show a job's name."""
    list_style: str = "bare"
    """"bare", "wrapped" or "pages"."""
    odd_ids: bool = True
    progress: bool = True
    word: str = "processing"
    """What the service calls a job that runs."""
    count_refused: bool = False
    """Whether completed_rows includes refused rows."""
    listing_delay: float = 0.0
    faults: Callable[[str, int], str | None] = lambda _call, _count: None
    report: Report = lambda _lines: (None, 0)
    fails: Callable[[int], bool] = lambda _number: False
    """Whether the n-th job fails whole."""
    lose_rows: int = 0
    """Rows that each job drops without a word."""
    key: str = field(default=KEY, repr=False)

    jobs: list[RemoteJob] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[float, str, str]] = field(default_factory=list)
    """(time, call, what came of it)."""
    forgotten: set[str] = field(default_factory=set)
    """Jobs that answer 404."""
    hidden: set[str] = field(default_factory=set)
    """Jobs that are not listed."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Self:
        self.server = Server(self)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def applied(self) -> Counter[str]:
        """How often each id's record was taken in, refused ones included."""
        key = {"users": "user_id", "companies": "company_id"}
        with self.lock:
            return Counter(json.loads(line)[key[job.kind]] for job in self.jobs for line in job.lines)

    def uploads(self) -> list[str | None]:
        """The file names of all jobs, in the order they came."""
        with self.lock:
            return [job.filename for job in self.jobs]

    def start_job(self, rows: int = 10, seconds: float = 0.5, filename: str | None = None) -> RemoteJob:
        """Start a job of somebody else."""
        with self.lock:
            return self._new_job("companies", filename, [b'{"company_id": "x"}'] * rows, seconds=seconds)

    def busy_share(self) -> float:
        """The share of the time between the first job's start and the last one's end that some job ran."""
        with self.lock:
            whole = self.jobs[-1].done_at() - self.jobs[0].started
            return sum(job.seconds for job in self.jobs) / whole

    def _new_job(
        self, kind: str, filename: str | None, lines: list[bytes], seconds: float | None = None
    ) -> RemoteJob:
        number = len(self.jobs) + 1
        job_id = (ODD_IDS[number % len(ODD_IDS)] if self.odd_ids else "job-{n}").format(n=number)
        now = time.monotonic()
        duration = self.seconds_a_job + len(lines) * self.seconds_a_row if seconds is None else seconds
        shown: str | None = f"upload-{number}.bin" if self.echo == "other" else filename
        if self.echo == "none":
            shown = None
        elif filename is not None and self.echo in RENAMED:
            shown = RENAMED[self.echo].format(name=filename, stem=filename.removesuffix(".ndjson"))
        job = RemoteJob(job_id, kind, filename, lines, now, duration, listed_from=now + self.listing_delay)
        job.shown_name = shown
        if self.fails(number):
            job.failed = True
        job.errors, job.refused = self.report(lines) if filename or kind == "users" else (None, 0)
        self.jobs.append(job)
        return job

    def describe(self, job: RemoteJob, view: str) -> dict[str, Any]:
        elapsed = time.monotonic() - job.started
        ended = elapsed >= job.seconds
        rows = len(job.lines)
        working = max(job.seconds - self.tail, 1e-9)
        share = min(elapsed / working, 1.0)
        taken = rows - job.refused - self.lose_rows
        document: dict[str, Any] = {
            "job_id": job.job_id,
            "status": ("failed" if job.failed else "completed")
            if ended
            else ("pending_refresh" if share == 1.0 else self.word),
            "type": job.kind,
            "total_rows": rows,
        }
        if job.shown_name is not None and view in self.named_in:
            document["filename"] = job.shown_name
        if ended:
            document["errors"] = job.errors
            document["completed_rows"] = taken + (job.refused if self.count_refused else 0)
            if job.failed:
                document["completed_rows"] = 0
        elif self.progress:
            document["completed_rows"] = int(taken * share)
        return document

    def running(self) -> RemoteJob | None:
        now = time.monotonic()
        return next((job for job in self.jobs if now < job.done_at()), None)

    def submit(self, path: str, headers: Any, body: bytes) -> tuple[int, object]:
        if self.running() is not None:
            return 409, {"errors": [{"error": "conflict", "message": "a job is already in progress"}]}
        kind = path.split("/")[2]
        if headers["Content-Type"].startswith("multipart/form-data"):
            head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
            (part,) = message.iter_parts()
            name = part.get_filename()
            lines = part.get_payload(decode=True).splitlines()
        else:
            name, lines = None, [json.dumps(record).encode() for record in json.loads(body)[kind]]
        job = self._new_job(kind, name, lines)
        return 202, {**self.describe(job, "submit"), "status": "queued", "errors": []}

    def listing(self, query: str) -> tuple[int, object]:
        now = time.monotonic()
        jobs = [
            {name: value for name, value in self.describe(job, "list").items() if name != "errors"}
            for job in reversed(self.jobs)
            if now >= job.listed_from and job.job_id not in self.hidden
        ]
        if self.list_style == "bare":
            return 200, jobs
        if self.list_style == "wrapped":
            return 200, {"data": jobs, "meta": {"total": len(jobs)}}
        page = int(urllib.parse.parse_qs(query).get("page", ["1"])[0])
        following = page + 1 if page * 3 < len(jobs) else None
        return 200, {"jobs": jobs[(page - 1) * 3 : page * 3], "next_page": following}

    def poll(self, job_id: str) -> tuple[int, object]:
        for job in self.jobs:
            if job.job_id == job_id and job_id not in self.forgotten:
                job.polls += 1
                return 200, self.describe(job, "poll")
        return 404, {"errors": [{"message": "no such job"}]}


class Server(ThreadingHTTPServer):
    """A server that knows whose requests it takes."""

    daemon_threads = True

    def __init__(self, service: OtherService) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.service = service


class Handler(BaseHTTPRequestHandler):
    """Reads requests, asks the service, and answers, or does what the fault of the moment is."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def service(self) -> OtherService:
        return self.server.service

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer("submit", lambda: self.service.submit(self.path, self.headers, body))

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/v1/background_jobs":
            self.answer("list", lambda: self.service.listing(query))
        else:
            job_id = urllib.parse.unquote(path.removeprefix("/v1/background_jobs/"), errors="surrogatepass")
            self.answer("poll", lambda: self.service.poll(job_id))

    def answer(self, call: str, act: Callable[[], tuple[int, object]]) -> None:
        with self.service.lock:
            self.service.calls[call] += 1
            fault = self.service.faults(call, self.service.calls[call])
            self.service.requests.append((time.monotonic(), call, fault or "ok"))
            if self.headers["Authorization"] != f"Token {self.service.key}":
                self.send(401, {"errors": [{"message": "bad key"}]})
                return
            if fault is not None and not fault.endswith("_after"):
                self.fail(fault)
                return
            status, document = act()
        if fault is not None:
            self.fail(fault.removesuffix("_after"))
        else:
            self.send(status, document)

    def fail(self, fault: str) -> None:
        if fault == "drop":
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(2)
        elif fault in PAGES:
            self.send(*PAGES[fault])
        else:
            self.send(int(fault), {"errors": [{"message": f"fault {fault}"}]})

    def send(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        html = isinstance(document, str)
        body = document.encode() if html else json.dumps(document).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if html else "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)


@contextlib.contextmanager
def serving(**behaviour: Any) -> Iterator[OtherService]:
    """Serve with this behaviour for the length of a block."""
    with OtherService(**behaviour) as service:
        yield service
