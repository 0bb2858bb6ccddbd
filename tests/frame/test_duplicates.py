"""One id twice, anywhere in the input: equal records once, differing ones by policy."""

# ruff: noqa: E501  # one case a line

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from plans_read import check_sums, lines_of, plan_of, positions_of

import analytex_pandas as apd

pytestmark = pytest.mark.usefixtures("batch_rows")

# (user_id, company_id, x) of each row; sent positions under first and last; positions in conflict under raise
CASES: dict[str, tuple[list[tuple[Any, ...]], list[int], list[int], list[int]]] = {
    "none": ([("a", None, 1), ("b", None, 1)], [0, 1], [0, 1], []),
    "equal": ([("a", None, 1), ("b", None, 2), ("a", None, 1)], [0, 1], [1, 2], []),
    "differing": ([("a", None, 1), ("b", None, 2), ("a", None, 2)], [0, 1], [1, 2], [0, 2]),
    "equal and differing": ([("a", None, 1), ("a", None, 2), ("a", None, 1)], [0], [2], [0, 1, 2]),
    "another company": ([("a", "c", 1), ("a", "d", 1)], [0], [1], [0, 1]),
    "a company and none": ([("a", "c", 1), ("a", None, 1)], [0], [1], [0, 1]),
    "a value and none": ([("a", None, 1), ("a", None, None)], [0], [1], [0, 1]),
    "1 and '1' and 1.0": ([(1, None, 1), ("1", None, 1), (1.0, None, 1)], [0], [2], []),
    "1 and '1' differing": ([(1, None, 1), ("1", None, 2)], [0], [1], [0, 1]),
    "invalid rows do not compete": ([("a", None, 1), ("a", " ", 2), ("a", None, float("inf"))], [0], [0], []),
    "ids that differ by spaces or case": ([("a", None, 1), ("A", None, 2), (" a", None, 3)], [0, 1, 2], [0, 1, 2], []),
    "long ids that share their ends": ([("p" * 70 + "x" + "s" * 70, None, 1), ("p" * 70 + "y" + "s" * 70, None, 2)], [0, 1], [0, 1], []),
    "long ids": ([("é" * 200, None, 1), ("é" * 200, None, 2)], [0], [1], [0, 1]),
    "ids with zeros at their end": ([("a", None, 1), ("a\x00", None, 2)], [0, 1], [0, 1], []),
}  # fmt: skip


def frame_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows as a DataFrame of objects."""
    return pd.DataFrame(rows, columns=["user_id", "company_id", "x"], dtype=object)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("as_stream", [False, True])
def test_duplicates_by_policy(name: str, *, as_stream: bool) -> None:
    """Also across batches and the frames of a stream."""
    rows, first, last, conflict = CASES[name]
    invalid = sum(row[1] == " " or row[2] == float("inf") for row in rows)

    def data() -> Any:
        frame = frame_of(rows)
        return (frame.iloc[[row]] for row in range(len(frame))) if as_stream else frame

    for policy, wanted in (("first", first), ("last", last)):
        plan = plan_of(data(), duplicates=policy, invalid="skip")
        assert positions_of(plan) == wanted
        assert dict(plan.counts) == {
            "input": len(rows), "invalid": invalid, "duplicate": len(rows) - invalid - len(wanted), "unchanged": 0, "to_send": len(wanted),
        }  # fmt: skip
    plan = plan_of(data(), invalid="skip")
    found = plan.invalid[plan.invalid["code"] == "duplicate"]
    assert found["position"].tolist() == conflict
    assert set(found["property"]) <= {"user_id"}
    check_sums(plan)
    if conflict:
        with pytest.raises(apd.ValidationError, match="duplicates=") as caught:
            plan.push()
        assert caught.value.report["code"].eq("duplicate").all()
    else:
        assert len(lines_of(plan)) == len(first)


def test_many_duplicates_are_compared() -> None:
    """Every row is one of several of its id."""
    frame = frame_of([(f"u{row % 23}", None, row % 46 if row % 2 else 0) for row in range(200)])
    by_id = frame.groupby("user_id")["x"]
    equal = by_id.transform("nunique") == 1
    for policy in ("first", "last"):
        wanted = frame.index[~frame.duplicated("user_id", keep=policy)]
        assert positions_of(plan_of(frame, duplicates=policy)) == wanted.tolist()
    plan = plan_of(frame, invalid="skip")
    assert plan.invalid["position"].tolist() == frame.index[~equal].tolist()
    assert positions_of(plan) == frame.index[equal & ~frame.duplicated("user_id")].tolist()


def test_conflicts_carry_their_labels_and_ids() -> None:
    """All rows of a conflict, named in the error."""
    frame = frame_of([("a", None, 1), ("b", None, 1), ("a", None, 2)]).set_axis(["p", "q", "r"])
    invalid = plan_of(frame).invalid
    assert invalid[["index", "id"]].to_numpy().tolist() == [["p", "a"], ["r", "a"]]
    with pytest.raises(apd.ValidationError, match=r"'p'.*\n.*'r'"):
        plan_of(frame).push()


def test_chunks_are_filled_again_where_rows_fell_away() -> None:
    """No chunk is empty, and all but the last are full."""
    frame = frame_of([(f"u{row % 7}", None, 1) for row in range(40)])
    plan = plan_of(frame, chunk_rows=3)
    assert plan.chunks["rows"].tolist() == [3, 3, 1]
    assert plan.chunks["chunk"].tolist() == [1, 2, 3]
    assert positions_of(plan) == list(range(7))


def test_companies_too() -> None:
    """By their own id."""
    frame = pd.DataFrame({"company_id": ["c", "c"], "user_id": ["a", "b"]})
    assert plan_of(frame, "companies").invalid["code"].tolist() == ["duplicate", "duplicate"]
    assert plan_of(frame, "companies", duplicates="last").records() == [
        {"company_id": "c", "metadata": {"user_id": "b"}}
    ]
