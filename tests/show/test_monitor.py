"""The account's jobs, whoever started them."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex_pandas.errors import TransportError
from analytex_pandas.service.row_errors import RowError
from analytex_pandas.service.wire import Job
from analytex_pandas.show.display import monitor
from analytex_pandas.show.jobs import (
    account_html,
    chunks_told,
    errors_html,
    headline,
    job_bundle,
    jobs_bundle,
    lines,
)
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
    assert headline(JOBS) == "2 jobs running, 2 in the history."
    told = lines(JOBS, OWNERS, NOW)
    assert [line.jobs[0].job_id for line in told] == ["mine", "odd <id>", "bad", "old"]
    mine, _, bad, old = told
    assert (mine.name, mine.chunks) == ("push 20261123-231500-3f9a1c", "chunk 3")
    assert (mine.rows, mine.when, mine.origin) == (
        "4,231 of 10,000 (42.3 %)",
        "since 23:11:00",
        "this machine",
    )
    assert str(bad.mark) == "✕ failed, 1 refused"
    assert (old.name, old.when, old.origin) == ("<b>theirs.ndjson", "18:15 to 18:16", "elsewhere")


def test_jobs_of_one_push_or_file_and_state_are_one_line() -> None:
    """Forty jobs in nine lines; what was refused is said in the state."""
    refused = tuple(RowError(place, None, str(place), None, None, "no", "{}") for place in range(90))
    many = [
        job(f"j{number}", minutes=100 - number, total_rows=1_000, errors=refused if number == 4 else ())
        for number in range(1, 12)
    ]
    own = {one.job_id: ("20261123-231500-3f9a1c", number) for number, one in enumerate(many, 1)}
    hourly = [job(f"h{hour}", minutes=60 * hour, filename=f"sync-{hour}.ndjson") for hour in range(3, 9)]
    told = lines([*many, *hourly], own, NOW)
    assert [(str(line.mark), line.name, line.chunks, len(line.jobs)) for line in told] == [
        ("✓ done", "push 20261123-231500-3f9a1c", "chunks 1 to 3 and 5 to 11", 10),
        ("! done, 90 refused", "push 20261123-231500-3f9a1c", "chunk 4", 1),
        ("✓ done", "sync-….ndjson", "", 6),
    ]
    assert told[0].rows == "10,000"
    assert len(lines([*many, *hourly], own, NOW, together=False)) == 17


@given(st.sets(st.integers(1, 300), min_size=1))
def test_chunks_are_told_whole(numbers: set[int]) -> None:
    """Whatever is missing between them."""
    told = set()
    for run in re.split(", | and ", chunks_told(sorted(numbers)).partition(" ")[2]):
        first, _, last = run.partition(" to ")
        told |= set(range(int(first), int(last or first) + 1))
    assert told == numbers


def test_an_account_says_whether_it_is_free_and_until_when() -> None:
    """A running job's own pace tells its end; nothing is promised without it."""
    page = account_html(JOBS, OWNERS, NOW)
    assert "<b>Busy</b>" in page
    assert "ends in 5 min 27 s, about 23:20:27" in page
    assert page.count("<i ") == 3  # the lane: those whose times are known
    assert "<b>Free</b>" in account_html(JOBS[:1], OWNERS, NOW)


def test_the_text_has_its_columns_under_their_headers() -> None:
    """Rows are rows, and jobs are jobs."""
    many = [job(f"j{number}", minutes=9 - number, total_rows=100, filename="a.csv") for number in range(4)]
    header, line = jobs_bundle(many, {})["text/plain"].splitlines()[1:3]
    assert header.split() == ["State", "What", "Rows", "When", "From", "Jobs"]
    assert line.split()[2:4] == ["a.csv", "400"]
    assert line.split()[-2:] == ["elsewhere", "4"]


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
        assert "<b>theirs" not in page
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
    assert made.error_view.toggle.description == "Errors of a job"
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
    assert "&lt;b&gt;no answer" in made.head.value
    assert "chunk 3" in made.table.value
    made.live.draw()
    assert "no answer" not in made.head.value


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
    assert "✓</span>&nbsp;done" in made.body.value
    assert made.job.ended


def test_the_buttons_say_whether_somebody_looks() -> None:
    """Exactly one of them is there."""
    made = Monitor(lambda: JOBS, owners)
    made.stopped()
    assert made.acts.offered == ("watch",)
    bundle = made._repr_mimebundle_()
    assert "2 jobs running" not in bundle["text/html"]
    made.seen(JOBS)
    assert "2 jobs running" in made._repr_mimebundle_()["text/html"]


def test_all_errors_of_a_job_can_be_paged_through() -> None:
    """Not the first twenty only; and the job is chosen by its file and time."""
    errors = tuple(error(f"no {number}") for number in range(35))
    made = Monitor(list, owners)
    made.seen([job("3f9a-uuid", minutes=5, filename="sync.ndjson", errors=errors)])
    assert made.choice.options[1][0].startswith("sync.ndjson, ")
    assert made.choice.options[1][0].endswith(": ! done, 35 refused")
    made.choice.value = "3f9a-uuid"
    seen = set()
    for _ in range(4):
        seen |= set(re.findall(r"no (\d+)", made.error_rows.value))
        made.error_pager.on.click()
    assert len(seen) == 35


def test_every_job_unfolds_with_its_id() -> None:
    """Newer and older, ten at a time."""
    made = Monitor(list, owners)
    made.seen([job(f"id-{number}", minutes=number, filename="same.csv") for number in range(25)])
    assert made.table.value.count("<tr>") == 2
    made.each_view.toggle.click()
    assert re.findall(r"<code>(id-\d+)", made.each.value) == [f"id-{number}" for number in range(10)]
    assert made.each_pager.on.description == "Older →"
    made.each_pager.on.click()
    assert "id-10" in made.each.value


MOMENTS = st.none() | st.integers(172_800, 253_000_000_000).map(
    lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
)
COUNTS = st.none() | st.integers(0, 10**30)


@settings(deadline=None)  # a busy machine
@given(
    st.lists(
        st.builds(
            Job,
            st.text(min_size=1),
            st.sampled_from(["queued", "processing", "completed", "failed", "odd <b>"]),
            type=st.none() | st.text(),
            filename=st.none() | st.text(),
            total_rows=COUNTS,
            completed_rows=COUNTS,
            start_time=MOMENTS,
            end_time=MOMENTS,
            submitted_at=MOMENTS,
        ),
        max_size=6,
        unique_by=lambda job: job.job_id,
    )
)
def test_whatever_jobs_a_service_shows_can_be_drawn(found: list[Job]) -> None:
    """Times that run backwards, counts beyond all bounds, names that are nothing: none empties the panel."""
    owned = {job.job_id: ("20261123-231500-3f9a1c", number) for number, job in enumerate(found[::2], 1)}
    assert account_html(found, owned, NOW)
    bundles = [jobs_bundle(found, owned), *(job_bundle(job, owned) for job in found)]
    assert all(bundle["text/plain"] and "<b>theirs" not in bundle["text/html"] for bundle in bundles)
    assert sum(len(line.jobs) for line in lines(found, owned, NOW)) == len(found)
