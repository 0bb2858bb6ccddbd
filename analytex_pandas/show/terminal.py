"""A push in a terminal (a tqdm bar) and in the log of a script (a line now and then), both on stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

from analytex_pandas.show.live import Live, follow
from analytex_pandas.show.markup import printable
from analytex_pandas.show.pages import snapshot_text

if TYPE_CHECKING:
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

LINE_INTERVAL: Final = 30.0
"""Seconds between two lines in a log."""
BAR_FORMAT: Final = "{desc} {percentage:3.0f}%|{bar:20}| {unit}"
"""The line stands where tqdm has the unit: before its postfix it would put a comma."""


class Bar:
    """A tqdm bar that shows the snapshot's own numbers."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm import tqdm  # only a terminal needs it

        # tqdm's own pace and time left would differ from those of the other displays: they are left out.
        self._bar = tqdm(
            total=1,
            file=stream or sys.stderr,
            disable=None,
            dynamic_ncols=True,
            bar_format=BAR_FORMAT,
            mininterval=0,
            leave=True,
        )

    def draw(self, snapshot: Snapshot) -> None:
        bar = self._bar
        if bar.disable:
            return
        done = snapshot.total - snapshot.to_go + snapshot.processed
        bar.total, bar.n = (snapshot.total, done) if snapshot.total else (1, int(snapshot.state.done))
        bar.set_description_str(f"{snapshot.mark}", refresh=False)
        bar.unit = line(snapshot)
        bar.refresh()

    def end(self) -> None:
        self._bar.close()


class Lines:
    """A line now and then, for logs: at most one every ``LINE_INTERVAL`` seconds, and one at the end.

    A push that is over before the first line is due says nothing, unless it was asked to.
    """

    def __init__(self, stream: TextIO, *, always: bool = False, interval: float = LINE_INTERVAL) -> None:
        self._stream = stream
        self._interval = interval
        self._said_something = always
        self._last = float("-inf") if always else time.monotonic()

    def draw(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if snapshot.state.done:
            if self._said_something:
                self._write(snapshot_text(snapshot, []))
        elif now - self._last >= self._interval:
            self._last = now
            self._said_something = True
            self._write(f"Push {snapshot.state.id}: {snapshot.mark}, {snapshot.percent}, {line(snapshot)}")

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


def line(snapshot: Snapshot) -> str:
    parts = (snapshot.rows_in_words, snapshot.time_in_words, printable(snapshot.activity))
    return " · ".join(part for part in parts if part)


def bar(push: ShownPush, stream: TextIO | None = None) -> Live[PushState]:
    """Show a push as a bar on a terminal (stderr by default); silent where it is none."""
    shown = Bar(stream)
    live = follow(push, shown.draw, ended=shown.end)
    live.begin()
    return live


def lines(push: ShownPush, stream: TextIO, *, always: bool = False) -> Live[PushState]:
    """Write a line about a push now and then."""
    live = follow(push, Lines(stream, always=always).draw)
    live.begin()
    return live
