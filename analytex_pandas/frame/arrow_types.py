"""Arrow arrays → arrays that every kernel knows: views can be neither taken nor filtered, nor all chunks joined.

And what an extension array holds, in the form that is sent.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Coded, UnsendableError, cells_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analytex_pandas.frame.columns import RawColumn


def bytes_of(data: pa.Array | pa.RecordBatch | pa.Table) -> int:
    """Return how many bytes data take; before pyarrow 22 views cannot be measured but with all they look at."""
    try:
        return int(data.nbytes)
    except pa.ArrowTypeError:
        return int(data.get_total_buffer_size())


def one_array(column: pa.ChunkedArray) -> pa.Array:
    if not column.num_chunks:
        return pa.nulls(0, column.type)  # pa.array knows fewer types
    return joined(column.chunks)


def joined(chunks: Sequence[pa.Array]) -> pa.Array:
    """Return arrays of one type as one array of the same values, whatever dictionaries they have."""
    kind = chunks[0].type
    if len(chunks) == 1:
        return chunks[0]
    if not holds(kind, pa.types.is_dictionary):
        return pa.concat_arrays(chunks)
    if isinstance(kind, pa.BaseExtensionType):
        return joined([chunk.storage for chunk in chunks])
    if pa.types.is_dictionary(kind):
        return joined_codes([(chunk.indices, chunk.dictionary) for chunk in chunks])
    if pa.types.is_run_end_encoded(kind):
        return joined_codes([(run_numbers(chunk), chunk.values) for chunk in chunks])
    if pa.types.is_union(kind):  # is refused for its type
        return pa.nulls(sum(map(len, chunks)), kind)
    missing = pa.concat_arrays([chunk.is_null() for chunk in chunks])
    if pa.types.is_struct(kind):
        children = [joined(parts) for parts in zip(*(chunk.flatten() for chunk in chunks), strict=True)]
        fields = [field.with_type(child.type) for field, child in zip(kind, children, strict=True)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=missing)
    lengths = np.concatenate([item_counts(chunk) for chunk in chunks])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    if pa.types.is_map(kind):
        spans = [slice(chunk.offsets[0].as_py(), chunk.offsets[-1].as_py()) for chunk in chunks]
        keys = joined([chunk.keys[span] for chunk, span in zip(chunks, spans, strict=True)])
        items = joined([chunk.items[span] for chunk, span in zip(chunks, spans, strict=True)])
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, mask=missing)
    items = joined([chunk.flatten() for chunk in chunks])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), items, mask=missing)


def joined_codes(chunks: Sequence[tuple[pa.Array, pa.Array]]) -> pa.DictionaryArray:
    """Return codes into values, each chunk with its own, as codes into the values of all; one may be there twice.

    Arrow unifies dictionaries of some types only, without nulls and as far as the indices reach, and takes the bits
    of half floats for numbers. Equal floats are not always the same: one zero has a sign.
    """
    alike = not holds(chunks[0][1].type, pa.types.is_floating)
    codes, dictionaries, start = [], [chunks[0][1]], 0
    for indices, values in chunks:
        if values is not dictionaries[-1] and not (alike and values.equals(dictionaries[-1])):
            start += len(dictionaries[-1])
            dictionaries.append(values)
        codes.append(pc.add(indices.cast(pa.int64()), start))
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(codes), joined(dictionaries))


def run_numbers(array: pa.Array) -> pa.Array:
    """Return which of its runs each row of an array of runs of equal values is of."""
    ends = array.run_ends.to_numpy(zero_copy_only=False)
    return pa.array(np.searchsorted(ends, np.arange(array.offset, array.offset + len(array)), side="right"))


def item_counts(array: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many items each list, or map, of an array takes of what lies behind them."""
    if pa.types.is_map(array.type):  # a missing one may take some, too
        counts: np.ndarray[Any, np.dtype[np.int64]] = np.diff(array.offsets.to_numpy().astype(np.int64))
        return counts
    return np.asarray(pc.fill_null(pc.list_value_length(array), 0), np.int64)


def without_views(array: pa.Array) -> pa.Array:
    """Return an array without string or binary views, wherever in it they are."""
    kind = array.type
    if not has_views(kind) or pa.types.is_binary_view(kind):  # bytes are refused, by their type's own name
        return array
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(array.indices, without_views(array.dictionary))
    if pa.types.is_run_end_encoded(kind):
        plain = pa.RunEndEncodedArray.from_arrays(array.run_ends, without_views(array.values))
        return plain.slice(array.offset, len(array))
    try:
        return array.cast(plain_type(kind))
    except pa.ArrowNotImplementedError:  # a dictionary within something nested
        return pa.array(array.to_pylist(), plain_type(kind))


def has_views(kind: pa.DataType) -> bool:
    return holds(kind, lambda part: pa.types.is_string_view(part) or pa.types.is_binary_view(part))


def has_maps(kind: pa.DataType) -> bool:
    return holds(kind, pa.types.is_map)


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def holds(kind: pa.DataType, sought: Callable[[pa.DataType], bool]) -> bool:
    """Tell whether a type is one that is sought, or has one within it."""
    if sought(kind):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return holds(kind.storage_type, sought)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return holds(kind.value_type, sought)
    return any(holds(kind.field(number).type, sought) for number in range(kind.num_fields))


def can_flatten(kind: pa.DataType) -> bool:
    """Tell whether a type becomes properties when it is flattened: it has fields, and no list is in them."""
    return has_fields(kind) and not holds(kind, is_list)


def has_fields(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_map(kind))


def is_list(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) or any(is_one(kind) for is_one, _ in LISTS)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type with large strings and large binaries for the views in it."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type) if has_views(kind) else kind
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([child.with_type(plain_type(child.type)) for child in kind])
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    for holds, make in LISTS:
        if holds(kind):
            return make(plain_type(kind.value_type))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    return kind


LISTS = (
    (pa.types.is_list, pa.list_),
    (pa.types.is_large_list, pa.large_list),
    (pa.types.is_list_view, pa.list_view),
    (pa.types.is_large_list_view, pa.large_list_view),
)


def storage(array: pa.Array) -> RawColumn:
    kind = array.type
    match kind.extension_name:
        case "arrow.uuid":
            raw = array.storage.cast(pa.binary(16)).to_pylist()
            return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in raw], TEXT)
        case "arrow.bool8":
            return pc.not_equal(array.storage, pa.scalar(0, pa.int8()))
        case "arrow.fixed_shape_tensor":
            return tensors(array)
        case "arrow.opaque":
            raise UnsendableError(
                f"holds {kind.vendor_name}'s {kind.type_name.upper()}, which Arrow cannot read",
                "cast it where it comes from (a number to DECIMAL or VARCHAR), or leave it out with properties=[…]",
            )
        case "pandas.interval":
            return cells_of(array.to_pandas().astype(object).tolist())
        case "pandas.period":
            distinct = array.storage.cast(pa.int64()).dictionary_encode()
            periods = pa.ExtensionArray.from_storage(kind, distinct.dictionary).to_pandas()
            return Coded(distinct.indices, cells_of(periods.astype(object).tolist()))
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
