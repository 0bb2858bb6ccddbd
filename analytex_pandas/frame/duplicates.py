"""One id twice, anywhere in the input: equal records are sent once, differing ones by policy.

Every line's id leaves a 64-bit hash behind. Those that stand alone, nearly all, are done with; only the lines whose
hash occurs again are read back from their chunks and compared for what they are.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.ndjson import ChunkSize, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analytex_pandas.frame.hashing import Hashes
    from analytex_pandas.frame.options import Duplicates
    from analytex_pandas.settings import Kind

ROWS_AT_ONCE = 1_000_000
"""Hashes that are sorted at once; more are looked at in several passes, so that memory does not grow with them."""
Ordinals = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Verdict:
    """Lines by their place among all lines of the plan: those to drop, and those in conflict under ``"raise"``."""

    dropped: Ordinals
    conflicting: Ordinals


NONE = Verdict(np.zeros(0, np.int64), np.zeros(0, np.int64))


def suspects(blocks: Callable[[], Iterator[Hashes]], total: int) -> Ordinals:
    """Return the places of all hashes that occur more than once; `blocks` starts reading them from the first."""
    passes = max(-(-total // ROWS_AT_ONCE), 1)
    found = []
    for part in range(passes):
        kept_hashes, kept_places, start = [], [], 0
        for block in blocks():
            mask = block % np.uint64(passes) == part if passes > 1 else np.ones(len(block), bool)
            kept_hashes.append(block[mask])
            kept_places.append(np.flatnonzero(mask) + start if passes > 1 else np.zeros(0, np.int64))
            start += len(block)
        found.append(repeated(kept_hashes, kept_places, whole=passes == 1))
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


def repeated(kept: Sequence[Hashes], places: Sequence[Ordinals], *, whole: bool) -> Ordinals:
    """Return the places of the hashes that occur more than once among those kept."""
    values = np.concatenate(kept) if kept else np.zeros(0, np.uint64)
    if len(values) <= 1:  # one alone is no duplicate
        return np.zeros(0, np.int64)
    ordered = np.sort(values)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(again):
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(np.isin(values, again))
    return rows if whole else np.concatenate(places)[rows]


def judge(
    candidates: Ordinals,
    sizes: Sequence[ChunkSize],
    read: Callable[[int], bytes],
    kind: Kind,
    policy: Duplicates,
) -> Verdict:
    """Return what becomes of lines whose id may occur twice, by comparing the records themselves."""
    if not len(candidates):
        return NONE
    ids, contents = digests(candidates, sizes, read, "user_id" if kind == "users" else "company_id")
    table = pd.DataFrame({"place": candidates, "id": ids, "content": contents})
    by_id = table.groupby("id", sort=False)
    table["times"] = by_id["place"].transform("size")
    table["contents"] = by_id["content"].transform("nunique")
    table = table[table["times"] > 1]
    conflict = table["contents"] > 1
    repeats = table[~conflict]
    if policy == "raise":
        conflicting = table.loc[conflict, "place"].to_numpy(np.int64)
    else:
        repeats, conflicting = table, np.zeros(0, np.int64)
    keep: Literal["first", "last"] = "last" if policy == "last" else "first"
    dropped = repeats[repeats.duplicated("id", keep=keep)]["place"].to_numpy(np.int64)
    return Verdict(np.sort(dropped), np.sort(conflicting))


def digests(
    candidates: Ordinals, sizes: Sequence[ChunkSize], read: Callable[[int], bytes], id_name: str
) -> tuple[list[bytes], list[bytes]]:
    """Return a digest of each candidate's id, and of its whole line, reading each chunk once."""
    ids, contents, start = [], [], 0
    for size in sizes:
        inside = candidates[(candidates >= start) & (candidates < start + size.rows)] - start
        start += size.rows
        if not len(inside):
            continue
        for line in lines_of(read(size.number)).take(pa.array(inside)).cast(pa.large_binary()).to_pylist():
            ids.append(digest(json.loads(line)[id_name].encode()))
            contents.append(digest(line))
    return ids, contents


def digest(data: bytes) -> bytes:
    """Return a digest that differs where the data do."""
    return hashlib.blake2b(data, digest_size=16).digest()
