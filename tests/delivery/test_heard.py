"""What any answer about a job said of its rows counts, over chunks and pushes, on frames that are no plain lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from driving import client_of, wait_until
from other_service import OtherService

import analytex_pandas as apd
from analytex_pandas.delivery.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from other_service import RemoteJob

    Told = Callable[[list[int], list[dict[str, Any]]], Any]
    """From the places of refused records, and all records, to what a job says of errors."""

BAD = {"b", "4", "k", "m"}
FRAME = pd.DataFrame(
    {
        "user_id": ["a", "b", None, "3", "4", "5", "b", "k", "l", "m", "n", "o", "p"],
        "company_id": ["c1", "c1", "c1", "c2", "3", "c2", "c1", "c3", "c3", "c1", "c1", "4", "4"],
        "email": [f"{n}@x" for n in range(6)] + ["1@x"] + [f"{n}@x" for n in range(7, 13)],
    },
    index=pd.MultiIndex.from_arrays([list("xxxxxxyyyyyyy"), range(13)]),
)
"""Eleven rows go out, in chunks of four: the third is skipped, the seventh is the second again."""
POSITIONS = {"b": 1, "4": 4, "k": 7, "m": 9}


class Telling(OtherService):
    """Refuses the users in BAD, says so by `told` in some answers, and counts rows as done by `mode`."""

    mode = "right"
    told: Any = None
    gone_at_the_end = False
    said_in: tuple[str, ...] = ("poll",)

    def describe(self, job: RemoteJob, view: str) -> dict[str, Any]:
        document = super().describe(job, view)
        records = [json.loads(line) for line in job.lines]
        bad = [place for place, record in enumerate(records) if record["user_id"] in BAD]
        ended = document["status"] == "completed"
        document.pop("errors", None)
        if ended:
            document["completed_rows"] = len(records) - (len(bad) if self.mode == "right" else 0)
        if self.mode == "absent":
            document.pop("completed_rows", None)
        if view in self.said_in and not (ended and self.gone_at_the_end):
            told = self.told(bad, records) if bad else None
            document |= told if isinstance(told, dict) and "beside" in told else {"errors": told}
        return document

    def listing(self, query: str) -> tuple[int, object]:
        if "list" not in self.said_in:
            return super().listing(query)
        return 200, [self.describe(job, "list") for job in reversed(self.jobs)]

    def submit(self, path: str, headers: Any, body: bytes) -> tuple[int, object]:
        status, document = super().submit(path, headers, body)
        if isinstance(document, dict) and "submit" in self.said_in and self.jobs:
            document |= {"errors": self.describe(self.jobs[-1], "submit").get("errors")}
        return status, document


def pushed(service: OtherService, state: Path, **more: Any) -> apd.Push:
    """Push the frame in chunks of four rows, to its end."""
    options: Any = {
        "client": client_of(service, state),
        "invalid": "skip",
        "chunk_rows": 4,
        "only_changed": True,
    }
    push = apd.push_users(FRAME, **options, **more, wait=False, progress=False)
    return push.wait(30)


EXACT: dict[str, Told] = {
    "ids": lambda bad, records: [{"id": records[n]["user_id"], "message": "no"} for n in bad],
    "keyed by id": lambda bad, records: {records[n]["user_id"]: {"email": ["no"]} for n in bad},
    "pointers": lambda bad, _: [{"source": {"pointer": f"/data/{n}/email"}, "detail": "no"} for n in bad],
    "0-based rows, shown by an id": lambda bad, records: [
        {"row": n, "message": "no", **({"user_id": records[n]["user_id"]} if place == 0 else {})}
        for place, n in enumerate(bad)
    ],
    "lines after a header, shown by a value": lambda bad, records: [
        {"line": n + 2, "field": "email", "value": records[n]["metadata"]["email"], "message": "no"} for n in bad
    ],
    "results": lambda bad, records: {
        "FailedPutCount": len(bad),
        "Records": [{"ErrorCode": "E", "ErrorMessage": "no"} if n in bad else {} for n in range(len(records))],
    },
    "echoes": lambda bad, records: [{"original": json.dumps(records[n]), "errors": [{"message": "no"}]} for n in bad],
}  # fmt: skip
NOWHERE: dict[str, Told] = {
    "remarks": lambda bad, _: ["a row was refused"] * len(bad),
    "a count": lambda bad, _: {"beside": 1, "errors": [], "failed_rows": len(bad)},
    "a report": lambda bad, _: {"beside": 1, "error_report_url": "https://x.example/r", "errorCount": len(bad)},
    "how many were taken": lambda bad, records: {"beside": 1, "success_count": len(records) - len(bad)},
    "how many, in words": lambda bad, records: {
        "beside": 1,
        "note": f"Saved {len(records) - len(bad)} of {len(records)}",
    },
    "strangers": lambda bad, _: [{"user_id": f"zoe{n}", "message": "no"} for n in bad],
}  # fmt: skip
MODES = ("right", "all", "absent")
"""What completed_rows is; each with each report is tried in ``test_shapes.py``, without a service."""


@pytest.mark.parametrize(("told", "mode"), [(told, MODES[n % 3]) for n, told in enumerate(EXACT)])
def test_refusals_lie_on_their_rows_in_every_chunk(told: str, mode: str, tmp_path: Path) -> None:
    """With their place in the frame and their label; and only they go again, with what has changed."""
    with Telling(seconds_a_job=0.01) as service:
        service.told, service.mode = EXACT[told], mode
        push = pushed(service, tmp_path)
        assert sorted(push.errors["position"].tolist()) == sorted(POSITIONS.values())
        assert push.errors["index"].tolist() == [FRAME.index[place] for place in push.errors["position"]]
        assert (push.errors["message"] == "no").all()
        counts = push.counts
        assert (counts["refused"], counts["unknown"], counts["acknowledged"]) == (4, 0, 7)
        with pytest.raises(apd.PushError):
            push.raise_for_errors()
        before = service.applied()
        pushed(service, tmp_path)
        assert service.applied() - before == dict.fromkeys(POSITIONS, 1)


@pytest.mark.parametrize(("told", "mode"), [(told, MODES[n % 3]) for n, told in enumerate(NOWHERE)])
def test_refusals_that_lead_nowhere_leave_rows_unknown(told: str, mode: str, tmp_path: Path) -> None:
    """As many as were refused at least; the whole of their chunks goes again, with what has changed."""
    with Telling(seconds_a_job=0.01) as service:
        service.told, service.mode = NOWHERE[told], mode
        push = pushed(service, tmp_path)
        counts = push.counts
        assert (counts["refused"], counts["unknown"], counts["acknowledged"]) == (0, 4, 7)
        assert push.errors["position"].isna().all()
        with pytest.raises(apd.PushError, match="unknown"):
            push.raise_for_errors()
        assert push.retry(unknown=True, wait=False, progress=False).wait(30).counts["input"] == 8
        before = service.applied()
        pushed(service, tmp_path)
        assert (service.applied() - before).total() == 8


@pytest.mark.parametrize("said_in", ["poll", "submit", "list"])
def test_errors_that_are_gone_at_the_end_stay(said_in: str, tmp_path: Path) -> None:
    """Whatever answer had them: the submit's, the list's, or one while the job ran."""
    with Telling(seconds_a_job=0.8) as service:
        service.gone_at_the_end, service.said_in, service.mode = True, (said_in,), "all"
        service.told = EXACT["ids"]
        push = pushed(service, tmp_path)
        assert {name for name, place in POSITIONS.items() if place in push.errors["position"].tolist()} == BAD
        assert push.counts["refused"] == 4


@pytest.mark.parametrize("said_in", ["poll", "submit"])
def test_errors_of_which_a_killed_process_heard_stay(said_in: str, tmp_path: Path) -> None:
    """The end does not say them again, and the process that heard them is gone."""
    with Telling(seconds_a_job=2.0) as service:
        service.gone_at_the_end, service.said_in, service.mode = True, (said_in,), "all"
        service.told = EXACT["ids"]
        code = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from test_heard import *\n"
            f"client = apd.Client({service.key!r}, {service.url!r}, state_directory=Path({str(tmp_path)!r}))\n"
            "apd.push_users(FRAME, client=client, invalid='skip', chunk_rows=4, wait=True, progress=False)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            wait_until(lambda: service.calls["poll"] >= 2)
            process.kill()
        push = apd.resume(None, client=client_of(service, tmp_path), wait=False).wait(30)
        assert {name for name, place in POSITIONS.items() if place in push.errors["position"].tolist()} == BAD
        assert push.counts["refused"] == 4
        told = Journal(tmp_path).rows("SELECT heard FROM chunk")
        assert [*map(tuple, told)] == [(None,)] * 3, (
            "what was told of people stays no longer than it is needed"
        )


def test_what_one_chunk_taught_holds_in_the_next_and_in_the_next_push(tmp_path: Path) -> None:
    """A number alone is believed once it was seen where numbers begin; in a new kernel, too."""

    def told(bad: list[int], records: list[dict[str, Any]]) -> Any:
        first = any(record["user_id"] == "a" for record in records)
        return [
            {"index": n + 1, "message": "no", **({"user_id": records[n]["user_id"]} if first else {})}
            for n in bad
        ]

    with Telling(seconds_a_job=0.01) as service:
        service.told = told
        push = pushed(service, tmp_path)
        assert sorted(push.errors["position"].tolist()) == sorted(POSITIONS.values())
        again = pushed(service, tmp_path)  # the refused ones only, none of which shows it
        assert sorted(again.errors["position"].tolist()) == sorted(POSITIONS.values())


def test_a_company_that_is_named_stands_for_its_users(tmp_path: Path) -> None:
    """Also where companies and users are called alike."""
    with Telling(seconds_a_job=0.01) as service:
        service.told = lambda bad, records: [
            {"company_id": records[n].get("company_id"), "message": "no"} for n in bad
        ]
        push = pushed(service, tmp_path)
        # Of the first chunk c1 (a and b) and 3 (user 4); of the second c3 (k and l); of the third c1 (m and n).
        assert sorted(push.errors["position"].tolist()) == [0, 1, 4, 7, 8, 9, 10] or push.counts["unknown"]
        assert push.counts["refused"] == len(set(push.errors["position"].dropna()))
