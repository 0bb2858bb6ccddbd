"""Arrow arrays of views → arrays of the types that every kernel knows: views can be neither taken nor filtered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable


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
    """Tell whether a type is one of views, or has one within it."""
    return holds(kind, lambda part: pa.types.is_string_view(part) or pa.types.is_binary_view(part))


def holds(kind: pa.DataType, sought: Callable[[pa.DataType], bool]) -> bool:
    """Tell whether a type is one that is sought, or has one within it."""
    if isinstance(kind, pa.BaseExtensionType):
        return holds(kind.storage_type, sought)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return holds(kind.value_type, sought)
    return sought(kind) or any(holds(kind.field(number).type, sought) for number in range(kind.num_fields))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a type with large strings and large binaries for the views in it."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
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
