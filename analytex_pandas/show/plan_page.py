"""A plan as a page that one understands before pressing the button: as HTML and as text."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas import settings
from analytex_pandas.frame.notes import erasing
from analytex_pandas.show import words
from analytex_pandas.show.grouping import group_errors
from analytex_pandas.show.markup import shortened, standing_alone, table, tag, tag_if_any, text_table

if TYPE_CHECKING:
    import pandas as pd

    from analytex_pandas.frame.document import PlanDocument
    from analytex_pandas.show.grouping import ErrorGroup

SHOWN_COLUMNS: Final = 40
SHOWN_GROUPS: Final = 8
CHANGE_HEADERS: Final = ("Property", "New profiles", "Changed", "Unchanged")
COLUMN_HEADERS: Final = ("Column", "Type", "Missing", "Example", "Note")
PROBLEM_HEADERS: Final = ("Problems", "What is wrong", "Property", "First rows")
CHANGES_CAPTION: Final = "Values that the account does not have yet"
PROBLEMS_CAPTION: Final = "Rows that cannot be sent"
EXAMPLE_CHARACTERS: Final = 60
WIDEST: Final = 140


def plan_html(document: PlanDocument, *, pushed: bool) -> str:
    columns, more_columns = _columns(document.columns)
    parts = [
        tag("p", tag("strong", _headline(document)), " · plan ", tag("code", document.id)),
        tag_if_any("p", _counted(document)),
        table(COLUMN_HEADERS, columns, numeric=("Missing",), caption="What becomes of each column"),
        tag_if_any("p", more_columns),
    ]
    if changes := _changes(document.changes):
        parts.append(table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], caption=CHANGES_CAPTION))
    if problems := group_errors(document.invalid):
        lines = [
            (words.number(group.count), shortened(group.message, 600), group.property, group.rows)
            for group in problems[:SHOWN_GROUPS]
        ]
        parts.append(table(PROBLEM_HEADERS, lines, numeric=("Problems",), caption=PROBLEMS_CAPTION))
        parts.append(tag_if_any("p", _more_problems(problems)))
    # plain text: marimo's encoder refuses what only inherits from it
    return str(standing_alone(*parts, tag("p", _next_step(document, pushed=pushed))))


def plan_text(document: PlanDocument, *, pushed: bool, width: int | None = None) -> str:
    """Return a plan as text of at most ``width`` characters a line, the terminal's by default."""
    wide = min(WIDEST, width or shutil.get_terminal_size((100, 24)).columns)
    columns, more_columns = _columns(document.columns)
    cells = [line[:-1] for line in columns]
    blocks = [
        [f"Plan {document.id}: {_headline(document)}", _counted(document)],
        [text_table(COLUMN_HEADERS[:-1], cells, numeric=("Missing",), width=wide), more_columns],
    ]
    if changes := _changes(document.changes):
        made = text_table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], width=wide)
        blocks.append([f"{CHANGES_CAPTION}:", made])
    # a note is a sentence: in a narrow column of a table it would be cut
    if notes := [f"{line[0]}: {line[-1]}" for line in columns if line[-1]]:
        wrapper = textwrap.TextWrapper(wide, initial_indent="• ", subsequent_indent="  ")
        blocks.append(["Worth a look:", *map(wrapper.fill, notes)])
    if problems := group_errors(document.invalid):
        shown = map(str, problems[:SHOWN_GROUPS])
        blocks.append([f"{PROBLEMS_CAPTION}:", *shown, _more_problems(problems)])
    blocks.append([_next_step(document, pushed=pushed)])
    return "\n\n".join("\n".join(filter(None, block)) for block in blocks)


def _headline(document: PlanDocument) -> str:
    rows = document.counts["to_send"]
    if not rows:
        return "nothing to send"
    size = words.size(sum(chunk.bytes for chunk in document.chunks))
    took = words.duration(rows / settings.ROWS_PER_MINUTE * words.MINUTE)
    return (
        f"{words.count(rows, words.NOUNS.get(document.kind, 'row'))} in "
        f"{words.count(len(document.chunks), 'chunk')} ({size}), "
        f"about {took} at {words.number(settings.ROWS_PER_MINUTE)} rows a minute"
    )


def _counted(document: PlanDocument) -> str:
    """Return which rows are not sent, and how many values are erased."""
    erased = erasing(document.erased)
    return " ".join(filter(None, [words.left_out(document.counts), erased and f"{erased}."]))


def _next_step(document: PlanDocument, *, pushed: bool) -> str:
    if pushed:
        return f"It was pushed: apd.resume({document.id!r}) gives the push."
    codes, options = document.in_the_way["code"], document.options
    if not len(codes):
        return "Nothing has been sent yet. plan.push() sends it."
    ways = []
    if options.invalid == "skip" and document.leaves_too_many:
        ways.append(f"they are more than max_errors={options.max_errors!r} lets be left out")
    elif (codes != "duplicate").any():
        ways.append('invalid="skip" leaves them out and reports them')
    if (codes == "duplicate").any():
        ways.append('duplicates="first" or "last" chooses among rows of one id')
    return f"Nothing has been sent, and plan.push() will refuse to because of these rows: {'; '.join(ways)}."


def _columns(columns: pd.DataFrame) -> tuple[list[tuple[str, ...]], str]:
    """Return the cells of ``COLUMN_HEADERS`` for each column, and how many columns there are besides.

    All columns of a usual frame are shown; of a very wide one those with notes first, in their own order.
    """
    noted = columns["note"].fillna("").astype(str) != ""
    chosen = [*columns.index[noted], *columns.index[~noted]][:SHOWN_COLUMNS]
    more = words.and_more(len(columns) - len(chosen), "more column", " in plan.columns")
    return [_column_line(row) for row in columns.loc[sorted(chosen)].to_dict("records")], more


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
    return words.and_more(len(problems) - SHOWN_GROUPS, "more kind", " of problem in plan.invalid")
