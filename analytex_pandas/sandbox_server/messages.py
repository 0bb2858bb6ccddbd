"""HTTP's messages: the body of a request off the socket, however it is framed; answers and refusals."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

Headers = tuple[tuple[str, str], ...]
_LINE_BYTES: Final = 1 << 16
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r?\n")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Headers = ()
    delivery: Literal["whole", "cut", "none"] = "whole"
    """How much reaches the caller: all of it, its first half, or nothing but a closed connection."""


def json_answer(status: int, document: object, headers: Headers = ()) -> Answer:
    return Answer(status, json.dumps(document).encode(), headers=headers)


def error_answer(status: int, code: str, message: str, details: str = "", headers: Headers = ()) -> Answer:
    """Return an answer in the service's form for errors."""
    phrase = HTTPStatus(status).phrase
    error = {"error": phrase, "error_code": code, "message": message, "details": details}
    return json_answer(status, {"errors": [error]}, headers)


class RefusedError(Exception):
    """A request is wrong as a whole; carries the answer that says so."""

    def __init__(
        self, status: int, code: str, message: str, details: str = "", headers: Headers = ()
    ) -> None:
        super().__init__(status)
        self.answer = error_answer(status, code, message, details, headers)


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
            _check_size(int(self._length), limit)
        try:
            if self._expected:
                self._go_on()
            body = self._read_chunks(limit) if self._chunked else self._take(int(self._length))
        except (OSError, EOFError) as error:
            raise BrokenOffError from error
        self.complete = True
        return body

    def _read_chunks(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while size := self._chunk_size():
            total += size
            _check_size(total, limit)
            chunks.append(self._take(size))
            self._line()
        while self._line().strip():  # trailers
            pass
        return b"".join(chunks)

    def _chunk_size(self) -> int:
        if (match := _CHUNK_SIZE.fullmatch(self._line())) is None:
            raise RefusedError(400, "invalid_chunk", "A chunk of the body does not begin with its size.")
        return int(match[1], 16)

    def _line(self) -> bytes:
        if not (line := self._stream.readline(_LINE_BYTES)):
            raise EOFError
        return line

    def _take(self, size: int) -> bytes:
        if len(data := self._stream.read(size)) < size:
            raise EOFError
        return data


def _check_size(size: int, limit: int) -> None:
    if size >= limit:
        details = f"A request body stays below {limit} bytes."
        raise RefusedError(413, "payload_too_large", "The request is too large.", details)
