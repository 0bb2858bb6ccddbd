"""The account's jobs, whoever started them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from analytex_pandas.errors import TransportError
from analytex_pandas.service.row_errors import RowError
from analytex_pandas.service.wire import Job
from analytex_pandas.show.display import monitor
from analytex_pandas.show.jobs import COLUMNS, errors_html, job_bundle, jobs_bundle, jobs_told
from analytex_pandas.show.monitor import JobPanel, Monitor

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = dt.datetime(2026, 11, 23, 23, 15, tzinfo=dt.UTC)


def job(job_id: str, status: str = "completed", minutes: float = 10, **values: Any) -> Job:
    """A job that was submitted so many minutes ago."""
    return Job(job_id, status, submitted_at=NOW - dt.timedelta(minutes=minutes), **values)


def error(message: str) -> RowError:
    """A row error that says little."""
    return RowError(None, None, None, None, None, message, "{}")


JOBS = [
    job(
        "old",
        minutes=300,
        total_rows=5,
        end_time=NOW - dt.timedelta(minutes=299),
        filename="<b>theirs.ndjson",
    ),
    job("mine", "processing", 4, type="users", total_rows=10_000, completed_rows=4_231),
    job("bad", "failed", 60, errors=(error("<img src=x onerror=alert(1)>"),)),
    Job("odd <id>", "invented"),
]
OWNERS = {"mine": ("20261123-231500-3f9a1c", 3)}


def owners(_: Sequence[str]) -> dict[str, tuple[str, int]]:
    """One job is this machine's."""
    return OWNERS


def test_running_jobs_stand_first_and_ones_own_are_recognised() -> None:
    """Who blocks the queue, and is it me? An unknown status is not an end."""
    headline, running, history = jobs_told(JOBS, OWNERS, NOW)
    assert headline == "2 jobs running, 2 in the history."
    assert [line[-1] for line in running] == ["mine", "odd <id>"]
    assert [line[-1] for line in history] == ["bad", "old"]
    mine = dict(zip(COLUMNS, running[0], strict=True))
    assert mine["Rows"] == "4,231 of 10,000 (42.3 %)"
    assert mine["From"] == "push 20261123-231500-3f9a1c, chunk 3"
    assert mine["Took"] == "4 min"


def test_an_account_without_jobs_has_a_picture_too() -> None:
    """The first thing a new user sees."""
    picture = jobs_bundle([], {})
    assert picture["text/plain"] == "No job runs, 0 in the history."
    assert "No job runs" in picture["text/html"]


def test_text_from_the_service_is_escaped() -> None:
    """File names, ids, statuses and messages are not the service's own words only."""
    bundles = [jobs_bundle(JOBS, OWNERS), *(job_bundle(one, OWNERS) for one in JOBS)]
    pages = [bundle["text/html"] for bundle in bundles]
    pages += [errors_html(one) for one in JOBS]
    for page in pages:
        assert "<b>" not in page
        assert "<img" not in page
        assert "<id>" not in page
    assert "4,231 of 10,000" in job_bundle(JOBS[1], OWNERS)["text/plain"]


def test_the_errors_of_the_chosen_job_are_a_dataframe() -> None:
    """On demand, for the job that the user picks, and none before that."""
    made = monitor(lambda: JOBS, owners)
    assert len(made.errors) == 0
    assert list(made.errors) == ["row", "id", "property", "code", "message", "raw"]
    made.choice.value = "bad"
    assert made.errors["message"].tolist() == ["<img src=x onerror=alert(1)>"]
    assert "apd.job(&#x27;bad&#x27;).errors" in made.error_rows.value
    made.seen(JOBS[:2])
    assert made.choice.value == ""
    assert made.error_rows.value == ""


def test_a_service_that_does_not_answer_is_said_and_what_was_seen_stays() -> None:
    """A proxy's hiccup must not empty the panel; the next answer clears the message."""
    answers: list[Any] = [JOBS, TransportError("<b>no answer"), JOBS]

    def look() -> list[Job]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = Monitor(look, owners)
    made.live.draw()
    made.live.draw()
    assert "&lt;b&gt;no answer" in made.trouble.value
    assert "mine" in made.running.value
    made.live.draw()
    assert made.trouble.value == ""


def test_the_first_look_raises_what_is_wrong() -> None:
    """A bad key is an error to the caller, not a line in a panel that keeps trying."""

    def look() -> list[Job]:
        raise TransportError("nobody there")

    with pytest.raises(TransportError):
        monitor(look, owners)


def test_one_job_is_followed_to_its_end() -> None:
    """The panel of a job moves until the job has ended, and asks no more then."""
    states = [job("mine", "processing", completed_rows=5, total_rows=10), job("mine", total_rows=10)]
    made = JobPanel(states[0], lambda: states[1], {})
    assert "5 of 10" in made.body.value
    made.start()
    assert made.live.finish(10)
    assert "✓ done" in made.body.value
    assert made.job.ended


def test_the_buttons_say_whether_somebody_looks() -> None:
    """Exactly one of them can be pressed."""
    made = Monitor(lambda: JOBS, owners)
    made.stopped()
    assert (made.halt.disabled, made.go_on.disabled) == (True, False)
    bundle = made._repr_mimebundle_()
    assert "2 jobs running" not in bundle["text/html"]
    made.seen(JOBS)
    assert "2 jobs running" in made._repr_mimebundle_()["text/html"]
