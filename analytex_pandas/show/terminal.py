"""A push as text: its ``repr``, a bar in a terminal, a line now and then in the log of a script, both on stderr."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

from analytex_pandas.show.grouping import group_errors
from analytex_pandas.show.live import Feed
from analytex_pandas.show.markup import printable, shortened
from analytex_pandas.show.snapshot import Snapshot, take
from analytex_pandas.show.words import count

if TYPE_CHECKING:
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.show.grouping import ErrorGroup
    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

LINE_INTERVAL: Final = 30.0
"""Seconds between two lines in a log."""
BAR_FORMAT: Final = "{desc} {percentage:3.0f}%|{bar:20}| {unit}"
"""The line stands where tqdm has the unit: before its postfix it would put a comma."""


class Bar:
    """A tqdm bar that shows the snapshot's own numbers."""

    def __init__(self, stream: TextIO | None = None, *, disable: bool | None = None) -> None:
        from tqdm import tqdm  # only a terminal needs it

        # tqdm's own pace and time left would differ from those of the other displays: they are left out.
        self._bar = tqdm(
            total=1,
            file=stream or sys.stderr,
            disable=disable,
            dynamic_ncols=True,
            bar_format=BAR_FORMAT,
            mininterval=0,
            leave=True,
        )

    def draw(self, state: PushState, snapshot: Snapshot) -> None:  # noqa: ARG002  # a View
        bar = self._bar
        if bar.disable:
            return
        done = snapshot.total - snapshot.to_go + snapshot.processed
        bar.total, bar.n = (snapshot.total, done) if snapshot.total else (1, int(snapshot.done))
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

    def draw(self, state: PushState, snapshot: Snapshot) -> None:  # noqa: ARG002  # a View
        now = time.monotonic()
        if snapshot.done:
            if self._said_something:
                self._write(snapshot_text(snapshot, []))
        elif now - self._last >= self._interval:
            self._last = now
            self._said_something = True
            self._write(f"Push {snapshot.id}: {snapshot.mark}, {snapshot.percent}, {line(snapshot)}")

    def end(self) -> None:
        """Do nothing: no line is open."""

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


def line(snapshot: Snapshot) -> str:
    parts = (snapshot.rows_in_words, snapshot.time_in_words, printable(snapshot.activity))
    return " · ".join(part for part in parts if part)


def bar(push: ShownPush, stream: TextIO | None = None) -> Feed:
    """Show a push as a bar on a terminal (stderr by default); silent where it is none."""
    feed = Feed(push, Bar(stream))
    feed.start()
    return feed


def lines(push: ShownPush, stream: TextIO, *, always: bool = False) -> Feed:
    """Write a line about a push now and then."""
    feed = Feed(push, Lines(stream, always=always))
    feed.start()
    return feed


SHOWN_GROUPS: Final = 5


def push_text(push: ShownPush) -> str:
    """Return a push in a few lines: state, rows, time, what went wrong, what to do next."""
    snapshot = take(push.state(), datetime.now(UTC).astimezone())
    groups = group_errors(push.errors) if snapshot.refused else []
    return snapshot_text(snapshot, groups)


def snapshot_text(snapshot: Snapshot, groups: list[ErrorGroup]) -> str:
    """Return a snapshot and its groups of errors in a few lines."""
    lines = [f"Push {snapshot.id}: {snapshot.mark}, {snapshot.title}", f"  {snapshot.rows_in_words}"]
    lines += [f"  {line}" for line in (snapshot.left_out, snapshot.activity, snapshot.time_in_words) if line]
    if snapshot.error:
        lines.append(f"  Stopped: {printable(snapshot.error)}")
    lines += [f"  {group_text(group)}" for group in groups[:SHOWN_GROUPS]]
    if len(groups) > SHOWN_GROUPS:
        more = count(len(groups) - SHOWN_GROUPS, "more kind of error").replace("errors", "error")
        lines.append(f"  and {more}")
    if snapshot.hint:
        lines.append(f"  {snapshot.hint}")
    return "\n".join(lines)


def group_text(group: ErrorGroup) -> str:
    """Return a group of errors in one line."""
    about = f"{group.property}: " if group.property else ""
    more = "" if group.count <= len(group.first) else ", …"
    message = group.message or group.code or "no message"
    return f"✕ {group.count:,}: {shortened(about + message, 600)} (rows {', '.join(group.first)}{more})"
