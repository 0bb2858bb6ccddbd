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

from analytex_pandas.sandbox_server.messages import RefusedError

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
_ISO_8601: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)
_JSON_TYPES: Final[Mapping[type, str]] = {
    NoneType: "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}

Record = dict[str, Any]
Problem = tuple[str | None, str, str]
"""Property, code and message of something that is wrong with a record."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in place of a record whose line is not JSON."""

    reason: str


Row = tuple[int, object]
"""A line number (1-based, blank lines counted), and the record as it stood there."""


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
    if media_type(content_type) == JSON:
        records = _read_envelope(body, kind)
        _check_count(len(records), terms)
        return list(enumerate(records, 1)), None, len(body)
    filename, content = _read_part(content_type, body)
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip(b" \t\r")]
    _check_count(len(lines), terms)
    return [(number, _read_line(line)) for number, line in lines], filename, len(content)


def _check_count(count: int, terms: Terms) -> None:
    if count > terms.max_records:
        message = f"A request holds at most {terms.max_records} records."
        raise RefusedError(413, "too_many_records", message, f"{count} records")


def _read_envelope(body: bytes, kind: Kind) -> list[object]:
    try:
        document = _parse_json(body)
    except ValueError as error:
        raise RefusedError(400, "invalid_json", "The body is not JSON.", str(error)) from None
    if not isinstance(document, dict):
        raise RefusedError(400, "invalid_body", f'The body is an object {{"{kind}": [...]}}.')
    records = document.get(kind)
    if not isinstance(records, list):
        raise RefusedError(400, "invalid_body", f"{kind!r} is required and is an array of records.")
    if not records:
        raise RefusedError(400, "no_records", f"{kind!r} holds no records.")
    return records


def _read_part(content_type: str, body: bytes) -> tuple[str | None, bytes]:
    """Return the name and the content of the part named ``file``."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise RefusedError(400, "invalid_multipart", "The Content-Type names no boundary.", content_type)
    parser = MultiPartParser(stream_factory=lambda *_, **__: io.BytesIO(), max_form_memory_size=None)
    try:
        form, files = parser.parse(io.BytesIO(body), boundary.encode(), len(body))
    except ValueError as error:
        details = str(error)
        raise RefusedError(
            400, "invalid_multipart", "The body is not multipart/form-data.", details
        ) from None
    parts: list[FileStorage | str] = [*files.getlist("file"), *form.getlist("file")]
    if len(parts) != 1:
        details = f"{len(parts)} such parts"
        raise RefusedError(400, "invalid_multipart", "The file goes into one part named 'file'.", details)
    part = parts[0]
    if isinstance(part, str):
        return None, part.encode()
    return part.filename, part.stream.read()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse_json(text: bytes) -> object:
    """Parse JSON as the standard has it: UTF-8, no NaN, no Infinity; ValueError says why, in words for the caller."""
    try:
        value: object = _decoder.decode(text.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _read_line(line: bytes) -> object:
    try:
        return _parse_json(line)
    except ValueError as error:
        return Unreadable(str(error))


def judge(rows: Iterable[Row], kind: Kind, terms: Terms) -> tuple[list[Record | None], list[RowError]]:
    """Return, row by row, the record that can be taken or None, and all errors in the order of the rows."""
    id_key = ID_KEYS[kind][0]
    taken: list[Record | None] = []
    errors: list[RowError] = []
    record: Any
    for index, (line, record) in enumerate(rows):
        # A caller's own rule sees only records that keep all the others, so it need not check for them.
        problems = list(_problems(record, kind, terms)) or list(_refused(record, id_key, terms))
        taken.append(None if problems else record)
        if problems:
            row_id = record.get(id_key) if isinstance(record, dict) else None
            row_id = row_id if isinstance(row_id, str) else None
            errors += [RowError(line, index, row_id, *problem) for problem in problems]
    return taken, errors


def _refused(record: Any, id_key: str, terms: Terms) -> Iterator[Problem]:
    rule = terms.refuse
    if rule is None:
        return
    refusal = rule(record) if callable(rule) else rule.get(record[id_key])
    if refusal is not None:
        code, name, message = refusal
        yield name, code, message


def _problems(record: object, kind: Kind, terms: Terms) -> Iterator[Problem]:
    if isinstance(record, Unreadable):
        yield None, "invalid_json", f"the line is not JSON: {record.reason}"
        return
    if not isinstance(record, dict):
        yield None, "not_an_object", f"a record is a JSON object, not {_JSON_TYPES[type(record)]}"
        return
    id_keys = ID_KEYS[kind]
    for name in record.keys() - {*id_keys, "metadata"}:
        yield name, "unknown_key", f"{name!r} is no key of a record; properties go into metadata"
    if id_keys[0] not in record:
        yield id_keys[0], "missing_id", f"{id_keys[0]} is required"
    for key in id_keys:
        value = record.get(key, "absent")
        if not isinstance(value, str):
            yield key, "invalid_id", f"{key} is a string, not {_JSON_TYPES[type(value)]}"
        elif not value.strip():
            yield key, "blank_id", f"{key} is blank"
        elif not _is_text(value):
            yield key, "invalid_text", f"{key} is not valid Unicode"
    yield from _metadata_problems(record.get("metadata", {}), terms)


def _metadata_problems(metadata: object, terms: Terms) -> Iterator[Problem]:
    if not isinstance(metadata, dict):
        yield None, "invalid_metadata", f"metadata is an object, not {_JSON_TYPES[type(metadata)]}"
        return
    if len(metadata) > terms.max_properties:
        message = f"{len(metadata)} properties; a profile has at most {terms.max_properties}"
        yield None, "too_many_properties", message
    for name, value in metadata.items():
        if len(name) > terms.max_name_characters:
            yield name, "name_too_long", f"a name has at most {terms.max_name_characters} characters"
        if not _is_text(name):
            yield name, "invalid_text", "the name is not valid Unicode"
        if (problem := _value_problem(value, terms)) is not None:
            yield name, *problem
    for name in ("created_at", "signed_up_at"):
        if (value := metadata.get(name)) is not None and not _is_iso_8601(value):
            yield name, "invalid_date", f"{name} is a date in ISO 8601"


def _value_problem(value: object, terms: Terms) -> tuple[str, str] | None:
    if isinstance(value, str):
        if len(value) > terms.max_string_characters:
            return "value_too_long", f"a string has at most {terms.max_string_characters} characters"
        if not _is_text(value):
            return "invalid_text", "the value is not valid Unicode"
    elif isinstance(value, dict | list):
        return "invalid_value", f"a property is a primitive, not {_JSON_TYPES[type(value)]}"
    elif isinstance(value, float) and not math.isfinite(value):
        return "invalid_value", "the number is out of range"
    return None


def _is_text(value: str) -> bool:
    """Tell whether a string has no lone surrogate."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _is_iso_8601(value: object) -> bool:
    if not isinstance(value, str) or not _ISO_8601.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
