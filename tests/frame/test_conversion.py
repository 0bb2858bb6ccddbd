"""What becomes of a value: the conversion table, one case a line, as JSON text written by hand."""

# ruff: noqa: DTZ001, E501  # naive datetimes are values like any other; one case a line

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import time
import uuid
import zoneinfo
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from plans_read import lines_of, plan_of, values_of
from strategies import objects

import analytex_pandas as apd

D = decimal.Decimal
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
EIGHT = dt.datetime(2024, 1, 15, 8)


class Mixed(enum.Enum):
    """Members of several types."""

    NUMBER = 3
    TEXT = "three"
    NOTHING = None


class Colour(enum.StrEnum):
    """Members that are text."""

    RED = "red"


class Level(enum.IntEnum):
    """Members that are integers."""

    LOW = 1


def frame_of(values: Any) -> Any:
    """Return a frame with one property ``x``; of an Arrow array a table, of a list a column of objects."""
    if isinstance(values, pa.Array):
        return pa.table({"user_id": [f"u{row}" for row in range(len(values))], "x": values})
    column = objects(values) if isinstance(values, list) else pd.Series(values).reset_index(drop=True)
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(column))], "x": column})


def counts(values: list[int | None], type_: pa.DataType) -> pa.Array:
    """Return an Arrow array of a type that counts units."""
    return pa.array(values, pa.int32() if type_.bit_width == 32 else pa.int64()).cast(type_)


CASES: dict[str, tuple[Any, list[str | None]]] = {
    "bool": (np.array([True, False]), ["true", "false"]),
    "nullable bool": (pd.array([True, None], "boolean"), ["true", None]),
    "Arrow bool": (pa.array([True, None]), ["true", None]),
    "bool8": (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1, -3, None], pa.int8())), ["false", "true", "true", None]),
    "objects that are bool": ([True, None, np.bool_(False)], ["true", None, "false"]),
    "int8": (np.array([-128, 127], "int8"), ["-128", "127"]),
    "int64": (np.array([-(2**63), 2**63 - 1]), ["-9223372036854775808", "9223372036854775807"]),
    "uint64": (np.array([2**64 - 1], "uint64"), ["18446744073709551615"]),
    "nullable Int64 with a gap": (pd.array([2**53 + 1, None], "Int64"), ["9007199254740993", None]),
    "Arrow uint64": (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
    "Python ints of any size": ([2**64, -(2**70), 7, None], ["18446744073709551616", "-1180591620717411303424", "7", None]),
    "an int of 400 digits": ([10**400], ["1" + "0" * 400]),
    "float16 by its own digits": (np.array([0.1, 65504, 5192, -2050, -0.0, np.nan], "float16"), ["0.1", "65504", "5192", "-2050", "0", None]),
    "float32 by its own digits": (np.array([0.1, 16777216, 1e10, np.nan], "float32"), ["0.1", "16777216", "10000000000", None]),
    "float64": (np.array([0.1, 1.5, -2.25]), ["0.1", "1.5", "-2.25"]),
    "whole floats": (np.array([1.0, -0.0, 1e4, 1e10, 1.5e14, 1e15, 2.0**53 - 1]), ["1", "0", "10000", "10000000000", "150000000000000", "1000000000000000", "9007199254740991"]),
    "NaN is missing": (np.array([np.nan, 1.5]), [None, "1.5"]),
    "nullable Float64": (pd.array([1.0, None, 0.1], "Float64"), ["1", None, "0.1"]),
    "Arrow halffloat": (pa.array([np.float16(0.1), None], pa.float16()), ["0.1", None]),
    "Arrow NaN is missing": (pa.array([float("nan"), 1.5]), [None, "1.5"]),
    "longdouble": (np.array(["0.1", "3", "nan"], "longdouble"), ["0.1", "3", None]),
    "NumPy scalars": ([np.int8(1), np.uint64(2**64 - 1), np.float32(0.1), np.float16(0.1), np.float64(0.1)], ["1", "18446744073709551615", "0.1", "0.1", "0.1"]),
    "Decimals of mixed scale": ([D("1.50"), D("1"), D("0.000000001"), None], ["1.50", "1", "0.000000001", None]),
    "Decimals with exponents": ([D("1E+2"), D("1E-7"), D("-0.00"), D("-0")], ["100", "0.0000001", "0.00", "0"]),
    "Decimal NaN is missing": ([D("NaN"), D("sNaN"), D("1")], [None, None, "1"]),
    "decimal32": (pa.array([D("1.50"), None], pa.decimal32(5, 2)), ["1.50", None]),
    "decimal64": (pa.array([D("-0.001")], pa.decimal64(10, 3)), ["-0.001"]),
    "decimal128": (pa.array([D("12345678901234567890.123456789")], pa.decimal128(38, 9)), ["12345678901234567890.123456789"]),
    "decimal128 of a negative scale": (pa.array([D("1200")], pa.decimal128(5, -2)), ["1200"]),
    "decimal256": (pa.array([D("1" + "0" * 60 + ".5")], pa.decimal256(76, 1)), ["1" + "0" * 60 + ".5"]),
    "str": (pd.Series(["a", None, ""], dtype="str"), ['"a"', None, '""']),
    "string[python]": (pd.array(["a", None], "string[python]"), ['"a"', None]),
    "string view": (pa.array(["a", None], pa.string_view()), ['"a"', None]),
    "large string": (pa.array(["a"], pa.large_string()), ['"a"']),
    "escapes": (['"\\\b\f\n\r\t\x00\x1f', "/\x7f\u2028é😀"], [r'"\"\\\b\f\n\r\t\u0000\u001f"', '"/\x7f\u2028é😀"']),
    "str subclasses": ([np.str_("s"), Colour.RED], ['"s"', '"red"']),
    "UUID": ([uuid.UUID(int=5)], ['"00000000-0000-0000-0000-000000000005"']),
    "Arrow uuid": (pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()), ['"00000000-0000-0000-0000-000000000005"', None]),
    "Arrow json": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}'])), ['"{\\"a\\":1}"']),
    "Enum of one type": ([Level.LOW, None], ["1", None]),
    "Enum of several": ([Mixed.NUMBER, Mixed.TEXT, Mixed.NOTHING], ['"3"', '"three"', None]),
    "paths": ([pathlib.PurePosixPath("/a/b"), pathlib.PureWindowsPath("c:\\x")], ['"/a/b"', '"c:\\\\x"']),
    "IP addresses": ([ipaddress.ip_address("::1"), ipaddress.ip_network("10.0.0.0/8")], ['"::1"', '"10.0.0.0/8"']),
    "naive datetimes": (pd.Series([EIGHT, None]), ['"2024-01-15T08:00:00Z"', None]),
    "datetime64[s]": (np.array(["2024-01-15T08:00:00", "NaT"], "M8[s]"), ['"2024-01-15T08:00:00Z"', None]),
    "fractions of 3, 6 and 9 digits": (np.array(["2024-01-15T08:00:00", "2024-01-15T08:00:00.120", "2024-01-15T08:00:00.000120", "2024-01-15T08:00:00.000000120"], "M8[ns]"), ['"2024-01-15T08:00:00Z"', '"2024-01-15T08:00:00.120Z"', '"2024-01-15T08:00:00.000120Z"', '"2024-01-15T08:00:00.000000120Z"']),
    "before 1970": (np.array(["1969-12-31T23:59:59.999"], "M8[ms]"), ['"1969-12-31T23:59:59.999Z"']),
    "the first and the last year": (np.array(["0001-01-01", "9999-12-31T23:59:59"], "M8[s]"), ['"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"']),
    "aware datetimes": (pd.Series([pd.Timestamp("2024-01-15 09:00", tz="Europe/Berlin")]), ['"2024-01-15T08:00:00Z"']),
    "aware Python datetimes": ([EIGHT.replace(tzinfo=BERLIN), EIGHT.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=-30)))], ['"2024-01-15T07:00:00Z"', '"2024-01-15T13:30:00Z"']),
    "datetimes of mixed zones, naive too": ([EIGHT, pd.Timestamp(EIGHT, tz="Asia/Kathmandu"), None, pd.NaT, float("nan"), pd.NA], ['"2024-01-15T08:00:00Z"', '"2024-01-15T02:15:00Z"', None, None, None, None]),
    "an hour that comes twice": ([dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)], ['"2024-10-27T00:30:00Z"', '"2024-10-27T01:30:00Z"']),
    "NumPy datetimes as objects": ([np.datetime64("2024-01"), np.datetime64("2024-01-15T08"), np.datetime64("NaT"), np.datetime64("2024-01-15T08:00:00.000000001")], ['"2024-01-01T00:00:00Z"', '"2024-01-15T08:00:00Z"', None, '"2024-01-15T08:00:00.000000001Z"']),
    "far and fine datetimes together": ([dt.datetime(3000, 1, 1), pd.Timestamp("2024-01-15 08:00:00.000000001")], ['"3000-01-01T00:00:00Z"', '"2024-01-15T08:00:00.000000001Z"']),
    "Arrow timestamp of an offset": (counts([0, None], pa.timestamp("s", "+02:00")), ['"1970-01-01T00:00:00Z"', None]),
    "dates": ([dt.date(2024, 1, 15), dt.date(1, 1, 1), dt.date(9999, 12, 31)], ['"2024-01-15"', '"0001-01-01"', '"9999-12-31"']),
    "date32": (counts([0, -1, None], pa.date32()), ['"1970-01-01"', '"1969-12-31"', None]),
    "date64": (counts([86_400_000, -86_400_000], pa.date64()), ['"1970-01-02"', '"1969-12-31"']),
    "times": ([dt.time(8), dt.time(8, 0, 0, 120_000), dt.time(23, 59, 59, 1)], ['"08:00:00"', '"08:00:00.120"', '"23:59:59.000001"']),
    "time32 and time64": (counts([28_800_000, 1], pa.time32("ms")), ['"08:00:00"', '"00:00:00.001"']),
    "time64 of nanoseconds": (counts([1, 10**9], pa.time64("ns")), ['"00:00:00.000000001"', '"00:00:01"']),
    "timedelta64": (np.array([90, "NaT", -1], "m8[s]"), ["90", None, "-1"]),
    "durations are exact": (counts([1_500_000_001, -1, 10**9], pa.duration("ns")), ["1.500000001", "-0.000000001", "1"]),
    "Python timedeltas": ([dt.timedelta(minutes=1, milliseconds=500), dt.timedelta(-1)], ["60.5", "-86400"]),
    "timedeltas beyond 64 bits": ([dt.timedelta.max, dt.timedelta(days=200_000_000)], ["86399999999999.999999", "17280000000000"]),
    "Period": (pd.Series(pd.PeriodIndex(["2024-01", "NaT"], freq="M")), ['"2024-01"', None]),
    "Period of quarters": (pd.Series(pd.PeriodIndex(["2024Q1"], freq="Q")), ['"2024Q1"']),
    "Interval": (pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), None])), ['"(0.0, 1.0]"', None]),
    "Interval of integers": (pd.Series(pd.interval_range(0, 2)), ['"(0, 1]"', '"(1, 2]"']),
    "bins of pd.cut": (pd.cut(pd.Series([1, 30]), [0, 5, 50]), ['"(0, 5]"', '"(5, 50]"']),
    "category of text": (pd.Categorical(["a", None, "a"]), ['"a"', None, '"a"']),
    "category of numbers": (pd.Categorical([1, 2.5]), ["1", "2.5"]),
    "category of datetimes": (pd.Categorical(pd.to_datetime(["2024-01-15 08:00", None])), ['"2024-01-15T08:00:00Z"', None]),
    "category of several types": (pd.Categorical([1, "x", True, None][1:]), ['"x"', '"true"', None]),
    "categories that do not occur": (pd.Categorical([1, 2], categories=[1, 2, "x", b"y"]), ["1", "2"]),
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), ['"a"', None, '"a"']),
    "dictionary with a null in it": (pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None])), ['"a"', None, None]),
    "runs of equal values": (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]), ['"a"', '"a"', None]),
    "sparse integers": (pd.arrays.SparseArray([0, 0, 3]), ["0", "0", "3"]),
    "sparse floats": (pd.arrays.SparseArray([np.nan, 2.5]), [None, "2.5"]),
    "sparse bools": (pd.arrays.SparseArray([True, False]), ["true", "false"]),
    "missing of every kind": (["a", None, float("nan"), pd.NA, pd.NaT, np.float64("nan"), np.datetime64("NaT")], ['"a"', None, None, None, None, None, None]),
    "nothing at all": ([None, float("nan"), pd.NA], [None, None, None]),
    "Arrow null": (pa.nulls(2), [None, None]),
    "several families give JSON text": ([True, 1, 2.5, "x", D("1.50"), dt.date(2024, 1, 15), 3.0, EIGHT], ['"true"', '"1"', '"2.5"', '"x"', '"1.50"', '"2024-01-15"', '"3"', '"2024-01-15T08:00:00Z"']),
    "bool is not number": ([True, 1], ['"true"', '"1"']),
    "numbers of all types are one family": ([1, 2.5, D("1.50"), np.int8(3), 2**70, 4.0], ["1", "2.5", "1.50", "3", "1180591620717411303424", "4"]),
    "text and dates are both strings": (["x", dt.date(2024, 1, 15)], ['"x"', '"2024-01-15"']),
    "dates beside datetimes": ([dt.date(2024, 1, 15), EIGHT, pd.Timestamp(EIGHT, tz="UTC"), pd.NaT], ['"2024-01-15"', '"2024-01-15T08:00:00Z"', '"2024-01-15T08:00:00Z"', None]),
    "dates beside datetimes in a category": (pd.Categorical.from_codes([0, 1], pd.Index([dt.date(2024, 1, 14), EIGHT], dtype=object)), ['"2024-01-14"', '"2024-01-15T08:00:00Z"']),
    "integers of the other byte order": (np.array([1, -2], ">i4"), ["1", "-2"]),
    "floats of the other byte order": (np.array([0.1, np.nan], ">f8"), ["0.1", None]),
    "long doubles of the other byte order": (np.array([0.5], np.dtype("longdouble").newbyteorder(">")), ["0.5"]),
    "a string view in pandas": (pd.arrays.ArrowExtensionArray(pa.array(["a", None, "b" * 20], pa.string_view())), ['"a"', None, f'"{"b" * 20}"']),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_become_what_the_table_says(name: str) -> None:
    """Digits, fractions and escapes to the letter."""
    values, wanted = CASES[name]
    assert values_of(frame_of(values)) == wanted


NESTED: dict[str, tuple[Any, str, list[str | None]]] = {
    "a list": ([[1, None, "a"], None], "json", [r'"[1,null,\"a\"]"', None]),
    "a dict never gains keys": ([{"a": 1}, {"b": 2}], "json", [r'"{\"a\":1}"', r'"{\"b\":2}"']),
    "values inside are coerced": ([[EIGHT, D("1.50"), float("nan"), 1.0, dt.timedelta(seconds=1.5), True]], "json", [r'"[\"2024-01-15T08:00:00Z\",1.50,null,1,1.5,true]"']),
    "an array of NumPy": ([np.array([1.5, np.nan])], "json", ['"[1.5,null]"']),
    "a tuple": ([(1, 2)], "json", ['"[1,2]"']),
    "an Arrow list": (pa.array([[1, None], None, []]), "json", ['"[1,null]"', None, '"[]"']),
    "an Arrow list of narrow floats": (pa.array([[0.1, 2]], pa.list_(pa.float32())), "json", ['"[0.1,2]"']),
    "an Arrow list of nanoseconds": (pa.array([[1]], pa.list_(pa.time64("ns"))), "json", [r'"[\"00:00:00.000000001\"]"']),
    "an Arrow struct": (pa.array([{"b": 1, "a": None}, None], pa.struct({"b": pa.int64(), "a": pa.null()})), "json", [r'"{\"b\":1,\"a\":null}"', None]),
    "an Arrow map": (pa.array([[("k", 1), ("j", None)]], pa.map_(pa.string(), pa.int64())), "json", [r'"{\"k\":1,\"j\":null}"']),
    "an Arrow list view": (pa.array([[9], [1, None], None, []], pa.list_view(pa.int8())).slice(1), "json", ['"[1,null]"', None, '"[]"']),
    "part of an Arrow map": (pa.array([[("z", 9)], [("k", 1)], None], pa.map_(pa.string(), pa.int64())).slice(1), "json", [r'"{\"k\":1}"', None]),
    "an array without dimensions": ([np.array(5), [6]], "json", ['"5"', '"[6]"']),
    "beside a plain value": ([{"a": 1}, "text"], "json", [r'"{\"a\":1}"', '"text"']),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_nested_values_become_json_text(name: str) -> None:
    """``nested="json"``: compact JSON text, its values by the same table."""
    values, nested, wanted = NESTED[name]
    assert values_of(frame_of(values), nested=nested) == wanted


MAPS = pa.array([[("k", 1), ("l", 2)], None, [("l", 3)], []], pa.map_(pa.string(), pa.int64()))

FLATTENED: dict[str, tuple[Any, list[dict[str, Any] | None]]] = {
    "dicts": ([{"a": 1, "b": {"c": "x"}}, {"a": 2}, None], [{"x.a": 1, "x.b.c": "x"}, {"x.a": 2}, None]),
    "a struct": (pa.array([{"a": 1, "b": {"c": "x"}}, None]), [{"x.a": 1, "x.b.c": "x"}, None]),
    "types over all rows": ([{"a": 1}, {"a": "x"}], [{"x.a": "1"}, {"x.a": "x"}]),
    "no field": ([{}, {"a": 1}], [None, {"x.a": 1}]),
    "a map": (MAPS, [{"x.k": 1, "x.l": 2}, None, {"x.l": 3}, None]),
    "part of a map": (MAPS.slice(1), [None, {"x.l": 3}, None]),
    "a map in a struct": (pa.StructArray.from_arrays([MAPS], ["m"]), [{"x.m.k": 1, "x.m.l": 2}, None, {"x.m.l": 3}, None]),
    "an empty map": (MAPS.slice(3), [None]),
}  # fmt: skip


@pytest.mark.parametrize("name", FLATTENED)
def test_dicts_and_structs_become_properties(name: str) -> None:
    """``nested="flatten"``: ``a.b`` properties, none for what a row lacks."""
    values, wanted = FLATTENED[name]
    assert [
        record.get("metadata") for record in plan_of(frame_of(values), nested="flatten").records()
    ] == wanted


@pytest.mark.parametrize("parts", [[[None], [{"k": 1}]], [[{}], [{"k": 1}]]], ids=["missing", "empty"])
@pytest.mark.parametrize("as_map", [False, True], ids=["dicts", "map"])
def test_a_part_without_fields_makes_no_property_of_the_column(parts: list[list[Any]], as_map: bool) -> None:
    """What is flattened is its fields, whichever batch first shows that it has some."""
    frames = [
        pa.table({"user_id": [f"u{number}"], "x": pa.array([list(cell.items()) if cell is not None else None for cell in part], MAPS.type)})
        if as_map
        else pd.DataFrame({"user_id": [f"u{number}"], "x": objects(part)})
        for number, part in enumerate(parts)
    ]  # fmt: skip
    plan = plan_of(frames, nested="flatten", nulls="send")
    assert [record["metadata"] for record in plan.records()] == [{"x.k": None}, {"x.k": 1}]
    assert plan.columns["property"].tolist() == ["user_id", "x.k"]


INVALID: dict[str, tuple[Any, dict[str, Any], list[tuple[int, str]]]] = {
    "infinite floats": (np.array([np.inf, 1.0, -np.inf]), {}, [(0, "not_finite"), (2, "not_finite")]),
    "infinite narrow floats": (np.array([np.inf], "float16"), {}, [(0, "not_finite")]),
    "infinite Decimals": ([D("Infinity"), D("1")], {}, [(0, "not_finite")]),
    "lone surrogates": (["a", "\ud800", "b\udfff"], {}, [(1, "invalid_text"), (2, "invalid_text")]),
    "a lone surrogate inside": ([{"a": "\ud800"}, {"\ud800": 1}], {"nested": "json"}, [(0, "invalid_text"), (1, "invalid_text")]),
    "65,536 characters": (["é" * 65_535, "é" * 65_536], {}, [(1, "string_too_long")]),
    "65,536 characters of JSON text": ([["a" * 65_536]], {"nested": "json"}, [(0, "string_too_long")]),
    "65,536 characters in a category": (pd.Categorical(["a" * 65_536, "b"]), {}, [(0, "string_too_long")]),
    "years beyond 9999": (np.array(["10000-01-01", "2024-01-15"], "M8[s]"), {}, [(0, "date_out_of_range")]),
    "a year that only UTC shows": ([dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-5)))], {}, [(0, "date_out_of_range")]),
    "infinity inside": ([[1, float("inf")], [1]], {"nested": "json"}, [(0, "not_finite")]),
    "two keys of one text": ([{1: "a", "1": "b"}], {"nested": "json"}, [(0, "nested_key_twice")]),
    "an hour that never was": ([dt.datetime(2024, 3, 31, 2, 30), EIGHT], {"timezone": "Europe/Berlin"}, [(0, "ambiguous_time")]),
    "an hour that was twice": (pd.Series([dt.datetime(2024, 10, 27, 2, 30), EIGHT]), {"timezone": "Europe/Berlin"}, [(0, "ambiguous_time")]),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_rows_that_cannot_be_sent_are_listed(name: str) -> None:
    """One odd cell makes its own row invalid, and no other."""
    values, asked, wanted = INVALID[name]
    plan = plan_of(frame_of(values), **asked)
    assert list(zip(plan.invalid["position"], plan.invalid["code"], strict=True)) == wanted
    assert set(plan.invalid["property"]) == {"x"}
    assert plan.invalid["id"].tolist() == [f"u{position}" for position, _ in wanted]
    with pytest.raises(apd.ValidationError, match="cannot be sent") as caught:
        plan.push()
    pd.testing.assert_frame_equal(caught.value.report, plan.invalid)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "complex": (np.array([1j]), {}, "complex"),
    "complex in objects": ([1, 1j], {}, "complex"),
    "bytes": (["a", b"x"], {}, "bytes"),
    "Arrow binary": (pa.array([b"x"]), {}, "binary"),
    "Arrow binary without values": (pa.array([None], pa.binary()), {}, "binary"),
    "a list": ([[1]], {}, "list"),
    "an Arrow list": (pa.array([[1]]), {}, "list"),
    "a list to flatten": ([[1]], {"nested": "flatten"}, "list"),
    "a map with one key twice": (pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())), {"nested": "flatten"}, "'k' twice"),
    "a list in a struct": (pa.array([{"a": [1]}]), {"nested": "flatten"}, "field 'x.a', holds list"),
    "a list in a dict": ([{"a": {"b": [1]}}], {"nested": "flatten"}, "field 'x.a.b', holds values of type list"),
    "bytes inside a list": ([[b"x"]], {"nested": "json"}, "bytes"),
    "binary inside an Arrow list": (pa.array([[b"x"]]), {"nested": "json"}, "binary"),
    "a set": ([{1}], {"nested": "json"}, "set"),
    "any other object": ([object()], {}, "object"),
    "a duration of months": ([np.timedelta64(3, "M"), "x"], {}, "timedelta64"),
    "a union": (pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]), {}, "union"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_json_is_refused_by_column(name: str) -> None:
    """The message names the column, what it holds, and the way out."""
    values, asked, word = REFUSED[name]
    with pytest.raises(apd.ValidationError, match="'x'") as caught:
        plan_of(frame_of(values), **asked)
    assert word in str(caught.value)
    assert any(way in str(caught.value) for way in ("nested=", "convert it", "make it", "mend"))


def test_all_that_is_wrong_with_a_column_is_said_at_once() -> None:
    """Every type that cannot be sent, every field, with its rows."""
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(
            pd.DataFrame({
                "user_id": ["a", "b", "c"],
                "x": objects([b"x", 1j, "fine"]),
                "y": objects([{"p": [1]}, {"q": b"x"}, {"r": 1}]),
            }),
            nested="flatten",
        )  # fmt: skip
    for part in ("bytes, which", "complex, which", "(first at row 1)", "'y.p'", "'y.q'"):
        assert part in str(caught.value)


def test_a_late_type_and_a_misspelt_column_are_one_report() -> None:
    """Not one at a time, however late in the frame the type shows up."""
    frame = frame_of([*["x"] * 60_000, b"y"])
    with pytest.raises(apd.ValidationError, match="'xx'") as caught:
        plan_of(frame, types={"xx": "number"})
    assert "bytes" in str(caught.value)
    assert "60000" in str(caught.value)


def test_a_refusal_names_the_first_rows_by_label() -> None:
    """Who has a million rows needs to know which one."""
    frame = frame_of(["a", b"x", "b", b"y"]).set_axis(["p", "q", "r", "s"])
    with pytest.raises(apd.ValidationError, match="'q', 's'"):
        plan_of(frame)


TYPES: dict[str, tuple[Any, str, list[str | None], list[int]]] = {
    "numbers to text": ([1, 2.5, D("1.50"), None, 3.0], "string", ['"1"', '"2.5"', '"1.50"', None, '"3"'], []),
    "bool to text": ([True], "string", ['"true"'], []),
    "datetimes to text": (pd.Series([EIGHT]), "string", ['"2024-01-15T08:00:00Z"'], []),
    "text to numbers": (["12", " 1.50 ", "-7", "1e3", None], "number", ["12", "1.50", "-7", "1e3", None], []),
    "what is no number": (["1,5", "x", "", "1"], "number", ["1"], [0, 1, 2]),
    "bool is no number": ([True, 1], "number", ["1"], [0]),
    "text to bool": (["true", "No", "1", None], "boolean", ["true", "false", "true", None], []),
    "what is no bool": (["maybe", "true"], "boolean", ["true"], [0]),
    "text to dates": (["2024-01-15", "2024-01-15T23:00:00-05:00", None], "date", ['"2024-01-15"', '"2024-01-15"', None], []),
    "ambiguous dates": (["03/04/2024", "13/04/2024"], "date", ['"2024-04-13"'], [0]),
    "what is no date": (["soon", "2024-02-30", "2024-01-15"], "date", ['"2024-01-15"'], [0, 1]),
    "aware datetimes to their own dates": (pd.Series([pd.Timestamp("2024-01-15 00:30", tz="Europe/Berlin")]), "date", ['"2024-01-15"'], []),
    "aware objects to their own dates": ([pd.Timestamp("2024-01-15 00:30", tz="Europe/Berlin"), dt.datetime(2024, 1, 15, 23, tzinfo=BERLIN)], "date", ['"2024-01-15"'] * 2, []),
    "naive datetimes to dates": (pd.Series([EIGHT]), "date", ['"2024-01-15"'], []),
    "dates to datetimes": ([dt.date(2024, 1, 15)], "datetime", ['"2024-01-15T00:00:00Z"'], []),
    "text to datetimes": (["2024-01-15", "2024-01-15T08:00:00+01:00", "2024-01-15 08:00:00.5"], "datetime", ['"2024-01-15T00:00:00Z"', '"2024-01-15T07:00:00Z"', '"2024-01-15T08:00:00.500Z"'], []),
    "dates that begin with the year": (["2024/03/04", "2024-3-4", "2024.03.04", "24/03/04"], "date", ['"2024-03-04"'] * 3, [3]),
    "zones as offsets or UTC": (["Mon, 15 Jan 2024 08:00:00 +0000", "15 Jan 2024 08:00 UTC", "2024-01-15 08:00:00 +0200"], "datetime", ['"2024-01-15T08:00:00Z"', '"2024-01-15T08:00:00Z"', '"2024-01-15T06:00:00Z"'], []),
    "zones as abbreviations": (["2024-01-15 08:00 CST", "2024-01-15 08:00 CET", "15 Jan 2024 08:00 GMT+2", "2024-01-15 08:00 UTC +02:00", "15-Jan-2024 08:00"], "datetime", ['"2024-01-15T08:00:00Z"'], [0, 1, 2, 3]),
    "a range is no date": (["2024-01-15/2024-01-21", "2024-01-15 - 2024-01-16", "2024-01-15", "2024-01-14, 2024-01-10"], "date", ['"2024-01-15"'], [0, 1, 3]),
    "two digits of a year": (["13/04/24", "31/12/99"], "date", ['"1999-12-31"'], [0]),
    "numbers to bool": ([1, 0.0, D("1.00"), D("0"), 2, None], "boolean", ["true", "false", "true", "false", None], [4]),
    "numbers are no dates": ([20240115], "date", [], [0]),
    "categories": (pd.Categorical(["1", "2"]), "number", ["1", "2"], []),
    "only categories that occur": (pd.Categorical(["1"], categories=["1", "x"]), "number", ["1"], []),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_types_make_of_a_column_what_was_asked_for(name: str) -> None:
    """A cell that does not parse, or is ambiguous, makes its row invalid."""
    values, wanted_type, wanted, invalid = TYPES[name]
    plan = plan_of(frame_of(values), types={"x": wanted_type}, invalid="skip")
    assert plan.invalid["position"].tolist() == invalid
    assert values_of(frame_of(values), types={"x": wanted_type}) == wanted


@pytest.mark.parametrize(
    ("timezone", "wanted"),
    [
        ("UTC", "2024-01-15T08:00:00Z"),
        ("Europe/Berlin", "2024-01-15T07:00:00Z"),
        ("Asia/Kathmandu", "2024-01-15T02:15:00Z"),
        ("-03:30", "2024-01-15T11:30:00Z"),
        ("UTC+05:30", "2024-01-15T02:30:00Z"),
        (dt.timezone(dt.timedelta(hours=1)), "2024-01-15T07:00:00Z"),
    ],
)
@pytest.mark.parametrize("values", [pd.Series([EIGHT]), [EIGHT], counts([int(EIGHT.replace(tzinfo=dt.UTC).timestamp())], pa.timestamp("s"))], ids=["numpy", "objects", "arrow"])  # fmt: skip
def test_naive_datetimes_are_local_times_of_the_timezone(values: Any, timezone: Any, wanted: str) -> None:
    """``timezone`` is that of naive datetimes; aware ones have their own."""
    assert values_of(frame_of(values), timezone=timezone) == [f'"{wanted}"']


@pytest.mark.parametrize(
    ("wall", "wanted"),
    [
        (dt.datetime(1901, 1, 1), "1900-12-31T23:00:00Z"),
        (dt.datetime(2040, 7, 1), "2040-06-30T22:00:00Z"),
        (dt.datetime(2040, 1, 1), "2039-12-31T23:00:00Z"),
    ],
)
def test_clocks_changed_before_1902_and_will_after_2037(wall: dt.datetime, wanted: str) -> None:
    """pytz, which pandas 2 takes its zones from, knows neither; the bytes must not hang on the version of pandas."""
    frame = frame_of(pd.Series([wall, EIGHT]).astype("datetime64[us]"))
    assert values_of(frame, timezone="Europe/Berlin") == [f'"{wanted}"', '"2024-01-15T07:00:00Z"']
    utc = dt.datetime.fromisoformat(wanted)
    aware = frame_of(counts([int(utc.timestamp())], pa.timestamp("s", "Europe/Berlin")))
    assert values_of(aware, types={"x": "date"}) == [f'"{wall.date()}"']


def test_a_zone_moves_the_first_and_last_nanoseconds_out_of_pandas_range() -> None:
    """64 bits of nanoseconds end in 1677 and 2262, records do not."""
    ends = frame_of(pd.Series([pd.Timestamp.min, pd.Timestamp.max, None], dtype="datetime64[ns]"))
    wanted = ['"1677-09-20T18:42:43.145224193Z"', '"2262-04-11T18:17:16.854775807Z"', None]
    assert values_of(ends, timezone="+05:30") == wanted
    assert values_of(ends, timezone="-05:30")[1] == '"2262-04-12T05:17:16.854775807Z"'


def test_no_text_hangs_on_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is CET in Berlin must be CET, or nothing, everywhere."""
    frame = frame_of(["2024-01-15 08:00 CET", "15 Jan 2024 08:00", "15 Jan 2024 08:00 +0000"])
    found = []
    for zone in ("Europe/Berlin", "America/New_York", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found.append(lines_of(plan_of(frame, types={"x": "datetime"}, invalid="skip")))
    monkeypatch.undo()
    time.tzset()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 2


def test_dates_to_datetimes_are_midnights_of_the_timezone() -> None:
    """A date becomes its local midnight."""
    wanted = ['"2024-01-14T23:00:00Z"']
    assert (
        values_of(frame_of([dt.date(2024, 1, 15)]), types={"x": "datetime"}, timezone="Europe/Berlin")
        == wanted
    )


@pytest.mark.parametrize("values", [[[1], None], pa.array([[1], None])], ids=["objects", "arrow"])
@pytest.mark.parametrize("wanted", ["number", "boolean", "date", "datetime"])
def test_a_list_is_nothing_but_text(values: Any, wanted: str) -> None:
    """Asked to be something else, its row is invalid."""
    plan = plan_of(frame_of(values), nested="json", types={"x": wanted}, invalid="skip")
    assert plan.invalid["position"].tolist() == [0]
    assert "A list or dict is not" in plan.invalid["message"][0]
    assert values_of(frame_of(values), nested="json", types={"x": "string"}) == ['"[1]"', None]


def test_records_without_properties_have_no_metadata() -> None:
    """An upsert of nothing but an id."""
    assert plan_of(frame_of([None, 1])).records() == [
        {"user_id": "u0"},
        {"user_id": "u1", "metadata": {"x": 1}},
    ]
    assert plan_of(pd.DataFrame({"user_id": ["a"]}), nulls="send").records() == [{"user_id": "a"}]
    assert plan_of(frame_of([None, 1]), nulls="send").records()[0] == {
        "user_id": "u0",
        "metadata": {"x": None},
    }


@pytest.mark.parametrize(
    "odd", ["\ud800", [dt.datetime(2024, 3, 31, 2, 30)], ["\ud800"]], ids=["text", "a list", "text in a list"]
)
def test_an_invalid_cell_counts_for_the_type_of_its_column(odd: Any) -> None:
    """Whatever is wrong with it; else the type would hang on which other cells share its batch."""
    frame = frame_of([True, odd])
    plan = plan_of(frame, nested="json", invalid="skip", timezone="Europe/Berlin")
    assert plan.invalid["position"].tolist() == [1]
    assert plan.records() == [{"user_id": "u0", "metadata": {"x": "true"}}]


MOMENTS: dict[str, str | None] = {
    "0001-01-01T00:00:00": "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00.1234567": "0001-01-01T00:00:00.123456700Z",
    "9999-12-31T23:59:59.999999999": "9999-12-31T23:59:59.999999999Z",
    "2024-01-15T10:00:00.1234567": "2024-01-15T10:00:00.123456700Z",
    "2024-01-15T10:00:00,123456789+02:00": "2024-01-15T08:00:00.123456789Z",
    "1677-09-21T00:12:43.145224192": "1677-09-21T00:12:43.145224192Z",
    "2262-04-11T23:47:16.854775808": "2262-04-11T23:47:16.854775808Z",
    "2024-01-15T10:00:00.1234567890000": "2024-01-15T10:00:00.123456789Z",
    "2024-01-15T10:00:00.1234567891": None,
    "0001-01-01T00:00:00.5+14:00": None,
    "9999-12-31T23:59:59.0000001-01:00": None,
    "Jan 5 2024 10:00:00.1234567": "2024-01-05T10:00:00.123456700Z",
    "2024-01-15": "2024-01-15T00:00:00Z",
}


@pytest.mark.parametrize("beside", MOMENTS)
def test_each_moment_is_exact_or_its_row_invalid_whatever_stands_beside_it(beside: str) -> None:
    """Arrow holds a batch of nanoseconds within 584 years: no batch decides for another row."""
    for text, wanted in MOMENTS.items():
        frame = pd.DataFrame({"user_id": ["a", "b"], "t": [beside, text]})
        plan = plan_of(frame, types={"t": "datetime"}, invalid="skip")
        found = {record["user_id"]: record["metadata"]["t"] for record in plan.records()}
        assert found.get("b") == wanted
        assert found.get("a") == MOMENTS[beside]


@pytest.mark.parametrize("text", ["-0", "-0.0", "-0e5", "-.0", "-00"])
def test_zero_has_no_sign(text: str) -> None:
    """Also where it is text that is to be a number."""
    (line,) = lines_of(plan_of(pd.DataFrame({"user_id": ["a"], "x": [text]}), types={"x": "number"}))
    assert b"-" not in (line if isinstance(line, bytes) else line.encode())


@pytest.mark.parametrize(
    ("column", "fields"),
    [
        ([[1, 2]], False),
        ([{"a": 1}], True),
        ([{"a": 1}, [2]], False),
        ([{"a": {"b": 1}}], True),
        ([{"a": {"b": [1]}}], False),
        (pa.array([{"a": {"b": 1}}]), True),
        (pa.array([{"a": {"b": [1]}}]), False),
        (pa.array([[1]]), False),
        (pa.array([[1]], pa.list_(pa.int8(), 1)), False),
        (pa.array([[1]], pa.large_list(pa.int8())), False),
        (pa.array([{"a": 1}]), True),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), True),
        (pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((1, 2, 2))), False),
    ],
)
def test_flatten_is_offered_to_what_has_fields_alone(column: Any, fields: bool) -> None:
    """A way out that is refused in turn is none."""
    ids = [f"u{row}" for row in range(len(column))]
    is_arrow = isinstance(column, pa.Array)
    frame: Any = pa.table({"user_id": ids, "x": column}) if is_arrow else frame_of(objects(column))
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame)
    assert ("flatten" in str(caught.value)) == fields


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_tensor_keeps_its_shape(axes: tuple[int, ...]) -> None:
    """Also where its axes are stored in another order, one is missing, and it is part of a column."""
    logical = np.arange(72).reshape(3, 2, 3, 4)
    stored = np.ascontiguousarray(logical.transpose(0, *(axis + 1 for axis in axes)))
    kind = pa.fixed_shape_tensor(pa.int64(), stored.shape[1:], permutation=np.argsort(axes).tolist())
    lists = pa.array([*stored.reshape(3, -1).tolist(), None], pa.list_(pa.int64(), 24))
    table = pa.table({"user_id": list("abcd"), "x": pa.ExtensionArray.from_storage(kind, lists)})
    records = plan_of(table.slice(1), nested="json").records()
    wanted = [logical[row].tolist() for row in (1, 2)]
    assert [json.loads(record["metadata"]["x"]) for record in records[:2]] == wanted
    assert "metadata" not in records[2]


@pytest.mark.parametrize("name", ["HUGEINT", "UHUGEINT", "BIT", "TIME WITH TIME ZONE"])
def test_what_only_duckdb_can_read_goes_by_its_name_there(name: str) -> None:
    """And not by the bytes that Arrow keeps of it."""
    connection = duckdb.connect()
    connection.execute("SET arrow_lossless_conversion = true")
    value = {"BIT": "'101'", "TIME WITH TIME ZONE": "'10:00:00+01'"}.get(name, "5")
    found = connection.sql(f"SELECT 'a' AS user_id, {value}::{name} AS x")  # written here
    with pytest.raises(
        apd.ValidationError, match="DuckDB's " + {"TIME WITH TIME ZONE": "TIME_TZ"}.get(name, name)
    ):
        plan_of(found)


def test_an_object_of_polars_is_named() -> None:
    """Arrow has eight bytes of it, which tell nobody anything."""
    with pytest.raises(apd.ValidationError, match="polars' type Object"):
        plan_of(pl.DataFrame({"user_id": ["a"], "x": [object()]}))


def test_what_stands_beside_a_view_keeps_its_own_type() -> None:
    """A boolean of eight bits is true, and not 1, also where its struct is cast to be rid of views."""
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8()))
    struct = pa.StructArray.from_arrays([flags, pa.array(["x", "y"], pa.string_view())], ["b", "t"])
    table = pa.table({"user_id": ["a", "b"], "s": struct})
    assert plan_of(table, nested="flatten").records(1)[0]["metadata"] == {"s.b": True, "s.t": "x"}
    assert plan_of(table, nested="json").records(1)[0]["metadata"] == {"s": '{"b":true,"t":"x"}'}


@pytest.mark.parametrize(
    "column",
    [[{"": 1}], pa.array([[("", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([{"": 1}])],
    ids=["dict", "map", "struct"],
)
def test_an_empty_key_stays_empty(column: Any) -> None:
    """It is a name like any other, and not null."""
    data: Any = pa.table({"user_id": ["a"], "x": column}) if isinstance(column, pa.Array) else None
    plan = plan_of(pd.DataFrame({"user_id": ["a"], "x": column}) if data is None else data, nested="json")
    assert plan.records() == [{"user_id": "a", "metadata": {"x": '{"":1}'}}]
