"""Whatever an option or the data are: only errors of ours leave the library, and they say what would be taken."""

# ruff: noqa: E501  # one case a line

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import json
import random
import zoneinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from plans_read import plan_of

import analytex_pandas as apd
from analytex_pandas.frame.options import RULES, checked_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FRAME = pd.DataFrame({"user_id": ["a", "b"], "x": [1, 2], "t": ["2024-01-15", "u"]})


class Hostile:
    """Raises whatever it is asked."""

    def refuse(self, *_: object) -> Any:
        raise ZeroDivisionError("hostile")

    __eq__ = __bool__ = __str__ = __repr__ = __hash__ = __iter__ = __len__ = __index__ = __float__ = refuse
    __lt__ = __contains__ = __fspath__ = __arrow_c_stream__ = refuse


class Unwritable:
    """Can be a label, but not be written or compared."""

    def __hash__(self) -> int:
        return hash("x")

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("compared")

    def __str__(self) -> str:
        raise ZeroDivisionError("written")

    __repr__ = __str__


def generator() -> Iterator[str]:
    """Yield labels once."""
    yield "x"


SOUND: dict[str, list[Any]] = {
    "user_id": ["user_id", "x"], "company_id": ["x", None], "properties": [["x"], {"t": "y"}, None, []],
    "types": [{"t": "date"}, "string", None, {}], "nulls": ["send"], "nested": ["json"], "invalid": ["skip"],
    "duplicates": ["last"], "timezone": ["Europe/Berlin", "+05:30", zoneinfo.ZoneInfo("Asia/Tokyo"), dt.UTC],
    "only_changed": [False, np.False_], "strict": [False], "canary": [1, np.int64(1)], "max_errors": [1, 0.5, None],
    "transport": ["json"], "chunk_rows": [5, np.int8(5), 10**30], "chunk_bytes": [10**6], "client": [None],
}  # fmt: skip
ODD: list[Callable[[], Any]] = [
    lambda: None, lambda: True, lambda: np.True_, lambda: 0, lambda: -1, lambda: 7, lambda: 10**5_000, lambda: np.int64(5),
    lambda: 0.5, lambda: float("nan"), lambda: float("inf"), lambda: np.float32(0.5), lambda: decimal.Decimal("NaN"), lambda: 1j,
    lambda: "", lambda: "x", lambda: "date", lambda: "../x", lambda: "\0", lambda: "\ud800", lambda: "e" * 10_000, lambda: "posix/UTC",
    lambda: "localtime", lambda: "Factory", lambda: "Europe", lambda: b"x", lambda: np.str_("x"), lambda: pd.NA, lambda: pd.NaT,
    lambda: ["user_id"], lambda: ["x", ["x"]], lambda: {"x"}, lambda: {"x": None}, lambda: {"x": "date"}, lambda: {"x": 5},
    lambda: {"user_id": "number"}, lambda: {float("nan"): "y"}, lambda: ("x", float("nan")), lambda: slice(1), generator,
    lambda: np.array(["x"]), lambda: np.array([[1]]), lambda: np.datetime64("2024", "ns"), lambda: pd.Series(["x"]), lambda: FRAME,
    lambda: pa.array(["x"]), lambda: pl.Series(["x"]), lambda: dt.timezone(dt.timedelta(seconds=1)), lambda: zoneinfo.ZoneInfo("UTC"),
    object, lambda: int, lambda: len, Hostile, Unwritable, lambda: [Hostile()], lambda: {Unwritable(): "x"}, lambda: {"x": Hostile()},
    lambda: (Unwritable(),), lambda: pd.Timestamp("2024-01-15"), lambda: range(3),
]  # fmt: skip


def test_random_options_end_in_a_plan_or_in_an_error_of_ours(tmp_path: Path) -> None:
    """2,500 sets of options, checked alone or with the frame, as functions and on the accessor."""
    draw = random.Random(10)  # noqa: S311  # not for secrets
    (tmp_path / "file").touch()
    refused = 0
    for number in range(2_500):
        names = draw.sample(sorted(SOUND), draw.randint(1, 3))
        kind = draw.choice(["users", "companies"])
        if kind == "companies":
            names = [name for name in names if name != "user_id"]
        given = {name: draw.choice(SOUND[name]) for name in names}
        odd = draw.choice(sorted(SOUND if kind == "users" else SOUND.keys() - {"user_id"}))
        given[odd] = draw.choice(ODD)()
        try:
            if number % 5:
                checked_options(kind, {name: value for name, value in given.items() if name != "client"})
            elif number % 2:
                plan_of(FRAME, kind, **given)
            elif number % 4:
                getattr(FRAME.analytex, f"plan_{kind}")(**given)
            else:
                apd.to_ndjson(FRAME, draw.choice([tmp_path / "file", tmp_path / "new"]), kind, **given)
        except apd.AnalytexError as error:
            refused += 1
            assert str(error).isprintable() or "\n- " in str(error) or "rows cannot be sent" in str(error)  # noqa: PT017  # a plan is right as well
    assert refused > 1_000


@pytest.mark.parametrize("name", ["client", *RULES])
@pytest.mark.parametrize(
    "value", [Hostile(), ["x"], {"x": Unwritable()}, 1j], ids=["hostile", "list", "dict", "complex"]
)
def test_a_refused_option_is_named(name: str, value: Any, tmp_path: Path) -> None:
    """With what it got, and what it takes."""
    if (name == "properties" and isinstance(value, list)) or (
        name in ("user_id", "company_id") and type(value) is complex
    ):
        return  # sound
    given = {"directory": tmp_path, "kind": "users"} if name in ("directory", "kind") else {}
    call = apd.to_ndjson if given else apd.push_users if name in ("wait", "progress") else apd.plan_users
    with pytest.raises(apd.ValidationError, match=rf"(?s)^{name}\b.*=.* is needed"):
        call(FRAME, **given, **{name: value}) if not given else call(FRAME, **{**given, name: value})


def test_options_that_numpy_and_the_library_of_zones_have() -> None:
    """What an expression of a notebook gives is taken for what it is."""
    options = checked_options(
        "users",
        {"chunk_rows": np.int64(5), "strict": np.bool_(0), "max_errors": np.float64(0.5), "timezone": zoneinfo.ZoneInfo("Asia/Tokyo")},
    )  # fmt: skip
    assert (options.chunk_rows, options.strict, options.max_errors, options.timezone) == (
        5,
        False,
        0.5,
        "Asia/Tokyo",
    )
    assert type(options.chunk_rows) is int


def test_everything_can_be_sent_as_text() -> None:
    """``types="string"``, all properties and no id."""
    frame = pd.DataFrame({"user_id": [7], "x": [1.5], "b": [True], "d": [dt.date(2024, 1, 15)]})
    plan = plan_of(frame, types="string")
    assert plan.records() == [{"user_id": "7", "metadata": {"x": "1.5", "b": "true", "d": "2024-01-15"}}]
    assert set(plan.columns["json_type"]) == {"string"}


@pytest.mark.parametrize(
    "options", [{}, {"company_id": "c", "types": {"c": "number"}}], ids=["user", "company"]
)
def test_a_type_of_the_id_is_refused(options: dict[str, Any]) -> None:
    """It would be ignored; where the column is a property, too, it is heeded."""
    frame = pd.DataFrame({"user_id": ["1"], "c": ["2"]})
    asked = {"types": {"user_id": "number"}, **options}
    with pytest.raises(apd.ValidationError, match="always sent as text"):
        plan_of(frame, **asked)
    record = {"user_id": "1", "metadata": {"user_id": 1}}
    assert plan_of(frame, types={"user_id": "number"}, properties=["user_id"]).records() == [record]


LABELS = [0, 1.5, True, ("a", "b"), (1, float("nan")), pd.Timestamp("2024-01-15"), pd.Period("2024-01", "M"), pd.Interval(0, 1),
    None, b"x", pd.NA, pd.NaT, float("nan"), np.int64(3), dt.date(2024, 1, 15), decimal.Decimal("1.5"), "e\u0301", "a\u00a0b", "\ufeffid"]  # fmt: skip
NAMES = {"pd": pd, "np": np, "datetime": dt, "Decimal": decimal.Decimal, "nan": None}


@pytest.mark.parametrize("label", LABELS, ids=repr)
@pytest.mark.parametrize("option", ["user_id", "company_id", "properties", "types"])
def test_what_a_hint_shows_works_when_it_is_typed(label: Any, option: str) -> None:
    """A label as text finds the label; what is shown is code."""
    columns = pd.Index(["id", "y", label], dtype=object, tupleize_cols=False)
    frame = pd.DataFrame([["a", 1, "2024-01-15"]], columns=columns)

    def asked(one: Any) -> dict[str, Any]:
        wanted = {"properties": [one], "types": {one: "date"}}.get(option, one)
        return {"user_id": "id", option: wanted}

    typed = (
        {"e\u0301": "\u00e9", "a\u00a0b": "a b", "\ufeffid": "\ufeffid "}.get(label, str(label))
        if isinstance(label, str)
        else str(label)
    )
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(frame, **asked(typed))
    hint = str(caught.value).split("Did you mean ")[1].split("?")[0].removesuffix(" (not text)")
    names = {**NAMES, "datetime": dt}
    if label is not None or option in ("properties", "types"):
        assert plan_of(frame, **asked(eval(hint, names))).rows == 1  # noqa: S307  # typed as it is shown


def stranger(module: str, name: str, **attributes: Any) -> Any:
    """Return an object that says it comes from some library."""
    return type(name, (), {"__module__": module, "__iter__": lambda _: iter(["x"]), **attributes})()


STRANGERS: dict[str, tuple[Callable[[], Any], str]] = {
    "list of dicts": (lambda: [{"user_id": 1}], "pd.DataFrame(data)"),
    "list of lists": (lambda: [[1]], "pd.DataFrame(data)"),
    "generator of dicts": (lambda: ({"user_id": n} for n in range(2)), "made anew"),
    "list of text": (lambda: ["a"], 'pd.DataFrame({"user_id": data})'),
    "dict of lists": (lambda: {"user_id": [1]}, "pd.DataFrame(data)"),
    "one record": (lambda: {"user_id": "a"}, "pd.DataFrame([data])"),
    "Series": (lambda: FRAME["x"], "data.to_frame()"),
    "Index": (lambda: FRAME.columns, 'pd.DataFrame({"user_id": data})'),
    "ChunkedArray": (lambda: pa.chunked_array([[1]]), 'pa.table({"user_id": data})'),
    "Array": (lambda: pa.array([1]), 'pa.table({"user_id": data})'),
    "lazy parts": (lambda: [pl.LazyFrame({"user_id": [1]})], "[item.collect() for item in data]"),
    "polars Series": (lambda: pl.Series([1]), "data.to_frame()"),
    "2-D": (lambda: np.ones((2, 2)), "pd.DataFrame(data)"),
    "structured": (lambda: np.array([("a", 1)], "O,i8"), "pd.DataFrame(data)"),
    "GroupBy": (lambda: FRAME.groupby("user_id"), "data.obj"),
    "None": (lambda: None, "NoneType"),
    "bytes": (lambda: b"user_id\na", "pd.read_csv(io.BytesIO(data), dtype=str)"),
    "CSV itself": (lambda: "user_id,x\na,1", "pd.read_csv(io.StringIO(data), dtype=str)"),
    "dask Series": (lambda: stranger("dask.dataframe.core", "Series", to_frame=None), "data.to_frame()"),
    "dask parts": (lambda: [stranger("dask.dataframe.core", "DataFrame")], "[item.compute() for item in data]"),
    "modin parts": (lambda: [stranger("modin.pandas.dataframe", "DataFrame")], "item.modin.to_pandas()"),
    "ray parts": (lambda: [stranger("ray.data.dataset", "Dataset")], "item.to_pandas()"),
    "spark parts": (lambda: [stranger("pyspark.sql.dataframe", "DataFrame")], "item.toPandas()"),
    "pandas-on-Spark parts": (lambda: [stranger("pyspark.pandas.frame", "DataFrame")], "item.to_pandas()"),
    "a broken engine": (lambda: stranger("dask.dataframe.core", "DataFrame"), "a dask DataFrame cannot be read"),
    "scipy": (lambda: stranger("scipy.sparse._csr", "csr_matrix"), "pd.DataFrame(data.toarray())"),
    "a broken stream": (lambda: stranger("x", "Y", __arrow_c_stream__=Hostile.refuse), "ZeroDivisionError"),
    "a hostile object": (Hostile, "Hostile"),
    "no path": (lambda: "no such thing", "There is no Parquet file at 'no such thing'"),
    "a zero in a path": (lambda: "\0", r"'\x00' cannot be read"),
    "nothing": (lambda: "", "This text"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_frame_is_told_how_to_be_one(name: str) -> None:
    """What it is, and the one line that makes a frame of it."""
    make, wanted = STRANGERS[name]
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(make())
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("x.csv", "pd.read_csv({}, dtype=str)"), ("x.csv.gz", "pd.read_csv({}, dtype=str)"), ("x.xlsx", "pd.read_excel({}, dtype=str)"),
        ("x.json", "pd.read_json({}, "), ("x.arrow", "pd.read_feather({})"), ("x.tsv", 'pd.read_csv({}, sep="\\t", dtype=str)'),
        ("x.parquet", "cannot be read as Parquet"),
    ],
)  # fmt: skip
def test_another_file_is_told_what_reads_it(file: str, line: str, tmp_path: Path) -> None:
    """By its name; a directory of them, too."""
    (tmp_path / file).write_text("user_id\na\n")
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(tmp_path / file)
    assert line.format(repr(str(tmp_path / file))) in str(caught.value)
    if file != "x.parquet":
        with pytest.raises(apd.ValidationError) as caught:
            plan_of(tmp_path)
        assert line.format("path") in str(caught.value)
        assert "glob.glob(" in str(caught.value)


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    """Also where its end is whole, and its rows are not."""
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table({"user_id": [str(n) for n in range(10_000)]}), path)
    data = bytearray(path.read_bytes())
    data[10:20_000] = bytes(len(data[10:20_000]))
    path.write_bytes(data)
    with pytest.raises(apd.ValidationError, match=r"f\.parquet' cannot be read as Parquet"):
        plan_of(path)


def cyclic() -> list[Any]:
    """Return a list that holds itself."""
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize("cell", [Hostile(), cyclic(), {"a": Hostile()}], ids=["hostile", "cyclic", "within"])
@pytest.mark.parametrize("column", ["x", "user_id", "company_id"])
@pytest.mark.parametrize("nested", ["raise", "json", "flatten"])
def test_hostile_cells_are_named_by_column_and_row(cell: Any, column: str, nested: str) -> None:
    """Wherever they stand; among ids they make their rows invalid, or are named likewise."""
    values = {name: list("abc") for name in ("user_id", "company_id", "x")}
    frame = pd.DataFrame(values, index=["p", "q", "r"], dtype=object)
    frame.at["q", column] = cell  # noqa: PD008  # a list is one cell
    try:
        plan = plan_of(frame, nested=nested)
    except apd.ValidationError as error:
        assert column in str(error)  # noqa: PT017  # an invalid row is right as well
        assert "'q'" in str(error)  # noqa: PT017  # as above
    else:
        assert plan.invalid["index"].tolist() == ["q"] or not len(plan.invalid)


@pytest.mark.parametrize("label", [Unwritable(), 10**5_000, Hostile], ids=["unwritable", "huge", "class"])
def test_hostile_labels_are_errors_of_ours(label: Any) -> None:
    """As columns, names of levels and labels of rows."""
    frames = [
        pd.DataFrame([["a", 1]], columns=pd.Index(["user_id", label], dtype=object)),
        pd.DataFrame({"user_id": [None]}, index=pd.Index([label], dtype=object)),
        pd.DataFrame({"user_id": ["a"]}, index=pd.Index([1], name=label)),
    ]
    for frame in frames:
        with contextlib.suppress(apd.AnalytexError):
            json.dumps(plan_of(frame).records())
