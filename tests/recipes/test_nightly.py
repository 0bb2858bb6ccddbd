"""The script, the shell line, the line of cron and the workflow of GitHub, run as they stand in the notebook."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd

if TYPE_CHECKING:
    from conftest import Night

pytestmark = pytest.mark.recipes

SCRIPT = "python nightly.py customers.parquet"


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return what a run of the script came to."""
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = {name: rows for name, rows in ast.literal_eval(done.stdout).items() if rows}
    return found


def test_a_night_sends_what_has_changed(night: Night, customers: pd.DataFrame) -> None:
    """All the first time, then nothing, and no request, then the one row; nobody is told of what is well."""
    night.save(customers)
    assert counts(night.shell(SCRIPT)) == {"input": 600, "acknowledged": 600}
    before = len(night.submits)
    assert counts(night.shell(SCRIPT)) == {"input": 600, "unchanged": 600}
    assert len(night.submits) == before
    night.save(customers.assign(plan=customers["plan"].where(customers["id"] != "c7", "pro")))
    assert counts(night.shell(SCRIPT)) == {"input": 600, "unchanged": 599, "acknowledged": 1}
    assert night.sent[600:] == ["c7"]
    assert night.service.users.set_index("user_id")["plan"].value_counts().to_dict() == {
        "free": 300,
        "team": 299,
        "pro": 1,
    }
    assert night.alerts == []


BROKEN = {
    r"plan +0 +600 +0": lambda customers: customers.assign(plan=None),  # all would be erased
    r"seats +0 +600 +0": lambda customers: customers.assign(seats=customers["seats"] + 1),
    r"12 of 600 rows cannot be sent": lambda customers: customers.assign(
        id=customers["id"].where(customers.index % 50 > 0)
    ),
    r"300,000 rows would take": lambda _: pd.DataFrame(
        {"id": [f"n{row}" for row in range(300_000)], "plan": "x", "seats": 1}
    ),
}
"""Nights that must not go out, by what is said of them."""


def test_a_gate_stops_before_anything_is_sent(night: Night, customers: pd.DataFrame) -> None:
    """A status of 1 and the reason; the night after is as if there had been none of these."""
    night.save(customers)
    counts(night.shell(SCRIPT))
    for says, broken in BROKEN.items():
        night.save(broken(customers))
        done = night.shell(SCRIPT)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.search(says, done.stderr), done.stderr
        assert "Traceback" not in done.stderr
    night.save(customers)
    assert counts(night.shell(SCRIPT)) == {"input": 600, "unchanged": 600}
    assert len(night.submits) == 1


def test_a_killed_run_is_gone_on_with(night: Night, many: pd.DataFrame) -> None:
    """The next one sends what is left of it, and nothing twice."""
    night.save(many)
    night.kill_midway("nightly.py", "customers.parquet")
    assert counts(night.shell(SCRIPT)) == {"input": 25_000, "unchanged": 25_000}
    assert Counter(night.sent) == Counter(many["id"])
    assert apd.pushes()["status"].tolist() == ["completed"] * 2


def test_two_runs_do_not_meet(night: Night, many: pd.DataFrame) -> None:
    """The second says so and ends; the first is none the worse."""
    night.save(many)
    night.service.rows_per_minute = 300_000
    first = subprocess.Popen(
        [sys.executable, "nightly.py", "customers.parquet"], stdout=subprocess.PIPE, text=True
    )
    while not night.submits:
        assert first.poll() is None
    second = night.shell(SCRIPT)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == "Another run is under way; this one did nothing.\n"
    assert first.communicate()[0].startswith("{'input': 25000")
    assert Counter(night.sent) == Counter(many["id"])


def test_somebody_is_told(night: Night, customers: pd.DataFrame) -> None:
    """Of refused rows, every night until they are mended, and of a push that was stopped; by the status, too."""
    night.refused = {"gold"}
    night.save(customers.assign(plan=customers["plan"].where(customers["id"] != "c7", "gold")))
    for nights in (1, 2):
        done = night.shell(SCRIPT)
        assert (done.returncode, len(night.alerts)) == (1, nights)
        push = apd.pushes()["id"][0]
        assert f"push {push}, 1 was refused" in done.stderr
        assert night.alerts[-1] == f"Push {push} completed_with_errors: 1 refused, 0 not sent"
    assert night.sent[600:] == ["c7"]
    night.save(customers)
    wrong = os.environ | {"ANALYTEX_API_KEY": "another-key"}
    assert night.shell(SCRIPT, env=wrong).returncode == 1
    assert "failed: 0 refused, 600 not sent" in night.alerts[2]
    assert counts(night.shell(SCRIPT)) == {"input": 600, "unchanged": 599, "acknowledged": 1}
    assert len(night.alerts) == 3


def test_the_shell_line(night: Night, customers: pd.DataFrame) -> None:
    """Its exit statuses are those that the notebook lists, and what it came to is JSON."""
    night.refused = {"gold"}

    def run() -> tuple[int, Any]:
        done = night.shell("sh nightly.sh")
        return done.returncode, json.loads(Path("pushed.json").read_text())

    night.save(customers)
    status, document = run()
    assert (status, document["status"], document["counts"]["acknowledged"]) == (0, "completed", 600)
    status, document = run()
    assert (status, document["counts"]["unchanged"], len(night.submits)) == (0, 600, 1)
    night.save(customers.assign(plan=customers["plan"].where(customers["id"] != "c7", "gold")))
    status, document = run()
    assert (status, document["counts"]["refused"]) == (3, 1)
    night.save(customers.assign(id=customers["id"].where(customers.index % 50 > 0)))
    status, document = run()
    assert (status, len(document["invalid"]), len(night.submits)) == (4, 12, 2)
    night.save(customers.drop(columns="id"))
    assert run()[0] == 2


def test_the_shell_line_after_one_that_was_ended(night: Night, many: pd.DataFrame) -> None:
    """As a scheduler ends what takes too long: the line run again goes on with it, and then sends the rest."""
    night.save(many)
    resume, push = (night.folder / "nightly.sh").read_text().split("&&")
    run = subprocess.Popen(f"exec {push.strip()}", shell=True, stderr=subprocess.DEVNULL)  # noqa: S602  # our own line
    while not apd.pushes()["acknowledged"].any():
        assert run.poll() is None
    run.terminate()
    assert run.wait() == 130
    assert resume.strip() == "analytex-pandas resume > resumed.txt"
    done = night.shell("sh nightly.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert "completed" in Path("resumed.txt").read_text()
    assert Counter(night.sent) == Counter(many["id"])


def test_the_line_of_cron(night: Night, customers: pd.DataFrame, tmp_path: Path) -> None:
    """It runs with no more than cron gives it, and says nothing where nothing is wrong: that would be a mail."""
    from croniter import croniter  # here, as whatever only their environment has: all collect these tests

    mail, line = (night.folder / "crontab").read_text().splitlines()
    assert mail.startswith("MAILTO=")
    *times, command = line.split(" ", 5)
    assert croniter.is_valid(" ".join(times))
    assert "%" not in command  # a line end, to cron
    home = tmp_path / "sync"
    home.mkdir()
    shutil.copy(night.folder / "nightly.py", home)
    (home / ".venv").symlink_to(sys.prefix)
    names = ("ANALYTEX_API_KEY", "ANALYTEX_ENVIRONMENT", "ANALYTEX_STATE_DIR", "ALERT_URL")
    exports = [f"export {name}={os.environ[name]}" for name in names]
    (home / "settings.sh").write_text("\n".join([*exports, "export ANALYTEX_SILENT=1\n"]))
    night.save(customers, home)
    bare = {"HOME": str(tmp_path), "LOGNAME": "somebody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    done = night.shell(command, env=bare, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "'acknowledged': 600" in (home / "last-night.txt").read_text()
    night.save(customers.assign(plan=None), home)
    done = night.shell(command, env=bare, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "would change" in done.stderr


def workflow(night: Night, caches: Path, run: int) -> int:
    """Do what GitHub does with the workflow, on a runner that begins empty; return its status."""
    import yaml

    (job,) = yaml.safe_load((night.folder / "nightly.yml").read_text())["jobs"].values()
    workspace = night.folder / "runner" / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    known = {f"secrets.{name}": os.environ[name] for name in ("ANALYTEX_API_KEY", "ALERT_URL")}
    known |= {"github.workspace": str(workspace), "github.run_id": str(run), "github.run_attempt": "1"}

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda match: known[match[1]], text)

    environment = os.environ | {name: filled(value) for name, value in job["env"].items()}
    status = 0
    for step in job["steps"]:
        if status and step.get("if") != "always()":
            continue
        what, given = step.get("uses", "run").split("@")[0], step.get("with", {})
        if what == "actions/checkout":
            workspace.mkdir(parents=True)
            for name in ("nightly.py", "customers.parquet"):
                shutil.copy(night.folder / name, workspace)
        elif what == "actions/cache/restore":
            found = sorted(caches.glob(f"{given['restore-keys']}*"), key=lambda path: path.stat().st_mtime_ns)
            if found:
                shutil.unpack_archive(found[-1], workspace, "tar", filter="tar")
        elif what == "actions/cache/save":
            place = caches / filled(given["key"])
            assert place.name.startswith(job["steps"][3]["with"]["restore-keys"])
            assert not list(caches.glob(f"{place.name}.*"))  # a cache is never changed
            shutil.make_archive(str(place), "tar", workspace, given["path"])
        elif what == "run" and step["run"] != "pip install analytex-pandas":
            status = night.shell(f"set -e; {step['run']}", cwd=workspace, env=environment).returncode
        else:
            assert what in ("run", "actions/setup-python")
    return status


def test_the_workflow_of_github(night: Night, customers: pd.DataFrame, tmp_path: Path) -> None:
    """What is remembered goes from runner to runner, that of a job which failed as well."""
    caches = tmp_path / "caches"
    caches.mkdir()
    night.refused = {"gold"}
    night.save(customers.assign(plan=customers["plan"].where(customers["id"] != "c7", "gold")))
    assert workflow(night, caches, 1) == 1
    assert len(night.alerts) == 1
    night.save(customers)
    assert workflow(night, caches, 2) == 0
    assert night.sent[600:] == ["c7"]
    assert workflow(night, caches, 3) == 0
    assert len(night.sent) == 601
    assert len(list(caches.iterdir())) == 3


def test_a_push_that_must_not_go_on_is_dropped(night: Night, many: pd.DataFrame) -> None:
    """What mends it is no usual night, so it goes out by hand; the night after has nothing left to do."""
    night.save(many.assign(plan="wrong"))
    night.kill_midway("nightly.py", "customers.parquet")
    (push,) = apd.pushes()["id"]
    assert apd.clean(push) == [push]
    night.save(many)
    assert "would change" in night.shell(SCRIPT).stderr
    apd.push_users(many, user_id="id", nulls="send", only_changed=True)
    assert counts(night.shell(SCRIPT)) == {"input": 25_000, "unchanged": 25_000}
    assert night.service.users["plan"].value_counts().to_dict() == {"free": 12_500, "team": 12_500}
    assert apd.pushes()["status"].tolist() == ["completed"] * 2
