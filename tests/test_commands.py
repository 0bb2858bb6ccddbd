"""The commands as a scheduler runs them: in processes of their own, by exit status, JSON and files."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas import connection
from analytex_pandas.__main__ import main
from analytex_pandas.command_options import from_toml
from analytex_pandas.command_output import written
from analytex_pandas.delivery.tables import ERROR_COLUMNS
from analytex_pandas.errors import typed_table
from analytex_pandas.frame.options import CompanyOptions, UserOptions
from analytex_pandas.settings import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[1]
PEOPLE = "customer_id,name,seats,since\n007,Ann,3,2024-01-15\n010,Bob,,\n011,Cy,12,2024-02-29\n"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A service that refuses whoever is called Eve, and the environment of a scheduler that knows it."""
    refuse = {"666": ("bad_name", "name", "No such name.")}
    with apd.sandbox(rows_per_minute=1e6, refuse=refuse, keep_bodies=True) as service:
        connection.DEFAULT.clear()
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.chdir(tmp_path)
        (tmp_path / "people.csv").write_text(PEOPLE)
        yield service


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any, str]]:
    """Return what runs a command with ``--json``: exit status, document, what stands on stderr."""

    def command(*arguments: str) -> tuple[int, Any, str]:
        connection.DEFAULT.clear()
        try:
            status = main([*arguments, "--json"])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        told = capsys.readouterr()
        return status, json.loads(told.out) if told.out else None, told.err

    return command


def process(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "analytex_pandas", *arguments],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize(("kind", "options"), [("users", UserOptions), ("companies", CompanyOptions)])
@pytest.mark.parametrize("command", ["plan", "push"])
def test_every_keyword_argument_is_an_option(
    command: str, kind: str, options: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever Python takes the shell takes, with its documentation: there is one definition of it."""
    with pytest.raises(SystemExit):
        main([command, kind, "--help"])
    told = capsys.readouterr().out
    described = dict(re.findall(r"^  --([a-z-]+).*?((?:\n {8,}.*|  .*)+)", told, re.MULTILINE))
    for name in options.__annotations__:
        assert described[name.replace("_", "-")].strip(), name


def test_csv_is_text(service: Any, run: Callable[..., Any]) -> None:
    """Ids keep their zeros, numbers stay text unless told, what is empty is missing."""
    status, document, _ = run("push", "users", "people.csv", "--user-id", "customer_id", "--no-progress")
    assert (status, document["status"], document["counts"]["acknowledged"]) == (0, "completed", 3)
    assert "people.csv" in repr(apd.resume(document["push"]))
    assert service.users["user_id"].tolist() == ["007", "010", "011"]
    assert service.users["seats"].tolist()[::2] == ["3", "12"]
    assert pd.isna(service.users["seats"][1])
    types = "seats=number,since=date"
    run("push", "users", "people.csv", "--user-id", "customer_id", "--types", types)
    assert service.users["seats"].tolist()[::2] == [3, 12]
    assert service.users["since"].tolist()[::2] == ["2024-01-15", "2024-02-29"]


def test_packed_csv(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """By the ending of its name, whatever its case."""
    for number, name in enumerate(("people.csv.gz", "PEOPLE.CSV.GZ")):
        (tmp_path / name).write_bytes(gzip.compress(PEOPLE.replace("\n0", f"\n{number}0").encode()))
        assert run("push", "users", name, "--user-id", "customer_id")[0] == 0
    assert service.users["user_id"].tolist() == ["0007", "0010", "0011", "1007", "1010", "1011"]


def test_columns_can_be_chosen_and_renamed(service: Any, run: Callable[..., Any]) -> None:
    """A list and a dict of Python are a list and pairs, or JSON where names have commas."""
    for properties in (
        ["seats,name=full"],
        ["seats", "--properties", "name=full"],
        ['{"seats":"seats","name":"full"}'],
    ):
        arguments = ["people.csv", "--user-id", "customer_id", "--properties", *properties]
        status, document, _ = run("plan", "users", *arguments)
        assert status == 0
        assert [row["property"] for row in document["columns"]] == ["user_id", "seats", "full"]
    status, document, _ = run(
        "plan", "users", "people.csv", "--user-id", "customer_id", "--properties", "seats"
    )
    assert [row["property"] for row in document["columns"]] == ["user_id", "seats"]
    assert not service.requests or all(request.endpoint != "submit" for request in service.requests)


def test_options_from_a_file(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """A file of options is what a pipeline keeps in its repository; the line has the last word."""
    (tmp_path / "push.toml").write_text(
        'user-id = "customer_id"\ncompany_id = false\nmax_errors = 0.5\nproperties = ["seats"]\n\n'
        '[types]\nseats = "number"\n'
    )
    status, document, _ = run("push", "users", "people.csv", "--options", "push.toml")
    assert (status, document["counts"]["acknowledged"]) == (0, 3)
    assert service.users["seats"].tolist()[0] == 3
    status, document, _ = run(
        "plan", "users", "people.csv", "--options", "push.toml", "--types", "seats=string"
    )
    assert [row["json_type"] for row in document["columns"]] == ["string", "string"]
    (tmp_path / "push.toml").write_text("user_di = 3")
    status, _, err = run("plan", "users", "people.csv", "--options", "push.toml")
    assert status == 2
    assert "user_id" in err


def test_parquet_in_all_its_places(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """A file, a pattern and a directory, Parquet or CSV, with commas or with semicolons, packed or not."""
    frame = pd.DataFrame({"user_id": ["1", "2"], "n": [1.5, None]})
    (tmp_path / "parts").mkdir()
    frame.to_parquet(tmp_path / "parts" / "a.parquet")
    frame.assign(user_id=["3", "4"]).to_parquet(tmp_path / "parts" / "b.parquet")
    (tmp_path / "texts").mkdir()
    frame.to_csv(tmp_path / "texts" / "a.csv", index=False)
    frame.assign(user_id=["03", "04"]).to_csv(tmp_path / "texts" / "b.csv.gz", index=False, sep=";")
    for place, rows in {
        "parts": 4,
        "parts/*.parquet": 4,
        "parts/a.parquet": 2,
        "texts": 4,
        "texts/*": 4,
    }.items():
        status, document, _ = run("plan", "users", place)
        assert (status, document["rows"]) == (0, rows), place
    run("push", "users", "texts")
    assert service.users["user_id"].tolist() == ["1", "2", "03", "04"]


def test_a_directory_of_two_kinds_of_files_is_not_taken_in_part(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    """Neither is left out in silence; a text for people beside Parquet is no data."""
    frame = pd.DataFrame({"user_id": ["1", "2"]})
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "README.txt").write_text("What this is")
    assert run("plan", "users", str(tmp_path))[1]["rows"] == 2
    frame.to_csv(tmp_path / "b.csv", index=False)
    status, _, err = run("plan", "users", str(tmp_path))
    assert status == 2
    assert "CSV and Parquet" in err
    assert run("plan", "users", f"{tmp_path}/*.csv")[1]["rows"] == 2


@pytest.mark.parametrize("ending", ["csv", "parquet", "csv.gz"])
def test_a_pattern_or_a_directory_has_what_is_not_hidden(
    service: Any, run: Callable[..., Any], tmp_path: Path, ending: str
) -> None:
    """Whatever the pattern ends in; a folder that is called like a file is none, and a file of a Mac's bookkeeping."""
    folder = tmp_path / "in"
    (folder / f"x.{ending}").mkdir(parents=True)
    for name in ("a", "b"):
        frame = pd.DataFrame({"user_id": [name]})
        where = folder / f"{name}.{ending}"
        frame.to_parquet(where) if ending == "parquet" else frame.to_csv(where, index=False)
        (folder / f"._{name}.{ending}").write_bytes(b"\x00\x05\x16\x07")
    for place in ("in", f"in/*.{ending}", "in/*"):
        status, document, err = run("plan", "users", place)
        assert (status, document and document["rows"]) == (0, 2), (place, err)
    assert service.users.empty


@pytest.mark.parametrize("place", ["", " ", "nothing*", "nothing.csv", "nothing.parquet", "empty"])
@pytest.mark.parametrize("command", [["plan", "users"], ["push", "users"], ["push-files"]])
def test_a_file_that_is_not_there(
    service: Any, run: Callable[..., Any], tmp_path: Path, command: list[str], place: str
) -> None:
    """Status 2; a variable of the shell that is not set means no file, and not all that lies about here."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "lies_about.csv").write_text("user_id\n1\n")
    (tmp_path / "lies_about.ndjson").write_text('{"user_id":"1"}\n')
    status, document, err = run(*command, place)
    assert status == document["exit_status"] == 2
    assert "no file" in err or "is no path" in err
    assert service.users.empty


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
@pytest.mark.parametrize(
    ("cell", "whole"),
    [
        *[('"a', False), ('"a""', False), ('"a\n3,""b""', False), ('"""', False)],
        *[('"a"', True), ('"a\n"', True), ('"a\n3,""b"""', True), ('""', True), ('5" disk', True)],
    ],
)
@pytest.mark.usefixtures("service")
def test_a_quote_that_is_never_closed_is_said(
    run: Callable[..., Any], tmp_path: Path, cell: str, whole: bool, end: str
) -> None:
    """It would swallow all rows behind it, and the push would call itself complete."""
    rows = [f"1,{cell}"] if whole else [f"1,{cell}", "2,x"]
    text = "\n".join(["user_id,name", *rows]).replace("\n", end or "\n") + end
    (tmp_path / "quoted.csv").write_text(text, newline="")
    status, document, err = run("plan", "users", "quoted.csv")
    assert status == (0 if whole else 2), err
    assert whole or "never closed" in document["error"]["message"]


def test_options_are_read_as_what_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Columns where columns are meant, and text where a path is; also from a file with Windows' mark."""
    with pytest.raises(SystemExit):
        main(["push", "users", "--help"])
    told = capsys.readouterr().out
    assert set(re.findall(r"--([a-z-]+) COLUMN", told)) == {"properties", "types"}
    (tmp_path / "o.toml").write_text('nulls = "send"', encoding="utf-8-sig")
    assert from_toml(tmp_path / "o.toml", {"nulls": None}) == {"nulls": "send"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["push", "users", "people.csv", "--duplicate", "first"], "--duplicate"),
        (["push", "users", "people.csv", "--max-errors", "few"], "few"),
        (["push", "users"], "FILE"),
        (["push", "people", "people.csv"], "users"),
        (["pushs"], "pushes"),
        (["job"], "ID"),
    ],
)
@pytest.mark.usefixtures("service")
def test_what_a_line_says_wrong_is_a_document_too(
    run: Callable[..., Any], arguments: list[str], says: str
) -> None:
    """Whoever reads JSON finds one document, however the command ended; without ``--json`` stdout stays empty."""
    status, document, err = run(*arguments)
    assert (status, document["exit_status"], document["push"]) == (2, 2, None)
    assert says in document["error"]["message"]
    assert "usage:" in err


@pytest.mark.filterwarnings("always")
def test_a_warning_is_a_line(service: Any, run: Callable[..., Any]) -> None:
    """Without the place in the code that gave it, which is none of a scheduler's business."""
    service.fault("http_503")
    status, _, err = run("push", "users", "people.csv", "--user-id", "customer_id")
    assert status == 0
    assert err.startswith("Connected, but the service does not answer well now")
    assert "Warning" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plan", "users", "nothing.csv"], "nothing.csv"),
        (["plan", "users", "people.csv"], "user_id"),
        (["plan", "users", "people.csv", "--timezone", "Berlin"], "Europe/Berlin"),
        (["plan", "users", "people.csv", "--nulls", "x"], "--nulls"),
        (["plan", "users", "people.csv", "--user", "x"], "--user"),
        (["plan", "people", "people.csv"], "users"),
        (["plan", "users", "broken.csv", "--user-id", "a"], "CSV"),
        (["plan", "users", "people.csv", "--types", '[["a"]]'], "--types"),
        (["plan", "users", "people.csv", "--properties", '{"a": ["b"]}'], "properties"),
        (["errors", "20261123-231500-3f9a1c"], "no push"),
        (["outcomes", "x"], "no push"),
        (["retry", "x"], "no push"),
        (["resume", "x"], "no push"),
    ],
)
def test_what_is_misused(
    service: Any, run: Callable[..., Any], tmp_path: Path, arguments: list[str], says: str
) -> None:
    """A file or an option that cannot be meant is exit status 2 and a sentence, never a traceback."""
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n3,4,5\n")
    status, _, err = run(*arguments)
    assert status == 2
    assert says in err
    assert "Traceback" not in err
    assert not service.users.size


def test_rows_that_cannot_be_sent(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """Status 4 and the rows, as a plan and as a push; skipped, the others go; a file of nothing else is 4 again."""
    (tmp_path / "gaps.csv").write_text("user_id,n\n1,2\n,3\n")
    for command in ("plan", "push"):
        status, document, err = run(command, "users", "gaps.csv")
        assert status == document["exit_status"] == 4
        assert document["invalid"][0]["code"] == "missing_id"
    assert "cannot be sent" in err
    assert not service.users.size
    assert run("push", "users", "gaps.csv", "--invalid", "skip")[0] == 0
    (tmp_path / "gaps.csv").write_text("user_id,n\n,3\n")
    assert run("push", "users", "gaps.csv", "--invalid", "skip")[0] == 4
    (tmp_path / "gaps.csv").write_text("user_id,n\n")
    assert run("push", "users", "gaps.csv")[0] == 0


@pytest.mark.usefixtures("service")
def test_refused_rows(run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 3; errors and outcomes as tables and files; a retry ends as it does; nothing is left to resume."""
    (tmp_path / "some.csv").write_text("user_id,name\n001,Ann\n666,Eve\n")
    status, document, _ = run("push", "users", "some.csv")
    assert (status, document["errors"], document["counts"]["refused"]) == (3, 1, 1)
    push = document["push"]
    _, (error,), _ = run("errors", push)
    assert (error["position"], error["id"], error["code"]) == (1, "666", "bad_name")
    _, outcomes, _ = run("outcomes", push)
    assert [row["outcome"] for row in outcomes] == ["acknowledged", "refused"]
    for name in ("o.csv", "o.parquet", "o.json", "o.ndjson"):
        assert run("outcomes", push, "--to", name)[1]["rows"] == 2
    assert pd.read_csv("o.csv", dtype=str)["id"].tolist() == ["001", "666"]
    assert pd.read_parquet("o.parquet")["outcome"].tolist() == ["acknowledged", "refused"]
    assert pd.read_json("o.ndjson", lines=True)["position"].tolist() == [0, 1]
    assert json.loads(Path("o.json").read_text()) == outcomes
    assert run("outcomes", push, "--to", f"file://{tmp_path}/sub/url.csv")[0] == 0
    assert (tmp_path / "sub" / "url.csv").read_bytes() == Path("o.csv").read_bytes()
    assert run("outcomes", push, "--to", "o.xlsx")[0] == 2
    status, document, _ = run("outcomes", push, "--to", "s3://bucket/o.csv")
    assert (status, "s3fs" in document["error"]["message"]) == (2, True)
    assert [path for path in tmp_path.iterdir() if ":" in path.name] == []
    (tmp_path / "file").write_text("")
    assert run("outcomes", push, "--to", "file/o.csv")[0] == 1
    status, document, _ = run("retry", push)
    assert (status, document["parent"], document["counts"]["input"]) == (3, push, 1)
    assert [row["id"] for row in run("pushes")[1]] == [document["push"], push]
    assert run("resume") == (0, None, "")
    assert main(["errors", push]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0] == "position,index,id,property,code,message,chunk,job_id,raw"
    )


@pytest.mark.parametrize("label", [0.123456789012345, 1e-12, "\ud800", b"\xff", (1, b"\xfe")], ids=repr)
def test_whatever_a_label_is_it_is_printed_and_written(
    label: Any, service: Any, run: Callable[..., Any]
) -> None:
    """Of a frame that was pushed from Python: numbers to their last digit, text by what can be printed."""
    index = (
        pd.MultiIndex.from_tuples([label]) if isinstance(label, tuple) else pd.Index([label], dtype=object)
    )
    frame = pd.DataFrame({"user_id": ["666"]}, index=index)
    client = apd.Client(service.api_key, service.url)
    push = apd.push_users(frame, client=client, wait=True, progress=False).id
    for command in ("errors", "outcomes"):
        status, (row,), err = run(command, push)
        assert (status, err, row["id"]) == (0, "", "666")
        assert row["index"] == label or "\\" in str(row["index"])
        for name in ("o.csv", "o.parquet", "o.json", "o.ndjson"):
            assert run(command, push, "--to", name)[0] == 0
    assert json.loads(Path("o.json").read_text()) == [row]
    assert label != 1e-12 or pd.read_parquet("o.parquet")["index"].tolist() == ["1e-12"]


def test_an_error_without_a_row_has_no_label_in_a_file(tmp_path: Path) -> None:
    """Missing is missing, and no text of it."""
    nothing = dict.fromkeys(ERROR_COLUMNS)
    written(typed_table(ERROR_COLUMNS, [nothing, nothing | {"index": 1}]), str(tmp_path / "e.parquet"))
    assert pd.read_parquet(tmp_path / "e.parquet")["index"].fillna("").tolist() == ["", "1"]


@pytest.mark.usefixtures("service")
def test_jobs(run: Callable[..., Any]) -> None:
    """The account's jobs, and one of them."""
    _, pushed, _ = run("push", "users", "people.csv", "--user-id", "customer_id")
    (job,) = run("jobs")[1]
    assert (job["push"], job["status"]) == (pushed["push"], "completed")
    _, one, _ = run("job", job["job_id"])
    assert (one["job_id"], one["errors"]) == (job["job_id"], [])
    assert run("job", "nobody's")[0] == 2


def test_a_wrong_key_is_said_before_a_long_plan(
    service: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1, the key is not shown, the file is not even opened; without a key it is the same."""
    monkeypatch.setenv("ANALYTEX_API_KEY", "wrong-key-0123456789")
    status, document, err = run("push", "users", "nothing.csv")
    assert (status, document["error"]["class"]) == (1, "AuthenticationError")
    assert "wrong-key" not in err + json.dumps(document)
    monkeypatch.delenv("ANALYTEX_API_KEY")
    status, document, _ = run("push", "users", "people.csv", "--user-id", "customer_id")
    assert (status, document["error"]["class"]) == (1, "AuthenticationError")
    assert service.users.empty


def test_terms_of_ones_own_stop_it_and_resume_goes_on(
    service: Any, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Status 1, and the id with which the rest goes out."""
    (tmp_path / "some.csv").write_text("user_id,name\n666,Eve\n1,Ann\n")
    arguments = ["push", "users", "some.csv", "--chunk-rows", "1", "--max-errors", "0"]
    status, document, err = run(*arguments)
    assert (status, document["status"], document["error"]["class"]) == (1, "failed", "PushError")
    assert document["counts"]["pending"] == 1
    assert "max_errors" in err
    assert err.endswith(f"To go on: analytex-pandas resume {document['push']}\n")
    assert main(["resume", "--no-progress"]) == 3
    assert service.users["user_id"].tolist() == ["1"]


def test_doctor(service: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 0 where nothing is wrong, 1 where something has a remedy."""
    status, document, _ = run("doctor")
    assert status == 0
    assert [row["remedy"] for row in document] == [""] * len(document)
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "http://127.0.0.1:9")
    assert run("doctor")[0] == 1
    assert service.users.empty


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("columns", [60, 80, 400, None])
def test_a_table_can_be_read_where_it_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    """A terminal that is too narrow has a block a row, nothing cut off; in a file each row is one line."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["push", "users", "people.csv", "--user-id", "customer_id", "--no-progress"]) == 0
    for command in ("pushes", "jobs"):
        capsys.readouterr()
        assert main([command]) == 0
        told = capsys.readouterr().out
        lines = told.splitlines()
        (push,) = apd.pushes()["id"]
        assert push in told
        if columns in (60, 80):
            assert max(map(len, lines)) <= columns
            assert len({line.split("  ")[0] for line in lines}) == len(lines)
        else:
            assert len(lines) == 2
            assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.usefixtures("service")
def test_what_is_wrong_can_be_read_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked at, a line each, flush left; below them what helps, as sentences."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("ANALYTEX_API_KEY")
    connection.DEFAULT.clear()
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    table, *remedies = told.rstrip().split("\n\n")
    assert table.splitlines()[1].startswith("python  ")
    assert max(map(len, table.splitlines())) <= 120
    assert remedies[0].startswith("key: There is no API key.")


def rows_of(path: Path, rows: int) -> None:
    pd.DataFrame({"user_id": [f"{row:05d}" for row in range(rows)]}).to_csv(path, index=False)


@pytest.mark.parametrize(
    "signs",
    [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]],
    ids=["SIGTERM", "SIGINT", "several"],
)
def test_a_signal_leaves_it_resumable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signs: list[signal.Signals]
) -> None:
    """The last line names the push and the command that goes on, and that command brings it to its end.

    So do two or more: a terminal tells the whole group, and a scheduler tells it once more.
    """
    with apd.sandbox(rows_per_minute=60 * 100) as service:
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / "state"))
        rows_of(tmp_path / "many.csv", 400)
        arguments = ["push", "users", str(tmp_path / "many.csv"), "--chunk-rows", "100", "--json"]
        with process(*arguments) as first:
            deadline = time.monotonic() + 60
            while not any(request.endpoint == "submit" for request in service.requests):
                assert time.monotonic() < deadline
                assert first.poll() is None, first.communicate()
                time.sleep(0.01)
            for sign in signs:
                first.send_signal(sign)
                time.sleep(0.002)
            out, err = first.communicate(timeout=60)
        assert first.returncode == 130
        document = json.loads(out)
        last = err.splitlines()[-1]
        assert document["push"] in last
        command = last.partition("analytex-pandas ")[2].split()
        assert command == ["resume", document["push"]]
        with process(*command, "--json") as second:
            out, err = second.communicate(timeout=120)
        assert (second.returncode, json.loads(out)["counts"]["acknowledged"]) == (0, 400), err
        submits = [request for request in service.requests if request.endpoint == "submit" and request.job_id]
        assert sum(request.rows or 0 for request in submits) == 400


@pytest.mark.parametrize(
    ("file", "streams", "status", "told"),
    [
        ("people.csv", ">&- 2>&- <&-", 0, ""),
        ("people.csv", "| true", 0, ""),
        ("people.csv", ">/dev/full", 1, "No space left"),
        ("people.csv", ">/dev/full 2>/dev/full", 1, ""),
        ("nothing.csv", "2>&-", 2, ""),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
@pytest.mark.usefixtures("service")
def test_streams_that_nobody_holds(file: str, streams: str, status: int, told: str) -> None:
    """A scheduler may close them, a pipe break, a disk be full: no traceback, and a result that is lost is told."""
    command = f"{sys.executable} -m analytex_pandas push users {file} --user-id customer_id --json {streams}"
    ended = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such signal")
def test_what_was_told_not_to_hear_a_hangup_does_not() -> None:
    """``nohup`` ignores it for the command that it starts."""
    code = (
        "import os, signal\n"
        "from analytex_pandas.commands import signals_interrupt\n"
        "with signals_interrupt():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('still here')"
    )
    for before, said in (
        ("SIG_DFL", ""),
        ("SIG_IGN", "still here\n"),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", f"import signal; signal.signal(signal.SIGHUP, signal.{before})\n{code}"],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.stdout == said, ended.stderr


def test_killed_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that goes down in the middle costs nothing: ``resume`` without an id goes on."""
    with apd.sandbox(rows_per_minute=60 * 100) as service:
        monkeypatch.setenv("ANALYTEX_API_KEY", service.api_key)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", service.url)
        monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / "state"))
        rows_of(tmp_path / "many.csv", 200)
        with process("push", "users", str(tmp_path / "many.csv"), "--chunk-rows", "100") as first:
            deadline = time.monotonic() + 60
            while not any(request.endpoint == "submit" for request in service.requests):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            first.kill()
        with process("resume", "--json") as second:
            out, err = second.communicate(timeout=120)
        assert (second.returncode, json.loads(out)["counts"]["acknowledged"]) == (0, 200), err


def test_kinds(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """Companies go the same way."""
    assert get_args(Kind) == ("users", "companies")
    (tmp_path / "firms.csv").write_text("company_id,size\n01,5\n")
    assert run("push", "companies", "firms.csv")[0] == 0
    assert service.companies["company_id"].tolist() == ["01"]


def test_files_of_records(service: Any, run: Callable[..., Any], tmp_path: Path) -> None:
    """Files that exist already, with the options that have a meaning for them; lines that cannot be sent are 4."""
    (tmp_path / "a.ndjson").write_text('{"user_id":"01"}\n{"user_id":""}\n')
    (tmp_path / "b.ndjson").write_text('{"user_id":"02","metadata":{"n":1}}\n')
    status, document, _ = run("push-files", "a.ndjson", "b.ndjson")
    assert (status, document["invalid"][0]["index"]) == (4, ["a.ndjson", 2])
    assert run("push-files", "*.ndjson", "--invalid", "skip")[0] == 0
    assert service.users["user_id"].tolist() == ["01", "02"]
    assert run("push-files", "*.ndjson", "--user-id", "x")[0] == 2
    (tmp_path / "c.ndjson").write_text('{"company_id":"9"}\n')
    assert run("push-files", "c.ndjson", "--kind", "companies", "--chunk-rows", "10")[0] == 0
    assert service.companies["company_id"].tolist() == ["9"]
    assert run("push-files", "nothing.ndjson")[0] == 2
