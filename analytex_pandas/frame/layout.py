"""Which column becomes what: the id, the company, and each property under its name. Everything wrong in one report."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, ValidationError, code, did_you_mean
from analytex_pandas.frame.coerce import Policy
from analytex_pandas.frame.columns import Field, is_unicode
from analytex_pandas.frame.mends import UNSEEN
from analytex_pandas.frame.options import Options
from analytex_pandas.settings import Kind

SHOWN = 10
"""Columns that a message lists at most."""


@dataclass(frozen=True)
class Property:
    """A column that is sent as a property: under which name, and how its values are coerced."""

    field: Field
    name: str
    policy: Policy


@dataclass(frozen=True)
class Layout:
    """What becomes of the columns; a part of the input (one frame of several) may have no `id` and no `company`."""

    id: Field | None
    company: Field | None
    properties: tuple[Property, ...]


def layout(fields: Sequence[Field], options: Options, kind: Kind) -> Layout:
    there = by_label(fields)
    id_label = options.user_id if kind == "users" else options.company_id
    company_label = options.company_id if kind == "users" else None
    id_field = there.get(key(id_label), [None])[0]
    company = None if company_label is None else there.get(key(company_label), [None])[0]
    if options.properties is None:
        ids = {id_field, company}
        chosen = [(field, field.name) for field in fields if not field.is_index and field not in ids]
    else:
        chosen = [
            (field, field.name if name is None else name)
            for label, name in options.properties
            for field in there.get(key(label), [])
        ]
    whole = options.types if isinstance(options.types, str) else None
    types = {} if isinstance(options.types, str) else {key(label): wanted for label, wanted in options.types}
    properties = [
        Property(field, name, Policy(types.get(key(field.label), whole), options.timezone, options.nested))
        for field, name in chosen
    ]
    return Layout(id_field, company, tuple(properties))


def wrong_columns(fields: Sequence[Field], found: Layout, options: Options, kind: Kind) -> list[str]:
    """Return everything that is wrong with the columns of an input and with what becomes of them."""
    there = by_label(fields)
    id_name = settings.ID_NAMES[kind]
    ids = {id_name: getattr(options, id_name)}
    if options.company_id is not None:
        ids["company_id"] = options.company_id
    wrong = []
    for name, label in ids.items():
        those = there.get(key(label), [])
        if len(those) > 1 and not those[0].is_index:
            wrong.append(
                f"{len(those)} columns have the name {code(label)}, which holds ids; rename the others, or drop them."
            )
        if not those and (name == id_name or options.company_id_named):
            way_out = "company_id=None sends users without their company."
            if name == id_name:
                way_out = (
                    f"Name the one that holds the id: {name}=…; an index without a name gets one by "
                    "df.rename_axis(…)."
                )
            wrong.append(
                f"There is no column or index level {code(label)} for {name}.{near(fields, label)} {way_out}"
            )
    types = () if isinstance(options.types, str) else options.types
    for option, asked in (("properties", options.properties or ()), ("types", types)):
        absent = (label for label, _ in asked if key(label) not in there)
        wrong += [f"{option}: there is no column {code(label)}.{near(fields, label)}" for label in absent]
    sent = {key(part.field.label) for part in found.properties}
    only_ids = {key(field.label) for field in (found.id, found.company) if field is not None} - sent
    wrong += [
        f"types: {code(label)} holds ids, and they are always sent as text; leave it out of types."
        for label, _ in types
        if key(label) in only_ids
    ]
    return wrong + wrong_names([(code(part.field.label), part.name) for part in found.properties])


def by_label(fields: Iterable[Field]) -> dict[Hashable, list[Any]]:
    """Return the columns of each label; an index level only where no column has its name."""
    there: dict[Hashable, list[Field]] = {}
    for field in fields:
        there.setdefault(key(field.label), []).append(field)
    return {label: [one for one in those if not one.is_index] or those for label, those in there.items()}


def same(one: Hashable, other: Hashable) -> bool:
    """Tell whether two labels are one."""
    return {key(one)} == {key(other)}


def key(label: Hashable) -> Hashable:
    """Return a label as one that finds itself: a NaN equals not even itself."""
    if isinstance(label, tuple):
        return tuple(map(key, label))
    return math.nan if isinstance(label, float) and math.isnan(label) else label


def near(fields: Iterable[Field], label: Hashable) -> str:
    """Return a hint at the columns that a label may have meant, else at those there are."""
    there = [field.label for field in fields]
    if hint := did_you_mean(label, there, 3):
        return hint
    if not there:
        return " The frame has no columns."
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return f" Its columns: {', '.join(code(one) for one in there[:SHOWN])}{more}."


def wrong_names(named: Sequence[tuple[str, str]]) -> list[str]:
    """Return what is wrong with the names of properties; each comes with the column it is of."""
    columns_of: dict[str, list[str]] = {}
    for column, name in named:
        columns_of.setdefault(name, []).append(column)
    wrong = []
    for name, columns in columns_of.items():
        if len(columns) > 1:
            way_out = "rename a column of the frame, or drop it"
            if len(set(columns)) == len(columns):
                way_out = "rename one: properties={column: name}"
            wrong.append(
                f"{len(columns)} properties have the name {name!r} (columns {', '.join(columns)}); {way_out}."
            )
    most = settings.MAX_PROPERTY_NAME_CHARACTERS
    for column, name in named:
        if len(name) > most:
            wrong.append(
                f"The property of column {column[:60]} has a name of {len(name)} characters; the service takes "
                f"{most}. Rename it with properties={{column: name}}."
            )
        if re.fullmatch(f"[{UNSEEN}]*", name):
            wrong.append(
                f"The property of column {column} has no name; give it one with properties={{column: name}}."
            )
        if not is_unicode(name):
            wrong.append(
                f"The name of column {column} holds half a surrogate pair, which no encoding can write."
            )
    if len(named) > settings.MAX_PROPERTIES:
        wrong.append(
            f"There are {len(named)} properties; the service takes {settings.MAX_PROPERTIES} a profile. "
            "Choose some with properties=[…]."
        )
    return wrong


@dataclass(frozen=True)
class Report:
    """Why rows cannot be sent: their positions, index labels and ids, the property, the code and the message."""

    positions: Sequence[int]
    labels: Sequence[Any]
    ids: Sequence[str | None]
    property: str
    code: str
    message: str


def invalid_table(reports: Sequence[Report]) -> pd.DataFrame:
    """Return ``Plan.invalid``, in the order of the input."""
    rows = [
        (*where, report.property, report.code, report.message)
        for report in reports
        for where in zip(report.positions, report.labels, report.ids, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(INVALID_COLUMNS), dtype=object).astype({"position": "int64"})
    return frame.sort_values("position", kind="stable", ignore_index=True)


def said(row: Mapping[Any, Any]) -> str:
    """Return a row of ``Plan.invalid`` as a message says it: where it is, and why."""
    where = f", {row['property']!r}" if row["property"] else ""
    return f"row {code(row['index'])}{where}: {row['message']}"


def unsendable(wrong: Sequence[str], invalid: pd.DataFrame) -> ValidationError:
    """Return the report of all that is wrong with a frame as such, and with those of its rows that were read."""
    lines = list(dict.fromkeys(wrong))
    if len(invalid):
        lines.append(
            f"Rows cannot be sent either, {invalid['position'].nunique():,} of those that were read; the first is "
            f"{said(invalid.to_dict('records')[0])}\n  All are in this error's .report."
        )
    return ValidationError("\n- ".join(["The frame cannot be sent as it is:", *lines]), invalid)
