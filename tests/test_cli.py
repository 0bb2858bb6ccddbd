"""The command line, run as a user runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
SANDBOX = [sys.executable, "-m", "analytex_pandas", "sandbox", "--port", "0", "--rows-per-minute", "600_000"]


@pytest.fixture
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sandbox that is served by a process of its own, and the first of what it printed."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        SANDBOX, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.endswith("/v1/background_jobs\n"):
                break
        yield process, said
        process.kill()


def found(pattern: str, text: str) -> str:
    """Return the one group of a pattern."""
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def test_what_it_prints_for_a_shell_can_be_copied(
    served: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    """The other commands find the sandbox by what is exported."""
    _, printed = served
    (line,) = re.findall(r"^  (export .*)$", printed, re.MULTILINE)
    script = f"{line}; exec {sys.executable} -m analytex_pandas jobs"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "ANALYTEX_STATE_DIR": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "There are none.\n"


def test_the_printed_line_connects(served: tuple[subprocess.Popen[str], str]) -> None:
    """What the sandbox prints for Python works when it is copied."""
    key, url = re.search(r'apd\.connect\("(.+)", "(.+)"\)', served[1]).groups()  # type: ignore[union-attr]
    client = apd.Client(key, url)
    push = apd.push_users(pd.DataFrame({"user_id": ["ann", "bob"]}), client=client)
    assert push.counts["acknowledged"] == 2


def test_the_printed_curl_works(served: tuple[subprocess.Popen[str], str]) -> None:
    """What it prints for curl works when it is copied, and starts a job."""
    command = found(r"(curl(?:.+\\\n)+.+)\n", served[1])
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert '"job_id"' in answer.stdout


def test_ctrl_c_ends_it_quietly(served: tuple[subprocess.Popen[str], str]) -> None:
    """Ctrl-C is the way out that is named: exit status 0, no traceback."""
    process, _ = served
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == "\nThe sandbox is closed; what it held is gone.\n"


def test_a_taken_port_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that another program has gives a sentence and the way out, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["sandbox", "--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"Port {port} cannot be used: Address already in use. --port 0 takes a free one.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["sandbox", "--port", "70000"],
        ["sandbox", "--port", "web"],
        ["sandbox", "--rows-per-minute", "0"],
        ["x"],
    ],
)
def test_bad_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant is said, with the usage, in argparse's own way."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_no_command_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who types the name alone learns what to type."""
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert "demo" in shown
    assert "sandbox" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's own."""
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"analytex-pandas {apd.__version__}\n"
