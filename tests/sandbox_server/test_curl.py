"""curl, used as the documentation of the service says."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox_server.conftest import Caller, Clock

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ACCEPT = "Accept: application/json, text/plain, */*"
USERS = "/v1/users/bulk_identify"
COMPANIES = "/v1/companies/bulk_identify"
JOBS = "/v1/background_jobs"


@dataclass
class Curl:
    """Runs curl against a sandbox."""

    caller: Caller

    def __call__(self, path: str, *arguments: str, key: str | None = None) -> tuple[int, Any]:
        key = key or self.caller.sandbox.api_key
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]
        command += ["--write-out", "\\n%{http_code}", "-H", ACCEPT, "-H", f"Authorization: Token {key}"]
        run = subprocess.run(
            [*command, *arguments, self.caller.sandbox.url + path], capture_output=True, check=False
        )
        assert run.returncode == 0, run.stderr.decode()
        text, _, status = run.stdout.decode().rpartition("\n")
        return int(status), json.loads(text)


@pytest.fixture
def curl(caller: Caller) -> Curl:
    return Curl(caller)


def ndjson(path: Path, count: int, key: str = "user_id") -> str:
    path.write_text("".join(f'{{"{key}": "{number}"}}\n' for number in range(count)))
    return str(path)


def test_files_and_jobs(curl: Curl, clock: Clock, tmp_path: Path) -> None:
    """Users and companies by file, then the list and one job, as printed in the documentation."""
    status, users = curl(USERS, "-F", f"file=@{ndjson(tmp_path / 'users.ndjson', 3)}")
    assert (status, users["filename"], users["total_rows"]) == (202, "users.ndjson", 3)
    clock.advance(3)
    file = ndjson(tmp_path / "companies.ndjson", 2, "company_id")
    status, companies = curl(COMPANIES, "--form", f"file=@{file}")
    assert status == 202
    clock.advance(2)
    status, jobs = curl(JOBS)
    assert status == 200
    assert [job["job_id"] for job in jobs] == [companies["job_id"], users["job_id"]]
    status, job = curl(f"{JOBS}/{users['job_id']}")
    assert (status, job["status"], job["completed_rows"], job["errors"]) == (200, "completed", 3, [])
    assert curl.caller.sandbox.users["user_id"].to_list() == ["0", "1", "2"]
    assert curl.caller.sandbox.companies["company_id"].to_list() == ["0", "1"]


@pytest.mark.parametrize(
    ("path", "kind", "key"), [(USERS, "users", "user_id"), (COMPANIES, "companies", "company_id")]
)
def test_json(curl: Curl, path: str, kind: str, key: str) -> None:
    """The same by JSON."""
    body = json.dumps(
        {kind: [{key: "a", "metadata": {"name": "Ärger", "seats": 3, "paid": True, "gone": None}}]}
    )
    status, job = curl(path, "-X", "POST", "-H", "Content-Type: application/json", "--data", body)
    assert (status, job["status"], job["total_rows"]) == (202, "queued", 1)


def test_400(curl: Curl, tmp_path: Path) -> None:
    """Malformed JSON, a missing envelope, a missing part; the description allows an empty file, a job of no rows."""
    header = ("-H", "Content-Type: application/json")
    assert curl(USERS, *header, "--data", '{"users": [')[0] == 400
    assert curl(USERS, *header, "--data", '[{"user_id": "a"}]')[0] == 400
    assert curl(USERS, "-F", f"upload=@{ndjson(tmp_path / 'a', 1)}")[0] == 400
    status, job = curl(USERS, "-F", f"file=@{ndjson(tmp_path / 'a', 0)}")
    assert (status, job["total_rows"]) == (202, 0)


def test_401_404_405_409_415(curl: Curl, tmp_path: Path) -> None:
    """The refusals that need no large body."""
    file = ndjson(tmp_path / "users.ndjson", 10)
    assert curl(JOBS, key="wrong")[0] == 401
    assert curl(USERS, "-F", f"file=@{file}", key="wrong")[0] == 401
    assert curl(f"{JOBS}/unknown")[0] == 404
    assert curl("/v1/unknown")[0] == 404
    assert curl(USERS)[0] == 405
    assert curl(USERS, "--data", '{"users": []}')[0] == 415
    assert curl(USERS, "-F", f"file=@{file}")[0] == 202
    status, answer = curl(USERS, "-F", f"file=@{file}")
    assert status == 409
    assert "already in progress" in answer["errors"][0]["message"]


def test_413(curl: Curl, tmp_path: Path) -> None:
    """Too many records, and too many bytes: curl gets the answer whether it asks before sending or not."""
    assert curl(USERS, "-F", f"file=@{ndjson(tmp_path / 'many', 10_001)}")[0] == 413
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(50_000_000)
    for expect in ((), ("-H", "Expect:")):
        status, answer = curl(USERS, "-F", f"file=@{large}", *expect)
        assert (status, answer["errors"][0]["error_code"]) == (413, "payload_too_large")
    header = ("-H", "Content-Type: application/json")
    assert curl(USERS, *header, "--data-binary", f"@{large}")[0] == 413


def test_a_large_file_is_taken(curl: Curl, tmp_path: Path) -> None:
    """What is just below the limit goes through, `Expect: 100-continue` and all, at once and in chunks."""
    path = tmp_path / "users.ndjson"
    path.write_bytes(b'{"user_id": "a", "metadata": {"text": "%s"}}\n' % (b"x" * 60_000) * 830)
    assert 49_000_000 < path.stat().st_size < 50_000_000
    status, job = curl(USERS, "-F", f"file=@{path}")
    assert (status, job["total_rows"], job["file_size"]) == (202, 830, path.stat().st_size)
    curl.caller.clock.advance(830)
    status, job = curl(USERS, "-F", f"file=@{path}", "-H", "Transfer-Encoding: chunked")
    assert (status, job["total_rows"]) == (202, 830)


@pytest.mark.parametrize("job_ids", ["uuid", "urn", "odd"])
def test_job_ids_are_one_segment(open_sandbox: Callable[..., Caller], job_ids: str) -> None:
    """Whatever an id holds, percent-encoded it is found, and nothing else is."""
    caller = open_sandbox(job_ids=job_ids)
    curl = Curl(caller)
    job_id = caller.submit([{"user_id": "a"}]).json()["job_id"]
    link = caller.job(job_id)["links"]["self"]
    status, job = curl(link, "--path-as-is")
    assert (status, job["job_id"]) == (200, job_id)
    if job_ids == "odd":
        assert set("/ %?#&é") <= set(job_id)
        assert curl(link.replace("%2F", "/", 1), "--path-as-is")[0] == 404
