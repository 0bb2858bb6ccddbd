"""The API key is for the service alone: no log, repr, dump, copy, message or traceback has it."""

from __future__ import annotations

import copy
import dataclasses
import http.client
import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import analytex_pandas as apd
from analytex_pandas.errors import AnalytexError, AuthenticationError, ServerError, ValidationError
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.service.conftest import Service

API_KEY = "sk-live-7c2e9a41d05b"


@pytest.fixture
def client(service: Service) -> Client:
    """Return a client with the key that is looked for."""
    return Client(API_KEY, service.url, timeout=10)


def frames_of_ours(error: BaseException) -> str:
    """Return a traceback with the local variables of every frame but this module's own."""
    text = ""
    for one in (error, error.__cause__, error.__context__):
        if one is not None:
            trace = traceback.TracebackException.from_exception(one, capture_locals=True)
            trace.stack = traceback.StackSummary.from_list(
                [frame for frame in trace.stack if frame.filename != __file__]
            )
            text += "".join(trace.format())
    return text


def test_the_debug_output_of_http_client_does_not_show_it(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usual recipe for debugging requests prints every header that is sent."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    service.reply(200, [])
    client.jobs()
    shown = capsys.readouterr()
    assert API_KEY not in shown.out + shown.err
    assert len(service.requests) == 1


def test_logs_at_debug_do_not_show_it(
    service: Service, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither ours nor those of the HTTP library, and not when the service echoes it."""
    caplog.set_level(logging.DEBUG)
    service.reply(500, {"errors": [{"message": f"bad token {API_KEY}"}]})
    with pytest.raises(ServerError) as caught:
        client.jobs()
    assert API_KEY not in caplog.text
    assert API_KEY not in str(caught.value)


def every_part(value: object) -> str:
    """Return what a dump of an object and all that hangs on it shows."""
    seen: dict[int, object] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, dict):
            waiting += one.values()
        waiting += getattr(one, "__dict__", {}).values()
        waiting += [getattr(one, name) for name in getattr(type(one), "__slots__", ()) if hasattr(one, name)]
    return " ".join(f"{one!r} {one!s}" for one in seen.values())


def test_a_dump_of_a_client_does_not_show_it(client: Client) -> None:
    """Debuggers, notebooks' variable inspectors and crash reporters walk through ``__dict__``."""
    assert API_KEY not in every_part(client)
    assert API_KEY not in json.dumps(
        vars(client), default=lambda one: getattr(one, "__dict__", None) or repr(one)
    )
    assert not dataclasses.is_dataclass(client.key)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_that_holds_it_is_copied_out(client: Client, take: Callable[[object], object]) -> None:
    """A pickle lies in a cache or on a worker for years."""
    for one in (client, client.key):
        with pytest.raises(TypeError) as caught:
            take(one)
        assert API_KEY not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["sk-5ecret\nkey", "sk-5ecret-schl\u00fcssel", "sk-5ecret and more", "sk-5ecret\x00"]
)
def test_a_key_that_cannot_be_one_is_not_repeated(key: str) -> None:
    """A mistyped key is nearly the key: neither the message nor a traceback with locals has it."""
    with pytest.raises(AuthenticationError) as caught:
        apd.connect(key, "http://127.0.0.1:9")
    assert "5ecret" not in frames_of_ours(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        "https://user:5ecret@host.example",
        "https://5ecret@",
        "ftp://a:5ecret@host.example",
        "http://5ecret@host.example",
        "https://host.example/?key=5ecret",
        "sk-live-5ecret-0123456789abcdef",
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(environment: str) -> None:
    """In the userinfo or query of a base URL, or given as the environment."""
    with pytest.raises(ValidationError) as caught:
        apd.connect(API_KEY, environment)
    assert "5ecret" not in frames_of_ours(caught.value)
    assert API_KEY not in frames_of_ours(caught.value)


def test_a_wrong_argument_beside_it_does_not_show_it() -> None:
    """Any error of connect carries its frame, and that held the key."""
    with pytest.raises(TypeError) as caught:
        apd.connect(API_KEY, "http://127.0.0.1:9", retries=3)
    assert API_KEY not in frames_of_ours(caught.value)


@pytest.mark.parametrize("call", [lambda client: client.jobs(), lambda client: client.submit_file(b"{}\n")])
def test_no_frame_of_a_failed_call_holds_it(service: Service, call: Callable[[Client], Any]) -> None:
    """IPython's verbose tracebacks and crash reporters print the locals of every frame, of causes too."""
    client = Client(API_KEY, service.url)
    service.reply(200, b"", ending="reset")
    with pytest.raises(AnalytexError) as caught:
        call(client)
    assert API_KEY not in frames_of_ours(caught.value)
