"""Raw column → text of JSON primitives: the conversion table of the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas import settings
from analytex_pandas.frame import columns, numbers, parse, temporal
from analytex_pandas.frame.arrow_types import can_flatten, is_text, storage
from analytex_pandas.frame.cells import arrow_of, by_family, plain_array
from analytex_pandas.frame.coded import at_rows, coded, each, looked_up, spread
from analytex_pandas.frame.columns import STRING, TEXT, Cells, Coded, Coerced, Problem, UnsendableError
from analytex_pandas.frame.mends import HALF_A_PAIR, TEXT_TOO_LONG, column_mended
from analytex_pandas.frame.nested import TOO_DEEP, is_nested, nested_arrow, nested_cells
from analytex_pandas.frame.options import JsonType, Nested
from analytex_pandas.frame.parse import as_wanted

Conversion = Callable[[pa.Array, "Policy"], Coerced]

INVALID_TEXT = "invalid_text"
AS_JSON = 'nested="json" sends JSON text'
NO_JSON = "convert it (to text or numbers), or leave it out with properties=[…]"


@dataclass(frozen=True)
class Policy:
    """What is asked of one column: the type it is to have, its naive times' zone, what becomes of nested values."""

    wanted: JsonType | None = None
    timezone: str = "UTC"
    nested: Nested = "raise"

    def coerce_inside(self, values: pa.Array | Cells) -> Coerced:
        """Return values that are inside a nested one: what is asked of the column is not asked of them."""
        return coerce(values, Policy(timezone=self.timezone, nested="json"))[""]


def coerce(column: columns.RawColumn, policy: Policy) -> dict[str, Coerced]:
    """Return a column of a batch as text of JSON primitives, or raise UnsendableError where it cannot be sent at all.

    The key is what flattening adds to the property's name, such as ``.city``; without flattening there is one, ``""``.
    """
    if isinstance(column, np.ndarray):
        plain = plain_array(column)
        return coerce_cells(column, policy) if plain is None else coerce(plain, policy)
    if isinstance(column, pa.Array) and isinstance(column.type, pa.BaseExtensionType):
        return coerce(storage(column), policy)
    if (repeated := coded(column)) is not None:
        return coerce_coded(repeated, policy)
    array: pa.Array = column
    if policy.nested == "flatten" and pa.types.is_struct(array.type):
        return flattened(zip((child.name for child in array.type), array.flatten(), strict=True), policy)
    if policy.nested == "flatten" and pa.types.is_map(array.type):
        return flattened(map_fields(array, policy), policy) or {"": columns.nothing(len(array))}
    return {"": checked_length(coerce_arrow(array, policy))}


def coerce_arrow(array: pa.Array, policy: Policy) -> Coerced:
    """Return an Arrow array of a plain type, or of one that is not flattened."""
    if pa.types.is_null(array.type):
        return columns.nothing(len(array))
    convert = conversion(array.type, policy)  # what cannot be sent is said even where there is none of it
    if array.null_count == len(array):
        return columns.nothing(len(array))
    coerced = convert(array, policy)
    if policy.wanted:
        coerced = replace(coerced, family="")
    if coerced.text.null_count == len(array) and not coerced.problems:  # such as floats that are all NaN
        return replace(coerced, kinds=frozenset())
    return coerced


def conversion(kind: pa.DataType, policy: Policy) -> Conversion:
    """Return what converts arrays of a type; what nothing does cannot be sent, whatever its values."""
    if pa.types.is_nested(kind) and not pa.types.is_union(kind):
        if policy.nested == "json":
            return lambda array, policy: as_wanted(nested_arrow(array, policy.coerce_inside), policy.wanted)
        if policy.nested == "flatten":
            raise UnsendableError(f"holds {kind}, which has no fields to flatten", AS_JSON)
        way_out = AS_JSON + ', nested="flatten" makes properties of it' * can_flatten(kind)
        raise UnsendableError(f"holds {kind}, which is no JSON primitive", way_out)
    for holds, convert in CONVERSIONS:
        if holds(kind):
            return convert
    alias = " (a column of polars' type Object comes so, too)" * pa.types.is_fixed_size_binary(kind)
    raise UnsendableError(f"holds {kind}{alias}, which has no JSON form", NO_JSON)


def dates(array: pa.Array, policy: Policy) -> Coerced:
    if policy.wanted == "datetime":
        return temporal.beginnings(array, policy.timezone)
    found = temporal.dates(array)
    return found if policy.wanted == "date" else as_wanted(found, policy.wanted)


def timestamps(array: pa.Array, policy: Policy) -> Coerced:
    if policy.wanted == "date":
        return temporal.dates(temporal.wall_dates(array))
    found = temporal.timestamps(array, policy.timezone)
    if policy.wanted == "datetime":
        return replace(found, traits=columns.Traits())  # who asks for it means the time
    return as_wanted(found, policy.wanted)


def plainly(convert: Callable[[pa.Array], Coerced]) -> Conversion:
    """Return the conversion of values that are as they are whatever is asked."""
    return lambda array, policy: as_wanted(convert(array), policy.wanted)


CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Conversion], ...] = (
    (is_text, lambda array, policy: parse.texts(columns.as_text(array), policy.wanted, policy.timezone)),
    (pa.types.is_integer, plainly(numbers.integers)),
    (pa.types.is_floating, plainly(numbers.floats)),
    (pa.types.is_boolean, plainly(numbers.booleans)),
    (pa.types.is_timestamp, timestamps),
    (pa.types.is_date, dates),
    (pa.types.is_decimal, plainly(numbers.decimals)),
    (pa.types.is_time, plainly(temporal.times)),
    (pa.types.is_duration, plainly(numbers.durations)),
)


def coerce_coded(column: Coded, policy: Policy) -> dict[str, Coerced]:
    try:
        distinct = coerce(column.values, policy)
    except UnsendableError as error:
        raise columns.together([at_rows(one, column.codes) for one in error.every]) from None
    if any(len(one.traits.kinds) > 1 or one.traits.beyond_double for one in distinct.values()):
        return coerce(looked_up(column.values, column.codes), policy)  # notes count rows
    return {suffix: spread(coerced, column.codes) for suffix, coerced in distinct.items()}


def flattened(fields: Iterable[tuple[str, columns.RawColumn]], policy: Policy) -> dict[str, Coerced]:
    properties: dict[str, Coerced] = {}
    wrong = []
    for name, values in fields:
        try:
            for suffix, coerced in coerce(values, policy).items():
                full = f".{name}{suffix}"
                if full in properties:
                    why = f"gives two properties the name {full!r} when it is flattened"
                    wrong.append(UnsendableError(why, "rename one of its fields", field=f".{name}"))
                properties[full] = coerced
        except UnsendableError as error:
            wrong.append(error.within(f".{name}"))
    if wrong:
        raise columns.together(wrong)
    return properties


def map_fields(array: pa.Array, policy: Policy) -> Iterator[tuple[str, pa.Array]]:
    """Yield the values of maps by their keys, missing where a row's map lacks the key."""
    offsets = array.offsets.to_numpy()
    rows, items = np.repeat(np.arange(len(array)), np.diff(offsets)), np.arange(offsets[0], offsets[-1])
    present = columns.validity(array)[rows]  # a missing map may have items, too
    rows, items = rows[present], items[present]
    if not len(items):
        return
    keys = columns.as_text(policy.coerce_inside(array.keys.take(pa.array(items))).text).dictionary_encode()
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


def coerce_cells(cells: Cells, policy: Policy) -> dict[str, Coerced]:
    """Return cells of several families, or of one that Arrow does not know: each family by itself, then together."""
    properties: dict[str, list[tuple[columns.Rows, Coerced]]] = {}
    wrong = []
    for family, rows in by_family(cells).items():
        try:
            for suffix, part in coerce_family(cells[rows], family, policy).items():
                properties.setdefault(suffix, []).append((rows, part))
        except UnsendableError as error:
            wrong.append(error.within(places=rows))
    if wrong:
        raise columns.together(wrong)
    return {suffix: assembled(parts, len(cells)) for suffix, parts in properties.items()} or {
        "": columns.nothing(len(cells))
    }


def coerce_family(cells: Cells, family: str, policy: Policy) -> dict[str, Coerced]:
    match family:
        case "unknown":
            raise refused(cells, "have no JSON form", NO_JSON)
        case "enum":
            return coerce_cells(columns.cells_of([cell.value for cell in cells]), policy)
        case "string":
            return {"": text_cells(cells, policy)}
        case "nested" if policy.nested == "json":
            found = checked_length(nested_cells(cells, policy.coerce_inside))
            return {"": as_wanted(found, policy.wanted)}
        case "nested" if policy.nested == "flatten":
            return flattened_cells(cells, policy)
        case "nested":
            way_out = AS_JSON + ', nested="flatten" makes properties of dicts' * all(map(flattens, cells))
            raise refused(cells, "are no JSON primitives", way_out)
    found = arrow_of(cells, family, policy.wanted)
    if isinstance(found, Coerced):
        return {"": as_wanted(found, policy.wanted)}
    properties = coerce(found, policy)
    if family.startswith("aware") and not policy.wanted:
        return {"": replace(properties[""], traits=temporal.midnights_of(cells))}
    if family == "text" and not policy.wanted:
        traits = columns.Traits(kinds=Counter(type(cell).__name__ for cell in cells))
        return {"": replace(properties[""], traits=traits)}
    return properties


def refused(cells: Cells, why: str, way_out: str) -> UnsendableError:
    types = ", ".join(sorted({type(cell).__name__ for cell in cells}))
    return UnsendableError(f"holds values of type {types}, which {why}", way_out, range(min(len(cells), 3)))


def assembled(parts: Sequence[tuple[columns.Rows, Coerced]], length: int) -> Coerced:
    """Return the families' cells in their places again."""
    found = np.concatenate([rows for rows, _ in parts])
    places = np.full(length, -1, np.int64)
    places[found] = np.arange(len(found))
    text = pa.concat_arrays([columns.as_text(part.text) for _, part in parts]).take(
        pa.array(places, mask=places < 0)
    )
    problems: list[Problem] = []
    traits = columns.Traits()
    for at, part in parts:
        problems += [Problem(at[problem.rows], problem.code, problem.message) for problem in part.problems]
        kinds = part.traits.kinds or dict.fromkeys(part.families, len(at) - part.text.null_count)
        traits += replace(part.traits, kinds=kinds)
    kinds_found = frozenset(kind for _, part in parts for kind in part.kinds)
    return Coerced(text, kinds_found, all(part.plain for _, part in parts), tuple(problems), traits)


def text_cells(cells: Cells, policy: Policy) -> Coerced:
    """Return text; what is no valid Unicode makes its row invalid."""
    sound, problems = each(cells, sound_text)
    coerced = coerce(pa.array(sound, TEXT), policy)[""]
    if problems and policy.wanted is None:
        coerced = replace(coerced, kinds=STRING)  # text it is, if it be unsound
    return coerced.with_problems(problems)


def sound_text(cell: str) -> str:
    if not columns.is_unicode(cell):
        message = "The text holds half a surrogate pair, which no encoding can write"
        raise columns.CellError(INVALID_TEXT, column_mended(message, HALF_A_PAIR))
    return str.__str__(cell)


def flattened_cells(cells: Cells, policy: Policy) -> dict[str, Coerced]:
    others = [row for row, cell in enumerate(cells) if not isinstance(cell, Mapping)]
    if others:
        why = f"holds values of type {type(cells[others[0]]).__name__}, which have no fields to flatten"
        raise UnsendableError(why, AS_JSON, others[:3])
    keys = dict.fromkeys(key for cell in cells for key in cell)
    fields = ((str(key), columns.cells_of([cell.get(key) for cell in cells])) for key in keys)
    return flattened(fields, policy)


def flattens(cell: Any, depth: int = 0) -> bool:
    """Tell whether a cell becomes properties when it is flattened: a dict, and no list is in it."""
    if not isinstance(cell, Mapping) or depth > TOO_DEEP:
        return False
    return all(flattens(value, depth + 1) for value in cell.values() if is_nested(value))


def checked_length(coerced: Coerced, why: columns.Why = ("string_too_long", TEXT_TOO_LONG)) -> Coerced:
    """Return the column with a problem for each string that the service does not take for its length."""
    is_coded = pa.types.is_dictionary(coerced.text.type)
    text = coerced.text.dictionary if is_coded else coerced.text
    # a character is at least a byte, so the cheap count of bytes clears nearly every batch
    longest = np.diff(columns.text_buffers(text)[1]).max(initial=0)
    if coerced.plain or longest <= settings.MAX_STRING_CHARACTERS:
        return coerced
    too_long = pc.greater(pc.utf8_length(text), settings.MAX_STRING_CHARACTERS)
    if is_coded:
        too_long = too_long.take(coerced.text.indices)
    rows = np.flatnonzero(pc.fill_null(too_long, fill_value=False).to_numpy(zero_copy_only=False))
    return coerced.with_problems(columns.problem_at(rows, *why))
