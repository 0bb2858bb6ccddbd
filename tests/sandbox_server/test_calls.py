"""Every status that the service is known for, and nothing but its own form for errors."""

from __future__ import annotations

import gzip
import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from tests.sandbox_server.conftest import Caller, Clock

USERS = "/v1/users/bulk_identify"
JSON = {"Content-Type": "application/json"}


def error_code(answer: requests.Response) -> str:
    """Return the code of an error, having looked at the form of the whole."""
    assert answer.headers["Content-Type"] == "application/json"
    (error,) = answer.json()["errors"]
    assert set(error) == {"error", "error_code", "message", "details"}
    assert all(isinstance(value, str) for value in error.values())
    code: str = error["error_code"]
    return code


@pytest.mark.parametrize("kind", ["users", "companies"])
@pytest.mark.parametrize("transport", ["json", "file"])
def test_all_four_ways_to_submit_are_accepted(caller: Caller, kind: str, transport: str) -> None:
    """The road itself: a submit is answered with 202 and a queued job, which can then be asked for."""
    record = {"company_id": "c1"} if kind == "companies" else {"user_id": "u1"}
    answer = caller.submit([record], kind) if transport == "json" else caller.upload([record], kind)
    assert answer.status_code == 202
    job = answer.json()
    assert job["status"] == "queued"
    assert job["total_rows"] == 1
    assert job.get("filename") == ("users.ndjson" if transport == "file" else None)
    assert caller.job(job["job_id"])["job_id"] == job["job_id"]
    assert [listed["job_id"] for listed in caller.jobs()] == [job["job_id"]]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'\xef\xbb\xbf{"users": [{"user_id": "a"}]}', "invalid_json"),
        (b"[" * 200_000, "invalid_json"),
        (b'{"users": [{"user_id": "a", "metadata": {"x": NaN}}]}', "invalid_json"),
        (b'{"users": [{"user_id": "a", "metadata": {"x": -Infinity}}]}', "invalid_json"),
        (b'{"users": [{"user_id": "a", "metadata": {"x": ' + b"1" * 5000 + b"}}]}", "invalid_json"),
        (b"[]", "invalid_body"),
        (b"null", "invalid_body"),
        (b"{}", "invalid_body"),
        (b'{"companies": [{"company_id": "c"}]}', "invalid_body"),
        (b'{"users": {"user_id": "a"}}', "invalid_body"),
        (b'{"users": null}', "invalid_body"),
        (b'{"users": []}', "no_records"),
    ],
)
def test_a_wrong_envelope_is_400(caller: Caller, body: bytes, code: str) -> None:
    """What is not the documented envelope is refused as a whole, and no job is made of it."""
    answer = caller.call("POST", USERS, data=body, headers=JSON)
    assert answer.status_code == 400
    assert error_code(answer) == code
    assert caller.sandbox.jobs == []


def multipart(*parts: tuple[str, bytes]) -> dict[str, Any]:
    body = b"".join(
        b"--X\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (disposition.encode(), content)
        for disposition, content in parts
    )
    return {"data": body + b"--X--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=X"}}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (multipart(), "invalid_multipart"),
        (multipart(('name="upload"; filename="a"', b'{"user_id": "a"}')), "invalid_multipart"),
        (multipart(*2 * [('name="file"; filename="a"', b'{"user_id": "a"}')]), "invalid_multipart"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "invalid_multipart"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=X"}}, "invalid_multipart"),
        (
            {"data": b"--X\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=X"}},
            "invalid_multipart",
        ),
    ],
)
def test_a_wrong_upload_is_400(caller: Caller, options: dict[str, Any], code: str) -> None:
    """An upload is one part named file that holds something."""
    answer = caller.call("POST", USERS, **options)
    assert answer.status_code == 400
    assert error_code(answer) == code


def test_a_part_without_a_file_name_is_a_file_all_the_same(fast: Caller) -> None:
    """Some callers send the file as a plain field; what counts is the name of the part."""
    answer = fast.call("POST", USERS, **multipart(('name="file"', b'{"user_id": "a"}'), ('name="b"', b"1")))
    assert "filename" not in fast.finished(answer)
    assert fast.sandbox.users["user_id"].to_list() == ["a"]


@pytest.mark.parametrize(
    "name", ["a b.ndjson", "ü.ndjson", 'quo"ted.ndjson', "20261123-231500-3f9a1c-00001.ndjson"]
)
def test_the_file_name_is_echoed(fast: Caller, name: str) -> None:
    """The echoed name is how a lost answer is made good, so it comes back as it went."""
    assert fast.finished(fast.upload([{"user_id": "a"}], name=name))["filename"] == name


@pytest.mark.parametrize(
    "header", [None, "", "Token", "Token ", "Token wrong", "Bearer {key}", "{key}", "Token {key}x"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", USERS), ("GET", "/v1/background_jobs"), ("GET", "/v1/background_jobs/x")]
)
def test_a_wrong_key_is_401(caller: Caller, header: str | None, method: str, path: str) -> None:
    """No call does anything without the key under the right scheme."""
    del caller.session.headers["Authorization"]
    headers = {} if header is None else {"Authorization": header.format(key=caller.sandbox.api_key)}
    answer = caller.call(method, path, headers=headers)
    assert answer.status_code == 401
    assert error_code(answer) == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert caller.sandbox.api_key not in answer.text


def test_the_scheme_is_read_without_regard_to_case(caller: Caller) -> None:
    """HTTP's schemes have no case."""
    headers = {"Authorization": f"token  {caller.sandbox.api_key} "}
    assert caller.call("GET", "/v1/background_jobs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/users/bulk_identify/",
        "/v1/background_jobs/",
        "/v1/background_jobs/a/b",
        "/v2/background_jobs",
    ],
)
def test_an_unknown_path_is_404(caller: Caller, path: str) -> None:
    """A client with a wrong path gets to know it."""
    assert error_code(answer := caller.call("GET", path)) == "not_found"
    assert answer.status_code == 404


def test_an_unknown_job_is_404(caller: Caller) -> None:
    """Neither another id nor one that looks like the start of a path is a job."""
    for job_id in ("unknown", "%2F", "..%2F", "%FF"):
        assert caller.call("GET", f"/v1/background_jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "FROB"])
def test_a_wrong_method_is_405(caller: Caller, method: str) -> None:
    """405 names what is allowed, and does so for methods that nobody has heard of."""
    answer = caller.call(method, USERS)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert caller.call("POST", "/v1/background_jobs").headers["Allow"] == "GET"
    assert (answer.content == b"") == (method == "HEAD")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-ndjson", "application/x-www-form-urlencoded"])
def test_another_content_type_is_415(caller: Caller, kind: str) -> None:
    """Forgetting the content type of JSON, the classic with curl, is told as what it is."""
    answer = caller.call("POST", USERS, data=b'{"users": [{"user_id": "a"}]}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert kind in answer.json()["errors"][0]["details"]


def test_no_content_type_is_400(caller: Caller) -> None:
    """A submit of nothing at all is malformed."""
    assert error_code(caller.call("POST", USERS)) == "no_content_type"


def test_a_content_type_may_have_parameters(caller: Caller) -> None:
    """Many libraries add a charset."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (
        caller.call("POST", USERS, data=b'{"users": [{"user_id": "a"}]}', headers=headers).status_code == 202
    )


def test_409_while_any_job_runs(caller: Caller, clock: Clock) -> None:
    """One job at a time, users and companies together, whoever started it; then the account is free again."""
    job_id = caller.submit([{"user_id": str(i)} for i in range(10)]).json()["job_id"]
    clock.advance(5)
    for kind, record in (("users", {"user_id": "a"}), ("companies", {"company_id": "a"})):
        answer = caller.upload([record], kind)
        assert answer.status_code == 409
        assert error_code(answer) == "job_in_progress"
        assert job_id in answer.text
        assert "of 10 rows" in answer.text
    clock.advance(5)
    assert caller.upload([{"company_id": "a"}], "companies").status_code == 202


def test_409_while_a_job_of_someone_else_runs(caller: Caller, clock: Clock) -> None:
    """A colleague's job is in the way like one's own, is listed, and writes nothing here."""
    job_id = caller.sandbox.start_foreign_job(100, filename="theirs.csv")
    assert caller.submit([{"user_id": "a"}]).status_code == 409
    with pytest.raises(RuntimeError, match=job_id):
        caller.sandbox.start_foreign_job()
    clock.advance(50)
    (job,) = caller.jobs()
    assert (job["job_id"], job["filename"], job["status"]) == (job_id, "theirs.csv", "processing")
    assert 45 <= caller.job(job_id)["completed_rows"] <= 55
    clock.advance(50)
    assert caller.submit([{"user_id": "a"}]).status_code == 202
    assert len(caller.sandbox.users) == 0


def test_a_refused_record_in_the_way_of_409_is_still_409(caller: Caller) -> None:
    """While a job runs nothing is judged record by record."""
    caller.sandbox.start_foreign_job(100)
    assert caller.submit([{"nonsense": 1}]).status_code == 409


@pytest.mark.parametrize("transport", ["json", "file"])
def test_413_for_more_than_10_000_records(caller: Caller, transport: str) -> None:
    """Ten thousand records are taken, one more is not; blank lines are none."""
    records = [{"user_id": str(number)} for number in range(10_001)]
    send = caller.submit if transport == "json" else caller.upload
    answer = send(records)
    assert answer.status_code == 413
    assert error_code(answer) == "too_many_records"
    assert send(records[:-1]).status_code == 202


@pytest.mark.parametrize("transport", ["json", "file"])
def test_413_for_a_body_of_50_mb(caller: Caller, transport: str) -> None:
    """A body of 50 MB is refused, and the caller gets to read why although it was still sending."""
    blank = b" " * 50_000_000
    answer = (
        caller.call("POST", USERS, data=blank, headers=JSON) if transport == "json" else caller.upload(blank)
    )
    assert answer.status_code == 413
    assert error_code(answer) == "payload_too_large"
    assert answer.headers["Connection"] == "close"
    assert caller.jobs() == []


def test_a_body_just_below_the_limit_is_taken(open_sandbox: Callable[..., Caller]) -> None:
    """The limit is exact, so that clients can be held to it."""
    body = b'{"users": [{"user_id": "a"}]}'
    assert (
        open_sandbox(max_bytes=len(body) + 1).call("POST", USERS, data=body, headers=JSON).status_code == 202
    )
    assert open_sandbox(max_bytes=len(body)).call("POST", USERS, data=body, headers=JSON).status_code == 413


def in_chunks(body: bytes) -> Iterator[bytes]:
    """Return a body of unknown length, which requests then sends in chunks."""
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


def test_a_body_may_come_in_chunks(open_sandbox: Callable[..., Caller]) -> None:
    """A caller that streams does not know the length; the limits hold all the same."""
    body = b'{"users": [%s]}' % b",".join(b'{"user_id": "%d"}' % number for number in range(1000))
    caller = open_sandbox(max_bytes=len(body) + 1)
    answer = caller.call("POST", USERS, data=in_chunks(body), headers=JSON)
    assert (answer.status_code, answer.json()["total_rows"]) == (202, 1000)
    answer = caller.call("POST", USERS, data=in_chunks(body + b"  "), headers=JSON)
    assert answer.status_code == 413


def test_429_beyond_the_rate(open_sandbox: Callable[..., Caller], clock: Clock) -> None:
    """The rate limit says when to come back, and keeps that word."""
    caller = open_sandbox(requests_per_minute=3)
    assert [caller.call("GET", "/v1/background_jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = caller.call("GET", "/v1/background_jobs")
    assert error_code(answer) == "rate_limited"
    clock.advance(float(answer.headers["Retry-After"]))
    assert caller.call("GET", "/v1/background_jobs").status_code == 200


def test_connections_are_kept(caller: Caller) -> None:
    """Calls follow one another on one connection, as on the real service, refused ones included."""
    with socket.create_connection(("127.0.0.1", int(caller.sandbox.url.rpartition(":")[2]))) as connection:
        key = f"Authorization: Token {caller.sandbox.api_key}"
        request = f"GET /v1/background_jobs HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n"
        stream = connection.makefile("rb")
        for text, status in (
            (request, b"200"),
            (request.replace("Token", "Nothing"), b"401"),
            (request, b"200"),
        ):
            connection.sendall(text.encode())
            assert stream.readline().split()[1] == status
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b": ")
                length = int(value) if name == b"Content-Length" else length
            assert len(stream.read(length)) == length


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"POST %s HTTP/1.1\r\nContent-Length: ten\r\n", b"400"),
        (b"POST %s HTTP/1.1\r\nContent-Length: -1\r\n", b"400"),
        (b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"400"),
    ],
)
def test_what_is_not_http_is_answered(caller: Caller, request_bytes: bytes, status: bytes) -> None:
    """Wrong framing is told as 400 and ends the connection, never the sandbox."""
    if b"%s" in request_bytes:
        key = f"Authorization: Token {caller.sandbox.api_key}\r\nContent-Type: application/json\r\n"
        request_bytes = request_bytes % USERS.encode() + key.encode() + b"\r\nnonsense\r\n"
    with socket.create_connection(("127.0.0.1", int(caller.sandbox.url.rpartition(":")[2]))) as connection:
        connection.sendall(request_bytes)
        first_line = connection.makefile("rb").readline()
    assert status in first_line
    assert caller.jobs() == []


def test_a_caller_that_hangs_up_leaves_no_job(caller: Caller) -> None:
    """Half a body is no submit, and the sandbox lives on."""
    head = (
        f"POST {USERS} HTTP/1.1\r\nAuthorization: Token {caller.sandbox.api_key}\r\n"
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"users": ['
    )
    with socket.create_connection(("127.0.0.1", int(caller.sandbox.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert caller.jobs() == []
    assert caller.sandbox.requests[0].status is None


def test_a_compressed_body_is_not_guessed_at(caller: Caller) -> None:
    """Nothing documented says that compressed bodies are understood."""
    body = gzip.compress(b'{"users": [{"user_id": "a"}]}')
    answer = caller.call("POST", USERS, data=body, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 400


def test_a_length_of_thousands_of_digits_is_too_large(caller: Caller) -> None:
    """Python reads no number of as many; no traceback for it, and the sandbox lives on."""
    host, port = caller.sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(
            f"POST {USERS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {caller.sandbox.api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {'9' * 5_000}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    assert caller.jobs() == []


def test_strangers_use_up_neither_memory_nor_faults(caller: Caller) -> None:
    """Somebody without the key may knock as often as he likes."""
    caller.sandbox.fault("http_500", on="list")
    for _ in range(1_100):
        assert caller.call("GET", "/v1/background_jobs", headers={"Authorization": "no"}).status_code == 401
    assert len(caller.sandbox.requests) == 1_000
    assert caller.call("GET", "/v1/background_jobs").status_code == 500
    assert caller.sandbox.requests[-1].authorized
