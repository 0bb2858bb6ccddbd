"""The demo, run as a newcomer runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analytex_pandas.demo import export

REPOSITORY = Path(__file__).parents[1]
WIDTH = 100


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the demo once, in an empty directory, with the user's own state set apart to be looked at."""
    home = tmp_path_factory.mktemp("home")
    (home / "tmp").mkdir()
    environment = os.environ | {
        "ANALYTEX_STATE_DIR": str(home / "state"),
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(home / "tmp"),
    }
    command = [sys.executable, "-W", "error", "-m", "analytex_pandas", "demo"]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    return done, home


def test_it_ends_well(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The first thing that anybody runs works, and says nothing on stderr."""
    done, _ = run
    assert (done.returncode, done.stderr) == (0, "")


def test_every_row_is_accounted_for(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The summary gives each row of the file one fate, and they add up."""
    ending = run[0].stdout.partition("Where every row of customers.csv is now:")[2]
    numbers = [int(line.split()[0].replace(",", "")) for line in ending.splitlines() if line.startswith("  ")]
    assert numbers[-1] == sum(numbers[:-1]) == export.CUSTOMERS
    assert numbers[1:4] == [len(export.BAD_EMAIL), export.REPEATED, len(export.WITHOUT_ID)]
    assert f"{export.CUSTOMERS - export.REPEATED - len(export.WITHOUT_ID):,} users at the service" in ending


def test_errors_name_the_rows_of_the_file(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Each refused row is shown with the place that it has in the file, and its id."""
    shown = run[0].stdout.partition(">>> push.errors")[2].partition(">>> push.failed")[0]
    pairs = [line.split()[1:3] for line in shown.splitlines() if "invalid" not in line and "@" not in line]
    expected = [[str(row), str(100_001 + row)] for row in export.BAD_EMAIL]
    assert [pair for pair in pairs if pair in expected] == expected


def test_no_control_characters_where_there_is_no_terminal(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """A log of the demo is plain text."""
    assert all(letter.isprintable() or letter == "\n" for letter in run[0].stdout)


def test_it_leaves_nothing_behind(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Neither the user's own state nor a temporary file is touched."""
    _, home = run
    assert [path.name for path in home.rglob("*")] == ["tmp"]


def test_the_lines_shown_are_narrow(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """What is typed fits a terminal."""
    typed = [line for line in run[0].stdout.splitlines() if line.startswith(">>>")]
    assert len(typed) > 10
    assert max(map(len, typed)) <= WIDTH


def test_the_export_is_the_same_every_time_and_as_messy_as_promised(tmp_path: Path) -> None:
    """What the demo says about its file stays true."""
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        export.write_export(tmp_path / name)
        texts.append((tmp_path / name / "customers.csv").read_bytes())
    assert texts[0] == texts[1]
    df = pd.read_csv(tmp_path / "one" / "customers.csv")
    assert len(df) == export.CUSTOMERS
    assert df["customer_id"].dtype == df["account_id"].dtype == "float64"
    assert tuple(df.index[df["customer_id"].isna()]) == export.WITHOUT_ID
    assert int(df.duplicated().sum()) == export.REPEATED
