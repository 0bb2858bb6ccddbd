"""Request bodies: a file as multipart, records as JSON; streamed, of known length, under the limit."""

from __future__ import annotations

import io
import os
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from analytex_pandas import settings
from analytex_pandas.errors import PayloadTooLargeError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

NDJSON_TYPE: Final = "application/x-ndjson"
JSON_TYPE: Final = "application/json"
READ_BYTES: Final = 1_000_000


class Body:
    """A request body that is read once, piece by piece, and knows how much of it is gone.

    Attributes
    ----------
    content_type : str
        The value of its ``Content-Type`` header.
    started : bool
        Whether any of it was taken to be sent. As long as none was, nothing can have arrived.
    """

    def __init__(self, content_type: str, *parts: tuple[BinaryIO, int]) -> None:
        self.content_type = content_type
        self.size = sum(size for _, size in parts)
        self.parts = list(parts)
        self.started = False

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(io.DEFAULT_BUFFER_SIZE):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``, and of each part as many as were announced."""
        self.started = True
        while self.parts:
            stream, remaining = self.parts.pop(0)
            if not remaining:
                continue
            piece = stream.read(remaining if size < 0 else min(size, remaining))
            if not piece:
                raise ValidationError(
                    f"The file became {remaining:,} bytes shorter while it was being sent, so the request "
                    "was broken off and the service cannot have taken it. Send it again once nothing writes "
                    "to the file."
                )
            self.parts.insert(0, (stream, remaining - len(piece)))
            return piece
        return b""


def frame(filename: str, boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the file in a multipart body."""
    # The escapes that browsers use; other characters go out as UTF-8.
    for character, escape in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        filename = filename.replace(character, escape)
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        f"Content-Type: {NDJSON_TYPE}\r\n\r\n"
    )
    return head.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


def multipart_overhead(filename: str) -> int:
    """Return how many bytes a multipart body holds besides the file itself; below 1,024 for usual names.

    Parameters
    ----------
    filename : str
        The name that the file is uploaded under.

    Returns
    -------
    int
        Bytes.
    """
    return sum(map(len, frame(filename, uuid.uuid4().hex)))


def file_body(stream: BinaryIO, size: int, filename: str) -> Body:
    """Return a multipart body whose one part, ``file``, is a stream of NDJSON of so many bytes."""
    if not size:
        raise ValidationError(f"{filename}: there is nothing in it, so there is nothing to send.")
    boundary = uuid.uuid4().hex
    head, tail = frame(filename, boundary)
    check_size(len(head) + size + len(tail), filename)
    return Body(
        f"multipart/form-data; boundary={boundary}",
        (io.BytesIO(head), len(head)),
        (stream, size),
        (io.BytesIO(tail), len(tail)),
    )


def json_body(content: bytes) -> Body:
    check_size(len(content), "The records")
    return Body(JSON_TYPE, (io.BytesIO(content), len(content)))


def check_size(size: int, what: str) -> None:
    if size >= settings.MAX_REQUEST_BYTES:
        raise PayloadTooLargeError(
            f"{what}: the request would be {size:,} bytes, and the service takes less than "
            f"{settings.MAX_REQUEST_BYTES:,}. Nothing was sent. Send it in several requests; a push cuts its "
            "input to fit by itself."
        )


@contextmanager
def opened(
    file: str | os.PathLike[str] | bytes | BinaryIO, default_name: str
) -> Iterator[tuple[BinaryIO, int, str]]:
    """Yield a stream over a file, path, or content, its size in bytes, and its name."""
    if isinstance(file, bytes | bytearray | memoryview):
        yield io.BytesIO(file), memoryview(file).nbytes, default_name
    elif isinstance(file, str | os.PathLike):
        with Path(file).open("rb") as opened_file:
            yield opened_file, os.fstat(opened_file.fileno()).st_size, Path(file).name
    else:
        stream, size = measured(file)
        name = getattr(file, "name", None)
        yield stream, size, Path(name).name if isinstance(name, str | os.PathLike) else default_name


def measured(stream: BinaryIO) -> tuple[BinaryIO, int]:
    """Return a stream and how many bytes it still holds; one that cannot seek is read, up to the limit."""
    if not hasattr(stream, "read") or isinstance(stream.read(0), str):
        raise ValidationError(
            f"A file to send is a path, bytes, or a stream opened with 'rb', not a {type(stream).__name__}."
        )
    if not stream.seekable():
        content = b""
        while len(content) < settings.MAX_REQUEST_BYTES and (piece := stream.read(READ_BYTES)):
            content += piece
        return io.BytesIO(content), len(content)
    start = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(start)
    return stream, end - start
