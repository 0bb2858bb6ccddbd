"""A push as HTML and as text: one rendering, for the live panel, the saved notebook and the exported page.

An untrusted JupyterLab strips style sheets, SVG, roles and ARIA. So the markup is plain and says everything in words,
and ``standing_alone`` writes the few colours that it needs in place.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, first_rows, group_errors
from analytex_pandas.show.live import present
from analytex_pandas.show.markup import Markup, join, printable, shortened, standing_alone, table, tag
from analytex_pandas.show.snapshot import Snapshot
from analytex_pandas.show.words import SOME_REFUSED

if TYPE_CHECKING:
    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Strip
    from analytex_pandas.show.words import Mark

STYLE: Final = Markup(f"<style>\n{files(__package__).joinpath('style.css').read_text('utf-8')}</style>")
"""The style sheet of the live panels."""
SECTIONS: Final = ("state", "bar", "numbers", "pace", "activity", "cells", "legend")
HTML_GROUPS: Final = 8
TEXT_GROUPS: Final = 5
CELLS_TOGETHER: Final = 10
CELL_CLASSES: Final = {"ok": "o", "bad": "b", "warn": "w", "busy": "u", "idle": None}
"""One letter each: a strip has up to a thousand cells."""
NOTHING: Final = Markup("")


def sections(snapshot: Snapshot, *, large: bool) -> dict[str, Markup]:
    """Return a snapshot section by section, in the order of ``SECTIONS``.

    The last two say of every chunk what the others say of all: too `large` to be sent often, or to be saved.
    """
    shown = {
        "state": _state(snapshot),
        "bar": _bar(snapshot),
        "numbers": _numbers(snapshot),
        "pace": _pace(snapshot),
        "activity": tag("div", snapshot.activity) if snapshot.activity else NOTHING,
    }
    return shown | {"cells": _cells(snapshot.strip), "legend": _legend(snapshot.strip)} if large else shown


def push_bundle(push: ShownPush) -> dict[str, str]:
    """Return a push as it is now, as text and as HTML."""
    snapshot, groups = _seen(push)
    # Plain strings: marimo's encoder refuses what only inherits from them.
    return {"text/plain": snapshot_text(snapshot, groups), "text/html": str(snapshot_html(snapshot, groups))}


def push_text(push: ShownPush) -> str:
    """Return a push in a few lines: state, rows, time, what went wrong, what to do next."""
    return snapshot_text(*_seen(push))


def _seen(push: ShownPush) -> tuple[Snapshot, list[ErrorGroup]]:
    snapshot = Snapshot(push.state(), present())
    return snapshot, group_errors(push.errors) if snapshot.refused else []


def snapshot_html(snapshot: Snapshot, groups: list[ErrorGroup]) -> Markup:
    """Return a snapshot and its groups of errors as the page that a notebook keeps."""
    parts = list(sections(snapshot, large=False).values())
    if not snapshot.state.done:
        parts.append(tag("div", f"As of {words.moment_in_full(snapshot.now)}."))
        parts.append(tag("div", f"apd.resume({snapshot.state.id!r}) shows and continues it."))
    if groups:
        parts.append(groups_table(groups[:HTML_GROUPS]))
    if len(groups) > HTML_GROUPS:
        parts.append(tag("div", f"and {len(groups) - HTML_GROUPS:,} more kinds of error in push.errors"))
    return standing_alone(*parts)


def snapshot_text(snapshot: Snapshot, groups: list[ErrorGroup]) -> str:
    """Return a snapshot and its groups of errors in a few lines."""
    lines = [f"Push {snapshot.state.id}: {snapshot.mark}, {snapshot.title}", f"  {snapshot.rows_in_words}"]
    lines += [f"  {line}" for line in (snapshot.left_out, snapshot.activity, snapshot.time_in_words) if line]
    if snapshot.state.error:
        lines.append(f"  Stopped: {printable(snapshot.state.error)}")
    lines += [f"  {group_text(group)}" for group in groups[:TEXT_GROUPS]]
    if len(groups) > TEXT_GROUPS:
        more = len(groups) - TEXT_GROUPS
        lines.append(f"  and {words.count(more, 'more kind')} of error")
    if snapshot.hint:
        lines.append(f"  {snapshot.hint}")
    return "\n".join(lines)


def groups_table(groups: list[ErrorGroup]) -> Markup:
    lines = [
        (
            words.number(group.count),
            shortened(group.message, 300) or "no message",
            group.property,
            group.code,
            first_rows(group),
        )
        for group in groups
    ]
    headers = ("Errors", "Message", "Property", "Code", "First rows")
    return table(headers, lines, numeric=("Errors",), caption="Refused by the service")


def group_text(group: ErrorGroup) -> str:
    """Return a group of errors in one line."""
    about = f"{group.property}: " if group.property else ""
    message = group.message or group.code or "no message"
    return f"✕ {group.count:,}: {shortened(about + message, 600)} (rows {first_rows(group)})"


def _state(snapshot: Snapshot) -> Markup:
    """Return the state as a live region: read aloud when it changes, which is seldom."""
    state = snapshot.state
    return tag(
        "div",
        tag("b", _marked(snapshot.mark)),
        f" · {snapshot.title} · push ",
        tag("code", state.id),
        tag("div", tag("b", "Stopped: "), state.error, class_="apd-trouble") if state.error else NOTHING,
        tag("div", snapshot.hint) if snapshot.hint else NOTHING,
        class_="apd-state",
        role="status",
    )


def _marked(mark: Mark) -> Markup:
    """Return a mark in its colour, with its word."""
    return join((tag("span", mark.character, class_=f"apd-{mark.tone}", aria_hidden="true"), " ", mark.word))


def _bar(snapshot: Snapshot) -> Markup:
    stretches = (
        tag(
            "span",
            class_=f"apd-fill-{segment.tone}",
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


def _numbers(snapshot: Snapshot) -> Markup:
    tiles = [
        (snapshot.acknowledged, "✓", "ok", "acknowledged"),
        (snapshot.refused, "✕", "bad", "refused"),
        (snapshot.unknown, "?", "warn", "unknown"),
        (snapshot.to_go, "○", "idle", "to go"),
    ]
    shown = [tag("span", tag("b", snapshot.percent), " done")]
    for rows, character, tone, word in tiles:
        # seen only where no style sheet puts the tiles apart
        shown.append(tag("span", " · ", class_="apd-sep"))
        mark = tag("span", character, class_=f"apd-{tone}" if rows else None, aria_hidden="true")
        name = f"apd-{word.replace(' ', '-')}"
        shown.append(tag("span", tag("b", words.number(rows)), " ", mark, f" {word}", class_=name))
    return tag("div", *shown, class_="apd-numbers")


def _pace(snapshot: Snapshot) -> Markup:
    """Return pace, its history, time left and end, and what is not sent."""
    parts = [snapshot.time_in_words] if snapshot.time_in_words else []
    if snapshot.rates:
        title = "pace so far"
        parts.append(tag("span", snapshot.sparkline, class_="apd-spark", title=title, aria_hidden="true"))
    if snapshot.left_out:
        parts.append(tag("div", snapshot.left_out))
    return tag("div", join(parts, " "))


def _cells(strip: Strip) -> Markup:
    """Return the strip: one cell a chunk, in tens. Its words are in the legend."""
    groups = (strip.cells[at : at + CELLS_TOGETHER] for at in range(0, len(strip.cells), CELLS_TOGETHER))
    shown = (tag("span", *(_cell(mark) for mark in group)) for group in groups)
    return tag("div", *shown, class_="apd-cells", aria_hidden="true")


def _cell(mark: Mark) -> Markup:
    # Made by hand: a strip of a thousand is renewed while a push runs, and every part of it is a constant.
    known = "e" if mark is SOME_REFUSED else CELL_CLASSES[mark.tone]
    return Markup(f'<i class="{known}">{mark.character}</i>' if known else f"<i>{mark.character}</i>")


def _legend(strip: Strip) -> Markup:
    """Return how many chunks bear which mark."""
    entries = [tag("span", _marked(mark), f" {words.number(chunks)}") for mark, chunks in strip.legend]
    if strip.chunks_per_cell > 1:
        entries.append(tag("span", f"each mark is {strip.chunks_per_cell} chunks"))
    return tag("div", tag("span", "Chunks:"), *entries, class_="apd-legend")
