"""How much memory a plan of a Parquet file takes above rest, at two sizes of the file.

``python tests/benchmarks/memory.py`` plans each file in a process of its own and prints the peak above what the
process had when everything was imported and the first small plan was made. One file is of many row groups, one is a
single one, and one has a column of long text. Linux only: what ``getrusage`` calls a process's peak is, after a fork,
that of its parent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from encoding import sample_frame

PART = 50_000
LONG = 4_000


def write_parquet(path: Path, rows: int, *, group: int = PART, long: bool = False) -> None:
    """Write so many sample rows, `group` of them a row group, with a column of `LONG` characters if asked."""
    parts = []
    for start in range(0, rows, PART):
        frame = sample_frame(min(PART, rows - start), seed=start)
        frame["user_id"] = [f"user-{start + i}" for i in range(len(frame))]
        if long:
            frame["long"] = [f"{start + i} ".ljust(LONG, "abcdefg"[i % 7]) for i in range(len(frame))]
        parts.append(pa.Table.from_pandas(frame, preserve_index=False))
    pq.write_table(pa.concat_tables(parts), path, row_group_size=group)


def memory(field: str) -> float:
    """Return what Linux says of this process's memory, in MB: ``VmRSS`` now, ``VmHWM`` at most since it was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def measure(path: Path, small: Path) -> None:
    """Plan a file and print the peak above rest in MB."""
    import analytex_pandas as apd

    apd.plan_users(small)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    rest = memory("VmRSS")
    plan = apd.plan_users(path)
    print(
        f"{path.stem:>12}: {plan.rows:>10,} rows, {plan.bytes / 1e6:>6,.0f} MB of records: "
        f"{memory('VmHWM') - rest:.0f} MB above rest"
    )


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[500_000, 2_000_000])
    parser.add_argument("--measure", nargs=2, type=Path)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_parquet(directory / "small.parquet", 1_000)
        for rows in arguments.rows:
            write_parquet(directory / f"{rows}-groups.parquet", rows)
            write_parquet(directory / f"{rows}-one.parquet", rows, group=rows)
            write_parquet(directory / f"{rows // 10}-long.parquet", rows // 10, group=rows, long=True)
        paths = sorted(directory.glob("*-*.parquet"), key=lambda path: path.stem.partition("-")[::-1])
        for path in paths:
            command = [sys.executable, __file__, "--measure", path, directory / "small.parquet"]
            subprocess.run(
                command, check=True, env={**os.environ, "ANALYTEX_STATE_DIR": str(directory / "state")}
            )


if __name__ == "__main__":
    main()
