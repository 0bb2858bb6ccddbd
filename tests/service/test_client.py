"""What the client puts on the wire, and what it makes of good answers."""

from __future__ import annotations

import io
import json
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from analytex_pandas import settings
from analytex_pandas.errors import (
    AnalytexError,
    AuthenticationError,
    PayloadTooLargeError,
    ServerError,
    ValidationError,
)
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.service.conftest import Request, Service

JOB = {"job_id": "1", "status": "queued"}
LINES = b'{"user_id":"1","metadata":{"n":1.50}}\n{"user_id":"2"}\n'


def parts(request: Request) -> list[Any]:
    """Return the parts of a multipart request, as the standard library reads them."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    return list(message_from_bytes(head + request.body).get_payload())


class TestSubmitFile:
    """Uploads of NDJSON."""

    @pytest.mark.parametrize("kind", ["users", "companies"])
    def test_is_one_part_named_file(
        self, service: Service, client: Client, tmp_path: Path, kind: Any
    ) -> None:
        """The service takes exactly one part, named file, with a file name, of known length."""
        service.reply(202, JOB)
        path = tmp_path / "20261123-00001.ndjson"
        path.write_bytes(LINES)
        assert client.submit_file(path, kind).job_id == "1"
        (request,) = service.requests
        assert (request.method, request.path) == ("POST", f"/v1/{kind}/bulk_identify")
        assert request.headers["Authorization"] == f"Token {client.key.reveal()}"
        assert request.headers["Accept"] == "application/json, text/plain, */*"
        assert request.headers["User-Agent"].startswith("analytex-pandas")
        assert int(request.headers["Content-Length"]) == len(request.body)
        assert "Transfer-Encoding" not in request.headers
        (part,) = parts(request)
        assert part.get_param("name", header="Content-Disposition") == "file"
        assert part.get_filename() == "20261123-00001.ndjson"
        assert part.get_content_type() == "application/x-ndjson"
        assert part.get_payload(decode=True) == LINES

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            (lambda _: LINES, "users.ndjson"),
            (str, "a.ndjson"),
            (lambda path: path.open("rb"), "a.ndjson"),
            (io.FileIO, "a.ndjson"),
            (lambda _: io.BytesIO(LINES), "users.ndjson"),
        ],
    )
    def test_takes_paths_bytes_and_streams(
        self, service: Service, client: Client, tmp_path: Path, given: Callable[..., Any], name: str
    ) -> None:
        """Whatever a file is given as, the same bytes go out."""
        service.reply(202, JOB)
        path = tmp_path / "a.ndjson"
        path.write_bytes(LINES)
        file = given(path)
        client.submit_file(file)
        if isinstance(file, io.IOBase):
            assert not file.closed
            file.close()
        (part,) = parts(service.requests[0])
        assert (part.get_filename(), part.get_payload(decode=True)) == (name, LINES)

    def test_reads_a_stream_from_where_it_stands(self, service: Service, client: Client) -> None:
        """A caller may have read a header of its own from the stream."""
        service.reply(202, JOB)
        stream = io.BytesIO(b"#header\n" + LINES)
        stream.readline()
        client.submit_file(stream)
        assert parts(service.requests[0])[0].get_payload(decode=True) == LINES

    def test_takes_a_stream_that_cannot_seek(self, service: Service, client: Client) -> None:
        """A pipe is as good as a file."""
        service.reply(202, JOB)

        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        client.submit_file(Pipe(LINES))
        assert parts(service.requests[0])[0].get_payload(decode=True) == LINES

    @pytest.mark.parametrize("name", ['a"b.ndjson', "a\r\nX: y.ndjson", "ä€.ndjson", "a\\b;c=d.ndjson"])
    def test_hostile_names_stay_in_their_place(self, service: Service, client: Client, name: str) -> None:
        """A file name must not end its header or add another."""
        service.reply(202, JOB)
        client.submit_file(LINES, filename=name)
        body = service.requests[0].body
        head = body.split(b"\r\n\r\n")[0].decode()
        assert head.count("\r\n") == 2
        (sent,) = re.findall(r'; filename="([^"]*)"\r\n', head)
        assert sent == name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

    def test_the_frame_around_a_file_is_small(self, service: Service, client: Client) -> None:
        """Chunks are planned with 1,024 bytes reserved for it."""
        service.reply(202, JOB)
        client.submit_file(LINES, filename="20261123-231500-3f9a1c-00001.ndjson")
        assert len(service.requests[0].body) - len(LINES) < 1024

    def test_large_files_are_streamed(self, service: Service, client: Client, tmp_path: Path) -> None:
        """The body is never read in one piece."""
        service.reply(202, JOB)
        sizes: list[int] = []

        class Watched(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                sizes.append(-1 if size is None else size)
                return super().read(size) or b""

        path = tmp_path / "a.ndjson"
        path.write_bytes(b'{"user_id":"1"}\n' * 100_000)
        with Watched(path) as stream:
            client.submit_file(stream)
        assert len(service.requests[0].body) > 1_600_000
        assert min(sizes) >= 0
        assert max(sizes) <= 65_536

    def test_just_below_the_limit_goes_out(
        self, service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The whole body counts, and is strictly below the limit."""
        service.reply(202, JOB)
        client.submit_file(LINES)
        size = len(service.requests[0].body)
        monkeypatch.setattr(settings, "MAX_REQUEST_BYTES", size + 1)
        client.submit_file(LINES)
        monkeypatch.setattr(settings, "MAX_REQUEST_BYTES", size)
        with pytest.raises(PayloadTooLargeError, match="Nothing was sent"):
            client.submit_file(LINES)
        assert len(service.requests) == 2

    @pytest.mark.parametrize("file", [b"", io.StringIO("text"), 5])
    def test_what_cannot_be_uploaded_is_refused(self, client: Client, file: Any) -> None:
        """Nothing and text streams are mistakes that the service would answer less clearly."""
        with pytest.raises(ValidationError):
            client.submit_file(file)

    def test_a_missing_file_is_an_os_error(self, client: Client, tmp_path: Path) -> None:
        """What is wrong with the disk is not the service's failure."""
        with pytest.raises(FileNotFoundError):
            client.submit_file(tmp_path / "none")

    def test_a_file_that_shrinks_is_not_half_sent(
        self, service: Service, client: Client, tmp_path: Path
    ) -> None:
        """A file cut while it is read must not hang the request or pass for whole."""
        path = tmp_path / "a.ndjson"
        path.write_bytes(LINES * 100_000)
        service.reply(202, JOB)

        class Cut(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                piece = super().read(size)
                if piece:
                    path.write_bytes(b"")
                return piece or b""

        with Cut(path) as stream, pytest.raises(ValidationError, match="shorter"):
            client.submit_file(stream)

    def test_an_unknown_kind_is_refused(self, client: Client) -> None:
        """A typo must not become a path."""
        with pytest.raises(ValidationError, match="'users' or 'companies'"):
            client.submit_file(LINES, "user")  # type: ignore[arg-type]


class TestSubmitRecords:
    """Records as JSON."""

    @pytest.mark.parametrize("kind", ["users", "companies"])
    def test_is_a_document_in_utf_8(self, service: Service, client: Client, kind: Any) -> None:
        """The envelope is the one of the service's description; text goes out as itself."""
        service.reply(200, JOB)
        records = [{"user_id": "é", "metadata": {"n": 2**70, "x": None, "b": True}}, {"user_id": "2"}]
        assert client.submit_records(iter(records), kind).status == "queued"
        (request,) = service.requests
        assert (request.path, request.headers["Content-Type"]) == (
            f"/v1/{kind}/bulk_identify",
            "application/json",
        )
        assert json.loads(request.body) == {kind: records}
        assert "é".encode() in request.body
        assert int(request.headers["Content-Length"]) == len(request.body)

    def test_mappings_of_any_class_are_records(self, service: Service, client: Client) -> None:
        """A record need not be a dict."""
        service.reply(202, JOB)
        client.submit_records([MappingProxyType({"user_id": "1", "metadata": MappingProxyType({"a": 1})})])
        assert json.loads(service.requests[0].body) == {"users": [{"user_id": "1", "metadata": {"a": 1}}]}

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (float("nan"), "nan has no form"),
            (float("inf"), "inf has no form"),
            (object(), "object has no form"),
            ("\ud800", "surrogate"),
            (b"x", "bytes has no form"),
        ],
    )
    def test_values_without_a_form_are_named(self, client: Client, value: Any, reason: str) -> None:
        """One bad value must not go out as NaN, nor hide where it stands."""
        good = {"user_id": "1", "metadata": {"a": 1}}
        bad = {"user_id": "2", "metadata": {"a": 1, "b": value}}
        with pytest.raises(ValidationError, match=f"record 1: b: .*{reason}") as caught:
            client.submit_records([good, bad, good])
        report = caught.value.report
        assert report[["position", "id", "property", "code"]].values.tolist() == [[1, "2", "b", "not_json"]]

    def test_all_bad_records_are_in_one_report(self, client: Client) -> None:
        """Problems are not found one call at a time."""
        records: list[Any] = [{"user_id": float("nan")}] * 7 + ["no record"]
        with pytest.raises(ValidationError, match=r"8 of 8 .* 3 more") as caught:
            client.submit_records(records)
        assert len(caught.value.report) == 8
        assert caught.value.report.dtypes.astype(str).to_dict() == {
            "position": "int64",
            "index": "object",
            "id": "object",
            "property": "object",
            "code": "object",
            "message": "object",
        }

    @pytest.mark.parametrize("records", [[], {"user_id": "1"}, "text"])
    def test_what_is_no_list_of_records_is_refused(self, client: Client, records: Any) -> None:
        """A dict or text is iterable too, but not into records."""
        with pytest.raises(ValidationError):
            client.submit_records(records)

    def test_at_most_10000_go_out(self, service: Service, client: Client) -> None:
        """One record over the limit is refused here, without reading on."""
        service.reply(202, JOB)
        client.submit_records({"user_id": str(n)} for n in range(10_000))
        assert len(json.loads(service.requests[0].body)["users"]) == 10_000
        endless = ({"user_id": "1"} for _ in iter(int, 1))
        with pytest.raises(PayloadTooLargeError, match="10,000"):
            client.submit_records(endless)
        assert len(service.requests) == 1

    def test_the_body_is_limited(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few records can be too many bytes."""
        monkeypatch.setattr(settings, "MAX_REQUEST_BYTES", 26)
        with pytest.raises(PayloadTooLargeError):
            client.submit_records([{"user_id": "1"}])

    def test_lines_keep_their_digits(self, service: Service, client: Client) -> None:
        """What is encoded already goes out as it is, 1.50 included."""
        service.reply(202, JOB)
        client.submit_lines(LINES + b"\n", "companies")
        assert service.requests[0].body == (
            b'{"companies":[{"user_id":"1","metadata":{"n":1.50}},{"user_id":"2"}]}'
        )

    def test_no_lines_or_too_many_are_refused(self, client: Client) -> None:
        """The limits hold for lines as for records."""
        with pytest.raises(ValidationError):
            client.submit_lines(b"\n\n")
        with pytest.raises(PayloadTooLargeError):
            client.submit_lines(b"{}\n" * 10_001)


class TestJob:
    """Asking for one job."""

    @pytest.mark.parametrize(
        ("job_id", "path"),
        [
            ("bulk:jobs:NX-1:c6f9", "bulk%3Ajobs%3ANX-1%3Ac6f9"),
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("../x", "..%2Fx"),
            ("a b?c#d&e", "a%20b%3Fc%23d%26e"),
            ("é/日", "%C3%A9%2F%E6%97%A5"),
            ("a\\b@c", "a%5Cb%40c"),
        ],
    )
    def test_an_id_is_one_segment(self, service: Service, client: Client, job_id: str, path: str) -> None:
        """An opaque id must neither change the path nor be changed on the way."""
        service.reply(200, {"job_id": job_id, "status": "completed", "errors": {"3": "no"}})
        job = client.job(job_id)
        assert service.requests[0].path == f"/v1/background_jobs/{path}"
        assert (job.job_id, job.errors[0].place) == (job_id, 3)

    def test_an_empty_id_is_refused(self, client: Client) -> None:
        """Without an id the path would be the list's."""
        with pytest.raises(ValidationError, match="empty"):
            client.job("")

    def test_numbers_of_any_length_are_read(self, service: Service, client: Client) -> None:
        """Python converts no integer of thousands of digits; an answer with one is still an answer."""
        service.reply(200, b'{"job_id":"1","status":"queued","total_rows":' + b"9" * 5000 + b"}")
        assert client.job("1").total_rows is None


class TestJobs:
    """Listing jobs, page by page."""

    @staticmethod
    def job(number: int) -> dict[str, str]:
        """Return a job of a list."""
        return {"job_id": str(number), "status": "completed"}

    @pytest.mark.parametrize("key", [None, "jobs", "data", "results"])
    def test_one_page_may_come_bare_or_wrapped(
        self, service: Service, client: Client, key: str | None
    ) -> None:
        """The documentation knows both."""
        page = [self.job(2), self.job(1)]
        service.reply(200, page if key is None else {key: page})
        assert [job.job_id for job in client.jobs()] == ["2", "1"]
        assert service.requests[0].path == "/v1/background_jobs"

    @pytest.mark.parametrize(
        ("following", "path"),
        [
            ({"next": "{url}/v1/background_jobs?after=a%2Fb"}, "?after=a%2Fb"),
            ({"next": "/v1/background_jobs?page=2"}, "?page=2"),
            ({"next": "?page=2"}, "?page=2"),
            ({"next_page": 2}, "?page=2"),
            ({"next_cursor": "a/b="}, "?cursor=a%2Fb%3D"),
        ],
    )
    def test_every_page_is_read(self, service: Service, client: Client, following: Any, path: str) -> None:
        """Wherever the service says that its list goes on, it is followed."""
        document = json.loads(json.dumps(following).replace("{url}", service.url))
        service.reply(200, {"jobs": [self.job(2)], **document})
        service.reply(200, {"jobs": [self.job(1)]})
        assert [job.job_id for job in client.jobs()] == ["2", "1"]
        assert service.requests[1].path == "/v1/background_jobs" + path

    def test_a_link_header_is_followed(self, service: Service, client: Client) -> None:
        """A bare array can only go on in a header."""
        service.reply(200, [self.job(2)], headers={"Link": '</v1/background_jobs?page=2>; rel="next"'})
        service.reply(200, [self.job(1)])
        assert [job.job_id for job in client.jobs()] == ["2", "1"]

    def test_a_job_on_two_pages_is_one(self, service: Service, client: Client) -> None:
        """A job that is new while pages are read shifts the others by one."""
        service.reply(200, {"jobs": [self.job(3), self.job(2)], "next_page": 2})
        service.reply(200, {"jobs": [self.job(2), self.job(1)]})
        assert [job.job_id for job in client.jobs()] == ["3", "2", "1"]

    def test_a_loop_is_an_error(self, service: Service, client: Client) -> None:
        """A list that leads back to itself must neither hang nor pass for whole."""
        service.reply(200, {"jobs": [self.job(1)], "next_cursor": "again"})
        with pytest.raises(ServerError, match="do not come to an end"):
            client.jobs()
        assert len(service.requests) <= 3

    def test_endless_pages_of_the_same_are_an_error(self, service: Service, client: Client) -> None:
        """A service that ignores the page asked for must not be asked for ever."""
        service.replies.append(
            lambda _: service.Reply(200, {"jobs": [self.job(1)], "next_page": len(service.requests) + 1})
        )
        with pytest.raises(ServerError, match="do not come to an end"):
            client.jobs()
        assert len(service.requests) < 10

    def test_endless_pages_of_new_jobs_are_an_error(
        self, service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """There is an end to what is read, and it is said."""
        monkeypatch.setattr("analytex_pandas.service.listing.MAX_PAGES", 10)

        def page(_: Request) -> Any:
            number = len(service.requests)
            return service.Reply(200, {"jobs": [self.job(number)], "next_page": number + 1})

        service.replies.append(page)
        with pytest.raises(ServerError, match="10 were read"):
            client.jobs()

    @pytest.mark.parametrize(
        "target",
        [
            "http://127.0.0.1:1/v1/background_jobs",
            "https://evil.example/v1/background_jobs",
            "//evil.example/x",
            "http://[",
            "http://evil.example\\@{host}/x",
            "ftp://{host}/x",
        ],
    )
    def test_a_next_page_elsewhere_is_refused(self, service: Service, client: Client, target: str) -> None:
        """The key goes to no other host, and the list is not cut short in silence."""
        target = target.replace("{host}", service.url.removeprefix("http://"))
        service.reply(200, {"jobs": [self.job(1)], "next": target})
        service.reply(200, {"jobs": []})
        if "\\" in target:
            # Readers of URLs disagree on the host of this one, so it must at least be asked of nobody else.
            client.jobs()
            assert service.requests[1].path.startswith("/")
            return
        with pytest.raises(AnalytexError, match="the service points to"):
            client.jobs()
        assert len(service.requests) == 1


class TestRedirects:
    """Redirects."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_question_follows_within_the_origin(
        self, service: Service, client: Client, status: int
    ) -> None:
        """A moved path on the same host is no obstacle."""
        service.reply(status, headers={"Location": "/v2/job?x=%2E%2E"})
        service.reply(200, JOB)
        assert client.job("1").job_id == "1"
        assert service.requests[1].path == "/v2/job?x=%2E%2E"
        assert "Authorization" in service.requests[1].headers

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_no_redirect_leads_to_another_origin(
        self, service: Service, client: Client, status: int, host: str
    ) -> None:
        """Neither another host nor another port gets the key."""
        other = type(service)()
        other.reply(200, JOB)
        port = other.server.server_port
        service.reply(status, headers={"Location": f"http://{host}:{port}/v1/background_jobs/1"})
        with pytest.raises(AnalytexError, match=rf"points to http://{host}:{port}/") as caught:
            client.job("1")
        other.close()
        assert caught.value.status_code == status
        assert other.requests == []

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_nothing_is_posted_again(self, service: Service, client: Client, status: int) -> None:
        """A redirected upload could be applied twice."""
        service.reply(status, headers={"Location": "/v2/users"})
        with pytest.raises(AnalytexError, match=r"points to .*/v2/users"):
            client.submit_file(LINES)
        assert len(service.requests) == 1

    def test_a_circle_ends(self, service: Service, client: Client) -> None:
        """Redirects in a circle are an error."""
        service.reply(302, headers={"Location": "/v1/background_jobs/1"})
        with pytest.raises(ServerError, match="still redirected"):
            client.job("1")


class TestSurroundings:
    """What the machine around the client may do."""

    def test_netrc_does_not_replace_the_key(
        self, service: Service, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A .netrc entry for the host must not take the key's place."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login u password p\n")
        monkeypatch.setenv("NETRC", str(netrc))
        service.reply(200, JOB)
        client.job("1")
        assert service.requests[0].headers["Authorization"].startswith("Token ")

    def test_loopback_knows_no_proxy(
        self, service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The sandbox must work behind a company's proxy."""
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        service.reply(200, JOB)
        assert client.job("1").job_id == "1"

    def test_cookies_are_not_kept(self, service: Service, client: Client) -> None:
        """One call leaves nothing for the next."""
        service.reply(302, headers={"Set-Cookie": "a=b; Path=/", "Location": "/x"})
        service.reply(200, JOB)
        client.job("1")
        assert "Cookie" not in service.requests[1].headers

    def test_threads_share_a_client(self, service: Service, client: Client) -> None:
        """A monitor polls while a push submits."""
        service.replies.append(
            lambda request: service.Reply(
                200, {"job_id": request.path.rpartition("/")[2], "status": "queued"}
            )
        )
        with ThreadPoolExecutor(8) as pool:
            names = [f"job-{n}" for n in range(64)]
            assert [job.job_id for job in pool.map(client.job, names)] == names

    def test_every_call_ends_its_connection(self, service: Service, client: Client) -> None:
        """No call can meet a connection that died while it lay idle."""
        service.reply(200, JOB)
        client.job("1")
        assert service.requests[0].headers["Connection"] == "close"

    def test_a_slow_answer_is_awaited_up_to_the_timeout(self, service: Service) -> None:
        """The timeout is the client's, and the connection's own."""
        released = threading.Event()
        service.reply(200, JOB, after=released)
        with pytest.raises(AnalytexError, match="did not answer in time"):
            service.client(timeout=(5, 0.05)).job("1")
        released.set()
        assert service.client(timeout=(5, 30)).job("1").job_id == "1"


class TestConstruction:
    """What a client is made from."""

    @pytest.mark.parametrize(
        ("environment", "url"),
        [
            (None, "https://analytex.userpilot.io"),
            ("analytex", "https://analytex.userpilot.io"),
            ("analytex-eu", "https://analytex-eu.userpilot.io"),
            ("https://own.example/", "https://own.example"),
            ("http://localhost:8080/api", "http://localhost:8080/api"),
        ],
    )
    def test_environments(self, environment: str | None, url: str) -> None:
        """A name or a base URL says where the service is."""
        assert Client("key-1234", environment).base_url == url

    def test_the_environment_variables_are_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pipeline has its key in the environment."""
        monkeypatch.setenv("ANALYTEX_API_KEY", "key-1234")
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "analytex-eu")
        assert Client().base_url == "https://analytex-eu.userpilot.io"

    def test_no_key_is_an_error(self) -> None:
        """Without a key nothing can work."""
        with pytest.raises(AuthenticationError, match="ANALYTEX_API_KEY"):
            Client()

    @pytest.mark.parametrize(
        "timeout", [0, -1, None, True, float("inf"), float("nan"), (1,), (1, 2, 3), "5", (1, 0)]
    )
    def test_every_call_has_a_timeout(self, timeout: Any) -> None:
        """No timeout at all would hang a night's push."""
        with pytest.raises(ValidationError, match="timeout"):
            Client("key-1234", timeout=timeout)

    @pytest.mark.parametrize(
        ("paths", "message"),
        [
            ({"user": "/x"}, "Did you mean 'users'"),
            ({"users": "@evil.example/x"}, "path from '/'"),
            ({"users": "https://evil.example/x"}, "path from '/'"),
            ({"job": "/x"}, "job_id"),
        ],
    )
    def test_bad_paths_are_refused(self, paths: dict[str, str], message: str) -> None:
        """A path must not lead the key to another host, nor be for a call that there is not."""
        with pytest.raises(ValidationError, match=message):
            Client("key-1234", paths=paths)

    def test_paths_are_overridden(self, service: Service) -> None:
        """The paths of the uploads are not in every copy of the documentation."""
        service.reply(200, JOB)
        client = service.client(
            paths={
                "users_file": "/u/file",
                "companies_file": "/c/file",
                "users": "/u",
                "companies": "/c",
                "jobs": "/j",
            }
        )
        client.submit_file(LINES)
        client.submit_file(LINES, "companies")
        client.submit_lines(LINES)
        client.submit_lines(LINES, "companies")
        client.job("a/b")
        service.replies.clear()
        service.reply(200, [])
        client.jobs()
        service.client(paths={"job": "/one/{job_id}/x"}).jobs()
        paths = [request.path for request in service.requests]
        assert paths == ["/u/file", "/c/file", "/u", "/c", "/j/a%2Fb", "/j", "/v1/background_jobs"]

    def test_a_base_url_may_hold_a_path(self, service: Service) -> None:
        """A gateway may serve the API below a path of its own."""
        service.reply(200, JOB)
        Client("key-1234", f"{service.url}/api/", timeout=5).job("..")
        assert service.requests[0].path == "/api/v1/background_jobs/%2E%2E"

    def test_a_client_is_not_pickled(self, client: Client) -> None:
        """The key would end in a file or on another machine."""
        with pytest.raises(TypeError, match=r"apd\.Client"):
            pickle.dumps(client)

    def test_accounts_are_told_apart(self) -> None:
        """One key in two places, and two keys in one, are different accounts, however spelt."""
        salt = b"0123456789abcdef"
        digests = [
            Client(key, url).account_digest(salt)
            for key, url in [
                ("key-1234", "https://own.example"),
                ("key-1234", "https://OWN.example:443/"),
                ("key-1235", "https://own.example"),
                ("key-1234", "https://own.example/b"),
                ("key-1234", None),
            ]
        ]
        assert digests[0] == digests[1]
        assert len(set(digests)) == 4
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests)
        assert Client("key-1234", "https://own.example").account_digest(b"other") != digests[0]
