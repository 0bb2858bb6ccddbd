"""Where a row came from: its position in the input and its index label, as Arrow columns that outlive the kernel.

A rows table has the column ``position`` and one column an index level (``label_0``, …). A RangeIndex needs no column:
its start and step stand in the schema's metadata. Slices and filters of a rows table keep all that.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.arrow_types import is_repeated, one_array, repeated
from analytex_pandas.frame.columns import RangeLabels, is_unicode

POSITION = "position"
NO_ROWS = pa.table({POSITION: pa.array([], pa.int64())})
METADATA_KEY = b"analytex.labels"
TAGGED = "tagged"
WRITABLE_BITS = 13_000
"""Bits of the integers that Python writes as digits: it refuses those of more than 4,300 digits."""


def rows_table(
    positions: np.ndarray[Any, np.dtype[np.int64]], labels: RangeLabels | Sequence[pa.Array]
) -> pa.Table:
    """Return the rows table of `positions`, with their labels as a range or as one array an index level."""
    if isinstance(labels, RangeLabels):
        description: dict[str, Any] = {"start": labels.start, "step": labels.step}
        fields, arrays = [], []
    else:
        encoded = [storable(label) for label in labels]
        description = {"levels": [how for _, how in encoded]}
        arrays = [array for array, _ in encoded]
        fields = [pa.field(f"label_{level}", array.type) for level, array in enumerate(arrays)]
    schema = pa.schema(
        [pa.field(POSITION, pa.int64()), *fields], metadata={METADATA_KEY: json.dumps(description).encode()}
    )
    return pa.Table.from_arrays([pa.array(positions), *arrays], schema=schema)


@dataclass(frozen=True)
class Run:
    """Rows that follow each other without a gap, with labels that follow from their positions."""

    first: int
    count: int
    labels: RangeLabels

    def table(self) -> pa.Table:
        return rows_table(np.arange(self.first, self.first + self.count, dtype=np.int64), self.labels)


def run_of(rows: pa.Table) -> Run | None:
    """Return the rows of a rows table as a run; None where they are none, or have labels of their own."""
    description = json.loads(rows.schema.metadata[METADATA_KEY])
    if "levels" in description or not len(rows):
        return None
    positions = rows[POSITION].to_numpy()
    if (np.diff(positions) != 1).any():
        return None
    return Run(int(positions[0]), len(positions), RangeLabels(description["start"], description["step"]))


def index_arrays(index: pd.Index[Any]) -> RangeLabels | list[pa.Array]:
    """Return an index as labels: a range where it is one that starts at the first row, else arrays."""
    if isinstance(index, pd.RangeIndex):
        return RangeLabels(index.start, index.step)
    return [level_array(index.get_level_values(level)) for level in range(index.nlevels)]


def level_array(level: pd.Index[Any]) -> pa.Array:
    """Return one index level as an Arrow array; values of several types become tagged text."""
    if forgets_missing(level):
        pass  # tagged text remembers what a missing label was
    elif level.dtype != object:
        try:
            array = decoded(pa.array(level, from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError):
            array = None
        if array is not None:
            return array
    elif pd.api.types.infer_dtype(level, skipna=False) == "string":
        try:
            return pa.array(level, pa.large_string())
        except UnicodeEncodeError:
            pass  # a lone surrogate: tagged text escapes it
    return pa.array([tagged(value) for value in level], pa.large_string()).dictionary_encode()


def forgets_missing(level: pd.Index[Any]) -> bool:
    """Tell whether a level has missing labels that Arrow's null would give back as others: NA, or NaN beside text."""
    dtype = level.dtype
    return (
        isinstance(dtype, pd.api.extensions.ExtensionDtype) and dtype.na_value is not pd.NaT and level.hasnans
    )


def decoded(labels: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return labels as one array, each with its own value: a dictionary of text stands for tagged text alone."""
    array = one_array(labels)
    while is_repeated(array.type):
        codes, values = repeated(array)
        array = one_array(values).take(codes)
    return array


def storable(label: pa.Array) -> tuple[pa.Array, str]:
    """Return a label column as it is stored, and how it is to be read back: a pandas dtype or ``tagged``."""
    if isinstance(label.type, pa.DictionaryType) and label.type.value_type == pa.large_string():
        return label.dictionary_decode(), TAGGED
    return label, ""


def concat_rows(tables: Sequence[pa.Table]) -> pa.Table:
    """Return rows tables one below the other; where their labels are of several types, as tagged text."""
    first = tables[0].schema
    if all(table.schema.equals(first, check_metadata=True) for table in tables):
        return pa.concat_tables(tables)
    return pa.concat_tables([with_tagged_labels(table) for table in tables])


def placed(rows: pa.Table, start: int, partition: int | None) -> pa.Table:
    """Return the rows table of a partition as that of the whole, in which its first row is at `start`.

    Their labels are (partition, row), or where there is no such number those that they have.
    """
    places = rows[POSITION].to_numpy()
    if partition is not None:
        return rows_table(places + start, [pa.array(np.full(len(rows), partition)), pa.array(places)])
    description = json.loads(rows.schema.metadata[METADATA_KEY])
    if "levels" not in description:
        step = description["step"]
        return rows_table(places + start, RangeLabels(description["start"] - step * start, step))
    return rows.set_column(0, rows.schema.field(0), pa.array(places + start))


def with_tagged_labels(rows: pa.Table) -> pa.Table:
    """Return a rows table whose labels are one column of tagged text."""
    texts = pa.array([tagged(label) for label in labels(rows)], pa.large_string()).dictionary_encode()
    positions = rows[POSITION].to_numpy()
    return rows_table(positions, [texts])


def labels(rows: pa.Table) -> list[Any]:
    """Return the index label of each row of a rows table: a tuple for a MultiIndex."""
    description = json.loads((rows.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    if "levels" not in description:
        start, step = description.get("start", 0), description.get("step", 1)
        return [start + step * position for position in rows[POSITION].to_pylist()]
    levels = [level_labels(rows[f"label_{level}"], how) for level, how in enumerate(description["levels"])]
    return list(zip(*levels, strict=True)) if len(levels) > 1 else levels[0]


def level_labels(column: pa.ChunkedArray, how: str) -> list[Any]:
    """Return one level's labels as the Python and pandas objects they were."""
    if how == TAGGED:
        return [untagged(text) for text in column.to_pylist()]
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return list(column.to_pylist())
    return list(column.to_pandas().astype(object))


def label_column(rows: pa.Table) -> Any:
    """Return the labels of a rows table as a column: an array of numbers, times or Arrow text where they are such."""
    description = json.loads((rows.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    if "levels" not in description:
        positions = rows[POSITION].to_numpy()
        return description.get("start", 0) + description.get("step", 1) * positions
    column = rows["label_0"]
    if len(description["levels"]) > 1:
        return objects(labels(rows))
    if description["levels"] == [TAGGED]:
        texts = one_array(column.dictionary_encode())
        distinct = objects([untagged(text) for text in texts.dictionary.to_pylist()])
        return distinct.take(texts.indices).reset_index(drop=True)
    how = NULLABLE.get if column.type in NULLABLE else None
    return column.to_pandas(types_mapper=how).array


def objects(values: Sequence[Any]) -> pd.Series[Any]:
    """Return objects as a column of them, tuples whole; of an array pandas would make text that need not be Unicode."""
    found = np.empty(len(values), object)
    found[:] = values
    return pd.Series(found, dtype=object)


NULLABLE: dict[pa.DataType, Any] = {
    pa.string(): pd.StringDtype("pyarrow"),
    pa.large_string(): pd.StringDtype("pyarrow"),
    pa.bool_(): pd.BooleanDtype(),
    **{
        pa.type_for_alias(name.lower()): pd.api.types.pandas_dtype(name)
        for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    },
}
"""Dtypes that keep a missing label missing, and hold no Python objects."""


def restored_index(rows: pa.Table, names: Sequence[Hashable]) -> pd.Index[Any]:
    """Return the index of the rows of a rows table, under the names it had in the input."""
    values = labels(rows)
    if len(names) > 1:
        levels = [index_of(level) for level in zip(*values, strict=True)]
        return pd.MultiIndex.from_arrays(levels, names=list(names))
    return index_of(values, names[0] if names else None)


def index_of(values: Sequence[Any], name: Hashable = None) -> pd.Index[Any]:
    """Return labels as an index; of text that is no Unicode, which pandas' own dtype for text does not take, too."""
    if any(isinstance(value, Escaped) for value in values):
        return pd.Index(values, dtype=object, name=name, tupleize_cols=False)
    index: pd.Index[Any] = pd.Index(values, name=name, tupleize_cols=False)
    return index


class Escaped(str):
    """Text with half a surrogate pair: equal to the text that it is of, but shown as what can be printed."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.encode(errors="backslashreplace").decode()


def printable(label: Any) -> Any:
    """Return a label, or whatever else, as one that can be printed and is equal to it."""
    return Escaped(label) if isinstance(label, str) and not is_unicode(label) else label


def tagged(value: Any) -> str:
    """Return a scalar as JSON text that tells its type, so that ``untagged`` gives an equal one back."""
    return json.dumps(tag(value))


def tag(value: Any) -> Any:
    """Return a scalar as what JSON can hold, its type told where JSON would not tell it."""
    if (
        value is None
        or isinstance(value, str | bool)
        or (isinstance(value, int) and value.bit_length() < WRITABLE_BITS)
        or (isinstance(value, float) and value == value)  # noqa: PLR0124  # only NaN differs from itself
    ):
        return value
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        return tag(value.item())
    for name, (types, write, _) in TAGS.items():
        if isinstance(value, types):
            return {name: write(value)}
    return str(value)


def isoformat(value: Any) -> str:
    return str(value.isoformat())


TAGS: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "int": (int, hex, lambda text: int(text, 16)),  # of more digits than Python writes
    "tuple": (tuple, lambda items: list(map(tag, items)), lambda items: tuple(map(untag, items))),
    "NaT": (type(pd.NaT), lambda _: None, lambda _: pd.NaT),
    "NA": (type(pd.NA), lambda _: None, lambda _: pd.NA),
    "float": (float, repr, float),
    "Timestamp": (
        pd.Timestamp | dt.datetime | np.datetime64,
        lambda value: pd.Timestamp(value).isoformat(),
        pd.Timestamp,
    ),
    "date": (dt.date, isoformat, dt.date.fromisoformat),
    "time": (dt.time, isoformat, dt.time.fromisoformat),
    "Timedelta": (
        pd.Timedelta | dt.timedelta | np.timedelta64,
        lambda value: pd.Timedelta(value).isoformat(),
        pd.Timedelta,
    ),
    "Period": (
        pd.Period,
        lambda value: [str(value), value.freqstr],
        lambda parts: pd.Period(parts[0], freq=parts[1]),
    ),
    "Decimal": (decimal.Decimal, str, decimal.Decimal),
    "UUID": (uuid.UUID, str, uuid.UUID),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "Interval": (
        pd.Interval,
        lambda value: [tag(value.left), tag(value.right), value.closed],
        lambda parts: pd.Interval(untag(parts[0]), untag(parts[1]), closed=parts[2]),
    ),
}
"""What a tag stands for: the types, in the order in which they are looked for, and the way there and back."""


def untagged(text: str) -> Any:
    """Return the scalar that ``tagged`` made the text from."""
    return untag(json.loads(text))


def untag(document: Any) -> Any:
    """Return what ``tag`` was given."""
    if isinstance(document, dict):
        ((name, content),) = document.items()
        _, _, read = TAGS[name]
        return read(content)
    return printable(document)
