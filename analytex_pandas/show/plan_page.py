"""A plan as a page that one understands before pressing the button: as HTML and as text."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas import settings
from analytex_pandas.errors import ValidationError
from analytex_pandas.show import words
from analytex_pandas.show.grouping import first_rows, group_errors
from analytex_pandas.show.markup import Markup, shortened, standing_alone, table, tag, text_table
from analytex_pandas.show.pages import group_text

if TYPE_CHECKING:
    import pandas as pd

    from analytex_pandas.show.grouping import ErrorGroup
    from analytex_pandas.show.shown import ShownPlan

SHOWN_COLUMNS: Final = 40
SHOWN_GROUPS: Final = 8
CHANGE_HEADERS: Final = ("Property", "New profiles", "Changed", "Unchanged")
COLUMN_HEADERS: Final = ("Column", "Type", "Missing", "Example", "Note")
CHANGES_CAPTION: Final = "Values that the account does not have yet"
EXAMPLE_CHARACTERS: Final = 60
WIDEST: Final = 140


def plan_html(plan: ShownPlan) -> Markup:
    columns, more_columns = _columns(plan.columns)
    changes = _changes(plan.document.changes)
    problems = group_errors(plan.invalid)
    parts = [
        tag("p", tag("strong", _headline(plan)), " · plan ", tag("code", plan.id)),
        _paragraph(words.left_out(plan.document.counts)),
        table(COLUMN_HEADERS, columns, numeric=("Missing",), caption="What becomes of each column"),
        _paragraph(more_columns),
    ]
    if changes:
        parts.append(table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], caption=CHANGES_CAPTION))
    if problems:
        headers = ("Problems", "What is wrong", "Property", "First rows")
        lines = [
            (words.number(group.count), shortened(group.message, 600), group.property, first_rows(group))
            for group in problems[:SHOWN_GROUPS]
        ]
        parts.append(table(headers, lines, numeric=("Problems",), caption="Rows that cannot be sent"))
        parts.append(_paragraph(_more_problems(problems)))
    return standing_alone(*parts, _paragraph(_action(plan)))


def plan_text(plan: ShownPlan, width: int | None = None) -> str:
    """Return a plan as text of at most ``width`` characters a line, the terminal's by default."""
    wide = min(WIDEST, width or shutil.get_terminal_size((100, 24)).columns)
    columns, more_columns = _columns(plan.columns)
    changes = _changes(plan.document.changes)
    problems = group_errors(plan.invalid)
    lines = [f"Plan {plan.id}: {_headline(plan)}"]
    if left_out := words.left_out(plan.document.counts):
        lines.append(left_out)
    cells = [line[:-1] for line in columns]
    lines += ["", text_table(COLUMN_HEADERS[:-1], cells, numeric=("Missing",), width=wide)]
    if more_columns:
        lines.append(more_columns)
    if changes:
        lines += ["", f"{CHANGES_CAPTION}:"]
        lines.append(text_table(CHANGE_HEADERS, changes, numeric=CHANGE_HEADERS[1:], width=wide))
    # a note is a sentence: in a narrow column of a table it would be cut
    notes = [f"{line[0]}: {line[-1]}" for line in columns if line[-1]]
    if notes:
        lines += ["", "Worth a look:"]
        lines += [textwrap.fill(note, wide, initial_indent="• ", subsequent_indent="  ") for note in notes]
    if problems:
        lines += ["", "Rows that cannot be sent:"]
        lines += [group_text(group) for group in problems[:SHOWN_GROUPS]]
    if more := _more_problems(problems):
        lines.append(more)
    return "\n".join([*lines, "", _action(plan)])


def _paragraph(text: str) -> Markup:
    return tag("p", text) if text else Markup("")


def _headline(plan: ShownPlan) -> str:
    rows, chunks = plan.rows, len(plan.chunks)
    if not rows:
        return "nothing to send"
    what = words.count(rows, words.NOUNS.get(plan.kind, "row"))
    took = words.duration(plan.duration.total_seconds())
    pace = words.number(settings.ROWS_PER_MINUTE)
    return (
        f"{what} in {words.count(chunks, 'chunk')} ({words.size(plan.bytes)}), "
        f"about {took} at {pace} rows a minute"
    )


def _action(plan: ShownPlan) -> str:
    if plan.taken:
        return f"It was pushed: apd.resume({plan.id!r}) gives the push."
    try:
        plan.check()
    except ValidationError:
        invalid = plan.invalid
        ways = []
        if (invalid["code"] != "duplicate").any():
            ways.append('invalid="skip" leaves them out and reports them')
        if (invalid["code"] == "duplicate").any():
            ways.append('duplicates="first" or "last" chooses among rows of one id')
        return (
            f"Nothing has been sent, and plan.push() will refuse to because of these rows: {'; '.join(ways)}."
        )
    return "Nothing has been sent yet. plan.push() sends it."


def _columns(columns: pd.DataFrame) -> tuple[list[tuple[str, ...]], str]:
    """Return the cells of ``COLUMN_HEADERS`` for each column, and how many columns there are besides.

    All columns of a usual frame are shown; of a very wide one those with notes first, in their own order.
    """
    shown = columns
    if len(columns) > SHOWN_COLUMNS:
        noted = columns["note"].fillna("").astype(str) != ""
        chosen = [*columns.index[noted], *columns.index[~noted]][:SHOWN_COLUMNS]
        shown = columns.loc[sorted(chosen)]
    hidden = len(columns) - len(shown)
    more = f"and {words.count(hidden, 'more column')} in plan.columns" if hidden else ""
    return [_column_line(row) for row in shown.to_dict("records")], more


def _column_line(row: dict[Any, Any]) -> tuple[str, ...]:
    example = row["example"]
    column, name = shortened(row["column"], 80), shortened(row["property"], 80)
    return (
        column if column == name else f"{column} → {name}",
        f"{row['dtype']} → {row['json_type']}",
        words.number(row["nulls"]) if row["nulls"] else "",
        "" if example is None else shortened(_as_json(example), EXAMPLE_CHARACTERS),
        str(row["note"] or ""),
    )


def _changes(changes: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the cells of ``CHANGE_HEADERS`` for each property that has something new."""
    something = changes[(changes["new_profiles"] > 0) | (changes["changed_values"] > 0)]
    return [
        (shortened(name, 80), *(words.number(count) if count else "" for count in counts))
        for name, *counts in something.head(SHOWN_COLUMNS).itertuples(index=False)
    ]


def _as_json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _more_problems(problems: list[ErrorGroup]) -> str:
    more = len(problems) - SHOWN_GROUPS
    return f"and {words.count(more, 'more kind')} of problem in plan.invalid" if more > 0 else ""
