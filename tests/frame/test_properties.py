"""Arbitrary frames over all dtypes: what the encoder makes of them is what the oracle makes of them."""

from __future__ import annotations

from typing import Any

import oracle
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from plans_read import check_against_oracle
from strategies import as_series, columns, id_columns

from analytex_pandas.frame import ndjson

options = st.fixed_dictionaries(
    {},
    optional={
        "nulls": st.sampled_from(["omit", "send"]),
        "nested": st.sampled_from(["raise", "json", "flatten", "json"]),
        "duplicates": st.sampled_from(["raise", "first", "last"]),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    },
)


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    """Return the columns of a frame."""
    rows = draw(st.integers(0, 6))
    found = {"user_id": draw(id_columns(rows))}
    if draw(st.booleans()):
        found["company_id"] = draw(id_columns(rows))
    names = draw(st.lists(st.sampled_from(["x", "y", 'a"b', "é", "a\nb"]), unique=True, max_size=3))
    return found | {name: draw(columns(rows)) for name in names}


def held(found: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, list[Any]]]:
    """Return columns as a DataFrame and as plain values."""
    frame = pd.DataFrame({name: as_series(column) for name, column in found.items()})
    return frame, {name: oracle.cells_of(frame[name]) for name in found}


@given(frames(), options, st.booleans())
def test_any_frame_is_encoded_as_the_oracle_says(
    found: dict[str, Any], asked: dict[str, Any], few_values: bool
) -> None:
    """No value changes its meaning in silence, whatever the dtype and the policies, and however it is laid out."""
    frame, cells = held(found)
    note(str(frame.dtypes.to_dict()))
    with pytest.MonkeyPatch.context() as patch:
        if few_values:  # every column counts as one of few values, which else takes thousands of rows
            patch.setattr(ndjson, "ROWS_A_WORD", 0)
            patch.setattr(ndjson, "GRID_PLACES", 1)
        check_against_oracle(frame, cells, **asked)
    assert repr({name: oracle.cells_of(frame[name]) for name in frame}) == repr(cells), (
        "the frame was changed"
    )


@given(frames(), options)
def test_any_arrow_table_is_encoded_as_the_oracle_says(found: dict[str, Any], asked: dict[str, Any]) -> None:
    """The same for the columns that Arrow can hold, as a table."""
    arrays = {name: column for name, column in found.items() if isinstance(column, pa.Array)}
    rows = len(found["user_id"])
    table = pa.table({"user_id": pa.array([f"u{row}" for row in range(rows)]), **arrays})
    check_against_oracle(table, {name: oracle.cells_of(table[name]) for name in table.column_names}, **asked)


@given(frames(), options, st.sampled_from(["string", "number", "boolean", "date", "datetime"]))
def test_types_are_what_was_asked_for(found: dict[str, Any], asked: dict[str, Any], wanted: str) -> None:
    """A cell becomes what ``types`` asks for, or its row is invalid."""
    frame, cells = held(found)
    nested = {name for name, values in cells.items() if any(map(oracle.is_nested, values))}
    types = {
        name: wanted for name in frame.columns if name not in ("user_id", "company_id") and name not in nested
    }
    check_against_oracle(frame, cells, types=types, **asked)


@given(frames(), options)
def test_companies_are_encoded_as_the_oracle_says(found: dict[str, Any], asked: dict[str, Any]) -> None:
    """Companies go by their own id, and a ``user_id`` column is a property like any other."""
    frame, _ = held(found)
    frame = frame.rename(columns={"user_id": "company_id", "company_id": "user_id"})
    check_against_oracle(
        frame, {name: oracle.cells_of(frame[name]) for name in frame.columns}, "companies", **asked
    )
