"""How much memory a plan of a Parquet file takes above rest, at two sizes of the file.

``python tests/benchmarks/memory.py`` plans each file in a process of its own and prints the peak above what the
process had when everything was imported and the first small plan was made.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from encoding import sample_frame

PART = 250_000


def write_parquet(path: Path, rows: int) -> None:
    """Write so many sample rows, part by part."""
    writer = None
    for start in range(0, rows, PART):
        frame = sample_frame(min(PART, rows - start), seed=start)
        frame["user_id"] = [f"user-{start + i}" for i in range(len(frame))]
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(path: Path, small: Path) -> None:
    """Plan a file and print the peak above rest in MB."""
    import analytex_pandas as apd

    apd.plan_users(small)
    rest = peak()
    plan = apd.plan_users(path)
    print(
        f"{plan.rows:>10,} rows, {plan.bytes / 1e6:>6,.0f} MB of records: {peak() - rest:.0f} MB above rest"
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
            path = directory / f"{rows}.parquet"
            write_parquet(path, rows)
            command = [sys.executable, __file__, "--measure", path, directory / "small.parquet"]
            subprocess.run(
                command, check=True, env={**os.environ, "ANALYTEX_STATE_DIR": str(directory / "state")}
            )


if __name__ == "__main__":
    main()
