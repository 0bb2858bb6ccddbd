"""How long it takes to tell what of a frame has changed, beside the time of encoding it.

``python tests/benchmarks/changes.py`` remembers all rows of the frame of ``encoding.py`` as acknowledged, among
``--known`` profiles, and plans it in turn with and without ``only_changed``, a hundredth of the values changed. The
target: deciding takes at most twice the time of encoding, so a plan at most three times. Peak memory is of the process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

import analytex_pandas as apd
from analytex_pandas.delivery.bases import write_base
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.memory import moved, recall
from analytex_pandas.frame.batch import prepare, sent_columns
from analytex_pandas.frame.columns import json_type_of
from analytex_pandas.frame.fingerprints import of_columns
from analytex_pandas.frame.layout import layout
from analytex_pandas.frame.memory import Layer, Memory, merged
from analytex_pandas.frame.options import Options
from analytex_pandas.frame.pandas_frames import frame_source

sys.path.insert(0, str(Path(__file__).parent))
from encoding import sample_frame

if TYPE_CHECKING:
    import pandas as pd

SALT = b"benchmark"


def layer_of_frame(frame: pd.DataFrame, salt: bytes) -> Layer:
    """Return a frame as if every row of it had been acknowledged."""
    source = frame_source(frame)
    known = layout(source.fields or (), Options(), "users")
    layers = []
    for batch in source.batches():
        prepared = prepare(batch, known, "users")
        types = {name: json_type_of(coerced.kinds) for name, coerced in prepared.properties.items()}
        found = of_columns(prepared.id.text, sent_columns(prepared, types), salt)
        layers.append(Layer(found.ids, found.exists, found.cells))
    return merged(layers)


def strangers(layer: Layer, count: int) -> Layer:
    """Return other profiles with the same properties."""
    chance = np.random.default_rng(1)

    def some() -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return chance.integers(2, 2**63, count).astype(np.uint64) | np.uint64(1)

    return Layer(np.unique(some()), some()[:count], {name: some() for name in layer.cells})


def remember(journal: Journal, client: apd.Client, frame: pd.DataFrame, known: int) -> Memory:
    """Make the account have acknowledged a frame, among so many profiles in all."""
    account = client.account_digest(journal.salt())
    layers = [layer_of_frame(frame, journal.salt())]
    if known > len(frame):
        layers.insert(0, strangers(layers[0], known - len(frame)))
    base = write_base(journal, layers)
    with journal.writing() as connection:
        moved(connection, account, "users")
        connection.execute("UPDATE memory SET base = ?", [base])
    return recall(journal, account, "users")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--known", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    frame = sample_frame(arguments.rows)
    client = apd.Client("benchmark-key", "http://127.0.0.1:9")
    with tempfile.TemporaryDirectory() as state:
        import os

        os.environ["ANALYTEX_STATE_DIR"] = state
        known = remember(Journal(Path(state)), client, frame, arguments.known)
        print(f"{sum(len(layer.ids) for layer in known.layers):,} profiles remembered")
        changed = frame.copy()
        rows = np.random.default_rng(2).random(len(frame)) < 0.01  # a hundredth
        changed.loc[rows, "logins"] += 1
        ratios = []
        for number in range(arguments.rounds + 1):
            plain = seconds(changed, client, only_changed=False)
            deciding = seconds(changed, client, only_changed=True)
            if number:  # the first warms up
                ratios.append(deciding / plain)
                print(f"encoding {plain:.2f} s, with deciding {deciding:.2f} s, ratio {ratios[-1]:.2f}")
        print(f"median ratio {statistics.median(ratios):.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {peak:,.0f} MiB, of Arrow now {pa.total_allocated_bytes() / 2**20:,.0f}")


def seconds(frame: pd.DataFrame, client: apd.Client, *, only_changed: bool) -> float:
    """Return how long a plan takes."""
    start = time.perf_counter()
    plan = apd.plan_users(frame, client=client, only_changed=only_changed)
    took = time.perf_counter() - start
    expected = frame.shape[0] if not only_changed else None
    if (expected is not None and plan.rows != expected) or (only_changed and plan.counts["unchanged"] == 0):
        raise AssertionError(plan.counts)
    return took


if __name__ == "__main__":
    main()
