"""Answers made to hang, to fill the memory, to be taken for others' words, or to give the key away."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
import pytest
import requests

import analytex_pandas as apd
from analytex_pandas.errors import harmless, logger_of
from analytex_pandas.service import calls, failures
from analytex_pandas.service.row_errors import MAX_CHARACTERS, MAX_ERRORS, parse_errors
from analytex_pandas.service.wire import parse_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.service.conftest import Service

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n["
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "a byte now and then": (HEAD, b" "),
    "100 Continue again and again": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
}


@pytest.fixture
def endless(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a service that always goes on, and never comes to an end."""
    first, then = ENDLESS[request.param]
    over = threading.Event()

    def feed(connection: socket.socket) -> None:
        try:
            connection.recv(65_536)
            connection.sendall(first)
            while not over.wait(0.02):
                connection.sendall(then)
        except OSError:
            connection.close()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=feed, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()


CALLS: list[Callable[[apd.Client], object]] = [
    lambda client: client.jobs(),
    lambda client: client.submit_file(b"{}\n"),
]


@pytest.mark.parametrize("endless", ENDLESS, indirect=True)
@pytest.mark.parametrize("call", CALLS, ids=["jobs", "submit"])
def test_a_call_has_an_end_of_its_own(
    endless: str, call: Callable[[apd.Client], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its timeouts hold for each packet; it ends all the same, and an upload may have arrived."""
    monkeypatch.setattr(calls, "SECONDS", 0.4)
    with pytest.raises(apd.TransportError, match="did not come to an end in time") as caught:
        call(apd.Client("k-12345678", endless, timeout=30.0))
    assert caught.value.sent


def test_a_call_of_a_session_of_the_user_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its adapters are the user's, its end is ours."""
    monkeypatch.setattr(calls, "SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and says nothing
        client = apd.Client(
            "k-12345678", f"http://127.0.0.1:{server.getsockname()[1]}", session=requests.Session()
        )
        for _ in range(2):
            with pytest.raises(apd.TransportError, match="did not come to an end in time"):
                client.jobs()


@pytest.mark.parametrize("endless", ENDLESS, indirect=True)
def test_a_cancelled_push_waits_for_no_answer_without_an_end(endless: str) -> None:
    """Its call is closed, whatever it waits for."""
    client = apd.Client("k-12345678", endless, timeout=30.0)
    push = apd.push_users(pd.DataFrame({"user_id": ["a"]}), client=client, wait=False, progress=False)
    push.cancel()
    push.wait(20)
    assert push.status == "cancelled"


LONG = 20_000
WORST = [
    *(
        part * LONG
        for part in (" ", "(", "in ", "'", "error ", "\t ", "row 1;", "<title", "<script>", "<!--", "<a b='")
    ),
    *(f"{word}{' ' * LONG}x" for word in ("user", "user_id", "row ", "on line ")),
    *(
        part * LONG
        for part in (
            "row 1 and ",
            "a.b/",
            "user (",
            "with ",
            "[3].",
            "and 1 more ",
            "(row 1) ",
            "x/1/",
            "1 of 1 ",
            "ok 2 / ",
            "1 rows ",
        )
    ),
    *(part * LONG for part in ("1 of 1 ", "saved 2 / ", "1 rows ", "1 of 6 rows were ")),
    *("rows " + "1, " * LONG, "rows 1" + " and 1" * LONG, "[" * LONG + "]" * LONG),
    *("user id '" * LONG, f"company_id={'a' * LONG}", "<a " * LONG, "</" * LONG, "<" * 5 * LONG),
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text", WORST, ids=[text[:8].strip() + str(place) for place, text in enumerate(WORST)]
)
def test_no_text_freezes_who_reads_it(text: str, service: Service, client: apd.Client) -> None:
    """As a row error, as an answer that is none, and as the text of a page."""
    assert parse_errors([text] * 20) or not text.strip()
    job = {"job_id": "j", "status": "completed", **{f"note{number}": text for number in range(20)}}
    assert parse_job(job).untaken_of(6) is None
    service.reply(502, text)
    with pytest.raises(apd.ServerError):
        client.jobs()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("each", [{"success": True}, {"detail": "bad"}, {"code": "x"}, {}], ids=str)
def test_objects_in_objects_are_read_in_time(each: dict[str, Any]) -> None:
    """Whether a result holds errors is not asked anew at each level of each level; nor are many keys."""
    nested: dict[str, Any] = {"success": False, "error": "bad"}
    for _ in range(60):
        nested = {**each, "inner": nested}
    assert parse_errors([nested])
    assert len(parse_errors({**each, **{f"row_{row}": ["bad"] for row in range(5_000)}})) >= 5_000
    beside = {f"note{number}": "x" for number in range(3_000)}
    assert parse_errors(
        {**each, **beside, **{f"error{number}": [{"row": number}] for number in range(3_000)}}
    )


def test_the_errors_of_a_job_have_an_end() -> None:
    """What is more is counted; what is long is kept in the first of them."""
    assert len(parse_errors(["no"] * (MAX_ERRORS + 7))) == MAX_ERRORS + 1
    assert parse_errors(["no"] * (MAX_ERRORS + 7))[-1].message.startswith("7 more errors")
    found = parse_errors([f"{number}" + "x" * 100_000 for number in range(1_000)])
    assert sum(len(error.message) + len(error.raw) for error in found) < 2 * MAX_CHARACTERS
    assert len(found) == 1_000


def test_an_answer_of_nothing_but_brackets_is_not_read(service: Service, client: apd.Client) -> None:
    """Each takes a hundred times its bytes in memory."""
    service.reply(200, b"[" + b"[]," * failures.MAX_VALUES + b"[]]")
    with pytest.raises(apd.ServerError, match="more than 3,000,000 values"):
        client.jobs()


ECHOES: list[Callable[[str], str]] = [
    lambda key: key,
    lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
    lambda key: key.replace("-", "\\u002d"),
    lambda key: key.replace("s", "\\u0073", 1),
    lambda key: "".join(f"%{ord(letter):02X}" for letter in key),
    quote,
    lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    lambda key: "".join(f"&#x{ord(letter):x};" for letter in key),
]


@pytest.mark.parametrize("echo", ECHOES, ids=range(len(ECHOES)))
def test_the_key_is_masked_however_it_is_echoed(
    echo: Callable[[str], str], service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A service, or a proxy, may write it with escapes."""
    caplog.set_level(logging.DEBUG)
    key = "sk-test/5f0c+1e7a9b"
    client = apd.Client(key, service.url)
    for body in (
        f'{{"errors": [{{"message": "key {echo(key)} is bad"}}]}}',
        f"<p>key {echo(key)} is bad</p>",
    ):
        service.replies.clear()
        service.reply(401, body)
        with pytest.raises(apd.AuthenticationError) as caught:
            client.jobs()
        assert "is bad" in str(caught.value)
        assert key not in str(caught.value)
        assert key not in caplog.text


BAD = "\x1b[31mred\x07\r\x1b]0;title\x07 \u202eevil\u2066 \x9b1m\ud800 \u200b"


def test_what_the_service_says_is_shown_harmless(
    service: Service, client: apd.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Escape sequences, forged lines and marks of direction reach neither exception nor log as such."""
    caplog.set_level(logging.DEBUG)
    service.reply(400, json.dumps({"errors": [{"message": f"no\nERROR forged {BAD}"}]}))
    with pytest.raises(apd.ValidationError) as caught:
        client.submit_file(b"{}\n")
    logger_of("analytex_pandas.here").warning("job %s", BAD)
    for text in (str(caught.value), caplog.text):
        assert harmless(text) == text
        assert "\nERROR forged" not in text


def test_people_are_not_repeated_where_a_kind_belongs(client: apd.Client) -> None:
    """The arguments in the wrong order are a common slip."""
    records: Any = [{"user_id": "ann@example.com"}]
    with pytest.raises(apd.ValidationError, match="a list") as caught:
        client.submit_records("users", records)  # type: ignore[arg-type]
    assert "ann" not in str(caught.value)


def test_a_session_of_the_user_is_used(service: Service) -> None:
    """With its headers' proxies and certificates; it stays open."""
    seen = []

    class Mine(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            seen.append(request.url)
            return super().send(request, *arguments, **options)

    session = requests.Session()
    session.mount("http://", Mine())
    service.reply(200, [])
    client = service.client(session=session)
    assert client.jobs() == client.jobs() == []
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(401, "", apd.AuthenticationError), (404, "", apd.NotFoundError), (200, "<p>Hello</p>", apd.ServerError),
     (302, "", apd.AnalytexError)],
)  # fmt: skip
def test_connecting_says_at_once_what_will_not_heal(
    service: Service, status: int, body: str, error: type[apd.AnalytexError]
) -> None:
    """A wrong key, or an address that is no Analytex."""
    service.reply(status, body, headers={"Location": "https://login.example/"} if status == 302 else {})
    with pytest.raises(error):
        apd.connect("k-12345678", service.url)


def test_connecting_warns_of_what_may_heal(service: Service) -> None:
    """And is connected; a check can be left out."""
    service.reply(503)
    with pytest.warns(UserWarning, match="does not answer well"):
        client = apd.connect("k-12345678", service.url)
    assert len(service.requests) == 1
    apd.connect("k-12345678", service.url, check=False)
    assert len(service.requests) == 1
    assert client.base_url == service.url


def test_a_call_that_ends_leaves_nothing_behind(service: Service, client: apd.Client) -> None:
    """Neither a thread that waits for its end, nor a socket."""
    service.reply(200, [])
    before = threading.active_count()
    for _ in range(20):
        client.jobs()
    deadline = time.monotonic() + 5
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before + 1
    assert threading.get_ident() not in calls.UNDER_WAY
