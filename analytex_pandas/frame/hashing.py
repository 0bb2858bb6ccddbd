"""A 64-bit hash of each text of an array: to find which ids may occur twice, not to prove it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytex_pandas.frame.columns import TEXT
from analytex_pandas.frame.ids import text_buffers

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

WORD = 8
MAX_PADDED = 64
"""Bytes up to which texts are padded to one width; longer ones are hashed from both ends and their length."""
MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
     0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3, 0x589965CC75374CC3],
    np.uint64,
)  # fmt: skip
MIX = np.uint64(0xFF51AFD7ED558CCD)
SHIFT = np.uint64(32)


def hashes(text: pa.Array) -> Hashes:
    """Return a hash of each text; equal texts have equal hashes, whatever batch they stand in."""
    if not len(text):
        return np.zeros(0, np.uint64)
    _, offsets = text_buffers(text)
    sizes = np.diff(offsets)
    if sizes.max() > MAX_PADDED:
        text = shortened(text)
    # the width must not depend on the batch: the same id has to hash alike in all of them; words of padding add nothing
    words = padded_words(text)
    mixed = np.zeros(len(text), np.uint64)
    for column in range(words.shape[1]):
        word = words[:, column]
        word = (word ^ (word >> SHIFT)) * MULTIPLIERS[column]
        mixed ^= (word ^ (word >> SHIFT)) * MIX
    return mixed


def padded_words(text: pa.Array) -> np.ndarray[Any, Any]:
    """Return each text as 64-bit words, zeros behind its end."""
    _, offsets = text_buffers(text)
    width = max(-(-int(np.diff(offsets).max()) // WORD), 1) * WORD
    padded = pc.ascii_rpad(text, width=width, padding="\0")
    data, starts = text_buffers(padded)
    return data[starts[0] : starts[-1]].view(np.uint64).reshape(len(text), width // WORD)


def shortened(text: pa.Array) -> pa.Array:
    """Return texts longer than ``MAX_PADDED`` bytes as a digest of their own; long ids are rare."""
    import hashlib  # long ids are rare

    values = [
        value if len(value) <= MAX_PADDED else hashlib.blake2b(value, digest_size=16).hexdigest().encode()
        for value in text.cast(pa.large_binary()).to_pylist()
    ]
    return pa.array(values, pa.large_binary()).cast(TEXT)
