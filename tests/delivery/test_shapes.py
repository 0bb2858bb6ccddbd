"""Reports in the shapes of public bulk APIs lead to their rows, and what leads to none is never acknowledged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import ANY, RECORDS, SHAPES, Shape

from analytex_pandas.delivery.report import Lines, Verdict, judge
from analytex_pandas.service.wire import parse_job

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = Lines(RECORDS, "users")


def verdict(shape: Shape, completed: int | None, **more: Any) -> Verdict:
    """Return the verdict on a completed job with this report."""
    document = {"job_id": "j", "status": "completed", "errors": shape.errors, **shape.beside, **more}
    if completed is not None:
        document["completed_rows"] = completed
    return judge(parse_job(document), len(RECORDS), lambda: LINES)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
@pytest.mark.parametrize("mode", ["right", "all", "absent"])
def test_a_report_is_read_as_it_is_meant(shape: Shape, mode: str) -> None:
    """Each error on its row, with its property, code and words; what leads to none leaves rows unknown."""
    rows = len(RECORDS)
    lines = {line for line, *_ in shape.means if line is not None}
    nowhere = sum(line is None for line, *_ in shape.means) + shape.more
    bad = min(len(lines) + nowhere, rows)
    found = verdict(shape, {"right": rows - bad, "all": rows, "absent": None}[mode])
    said = [(error.line, error.property, error.code, error.message) for error in found.errors]
    expected = [tuple(got if want is ANY else want for got, want in zip(one, means, strict=True))
                for one, means in zip(said, shape.means, strict=False)]  # fmt: skip
    assert said == expected
    assert len(said) == len(shape.means)
    assert found.refused == tuple(sorted(lines))
    assert found.unknown == min(nowhere, rows - len(lines))
    assert all(error.raw for error in found.errors)


def test_what_a_running_job_says_of_its_progress_is_no_trouble() -> None:
    """Rows that are not dealt with yet are not refused; the last answer tells."""
    running = {
        "job_id": "j",
        "status": "processing",
        "success_count": 2,
        "message": "Imported 2 of 6 rows",
        "completed_rows": 2,
    }
    ended = running | {
        "status": "completed",
        "success_count": 6,
        "message": "Imported 6 of 6 rows",
        "completed_rows": 6,
    }
    found = judge(parse_job(ended), len(RECORDS), lambda: LINES, heard=[parse_job(running)])
    assert (found.errors, found.unknown) == ((), 0)


ROWS = len(RECORDS)
ITEMS: dict[str, Callable[[int], Any]] = {
    "line": lambda n: {"line": n + 1, "message": "bad"},
    "index": lambda n: {"index": n, "error": "bad", "code": "e"},
    "row": lambda n: {"rowNumber": str(n + 1), "reason": "bad"},
    "id": lambda n: {"user_id": f"u{n}", "message": "bad"},
    "weak id": lambda n: {"id": f"u{n}", "detail": "bad"},
    "pointer": lambda n: {"source": {"pointer": f"/data/{n}/attributes/email"}, "title": "bad"},
    "path": lambda n: {"path": f"users[{n}].email", "message": "bad"},
    "loc": lambda n: {"loc": ["body", n, "email"], "msg": "bad", "type": "t"},
    "echo": lambda n: {"record": RECORDS[n], "errors": ["bad", {"message": "odd"}]},
    "echo as text": lambda n: {"original_data": json.dumps(RECORDS[n]), "message": "bad"},
    "value": lambda n: {"field": "email", "value": f"{n}@x.example", "message": "bad"},
    "nested": lambda n: {"user_id": f"u{n}", "errors": {"metadata": {"email": ["bad"], "age": ["odd"]}}},
    "text": lambda n: f"Row {n + 1}: bad",
    "line text": lambda n: f"Failed to import line {n + 1} - see row 1",
    "id text": lambda n: f"user 'u{n}' is like 'u0'",
    "path text": lambda n: f"users.{n}.email: is the same as users.0.email",
    "nowhere": lambda n: {"message": f"one of them is bad, {n}"},
    "nowhere text": lambda _: "something is bad",
    "stranger": lambda n: {"user_id": f"x{n}", "message": "bad"},
}
"""How an error may be written that is about row n, or that does not say so."""
HOLDERS: dict[str, Callable[[list[Any]], Any]] = {
    "a list": lambda items: items,
    "errors": lambda items: {"errors": items, "batch": 9},
    "a header": lambda items: {"code": "invalid", "message": "Validation failed", "details": items},
    "a text": json.dumps,
    "failures": lambda items: {"success_count": 3, "failures": items, "failure_count": len(items)},
    "nested": lambda items: {"data": {"import": {"row_errors": items}}},
}
NOISE = [{}, None, {"index": 0, "status": "Updated"}, {"id": "u1", "success": True, "errors": []}, "ok"]


@settings(max_examples=400, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(list(ITEMS)), min_size=1, max_size=4),
    rows=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=ROWS, unique=True),
    holder=st.sampled_from(list(HOLDERS)),
    noise=st.lists(st.tuples(st.sampled_from(NOISE), st.integers(0, 9)), max_size=3),
    mode=st.sampled_from(["right", "all", "absent"]),
)
def test_no_refusal_is_hidden_and_no_error_lies_on_a_row_that_is_not_in_it(
    kinds: list[str], rows: list[int], holder: str, noise: list[tuple[Any, int]], mode: str
) -> None:
    """However errors are written, mixed and wrapped: rows refused are refused or unknown, and no other is refused."""
    items = [ITEMS[kinds[place % len(kinds)]](row) for place, row in enumerate(rows)]
    for item, place in noise:
        items.insert(place, item)
    if len(items) == ROWS and not all(isinstance(item, dict) and "user_id" in item for item in items):
        items.append({})  # else it may be one result a row
    completed = {"right": ROWS - len(rows), "all": ROWS, "absent": None}[mode]
    found = verdict(Shape("", HOLDERS[holder](items), ()), completed)
    assert set(found.refused) <= set(rows)
    assert len(found.refused) + found.unknown >= len(rows)
    assert found.errors
    assert {error.line for error in found.errors} - {None} == set(found.refused)


@given(
    shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4), mode=st.sampled_from(["all", "absent"])
)
def test_shapes_in_one_report_do_not_hide_one_another(shapes: list[Shape], mode: str) -> None:
    """Several reports in one list: as many rows are refused or unknown as each of them has by itself."""
    one = [verdict(shape, None) for shape in shapes if not shape.beside]
    whole = Shape("", [shape.errors for shape in shapes if not shape.beside], ())
    found = verdict(whole, ROWS if mode == "all" else None)
    assert len(found.refused) + found.unknown >= max(
        (len(each.refused) + each.unknown for each in one), default=0
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 7)
    | st.sampled_from(["u1", "c1", "bad", "Row 2: no", "/3/email", "ok", "4"]),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(
        st.sampled_from(["errors", "row", "line", "index", "user_id", "id", "company_id", "field", "path", "message",
                         "code", "status", "success", "record", "details", "u2", "3", "email", "failed", "rows",
                         "users[1].age"]),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(deadline=None)
@given(report=JSON, completed=st.none() | st.integers(0, ROWS), failed=st.booleans())
def test_whatever_is_reported_every_row_has_one_fate(
    report: Any, completed: int | None, failed: bool
) -> None:
    """No report makes counts that do not add up, or an error outside the chunk, or is lost without a trace."""
    found = verdict(Shape("", report, ()), completed, status="failed" if failed else "completed")
    assert 0 <= found.unknown <= len(found.doubtful) <= ROWS
    assert not set(found.refused) & set(found.doubtful)
    assert {error.line for error in found.errors} - {None} == set(found.refused)
    if found.errors and completed is None and not failed:
        assert found.refused or found.unknown
