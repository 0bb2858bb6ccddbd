"""A job's report becomes an answer for each row: by id, by number, or not at all, and never by a guess."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.delivery.report import JOB_FAILED, Lines, Verdict, judge
from analytex_pandas.service.wire import parse_job

IDS = ["ann", "bob", "cy", "dee", "eve"]


def verdict(errors: Any, *, ids: list[str] | None = None, status: str = "completed", **job: Any) -> Verdict:
    """Return the verdict on a job with these errors, as the service would send it."""
    ids = IDS if ids is None else ids
    parsed = parse_job({"job_id": "j", "status": status, "errors": errors, **job})
    lines = Lines([{"user_id": name, "metadata": {"n": place}} for place, name in enumerate(ids)], "users")
    return judge(parsed, len(ids), lambda: lines)


def lines(errors: Any, **how: Any) -> list[int | None]:
    """Return the lines that the errors are put on."""
    return [error.line for error in verdict(errors, **how).errors]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([{"line": 2, "message": "x"}], [1], id="line is 1-based"),
        pytest.param([{"index": 2, "message": "x"}], [2], id="index is 0-based"),
        pytest.param([{"row": 2, "message": "x"}], [1], id="row is 1-based when nothing tells"),
        pytest.param([{"row": 0, "message": "x"}, {"row": 2, "message": "y"}], [0, 2], id="a 0 settles it"),
        pytest.param(
            [{"row": 5, "message": "x"}, {"row": 2, "message": "y"}], [4, 1], id="the last number settles it"
        ),
        pytest.param(
            [{"row": 0, "message": "x"}, {"row": 5, "message": "y"}], [None, None], id="both: undecidable"
        ),
        pytest.param(
            [{"row": 2, "user_id": "cy", "message": "x"}, {"row": 3, "message": "y"}],
            [2, 3],
            id="an id shows the base",
        ),
        pytest.param([{"user_id": "dee", "message": "x"}], [3], id="by id"),
        pytest.param([{"user_id": "dee", "line": 1, "message": "x"}], [3], id="the id before the number"),
        pytest.param([{"user_id": "zoe", "line": 1, "message": "x"}], [0], id="a foreign id: the number"),
        pytest.param([{"user_id": "zoe", "message": "x"}], [None], id="a foreign id alone"),
        pytest.param(
            [{"line": 6, "message": "x"}, {"line": 0, "message": "y"}], [None, None], id="out of range"
        ),
        pytest.param({"1": "x", "4": ["y", "z"]}, [0, 3, 3], id="keyed by row number"),
        pytest.param({"bob": "x", "eve": {"message": "y"}}, [1, 4], id="keyed by id"),
        pytest.param(["Row 3: bad", "user_id 'eve' is bad"], [2, 4], id="texts that name rows"),
        pytest.param("everything is bad", [None], id="one text"),
        pytest.param([{"strange": 7}], [None], id="what cannot be read"),
        pytest.param(None, [], id="null"),
    ],
)
def test_errors_find_their_lines(errors: Any, expected: list[int | None]) -> None:
    """Each documented shape ends on the row it means, or on none."""
    found = verdict(errors)
    assert [error.line for error in found.errors] == expected
    assert found.refused == tuple(sorted({line for line in expected if line is not None}))
    assert all(error.raw for error in found.errors)


def test_ids_of_digits_as_keys_are_told_from_row_numbers() -> None:
    """Ids of digits are common, and a report keyed by them must not land on rows of those numbers."""
    assert lines({"1003": "x"}, ids=["1001", "1002", "1003"]) == [2]
    assert lines({"3": "x"}, ids=["a", "b", "c"]) == [2]
    assert lines({"3": "x", "1": "y"}, ids=["3", "1", "2"]) == [None, None], "either could be meant"
    assert lines({"2": "x"}, ids=["1", "2", "3"]) == [1], "both readings agree"
    assert lines({"4": "x"}, ids=["4", "5", "6"]) == [0], "no such row, so the id"


def test_an_id_that_stands_twice_says_nothing() -> None:
    """Files from elsewhere may hold an id twice; then only the number can tell."""
    assert lines([{"user_id": "ann", "line": 3, "message": "x"}], ids=["ann", "bob", "ann"]) == [2]
    assert lines([{"user_id": "ann", "message": "x"}], ids=["ann", "bob", "ann"]) == [None]


def test_refused_counts_rows_not_errors() -> None:
    """Three errors on one row are one refused row."""
    found = verdict([{"line": 2, "message": text} for text in "abc"], completed_rows=4)
    assert (len(found.errors), found.refused, found.unknown) == (3, (1,), 0)


@pytest.mark.parametrize(
    ("errors", "expected_errors"),
    [
        (None, ["Its job failed, without a reason."] * 5),
        ("no disk", ["no disk"] * 5),
        (["no disk", "no luck"], ["no disk no luck"] * 5),
        ([{"line": 2, "message": "bad"}, "no disk"], ["bad", *["no disk"] * 4]),
    ],
)
def test_a_failed_job_has_an_error_for_each_of_its_rows(errors: Any, expected_errors: list[str]) -> None:
    """Whoever filters push.errors for a row finds why it is not there, also when the whole job failed."""
    found = verdict(errors, status="failed", completed_rows=0)
    assert found.refused == (0, 1, 2, 3, 4)
    assert [error.message for error in found.errors] == expected_errors
    assert sorted(error.line for error in found.errors if error.line is not None) == [0, 1, 2, 3, 4]
    assert {error.id for error in found.errors} == set(IDS)


def test_a_failed_job_drops_nothing_that_was_said() -> None:
    """General reasons stand on the rows, reports that lead nowhere stand alone."""
    found = verdict([{"line": 99, "message": "lost"}, "no disk"], status="failed")
    assert [error.line for error in found.errors] == [None, 0, 1, 2, 3, 4]
    assert found.errors[0].raw == '{"line": 99, "message": "lost"}'
    assert found.errors[1].raw == '"no disk"'
    assert found.errors[1].code == JOB_FAILED
    every = [{"line": line, "message": "x"} for line in range(1, 6)]
    assert verdict([*every, "no disk"], status="failed").errors[-1].message == "no disk"


@pytest.mark.parametrize(
    ("completed", "refused", "unknown"),
    [(5, 0, 0), (None, 0, 0), (3, 0, 2), (0, 0, 5), (5, 2, 0), (3, 2, 0), (1, 2, 2), (4, 2, 1), (9, 0, 0)],
)
def test_a_shortfall_is_unknown(completed: int | None, refused: int, unknown: int) -> None:
    """Rows that a completed job does not account for are said aloud, whether it counts refused rows or not."""
    errors = [{"line": line + 1, "message": "bad"} for line in range(refused)]
    found = verdict(errors, completed_rows=completed)
    assert found.unknown == unknown
    assert found.doubtful == (tuple(range(refused, 5)) if unknown else ())


def test_errors_without_a_row_leave_at_least_one_row_unknown_each() -> None:
    """One of the rows was refused, and nobody can tell which; unless the numbers say that none of the others was."""
    assert verdict("it was bad", completed_rows=5).unknown == 1
    assert verdict("two rows were bad", completed_rows=3).unknown == 2
    assert verdict(["bad", "worse"]).unknown == 2
    assert verdict([{"line": 1, "message": "bad"}, "a remark"], completed_rows=4).unknown == 0


@pytest.mark.parametrize(
    ("errors", "completed", "unknown"),
    [
        ([{"user_id": "zoe", "message": "x"}], 5, 1),
        ([{"user_id": "zoe", "message": "x"}], None, 1),
        ([{"line": 9, "message": "x"}, {"line": 9, "message": "y"}], 5, 1),
        ([{"row": 0, "message": "x"}, {"row": 5, "message": "y"}], 5, 2),
        ([{"row": 0, "message": "x"}, {"row": 5, "message": "y"}], 3, 2),
        ([{"line": 1, "message": "x"}, {"user_id": "zoe", "message": "y"}], 4, 0),
        ([{"line": 1, "message": "x"}, {"user_id": "zoe", "message": "y"}], 5, 1),
    ],
)
def test_a_row_that_is_refused_under_a_name_that_leads_nowhere_is_not_acknowledged(
    errors: Any, completed: int | None, unknown: int
) -> None:
    """One of the others was refused, and nobody can tell which; unless the numbers say that none was."""
    assert verdict(errors, completed_rows=completed).unknown == unknown


def test_a_file_that_arrived_short_is_noticed() -> None:
    """Only total_rows was said, and it is less than was sent."""
    assert verdict(None, total_rows=3).unknown == 2
    assert verdict(None, total_rows=0).unknown == 0, "0 is what a service says that does not count"


PLACES = st.none() | st.integers(-1, 7)
ERRORS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "row": PLACES,
            "line": PLACES,
            "index": PLACES,
            "user_id": st.sampled_from([*IDS, "zoe", ""]),
            "message": st.text(max_size=5),
            "details": st.none()
            | st.text(max_size=3)
            | st.dictionaries(st.sampled_from(["row", "x"]), PLACES),
        },
    )
    | st.text(max_size=8),
    max_size=6,
)


@given(
    errors=ERRORS | st.dictionaries(st.sampled_from(["0", "1", "5", "6", "ann", "x"]), st.text(max_size=4)),
    completed=st.none() | st.integers(0, 7),
    failed=st.booleans(),
    rows=st.integers(0, 5),
)
def test_whatever_is_reported_every_row_has_one_fate(
    errors: Any, completed: int | None, failed: bool, rows: int
) -> None:
    """No report makes counts that do not add up, puts a row in two fates, or an error outside the chunk."""
    found = verdict(
        errors, ids=IDS[:rows], status="failed" if failed else "completed", completed_rows=completed
    )
    assert 0 <= found.unknown <= len(found.doubtful) <= rows
    assert not set(found.refused) & set(found.doubtful)
    assert set(found.refused) | set(found.doubtful) <= set(range(rows))
    assert {error.line for error in found.errors} - {None} == set(found.refused)
    if failed:
        assert found.refused == tuple(range(rows))
