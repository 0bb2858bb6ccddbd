"""One call under way: it ends when its time is over, whatever the other side does.

The timeouts of requests hold for each packet: a byte now and then, or ``100 Continue`` again and again, keeps a call
for ever. So its connection is closed, by a second handle on the same socket, when its time is over.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

SECONDS: Final = 120.0
"""For how long a call may take, beside what its body takes."""
BYTES_A_SECOND: Final = 50_000
"""The slowest upload that is waited for."""
HURRY: Final = 5.0
"""Seconds that a call is given when somebody does not want to wait for its answer any more."""

UNDER_WAY: Final[dict[int, Call]] = {}
"""The calls of this process, by thread: each makes one at a time."""
HURRIED: Final[set[int]] = set()
"""Threads whose calls get no longer time."""


class Call:
    """A call of this thread, from before it connects until its answer is read; a context manager."""

    def __init__(self, body_bytes: int = 0) -> None:
        seconds = SECONDS + body_bytes / BYTES_A_SECOND
        self.is_over = False
        """Whether its time was over before its answer was there."""
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = self._started(seconds)

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self.end)
        timer.daemon = True
        timer.start()
        return timer

    def __enter__(self) -> Self:
        UNDER_WAY[threading.get_ident()] = self
        if threading.get_ident() in HURRIED:  # looked at last, so that neither side is missed
            self.hurry()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        UNDER_WAY.pop(threading.get_ident(), None)
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def hold(self, connected: socket.socket) -> None:
        """Take down by which socket it goes."""
        with self._lock:
            # A handle of our own: TLS takes the first one over, and what was taken over cannot be shut down.
            self._socket = connected.dup()
        if self.is_over:
            self.end()

    def hurry(self) -> None:
        """Let it end soon."""
        self._timer.cancel()
        self._timer = self._started(HURRY)

    def end(self) -> None:
        """Close its connection, so that whoever waits for its answer goes on."""
        with self._lock:
            self.is_over = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the other side was first
                    self._socket.shutdown(socket.SHUT_RDWR)


def hurry(thread: int) -> None:
    """Let the call of a thread end soon, and those that it still makes."""
    HURRIED.add(thread)
    if (call := UNDER_WAY.get(thread)) is not None:
        call.hurry()


def calm(thread: int) -> None:
    """Let the calls of a thread, or of the next of its number, take their time again."""
    HURRIED.discard(thread)


class Held:
    """A mixin for connections of urllib3 that their call can close."""

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        if (call := UNDER_WAY.get(threading.get_ident())) is not None:
            call.hold(connected)
        return connected
