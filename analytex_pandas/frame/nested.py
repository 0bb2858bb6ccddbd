"""Lists, dicts, structs and maps → JSON text, for ``nested="json"``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.arrow_types import is_repeated
from analytex_pandas.frame.coded import each
from analytex_pandas.frame.columns import STRING, TEXT, CellError, Cells, Coerced, UnsendableError, cells_of

if TYPE_CHECKING:
    from analytex_pandas.frame.columns import Problem

NESTED = "list or dict"
TOO_DEEP = 200

Column = Callable[[pa.Array | Cells], Coerced]
"""Gives the text of values that are not nested."""
quoted = partial(json.dumps, ensure_ascii=False)


def is_nested(value: object) -> bool:
    return isinstance(value, list | tuple | np.ndarray | Mapping | set | frozenset | pd.Series | pd.DataFrame)


def nested_cells(cells: Iterable[Any], column: Column) -> Coerced:
    def text(numbered: tuple[int, Any]) -> str:
        row, cell = numbered
        try:
            return encoded(cell, column, 0)
        except UnsendableError as error:
            why = f"holds nested values, one of which {error.why}"
            raise UnsendableError(why, error.way_out, [row]) from None

    texts, problems = each(enumerate(cells), text)
    return Coerced(pa.array(texts, TEXT), STRING, problems=problems, family=NESTED)


def encoded(value: Any, column: Column, depth: int) -> str:
    """Return a value as compact JSON; keys keep their order."""
    if depth > TOO_DEEP:
        raise CellError("nested_too_deep", "The value is nested too deep, or holds itself.")
    if isinstance(value, Mapping):
        items = value.items()
        return json_object((key_text(key, column), encoded(item, column, depth + 1)) for key, item in items)
    if isinstance(value, np.ndarray) and not value.ndim:
        return encoded(value[()], column, depth + 1)
    if isinstance(value, list | tuple | np.ndarray):
        return "[" + ",".join(encoded(item, column, depth + 1) for item in value) + "]"
    if is_nested(value):
        raise UnsendableError(
            f"is of type {type(value).__name__}, which has no JSON form", "make it a list or a dict"
        )
    return reader(cells_of([value]), column)(0)


def key_text(key: Any, column: Column) -> str:
    if isinstance(key, tuple):
        raise UnsendableError("has a tuple for a key, which has no JSON form", "make the keys text")
    coerced = column(cells_of([key]))
    for problem in coerced.problems:
        raise CellError(problem.code, problem.message)
    return name_of(coerced.text[0].as_py())


def name_of(key: str | None) -> str:
    return "null" if key is None else key


def json_object(items: Iterable[tuple[str, str]]) -> str:
    found: dict[str, str] = {}
    for name, value in items:
        if name in found:
            raise CellError("nested_key_twice", f"Two keys of the value are {name!r} as text.")
        found[name] = value
    return "{" + ",".join(f"{quoted(name)}:{value}" for name, value in found.items()) + "}"


def nested_arrow(array: pa.Array, column: Column) -> Coerced:
    """Return an Arrow array of lists, structs or maps as JSON text: each child is coerced as the column it is."""
    texts, problems = tokens(array, column)
    return Coerced(pa.array(texts, TEXT), STRING, problems=problems, family=NESTED)


def tokens(values: pa.Array | Cells, column: Column) -> tuple[list[str | None], tuple[Problem, ...]]:
    """Return the JSON of each value, None where it is missing or has none, and why."""
    kind = None if isinstance(values, np.ndarray) else values.type
    if kind is None or not pa.types.is_nested(kind) or is_repeated(kind) or pa.types.is_union(kind):
        coerced = column(values)
        texts = coerced.text.cast(TEXT).to_pylist()
        if coerced.kinds == STRING:
            texts = [None if text is None else quoted(text) for text in texts]
        return texts, coerced.problems
    token = (struct_token if pa.types.is_struct(kind) else span_token)(values, column)
    present = pc.is_valid(values).to_pylist()
    return each((row if valid else None for row, valid in enumerate(present)), token)


def reader(values: pa.Array | Cells, column: Column) -> Callable[[int], str]:
    """Return what gives the JSON of each of some values within others, or raises why it has none."""
    texts, problems = tokens(values, column)
    failures = {row: problem for problem in problems for row in problem.rows.tolist()}

    def token(at: int) -> str:
        if at in failures:
            raise CellError(failures[at].code, failures[at].message)
        return texts[at] or "null"

    return token


def struct_token(array: pa.Array, column: Column) -> Callable[[int], str]:
    """Return what gives the JSON object of a struct, fields without a value as null."""
    fields = [
        (child.name, reader(values, column))
        for child, values in zip(array.type, array.flatten(), strict=True)
    ]
    return lambda row: json_object((name, token(row)) for name, token in fields)


def span_token(array: pa.Array, column: Column) -> Callable[[int], str]:
    """Return what gives the JSON object of a map, or the JSON array of a list of any kind."""
    if pa.types.is_map(array.type):
        keys, item = column(array.keys).text.cast(TEXT).to_pylist(), reader(array.items, column)
        ends = array.offsets.to_pylist()
        return lambda row: json_object(
            (name_of(keys[at]), item(at)) for at in range(ends[row], ends[row + 1])
        )
    # a list of fixed size, or a view, has no offsets that follow each other
    lengths = (length or 0 for length in pc.list_value_length(array).to_pylist())
    starts, item = [0, *accumulate(lengths)], reader(array.flatten(), column)
    return lambda row: "[" + ",".join(item(at) for at in range(starts[row], starts[row + 1])) + "]"
