"""What becomes of a call: routes, key, limits, faults; knows HTTP's words, but no socket."""

from __future__ import annotations

import hmac
import math
import threading
from collections import deque
from dataclasses import dataclass, field
from http import HTTPMethod
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from analytex_pandas.sandbox_server.answers import RefusedError, json_answer, refuse
from analytex_pandas.sandbox_server.bodies import media_type, read_submission
from analytex_pandas.sandbox_server.reports import JOBS_PATH, list_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from analytex_pandas.sandbox_server.account import Account
    from analytex_pandas.sandbox_server.answers import Answer
    from analytex_pandas.sandbox_server.faults import Endpoint, Fault, Faults
    from analytex_pandas.sandbox_server.records import Kind, Limits
    from analytex_pandas.sandbox_server.reports import Style

_SUBMIT_PATHS: Final[Mapping[str, Kind]] = {
    "/v1/users/bulk_identify": "users",
    "/v1/companies/bulk_identify": "companies",
}
_METHODS: Final[Mapping[Endpoint, str]] = {
    "submit": HTTPMethod.POST,
    "list": HTTPMethod.GET,
    "job": HTTPMethod.GET,
}
_LOG_LENGTH: Final = 100_000
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


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way through, with what is not kept of it afterwards."""

    request: Request
    headers: Mapping[str, str]  # names in lower case
    kind: Kind

    @property
    def path(self) -> str:
        return self.request.path.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.request.path.partition("?")[2]))


class Service:
    """The calls of the service, for one account."""

    def __init__(
        self,
        account: Account,
        faults: Faults,
        *,
        api_key: str,
        limits: Limits,
        style: Style,
        requests_per_minute: float | None,
        keep_bodies: bool,
        clock: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.closing = threading.Event()
        self.requests: deque[Request] = deque(maxlen=_LOG_LENGTH)
        self._account = account
        self._faults = faults
        self._authorization = f"token {api_key}".encode()
        self._style = style
        self._rate = requests_per_minute
        self._keep_bodies = keep_bodies
        self._clock = clock
        self._recent: deque[float] = deque()
        self._rate_lock = threading.Lock()

    def call(self, method: str, target: str, headers: Mapping[str, str]) -> Call:
        """Return the call that the head of a request describes; `headers` have names in lower case."""
        request = Request(method, target, self._account.now())
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = f"{scheme.lower()} {key.strip()}".encode("latin-1", "replace")
        request.authorized = hmac.compare_digest(given, self._authorization)
        call = Call(request, headers, _SUBMIT_PATHS.get(target.partition("?")[0], "users"))
        if call.path in _SUBMIT_PATHS:
            request.endpoint = "submit"
        elif call.path == JOBS_PATH:
            request.endpoint = "list"
        elif call.path.startswith(f"{JOBS_PATH}/"):
            # Split before decoding: a slash inside of an id comes as %2F.
            segment = call.path.removeprefix(f"{JOBS_PATH}/")
            if segment and "/" not in segment:
                request.endpoint, request.job_id = "job", unquote(segment)
        return call

    def admit(self, call: Call) -> Answer | None:
        """Decide on a call by its head; None: the body is wanted."""
        endpoint, method = call.request.endpoint, call.request.method
        if endpoint is None:
            raise refuse(404, "not_found", "There is no such path.", call.path)
        allowed = _METHODS[endpoint]
        if method != allowed:
            message = f"{call.path} takes {allowed}."
            raise refuse(405, "method_not_allowed", message, headers=(("Allow", allowed),))
        if (fault := self._faults.take(endpoint, "request")) is not None:
            struck = self._struck(call, fault, None)
            if struck is not None:
                return struck
        self._check_key(call)
        self._check_rate()
        if endpoint == "submit":
            media_type(call.headers.get("content-type", ""))
        return None

    def answer(self, call: Call, body: bytes) -> Answer:
        """Act on a call that was admitted."""
        request = call.request
        request.bytes = len(body)
        request.body = body if self._keep_bodies else None
        answer = self._act(call, body)
        if request.endpoint is None or (fault := self._faults.take(request.endpoint, "answer")) is None:
            return answer
        return self._struck(call, fault, answer) or answer

    def log(self, call: Call, status: int | None) -> None:
        call.request.status = status
        self.requests.append(call.request)

    def too_large(self) -> RefusedError:
        return refuse(
            413,
            "payload_too_large",
            "The request is too large.",
            f"A request body stays below {self.limits.max_bytes} bytes.",
        )

    def _check_key(self, call: Call) -> None:
        if not call.request.authorized:
            raise refuse(
                401,
                "unauthorized",
                "The API key is missing or wrong.",
                "Send the header 'Authorization: Token {API_KEY}'.",
                headers=(("WWW-Authenticate", "Token"),),
            )

    def _check_rate(self) -> None:
        if self._rate is None:
            return
        with self._rate_lock:
            now = self._clock()
            while self._recent and self._recent[0] <= now - _RATE_WINDOW_SECONDS:
                self._recent.popleft()
            if len(self._recent) < self._rate:
                self._recent.append(now)
                return
            seconds = math.ceil(self._recent[0] + _RATE_WINDOW_SECONDS - now)
        details = f"{self._rate} a minute are allowed."
        raise refuse(
            429, "rate_limited", "Too many requests.", details, headers=(("Retry-After", str(seconds)),)
        )

    def _act(self, call: Call, body: bytes) -> Answer:
        match call.request.endpoint:
            case "submit":
                return self._submit(call, body)
            case "list":
                url = f"http://{call.headers.get('host', '')}{JOBS_PATH}"
                return json_answer(200, list_document(self._account.jobs(), call.query, self._style, url))
            case _:
                return json_answer(200, self._account.job(call.request.job_id or ""))

    def _submit(self, call: Call, body: bytes) -> Answer:
        request = call.request
        submission = read_submission(call.headers.get("content-type", ""), body, call.kind, self.limits)
        request.filename, request.rows = submission.filename, len(submission.rows)

        def fault() -> Fault | None:
            doom = self._faults.take("submit", "job")
            request.fault = doom.kind if doom else None
            return doom

        document = self._account.submit(call.kind, submission, fault)
        request.job_id = document["job_id"]
        return json_answer(202, document)

    def _struck(self, call: Call, fault: Fault, answer: Answer | None) -> Answer | None:
        call.request.fault = fault.kind
        if fault.kind == "slow":
            self.closing.wait(fault.seconds)
        port = call.headers.get("host", "").rpartition(":")[2]
        return fault.strike(answer, f"http://localhost:{port}{call.request.path}")
