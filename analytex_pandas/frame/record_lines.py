"""Lines of NDJSON that exist already → records as they are sent: checked, and in the one form that all have.

Most lines are read and written by orjson, which is right as long as no key stands twice and no number has more digits
than a double; where that cannot be told at a glance, a line is read again, slowly, with all its keys and digits.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

import orjson

from analytex_pandas import settings
from analytex_pandas.errors import code, reason
from analytex_pandas.frame.columns import Field, Traits, is_unicode
from analytex_pandas.frame.draft import Draft
from analytex_pandas.frame.layout import Layout
from analytex_pandas.frame.mends import UNSEEN
from analytex_pandas.frame.notes import AS_IT_STANDS
from analytex_pandas.settings import Kind

SHAPES: Final = 4_096
"""Shapes of records that are remembered at a time; of most files a few are enough."""
MANY_DIGITS: Final = re.compile(rb"[0-9.]{16}")
"""A number that may have more digits than a double holds."""
GAPS: Final = (b" :", b"\t:", b"\r:")
"""Where one of them stands, keys cannot be counted by what ends them."""
BLANK: Final = re.compile(f"[{UNSEEN}]*")


class Digits(str):
    """A number as it was written."""

    __slots__ = ()


KINDS: Final[Mapping[type, str | None]] = {
    str: "string",
    **dict.fromkeys((int, float, Digits), "number"),
    bool: "boolean",
    type(None): None,
}
"""What a value of JSON may be, and its JSON type; None for null."""


class Problem(NamedTuple):
    """What is wrong with a record, or with a property of it."""

    property: str
    code: str
    message: str


class UnreadableError(Exception):
    """A line is no record that can be read; it holds the problem."""

    def __init__(self, code: str, message: str, name: str = "") -> None:
        super().__init__(Problem(name, code, message))


@dataclass
class Shape:
    """Names and types of a record's properties: what is wrong with any record that has them, and how many had them."""

    problems: tuple[Problem, ...]
    count: int = 0


class Reader:
    """Reads records of a kind, of at most so many bytes each, and remembers what their properties were."""

    def __init__(self, kind: Kind, longest: int) -> None:
        self.id_name = settings.ID_NAMES[kind]
        self.company = "company_id" if kind == "users" else ""
        self.keys = frozenset(filter(None, (self.id_name, self.company, "metadata")))
        self.longest = longest
        self.kinds: dict[str, dict[str | None, int]] = {}
        self.examples: dict[str, Any] = {}
        self.rows = self.companies = 0
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    def read(self, line: bytes) -> tuple[str | None, bytes, tuple[Problem, ...]]:
        """Return the id of a record, the line that is sent, line end included, and what is wrong with it."""
        if len(line) > self.longest:
            return None, b"", (self.too_large(len(line)),)
        try:
            record, sent = self.records(line)
        except UnreadableError as error:
            return None, b"", (error.args[0],)
        metadata = record.get("metadata") or {}
        shape = self.shape(record, metadata)
        problems = (*self.ids_wrong(record), *shape.problems, *texts_wrong(line, metadata))
        if not problems and len(sent) > self.longest:
            problems = (self.too_large(len(sent)),)
        if not problems:
            shape.count += 1
            self.companies += bool(self.company and record.get(self.company) is not None)
            self.rows += 1
        ident = record.get(self.id_name)
        return ident if type(ident) is str and is_unicode(ident) else None, sent, problems

    def records(self, line: bytes) -> tuple[dict[str, Any], bytes]:
        """Return a line's record, and the line that is sent."""
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = checked(read_slowly(line))
            return record, self.written(record, written_slowly)
        sent = self.written(checked(record), orjson.dumps)
        if sent[:-1] != line and not is_told(line, record):
            record = read_slowly(line)
            sent = self.written(record, written_slowly)
        return record, sent

    def too_large(self, size: int) -> Problem:
        """Return the problem of a record that fits into no request."""
        message = f"The record alone has {size:,} bytes, and {self.longest:,} fit into a request."
        return Problem("", "record_too_large", message)

    def written(self, record: dict[str, Any], dumps: Callable[..., bytes]) -> bytes:
        """Return a record in the form that is sent: the id first, properties by name, nothing that is empty."""
        parts = [b'{"%b":' % self.id_name.encode(), dumps(record.get(self.id_name))]
        if self.company and record.get(self.company) is not None:
            parts += [b',"company_id":', dumps(record[self.company])]
        if metadata := record.get("metadata"):
            parts += [b',"metadata":', dumps(metadata, option=orjson.OPT_SORT_KEYS)]
        parts.append(b"}\n")
        return b"".join(parts)

    def shape(self, record: dict[str, Any], metadata: dict[str, Any]) -> Shape:
        """Return what a record's names and types say of it."""
        key = (tuple(record), tuple(metadata), tuple(map(type, metadata.values())))
        found = self._shapes.get(key)
        if found is None:
            if len(self._shapes) >= SHAPES:
                self.forget_shapes()
            found = self._shapes[key] = Shape(tuple(self.shape_wrong(record, metadata)))
            for name, value in metadata.items():
                if value is not None:
                    self.examples.setdefault(name, value)
        return found

    def forget_shapes(self) -> None:
        """Add what the shapes have counted to what is known of the properties."""
        for (_, names, types), shape in self._shapes.items():
            if shape.count:
                for name, kind in zip(names, types, strict=True):
                    counts = self.kinds.setdefault(name, {})
                    counts[KINDS[kind]] = counts.get(KINDS[kind], 0) + shape.count
        self._shapes = {}

    def shape_wrong(self, record: dict[str, Any], metadata: dict[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with a record by its names and types alone."""
        for name in record.keys() - self.keys:
            said = f"{code(name)} is no key of a record; properties stand in metadata."
            yield Problem(name, "unknown_key", said)
        most, longest = settings.MAX_PROPERTIES, settings.MAX_PROPERTY_NAME_CHARACTERS
        if len(metadata) > most:
            said = f"{len(metadata):,} properties; a profile has {most} at most."
            yield Problem("", "too_many_properties", said)
        for name, value in metadata.items():
            if type(value) not in KINDS:
                what = "a list" if type(value) is list else "an object"
                said = f"A property is a text, a number, true, false or null, not {what}."
                yield Problem(name, "not_primitive", said)
            if len(name) > longest:
                yield Problem(name, "name_too_long", f"A name has {longest} characters at most.")
            if BLANK.fullmatch(name):
                yield Problem(name, "no_name", "A property without a name.")

    def ids_wrong(self, record: dict[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with the ids of a record."""
        for name in (self.id_name, self.company):
            value = record.get(name) if name else None
            if value is None:
                if name == self.id_name:
                    yield Problem(name, "missing_id", f"There is no {name}.")
            elif type(value) is not str:
                yield Problem(name, "invalid_id", f"{name} is text, in quotes, not {orjson_kind(value)}.")
            elif BLANK.fullmatch(value):
                yield Problem(name, "blank_id", f"{name} is blank.")
            elif not is_unicode(value):
                yield Problem(name, "invalid_text", f"{name} holds half a surrogate pair, which is no text.")
            elif len(value) > settings.MAX_STRING_CHARACTERS:
                yield Problem(name, "string_too_long", f"{name} has {len(value):,} characters.")

    def describe(self, outcome: Draft) -> None:
        """Write into a draft what is known of the columns."""
        self.forget_shapes()
        company = Field("company_id", "company_id", AS_IT_STANDS) if self.companies else None
        outcome.layout = Layout(Field(self.id_name, self.id_name, AS_IT_STANDS), company, ())
        outcome.id_traits = Traits(present=self.rows, kinds={"string": self.rows})
        if company is not None:
            outcome.company_traits = Traits(present=self.companies, missing=self.rows - self.companies)
        for name, counts in sorted(self.kinds.items()):
            kinds: dict[str, int] = {kind: count for kind, count in counts.items() if kind is not None}
            there, example = sum(kinds.values()), self.examples.get(name)
            text = example if example is None or isinstance(example, str) else json.dumps(example)
            outcome.fields[name] = Field(name, name, AS_IT_STANDS)
            outcome.traits[name] = Traits(there, self.rows - there, kinds=kinds, example=text)
            outcome.kinds[name] = frozenset(kinds)  # type: ignore[arg-type]  # of JSON


def checked(record: Any) -> dict[str, Any]:
    """Return what was read, if it is an object with an object of properties, or none."""
    if not isinstance(record, dict):
        raise UnreadableError("not_an_object", 'A record is a JSON object, like {"user_id": "1"}.')
    if not isinstance(record.get("metadata") or {}, dict):
        raise UnreadableError("invalid_metadata", "metadata is an object of properties.", "metadata")
    return record


def is_told(line: bytes, record: dict[str, Any]) -> bool:
    """Tell whether a line says nothing but what orjson reads of it: no key twice, no digits beyond a double."""
    metadata = record.get("metadata") or {}
    if line.count(b'":') != len(record) + len(metadata) or any(gap in line for gap in GAPS):
        return False
    return MANY_DIGITS.search(line) is None and all(
        math.isfinite(value) for value in metadata.values() if type(value) is float
    )


def read_slowly(line: bytes) -> Any:
    """Read a line with all its keys and digits, or say why it cannot be read."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        message = (
            f"The line is not UTF-8: byte {error.start + 1:,} of it. Write the file anew in that encoding."
        )
        raise UnreadableError("invalid_encoding", message) from None
    try:
        return json.loads(
            text, object_pairs_hook=unique, parse_float=number, parse_int=number, parse_constant=no_number
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError("invalid_json", f"The line is not JSON: {reason(error)}.") from None


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, if no key stands in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableError("duplicate_key", f"{code(twice)} stands twice in one object.", twice)
    return found


def number(text: str) -> Digits:
    """Return a number as it was written, if it is one that a double can come near to."""
    if "e" in text.lower() and not math.isfinite(float(text)):
        no_number(text)
    return Digits(text)


def no_number(text: str) -> NoReturn:
    """Refuse what JSON has no number for."""
    raise UnreadableError("not_finite", f"{text[:20]} is no number that can be sent.")


def written_slowly(value: Any, option: int = 0) -> bytes:  # noqa: ARG001  # as orjson's
    """Return a primitive, or an object of them by name, as JSON with all digits."""
    if isinstance(value, dict):
        pairs = sorted(value.items())
        parts = (b"%b:%b" % (written_slowly(name), written_slowly(each)) for name, each in pairs)
        return b"{%b}" % b",".join(parts)
    if isinstance(value, Digits):
        digits = value.encode()
        # A number that orjson has whole is written as it writes it, whatever way its line was read.
        return digits if MANY_DIGITS.search(digits) else orjson.dumps(orjson.loads(digits))
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def texts_wrong(line: bytes, metadata: dict[str, Any]) -> Iterator[Problem]:
    """Yield the texts that cannot be sent; none are too long, or escaped halves of pairs, in most lines."""
    if len(line) <= settings.MAX_STRING_CHARACTERS and b"\\ud" not in line and b"\\uD" not in line:
        return
    most = settings.MAX_STRING_CHARACTERS
    for name, value in metadata.items():
        if not is_unicode(name) or (type(value) is str and not is_unicode(value)):
            yield Problem(name, "invalid_text", "It holds half a surrogate pair, which is no text.")
        if type(value) is str and len(value) > most:
            message = f"A text of {len(value):,} characters; the service takes {most:,}."
            yield Problem(name, "string_too_long", message)


def orjson_kind(value: Any) -> str:
    """Return what a value of JSON is, in a word."""
    words = {dict: "an object", list: "a list", bool: "true or false"}
    return words.get(type(value), "a number")
