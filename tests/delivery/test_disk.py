"""A full disk stops a push with a clear error, and what was written down before is enough to carry on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from driving import client_of, refusing, resume
from other_service import serving
from plans import make_plan

HERE = Path(__file__).parent
PUSH_ID = "20261123-231500-3f9a1c"
CODE = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import driver_process as driver
state, url, key, push_id = sys.argv[2:]
push = driver.begun(Path(state), driver.Client(key, url, state_directory=state), push_id)
journal = max(path.stat().st_size for path in Path(state).glob("journal.sqlite3*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (journal, journal))
try:
    push.wait()
except driver.AnalytexError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
def test_a_full_disk_is_said_and_the_push_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """No file may grow any more: the journal cannot take a line, whatever it was about to say."""
    document, _ = make_plan(tmp_path, 20, 2, push_id=PUSH_ID)
    (tmp_path / "plan").write_bytes(document.to_bytes())
    with serving(seconds_a_job=0.05, report=refusing(*range(0, 20, 2))) as service:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                CODE,
                str(HERE),
                str(tmp_path),
                service.url,
                service.key,
                PUSH_ID,
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )
        assert "Is its disk full" in done.stdout
        assert f"apd.resume('{PUSH_ID}')" in done.stdout
        push = resume(PUSH_ID, client_of(service, tmp_path)).wait()
    assert set(service.applied().values()) == {1}
    assert push.counts[["acknowledged", "refused"]].tolist() == [10, 10]
    assert not list((tmp_path / "spool").iterdir())
