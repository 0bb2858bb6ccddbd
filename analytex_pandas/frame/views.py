"""Texts that stand anywhere in some bytes, put together: views of 16 bytes, and Arrow copies all texts in one go.

Arrow's string view is a length with either the text itself (12 bytes at most) or its first four bytes, a buffer's
number and an offset in it. Views are made with NumPy, a few steps for all of them, and casting them to plain text lays
the texts one behind the other, at a few nanoseconds each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Mask, bitmap_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WHOLE: Final = np.dtype("V16")
"""A view as one item: NumPy moves these fastest."""
INLINE: Final = 12
"""Bytes that a view holds itself; a longer text it refers to."""
PREFIX: Final = 4
"""Bytes of a text that stand beside its length."""
HALF: Final = 32
"""Bits of half a word."""

CAST: Final = pc.get_function("cast")

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Views = np.ndarray[Any, np.dtype[np.uint64]]
"""One view a row, two words each."""


def texts_at(data: Bytes, starts: Integers, sizes: Integers, valid: Mask | None = None) -> pa.Array:
    """Return the texts that begin at some places of `data` and have so many bytes, as ``large_string``.

    `data` is UTF-8 of less than 2 GB; a text is missing where not `valid`.
    """
    return plain_text(views_at(data, starts, sizes), [pa.py_buffer(data)], valid)


def plain_text(views: Views, buffers: Sequence[pa.Buffer], valid: Mask | None = None) -> pa.Array:
    """Return views into some buffers as ``large_string``: the texts are copied, one behind the other."""
    bitmap = None if valid is None or valid.all() else bitmap_of(valid)
    count = views.nbytes // WHOLE.itemsize
    array = pa.Array.from_buffers(pa.string_view(), count, [bitmap, pa.py_buffer(views), *buffers])
    return cast(array, TEXT)


def cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array as one of another type; ``pc.cast`` looks its function up each time, giving up the GIL for it."""
    return CAST.call([array], pc.CastOptions.safe(kind))


def views_at(data: Bytes, starts: Integers, sizes: Integers) -> Views:
    """Return the views of texts in `data`, which is their buffer 0.

    They can be cast, but not compared: a short one does not end in zeros.
    """
    long = sizes > INLINE
    if long.all():
        views = np.empty((len(starts), 2), np.uint64)
        views[:, 0] = sizes
        np.left_shift(starts, HALF, out=views[:, 1].view(np.int64))
        return views
    # the 16 bytes of a view at once: what is before the text makes room for its size
    padded = np.concatenate([np.zeros(PREFIX, np.uint8), data, np.zeros(INLINE, np.uint8)])
    windows = np.ndarray(len(data) + 1, WHOLE, padded.data, strides=(1,))
    views = windows[starts].view(np.uint64).reshape(-1, 2)
    halves(views)[:, 0] = sizes
    np.copyto(views[:, 1], starts.view(np.uint64) << np.uint64(HALF), where=long)
    return views


def halves(views: Views) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Return views as four numbers each: size, first bytes, and for a long text buffer and offset."""
    return views.view(np.uint32).reshape(-1, 4)


def views_of(text: pa.Array, first_buffer: int) -> tuple[Views, list[pa.Buffer]]:
    """Return the views of a column of text or bytes, empty where it is null, and the buffers they refer to.

    `first_buffer` is the number that the first of the buffers will have.
    """
    kind = pa.binary_view() if pa.types.is_large_binary(text.type) else pa.string_view()
    viewed = cast(text, kind)  # which leaves zeros where there is no value
    _, buffer, *buffers = viewed.buffers()
    views = np.frombuffer(buffer, np.uint64, 2 * len(viewed), viewed.offset * WHOLE.itemsize).reshape(-1, 2)
    if buffers and first_buffer:
        views = views.copy()
        parts = halves(views)
        parts[:, 2] += (parts[:, 0] > INLINE) * np.uint32(first_buffer)
    return views, buffers


def inline_view(text: bytes) -> bytes:
    return len(text).to_bytes(PREFIX, "little") + text.ljust(INLINE, b"\0")
