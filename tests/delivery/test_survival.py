"""Never twice, never lost: every fault on every call, lists that cannot tell, and jobs in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from driving import client_of, resume, start
from hasty import HastyClock
from other_service import RENAMED, OtherService, serving
from plans import make_plan

from analytex_pandas.errors import AnalytexError, AuthenticationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.push import Push

IDS = [f"u{place}" for place in range(6)]


def begin(state: Path, service: OtherService, **options: Any) -> Push:
    """Start a push of three chunks of two rows."""
    document, spool = make_plan(state, 6, 2, **options)
    return start(document, spool, client_of(service, state), clock=HastyClock())


def once(call: str, count: int, fault: str) -> Callable[[str, int], str | None]:
    """Return faults of which there is one, on the count-th call of a kind."""
    return lambda this, number: fault if (this, number) == (call, count) else None


BEFORE = ["drop", "500", "503", "html", "empty", "html200"]


@pytest.mark.parametrize("fault", [*BEFORE, "429", *(f"{fault}_after" for fault in BEFORE)])
@pytest.mark.parametrize("style", ["bare", "pages"])
def test_a_submit_that_goes_wrong_is_applied_once(tmp_path: Path, fault: str, style: str) -> None:
    """Whether the upload had arrived or not, and whatever was answered, no chunk goes twice and none is lost."""
    with serving(faults=once("submit", 2, fault), list_style=style) as service:
        push = begin(tmp_path, service).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.status == "completed"
    assert push.jobs["attempts"].tolist() == [1, 1 if fault.endswith("_after") else 2, 1]


@pytest.mark.parametrize("fault", [*BEFORE, "429", "504", "redirect"])
@pytest.mark.parametrize("call", ["poll", "list"])
def test_a_question_that_goes_wrong_is_asked_again(tmp_path: Path, call: str, fault: str) -> None:
    """No failure of a poll or a list ends a push, or makes it send anything twice."""

    def faults(this: str, number: int) -> str | None:
        return fault if this == call and number % 2 else None

    with serving(faults=faults, list_style="wrapped") as service:
        push = begin(tmp_path, service).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.status == "completed"


@pytest.mark.parametrize("options", [{"transport": "json"}, {}])
def test_where_the_list_cannot_tell_the_rows_are_unknown(tmp_path: Path, options: dict[str, Any]) -> None:
    """An answer is lost and the job, if it is there, has no name: nobody guesses, the user decides."""
    echo = "name" if options else "none"
    with serving(faults=once("submit", 2, "drop_after"), echo=echo) as service:
        push = begin(tmp_path, service, **options).wait()
        assert push.status == "completed_with_errors"
        assert push.jobs["status"].tolist() == ["completed", "unknown", "completed"]
        assert push.counts["unknown"] == 2
        assert len(push.failed) == 0
        again = push.retry(unknown=True).wait()
    assert again.counts["acknowledged"] == 2
    assert service.applied()["u2"] == 2, "because the user asked for it"
    assert again.status == "completed"


@pytest.mark.parametrize("options", [{"transport": "json"}, {}])
def test_no_new_job_means_it_did_not_arrive(tmp_path: Path, options: dict[str, Any]) -> None:
    """Without names, too: what was lost on the way there is sent again, and nothing is unknown."""
    echo = "name" if options else "none"
    with serving(faults=once("submit", 2, "drop"), echo=echo) as service:
        push = begin(tmp_path, service, **options).wait()
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


def test_a_service_that_renames_files_cannot_tell(tmp_path: Path) -> None:
    """Names that are not ours prove nothing where our own came back changed."""
    with serving(faults=once("submit", 2, "drop_after"), echo="other") as service:
        push = begin(tmp_path, service).wait()
    assert push.jobs["status"].tolist() == ["completed", "unknown", "completed"]
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("echo", RENAMED)
@pytest.mark.parametrize("count", [1, 2])
def test_a_name_is_recognised_whatever_was_made_of_it(tmp_path: Path, echo: str, count: int) -> None:
    """Folders, prefixes, escapes and endings come and go on the way through a service's storage."""
    with serving(faults=once("submit", count, "drop_after"), echo=echo) as service:
        push = begin(tmp_path, service).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.status == "completed"


@pytest.mark.parametrize("count", [1, 2])
def test_a_job_that_the_list_shows_without_its_name_is_asked_about(tmp_path: Path, count: int) -> None:
    """Lists are often shorter than the answer about one job."""
    with serving(faults=once("submit", count, "drop_after"), named_in=("submit", "poll")) as service:
        push = begin(tmp_path, service).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.status == "completed"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "manners",
    [
        {"echo": "other"},
        {"echo": "none"},
        {"named_in": ("submit",)},
        {"echo": "other", "named_in": ("list",)},
        {"echo": "other", "transport": "json"},
        {"echo": "none", "listing_delay": 0.3, "seconds_a_job": 0.8},
    ],
)
def test_what_nobody_can_tell_is_never_sent_twice(
    tmp_path: Path, count: int, manners: dict[str, Any]
) -> None:
    """Whatever a service shows in place of names, from the first chunk on: rows are unknown rather than doubled."""
    options = {key: value for key, value in manners.items() if key == "transport"}
    shown = {key: value for key, value in manners.items() if key != "transport"}
    with serving(faults=once("submit", count, "drop_after"), **shown) as service:
        push = begin(tmp_path, service, **options).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.counts[["acknowledged", "unknown"]].tolist() == [4, 2]


@pytest.mark.parametrize("echo", ["name", "none"])
def test_somebody_elses_job_of_other_rows_is_not_taken_for_ones_own(tmp_path: Path, echo: str) -> None:
    """It starts just when the very first upload is lost, and nothing is known of the service's manners."""
    with serving(echo=echo) as service:

        def faults(call: str, number: int) -> str | None:
            if (call, number) != ("submit", 1):
                return None
            service.start_job(rows=30, seconds=0.1, filename="theirs.csv")
            return "drop"

        service.faults = faults
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert {name: count for name, count in service.applied().items() if name != "x"} == dict.fromkeys(IDS, 1)


def test_an_upload_is_sent_again_when_the_list_is_empty_though_nobody_had_looked(tmp_path: Path) -> None:
    """The list could not be read before the submit; that it is empty afterwards says enough."""

    def faults(call: str, number: int) -> str | None:
        return ("drop" if number == 1 else None) if call == "submit" else ("500" if number < 9 else None)

    with serving(faults=faults, echo="none") as service:
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


def test_a_submit_that_is_redirected_may_have_arrived(tmp_path: Path) -> None:
    """A service may answer an upload by pointing to its job."""
    with serving(faults=once("submit", 2, "redirect_after")) as service:
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


def test_a_login_page_before_the_list_is_waited_for(tmp_path: Path) -> None:
    """The list that has to tell whether a chunk arrived is redirected for a while."""

    def faults(call: str, number: int) -> str | None:
        if (call, number) == ("submit", 1):
            return "drop_after"
        return "redirect" if call == "list" and 2 <= number <= 4 else None

    with serving(faults=faults) as service:
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("fault", ["redirect", "400", "404", "html", "429"])
def test_a_job_in_the_way_that_cannot_be_asked_about_is_waited_for_all_the_same(
    tmp_path: Path, fault: str
) -> None:
    """409 is a queue, whatever comes of the questions meanwhile."""
    with serving() as service:
        service.start_job(rows=1000, seconds=0.6)

        def faults(call: str, number: int) -> str | None:
            return fault if call == "poll" and number < 3 else None

        service.faults = faults
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert push.jobs["attempts"].tolist() == [1, 1, 1]


def test_a_push_that_got_going_is_patient_in_a_new_process_too(tmp_path: Path) -> None:
    """An outage at the moment of resuming is no reason to give up after two minutes."""
    with serving(seconds_a_job=0.2) as service:
        push = begin(tmp_path, service)
        push.cancel()
        push.wait()
        assert push.counts["acknowledged"] in (0, 2)
        begun = service.calls["submit"]
        if not begun:
            service.faults = lambda _call, _number: None
            again = resume(push.id, client_of(service, tmp_path))
            again.cancel()
            again.wait()

        def faults(call: str, number: int) -> str | None:
            return "503" if call == "submit" and begun < number < begun + 14 else None

        service.faults = faults
        clock = HastyClock()
        resumed = resume(push.id, client_of(service, tmp_path), clock=clock).wait()
    assert resumed.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("call", ["submit", "list", "poll"])
def test_a_retry_after_is_kept_however_long(tmp_path: Path, call: str) -> None:
    """Five minutes are more than the patience with a service that never took anything, but it is there and says so."""
    with serving(faults=once(call, 1, "busy")) as service:
        document, spool = make_plan(tmp_path, 6, 2)
        clock = HastyClock()
        push = start(document, spool, client_of(service, tmp_path), clock=clock).wait()
    assert push.status == "completed"
    assert clock.skipped >= 299


def test_a_list_that_is_always_unavailable_does_not_stop_a_push(tmp_path: Path) -> None:
    """Each answer says to come back at once, for ever: after a while the push goes without having looked."""
    with serving(faults=lambda call, _: "maintenance" if call == "list" else None) as service:
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"
    assert service.calls["list"] < 200


def test_the_look_ahead_keeps_a_retry_after(tmp_path: Path) -> None:
    """What is asked for ahead of time is asked for no sooner than the service allows."""
    with serving(faults=once("list", 2, "busy"), seconds_a_job=0.4) as service:
        push = begin(tmp_path, service).wait()
    first = push.jobs.iloc[0]
    assert (first["ended_at"] - first["submitted_at"]).total_seconds() >= 299


def test_a_list_of_many_pages_is_read_on_where_it_failed(tmp_path: Path) -> None:
    """Every other answer of the list fails: beginning again each time would hardly ever come to its end."""

    def faults(call: str, number: int) -> str | None:
        if call == "submit":
            return "drop" if number == 20 else None
        return "500" if call == "list" and number % 2 else None

    with serving(faults=faults, list_style="pages", seconds_a_job=0.0) as service:
        for _ in range(30):
            service.start_job(rows=1, seconds=0.0)
        document, spool = make_plan(tmp_path, 3, 1)
        push = start(document, spool, client_of(service, tmp_path), clock=HastyClock()).wait()
    assert push.status == "completed"
    assert service.calls["list"] < 120


def test_a_job_in_the_way_is_waited_for(tmp_path: Path) -> None:
    """409 is a queue: the push says for what it waits and how far that is, and is not charged an attempt."""
    with serving() as service:
        service.start_job(rows=1000, seconds=1.0)
        states = []
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, client_of(service, tmp_path))
        push.subscribe(states.append)
        push.wait()
    waiting = [state for state in states if state.status == "waiting"]
    assert any(
        "a job of somebody else" in state.activity and "of 1,000" in state.activity for state in waiting
    )
    assert {state.chunk(1).status for state in waiting} >= {"waiting"}
    assert push.jobs["attempts"].tolist() == [1, 1, 1]
    assert push.status == "completed"


def test_the_job_in_the_way_may_be_ones_own(tmp_path: Path) -> None:
    """The upload had arrived and is listed late: sent again it meets 409, and is recognised."""
    with serving(faults=once("submit", 1, "drop_after"), listing_delay=0.6, seconds_a_job=1.5) as service:
        push = begin(tmp_path, service).wait()
    assert service.applied() == dict.fromkeys(IDS, 1)
    assert push.status == "completed"


def test_a_job_that_is_forgotten_leaves_its_rows_unknown(tmp_path: Path) -> None:
    """A service that does not know a job any more cannot be asked what became of its rows."""
    with serving(seconds_a_job=0.3, odd_ids=False) as service:
        service.forgotten.add("job-2")
        service.hidden.add("job-2")
        push = begin(tmp_path, service).wait()
    assert push.jobs["status"].tolist() == ["completed", "unknown", "completed"]
    assert push.counts["unknown"] == 2


def test_a_job_that_is_only_listed_is_followed_there(tmp_path: Path) -> None:
    """Paths for single jobs differ between copies of the documentation; the list has the jobs as well."""
    with serving(odd_ids=False) as service:
        service.forgotten |= {"job-1", "job-2", "job-3"}
        push = begin(tmp_path, service).wait()
    assert push.status == "completed"


def test_a_revoked_key_ends_the_push_and_loses_nothing(tmp_path: Path) -> None:
    """401 is raised by wait, in its own class, with the push and the way on; resuming carries on."""
    with serving() as service:
        key = service.key

        def faults(call: str, number: int) -> str | None:
            if (call, number) == ("submit", 2):
                service.key = "another"
            return None

        service.faults = faults
        push = begin(tmp_path, service)
        with pytest.raises(AuthenticationError, match="resume") as caught:
            push.wait()
        assert caught.value.push is push
        assert push.status == "failed"
        assert push.counts["pending"] == 4
        service.key = key
        resumed = resume(None, client_of(service, tmp_path)).wait()
    assert resumed.id == push.id
    assert resumed.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("fault", ["400", "404", "413"])
def test_what_does_not_heal_ends_clearly(tmp_path: Path, fault: str) -> None:
    """The error says which chunk, the rest stays pending, and resuming tries that chunk again."""
    with serving(faults=once("submit", 1, fault)) as service:
        push = begin(tmp_path, service)
        with pytest.raises(Exception, match="Chunk 1 of 3") as caught:
            push.wait()
        assert caught.type is ValidationError or fault != "400"
        assert push.jobs["status"].tolist() == ["pending"] * 3
        push = resume(push.id, client_of(service, tmp_path)).wait()
    assert push.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


def test_a_service_that_is_not_there_is_given_up_on_and_resumed(tmp_path: Path) -> None:
    """Nothing listens: after some patience the push ends, with nothing sent, and goes on when somebody does."""
    with serving() as service:
        pass
    push = begin(tmp_path, service)
    with pytest.raises(Exception, match="Chunk 1 of 3"):
        push.wait()
    assert push.counts["pending"] == 6
    assert push.counts["in_flight"] == 0


def test_a_journal_that_is_taken_away_stops_the_push(tmp_path: Path) -> None:
    """What cannot be written down is not sent: nobody would know of it after a crash."""
    with serving(seconds_a_job=0.2) as service:
        push = begin(tmp_path, service)

        def take_away(state: PushState) -> None:
            if state.chunk(1).job_id is not None:
                for path in tmp_path.glob("journal.sqlite3*"):
                    path.unlink()

        push.subscribe(take_away)
        with pytest.raises(AnalytexError, match="removed or replaced"):
            push.wait()
    assert len(service.jobs) == 1
    assert push.counts["pending"] == 4


def test_a_lost_spool_file_is_said(tmp_path: Path) -> None:
    """Somebody cleans the disk under a running push."""
    with serving() as service:
        document, spool = make_plan(tmp_path, 6, 2)
        spool.delete_chunk(2)
        push = start(document, spool, client_of(service, tmp_path))
        with pytest.raises(Exception, match=r"Chunk 2 of 3 .* was not sent: .*00002.ndjson cannot be read"):
            push.wait()
    assert push.counts["pending"] == 4
