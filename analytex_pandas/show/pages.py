"""A push as HTML and as text: one rendering, for the live panel, the saved notebook and the exported page.

An untrusted JupyterLab strips style sheets, SVG, roles and ARIA. So the markup is plain and says everything in words,
and ``standing_alone`` writes the few colours that it needs in place.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import harmless
from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors, groups_table
from analytex_pandas.show.markup import Markup, join, printable, standing_alone, tag, tag_if_any
from analytex_pandas.show.snapshot import Snapshot, sparkline, strip

if TYPE_CHECKING:
    from analytex_pandas.show.live import ShownPush
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


def push_bundle(push: ShownPush) -> dict[str, str]:
    """Return a push as it is now, as text and as HTML."""
    snapshot = Snapshot(push.state(), words.present())
    groups = group_errors(push.errors) if snapshot.refused else []
    # Plain strings: marimo's encoder refuses what only inherits from them.
    return {
        "text/plain": harmless(snapshot_text(snapshot, groups)),
        "text/html": str(snapshot_html(snapshot, groups)),
    }


def snapshot_html(snapshot: Snapshot, groups: list[ErrorGroup]) -> Markup:
    """Return a snapshot and its groups of errors as the page that a notebook keeps."""
    parts = list(sections(snapshot, large=False).values())
    if not snapshot.state.done:
        parts.append(tag("div", f"As of {snapshot.now:%Y-%m-%d %H:%M %Z}."))
        parts.append(tag("div", f"apd.resume({snapshot.state.id!r}) shows and continues it."))
    if groups:
        parts.append(groups_table(groups[:HTML_GROUPS]))
    more = words.and_more(len(groups) - HTML_GROUPS, "more kind", " of error in push.errors")
    return standing_alone(*parts, tag_if_any("div", more))


def snapshot_text(snapshot: Snapshot, groups: list[ErrorGroup]) -> str:
    """Return a snapshot and its groups of errors in a few lines: state, rows, time, what went wrong, what to do."""
    lines = [
        snapshot.rows_in_words,
        snapshot.left_out,
        snapshot.activity,
        snapshot.time_in_words,
        f"Stopped: {printable(snapshot.state.error)}" if snapshot.state.error else "",
        *map(str, groups[:TEXT_GROUPS]),
        words.and_more(len(groups) - TEXT_GROUPS, "more kind", " of error"),
        snapshot.hint,
    ]
    headline = f"Push {snapshot.state.id}: {snapshot.mark}, {snapshot.title}"
    return "\n  ".join([headline, *filter(None, lines)])


def sections(snapshot: Snapshot, *, large: bool) -> dict[str, Markup]:
    """Return a snapshot section by section, in the order of ``SECTIONS``.

    The last two say of every chunk what the others say of all: too `large` to be sent often, or to be saved.
    """
    shown = {
        "state": _state(snapshot),
        "bar": _bar(snapshot),
        "numbers": _numbers(snapshot),
        "pace": _pace(snapshot),
        "activity": tag_if_any("div", snapshot.activity),
    }
    if large:
        chunks = strip(snapshot.state.chunks)
        shown |= {"cells": _cells(chunks), "legend": _legend(chunks)}
    return shown


def _state(snapshot: Snapshot) -> Markup:
    """Return the state as a live region: read aloud when it changes, which is seldom."""
    state = snapshot.state
    stopped = tag("div", tag("b", "Stopped: "), state.error, class_="apd-trouble") if state.error else ""
    return tag(
        "div",
        tag("b", _marked(snapshot.mark)),
        f" · {snapshot.title} · push ",
        tag("code", state.id),
        stopped,
        tag_if_any("div", snapshot.hint),
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
            class_=f"apd-fill-{mark.tone}",
            style=f"width:{rows / snapshot.total * 100:.2f}%",
            title=mark.word,
        )
        for mark, rows in snapshot.segments.items()
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
    shown = [tag("span", tag("b", snapshot.percent), " done")]
    for mark, rows in snapshot.tiles.items():
        # seen only where no style sheet puts the tiles apart
        shown.append(tag("span", " · ", class_="apd-sep"))
        sign = tag("span", mark.character, class_=f"apd-{mark.tone}" if rows else None, aria_hidden="true")
        name = f"apd-{mark.word.replace(' ', '-')}"
        shown.append(tag("span", tag("b", words.number(rows)), " ", sign, f" {mark.word}", class_=name))
    return tag("div", *shown, class_="apd-numbers")


def _pace(snapshot: Snapshot) -> Markup:
    """Return pace, its history, time left and end, and what is not sent."""
    parts = [snapshot.time_in_words] if snapshot.time_in_words else []
    if snapshot.rates:
        title, blocks = "pace so far", sparkline(snapshot.rates)
        parts.append(tag("span", blocks, class_="apd-spark", title=title, aria_hidden="true"))
    if snapshot.left_out:
        parts.append(tag("div", snapshot.left_out))
    return tag("div", join(parts, " "))


def _cells(strip: Strip) -> Markup:
    """Return the strip: one cell a chunk, in tens. Its words are in the legend."""
    cells = {
        mark: tag("i", mark.character, class_="e" if mark is words.SOME_REFUSED else CELL_CLASSES[mark.tone])
        for mark in set(strip.cells)
    }
    tens = (strip.cells[at : at + CELLS_TOGETHER] for at in range(0, len(strip.cells), CELLS_TOGETHER))
    shown = (tag("span", *(cells[mark] for mark in ten)) for ten in tens)
    return tag("div", *shown, class_="apd-cells", aria_hidden="true")


def _legend(strip: Strip) -> Markup:
    """Return how many chunks bear which mark."""
    entries = [tag("span", _marked(mark), f" {words.number(chunks)}") for mark, chunks in strip.legend]
    if strip.chunks_per_cell > 1:
        entries.append(tag("span", f"each mark is {strip.chunks_per_cell} chunks"))
    return tag("div", tag("span", "Chunks:"), *entries, class_="apd-legend")
