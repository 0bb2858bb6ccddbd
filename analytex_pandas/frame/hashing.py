"""A 64-bit hash of each text of an array: vectorised, the same in every batch, on every machine.

Texts are taken a word at a time, each step of the chain being murmur3's: equal texts have equal hashes, and others
differ but for a chance of one in 2^64. It withstands chance, not an adversary.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analytex_pandas.frame.columns import Rows, integers_of, text_buffers

Hashes = np.ndarray[Any, np.dtype[np.uint64]]

WORD: Final = 8
VIEW: Final = 16
INLINE: Final = 12
"""Bytes of a text that Arrow's view of it holds itself."""
LONG: Final = 512
"""Bytes from which a text is hashed by itself: the steps that all texts take together pay off for short ones."""
MASKS: Final = np.array([(1 << (8 * size)) - 1 for size in range(WORD + 1)], np.uint64)
MULTIPLY: Final = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
SHIFT: Final = (np.uint64(32), np.uint64(29))


def hashes(text: pa.Array, seed: int = 0) -> Hashes:
    """Return a hash of each text of a ``large_string`` or ``large_binary`` array, or a dictionary of one.

    A missing text has some hash; another seed, of 64 bits, gives other hashes.
    """
    if pa.types.is_dictionary(text.type):
        if not len(text.dictionary):
            return np.zeros(len(text), np.uint64)
        distinct = hashes(text.dictionary, seed)
        found: Hashes = distinct[integers_of(text.indices, 0)]
        return found
    data, offsets = text_buffers(text)
    starts, sizes = offsets[:-1] - offsets[0], np.diff(offsets)
    short = sizes <= INLINE
    if short.all():
        return of_short(text, seed)
    found = of_short(text, seed) if short.any() else np.zeros(len(text), np.uint64)
    rows = np.flatnonzero(~short)
    found[rows] = of_long(data[offsets[0] : offsets[-1]], starts[rows], sizes[rows], seed)
    return found


def of_short(text: pa.Array, seed: int) -> Hashes:
    """Return hashes of the texts of at most 12 bytes: Arrow's views of them are their size and all they are."""
    text = text.cast(pa.binary_view() if pa.types.is_large_binary(text.type) else pa.string_view())
    views = np.frombuffer(text.buffers()[1], np.uint64, 2 * len(text), text.offset * VIEW).reshape(-1, 2)
    return mixed(mixed(views[:, 0] ^ np.uint64(seed)) ^ views[:, 1])


def of_long(data: np.ndarray[Any, np.dtype[np.uint8]], starts: Rows, sizes: Rows, seed: int) -> Hashes:
    """Return hashes of longer texts, which begin at some places of `data`."""
    # the length is part of it: else texts that differ in zero bytes at their end were one
    found = mixed(sizes.astype(np.uint64) ^ np.uint64(seed))
    very_long = np.flatnonzero(sizes > LONG)
    if len(very_long):
        found[very_long] = mixed(found[very_long] ^ digests(data, starts[very_long], sizes[very_long]))
    words = words_of(data)
    rows = np.flatnonzero(sizes <= LONG)
    done = 0
    while len(rows):
        left = sizes[rows] - done
        word = words[starts[rows] + done]
        if left.min() < WORD:
            word &= MASKS[np.minimum(left, WORD)]
        found[rows] = mixed(found[rows] ^ word)
        done += WORD
        rows = rows[left > WORD]
    return found


def mixed(values: Hashes) -> Hashes:
    """Return each value as another, one to one, every bit of which depends on every bit of the first."""
    for multiply, shift in zip(MULTIPLY, SHIFT, strict=True):
        values = values * multiply
        values ^= values >> shift
    return values


def words_of(data: np.ndarray[Any, np.dtype[np.uint8]]) -> Hashes:
    """Return the eight bytes from each byte on as a number, zeros behind the end."""
    padded = np.zeros(len(data) + WORD, np.uint8)
    padded[: len(data)] = data
    return np.ndarray(len(data) + 1, "<u8", padded.data, strides=(1,))


def digests(data: np.ndarray[Any, np.dtype[np.uint8]], starts: Rows, sizes: Rows) -> Hashes:
    view = data.data
    spans = zip(starts.tolist(), sizes.tolist(), strict=True)
    whole = b"".join(
        hashlib.blake2b(view[start : start + size], digest_size=WORD).digest() for start, size in spans
    )
    return np.frombuffer(whole, "<u8").astype(np.uint64)


def seed_of(salt: bytes, purpose: str) -> int:
    keyed = hashlib.blake2b(purpose.encode(), key=salt[:64], digest_size=WORD)
    return int.from_bytes(keyed.digest(), "little")
