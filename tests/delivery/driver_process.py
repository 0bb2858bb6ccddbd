"""Drives a push in a process of its own, to be killed: ``python driver_process.py STATE URL KEY PUSH_ID``.

Resumes the push if the journal has it, else starts it from the plan that waits in STATE/plan. Says "driving" when it
has begun, and at the end prints what a user would look at, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from driving import resume, start

from analytex_pandas.delivery.spool import Spool
from analytex_pandas.errors import AnalytexError, NotFoundError
from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.service.client import Client

__all__ = ["AnalytexError", "Client", "begun"]

if TYPE_CHECKING:
    from analytex_pandas.push import Push


def main(state: Path, url: str, key: str, push_id: str) -> None:
    """Drive the push to its end."""
    client = Client(key, url, timeout=5.0, state_directory=state)
    push = begun(state, client, push_id)
    print("driving", flush=True)  # noqa: T201  # how the parent knows
    push.wait()
    print(json.dumps(seen(push)), flush=True)  # noqa: T201  # how the parent reads it


def begun(state: Path, client: Client, push_id: str) -> Push:
    """Return the push, driven."""
    try:
        return resume(push_id, client)
    except NotFoundError:
        document = PlanDocument.from_bytes((state / "plan").read_bytes())
        return start(document, Spool(state / "spool" / push_id), client)


def seen(push: Push) -> dict[str, object]:
    """Return what a user sees of a push."""
    errors = push.errors
    return {
        "status": push.status,
        "counts": {name: int(count) for name, count in push.counts.items()},
        "jobs": [str(job_id) for job_id in push.jobs["job_id"]],
        "positions": [None if position is None else int(position) for position in errors["position"]],
        "index": [list(label) if isinstance(label, tuple) else label for label in errors["index"]],
        "ids": list(errors["id"]),
        "failed": push.failed.index.tolist(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
