"""What makes an id, and what makes its row invalid."""

# ruff: noqa: E501, DTZ001  # one case a line; naive datetimes are no ids

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from plans_read import lines_of, plan_of
from strategies import objects

import analytex_pandas as apd

D = decimal.Decimal


class Code(enum.StrEnum):
    """Members that are text."""

    RED = "red"


class Level(enum.IntEnum):
    """Members that are integers."""

    LOW = 1


class Shade(enum.Enum):
    """Members that are neither."""

    DARK = "dark"


def frame_of(values: Any, column: str = "user_id") -> Any:
    """Return a frame of ids."""
    if isinstance(values, pa.Array):
        return pa.table({column: values})
    return pd.DataFrame({column: objects(values) if isinstance(values, list) else pd.Series(values)})


GOOD: dict[str, tuple[Any, list[str]]] = {
    "text as it is": (["a", " a ", "é", "1.0", "007", "\x00a"], ["a", " a ", "é", "1.0", "007", "\x00a"]),
    "str": (pd.Series(["a"], dtype="str"), ["a"]),
    "string view": (pa.array(["a"], pa.string_view()), ["a"]),
    "integers": (np.array([1, -2, 2**62]), ["1", "-2", str(2**62)]),
    "uint64": (np.array([2**64 - 1], "uint64"), [str(2**64 - 1)]),
    "nullable integers": (pd.array([2**53 + 1], "Int64"), ["9007199254740993"]),
    "integers of any size": ([10**30, 5], ["1" + "0" * 30, "5"]),
    "integers of the other byte order": (np.array([1, -2], ">i8"), ["1", "-2"]),
    "members of an IntEnum": ([Level.LOW], ["1"]),
    "members of an IntEnum beside text": ([Level.LOW, "a"], ["1", "a"]),
    "65,535 characters": (["é" * 65_535], ["é" * 65_535]),
    "whole floats": (np.array([1.0, 1e10, -0.0, 2.0**53 - 1]), ["1", "10000000000", "0", "9007199254740991"]),
    "narrow whole floats": (np.array([1.0, 2047.0], "float16"), ["1", "2047"]),
    "nullable whole floats": (pd.array([3.0], "Float64"), ["3"]),
    "Arrow whole floats": (pa.array([3.0]), ["3"]),
    "whole Decimals": ([D("1"), D("2.00"), D("1E+3"), D("-0")], ["1", "2", "1000", "0"]),
    "Arrow whole Decimals": (pa.array([D("1.00"), D("20.00")], pa.decimal128(10, 2)), ["1", "20"]),
    "decimal32": (pa.array([D("1.00")], pa.decimal32(5, 2)), ["1"]),
    "a decimal of a negative scale": (pa.array([D("1200")], pa.decimal128(5, -2)), ["1200"]),
    "UUIDs": ([uuid.UUID(int=5)], ["00000000-0000-0000-0000-000000000005"]),
    "Arrow uuids": (pa.array([uuid.UUID(int=5).bytes], pa.uuid()), ["00000000-0000-0000-0000-000000000005"]),
    "categories": (pd.Categorical(["a", "b"]), ["a", "b"]),
    "categories of whole floats": (pd.Categorical([1.0, 2.0]), ["1", "2"]),
    "a dictionary": (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
    "runs": (pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]), ["a", "b"]),
    "sparse": (pd.arrays.SparseArray([0, 3]), ["0", "3"]),
    "a mixture": (["a", 1, 2.0, D("3.0"), uuid.UUID(int=5), np.int8(4), np.float32(5), Code.RED], ["a", "1", "2", "3", "00000000-0000-0000-0000-000000000005", "4", "5", "red"]),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_ids_are_text(name: str) -> None:
    """``123.0`` never."""
    values, wanted = GOOD[name]
    plan = plan_of(frame_of(values))
    assert [record["user_id"] for record in plan.records(20)] == wanted
    assert plan.counts["invalid"] == 0


@pytest.mark.parametrize("name", GOOD)
def test_companies_have_ids_of_the_same_kinds(name: str) -> None:
    """What makes a user's id makes a company's."""
    values, wanted = GOOD[name]
    plan = plan_of(frame_of(values, "company_id"), "companies")
    assert [record["company_id"] for record in plan.records(20)] == wanted


BAD: dict[str, tuple[Any, list[str]]] = {
    "missing": ([None, float("nan"), pd.NA, pd.NaT, D("NaN")], ["missing_id"] * 5),
    "missing in floats": (np.array([np.nan]), ["missing_id"]),
    "missing in Arrow": (pa.array([None], pa.string()), ["missing_id"]),
    "a column of nothing": (pa.nulls(1), ["missing_id"]),
    "empty and blank": (["", " ", "\t\n", "\u3000", "\xa0", "\u200b", "\ufeff \u2060", "\x7f", "\x00", "\xad\u200e"], ["blank_id"] * 10),
    "blank categories": (pd.Categorical([" "]), ["blank_id"]),
    "fractions": (np.array([1.5]), ["invalid_id"]),
    "infinity": (np.array([np.inf]), ["invalid_id"]),
    "floats from 2^53": (np.array([2.0**53, 1e300, -(2.0**53)]), ["id_too_large"] * 3),
    "fractional Decimals": ([D("1.5"), D("Infinity")], ["invalid_id"] * 2),
    "fractional Arrow Decimals": (pa.array([D("1.50")], pa.decimal128(10, 2)), ["invalid_id"]),
    "bool": (np.array([True]), ["invalid_id"]),
    "datetimes": (pd.Series([dt.datetime(2024, 1, 1)]), ["invalid_id"]),
    "periods": (pd.Series(pd.period_range("2024-01", periods=1, freq="M")), ["invalid_id"]),
    "a mixture": ([True, dt.date(2024, 1, 1), b"x", [1], {"a": 1}, 1j, dt.timedelta(1), np.timedelta64(1, "s"), Shade.DARK], ["invalid_id"] * 9),
    "Arrow binary": (pa.array([b"x"]), ["invalid_id"]),
    "Arrow lists": (pa.array([["a"]]), ["invalid_id"]),
    "lone surrogates": (["\ud800"], ["invalid_text"]),
    "65,536 characters": (["é" * 65_536], ["string_too_long"]),
    "thousands of digits": ([10**5_000, D("1E+100000")], ["invalid_id"] * 2),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_id_makes_its_row_invalid(name: str) -> None:
    """The row is listed, and the others are not held up."""
    values, codes = BAD[name]
    plan = plan_of(frame_of(values))
    assert plan.invalid["code"].tolist() == codes
    assert set(plan.invalid["property"]) == {"user_id"}
    assert plan.invalid["position"].tolist() == list(range(len(codes)))
    assert plan.counts["to_send"] == 0


COMPANIES: dict[str, tuple[Any, list[str | None], list[str]]] = {
    "missing is left out": ([None, "c", float("nan")], [None, "c", None], []),
    "whole floats": (np.array([1.0, np.nan]), ["1", None], []),
    "blank": ([" ", "c"], ["c"], ["blank_id"]),
    "a bad type": ([True, 3], ["3"], ["invalid_id"]),
    "a float too large": (np.array([2.0**53, 1.0]), ["1"], ["id_too_large"]),
}


@pytest.mark.parametrize("name", COMPANIES)
def test_a_users_company_may_be_missing_but_not_wrong(name: str) -> None:
    """Missing is left out, also under ``nulls="send"``; blank or of a bad type makes the row invalid."""
    values, wanted, codes = COMPANIES[name]
    frame = frame_of(values, "company_id").assign(user_id=[f"u{row}" for row in range(len(values))])
    for nulls in ("omit", "send"):
        plan = plan_of(frame, nulls=nulls)
        assert [record.get("company_id") for record in plan.records()] == wanted
        assert plan.invalid["code"].tolist() == codes
        assert set(plan.invalid["property"]) <= {"company_id"}
        assert all("null" not in line for line in lines_of(plan))


def test_company_id_none_makes_the_column_a_property() -> None:
    """It is a column like any other then."""
    frame = pd.DataFrame({"user_id": ["a"], "company_id": [7]})
    assert plan_of(frame, company_id=None).records() == [{"user_id": "a", "metadata": {"company_id": 7}}]
    assert plan_of(frame).records() == [{"user_id": "a", "company_id": "7"}]


def test_a_company_column_has_to_be_there_only_when_it_is_named() -> None:
    """The default column absent: off. A named one absent: an error with the near match."""
    frame = pd.DataFrame({"user_id": ["a"], "company": ["c"]})
    assert plan_of(frame).records() == [{"user_id": "a", "metadata": {"company": "c"}}]
    with pytest.raises(apd.ValidationError, match="Did you mean 'company'"):
        plan_of(frame, company_id="compny")
    with pytest.raises(apd.ValidationError, match="company_id"):
        plan_of(frame, company_id="company_id")


def test_ids_in_the_index() -> None:
    """A named index level is a column for ids, and never a property unless asked for."""
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index([1.0, 2.0], name="uid"))
    assert plan_of(frame, user_id="uid").records() == [
        {"user_id": "1", "metadata": {"x": 1}},
        {"user_id": "2", "metadata": {"x": 2}},
    ]
    levels = pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([("a", "c")], names=["uid", "cid"]))
    assert plan_of(levels, user_id="uid", company_id="cid").records() == [
        {"user_id": "a", "company_id": "c", "metadata": {"x": 1}}
    ]
    assert plan_of(levels, user_id="uid", properties=["cid"]).records() == [
        {"user_id": "a", "metadata": {"cid": "c"}}
    ]


def test_a_column_goes_before_an_index_level_of_its_name() -> None:
    """As pandas users expect of a name."""
    frame = pd.DataFrame({"user_id": ["column"]}, index=pd.Index(["index"], name="user_id"))
    assert plan_of(frame).records() == [{"user_id": "column"}]


def test_two_columns_of_the_ids_name_are_refused() -> None:
    """Which of them is the id is not for us to guess."""
    frame = pd.DataFrame([["a", "b", 1]], columns=["user_id", "user_id", "x"])
    with pytest.raises(apd.ValidationError, match="2 columns have the name 'user_id'"):
        plan_of(frame)
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["user_id", "user_id"])
    with pytest.raises(apd.ValidationError, match="2 columns have the name 'user_id'"):
        plan_of(table)


def test_notes_on_ids() -> None:
    """What a careful colleague would point out."""
    note = plan_of(pd.DataFrame({"user_id": [1.0, 2.0]})).columns["note"][0]
    assert "whole floats" in note
    note = plan_of(pd.DataFrame({"user_id": [" a", "b"]})).columns["note"][0]
    assert "spaces around" in note


NARROW: dict[str, Any] = {
    "NumPy": lambda values: values,
    "nullable": lambda values: pd.array(values.astype("float32"), "Float32"),
    "Arrow": pa.array,
    "Arrow in pandas": lambda values: pd.Series(pa.array(values), dtype=pd.ArrowDtype(pa.array(values).type)),
    "a category": pd.Categorical,
    "objects": lambda values: objects(list(values)),
    "objects beside text": lambda values: objects([*values, "text"]),
    "sparse": lambda values: pd.arrays.SparseArray(values.astype("float32")),
    "a dictionary": lambda values: pa.array(values.astype("float32")).dictionary_encode(),
    "runs": lambda values: pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array(values)),
    "chunks": lambda values: pa.chunked_array([pa.array(values[:1]), pa.array(values[1:])]),
}


@pytest.mark.parametrize("role", ["user_id", "company_id"])
@pytest.mark.parametrize("bits", [11, 24])
@pytest.mark.parametrize("road", NARROW)
def test_a_narrow_float_has_lost_the_digits_of_an_id_much_sooner(road: str, bits: int, role: str) -> None:
    """float32 from 2^24, float16 from 2^11 up: the digits that are left are somebody else's id."""
    kind = np.dtype({11: "float16", 24: "float32"}[bits])
    if bits == 11 and road in {"nullable", "sparse", "a dictionary", "a category"}:
        pytest.skip("there is no such column of half floats")
    values = np.array([2.0**bits, 2.0**bits - 1], kind)
    data = {"user_id": pa.array(["a", "b", "c"])} if role == "company_id" else {}
    column = NARROW[road](values)
    rows = len(column)
    is_arrow = isinstance(column, pa.Array | pa.ChunkedArray)
    frame: Any = {name: array[:rows] for name, array in data.items()} | {role: column}
    frame = (
        pa.table(frame)
        if is_arrow
        else pd.DataFrame({k: v.to_pylist() if k in data else v for k, v in frame.items()})
    )
    plan = plan_of(frame, invalid="skip")
    assert plan.invalid["code"].tolist() == ["id_too_large"]
    assert plan.invalid["position"].tolist() == [0]
    assert f"2^{bits}" in plan.invalid["message"][0]
    assert plan.records(1)[0][role] == str(2**bits - 1)


def test_ids_of_an_index_and_of_stata_are_held_to_their_width(tmp_path: Any) -> None:
    """Stata's own type for numbers is a float of 32 bits."""
    frame = pd.DataFrame({"uid": np.array([123456789, 12], "float32"), "x": [1, 2]})
    for data in (frame.set_index("uid"), frame.to_parquet(tmp_path / "x.parquet") or tmp_path / "x.parquet"):
        assert plan_of(data, user_id="uid", invalid="skip").records()[0]["user_id"] == "12"
    frame.to_stata(tmp_path / "x.dta", write_index=False)
    assert len(plan_of(pd.read_stata(tmp_path / "x.dta"), user_id="uid").invalid) == 1


HALF = "a\ud800"


def python_text(values: list[Any]) -> Any:
    """Return text as pandas keeps it without Arrow."""
    return pd.array(values, dtype=pd.StringDtype("python"))


@pytest.mark.parametrize("role", ["user_id", "company_id", "x"])
@pytest.mark.parametrize(
    "make",
    [python_text, objects, lambda values: pd.Categorical(python_text(values))],
    ids=["python text", "objects", "category"],
)
def test_half_a_surrogate_makes_its_row_invalid_however_text_is_kept(make: Any, role: str) -> None:
    """As id, as company, as value."""
    frame = pd.DataFrame({"user_id": ["u", "v"], "company_id": ["c", "d"], "x": ["e", "f"]})
    frame[role] = make(["t", HALF])
    plan = plan_of(frame, invalid="skip")
    assert plan.invalid["property"].tolist() == [role]
    assert plan.invalid["code"].tolist() == ["invalid_text"]
    assert len(plan.records()) == 1


@pytest.mark.parametrize("make", [python_text, objects], ids=["python text", "objects"])
def test_labels_with_half_a_surrogate_are_shown_escaped_and_stay_equal(make: Any) -> None:
    """A message can be printed; the label still finds its row."""
    frame = pd.DataFrame({"user_id": ["u", None]}, index=pd.Index(make(["t", HALF])))
    plan = plan_of(frame)
    assert plan.invalid["index"][0] == HALF
    plan.invalid.to_string().encode()
    with pytest.raises(apd.ValidationError) as caught:
        plan.push()
    str(caught.value).encode()


@pytest.mark.parametrize(
    "labels",
    [
        [1, pd.NA],
        pd.array([1, None], "Int64"),
        [10**5_000, -(10**5_000)],
        [pd.NaT, pd.NaT],
    ],
    ids=["NA", "Int64", "long", "NaT"],
)
def test_odd_labels_come_back_as_they_were(labels: Any) -> None:
    """NA is not None, and an integer may have more digits than Python writes."""
    index = pd.Index(labels) if not isinstance(labels, list) else pd.Index(labels, dtype=object)
    found = plan_of(pd.DataFrame({"user_id": [None, None]}, index=index)).invalid["index"].tolist()
    assert all(one is two or bool(one == two) for one, two in zip(found, index, strict=True))
