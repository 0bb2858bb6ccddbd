"""Ten million profiles, of which nothing has changed: read by one process, and staged by the workers of Dask.

``python tests/benchmarks/staging.py [millions of rows] [streamed|staged]``; needs the extra ``dask``. What a first
night would leave in the memory of the account is written there directly; the second night is measured.

Two cores that six others used (November 2026): streamed 126 s and 1.65 GB, staged 256 s and 1.59 GB here, 0.74 GB in
the workers; 1.1 GB of either is the mapped memory of the account. Nothing compared, two million rows: 20 s streamed,
12 s staged, 0.40 GB here, and with 600,000 rows 0.38 GB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
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


def remember(parts: int) -> None:
    """Write into the account's memory what a first night would leave there: sending it takes the service six days."""
    start = time.perf_counter()
    journal = Journal(client().state_directory)
    account = client().account_digest(journal.salt())
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
    print(f"remembered {parts * ROWS:,} rows in {time.perf_counter() - start:,.0f} s", flush=True)


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


def streamed(parts: int) -> None:
    """Plan a night by one process that reads one partition after the other."""
    options: dict[str, Any] = {"client": client(), "only_changed": True}
    measured("streamed by one process", lambda: apd.plan_users(map(partition, range(parts)), **options))


def staged(parts: int) -> None:
    """Plan a night by two workers of Dask."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    frame = dd.from_map(partition, range(parts), meta=partition(0, 0))
    options: dict[str, Any] = {"client": client(), "only_changed": True, "staging": tempfile.mkdtemp()}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster),
    ):
        measured("staged by two workers", lambda: apd.plan_users(frame, **options))


def client() -> apd.Client:
    """Return the client of an account that is never asked."""
    return apd.Client("a-key", "http://127.0.0.1:9")


STEPS = {"remember": remember, "streamed": streamed, "staged": staged}


def main() -> None:
    """Do one step, or each in a process of its own, so that none has what another left in memory."""
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        STEPS[sys.argv[1]](int(sys.argv[2]))
        return
    parts = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6) // ROWS
    with tempfile.TemporaryDirectory() as state:
        for step in ["remember", *(sys.argv[2:] or ["streamed", "staged"])]:
            environment = os.environ | {"ANALYTEX_STATE_DIR": state}
            subprocess.run([sys.executable, __file__, step, str(parts)], check=True, env=environment)


if __name__ == "__main__":
    main()
