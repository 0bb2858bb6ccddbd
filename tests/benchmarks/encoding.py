"""How fast a frame becomes chunk files, beside polars' ``write_ndjson`` and pandas' ``to_json``.

``python tests/benchmarks/encoding.py`` runs them in turn, with every core each, on the same nested records in files of
10,000, and prints seconds, and ratios pair by pair: these hold where a machine's speed drifts. Ours is a whole plan:
every value checked, ids compared, disk included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 10_000


def sample_frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return rows × 12 columns: text with escapes, categories, floats, datetimes, gaps."""  # noqa: RUF002  # a product
    chance = np.random.default_rng(seed)
    names = np.array(
        [f'Name {i} "q" \\ b\n' if i % 7 == 0 else f"Plain name é {i}" for i in range(5_000)], dtype=object
    )
    notes = np.array(
        [f"some longer text with {i} and more words" + '"x"' * (i % 10 == 0) for i in range(20_000)],
        dtype=object,
    )
    alias = names[chance.integers(0, 5_000, rows)]
    alias[chance.random(rows) < 0.2] = None
    score = chance.normal(100, 30, rows)
    score[chance.random(rows) < 0.1] = np.nan
    start = pd.Timestamp("2020-01-01")
    last = pd.Series(start + pd.to_timedelta(chance.integers(0, 10**14, rows), unit="us"))
    last[chance.random(rows) < 0.1] = pd.NaT
    return pd.DataFrame(
        {
            "user_id": [f"user-{i}" for i in range(rows)],
            "name": names[chance.integers(0, 5_000, rows)],
            "note": notes[chance.integers(0, 20_000, rows)],
            "alias": alias,
            "plan": pd.Categorical.from_codes(
                chance.integers(0, 4, rows), ["free", "pro", "team", "enterprise"]
            ),
            "country": pd.Categorical.from_codes(chance.integers(-1, 30, rows), [f"C{i}" for i in range(30)]),
            "score": score,
            "spend": np.round(chance.gamma(2, 50, rows), 2),
            "logins": chance.integers(0, 1_000, rows),
            "active": chance.random(rows) < 0.5,
            "created_at": start + pd.to_timedelta(chance.integers(0, 10**8, rows), unit="s"),
            "last_login": last,
        }
    )


def with_us(frame: pd.DataFrame, directory: Path) -> None:
    """Plan a push and write its chunk files."""
    apd.to_ndjson(frame, directory)


def with_polars(frame: pl.DataFrame, directory: Path) -> None:
    """Write chunk files of nested records with every core."""
    nested = frame.select("user_id", pl.struct(pl.exclude("user_id")).alias("metadata"))

    def write(first: int) -> None:
        nested[first : first + CHUNK].write_ndjson(directory / f"{first}.ndjson")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(0, len(nested), CHUNK)))


def with_pandas(frame: pd.DataFrame, directory: Path) -> None:
    """Write chunk files of nested records, by pandas."""
    properties = [name for name in frame.columns if name != "user_id"]
    for first in range(0, len(frame), CHUNK):
        part = frame.iloc[first : first + CHUNK]
        nested = pd.DataFrame({"user_id": part["user_id"], "metadata": part[properties].to_dict("records")})
        nested.to_json(directory / f"{first}.ndjson", orient="records", lines=True, date_format="iso")


def seconds(work: Callable[[Path], None]) -> float:
    """Return how long `work` takes in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        work(Path(directory))
        return time.perf_counter() - start


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-pandas", action="store_true")
    arguments = parser.parse_args()
    frame = sample_frame(arguments.rows)
    polars_frame = pl.from_pandas(frame)
    ours, theirs = [], []
    for number in range(arguments.rounds + 1):
        pair = (
            seconds(lambda place: with_us(frame, place)),
            seconds(lambda place: with_polars(polars_frame, place)),
        )
        if number:  # the first warms up
            ours.append(pair[0])
            theirs.append(pair[1])
            print(f"plan {pair[0]:.2f} s, polars {pair[1]:.2f} s, ratio {pair[0] / pair[1]:.2f}")
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    print(f"median ratio to polars {statistics.median(ratios):.2f}")
    if not arguments.without_pandas:
        part = frame.head(arguments.rows // 10)
        took = seconds(lambda place: with_pandas(part, place)) * arguments.rows / len(part)
        print(
            f"pandas {took:.1f} s (of a tenth of the rows), {took / statistics.median(ours):.0f} times ours"
        )


if __name__ == "__main__":
    main()
