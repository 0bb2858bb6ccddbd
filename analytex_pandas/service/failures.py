"""What came back of a call, and the one place where every failure of one becomes an error of ours."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from http import HTTPStatus
from http.client import responses
from typing import TYPE_CHECKING, Final, TypeVar

import requests
import urllib3

from analytex_pandas import errors
from analytex_pandas.service.values import clean, to_datetime, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from analytex_pandas.service.bodies import Body

T = TypeVar("T")

MAX_TEXT_CHARACTERS: Final = 600
READ_BYTES: Final = 4_000
"""How much of an unreadable answer is looked at for words: the library that reads pages takes the square of it."""
MAX_DIGITS: Final = 1_000
MAX_VALUES: Final = 3_000_000
"""A job of 10,000 rows with ten errors each has 1,000,000; each takes some 100 bytes of memory."""

SERVER_WAY_OUT: Final = (
    "This usually heals: try again. After a submit, look at the jobs first, it may have arrived."
)
KINDS: Final[Mapping[int, type[errors.AnalytexError]]] = {
    400: errors.ValidationError,
    401: errors.AuthenticationError,
    403: errors.AuthenticationError,
    404: errors.NotFoundError,
    408: errors.ServerError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    413: errors.PayloadTooLargeError,
    422: errors.ValidationError,
    425: errors.ServerError,
    429: errors.RateLimitError,
}
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
BROKEN: Final = (
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.ReadTimeoutError,
    urllib3.exceptions.DecodeError,
)
"""What is raised when a connection that stood breaks, or what comes over it makes no sense."""
FORBIDDEN_BYTES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of a call, which `call` names in words: status, headers, and the whole body."""

    call: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.call}: HTTP {self.status} {responses.get(self.status, '')}".rstrip()


def checked(answer: Answer) -> Answer:
    """Return an answer with a status of 2xx, raise the error that any other amounts to."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    is_server = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = errors.ServerError if is_server else KINDS.get(status, errors.AnalytexError)
    way_out = SERVER_WAY_OUT if kind is errors.ServerError else WAYS_OUT.get(status, "")
    failure = kind(
        f"{sentence(f'{answer}{words_of(answer)}')} {way_out}".strip(),
        status_code=status,
        retry_after=retry_after(answer)
        if issubclass(kind, errors.ServerError | errors.RateLimitError)
        else None,
    )
    if kind is errors.ValidationError:
        failure.document = document_of(answer)
    raise failure


def parsed(answer: Answer, parse: Callable[[object], T]) -> T:
    """Read the document of a good answer, raise the one error for all that it may be instead."""
    try:
        # Python converts no integer of thousands of digits; an answer with one is still an answer.
        check_values(answer.body)
        value = json.loads(answer.body, parse_int=lambda text: int(text) if len(text) < MAX_DIGITS else text)
        return parse(value)
    except errors.ServerError as error:
        message = f"{answer.call}: {sentence(in_brief(str(error)))}"
    except (ValueError, RecursionError):
        message = (
            f"{answer}, but the answer is {'not JSON' if answer.body.strip() else 'empty'}{words_of(answer)}. "
            "Something in front of the service may have answered in its place."
        )
    # Outside of `except`, so that it has no context, which would say the same in other words.
    raise errors.ServerError(
        f"{message} {SERVER_WAY_OUT}", retry_after=retry_after(answer), status_code=answer.status
    )


def check_values(body: bytes) -> None:
    """Raise for an answer that would fill the memory; empty lists and objects take a thousand times their bytes."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise errors.ServerError(
            f"The answer has more than {MAX_VALUES:,} values, and none of the service has as many"
        )


def elsewhere(who: object, target: str, status_code: int | None = None) -> errors.AnalytexError:
    """Return the error for being pointed to what is not followed, by `who`: an answer, or words for it."""
    return errors.AnalytexError(
        f"{who} points to {in_brief(target) or 'nowhere'}. It was not followed: the API key is for the "
        "environment that was set and goes nowhere else, and what was posted is not posted again. If the service "
        "has moved there, set environment=… to it.",
        status_code=status_code,
    )


def from_exception(error: BaseException, call: str, host: str, body: Body | None) -> BaseException:
    """Return the error that an exception amounts to which came instead of an answer.

    The frames and causes of the exception hold the request's headers, the API key among them, so nothing of
    it goes on but its words. What is none of the HTTP library's exceptions is returned without its traceback.
    """
    # requests raises the last two at a proxy's URL that is none.
    foreign = requests.RequestException | urllib3.exceptions.HTTPError | OSError | ValueError | TypeError
    if isinstance(error, errors.AnalytexError) or not isinstance(error, foreign):
        return bare(error)
    reason = in_brief(reason_of(error))
    # A request without a body has gone out unless the connection never stood.
    sent = any(isinstance(cause, BROKEN) for cause in causes(error)) if body is None else body.started
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return errors.ServerError(
            f"{call}: the answer of {host} cannot be unpacked ({reason}). {SERVER_WAY_OUT}"
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        outcome = f"{host} did not answer in time"
    elif sent:
        outcome = f"the connection to {host} broke before the answer was complete"
    elif isinstance(error, requests.exceptions.ProxyError):
        outcome = f"the proxy before {host} could not be used"
    elif any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error)):
        return errors.TransportError(
            f"{call}: the certificate of {host} is not trusted ({reason}). Nothing was sent. If your company looks "
            "into its traffic, have its authority installed in the system's store, or name its file in the environment "
            "variable REQUESTS_CA_BUNDLE; or pass session=… a requests.Session of your own.",
            sent=False,
            heals=False,
        )
    elif isinstance(error, requests.exceptions.SSLError):
        outcome = f"no secure connection to {host} was possible"
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
    return errors.TransportError(f"{call}: {outcome} ({reason}). {way_out}", sent=sent)


def bare(error: BaseException) -> BaseException:
    """Return an exception without the frames and causes that it collected."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


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
    last = innermost.args[-1] if innermost.args else None
    text = last if isinstance(last, str) else str(innermost)
    # urllib3 writes the repr of the connection before its words.
    return text.rpartition(">: ")[2] or type(innermost).__name__


def document_of(answer: Answer) -> object:
    """Return the JSON document of an answer, None if it has none that can be read."""
    try:
        check_values(answer.body)
        return json.loads(answer.body)
    except (ValueError, RecursionError, errors.ServerError):
        return None


def words_of(answer: Answer) -> str:
    """Return what the service said in an answer, after a colon: its errors joined, or the text of a page, in brief."""
    document = document_of(answer)
    if document is None:
        text = page_text(answer.body[:READ_BYTES].decode("utf-8", "replace"))
    else:
        said = document
        if isinstance(document, dict):
            said = document.get("errors") or document.get("error") or document
        items = said if isinstance(said, list) else [said]
        text = "; ".join(filter(None, map(error_text, items)))
    words = in_brief(text)
    return f": {words}" if words else ""


def error_text(item: object) -> str:
    """Return the words of one error of an error document: message, details, code."""
    if not isinstance(item, dict):
        return to_text(item)
    said = to_text(item.get("message")) or to_text(item.get("error")), to_text(item.get("details"))
    parts = (re.sub(r"(?<!\.)\.$", "", part or "") for part in said)  # more follows
    code = to_text(item.get("error_code") or item.get("code"))
    text = ": ".join(filter(None, dict.fromkeys(parts)))
    return f"{text} ({code})" if text and code else text or code or to_text(item)


def page_text(text: str) -> str:
    """Return the title of a page, else its text without markup."""
    if "<" not in text:
        return text
    reader = PageReader()
    reader.feed(text)
    reader.close()
    return " ".join(reader.title or reader.text)


class PageReader(HTMLParser):
    """Gathers the title and the text of a page; scripts and styles are neither."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # signature of the base
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  # signature of the base
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            (self.title if self._inside == "title" else self.text).append(data)


def in_brief(text: str) -> str:
    """Return a text from outside on one line, without control characters, and not too long."""
    text = " ".join(FORBIDDEN_BYTES.sub(" ", clean(text)).split())
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[: MAX_TEXT_CHARACTERS - 1]}…"


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as an HTTP date."""
    value = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    # Other dates than those of HTTP, which begin with the weekday, are not for this header.
    moment = to_datetime(value) if value[:1].isalpha() else None
    if moment is None:
        return None
    # By the service's own clock, since the one of this machine may be off.
    now = to_datetime(answer.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())
