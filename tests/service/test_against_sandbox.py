"""The client against the stand-in for the service, which was written apart from it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, get_args

import pytest

from analytex_pandas.errors import (
    AnalytexError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitError,
    ServerError,
    TransportError,
    ValidationError,
)
from analytex_pandas.sandbox_server import Sandbox
from analytex_pandas.sandbox_server.terms import ErrorShape, ListKey, Paging
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = [{"user_id": f"u{n}", "metadata": {"plan": "pro", "seats": n}} for n in range(5)]


def ndjson(records: list[dict[str, Any]]) -> bytes:
    """Return records as lines."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def client_of(sandbox: Sandbox, **options: Any) -> Client:
    """Return a client of a sandbox."""
    return Client(sandbox.api_key, sandbox.url, **{"timeout": 20, **options})


@pytest.mark.parametrize("job_ids", ["uuid", "urn", "odd"])
@pytest.mark.parametrize(
    "submit",
    [
        lambda client: client.submit_file(ndjson(RECORDS), filename="a.ndjson"),
        lambda client: client.submit_records(RECORDS),
        lambda client: client.submit_lines(ndjson(RECORDS)),
    ],
    ids=["file", "records", "lines"],
)
def test_what_is_sent_arrives(submit: Callable[[Client], Any], job_ids: Any) -> None:
    """Each way of sending makes the same profiles, and its job is found again by its id."""
    with Sandbox(math.inf, job_ids=job_ids) as sandbox:
        client = client_of(sandbox)
        job = submit(client)
        assert not job.ended
        ended = client.job(job.job_id)
        assert (ended.job_id, ended.status, ended.total_rows) == (job.job_id, "completed", 5)
        assert ended.errors == ()
        assert [one.job_id for one in client.jobs()] == [job.job_id]
        assert sandbox.users["user_id"].to_list() == [record["user_id"] for record in RECORDS]
        assert sandbox.users["seats"].to_list() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shape", get_args(ErrorShape))
def test_errors_in_every_shape_name_the_row(shape: Any) -> None:
    """Whatever a report looks like, the refused row is known by its number or its id."""
    records = [*RECORDS, {"user_id": "bad", "metadata": {"x": [1]}}]
    with Sandbox(math.inf, error_shape=shape) as sandbox:
        client = client_of(sandbox)
        job = client.job(client.submit_lines(ndjson(records)).job_id)
    if shape == "none":
        assert job.errors == ()
        return
    (error,) = job.errors
    assert error.place == 6 or error.id == "bad"
    assert error.message


@pytest.mark.parametrize("paging", get_args(Paging))
@pytest.mark.parametrize("list_key", get_args(ListKey))
def test_every_job_is_listed(paging: Any, list_key: Any) -> None:
    """A list in pages is read to its end."""
    with Sandbox(math.inf, job_list="paginated", paging=paging, list_key=list_key, page_size=2) as sandbox:
        client = client_of(sandbox)
        ids = []
        for record in RECORDS:
            ids.append(client.submit_records([record]).job_id)
            client.job(ids[-1])
        assert [job.job_id for job in client.jobs()] == ids[::-1]


def test_refusals() -> None:
    """Each refusal of the service is an error of its own."""
    with Sandbox(1, requests_per_minute=6) as sandbox:
        with pytest.raises(AuthenticationError, match="app token"):
            Client("wrong-key", sandbox.url).jobs()
        client = client_of(sandbox)
        with pytest.raises(ValidationError):
            client_of(sandbox, paths={"users": "/v1/companies/bulk_identify"}).submit_records(RECORDS)
        with pytest.raises(NotFoundError):
            client.job("../none")
        with pytest.raises(PayloadTooLargeError):
            client.submit_file(b"{}\n" * 10_001)
        client.submit_records(RECORDS)
        with pytest.raises(ConflictError, match="one job at a time"):
            client.submit_records(RECORDS)
        with pytest.raises(RateLimitError) as caught:
            all(client.jobs() for _ in range(10))
        assert caught.value.retry_after is not None


@pytest.mark.parametrize(
    ("fault", "kind", "arrived"),
    [
        ("drop_request", TransportError, False),
        ("drop_answer", TransportError, True),
        ("cut_answer", TransportError, True),
        ("http_429", RateLimitError, False),
        ("http_500", ServerError, False),
        ("http_502_html", ServerError, False),
        ("http_503", ServerError, False),
        ("accepted_500", ServerError, True),
        ("empty_body", ServerError, True),
        ("html_200", ServerError, False),
        ("redirect", AnalytexError, False),
    ],
)
def test_faults(fault: Any, kind: type[AnalytexError], arrived: bool) -> None:
    """Whether an upload arrived cannot be told from its error, only by looking; it is sent once."""
    with Sandbox(math.inf) as sandbox:
        client = client_of(sandbox)
        sandbox.fault(fault, on="submit")
        with pytest.raises(AnalytexError) as caught:
            client.submit_file(ndjson(RECORDS), filename="a.ndjson")
        assert type(caught.value) is kind
        if isinstance(caught.value, TransportError):
            assert caught.value.sent
        assert [job.filename for job in client.jobs()] == ["a.ndjson"] * arrived
