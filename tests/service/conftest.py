"""A real HTTP server on loopback that answers as a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

API_KEY = "sk-test-5f0c1e7a9b"


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What goes back; ``raw`` is written as it stands, ``ending`` says how the connection ends."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    announced: int | None = None
    ending: str = "close"
    read_body: bool = True
    after: threading.Event | None = None

    def content(self) -> bytes:
        """Return the body as bytes, documents as JSON."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the service of the test."""

    protocol_version = "HTTP/1.1"
    server: HTTPServer

    def serve(self) -> None:
        """Keep the request and write the reply."""
        # `http.server` collapses "//" at the start of a path; the request line has what was sent.
        path = self.requestline.split(" ")[1]
        request = Request(self.command, path, dict(self.headers.items()), b"")
        self.server.service.requests.append(request)
        reply = self.server.service.reply_to(request)
        if reply.read_body:
            request.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if reply.after is not None:
            reply.after.wait(30)
        self.write(reply)
        self.close_connection = True

    do_GET = do_POST = do_CONNECT = serve  # noqa: N815  # the names are the base class's

    def write(self, reply: Reply) -> None:
        """Write the reply and end the connection as it says."""
        if reply.raw is not None:
            self.wfile.write(reply.raw)
        elif reply.ending == "close":
            content = reply.content()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(reply.announced or len(content)))
            self.end_headers()
            self.wfile.write(content)
        if reply.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


class HTTPServer(ThreadingHTTPServer):
    """Ends with the test, whatever its handlers wait for."""

    daemon_threads = True
    service: Service

    def handle_error(self, *_: object) -> None:
        """Leave cut connections to the test that cut them."""


class Service:
    """The server: ``requests`` it got, ``replies`` it gives in turn, the last one again and again."""

    Reply = Reply

    def __init__(self, tls: Any = None) -> None:
        self.requests: list[Request] = []
        self.replies: deque[Reply | Callable[[Request], Reply]] = deque()
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.server.service = self
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def reply(self, status: int = 200, body: Any = b"", **more: Any) -> None:
        """Add a reply."""
        self.replies.append(Reply(status, body, **more))

    def reply_to(self, request: Request) -> Reply:
        """Return the next reply."""
        reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        return reply(request) if callable(reply) else reply

    def client(self, **options: Any) -> Client:
        """Return a client of this service."""
        return Client(API_KEY, self.url, **{"timeout": 10, **options})

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Keep the machine's proxies, certificates and key out of the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ANALYTEX_API_KEY", "ANALYTEX_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture
def service() -> Iterator[Service]:
    """Return a service that answers as the test says."""
    running = Service()
    yield running
    running.close()


@pytest.fixture
def client(service: Service) -> Client:
    """Return a client of the service."""
    return service.client()
