"""A submit that the service declines for the sake of a row stops there, says which, and offers two ways on."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from other_service import OtherService

import analytex_pandas as apd

if TYPE_CHECKING:
    from pathlib import Path


class Declining(OtherService):
    """Takes no file with a record whose email has no @."""

    status = 422
    shape: Any = staticmethod(
        lambda place, _: {"errors": [{"source": {"pointer": f"/data/{place}/email"}, "title": "has no @"}]}
    )

    def submit(self, path: str, headers: Any, body: bytes) -> tuple[int, object]:
        lines = [line for line in body.split(b"\n") if line.startswith(b'{"user_id"')]
        for place, record in enumerate(map(json.loads, lines)):
            if not self.takes(record):
                return self.status, self.shape(place, record["user_id"])
        return super().submit(path, headers, body)

    def takes(self, record: Any) -> bool:
        return "@" in record["metadata"]["email"]


FRAME = pd.DataFrame(
    {"user_id": ["a", None, "b", "c", "c", "d", "e", "f"], "email": [*["x@y"] * 5, "bad", "x@y", "worse"]},
    index=pd.MultiIndex.from_product([["k", "l"], range(4)]),
)
"""Of the six that go out, the fourth and the last are declined; one row is skipped, one is there twice."""


def pushed(service: OtherService, state: Path) -> tuple[apd.Push, apd.Client]:
    """Push the frame in chunks of two rows, as far as it goes."""
    client = apd.Client(service.key, service.url, state_directory=state)
    options: Any = {"client": client, "invalid": "skip", "chunk_rows": 2, "wait": False, "progress": False}
    push = apd.push_users(FRAME, **options)
    with pytest.raises(apd.ValidationError) as caught:
        push.wait(20)
    assert "position 5" in str(caught.value)
    assert f"apd.resume({push.id!r}, skip=push.errors['position'])" in str(caught.value)
    assert "push.retry(fixed)" in str(caught.value)
    assert caught.value.report["position"].tolist() == [5]
    assert caught.value.report["index"].tolist() == [("l", 1)]
    return push, client


def test_the_row_is_named_and_the_rest_goes_without_it(tmp_path: Path) -> None:
    """Also twice, when another chunk is declined after it; the rows left out count as refused, and come mended."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        (error,) = push.errors.to_dict("records")
        assert (error["position"], error["index"], error["id"], error["property"]) == (
            5,
            ("l", 1),
            "d",
            "email",
        )
        assert push.counts["pending"] == 4
        again = apd.resume(push.id, client=client, skip=push.errors["position"], wait=False)
        with pytest.raises(apd.ValidationError, match="position 7"):
            again.wait(20)
        assert again.errors["position"].tolist() == [5, 7]
        last = apd.resume(push.id, client=client, skip=[7], wait=False).wait(20)
        assert last.status == "completed_with_errors"
        counts = last.counts
        assert (counts["acknowledged"], counts["refused"], counts["unknown"], counts["pending"]) == (
            4,
            2,
            0,
            0,
        )
        assert service.applied() == {"a": 1, "b": 1, "c": 1, "e": 1}
        assert last.failed["user_id"].tolist() == ["d", "f"]
        assert last.failed.index.tolist() == [("l", 1), ("l", 3)]
        with pytest.raises(apd.PushError, match="2 were refused"):
            last.raise_for_errors()
        fixed = last.failed.assign(email="d@y")
        last.retry(fixed, wait=False, progress=False).wait(20).raise_for_errors()
        assert service.applied() == dict.fromkeys("abcdef", 1)
        assert last.failed.empty


def test_the_row_goes_mended_first(tmp_path: Path) -> None:
    """Then the rest goes without it, and it is not among the failed any more."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        retry = push.retry(push.failed.assign(email="d@y"), wait=False, progress=False)
        retry.wait(20).raise_for_errors()
        with pytest.raises(apd.ValidationError):
            apd.resume(push.id, client=client, skip=[5], wait=False).wait(20)
        last = apd.resume(push.id, client=client, skip=[7], wait=False).wait(20)
        assert service.applied() == dict.fromkeys("abcde", 1)
        assert last.failed["user_id"].tolist() == ["f"]
        assert last.counts["refused"] == 1
        assert retry.id in last.outcomes["message"][5]
        assert last.outcomes["outcome"].value_counts().to_dict() == last.counts.drop("input").to_dict()


@pytest.mark.parametrize("chunk_bytes", [None, 10_000])
def test_what_the_service_takes_after_all_is_no_error_any_more(
    chunk_bytes: int | None, tmp_path: Path
) -> None:
    """Resumed as it is, or cut anew, once the service has been told to take such rows."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        service.submit = lambda *request: OtherService.submit(service, *request)  # type: ignore[method-assign]
        last = apd.resume(push.id, client=client, chunk_bytes=chunk_bytes, wait=False).wait(20)
        assert last.status == "completed"
        assert last.errors.empty
        assert last.failed.empty
        assert last.outcomes["outcome"].value_counts().to_dict() == last.counts.drop("input").to_dict()
        last.raise_for_errors()


def test_records_that_were_sent_before_smaller_chunks_were_asked_for_go_again(tmp_path: Path) -> None:
    """A retry has them; and what is left of it goes on when the service declines one of them."""
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "email": ["x@y" * 900, "y@z" * 900, "bad"]})
    with Declining() as service:
        service.report = lambda lines: ([{"index": 0, "message": "No."}], len(lines))
        client = apd.Client(service.key, service.url, state_directory=tmp_path)
        push = apd.push_users(frame, client=client, chunk_rows=1, wait=False, progress=False)
        with pytest.raises(apd.ValidationError, match="position 2"):
            push.wait(20)
        push = apd.resume(push.id, client=client, skip=[2], chunk_bytes=1_000, wait=False).wait(20)
        assert push.counts["refused"] == 3
        service.report = lambda _: (None, 0)
        service.takes = lambda record: record["user_id"] == "b"  # type: ignore[method-assign]
        again = push.retry(wait=False, progress=False)
        with pytest.raises(apd.ValidationError, match="position 0"):
            again.wait(20)
        again = apd.resume(again.id, client=client, skip=[0, 2], wait=False).wait(20)
        assert again.counts[["acknowledged", "refused"]].tolist() == [1, 2]
        assert service.applied()["b"] == 2


@pytest.mark.parametrize(
    ("status", "shape"),
    [
        (400, lambda place, _: {"detail": [{"loc": ["body", place, "email"], "msg": "no @", "type": "value_error"}]}),
        (400, lambda _, name: {"message": f"user {name}: no @"}),
        (422, lambda _, name: [{"user_id": name, "message": "no @"}]),
        (422, lambda place, _: {"error": {"code": "invalid", "param": f"users[{place}][email]", "message": "no @"}}),
    ],
)  # fmt: skip
def test_a_refusal_is_read_in_any_shape(status: int, shape: Any, tmp_path: Path) -> None:
    """As the reports of jobs are."""
    with Declining() as service:
        service.status, service.shape = status, shape  # type: ignore[misc]
        push, _ = pushed(service, tmp_path)
        assert push.errors["position"].tolist() == [5]
        assert "no @" in push.errors["message"][0]


def test_only_rows_that_are_still_to_be_sent_can_be_skipped(tmp_path: Path) -> None:
    """Nothing is changed by a position that is at the service already, or by what is none."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        with pytest.raises(apd.ValidationError, match="no row that is still to be sent is at position 0"):
            apd.resume(push.id, client=client, skip=[0, 5])
        with pytest.raises(apd.ValidationError, match="positions of rows, whole numbers"):
            apd.resume(push.id, client=client, skip=["l"])  # type: ignore[list-item]
        assert push.counts["pending"] == 4


def test_a_row_that_was_not_named_can_be_left_out_too(tmp_path: Path) -> None:
    """It is refused, and says by whom."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        last = apd.resume(push.id, client=client, skip=[5, 6, 7], wait=False).wait(20)
        assert last.errors[["position", "code"]].fillna("").to_dict("records")[1:] == [
            {"position": 6, "code": "skipped"}, {"position": 7, "code": "skipped"},
        ]  # fmt: skip
        assert last.counts["refused"] == 3
        assert service.applied() == dict.fromkeys("abc", 1)


@pytest.mark.parametrize("skips", [[[5], [7]], [[5, 6], [7]], [[5, 7]], [[5, 0], [5, 7]]], ids=str)
def test_outcomes_say_with_which_job_each_row_went(skips: list[list[int]], tmp_path: Path) -> None:
    """At every moment, also of rows that another row of their chunk held up."""
    with Declining() as service:
        push, client = pushed(service, tmp_path)
        for skip in skips:
            with contextlib.suppress(apd.ValidationError):
                push = apd.resume(push.id, client=client, skip=skip, wait=False)
                push.wait(20)
            table = push.outcomes
            assert table["outcome"].value_counts().to_dict() == push.counts.drop("input").to_dict()
            arrived = {json.loads(line)["user_id"]: job.job_id for job in service.jobs for line in job.lines}
            taken = table[table["outcome"] == "acknowledged"]
            assert dict(zip(taken["id"], taken["job_id"], strict=True)) == arrived
            chunks = push.jobs.set_index("chunk")["job_id"].to_dict()
            assert [chunks[number] for number in taken["chunk"]] == taken["job_id"].tolist()
        assert push.done
