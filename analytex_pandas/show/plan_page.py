"""A plan as a page that one understands before pressing the button: as HTML and as text."""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from analytex_pandas.frame.document import PlanDocument
from analytex_pandas.frame.notes import erasing
from analytex_pandas.show import markup, words
from analytex_pandas.show.grouping import ErrorGroup, group_errors
from analytex_pandas.show.markup import Markup, join, prose, shortened, table, tag, tag_if_any
from analytex_pandas.show.pages import card_head, tiles

OPEN_COLUMNS: Final = 12
"""Columns up to which a page shows all; of more, those with a note are shown and the others folded."""
SHOWN_COLUMNS: Final = 40
FOLDED_COLUMNS: Final = 200
"""Columns that are shown at most, open and folded; the others are counted."""
SHOWN_GROUPS: Final = 8
CHANGE_HEADERS: Final = ("Property", "New profiles", "Changed", "Unchanged")
COLUMN_HEADERS: Final = ("Column", "Type", "Missing", "Example", "Note")
PROBLEM_HEADERS: Final = ("What is wrong", "Problems", "Property", "First rows")
CHANGES_CAPTION: Final = "Values that the account does not have yet"
PROBLEMS_CAPTION: Final = "Rows that cannot be sent"
COLUMNS_CAPTION: Final = "What becomes of each column"
WORTH_A_LOOK: Final = "Worth a look"
EXAMPLE_CHARACTERS: Final = 60
COUNTED: Final = {
    "to_send": words.Mark("✓", "to send", "ok"),
    "invalid": words.Mark("✕", "invalid", "bad"),
    "duplicate": words.Mark("=", "duplicate", "idle"),
    "unchanged": words.Mark("≡", "unchanged", "idle"),
}
"""What becomes of the rows of an input, see ``Plan.counts``."""
WIDEST: Final = 140
ENDS: Final = {"df": re.compile(r"(?=; |$)"), "types=": re.compile(r"(?<=\})")}
"""How code begins that is to be pasted, a line that mends a column or an argument, and where it may end."""
CODE: Final = re.compile(r"\bdf(?=[\[. ])|types=(?=\{)")


def plan_html(document: PlanDocument, pace: float, *, pushed: bool) -> str:
    """Return what is in the way, how long it takes, what goes and what does not, and what deserves a look."""
    state = words.Mark("✓", "pushed", "ok") if pushed else words.Mark("○", "nothing sent yet", "idle")
    rows = words.count(document.counts["to_send"], words.NOUNS.get(document.kind, "row"))
    page = [card_head(state, tag("b", rows), document.id)]
    if problems := group_errors(document.invalid):
        page.append(_problems(problems, refuses=len(document.in_the_way) > 0))
    time, what, at = _headline(document, pace)
    of = tag("span", f"for {what}, {at}") if what else ""
    page.append(tag("p", tag("b", time), " ", of, class_="apd-head"))
    counts = ((mark, document.counts[name], "") for name, mark in COUNTED.items())
    page.append(tiles([count for count in counts if count[1]]))
    page.append(tag_if_any("p", _counted(document)))
    shown, others = _columns(document.columns)
    if len(shown):
        page.append(_columns_table(shown, WORTH_A_LOOK if len(others) else COLUMNS_CAPTION))
    if changes := _changes(document.changes):
        page.append(table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], caption=CHANGES_CAPTION))
    if len(others):
        hidden = words.and_more(len(others) - FOLDED_COLUMNS, "more column", " in `plan.columns`")
        folded = _columns_table(others.head(FOLDED_COLUMNS), COLUMNS_CAPTION)
        page.append(tag("details", tag("summary", _by_type(others)), folded, tag_if_any("p", prose(hidden))))
    # plain text: marimo's encoder refuses what only inherits from it
    return str(markup.standing_alone(*page, tag("p", prose(_next_step(document, pushed=pushed)))))


def plan_text(document: PlanDocument, pace: float, *, pushed: bool, width: int | None = None) -> str:
    """Return a plan as text of at most ``width`` characters a line, the terminal's by default.

    `pace` is in rows a minute.
    """
    wide = min(WIDEST, width or shutil.get_terminal_size((100, 24)).columns)
    shown, others = _columns(document.columns)
    time, what, at = _headline(document, pace)
    said = f"{what}, about {time} {at}" if what else time
    blocks = [[f"Plan {document.id}: {said}", _counted(document)]]
    if problems := group_errors(document.invalid):
        told = map(str, problems[:SHOWN_GROUPS])
        blocks.append([f"{PROBLEMS_CAPTION}:", *told, _plain(_more_problems(problems))])
    lines = [_column_line(row) for row in shown.to_dict("records")]
    # a note is a sentence: in a narrow column of a table it would be cut
    if notes := [_wrapped(f"{line[0]}: {line[-1]}", wide) for line in lines if line[-1]]:
        blocks.append([f"{WORTH_A_LOOK}:", *notes])
    if lines:
        cells = [line[:-1] for line in lines]
        blocks.append([markup.text_table(COLUMN_HEADERS[:-1], cells, numeric=("Missing",), width=wide)])
    if len(others):
        blocks.append([f"{_by_type(others)}, all in plan.columns"])
    if changes := _changes(document.changes):
        made = markup.text_table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], width=wide)
        blocks.append([f"{CHANGES_CAPTION}:", made])
    blocks.append([_plain(_next_step(document, pushed=pushed))])
    return "\n\n".join("\n".join(filter(None, block)) for block in blocks)


def _plain(sentence: str) -> str:
    """Return a sentence of ours without the marks around its code."""
    return sentence.replace("`", "")


def _wrapped(note: str, width: int) -> str:
    """Return a note wrapped, but for lines of code: these are to be pasted."""
    parts, end = [], 0
    for code in codes(note):
        if note.startswith("df", code.start):
            parts += [textwrap.fill(note[end : code.start].strip("; "), width - 2), f"  {note[code]}"]
            end = code.stop
    parts.append(textwrap.fill(note[end:].strip("; "), width - 2))
    return "• " + "\n".join(filter(None, parts)).replace("\n", "\n  ")


def with_code(text: str) -> Markup:
    """Return a note or a message as HTML, what can be pasted as code."""
    parts, end = [], 0
    for code in codes(text):
        parts += [text[end : code.start], tag("code", text[code])]
        end = code.stop
    return join([*parts, text[end:]])


def codes(text: str) -> Iterator[slice]:
    """Yield where code stands in a note or a message: up to the first end at which it is Python, whatever it quotes."""
    at = 0
    while found := CODE.search(text, at):
        start, at = found.span()
        ends = (end.start() for end in ENDS[found[0]].finditer(text, at))
        end = next((end for end in ends if is_python(text[start:end])), at)
        if end > at:
            yield slice(start, end)
            at = end


def is_python(code: str) -> bool:
    """Tell whether this is an assignment, as a line or as an argument in braces."""
    try:
        parsed = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError):
        return False
    return len(parsed) == 1 and isinstance(parsed[0], ast.Assign)


def _problems(problems: list[ErrorGroup], *, refuses: bool) -> Markup:
    """Return what is wrong with rows: message, how many, property, the first of them."""
    rows = words.count(sum(group.count for group in problems), "problem")
    said = f"{rows}: `plan.push()` refuses." if refuses else f"{rows}: these rows are left out."
    lines = [
        (with_code(shortened(group.message, 600)), words.number(group.count), group.property, group.rows)
        for group in problems[:SHOWN_GROUPS]
    ]
    what = PROBLEM_HEADERS[0]
    made = table(PROBLEM_HEADERS, lines, numeric=("Problems",), wide=what, caption=PROBLEMS_CAPTION)
    more = tag_if_any("p", prose(_more_problems(problems)))
    kind = f"apd-note apd-{'bad' if refuses else 'warn'}"
    return tag("div", tag("p", tag("b", prose(said))), made, more, class_=kind)


def _headline(document: PlanDocument, pace: float) -> tuple[str, str, str]:
    """Return how long the push will take, what of, and at which pace."""
    rows = document.counts["to_send"]
    if not rows:
        return "nothing to send", "", ""
    size = words.size(sum(chunk.bytes for chunk in document.chunks))
    took = words.duration(rows / pace * words.MINUTE)
    what = words.count(rows, words.NOUNS.get(document.kind, "row"))
    chunks = words.count(len(document.chunks), "chunk")
    return took, f"{what} in {chunks} ({size})", f"at {words.number(round(pace))} rows a minute"


def _counted(document: PlanDocument) -> str:
    """Return which rows are not sent, and how many values are erased."""
    erased = erasing(document.erased)
    return " ".join(filter(None, [words.left_out(document.counts), erased and f"{erased}."]))


def _next_step(document: PlanDocument, *, pushed: bool) -> str:
    if pushed:
        return f"It was pushed: `apd.resume({document.id!r})` gives the push."
    codes, options = document.in_the_way["code"], document.options
    if not len(codes):
        return "Nothing has been sent yet. `plan.push()` sends it."
    ways = []
    if options.invalid == "skip" and document.leaves_too_many:
        ways.append(f"they are more than `max_errors={options.max_errors!r}` lets be left out")
    elif (codes != "duplicate").any():
        ways.append('`invalid="skip"` leaves them out and reports them')
    if (codes == "duplicate").any():
        ways.append('`duplicates="first"` or `"last"` chooses among rows of one id')
    refuses = "`plan.push()` will refuse because of these rows"
    return f"Nothing has been sent, and {refuses}: {'; '.join(ways)}."


def _columns(columns: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns that are shown and those that are only counted, or folded: of many, those without a note."""
    noted = columns["note"].fillna("").astype(str) != ""
    if len(columns) <= OPEN_COLUMNS:
        return columns, columns.iloc[:0]
    first = columns[noted].head(SHOWN_COLUMNS)
    return first, columns.drop(first.index)


def _by_type(columns: pd.DataFrame) -> str:
    """Return how many columns there are of which JSON type."""
    types = columns["json_type"].value_counts()
    kinds = ", ".join(f"{words.number(count)} {kind}" for kind, count in types.items())
    return f"{words.count(len(columns), 'more column')}: {kinds}"


def _columns_table(columns: pd.DataFrame, caption: str) -> Markup:
    """Return the table of columns; without a column for notes where there are none."""
    lines = [_column_line(row) for row in columns.to_dict("records")]
    width = len(COLUMN_HEADERS) if any(line[-1] for line in lines) else len(COLUMN_HEADERS) - 1
    cells = [(*line[:-1], with_code(line[-1]))[:width] for line in lines]
    return table(COLUMN_HEADERS[:width], cells, numeric=("Missing",), wide="Note", caption=caption)


def _column_line(row: dict[Any, Any]) -> tuple[str, ...]:
    column, name, example = shortened(row["column"], 80), shortened(row["property"], 80), row["example"]
    if isinstance(example, bool):
        example = str(example).lower()  # as in JSON
    return (
        column if column == name else f"{column} → {name}",
        f"{row['dtype']} → {row['json_type']}",
        words.number(row["nulls"]) if row["nulls"] else "",
        "" if example is None else shortened(example, EXAMPLE_CHARACTERS),
        str(row["note"] or ""),
    )


def _changes(changes: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the cells of ``CHANGE_HEADERS`` for each property that has something new."""
    something = changes[(changes["new_profiles"] > 0) | (changes["changed_values"] > 0)]
    return [
        (shortened(name, 80), *(words.number(count) if count else "" for count in counts))
        for name, *counts in something.head(SHOWN_COLUMNS).itertuples(index=False)
    ]


def _more_problems(problems: list[ErrorGroup]) -> str:
    return words.and_more(len(problems) - SHOWN_GROUPS, "more kind", " of problem in `plan.invalid`")
