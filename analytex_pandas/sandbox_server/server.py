"""HTTP/1.1 on loopback: keep-alive, early refusals that callers get to read, connections broken on demand."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.sandbox_server.messages import (
    Answer,
    BrokenOffError,
    IncomingBody,
    RefusedError,
    error_answer,
)

if TYPE_CHECKING:
    from analytex_pandas.sandbox_server.service import Service

logger = logging.getLogger("analytex_pandas.sandbox")

_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 1 << 28
_LINE_BYTES: Final = 1 << 16
_CLOSE_SECONDS: Final = 5.0


class Server(ThreadingMixIn, TCPServer):
    """A thread a connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # On Windows the option would let two servers share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, service: Service) -> None:
        self.service = service
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # signature of the base
        """Log a connection that broke: callers that hang up are everyday life. The base prints to stderr."""
        logger.debug("A connection to the sandbox broke: %r", sys.exception())

    def close(self) -> None:
        """Close the port and all connections, and wait until they are."""
        self.service.closing.set()
        self.shutdown()
        self.server_close()
        with self._changed:
            for connection in self._connections:
                _hang_up(connection, socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, _CLOSE_SECONDS)


def _hang_up(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # the other side did so already
        connection.shutdown(how)


class Handler(BaseHTTPRequestHandler):
    """One connection, one request after the other."""

    protocol_version = "HTTP/1.1"
    # The base takes what it cannot read for HTTP/0.9, whose answers have no status line.
    default_request_version = "HTTP/1.0"
    server_version = "analytex-sandbox"
    sys_version = ""
    timeout = 75.0  # seconds that an idle connection is kept
    disable_nagle_algorithm = True
    server: Server

    def handle_one_request(self) -> None:
        """Read one request, of any method, and answer it."""
        self.close_connection = True
        try:
            self.raw_requestline = self.rfile.readline(_LINE_BYTES + 1)
        except TimeoutError:
            return
        if len(self.raw_requestline) > _LINE_BYTES:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.raw_requestline and self.parse_request():
            self._exchange()

    def handle_expect_100(self) -> bool:
        """Leave the asking to whoever reads the body: what is refused by its head need not be sent."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP, or not understood."""
        self.close_connection = True
        self._send(error_answer(code, "bad_request", message or "This is no request.", explain or ""))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # signature of the base
        """Log for those who ask; the base prints to stderr."""
        logger.debug(format, *args)

    def _exchange(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = IncomingBody(self.rfile, headers, lambda: self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n"))
        answer = self._answer(headers, body)
        if answer.delivery == "none":
            self._abandon()
            return
        if not body.complete:
            self.close_connection = True
        self._send(answer)
        if answer.delivery == "cut":
            self._abandon()
        elif not body.complete:
            self._linger()

    def _answer(self, headers: dict[str, str], body: IncomingBody) -> Answer:
        service = self.server.service
        request = service.request(self.command, self.path, headers)
        try:
            answer = service.answer(request, headers, body)
        except RefusedError as refusal:
            answer = refusal.answer
        except BrokenOffError:
            answer = Answer(400, delivery="none")
        except Exception:
            # A caller's `refuse` may raise anything; the service would answer 500 and live on: so does this.
            logger.exception("The sandbox failed at %s %s", self.command, self.path)
            answer = error_answer(500, "internal_error", "The sandbox failed; its log says why.")
        request.status = None if answer.delivery == "none" else answer.status
        service.requests.append(request)
        return answer

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Server", self.server_version)
        self.send_header("Date", self.date_time_string())
        if answer.body:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            cut = answer.delivery == "cut"
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)

    def _abandon(self) -> None:
        self.close_connection = True
        _hang_up(self.connection, socket.SHUT_RDWR)

    def _linger(self) -> None:
        """Read away what a caller still sends: a connection closed at once is reset, the answer unread."""
        _hang_up(self.connection, socket.SHUT_WR)
        self.connection.settimeout(_LINGER_SECONDS)
        left = _LINGER_BYTES
        with contextlib.suppress(OSError):
            while left > 0 and (block := self.rfile.read1(_LINE_BYTES)):
                left -= len(block)
