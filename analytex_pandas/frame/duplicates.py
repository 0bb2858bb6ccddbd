"""One id twice, anywhere in the input: equal records are sent once, differing ones by policy.

Every line's id leaves a 64-bit hash behind, 8 bytes a row until the plan is made. Those that stand alone, nearly all,
are done with; only the lines whose hash occurs again are read back from their chunks and compared for what they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas import settings
from analytex_pandas.frame.columns import Mask, mask_of
from analytex_pandas.frame.hashing import Hashes
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.frame.options import Duplicates
from analytex_pandas.settings import Kind

Ordinals = np.ndarray[Any, np.dtype[np.int64]]
Marks = np.ndarray[Any, np.dtype[np.int8]]
Fetch = Callable[[int, Mask], tuple[pa.Array, pa.Table]]
"""Gives the wanted lines of a chunk, and where they came from."""
SENT, INVALID, DUPLICATE, UNCHANGED = range(4)
"""What a plan makes of a row of its input."""
NOWHERE: Ordinals = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Verdict:
    """Lines by their place among all lines of the plan: those to drop, and those in conflict under ``"raise"``."""

    dropped: Ordinals
    conflicting: Ordinals


def suspects(blocks: Sequence[Hashes]) -> Ordinals:
    """Return the places of all hashes that occur more than once; takes 8 bytes a row beside the hashes themselves."""
    ordered = np.concatenate([np.zeros(0, np.uint64), *blocks])
    ordered.sort()
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(again):
        return NOWHERE
    return np.flatnonzero(np.concatenate([np.isin(block, again) for block in blocks]))


def judge(
    blocks: Sequence[Hashes], sizes: Sequence[ChunkSize], fetch: Fetch, kind: Kind, policy: Duplicates
) -> Verdict:
    """Return what becomes of lines whose id occurs twice, by comparing the records themselves."""
    places = suspects(blocks)
    if not len(places):
        return Verdict(NOWHERE, NOWHERE)
    return verdict_on(digests(places, sizes, fetch, settings.ID_NAMES[kind]), policy)


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


def digests(candidates: Ordinals, sizes: Sequence[ChunkSize], fetch: Fetch, id_name: str) -> pd.DataFrame:
    """Return place, digest of the id and digest of the whole line of each candidate, reading each chunk once."""
    start_of_id = re.compile(rb'{"%s":"((?:[^"\\]|\\.)*)"' % id_name.encode())
    found, start = [], 0
    for size in sizes:
        inside = within(candidates, start, size.rows)
        start += size.rows
        if not inside.any():
            continue
        lines = fetch(size.number, inside)[0].cast(pa.large_binary()).to_pylist()
        ids = (start_of_id.match(line) for line in lines)
        pairs = (digest(match[1]) + digest(line) for match, line in zip(ids, lines, strict=True) if match)
        found.append(np.frombuffer(b"".join(pairs), np.uint64).reshape(len(lines), -1))
    names = ["id_0", "id_1", "content_0", "content_1"]
    return pd.DataFrame(np.concatenate(found), columns=names).assign(place=candidates)


def marked(valid: Sequence[Mask], verdict: Verdict, same: Mask | None) -> Marks:
    """Return what becomes of each row of the input: of the valid ones the verdict tells, and which are the `same`."""
    lines = np.concatenate([np.zeros(0, bool), *valid])
    marks = np.where(lines, SENT, INVALID).astype(np.int8)
    places = np.flatnonzero(lines)
    marks[places[verdict.dropped]] = DUPLICATE
    marks[places[verdict.conflicting]] = INVALID
    if same is not None:
        marks[places[same]] = UNCHANGED
    return marks


def within(places: Ordinals, start: int, rows: int) -> Mask:
    """Return which of a chunk's lines, the first of them at `start`, are at some places, which are in order."""
    first, stop = np.searchsorted(places, [start, start + rows])
    return mask_of(places[first:stop] - start, rows)


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
