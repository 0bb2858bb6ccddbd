"""Request bodies: a file as multipart, records as JSON; streamed, of known length, under the limits."""

from __future__ import annotations

import io
import json
import math
import os
import uuid
from collections.abc import Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, PayloadTooLargeError, ValidationError, typed_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analytex_pandas.settings import Kind

SEND_BYTES: Final = 64 * 1024
READ_BYTES: Final = 1_000_000
MAX_NAMED: Final = 5
UNWRITABLE: Final = (TypeError, ValueError, RecursionError)
"""What ``json`` raises for a value that it cannot write."""


class Body:
    """A request body that is read once, piece by piece, by whoever sends it.

    ``started`` tells whether any of it was taken to be sent: as long as none was, nothing can have arrived.
    """

    def __init__(self, content_type: str, *parts: tuple[BinaryIO, int]) -> None:
        self.content_type = content_type
        self.parts = parts
        self.started = False

    def __len__(self) -> int:
        return sum(size for _, size in self.parts)

    def __iter__(self) -> Iterator[bytes]:
        """Yield of each part as many bytes as were announced."""
        self.started = True
        for stream, remaining in self.parts:
            while remaining:
                piece = stream.read(min(remaining, SEND_BYTES))
                if not piece:
                    raise ValidationError(
                        f"The file became {remaining:,} bytes shorter while it was being sent, so the request "
                        "was broken off and the service cannot have taken it. Send it again once nothing writes "
                        "to the file."
                    )
                remaining -= len(piece)  # noqa: PLW2901  # what is left of this part
                yield piece


@contextmanager
def file_body(
    file: str | os.PathLike[str] | bytes | BinaryIO, kind: Kind, filename: str | None
) -> Iterator[tuple[Body, str]]:
    """Yield a multipart body whose one part, ``file``, is NDJSON streamed from where it is, and the file's name."""
    if isinstance(file, bytes | bytearray | memoryview):
        file = io.BytesIO(file)
    with Path(file).open("rb") if isinstance(file, str | os.PathLike) else nullcontext(file) as given:
        if not hasattr(given, "read") or isinstance(given.read(0), str):
            raise ValidationError(
                f"A file to send is a path, bytes, or a stream opened with 'rb', not a {type(given).__name__}."
            )
        own_name = getattr(given, "name", None)
        name = filename or (
            Path(own_name).name if isinstance(own_name, str | os.PathLike) else f"{kind}.ndjson"
        )
        stream = given
        if not given.seekable():
            content = b""
            while len(content) < settings.MAX_REQUEST_BYTES and (piece := given.read(READ_BYTES)):
                content += piece
            stream = io.BytesIO(content)
        start = stream.tell()
        size = stream.seek(0, io.SEEK_END) - start
        stream.seek(start)
        if not size:
            raise ValidationError(f"{name}: there is nothing in it, so there is nothing to send.")
        boundary = uuid.uuid4().hex
        head, tail = multipart_frame(name, boundary)
        check_size(len(head) + size + len(tail), name)
        parts = [(io.BytesIO(head), len(head)), (stream, size), (io.BytesIO(tail), len(tail))]
        yield Body(f"multipart/form-data; boundary={boundary}", *parts), name


def multipart_frame(filename: str, boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the file in a multipart body; below 1,024 bytes for usual names."""
    # The escapes that browsers use; other characters go out as UTF-8.
    for character, escape in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
        filename = filename.replace(character, escape)
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/x-ndjson\r\n\r\n"
    )
    return head.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


def check_size(size: int, what: str) -> None:
    if size >= settings.MAX_REQUEST_BYTES:
        raise PayloadTooLargeError(
            f"{what}: the request would be {size:,} bytes, and the service takes less than "
            f"{settings.MAX_REQUEST_BYTES:,}. Nothing was sent. Send it in several requests; a push cuts its "
            "input to fit by itself."
        )


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
            if not isinstance(record, Mapping):
                raise TypeError(f"a record is a dict, this is a {type(record).__name__}")
            lines.append(dumps(record))
        except UNWRITABLE as error:
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
    return Body("application/json", (io.BytesIO(content), len(content)))


def check_count(count: int) -> None:
    if not count:
        raise ValidationError("There are no records, so there is nothing to send.")
    if count > settings.MAX_REQUEST_RECORDS:
        raise PayloadTooLargeError(
            f"There are more than {settings.MAX_REQUEST_RECORDS:,} records, and the service takes no more in "
            "one request. Nothing was sent. Send them in several requests; a push cuts its input to fit."
        )


def dumps(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8, refusing what JSON has no form for."""
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
        except UNWRITABLE as reason:
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
    for name, value in record.items() if isinstance(record, Mapping) else ():
        is_metadata = name == "metadata" and isinstance(value, Mapping)
        yield from value.items() if is_metadata else [(name, value)]


def why(value: object, error: Exception) -> str:
    """Return why a value cannot be written, in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} has no form in JSON; leave the property out, or send None"
    if isinstance(error, UnicodeEncodeError):
        return "the text holds half of a surrogate pair, which is no character"
    return str(error)
