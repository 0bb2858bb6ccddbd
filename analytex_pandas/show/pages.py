"""A push as HTML: what is saved, exported, and shown where no widget runs; and the pieces of a live panel.

An untrusted JupyterLab strips style sheets, SVG, roles and ARIA, so a page is plain tables with words, and colours
written out in place that never carry meaning alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors
from analytex_pandas.show.markup import Markup, escape, join, shortened, table, tag
from analytex_pandas.show.snapshot import Snapshot, take
from analytex_pandas.show.words import SOME_REFUSED

if TYPE_CHECKING:
    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot, Strip
    from analytex_pandas.show.words import Mark

SHOWN_GROUPS: Final = 8
STYLE: Final = Markup(f"<style>\n{files(__package__).joinpath('style.css').read_text('utf-8')}</style>")
"""The style sheet of the live panels."""
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


CELLS_TOGETHER: Final = 10
CELL_CLASSES: Final = {"ok": "o", "bad": "b", "warn": "w", "busy": "u", "idle": None}
"""One letter each: a strip has up to a thousand cells."""


def marked(mark: Mark) -> Markup:
    """Return a mark in its colour, with its word."""
    return join((tag("span", mark.character, class_=f"apd-{mark.tone}", aria_hidden="true"), " ", mark.word))


def state_line(snapshot: Snapshot) -> Markup:
    """Return the state as a live region: read aloud when it changes, which is seldom."""
    trouble = tag("div", tag("b", "Stopped: "), snapshot.error, class_="apd-trouble")
    return tag(
        "div",
        tag("b", marked(snapshot.mark)),
        f" · {snapshot.title} · push ",
        tag("code", snapshot.id),
        trouble if snapshot.error else Markup(""),
        tag("div", snapshot.hint) if snapshot.hint else Markup(""),
        class_="apd-state",
        role="status",
    )


def bar(snapshot: Snapshot) -> Markup:
    stretches = (
        tag(
            "span",
            class_=f"apd-{segment.tone}",
            style=f"width:{segment.share * 100:.2f}%",
            title=segment.word,
        )
        for segment in snapshot.segments
    )
    return tag(
        "div",
        *stretches,
        class_="apd-track",
        role="progressbar",
        aria_label="Rows done",
        aria_valuemin="0",
        aria_valuemax="100",
        aria_valuenow=f"{int(snapshot.share * 1000) / 10:g}",
        aria_valuetext=f"{snapshot.percent}: {snapshot.rows_in_words}",
    )


def numbers(snapshot: Snapshot) -> Markup:
    tiles = [
        (snapshot.acknowledged, "✓", "ok", "acknowledged"),
        (snapshot.refused, "✕", "bad", "refused"),
        (snapshot.unknown, "?", "warn", "unknown"),
        (snapshot.to_go, "○", "idle", "to go"),
    ]
    shown = [
        tag(
            "span",
            tag("b", words.number(rows)),
            " ",
            tag("span", character, class_=f"apd-{tone}" if rows else None, aria_hidden="true"),
            f" {word}",
            class_=f"apd-{word.replace(' ', '-')}",
        )
        for rows, character, tone, word in tiles
    ]
    done = tag("span", tag("b", snapshot.percent), " done")
    return tag("div", done, *shown, class_="apd-numbers")


def pace(snapshot: Snapshot) -> Markup:
    """Return pace, its history, time left and end."""
    parts: list[Markup] = []
    if snapshot.time_in_words:
        parts.append(escape(snapshot.time_in_words))
    if snapshot.sparkline:
        parts.append(
            tag("span", snapshot.sparkline, class_="apd-spark", title="pace so far", aria_hidden="true")
        )
    if snapshot.left_out:
        parts.append(tag("div", snapshot.left_out))
    return tag("div", join(parts, " "))


def cells(strip: Strip) -> Markup:
    """Return the strip: one cell a chunk, in tens. Its words are in the legend."""
    groups = (strip.cells[at : at + CELLS_TOGETHER] for at in range(0, len(strip.cells), CELLS_TOGETHER))
    shown = (tag("span", *(_cell(mark) for mark in group)) for group in groups)
    return tag("div", *shown, class_="apd-cells", aria_hidden="true")


def _cell(mark: Mark) -> Markup:
    # Made by hand: a strip of a thousand is renewed while a push runs, and every part of it is a constant.
    known = "e" if mark is SOME_REFUSED else CELL_CLASSES[mark.tone]
    return Markup(f'<i class="{known}">{mark.character}</i>' if known else f"<i>{mark.character}</i>")


def legend(strip: Strip) -> Markup:
    """Return how many chunks bear which mark."""
    entries = [tag("span", marked(mark), f" {words.number(chunks)}") for mark, chunks in strip.legend]
    if strip.chunks_per_cell > 1:
        entries.append(tag("span", f"each mark is {strip.chunks_per_cell} chunks"))
    return tag("div", tag("span", "Chunks:"), *entries, class_="apd-legend")
