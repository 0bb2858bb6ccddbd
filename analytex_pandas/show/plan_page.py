"""A plan as a page that one understands before pressing the button: as HTML and as text."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas import settings
from analytex_pandas.errors import ValidationError
from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, first_rows, group_errors
from analytex_pandas.show.markup import Markup, shortened, standing_alone, table, tag, text_table
from analytex_pandas.show.pages import group_text

if TYPE_CHECKING:
    import pandas as pd

    from analytex_pandas.show.shown import ShownPlan

SHOWN_COLUMNS: Final = 40
SHOWN_GROUPS: Final = 8
CHANGE_HEADERS: Final = ("Property", "New profiles", "Changed", "Unchanged")
COLUMN_HEADERS: Final = ("Column", "Type", "Missing", "Example", "Note")
CHANGES_CAPTION: Final = "Values that the account does not have yet"
EXAMPLE_CHARACTERS: Final = 60
WIDEST: Final = 140


@dataclass(frozen=True, slots=True)
class PlanPicture:
    """What both forms of the page say; the problems are rows that cannot be sent, by what is wrong with them."""

    id: str
    headline: str
    left_out: str
    columns: list[tuple[str, ...]]
    more_columns: str
    changes: list[tuple[str, ...]]
    problems: list[ErrorGroup]
    action: str


def picture(plan: ShownPlan) -> PlanPicture:
    """Return what the page of a plan says."""
    columns = plan.columns
    shown = _worth_showing(columns)
    hidden = len(columns) - len(shown)
    return PlanPicture(
        id=plan.id,
        headline=_headline(plan),
        left_out=words.left_out(plan.document.counts),
        columns=[_column_line(row) for row in shown.to_dict("records")],
        more_columns=f"and {words.count(hidden, 'more column')} in plan.columns" if hidden else "",
        changes=_change_lines(plan.document.changes),
        problems=group_errors(plan.invalid),
        action=_action(plan),
    )


def plan_html(plan: ShownPlan) -> Markup:
    shown = picture(plan)
    parts = [tag("p", tag("strong", shown.headline), " · plan ", tag("code", shown.id))]
    if shown.left_out:
        parts.append(tag("p", shown.left_out))
    caption = "What becomes of each column"
    parts.append(table(COLUMN_HEADERS, shown.columns, numeric=("Missing",), caption=caption))
    if shown.more_columns:
        parts.append(tag("p", shown.more_columns))
    if shown.changes:
        counts = CHANGE_HEADERS[1:]
        parts.append(table(CHANGE_HEADERS, shown.changes, numeric=counts, caption=CHANGES_CAPTION))
    if shown.problems:
        parts.append(_problems_table(shown.problems[:SHOWN_GROUPS]))
        parts += [tag("p", more) for more in _more_problems(shown.problems)]
    parts.append(tag("p", shown.action))
    return standing_alone(*parts)


def plan_text(plan: ShownPlan, width: int | None = None) -> str:
    """Return a plan as text of at most ``width`` characters a line, the terminal's by default."""
    shown = picture(plan)
    wide = min(WIDEST, width or shutil.get_terminal_size((100, 24)).columns)
    lines = [f"Plan {shown.id}: {shown.headline}"]
    if shown.left_out:
        lines.append(shown.left_out)
    cells = [line[:-1] for line in shown.columns]
    lines += ["", text_table(COLUMN_HEADERS[:-1], cells, numeric=("Missing",), width=wide)]
    if shown.more_columns:
        lines.append(shown.more_columns)
    if shown.changes:
        lines += ["", f"{CHANGES_CAPTION}:"]
        lines.append(text_table(CHANGE_HEADERS, shown.changes, numeric=CHANGE_HEADERS[1:], width=wide))
    # a note is a sentence: in a narrow column of a table it would be cut
    notes = [f"{line[0]}: {line[-1]}" for line in shown.columns if line[-1]]
    if notes:
        lines += ["", "Worth a look:"]
        lines += [textwrap.fill(note, wide, initial_indent="• ", subsequent_indent="  ") for note in notes]
    if shown.problems:
        lines += ["", "Rows that cannot be sent:"]
        lines += [group_text(group) for group in shown.problems[:SHOWN_GROUPS]]
        lines += _more_problems(shown.problems)
    lines += ["", shown.action]
    return "\n".join(lines)


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


def _worth_showing(columns: pd.DataFrame) -> pd.DataFrame:
    """Return all columns of a usual frame; of a very wide one those with notes first, in their own order."""
    if len(columns) <= SHOWN_COLUMNS:
        return columns
    noted = columns["note"].fillna("").astype(str) != ""
    chosen = [*columns.index[noted], *columns.index[~noted]][:SHOWN_COLUMNS]
    return columns.loc[sorted(chosen)]


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


def _change_lines(changes: pd.DataFrame) -> list[tuple[str, ...]]:
    something = changes[(changes["new_profiles"] > 0) | (changes["changed_values"] > 0)]
    return [
        (
            shortened(name, 80),
            *(words.number(count) if count else "" for count in counts),
        )
        for name, *counts in something.head(SHOWN_COLUMNS).itertuples(index=False)
    ]


def _as_json(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problems_table(problems: list[ErrorGroup]) -> Markup:
    lines = [
        (
            words.number(group.count),
            shortened(group.message, 600),
            group.property,
            first_rows(group),
        )
        for group in problems
    ]
    headers = ("Problems", "What is wrong", "Property", "First rows")
    return table(headers, lines, numeric=("Problems",), caption="Rows that cannot be sent")


def _more_problems(problems: list[ErrorGroup]) -> list[str]:
    more = len(problems) - SHOWN_GROUPS
    return [f"and {words.count(more, 'more kind')} of problem in plan.invalid"] if more > 0 else []
