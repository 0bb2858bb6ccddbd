"""What becomes of a request: paths, key, rate, faults; knows HTTP's words, but no socket."""

from __future__ import annotations

import hmac
import json
import logging
import math
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from analytex_pandas.sandbox_server.account import JOBS_PATH, Account
from analytex_pandas.sandbox_server.records import media_type, read_submission
from analytex_pandas.sandbox_server.server import Answer, BrokenOffError, RefusedError, error_answer
from analytex_pandas.sandbox_server.terms import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from analytex_pandas.sandbox_server.server import IncomingBody
    from analytex_pandas.sandbox_server.terms import Endpoint, Fault, Kind, Moment, Paging, Terms

logger = logging.getLogger("analytex_pandas.sandbox")

# An id is matched before it is decoded: a slash inside of it comes as %2F.
PATHS: Final = re.compile(rf"/v1/(?P<kind>users|companies)/bulk_identify|{JOBS_PATH}(?:/(?P<job_id>[^/]+))?")
RATE_WINDOW_SECONDS: Final = 60.0
MAX_DIGITS: Final = 9
MAX_STRANGERS: Final = 1_000
"""Requests without the key that are written down."""


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
        self.faults = Faults(terms)
        self.requests: deque[Request] = deque(maxlen=100_000)
        self.closing = threading.Event()
        self._terms = terms
        self._strangers = 0
        self._recent: deque[float] = deque()
        self._rate_lock = threading.Lock()

    def serve(self, method: str, target: str, headers: Mapping[str, str], body: IncomingBody) -> Answer:
        """Answer a request, whatever it is, and write down that it was there."""
        request = Request(method, target, self.account.moment())
        try:
            answer = self._answer(request, headers, body)
        except RefusedError as refusal:
            answer = refusal.answer
        except BrokenOffError:
            answer = Answer(400, delivery="none")
        except Exception:
            # A caller's `refuse` may raise anything; the service would answer 500 and live on: so does this.
            logger.exception("The sandbox failed at %s %s", method, target)
            answer = error_answer(500, "internal_error", "The sandbox failed; its log says why.")
        request.status = None if answer.delivery == "none" else answer.status
        self._strangers += not request.authorized
        # A flood of others must not fill the memory.
        if request.authorized or self._strangers <= MAX_STRANGERS:
            self.requests.append(request)
        return answer

    def _answer(self, request: Request, headers: Mapping[str, str], body: IncomingBody) -> Answer:
        """Act on a request; what is refused by its head is refused before its body is read."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = f"{scheme.lower()} {key.strip()}".encode("latin-1", "replace")
        request.authorized = hmac.compare_digest(given, f"token {self._terms.api_key}".encode())
        path, _, query = request.path.partition("?")
        if (match := PATHS.fullmatch(path)) is None:
            raise RefusedError(404, "not_found", "There is no such path.", path)
        kind: Any = match["kind"]
        request.job_id = match["job_id"] and unquote(match["job_id"])
        request.endpoint = "submit" if kind else "job" if request.job_id else "list"
        allowed = "POST" if kind else "GET"
        if request.method != allowed:
            message = f"{path} takes {allowed}."
            raise RefusedError(405, "method_not_allowed", message, "", (("Allow", allowed),))
        if not request.authorized:
            message, details = (
                "The API key is missing or wrong.",
                "Send the header 'Authorization: Token {API_KEY}'.",
            )
            raise RefusedError(401, "unauthorized", message, details, (("WWW-Authenticate", "Token"),))
        struck = self._struck("request", request, headers, None)
        if struck is not None:
            return struck
        self._check_rate()
        content_type = headers.get("content-type", "")
        if kind:
            media_type(content_type)
        content = body.read(self._terms.max_bytes)
        request.bytes = len(content)
        request.body = content if self._terms.keep_bodies else None
        document: object
        if kind:
            document = self._submit(request, kind, content_type, content)
        elif request.job_id:
            document = self.account.job(request.job_id)
        else:
            url = f"http://{headers.get('host', '')}{JOBS_PATH}"
            document = list_document(self.account.jobs(), dict(parse_qsl(query)), self._terms, url)
        answer = Answer(202 if kind else 200, json.dumps(document).encode())
        return self._struck("answer", request, headers, answer) or answer

    def _check_rate(self) -> None:
        rate = self._terms.requests_per_minute
        if rate is None:
            return
        with self._rate_lock:
            now = self._terms.clock()
            while self._recent and self._recent[0] <= now - RATE_WINDOW_SECONDS:
                self._recent.popleft()
            if len(self._recent) < rate:
                self._recent.append(now)
                return
            seconds = math.ceil(self._recent[0] + RATE_WINDOW_SECONDS - now)
        message, details = "Too many requests.", f"{rate} a minute are allowed."
        raise RefusedError(429, "rate_limited", message, details, (("Retry-After", str(seconds)),))

    def _submit(self, request: Request, kind: Kind, content_type: str, content: bytes) -> dict[str, Any]:
        rows, request.filename, size = read_submission(content_type, content, kind, self._terms)
        request.rows = len(rows)

        def fault() -> Fault | None:
            struck = self.faults.take("submit", "job")
            request.fault = struck.kind if struck else None
            return struck

        document = self.account.submit(kind, rows, request.filename, size, fault)
        request.job_id = document["job_id"]
        return document

    def _struck(
        self, moment: Moment, request: Request, headers: Mapping[str, str], answer: Answer | None
    ) -> Answer | None:
        """Return what a fault makes of the answer so far; None: nothing yet."""
        fault = request.endpoint and self.faults.take(request.endpoint, moment)
        if not fault:
            return answer
        request.fault = fault.kind
        if fault.kind == "slow":
            self.closing.wait(fault.seconds)
        port = headers.get("host", "").rpartition(":")[2]
        return fault.strike(answer, f"http://localhost:{port}{request.path}")


def list_document(jobs: Sequence[dict[str, Any]], query: Mapping[str, str], terms: Terms, url: str) -> object:
    """Return the list of jobs, newest first: all of it, or the page that the query asks for."""
    if terms.job_list == "array":
        return jobs
    if terms.job_list == "wrapped":
        return {terms.list_key: jobs}
    if terms.paging == "cursor":
        after = [None, *(job["job_id"] for job in jobs)]
        cursor = query.get("cursor")
        if cursor not in after:
            raise RefusedError(400, "invalid_cursor", "There is no such cursor.", cursor)
        start = after.index(cursor)
    else:
        page = query.get("page", "1")
        if not (page.isascii() and page.isdigit() and len(page) <= MAX_DIGITS and int(page)):
            raise RefusedError(400, "invalid_page", "A page is a number from 1.", page)
        start = (int(page) - 1) * terms.page_size
    stop = start + terms.page_size
    more = stop < len(jobs)
    number = stop // terms.page_size + 1 if more else None
    address = f"{url}?page={number}" if more else None
    named: dict[Paging, dict[str, Any]] = {
        "url": {"next": address},
        "links": {"links": {"next": address}},
        "page": {"next_page": number},
        "cursor": {"next_cursor": jobs[stop - 1]["job_id"] if more else None},
    }
    return {str(terms.list_key): jobs[start:stop], **named[terms.paging]}
