"""What a list of jobs says about a chunk: it is there, it is not, or nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from analytex_pandas.delivery.lookup import by_name, candidates, is_ours
from analytex_pandas.service.wire import Job

NAME = "20261123-231500-3f9a1c-00002.ndjson"
OTHERS = "20261123-231500-3f9a1c-00001.ndjson"
ABSENT, UNCLEAR = "absent", "unclear"


def found(*jobs: Job, name: str | None = NAME, seen: tuple[str, ...] = (), known: Any = ()) -> Job | str:
    """Return what a list of these jobs says of a chunk of ten rows."""
    possible = candidates(jobs, 10, known=known, others=("other",), seen=seen)
    return by_name(jobs, name) or (UNCLEAR if possible else ABSENT)


def job(filename: str | None = None, rows: int | None = None, status: str = "processing", **more: Any) -> Job:
    """Return a job as a list shows it."""
    return Job(more.pop("job_id", "j"), status, filename=filename, total_rows=rows, **more)


@pytest.mark.parametrize(
    "name",
    [
        NAME,
        f"a/b/{NAME}",
        f"c:\\up\\{NAME}",
        f"7-{NAME}",
        f"x%2F{NAME}",
        NAME.upper(),
        f"{NAME}.gz",
        NAME[:-7],
    ],
)
def test_a_name_is_recognised_whatever_is_around_it(name: str) -> None:
    """As long as the push and the number of the chunk are in it."""
    assert found(job(name), seen=("named",)) == job(name)


@pytest.mark.parametrize(
    "name", [OTHERS, f"1{NAME}", NAME.replace("00002", "000021"), "00002.ndjson", "theirs.csv"]
)
def test_other_names_are_not_ours(name: str) -> None:
    """Not those of other chunks, of longer numbers, or of other pushes."""
    assert found(job(name), seen=("named",)) == ABSENT


def test_a_job_that_has_not_failed_comes_first() -> None:
    """A chunk that was sent again by its user after it had failed."""
    assert found(job(NAME, status="failed", job_id="a"), job(NAME, job_id="b")) == job(NAME, job_id="b")
    assert found(job(NAME, status="failed")) == job(NAME, status="failed")


@pytest.mark.parametrize(
    ("seen", "filename", "expected"),
    [
        ((), None, UNCLEAR),
        ((), "upload-1.bin", UNCLEAR),
        (("named",), None, ABSENT),
        (("named",), "upload-1.bin", ABSENT),
        (("nameless",), None, UNCLEAR),
        (("nameless",), "upload-1.bin", ABSENT),
        (("renamed",), None, ABSENT),
        (("renamed",), "upload-1.bin", UNCLEAR),
        (("named", "nameless"), None, UNCLEAR),
    ],
)
@pytest.mark.parametrize("name", [NAME, None])
def test_a_new_job_may_be_ours_if_ours_are_shown_like_it(
    seen: tuple[str, ...], filename: str | None, expected: str, name: str | None
) -> None:
    """And if nothing is known of how they are shown, it may be ours in any case."""
    assert found(job(filename), name=name, seen=seen) == expected


def test_jobs_that_were_there_before_or_are_known_are_not_ours() -> None:
    """Nor is anything when nobody looked before and the list is empty now."""
    assert found(job(job_id="old"), known={"old"}) == ABSENT
    assert found(job(job_id="other"), known=None) == ABSENT
    assert found(job(job_id="old"), known=None) == UNCLEAR
    assert found(known=None) == ABSENT


@pytest.mark.parametrize(
    ("rows", "status", "expected"),
    [
        (10, "processing", UNCLEAR),
        (11, "processing", UNCLEAR),
        (None, "processing", UNCLEAR),
        (0, "queued", UNCLEAR),
        (4, "validating", UNCLEAR),
        (4, "failed", UNCLEAR),
        (4, "processing", ABSENT),
        (4, "some new word", ABSENT),
        (12, "queued", ABSENT),
    ],
)
def test_a_job_of_other_rows_is_not_ours(rows: int | None, status: str, expected: str) -> None:
    """Once they have been counted; the end of the last line may count as one more."""
    assert found(job(rows=rows, status=status)) == expected


def test_names_of_any_push_show_that_names_are_kept() -> None:
    """Those of earlier pushes, and of other machines; what other programs upload shows nothing."""
    assert not is_ours(job("theirs.csv"))
    assert not is_ours(job())
    assert is_ours(job("up/20250101-000000-abcdef12-00017.ndjson"))
