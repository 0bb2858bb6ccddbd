"""What becomes of a request: paths, key, rate, faults; knows HTTP's words, but no socket."""

from __future__ import annotations

import hmac
import math
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from analytex_pandas.sandbox_server.account import Account
from analytex_pandas.sandbox_server.faults import Faults
from analytex_pandas.sandbox_server.jobs import JOBS_PATH, list_document
from analytex_pandas.sandbox_server.messages import RefusedError, json_answer
from analytex_pandas.sandbox_server.records import media_type, read_submission

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from analytex_pandas.sandbox_server.faults import Endpoint, Fault
    from analytex_pandas.sandbox_server.messages import Answer, IncomingBody
    from analytex_pandas.sandbox_server.terms import Kind, Terms

# An id is matched before it is decoded: a slash inside of it comes as %2F.
_PATHS: Final = re.compile(rf"/v1/(?P<kind>users|companies)/bulk_identify|{JOBS_PATH}(?:/(?P<job_id>[^/]+))?")
_RATE_WINDOW_SECONDS: Final = 60.0


@dataclass(slots=True)
class Request:
    """One request, as the sandbox saw it.

    Attributes
    ----------
    method, path
        As they came, the path still percent-encoded and with its query.
    at
        When its head arrived.
    endpoint
        ``"submit"``, ``"list"`` or ``"job"``; None for any other path.
    authorized
        Whether it carried the key.
    status
        What it was answered with; None when the connection was closed instead.
    filename, rows, bytes
        Of a submit: name of the uploaded file, number of records, length of the body.
    job_id
        The job that it made or asked for.
    fault
        The fault that struck it.
    body
        The body, where the sandbox was told to keep bodies.
    """

    method: str
    path: str
    at: datetime
    endpoint: Endpoint | None = None
    authorized: bool = False
    status: int | None = None
    filename: str | None = None
    rows: int | None = None
    body: bytes | None = field(default=None, repr=False)
    bytes: int = 0
    job_id: str | None = None
    fault: str | None = None


class Service:
    """The service, for one account; headers have names in lower case."""

    def __init__(self, terms: Terms) -> None:
        self.account = Account(terms)
        self.faults = Faults(terms.faults, terms.seed)
        self.requests: deque[Request] = deque(maxlen=100_000)
        self.closing = threading.Event()
        self._terms = terms
        self._recent: deque[float] = deque()
        self._rate_lock = threading.Lock()

    def request(self, method: str, target: str, headers: Mapping[str, str]) -> Request:
        """Return what the head of a request asks for."""
        request = Request(method, target, self.account.now())
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = f"{scheme.lower()} {key.strip()}".encode("latin-1", "replace")
        request.authorized = hmac.compare_digest(given, f"token {self._terms.api_key}".encode())
        if (match := _PATHS.fullmatch(target.partition("?")[0])) is not None:
            if match["kind"] is not None:
                request.endpoint = "submit"
            elif match["job_id"] is None:
                request.endpoint = "list"
            else:
                request.endpoint, request.job_id = "job", unquote(match["job_id"])
        return request

    def answer(self, request: Request, headers: Mapping[str, str], body: IncomingBody) -> Answer:
        """Act on a request; what is refused by its head is refused before its body is read."""
        path, _, query = request.path.partition("?")
        endpoint = request.endpoint
        if endpoint is None:
            raise RefusedError(404, "not_found", "There is no such path.", path)
        allowed = "POST" if endpoint == "submit" else "GET"
        if request.method != allowed:
            message = f"{path} takes {allowed}."
            raise RefusedError(405, "method_not_allowed", message, headers=(("Allow", allowed),))
        struck = self._struck(request, headers, self.faults.take(endpoint, "request"), None)
        if struck is not None:
            return struck
        self._check_key(request)
        self._check_rate()
        if endpoint == "submit":
            media_type(headers.get("content-type", ""))
        content = body.read(self._terms.max_bytes)
        request.bytes = len(content)
        request.body = content if self._terms.keep_bodies else None
        if endpoint == "submit":
            kind: Kind = "users" if path.startswith("/v1/users/") else "companies"
            answer = self._submit(request, kind, headers.get("content-type", ""), content)
        elif endpoint == "list":
            url = f"http://{headers.get('host', '')}{JOBS_PATH}"
            page = list_document(self.account.jobs(), dict(parse_qsl(query)), self._terms, url)
            answer = json_answer(200, page)
        else:
            answer = json_answer(200, self.account.job(request.job_id or ""))
        return self._struck(request, headers, self.faults.take(endpoint, "answer"), answer) or answer

    def _check_key(self, request: Request) -> None:
        if not request.authorized:
            raise RefusedError(
                401,
                "unauthorized",
                "The API key is missing or wrong.",
                "Send the header 'Authorization: Token {API_KEY}'.",
                (("WWW-Authenticate", "Token"),),
            )

    def _check_rate(self) -> None:
        rate = self._terms.requests_per_minute
        if rate is None:
            return
        with self._rate_lock:
            now = self._terms.clock()
            while self._recent and self._recent[0] <= now - _RATE_WINDOW_SECONDS:
                self._recent.popleft()
            if len(self._recent) < rate:
                self._recent.append(now)
                return
            seconds = math.ceil(self._recent[0] + _RATE_WINDOW_SECONDS - now)
        details = f"{rate} a minute are allowed."
        raise RefusedError(
            429, "rate_limited", "Too many requests.", details, (("Retry-After", str(seconds)),)
        )

    def _submit(self, request: Request, kind: Kind, content_type: str, content: bytes) -> Answer:
        rows, request.filename, size = read_submission(content_type, content, kind, self._terms)
        request.rows = len(rows)

        def fault() -> Fault | None:
            struck = self.faults.take("submit", "job")
            request.fault = struck.kind if struck else None
            return struck

        document = self.account.submit(kind, rows, request.filename, size, fault)
        request.job_id = document["job_id"]
        return json_answer(202, document)

    def _struck(
        self, request: Request, headers: Mapping[str, str], fault: Fault | None, answer: Answer | None
    ) -> Answer | None:
        """Return what a fault makes of the answer so far; None: nothing yet."""
        if fault is None:
            return answer
        request.fault = fault.kind
        if fault.kind == "slow":
            self.closing.wait(fault.seconds)
        port = headers.get("host", "").rpartition(":")[2]
        return fault.strike(answer, f"http://localhost:{port}{request.path}")
