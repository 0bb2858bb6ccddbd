"""Frames of engines, read partition by partition: what goes out is what would of one frame of pandas."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import traceback
from pathlib import Path
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from parted import LABELLED, ROWS, dask_frame, maker, rows_of_many_types
from plans_read import check_sums, lines_of, plan_of, positions_of

import analytex_pandas as apd
from analytex_pandas.engines import streaming

if TYPE_CHECKING:
    from conftest import Make

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows of many types with gaps; one has no id, and one id stands twice, far apart."""
    return rows_of_many_types()


def test_the_records_are_those_of_one_frame_of_pandas(
    make: Make, frame: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    """Their bytes, their positions, what is invalid and on which row, and one id in two partitions."""
    plan = plan_of(make(frame, 4), invalid="skip")
    wanted = plan_of(frame, invalid="skip")
    assert lines_of(plan) == lines_of(wanted)
    assert positions_of(plan) == positions_of(wanted)
    told = ["position", "id", "code"]
    assert plan.invalid[told].to_dict("records") == wanted.invalid[told].to_dict("records")
    assert plan.columns["json_type"].tolist() == wanted.columns["json_type"].tolist()
    check_sums(plan)
    name = request.node.callspec.params["make"]
    if name.startswith(LABELLED):
        assert plan.invalid["index"].tolist() == ["row 3", "row 5", "row 2900"]
    else:  # Spark and Daft decide themselves how many rows are in a partition
        *first, (part, row) = plan.invalid["index"]
        assert first == [(0, 3), (0, 5)]
        assert (part, row) == (0, 2900) if name == "daft" else part > 0 and row in (650, 2900 % 1500)


def test_a_frame_without_rows_has_its_columns(
    make: Make, frame: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    """It completes; a wrong column is said all the same."""
    empty = make(frame.iloc[:0], 1)
    if (
        request.node.callspec.params["make"] == "ray mapped"
    ):  # Ray forgets what they are once there are no rows
        with pytest.raises(apd.ValidationError, match="The frame has no columns"):
            plan_of(empty)
        return
    assert plan_of(empty).counts.to_dict() == dict.fromkeys(plan_of(frame.iloc[:0]).counts.index, 0)
    with pytest.raises(apd.ValidationError, match="no column or index level 'uid'"):
        plan_of(empty, user_id="uid")


def test_refused_rows_come_back_under_their_labels(make: Make, frame: pd.DataFrame) -> None:
    """As the service refused them; what is left out does not shift them."""

    def refuse(record: dict[str, Any]) -> tuple[str, str, str] | None:
        return ("no", "n", "not today") if record["user_id"] == "u2950" else None

    with apd.sandbox(rows_per_minute=1e9, refuse=refuse) as service:
        data = make(frame, 4)
        push = apd.push_users(data, invalid="skip", duplicates="last", client=service.client, progress=False)
        assert push.counts[["acknowledged", "refused"]].tolist() == [ROWS - 3, 1]
        assert push.errors["position"].tolist() == [2950]
        label = push.errors["index"].tolist()
        assert label == ["row 2950"] or label[0][1] in (700, 1450, 2950)
        assert push.failed.index.tolist() == label
        assert set(service.users["user_id"]) == {*frame["user_id"].dropna()} - {"u2950"}


def test_the_engines_label_is_found_by_name(frame: pd.DataFrame) -> None:
    """An index level may hold the id."""
    named = frame.rename_axis("uid")
    assert lines_of(plan_of(dask_frame(named, 3), user_id="uid")) == lines_of(plan_of(named, user_id="uid"))


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_column_has_one_type_over_all_partitions(name: str, request: pytest.FixtureRequest) -> None:
    """Numbers in the first and text in the last are text everywhere."""
    mixed = pd.DataFrame({"user_id": list("abcdef"), "x": [1, 2, 3, None, 2.5, "many"]})
    made = maker(name, request)(mixed, 3)
    assert lines_of(plan_of(made)) == lines_of(plan_of(mixed))
    assert lines_of(plan_of(made))[0] == '{"user_id":"a","metadata":{"x":"1"}}'


def test_times_of_spark_are_instants(spark: Any) -> None:
    """Whatever the session's zone; those without a zone go by `timezone`."""
    when = dt.datetime(2024, 7, 1, 12, tzinfo=dt.UTC)
    data = spark.createDataFrame([("a", when)], "user_id string, at timestamp")
    data = data.selectExpr(
        "user_id", "at", "timestamp_ntz'2024-07-01 12:00:00' as wall", "date'2024-07-01' as day"
    )
    assert plan_of(data, timezone="Europe/Berlin").records()[0]["metadata"] == {
        "at": "2024-07-01T12:00:00Z",
        "wall": "2024-07-01T10:00:00Z",
        "day": "2024-07-01",
    }


def test_pandas_on_spark_shows_what_pandas_would(spark: Any) -> None:
    """Times by the session's zone, categories by their values, several levels of an index."""
    import pyspark.pandas as ps

    frame = pd.DataFrame(
        {
            "user_id": ["a", None, "c"],
            "at": pd.to_datetime(["2024-07-01 12:00", None, "2024-07-01 00:00"]),
            "size": pd.Categorical([3, None, 1]),
            "colour": pd.Categorical(["red", "blue", None]),
        },
        index=pd.MultiIndex.from_tuples([("x", 1), ("x", 2), ("y", 1)], names=["group", None]),
    )
    assert spark is not None
    plan = plan_of(ps.from_pandas(frame), timezone="Asia/Tokyo")
    wanted = plan_of(frame, timezone="Asia/Tokyo")
    assert lines_of(plan) == lines_of(wanted)
    assert plan.invalid["index"].tolist() == wanted.invalid["index"].tolist() == [("x", 2)]


def test_nested_values_of_spark_are_read(spark: Any) -> None:
    """Structs and maps by `nested`, as anywhere."""
    data = spark.sql(
        "select 'a' as user_id, named_struct('b', 1, 'c', array(1, 2)) as s, map('k', 1.5D) as m"
    )
    records = plan_of(data, nested="json").records()
    assert records[0]["metadata"] == {"m": '{"k":1.5}', "s": '{"b":1,"c":[1,2]}'}
    with pytest.raises(apd.ValidationError, match="nested="):
        plan_of(data)


@pytest.mark.parametrize("name", ["a.b", "x`y", "`q`", "a b", "ä☃", "c0", ""])
def test_whatever_spark_s_columns_are_called(spark: Any, name: str, tmp_path: Path) -> None:
    """Its own functions find no column by a name with a dot or a backtick; two of one name are said as anywhere."""
    data = spark.createDataFrame([("a", 1)], ["user_id", name])
    for options in ({}, {"staging": tmp_path}):
        if not name:
            with pytest.raises(apd.ValidationError, match="no name"):
                plan_of(data, **options)
            continue
        assert plan_of(data, **options).records() == [{"user_id": "a", "metadata": {name: 1}}]
        with pytest.raises(apd.ValidationError, match="2 properties have the name"):
            plan_of(data.crossJoin(data.drop("user_id")), **options)


@pytest.mark.parametrize("name", ["*", "a.b", "a.*", "`q`"])
def test_whatever_daft_s_columns_are_called(name: str, tmp_path: Path) -> None:
    """A star is no wildcard."""
    import daft

    data = daft.from_pydict({"user_id": ["a"], name: [1], "other": [2]})
    for options in ({}, {"staging": tmp_path}):
        assert plan_of(data, **options).records()[0]["metadata"] == {name: 1, "other": 2}


def test_objects_of_python_in_a_frame_of_daft(tmp_path: Path) -> None:
    """Such as it makes of the categories of pandas: as pandas has them, one type a column."""
    import daft

    frame = pd.DataFrame(
        {
            "user_id": ["a", "b", "c", "d"],
            "kind": pd.Categorical(["x", None, "y", "x"]),
            "size": pd.Categorical([1, 2, None, 1]),
        }
    )
    for options in ({}, {"staging": tmp_path}, {"nulls": "send"}):
        wanted = lines_of(plan_of(frame, **{name: options[name] for name in options if name == "nulls"}))
        assert lines_of(plan_of(daft.from_pandas(frame), **options)) == wanted


def test_batches_that_are_large_travel_in_pieces(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one message holds is limited."""
    monkeypatch.setattr("analytex_pandas.engines.spark.MOST_BYTES", 1_000)
    data = spark.range(0, 500, 1, 2).selectExpr("id as user_id", "repeat('x', 100) as text")
    assert positions_of(plan_of(data)) == list(range(500))


def test_the_user_s_settings_of_ray_are_as_before(ray: Any) -> None:
    """Blocks come in their order; that is asked for this one reading."""
    data = ray.data.range(100, override_num_blocks=5).map_batches(lambda block: {"user_id": block["id"]})
    assert [record["user_id"] for record in plan_of(data).records(100)] == [
        str(place) for place in range(100)
    ]
    assert data.context.execution_options.preserve_order is False


def test_a_plan_that_fails_ends_the_engine_s_reading(make: Make, frame: pd.DataFrame) -> None:
    """What is left to the collector of garbage ends in any thread at any time; Spark Connect can then wait for ever."""
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(make(frame, 4), user_id="uid")
    assert caught.tb is not None  # which holds what was left in the middle
    readings = [found for found in gc.get_objects() if isinstance(found, GeneratorType)]
    engines = str(Path(streaming.__file__).parent)
    assert [
        found for found in readings if found.gi_code.co_filename.startswith(engines) and found.gi_frame
    ] == []


def fail(*_: Any) -> Any:
    """Raise what a user's own function raises."""
    raise ValueError("a bad cell")


def failing(name: str, request: pytest.FixtureRequest) -> Any:
    """Return a frame that fails when it is computed."""
    small = pd.DataFrame({"user_id": list("abcd")})
    if name.startswith("dask"):
        if name == "dask cluster":
            request.getfixturevalue("dask_cluster")
        return dask_frame(small, 2).map_partitions(fail, meta=small)
    if name == "ray":
        return request.getfixturevalue("ray").data.from_pandas(small).map_batches(fail)
    spark = request.getfixturevalue("spark")
    if name == "spark python":

        def fail_there(batches: Any) -> Any:
            for _ in batches:
                raise ValueError("a bad cell")
            yield

        return spark.createDataFrame(small).mapInArrow(fail_there, "user_id string")
    return spark.sql("select raise_error('a bad cell') as user_id from range(2)")


@pytest.mark.parametrize("name", ["dask", "dask cluster", "ray", "spark python", "spark java"])
def test_what_fails_is_said_in_a_line(name: str, request: pytest.FixtureRequest) -> None:
    """Not in the thousands of characters of the engine, of which a notebook would show every one."""
    data = failing(name, request)
    with pytest.raises(apd.ValidationError, match="a bad cell") as caught:
        plan_of(data)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
    assert len("".join(traceback.format_exception_only(caught.value))) < 250
    assert caught.value.__suppress_context__


def test_no_engine_is_loaded_for_a_frame_of_pandas() -> None:
    """Whoever has a frame of an engine has loaded it."""
    code = (
        "import sys, pandas as pd, analytex_pandas as apd\n"
        "apd.plan_users(pd.DataFrame({'user_id': ['a']}))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"dask", "distributed", "pyspark", "ray", "daft", "modin", "narwhals", "polars"} & set(loaded)
