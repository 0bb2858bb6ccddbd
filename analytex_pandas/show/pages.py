"""A push as HTML and as text: one rendering, for the live panel, the saved notebook and the exported page.

An untrusted JupyterLab strips style sheets, SVG, roles and ARIA. So the markup says everything in words, in lists and
tables, and has the few colours that it needs in place; the style sheet overrides them where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from analytex_pandas.errors import harmless
from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors, groups_table
from analytex_pandas.show.live import ShownPush
from analytex_pandas.show.markup import Markup, datum, join, printable, prose, standing_alone, tag, tag_if_any
from analytex_pandas.show.messages import Message, message
from analytex_pandas.show.snapshot import Snapshot, strip, time_slot
from analytex_pandas.show.words import Mark

SHOWN_GROUPS: Final = {"live": 3, "saved": 8, "text": 5}
"""Reasons that are shown; a panel has the others on demand."""
CELLS_TOGETHER: Final = 10
FEW_CELLS: Final = 60
"""Chunks up to which the squares are large."""
FILLS: Final = {
    "✓": "ack",
    "✕": "ref",
    "?": "unk",
    "!": "err",
    "◔": "due",
    "↑": "svc",
    "↻": "unk",
    "○": "rest",
    "⊘": "rest",
}
"""The fill of a mark, by its character: bar, tiles, squares and legend share it."""
TONES: Final = {"busy": "ok"}
CALLS: Final = re.compile(r"(apd|push)\.\w+(\([^)]*\))?")
"""Code in a hint."""
SEPARATOR: Final = tag("i", " · ", class_="apd-sep")
"""Seen only where no style sheet puts things apart."""


def push_bundle(push: ShownPush) -> dict[str, str]:
    """Return a push as it is now, as text and as HTML."""
    snapshot = Snapshot(push.state(), words.present())
    groups = group_errors(push.refusals) if snapshot.refused else []
    # Plain strings: marimo's encoder refuses what only inherits from them.
    return {
        "text/plain": harmless(snapshot_text(snapshot, groups)),
        "text/html": str(snapshot_html(snapshot, groups)),
    }


def snapshot_html(snapshot: Snapshot, groups: list[ErrorGroup]) -> Markup:
    """Return a snapshot and its groups of errors as the page that a notebook keeps."""
    return standing_alone(head(snapshot), body(snapshot, groups, saved=True))


def snapshot_text(snapshot: Snapshot, groups: list[ErrorGroup]) -> str:
    """Return a snapshot and its groups of errors in a few lines: state, what to know, rows, time, what to do."""
    most, said = SHOWN_GROUPS["text"], message(snapshot)
    stopped = "Stopped: " if snapshot.state.status == "failed" else ""
    lines = [
        *((f"{stopped}{said.headline}", said.small, said.sentence.replace("`", "")) if said else ()),
        *(f"{name}: {fact}" for name, fact in (said.facts.items() if said else ())),
        "" if said else snapshot.activity,
        snapshot.rows_in_words,
        f"{words.number(snapshot.processed)} of these processed, not answered for yet"
        if snapshot.processed
        else "",
        snapshot.left_out,
        snapshot.time_in_words,
        *map(str, groups[:most]),
        words.and_more(len(groups) - most, "more kind", " of error"),
        snapshot.hint,
    ]
    origin = f"{printable(snapshot.origin)} → " if snapshot.origin else ""
    headline = f"Push {snapshot.state.id}: {snapshot.mark}, {origin}{snapshot.title}"
    return "\n  ".join([headline, *(printable(line) for line in lines if line)])


def head(snapshot: Snapshot) -> Markup:
    """Return state, what is sent, and id: a live region, read aloud when it changes, which is seldom."""
    what = tag("b", snapshot.title)
    if snapshot.origin:
        what = join((tag("b", datum(snapshot.origin)), f" → {snapshot.title}"))
    return card_head(snapshot.mark, what, snapshot.state.id)


def card_head(mark: Mark, what: Markup, name: str) -> Markup:
    """Return the first line of a card: its state, what it is of, its id."""
    parts = (pill(mark), tag("span", what), tag("code", name, class_="apd-id"))
    return tag("div", join(parts, SEPARATOR), class_="apd-top")


def body(
    snapshot: Snapshot,
    groups: list[ErrorGroup],
    *,
    said: Message | None = None,
    quiet: bool = False,
    small: str = "",
    saved: bool = False,
) -> Markup:
    """Return all that is read below the head, in its order: message, number, bar, tiles, chunks, small print.

    `said` takes the place of the snapshot's own message, `quiet` leaves it out, `small` is added to the small print.
    """
    asked = said is not None
    said = said or (None if quiet else message(snapshot))
    groups = groups if snapshot.refused else []  # all may have been mended since
    if said and groups and snapshot.mode == "completed_with_errors" and not snapshot.unknown:
        reasons = words.count(len(groups), "reason")
        said = said._replace(headline=f"{said.headline.removesuffix('.')}, for {reasons}.")
    names_reasons = snapshot.mode in ("completed_with_errors", "stopped") or (saved and snapshot.state.done)
    shown = groups[: SHOWN_GROUPS["saved" if saved else "live"]] if names_reasons else []
    small = " ".join(filter(None, (said.small if said else "", small)))
    parts = [_note(said, groups, shown) if said else Markup(""), _number(snapshot)]
    if snapshot.total and (snapshot.rows_done or not snapshot.state.done):
        parts += [_bar(snapshot), _tiles(snapshot)]
    if snapshot.mode == "running" and not asked:
        parts += [_refused_so_far(groups), _now(snapshot)]
    parts += [_chunks(snapshot), _small_print(snapshot, small, saved=saved), _without_kernel(snapshot)]
    return tag("div", *parts)


def pill(mark: Mark) -> Markup:
    """Return a state for the head of a card, read aloud when it changes."""
    sign = tag("span", mark.character, aria_hidden="true")
    word = tag("span", mark.word, class_="apd-word")
    return tag("b", sign, " ", word, class_=f"apd-pill {_tone(mark)}", role="status")


def marked(mark: Mark) -> Markup:
    """Return a mark in its colour, with its word."""
    sign = tag("span", mark.character, class_=f"apd-mark {_tone(mark)}", aria_hidden="true")
    return join((sign, Markup("&nbsp;"), mark.word))


def _tone(mark: Mark) -> str:
    return f"apd-{TONES.get(mark.tone, mark.tone)}"


def _note(said: Message, groups: list[ErrorGroup], shown: list[ErrorGroup]) -> Markup:
    parts = [tag("p", tag("b", said.headline))]
    if said.facts:
        facts = ((tag("dt", name), tag("dd", tag("bdi", fact))) for name, fact in said.facts.items())
        parts.append(tag("dl", *(part for fact in facts for part in fact), class_="apd-facts"))
    if said.sentence:
        parts.append(tag("p", prose(said.sentence)))
    if shown:
        parts.append(groups_table(shown))
        more = words.and_more(len(groups) - len(shown), "more reason", ", in push.errors")
        parts.append(tag_if_any("p", more))
    return tag("div", *parts, class_=f"apd-note apd-{said.tone}")


def _number(snapshot: Snapshot) -> Markup:
    """Return the one big number with its words, and the time that matters now."""
    total = words.number(snapshot.total)
    over = snapshot.is_over
    rows = snapshot.acknowledged if over else snapshot.rows_done
    share = rows / snapshot.total if snapshot.total else snapshot.share
    number = words.percent(share).replace("100.0", "100")
    what = f"{words.number(rows)} of {total} rows {'acknowledged' if over else 'processed'}"
    if not snapshot.total:
        number, what = "0", "rows to send"
    elif over and rows == snapshot.total:
        what = f"all {words.count(rows, 'row')} acknowledged"
    elif snapshot.nothing_sent:
        number, what = f"0 of {total}", "rows were sent; all are kept on this machine"
    elif snapshot.mode in ("trouble", "interrupted"):
        what += ", as last heard"
    parts = [tag("b", number), " ", tag("span", what)]
    time, more = time_slot(snapshot)
    if time:
        parts += [SEPARATOR, tag("span", tag("b", time), more, class_="apd-time")]
    return tag("p", *parts, class_="apd-head")


def _bar(snapshot: Snapshot) -> Markup:
    at_service = snapshot.in_flight - snapshot.processed
    stretches = (
        ("ack", snapshot.acknowledged, "acknowledged", "#2f8fbb", 10),
        ("ref", snapshot.refused, "refused", "#d0443a", 10),
        ("unk", snapshot.unknown, "unknown", "#b07a10", 10),
        ("due", snapshot.processed, "processed, not answered yet", "#2f8fbb", 5),
        ("svc", at_service, "at the service", "#2f8fbb", 2),
    )
    shown = []
    for fill, rows, what, colour, height in stretches:
        width = f"{rows / snapshot.total * 100:.2f}%"
        style = f"float:left;min-width:2px;width:{width};background-color:{colour};height:{height}px"
        if rows:
            shown.append(tag("div", class_=f"apd-{fill}", style=style, title=f"{words.number(rows)} {what}"))
    return tag(
        "div",
        *shown,
        class_="apd-bar",
        role="progressbar",
        aria_label="Rows processed",
        aria_valuemin="0",
        aria_valuemax="100",
        aria_valuenow=f"{int(snapshot.share * 1000) / 10:g}",
        aria_valuetext=f"{snapshot.percent}: {snapshot.rows_in_words}",
        style="overflow:hidden;height:10px;max-width:60rem;background-color:rgba(128,128,128,.3)",
    )


def _tiles(snapshot: Snapshot) -> Markup:
    """Return the rows by what became of them: the legend of the bar, and ``push.counts``."""
    over = snapshot.is_over
    told = [
        (words.ACKNOWLEDGED, snapshot.acknowledged, ""),
        (words.REFUSED, snapshot.refused, ""),
        (words.UNKNOWN, snapshot.unknown, ""),
    ]
    sent = snapshot.sent
    if snapshot.in_flight and sent is not None and sent.completed_rows is not None:
        told.append((words.PROCESSING, snapshot.processed, f"of {words.number(snapshot.in_flight)}"))
    elif snapshot.in_flight:
        what = "at the service" if sent is not None and sent.job_id else "being sent"
        what = "looked for" if sent is not None and sent.status == "looking" else what
        told.append((words.PROCESSING._replace(word=what), snapshot.in_flight, ""))
    elif not over:
        told.append((words.PROCESSING, 0, ""))
    if snapshot.pending or not over:
        stays = over or snapshot.state.cancelling
        told.append((words.NOT_SENT if stays else words.TO_GO, snapshot.pending, ""))
    return tiles(told)


def tiles(told: Iterable[tuple[Mark, int, str]]) -> Markup:
    """Return numbers of rows with what became of them: mark, rows, and of how many, where that says more."""
    items = []
    for mark, rows, of in told:
        number = [tag("b", words.number(rows)), " ", *((tag("small", of), " ") if of else ())]
        fill = f"apd-{FILLS.get(mark.character, 'oth')}{'' if rows or of else ' apd-zero'}"
        items.append(tag("li", *number, tag("span", str(mark)), class_=fill))
    return tag("ul", *items, class_="apd-tiles")


def _refused_so_far(groups: list[ErrorGroup]) -> Markup:
    if not groups:
        return Markup("")
    first, more = groups[0], len(groups) - 1
    parts = [f" Refused so far: {words.number(first.count)} × ", datum(first.message or first.code, 160)]  # noqa: RUF001  # times
    if first.property:
        parts += [" (", datum(first.property, 80), ")"]
    parts += [", rows ", datum(first.rows, 120)]
    if more:
        parts.append(f" and {words.count(more, 'more reason')}")
    sign = tag("span", "✕", class_="apd-mark apd-bad", aria_hidden="true")
    return tag("p", sign, *parts, class_="apd-now")


def _now(snapshot: Snapshot) -> Markup:
    """Return what the push is doing, where no message says it."""
    if snapshot.is_usual and len(snapshot.chunks) == 1:
        text = ": the service answers for them when it ends. Until then none counts as acknowledged."
        return tag("p", tag("b", "One job for all rows"), text, class_="apd-now")
    if snapshot.is_usual and snapshot.sent is not None:
        name = f"Chunk {snapshot.sent.number:,} of {len(snapshot.state.chunks):,}"
        due = snapshot.due.removeprefix(",")
        text = f" is at the service; the answer for its rows is due{due or ' when it ends'}."
        return tag("p", tag("b", name), text, class_="apd-now")
    activity = snapshot.state.activity
    return tag("p", datum(activity[:1].upper() + activity[1:], 400), class_="apd-now")


def _chunks(snapshot: Snapshot) -> Markup:
    """Return a square for each chunk, or for several, and their legend; nothing where all are alike."""
    made = strip(snapshot.chunks, over=snapshot.is_over or snapshot.state.cancelling)
    if len(made.legend) <= 1:
        return Markup("")
    cells = {mark: tag("b", mark.character, class_=f"apd-{FILLS[mark.character]}") for mark, _ in made.legend}
    tens = (made.cells[at : at + CELLS_TOGETHER] for at in range(0, len(made.cells), CELLS_TOGETHER))
    shown = join((tag("span", *(cells[mark] for mark in ten)) for ten in tens), " ")
    size = "" if len(made.cells) <= FEW_CELLS else " apd-many"
    key = []
    for mark, chunks in made.legend:
        square = tag("b", mark.character, class_=f"apd-{FILLS[mark.character]}", aria_hidden="true")
        key.append(tag("span", square, f" {words.number(chunks)} {mark.word}"))
    total = tag("span", f"{words.count(len(snapshot.chunks), 'chunk')}:")
    entries = [total, " ", join(key, tag("i", ", ", class_="apd-sep"))]
    if made.chunks_per_cell > 1:
        entries += [" ", tag("span", f"each square is {made.chunks_per_cell} chunks, the worst of them")]
    squares = tag("div", shown, class_=f"apd-cells{size}", aria_hidden="true")
    return join((squares, tag("p", *entries, class_="apd-key")))


def _small_print(snapshot: Snapshot, small: str, *, saved: bool) -> Markup:
    state = snapshot.state
    made = strip(snapshot.chunks, over=snapshot.is_over)
    parts = []
    if len(snapshot.chunks) > 1 and len(made.legend) == 1:
        parts.append(f"{words.count(len(snapshot.chunks), 'chunk')}, all {made.legend[0][0].word}")
    if state.started_at is not None and not snapshot.is_over:
        ago = words.duration((snapshot.now - state.started_at).total_seconds())
        parts.append(f"started {snapshot.clock(state.started_at)}, {ago} ago")
    if snapshot.mode in ("waiting", "paused") and state.since is not None:
        parts.append(f"{snapshot.mode} for {words.duration((snapshot.now - state.since).total_seconds())}")
    if snapshot.mode in ("running", "pausing", "completed", "completed_with_errors"):
        parts.append(snapshot.pace)
    spans = [tag("span", part) for part in (*parts, snapshot.left_out, small) if part]
    if not snapshot.is_over:
        moment = f"{snapshot.now:%Y-%m-%d %H:%M %Z}" if saved else f"{snapshot.now:%H:%M:%S}"
        spans.append(tag("span", f"as of {moment}", class_="apd-as-of"))
    return tag("p", join(spans, SEPARATOR), class_="apd-foot") if spans else Markup("")


def _without_kernel(snapshot: Snapshot) -> Markup:
    """Return the call that helps where no button can: shown when the panel has lost its kernel, and in a file."""
    hint = f"Without its kernel this is as old as it says: apd.resume({snapshot.state.id!r}) shows and continues it."
    if snapshot.state.done:
        hint = snapshot.hint
    return tag("p", prose(CALLS.sub(r"`\g<0>`", hint)), class_="apd-gone") if hint else Markup("")
