"""Frames of engines whose workers encode: the same records, judged by the driver from what the workers say."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from parted import LABELLED, ROWS, dask_frame, maker, rows_of_many_types
from plans_read import check_sums, lines_of, plan_of, positions_of

import analytex_pandas as apd
from analytex_pandas.engines import parts
from analytex_pandas.engines import staging as room
from analytex_pandas.engines.staging import Recipe

if TYPE_CHECKING:
    from conftest import Make

pytestmark = pytest.mark.engines

WITH_WORKERS = ("dask", "dask cluster", "spark", "pandas on spark", "ray", "ray mapped", "daft", "narwhals")


@pytest.fixture(params=WITH_WORKERS)
def make(request: pytest.FixtureRequest) -> Make:
    """What makes a frame of an engine that has workers."""
    return maker(request.param, request)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """A directory that a group may read, and in which nothing is left."""
    path = tmp_path / "shared"
    path.mkdir()
    path.chmod(0o2750)
    yield path
    assert [*path.iterdir()] == []


@pytest.fixture
def frame() -> pd.DataFrame:
    """Rows of many types; some cannot be sent, one id stands twice with other values, one row twice, far apart."""
    found = rows_of_many_types()
    found.loc["row 700", "f"] = np.inf
    found.loc["row 2901"] = found.loc["row 10"]
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"duplicates": "first"},
        {"duplicates": "last", "nulls": "send", "chunk_rows": 70},
        {"types": "string"},
    ],
    ids=str,
)
def test_the_plan_is_that_of_one_frame_of_pandas(
    make: Make, frame: pd.DataFrame, staging: Path, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Lines, positions, invalid rows, columns and counts; an id in two partitions is seen."""
    plan = plan_of(make(frame, 4), invalid="skip", staging=staging, **options)
    wanted = plan_of(frame, invalid="skip", **options)
    assert lines_of(plan) == lines_of(wanted)
    assert positions_of(plan) == positions_of(wanted)
    assert plan.counts.to_dict() == wanted.counts.to_dict()
    told = ["position", "id", "property", "code"]
    assert plan.invalid[told].to_dict("records") == wanted.invalid[told].to_dict("records")
    told = ["property", "json_type", "nulls", "example", "note"]
    assert plan.columns[told].to_dict("records") == wanted.columns[told].to_dict("records")
    check_sums(plan)
    name = request.node.callspec.params["make"]
    if name.startswith(LABELLED):
        assert plan.invalid["index"].tolist() == wanted.invalid["index"].tolist()
    else:
        assert {len(label) for label in plan.invalid["index"]} == {2}


def test_a_second_night_sends_what_has_changed(make: Make, frame: pd.DataFrame, staging: Path) -> None:
    """Nothing, and of a changed cell its row; memory is the same whether a frame is staged or not."""
    with apd.sandbox(rows_per_minute=1e9) as service:

        def push(data: pd.DataFrame, **options: Any) -> apd.Push:
            made = make(data, 4) if options else data
            return apd.push_users(
                made,
                client=service.client,
                invalid="skip",
                duplicates="first",
                only_changed=True,
                progress=False,
                **options,
            )

        first = push(frame, staging=staging)
        assert first.counts["acknowledged"] == ROWS - 4
        assert push(frame, staging=staging).counts[["unchanged", "acknowledged"]].tolist() == [ROWS - 4, 0]
        assert push(frame).counts[["unchanged", "acknowledged"]].tolist() == [ROWS - 4, 0]
        frame.loc["row 1234", "n"] = -1
        second = push(frame, staging=staging)
        assert second.counts[["unchanged", "acknowledged"]].tolist() == [ROWS - 5, 1]
        assert second.plan.changes.set_index("property").loc["n", "changed_values"] == 1
        assert service.users.set_index("user_id").loc["u1234", "n"] == -1


def test_refused_rows_are_those_of_the_input(make: Make, frame: pd.DataFrame, staging: Path) -> None:
    """By position and label, of rows that lie behind others that were left out."""

    def refuse(record: dict[str, Any]) -> tuple[str, str, str] | None:
        return ("no", "n", "not today") if record["user_id"] == "u2950" else None

    with apd.sandbox(rows_per_minute=1e9, refuse=refuse) as service:
        options: dict[str, Any] = {"invalid": "skip", "duplicates": "last", "progress": False}
        push = apd.push_users(make(frame, 4), staging=staging, client=service.client, **options)
        assert push.errors["position"].tolist() == [2950]
        label = push.errors["index"].tolist()
        assert label == ["row 2950"] or label[0][1] in (700, 1450, 2950)
        assert push.failed.index.tolist() == label
        told = ["position", "id", "outcome", "code"]
        whole = apd.push_users(frame, client=service.client, **options)
        assert push.outcomes[told].equals(whole.outcomes[told])
        assert push.outcomes["index"][2950] == label[0]
        assert push.retry(wait=True, progress=False).counts["refused"] == 1


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_a_column_of_several_types_has_to_be_said(
    name: str, staging: Path, request: pytest.FixtureRequest
) -> None:
    """What one partition has is written before the next is known; with `types` it is what it would be of pandas."""
    mixed = pd.DataFrame({"user_id": list("abcdef"), "x": [1, 2, 3, None, 2.5, "many"]})
    made = maker(name, request)(mixed, 3)
    with pytest.raises(apd.ValidationError, match=r"Column 'x' holds number and string .*types="):
        plan_of(made, staging=staging)
    assert lines_of(plan_of(made, staging=staging, types={"x": "string"})) == lines_of(plan_of(mixed))


def test_properties_that_only_some_partitions_have(staging: Path) -> None:
    """Flattened, each has its own; absent means left out, and where null is to be sent for it that is refused."""
    nested = pd.DataFrame({"user_id": list("abcd"), "x": [{"p": 1}, {"p": 2}, {"q": "r"}, None]})
    made = dask_frame(nested, 2)
    assert lines_of(plan_of(made, staging=staging, nested="flatten")) == lines_of(
        plan_of(nested, nested="flatten")
    )
    with pytest.raises(apd.ValidationError, match=r"properties 'x\.p', 'x\.q'.*nulls="):
        plan_of(made, staging=staging, nested="flatten", nulls="send")


def test_what_is_wrong_with_columns_is_said_before_the_workers_begin(
    make: Make, frame: pd.DataFrame, staging: Path
) -> None:
    """And so is a frame without any partition that has rows."""
    with pytest.raises(apd.ValidationError, match="no column or index level 'uid'"):
        plan_of(make(frame, 4), staging=staging, user_id="uid")


@pytest.mark.parametrize("name", ["dask", "spark"])
def test_a_frame_without_rows_completes(
    name: str, frame: pd.DataFrame, staging: Path, request: pytest.FixtureRequest
) -> None:
    """With its columns."""
    plan = plan_of(maker(name, request)(frame.iloc[:0], 1), staging=staging)
    assert plan.counts.sum() == 0
    assert plan.columns["property"].tolist() == ["user_id", *frame.columns[1:]]


def test_only_engines_have_workers(frame: pd.DataFrame, staging: Path) -> None:
    """Of anything else it is said that it needs no staging."""
    with pytest.raises(apd.ValidationError, match=r"a pandas DataFrame has no workers .* without staging="):
        plan_of(frame, staging=staging)


def test_parts_have_the_modes_of_their_directory(frame: pd.DataFrame, staging: Path) -> None:
    """Whoever may read the shared directory may read the parts, and nobody else; also while they are written."""
    found: dict[str, int] = {}

    def look(partition: pd.DataFrame) -> pd.DataFrame:
        for path in [*staging.glob("analytex-*"), *staging.glob("analytex-*/*")]:
            found[path.suffix if path.is_file() else "directory"] = stat.S_IMODE(path.stat().st_mode)
        return partition

    made = dask_frame(frame, 4).map_partitions(look, meta=frame.iloc[:0])
    import dask

    with dask.config.set(scheduler="synchronous"):
        plan_of(made, staging=staging, invalid="skip")
    assert found.pop("directory") == 0o2750
    assert found == dict.fromkeys((".ndjson", ".arrow", ".json"), 0o640)


def test_a_part_that_nobody_committed_does_not_count(
    frame: pd.DataFrame, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine tries a partition again: what the first attempt has written is not sent beside the second's."""
    import dask

    once, written = Recipe.stage, []

    def twice(self: Recipe, partition: Any) -> str:
        written.append(once(self, partition))
        return once(self, partition)

    monkeypatch.setattr(Recipe, "stage", twice)
    with dask.config.set(scheduler="synchronous"):
        plan = plan_of(dask_frame(frame, 4), staging=staging, invalid="skip")
    assert len(written) == 5
    assert lines_of(plan) == lines_of(plan_of(frame, invalid="skip"))


def test_a_worker_that_is_killed_is_replaced(
    dask_cluster: Any, frame: pd.DataFrame, staging: Path, tmp_path: Path
) -> None:
    """In the middle of its partition, once: another worker stages it anew."""
    died = tmp_path / "died"

    def die_once(partition: pd.DataFrame) -> pd.DataFrame:
        if len(partition) and partition.index[0] == "row 1500" and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return partition

    made = dask_frame(frame, 4).map_partitions(die_once, meta=frame.iloc[:0])
    plan = plan_of(made, staging=staging, invalid="skip")
    assert died.exists()
    assert lines_of(plan) == lines_of(plan_of(frame, invalid="skip"))
    dask_cluster.wait_for_workers(2, timeout=60)


def test_an_attempt_of_spark_that_fails_is_repeated(spark: Any, staging: Path, tmp_path: Path) -> None:
    """The task that came to its end counts, and no row goes out twice."""
    died = str(tmp_path / "died")

    def fail_once(batches: Any) -> Any:
        from pathlib import Path

        from pyspark import TaskContext

        yield from batches
        if TaskContext.get().partitionId() == 1 and not Path(died).exists():
            Path(died).touch()
            raise RuntimeError("died at its end")

    data = (
        spark.range(0, 2_000, 1, 4)
        .selectExpr("string(id) as user_id", "id as x")
        .mapInArrow(fail_once, "user_id string, x long")
    )
    plan = plan_of(data, staging=staging)
    assert Path(died).exists()
    assert positions_of(plan) == list(range(2_000))


@pytest.mark.parametrize("what", ["lines", "manifest", "gone"])
def test_a_part_that_was_changed_is_said(
    what: str, frame: pd.DataFrame, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it goes out."""

    def meddle(directory: Any, told: str, *rest: Any) -> Any:
        path = Path(directory.shown) / told.partition(" ")[0]
        if rest[0]:
            if what == "lines":
                lines = path.with_suffix(".ndjson")
                lines.write_bytes(lines.read_bytes() + b"{}\n")
            if what == "manifest":
                path.write_bytes(path.read_bytes().replace(b"u", b"v"))
            if what == "gone":
                path.unlink()
        return parts.read_part(directory, told, *rest)

    monkeypatch.setattr(room, "read_part", meddle)
    with pytest.raises(
        apd.AnalytexError,
        match=r"is not as its worker wrote it|place that the workers and this machine share",
    ):
        plan_of(dask_frame(frame, 4), staging=staging, invalid="skip")


def test_few_lines_are_fetched_and_not_their_neighbours(
    staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million profiles fifty thousand have changed: the others stay where they are."""
    monkeypatch.setattr(parts, "NEAR", 100)
    import dask

    wide = pd.DataFrame({"user_id": [f"u{n:05d}" for n in range(2_000)], "text": ["x" * 500] * 2_000})
    taken: list[int] = []
    whole = parts.Part.fetch

    def fetch(self: Any, wanted: Any) -> Any:
        lines, rows = whole(self, wanted)
        taken.append(len(lines))
        return lines, rows

    monkeypatch.setattr(parts.Part, "fetch", fetch)
    with apd.sandbox(rows_per_minute=1e9) as service, dask.config.set(scheduler="synchronous"):
        options: dict[str, Any] = {"client": service.client, "only_changed": True, "staging": staging}
        apd.push_users(dask_frame(wide, 2), progress=False, **options)
        wide.loc[[3, 4, 999, 1000, 1999], "text"] = "new"
        del taken[:]
        plan = plan_of(dask_frame(wide, 2), **options)
    assert sum(taken) == plan.rows == 5
    assert positions_of(plan) == [3, 4, 999, 1000, 1999]


@pytest.mark.parametrize("fault", ["file", "full", "read-only"])
def test_staging_that_cannot_be_written_to_is_said(fault: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    """In an error of ours that names it, before anything is planned, and nothing is left."""
    place = tmp_path / "place"
    if fault == "file":
        place.write_text("")
    else:
        place.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", place], check=False)
        if made.returncode:
            pytest.skip("nothing can be mounted here")
    try:
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises(apd.AnalytexError, match=r"staging=|cannot be (staged|written)"):
            plan_of(dask_frame(frame, 3), staging=place, invalid="skip")
        assert fault == "file" or [*place.iterdir()] == []
    finally:
        if fault != "file":
            subprocess.run(["umount", place], check=True)


def test_staging_may_be_a_url(frame: pd.DataFrame, tmp_path: Path) -> None:
    """By fsspec, as any URL."""
    plan = plan_of(dask_frame(frame, 3), staging=f"file://{tmp_path}/store", invalid="skip")
    assert lines_of(plan) == lines_of(plan_of(frame, invalid="skip"))
    assert [*(tmp_path / "store").glob("**/*")] == []
    with pytest.raises(apd.ValidationError, match="s3fs"):
        plan_of(dask_frame(frame, 3), staging="s3://bucket/x")
