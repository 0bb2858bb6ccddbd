"""How fast a frame becomes chunk files, beside polars' ``write_ndjson`` and pandas' ``to_json``, over five shapes.

``python tests/benchmarks/encoding.py`` runs them in turn, with every core each, on the same nested records in files of
10,000, and prints seconds, and ratios pair by pair: these hold where a machine's speed drifts. Ours is a whole plan:
every value checked, ids compared, disk included. ``--against DIRECTORY`` times the package in another checkout, too: in
processes of their own, in turn with those of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 10_000
SCRIPTS = ["Zoë", "Łukasz", "Дмитрий", "Ελένη", "李小龍", "さくら", "محمد", "नेहा", "한지민", "Ann"]


def sample_frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """Text with escapes, categories, floats, datetimes, gaps: 12 columns."""
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


def many_scripts(rows: int, seed: int = 0) -> pd.DataFrame:
    """Names of many scripts, 30 % of them with escapes, unique e-mails, aware datetimes, gaps, random floats."""
    chance = np.random.default_rng(seed)
    names = np.array(
        [f"{SCRIPTS[i % 10]} {i}" + ' "q"\n' * (i % 10 < 3) for i in range(50_000)], dtype=object
    )
    aware = pd.Timestamp("2020-01-01", tz="Europe/Berlin")
    return pd.DataFrame(
        {
            "user_id": [f"user-{i}" for i in range(rows)],
            "name": names[chance.integers(0, 50_000, rows)],
            "email": [f"someone.{i}@example.com" for i in range(rows)],
            "seen": aware + pd.to_timedelta(chance.integers(0, 10**14, rows), unit="us"),
            "age": pd.array(chance.integers(0, 99, rows), "Int64"),
            "rank": pd.Series(chance.integers(0, 10**6, rows))
            .where(chance.random(rows) < 0.8)
            .astype("Int64"),
            "score": chance.random(rows),
        }
    )


def short_words(rows: int, seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    words = np.array([f"w{i}" for i in range(3_000)], dtype=object)
    columns = {f"word_{i}": words[chance.integers(0, 3_000, rows)] for i in range(8)}
    return pd.DataFrame({"user_id": [f"u{i}" for i in range(rows)], **columns})


def numbers(rows: int, seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    whole = {f"whole_{i}": chance.integers(0, 10 ** (2 * i + 1), rows) for i in range(4)}
    real = {f"real_{i}": chance.normal(0, 10.0**i, rows) for i in range(4)}
    return pd.DataFrame({"user_id": np.arange(rows), **whole, **real})


def wide(rows: int, seed: int = 0) -> pd.DataFrame:
    """60 columns, a fifth of the rows."""
    chance = np.random.default_rng(seed)
    rows //= 5
    words = np.array([f"value {i}" for i in range(500)], dtype=object)
    start = pd.Timestamp("2020-01-01")
    columns: dict[str, object] = {}
    for i in range(15):
        columns[f"text_{i}"] = words[chance.integers(0, 500, rows)]
        columns[f"whole_{i}"] = chance.integers(0, 10**6, rows)
        columns[f"real_{i}"] = np.where(chance.random(rows) < 0.2, np.nan, chance.normal(0, 100, rows))
        columns[f"time_{i}"] = start + pd.to_timedelta(chance.integers(0, 10**8, rows), unit="s")
    return pd.DataFrame({"user_id": [f"user-{i}" for i in range(rows)], **columns})


SHAPES = {
    "mixed": sample_frame,
    "many scripts": many_scripts,
    "short words": short_words,
    "numbers": numbers,
    "wide": wide,
}


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


def pairs(frame: pd.DataFrame, rounds: int) -> list[tuple[float, float]]:
    """Return seconds of ours and of polars, in turn."""
    polars_frame = pl.from_pandas(frame)
    took = [
        (
            seconds(partial(with_us, frame)),
            seconds(partial(with_polars, polars_frame)),
        )
        for _ in range(rounds + 1)
    ]
    return took[1:]  # the first warms up


def elsewhere(checkout: Path, shape: str, rows: int) -> float:
    """Return the least seconds of ours in a process that takes the package from a checkout."""
    command = [sys.executable, __file__, "--rows", str(rows), "--rounds", "2", "--shapes", shape, "--bare"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return float(json.loads(subprocess.check_output(command, env=environment)))


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    parser.add_argument("--pandas", action="store_true", help="time pandas, too")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    medians = []
    for shape in arguments.shapes:
        frame = SHAPES[shape](arguments.rows)
        if arguments.bare:
            print(min(seconds(partial(with_us, frame)) for _ in range(arguments.rounds + 1)))
            continue
        took = pairs(frame, arguments.rounds)
        ours, theirs = min(our for our, _ in took), min(their for _, their in took)
        medians.append(statistics.median(our / their for our, their in took))
        print(
            f"{shape:12} plan {ours:.2f} s, polars {theirs:.2f} s, median ratio {medians[-1]:.2f}", flush=True
        )
        if arguments.against is not None:
            here = Path(apd.__file__).parents[1]
            both = [
                (elsewhere(here, shape, arguments.rows), elsewhere(arguments.against, shape, arguments.rows))
                for _ in range(arguments.rounds)
            ]
            now, then = min(now for now, _ in both), min(then for _, then in both)
            print(f"{shape:12} now {now:.2f} s, there {then:.2f} s, ratio {now / then:.2f}", flush=True)
        if arguments.pandas:
            part = frame.head(len(frame) // 10)
            pandas = seconds(partial(with_pandas, part)) * len(frame) / len(part)
            print(
                f"{shape:12} pandas {pandas:.1f} s (of a tenth of the rows), {pandas / ours:.0f} times ours"
            )
    if len(medians) > 1:
        print(f"median ratio to polars over the shapes {statistics.median(medians):.2f}")


if __name__ == "__main__":
    main()
