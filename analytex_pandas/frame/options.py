"""What a user may ask of a plan: the keyword arguments of ``plan_*`` and ``push_*``, written once and checked once."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from analytex_pandas import settings
from analytex_pandas.errors import ValidationError
from analytex_pandas.frame.labels import tagged, untagged

if TYPE_CHECKING:
    from analytex_pandas.settings import Kind

JsonType = Literal["string", "number", "boolean", "date", "datetime"]
Nulls = Literal["omit", "send"]
Nested = Literal["raise", "json", "flatten"]
Invalid = Literal["raise", "skip"]
Duplicates = Literal["raise", "first", "last"]
Transport = Literal["file", "json"]

MULTIPART_OVERHEAD = 320
"""Bytes set apart in each request for what surrounds the file: boundaries, part headers, JSON envelope."""


class CommonOptions(TypedDict, total=False):
    """Keyword arguments of every ``plan_*`` and ``push_*``."""

    properties: Sequence[Hashable] | Mapping[Hashable, str] | None
    types: Mapping[Hashable, JsonType] | None
    nulls: Nulls
    nested: Nested
    invalid: Invalid
    duplicates: Duplicates
    timezone: str
    only_changed: bool
    strict: bool
    canary: int
    max_errors: int | float | None
    transport: Transport
    chunk_rows: int
    chunk_bytes: int


class UserOptions(CommonOptions, total=False):
    """Keyword arguments of ``plan_users`` and ``push_users``."""

    user_id: Hashable
    company_id: Hashable | None


class CompanyOptions(CommonOptions, total=False):
    """Keyword arguments of ``plan_companies`` and ``push_companies``."""

    company_id: Hashable


@dataclass(frozen=True)
class Options:
    """The checked options of one plan; see the table in the documentation of ``plan_users``."""

    user_id: Hashable = "user_id"
    company_id: Hashable | None = "company_id"
    company_id_named: bool = False
    properties: tuple[tuple[Hashable, str | None], ...] | None = None
    types: tuple[tuple[Hashable, JsonType], ...] = ()
    nulls: Nulls = "omit"
    nested: Nested = "raise"
    invalid: Invalid = "raise"
    duplicates: Duplicates = "raise"
    timezone: str = "UTC"
    only_changed: bool = False
    strict: bool = False
    canary: int = 0
    max_errors: int | float | None = None
    transport: Transport = "file"
    chunk_rows: int = settings.MAX_REQUEST_RECORDS
    chunk_bytes: int = settings.MAX_REQUEST_BYTES

    @property
    def file_bytes(self) -> int:
        """Bytes that a chunk file may have at most, so that its request stays strictly below `chunk_bytes`."""
        return self.chunk_bytes - MULTIPART_OVERHEAD - 1

    def to_document(self) -> dict[str, str]:
        """Return the options as text a JSON document can hold, whatever a column's label is."""
        return {field.name: tagged(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, str]) -> Options:
        """Return the options that ``to_document`` was made from."""
        return cls(**{name: untagged(text) for name, text in document.items()})


def checked_options(kind: Kind, given: Mapping[str, Any]) -> Options:
    """Return the options of a plan of `kind` from keyword arguments.

    Raises
    ------
    TypeError
        If there is no such keyword; the message names the nearest.
    ValidationError
        If a value is none that the keyword takes.
    """
    known = set(UserOptions.__annotations__ if kind == "users" else CompanyOptions.__annotations__)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}=?" if near else f" There are: {', '.join(sorted(known))}."
            raise TypeError(f"plan_{kind}() and push_{kind}() have no argument {name!r}.{hint}")
    values = dict(given)
    values["company_id_named"] = kind == "companies" or given.get("company_id") is not None
    values["properties"] = checked_properties(values.get("properties"))
    values["types"] = checked_types(values.get("types"))
    options = Options(**values)
    for name, choices in CHOICES.items():
        check_choice(name, getattr(options, name), choices)
    if kind == "companies" and options.company_id is None:
        raise ValidationError("company_id=None: companies need the column that holds their id.")
    check_numbers(options)
    return dataclasses.replace(
        options,
        timezone=checked_timezone(options.timezone),
        chunk_rows=min(options.chunk_rows, settings.MAX_REQUEST_RECORDS),
        chunk_bytes=min(options.chunk_bytes, settings.MAX_REQUEST_BYTES),
    )


CHOICES: dict[str, tuple[str, ...]] = {
    "nulls": get_args(Nulls),
    "nested": get_args(Nested),
    "invalid": get_args(Invalid),
    "duplicates": get_args(Duplicates),
    "transport": get_args(Transport),
}


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ValidationError when `value` is not one of `choices`."""
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValidationError(f"{name}={value!r} is not one of {', '.join(map(repr, choices))}.{hint}")


def checked_properties(properties: Any) -> tuple[tuple[Hashable, str | None], ...] | None:
    """Return the columns asked for, each with the property's name where one was given."""
    if properties is None:
        return None
    if isinstance(properties, Mapping):
        for column, name in properties.items():
            if not isinstance(name, str):
                raise ValidationError(f"properties: {column!r} is to be named {name!r}, which is no string.")
        return tuple(properties.items())
    if isinstance(properties, str) or not hasattr(properties, "__iter__"):
        raise ValidationError(
            f"properties={properties!r}: a list of columns, or a dict of column → property name, is needed."
        )
    return tuple((column, None) for column in properties)


def checked_types(types: Any) -> tuple[tuple[Hashable, JsonType], ...]:
    """Return the types asked for, each checked."""
    for column, name in (types or {}).items():
        check_choice(f"types[{column!r}]", name, get_args(JsonType))
    return tuple((types or {}).items())


def check_numbers(options: Options) -> None:
    """Raise ValidationError for a number that is out of its range."""
    for name, least in (("chunk_rows", 1), ("chunk_bytes", MULTIPART_OVERHEAD + 2), ("canary", 0)):
        value: object = getattr(options, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValidationError(f"{name}={value!r}: a whole number of at least {least:,} is needed.")
    for name in ("only_changed", "strict"):
        if not isinstance(getattr(options, name), bool):
            raise ValidationError(f"{name}={getattr(options, name)!r}: True or False is needed.")
    limit: object = options.max_errors  # as it was given, whatever its type
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0:
        raise ValidationError(f"max_errors={limit!r}: a number of rows (int) or a share (float) is needed.")
    if isinstance(limit, float) and limit > 1:
        raise ValidationError(f"max_errors={limit!r}: as a float it is a share of the rows, from 0.0 to 1.0.")


OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")


def checked_timezone(name: Any) -> str:
    """Return the name of a time zone that exists, or an offset such as ``+05:30``."""
    import zoneinfo  # needed for other zones than the default alone

    name = str(name)
    if name == "UTC":
        return "UTC"
    if offset := OFFSET.fullmatch(name):
        return "{}{}:{}".format(*offset.groups())
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), 1)
        hint = f" Did you mean {near[0]!r}?" if near else " Names are like 'Europe/Berlin' or '+05:30'."
        raise ValidationError(f"timezone={name!r} is no time zone that is known here.{hint}") from error
    return str(name)
