"""Where rows come from: streams, iterables, Parquet; late surprises; positions and labels all the way."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from plans_read import check_sums, lines_of, plan_of, positions_of, values_of

import analytex_pandas as apd
from analytex_pandas.frame import inputs, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def frame_of(ids: list[Any], values: list[Any], **options: Any) -> pd.DataFrame:
    """Return a frame of ids and one property."""
    return pd.DataFrame({"user_id": ids, "x": pd.Series(values, **options)})


@pytest.mark.usefixtures("batch_rows")
def test_a_late_surprise_in_a_column_of_objects_is_one_type() -> None:
    """The last row decides for the first: one JSON type for the whole column."""
    frame = frame_of([f"u{row}" for row in range(10)], [*range(9), "late"], dtype=object)
    assert values_of(frame) == [*(f'"{row}"' for row in range(9)), '"late"']
    assert plan_of(frame).columns["json_type"].tolist() == ["string", "string"]
    assert "mixed types" in plan_of(frame).columns["note"][1]


@pytest.mark.usefixtures("batch_rows")
def test_a_late_surprise_in_a_stream_is_one_type() -> None:
    """Also where each frame has a dtype of its own."""
    parts = [
        frame_of(["a", "b"], [1, 2]),
        frame_of(["c"], ["x"]),
        frame_of(["d"], [True]),
        frame_of(["e"], [1.5]),
    ]
    assert values_of(iter(parts)) == ['"1"', '"2"', '"x"', '"true"', '"1.5"']


def test_parts_without_a_value_surprise_nobody() -> None:
    """All NaN is of no type, whatever the dtype."""
    parts = [
        frame_of(["a"], [float("nan")]),
        frame_of(["b"], [True]),
        pa.table({"user_id": ["c"], "x": pa.array([float("nan")])}),
    ]
    assert values_of(parts) == [None, "true", None]


@pytest.mark.usefixtures("batch_rows")
def test_an_iterable_has_the_union_of_its_columns() -> None:
    """Absent means missing, before and after."""
    parts = [
        pd.DataFrame({"user_id": ["a"], "x": [1]}),
        pd.DataFrame({"user_id": ["b"], "company_id": ["c"], "y": ["t"]}),
        pl.DataFrame({"y": ["u"], "user_id": ["d"], "x": [2.5]}),
    ]
    plan = plan_of(iter(parts), nulls="send")
    assert plan.records() == [
        {"user_id": "a", "metadata": {"x": 1, "y": None}},
        {"user_id": "b", "company_id": "c", "metadata": {"x": None, "y": "t"}},
        {"user_id": "d", "metadata": {"x": 2.5, "y": "u"}},
    ]
    assert plan.columns.set_index("property")["nulls"].to_dict() == {
        "user_id": 0,
        "company_id": 2,
        "x": 1,
        "y": 1,
    }


def test_columns_asked_for_may_be_missing_in_some_parts_but_not_in_all() -> None:
    """A misspelt one is found when all has been read."""
    parts = [pd.DataFrame({"user_id": ["a"], "x": [1]}), pd.DataFrame({"user_id": ["b"]})]
    assert plan_of(parts, properties=["x"]).records()[1] == {"user_id": "b"}
    with pytest.raises(apd.ValidationError, match="Did you mean 'x'"):
        plan_of(parts, properties=["xx"])
    with pytest.raises(apd.ValidationError, match="user_id"):
        plan_of([pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [2]})])


def test_a_part_without_ids_has_invalid_rows() -> None:
    """Absent means missing, and an id must not be."""
    plan = plan_of([pd.DataFrame({"user_id": ["a"]}), pd.DataFrame({"x": [1]})])
    assert plan.invalid[["position", "code"]].to_numpy().tolist() == [[1, "missing_id"]]


def test_a_generator_is_read_once() -> None:
    """From its first frame to its last, and not again."""
    read: list[int] = []

    def frames() -> Iterator[pd.DataFrame]:
        for number in range(3):
            read.append(number)
            yield pd.DataFrame({"user_id": [f"u{number}"], "x": [number]})

    plan = plan_of(frames())
    assert lines_of(plan) == [f'{{"user_id":"u{number}","metadata":{{"x":{number}}}}}' for number in range(3)]
    assert read == [0, 1, 2]


def test_positions_and_labels_run_through_the_parts() -> None:
    """Positions are those of the whole input, labels those of each frame."""
    parts = [
        pd.DataFrame({"user_id": ["a", None]}),
        pd.DataFrame({"user_id": [None, "b"]}, index=["p", "q"]),
        pd.DataFrame({"user_id": ["c", " "]}, index=pd.RangeIndex(10, 14, 2)),
        pa.table({"user_id": pa.array([None], pa.string())}),
        pd.DataFrame({"user_id": [None]}, index=pd.MultiIndex.from_tuples([("m", 1)])),
    ]
    plan = plan_of(iter(parts), invalid="skip")
    assert plan.invalid[["position", "index"]].to_numpy().tolist() == [
        [1, 1],
        [2, "p"],
        [5, 12],
        [6, 0],
        [7, ("m", 1)],
    ]
    assert positions_of(plan) == [0, 3, 4]
    check_sums(plan)


@pytest.mark.parametrize(
    "data",
    [42, "no-such-file.parquet", pd.Series([1]), None, {"user_id": ["a"]}, [1]],
    ids=lambda data: type(data).__name__,
)
def test_what_is_no_frame_is_said(data: Any) -> None:
    """With what there can be instead."""
    with pytest.raises(apd.ValidationError, match=r"DataFrame|Parquet|Arrow"):
        plan_of(data)


def test_a_lazy_frame_is_collected_in_batches() -> None:
    """Its rows are those of the frame, and their labels their positions; what fails in it is said in a line."""
    frame = pl.DataFrame({"user_id": ["a", None, "c"], "x": [1, 2, None]}, schema_overrides={"x": pl.Int8})
    plan = plan_of(frame.lazy().filter(pl.lit(1) == 1))
    assert (
        lines_of(plan)
        == lines_of(plan_of(frame))
        == ['{"user_id":"a","metadata":{"x":1}}', '{"user_id":"c"}']
    )
    assert plan.invalid[["position", "index"]].to_numpy().tolist() == [[1, 1]]

    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise RuntimeError("no such luck")

    for broken in (frame.lazy().map_batches(fail, schema=frame.schema), frame.lazy().select("nothing")):
        with pytest.raises(apd.ValidationError, match=r"no such luck|nothing") as caught:
            plan_of(broken)
        assert "\n" not in str(caught.value)


def test_a_dataset_has_to_be_scanned_first() -> None:
    """The message says how, and that works."""
    dataset = ds.dataset(pa.table({"user_id": ["a"]}))
    with pytest.raises(apd.ValidationError, match=r"\.scanner\(\)\.to_reader\(\)"):
        plan_of(dataset)
    assert plan_of(dataset.scanner().to_reader()).records() == [{"user_id": "a"}]


def test_no_frames_are_not_an_empty_frame() -> None:
    """A generator that was read before would silently send nothing."""
    frames = iter([pd.DataFrame({"user_id": ["a"]})])
    assert plan_of(frames).rows == 1
    with pytest.raises(apd.ValidationError, match="read before"):
        plan_of(frames)


@pytest.mark.parametrize("as_part", [False, True], ids=["whole", "part"])
def test_a_stream_of_a_type_that_arrow_does_not_know_is_refused_by_column(as_part: bool) -> None:
    """polars has integers of 128 bits, pyarrow has none."""
    frame = pl.DataFrame({"user_id": ["a"], "big": pl.Series([2**100], dtype=pl.Int128)})
    with pytest.raises(apd.ValidationError, match="'big'"):
        plan_of([frame] if as_part else frame)


def parquet_of(frame: pd.DataFrame, directory: Path) -> Path:
    """Return a frame as pandas writes it to Parquet."""
    frame.to_parquet(directory / "frame.parquet")
    return directory / "frame.parquet"


def test_the_unnamed_index_in_parquet_is_an_index(tmp_path: Path) -> None:
    """``__index_level_0__``: usable as an id, never a property; its labels come back."""
    path = parquet_of(pd.DataFrame({"user_id": ["a", None], "x": [1, 2]}, index=["p", "q"]), tmp_path)
    plan = plan_of(path)
    assert plan.invalid[["position", "index"]].to_numpy().tolist() == [[1, "q"]]
    assert plan.columns["property"].tolist() == ["user_id", "x"]
    by_index = plan_of(path, user_id="__index_level_0__")
    assert [record["user_id"] for record in by_index.records()] == ["p", "q"]


def test_a_named_index_in_parquet_is_an_index(tmp_path: Path) -> None:
    """By its name."""
    path = parquet_of(pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 8], name="uid")), tmp_path)
    assert plan_of(path, user_id="uid").records() == [
        {"user_id": "7", "metadata": {"x": 1}},
        {"user_id": "8", "metadata": {"x": 2}},
    ]


def test_a_multiindex_in_parquet_is_one(tmp_path: Path) -> None:
    """Labels are tuples again."""
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])
    plan = plan_of(parquet_of(pd.DataFrame({"user_id": ["u", None]}, index=index), tmp_path))
    assert plan.invalid["index"].tolist() == [("b", 2)]


def test_a_range_in_parquet_keeps_its_start_and_step(tmp_path: Path) -> None:
    """pandas writes it as metadata, not as a column."""
    plan = plan_of(parquet_of(pd.DataFrame({"user_id": ["u", None]}, index=pd.RangeIndex(5, 9, 2)), tmp_path))
    assert plan.invalid["index"].tolist() == [7]


def test_dtypes_of_pandas_survive_parquet(tmp_path: Path) -> None:
    """Periods, intervals and categories are what they were."""
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b"],
            "x": pd.PeriodIndex(["2024-01", "NaT"], freq="M"),
            "i": pd.interval_range(0, 2),
            "c": pd.Categorical(["k", None]),
        }
    )
    plan = plan_of(parquet_of(frame, tmp_path))
    assert plan.records() == plan_of(frame).records()
    assert plan.records()[0]["metadata"] == {"x": "2024-01", "i": "(0, 1]", "c": "k"}


def test_parquet_of_many_row_groups_is_read_in_order(tmp_path: Path) -> None:
    """Never loaded whole, and nothing out of place."""
    pq.write_table(pa.table({"user_id": pa.array(range(1_000))}), tmp_path / "f.parquet", row_group_size=7)
    assert [record["user_id"] for record in plan_of(str(tmp_path / "f.parquet")).records(1_000)] == [
        str(n) for n in range(1_000)
    ]


def test_a_directory_of_parquet_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    """Bookkeeping of who wrote it left out; a pattern names the same files."""
    for name in ("b", "a"):
        pq.write_table(pa.table({"user_id": [name]}), tmp_path / f"{name}.parquet")
    (tmp_path / "_delta_log").mkdir()
    pq.write_table(pa.table({"user_id": ["no row"]}), tmp_path / "_delta_log" / "c.parquet")
    for data in (tmp_path, str(tmp_path), f"{tmp_path}/*.parquet"):
        assert [record["user_id"] for record in plan_of(data).records()] == ["a", "b"]
    with pytest.raises(apd.AnalytexError, match="no Parquet file"):
        plan_of(f"{tmp_path}/*.parq")


def test_names_of_directories_are_columns(tmp_path: Path) -> None:
    """As Spark, Dask and pandas write partitions: what stands in the name stands in no file."""
    frame = pd.DataFrame(
        {"user_id": ["a", "b", "c"], "year": [2023, 2024, 2024], "land": ["de", None, "a b/c"]}
    )
    frame.to_parquet(tmp_path, partition_cols=["year", "land"])
    records = {record["user_id"]: record["metadata"] for record in plan_of(tmp_path).records()}
    assert records == {
        "a": {"year": 2023, "land": "de"},
        "b": {"year": 2024},
        "c": {"year": 2024, "land": "a b/c"},
    }


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["7", "10", "-1", "0"], [7, 10, -1, 0]),
        (["07", "10"], ["07", "10"]),
        (["-0", "1"], ["-0", "1"]),
        (["01234", "94103"], ["01234", "94103"]),
        (["1700000000", "20240101123000"], [1700000000, 20240101123000]),
        (["9" * 30], ["9" * 30]),
        (["1", "a"], ["1", "a"]),
        (["EUR=", "%41", "é ☃", "a/b"], ["EUR=", "%41", "é ☃", "a/b"]),
        (["2024-01-01", "1.5"], ["2024-01-01", "1.5"]),
    ],
)
def test_names_of_directories_keep_their_zeros(tmp_path: Path, texts: list[str], values: list[Any]) -> None:
    """A number is what would be written as that very name; of a column that is not all so, each is text, ids too."""
    frame = pd.DataFrame({"user_id": texts, "key": texts, "x": 1})
    frame.to_parquet(tmp_path / "by", partition_cols=["key"])
    records = {record["user_id"]: record["metadata"] for record in plan_of(tmp_path / "by").records()}
    assert records == {text: {"key": value, "x": 1} for text, value in zip(texts, values, strict=True)}
    frame.to_parquet(tmp_path / "ids", partition_cols=["user_id"])
    assert sorted(record["user_id"] for record in plan_of(tmp_path / "ids").records()) == sorted(texts)


@pytest.mark.usefixtures("batch_rows")
def test_what_is_wrong_with_a_column_is_said_once() -> None:
    """However many batches, or partitions, show it: a report has a line a column and reason, with the first rows."""
    frames = [
        pd.DataFrame(
            {"user_id": [f"{part}"], "x": [b"a"], "y": [1j], "z": [b"a" if part % 2 else 1j]}, [part]
        )
        for part in range(50)
    ]
    with pytest.raises(apd.ValidationError) as caught:
        plan_of(iter(frames))
    lines = str(caught.value).splitlines()[1:]
    assert [line.split("'")[1] for line in lines] == ["x", "y", "z", "z"]
    assert all("first at row 0" in line or "first at row 1" in line for line in lines)


def test_parquet_files_that_differ_are_read_as_frames_are(tmp_path: Path) -> None:
    """The union of their columns, absent means missing."""
    pq.write_table(pa.table({"user_id": ["a"], "x": pa.nulls(1)}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"user_id": ["b"], "x": [1], "y": ["t"]}), tmp_path / "2.parquet")
    assert plan_of(tmp_path, nulls="send").records() == [
        {"user_id": "a", "metadata": {"x": None, "y": None}},
        {"user_id": "b", "metadata": {"x": 1, "y": "t"}},
    ]


def test_wide_rows_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has so many bytes, whatever its rows: in memory a row of few bytes on disk can be a large one."""
    rows = 500
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows), pa.array(["t" * 60_000])).cast(pa.string())
    pq.write_table(pa.table({"user_id": pa.array(range(rows)), "x": texts}), tmp_path / "f.parquet")
    seen = []
    regrouped = sources.regrouped

    def watched(*given: Any) -> Iterator[pa.Table]:
        for table in regrouped(*given):
            seen.append(table.nbytes)
            yield table

    monkeypatch.setattr(sources, "regrouped", watched)
    assert plan_of(tmp_path / "f.parquet").rows == rows
    assert max(seen) < 1.1 * sources.STREAMED.bytes
    assert len(seen) < 1.2 * sum(seen) / sources.STREAMED.bytes + 1, "and not fewer rows than need be"
    seen.clear()
    assert plan_of(pq.read_table(tmp_path / "f.parquet")).rows == rows
    assert max(seen) < 1.1 * sources.IN_MEMORY.bytes


@pytest.mark.parametrize("rows", [0, 1, 39_999, 40_001, 200_000, 1_234_567])
def test_batches_cover_a_frame_and_get_smaller_towards_its_end(rows: int) -> None:
    """Every row is in one batch, none is larger than the largest, and an empty frame has a batch of its columns."""
    spans = list(sources.spans(rows, sources.IN_MEMORY))
    assert spans[0][0] == 0
    assert spans[-1][1] == rows
    assert [stop for _, stop in spans[:-1]] == [first for first, _ in spans[1:]]
    sizes = [stop - first for first, stop in spans]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= sources.IN_MEMORY.rows


def test_what_is_in_memory_is_known_without_a_look_at_it() -> None:
    """Before pyarrow 22 the bytes of a table with views cannot even be asked for; a relation would be computed."""
    views = pa.table({"user_id": ["a"], "x": pa.array(["t"], pa.string_view())})
    assert inputs.is_in_memory(views)
    assert inputs.is_in_memory(pl.DataFrame({"user_id": ["a"]}))
    assert not inputs.is_in_memory(views.to_reader())
    assert not inputs.is_in_memory(duckdb.sql("select 1 as user_id"))
    assert plan_of(views).records() == [{"user_id": "a", "metadata": {"x": "t"}}]


@pytest.mark.parametrize("batch_bytes", [1, 100, 1_000])
def test_batches_of_few_bytes_say_the_same(batch_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions, labels and lines do not hang on where a frame is cut."""
    rows = 57
    frame = pd.DataFrame(
        {
            "user_id": [None if row % 10 == 0 else f"u{row}" for row in range(rows)],
            "i": pd.array(range(rows), "int64[pyarrow]"),
            "c": pd.Categorical([f"c{row % 5}" for row in range(rows)]),
            "o": [row if row % 2 else f"t{row}" for row in range(rows)],
            "p": pd.period_range("2024-01", periods=rows, freq="M"),
        },
        index=[f"r{row}" for row in range(rows)],
    )
    table = pa.Table.from_pandas(frame.drop(columns="o"))
    wanted = [plan_of(data, invalid="skip") for data in (frame, table, [table, frame])]
    for name in ("STREAMED", "IN_MEMORY"):
        monkeypatch.setattr(sources, name, dataclasses.replace(getattr(sources, name), bytes=batch_bytes))
    for plan, data in zip(wanted, (frame, table, [table, frame]), strict=True):
        found = plan_of(data, invalid="skip")
        assert lines_of(found) == lines_of(plan)
        assert positions_of(found) == positions_of(plan)
        pd.testing.assert_frame_equal(found.invalid, plan.invalid)
        missing = found.invalid[found.invalid["code"] == "missing_id"]
        assert missing["index"].tolist()[:6] == [f"r{row}" for row in range(0, rows, 10)]


def test_arrow_columns_of_one_name_that_nobody_asked_for_do_no_harm() -> None:
    """Only what is sent has to be clear."""
    table = pa.Table.from_arrays(
        [pa.array(["a"]), pa.array([1]), pa.array([2]), pa.array([3])], ["user_id", "d", "d", "x"]
    )
    assert plan_of(table, properties=["x"]).records() == [{"user_id": "a", "metadata": {"x": 3}}]
    with pytest.raises(apd.ValidationError, match="'d'"):
        plan_of(table)


def test_a_record_batch_and_a_reader_are_read() -> None:
    """As any Arrow stream."""
    table = pa.table({"user_id": ["a"]})
    assert (
        plan_of(table.to_batches()[0]).records() == plan_of(table.to_reader()).records() == [{"user_id": "a"}]
    )
    assert plan_of(table.to_batches()).records() == [{"user_id": "a"}]


def test_the_accessor_is_the_function() -> None:
    """``df.analytex`` adds nothing."""
    frame = pd.DataFrame({"uid": ["a"], "x": [1]})
    assert frame.analytex.plan_users(user_id="uid").records() == plan_of(frame, user_id="uid").records()
    companies = frame.analytex.plan_companies(company_id="uid")
    assert companies.records() == [{"company_id": "a", "metadata": {"x": 1}}]


def counted(values: pa.Array, start: int = 0) -> pa.Table:
    """Return values as property, id and label of rows of which some lack an id."""
    ids = [None if row % 2 else f"u{start + row}" for row in range(len(values))]
    return pa.table({"user_id": ids, "x": values})


def coded(values: pa.Array) -> pa.DictionaryArray:
    """Return values as a dictionary of them, by the narrowest indices."""
    return pa.DictionaryArray.from_arrays(pa.array(range(len(values)), pa.int8()), values)


def uuids(numbers: list[int]) -> pa.Array:
    """Return UUIDs."""
    raw = pa.array([bytes([number % 256] * 16) for number in numbers], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), raw)


VALUES: dict[str, Callable[[list[int]], pa.Array]] = {
    "text": lambda numbers: pa.array([f"t{number}" for number in numbers]),
    "half": lambda numbers: pa.array(np.array(numbers, np.float16)),
    "null": lambda numbers: pa.array([f"t{number}" if number % 3 else None for number in numbers]),
    "nothing": lambda numbers: pa.nulls(len(numbers)),
    "list": lambda numbers: pa.array([[number] * (number % 3) for number in numbers]),
    "struct": lambda numbers: pa.array([{"a": number} for number in numbers]),
    "uuid": uuids,
    "period": lambda numbers: pa.array(pd.PeriodIndex.from_ordinals(numbers, freq="M")),
    "dictionary": lambda numbers: coded(pa.array(numbers)),
    "runs": lambda numbers: pa.RunEndEncodedArray.from_arrays(
        pa.array(range(1, len(numbers) + 1), pa.int32()), coded(pa.array(numbers))
    ),
}
WITHIN: dict[str, Callable[[pa.Array], pa.Array]] = {
    "column": lambda array: array,
    "struct": lambda array: pa.StructArray.from_arrays(
        [array], ["f"], mask=pa.array([row % 5 == 0 for row in range(len(array))])
    ),
    "list": lambda array: pa.ListArray.from_arrays(
        pa.array(range(len(array) + 1), pa.int32()),
        array,
        mask=pa.array([row % 5 == 0 for row in range(len(array))]),
    ),
    "fixed": lambda array: pa.FixedSizeListArray.from_arrays(
        array, 1, mask=pa.array([row % 5 == 0 for row in range(len(array))])
    ),
    "view": lambda array: pa.ListViewArray.from_arrays(
        pa.array(range(len(array)), pa.int32())[::-1], pa.array([1] * len(array), pa.int32()), array
    ),
    "map": lambda array: pa.MapArray.from_arrays(
        pa.array(range(len(array) + 1), pa.int32()), pa.array(["k"] * len(array)), array
    ),
    "runs": lambda array: pa.RunEndEncodedArray.from_arrays(
        pa.array(range(1, len(array) + 1), pa.int32()), array
    ),
    "dictionary": coded,
}


@pytest.mark.parametrize("within", WITHIN)
@pytest.mark.parametrize("values", VALUES)
def test_chunks_with_dictionaries_of_their_own_say_what_each_alone_says(
    values: str, within: str, tmp_path: Path
) -> None:
    """Arrow unifies few of them, and not beyond what the indices can count; each chunk alone is the oracle."""
    parts = [
        counted(WITHIN[within](coded(VALUES[values](list(range(start, start + 100))))).slice(3), start)
        for start in (0, 100, 200)
    ]
    table = pa.concat_tables(parts)
    asked: dict[str, Any] = {"nested": "json", "invalid": "skip"}
    wanted = [line for part in parts for line in lines_of(plan_of(part, **asked))]
    roads: list[Any] = [table, table.to_reader()]
    if within != "runs" or pa.array(table.to_pandas(types_mapper=pd.ArrowDtype)["x"]).chunk(0).offset:
        # before pyarrow 22 pandas itself forgets where part of an array of runs begins
        roads.append(table.to_pandas(types_mapper=pd.ArrowDtype))
    if values == "text" and within in {"column", "struct"}:
        (tmp_path / "parts").mkdir()
        for number, part in enumerate(parts):
            pq.write_table(part, tmp_path / "parts" / f"{number}.parquet")
        with pq.ParquetWriter(tmp_path / "groups.parquet", table.schema) as writer:
            for part in parts:
                writer.write_table(part)
        roads += [tmp_path / "parts", tmp_path / "groups.parquet"]
    for data in roads:
        plan = plan_of(data, **asked)
        assert lines_of(plan) == wanted
        assert plan.invalid["position"].tolist() == [
            at + row for at in (0, 97, 194) for row in range(1, 97, 2)
        ]


def test_ids_and_labels_may_have_dictionaries_of_their_own_in_each_chunk() -> None:
    """More of them than the indices of one chunk can count."""
    parts = []
    for start in (0, 100, 200):
        names = coded(pa.array([f"n{number}" for number in range(start, start + 100)]))
        missing = pa.array([None, *range(1, 100)], pa.int8())
        ids = pa.DictionaryArray.from_arrays(missing, names.dictionary)
        parts.append(pa.table({"user_id": ids, "company_id": names, "__index_level_0__": names}))
    plan = plan_of(pa.concat_tables(parts), invalid="skip")
    assert plan.invalid["index"].tolist() == ["n0", "n100", "n200"]
    assert plan.records(300)[-1] == {"user_id": "n299", "company_id": "n299"}


RANGES = [pd.RangeIndex(5, name="uid"), pd.RangeIndex(9, -1, -2, name="uid"), pd.RangeIndex(0, name="uid")]


@pytest.mark.parametrize("index", RANGES, ids=str)
def test_a_named_range_is_an_id_by_every_road(index: pd.RangeIndex, tmp_path: Path) -> None:
    """pandas writes it as metadata alone; it is an index, never a property."""
    frame = pd.DataFrame({"x": range(len(index))}, index=index)
    table = pa.Table.from_pandas(frame)
    wanted = [str(label) for label in index]
    for data in (frame, table, parquet_of(frame, tmp_path), [table], [frame]):
        plan = plan_of(data, user_id="uid")
        assert [record["user_id"] for record in plan.records()] == wanted
        assert plan.columns["property"].tolist() == ["user_id", "x"]
    twice = plan_of([table, table], user_id="uid", duplicates="first")
    assert [record["user_id"] for record in twice.records()] == wanted


INDEXES: list[pd.Index[Any]] = [
    pd.RangeIndex(20, 8, -2, name="r"),
    pd.RangeIndex(3, 9),
    pd.MultiIndex.from_arrays([list("abcdef"), pd.RangeIndex(6)], names=["k", None]),
    pd.MultiIndex.from_arrays([pd.RangeIndex(6), list("abcdef")], names=["k", "m"]),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: str(index.names))
def test_labels_of_an_arrow_table_are_those_of_its_frame(index: pd.Index[Any]) -> None:
    """A range that does not fit the rows is none; positions run on."""
    table = pa.Table.from_pandas(pd.DataFrame({"user_id": [None] * 6, "x": range(6)}, index=index))
    tables = [
        table,
        table.slice(2),
        table.filter(np.array([True, False] * 3)),
        table.take([3, 1, 2, 0, 5, 4]),
        pa.concat_tables([table, table]),
        table.to_batches()[0].slice(4),
    ]
    for part in tables:
        try:
            wanted = part.to_pandas().index.tolist()
        except KeyError:  # pyarrow below 22 forgets to describe a level beside a range
            continue
        assert plan_of(part, invalid="skip").invalid["index"].tolist() == wanted
    invalid = plan_of(tables[:2], invalid="skip").invalid
    assert invalid["position"].tolist() == list(range(10))
    assert invalid["index"].tolist()[6:] == plan_of(tables[1], invalid="skip").invalid["index"].tolist()


@pytest.mark.parametrize(
    "metadata",
    [
        *(b"\xff", b"[]", b"null", b"3"),
        *(
            json.dumps({"index_columns": levels}).encode()
            for levels in (
                *(None, 5, {}, [None], ["gone"], [["x"]], [{"kind": "range"}]),
                [{"kind": "range", "start": 0, "stop": 2, "step": 0, "name": None}],
                [{"kind": "range", "start": "a", "stop": 2, "step": 1, "name": None}],
                [{"kind": "range", "start": 2**70, "stop": 2**70 + 2, "step": 1, "name": "n"}],
                [{"kind": "range", "start": 7, "stop": 10, "step": 1, "name": "n"}],
            )
        ),
    ],
)
def test_an_index_that_is_not_there_is_none(metadata: bytes) -> None:
    """Whatever the metadata say."""
    table = pa.table({"user_id": ["a", None], "x": [1, 2]}).replace_schema_metadata({b"pandas": metadata})
    assert plan_of(table, invalid="skip").invalid["index"].tolist() == [1]
