"""Request bodies off the socket: by length or in chunks, asked for where the caller waits to be asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analytex_pandas.sandbox_server.answers import RefusedError, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

_LINE_BYTES: Final = 1 << 16
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r?\n")


class BrokenOffError(Exception):
    """The caller hung up in the middle of a body."""


class IncomingBody:
    """The body of one request; `go_on` tells a caller that sent ``Expect: 100-continue`` to send it."""

    def __init__(self, stream: BufferedIOBase, headers: Mapping[str, str], go_on: Callable[[], None]) -> None:
        self._stream = stream
        self._go_on = go_on
        self._expected = headers.get("expect", "").lower() == "100-continue"
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        self._length = headers.get("content-length", "0").strip()
        self.complete = not self._chunked and self._length == "0"
        """Whether all of it has been read, so that the next request can follow."""

    def read(self, limit: int, too_large: RefusedError) -> bytes:
        """Read all of it; `too_large` is raised when it is not shorter than `limit` bytes.

        That is before anything is read where the length was announced. BrokenOffError when the caller hangs up.
        """
        if self.complete:
            return b""
        if not self._chunked:
            if not (self._length.isascii() and self._length.isdigit()):
                raise refuse(400, "invalid_length", "Content-Length is not a number.", self._length)
            if int(self._length) >= limit:
                raise too_large
        if self._expected:
            self._go_on()
        body = self._read_chunks(limit, too_large) if self._chunked else self._take(int(self._length))
        self.complete = True
        return body

    def _read_chunks(self, limit: int, too_large: RefusedError) -> bytes:
        chunks: list[bytes] = []
        total = 0
        while size := self._chunk_size():
            total += size
            if total >= limit:
                raise too_large
            chunks.append(self._take(size))
            self._line()
        while self._line().strip():
            pass
        return b"".join(chunks)

    def _chunk_size(self) -> int:
        line = self._line()
        if (match := _CHUNK_SIZE.fullmatch(line)) is None:
            raise refuse(400, "invalid_chunk", "A chunk of the body does not begin with its size.")
        return int(match[1], 16)

    def _line(self) -> bytes:
        try:
            line = self._stream.readline(_LINE_BYTES)
        except OSError as error:
            raise BrokenOffError from error
        if not line:
            raise BrokenOffError
        return line

    def _take(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError as error:
            raise BrokenOffError from error
        if len(data) < size:
            raise BrokenOffError
        return data
