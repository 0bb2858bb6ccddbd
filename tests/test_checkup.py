"""What ``apd.doctor()`` finds: nothing where all is well, and the remedy for each thing that may be wrong."""

from __future__ import annotations

import datetime as dt
import email.utils
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas import checkup, connection
from analytex_pandas.checkup import clock
from analytex_pandas.delivery.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "0123456789abcdef-secret"


@pytest.fixture
def late() -> Iterator[tuple[str, dict[str, str]]]:
    """A service whose clock is elsewhere; what it was sent."""
    seen: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.update(self.headers)
            self.send_response_only(200)
            moment = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=20)
            self.send_header("Date", email.utils.format_datetime(moment, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def found() -> dict[str, tuple[str, str]]:
    table = apd.doctor()
    assert table.columns.tolist() == ["check", "result", "remedy"]
    assert KEY not in table.to_csv()
    return {row["check"]: (row["result"], row["remedy"]) for row in table.to_dict("records")}


def test_where_all_is_well_there_is_no_remedy() -> None:
    """A healthy machine gets a table that says so, line by line."""
    with apd.sandbox():
        table = apd.doctor()
    assert table.loc[table["remedy"] != ""].empty
    assert {"python", "pandas", "key", "address", "TLS", "clock", "service"} <= set(table["check"])
    assert {"state directory", "locks", "privacy", "disk", "pushes", "front end"} <= set(table["check"])


def test_without_a_key_the_rest_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, late: tuple[str, dict[str, str]]
) -> None:
    """Somebody who has not set the key yet learns whether the address and the clock are right."""
    monkeypatch.delenv("ANALYTEX_API_KEY", raising=False)
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", late[0])
    table = found()
    assert "ANALYTEX_API_KEY" in table["key"][1]
    assert "answers" in table["address"][0]
    assert "behind" in table["clock"][0]
    assert "NTP" in table["clock"][1]
    assert table["service"] == ("was not asked: there is no key", "")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "today",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999",
    ],
)
def test_a_time_that_is_none_is_no_clock(said: str) -> None:
    """Whatever a proxy writes there."""
    assert clock(said, dt.datetime.now(dt.UTC)).result.startswith("cannot be compared")


def test_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the service does not take is said as such, and not shown."""
    with apd.sandbox() as service:
        url = service.url
        connection.DEFAULT.clear()
        monkeypatch.setenv("ANALYTEX_API_KEY", KEY)
        monkeypatch.setenv("ANALYTEX_ENVIRONMENT", url)
        table = found()
    assert "AuthenticationError" in table["service"][0]
    assert "key" in table["service"][1]


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address without a service, and one that is none, are said."""
    monkeypatch.setenv("ANALYTEX_API_KEY", KEY)
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "http://127.0.0.1:9")
    assert "gives no answer" in found()["address"][0]
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "analytix")
    assert "analytex" in found()["address"][1]


def test_a_state_directory_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the place of the directory is a finding with its way out, and the checks go on."""
    (tmp_path / "state").write_text("something else")
    monkeypatch.setenv("ANALYTEX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("ANALYTEX_API_KEY", raising=False)
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "http://127.0.0.1:9")
    table = found()
    assert "ANALYTEX_STATE_DIR" in table["state directory"][1]
    assert "front end" in table


def test_a_network_drive_and_an_open_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A drive on which locks are not to be relied on, and a directory that others may enter, are said."""
    mounts = tmp_path / "mounts"
    state = tmp_path / "my state"
    state.mkdir(mode=0o755)
    (state / "notes.txt").write_text("of the user's own, so that its mode is left alone")
    escaped = str(state).replace(" ", r"\040")
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / {escaped} rw,relatime shared:1 - nfs4 host:/x rw\n"
    )
    monkeypatch.setattr(checkup, "MOUNTS", mounts)
    monkeypatch.setenv("ANALYTEX_STATE_DIR", str(state))
    monkeypatch.setenv("ANALYTEX_ENVIRONMENT", "http://127.0.0.1:9")
    table = found()
    assert table["disk"][0] == "nfs4"
    assert "network drive" in table["disk"][1]
    assert table["privacy"][1].startswith("chmod 700")
    assert not list((state / "locks").iterdir())


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("ext4", False),
        ("overlay", False),
        ("cifs", True),
        ("nfs", True),
        ("fuse.sshfs", True),
        ("fuse.ntfs-3g", False),
    ],
)
def test_which_drives_are_of_the_network(kind: str, network: bool) -> None:
    """Local drives that are mounted by a user's program are none of the network."""
    assert bool(checkup.NETWORK_DRIVES.fullmatch(kind)) == network


def test_pushes_that_were_left() -> None:
    """A push that was stopped is named with the call that goes on with it."""
    with apd.sandbox(refuse=lambda _: ("bad", None, "No."), rows_per_minute=1e6) as service:
        frame = pd.DataFrame({"user_id": ["a", "b"]})
        with pytest.raises(apd.PushError):
            apd.push_users(frame, max_errors=0, chunk_rows=1, progress=False, wait=True)
        (push,) = Journal(service.client.state_directory).pushes()
        assert push.id in found()["pushes"][1]
