"""Never twice, never lost: every fault on every call, lists that cannot tell, and jobs in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hasty import HastyClock
from other_service import OtherService, serving
from plans import make_plan

from analytex_pandas.errors import AuthenticationError, ValidationError
from analytex_pandas.push.opening import resume, start
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from analytex_pandas.push.push import Push

IDS = [f"u{place}" for place in range(6)]


def begin(state: Path, service: OtherService, **options: Any) -> Push:
    """Start a push of three chunks of two rows."""
    document, spool = make_plan(state, 6, 2, **options)
    client = Client(service.key, service.url, timeout=5.0)
    return start(document, spool, client, state_directory=state, clock=HastyClock())


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


def test_a_job_in_the_way_is_waited_for(tmp_path: Path) -> None:
    """409 is a queue: the push says for what it waits and how far that is, and is not charged an attempt."""
    with serving() as service:
        service.start_job(rows=1000, seconds=1.0)
        states = []
        document, spool = make_plan(tmp_path, 6, 2)
        push = start(document, spool, Client(service.key, service.url), state_directory=tmp_path)
        push.subscribe(states.append)
        push.wait()
    waiting = [state for state in states if state.status == "waiting"]
    assert any(
        "a job someone else started" in state.activity and "of 1,000" in state.activity for state in waiting
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
        resumed = resume(None, Client(key, service.url), state_directory=tmp_path).wait()
    assert resumed.id == push.id
    assert resumed.status == "completed"
    assert service.applied() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("fault", ["400", "404", "413"])
def test_what_does_not_heal_ends_clearly(tmp_path: Path, fault: str) -> None:
    """The error says which chunk, the rest stays pending, and resuming tries that chunk again."""
    with serving(faults=once("submit", 2, fault)) as service:
        push = begin(tmp_path, service)
        with pytest.raises(Exception, match="Chunk 2 of 3") as caught:
            push.wait()
        assert caught.type is ValidationError or fault != "400"
        assert push.jobs["status"].tolist() == ["completed", "pending", "pending"]
        push = resume(push.id, Client(service.key, service.url), state_directory=tmp_path).wait()
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


def test_a_lost_spool_file_is_said(tmp_path: Path) -> None:
    """Somebody cleans the disk under a running push."""
    with serving() as service:
        document, spool = make_plan(tmp_path, 6, 2)
        spool.delete_chunk(2)
        push = start(document, spool, Client(service.key, service.url), state_directory=tmp_path)
        with pytest.raises(Exception, match=r"Chunk 2 of 3 cannot be read from the spool"):
            push.wait()
    assert push.counts["pending"] == 4
