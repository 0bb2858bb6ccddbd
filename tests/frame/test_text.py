"""The pieces that lines are made of: escapes, numbers and dates as text, whichever way they are put together."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans_read import lines_of, plan_of

from analytex_pandas.frame import ndjson
from analytex_pandas.frame.arrow_types import has_views, one_array
from analytex_pandas.frame.columns import TEXT, texts_at
from analytex_pandas.frame.hashing import hashes
from analytex_pandas.frame.ndjson import PropertyText, encode, escaped
from analytex_pandas.frame.numbers import floats
from analytex_pandas.frame.temporal import timestamps

VIEWS = pa.string_view()
SPECIAL = st.text(st.sampled_from('ab"\\\n\r\t\x00\x1f\x7fé☃𝄞'), max_size=30)


def coded(values: pa.Array) -> pa.Array:
    """Return a dictionary whose second value no row has."""
    return pa.DictionaryArray.from_arrays(pa.array([0, 2, None], pa.int32()), values)


@given(st.lists(st.none() | SPECIAL, max_size=30), st.integers(0, 3))
def test_text_is_escaped_as_json_escapes_it(texts: list[str | None], first: int) -> None:
    """Whatever is to be escaped, few characters or many, and wherever in a larger array the texts stand."""
    found = escaped(pa.array(texts, TEXT).slice(first))
    wanted = [text if text is None else json.dumps(text, ensure_ascii=False)[1:-1] for text in texts[first:]]
    assert found.to_pylist() == wanted
    found.validate(full=True)


@given(
    st.lists(st.tuples(st.text("ab1", max_size=20), st.text(",x", max_size=3), st.booleans()), max_size=20)
)
def test_texts_are_gathered_from_between_others(parts: list[tuple[str, str, bool]]) -> None:
    """Long or empty, with and without something between them, or missing."""
    data = "".join(text + rest for text, rest, _ in parts).encode()
    sizes = np.array([len(text) for text, *_ in parts], np.int64)
    whole = np.array([len(text + rest) for text, rest, _ in parts], np.int64)
    valid = np.array([there for *_, there in parts], bool)
    found = texts_at(np.frombuffer(data, np.uint8), np.cumsum(whole) - whole, sizes, valid)
    assert found.to_pylist() == [text if there else None for text, _, there in parts]
    found.validate(full=True)


@given(st.data(), st.integers(1, 40), st.integers(1, 6))
def test_a_line_is_its_values_one_behind_the_other(data: st.DataObject, rows: int, columns: int) -> None:
    """Whatever has gaps, is a dictionary or is quoted, whatever is to be escaped, in grids of any height."""
    gaps = data.draw(st.lists(st.booleans(), min_size=columns, max_size=columns))
    parts = []
    wanted: list[dict[str, Any]] = [{"user_id": str(row)} for row in range(rows)]
    for number, has_gaps in enumerate(gaps):
        cell = st.none() | SPECIAL if has_gaps else SPECIAL
        texts = data.draw(st.lists(cell, min_size=rows, max_size=rows))
        quoted = data.draw(st.booleans())
        if not quoted:
            texts = [None if text is None else str(len(text)) for text in texts]
        array = pa.array(texts, TEXT)
        array = array.dictionary_encode() if data.draw(st.booleans()) else array
        parts.append(PropertyText(f'p"{number}', array, quoted, plain=False))
        for record, text in zip(wanted, texts, strict=True):
            if text is not None:
                metadata = record.setdefault("metadata", {})
                metadata[f'p"{number}'] = text if quoted else int(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson, "GRID_PLACES", data.draw(st.sampled_from([1, 500, 1_000_000])))
        patch.setattr(ndjson, "ROWS_A_WORD", data.draw(st.sampled_from([0, 1_000])))
        ids = pa.array([str(row) for row in range(rows)], TEXT)
        found = encode("users", ids, None, parts, "omit")
    assert found.to_pylist() == [
        json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in wanted
    ]
    found.validate(full=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(st.data())
def test_floats_read_back_the_same_in_the_fewest_digits(dtype: str, data: st.DataObject) -> None:
    """At their own width; whole ones below 2^53 with the digits of the integer."""
    width = 64 if dtype == "float64" else 32
    values = np.array(data.draw(st.lists(st.floats(width=width), max_size=20)), dtype)
    coerced = floats(pa.array(values))
    for value, text in zip(values, coerced.text.to_pylist(), strict=True):
        if not np.isfinite(value):
            assert text is None
            continue
        assert values.dtype.type(text) == value
        assert json.loads(text) is not None
        if value == np.trunc(value) and abs(float(value)) < 2**53:
            assert text == str(int(value))
        else:
            digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
            shortest = np.format_float_scientific(value, unique=True, trim="-").partition("e")[0]
            assert len(digits) <= len(shortest.replace(".", "").lstrip("-").rstrip("0"))
    assert np.flatnonzero(np.isinf(values)).tolist() == [
        row for problem in coerced.problems for row in problem.rows.tolist()
    ]


def test_exponents_look_the_same_whatever_the_version_of_orjson() -> None:
    """Some versions of it leave the plus away; a line's bytes are not to hang on that."""
    values = [1e16, -1e22, 1.5e300, 1e-7, 5e-324, math.pi * 1e-20]
    text = floats(pa.array(values)).text.to_pylist()
    assert text == ["1e+16", "-1e+22", "1.5e+300", "1e-7", "5e-324", "3.141592653589793e-20"]


@given(
    st.lists(st.none() | st.integers(-62_135_596_800_000_000_000, 253_402_300_799_999_999_999), max_size=20)
)
def test_moments_are_written_as_python_writes_them(counts: list[int | None]) -> None:
    """Of every fraction the digits it needs, in columns that mix them; in nanoseconds as far as those reach."""
    within = [count if count is None or abs(count) < 2**63 else count % 2**62 for count in counts]
    found = timestamps(pa.array(within, pa.timestamp("ns")), "UTC").text.to_pylist()
    for count, text in zip(within, found, strict=True):
        if count is None:
            assert text is None
            continue
        seconds, nanoseconds = divmod(count, 10**9)
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)  # noqa: DTZ001  # counted in UTC
        digits = next(width for width in (0, 3, 6, 9) if not nanoseconds % 10 ** (9 - width))
        fraction = f".{nanoseconds:09d}"[: digits + 1] if digits else ""
        assert text == f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + "Z"


def test_a_missing_text_may_have_bytes_of_its_own() -> None:
    """Arrow allows it, and what is missing is not sent all the same."""
    for word in ("short", "longer than a view holds itself"):
        offsets = np.arange(4, dtype=np.int64) * len(word)
        text = pa.Array.from_buffers(
            TEXT, 3, [pa.py_buffer(b"\x05"), pa.py_buffer(offsets), pa.py_buffer(word.encode() * 3)]
        )
        plan = plan_of(pa.table({"user_id": ["a", "b", "c"], "x": text, "y": text}))
        with_text = f'"metadata":{{"x":"{word}","y":"{word}"}}'
        assert lines_of(plan) == [
            f'{{"user_id":"a",{with_text}}}',
            '{"user_id":"b"}',
            f'{{"user_id":"c",{with_text}}}',
        ]


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(0, 2**64 - 1))
def test_a_hash_hangs_on_the_text_and_the_seed_alone(texts: list[str], seed: int) -> None:
    """Not on what stands beside it, on where it stands, or on text or bytes being asked for."""
    together = hashes(pa.array(texts, TEXT), seed).tolist()
    assert together == [int(hashes(pa.array([text], TEXT), seed)[0]) for text in texts]
    assert together == hashes(pa.array(["x", *texts], TEXT).slice(1), seed).tolist()
    assert together == hashes(pa.array([text.encode() for text in texts], pa.large_binary()), seed).tolist()
    assert len(set(together)) == len(set(texts))


WITH_VIEWS: dict[str, tuple[pa.Array, dict[str, Any], list[Any]]] = {
    "a dictionary": (coded(pa.array(["p", "q", "r"], VIEWS)), {}, ["p", "r", None]),
    "a map": (pa.array([[("k", "v")], None, []], pa.map_(VIEWS, VIEWS)), {"nested": "json"}, ['{"k":"v"}', None, "{}"]),
    "a struct": (
        pa.array([{"a": "v"}, None, {"a": None}], pa.struct([("a", VIEWS)])),
        {"nested": "json"},
        ['{"a":"v"}', None, '{"a":null}'],
    ),
    "a dictionary of structs": (
        coded(pa.array([{"a": "v"}, None, {"a": "w"}], pa.struct([("a", VIEWS)]))),
        {"nested": "json"},
        ['{"a":"v"}', '{"a":"w"}', None],
    ),
    "a struct of a dictionary": (
        pa.StructArray.from_arrays([coded(pa.array(["p", "q", "r"], VIEWS))], ["a"]),
        {"nested": "json"},
        ['{"a":"p"}', '{"a":"r"}', '{"a":null}'],
    ),
    "a list": (pa.array([["v"], None, [None]], pa.list_(VIEWS)), {"nested": "json"}, ['["v"]', None, "[null]"]),
    "a list view": (
        pa.array([["v"], None, [None]], pa.list_view(VIEWS)),
        {"nested": "json"},
        ['["v"]', None, "[null]"],
    ),
    "a list of fixed size": (
        pa.array([["v"], None, [None]], pa.list_(VIEWS, 1)),
        {"nested": "json"},
        ['["v"]', None, "[null]"],
    ),
    "runs": (
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array(["p", "q"], VIEWS)),
        {},
        ["p", "q", "q"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_VIEWS)
def test_views_may_be_anywhere_in_a_column(name: str) -> None:
    """Of Arrow's kernels few know views: those that take or filter rows do not."""
    array, options, wanted = WITH_VIEWS[name]
    assert has_views(array.type)
    assert not has_views(one_array(array).type)
    plan = plan_of(pa.table({"user_id": ["a", "b", "c"], "x": array}), **options)
    assert [record.get("metadata", {}).get("x") for record in plan.records()] == wanted


def test_views_may_be_flattened_and_may_be_ids() -> None:
    """A map's keys, the values of an id column, and the labels of rows that are invalid or stand twice."""
    maps = pa.array([[("k", "v")], None, [("k", None), ("l", "w")]], pa.map_(VIEWS, VIEWS))
    plan = plan_of(pa.table({"user_id": ["a", "b", "c"], "x": maps}), nested="flatten")
    assert [record.get("metadata") for record in plan.records()] == [{"x.k": "v"}, None, {"x.l": "w"}]
    ids = coded(pa.array(["p", "q", "p"], VIEWS))
    table = pa.table({"user_id": ids, "__index_level_0__": pa.array(["i", "j", "k"], VIEWS)})
    plan = plan_of(table, invalid="skip")
    assert plan.invalid[["index", "code"]].to_numpy().tolist() == [["k", "missing_id"]]
    assert plan.counts[["duplicate", "to_send"]].tolist() == [1, 1]


def test_a_column_of_few_values_is_sent_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is joined with what stands before it when there are rows enough, which shows in nothing."""
    rows = 50
    table = pa.table(
        {
            "user_id": [f"u{row}" for row in range(rows)],
            "a": pa.array([None if row % 3 == 0 else row % 2 == 0 for row in range(rows)]),
            "b": pa.array([f'x"{row % 2}' for row in range(rows)]).dictionary_encode(),
            "c": pa.array(
                [None if row % 5 == 0 else f"y{row % 4}" for row in range(rows)]
            ).dictionary_encode(),
            "d": pa.array([float(row) if row % 2 else None for row in range(rows)]),
            "e": pa.array([row % 7 for row in range(rows)]),
        }
    )
    wanted = {nulls: lines_of(plan_of(table, nulls=nulls)) for nulls in ("omit", "send")}
    monkeypatch.setattr(ndjson, "ROWS_A_WORD", 0)
    assert {nulls: lines_of(plan_of(table, nulls=nulls)) for nulls in ("omit", "send")} == wanted
    assert json.loads(wanted["omit"][1])["metadata"] == {"a": False, "b": 'x"1', "c": "y1", "d": 1, "e": 1}
