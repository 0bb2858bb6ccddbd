"""One HTTP exchange: a request out, an answer in, or the error that it ended in."""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, ServerError
from analytex_pandas.service import failures
from analytex_pandas.service.failures import Answer
from analytex_pandas.service.paths import Origin, resolve

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from analytex_pandas.service.bodies import Body
    from analytex_pandas.settings import ApiKey

logger = logging.getLogger(__name__)

ACCEPT: Final = "application/json, text/plain, */*"
REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
MAX_REDIRECTS: Final = 5
MAX_ANSWER_BYTES: Final = 256_000_000
"""A list of jobs with thousands of row errors each stays far below."""
READ_BYTES: Final = 64 * 1024
SCRYPT_COST: Final = 2**14
"""With blocks of 8: 16 MiB and some 50 ms a guess, so that a digest on disk does not give the key away."""
MASK: Final = "***"
MIN_MASKED_CHARACTERS: Final = 8
"""A shorter text would be found everywhere, and no key is that short."""


class TokenAuth(AuthBase):
    """The ``Authorization`` header as an auth object: requests lets ``.netrc`` override a plain header."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the key on a request."""
        request.headers["Authorization"] = f"Token {self.key.reveal()}"
        return request


def masked(text: str, key: ApiKey) -> str:
    """Return a text from outside without the key, should it echo it."""
    secret = key.reveal()
    return text.replace(secret, MASK) if len(secret) >= MIN_MASKED_CHARACTERS else text


def masked_bytes(content: bytes, key: ApiKey) -> bytes:
    """Return an answer without the key, should it echo it."""
    secret = key.reveal().encode()
    return content.replace(secret, MASK.encode()) if len(secret) >= MIN_MASKED_CHARACTERS else content


def account_digest(key: ApiKey, place: str, salt: bytes) -> str:
    """Return what tells an account (key and place) apart on this machine without giving the key away."""
    salt = hashlib.sha256(salt + place.encode()).digest()
    return hashlib.scrypt(key.reveal().encode(), salt=salt, n=SCRYPT_COST, r=8, p=1, dklen=32).hex()


class Adapter(requests.adapters.HTTPAdapter):
    """Makes connections that print nothing: at the debug level of ``http.client`` they would print the key."""

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        return silenced(super().get_connection_with_tls_context(*arguments, **options))

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        """Return a pool of such connections, for requests before 2.32."""
        return silenced(super().get_connection(*arguments, **options))


def silenced(pool: Any) -> Any:
    """Return a pool of connections with connections that print nothing, whatever debug level is set."""
    pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"debuglevel": 0})
    return pool


class Session(requests.Session):
    """A session that leaves redirects alone: whether the key may follow one is decided in ``Transport``."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Adapter())

    def get_redirect_target(self, resp: Response) -> str | None:  # noqa: ARG002  # the name is the library's
        return None


class Transport:
    """Makes requests with an API key to one origin, each once.

    Every request has a connection of its own. They are seconds apart, and a kept connection that a balancer,
    a NAT or a suspended laptop has dropped meanwhile costs a lost answer (did the upload arrive?) or a full
    timeout, while a new one costs a handshake. It also lets any number of threads share a client.
    """

    def __init__(self, key: ApiKey, base_url: str, timeout: tuple[float, float]) -> None:
        self.key = key
        self.origin = Origin.of(base_url)
        self.timeout = timeout

    def get(self, url: str, call: str) -> Answer:
        """Get a URL, following redirects within the origin."""
        for _ in range(MAX_REDIRECTS + 1):
            if not self.is_ours(url):
                raise AnalytexError(
                    f"{call}: the service points to {failures.in_brief(url)}, which is not at {self.origin}. "
                    "It was not followed: the API key goes nowhere else. If the service has moved, set "
                    "environment=… to it."
                )
            answer = self.exchange("GET", url, call)
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return self.checked(answer, call)
            target = resolve(answer.url, answer.headers["Location"])
            if not self.is_ours(target):
                raise failures.from_redirect(answer, call, target)
            url = target
        raise ServerError(
            f"{call}: still redirected after {MAX_REDIRECTS} times, last to {failures.in_brief(url)}."
        )

    def post(self, url: str, call: str, body: Body) -> Answer:
        """Post a body, once, following nothing."""
        answer = self.exchange("POST", url, call, body)
        if answer.status in REDIRECTS:
            raise failures.from_redirect(
                answer, call, resolve(answer.url, answer.headers.get("Location", ""))
            )
        return self.checked(answer, call)

    def is_ours(self, url: str) -> bool:
        try:
            return Origin.of(url) == self.origin
        except ValueError:
            return False

    def checked(self, answer: Answer, call: str) -> Answer:
        if answer.ok:
            return answer
        raise failures.from_answer(answer, call)

    def exchange(self, method: str, url: str, call: str, body: Body | None = None) -> Answer:
        with Session() as session:
            failure: BaseException
            try:
                answer = self.read(self.send(session, method, url, body), url)
            except BaseException as error:  # noqa: BLE001  # also an interrupt carries frames that hold the key
                failure = failures.from_exception(error, call, str(self.origin), body)
            else:
                logger.debug("%s %s: HTTP %d, %d bytes", method, url, answer.status, len(answer.body))
                return answer
        # Outside of `except`, so that what is raised has no context: that one holds the request's headers.
        raise failure

    def send(self, session: Session, method: str, url: str, body: Body | None) -> Response:
        """Send one request; return its answer before the body is read."""
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        environment = session.merge_environment_settings(url, {}, True, None, None)
        if settings.is_loopback(self.origin.host):
            environment["proxies"] = {}
        return session.send(
            self.prepared(session, method, url, body),
            timeout=self.timeout,
            allow_redirects=False,
            **environment,
        )

    def prepared(self, session: Session, method: str, url: str, body: Body | None) -> PreparedRequest:
        headers = {"Accept": ACCEPT, "User-Agent": user_agent(), "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = body.content_type
        request = requests.Request(method, str(self.origin), headers, data=body, auth=TokenAuth(self.key))
        prepared = session.prepare_request(request)
        # The path is added afterwards, since requests would tidy it, and a job named ".." become another URL.
        # Host and port are the origin's by construction, however a next page or a redirect spelt them.
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        prepared.url = f"{(prepared.url or '').rstrip('/')}{parts.path or '/'}{query}"
        return prepared

    def read(self, response: Response, url: str) -> Answer:
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
            {name: masked(value, self.key) for name, value in response.headers.items()}
        )
        return Answer(url, response.status_code, headers, masked_bytes(bytes(body), self.key))


@cache
def user_agent() -> str:
    try:
        return f"analytex-pandas/{version('analytex-pandas')}"
    except PackageNotFoundError:
        return "analytex-pandas"
