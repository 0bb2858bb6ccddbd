"""The pieces of a live panel as HTML: pure functions of a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytex_pandas.show import words
from analytex_pandas.show.marks import SOME_REFUSED
from analytex_pandas.show.markup import Markup, escape, join, tag

if TYPE_CHECKING:
    from analytex_pandas.show.chunks import Strip
    from analytex_pandas.show.marks import Mark
    from analytex_pandas.show.snapshot import Snapshot

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
