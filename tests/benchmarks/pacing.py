"""How busy a push keeps the service, and how often it asks: the share of the push that a job runs, polls a job.

``python tests/benchmarks/pacing.py`` pushes ten chunks whose jobs take 4 s to a sandbox over HTTP, and prints one line
for each way that jobs tell how far they are. The aims: busy at least 93 % of the push, at most 12 polls a job.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import pandas as pd

import analytex_pandas as apd

ROWS = 200
MANNERS: dict[str, dict[str, Any]] = {
    "progress": {},
    "no progress": {"job_keys": ["filename"]},
    "urns, pages": {"job_ids": "urn", "job_list": "paginated", "page_size": 3},
}


def measure(seconds: float, chunks: int, manners: dict[str, Any]) -> tuple[float, int, float]:
    """Return the busy share of a push of jobs of so many seconds, and polls a job at most and on average."""
    frame = pd.DataFrame({"user_id": range(ROWS * chunks), "n": 1})
    with apd.sandbox(rows_per_minute=ROWS / seconds * 60, **manners) as service:
        push = apd.push_users(frame, client=service.client, chunk_rows=ROWS, progress=False)
        asked = service.requests
    assert push.status == "completed"
    submits = [request.at for request in asked if request.endpoint == "submit"]
    ends = [request.at for request in asked if request.endpoint == "job"]
    polls = Counter(request.job_id for request in asked if request.endpoint == "job")
    return (
        chunks * seconds / (max(ends) - min(submits)).total_seconds(),
        max(polls.values()),
        len(ends) / chunks,
    )


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of a job")
    parser.add_argument("--chunks", type=int, default=10)
    asked = parser.parse_args()
    for name, manners in MANNERS.items():
        busy, most, mean = measure(asked.seconds, asked.chunks, manners)
        print(f"{name:12} busy {busy:6.1%}   polls a job: {most} at most, {mean:.1f} on average")


if __name__ == "__main__":
    main()
