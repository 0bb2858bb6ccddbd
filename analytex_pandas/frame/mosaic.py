"""Rows of text joined from columns of text, a view of 16 bytes a piece (see ``views``).

A column is laid beside another by assigning views: a text for all rows, or one looked up in a table, costs no copy of
its bytes. All are copied once, row by row, which takes a third of the time of ``binary_join_element_wise``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from analytex_pandas.frame.columns import TEXT, integers_of
from analytex_pandas.frame.views import INLINE, PREFIX, WHOLE, inline_view, plain_text, views_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GRID_BYTES = 6 * 1024 * 1024
"""Bytes of views that are laid out before their texts are copied: enough for long steps, few enough for the memory."""

Pieces = np.ndarray[Any, Any]
Codes = np.ndarray[Any, Any]


class Mosaic:
    """Rows of text in the making.

    Parameters
    ----------
    rows : int
        How many there are.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.pieces: list[Pieces] = []
        self.buffers: list[pa.Buffer] = []
        self.literals = bytearray()
        self.pending = ""

    def literal(self, text: str) -> None:
        """Append the same text to every row."""
        self.pending += text

    def lookup(self, codes: Codes, texts: Sequence[str]) -> None:
        """Append to each row the text that its code is the place of."""
        self.flush()
        self.pieces.append(self.table(texts).take(codes))

    def column(self, text: pa.Array) -> None:
        """Append each row's own text, nothing where it is null."""
        self.flush()
        if not pa.types.is_dictionary(text.type):
            self.pieces.append(self.views(text))
            return
        values = np.concatenate([self.views(text.dictionary), np.zeros(1, WHOLE)])
        self.pieces.append(values.take(integers_of(text.indices, len(values) - 1)))

    def flush(self) -> None:
        """Append the literal text that is pending."""
        if self.pending:
            self.pieces.append(self.table([self.pending]))
            self.pending = ""

    def table(self, texts: Sequence[str]) -> Pieces:
        """Return the views of a few texts, the long ones in the buffer of literals, which is number 0."""
        views = []
        for text in texts:
            encoded = text.encode()
            if len(encoded) <= INLINE:
                views.append(inline_view(encoded))
                continue
            size, place = (number.to_bytes(4, "little") for number in (len(encoded), len(self.literals)))
            views.append(size + encoded[:PREFIX] + bytes(4) + place)
            self.literals += encoded
        return np.frombuffer(b"".join(views), WHOLE)

    def views(self, text: pa.Array) -> Pieces:
        """Return the views of a text column, empty where it is null; keeps the buffers they refer to."""
        views, buffers = views_of(text, 1 + len(self.buffers))
        self.buffers += buffers
        return views.view(WHOLE).reshape(-1)

    def joined(self) -> pa.ChunkedArray:
        """Return the rows, in a few parts."""
        self.flush()
        return pa.chunked_array(list(self.parts()) if self.rows and self.pieces else [], TEXT)

    def parts(self) -> Iterator[pa.Array]:
        """Yield the rows of one grid of views after the other."""
        width = len(self.pieces)
        height = min(self.rows, max(GRID_BYTES // (width * WHOLE.itemsize), 1))
        grid = np.empty((height, width), WHOLE)
        buffers = [pa.py_buffer(bytes(self.literals)), *self.buffers]
        for first in range(0, self.rows, height):
            part = grid[: min(height, self.rows - first)]
            rows = slice(first, first + len(part))
            for place, piece in enumerate(self.pieces):
                if len(piece) == self.rows:
                    part[:, place] = piece[rows]
                elif not first:  # one for all rows, and there still in the next grid
                    part[:, place] = piece
            texts = plain_text(part, buffers)
            _, offsets, data = texts.buffers()
            ends = np.frombuffer(offsets, np.int64, part.size + 1)[::width]
            yield pa.Array.from_buffers(
                TEXT, len(part), [None, pa.py_buffer(np.ascontiguousarray(ends)), data]
            )
