"""Lists, dicts, structs and maps → JSON text, for ``nested="json"``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import STRING, TEXT, CellError, Coerced, UnsendableError, Why, problems_of

SEQUENCES = (list, tuple, np.ndarray)
MAPPINGS = (Mapping,)
TOO_DEEP = 200


def is_nested(value: object) -> bool:
    return isinstance(value, (*SEQUENCES, *MAPPINGS, set, frozenset, pd.Series, pd.DataFrame))


Scalar = Callable[[Any], "tuple[str, str] | None"]
"""Gives the kind and the text of a value that is not nested; None where it is missing."""
Column = Callable[[pa.Array], Coerced]
"""Gives the text of an Arrow array that is not nested."""
Failures = dict[int, Why]
"""Row → why its value cannot be sent."""


def nested_texts(cells: Iterable[Any], scalar: Scalar) -> Coerced:
    """Return nested Python objects as JSON text."""
    texts: list[str | None] = []
    failures: Failures = {}
    for row, cell in enumerate(cells):
        try:
            texts.append(encoded(cell, scalar, 0))
        except CellError as error:
            texts.append(None)
            failures[row] = error.why
        except UnsendableError as error:
            raise UnsendableError(
                f"holds nested values, one of which {error.why}", error.way_out, [row]
            ) from None
    return Coerced(pa.array(texts, TEXT), STRING, problems=problems_of(failures))


def encoded(value: Any, scalar: Scalar, depth: int) -> str:
    """Return a value as compact JSON; keys keep their order."""
    if depth > TOO_DEEP:
        raise CellError("nested_too_deep", "The value is nested too deep, or holds itself.")
    if isinstance(value, MAPPINGS):
        return json_object(
            (key_text(key, scalar), encoded(item, scalar, depth + 1)) for key, item in value.items()
        )
    if isinstance(value, np.ndarray) and not value.ndim:
        return encoded(value[()], scalar, depth + 1)
    if isinstance(value, SEQUENCES):
        return "[" + ",".join(encoded(item, scalar, depth + 1) for item in value) + "]"
    if is_nested(value):
        raise UnsendableError(
            f"is of type {type(value).__name__}, which has no JSON form", "make it a list or a dict"
        )
    found = scalar(value)
    if found is None:
        return "null"
    kind, text = found
    return json.dumps(text, ensure_ascii=False) if kind == "string" else text


def json_object(items: Iterable[tuple[str, str]]) -> str:
    """Return names and JSON values as a JSON object."""
    found: dict[str, str] = {}
    for name, value in items:
        if name in found:
            raise CellError("nested_key_twice", f"Two keys of the value are {name!r} as text.")
        found[name] = value
    return (
        "{"
        + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{value}" for name, value in found.items())
        + "}"
    )


def key_text(key: Any, scalar: Scalar) -> str:
    """Return a dict's key as JSON wants it."""
    if isinstance(key, tuple):
        raise UnsendableError("has a tuple for a key, which has no JSON form", "make the keys text")
    found = scalar(key)
    return "null" if found is None else found[1]


def nested_arrow(array: pa.Array, column: Column) -> Coerced:
    """Return an Arrow array of lists, structs or maps as JSON text: each child is coerced as the column it is."""
    texts, failures = tokens(array, column)
    present = array.is_valid().to_pylist()
    kept = [
        text if valid and row not in failures else None
        for row, (text, valid) in enumerate(zip(texts, present, strict=True))
    ]
    return Coerced(pa.array(kept, TEXT), STRING, problems=problems_of(failures))


def tokens(array: pa.Array, column: Column) -> tuple[list[str], Failures]:
    """Return the JSON of each value, null where it is missing, and why some have none."""
    if pa.types.is_struct(array.type):
        return struct_tokens(array, column)
    if (
        pa.types.is_nested(array.type)
        and not pa.types.is_run_end_encoded(array.type)
        and not pa.types.is_union(array.type)
    ):
        return span_tokens(array, column)
    coerced = column(array)
    quoted = coerced.kinds == STRING
    texts = [
        "null" if value is None else json.dumps(value, ensure_ascii=False) if quoted else value
        for value in coerced.text.cast(TEXT).to_pylist()
    ]
    return texts, {
        row: (problem.code, problem.message) for problem in coerced.problems for row in problem.rows.tolist()
    }


def struct_tokens(array: pa.Array, column: Column) -> tuple[list[str], Failures]:
    """Return structs as JSON objects, fields without a value as null."""
    children = [tokens(child, column) for child in array.flatten()]
    names = [child.name for child in array.type]
    failures = {row: why for _, failing in children for row, why in failing.items()}
    texts = []
    for row, valid in enumerate(array.is_valid().to_pylist()):
        values = (texts_of[row] for texts_of, _ in children)
        texts.append(object_token(zip(names, values, strict=True), row, failures) if valid else "null")
    return texts, failures


def span_tokens(array: pa.Array, column: Column) -> tuple[list[str], Failures]:
    """Return maps as JSON objects, and lists of any kind as JSON arrays."""
    is_map = pa.types.is_map(array.type)
    keys = column(array.keys).text.cast(TEXT).to_pylist() if is_map else []
    items, failing = tokens(array.items if is_map else array.flatten(), column)
    if is_map:
        starts = array.offsets.to_pylist()
    else:  # a list of fixed size, or a view, has no offsets that follow each other
        starts = [0, *accumulate(length or 0 for length in pc.list_value_length(array).to_pylist())]
    failures: Failures = {}
    texts = []
    for row, valid in enumerate(array.is_valid().to_pylist()):
        span = range(starts[row], starts[row + 1]) if valid else range(0)
        if why := next((failing[at] for at in span if at in failing), None):
            failures[row] = why
        if not valid:
            texts.append("null")
        elif is_map:
            pairs = ((keys[at] or "null", items[at]) for at in span)
            texts.append(object_token(pairs, row, failures))
        else:
            texts.append("[" + ",".join(items[at] for at in span) + "]")
    return texts, failures


def object_token(items: Iterable[tuple[str, str]], row: int, failures: Failures) -> str:
    """Return a row's JSON object; where it has none, say why among the failures."""
    try:
        return json_object(items)
    except CellError as error:
        failures[row] = error.why
        return "null"


def add_flattened(columns: dict[str, Coerced], name: str, parts: Mapping[str, Coerced]) -> None:
    """Add what a field called `name` has become to the columns of what is flattened."""
    for suffix, coerced in parts.items():
        full = f".{name}{suffix}"
        if full in columns:
            raise UnsendableError(
                f"gives two properties the name {full!r} when it is flattened", "rename one of its fields"
            )
        columns[full] = coerced
