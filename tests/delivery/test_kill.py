"""kill -9 at any moment, whatever the service does meanwhile: nothing is lost, nothing is applied twice.

``ANALYTEX_KILL_SEEDS=100 pytest tests/delivery/test_kill.py -n 4`` runs a hundred seeds instead of a few.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from driving import resume
from other_service import OtherService, serving
from plans import make_plan

from analytex_pandas.delivery.opening import clean, pushes
from analytex_pandas.errors import AnalytexError
from analytex_pandas.service.client import Client

SEEDS = range(int(os.environ.get("ANALYTEX_KILL_SEEDS", "3")))
DRIVER = Path(__file__).with_name("driver_process.py")
ROOT = Path(__file__).parents[2]
CHUNKS, ROWS = 10, 5
SKIPPED = 3
PUSH_ID = "20261123-231500-3f9a1c"


def bad_rows(shape: str) -> Any:
    """Return a report of every row whose number ends in 3 or 8, in one of the shapes seen."""

    def report(lines: list[bytes]) -> tuple[object, int]:
        records = [json.loads(line) for line in lines]
        bad = [
            place for place, record in enumerate(records) if record.get("metadata", {}).get("n", 0) % 5 == 3
        ]
        errors: Any = {
            "rows": [{"row": place + 1, "message": "bad"} for place in bad],
            "lines": [{"line": place + 1, "error": "bad"} for place in bad],
            "index": [{"index": place, "error_code": "e1", "message": "bad"} for place in bad],
            "ids": [{"user_id": records[place]["user_id"], "details": "bad"} for place in bad],
            "keyed": {str(place + 1): "bad" for place in bad},
            "by id": {records[place]["user_id"]: ["bad"] for place in bad},
        }[shape]
        return errors, len(bad)

    return report


def fault_plan(chance: random.Random) -> Any:
    """Return faults in any order, not so many that nothing would ever get through."""
    kinds = {
        "submit": ["drop", "drop_after", "500", "500_after", "html", "html_after", "429", "empty_after"],
        "list": ["drop", "503", "html", "429", "empty"],
        "poll": ["drop", "500", "html", "429", "html200", "redirect", "504"],
    }
    likely = {"submit": 0.25, "list": 0.15, "poll": 0.15}

    def faults(call: str, _count: int) -> str | None:
        return chance.choice(kinds[call]) if chance.random() < likely[call] else None

    return faults


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_applied_once_and_answered_for(seed: int, tmp_path: Path) -> None:
    """The promise of the whole package: kill the process anywhere, and resume carries on, exactly once."""
    chance = random.Random(seed)  # noqa: S311  # to be replayed, not kept secret
    names = chance.choice(
        [
            pd.RangeIndex(SKIPPED + CHUNKS * ROWS),
            pd.Index([f"label {place}" for place in range(SKIPPED + CHUNKS * ROWS)]),
            pd.MultiIndex.from_tuples(
                [(place // 7, f"k{place}") for place in range(SKIPPED + CHUNKS * ROWS)]
            ),
        ]
    )
    document, _ = make_plan(
        tmp_path, CHUNKS * ROWS, ROWS, push_id=PUSH_ID, skipped=SKIPPED, index=names, invalid="skip"
    )
    (tmp_path / "plan").write_bytes(document.to_bytes())
    with serving(
        seconds_a_job=chance.choice([0.02, 0.2, 0.6]),
        list_style=("bare", "wrapped", "pages")[seed % 3],
        listing_delay=chance.choice([0.0, 0.3]),
        report=bad_rows(("rows", "lines", "index", "ids", "keyed", "by id")[seed % 6]),
        count_refused=chance.random() < 0.5,
        progress=chance.random() < 0.7,
        faults=fault_plan(random.Random(seed + 1)),  # noqa: S311  # to be replayed, not kept secret
    ) as service:
        for _ in range(chance.randint(1, 4)):
            if kill_after(chance.expovariate(0.8), drive(tmp_path, service)):
                break
        result = finish(drive(tmp_path, service))
    wanted = {f"u{position}" for position in range(SKIPPED, SKIPPED + CHUNKS * ROWS)}
    assert service.applied() == dict.fromkeys(wanted, 1)
    names_sent = [f"{PUSH_ID}-{number:05d}.ndjson" for number in range(1, CHUNKS + 1)]
    assert service.uploads() == names_sent
    assert result["jobs"] == [job.job_id for job in service.jobs]
    assert result["counts"] == {
        "input": 53, "invalid": 3, "duplicate": 0, "unchanged": 0, "pending": 0, "in_flight": 0,
        "acknowledged": 40, "refused": 10, "unknown": 0,
    }  # fmt: skip
    refused = [SKIPPED + place for place in range(CHUNKS * ROWS) if place % 5 == 3]
    assert result["positions"] == refused
    labels = [list(names[place]) if isinstance(names[place], tuple) else names[place] for place in refused]
    assert result["index"] == labels
    assert result["ids"] == [f"u{place}" for place in refused]
    assert not list((tmp_path / "spool").iterdir())
    assert not list((tmp_path / "locks").iterdir())


def drive(state: Path, service: OtherService) -> subprocess.Popen[str]:
    """Start a process that drives the push."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(state), service.url, service.key, PUSH_ID],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def kill_after(seconds: float, process: subprocess.Popen[str]) -> bool:
    """Kill a process so many seconds after it began to drive; True when it had ended before."""
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return False
        output, complaints = process.communicate()
        assert process.returncode == 0, complaints
        return bool(output)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Let a process drive the push to its end and return what it saw."""
    with process:
        try:
            output, complaints = process.communicate(timeout=200)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, complaints
    seen: dict[str, Any] = json.loads(output.splitlines()[-1])
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_second_driver_is_told_and_a_dead_one_is_interrupted(tmp_path: Path) -> None:
    """One process drives a push; whoever tries as well learns which, and takes over when it is dead."""
    document, _ = make_plan(tmp_path, CHUNKS * ROWS, ROWS, push_id=PUSH_ID)
    (tmp_path / "plan").write_bytes(document.to_bytes())
    with serving(seconds_a_job=0.5) as service:
        client = Client(service.key, service.url, state_directory=tmp_path)
        process = drive(tmp_path, service)
        assert process.stdout is not None
        with process:
            assert process.stdout.readline() == "driving\n"
            with pytest.raises(AnalytexError, match=rf"driven by process {process.pid} on .* since"):
                resume(None, client)
            assert pushes(tmp_path)["status"].tolist() == ["running"]
            with pytest.raises(AnalytexError, match="driven by"):
                clean(PUSH_ID, None, tmp_path)
            process.kill()
        assert pushes(tmp_path)["status"].tolist() == ["interrupted"]
        service.seconds_a_job = 0.01
        push = resume(None, client).wait()
    assert push.id == PUSH_ID
    assert push.status == "completed"
    assert set(service.applied().values()) == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_program_that_ends_before_its_push_says_so(tmp_path: Path) -> None:
    """A script without a wait at its end does not hang, and tells how to carry on."""
    document, _ = make_plan(tmp_path, 4, 2, push_id=PUSH_ID)
    (tmp_path / "plan").write_bytes(document.to_bytes())
    with serving(seconds_a_job=30.0) as service:
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[5]); import driver_process as d\n"
            "push = d.begun(Path(sys.argv[1]), d.Client(*sys.argv[3:1:-1], state_directory=sys.argv[1]), sys.argv[4])\n"
            "while not push.counts['in_flight']: pass"
        )
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                str(tmp_path),
                service.url,
                service.key,
                PUSH_ID,
                str(DRIVER.parent),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert f"apd.resume('{PUSH_ID}')" in done.stderr
