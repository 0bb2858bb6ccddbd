"""Reports in the shapes of public bulk APIs lead to their rows, and what leads to none is never acknowledged."""

from __future__ import annotations

from typing import Any

import pytest
from shapes import ANY, RECORDS, SHAPES, Shape

from analytex_pandas.delivery.report import Lines, Verdict, judge
from analytex_pandas.service.wire import parse_job

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
