"""Bodies in chunks, and bodies that break off, as they come off the socket."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.sandbox_server.server import BrokenOffError, IncomingBody, RefusedError

CHUNKED = {"transfer-encoding": "Chunked"}


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.sampled_from([b"", b";a=b", b" "]))
def test_chunks_become_one_body(chunks: list[bytes], extension: bytes) -> None:
    """Whatever the chunks, their contents come out in order, and what follows stays for the next request."""
    data = b"".join(b"%X%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    stream = io.BytesIO(data + b"0\r\nTrailer: x\r\n\r\nGET /next")
    incoming = IncomingBody(stream, CHUNKED, lambda: None)
    assert incoming.read(1000) == b"".join(chunks)
    assert incoming.complete
    assert stream.read() == b"GET /next"


@pytest.mark.parametrize("data", [b"", b"5\r\nab", b"2\r\nab\r\n", b"2\r\nab\r\n0\r\n", b"2\r\nab"])
def test_chunks_that_break_off(data: bytes) -> None:
    """A body without its end is none."""
    incoming = IncomingBody(io.BytesIO(data), CHUNKED, lambda: None)
    with pytest.raises(BrokenOffError):
        incoming.read(1000)
    assert not incoming.complete


@pytest.mark.parametrize("data", [b"x\r\n", b"-1\r\n", b"1" * 20 + b"\r\n", b"5", b"\r\n"])
def test_chunks_without_a_size(data: bytes) -> None:
    """A chunk begins with its size in hexadecimal digits, and nothing else is one."""
    incoming = IncomingBody(io.BytesIO(data), CHUNKED, lambda: None)
    with pytest.raises(RefusedError) as caught:
        incoming.read(1000)
    assert caught.value.answer.status == 400


@pytest.mark.parametrize("headers", [{"content-length": "5"}, CHUNKED])
def test_a_connection_that_fails_breaks_the_body_off(headers: dict[str, str]) -> None:
    """What the socket raises is the end of the body, not of the sandbox."""
    incoming = IncomingBody(Failing(), headers, lambda: None)
    with pytest.raises(BrokenOffError):
        incoming.read(1000)


class Failing(io.BufferedIOBase):
    """A connection that was reset."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError(size)


def test_a_caller_is_asked_for_a_body_that_is_wanted() -> None:
    """With Expect: 100-continue nothing is sent before the sandbox says go on."""
    asked: list[str] = []
    headers = {"content-length": "5", "expect": "100-Continue"}
    incoming = IncomingBody(io.BytesIO(b"abcde"), headers, lambda: asked.append("once"))
    assert incoming.read(6) == b"abcde"
    assert asked == ["once"]


def test_a_caller_is_not_asked_for_a_body_that_is_too_large() -> None:
    """What will be refused need not be sent."""
    asked: list[str] = []
    headers = {"content-length": "6", "expect": "100-continue"}
    incoming = IncomingBody(io.BytesIO(), headers, lambda: asked.append("once"))
    with pytest.raises(RefusedError) as caught:
        incoming.read(6)
    assert caught.value.answer.status == 413
    assert asked == []
