"""Texts that stand anywhere in some bytes → an Arrow array of text, all copied once, in one go.

Arrow's string view is 16 bytes: a length with either the text itself (12 bytes at most) or its first four bytes, a
buffer's number and an offset in it. Views are made with NumPy, a few steps for all of them; Arrow casts them to plain
text at a few nanoseconds each.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT, Mask

INLINE: Final = 12
"""Bytes that a view holds itself; a longer text it refers to."""
PREFIX: Final = 4
"""Bytes of a text that stand beside its length."""
WORD: Final = 8
HALF: Final = np.uint64(32)

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Words = np.ndarray[Any, np.dtype[np.uint64]]


def texts_at(data: Bytes, starts: Integers, sizes: Integers, valid: Mask | None = None) -> pa.Array:
    """Return the texts that begin at some places of `data` and have so many bytes, as ``large_string``.

    Parameters
    ----------
    data : array of uint8
        UTF-8, less than 2 GB, with at least 12 bytes behind every start.
    valid : array of bool, optional
        False where a text is missing.
    """
    bitmap = None if valid is None or valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(views_at(data, starts, sizes)), pa.py_buffer(data)]
    return pc.cast(pa.Array.from_buffers(pa.string_view(), len(starts), buffers), TEXT)


def views_at(data: Bytes, starts: Integers, sizes: Integers) -> Words:
    """Return the views of texts in `data`, which is their buffer 0: two words each.

    What a view holds beyond its size is not zero, as comparing views would need; a cast does not look at it.
    """
    words = np.ndarray(max(len(data) - WORD + 1, 0), "<u8", data.data, strides=(1,))
    views = np.empty((len(starts), 2), np.uint64)
    views[:, 0] = (words[starts] << HALF) | sizes.astype(np.uint64)
    places = starts.astype(np.uint64) << HALF
    inline = sizes <= INLINE
    views[:, 1] = np.where(inline, words[starts + PREFIX], places) if inline.any() else places
    return views
