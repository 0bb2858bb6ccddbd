"""State on disk works as Windows has it: opens no directory, deletes no open file, syncs nothing that is only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driving import refusing
from other_service import serving
from plans import make_plan

HERE = Path(__file__).parent
PUSH_ID = "20261123-231500-3f9a1c"
DRIVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import windows_ways
windows_ways.install()
import driver_process
driver_process.main(Path(sys.argv[2]), *sys.argv[3:])
"""
LIFE = """
import sys
sys.path.insert(0, sys.argv[1])
import windows_ways
windows_ways.install()
import pandas as pd, analytex_pandas as apd
frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(50)], "n": range(50)})
with apd.sandbox(rows_per_minute=float("inf"), refuse={"u7": ("bad", "n", "no")}) as service:
    push = apd.push_users(frame, chunk_rows=20, progress=False)
    for number in range(12):
        apd.push_users(frame.assign(n=number), only_changed=True, chunk_rows=20, progress=False)
    left = apd.plan_users(frame.assign(n=11), only_changed=True)
    again = push.retry(wait=True, progress=False)
    apd.to_ndjson(frame, sys.argv[2])
    print(push.counts["refused"], left.rows, again.counts["refused"])
    del left
    apd.forget()
    apd.clean()
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="what is open is read from /proc"
)


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that lives as on Windows."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(HERE), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )  # fmt: skip


def test_a_push_a_kill_and_a_resume(tmp_path: Path) -> None:
    """A driver is killed while a job runs; another carries on, every row once, and leaves nothing behind."""
    document, _ = make_plan(tmp_path, 20, 4, push_id=PUSH_ID)
    (tmp_path / "plan").write_bytes(document.to_bytes())
    with serving(seconds_a_job=0.3, report=refusing(3)) as service:
        first = started(DRIVE, str(tmp_path), service.url, service.key, PUSH_ID)
        deadline = time.monotonic() + 60
        while len(service.jobs) < 2:
            assert first.poll() is None, first.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.kill()
        first.communicate()
        service.seconds_a_job = 0.01
        out, err = started(DRIVE, str(tmp_path), service.url, service.key, PUSH_ID).communicate(timeout=60)
    assert out, err
    seen = json.loads(out.splitlines()[-1])
    assert seen["status"] == "completed_with_errors"
    assert (seen["counts"]["acknowledged"], seen["counts"]["refused"]) == (19, 1)
    assert set(service.applied().values()) == {1}
    assert not list((tmp_path / "spool").iterdir())
    assert not list((tmp_path / "locks").iterdir())


def test_the_life_of_a_state_directory(tmp_path: Path) -> None:
    """Plans, memory that is read while others write it, retries, exports, history that is dropped."""
    out, err = started(LIFE, str(tmp_path / "files")).communicate(timeout=120)
    assert out.split() == ["1", "1", "1"], err
