"""What carries a push to its displays, and keeps their failures from it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from analytex_pandas.show.live import Feed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.show.snapshot import Snapshot


class Album:
    """A view that keeps the pictures it is given."""

    def __init__(self) -> None:
        self.shots = []
        self.arrived = threading.Condition()
        self.ended = False

    def draw(self, _: PushState, snapshot: Snapshot) -> None:
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
    feed = Feed(work.push, album)
    feed.start()
    assert album.shots[0].processed == 10
    work.show(state([make_chunk(1, "processing", completed_rows=70)]))
    album.until(lambda shot: shot.processed == 70)
    work.show(state([make_chunk(1, "completed")], status="completed"))
    assert feed.finish(10)
    assert album.shots[-1].done
    assert album.ended


def test_a_push_that_is_over_is_drawn_once_without_a_thread(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A finished push that is displayed again costs nothing."""
    album = Album()
    before = threading.active_count()
    feed = Feed(steered(state([make_chunk(1, "completed")], status="completed")).push, album)
    feed.start()
    assert threading.active_count() == before
    assert len(album.shots) == 1
    assert feed.finish(0)


def test_a_display_of_a_push_that_goes_on_can_be_ended(
    steered: Callable[..., Any], state: Callable[..., PushState]
) -> None:
    """After Ctrl-C the bar is closed and the prompt comes back, though the push runs on."""
    work, album = steered(state()), Album()
    feed = Feed(work.push, album)
    feed.start()
    assert feed.finish(10)
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
        def draw(self, state: PushState, snapshot: Snapshot) -> None:
            super().draw(state, snapshot)
            raise LookupError("no parent header in this context")

    work, view = steered(state()), Broken()
    feed = Feed(work.push, view)
    with caplog.at_level(logging.DEBUG, "analytex_pandas"):
        feed.start()
        work.show(state([make_chunk(1, "processing", completed_rows=70)]))
        view.until(lambda shot: shot.processed == 70)
        work.show(state([make_chunk(1, "completed")], status="completed"))
        assert feed.finish(10)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert len(view.shots) >= 2
    assert view.ended


def test_many_changes_make_few_pictures(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A push that changes a thousand times in a moment is not drawn a thousand times."""
    work, album = steered(state()), Album()
    feed = Feed(work.push, album)
    feed.start()
    for rows in range(1_000):
        work.show(state([make_chunk(1, "processing", rows=1_000, completed_rows=rows)]))
    work.show(state([make_chunk(1, "completed", rows=1_000)], status="completed"))
    assert feed.finish(10)
    assert len(album.shots) < 100
    assert album.shots[-1].acknowledged == 1_000
