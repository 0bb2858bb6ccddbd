"""The rules on single records: whatever breaks one is an error of that row, never of the request."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NoReturn

Kind = Literal["users", "companies"]
Primitive = str | int | float | bool | None
Refusal = tuple[str, str | None, str]
"""Code, property (None: the record as a whole) and message of a refusal that the caller thought up."""
Refuse = Callable[[Mapping[str, Any]], Refusal | None] | Mapping[str, Refusal]
"""Which records to refuse beyond the service's rules: a function of the record, or a mapping by its id."""

ID_KEYS: Final[Mapping[Kind, str]] = {"users": "user_id", "companies": "company_id"}
_RECORD_KEYS: Final[Mapping[Kind, frozenset[str]]] = {
    "users": frozenset({"user_id", "company_id", "metadata"}),
    "companies": frozenset({"company_id", "metadata"}),
}
_DATE_PROPERTIES: Final = ("created_at", "signed_up_at")
_ISO_8601: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service takes, with its documented values."""

    max_bytes: int = 50_000_000
    max_records: int = 10_000
    max_properties: int = 500
    max_name_characters: int = 255
    max_string_characters: int = 65_535


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that is wrong with one record."""

    line: int  # 1-based, blank lines counted
    index: int  # 0-based, blank lines not counted
    id: str | None
    property: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """One record as it stood in the request: its value, or why it could not be read."""

    line: int
    value: object
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one accepted record writes: the id, the company where named, the properties named."""

    id: str
    company_id: str | None
    properties: Mapping[str, Primitive]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(text: bytes) -> object:
    """Parse JSON as the standard has it: UTF-8, no NaN, no Infinity; ValueError says why, in words for the caller."""
    try:
        value: object = _decoder.decode(text.decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def read_line(number: int, line: bytes) -> Row:
    """Read one line of an NDJSON file."""
    try:
        return Row(number, parse_json(line))
    except ValueError as error:
        return Row(number, None, str(error))


class Judge:
    """Tells the records that can be taken from those that cannot, and why."""

    def __init__(self, kind: Kind, limits: Limits, refuse: Refuse | None) -> None:
        self.id_key = ID_KEYS[kind]
        self._keys = _RECORD_KEYS[kind]
        self._is_user = kind == "users"
        self._limits = limits
        self._refuse = refuse

    def judge(self, rows: Iterable[Row]) -> tuple[list[Profile | None], list[RowError]]:
        """Return, row by row, the profile or None, and all errors in the order of the rows."""
        profiles: list[Profile | None] = []
        errors: list[RowError] = []
        for index, row in enumerate(rows):
            # A caller's own rule sees only records that keep all the others, so it need not check for them.
            faults = list(self._faults(row)) or list(self._caller_faults(row.value))
            if not faults:
                profiles.append(self._profile(row.value))
                continue
            profiles.append(None)
            row_id = self._id(row.value)
            errors += [RowError(row.line, index, row_id, *fault) for fault in faults]
        return profiles, errors

    def _profile(self, record: Any) -> Profile:
        company_id = record.get("company_id") if self._is_user else None
        return Profile(record[self.id_key], company_id, record.get("metadata", {}))

    def _id(self, record: object) -> str | None:
        row_id = record.get(self.id_key) if isinstance(record, dict) else None
        return row_id if isinstance(row_id, str) else None

    def _faults(self, row: Row) -> Iterator[tuple[str | None, str, str]]:
        """Yield property, code and message of all that is wrong with a record."""
        record = row.value
        if row.unreadable is not None:
            yield None, "invalid_json", f"the line is not JSON: {row.unreadable}"
            return
        if not isinstance(record, dict):
            yield None, "not_an_object", f"a record is a JSON object, not {_named(record)}"
            return
        if not record.keys() <= self._keys:
            for name in record.keys() - self._keys:
                yield name, "unknown_key", f"{name!r} is no key of a record; properties go into metadata"
        yield from self._id_faults(record)
        if "metadata" in record:
            yield from self._metadata_faults(record["metadata"])

    def _id_faults(self, record: Mapping[str, object]) -> Iterator[tuple[str | None, str, str]]:
        if self.id_key not in record:
            yield self.id_key, "missing_id", f"{self.id_key} is required"
        for key in ("user_id", "company_id"):
            if key in record and key in self._keys:
                value = record[key]
                if not isinstance(value, str):
                    yield key, "invalid_id", f"{key} is a string, not {_named(value)}"
                elif not value.strip():
                    yield key, "blank_id", f"{key} is blank"
                elif not _is_text(value):
                    yield key, "invalid_text", f"{key} is not valid Unicode"

    def _metadata_faults(self, metadata: object) -> Iterator[tuple[str | None, str, str]]:
        limits = self._limits
        if not isinstance(metadata, dict):
            yield None, "invalid_metadata", f"metadata is an object, not {_named(metadata)}"
            return
        if len(metadata) > limits.max_properties:
            yield (
                None,
                "too_many_properties",
                f"{len(metadata)} properties; a profile has at most {limits.max_properties}",
            )
        for name, value in metadata.items():
            if len(name) > limits.max_name_characters:
                yield name, "name_too_long", f"a name has at most {limits.max_name_characters} characters"
            if not _is_text(name):
                yield name, "invalid_text", "the name is not valid Unicode"
            if (fault := self._value_fault(value)) is not None:
                yield name, *fault
        for name in _DATE_PROPERTIES:
            if (value := metadata.get(name)) is not None and not _is_iso_8601(value):
                yield name, "invalid_date", f"{name} is a date in ISO 8601"

    def _value_fault(self, value: object) -> tuple[str, str] | None:
        """Return code and message of what is wrong with the value of a property."""
        longest = self._limits.max_string_characters
        if isinstance(value, str):
            if len(value) > longest:
                return "value_too_long", f"a string has at most {longest} characters"
            if not _is_text(value):
                return "invalid_text", "the value is not valid Unicode"
        elif isinstance(value, dict | list):
            return "invalid_value", f"a property is a primitive, not {_named(value)}"
        elif isinstance(value, float) and not math.isfinite(value):
            return "invalid_value", "the number is out of range"
        return None

    def _caller_faults(self, record: Any) -> Iterator[tuple[str | None, str, str]]:
        if self._refuse is None:
            return
        rule = self._refuse
        refusal = rule(record) if callable(rule) else rule.get(record[self.id_key])
        if refusal is not None:
            code, name, message = refusal
            yield name, code, message


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_iso_8601(value: object) -> bool:
    if not isinstance(value, str) or not _ISO_8601.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _named(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
