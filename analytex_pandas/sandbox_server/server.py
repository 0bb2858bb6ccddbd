"""HTTP/1.1 on loopback: bodies however they are framed, early refusals that callers get to read, broken connections."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final, Literal

logger = logging.getLogger("analytex_pandas.sandbox")

Headers = tuple[tuple[str, str], ...]
LINE_BYTES: Final = 1 << 16
MOST_DIGITS: Final = 4_000
"""Digits of a number that Python reads at most; a length of as many is too large, whatever follows them."""
CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r?\n")
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 1 << 28
CLOSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()
    delivery: Literal["whole", "cut", "none"] = "whole"
    """How much reaches the caller: all of it, its first half, or nothing but a closed connection."""


def error_answer(status: int, code: str, message: str, details: str = "", headers: Headers = ()) -> Answer:
    """Return an answer in the service's form for errors."""
    phrase = HTTPStatus(status).phrase
    error = {"error": phrase, "error_code": code, "message": message, "details": details}
    return Answer(status, json.dumps({"errors": [error]}).encode(), headers=headers)


class RefusedError(Exception):
    """A request is wrong as a whole; made of what ``error_answer`` takes."""

    def __init__(self, *error: Any) -> None:
        super().__init__(*error)
        self.answer = error_answer(*error)


class BrokenOffError(Exception):
    """The caller hung up in the middle of a body."""


class IncomingBody:
    """The body of one request; `go_on` tells a caller that sent ``Expect: 100-continue`` to send it."""

    def __init__(
        self, stream: BufferedIOBase, headers: Mapping[str, str], go_on: Callable[[], object]
    ) -> None:
        self._stream = stream
        self._go_on = go_on
        self._expected = headers.get("expect", "").lower() == "100-continue"
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._length = headers.get("content-length", "0").strip()
        self.complete = not self._chunked and self._length == "0"
        """Whether all of it has been read, so that the next request can follow."""

    def read(self, limit: int) -> bytes:
        """Read all of it; refuse what is not shorter than `limit` bytes, unread where its length was announced."""
        if self.complete:
            return b""
        if not self._chunked:
            if not (self._length.isascii() and self._length.isdigit()):
                raise RefusedError(400, "invalid_length", "Content-Length is not a number.", self._length)
            check_size(int(self._length[:MOST_DIGITS]), limit)
        try:
            if self._expected:
                self._go_on()
            body = self._read_chunks(limit) if self._chunked else self._take(int(self._length))
        except OSError as error:
            raise BrokenOffError from error
        self.complete = True
        return body

    def _read_chunks(self, limit: int) -> bytes:
        body = bytearray()
        while True:
            if (match := CHUNK_SIZE.fullmatch(self._line())) is None:
                message = "A chunk of the body does not begin with its size."
                raise RefusedError(400, "invalid_chunk", message)
            if not (size := int(match[1], 16)):
                break
            check_size(len(body) + size, limit)
            body += self._take(size)
            self._line()
        while self._line().strip():  # trailers
            pass
        return bytes(body)

    def _line(self) -> bytes:
        if not (line := self._stream.readline(LINE_BYTES)):
            raise BrokenOffError
        return line

    def _take(self, size: int) -> bytes:
        if len(data := self._stream.read(size)) < size:
            raise BrokenOffError
        return data


def check_size(size: int, limit: int) -> None:
    if size >= limit:
        details = f"A request body stays below {limit} bytes."
        raise RefusedError(413, "payload_too_large", "The request is too large.", details)


class Server(ThreadingMixIn, TCPServer):
    """A thread a connection; `serve` answers method, target, headers (names in lower case) and body."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    # On Windows the option would let two servers share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(
        self, port: int, serve: Callable[[str, str, Mapping[str, str], IncomingBody], Answer]
    ) -> None:
        self.serve = serve
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
        self.shutdown()
        self.server_close()
        with self._changed:
            for connection in self._connections:
                hang_up(connection, socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, CLOSE_SECONDS)


def hang_up(connection: socket.socket, how: int) -> None:
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
            self.raw_requestline = self.rfile.readline(LINE_BYTES + 1)
        except TimeoutError:
            return
        if len(self.raw_requestline) > LINE_BYTES:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.raw_requestline and self.parse_request():
            headers = {name.lower(): value for name, value in self.headers.items()}
            go_on = partial(self.wfile.write, b"HTTP/1.1 100 Continue\r\n\r\n")
            body = IncomingBody(self.rfile, headers, go_on)
            answer = self.server.serve(self.command, self.path, headers, body)
            self.close_connection = self.close_connection or not body.complete
            if answer.delivery != "none":
                self._send(answer)
            if answer.delivery != "whole":
                self.close_connection = True
                hang_up(self.connection, socket.SHUT_RDWR)
            elif not body.complete:
                self._linger()

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

    def _linger(self) -> None:
        """Read away what a caller still sends: a connection closed at once is reset, the answer unread."""
        hang_up(self.connection, socket.SHUT_WR)
        self.connection.settimeout(LINGER_SECONDS)
        left = LINGER_BYTES
        with contextlib.suppress(OSError):
            while left > 0 and (block := self.rfile.read1(LINE_BYTES)):
                left -= len(block)
