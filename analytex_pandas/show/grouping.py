"""Row errors grouped by what they say, for people: a count, the first rows, nothing dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from analytex_pandas.show import words
from analytex_pandas.show.markup import Markup, datum, join, shortened, table, tag_if_any

FIRST_ROWS: Final = 3
VALUES: Final = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\d[\d.,:/-]*""")
"""Quoted words and numbers: what differs between two messages about the same thing."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that say the same of different rows; where messages differ only in a value, "…" stands in its place.

    `rows` names the first rows, `members` are the places of all the errors.
    """

    message: str
    property: str
    code: str
    count: int
    rows: str
    members: list[int]

    def about(self, limit: int) -> str:
        message = self.message or self.code or "no message"
        return shortened(f"{self.property}: {message}" if self.property else message, limit)

    def __str__(self) -> str:
        return f"✕ {self.count:,}: {self.about(600)} (rows {self.rows})"


def group_errors(errors: pd.DataFrame) -> list[ErrorGroup]:
    """Return the lines of ``Push.errors`` by property, code and kind of message, largest group first."""
    said = errors[["property", "code", "message"]].astype(object)
    said = said.where(said.notna(), "").astype(str).reset_index(drop=True)
    kinds = {text: VALUES.sub("…", text) for text in set(said["message"])}
    # Older pandas maps no text with a zero byte in it.
    said["kind"] = [kinds[text] for text in said["message"]]
    groups = []
    for _, members in said.groupby(["property", "code", "kind"], sort=False):
        first = members.iloc[0]
        message = first["message"] if (members["message"] == first["message"]).all() else first["kind"]
        places = members.index.tolist()
        named = errors.iloc[places[:FIRST_ROWS]]
        rows = [row_name(*row) for row in zip(named["position"], named["index"], named["id"], strict=True)]
        rows += ["…"] if len(places) > FIRST_ROWS else []
        about = first["property"], first["code"]
        groups.append(ErrorGroup(message, *about, len(places), ", ".join(rows), places))
    return sorted(groups, key=lambda group: -group.count)


def row_name(position: object, label: object, identifier: object) -> str:
    """Return how a person finds a row: by its index label, else by its id."""
    if not pd.isna(position):  # type: ignore[call-overload]
        return shortened(label, 40)
    return "no row" if pd.isna(identifier) else f"id {shortened(identifier, 40)}"  # type: ignore[call-overload]


def groups_table(groups: Sequence[ErrorGroup]) -> Markup:
    """Return what went wrong: message, how many rows, property, the first of them, in this order."""
    lines = []
    for group in groups:
        code = tag_if_any("code", shortened(group.code, 40))
        message = join((datum(group.message or "no message", 300), " ", code))
        lines.append((message, words.number(group.count), datum(group.property, 120), datum(group.rows, 200)))
    headers = ("Message", "Rows", "Property", "First rows")
    return table(headers, lines, numeric=("Rows",), wide="Message", caption="Reasons")
