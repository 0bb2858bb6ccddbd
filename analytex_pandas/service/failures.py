"""What came back of a call, and the one place where every failure of one becomes an error of ours."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
import urllib3
from requests.utils import parse_header_links

from analytex_pandas.errors import (
    AnalytexError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitError,
    ServerError,
    TransportError,
    ValidationError,
)
from analytex_pandas.service.values import clean, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytex_pandas.service.bodies import Body

MAX_TEXT_CHARACTERS: Final = 600
READ_BYTES: Final = 100_000
"""How much of an unreadable answer is looked at for words."""

WAYS_OUT: Final[Mapping[int, str]] = {
    400: "Nothing of the request was taken. Correct what the service names and send it again.",
    401: "Check the API key, and that it belongs to this environment. The app token, which stands beside it "
    "in Analytex, is not the API key and is the usual cause.",
    403: "The key may lack the right to the bulk API, or a proxy or firewall on the way forbids the request.",
    404: "This account has nothing there: check the id, environment=…, and paths=… if the service documents "
    "other paths. Client.jobs() lists the jobs that there are.",
    409: "The service runs one job at a time for an account, whoever started it. Wait until it has ended; a "
    "push waits by itself.",
    413: "Send fewer or smaller records in one request; a push cuts its input to fit by itself.",
    429: "Wait and ask again; a push waits by itself.",
}
SERVER_WAY_OUT: Final = (
    "This usually heals: try again. After a submit, look at the jobs first, it may have arrived."
)
FORBIDDEN_BYTES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")
TIMEOUT_STATUSES: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, and the whole body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # the classes of HTTP statuses

    def next_link(self) -> str | None:
        """Return the URL that the ``Link`` header names as the next page."""
        links = parse_header_links(self.headers.get("Link", ""))
        return next((link["url"] for link in links if link.get("rel") == "next"), None)


def from_answer(answer: Answer, call: str) -> AnalytexError:
    status = answer.status
    words = words_of(answer)
    message = f"{call}: HTTP {status_text(status)}{f': {words}' if words else ''}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TIMEOUT_STATUSES:
        message = f"{sentence(message)} {SERVER_WAY_OUT}"
        return ServerError(message, retry_after=retry_after(answer), status_code=status)
    message = f"{sentence(message)} {WAYS_OUT.get(status, '')}".strip()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitError(message, retry_after=retry_after(answer), status_code=status)
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return ValidationError(message, status_code=status)
    kinds: dict[int, type[AnalytexError]] = {
        HTTPStatus.UNAUTHORIZED: AuthenticationError,
        HTTPStatus.FORBIDDEN: AuthenticationError,
        HTTPStatus.NOT_FOUND: NotFoundError,
        HTTPStatus.GONE: NotFoundError,
        HTTPStatus.CONFLICT: ConflictError,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: PayloadTooLargeError,
    }
    return kinds.get(status, AnalytexError)(message, status_code=status)


def from_redirect(answer: Answer, call: str, target: str) -> AnalytexError:
    """Return the error that a redirect amounts to which is not followed."""
    return AnalytexError(
        f"{call}: HTTP {status_text(answer.status)} points to {in_brief(target) or 'nowhere'}. It was "
        "not followed: the API key is for the environment that was set and goes nowhere else, and what was "
        "posted is not posted again. If the service has moved there, set environment=… to it.",
        status_code=answer.status,
    )


def unreadable(answer: Answer, call: str, reason: str) -> ServerError:
    """Return the error that a 2xx answer amounts to whose body is not what was asked for."""
    words = words_of(answer)
    return ServerError(
        f"{call}: HTTP {status_text(answer.status)}, but {reason}{f': {words}' if words else ''}. "
        f"Something in front of the service may have answered in its place. {SERVER_WAY_OUT}",
        retry_after=retry_after(answer),
        status_code=answer.status,
    )


def from_exception(error: BaseException, call: str, host: str, body: Body | None) -> BaseException:
    """Return the error that an exception amounts to which came instead of an answer.

    The frames and causes of the exception hold the request's headers, the API key among them, so nothing of
    it goes on but its words. What is none of the HTTP library's exceptions is returned without its traceback.
    """
    if isinstance(error, AnalytexError):
        return bare(error)
    if not isinstance(
        error, requests.RequestException | urllib3.exceptions.HTTPError | OSError | UnicodeError
    ):
        return bare(error)
    reason = in_brief(reason_of(error))
    sent = body.started if body is not None else may_be_sent(error)
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return ServerError(f"{call}: the answer of {host} cannot be unpacked ({reason}). {SERVER_WAY_OUT}")
    if isinstance(error, requests.exceptions.ReadTimeout):
        outcome = f"{host} did not answer in time"
    elif isinstance(error, requests.exceptions.ProxyError) and not sent:
        outcome = f"the proxy before {host} could not be used"
    elif isinstance(error, requests.exceptions.SSLError) and not sent:
        outcome = f"no secure connection to {host} was possible"
    elif sent:
        outcome = f"the connection to {host} broke before the answer was complete"
    else:
        outcome = f"{host} could not be reached"
    if not sent:
        way_out = "Nothing was sent. Check the network, the proxy settings and environment=…, then try again."
    elif body is None:
        way_out = "Try again."
    else:
        way_out = (
            "It may have arrived all the same: look at the jobs (Client.jobs()) before sending it again."
        )
    return TransportError(f"{call}: {outcome} ({reason}). {way_out}", sent=sent)


def bare(error: BaseException) -> BaseException:
    """Return an exception without the frames and causes that it collected."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def may_be_sent(error: BaseException) -> bool:
    """Tell whether a request without a body may have gone out: not if the connection never stood."""
    broken = (
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.ReadTimeoutError,
        urllib3.exceptions.DecodeError,
    )
    return any(isinstance(cause, broken) for cause in causes(error))


def causes(error: BaseException) -> list[BaseException]:
    """Return an exception and those it wraps, outermost first."""
    found: list[BaseException] = []
    following: object = error
    while isinstance(following, BaseException) and not any(following is one for one in found):
        found.append(following)
        inner = [getattr(following, "reason", None), *reversed(following.args), following.__cause__]
        following = next(
            (one for one in [*inner, following.__context__] if isinstance(one, BaseException)), None
        )
    return found


def reason_of(error: BaseException) -> str:
    """Return the words of the innermost cause of an exception."""
    innermost = causes(error)[-1]
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    text = (
        str(innermost.args[-1]) if innermost.args and isinstance(innermost.args[-1], str) else str(innermost)
    )
    # urllib3 writes the repr of the connection before its words.
    return text.rpartition(">: ")[2] or type(innermost).__name__


def words_of(answer: Answer) -> str:
    """Return what the service said in an answer: its errors joined, or the text of a page, in brief."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return in_brief(page_text(answer.body[:READ_BYTES].decode("utf-8", "replace")))
    return in_brief(document_text(document))


def document_text(document: object) -> str:
    """Return the words of an error document, its ``errors`` joined."""
    if not isinstance(document, dict):
        return to_text(document)
    errors = document.get("errors") or document.get("error") or document
    items = errors if isinstance(errors, list) else [errors]
    return "; ".join(filter(None, map(error_text, items)))


def error_text(item: object) -> str:
    """Return the words of one error of an error document: message, details, code."""
    if not isinstance(item, dict):
        return to_text(item)
    message = to_text(item.get("message")) or to_text(item.get("error"))
    details = to_text(item.get("details"))
    code = to_text(item.get("error_code") or item.get("code"))
    if not (message or details or code):
        return to_text(item)
    text = ": ".join(filter(None, (message, details if details != message else "")))
    return f"{text} ({code})" if text and code else text or code


def page_text(text: str) -> str:
    """Return the title of a page, else its text without markup."""
    if "<" not in text:
        return text
    if title := re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL):
        return html.unescape(title[1])
    text = re.sub(r"<(script|style)\b.*?</\1\s*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", text))


def in_brief(text: str) -> str:
    """Return a text from outside on one line, without control characters, and not too long."""
    text = " ".join(FORBIDDEN_BYTES.sub(" ", clean(text)).split())
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[: MAX_TEXT_CHARACTERS - 1]}…"


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as an HTTP date."""
    value = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    moment = http_date(value)
    if moment is None:
        return None
    # By the service's own clock, since the one of this machine may be off.
    now = http_date(answer.headers.get("Date", ""))
    return max(0.0, moment - (time.time() if now is None else now))


def http_date(value: str) -> float | None:
    """Return the epoch seconds of an HTTP date, None if it is none."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
