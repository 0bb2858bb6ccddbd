"""Rules on single records: row errors of a job that runs to its end, never a refusal of the request."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.sandbox_server.conftest import Caller


def user(**metadata: object) -> dict[str, object]:
    return {"user_id": "a", "metadata": metadata}


@pytest.mark.parametrize(
    ("record", "code", "name"),
    [
        ({}, "missing_id", "user_id"),
        ({"company_id": "c"}, "missing_id", "user_id"),
        ({"user_id": None}, "invalid_id", "user_id"),
        ({"user_id": 1}, "invalid_id", "user_id"),
        ({"user_id": ["a"]}, "invalid_id", "user_id"),
        ({"user_id": ""}, "blank_id", "user_id"),
        ({"user_id": " \t"}, "blank_id", "user_id"),
        ({"user_id": "\ud800"}, "invalid_text", "user_id"),
        ({"user_id": "a", "company_id": None}, "invalid_id", "company_id"),
        ({"user_id": "a", "company_id": 7}, "invalid_id", "company_id"),
        ({"user_id": "a", "company_id": ""}, "blank_id", "company_id"),
        ({"user_id": "a", "email": "a@example.com"}, "unknown_key", "email"),
        ({"user_id": "a", "metadata": None}, "invalid_metadata", None),
        ({"user_id": "a", "metadata": []}, "invalid_metadata", None),
        (user(x=[]), "invalid_value", "x"),
        (user(x={"y": 1}), "invalid_value", "x"),
        (user(x="\udfff"), "invalid_text", "x"),
        (user(**{"\ud800": 1}), "invalid_text", "\ud800"),
        (user(x="y" * 65_536), "value_too_long", "x"),
        (user(**{"n" * 256: 1}), "name_too_long", "n" * 256),
        (user(**{f"p{number}": 1 for number in range(501)}), "too_many_properties", None),
        (user(created_at="yesterday"), "invalid_date", "created_at"),
        (user(created_at="2024-13-01"), "invalid_date", "created_at"),
        (user(created_at="01/02/2024"), "invalid_date", "created_at"),
        (user(signed_up_at=1705305600), "invalid_date", "signed_up_at"),
        ("a", "not_an_object", None),
        (None, "not_an_object", None),
        (7, "not_an_object", None),
        (True, "not_an_object", None),
        ([{"user_id": "a"}], "not_an_object", None),
    ],
)
@pytest.mark.parametrize("transport", ["json", "file"])
def test_a_bad_record_is_a_row_error(
    fast: Caller, record: object, code: str, name: str | None, transport: str
) -> None:
    """Each rule is held, names its row and property, and costs no other row."""
    records = [{"user_id": "first"}, record, {"user_id": "last"}]
    job = fast.finished(fast.submit(records) if transport == "json" else fast.upload(records))
    assert job["status"] == "completed"
    assert job["completed_rows"] == 3
    (error,) = job["errors"]
    row_id = record.get("user_id") if isinstance(record, dict) else None
    assert error == {
        "line": 2,
        "user_id": row_id if isinstance(row_id, str) else None,
        "property": name,
        "code": code,
        "message": error["message"],
    }
    assert fast.sandbox.users["user_id"].to_list() == ["first", "last"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"user_id",
        b'{"user_id": "a"} {}',
        b'{"user_id": "\xff"}',
        b"NaN",
        b'{"user_id": "a\x01"}',
        b"[" * 100_000,
    ]
    + [
        b'{"user_id": "a", "metadata": {"x": %s}}' % number
        for number in (b"NaN", b"Infinity", b"-Infinity", b"01", b"1" * 5000)
    ],
)
def test_a_line_that_is_not_json_is_a_row_error(fast: Caller, line: bytes) -> None:
    """A line is a record: one that cannot be read is reported under its number and does not stop the file."""
    job = fast.finished(fast.upload(b'{"user_id": "first"}\n%s\n{"user_id": "last"}' % line))
    (error,) = job["errors"]
    assert (error["line"], error["code"], error["user_id"]) == (2, "invalid_json", None)
    assert fast.sandbox.users["user_id"].to_list() == ["first", "last"]


def test_a_number_beyond_floats_is_a_row_error(fast: Caller) -> None:
    """1e999 is JSON, but no number that could be kept."""
    job = fast.finished(fast.upload(b'{"user_id": "a", "metadata": {"x": 1e999}}'))
    assert [error["code"] for error in job["errors"]] == ["invalid_value"]


def test_blank_lines_count_for_the_line_but_are_no_rows(open_sandbox: Callable[..., Caller]) -> None:
    """Line numbers are those of an editor; rows are records."""
    caller = open_sandbox(math.inf, error_keys=("line", "row", "index"))
    job = caller.finished(caller.upload(b'\n{"user_id": "a"}\r\n \r\n{}\r\n\n'))
    assert job["total_rows"] == 2
    assert job["errors"] == [{"line": 4, "row": 2, "index": 1}]


def test_all_that_is_wrong_with_a_record_is_said(fast: Caller) -> None:
    """A row can have several errors; it is one refused row."""
    job = fast.finished(fast.submit([{"user_id": 1, "metadata": {"x": [], "y": {}, "created_at": "?"}}]))
    assert [error["property"] for error in job["errors"]] == ["user_id", "x", "y", "created_at"]


def test_the_limits_themselves_are_allowed(fast: Caller) -> None:
    """500 properties, 255 characters of name, 65,535 of text: exactly the limit is within it."""
    metadata: dict[str, object] = {f"p{number}": None for number in range(499)} | {"ä" * 255: "😀" * 65_535}
    assert fast.finished(fast.submit([{"user_id": "a", "metadata": metadata}]))["errors"] == []


@pytest.mark.parametrize(
    "value",
    [
        None,
        "2024-01-15",
        "2024-01-15T08:00:00Z",
        "2024-01-15T08:00:00.123456789Z",
        "2024-01-15T08:00:00+02:00",
        "2024-01-15 08:00",
    ],
)
def test_dates_in_iso_8601_are_taken(fast: Caller, value: str | None) -> None:
    """The reserved dates in each form of the standard that is in use."""
    assert fast.finished(fast.submit([user(created_at=value, signed_up_at=value)]))["errors"] == []


def test_limits_can_be_set(open_sandbox: Callable[..., Caller]) -> None:
    """Tests of limits need not send what is large."""
    caller = open_sandbox(
        math.inf, max_records=2, max_properties=1, max_name_characters=3, max_string_characters=4
    )
    assert caller.submit([{"user_id": "a"}] * 3).status_code == 413
    job = caller.finished(caller.submit([user(a=1, b=2), user(name="12345")]))
    assert [error["code"] for error in job["errors"]] == [
        "too_many_properties",
        "name_too_long",
        "value_too_long",
    ]


def not_an_email(record: Mapping[str, Any]) -> tuple[str, str | None, str] | None:
    email = record.get("metadata", {}).get("email", "@")
    return None if "@" in email else ("invalid_email", "email", f"{email!r} is not an email address")


def test_a_caller_can_refuse_records_by_a_function(open_sandbox: Callable[..., Caller]) -> None:
    """A rehearsal needs a service that objects to what the rules allow; what is mended is then taken."""
    caller = open_sandbox(math.inf, refuse=not_an_email)
    job = caller.finished(caller.submit([user(email="a@b.example"), user(email="nobody")]))
    (error,) = job["errors"]
    assert (error["line"], error["property"], error["code"]) == (2, "email", "invalid_email")
    assert caller.finished(caller.submit([user(email="no@body.example")]))["errors"] == []
    assert caller.sandbox.users["email"].to_list() == ["no@body.example"]


def test_a_caller_can_refuse_records_by_id(open_sandbox: Callable[..., Caller]) -> None:
    """The same by a mapping, for tests that know their ids; it sees no record that breaks the rules."""
    caller = open_sandbox(math.inf, refuse={"b": ("banned", None, "b is not welcome")})
    job = caller.finished(caller.submit([{"user_id": "a"}, {"user_id": "b"}, {"user_id": []}]))
    assert [(error["user_id"], error["code"]) for error in job["errors"]] == [
        ("b", "banned"),
        (None, "invalid_id"),
    ]


def test_a_refusal_that_raises_is_a_500(
    open_sandbox: Callable[..., Caller], caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in the caller's function shows in the log, and neither hangs the caller nor ends the sandbox."""
    caller = open_sandbox(refuse=lambda record: record["no such key"])
    assert caller.submit([{"user_id": "a"}]).status_code == 500
    assert "KeyError" in caplog.text
    assert caller.jobs() == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
keys = st.sampled_from(["user_id", "company_id", "metadata", "created_at"]) | st.text(max_size=2)
likely_records = st.dictionaries(keys, json_values, max_size=3) | st.builds(
    lambda metadata: {"user_id": "a", "metadata": metadata}, st.dictionaries(keys, json_values, max_size=3)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(json_values | likely_records, min_size=1, max_size=4))
def test_every_row_is_either_written_or_reported(fast: Caller, records: list[object]) -> None:
    """Whatever a file holds, the job completes, and each row is answered for once."""
    job = fast.finished(fast.upload(records))
    refused = {error["line"] for error in job["errors"]}
    assert job["status"] == "completed"
    assert job["completed_rows"] == job["total_rows"] == len(records)
    profiles = fast.sandbox.users.set_index("user_id")
    for line, record in enumerate(records, 1):
        if line not in refused:
            assert isinstance(record, dict)
            assert record["user_id"] in profiles.index
            json.dumps(record, allow_nan=False)
