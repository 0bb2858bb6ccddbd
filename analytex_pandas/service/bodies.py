"""Request bodies: a file as multipart, records as JSON; streamed, of known length, under the limits."""

from __future__ import annotations

import io
import json
import math
import os
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, PayloadTooLargeError, ValidationError, typed_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analytex_pandas.settings import Kind

NDJSON_TYPE: Final = "application/x-ndjson"
JSON_TYPE: Final = "application/json"
READ_BYTES: Final = 1_000_000
MAX_NAMED: Final = 5


class Body:
    """A request body that is read once, piece by piece.

    ``started`` tells whether any of it was taken to be sent: as long as none was, nothing can have arrived.
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
    """Return how many bytes a multipart body holds besides the file itself; below 1,024 for usual names."""
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


def records_body(records: Iterable[Mapping[str, object]], kind: Kind) -> Body:
    """Return records as a JSON body; where any cannot be written, the error's ``report`` lists each."""
    if isinstance(records, Mapping | str | bytes):
        raise ValidationError(
            f"records is a {type(records).__name__}, but has to be an iterable of dicts, one for each record."
        )
    lines: list[bytes] = []
    report: list[dict[str, object]] = []
    for position, record in enumerate(islice(records, settings.MAX_REQUEST_RECORDS + 1)):
        try:
            lines.append(encode(record))
        except (TypeError, ValueError, RecursionError) as error:
            report.append(invalid(position, record, kind, error))
    count = len(lines) + len(report)
    check_count(count)
    if report:
        named = "; ".join(f"record {row['position']}: {row['message']}" for row in report[:MAX_NAMED])
        more = f"; and {len(report) - MAX_NAMED} more" if len(report) > MAX_NAMED else ""
        raise ValidationError(
            f"{len(report)} of {count} records cannot be written as JSON: {named}{more}. "
            "Nothing was sent. Positions count from 0; .report has all of them.",
            typed_table(INVALID_COLUMNS, report),
        )
    return json_body(lines, kind)


def lines_body(content: bytes, kind: Kind) -> Body:
    """Return lines of NDJSON as a JSON body, every record as it stands."""
    lines = [line for line in content.split(b"\n") if line.strip()]
    check_count(len(lines))
    return json_body(lines, kind)


def json_body(lines: list[bytes], kind: Kind) -> Body:
    """Return encoded records as the document that the service takes."""
    content = b'{"%s":[%s]}' % (kind.encode(), b",".join(lines))
    check_size(len(content), "The records")
    return Body(JSON_TYPE, (io.BytesIO(content), len(content)))


def check_count(count: int) -> None:
    if not count:
        raise ValidationError("There are no records, so there is nothing to send.")
    if count > settings.MAX_REQUEST_RECORDS:
        raise PayloadTooLargeError(
            f"There are more than {settings.MAX_REQUEST_RECORDS:,} records, and the service takes no more in "
            "one request. Nothing was sent. Send them in several requests; a push cuts its input to fit."
        )


def encode(value: object) -> bytes:
    """Write a record as JSON, refusing what JSON has no form for."""
    if not isinstance(value, Mapping):
        raise TypeError(f"a record is a dict, this is a {type(value).__name__}")
    return dumps(dict(value))


def dumps(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_dict
    ).encode()


def as_dict(value: object) -> dict[Any, Any]:
    """Return a mapping as a dict, for ``json``; it knows no others."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(
        f"a {type(value).__name__} has no form in JSON; make it a string, number, boolean or None"
    )


def invalid(position: int, record: object, kind: Kind, error: Exception) -> dict[str, object]:
    """Return the row of the report for a record that cannot be written, with the first property that is why."""
    name, message = None, str(error)
    for inner, value in items(record):
        try:
            dumps(value)
        except (TypeError, ValueError, RecursionError) as reason:
            name, message = str(inner), why(value, reason)
            break
    return {
        "position": position,
        "index": position,
        "id": record.get(settings.ID_NAMES[kind]) if isinstance(record, Mapping) else None,
        "property": name,
        "code": "not_json",
        "message": f"{name}: {message}" if name else message,
    }


def items(record: object) -> Iterator[tuple[object, object]]:
    """Yield the names and values of a record, those of its metadata in its place."""
    if not isinstance(record, Mapping):
        return
    for name, value in record.items():
        if name == "metadata" and isinstance(value, Mapping):
            yield from value.items()
        else:
            yield name, value


def why(value: object, error: Exception) -> str:
    """Return why a value cannot be written, in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} has no form in JSON; leave the property out, or send None"
    if isinstance(error, UnicodeEncodeError):
        return "the text holds half of a surrogate pair, which is no character"
    return str(error)
