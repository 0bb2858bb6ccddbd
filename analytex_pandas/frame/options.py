"""What a user may ask of a plan: the keyword arguments of ``plan_*`` and ``push_*``, written once and checked once."""

from __future__ import annotations

import datetime as dt
import operator
import os
import re
import zoneinfo
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, get_args

import numpy as np
import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import ValidationError, code, did_you_mean
from analytex_pandas.frame.labels import tagged
from analytex_pandas.frame.places import url_of
from analytex_pandas.settings import Kind

JsonType = Literal["string", "number", "boolean", "date", "datetime"]
Nulls = Literal["omit", "send"]
Nested = Literal["raise", "json", "flatten"]
Invalid = Literal["raise", "skip"]
Duplicates = Literal["raise", "first", "last"]
Transport = Literal["file", "json"]

MULTIPART_OVERHEAD = 320
"""Bytes set apart in each request for what surrounds the file: boundaries, part headers, JSON envelope."""
OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([01][0-9]|2[0-3]):?([0-5][0-9])")


class SendOptions(TypedDict, total=False):
    """Keyword arguments of everything that sends, whatever the records come from."""

    invalid: Invalid
    duplicates: Duplicates
    only_changed: bool
    strict: bool
    canary: int
    max_errors: int | float | None
    transport: Transport
    chunk_rows: int
    chunk_bytes: int
    staging: str | os.PathLike[str] | None


class CommonOptions(SendOptions, total=False):
    """Keyword arguments of every ``plan_*`` and ``push_*`` of frames."""

    properties: Sequence[Hashable] | Mapping[Hashable, str] | None
    types: Mapping[Hashable, JsonType] | Literal["string"] | None
    nulls: Nulls
    nested: Nested
    timezone: str


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
    types: tuple[tuple[Hashable, JsonType], ...] | Literal["string"] = ()
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
    staging: str | None = None

    @property
    def file_bytes(self) -> int:
        """Bytes that a chunk file may have at most, so that its request stays strictly below `chunk_bytes`."""
        return self.chunk_bytes - MULTIPART_OVERHEAD - 1

    def too_many(self, errors: int, rows: int) -> bool:
        """Tell whether so many errors, among so many rows, are more than `max_errors` allows."""
        if self.max_errors is None or not rows:
            return False
        return (errors / rows if isinstance(self.max_errors, float) else errors) > self.max_errors


def checked_options(kind: Kind, given: Mapping[str, Any], *, of_files: bool = False) -> Options:
    """Return the options of a plan from keyword arguments; one that there is not is a TypeError."""
    table: type = SendOptions if of_files else UserOptions if kind == "users" else CompanyOptions
    known = set(table.__annotations__)
    for name in given:
        if name not in known:
            near = did_you_mean(name, known | {"client"}).replace("'", "").replace("?", "=?")
            hint = near or f" There are: {', '.join(sorted(known))}."
            who = "push_files() has" if of_files else f"plan_{kind}() and push_{kind}() have"
            raise TypeError(f"{who} no argument {name!r}.{hint}")
    options = Options(**{name: checked(name, value) for name, value in given.items()})
    if kind == "companies" and options.company_id is None:
        raise ValidationError("company_id=None: companies need the column that holds their id.")
    is_named = kind == "companies" or given.get("company_id") is not None
    return replace(options, company_id_named=is_named)


class Rule(NamedTuple):
    """What an option takes: in words, as a function that returns it checked or raises, and a hint at what was meant."""

    takes: str
    check: Callable[[Any], Any]
    hint: Callable[[Any], str] = lambda _: ""


def checked(name: str, value: Any, rule: Rule | None = None) -> Any:
    """Return the value of an option as it is meant; ValidationError names the option, what it got and what it takes."""
    takes, check, hint = rule or RULES[name]
    try:
        return check(value)
    except ValidationError:  # it says which part of the value is wrong
        raise
    except Exception:  # noqa: BLE001  # whatever a foreign object raises when it is looked at, it is no such value
        raise ValidationError(f"{name}={code(value, 100)}: {takes} is needed.{hint(value)}") from None


def one_of(choices: Sequence[str]) -> Rule:
    words = f"one of {', '.join(map(repr, choices))}"
    return Rule(
        words,
        lambda value: choices[choices.index(str.__str__(value))],
        lambda value: did_you_mean(value, choices),
    )


def whole(least: int, most: int = 2**63 - 1) -> Rule:
    """Return the rule of a whole number; what is more than `most` is that."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or (number := operator.index(value)) < least:
            raise ValueError
        return min(number, most)

    return Rule(f"a whole number of at least {least:,}", check)


def flag(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError
    return bool(value)


def or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def label(value: Any) -> Hashable:
    """Return what can be a label: a plan finds a column by it, and writes it down."""
    hash(value)
    tagged(value)
    return value  # type: ignore[no-any-return]  # it has a hash


def by_column(name: str, value: Mapping[Any, Any], rule: Rule) -> tuple[tuple[Hashable, Any], ...]:
    """Return what is asked of each column, both checked."""
    return tuple(
        (checked(f"{name}: a column", column, LABEL), checked(f"{name}[{code(column)}]", asked, rule))
        for column, asked in value.items()
    )


def properties(value: Any) -> tuple[tuple[Hashable, str | None], ...]:
    if isinstance(value, Mapping):
        return by_column("properties", value, Rule("a property name, which is text,", str.__str__))
    if isinstance(value, str | bytes):
        raise TypeError
    columns = dict.fromkeys(checked("properties: a column", one, LABEL) for one in value)
    return tuple((column, None) for column in columns)


def types(value: Any) -> Any:
    if isinstance(value, Mapping | None):
        return by_column("types", value or {}, one_of(get_args(JsonType)))
    return one_of(("string",)).check(value)


def errors_limit(value: Any) -> Any:
    if not isinstance(value, float | np.floating):
        return whole(0).check(value)
    if not 0 <= value <= 1:
        raise ValueError
    return float(value)


def timezone(value: Any) -> str:
    name = str(value) if isinstance(value, dt.tzinfo) else str.__str__(value)
    if name == "UTC":
        return name
    if offset := OFFSET.fullmatch(name):
        return "{}{}:{}".format(*offset.groups())
    pd.Timestamp(0, tz=zoneinfo.ZoneInfo(name).key)  # not all that the system has is known to pandas
    return name


def directory(value: Any) -> Path | str:
    """Return a directory that files can be written to, which is made if it is not there; or the URL of one."""
    if url := url_of(value):
        return url
    path = Path(os.fsdecode(os.fspath(value)))
    if not str(value):
        raise ValueError
    path.mkdir(parents=True, exist_ok=True)
    return path


def shared_directory(value: Any) -> str:
    """Return a directory as any process finds it."""
    found = directory(value)
    return found if isinstance(found, str) else str(found.absolute())


LABEL = Rule("the label of a column (one, not a list)", label)
FLAG = Rule("True or False", flag)
MAYBE = Rule("True, False or None", or_none(flag))
RULES: dict[str, Rule] = {
    "user_id": Rule("the label of one column or index level", label),
    "company_id": Rule("the label of one column or index level, or None,", or_none(label)),
    "properties": Rule(
        "a list of columns, or a dict of column → property name,",
        or_none(properties),
        lambda value: f" Did you mean properties=[{code(value)}]?" if isinstance(value, str) else "",
    ),
    "types": Rule(
        "a dict of column → 'string', 'number', 'boolean', 'date' or 'datetime', or the one word 'string' for all,",
        types,
    ),
    "nulls": one_of(get_args(Nulls)),
    "nested": one_of(get_args(Nested)),
    "invalid": one_of(get_args(Invalid)),
    "duplicates": one_of(get_args(Duplicates)),
    "timezone": Rule(
        "a time zone known here, such as 'Europe/Berlin' or '+05:30',",
        timezone,
        lambda value: did_you_mean(value, zoneinfo.available_timezones()),
    ),
    "only_changed": FLAG,
    "strict": FLAG,
    "canary": whole(0),
    "max_errors": Rule(
        "a number of rows (int), a share of them from 0.0 to 1.0 (float), or None", or_none(errors_limit)
    ),
    "transport": one_of(get_args(Transport)),
    "chunk_rows": whole(1, settings.MAX_REQUEST_RECORDS),
    "chunk_bytes": whole(MULTIPART_OVERHEAD + 2, settings.MAX_REQUEST_BYTES),
    "staging": Rule(
        "the path or URL of a directory that the engine's workers and this machine share, or None,",
        or_none(shared_directory),
    ),
    "wait": MAYBE,
    "progress": MAYBE,
    "kind": one_of(get_args(Kind)),
    "directory": Rule("the path or URL of a directory that can be written to", directory),
}
"""What each keyword argument takes."""
