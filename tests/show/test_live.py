"""What carries a push to its displays, and keeps their failures from it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from analytex_pandas.errors import TransportError
from analytex_pandas.show.live import Live, follow

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.errors import AnalytexError
    from analytex_pandas.show.snapshot import Snapshot


class Album:
    """A view that keeps the pictures it is given."""

    def __init__(self) -> None:
        self.shots = []
        self.arrived = threading.Condition()
        self.ended = False

    def draw(self, snapshot: Snapshot) -> None:
        with self.arrived:
            self.shots.append(snapshot)
            self.arrived.notify_all()

    def end(self) -> None:
        self.ended = True

    def until(self, wanted: Callable[[Snapshot], bool]) -> None:
        """Wait until a picture is as wanted."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: any(map(wanted, self.shots)), 10)


def test_the_first_picture_is_there_at_once_and_the_last_one_comes(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A display that is opened late shows the present, and one that is left open shows the end."""
    work = steered(state([make_chunk(1, "processing", completed_rows=10)]))
    album = Album()
    live = follow(work.push, album.draw, ended=album.end)
    live.begin()
    assert album.shots[0].processed == 10
    work.show(state([make_chunk(1, "processing", completed_rows=70)]))
    album.until(lambda shot: shot.processed == 70)
    work.show(state([make_chunk(1, "completed")], status="completed"))
    assert live.finish(10)
    assert album.shots[-1].state.done
    assert album.ended


def test_a_push_that_is_over_is_drawn_once_without_a_thread(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A finished push that is displayed again costs nothing."""
    album = Album()
    before = threading.active_count()
    live = follow(
        steered(state([make_chunk(1, "completed")], status="completed")).push, album.draw, ended=album.end
    )
    live.begin()
    assert threading.active_count() == before
    assert len(album.shots) == 1
    assert live.finish(0)


def test_a_display_of_a_push_that_goes_on_can_be_ended(
    steered: Callable[..., Any], state: Callable[..., PushState]
) -> None:
    """After Ctrl-C the bar is closed and the prompt comes back, though the push runs on."""
    work, album = steered(state()), Album()
    live = follow(work.push, album.draw, ended=album.end)
    live.begin()
    assert live.finish(10)
    assert album.ended
    assert not work.push.done


def test_a_view_that_fails_is_reported_once_and_harms_nobody(
    steered: Callable[..., Any],
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A broken widget must not stop a night's push, nor fill its log."""

    class Broken(Album):
        def draw(self, snapshot: Snapshot) -> None:
            super().draw(snapshot)
            raise LookupError("no parent header in this context")

    work, view = steered(state()), Broken()
    live = follow(work.push, view.draw, ended=view.end)
    with caplog.at_level(logging.DEBUG, "analytex_pandas"):
        live.begin()
        work.show(state([make_chunk(1, "processing", completed_rows=70)]))
        view.until(lambda shot: shot.processed == 70)
        work.show(state([make_chunk(1, "completed")], status="completed"))
        assert live.finish(10)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert len(view.shots) >= 2
    assert view.ended


def test_many_changes_make_few_pictures(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A push that changes a thousand times in a moment is not drawn a thousand times."""
    work, album = steered(state()), Album()
    live = follow(work.push, album.draw, ended=album.end)
    live.begin()
    for rows in range(1_000):
        work.show(state([make_chunk(1, "processing", rows=1_000, completed_rows=rows)]))
    work.show(state([make_chunk(1, "completed", rows=1_000)], status="completed"))
    assert live.finish(10)
    assert len(album.shots) < 100
    assert album.shots[-1].acknowledged == 1_000


def test_a_service_that_is_watched_can_be_let_go_and_watched_again(caplog: pytest.LogCaptureFixture) -> None:
    """And a display that fails does not end it, only the user does."""
    looked, ended = threading.Semaphore(0), threading.Semaphore(0)

    def broken(_: int) -> None:
        looked.release()
        raise LookupError("no parent")

    live = Live("the account's jobs", lambda: 1, broken, lambda _: 60.0, ended=ended.release)
    for _ in range(2):
        live.start()
        assert looked.acquire(timeout=10)
        live.stop()
        assert ended.acquire(timeout=10)
    assert "display of the account's jobs failed" in caplog.text


def test_a_silent_service_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has troubles enough; the first answer brings the usual pace back."""
    rests: list[float] = []

    def look() -> int:
        if len(rests) < 7:
            raise TransportError("silent")
        return 1

    class Waking(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout or 0.0)
            return self.is_set()

    told: list[AnalytexError] = []
    ended = threading.Event()
    live = Live(
        "a job",
        look,
        lambda _: None,
        lambda _: None if len(rests) > 8 else 3.0,
        unseen=told.append,
        ended=ended.set,
    )
    monkeypatch.setattr(live, "_wake", Waking())
    live.start()
    assert ended.wait(10)
    assert rests[:7] == [6.0, 12.0, 24.0, 48.0, 96.0, 120.0, 120.0]
    assert rests[7] == 3.0
    assert len(told) == 7
