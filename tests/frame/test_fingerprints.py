"""The digests of a frame's columns are those of the lines that it becomes."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.frame.columns import TEXT
from analytex_pandas.frame.fingerprints import COMPANY, Column, canonical, of_columns, of_lines
from analytex_pandas.frame.ndjson import PropertyText, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

SALT = b"salt"
NUMBERS = st.integers(-(10**20), 10**20).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
CELLS = {
    "string": st.text(st.characters(codec="utf-8"), max_size=12),
    "number": NUMBERS | st.decimals(-100, 100, places=3).map(str),
    "boolean": st.sampled_from(["true", "false"]),
}


@given(st.data())
def test_columns_and_their_lines_have_the_same_digests(data: st.DataObject) -> None:
    """What is planned by columns is remembered by lines."""
    rows = data.draw(st.integers(1, 6))
    ids = data.draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=rows, max_size=rows))
    sends_null = data.draw(st.booleans())
    columns = {
        name: pa.array(data.draw(st.lists(st.none() | cells, min_size=rows, max_size=rows)), TEXT)
        for name, cells in CELLS.items()
    }
    companies = pa.array(
        data.draw(st.lists(st.none() | CELLS["string"].filter(bool), min_size=rows, max_size=rows)), TEXT
    )
    parts = [PropertyText(name, text, name == "string", name != "string") for name, text in columns.items()]
    lines = encode("users", pa.array(ids, TEXT), companies, parts, "send" if sends_null else "omit")
    sent = [Column(name, name, text, sends_null) for name, text in columns.items()]
    of_frame = of_columns(pa.array(ids, TEXT), [Column(COMPANY, "string", companies), *sent], SALT)
    of_text, _ = of_lines([line.encode() for line in lines.to_pylist()], "users", SALT)
    assert of_text.exists.all()
    assert of_text.ids.tolist() == of_frame.ids.tolist()
    assert of_text.exists.tolist() == of_frame.exists.tolist()
    for name, cells in of_frame.cells.items():
        assert cells.tolist() == of_text.cells.get(name, pd.Series(0, range(rows))).tolist()


@pytest.mark.parametrize(
    "spellings",
    [["1.5", "1.50", "15e-1", "0.15E1"], ["0", "0.0", "0e5"], ["100", "1e2", "1E+2", "100.00"], ["-2", "-2.0"],
     ["9007199254740993"], ["9007199254740992", "9.007199254740992e+15"], ["1e-7", "0.0000001", "10e-8"]],
)  # fmt: skip
def test_numbers_of_one_value_have_one_text(spellings: Sequence[str]) -> None:
    """However it is written, and every digit counts."""
    found = canonical(pa.array(spellings, TEXT)).to_pylist()
    assert len(set(found)) == 1
    assert decimal.Decimal(found[0]) == decimal.Decimal(spellings[0])


def test_lines_that_hold_no_record_are_left_out() -> None:
    """Files from elsewhere may hold anything."""
    lines: list[Any] = [
        b"{",
        b"[]",
        b"{}",
        b'{"user_id":null}',
        b'{"user_id":7,"metadata":[1]}',
        b'{"user_id":"7"}',
    ]
    found, _ = of_lines(lines, "users", SALT)
    assert (found.exists > 0).tolist() == [False, False, False, False, True, True]
    assert found.ids[0] == found.ids[1]
