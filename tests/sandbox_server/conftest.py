"""A clock that is set by hand, and a caller that speaks plain HTTP to a sandbox."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

from analytex_pandas.sandbox_server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass
class Clock:
    """Seconds that pass when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Caller:
    """Calls a sandbox with requests, as any program would; knows nothing of the package's client."""

    sandbox: Sandbox
    clock: Clock
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Token {self.sandbox.api_key}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.sandbox.url}{path}", timeout=20, **options)

    def submit(self, records: object, kind: str = "users") -> requests.Response:
        return self.call("POST", f"/v1/{kind}/bulk_identify", json={kind: records})

    def upload(
        self, content: bytes | Iterable[object], kind: str = "users", name: str = "users.ndjson"
    ) -> requests.Response:
        if not isinstance(content, bytes):
            content = "".join(json.dumps(record) + "\n" for record in content).encode()
        return self.call("POST", f"/v1/{kind}/bulk_identify", files={"file": (name, content)})

    def jobs(self, query: str = "") -> Any:
        return self.call("GET", f"/v1/background_jobs{query}").json()

    def job(self, job_id: str) -> Any:
        path = f"/v1/background_jobs/{quote(job_id, safe='')}"
        answer = self.call("GET", path)
        assert answer.status_code == 200
        return answer.json()

    def finished(self, answer: requests.Response) -> Any:
        """Let the job of a submit come to its end, and return it."""
        assert answer.status_code == 202, answer.text
        self.clock.advance(1e9)
        return self.job(answer.json()["job_id"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_sandbox(clock: Clock) -> Iterator[Callable[..., Caller]]:
    """Return what opens a sandbox on the clock that is set by hand; any number, closed at the end."""
    with ExitStack() as stack:

        def opened(rows_per_minute: float = 60, **options: Any) -> Caller:
            sandbox = stack.enter_context(Sandbox(rows_per_minute, clock=clock, **options))
            caller = Caller(sandbox, clock)
            stack.callback(caller.session.close)
            return caller

        yield opened


@pytest.fixture
def caller(open_sandbox: Callable[..., Caller]) -> Caller:
    """Return a caller of a sandbox that takes a second a row, on the clock that is set by hand."""
    return open_sandbox()


@pytest.fixture
def fast(open_sandbox: Callable[..., Caller]) -> Caller:
    """Return a caller of a sandbox whose jobs end at once."""
    return open_sandbox(math.inf)
