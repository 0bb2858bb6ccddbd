"""Every failure of a call becomes one of the package's errors, with words that help and without the key."""

from __future__ import annotations

import io
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

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
from analytex_pandas.service import transport
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.service.conftest import Service

JOB = {"job_id": "1", "status": "queued"}
LINES = b'{"user_id":"1"}\n'
KEY = "sk-test-5f0c1e7a9b"

CALLS: list[Callable[[Client], object]] = [
    lambda client: client.submit_file(LINES),
    lambda client: client.submit_records([{"user_id": "1"}]),
    lambda client: client.submit_lines(LINES, "companies"),
    lambda client: client.job("1"),
    lambda client: client.jobs(),
]
CALL_NAMES = ["submit_file", "submit_records", "submit_lines", "job", "jobs"]
every_call = pytest.mark.parametrize("call", CALLS, ids=CALL_NAMES)

STATUSES: list[tuple[int, type[AnalytexError]]] = [
    (400, ValidationError),
    (401, AuthenticationError),
    (402, AnalytexError),
    (403, AuthenticationError),
    (404, NotFoundError),
    (405, AnalytexError),
    (408, ServerError),
    (409, ConflictError),
    (410, NotFoundError),
    (413, PayloadTooLargeError),
    (415, AnalytexError),
    (418, AnalytexError),
    (422, ValidationError),
    (425, ServerError),
    (429, RateLimitError),
    (499, AnalytexError),
    (500, ServerError),
    (502, ServerError),
    (503, ServerError),
    (504, ServerError),
    (599, ServerError),
]
PAGE = "<html><head><title>502 Bad&nbsp;Gateway</title><style>a{}</style></head><body>nginx</body></html>"


def failure_of(call: Callable[[], object]) -> AnalytexError:
    """Return the error that a call ends in."""
    with pytest.raises(AnalytexError) as caught:
        call()
    return caught.value


@every_call
@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_every_status_has_its_error(
    service: Service, client: Client, call: Callable[[Client], object], status: int, kind: type[AnalytexError]
) -> None:
    """A caller tells failures apart by class, and reads what the service said."""
    errors = [
        {"error": "e1", "error_code": "c1", "message": "first", "details": "more"},
        {"message": "second"},
    ]
    service.reply(status, {"errors": errors})
    error = failure_of(lambda: call(client))
    assert type(error) is kind
    assert error.status_code == status
    assert f"HTTP {status}" in str(error)
    assert "first: more (c1); second" in str(error)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"message": "a"}, {"error": "b"}, "c", {"details": {"d": 1}}]}, 'a; b; c; {"d": 1}'),
        ({"errors": [{"error_code": "quota"}]}, "quota"),
        ({"errors": "plain"}, "plain"),
        ({"error": "plain"}, "plain"),
        ({"error": {"message": "deep", "code": "x"}}, "deep (x)"),
        ({"message": "flat"}, "flat"),
        (
            {"errors": [{"message": "No job.", "details": "j1.", "code": "x"}, "More…"]},
            ": No job: j1 (x); More…",
        ),
        ({"status": "no"}, '{"status": "no"}'),
        (["a", "b"], "a; b"),
        ("plain text\n", "plain text"),
        (PAGE, "502 Bad Gateway"),
        ("<p>no <b>title</b> &amp; more<script>x()</script></p>", "no title & more"),
        ("<title>never closed", "never closed"),
        (b"\xff\xfe\x00 not text", "not text"),
        ("red \x1b[31m text\x07", "red [31m text"),
        ("", "HTTP 400 Bad Request. Nothing"),
        ({"errors": []}, '{"errors": []}'),
        ("[" * 100_000, "[[["),
    ],
)
def test_what_the_service_said_is_in_the_message(
    service: Service, client: Client, body: Any, words: str
) -> None:
    """Its own words, of whatever shape, on one line, without markup or control characters."""
    service.reply(400, body)
    message = str(failure_of(client.jobs))
    assert words in message
    assert message.isprintable()
    assert len(message) < 1_000


@every_call
@pytest.mark.parametrize(
    "body", [b"", b"  ", PAGE.encode(), b"[" * 100_000, b'{"job_id":', b"\xff\xff", b'"ok"', b"{}"]
)
@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_good_status_with_another_body_is_a_server_error(
    service: Service, client: Client, call: Callable[[Client], object], body: bytes, status: int
) -> None:
    """A proxy's page with status 200 must not pass for an accepted job, nor for an empty list."""
    service.reply(status, body if status != 204 else b"")
    error = failure_of(lambda: call(client))
    assert type(error) is ServerError
    assert error.status_code == status


class TestRetryAfter:
    """The wait that the service asks for."""

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("soon", None), ("-1", None), ("", None), ("9" * 400, None)],
    )
    def test_in_seconds(
        self, service: Service, client: Client, status: int, value: str, seconds: float | None
    ) -> None:
        """Seconds are taken as they are, nonsense is none."""
        service.reply(status, headers={"Retry-After": value})
        error = failure_of(client.jobs)
        assert isinstance(error, RateLimitError | ServerError)
        assert error.retry_after == seconds

    @pytest.mark.parametrize(("hours", "seconds"), [(0, 90.0), (5, 90.0), (-5, 90.0)])
    def test_as_a_date_by_the_clock_of_the_service(
        self, service: Service, client: Client, hours: int, seconds: float
    ) -> None:
        """A machine whose clock is off by hours must not wait for hours, or not at all."""
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
        date, until = (format_datetime(moment, usegmt=True) for moment in (now, now + timedelta(seconds=90)))
        raw = f"HTTP/1.1 429 No\r\nDate: {date}\r\nRetry-After: {until}\r\nContent-Length: 0\r\n\r\n"
        service.reply(raw=raw.encode())
        error = failure_of(client.jobs)
        assert isinstance(error, RateLimitError)
        assert error.retry_after == seconds

    def test_a_date_gone_by_is_no_wait(self, service: Service, client: Client) -> None:
        """A date in the past asks for no wait, not for a negative one."""
        service.reply(429, headers={"Retry-After": "Mon, 15 Jan 2024 08:00:00 GMT"})
        error = failure_of(client.jobs)
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 0


def unreachable_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestNeverConnected:
    """Nothing can have arrived, so that a push may simply send again."""

    @staticmethod
    def check(client: Client) -> None:
        """Hold that every call says so."""
        for call in CALLS:
            error = failure_of(lambda call=call: call(client))  # type: ignore[misc]
            assert type(error) is TransportError
            assert not error.sent
            assert "Nothing was sent" in str(error)
            assert "0x" not in str(error)

    def test_refused(self) -> None:
        """Nothing listens there."""
        self.check(Client(KEY, f"http://127.0.0.1:{unreachable_port()}", timeout=5))

    def test_no_such_host(self) -> None:
        """The name leads nowhere."""
        self.check(Client(KEY, "https://analytex-pandas.invalid", timeout=5))

    @pytest.mark.skipif(
        sys.platform != "linux", reason="how a full queue of connections answers is the system's"
    )
    def test_connecting_takes_too_long(self) -> None:
        """Nobody takes the connection."""
        with ExitStack() as stack:
            full = stack.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            self.check(Client(KEY, f"http://127.0.0.1:{full.getsockname()[1]}", timeout=(0.1, 5)))

    def test_no_tls(self, service: Service) -> None:
        """What answers speaks no TLS."""
        service.reply(400)
        self.check(Client(KEY, service.url.replace("http:", "https:"), timeout=5))
        assert KEY.encode() not in b"".join(request.body for request in service.requests)

    def test_proxy_refuses(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        """The company's proxy does not let the connection through; it is asked, and never sees the key."""
        monkeypatch.setenv("HTTPS_PROXY", service.url)
        service.reply(403)
        self.check(Client(KEY, timeout=5))
        assert {(request.method, request.path) for request in service.requests} == {
            ("CONNECT", "analytex.userpilot.io:443")
        }
        assert all("Authorization" not in request.headers for request in service.requests)

    def test_no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The proxy that is set is not there."""
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unreachable_port()}")
        self.check(Client(KEY, timeout=5))

    @pytest.mark.parametrize("proxy", ["http://", "nonsense://x", "http://[::1"])
    def test_a_proxy_that_is_none(self, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        """The setting of the proxy makes no sense."""
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        self.check(Client(KEY, timeout=5))

    def test_certificates_that_are_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The bundle that is set is no file."""
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        self.check(Client(KEY, f"https://127.0.0.1:{unreachable_port()}", timeout=5))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of 127.0.0.1 that nobody trusts, and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate, and is not here")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *(
                openssl,
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + path.with_suffix(".pem.crt").read_bytes())
    return path


@pytest.fixture
def secure(service: Service, certificate: Path) -> Iterator[Service]:
    """Return the service over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = type(service)(context)
    yield running
    running.close()


class TestTls:
    """Who the other side is."""

    def test_a_stranger_is_not_sent_anything(self, secure: Service) -> None:
        """A certificate that nobody vouches for ends the call before the key goes out."""
        secure.reply(200, JOB)
        TestNeverConnected.check(secure.client())
        assert secure.requests == []

    def test_a_bundle_of_the_user_is_trusted(
        self, secure: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A company's own authority is set as it is for requests, proxy or not, and no longer than it is set."""
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unreachable_port()}")
        with monkeypatch.context() as inside:
            inside.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
            secure.reply(200, JOB)
            client = secure.client()
            assert client.submit_file(LINES).job_id == "1"
            seen = list(secure.requests)
        for other in (client, secure.client()):
            TestNeverConnected.check(other)
        assert secure.requests == seen


HEAD = b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n"
BROKEN: dict[str, dict[str, Any]] = {
    "closed": {"ending": "hang up"},
    "reset": {"ending": "reset"},
    "closed before the body was read": {"ending": "hang up", "read_body": False},
    "half a head": {"raw": b"HTT"},
    "half a body": {"raw": HEAD + b'{"job_id"'},
    "half a body, then reset": {"raw": HEAD + b'{"job_id"', "ending": "reset"},
    "half a chunk": {"raw": b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"},
    "no HTTP": {"raw": b"220 smtp ready\r\n\r\n"},
}


class TestSentWithoutAnAnswer:
    """It may have arrived, so that a push has to look before it sends again."""

    @pytest.mark.parametrize("how", BROKEN)
    @every_call
    def test_the_connection_breaks(
        self, service: Service, client: Client, how: str, call: Callable[[Client], object]
    ) -> None:
        """However the answer is lost, it is not known what became of the request."""
        service.reply(**BROKEN[how])
        error = failure_of(lambda: call(client))
        assert type(error) is TransportError
        assert error.sent
        assert "0x" not in str(error)
        assert len(service.requests) == 1

    def test_the_answer_is_late(self, service: Service) -> None:
        """A timeout says nothing about the request."""
        import threading  # used here only

        released = threading.Event()
        service.reply(202, JOB, after=released)
        error = failure_of(lambda: service.client(timeout=(5, 0.05)).submit_file(LINES))
        released.set()
        assert isinstance(error, TransportError)
        assert error.sent
        assert "may have arrived" in str(error)

    def test_the_answer_cannot_be_unpacked(self, service: Service, client: Client) -> None:
        """An answer that says it is gzip and is not is an unreadable one."""
        service.reply(202, b"no gzip", headers={"Content-Encoding": "gzip"})
        assert type(failure_of(lambda: client.submit_file(LINES))) is ServerError

    def test_the_answer_has_no_end(
        self, service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An answer that goes on and on must not fill the memory."""
        monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1_000_000)
        service.reply(200, b"[" + b" " * 2_000_000 + b"]")
        assert "1,000,000 bytes" in str(failure_of(client.jobs))

    def test_a_bad_status_counts_even_if_its_body_breaks_off(self, service: Service, client: Client) -> None:
        """A proxy that says 413 and hangs up has said what matters."""
        service.reply(413, b"too", announced=100)
        assert type(failure_of(lambda: client.submit_file(LINES))) is PayloadTooLargeError

    def test_an_early_answer_is_read(self, service: Service, client: Client, tmp_path: Path) -> None:
        """A 401 that comes while the upload is under way is the answer, whatever becomes of the upload."""
        path = tmp_path / "a.ndjson"
        path.write_bytes(LINES * 1_000_000)
        service.reply(401, read_body=False)
        error = failure_of(lambda: client.submit_file(path))
        # Whether the answer outlives the reset that follows it is up to the system.
        assert isinstance(error, AuthenticationError) or (isinstance(error, TransportError) and error.sent)


def everything_about(error: BaseException) -> str:
    """Return all that an error shows, with everything that it leads to and all that a traceback can print."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [
                one.__cause__,
                one.__context__,
                *(arg for arg in one.args if isinstance(arg, BaseException)),
            ]
    text = [
        repr(item)
        for one in seen
        for item in (one, one.args, vars(one), getattr(one, "request", None), getattr(one, "response", None))
    ]
    for one in seen:
        frames = traceback.TracebackException.from_exception(one, capture_locals=True, compact=False)
        text += frames.format(chain=True)
    return "\n".join(text)


FAILURES: dict[str, dict[str, Any]] = {
    **BROKEN,
    "echoed": {"status": 401, "body": {"errors": [{"message": f"the key {KEY} is unknown", "details": KEY}]}},
    "echoed in a page": {"status": 502, "body": f"<title>{KEY}</title>"},
    "echoed where a job should be": {"status": 200, "body": {"token": KEY}},
    "echoed in a redirect": {"status": 302, "headers": {"Location": f"https://evil.example/?token={KEY}"}},
    "no gzip": {"status": 200, "headers": {"Content-Encoding": "gzip"}, "body": b"x"},
}


class TestKeyIsNowhere:
    """The key is in nothing that a user may paste into an issue."""

    @pytest.mark.parametrize("how", FAILURES)
    @every_call
    def test_not_in_failures_or_logs(
        self,
        service: Service,
        client: Client,
        how: str,
        call: Callable[[Client], object],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither message, causes, frames' local variables nor logs at DEBUG hold it."""
        caplog.set_level(logging.DEBUG)
        service.reply(**FAILURES[how])
        error = failure_of(lambda: call(client))
        assert error.__cause__ is None
        assert error.__context__ is None
        assert KEY not in everything_about(error)
        assert KEY not in caplog.text
        assert caplog.records

    @pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}"])
    def test_not_when_nothing_is_reached(self, url: str, caplog: pytest.LogCaptureFixture) -> None:
        """The exceptions of connecting hold the whole request."""
        caplog.set_level(logging.DEBUG)
        client = Client(KEY, url.format(port=unreachable_port()), timeout=5)
        for call in CALLS:
            assert KEY not in everything_about(failure_of(lambda call=call: call(client)))  # type: ignore[misc]
        assert KEY not in caplog.text

    def test_not_in_an_interrupt(self, service: Service, client: Client) -> None:
        """Ctrl-C in the middle of an upload passes through frames that hold the headers."""
        service.reply(202, JOB)

        class Interrupting(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if size:
                    raise KeyboardInterrupt
                return b""

        with pytest.raises(KeyboardInterrupt) as caught:
            client.submit_file(Interrupting(LINES))
        assert KEY not in everything_about(caught.value)

    @pytest.mark.parametrize("key", [f"Token {KEY}", f"{KEY}\nx", f"{KEY}é"])
    def test_not_in_the_refusal_of_a_mistyped_one(self, key: str) -> None:
        """A key pasted with a word too many is a secret all the same."""
        with pytest.raises(AuthenticationError) as caught:
            Client(key)
        # The frame of this test is its own; what lies below must not show the key.
        caught.value.__traceback__ = caught.value.__traceback__ and caught.value.__traceback__.tb_next
        assert KEY not in everything_about(caught.value)

    def test_not_in_the_refusal_of_other_settings(self) -> None:
        """The key is a local variable while the other arguments are looked at."""
        for options in ({"environment": "nowhere"}, {"timeout": 0}, {"paths": {"x": "/"}}):
            with pytest.raises(ValidationError) as caught:
                Client(KEY, **options)  # type: ignore[arg-type]
            assert KEY not in everything_about(caught.value)

    def test_not_in_what_shows_a_client(self, client: Client) -> None:
        """A client is the last line of many a cell."""
        shown = [repr(client), str(client), repr(vars(client)), repr(vars(client.transport)), f"{client.key}"]
        assert KEY not in "".join(shown)
        assert repr(client) == f"Client({client.base_url!r})"

    def test_an_echoed_key_is_masked_in_jobs_too(self, service: Service, client: Client) -> None:
        """What a job says lands in DataFrames, panels and the journal."""
        service.reply(200, {**JOB, "errors": [f"key {KEY} was used"]})
        job = client.job("1")
        assert KEY not in repr((job, job.raw))
        assert job.errors[0].message == "key *** was used"
