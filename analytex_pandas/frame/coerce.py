"""Arrow column → column of JSON primitives: the conversion table of the documentation, one row a function."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame import mends, numbers, parse, temporal
from analytex_pandas.frame.arrow_types import can_flatten, has_fields, run_numbers
from analytex_pandas.frame.cells import NESTED, coerce_cells, policy_inside
from analytex_pandas.frame.columns import (
    BOOLEAN,
    STRING,
    TEXT,
    Coded,
    Coerced,
    Problem,
    RawColumn,
    Rows,
    UnsendableError,
    integers_of,
    text_buffers,
    together,
)
from analytex_pandas.frame.nested import add_flattened, nested_arrow
from analytex_pandas.frame.wanted import Policy, as_wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


PERIOD = "pandas.period"
INTERVAL = "pandas.interval"


def coerce(column: RawColumn, policy: Policy) -> dict[str, Coerced]:
    """Return a column of a batch as text of JSON primitives.

    The key is what flattening adds to the property's name, such as ``.city``; without flattening there is one, ``""``.

    Raises
    ------
    UnsendableError
        If the column holds what cannot be sent at all.
    """
    if isinstance(column, Coded):
        return coerce_coded(column, policy)
    if isinstance(column, np.ndarray):
        return coerce_cells(column, policy, coerce)
    if isinstance(column.type, pa.BaseExtensionType):
        return coerce(storage(column), policy)
    if pa.types.is_run_end_encoded(column.type):
        return coerce_coded(runs(column), policy)
    if pa.types.is_dictionary(column.type):
        return coerce_coded(Coded(column.indices, column.dictionary), policy)
    if policy.nested == "flatten" and pa.types.is_struct(column.type):
        return flattened(zip((child.name for child in column.type), column.flatten(), strict=True), policy)
    if policy.nested == "flatten" and pa.types.is_map(column.type):
        return flattened(map_fields(column, policy), policy) or {"": nothing(len(column))}
    return {"": checked_length(without_kind(coerce_arrow(column, policy)))}


def without_kind(coerced: Coerced) -> Coerced:
    """Return a column without any value as one of no type; floats that are all NaN are one."""
    if coerced.kinds and coerced.text.null_count == len(coerced.text) and not coerced.problems:
        return dataclasses.replace(coerced, kinds=frozenset())
    return coerced


def coerce_arrow(array: pa.Array, policy: Policy) -> Coerced:
    """Return an Arrow array of a plain type as text of JSON primitives."""
    if pa.types.is_null(array.type):
        return nothing(len(array))
    if array.null_count == len(array):
        check_type(array.type, policy)
        return nothing(len(array))
    for holds, convert in CONVERSIONS:
        if holds(array.type):
            coerced = convert(array, policy)
            return coerced if policy.wanted else dataclasses.replace(coerced, family=family_of(array.type))
    raise refusal(array.type)


def family_of(type_: pa.DataType) -> str:
    """Return what the values of a type are, where that says more than their JSON type."""
    if pa.types.is_timestamp(type_):
        return "naive datetime" if type_.tz is None else "aware datetime"
    if pa.types.is_nested(type_):
        return NESTED
    return "date" if pa.types.is_date(type_) else "time" if pa.types.is_time(type_) else ""


def nothing(rows: int) -> Coerced:
    return Coerced(pa.nulls(rows, TEXT), frozenset(), plain=True)


def coerce_coded(column: Coded, policy: Policy) -> dict[str, Coerced]:
    """Return a column of repeated values: each distinct value that occurs is coerced once."""
    column = only_used(column)
    try:
        distinct = coerce(column.values, policy)
    except UnsendableError as error:
        raise together([at_rows(one, column.codes) for one in error.every]) from None
    if any(len(one.traits.kinds) > 1 or one.traits.beyond_double for one in distinct.values()):
        return coerce(row_values(column), policy)  # notes count rows
    return {suffix: spread(coerced, column.codes) for suffix, coerced in distinct.items()}


def row_values(column: Coded) -> RawColumn:
    """Return a coded column with the value of each row in its place."""
    if isinstance(column.values, pa.Array):
        return column.values.take(column.codes)
    if isinstance(column.values, Coded):
        return Coded(column.values.codes.take(column.codes), column.values.values)
    cells = np.empty(len(column.values) + 1, dtype=object)  # the last is what a missing code of -1 finds
    cells[:-1] = column.values
    return cells[integers_of(column.codes, -1)]


def at_rows(error: UnsendableError, codes: pa.Array) -> UnsendableError:
    """Return what is wrong with some distinct values as what is wrong with the rows that have them."""
    rows = np.flatnonzero(
        pc.is_in(codes, pa.array(list(error.rows), pa.int64())).to_numpy(zero_copy_only=False)
    )
    return UnsendableError(error.why, error.way_out, rows[: len(error.rows)].tolist(), error.field)


def runs(array: pa.Array) -> Coded:
    """Return an array of runs of equal values as a coded column; Arrow decodes few types of them itself."""
    return Coded(run_numbers(array), array.values)


def only_used(column: Coded) -> Coded:
    """Return a coded column without the values that no row has: a category that does not occur is no value."""
    codes = np.maximum(integers_of(column.codes, -1), -1)
    missing = codes < 0
    if len(column.values) <= len(codes):
        used = np.flatnonzero(np.bincount(codes + 1, minlength=len(column.values) + 1)[1:])
    else:
        used = np.unique(codes[~missing])
    if len(used) == len(column.values):
        return Coded(pa.array(codes, mask=missing), column.values)
    places = np.full(int(used[-1]) + 1 if len(used) else 1, -1, np.int64)
    places[used] = np.arange(len(used))
    return Coded(pa.array(places.take(codes, mode="clip"), mask=missing), taken(column.values, used))


def taken(values: RawColumn, places: Rows) -> RawColumn:
    """Return the values at some places."""
    if isinstance(values, pa.RunEndEncodedArray):
        values = runs(values)
    if isinstance(values, Coded):
        return Coded(values.codes.take(pa.array(places)), values.values)
    return values[places] if isinstance(values, np.ndarray) else values.take(pa.array(places))


def spread(coerced: Coerced, codes: pa.Array) -> Coerced:
    """Return the coerced distinct values as a column again, their problems and traits at every row that has them."""
    if pa.types.is_dictionary(coerced.text.type):
        coerced = dataclasses.replace(coerced, text=coerced.text.cast(TEXT))
    if codes.null_count == len(codes):
        return Coerced(pa.nulls(len(codes), TEXT), frozenset(), plain=True)
    problems: tuple[Problem, ...] = ()
    if coerced.problems:
        at = integers_of(codes, -1)
        problems = tuple(
            Problem(rows, problem.code, problem.message)
            for problem in coerced.problems
            if len(rows := np.flatnonzero(np.isin(at, problem.rows)))
        )
    if coerced.text.null_count:
        codes = pc.if_else(pc.fill_null(coerced.text.is_valid().take(codes), fill_value=False), codes, None)
    text = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), coerced.text)
    return dataclasses.replace(coerced, text=text, problems=problems)


def flattened(fields: Iterable[tuple[str, pa.Array]], policy: Policy) -> dict[str, Coerced]:
    """Return the fields of a struct or map as one column each, nested ones in turn."""
    columns: dict[str, Coerced] = {}
    wrong = []
    for name, values in fields:
        try:
            add_flattened(columns, name, coerce(values, policy))
        except UnsendableError as error:
            wrong.append(error.within(f".{name}"))
    if wrong:
        raise together(wrong)
    return columns


def map_fields(array: pa.Array, policy: Policy) -> Iterator[tuple[str, pa.Array]]:
    """Yield the values of maps by their keys, missing where a row's map lacks the key."""
    offsets = array.offsets.to_numpy()
    starts = offsets[:-1]
    lengths = np.where(array.is_valid().to_numpy(zero_copy_only=False), offsets[1:] - starts, 0)
    rows = np.repeat(np.arange(len(array)), lengths)
    items = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(len(rows))
    if not len(items):
        return
    keys = (
        sole(coerce(array.keys.take(pa.array(items)), policy_inside(policy)))
        .text.cast(TEXT)
        .dictionary_encode()
    )
    codes = keys.indices.to_numpy(zero_copy_only=False)
    for code, key in enumerate(keys.dictionary.to_pylist()):
        those = np.flatnonzero(codes == code)
        places = np.full(len(array), -1, np.int64)
        places[rows[those]] = items[those]
        if np.count_nonzero(places >= 0) < len(those):
            twice = rows[those][1:][np.diff(rows[those]) == 0]
            raise UnsendableError(
                f"has maps with the key {key!r} twice",
                'nested="json" does not take them either; mend the maps',
                twice[:3].tolist(),
            )
        yield key, array.items.take(pa.array(places, mask=places < 0))


def storage(array: pa.Array) -> RawColumn:
    """Return what an extension array holds, in the form that is sent."""
    name = array.type.extension_name
    if name == "arrow.uuid":
        raw = array.storage.cast(pa.binary(16)) if array.type.storage_type != pa.binary(16) else array.storage
        return pa.array(
            [None if value is None else str(uuid.UUID(bytes=value)) for value in raw.to_pylist()], TEXT
        )
    if name == "arrow.bool8":
        return pc.not_equal(array.storage, pa.scalar(0, pa.int8()))
    if name == "arrow.fixed_shape_tensor":
        return tensors(array)
    if name == "arrow.opaque":
        kind = array.type
        raise UnsendableError(
            f"holds {kind.vendor_name}'s {kind.type_name.upper()}, which Arrow cannot read", OPAQUE
        )
    if name in (PERIOD, INTERVAL):
        distinct = array.storage.cast(pa.int64()).dictionary_encode() if name == PERIOD else None
        if distinct is None:
            return np.array(array.to_pandas().astype(object), dtype=object)
        periods = pa.ExtensionArray.from_storage(array.type, distinct.dictionary).to_pandas().astype(object)
        return Coded(distinct.indices, np.array(periods, dtype=object))
    return array.storage


def tensors(array: pa.Array) -> pa.Array:
    """Return tensors of one shape as lists of lists, which is how JSON has them."""
    shape, size = array.type.shape, array.storage.type.list_size
    axes = array.type.permutation or range(len(shape))
    order = np.arange(size).reshape(shape).transpose(axes)
    places = (array.offset + np.arange(len(array)))[:, None] * size + order.ravel()
    nested = array.storage.values.take(pa.array(places.ravel()))
    for length in order.shape[:0:-1]:
        nested = pa.FixedSizeListArray.from_arrays(nested, length)
    return pa.FixedSizeListArray.from_arrays(nested, order.shape[0], mask=array.is_null())


def strings(array: pa.Array, policy: Policy) -> Coerced:
    text = array if array.type == TEXT else pc.cast(array, TEXT)
    match policy.wanted:
        case "number":
            return parse.numbers(text)
        case "boolean":
            return parse.booleans(text)
        case "date":
            return parse.date_texts(text)
        case "datetime":
            return parse.datetime_texts(text, policy.timezone)
    return Coerced(text, STRING)


def integers(array: pa.Array, policy: Policy) -> Coerced:
    return as_wanted(numbers.integers(array), policy)


def floats(array: pa.Array, policy: Policy) -> Coerced:
    return as_wanted(numbers.floats(array), policy)


def decimals(array: pa.Array, policy: Policy) -> Coerced:
    return as_wanted(numbers.decimals(array), policy)


def durations(array: pa.Array, policy: Policy) -> Coerced:
    return as_wanted(numbers.durations(array), policy)


def booleans(array: pa.Array, policy: Policy) -> Coerced:
    text = pa.DictionaryArray.from_arrays(pc.cast(array, pa.int32()), pa.array(["false", "true"], TEXT))
    return as_wanted(Coerced(text, BOOLEAN, plain=True), policy)


def times(array: pa.Array, policy: Policy) -> Coerced:
    return as_wanted(temporal.times(array), policy, "A time of day")


def dates(array: pa.Array, policy: Policy) -> Coerced:
    """Return dates as text; as datetimes they are their midnight."""
    if policy.wanted == "datetime":
        return temporal.midnights(array, policy.timezone)
    if policy.wanted == "date":
        return temporal.dates(array)
    return as_wanted(temporal.dates(array), policy, "A date")


def timestamps(array: pa.Array, policy: Policy) -> Coerced:
    """Return timestamps as UTC text; as dates they are what their own calendar shows."""
    if policy.wanted == "date":
        return temporal.dates(temporal.wall_dates(array))
    if policy.wanted == "datetime":
        return temporal.timestamps(array, policy.timezone)
    return as_wanted(temporal.timestamps(array, policy.timezone), policy, "A datetime")


def nested(array: pa.Array, policy: Policy) -> Coerced:
    """Return lists, structs and maps as JSON text, where that was asked for."""
    check_type(array.type, policy)
    coerced = nested_arrow(array, lambda child: sole(coerce(child, policy_inside(policy))))
    return as_wanted(coerced, policy, "A list or dict")


def checked_length(coerced: Coerced) -> Coerced:
    """Return the column with a problem for each string that the service does not take for its length."""
    text = coerced.text.dictionary if pa.types.is_dictionary(coerced.text.type) else coerced.text
    if coerced.plain or not len(text):
        return coerced
    # a character is at least a byte, so the cheap count of bytes clears nearly every batch
    if np.diff(text_buffers(text)[1]).max() <= settings.MAX_STRING_CHARACTERS:
        return coerced
    too_long = pc.fill_null(
        pc.greater(pc.utf8_length(text), settings.MAX_STRING_CHARACTERS), fill_value=False
    )
    if pa.types.is_dictionary(coerced.text.type):
        too_long = pc.fill_null(too_long.take(coerced.text.indices), fill_value=False)
    rows = np.flatnonzero(too_long.to_numpy(zero_copy_only=False))
    if not len(rows):
        return coerced
    message = mends.column_mended(
        f"The text is longer than the {settings.MAX_STRING_CHARACTERS:,} characters that the service takes; "
        "to cut it",
        mends.cut(settings.MAX_STRING_CHARACTERS),
    )
    return parse.with_problems(coerced, (Problem(rows, "string_too_long", message),))


def check_type(type_: pa.DataType, policy: Policy) -> None:
    """Raise UnsendableError for a type that cannot be sent, whatever its values."""
    if pa.types.is_union(type_):
        raise refusal(type_)
    if pa.types.is_nested(type_):
        if policy.nested == "raise":
            raise UnsendableError(
                f"holds {type_}, which is no JSON primitive",
                'nested="json" sends JSON text'
                + ', nested="flatten" makes properties of it' * can_flatten(type_),
            )
        if policy.nested == "flatten" and not has_fields(type_):
            raise UnsendableError(
                f"holds {type_}, which has no fields to flatten", 'nested="json" sends JSON text'
            )
    elif not any(holds(type_) for holds, _ in CONVERSIONS):
        raise refusal(type_)


def refusal(type_: pa.DataType) -> UnsendableError:
    alias = " (a column of polars' type Object comes so, too)" * pa.types.is_fixed_size_binary(type_)
    return UnsendableError(f"holds {type_}{alias}, which has no JSON form", WAYS_OUT)


OPAQUE = "cast it where it comes from (a number to DECIMAL or VARCHAR), or leave it out with properties=[…]"
WAYS_OUT = "convert it (to text or numbers), or leave it out with properties=[…]"

CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, Policy], Coerced]], ...] = (
    (lambda t: pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t), strings),
    (pa.types.is_integer, integers),
    (pa.types.is_floating, floats),
    (pa.types.is_boolean, booleans),
    (pa.types.is_timestamp, timestamps),
    (pa.types.is_date, dates),
    (pa.types.is_decimal, decimals),
    (pa.types.is_time, times),
    (pa.types.is_duration, durations),
    (pa.types.is_nested, nested),
)


def sole(columns: Mapping[str, Coerced]) -> Coerced:
    """Return the one column of a coercion that cannot flatten."""
    return columns[""]
