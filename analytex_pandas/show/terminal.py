"""A push, and a plan that takes long, in a terminal and in a log: what matters most comes first in a line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, TextIO

from analytex_pandas.errors import logger_of
from analytex_pandas.show import words
from analytex_pandas.show.markup import printable
from analytex_pandas.show.pages import snapshot_text
from analytex_pandas.show.snapshot import Snapshot, time_slot

LINE_INTERVAL: Final = 30.0
"""Seconds between two lines in a log while nothing changes."""
BAR_FORMAT: Final = "{desc} {percentage:3.0f}%|{bar:10}| {unit}"
"""The line stands where tqdm has the unit: before its postfix it would put a comma."""

logger = logger_of("analytex_pandas")


def bar(**options: Any) -> Any:
    """Return a tqdm bar that is silent where its stream is no terminal."""
    from tqdm import tqdm  # only a terminal needs it

    class Bar(tqdm):  # type: ignore[type-arg]  # older ones take no parameter
        # its thread waits at the end of the process, for ever where an older tqdm could not write
        monitor_interval = 0

    return Bar(disable=None, dynamic_ncols=True, **options)


class PushBar:
    """A push as a tqdm bar that shows the snapshot's own numbers; silent where the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        # tqdm's own pace and time left would differ from those of the other displays: they are left out.
        self._bar = bar(file=stream, total=1, bar_format=BAR_FORMAT, mininterval=0, unit="")
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


class PushLines:
    """A push as lines: the first, one at each change of its status, one every ``LINE_INTERVAL`` seconds, the end.

    `write` gets each line; a push that is over within `patience` seconds has none.
    """

    def __init__(
        self, write: Callable[[str], object], *, patience: float = 0.0, interval: float = LINE_INTERVAL
    ) -> None:
        self._write = write
        self._interval = interval
        self._due = time.monotonic() + patience
        self._status = ""

    def draw(self, snapshot: Snapshot) -> None:
        state, now = snapshot.state, time.monotonic()
        changed = self._status not in ("", snapshot.mode)
        if not changed and now < self._due:
            return
        self._status, self._due = snapshot.mode, now + self._interval
        brief = f"Push {state.id}: {snapshot.mark}, {snapshot.percent}, {line(snapshot)}"
        self._write(snapshot_text(snapshot, []) if state.done else brief)


def log_lines() -> PushLines | None:
    """Return what tells a log of a push on its way; None where nobody would read it."""
    return PushLines(logger.info) if logger.isEnabledFor(logging.INFO) else None


def stream_lines(stream: TextIO, *, patience: float) -> PushLines:
    """Return what tells of a push on a stream that is no terminal, with the time."""

    def write(text: str) -> None:
        stream.write(f"{words.present():%Y-%m-%d %H:%M:%S} {text}\n")
        stream.flush()

    return PushLines(write, patience=patience)


def line(snapshot: Snapshot) -> str:
    """Return the time that matters now, pace, rows, activity: where a terminal is narrow, the last of them are cut."""
    times = [snapshot.time_in_words] if snapshot.state.done else ["".join(time_slot(snapshot)), snapshot.pace]
    return " · ".join(filter(None, (*times, snapshot.rows_in_words, printable(snapshot.activity))))


class PlanBar:
    """How far a plan is, as a tqdm bar on stderr; none where that is no terminal."""

    def __init__(self, total: int | None) -> None:
        self._bar = bar(total=total, desc="planning", unit=" rows", unit_scale=True, leave=False)
        self.end = self._bar.close

    def draw(self, done: int) -> None:
        self._bar.update(done - self._bar.n)
