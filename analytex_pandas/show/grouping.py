"""Row errors grouped by what they say, for people: a count, the first rows, nothing dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analytex_pandas.show.markup import shortened

FIRST_ROWS: Final = 3
ANY_VALUE: Final = "…"
VALUES: Final = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\d[\d.,:/-]*""")
"""Quoted words and numbers: what differs between two messages about the same thing."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that say the same of different rows; where messages differ only in a value, "…" stands in its place.

    `first` are labels (or ids, where the row is not known) of the first rows, `members` the places of the errors.
    """

    message: str
    property: str
    code: str
    count: int
    first: tuple[str, ...]
    members: tuple[int, ...]


def group_errors(errors: pd.DataFrame) -> list[ErrorGroup]:
    """Return the lines of ``Push.errors`` by property, code and kind of message, largest group first."""
    if errors.empty:
        return []
    pattern = {
        message: VALUES.sub(ANY_VALUE, str(message)) for message in errors["message"].dropna().unique()
    }
    keys = pd.DataFrame(
        {
            "property": errors["property"].astype(object).where(errors["property"].notna(), ""),
            "code": errors["code"].astype(object).where(errors["code"].notna(), ""),
            "message": errors["message"].map(pattern).astype(object).fillna(""),
        },
        index=pd.RangeIndex(len(errors)),
    ).astype(str)
    groups = keys.groupby(["property", "code", "message"], sort=False).indices
    made = [_group(errors, key, list(places)) for key, places in groups.items() if isinstance(key, tuple)]
    return sorted(made, key=lambda group: -group.count)


def first_rows(group: ErrorGroup) -> str:
    return ", ".join((*group.first, "…") if group.count > len(group.first) else group.first)


def _group(errors: pd.DataFrame, key: tuple[str, ...], places: list[int]) -> ErrorGroup:
    members = errors.iloc[places]
    messages = members["message"].dropna().unique()
    return ErrorGroup(
        message=str(messages[0]) if len(messages) == 1 else key[2],
        property=key[0],
        code=key[1],
        count=len(places),
        first=tuple(row_name(*row) for row in _names(members.head(FIRST_ROWS))),
        members=tuple(places),
    )


def _names(rows: pd.DataFrame) -> list[tuple[object, object, object]]:
    return list(zip(rows["position"], rows["index"], rows["id"], strict=True))


def row_name(position: object, label: object, identifier: object) -> str:
    """Return how a person finds a row: by its index label, else by its id."""
    if not _missing(position):
        return shortened(label, 40)
    return "no row" if _missing(identifier) else f"id {shortened(identifier, 40)}"


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value  # noqa: PLR0124  # NaN
