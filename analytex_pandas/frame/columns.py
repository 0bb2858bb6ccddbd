"""What travels through ``frame``: a column as it came, a column as text of JSON primitives, a batch of rows."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Cells = np.ndarray[Any, np.dtype[np.object_]]
Rows = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

TEXT = pa.large_string()
OFFSET_BYTES = 8

JsonKind = Literal["string", "number", "boolean"]
ValueKind = Literal["string", "number", "boolean", "duration"]
"""A duration is a number of seconds, but beside plain numbers another family of values."""
Kinds = frozenset[ValueKind]

STRING: Kinds = frozenset({"string"})
NUMBER: Kinds = frozenset({"number"})
BOOLEAN: Kinds = frozenset({"boolean"})
DURATION: Kinds = frozenset({"duration"})
NOTHING: Kinds = frozenset()


@dataclass(frozen=True)
class Coded:
    """A column of few values repeated: codes into `values`, -1 (or null) where there is none."""

    codes: pa.Array
    values: RawColumn

    def __len__(self) -> int:
        return len(self.codes)


RawColumn: TypeAlias = "pa.Array | Cells | Coded"
"""One column of one batch as a source gives it: Arrow, Python objects, or codes into a column of either."""


@dataclass(frozen=True)
class Field:
    """A column or index level of the input.

    `label` is its name as the user knows it, `name` the same as text, `dtype` what ``plan.columns`` shows.
    """

    label: Hashable
    name: str
    dtype: str
    is_index: bool = False


@dataclass(frozen=True)
class RangeLabels:
    """Labels that follow from the position: ``start + step * position``."""

    start: int = 0
    step: int = 1


@dataclass(frozen=True)
class RawBatch:
    """Consecutive rows of the input, the first of them at position `start`."""

    start: int
    rows: int
    columns: Mapping[Field, RawColumn]
    labels: RangeLabels | Sequence[pa.Array]


@dataclass(frozen=True)
class Problem:
    """Why some rows of a batch cannot be sent; `rows` counts from the batch's first."""

    rows: Rows
    code: str
    message: str


Why = tuple[str, str]
"""The code and the message of a problem."""


class CellError(Exception):
    """A single cell cannot be sent; its row has the problem `why`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.why: Why = (code, message)


def problem_at(rows: Rows, code: str, message: str) -> tuple[Problem, ...]:
    return (Problem(rows, code, message),) if len(rows) else ()


SAMPLE = 20
"""Present values of a batch that are looked at for dates kept as text, or as times."""
KEPT = 50
"""Different texts of a kind that a note remembers."""

SHIFTED = "shifted"
"""Midnights of a zone that are none in UTC, among what is seen."""


@dataclass(frozen=True)
class Sighting:
    """Cells worth a note: how many, and the first different ones."""

    count: int
    texts: tuple[str, ...]

    def __add__(self, other: Sighting) -> Sighting:
        texts = dict.fromkeys((*self.texts, *other.texts))
        return Sighting(self.count + other.count, tuple(texts)[:KEPT])


Countable = TypeVar("Countable", int, Sighting)


def added(one: Mapping[str, Countable], other: Mapping[str, Countable]) -> Mapping[str, Countable]:
    return {**one, **{key: one[key] + value if key in one else value for key, value in other.items()}}


@dataclass(frozen=True)
class Traits:
    """What a careful colleague would point out about a column; counts of cells, to be added up over batches.

    `kinds` counts the values by their family, `seen` has what looks odd by what is odd about it. `moments` counts, of
    some times of another zone than UTC, those that are not midnight there.
    """

    present: int = 0
    missing: int = 0
    whole_floats: int = 0
    floats: int = 0
    beyond_double: int = 0
    dates_as_text: int = 0
    looked_at: int = 0
    moments: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, Sighting] = field(default_factory=dict)
    example: str | None = None

    def __add__(self, other: Traits) -> Traits:
        one, two = vars(self), vars(other)
        return Traits(
            **{name: count + two[name] for name, count in one.items() if isinstance(count, int)},
            kinds=added(self.kinds, other.kinds),
            seen=added(self.seen, other.seen),
            example=self.example if self.example is not None else other.example,
        )


@dataclass(frozen=True)
class Coerced:
    """A column of one batch as text of JSON primitives.

    `text` is ``large_string``, or a dictionary of it, null where the value is missing: numbers and booleans as JSON has
    them, strings neither quoted nor escaped yet (`plain` where none needs it); the same whatever the column's type will
    be. `kinds` has the JSON types of the values; with more than one the column is sent as strings. `family` is what the
    values were, where that says more, such as ``date``.
    """

    text: pa.Array
    kinds: Kinds
    plain: bool = False
    problems: tuple[Problem, ...] = ()
    traits: Traits = Traits()
    family: str = ""

    @property
    def families(self) -> Collection[str]:
        """What a note calls its values."""
        return (self.family,) if self.family else self.kinds

    def with_problems(self, problems: tuple[Problem, ...]) -> Coerced:
        return replace(self, problems=(*self.problems, *problems))


def nothing(rows: int) -> Coerced:
    return Coerced(pa.nulls(rows, TEXT), NOTHING, plain=True)


def json_type_of(kinds: Kinds) -> JsonKind:
    """Return the JSON type of a column that has values of these kinds: text where there are several, or none."""
    if len(kinds) != 1:
        return "string"
    (kind,) = kinds
    return "number" if kind == "duration" else kind


@dataclass(eq=False)
class UnsendableError(Exception):
    """A column holds what cannot be sent at all.

    `why` says what it is, as the end of a sentence, `way_out` what the user can do, `rows` the first offending rows
    of the batch, `field` (such as ``.city``) what of a column that is flattened; `others` are wrong with it, too.
    """

    why: str
    way_out: str
    rows: Sequence[int] = ()
    field: str = ""
    others: Sequence[UnsendableError] = ()

    @property
    def every(self) -> Sequence[UnsendableError]:
        return (self, *self.others)

    def within(self, field: str = "", places: Rows | None = None) -> UnsendableError:
        """Return the error as that of a column which has this one as `field`, its rows at `places`."""
        moved = []
        for one in self.every:
            rows = one.rows if places is None else [int(places[row]) for row in one.rows or [0]]
            moved.append(UnsendableError(one.why, one.way_out, rows, field + one.field))
        return together(moved)


def together(errors: Sequence[UnsendableError]) -> UnsendableError:
    first, *others = [one for error in errors for one in error.every]
    return replace(first, others=others)


def validity(array: pa.Array) -> Mask:
    """Return which rows of an array have a value; much faster than ``is_valid`` where that takes NumPy's form."""
    if not array.null_count:
        return np.ones(len(array), bool)
    bitmap = array.buffers()[0]
    if bitmap is None:  # some types keep their gaps elsewhere
        valid: Mask = array.is_valid().to_numpy(zero_copy_only=False)
        return valid
    bits = np.frombuffer(bitmap, np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :].view(bool)


def as_text(array: pa.Array) -> pa.Array:
    """Return an array as ``large_string``; Arrow takes its time even where there is nothing to cast."""
    return array if array.type == TEXT else array.cast(TEXT)


def text_buffers(text: pa.Array) -> tuple[Bytes, Rows]:
    """Return the bytes of a ``large_string`` array and where each of its texts begins and ends in them."""
    _, offset_buffer, data_buffer = text.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64, len(text) + 1, text.offset * OFFSET_BYTES)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    return data, offsets


TAKE = pc.get_function("array_take")
UNCHECKED = pc.TakeOptions(boundscheck=False)


def taken(array: pa.Array, places: np.ndarray[Any, Any], valid: Mask | None = None) -> pa.Array:
    """Return the values at some places, missing where not `valid`.

    ``pc.take`` looks its function up each time, giving up the GIL for it.
    """
    return TAKE.call([array, pa.array(places, mask=None if valid is None else ~valid)], UNCHECKED)


def texts_at(data: Bytes, starts: Rows, sizes: Rows, valid: Mask | None = None) -> pa.Array:
    """Return the texts that begin at some places of `data`, in order, with so many bytes; missing where not `valid`."""
    offsets = np.empty(2 * len(starts) + 1, np.int64)  # every text, and what lies between it and the next
    offsets[:-1:2] = starts
    np.add(starts, sizes, out=offsets[1::2])
    offsets[-1] = len(data)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    every = pa.Array.from_buffers(TEXT, 2 * len(starts), buffers)
    return taken(every, np.arange(0, 2 * len(starts), 2), valid)


def integers_of(array: pa.Array, missing: int) -> Rows:
    """Return an Arrow array of integers, or of what is stored as such, with a number where a value is missing."""
    if not len(array):
        return np.zeros(0, np.int64)
    kind = array.type
    dtype = np.dtype(f"{'u' * pa.types.is_unsigned_integer(kind)}int{kind.bit_width}")
    stored = np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)
    values = stored.astype(np.int64, copy=False)
    return np.where(validity(array), values, missing) if array.null_count else values


def mask_of(rows: Rows, length: int) -> Mask:
    mask = np.zeros(length, dtype=bool)
    mask[rows] = True
    return mask


def without(text: pa.Array, rows: Rows) -> pa.Array:
    """Return texts, missing at some rows; ``pc.if_else`` breaks part of an array before pyarrow 22."""
    return taken(text, np.arange(len(text)), ~mask_of(rows, len(text))) if len(rows) else text


def cells_of(values: Sequence[Any]) -> Cells:
    """Return values as cells, lists and arrays among them, too."""
    return np.fromiter(values, dtype=object, count=len(values))


def is_unicode(cell: str) -> bool:
    try:
        str.encode(cell)
    except UnicodeEncodeError:
        return False
    return True
