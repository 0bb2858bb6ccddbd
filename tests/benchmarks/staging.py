"""Ten million profiles, of which nothing has changed: read by one process, and staged by the workers of Dask.

``python tests/benchmarks/staging.py [millions of rows] [streamed|staged]``; needs the extra ``dask``. Each road has a
process of its own: the first night is sent to the memory of the account directly, the second is measured.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

import analytex_pandas as apd
from analytex_pandas.delivery import bases
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.memory import moved
from analytex_pandas.engines.parts import read_part
from analytex_pandas.engines.staging import Recipe
from analytex_pandas.frame.options import checked_options
from analytex_pandas.frame.places import place_of

ROWS = 200_000
"""Rows of a partition."""


def partition(number: int, rows: int = ROWS) -> pd.DataFrame:
    """Return a partition of 12 columns: text, numbers, flags, times, with gaps."""
    places = np.arange(number * ROWS, number * ROWS + rows)
    words = pd.array(
        pa.array(["red", "green", "blue", None]).take(pa.array(places % 4)), dtype=pd.ArrowDtype(pa.string())
    )
    frame = pd.DataFrame({"user_id": pd.Series(places).astype("string[pyarrow]"), "colour": words})
    for name in ("a", "b", "c"):
        frame[name] = places * (ord(name) - 90)
    for name in ("f", "g", "h"):
        frame[name] = np.where(places % 7, places / ord(name), np.nan)
    frame["on"] = places % 2 == 0
    frame["off"] = places % 3 == 0
    frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(places % 10_000_000, unit="s")
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(places % 300, unit="D")
    return frame


def remember(client: apd.Client, parts: int) -> None:
    """Write into the account's memory what a first night would leave there: sending it takes the service six days."""
    journal = Journal(client.state_directory)
    account = client.account_digest(journal.salt())
    options = checked_options("users", {"only_changed": True})
    directory = place_of(tempfile.mkdtemp())
    recipe = Recipe(directory.shown, "users", options, journal.salt())
    layers = [
        read_part(directory, recipe.stage(partition(number)), 0, None).digests() for number in range(parts)
    ]
    shutil.rmtree(directory.shown)
    base = bases.write_base(journal, layers)
    with journal.writing() as connection:
        revision = moved(connection, account, "users")
        connection.execute(
            "UPDATE memory SET base = ?, folded = ? WHERE account = ? AND kind = 'users'",
            [base, revision, account],
        )


def tree_bytes() -> dict[str, int]:
    """Return the resident bytes of this process and of its children."""
    own, found = os.getpid(), {"driver": 0, "workers": 0}
    parents = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                status = dict(
                    line.split(":\t", 1)
                    for line in (place / "status").read_text().splitlines()
                    if ":\t" in line
                )
            except OSError:
                continue
            parents[int(place.name)] = (int(status["PPid"]), int(status.get("VmRSS", "0").split()[0]) * 1024)
    for process, (_, size) in parents.items():
        above = process
        while above and above != own:
            above = parents.get(above, (0, 0))[0]
        if above == own:
            found["driver" if process == own else "workers"] += size
    return found


def measured(what: str, work: Any) -> None:
    """Print how long some work takes and how much memory at most, here and in the workers."""
    before, most, done = tree_bytes(), {"driver": 0, "workers": 0}, threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            for name, size in tree_bytes().items():
                most[name] = max(most[name], size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        plan = work()
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - start
    sizes = ", ".join(
        f"{name} {most[name] / 1e6:,.0f} MB (before {before[name] / 1e6:,.0f})" for name in most
    )
    print(f"{what}: {seconds:,.1f} s; {sizes}; {dict(plan.counts)}", flush=True)


def main() -> None:
    """Measure one road, or both."""
    parts = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6) // ROWS
    roads = sys.argv[2:] or ["streamed", "staged"]
    os.environ["ANALYTEX_STATE_DIR"] = tempfile.mkdtemp()
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    client = apd.Client("a-key", "http://127.0.0.1:9")
    start = time.perf_counter()
    remember(client, parts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"remembered {parts * ROWS:,} rows in {time.perf_counter() - start:,.0f} s (peak {peak:,.0f} MB)",
        flush=True,
    )
    frame = dd.from_map(partition, range(parts), meta=partition(0, 0))
    options: dict[str, Any] = {"client": client, "only_changed": True, "progress": False}
    if "streamed" in roads:
        del options["progress"]
        measured("streamed by one process", lambda: apd.plan_users(map(partition, range(parts)), **options))
    if "staged" in roads:
        options.pop("progress", None)
        staging = tempfile.mkdtemp()
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
            ) as cluster,
            Client(cluster),
        ):
            measured("staged by two workers", lambda: apd.plan_users(frame, staging=staging, **options))


if __name__ == "__main__":
    main()
