"""Arrow arrays → arrays that every kernel knows: views can be neither taken nor filtered, nor all chunks joined.

And what an extension array holds, in the form that is sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Coded, RawColumn, UnsendableError, cells_of


def bytes_of(data: pa.Array | pa.RecordBatch | pa.Table) -> int:
    """Return how many bytes data take; before pyarrow 22 views cannot be measured but with all they look at."""
    try:
        return int(data.nbytes)
    except pa.ArrowTypeError:
        return int(data.get_total_buffer_size())


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array of the same values, without views, and whatever dictionaries its chunks have."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return joined(chunks or [pa.nulls(0, column.type)])  # pa.array knows fewer types


def joined(chunks: Sequence[pa.Array]) -> pa.Array:
    kind = chunks[0].type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        plain = TEXT if pa.types.is_string_view(kind) else pa.large_binary()
        return pa.concat_arrays([chunk.cast(plain) for chunk in chunks])
    if not has_views(kind):
        if len(chunks) == 1:
            return chunks[0]
        if not holds(kind, pa.types.is_dictionary):
            return pa.concat_arrays(chunks)
    if isinstance(kind, pa.BaseExtensionType):
        return joined([chunk.storage for chunk in chunks])
    if is_repeated(kind):
        return joined_codes([repeated(chunk) for chunk in chunks])
    if pa.types.is_union(kind):  # is refused for its type
        return pa.nulls(sum(map(len, chunks)), kind)
    missing = pa.concat_arrays([chunk.is_null() for chunk in chunks])
    if pa.types.is_struct(kind):
        children = [joined(parts) for parts in zip(*(chunk.flatten() for chunk in chunks), strict=True)]
        fields = [field.with_type(child.type) for field, child in zip(kind, children, strict=True)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=missing)
    if pa.types.is_map(kind):  # a missing one may take some items, too
        bounds = [chunk.offsets.to_numpy() for chunk in chunks]
        offsets = np.cumsum(np.concatenate([[0], *map(np.diff, bounds)]))
        spans = [slice(bound[0], bound[-1]) for bound in bounds]
        keys = joined([chunk.keys[span] for chunk, span in zip(chunks, spans, strict=True)])
        items = joined([chunk.items[span] for chunk, span in zip(chunks, spans, strict=True)])
        return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, items, mask=missing)
    lengths = [pc.fill_null(pc.list_value_length(chunk), 0) for chunk in chunks]
    offsets = np.cumsum(np.concatenate([[0], *lengths]))
    items = joined([chunk.flatten() for chunk in chunks])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), items, mask=missing)


def joined_codes(chunks: Sequence[tuple[pa.Array, pa.Array]]) -> pa.DictionaryArray:
    """Return codes into values, each chunk with its own, as codes into the values of all; one may be there twice.

    Arrow unifies dictionaries of some types only, without nulls and as far as the indices reach, and takes the bits
    of half floats for numbers. Equal floats are not always the same: one zero has a sign.
    """
    alike = not holds(chunks[0][1].type, pa.types.is_floating)
    every, dictionaries, start = [], [chunks[0][1]], 0
    for codes, values in chunks:
        if values is not dictionaries[-1] and not (alike and values.equals(dictionaries[-1])):
            start += len(dictionaries[-1])
            dictionaries.append(values)
        every.append(pc.add(codes.cast(pa.int64()), start))
    return pa.DictionaryArray.from_arrays(pa.concat_arrays(every), joined(dictionaries))


def is_repeated(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind))


def repeated(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return the codes of a dictionary, or of an array of runs of equal values, and the values they stand for."""
    if pa.types.is_dictionary(array.type):
        return array.indices, array.dictionary
    ends = array.run_ends.to_numpy(zero_copy_only=False)  # Arrow decodes few types of runs itself
    rows = np.arange(array.offset, array.offset + len(array))
    return pa.array(np.searchsorted(ends, rows, side="right")), array.values


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
    if is_repeated(kind):
        return holds(kind.value_type, sought)
    return any(holds(kind.field(number).type, sought) for number in range(kind.num_fields))


def has_fields(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_map(kind))


def is_list(kind: pa.DataType) -> bool:
    types = pa.types
    lists = (
        types.is_list,
        types.is_large_list,
        types.is_fixed_size_list,
        types.is_list_view,
        types.is_large_list_view,
    )
    return any(is_one(kind) for is_one in lists)


def can_flatten(kind: pa.DataType) -> bool:
    """Tell whether a type becomes properties when it is flattened: it has fields, and no list is in them."""
    without_fields = holds(kind, lambda part: pa.types.is_nested(part) and not has_fields(part))
    return has_fields(kind) and not without_fields


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


def ipc_bytes(
    table: pa.Table, new: Callable[..., Any] = pa.ipc.new_stream, compression: str | None = None
) -> bytes:
    """Return a table in Arrow's own form: a stream, or a file where `new` makes one."""
    sink = pa.BufferOutputStream()
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
