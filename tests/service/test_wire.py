"""What is read from the service's documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytex_pandas.errors import ServerError
from analytex_pandas.service.keys import is_fine
from analytex_pandas.service.listing import parse_page
from analytex_pandas.service.row_errors import parse_errors
from analytex_pandas.service.wire import STATUSES, Job, parse_job

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4)
            | st.integers(0, 99).map(str)
            | st.sampled_from(["errors", "details", "message", "error", "row", "user_id", "field", "code"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def one(value: object) -> tuple[object, ...]:
    """Return what identifies the only error of a report."""
    (error,) = parse_errors(value)
    return error.place, error.place_kind, error.id, error.property, error.code, error.message


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        # a string, in a list or alone
        ("it failed", (None, None, None, None, None, "it failed")),
        (["Row 12: email is invalid"], (12, "row", None, None, None, "Row 12: email is invalid")),
        (["line 5: too long"], (5, "line", None, None, None, "line 5: too long")),
        (["Error at index 0: no"], (0, "index", None, None, None, "Error at index 0: no")),
        (["email is invalid (row 7)"], (7, "row", None, None, None, "email is invalid (row 7)")),
        (["row #4: no"], (4, "row", None, None, None, "row #4: no")),
        (["user_id abc: is blocked"], (None, None, "abc", None, None, "user_id abc: is blocked")),
        (["company_id 'a b' is blocked"], (None, None, "a b", None, None, "company_id 'a b' is blocked")),
        (["user_id=a:b is blocked"], (None, None, "a:b", None, None, "user_id=a:b is blocked")),
        (["blocked (user_id: x-1)"], (None, None, "x-1", None, None, "blocked (user_id: x-1)")),
        # words that only look like a row or an id
        (["no user_id on line 3"], (None, None, None, None, None, "no user_id on line 3")),
        (["address line 2 is too long"], (None, None, None, None, None, "address line 2 is too long")),
        (["list index 3 out of range"], (None, None, None, None, None, "list index 3 out of range")),
        (["no comma at line 1 column 5"], (None, None, None, None, None, "no comma at line 1 column 5")),
        (["user_id is required"], (None, None, None, None, None, "user_id is required")),
        (["user_id must be: text"], (None, None, None, None, None, "user_id must be: text")),
        # objects
        (
            [{"row": 3, "field": "email", "error_code": "bad", "message": "is invalid"}],
            (3, "row", None, "email", "bad", "is invalid"),
        ),
        (
            [{"line": "4", "user_id": 17, "property": "plan", "error": "no"}],
            (4, "line", "17", "plan", None, "no"),
        ),
        ([{"index": 0.0, "company_id": "c1", "details": "no"}], (0, "index", "c1", None, None, "no")),
        ([{"row": 0, "code": 42}], (0, "row", None, None, "42", "42")),
        ([{"row": 1, "details": {"limit": 5}}], (1, "row", None, None, None, "")),
        ([{"message": "no", "details": {"row": 2, "field": "x"}}], (2, "row", None, "x", None, "no")),
        ([{"error": {"line": 2, "code": "c", "message": "no"}}], (2, "line", None, None, "c", "no")),
        ([{"message": "Row 9: no"}], (9, "row", None, None, None, "Row 9: no")),
        ([{"row": -1, "message": "no"}], (None, None, None, None, None, "no")),
        ([{"row": True, "message": "no"}], (None, None, None, None, None, "no")),
        ({"row": 3, "message": "no"}, (3, "row", None, None, None, "no")),
        # keyed by row or by id
        ({"12": "no"}, (12, "key", "12", None, None, "no")),
        ({"abc": "no"}, (None, None, "abc", None, None, "no")),
        ({"12": {"user_id": "u", "message": "no"}}, (None, None, "u", None, None, "no")),
        ({"abc": [{"field": "plan", "message": "no"}]}, (None, None, "abc", "plan", None, "no")),
        ({"abc": {"plan": ["no"]}}, (None, None, "abc", "plan", None, "no")),
        # nested
        ({"errors": [{"row": 1, "message": "no"}]}, (1, "row", None, None, None, "no")),
        ({"errors": "it failed"}, (None, None, None, None, None, "it failed")),
        ([[["no"]]], (None, None, None, None, None, "no")),
        ([{"user_id": "u", "errors": {"plan": ["no"]}}], (None, None, "u", "plan", None, "no")),
        ([{"row": 2, "message": "Row 5: a; Row 6: b"}], (2, "row", None, None, None, "Row 5: a; Row 6: b")),
        ([{"row": 2, "errors": ["no"]}], (2, "row", None, None, None, "no")),
        ([{"message": "refused", "details": ["row 1: no"]}], (1, "row", None, None, None, "row 1: no")),
        # neither
        (5, (None, None, None, None, None, "5")),
        ([{"what": {"ever": 1}}], (None, None, None, None, None, "")),
    ],
)
def test_every_documented_shape_of_errors_is_read(report: object, expected: tuple[object, ...]) -> None:
    """A row error must reach its row whatever shape the service reports it in."""
    assert one(report) == expected


@pytest.mark.parametrize("report", [None, [], {}, "", {"errors": []}, {"errors": [], "count": 0}, 0, False,
                                    [None], [{}], {"7": None, "u1": [], "u2": False}, "No errors",
                                    [{"status": "Updated"}]])  # fmt: skip
def test_no_errors_are_no_errors(report: object) -> None:
    """A job without errors must not look like one that has some."""
    assert parse_errors(report) == ()


def test_several_errors_come_apart() -> None:
    """Each error of a report is one row of ``push.errors``."""
    report = {"12": ["a", "b"], "u1": {"plan": "c", "age": "d"}, "u2": {"errors": [{"message": "e"}, "f"]}}
    found = [(error.id, error.property, error.message) for error in parse_errors(report)]
    assert found == [
        ("12", None, "a"),
        ("12", None, "b"),
        ("u1", "plan", "c"),
        ("u1", "age", "d"),
        ("u2", None, "e"),
        ("u2", None, "f"),
    ]


def test_one_text_with_a_row_in_each_line_is_several_errors() -> None:
    """A report in one string must not hide all rows but the first."""
    errors = parse_errors("Row 1: no email\nRow 2: no plan; row 5: no")
    assert [(error.place, error.message) for error in errors] == [
        (1, "Row 1: no email"),
        (2, "Row 2: no plan"),
        (5, "row 5: no"),
    ]
    assert len(parse_errors("Row 1: a; b")) == 1


def test_raw_keeps_what_stood_around_an_error() -> None:
    """What is not understood of a report must still be there for its reader."""
    report = {"errors": [{"row": 1, "errors": ["a", {"severity": "high", "message": "b"}]}], "batch": 9}
    assert [json.loads(error.raw) for error in parse_errors(report)] == [
        {"errors": {"row": 1, "errors": "a"}, "batch": 9},
        {"errors": {"row": 1, "errors": {"severity": "high", "message": "b"}}, "batch": 9},
    ]


@pytest.mark.parametrize(
    "report",
    [
        {"errors": [f"Row {n}: no" for n in range(10_000)], "warnings": ["w" * 100_000]},
        {"errors": {str(n): "no" for n in range(10_000)}, "warnings": {"w": "w" * 100_000}},
        [{"details": [{"errors": [{"row": n} for n in range(10_000)]}], "message": "w" * 100_000}],
        "\n".join(f"Row {n}: no" for n in range(10_000)) + "; row 1: " + "w" * 100_000,
    ],
    ids=["list", "keyed", "nested", "text"],
)
def test_what_stood_around_thousands_of_errors_is_kept_once(report: object) -> None:
    """Memory must not grow with the number of errors times the length of the report."""
    errors = parse_errors(report)
    assert len(errors) >= 10_000
    assert "w" * 100_000 in "".join(error.raw for error in errors)
    assert sum(len(error.raw) for error in errors) < 2_000_000


def leaves(value: object) -> list[str]:
    """Return the texts of a document."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value] if isinstance(value, str) and value.strip() else []


@settings(deadline=None)
@given(JSON)
@example([{"errors": [{"errors": [[]]}]}])
@example({"message": "a", "errors": [[]], "details": ["b"]})
@example(["\ud800"])
@example("NULL")
def test_no_text_of_any_report_is_lost(report: object) -> None:
    """Whatever the service sends, its words survive in some ``raw``, but those that all is well; nothing raises."""
    errors = parse_errors(report)
    found = "".join(leaf for error in errors for leaf in leaves(json.loads(error.raw)))
    for leaf in leaves(report):
        assert leaf in found or is_fine(leaf)
    for error in errors:
        "".join((error.message, error.raw, error.id or "", error.code or "")).encode()


def test_reports_that_are_no_json_are_kept_too() -> None:
    """A report nested or numbered beyond reason must not bring the push down."""
    deep: object = "no"
    for _ in range(100_000):
        deep = [deep]
    assert len(parse_errors(deep)) == 1
    assert len(parse_errors({"errors": [], "deep": deep})) == 1
    assert len(parse_errors({"total": 10**400})) == 1
    assert parse_job({"job_id": "1", "status": "x", "start_time": 10**400}).start_time is None
    assert len(parse_errors([10**5_000, {"row": "9" * 5_000, "message": "no"}])) == 2


def test_a_whole_job_is_read() -> None:
    """Each documented key of a job has its type, times are in UTC."""
    document = {
        "job_id": "bulk:jobs:NX-1",
        "status": "Processing",
        "type": "users",
        "filename": "a.ndjson",
        "file_size": "1200",
        "total_rows": 10.0,
        "completed_rows": 4,
        "start_time": "2024-01-15T09:00:00+01:00",
        "end_time": None,
        "elapsed_time": "12.5",
        "submitted_at": 1_705_305_600_000,
        "links": [],
        "errors": ["row 1: no"],
    }
    job = parse_job(document)
    assert job == Job(
        job_id="bulk:jobs:NX-1",
        status="processing",
        type="users",
        filename="a.ndjson",
        file_size=1200,
        total_rows=10,
        completed_rows=4,
        start_time=datetime(2024, 1, 15, 8, tzinfo=UTC),
        end_time=None,
        elapsed_time=12.5,
        submitted_at=datetime(2024, 1, 15, 8, tzinfo=UTC),
        errors=job.errors,
    )
    assert job.raw == document
    assert job.errors[0].place == 1
    assert not job.ended


@pytest.mark.parametrize(
    ("status", "ended", "failed"),
    [(status, status in ("completed", "failed"), status == "failed") for status in STATUSES]
    + [("archived", False, False), ("Done", False, False)],
)
def test_only_completed_and_failed_are_ends(status: str, ended: bool, failed: bool) -> None:
    """A status that is not known yet must not end the watch over a job."""
    job = parse_job({"job_id": "1", "status": status})
    assert (job.status, job.ended, job.failed) == (status, ended, failed)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-15T08:00:00",
        "2024-01-15 08:00:00Z",
        "2024-01-15 08:00:00 UTC",
        "Mon, 15 Jan 2024 08:00:00 GMT",
        1705305600,
        "1705305600",
        1705305600.0,
        1705305600_000,
        1705305600_000_000,
        1705305600_000_000_000,
    ],
)
def test_times_are_read_in_many_notations(text: object) -> None:
    """A time without a zone is UTC, and every time of a job has one."""
    assert parse_job({"job_id": "1", "status": "x", "start_time": text}).start_time == datetime(
        2024, 1, 15, 8, tzinfo=UTC
    )


@given(JSON, st.sampled_from(["type", "file_size", "total_rows", "start_time", "elapsed_time", "errors"]))
@example(float("nan"), "start_time")
@example(1e300, "start_time")
@example("0001-01-01T00:00:00+23:00", "start_time")
@example("9" * 5000, "file_size")
def test_odd_values_in_a_job_are_no_obstacle(value: object, key: str) -> None:
    """Only the id and the status of a job can be relied on."""
    job = parse_job({"job_id": "1", "status": "completed", key: value})
    assert job.ended


@pytest.mark.parametrize(
    "document",
    [
        {"job_id": "1", "status": "queued"},
        {"id": "1", "status": "queued"},
        {"job_id": 1, "status": "queued"},
        {"job": {"job_id": "1", "status": "queued"}},
        {"data": {"job_id": "1", "status": "queued"}},
        {"data": {"job": {"job_id": "1", "status": "queued"}}},
    ],
)
def test_a_job_may_come_wrapped(document: object) -> None:
    """The wrapper of an answer is not documented."""
    assert parse_job(document).job_id == "1"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        "ok",
        {"job_id": "1"},
        {"job_id": "1", "status": None},
        {"status": "queued"},
        {"job": []},
        {"job_id": True, "status": "queued"},
        {"job_id": "", "status": "queued"},
        {"errors": [{"message": "x"}]},
    ],
)
def test_what_is_no_job_is_an_error(document: object) -> None:
    """An answer without an id and a status must not be taken for an accepted job."""
    with pytest.raises(ServerError, match="not a job"):
        parse_job(document)


FIRST = "https://host/v1/background_jobs"
JOB = {"job_id": "1", "status": "queued"}


@pytest.mark.parametrize(
    ("page", "following"),
    [
        ([JOB], None),
        ({"jobs": [JOB]}, None),
        ({"data": [JOB], "next": None}, None),
        (
            {"results": [JOB], "next": "https://host/v1/jobs?page=2"},
            "https://host/v1/jobs?page=2",
        ),
        ({"jobs": [JOB], "next": "?page=2"}, "?page=2"),
        ({"jobs": [JOB], "next_page": 2}, FIRST + "?page=2"),
        ({"jobs": [JOB], "next_page": "2"}, FIRST + "?page=2"),
        ({"jobs": [JOB], "next_page": "/v1/jobs?page=2"}, "/v1/jobs?page=2"),
        ({"jobs": [JOB], "next_cursor": "abc="}, FIRST + "?cursor=abc%3D"),
        ({"jobs": [JOB], "next": "abc="}, FIRST + "?cursor=abc%3D"),
        ({"jobs": [JOB], "cursor": "abc"}, FIRST + "?cursor=abc"),
        ({"jobs": [JOB], "cursor": "abc", "next_cursor": None}, None),
        ({"jobs": [JOB], "links": {"next": "/x"}}, "/x"),
        ({"jobs": [JOB], "_links": {"next": {"href": "/x"}}}, "/x"),
        ({"data": {"jobs": [JOB], "next_cursor": "c"}}, FIRST + "?cursor=c"),
        ({"jobs": [JOB], "meta": {"pagination": {"next": 3}}}, FIRST + "?page=3"),
        ({"jobs": [JOB], "meta": {"page": 2, "total_pages": 2}}, None),
        ({"jobs": [JOB], "pagination": {"next_cursor": "c", "has_more": False}}, None),
        ({"jobs": [JOB], "offset": 5, "limit": 1, "total": 6}, None),
    ],
)
def test_a_list_says_where_it_goes_on(page: object, following: str | None) -> None:
    """A page overlooked is a job overlooked, and then an upload made twice."""
    jobs, found = parse_page(page, FIRST)
    assert [job.job_id for job in jobs] == ["1"]
    assert found == following


@pytest.mark.parametrize("page", [None, {}, "no", {"jobs": None}, [1], {"jobs": [{"job_id": "1"}]}])
def test_what_is_no_list_of_jobs_is_an_error(page: object) -> None:
    """An unreadable list must not look like an empty one."""
    with pytest.raises(ServerError):
        parse_page(page, FIRST)


@pytest.mark.parametrize(
    "page",
    [
        {"has_more": True},
        {"pagination": {"page": 1, "has_more": True}},
        {"meta": {"page": 1, "total_pages": 2}},
        {"page": 1, "per_page": 1, "total": 2},
        {"offset": 4, "limit": 1, "total": 6},
    ],
)
def test_more_without_a_way_to_it_is_an_error(page: dict[str, object]) -> None:
    """A list that is cut short must say so; how it goes on is not guessed from its counts."""
    with pytest.raises(ServerError, match="not where"):
        parse_page({"jobs": [JOB], **page}, FIRST)
