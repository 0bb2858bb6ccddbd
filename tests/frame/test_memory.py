"""What is remembered of an account, beside a plain dict of what was acknowledged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex_pandas.frame import hashing
from analytex_pandas.frame.fingerprints import Layer, of_lines
from analytex_pandas.frame.memory import OPEN, Sent, compare, from_bytes, merged, overlay, to_bytes

SALT = b"salt"
IDS = ["a", "b", "c"]
VALUES = st.sampled_from([0, 1, 1.5, "1", True, None, "", "é"])
CELLS = st.dictionaries(st.sampled_from(["p", "q"]), VALUES, max_size=2)
FATES = st.sampled_from(["acknowledged", "refused", "unknown"])
CHUNK = st.dictionaries(st.sampled_from(IDS), st.tuples(CELLS, FATES), min_size=1)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=12)


def lines_of(records: dict[str, dict[str, Any]]) -> list[bytes]:
    """Return records as they are sent."""
    return [
        json.dumps({"user_id": name, "metadata": cells} if cells else {"user_id": name}).encode()
        for name, cells in records.items()
    ]


def sent(records: dict[str, tuple[dict[str, Any], str]], begun: int, answered: int) -> Sent:
    """Return a chunk between two moments."""
    found, _ = of_lines(lines_of({name: cells for name, (cells, _) in records.items()}), "users", SALT)
    rows = from_bytes(to_bytes(found))
    words = ["acknowledged", "refused", "unknown"]
    fates = [words.index(fate if answered != OPEN else "unknown") for _, fate in records.values()]
    return Sent(begun, answered, rows, np.array(fates, np.uint8))


@settings(max_examples=200, deadline=None)
@given(st.lists(CHUNK, max_size=6), STEPS, CHUNK, st.integers(0, 12))
def test_deciding_agrees_with_a_dict(
    chunks: list[dict[str, tuple[dict[str, Any], str]]],
    steps: list[tuple[bool, int]],
    following: dict[str, tuple[dict[str, Any], str]],
    fold_at: int,
) -> None:
    """A value is known where one chunk alone gave it and it was acknowledged, whenever what is answered is folded.

    Chunks begin and end in any order: `steps` begins the next, or ends one that is open.
    """
    spans: dict[int, list[int]] = {}
    base, folded, in_base = Layer(), 0, set()
    clock = 0
    for number, (begins, which) in enumerate(steps):
        open_ones = [one for one, span in spans.items() if span[1] == OPEN]
        if begins and len(spans) < len(chunks):
            clock += 1
            spans[len(spans)] = [clock, OPEN]
        elif open_ones:
            clock += 1
            spans[open_ones[which % len(open_ones)]][1] = clock
        if number == fold_at:
            waiting = [sent(chunks[one], *span) for one, span in spans.items()]
            base = merged([base, overlay(waiting, base, folded, answered_only=True)])
            in_base |= {one for one, span in spans.items() if span[1] != OPEN}
            folded = clock
    waiting = [sent(chunks[one], *span) for one, span in spans.items() if one not in in_base]
    found, _ = of_lines(lines_of({name: cells for name, (cells, _) in following.items()}), "users", SALT)
    comparison = compare([base, overlay(waiting, base, folded)], found)
    values, exist = told(chunks, spans)
    for place, (name, (cells, _)) in enumerate(following.items()):
        same = name in exist and all(
            (name, key) in values and same_value(values[name, key], value) for key, value in cells.items()
        )
        assert bool(comparison.unchanged[place]) == same
    for name, tally in comparison.tallies.items():
        count = sum(name in cells for cells, _ in following.values())
        assert tally.new + tally.changed + tally.unchanged == count


def told(
    chunks: list[dict[str, tuple[dict[str, Any], str]]], spans: dict[int, list[int]]
) -> tuple[dict[tuple[str, str], Any], set[str]]:
    """Return the values that are known, and the profiles: slowly, a cell at a time, in the order of the answers."""
    values: dict[tuple[str, str], Any] = {}
    exist: set[str] = set()
    for one, (begun, ended) in sorted(spans.items(), key=lambda item: item[1][1]):
        for name, (cells, fate) in chunks[one].items():
            if ended != OPEN and fate == "acknowledged":
                exist.add(name)
            for key, value in cells.items():
                met = any(
                    key in chunks[other].get(name, ({}, ""))[0]
                    and (chunks[other][name][1] != "refused" or their_end == OPEN)
                    for other, (their_begin, their_end) in spans.items()
                    if other != one and their_begin < ended and begun < their_end
                )
                if ended == OPEN or fate == "unknown" or (fate == "acknowledged" and met):
                    values.pop((name, key), None)
                elif fate == "acknowledged":
                    values[name, key] = value
    return values, exist


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two values are one in JSON: ``True`` is not ``1``, and ``1.0`` is."""
    return isinstance(one, bool) == isinstance(other, bool) and type(one is None) and one == other


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(0, 2**64 - 1))
def test_a_hash_does_not_depend_on_its_neighbours(texts: list[str], seed: int) -> None:
    """Alone, among others, sliced, or as a dictionary: the same text has the same hash."""
    array = pa.array(texts, pa.large_string())
    whole = hashing.hashes(array, seed)
    alone = [hashing.hashes(pa.array([text], pa.large_string()), seed)[0] for text in texts]
    assert whole.tolist() == alone
    assert hashing.hashes(array.slice(1), seed).tolist() == alone[1:]
    assert hashing.hashes(array.dictionary_encode(), seed).tolist() == alone
    assert len(set(alone)) == len(set(texts))


def test_texts_that_are_nearly_alike_have_hashes_that_are_not() -> None:
    """Counters, zero bytes at the end, long texts: no two share a hash, and every bit of it varies."""
    texts = [
        f"{prefix}{number:0{width}d}"
        for prefix in ("", "user-")
        for width in (8, 16, 24)
        for number in range(20_000)
    ]
    texts += ["\0" * size for size in range(1, 40)] + ["x" * size for size in range(480, 1_500)]
    texts += [f"{'long ' * 200}{number}" for number in range(500)]
    found = hashing.hashes(pa.array(texts, pa.large_string()))
    assert len(np.unique(found)) == len(set(texts))
    ones = [int(np.count_nonzero(found >> np.uint64(bit) & np.uint64(1))) / len(found) for bit in range(64)]
    assert all(0.48 < share < 0.52 for share in ones)
