"""What a plan says: its DataFrames, notes, refusals and near matches."""

# ruff: noqa: DTZ001, E501  # one case a line; naive datetimes are values like any other

from __future__ import annotations

import datetime as dt
import gc
import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from plans_read import check_sums, lines_of, plan_of, positions_of

import analytex_pandas as apd

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = {
    "columns": {"column": "object", "property": "object", "dtype": "object", "json_type": "object", "nulls": "int64", "example": "object", "note": "object"},
    "invalid": {"position": "int64", "index": "object", "id": "object", "property": "object", "code": "object", "message": "object"},
    "chunks": {"chunk": "int64", "rows": "int64", "bytes": "int64"},
}  # fmt: skip
EMPTY = {
    "no rows": pd.DataFrame({"user_id": pd.Series([], dtype="str"), "x": pd.Series([], dtype="int64")}),
    "no rows in Arrow": pa.table({"user_id": pa.array([], pa.string()), "x": pa.array([], pa.int64())}),
    "frames without rows": [
        pd.DataFrame({"user_id": pd.Series([], dtype="str"), "x": pd.Series([], dtype="int64")})
    ],
}
FULL = pd.DataFrame({"user_id": ["a", None], "x": [1, 2]})


@pytest.mark.parametrize("data", [*EMPTY.values(), FULL], ids=[*EMPTY, "rows"])
def test_dataframes_have_their_columns_and_dtypes(data: Any) -> None:
    """Documented columns and dtypes, also when empty."""
    plan = plan_of(data)
    for name, dtypes in DTYPES.items():
        assert {column: str(dtype) for column, dtype in getattr(plan, name).dtypes.items()} == dtypes
    assert plan.counts.index.tolist() == ["input", "invalid", "duplicate", "unchanged", "to_send"]
    assert plan.counts.dtype == "int64"
    check_sums(plan)


@pytest.mark.parametrize("data", EMPTY.values(), ids=EMPTY)
def test_an_empty_frame_is_a_plan_of_nothing(data: Any, tmp_path: Path) -> None:
    """It completes without a request, and still shows its columns."""
    plan = plan_of(data)
    assert (plan.rows, plan.bytes, plan.duration, plan.records()) == (0, 0, pd.Timedelta(0), [])
    assert plan.columns["property"].tolist() == ["user_id", "x"]
    assert plan.to_ndjson(tmp_path) == []


def test_an_empty_frame_is_refused_for_its_dtypes() -> None:
    """What cannot be sent with rows cannot without."""
    with pytest.raises(apd.ValidationError, match="'x'"):
        plan_of(pa.table({"user_id": pa.array([], pa.string()), "x": pa.array([], pa.binary())}))


def test_a_frame_without_columns_has_no_id() -> None:
    """Said, not crashed on."""
    with pytest.raises(apd.ValidationError, match="user_id"):
        plan_of(pd.DataFrame())


def test_columns_say_what_becomes_of_each() -> None:
    """Ids first, then properties in the order of the input."""
    frame = pd.DataFrame(
        {"z": [1, 2], "user_id": ["a", "b"], 7: [None, "t"], "at": [dt.datetime(2024, 1, 15, 8), None]}
    )
    columns = plan_of(frame, properties={"at": "seen", 7: "seven", "z": "z"}).columns
    assert columns[["column", "property", "json_type", "nulls", "example"]].to_numpy().tolist() == [
        ["user_id", "user_id", "string", 0, "a"],
        ["at", "seen", "string", 1, "2024-01-15T08:00:00Z"],
        [7, "seven", "string", 1, "t"],
        ["z", "z", "number", 0, 1],
    ]


NOTES: dict[str, tuple[Any, str]] = {
    "mixed types": ([1, "a"], "mixed types"),
    "no value": ([None, None], "no value"),
    "whole floats": ([1.0, None], "whole floats"),
    "beyond 2^53": ([2**53 + 1, 1], "2^53"),
    "beyond 64 bits": ([2**70, 1], "2^53"),
    "dates as text": (["2024-01-15", "2024-01-16"], "dates kept as text"),
}


@pytest.mark.parametrize("name", NOTES)
def test_notes_point_out_what_a_colleague_would(name: str) -> None:
    """Each where it is due, and nowhere else."""
    values, wanted = NOTES[name]
    plan = plan_of(pd.DataFrame({"user_id": ["a", "b"], "x": pd.Series(values), "fine": [1, 2]}))
    notes = plan.columns.set_index("property")["note"]
    assert wanted in notes["x"]
    assert notes["fine"] == ""


DAYS = pd.date_range("2024-03-29", periods=4)
ALSO_NOTED: dict[str, tuple[dict[Any, Any], dict[str, Any], list[str]]] = {
    "midnight, aware": ({"x": DAYS.tz_localize("Europe/Berlin")}, {}, ["sent as 2024-03-28T23:00:00Z", "{'x': 'date'}"]),
    "midnight, at times in UTC": ({"x": DAYS.tz_localize("Europe/London")}, {}, ["sent as 2024-03-31T23:00:00Z"]),
    "midnight, naive": ({"x": DAYS}, {"timezone": "Europe/Berlin"}, ["sent as 2024-03-28T23:00:00Z"]),
    "midnight, category": ({"x": pd.Categorical(DAYS.tz_localize("Asia/Tokyo"))}, {}, ["sent as 2024-03-28T15:00:00Z"]),
    "midnight, objects": ({"x": [dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=h))) for h in (1, 2, 1, 2)]}, {}, ["sent as 2023-12-31T23:00:00Z"]),
    "created_at, number": ({"created_at": 1_700_000_000}, {}, ["and 1700000000 is", "df['created_at'] = pd.to_datetime(df['created_at'], unit='s')"]),
    "created_at, text": ({"created_at": "soon"}, {}, ["'soon' is not written as one"]),
    "created_at, flag": ({"created_at": True}, {}, ["and true is not"]),
    "email": ({"email": [1.5, None, 2, 3]}, {}, ["1.5 is a number"]),
    "company_id": ({"company_id": "c"}, {"company_id": None}, ["puts no user into a company", "company_id='company_id'"]),
    "company_id, renamed": ({"firm": "c"}, {"properties": {"firm": "company_id"}}, ["company_id='firm'"]),
    "user_id": ({"user_id": "u", "uid": list("efgh")}, {"user_id": "uid"}, ["another column has the ids", "user_id='user_id'"]),
    "metadata": ({"metadata": "{}"}, {}, ["within metadata already", "{'metadata': 'details'}"]),
    "metadata, flattened": ({"metadata": [{"plan": "pro"}] * 4}, {"nested": "flatten"}, ["within metadata already"]),
    "timestamp": ({pd.Timestamp("2024-01-01"): 1}, {}, ["text of a timestamp", "{pd.Timestamp('2024-01-01 00:00:00'): '2024-01-01'}"]),
    "accents apart": ({"cafe\u0301": 1}, {}, [r"{'cafe\u0301': 'caf\xe9'}"]),
    "unseen": ({"pl\u200ban": 1}, {}, [r"'pl\u200ban'", "'plan'}"]),
    "a selector": ({"plan\ufe0f": 1}, {}, [r"'plan\ufe0f'", "'plan'}"]),
    "a tag": ({"pl\U000e0041an": 1}, {}, [r"'pl\U000e0041an'", "'plan'}"]),
    "which of two dates": ({"x": "03.04.2021"}, {}, ["'03.04.2021' is 2021-04-03 or 2021-03-04", "format='%d.%m.%Y')"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ALSO_NOTED)
def test_notes_on_times_and_names(name: str) -> None:
    """With the cell's own value, and what to do about it."""
    columns, options, wanted = ALSO_NOTED[name]
    frame = pd.DataFrame({"user_id": list("abcd"), "fine": 1, **columns})
    table = plan_of(frame, **options).columns
    assert "fine" not in table[table["note"] != ""]["property"].tolist()
    (note,) = table[table["note"].str.contains(wanted[0], regex=False)]["note"]
    assert all(part in note for part in wanted), note


FINE: dict[str, tuple[dict[Any, Any], dict[str, Any]]] = {
    "midnight in UTC": ({"x": DAYS.tz_localize("UTC"), "created_at": DAYS}, {}),
    "another time of day": ({"x": (DAYS + pd.Timedelta("9h")).tz_localize("Europe/Berlin")}, {}),
    "some at midnight": ({"x": pd.date_range("2024-01-01", periods=4, freq="8h", tz="Europe/Berlin")}, {}),
    "dates": ({"x": DAYS.tz_localize("Europe/Berlin")}, {"types": {"x": "date"}}),
    "times, as asked": ({"x": DAYS.tz_localize("Europe/Berlin")}, {"types": {"x": "datetime"}}),
    "reserved, sound": ({"email": "a@example.com", "created_at": DAYS.date, "company_id": "c"}, {}),
    "dates of text": ({"created_at": "2024-01-01"}, {"types": {"created_at": "date"}}),
    "names": ({"café": 1, "два": 1, "größe": 1, "한국": 1, "क्षि": 1}, {}),
}


@pytest.mark.parametrize("name", FINE)
def test_nothing_is_noted_of_what_is_fine(name: str) -> None:
    """Whoever is warned in vain stops reading."""
    columns, options = FINE[name]
    notes = plan_of(pd.DataFrame({"user_id": list("abcd"), **columns}), **options).columns["note"]
    assert notes.tolist() == [""] * len(notes)


def test_names_that_the_service_sets_are_noted() -> None:
    """``first_seen_at`` and ``last_seen_at``."""
    notes = plan_of(pd.DataFrame({"user_id": ["a"], "last_seen_at": ["x"]})).columns.set_index("property")[
        "note"
    ]
    assert "set by the service" in notes["last_seen_at"]


REFUSALS: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no id": (pd.DataFrame({"userid": ["a"]}), {}, "Did you mean 'userid'"),
    "a misspelt id": (pd.DataFrame({"uid": ["a"]}), {"user_id": "udi"}, "Did you mean 'uid'"),
    "a misspelt property": (pd.DataFrame({"user_id": ["a"], "plan": [1]}), {"properties": ["plna"]}, "Did you mean 'plan'"),
    "a misspelt type": (pd.DataFrame({"user_id": ["a"], "plan": [1]}), {"types": {"plann": "string"}}, "Did you mean 'plan'"),
    "two of one name": (pd.DataFrame([["a", 1, 2]], columns=["user_id", "x", "x"]), {}, "'x'"),
    "two of one name as text": (pd.DataFrame([["a", 1, 2]], columns=["user_id", 1, "1"]), {}, "'1'"),
    "two given one name": (pd.DataFrame([["a", 1, 2]], columns=["user_id", "x", "y"]), {"properties": {"x": "z", "y": "z"}}, "'z'"),
    "a long name": (pd.DataFrame([["a", 1]], columns=["user_id", "n" * 256]), {}, "255"),
    "501 properties": (pd.DataFrame([["a", *range(501)]], columns=["user_id", *map(str, range(501))]), {}, "500"),
    "a surrogate in a name": (pd.DataFrame([["a", 1]], columns=pd.Index(["user_id", "\ud800"], dtype=object)), {}, "surrogate"),
    "a choice there is not": (FULL, {"nulls": "sned"}, "Did you mean 'send'"),
    "a type there is not": (FULL, {"types": {"x": "numbr"}}, "Did you mean 'number'"),
    "a zone there is not": (FULL, {"timezone": "Europe/Brelin"}, "Did you mean 'Europe/Berlin'"),
    "properties as text": (FULL, {"properties": "x"}, "list of columns"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_frames_that_cannot_be_sent_are_refused_by_name(name: str) -> None:
    """What is wrong, where, and what to do."""
    frame, asked, wanted = REFUSALS[name]
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame, **asked)
    assert wanted in str(caught.value)


def test_an_unknown_argument_names_the_nearest() -> None:
    """A typo in a keyword is not ignored."""
    with pytest.raises(TypeError, match="Did you mean duplicates"):
        plan_of(FULL, duplicate="first")


def test_500_properties_of_255_characters_are_taken() -> None:
    """The limits themselves are within them."""
    frame = pd.DataFrame(
        [["a", *range(500)]], columns=["user_id", *(f"{number:0255d}" for number in range(500))]
    )
    assert len(plan_of(frame).records()[0]["metadata"]) == 500


def test_all_problems_of_a_frame_stand_in_one_report() -> None:
    """Not one at a time: the id, the names, and the dtypes of columns."""
    frame = pd.DataFrame({"uid": ["a"], "c": [1j], "b": [b"x"], 1: [1], "1": [2]})
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame, properties=None, types={"d": "string"})
    for word in ("user_id", "'c'", "'b'", "'1'", "'d'"):
        assert word in str(caught.value)


def test_all_columns_that_cannot_be_sent_stand_in_one_report(batch_rows: int) -> None:
    """Also when their first offending rows are far apart."""
    frame = pd.DataFrame(
        {"user_id": list("abcd"), "c": [1j, None, None, None], "b": [None, None, None, b"x"]}, dtype=object
    )
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame)
    assert "'c'" in str(caught.value)
    assert "'b'" in str(caught.value)
    assert batch_rows


def test_flattened_names_are_checked_like_any() -> None:
    """A struct's field never takes the place of a column silently."""
    frame = pd.DataFrame({"user_id": ["a"], "x": [{"a": 1}], "x.a": [2]})
    with pytest.raises(apd.ValidationError, match=r"'x\.a'"):
        plan_of(frame, nested="flatten")
    long = pd.DataFrame({"user_id": ["a"], "x": [{"n" * 254: 1}]})
    with pytest.raises(apd.ValidationError, match="255"):
        plan_of(long, nested="flatten")
    many = pd.DataFrame({"user_id": ["a"], "x": [{str(number): 1 for number in range(501)}]})
    with pytest.raises(apd.ValidationError, match="500"):
        plan_of(many, nested="flatten")


def test_labels_of_any_kind_name_columns() -> None:
    """Columns without a string name are named by ``str``."""
    frame = pd.DataFrame(
        [["a", 1, 2, 3, 4]], columns=["user_id", 7, ("p", "q"), None, pd.Timestamp("2024-01-15")]
    )
    assert json.loads(lines_of(plan_of(frame))[0])["metadata"] == {
        "7": 1, "('p', 'q')": 2, "None": 3, "2024-01-15 00:00:00": 4,
    }  # fmt: skip


def test_labels_that_compare_oddly_name_columns() -> None:
    """``pd.NA`` and NaN as labels break no comparison."""
    for label in (pd.NA, float("nan"), pd.NaT):
        frame = pd.DataFrame([["a", 1]], columns=pd.Index(["user_id", label], dtype=object))
        assert json.loads(lines_of(plan_of(frame))[0])["metadata"] == {str(label): 1}


def test_columns_of_a_multiindex() -> None:
    """Their labels are tuples."""
    columns = pd.MultiIndex.from_tuples([("id", ""), ("a", "x")])
    frame = pd.DataFrame([["u", 1]], columns=columns)
    assert plan_of(frame, user_id=("id", "")).records() == [{"user_id": "u", "metadata": {"('a', 'x')": 1}}]


LABELS: dict[str, tuple[pd.Index[Any], list[Any]]] = {
    "a range with a step": (pd.RangeIndex(10, 25, 5), [15, 20]),
    "text": (pd.Index(["p", "q", "r"]), ["q", "r"]),
    "integers": (pd.Index([7, 5, 5]), [5, 5]),
    "datetimes": (pd.date_range("2024-01-15", periods=3, tz="Europe/Berlin"), [pd.Timestamp("2024-01-16", tz="Europe/Berlin"), pd.Timestamp("2024-01-17", tz="Europe/Berlin")]),
    "a mixture": (pd.Index(["p", 1, (2, "x")], dtype=object, tupleize_cols=False), [1, (2, "x")]),
    "a MultiIndex": (pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), [("a", 2), ("b", 1)]),
    "periods": (pd.period_range("2024-01", periods=3, freq="M"), [pd.Period("2024-02", "M"), pd.Period("2024-03", "M")]),
    "categories": (pd.CategoricalIndex(["x", "y", "z"]), ["y", "z"]),
    "lone surrogates": (pd.Index(["a", "\ud800", "b"], dtype=object), ["\ud800", "b"]),
    "intervals": (pd.interval_range(0, 3), [pd.Interval(1, 2), pd.Interval(2, 3)]),
    "floats": (pd.Index([0.5, 1.5, 2.0]), [1.5, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.usefixtures("batch_rows")
def test_invalid_rows_have_their_own_labels(name: str) -> None:
    """The label is the input's own, a tuple for a MultiIndex."""
    index, wanted = LABELS[name]
    plan = plan_of(pd.DataFrame({"user_id": ["a", None, " "]}, index=index))
    assert plan.invalid["position"].tolist() == [1, 2]
    assert plan.invalid["index"].tolist() == wanted


def test_the_frame_is_never_changed_nor_does_changing_it_change_the_plan() -> None:
    """A plan holds records, not the frame."""
    frame = pd.DataFrame({"user_id": ["a"], "x": [1.0]})
    before = frame.copy(deep=True)
    plan = plan_of(frame)
    pd.testing.assert_frame_equal(frame, before)
    frame.loc[0, "x"] = 99
    assert lines_of(plan) == ['{"user_id":"a","metadata":{"x":1}}']
    columns = plan.columns
    columns["note"] = "mine"
    assert plan.columns["note"].tolist() == ["", "whole floats, sent as integers"]


def test_a_plan_that_is_dropped_leaves_no_file(state_directory: Path) -> None:
    """Spooled data is personal data."""
    plan = plan_of(FULL)
    assert any((state_directory / "spool").iterdir())
    del plan
    gc.collect()
    assert list((state_directory / "spool").iterdir()) == []


def test_a_plan_that_is_refused_leaves_no_file(state_directory: Path) -> None:
    """Nor does one that ends halfway."""

    def broken() -> Any:
        yield FULL
        raise RuntimeError("the source broke")

    with pytest.raises(apd.ValidationError, match=r"Item 1 .*RuntimeError: the source broke"):
        plan_of(broken())
    assert list((state_directory / "spool").glob("*")) == []


def test_to_ndjson_writes_a_file_a_chunk(tmp_path: Path) -> None:
    """One record a line, the same as a push would send; nothing is written over."""
    frame = pd.DataFrame({"user_id": list("abc"), "x": ["é", "\n", None]})
    paths = apd.to_ndjson(frame, tmp_path / "out", chunk_rows=2)
    assert [path.read_bytes().decode() for path in paths] == [
        '{"user_id":"a","metadata":{"x":"é"}}\n{"user_id":"b","metadata":{"x":"\\n"}}\n', '{"user_id":"c"}\n',
    ]  # fmt: skip
    with pytest.raises(apd.AnalytexError, match="exists already"):
        apd.to_ndjson(frame, tmp_path / "out", chunk_rows=2)
    companies = frame.rename(columns={"user_id": "company_id"})
    assert (
        apd.to_ndjson(companies, tmp_path / "companies", kind="companies")[0]
        .read_bytes()
        .startswith(b'{"company_id":"a"')
    )


def test_to_ndjson_writes_nothing_where_rows_are_invalid(tmp_path: Path) -> None:
    """Like a push; ``invalid="skip"`` writes the others."""
    with pytest.raises(apd.ValidationError, match="cannot be sent") as caught:
        apd.to_ndjson(FULL, tmp_path)
    assert caught.value.report["code"].tolist() == ["missing_id"]
    assert list(tmp_path.iterdir()) == []
    assert len(apd.to_ndjson(FULL, tmp_path, invalid="skip")) == 1


def test_chunks_are_cut_by_bytes() -> None:
    """Every request stays below the limit, and no record is lost."""
    frame = pd.DataFrame(
        {"user_id": [f"u{row:03d}" for row in range(50)], "x": ["y" * (row * 7 % 90) for row in range(50)]}
    )
    plan = plan_of(frame, chunk_bytes=1_000)
    assert (plan.chunks["bytes"] < 1_000).all()
    assert len(plan.chunks) > 1
    assert lines_of(plan) == lines_of(plan_of(frame))
    assert positions_of(plan) == list(range(50))


def test_a_record_too_large_is_invalid() -> None:
    """It alone; the others go."""
    frame = pd.DataFrame({"user_id": ["a", "b"], "x": ["y" * 2_000, "z"]})
    plan = plan_of(frame, chunk_bytes=1_000)
    assert plan.invalid[["position", "code"]].to_numpy().tolist() == [[0, "record_too_large"]]
    assert lines_of(plan) == ['{"user_id":"b","metadata":{"x":"z"}}']


def test_limits_are_never_above_the_services() -> None:
    """10,000 rows and 50,000,000 bytes, whatever was asked for."""
    plan = plan_of(pd.DataFrame({"user_id": np.arange(10_001)}), chunk_rows=20_000, chunk_bytes=10**9)
    assert plan.chunks["rows"].tolist() == [10_000, 1]
    assert plan.options.chunk_bytes == 50_000_000


def test_the_canary_goes_first() -> None:
    """A chunk of its own."""
    plan = plan_of(pd.DataFrame({"user_id": list("abcdef")}), canary=2, chunk_rows=3)
    assert plan.chunks["rows"].tolist() == [2, 3, 1]


def test_duration_is_that_of_the_services_pace() -> None:
    """1,200 rows a minute."""
    assert plan_of(pd.DataFrame({"user_id": np.arange(2_400)})).duration == pd.Timedelta(minutes=2)


def test_what_is_wrong_with_rows_stands_in_the_report_of_the_frame() -> None:
    """Who mends the columns can mend the rows with them."""
    frame = pd.DataFrame(
        {"user_id": ["a", None, "c"], "x": [1.0, 2.0, float("inf")], "z": [b"x", None, None]},
        index=["p", "q", "r"],
    )
    with pytest.raises(apd.ValidationError, match="'z'") as caught:
        plan_of(frame)
    assert "2 of those that were read; the first is row 'q', 'user_id'" in str(caught.value)
    assert caught.value.report[["index", "property", "code"]].to_numpy().tolist() == [
        ["q", "user_id", "missing_id"],
        ["r", "x", "not_finite"],
    ]
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame, user_id="uid", nested="flatten")
    assert not len(caught.value.report), "that every row lacks an id is said once"


def test_a_key_that_cannot_be_encoded_is_refused_by_its_column() -> None:
    """Half a surrogate pair in a dict's key is one in the name of a property."""
    frame = pd.DataFrame({"user_id": ["a"], "x": [{"\ud800": 1}]})
    with pytest.raises(apd.ValidationError, match="column 'x' holds half a surrogate pair"):
        plan_of(frame, nested="flatten")


def test_columns_of_one_name_cannot_be_told_apart_by_properties() -> None:
    """So the way out is another than for two properties that were given one name."""
    with pytest.raises(apd.ValidationError, match="rename a column of the frame"):
        plan_of(pd.DataFrame([["a", 1, 2]], columns=["user_id", "x", "x"]))
    frame = pd.DataFrame({"user_id": ["a"], "x": [1], "y": [2]})
    with pytest.raises(apd.ValidationError, match="rename one: properties="):
        plan_of(frame, properties={"x": "z", "y": "z"})


def test_a_plan_shows_rows_whose_labels_python_does_not_write() -> None:
    """Integers of more than 4,300 digits."""
    frame = pd.DataFrame({"user_id": [None, None]}, index=pd.Index([10**5_000, -(10**5_000)], dtype=object))
    plan = plan_of(frame)
    assert repr(plan)
    assert plan._repr_html_()  # as a notebook does
    with pytest.raises(apd.ValidationError, match="2 of 2 rows"):
        plan.push()


def test_a_plan_shows_the_code_that_mends_a_column_whole() -> None:
    """A line that is cut cannot be pasted."""
    plan = plan_of(pd.DataFrame({"user_id": ["a"], "when": ["45000"]}), types={"when": "date"})
    code = plan.invalid["message"][0].partition("df[")[2]
    assert len(code) > 100
    assert code in " ".join(repr(plan).split())
    assert code in html.unescape(plan._repr_html_())  # as a notebook does
