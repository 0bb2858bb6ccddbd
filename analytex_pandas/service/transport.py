"""One HTTP exchange: a request out, an answer in, or the error that it ended in."""

from __future__ import annotations

import contextlib
import re
import ssl
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import requests

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, ServerError, TransportError, logger_of
from analytex_pandas.service import failures
from analytex_pandas.service.calls import Call, Held
from analytex_pandas.service.failures import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from analytex_pandas.service.bodies import Body
    from analytex_pandas.settings import ApiKey

logger = logger_of(__name__)

REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
MAX_REDIRECTS: Final = 5
MAX_ANSWER_BYTES: Final = 64_000_000
"""A list of jobs with thousands of row errors each stays far below."""
READ_BYTES: Final = 64 * 1024
MIN_MASKED_CHARACTERS: Final = 8
"""A shorter text would be found everywhere, and no key is that short."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
URL_CHARACTERS: Final = "%/:=&?~#+!$,;'@()*[]"
"""What stands in a URL as it is; ``%`` among them, since what is percent-encoded stays as it was encoded."""


class Session(requests.Session):
    """A session of one request, on a connection that says nothing; redirects are for ``Transport.get`` to decide."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            adapter = Adapter()
            hold(adapter)
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: Response) -> str | None:  # noqa: ARG002  # the name is the library's
        return None


def trust() -> ssl.SSLContext:
    """Return what the operating system trusts, a company's own authority included.

    It is made for each request, in a third of a millisecond: urllib3 adds to it what ``REQUESTS_CA_BUNDLE`` names.
    """
    import truststore  # only https needs it

    context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context


class Adapter(requests.adapters.HTTPAdapter):
    """Makes connections that trust what the operating system trusts."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """Send a request, by the system's trust where it is to be secure."""
        if (request.url or "").startswith("https"):
            self.poolmanager.connection_pool_kw["ssl_context"] = trust()
        return super().send(request, *arguments, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **{"ssl_context": trust(), **options})


def silenced(pool: Any) -> Any:
    if not issubclass(pool.ConnectionCls, Held):
        pool.ConnectionCls = type("Connection", (Held, pool.ConnectionCls), {"debuglevel": 0})
    return pool


def hold(adapter: Any) -> None:
    """Have an adapter make connections that end with their call, and print nothing: a debugged one prints the key."""
    for name in ("get_connection_with_tls_context", "get_connection"):  # the second before requests 2.32
        get = getattr(adapter, name, None)
        is_held = isinstance(get, partial) and get.func is connected  # by another client of the same session
        if get is not None and not is_held:
            setattr(adapter, name, partial(connected, get))


def connected(get: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    return silenced(get(*arguments, **options))


class Transport:
    """Makes requests with an API key to one origin, each once.

    Every request has a connection of its own. They are seconds apart, and a kept connection that a balancer,
    a NAT or a suspended laptop has dropped meanwhile costs a lost answer (did the upload arrive?) or a full
    timeout, while a new one costs a handshake. It also lets any number of threads share a client.
    """

    def __init__(
        self,
        key: ApiKey,
        base_url: str,
        timeout: tuple[float, float],
        session: requests.Session | None = None,
    ) -> None:
        self.key = key
        self.origin = origin_of(base_url)
        self.timeout = timeout
        self.session = session
        for adapter in () if session is None else session.adapters.values():
            hold(adapter)
        self._echo = echo_of(key.reveal())

    def get(self, url: str, call: str) -> Answer:
        """Get a URL, following redirects within the origin; `call` says in errors what it was for."""
        for _ in range(MAX_REDIRECTS + 1):
            if not self.is_ours(url):
                raise failures.elsewhere(f"{call}: the service", url)
            answer = self.exchange("GET", url, call)
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return failures.checked(answer)
            url = resolve(url, answer.headers["Location"])
            if not self.is_ours(url):
                raise failures.elsewhere(answer, url, answer.status)
        raise ServerError(
            f"{call}: still redirected after {MAX_REDIRECTS} times, last to {failures.in_brief(url)}."
        )

    def post(self, url: str, call: str, body: Body) -> Answer:
        """Post a body, once, following nothing."""
        answer = self.exchange("POST", url, call, body)
        if answer.status in REDIRECTS:
            raise failures.elsewhere(answer, resolve(url, answer.headers.get("Location", "")), answer.status)
        return failures.checked(answer)

    def is_ours(self, url: str) -> bool:
        try:
            return origin_of(url) == self.origin
        except ValueError:
            return False

    def exchange(self, method: str, url: str, call: str, body: Body | None = None) -> Answer:
        failure: BaseException | None = None
        mine = contextlib.nullcontext(self.session) if self.session is not None else Session()
        with mine as session, Call(len(body) if body is not None else 0) as under_way:
            try:
                answer = self.read(self.send(session, method, url, body), url, call)
            except BaseException as error:  # noqa: BLE001  # also an interrupt carries frames that hold the key
                failure = failures.from_exception(error, call, self.origin, body)
                if isinstance(failure, AnalytexError):
                    failure.args = (self.masked(str(failure).encode()).decode(),)
            # What was cut off may look like a whole answer, or like any failure.
            if under_way.is_over and (failure is None or isinstance(failure, AnalytexError)):
                sent = body is None or body.started
                failure = TransportError(f"{call}: {self.origin} did not come to an end in time.", sent=sent)
            if failure is None:
                logger.debug("%s %s: HTTP %d, %d bytes", method, url, answer.status, len(answer.body))
                return answer
        # Outside of `except`, so that what is raised has no context: that one holds the request's headers.
        raise failure

    def send(self, session: requests.Session, method: str, url: str, body: Body | None) -> Response:
        """Send one request; return its answer before the body is read."""
        headers = {
            **requests.utils.default_headers(),
            "Accept": "application/json, text/plain, */*",
            "Authorization": f"Token {self.key.reveal()}",
            "Connection": "close",
            "User-Agent": user_agent(),
        }
        if body is not None:
            headers["Content-Type"] = body.content_type
        # Not prepared by the session: it would let a password in ``.netrc`` take the key's place.
        request = requests.Request(method, self.origin, headers, data=body).prepare()
        # The path is added afterwards, since requests would tidy it, and a job named ".." become another URL.
        # Host and port are the origin's by construction, however a next page or a redirect spelt them.
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        request.url = f"{(request.url or '').rstrip('/')}{parts.path or '/'}{query}"
        environment = session.merge_environment_settings(url, {}, True, None, None)
        if settings.is_loopback(urlsplit(self.origin).hostname or ""):
            environment["proxies"] = {}
        return session.send(request, timeout=self.timeout, allow_redirects=False, **environment)

    def read(self, response: Response, url: str, call: str) -> Answer:
        """Read an answer to its end; if that fails, a bad status is answer enough."""
        body = bytearray()
        # urllib3 1 would take an answer that was cut short for whole.
        response.raw.enforce_content_length = True
        with response:
            try:
                for piece in response.iter_content(READ_BYTES):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ServerError(
                            f"The answer from {self.origin} is over {MAX_ANSWER_BYTES:,} bytes long, which "
                            f"no answer of the service is. {failures.SERVER_WAY_OUT}"
                        )
            except requests.RequestException:
                if response.ok:
                    raise
        headers = requests.structures.CaseInsensitiveDict(
            {name: self.masked(value.encode()).decode() for name, value in response.headers.items()}
        )
        return Answer(call, url, response.status_code, headers, self.masked(bytes(body)))

    def masked(self, content: bytes) -> bytes:
        """Return content from outside without the key, should it echo it."""
        return self._echo.sub(b"***", content) if self._echo is not None else content


def echo_of(secret: str) -> re.Pattern[bytes] | None:
    """Return the pattern of a key in an answer: as it is, or with escapes of JSON, of a URL or of HTML in it."""
    if len(secret) < MIN_MASKED_CHARACTERS:
        return None
    letters = (
        rf"(?:\\?{re.escape(letter)}|(?i:\\u00{ord(letter):02x}|%{ord(letter):02x}|&\#x?0*(?:{ord(letter)}|{ord(letter):x});))"
        for letter in secret
    )
    return re.compile("".join(letters).encode())


def origin_of(url: str) -> str:
    """Return the machine and service that a URL leads to, in lower case; ValueError where it leads nowhere.

    An API key is meant for one of them. The port is given only where it is not the usual one.
    """
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def resolve(url: str, reference: str) -> str:
    """Return where a reference found at a URL (a redirect, a next page) leads, without its fragment."""
    try:
        joined = urlsplit(urljoin(url, reference.strip()))
    except ValueError:
        return reference.strip()
    return quote(urlunsplit(joined._replace(fragment="")), safe=URL_CHARACTERS, errors="replace")


@cache
def user_agent() -> str:
    try:
        return f"analytex-pandas/{version('analytex-pandas')}"
    except PackageNotFoundError:
        return "analytex-pandas"
