"""One id twice, anywhere in the input: equal records are sent once, differing ones by policy.

Every line's id leaves a 64-bit hash behind. Those that stand alone, nearly all, are done with; only the lines whose
hash occurs again are read back from their chunks and compared for what they are.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.frame.columns import Mask, mask_of
from analytex_pandas.frame.ndjson import ChunkSize, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analytex_pandas.frame.hashing import Hashes
    from analytex_pandas.frame.options import Duplicates
    from analytex_pandas.settings import Kind

ROWS_AT_ONCE = 1_000_000
"""Hashes that are sorted at once; more are looked at in several passes, so that memory does not grow with them."""
Ordinals = np.ndarray[Any, np.dtype[np.int64]]
NOWHERE: Ordinals = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Verdict:
    """Lines by their place among all lines of the plan: those to drop, and those in conflict under ``"raise"``."""

    dropped: Ordinals
    conflicting: Ordinals


def suspects(blocks: Callable[[], Iterator[Hashes]], total: int) -> Iterator[Ordinals]:
    """Yield the places of all hashes that occur more than once, in parts whose hashes differ.

    `blocks` starts reading them from the first.
    """
    passes = max(-(-total // ROWS_AT_ONCE), 1)
    found = [NOWHERE]
    for part in range(passes):
        again = repeated([block if passes == 1 else share(block, part, passes) for block in blocks()])
        if len(again):
            found.append(places_of(again, blocks()))
        if sum(map(len, found)) >= ROWS_AT_ONCE / 2 or part == passes - 1:  # few are judged together
            yield np.sort(np.concatenate(found))
            found = [NOWHERE]


def share(block: Hashes, part: int, parts: int) -> Hashes:
    """Return the hashes of a block that are in one of some equal parts of their range."""
    half = np.uint64(32)
    chosen: Hashes = block[((block >> half) * np.uint64(parts)) >> half == part]
    return chosen


def repeated(blocks: Sequence[Hashes]) -> Hashes:
    """Return the hashes that occur more than once."""
    ordered = np.concatenate(blocks) if blocks else np.zeros(0, np.uint64)
    ordered.sort()
    again: Hashes = ordered[1:][ordered[1:] == ordered[:-1]]
    return again


def places_of(hashes: Hashes, blocks: Iterable[Hashes]) -> Ordinals:
    """Return where some hashes stand among all of them."""
    found, start = [NOWHERE], 0
    for block in blocks:
        found.append(np.flatnonzero(np.isin(block, hashes)) + start)
        start += len(block)
    return np.concatenate(found)


def judge(
    candidates: Iterable[Ordinals],
    sizes: Sequence[ChunkSize],
    read: Callable[[int], bytes],
    kind: Kind,
    policy: Duplicates,
) -> Verdict:
    """Return what becomes of lines whose id may occur twice, by comparing the records themselves."""
    id_name = "user_id" if kind == "users" else "company_id"
    verdicts = [
        verdict_on(digests(places, sizes, read, id_name), policy) for places in candidates if len(places)
    ]
    return Verdict(
        np.sort(np.concatenate([NOWHERE, *(verdict.dropped for verdict in verdicts)])),
        np.sort(np.concatenate([NOWHERE, *(verdict.conflicting for verdict in verdicts)])),
    )


def verdict_on(lines: pd.DataFrame, policy: Duplicates) -> Verdict:
    """Return what becomes of some lines, among which are all of the ids they have."""
    by_id = lines.groupby(["id_0", "id_1"], sort=False)
    first = by_id[["content_0", "content_1"]].transform("first")
    lines["differs"] = (lines["content_0"] != first["content_0"]) | (lines["content_1"] != first["content_1"])
    conflict = by_id["differs"].transform("any")
    repeats = lines
    conflicting = NOWHERE
    if policy == "raise":
        conflicting = lines.loc[conflict, "place"].to_numpy(np.int64)
        repeats = lines[~conflict]
    keep: Literal["first", "last"] = "last" if policy == "last" else "first"
    dropped = repeats[repeats.duplicated(["id_0", "id_1"], keep=keep)]["place"].to_numpy(np.int64)
    return Verdict(dropped, conflicting)


def digests(
    candidates: Ordinals, sizes: Sequence[ChunkSize], read: Callable[[int], bytes], id_name: str
) -> pd.DataFrame:
    """Return place, digest of the id and digest of the whole line of each candidate, reading each chunk once."""
    start_of_id = re.compile(rb'{"%s":"((?:[^"\\]|\\.)*)"' % id_name.encode())
    found, start = [], 0
    for size in sizes:
        inside = np.flatnonzero(within(candidates, start, size.rows))
        start += size.rows
        if not len(inside):
            continue
        lines = lines_of(read(size.number)).take(pa.array(inside)).cast(pa.large_binary()).to_pylist()
        ids = (start_of_id.match(line) for line in lines)
        pairs = (digest(match[1]) + digest(line) for match, line in zip(ids, lines, strict=True) if match)
        found.append(np.frombuffer(b"".join(pairs), np.uint64).reshape(len(lines), -1))
    names = ["id_0", "id_1", "content_0", "content_1"]
    return pd.DataFrame(np.concatenate(found), columns=names).assign(place=candidates)


def within(places: Ordinals, start: int, rows: int) -> Mask:
    """Return which of a chunk's lines, the first of them at `start`, are at some places, which are in order."""
    first, stop = np.searchsorted(places, [start, start + rows])
    return mask_of(places[first:stop] - start, rows)


def digest(data: bytes) -> bytes:
    """Return a digest that differs where the data do."""
    return hashlib.blake2b(data, digest_size=16).digest()
