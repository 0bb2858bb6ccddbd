"""What a careful colleague would point out about a column, from traits added up over its batches."""

from __future__ import annotations

import dataclasses
import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from analytex_pandas.frame.columns import Coerced, JsonKind, Traits

SAMPLE = 20
"""Present values of a batch that are looked at for dates kept as text."""
DATE_LIKE = re.compile(
    r"\s*(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?\s*"
)
MOSTLY = 0.9
SERVICE_SET = frozenset({"first_seen_at", "last_seen_at"})
KIND_WORDS = {"string": "text", "number": "numbers", "boolean": "booleans"}


def traits_of(coerced: Coerced) -> Traits:
    """Return a coerced column's traits, with its counts, an example and a look at some of its text."""
    text = coerced.text
    present = len(text) - text.null_count
    kinds = coerced.traits.kinds or {kind: present for kind in coerced.kinds if present}
    is_text = coerced.kinds == frozenset({"string"}) and not coerced.plain
    sample = first_present(text, SAMPLE if is_text else 1)
    return dataclasses.replace(
        coerced.traits,
        present=present,
        missing=text.null_count,
        kinds=kinds,
        example=sample[0] if sample else None,
        looked_at=len(sample) if is_text else 0,
        dates_as_text=sum(bool(DATE_LIKE.fullmatch(value)) for value in sample) if is_text else 0,
    )


def first_present(text: pa.Array, count: int) -> list[str]:
    """Return the first values that are there, `count` at most."""
    head = [value for value in text.slice(0, 2 * count).to_pylist() if value is not None]
    if not head and text.null_count < len(text):
        return list(text.drop_null().slice(0, count).to_pylist())
    return head[:count]


def property_note(name: str, json_type: str, traits: Traits) -> str:
    """Return what to say of a property's column; empty where there is nothing to say."""
    notes = []
    if len(traits.kinds) > 1:
        counts = ", ".join(f"{count:,} {KIND_WORDS[kind]}" for kind, count in sorted(traits.kinds.items()))
        notes.append(f"mixed types ({counts}): all sent as text")
    if not traits.present:
        notes.append("no value in any row")
    if traits.floats and traits.whole_floats == traits.floats and json_type == "number":
        notes.append("whole floats, sent as integers")
    if traits.beyond_double:
        notes.append(
            f"{counted(traits.beyond_double, 'integer')} beyond 2^53, which most readers of JSON round; send ids "
            "as text (types=…)"
        )
    if traits.looked_at and traits.dates_as_text >= MOSTLY * traits.looked_at:
        notes.append('dates kept as text: types={…: "date"} or "datetime" makes them dates')
    if name in SERVICE_SET:
        notes.append("set by the service itself, which may ignore or overwrite it")
    return "; ".join(notes)


def changes_of_type(kinds: Mapping[str, frozenset[JsonKind]], before: Mapping[str, str]) -> dict[str, str]:
    """Return what to say of properties that the account has not seen, or saw with another JSON type.

    `before` has the type that each property was last acknowledged with; empty when nothing is remembered.
    """
    notes = {}
    for name, found in kinds.items():
        if not before or not found:
            continue
        json_type = next(iter(found)) if len(found) == 1 else "string"
        if name not in before:
            near = difflib.get_close_matches(name, before, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            notes[name] = f"new: this machine has not sent it to the account before{hint}"
        elif json_type != before[name]:
            notes[name] = (
                f"a {json_type} where the account has last acknowledged a {before[name]}, which breaks segments that "
                "use it"
            )
    return notes


def id_note(traits: Traits) -> str:
    """Return what to say of an id column; empty where there is nothing to say."""
    notes = []
    if traits.whole_floats:
        notes.append("whole floats, sent as digits without .0")
    if traits.spaces_around:
        notes.append(f"spaces around {counted(traits.spaces_around, 'id')}, which make other ids of them")
    return "; ".join(notes)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
