"""A push in a terminal (a tqdm bar) and in the log of a script (a line now and then)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TextIO

from analytex_pandas.show.markup import printable
from analytex_pandas.show.pages import snapshot_text

if TYPE_CHECKING:
    from analytex_pandas.show.snapshot import Snapshot

LINE_INTERVAL: Final = 30.0
"""Seconds between two lines in a log."""
BAR_FORMAT: Final = "{desc} {percentage:3.0f}%|{bar:20}| {unit}"
"""The line stands where tqdm has the unit: before its postfix it would put a comma."""


class Bar:
    """A tqdm bar that shows the snapshot's own numbers; silent where the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm  # only a terminal needs it

        # tqdm's own pace and time left would differ from those of the other displays: they are left out.
        self._bar = tqdm(
            total=1, file=stream, disable=None, dynamic_ncols=True, bar_format=BAR_FORMAT, mininterval=0
        )
        self.end = self._bar.close

    def draw(self, snapshot: Snapshot) -> None:
        bar = self._bar
        if bar.disable:
            return
        if snapshot.total:
            bar.total, bar.n = snapshot.total, snapshot.rows_done
        else:
            bar.n = int(snapshot.state.done)
        bar.set_description_str(f"{snapshot.mark}", refresh=False)
        bar.unit = line(snapshot)
        bar.refresh()


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
            if not self._said_something:
                return
            text = snapshot_text(snapshot, [])
        else:
            if now - self._last < self._interval:
                return
            text = f"Push {snapshot.state.id}: {snapshot.mark}, {snapshot.percent}, {line(snapshot)}"
        self._last = now
        self._said_something = True
        self._stream.write(f"{text}\n")
        self._stream.flush()


def line(snapshot: Snapshot) -> str:
    parts = (snapshot.rows_in_words, snapshot.time_in_words, printable(snapshot.activity))
    return " · ".join(filter(None, parts))
