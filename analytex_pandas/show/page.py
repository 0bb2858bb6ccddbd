"""A push as static HTML: what stays in a saved notebook, an exported page, and where no widget runs.

An untrusted JupyterLab strips style sheets, SVG, roles and ARIA, so it is plain tables with words, and
colours written out in place that never carry meaning alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors
from analytex_pandas.show.markup import Markup, join, shortened, tag
from analytex_pandas.show.snapshot import Snapshot, take
from analytex_pandas.show.tables import table

if TYPE_CHECKING:
    from analytex_pandas.show.shown import ShownPush

SHOWN_GROUPS: Final = 8
SEGMENT_COLOURS: Final = {
    "ok": "#0b6e99",
    "bad": "#b3261e",
    "warn": "#b7791f",
    "busy": "#7fb4cb",
    "idle": "#999",
}


def push_html(push: ShownPush) -> Markup:
    now = datetime.now(UTC).astimezone()
    state = push.state()
    groups = group_errors(push.errors) if state.counts["refused"] else []
    return snapshot_html(take(state, now), groups, now)


def snapshot_html(snapshot: Snapshot, groups: list[ErrorGroup], now: datetime) -> Markup:
    """Return a snapshot and its groups of errors as static HTML."""
    parts = [
        tag("p", tag("strong", f"{snapshot.mark}"), f" · {snapshot.title} · push ", tag("code", snapshot.id)),
        static_bar(snapshot),
        static_numbers(snapshot),
    ]
    notes = [snapshot.left_out]
    if not snapshot.done:
        notes += [snapshot.activity, f"As of {words.moment_in_full(now)}."]
        notes += [f"apd.resume({snapshot.id!r}) shows and continues it."]
    parts += [tag("p", note) for note in notes if note]
    if snapshot.error:
        parts.append(tag("p", tag("strong", "Stopped: "), snapshot.error))
    if groups:
        parts.append(groups_table(groups[:SHOWN_GROUPS], styled=True))
        if len(groups) > SHOWN_GROUPS:
            parts.append(tag("p", f"and {len(groups) - SHOWN_GROUPS:,} more kinds of error in push.errors"))
    if snapshot.hint:
        parts.append(tag("p", snapshot.hint))
    return tag("div", *parts, class_="apd-static")


def static_bar(snapshot: Snapshot) -> Markup:
    """Return the bar as coloured stretches; the words are in the table below it."""
    stretches = (
        tag(
            "div",
            style=f"background-color:{SEGMENT_COLOURS[segment.tone]};width:{segment.share:.2%};"
            "min-width:2px;height:10px;float:left",
        )
        for segment in snapshot.segments
    )
    return tag(
        "div", *stretches, style="background-color:#dddddd;height:10px;max-width:640px;overflow:hidden"
    )


def static_numbers(snapshot: Snapshot) -> Markup:
    cells = {
        "Acknowledged": words.number(snapshot.acknowledged),
        "Refused": words.number(snapshot.refused),
        "Unknown": words.number(snapshot.unknown),
        "To go": words.number(snapshot.to_go),
    }
    cells["Done"] = snapshot.percent
    if snapshot.time_in_words:
        cells["Time"] = snapshot.time_in_words
    return table(list(cells), [list(cells.values())], caption="Rows", styled=True)


def groups_table(groups: list[ErrorGroup], *, styled: bool = False) -> Markup:
    lines = [
        (
            words.number(group.count),
            shortened(group.message, 300) or "no message",
            group.property,
            group.code,
            join((*group.first, "…") if group.count > len(group.first) else group.first, ", "),
        )
        for group in groups
    ]
    headers = ("Errors", "Message", "Property", "Code", "First rows")
    return table(headers, lines, numeric=("Errors",), caption="Refused by the service", styled=styled)
