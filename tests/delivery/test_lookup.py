"""What a list of jobs says about a chunk: it is there, it is not, or nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from analytex_pandas.delivery.lookup import Finding, NameEcho, Sent, look
from analytex_pandas.service.wire import Job

NAME = "20261123-231500-3f9a1c-00002.ndjson"
OTHERS = "20261123-231500-3f9a1c-00001.ndjson"
SENT = Sent(NAME, 10)


def found(*jobs: Job, sent: Sent = SENT, seen: tuple[Any, ...] = (), known: Any = ()) -> Job | Finding:
    """Return what a list of these jobs says."""
    return look(jobs, sent, known=known, others=("other",), echo=NameEcho(set(seen)))


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
    assert found(job(name), seen=("named",)) is Finding.ABSENT


def test_a_job_that_has_not_failed_comes_first() -> None:
    """A chunk that was sent again by its user after it had failed."""
    assert found(job(NAME, status="failed", job_id="a"), job(NAME, job_id="b")) == job(NAME, job_id="b")
    assert found(job(NAME, status="failed")) == job(NAME, status="failed")


@pytest.mark.parametrize(
    ("seen", "filename", "expected"),
    [
        ((), None, Finding.UNCLEAR),
        ((), "upload-1.bin", Finding.UNCLEAR),
        (("named",), None, Finding.ABSENT),
        (("named",), "upload-1.bin", Finding.ABSENT),
        (("nameless",), None, Finding.UNCLEAR),
        (("nameless",), "upload-1.bin", Finding.ABSENT),
        (("renamed",), None, Finding.ABSENT),
        (("renamed",), "upload-1.bin", Finding.UNCLEAR),
        (("named", "nameless"), None, Finding.UNCLEAR),
    ],
)
@pytest.mark.parametrize("name", [NAME, None])
def test_a_new_job_may_be_ours_if_ours_are_shown_like_it(
    seen: tuple[str, ...], filename: str | None, expected: Finding, name: str | None
) -> None:
    """And if nothing is known of how they are shown, it may be ours in any case."""
    assert found(job(filename), sent=Sent(name, 10), seen=seen) is expected


def test_jobs_that_were_there_before_or_are_known_are_not_ours() -> None:
    """Nor is anything when nobody looked before and the list is empty now."""
    assert found(job(job_id="old"), known={"old"}) is Finding.ABSENT
    assert found(job(job_id="other"), known=None) is Finding.ABSENT
    assert found(job(job_id="old"), known=None) is Finding.UNCLEAR
    assert found(known=None) is Finding.ABSENT


@pytest.mark.parametrize(
    ("rows", "status", "expected"),
    [
        (10, "processing", Finding.UNCLEAR),
        (11, "processing", Finding.UNCLEAR),
        (None, "processing", Finding.UNCLEAR),
        (0, "queued", Finding.UNCLEAR),
        (4, "validating", Finding.UNCLEAR),
        (4, "failed", Finding.UNCLEAR),
        (4, "processing", Finding.ABSENT),
        (4, "some new word", Finding.ABSENT),
        (12, "queued", Finding.ABSENT),
    ],
)
def test_a_job_of_other_rows_is_not_ours(rows: int | None, status: str, expected: Finding) -> None:
    """Once they have been counted; the end of the last line may count as one more."""
    assert found(job(rows=rows, status=status)) is expected


def test_names_of_any_push_show_that_names_are_kept() -> None:
    """Those of earlier pushes, and of other machines; what other programs upload shows nothing."""
    echo = NameEcho()
    echo.learn_from_names([job("theirs.csv"), job()])
    assert echo.seen == set()
    echo.learn_from_names([job("up/20250101-000000-abcdef12-00017.ndjson")])
    assert echo.seen == {"named"}
