"""Plans as the tests look at them: their lines as text, and against the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import oracle

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analytex_pandas.plan import Plan

MEANINGS = {
    "infinite": {"not_finite"},
    "surrogate": {"invalid_text"},
    "too long": {"string_too_long"},
    "year": {"date_out_of_range"},
    "no such wall time, or two": {"ambiguous_time", "nonexistent_time"},
    "blank or no text": {"blank_id", "invalid_text"},
    "type": {"invalid_id"},
    "not whole": {"invalid_id"},
    "not whole, or too large": {"invalid_id", "id_too_large"},
}
"""What the oracle says is wrong → the codes that say so in ``plan.invalid``."""


def plan_of(data: Any, kind: str = "users", **options: Any) -> Plan:
    """Return the plan of users or companies."""
    return apd.plan_users(data, **options) if kind == "users" else apd.plan_companies(data, **options)


def lines_of(plan: Plan) -> list[str]:
    """Return the lines that a push would send, as text, strictly decoded."""
    data = b"".join(plan.spool.read_chunk(number) for number in plan.chunks["chunk"])
    assert data == b"" or data.endswith(b"\n")
    return data.decode("utf-8").split("\n")[:-1]


def positions_of(plan: Plan) -> list[int]:
    """Return where the lines that a push would send stood in the input."""
    return [
        position
        for number in plan.chunks["chunk"]
        for position in plan.spool.rows(number)["position"].to_pylist()
    ]


def values_of(data: Any, column: str = "x", **options: Any) -> list[str | None]:
    """Return the JSON text of one property as it stands in each line; None where a line lacks it."""
    lines = lines_of(plan_of(data, **options))
    mark = f'"{column}":'
    return [line[line.index(mark) + len(mark) : -2] if mark in line else None for line in lines]


def check_against_oracle(
    data: Any, cells: Mapping[str, Sequence[Any]], kind: str = "users", **options: Any
) -> None:
    """Hold a plan against what the oracle expects of the same values."""
    try:
        types = {label: oracle.type_of(data[label]) for label in cells}
        wanted = oracle.expected(cells, kind=kind, arrow_types=types, **options)
    except oracle.Refused:
        try:
            plan = plan_of(data, kind, **options)
        except apd.ValidationError as error:
            assert "'" in str(error), "a refusal names its column"  # noqa: PT017  # what it says is the point
            return
        raise AssertionError(f"should have been refused, but gave {lines_of(plan)}") from None
    plan = plan_of(data, kind, **options)
    assert dict(plan.counts) == wanted.counts
    assert found_wrong(plan) == wanted.wrong
    lines = lines_of(plan)
    assert positions_of(plan) == [position for position, _ in wanted.sent]
    assert [
        line
        for line in map(oracle.difference, lines, [record for _, record in wanted.sent], [kind] * len(lines))
        if line
    ] == []
    check_sums(plan)


def found_wrong(plan: Plan) -> set[tuple[int, str]]:
    """Return (position, property) of what a plan calls invalid, as the oracle does."""
    invalid = plan.invalid
    names = [
        "*duplicate*" if code == "duplicate" else name
        for code, name in zip(invalid["code"], invalid["property"], strict=True)
    ]
    return set(zip(invalid["position"].tolist(), names, strict=True))


def check_sums(plan: Plan) -> None:
    """Hold what must be true of any plan."""
    counts = plan.counts
    assert counts["input"] == counts.drop("input").sum()
    assert plan.rows == counts["to_send"] == plan.chunks["rows"].sum()
    assert plan.bytes == plan.chunks["bytes"].sum()
    assert plan.invalid["position"].nunique() == counts["invalid"]
    assert (plan.invalid["message"].str.len() > 0).all()
    assert (plan.chunks["rows"] > 0).all()
