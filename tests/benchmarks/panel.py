"""What a live panel costs while a push of a thousand chunks runs: share of one core, bytes a second.

``python tests/benchmarks/panel.py`` draws a simulated push four times a second, the jobs table open, and counts the
processor time of drawing and the JSON that the widgets send. The targets: under 1 % of one core, under 20 kB a second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import comm
import pandas as pd

import analytex_pandas as apd
from analytex_pandas.delivery.drive import Drive
from analytex_pandas.delivery.journal import Journal
from analytex_pandas.delivery.state import ChunkState, PushState, counted
from analytex_pandas.push import Push
from analytex_pandas.show.panel import PushPanel

A_SECOND = 4
ROWS = 100
sent = [0]


class Recording(comm.DummyComm):
    """Counts what is sent to the front end."""

    def send(self, data: Any = None, **_: Any) -> None:
        """Count a message."""
        sent[0] += len(json.dumps(data, ensure_ascii=False).encode())


def state_at(tick: int, chunks: int) -> PushState:
    """Return the push at a tick; a chunk ends every two seconds."""
    ended, processed = divmod(tick, 2 * A_SECOND)
    current = ended + chunks // 2
    made = tuple(
        ChunkState(
            number,
            ROWS,
            50 * ROWS,
            "completed" if number <= current else "processing" if number == current + 1 else "pending",
            job_id=f"job-{number}" if number <= current + 1 else None,
            completed_rows=ROWS if number <= current else 12 * processed,
        )
        for number in range(1, chunks + 1)
    )
    planned = {"input": ROWS * chunks, "invalid": 0, "duplicate": 0, "unchanged": 0}
    return PushState(
        id="20261123-231500-3f9a1c",
        kind="users",
        status="running",
        counts=counted(planned, made),
        chunks=made,
        current=current + 1,
        activity=f"chunk {current + 1}: {12 * processed} of {ROWS} rows",
        rate=3_000.0 + tick,
    )


def main() -> None:
    """Run the simulation in real time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    comm.create_comm = Recording
    with tempfile.TemporaryDirectory() as directory:
        plan = apd.plan_users(pd.DataFrame({"user_id": ["ann"]}))
        client = apd.Client("k-steered", "http://127.0.0.1:9", state_directory=directory)
        drive = Drive(plan.document, state_at(0, arguments.chunks), Journal(Path(directory)), client)
        push = Push(drive, plan)
        panel = PushPanel(push)
        panel.live.draw()
        panel.jobs.toggle.click()
        sent[0] = 0
        spent = 0.0
        begin = time.monotonic()
        for tick in range(1, A_SECOND * arguments.seconds + 1):
            state = state_at(tick, arguments.chunks)
            values = {
                name: getattr(state, name) for name in ("counts", "chunks", "current", "activity", "rate")
            }
            drive.show(phase="running", **values)
            drive.announce()
            start = time.process_time()
            panel.live.draw()
            spent += time.process_time() - start
            time.sleep(max(begin + tick / A_SECOND - time.monotonic(), 0))
        took = time.monotonic() - begin
    print(f"{100 * spent / took:.2f} % of a core, {sent[0] / took / 1_000:.1f} kB a second")


if __name__ == "__main__":
    main()
