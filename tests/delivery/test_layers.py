"""What is remembered of an account: layers of digests beside a plain dict of what was acknowledged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex_pandas.delivery.layers import Layer, compare, from_bytes, layer_of, merged, to_bytes
from analytex_pandas.frame import hashing
from analytex_pandas.frame.fingerprints import of_lines

SALT = b"salt"
IDS = ["a", "b", "c"]
VALUES = st.sampled_from([0, 1, 1.5, "1", True, None, "", "é"])
CELLS = st.dictionaries(st.sampled_from(["p", "q"]), VALUES, max_size=2)
FATES = st.sampled_from(["acknowledged", "refused", "doubtful"])
PUSH = st.dictionaries(st.sampled_from(IDS), st.tuples(CELLS, FATES), min_size=1)
UNKNOWN = object()


def lines_of(records: dict[str, dict[str, Any]]) -> list[bytes]:
    """Return records as they are sent."""
    return [
        json.dumps({"user_id": name, "metadata": cells} if cells else {"user_id": name}).encode()
        for name, cells in records.items()
    ]


@settings(max_examples=150, deadline=None)
@given(st.lists(PUSH, max_size=6), PUSH, st.booleans(), st.integers(0, 6))
def test_deciding_agrees_with_a_dict(
    history: list[dict[str, tuple[dict[str, Any], str]]],
    following: dict[str, tuple[dict[str, Any], str]],
    stored: bool,  # Hypothesis chooses
    together: int,
) -> None:
    """A row is unchanged when its profile is known and each of its values is the last that was acknowledged."""
    layers: list[Layer] = []
    known: dict[str, dict[str, Any]] = {}
    doubted: dict[str, dict[str, Any]] = {}
    for push in history:
        names = list(push)
        found, held = of_lines(lines_of({name: cells for name, (cells, _) in push.items()}), "users", SALT)
        assert held.all()
        fates = [push[name][1] for name in names]
        refused = [place for place, fate in enumerate(fates) if fate == "refused"]
        doubtful = [place for place, fate in enumerate(fates) if fate == "doubtful"]
        layer = layer_of(found, refused, doubtful)
        layers.append(from_bytes(to_bytes(layer)) if stored else layer)
        for name, (cells, fate) in push.items():
            if fate == "acknowledged":
                known.setdefault(name, {}).update(cells)
            elif fate == "doubtful":
                doubted.setdefault(name, {})
                (known if name in known else doubted)[name].update(dict.fromkeys(cells, UNKNOWN))
    # doubt about a profile that is not known to exist is forgotten with the first value that is acknowledged over it
    layers = [merged(layers[:together]), *layers[together:]]
    found, _ = of_lines(lines_of({name: cells for name, (cells, _) in following.items()}), "users", SALT)
    comparison = compare(layers, found)
    for place, (name, (cells, _)) in enumerate(following.items()):
        before = known.get(name, {})
        same = name in known and all(
            key in before and same_value(before[key], value) for key, value in cells.items()
        )
        shadow = any(key in doubted.get(name, {}) and key not in before for key in cells)
        assert bool(comparison.unchanged[place]) == (same and not shadow)
    for name, tally in comparison.tallies.items():
        sent = sum(name in cells for cells, _ in following.values())
        assert tally.new + tally.changed + tally.unchanged == sent


def same_value(one: Any, other: Any) -> bool:
    """Tell whether two values are one in JSON: ``True`` is not ``1``, and ``1.0`` is."""
    if one is UNKNOWN:
        return False
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
