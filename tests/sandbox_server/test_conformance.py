"""The sandbox against the OpenAPI description of the service, by schemathesis.

In one thing the service is milder than its description: records that break their schema are accepted, and
become row errors of the job. So a submit that breaks the schema has to be refused, or its job has to report
rows.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection

from analytex_pandas.sandbox_server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DESCRIPTION = Path(__file__).with_name("analytex-openapi.yaml")
BRIEF = Path(__file__).parents[3] / "shared" / "analytex-openapi.yaml"

schema = schemathesis.openapi.from_path(DESCRIPTION)

records = st.dictionaries(st.sampled_from(["user_id", "company_id"]), st.text(max_size=3))
lines = records.map(json.dumps).map(str.encode) | st.binary(max_size=9)
schemathesis.openapi.format("binary", st.lists(lines, max_size=4).map(b"\n".join))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Return a sandbox whose jobs end at once: one that runs would turn every other submit into a 409."""
    with Sandbox(math.inf) as opened:
        yield opened


@schema.parametrize()
@settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_sandbox_conforms(case: schemathesis.Case[Any], sandbox: Sandbox) -> None:
    """Statuses, bodies, headers, the key and the methods are those of the description."""
    headers = {"Authorization": f"Token {sandbox.api_key}"}
    response = case.call(base_url=sandbox.url, headers=headers)
    case.validate_response(response, headers=headers, excluded_checks=[negative_data_rejection])
    breaks_the_schema = case.meta is not None and case.meta.generation.mode.is_negative
    if breaks_the_schema and response.status_code == requests.codes.accepted:
        job = sandbox.jobs[0]
        assert job["job_id"] == response.json()["job_id"]
        assert job["status"] == "completed"
        assert job["errors"]


def test_the_description_is_the_one_of_the_brief() -> None:
    """The copy that the tests carry is the one that was handed out, wherever that is at hand."""
    if not BRIEF.exists():
        pytest.skip("the brief is not beside this checkout")
    assert DESCRIPTION.read_bytes() == BRIEF.read_bytes()
