"""Lists, dicts, structs and maps → JSON text, for ``nested="json"``."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.columns import TEXT, Coerced, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEQUENCES = (list, tuple, np.ndarray)
MAPPINGS = (Mapping,)
TOO_DEEP = 200


class NotEncodable(Exception):  # it ends a cell, not a program  # noqa: N818  # it ends a cell, not a program
    """A value inside a nested cell cannot be sent; carries the code and the message of its row."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def is_nested(value: object) -> bool:
    """Tell whether a cell is a list or dict of some kind."""
    return isinstance(value, (*SEQUENCES, *MAPPINGS, set, frozenset, pd.Series, pd.DataFrame))


def nested_texts(cells: Iterable[Any], scalar: Callable[[Any], tuple[str, str] | None]) -> Coerced:
    """Return nested cells as JSON text; `scalar` gives the kind and text of what is not nested, or None for missing."""
    texts: list[str | None] = []
    failures: dict[tuple[str, str], list[int]] = {}
    for row, cell in enumerate(cells):
        try:
            texts.append(None if cell is None else encoded(cell, scalar, 0))
        except NotEncodable as error:
            texts.append(None)
            failures.setdefault((error.code, error.message), []).append(row)
    problems = tuple(Problem(np.array(rows), code, message) for (code, message), rows in failures.items())
    return Coerced(pa.array(texts, TEXT), frozenset({"string"}), problems=problems)


def encoded(value: Any, scalar: Callable[[Any], tuple[str, str] | None], depth: int) -> str:
    """Return a value as compact JSON; keys keep their order."""
    if depth > TOO_DEEP:
        raise NotEncodable("nested_too_deep", "The value is nested too deep, or holds itself.")
    if isinstance(value, MAPPINGS):
        items = (
            f"{json.dumps(key_text(key, scalar), ensure_ascii=False)}:{encoded(item, scalar, depth + 1)}"
            for key, item in value.items()
        )
        return "{" + ",".join(items) + "}"
    if isinstance(value, SEQUENCES):
        return "[" + ",".join(encoded(item, scalar, depth + 1) for item in value) + "]"
    if is_nested(value):
        raise NotEncodable(
            "cannot_be_sent", f"A value of type {type(value).__name__} has no JSON; make it a list or a dict."
        )
    found = scalar(value)
    if found is None:
        return "null"
    kind, text = found
    return json.dumps(text, ensure_ascii=False) if kind == "string" else text


def key_text(key: Any, scalar: Callable[[Any], tuple[str, str] | None]) -> str:
    """Return a dict's key as JSON wants it."""
    if isinstance(key, str) and not isinstance(key, enum.Enum):
        return key
    found = scalar(key)
    return "null" if found is None else found[1]


def unpacked(value: Any, type_: pa.DataType) -> Any:
    """Return an Arrow value as Python lists and dicts; a map becomes a dict."""
    if value is None:
        return None
    if isinstance(type_, pa.ExtensionType):
        return unpacked(value, type_.storage_type) if pa.types.is_nested(type_.storage_type) else value
    if pa.types.is_map(type_):
        return {key: unpacked(item, type_.item_type) for key, item in value}
    if pa.types.is_struct(type_):
        return {child.name: unpacked(value[child.name], child.type) for child in type_}
    if pa.types.is_nested(type_):
        return [unpacked(item, type_.value_type) for item in value]
    return value
