"""What a caller sends: a body off the socket, however it is framed, and the records of a submit in it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from analytex_pandas.sandbox_server.answers import RefusedError, refuse
from analytex_pandas.sandbox_server.records import Kind, Limits, Row, parse_json, read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

    from werkzeug.datastructures import FileStorage

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
_BLANK: Final = b" \t\r"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submit holds."""

    rows: list[Row]
    filename: str | None
    size: int  # bytes of the file, or of the JSON body


def media_type(content_type: str) -> str:
    """Return the type that a submit is of; refuse others (415) and none (400)."""
    expected = f"Send {JSON}, or {MULTIPART} with the file in a part named 'file'."
    name = parse_options_header(content_type)[0].lower()
    if not name:
        raise refuse(400, "no_content_type", expected, "There is no Content-Type header.")
    if name not in (JSON, MULTIPART):
        raise refuse(415, "unsupported_media_type", expected, f"Content-Type: {content_type}")
    return name


def read_submission(content_type: str, body: bytes, kind: Kind, limits: Limits) -> Submission:
    """Read the body of a submit; refuse what is not the envelope (400) or holds too many records (413)."""
    if media_type(content_type) == JSON:
        submission = _read_envelope(body, kind)
    else:
        submission = _read_upload(content_type, body, limits)
    if len(submission.rows) > limits.max_records:
        raise refuse(
            413,
            "too_many_records",
            f"A request holds at most {limits.max_records} records.",
            f"{len(submission.rows)} records",
        )
    return submission


def _read_envelope(body: bytes, kind: Kind) -> Submission:
    try:
        document = parse_json(body)
    except ValueError as error:
        raise refuse(400, "invalid_json", "The body is not JSON.", str(error)) from None
    if not isinstance(document, dict):
        raise refuse(400, "invalid_body", f'The body is an object {{"{kind}": [...]}}.')
    records = document.get(kind)
    if not isinstance(records, list):
        raise refuse(400, "invalid_body", f"{kind!r} is required and is an array of records.")
    if not records:
        raise refuse(400, "no_records", f"{kind!r} holds no records.")
    return Submission([Row(line, record) for line, record in enumerate(records, 1)], None, len(body))


def _read_upload(content_type: str, body: bytes, limits: Limits) -> Submission:
    filename, content = _read_part(content_type, body)
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip(_BLANK)]
    if len(lines) > limits.max_records:
        return Submission([Row(number, None) for number, _ in lines], filename, len(content))
    return Submission([read_line(number, line) for number, line in lines], filename, len(content))


def _read_part(content_type: str, body: bytes) -> tuple[str | None, bytes]:
    """Return the name and the content of the part named ``file``."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise refuse(400, "invalid_multipart", "The Content-Type names no boundary.", content_type)
    parser = MultiPartParser(stream_factory=_in_memory, max_form_memory_size=None)
    try:
        form, files = parser.parse(io.BytesIO(body), boundary.encode(), len(body))
    except ValueError as error:
        raise refuse(400, "invalid_multipart", "The body is not multipart/form-data.", str(error)) from None
    parts: list[FileStorage | str] = [*files.getlist("file"), *form.getlist("file")]
    if len(parts) != 1:
        raise refuse(
            400, "invalid_multipart", "The file goes into one part named 'file'.", f"{len(parts)} such parts"
        )
    part = parts[0]
    if isinstance(part, str):
        return None, part.encode()
    return part.filename, part.stream.read()


def _in_memory(*_: object, **__: object) -> IO[bytes]:
    return io.BytesIO()


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
