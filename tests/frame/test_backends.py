"""The same values are the same bytes, whatever holds them and however they are cut."""

# ruff: noqa: E501, DTZ001  # rows and lines written by hand, naive datetimes among them

from __future__ import annotations

import datetime as dt
import decimal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from backends import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from plans_read import check_sums, lines_of, plan_of, positions_of

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("company_id", pa.int64()),
        ("text", pa.string()),
        ("whole", pa.int64()),
        ("real", pa.float64()),
        ("narrow", pa.float32()),
        ("flag", pa.bool_()),
        ("at", pa.timestamp("us")),
        ("day", pa.date32()),
        ("price", pa.decimal128(12, 2)),
        ("nothing", pa.string()),
    ]
)
ROWS: list[list[Any]] = [
    ["u0", 7, 'a"b\\c\n', 1, 0.1, 0.1, True, dt.datetime(2024, 1, 15, 8), dt.date(2024, 1, 15), decimal.Decimal("1.50"), None],
    ["u1", None, "é漢😀\u2028", -5, 2.0, 1e-7, False, dt.datetime(2024, 1, 15, 8, 0, 0, 120_000), dt.date(1969, 12, 31), decimal.Decimal("-0.01"), None],
    ["u2", 8, "", None, None, None, None, None, None, None, None],
    ["u3", 8, None, 2**53 - 1, 1e16, 3.5, True, dt.datetime(1969, 12, 31, 23, 59, 59, 1), None, decimal.Decimal("1234567890.00"), None],
    ["1", 8, "\x00\x1f\x7f", 0, -0.0, -0.0, False, None, dt.date(1, 1, 1), None, None],
    ["u5", None, "x", 3, 1e-7, 16_777_216.0, None, dt.datetime(9999, 12, 31, 23, 59, 59), dt.date(9999, 12, 31), decimal.Decimal("0.00"), None],
]  # fmt: skip
LINES = [
    r'{"user_id":"u0","company_id":"7","metadata":{"at":"2024-01-15T08:00:00Z","day":"2024-01-15","flag":true,"narrow":0.1,"price":1.50,"real":0.1,"text":"a\"b\\c\n","whole":1}}',
    '{"user_id":"u1","metadata":{"at":"2024-01-15T08:00:00.120Z","day":"1969-12-31","flag":false,"narrow":1e-7,"price":-0.01,"real":2,"text":"é漢😀\u2028","whole":-5}}',
    '{"user_id":"u2","company_id":"8","metadata":{"text":""}}',
    '{"user_id":"u3","company_id":"8","metadata":{"at":"1969-12-31T23:59:59.000001Z","flag":true,"narrow":3.5,"price":1234567890.00,"real":1e+16,"whole":9007199254740991}}',
    r'{"user_id":"1","company_id":"8","metadata":{"day":"0001-01-01","flag":false,"narrow":0,"real":0,"text":"\u0000\u001f' + '\x7f","whole":0}}',
    '{"user_id":"u5","metadata":{"at":"9999-12-31T23:59:59Z","day":"9999-12-31","narrow":16777216,"price":0.00,"real":1e-7,"text":"x","whole":3}}',
]  # fmt: skip


def table_of(rows: list[list[Any]]) -> pa.Table:
    """Return rows as an Arrow table."""
    return pa.Table.from_pydict(
        dict(zip(SCHEMA.names, map(list, zip(*rows, strict=True)), strict=True)), SCHEMA
    )


@pytest.mark.usefixtures("batch_rows")
def test_every_backend_gives_the_bytes_written_by_hand(make_input: Callable[[pa.Table], Any]) -> None:
    """Change detection rests on it: the same row gives the same bytes."""
    plan = plan_of(make_input(table_of(ROWS)))
    assert lines_of(plan) == LINES
    assert positions_of(plan) == list(range(len(ROWS)))
    assert plan.counts["input"] == len(ROWS)
    check_sums(plan)


def test_every_backend_gives_the_same_columns(make_input: Callable[[pa.Table], Any]) -> None:
    """What a plan says of its columns depends on the values, but for the dtype and the order."""
    columns = plan_of(make_input(table_of(ROWS))).columns.set_index("property").sort_index()
    assert columns["json_type"].to_dict() == {
        "at": "string", "company_id": "string", "day": "string", "flag": "boolean", "narrow": "number", "nothing": "null",
        "price": "number", "real": "number", "text": "string", "user_id": "string", "whole": "number",
    }  # fmt: skip
    assert columns["nulls"].to_dict() == {
        "at": 2, "company_id": 2, "day": 2, "flag": 2, "narrow": 1, "nothing": 6, "price": 2, "real": 1, "text": 1, "user_id": 0, "whole": 1,
    }  # fmt: skip
    assert columns.loc["price", "example"] == 1.5
    assert columns.loc["nothing", "note"] == "no value in any row"


@pytest.mark.usefixtures("batch_rows")
def test_every_backend_sends_null_where_asked(make_input: Callable[[pa.Table], Any]) -> None:
    """``nulls="send"``: null inside ``metadata`` alone, in every row that lacks the value."""
    lines = lines_of(plan_of(make_input(table_of(ROWS)), nulls="send", properties=["whole", "nothing"]))
    assert lines[2] == '{"user_id":"u2","company_id":"8","metadata":{"nothing":null,"whole":null}}'
    assert lines[1] == '{"user_id":"u1","metadata":{"nothing":null,"whole":-5}}'


@pytest.mark.usefixtures("batch_rows")
def test_every_backend_finds_invalid_and_duplicate_rows(make_input: Callable[[pa.Table], Any]) -> None:
    """Positions stay those of the input, across batches and parts."""
    blank, missing = [" ", *ROWS[0][1:]], [None, *ROWS[0][1:]]
    differing = ["u1", *ROWS[0][1:]]
    rows = [ROWS[0], blank, ROWS[1], ROWS[0], missing, ROWS[2], differing, ROWS[0]]
    plan = plan_of(make_input(table_of(rows)), invalid="skip", duplicates="last")
    assert plan.invalid[["position", "code"]].to_numpy().tolist() == [[1, "blank_id"], [4, "missing_id"]]
    assert dict(plan.counts) == {"input": 8, "invalid": 2, "duplicate": 3, "unchanged": 0, "to_send": 3}
    assert positions_of(plan) == [5, 6, 7]
    refused = plan_of(make_input(table_of(rows)))
    assert refused.invalid[["position", "code"]].to_numpy().tolist() == [
        [1, "blank_id"], [2, "duplicate"], [4, "missing_id"], [6, "duplicate"],
    ]  # fmt: skip


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 6, 7])
def test_chunks_cut_nothing_but_chunks(make_input: Callable[[pa.Table], Any], chunk_rows: int) -> None:
    """Lines are the same in chunks of any size; all chunks but the last are full."""
    plan = plan_of(make_input(table_of(ROWS)), chunk_rows=chunk_rows)
    assert lines_of(plan) == LINES
    assert plan.chunks["rows"].tolist() == [
        min(chunk_rows, len(ROWS) - start) for start in range(0, len(ROWS), chunk_rows)
    ]


# NumPy makes floats of integers beside gaps, and from 2^53 on those are written as floats.
ROW = st.tuples(
    st.none() | st.integers(0, 3),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
    st.none() | st.integers(1 - 2**53, 2**53 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.none() | st.booleans(),
    st.none() | st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
    st.none() | st.dates(),
    st.none() | st.decimals(-(10**9), 10**9, places=2),
    st.none(),
)


@settings(max_examples=max(settings().max_examples // 8, 1))
@given(st.lists(ROW, min_size=1, max_size=6))
def test_arbitrary_rows_are_the_same_bytes_from_every_backend(rows: list[tuple[Any, ...]]) -> None:
    """No backend's own idea of a value shows in what is sent."""
    table = table_of([[f"u{number}", *row] for number, row in enumerate(rows)])
    wanted = lines_of(plan_of(table))
    for backend in BACKENDS:
        with tempfile.TemporaryDirectory() as directory:
            assert lines_of(plan_of(backend(table, Path(directory)))) == wanted, backend.__name__
