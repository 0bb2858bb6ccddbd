"""Which column becomes what: the id, the company, and each property under its name. Everything wrong in one report."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import ValidationError, code, did_you_mean
from analytex_pandas.frame.coerce import Policy
from analytex_pandas.frame.columns import is_unicode
from analytex_pandas.frame.mends import UNSEEN
from analytex_pandas.frame.reports import said

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from analytex_pandas.frame.columns import Field
    from analytex_pandas.frame.options import Options
    from analytex_pandas.settings import Kind

SHOWN = 10
"""Columns that a message lists at most."""
NA: Hashable = object()


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


def unsendable(wrong: Sequence[str], invalid: pd.DataFrame) -> ValidationError:
    """Return the report of all that is wrong with a frame as such, and with those of its rows that were read."""
    lines = list(dict.fromkeys(wrong))
    if len(invalid):
        lines.append(
            f"Rows cannot be sent either, {invalid['position'].nunique():,} of those that were read; the first is "
            f"{said(invalid.to_dict('records')[0])}\n  All are in this error's .report."
        )
    return ValidationError("\n- ".join(["The frame cannot be sent as it is:", *lines]), invalid)


def layout(
    fields: Sequence[Field], options: Options, kind: Kind, *, partial: bool = False
) -> tuple[Layout, list[str]]:
    """Return what becomes of the columns, and everything that is wrong with them.

    `partial` is True for one frame of several, which need not have every column.
    """
    id_name = settings.ID_NAMES[kind]
    id_label = options.user_id if kind == "users" else options.company_id
    wrong = ambiguous(fields, {id_label, options.company_id} - {None})
    id_field, company = found(fields, id_label), None
    if id_field is None and not partial:
        wrong.append(
            f"There is no column or index level {code(id_label)} for {id_name}.{near(fields, id_label)} "
            f"Name the one that holds the id: {id_name}=…; an index without a name gets one by df.rename_axis(…)."
        )
    if kind == "users" and options.company_id is not None:
        company = found(fields, options.company_id)
        if company is None and options.company_id_named and not partial:
            wrong.append(
                f"There is no column or index level {code(options.company_id)} for company_id."
                f"{near(fields, options.company_id)} company_id=None sends users without their company."
            )
    taken = {field for field in (id_field, company) if field is not None}
    chosen, unknown = choose(fields, options, taken)
    whole = options.types if isinstance(options.types, str) else None
    types = {} if isinstance(options.types, str) else {key(label): wanted for label, wanted in options.types}
    if not partial:
        wrong += [f"properties: there is no column {code(label)}.{near(fields, label)}" for label in unknown]
        wrong += wrong_types(fields, options, taken - {field for field, _ in chosen})
    properties = tuple(
        Property(field, name, Policy(types.get(key(field.label), whole), options.timezone, options.nested))
        for field, name in chosen
    )
    wrong += wrong_names([(code(part.field.label), part.name) for part in properties])
    return Layout(id_field, company, tuple(part for part in properties if is_unicode(part.name))), wrong


def wrong_types(fields: Sequence[Field], options: Options, ids: AbstractSet[Field]) -> list[str]:
    if isinstance(options.types, str):
        return []
    columns = {key(field.label) for field in fields}
    only_ids = {key(field.label) for field in ids}
    return [
        f"types: {code(label)} holds ids, and they are always sent as text; leave it out of types."
        if key(label) in only_ids
        else f"types: there is no column {code(label)}.{near(fields, label)}"
        for label, _ in options.types
        if key(label) in only_ids or key(label) not in columns
    ]


def ambiguous(fields: Sequence[Field], labels: AbstractSet[Hashable | None]) -> list[str]:
    columns = [field.label for field in fields if not field.is_index]
    counts = Counter(code(column) for column in columns for label in labels if same(column, label))
    return [
        f"{count} columns have the name {name}, which holds ids; rename the others, or drop them."
        for name, count in counts.items()
        if count > 1
    ]


def same(one: Hashable, other: Hashable) -> bool:
    """Tell whether two labels are one."""
    one, other = key(one), key(other)
    return one is other or bool(one == other)


def key(label: Hashable) -> Hashable:
    """Return a label as one that finds itself: NaN equals not even itself, ``pd.NA`` neither equals nor differs."""
    if isinstance(label, tuple):
        return tuple(map(key, label))
    if label is pd.NA:
        return NA
    return math.nan if isinstance(label, float) and math.isnan(label) else label


def choose(
    fields: Sequence[Field], options: Options, taken: set[Field]
) -> tuple[list[tuple[Field, str]], list[Hashable]]:
    """Return the columns that are properties, with their names, and the labels asked for that are no column."""
    if options.properties is None:
        return [(field, field.name) for field in fields if not field.is_index and field not in taken], []
    chosen, unknown = [], []
    for label, name in options.properties:
        matching = [field for field in fields if same(field.label, label)]
        if not matching:
            unknown.append(label)
        columns = [field for field in matching if not field.is_index] or matching
        chosen += [(field, field.name if name is None else name) for field in columns]
    return chosen, unknown


def found(fields: Iterable[Field], label: Hashable) -> Field | None:
    matching = [field for field in fields if same(field.label, label)]
    return min(matching, key=lambda field: field.is_index, default=None)


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
    wrong = []
    for name, count in Counter(name for _, name in named).items():
        columns = [column for column, other in named if other == name]
        if count > 1:
            way_out = (
                "rename one: properties={column: name}"
                if len(set(columns)) == count
                else "rename a column of the frame, or drop it"
            )
            wrong.append(
                f"{count} properties have the name {name!r} (columns {', '.join(columns)}); {way_out}."
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
