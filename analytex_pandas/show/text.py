"""A push as plain text: its ``repr``, and what a terminal says at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analytex_pandas.show.grouping import group_errors
from analytex_pandas.show.markup import printable, shortened
from analytex_pandas.show.snapshot import Snapshot, take
from analytex_pandas.show.words import count

if TYPE_CHECKING:
    from analytex_pandas.show.grouping import ErrorGroup
    from analytex_pandas.show.shown import ShownPush

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
