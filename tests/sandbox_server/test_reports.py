"""The shapes of errors, jobs and job lists that clients have to cope with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox_server.conftest import Caller

RECORDS = [{"user_id": "a"}, {"user_id": "b", "metadata": {"x": []}}, {"user_id": 3}]
X_MESSAGE = "a property is a primitive, not an array"
ID_MESSAGE = "user_id is a string, not a number"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (
            "objects",
            [
                {"line": 2, "user_id": "b", "property": "x", "code": "invalid_value", "message": X_MESSAGE},
                {
                    "line": 3,
                    "user_id": None,
                    "property": "user_id",
                    "code": "invalid_id",
                    "message": ID_MESSAGE,
                },
            ],
        ),
        ("strings", [f"Row 2 (user_id b): x: {X_MESSAGE}", f"Row 3: user_id: {ID_MESSAGE}"]),
        (
            "by_row",
            {
                "2": [{"property": "x", "code": "invalid_value", "message": X_MESSAGE}],
                "3": [{"property": "user_id", "code": "invalid_id", "message": ID_MESSAGE}],
            },
        ),
        (
            "by_id",
            {
                "b": [{"property": "x", "code": "invalid_value", "message": X_MESSAGE}],
                "line 3": [{"property": "user_id", "code": "invalid_id", "message": ID_MESSAGE}],
            },
        ),
        ("text", f"Row 2 (user_id b): x: {X_MESSAGE}\nRow 3: user_id: {ID_MESSAGE}"),
        ("none", None),
    ],
)
def test_the_shapes_of_errors(open_sandbox: Callable[..., Caller], shape: str, expected: object) -> None:
    """Each documented shape of a job's errors can be had, in one job and, where that shows them, in the list."""
    caller = open_sandbox(math.inf, error_shape=shape, job_keys=("errors",))
    assert caller.finished(caller.upload(RECORDS))["errors"] == expected
    assert caller.jobs()[0]["errors"] == expected
    empty: list[str] | None = [] if shape in ("objects", "strings") else None
    assert caller.finished(caller.upload(RECORDS[:1]))["errors"] == empty


def test_errors_of_companies_name_the_company(fast: Caller) -> None:
    """The id of a company error stands under the companies' own key."""
    job = fast.finished(fast.submit([{"company_id": "c", "user_id": "u"}], "companies"))
    assert [(error["company_id"], error["property"]) for error in job["errors"]] == [("c", "user_id")]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("row",), {"row": 2}),
        (("index",), {"index": 1}),
        (("id",), {"user_id": "b"}),
        (("field", "error"), {"field": "x", "error": "invalid_value"}),
        (
            ("property", "error_code", "details"),
            {"property": "x", "error_code": "invalid_value", "details": X_MESSAGE},
        ),
    ],
)
def test_the_keys_of_error_objects(
    open_sandbox: Callable[..., Caller], keys: tuple[str, ...], expected: dict[str, Any]
) -> None:
    """Error objects hold any of the documented keys."""
    caller = open_sandbox(math.inf, error_keys=keys)
    assert caller.finished(caller.upload(RECORDS[:2]))["errors"] == [expected]


def test_rows_may_count_from_zero(open_sandbox: Callable[..., Caller]) -> None:
    """Nothing says where rows begin to count."""
    caller = open_sandbox(math.inf, error_keys=("row", "line", "index"), first_row=0)
    assert caller.finished(caller.upload(RECORDS[:2]))["errors"] == [{"row": 1, "line": 2, "index": 1}]
    caller = open_sandbox(math.inf, error_shape="by_row", first_row=0)
    assert list(caller.finished(caller.upload(RECORDS[:2]))["errors"]) == ["1"]


def test_a_job_may_show_little(open_sandbox: Callable[..., Caller]) -> None:
    """Only the id and the status are sure to be there."""
    caller = open_sandbox(math.inf, job_keys=())
    assert set(caller.finished(caller.upload(RECORDS))) == {"job_id", "status"}
    caller = open_sandbox(math.inf, echo_filename=False)
    job = caller.finished(caller.upload(RECORDS))
    assert "filename" not in job
    assert {"total_rows", "file_size"} <= set(job)


def test_a_job_shows_what_is_published(caller: Caller) -> None:
    """Neither a submit's answer nor the list has progress or errors; no key is beyond those of the description."""
    published = {"job_id", "status", "type", "filename", "file_size", "total_rows", "end_time", "links"}
    submitted = caller.upload(RECORDS)
    assert set(submitted.json()) == published
    job = caller.finished(submitted)
    assert set(job) == published | {"start_time", "elapsed_time", "completed_rows", "errors"}
    assert set(caller.jobs()[0]) == published | {"start_time", "elapsed_time"}
    assert set(caller.sandbox.jobs[0]) == {*job, "submitted_at"}
    assert caller.call("GET", job["links"]["self"]).json() == job
    assert (job["type"], job["elapsed_time"]) == ("bulk_identify_users", 3)


def fill(caller: Caller, count: int) -> list[str]:
    """Run jobs, and return their ids as the list has them."""
    return [caller.submit([{"user_id": "a"}]).json()["job_id"] for _ in range(count)][::-1]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_plain_and_wrapped_lists(open_sandbox: Callable[..., Caller], count: int) -> None:
    """All jobs at once, newest first, bare or in an object."""
    options: dict[str, dict[str, str]] = {"": {}, "data": {"job_list": "wrapped", "list_key": "data"}}
    for key, shape in options.items():
        caller = open_sandbox(math.inf, **shape)
        job_ids = fill(caller, count)
        listed = caller.jobs()[key] if key else caller.jobs()
        assert [job["job_id"] for job in listed] == job_ids
        assert [job["job_id"] for job in caller.sandbox.jobs] == job_ids


def next_query(page: dict[str, Any]) -> str | None:
    """Return the query of the next page, wherever a page names it."""
    if "next_page" in page:
        return page["next_page"] and f"?page={page['next_page']}"
    if "next_cursor" in page:
        return page["next_cursor"] and f"?cursor={page['next_cursor']}"
    url = page["links"]["next"] if "links" in page else page["next"]
    return url and f"?{url.partition('?')[2]}"


@pytest.mark.parametrize("paging", ["url", "links", "page", "cursor"])
@pytest.mark.parametrize(("list_key", "count"), [("jobs", 0), ("data", 3), ("results", 6), ("jobs", 7)])
def test_paginated_lists(open_sandbox: Callable[..., Caller], paging: str, list_key: str, count: int) -> None:
    """Following the next page, wherever it is named, gives every job once, newest first."""
    caller = open_sandbox(math.inf, job_list="paginated", paging=paging, list_key=list_key, page_size=3)
    job_ids = fill(caller, count)
    seen: list[str] = []
    query: str | None = ""
    pages = 0
    while query is not None:
        page = caller.jobs(query)
        assert len(page[list_key]) <= 3
        seen += [job["job_id"] for job in page[list_key]]
        query = next_query(page)
        pages += 1
    assert seen == job_ids
    assert pages == max(1, math.ceil(count / 3))


def test_a_next_page_that_is_a_url_can_be_called(open_sandbox: Callable[..., Caller]) -> None:
    """It is absolute, and of the host that was asked."""
    caller = open_sandbox(math.inf, job_list="paginated", page_size=1)
    job_ids = fill(caller, 2)
    url = caller.jobs()["next"]
    assert url.startswith(caller.sandbox.url)
    assert [job["job_id"] for job in caller.session.get(url, timeout=20).json()["jobs"]] == job_ids[1:]


@pytest.mark.parametrize(
    ("paging", "query"), [("page", "?page=0"), ("page", "?page=x"), ("cursor", "?cursor=x")]
)
def test_a_page_that_cannot_be_is_400(open_sandbox: Callable[..., Caller], paging: str, query: str) -> None:
    """A client that makes up pages gets to know it."""
    caller = open_sandbox(job_list="paginated", paging=paging)
    assert caller.call("GET", f"/v1/background_jobs{query}").status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("error_shape", "list"),
        ("error_keys", ["rows"]),
        ("job_keys", ["job"]),
        ("job_list", "pages"),
        ("list_key", "items"),
        ("paging", "offset"),
        ("page_size", 0),
        ("job_ids", "int"),
    ],
)
def test_an_unknown_shape_is_refused(open_sandbox: Callable[..., Caller], name: str, value: object) -> None:
    """A misspelt option is told by name, not ignored."""
    with pytest.raises(ValueError, match=name):
        open_sandbox(**{name: value})
