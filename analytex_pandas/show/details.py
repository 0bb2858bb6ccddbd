"""What a panel tells on demand: jobs, errors by kind, the rows of each kind, those rows of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets
import pandas as pd

from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors, row_name
from analytex_pandas.show.markup import Markup, join, shortened, table, tag
from analytex_pandas.show.pages import groups_table
from analytex_pandas.show.snapshot import CHUNK_COLUMNS, chunk_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

PAGE: Final = 10
SHOWN_GROUPS: Final = 12
SHOWN_INPUT_ROWS: Final = 10
SHOWN_INPUT_COLUMNS: Final = 12
ROW_COLUMNS: Final = ("Row", "Position", "Id", "Property", "Code", "Message", "Chunk")
CHUNK_NUMBERS: Final = ("Chunk", "Rows", "Processed", "Refused", "Tries")


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    made = ipywidgets.HBox(list(widgets))
    made.add_class("apd-buttons")
    return made


def scrolling(content: Markup) -> Markup:
    """Return something wide that scrolls by itself on a narrow page, with the keyboard too."""
    return tag("div", content, class_="apd-scroll", tabindex="0")


class Section:
    """Something that opens and closes with a toggle button; drawn only while it is open.

    `noun` is what it holds, in the plural; `opened` is called when it has been opened or closed.
    """

    def __init__(self, noun: str, parts: list[ipywidgets.Widget], opened: Callable[[], object]) -> None:
        self._noun = noun
        self._opened = opened
        self._count: int | None = None
        self.toggle = ipywidgets.ToggleButton(value=False)
        self.toggle.observe(self._on_toggle, "value")
        self.box = ipywidgets.VBox(parts)
        self.box.add_class("apd-section")
        self.box.layout.display = "none"
        self.named(None)

    @property
    def open(self) -> bool:
        return bool(self.toggle.value)

    def named(self, count: int | None) -> None:
        """Say on the button how many there are, and what pressing it does."""
        self._count = count
        number = "" if count is None else f" ({words.number(count)})"
        self.toggle.description = f"{'Hide' if self.open else 'Show'} {self._noun}{number}"

    def _on_toggle(self, _: object) -> None:
        self.box.layout.display = None if self.open else "none"
        self.named(self._count)
        self._opened()


class Pager:
    """Buttons that turn the pages of something long; `turned` draws the page."""

    def __init__(self, noun: str, turned: Callable[[], object], *, follows: bool = False) -> None:
        self._turned = turned
        self._noun = noun
        self._total = 0
        self._follows = follows
        self.first = 0
        self.back = ipywidgets.Button(description="← Earlier", tooltip=f"Earlier {noun}")
        self.on = ipywidgets.Button(description="Later →", tooltip=f"Later {noun}")
        self.where = ipywidgets.Label()
        self.back.on_click(lambda _: self._turn(-PAGE))
        self.on.on_click(lambda _: self._turn(PAGE))
        self.widget = row(self.back, self.on, self.where)

    def slice(self, total: int, follow: int | None = None) -> slice:
        """Return the lines to show of ``total``; those around ``follow`` until the user turns a page."""
        self._total = total
        if follow is not None and self._follows:
            self.first = follow // PAGE * PAGE
        self.first = max(0, min(self.first, (total - 1) // PAGE * PAGE))
        last = min(total, self.first + PAGE)
        self.where.value = f"{self.first + 1:,} to {last:,} of {total:,} {self._noun}" if total else ""
        self.back.disabled = self.first == 0
        self.on.disabled = last >= total
        self.widget.layout.display = "none" if total <= PAGE else None
        return slice(self.first, last)

    def _turn(self, lines: int) -> None:
        self._follows = False
        self.first = max(0, min(self.first + lines, self._total - 1))
        self._turned()


class Choice(ipywidgets.Dropdown):  # type: ignore[misc]  # ipywidgets has no types
    """A choice that outlives changes of what else there is; the first option stands for none in particular."""

    options: Any
    value: Any

    def __init__(self, description: str, first: tuple[str, Any], chosen: Callable[[], object]) -> None:
        super().__init__(description=description, options=[first], value=first[1])
        self.layout.width = "auto"
        self.layout.max_width = "40rem"
        self.observe(lambda _: chosen(), "value")

    def offer(self, options: list[tuple[str, Any]]) -> None:
        if list(self.options) != options:
            chosen = self.value
            self.options = options
            self.value = chosen if any(value == chosen for _, value in options) else options[0][1]


class Jobs:
    """The table of chunks and their jobs."""

    def __init__(self, redraw: Callable[[], object]) -> None:
        self.table = ipywidgets.HTML()
        self.pager = Pager("chunks", redraw, follows=True)
        self.section = Section("jobs", [self.table, self.pager.widget], redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Show the page around the chunk that is worked on, or the one that was turned to."""
        state = snapshot.state
        self.section.named(len(state.chunks))
        if not self.section.open:
            return
        follow = None if state.current is None else state.current - 1
        page = self.pager.slice(len(state.chunks), follow)
        lines = [chunk_line(chunk, snapshot.now) for chunk in state.chunks[page]]
        self.table.value = scrolling(
            table(CHUNK_COLUMNS, lines, numeric=CHUNK_NUMBERS, caption="Chunks and their jobs")
        )


class Errors:
    """What the service refused: by kind, row by row, and those rows as they stand in the input."""

    def __init__(self, push: ShownPush, redraw: Callable[[], object]) -> None:
        self._push = push
        self._drawn: tuple[int, int] | None = None
        self._errors = pd.DataFrame()
        self._groups: list[ErrorGroup] = []
        self.groups = ipywidgets.HTML()
        self.choice = Choice("Rows of", ("all errors", -1), self._on_choice)
        self.rows = ipywidgets.HTML()
        self.pager = Pager("errors", self.draw_rows)
        self.input = ipywidgets.HTML()
        self.input_section = Section("these rows of the input", [self.input], self._draw_input)
        toggle = row(self.input_section.toggle)
        parts = [self.groups, self.choice, self.rows, self.pager.widget, toggle, self.input_section.box]
        self.section = Section("errors", parts, redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Read the errors anew if there are more, and only while somebody looks at them."""
        refused, answered = snapshot.refused, snapshot.total - snapshot.to_go
        self.section.named(refused)
        self.section.toggle.layout.display = None if refused or self.section.open else "none"
        if not self.section.open or self._drawn == (refused, answered):
            return
        self._errors = self._push.errors
        self._drawn = (refused, answered)
        self._groups = group_errors(self._errors)
        more = len(self._groups) - SHOWN_GROUPS
        note = (
            tag("div", f"and {words.count(more, 'more kind')} of error, in the list below")
            if more > 0
            else ""
        )
        self.groups.value = join((scrolling(groups_table(self._groups[:SHOWN_GROUPS])), note))
        self._offer_groups()
        self.draw_rows()
        self._draw_input()

    def _offer_groups(self) -> None:
        options: list[tuple[str, Any]] = [(f"all {words.count(len(self._errors), 'error')}", -1)]
        for place, group in enumerate(self._groups):
            about = f"{group.property}: " if group.property else ""
            options.append((f"{words.number(group.count)}: {shortened(about + group.message, 70)}", place))
        self.choice.offer(options)

    def _on_choice(self) -> None:
        self.pager.first = 0
        self.draw_rows()
        self._draw_input()

    def _chosen(self) -> pd.DataFrame:
        place = self.choice.value
        if place is None or place < 0:
            return self._errors
        return self._errors.iloc[list(self._groups[place].members)]

    def draw_rows(self) -> None:
        """Show one page of the errors that were chosen."""
        errors = self._chosen()
        page = errors.iloc[self.pager.slice(len(errors))]
        lines = [_error_line(row) for row in page.to_dict("records")]
        self.rows.value = scrolling(
            table(ROW_COLUMNS, lines, numeric=("Position", "Chunk"), caption="Row by row")
        )

    def _draw_input(self) -> None:
        if self.input_section.open and len(self._errors):
            self.input.value = input_rows(self._push.failed, self._chosen())


def input_rows(failed: pd.DataFrame, errors: pd.DataFrame) -> Markup:
    """Return the refused rows of the input whose index labels stand among the errors."""
    labels = set(errors.loc[errors["position"].notna(), "index"])
    mine = failed.loc[[label in labels for label in failed.index]]
    shown = mine.iloc[:SHOWN_INPUT_ROWS, :SHOWN_INPUT_COLUMNS]
    headers = ["Row", *(shortened(column, 60) for column in shown.columns)]
    lines = [
        [shortened(label, 40), *(_cell(value) for value in values)]
        for label, values in zip(shown.index, shown.itertuples(index=False, name=None), strict=True)
    ]
    hidden = [
        f"{words.count(len(mine) - len(shown), 'more row')}" if len(mine) > len(shown) else "",
        f"{words.count(mine.shape[1] - shown.shape[1], 'more column')}"
        if mine.shape[1] > shown.shape[1]
        else "",
    ]
    more = " and ".join(part for part in hidden if part)
    note = tag("div", f"{more} in push.failed") if more else Markup("")
    return join((scrolling(table(headers, lines, caption="These rows of the input")), note))


def _error_line(row: dict[Any, Any]) -> tuple[str, ...]:
    return (
        row_name(row["position"], row["index"], row["id"]),
        _cell(row["position"]),
        _cell(row["id"]),
        _cell(row["property"]),
        _cell(row["code"]),
        shortened(row["message"], 300),
        _cell(row["chunk"]),
    )


def _cell(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    return shortened(value, 60)
