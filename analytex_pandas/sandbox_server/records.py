"""The records of a submit: read from its body, then judged one by one.

A body that is wrong as a whole is refused; whatever breaks a record is an error of that row, never of the request.
"""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from werkzeug.formparser import MultiPartParser
from werkzeug.http import parse_options_header

from analytex_pandas.sandbox_server.server import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from werkzeug.datastructures import FileStorage

    from analytex_pandas.sandbox_server.terms import Kind, Terms

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"

ID_KEYS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "users": ("user_id", "company_id"),
    "companies": ("company_id",),
}
"""The keys of a record beside ``metadata``, the one that is required first."""
ISO_8601: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)
JSON_TYPES: Final[Mapping[type, str]] = {
    NoneType: "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}

Record = dict[str, Any]
Row = tuple[int, object]
"""A line number (1-based, blank lines counted), and the record that stood there; a ValueError where it is no JSON."""
Problem = tuple[str | None, str, str]
"""Property, code and message of something that is wrong with a record."""


@dataclass(frozen=True, slots=True)
class RowError:
    line: int  # 1-based, blank lines counted
    index: int  # 0-based, blank lines not counted
    id: str | None
    property: str | None
    code: str
    message: str


def media_type(content_type: str) -> str:
    """Return the type that a submit is of; refuse others (415) and none (400)."""
    expected = f"Send {JSON}, or {MULTIPART} with the file in a part named 'file'."
    name = parse_options_header(content_type)[0].lower()
    if not name:
        raise RefusedError(400, "no_content_type", expected, "There is no Content-Type header.")
    if name not in (JSON, MULTIPART):
        raise RefusedError(415, "unsupported_media_type", expected, f"Content-Type: {content_type}")
    return name


def read_submission(
    content_type: str, body: bytes, kind: Kind, terms: Terms
) -> tuple[list[Row], str | None, int]:
    """Return rows, file name and size in bytes of a submit; refuse what is no envelope or holds too many records."""
    filename, content, rows = None, body, list[Row]()
    if media_type(content_type) == JSON:
        rows += enumerate(read_envelope(body, kind), 1)
    else:
        filename, content = read_part(content_type, body)
        rows += [row for row in enumerate(content.split(b"\n"), 1) if row[1].strip(b" \t\r")]
    if len(rows) > terms.max_records:
        message = f"A request holds at most {terms.max_records} records."
        raise RefusedError(413, "too_many_records", message, f"{len(rows)} records")
    return (
        [(line, read_line(row) if isinstance(row, bytes) else row) for line, row in rows],
        filename,
        len(content),
    )


def read_envelope(body: bytes, kind: Kind) -> list[object]:
    document = read_line(body)
    if isinstance(document, ValueError):
        raise RefusedError(400, "invalid_json", "The body is not JSON.", str(document))
    if not isinstance(document, dict):
        raise RefusedError(400, "invalid_body", f'The body is an object {{"{kind}": [...]}}.')
    records = document.get(kind)
    if not isinstance(records, list):
        raise RefusedError(400, "invalid_body", f"{kind!r} is required and is an array of records.")
    if not records:
        raise RefusedError(400, "no_records", f"{kind!r} holds no records.")
    return records


def read_part(content_type: str, body: bytes) -> tuple[str | None, bytes]:
    """Return the name and the content of the part named ``file``."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise RefusedError(400, "invalid_multipart", "The Content-Type names no boundary.", content_type)
    parser = MultiPartParser(stream_factory=lambda *_, **__: io.BytesIO(), max_form_memory_size=None)
    try:
        form, files = parser.parse(io.BytesIO(body), boundary.encode(), len(body))
    except ValueError as error:
        message = "The body is not multipart/form-data."
        raise RefusedError(400, "invalid_multipart", message, str(error)) from None
    parts: list[FileStorage | str] = [*files.getlist("file"), *form.getlist("file")]
    if len(parts) != 1:
        message = "The file goes into one part named 'file'."
        raise RefusedError(400, "invalid_multipart", message, f"{len(parts)} such parts")
    part = parts[0]
    return (None, part.encode()) if isinstance(part, str) else (part.filename, part.stream.read())


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


decode: Final = json.JSONDecoder(parse_constant=refuse_constant).decode


def read_line(text: bytes) -> object:
    """Return what JSON of the standard says (UTF-8, no NaN, no Infinity), or a ValueError that tells why not."""
    try:
        value: object = decode(text.decode())
    except UnicodeDecodeError as error:
        return ValueError(f"not UTF-8: byte {error.start}")
    except RecursionError:
        return ValueError("nested too deeply")
    except ValueError as error:
        return error
    return value


def judge(rows: Iterable[Row], kind: Kind, terms: Terms) -> tuple[list[Record | None], list[RowError]]:
    """Return, row by row, the record that can be taken or None, and all errors in the order of the rows."""
    id_key = ID_KEYS[kind][0]
    taken: list[Record | None] = []
    errors: list[RowError] = []
    record: Any
    for index, (line, record) in enumerate(rows):
        found = list(problems(record, kind, terms))
        if not found and terms.refuse is not None:
            # A caller's own rule sees only records that keep all the others, so it need not check for them.
            refused = terms.refuse(record) if callable(terms.refuse) else terms.refuse.get(record[id_key])
            found = [(refused[1], refused[0], refused[2])] if refused is not None else []
        taken.append(None if found else record)
        row_id = record.get(id_key) if isinstance(record, dict) else None
        row_id = row_id if isinstance(row_id, str) else None
        errors += [RowError(line, index, row_id, *problem) for problem in found]
    return taken, errors


def problems(record: object, kind: Kind, terms: Terms) -> Iterator[Problem]:
    if isinstance(record, ValueError):
        yield None, "invalid_json", f"the line is not JSON: {record}"
        return
    if not isinstance(record, dict):
        yield None, "not_an_object", f"a record is a JSON object, not {JSON_TYPES[type(record)]}"
        return
    id_keys = ID_KEYS[kind]
    for name in record.keys() - {*id_keys, "metadata"}:
        yield name, "unknown_key", f"{name!r} is no key of a record; properties go into metadata"
    if id_keys[0] not in record:
        yield id_keys[0], "missing_id", f"{id_keys[0]} is required"
    for key in id_keys:
        value = record.get(key, "absent")
        if not isinstance(value, str):
            yield key, "invalid_id", f"{key} is a string, not {JSON_TYPES[type(value)]}"
        elif not value.strip():
            yield key, "blank_id", f"{key} is blank"
        elif not is_text(value):
            yield key, "invalid_text", f"{key} is not valid Unicode"
    yield from metadata_problems(record.get("metadata", {}), terms)


def metadata_problems(metadata: object, terms: Terms) -> Iterator[Problem]:
    if not isinstance(metadata, dict):
        yield None, "invalid_metadata", f"metadata is an object, not {JSON_TYPES[type(metadata)]}"
        return
    if len(metadata) > terms.max_properties:
        message = f"{len(metadata)} properties; a profile has at most {terms.max_properties}"
        yield None, "too_many_properties", message
    for name, value in metadata.items():
        if len(name) > terms.max_name_characters:
            yield name, "name_too_long", f"a name has at most {terms.max_name_characters} characters"
        if not is_text(name):
            yield name, "invalid_text", "the name is not valid Unicode"
        if (wrong := wrong_value(value, terms)) is not None:
            yield name, *wrong
    for name in ("created_at", "signed_up_at"):
        if (value := metadata.get(name)) is not None and not is_iso_8601(value):
            yield name, "invalid_date", f"{name} is a date in ISO 8601"


def wrong_value(value: object, terms: Terms) -> tuple[str, str] | None:
    """Return code and message of what is wrong with a property's value, if anything is."""
    match value:
        case str() if len(value) > terms.max_string_characters:
            return "value_too_long", f"a string has at most {terms.max_string_characters} characters"
        case str() if not is_text(value):
            return "invalid_text", "the value is not valid Unicode"
        case dict() | list():
            return "invalid_value", f"a property is a primitive, not {JSON_TYPES[type(value)]}"
        case float() if not math.isfinite(value):
            return "invalid_value", "the number is out of range"
    return None


def is_text(value: str) -> bool:
    """Tell whether a string has no lone surrogate."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def is_iso_8601(value: object) -> bool:
    if not isinstance(value, str) or not ISO_8601.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
