"""Content as the journal holds it: tables as Arrow IPC, and a checksum before each, since SQLite has none."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from xxhash import xxh3_64_digest

from analytex_pandas.frame.arrow_types import ipc_bytes

SEAL: Final = b"xxh3"
"""Begins a blob that has a checksum."""


def sealed(content: bytes) -> bytes:
    """Return content with its checksum before it."""
    return SEAL + xxh3_64_digest(content) + content


def unsealed(blob: bytes) -> bytes:
    """Return the content of a sealed blob, or an old one without a seal; ValueError if it is not as it was."""
    content = blob.removeprefix(SEAL)
    if len(content) == len(blob):
        return blob
    if xxh3_64_digest(content[8:]) != content[:8]:
        raise ValueError("its checksum differs")
    return content[8:]


def to_blob(rows: pa.Table) -> bytes:
    return sealed(to_ipc(rows))


def to_ipc(rows: pa.Table) -> bytes:
    """Return a table as an Arrow stream, without a seal."""
    return ipc_bytes(rows, compression="zstd" if pa.Codec.is_available("zstd") else None)


def from_blob(blob: bytes) -> pa.Table:
    with pa.ipc.open_stream(unsealed(blob)) as reader:
        return reader.read_all()
