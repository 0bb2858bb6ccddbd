"""The live panel of a push: built once, then only values are set, and only those that changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets
import pandas as pd

from analytex_pandas.errors import AnalytexError
from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors, groups_table, row_name
from analytex_pandas.show.live import follow
from analytex_pandas.show.markup import Markup, join, shortened, table, tag, tag_if_any
from analytex_pandas.show.pages import SECTIONS, push_bundle, sections
from analytex_pandas.show.snapshot import CHUNK_COLUMNS, chunk_line
from analytex_pandas.show.widgets import Choice, LivePanel, Pager, Section, row, scrolling, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.show.live import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

LARGE_INTERVAL: Final = 1.0
"""Seconds between two drawings of what is large: the strip of chunks, the jobs table."""
CHUNK_NUMBERS: Final = ("Chunk", "Rows", "Processed", "Refused", "Tries")
ERROR_COLUMNS: Final = {"position": 60, "id": 60, "property": 60, "code": 60, "message": 300, "chunk": 60}
"""What is shown of each error beside its row, and in how many characters at most."""
SHOWN_GROUPS: Final = 12
SHOWN_INPUT_ROWS: Final = 10
SHOWN_INPUT_COLUMNS: Final = 12


class PushPanel(LivePanel):
    """A live panel: how far, how fast, until when, what went wrong and where, and the buttons."""

    def __init__(self, push: ShownPush) -> None:
        self.push = push
        self._large_drawn = float("-inf")
        self.live = follow(push, self.draw)
        self.sections = {name: ipywidgets.HTML() for name in SECTIONS}
        self.controls = Controls(push, self._add_retry, self.redraw)
        self.jobs = Jobs(self.redraw)
        self.errors = Errors(push, self.redraw)
        self.successor = ipywidgets.VBox()
        toggles = row(self.jobs.toggle, self.errors.toggle)
        views = [self.controls, toggles, self.jobs, self.errors, self.successor]
        super().__init__("panel", [*self.sections.values(), *views])

    def start(self) -> Self:
        """Draw, and go on drawing until the push is done."""
        self.live.begin()
        return self

    def draw(self, snapshot: Snapshot) -> None:
        """Set what changed; widgets send nothing for a value that is the same."""
        now, done = time.monotonic(), snapshot.state.done
        large = done or now - self._large_drawn >= LARGE_INTERVAL
        for name, html in sections(snapshot, large=large).items():
            self.sections[name].value = html
        self.controls.draw(snapshot)
        self.errors.draw(snapshot)
        if large:
            self._large_drawn = now
            self.jobs.draw(snapshot)
        if done:
            self.renew_saved_form()

    def redraw(self) -> None:
        """Draw everything at once, because the user has pressed something."""
        self._large_drawn = float("-inf")
        self.live.draw()

    def saved_form(self) -> dict[str, str]:
        return push_bundle(self.push)

    def _add_retry(self, push: ShownPush) -> None:
        self.successor.children = [PushPanel(push).start()]


class Controls(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Pause, Go on, Cancel (which asks once), Retry; `retried` gets the push that Retry started."""

    def __init__(
        self, push: ShownPush, retried: Callable[[ShownPush], object], redraw: Callable[[], object]
    ) -> None:
        self._push = push
        self._retried = retried
        self._redraw = redraw
        self._asking = False
        self.pause = self._button("Pause", "Send nothing more; the job that runs now runs on", push.pause)
        self.go_on = self._button("Go on", "Go on sending", push.unpause)
        self.cancel = self._button("Cancel …", "Stop sending for good; asks first", lambda: self._ask(True))
        self.retry = self._button(
            "Retry refused rows", "Send the refused rows again, as a new push", self._retry
        )
        self.confirm = self._button("Yes, cancel", "Stop sending", push.cancel)
        self.keep = self._button("No, keep sending", "Do not cancel", lambda: self._ask(False))
        self.question = ipywidgets.HTML(
            tag(
                "div",
                "Cancel this push? What the service works on now is finished and answered for; nothing "
                "more is sent. The rest stays here, and ",
                tag("code", f"apd.resume({push.id!r})"),
                " sends it later.",
                role="alert",
            )
        )
        self._asked = ipywidgets.VBox([self.question, row(self.confirm, self.keep)])
        self._asked.add_class("apd-ask")
        self.notice = ipywidgets.HTML()
        buttons = row(self.pause, self.go_on, self.cancel, self.retry)
        super().__init__([buttons, self._asked, self.notice])

    def draw(self, snapshot: Snapshot) -> None:
        """Enable what can be done now; hide what cannot be done any more."""
        self._asking = self._asking and snapshot.can_cancel
        self.pause.disabled = not snapshot.can_pause
        self.go_on.disabled = not snapshot.can_go_on
        self.cancel.disabled = not snapshot.can_cancel or self._asking
        for button in (self.pause, self.go_on, self.cancel):
            show(button, shown=not snapshot.state.done)
        show(self.retry, shown=snapshot.can_retry)
        show(self._asked, shown=self._asking)
        show(self.notice, shown=bool(self.notice.value))

    def _ask(self, asking: bool) -> None:
        self._asking = asking

    def _retry(self) -> None:
        if self.retry.disabled:  # two clicks may arrive together
            return
        self.retry.disabled = True
        try:
            again = self._push.retry(wait=False, progress=False)
        except BaseException:
            self.retry.disabled = False
            raise
        self.notice.value = tag(
            "div", "The refused rows go again below, as push ", tag("code", again.id), ".", role="status"
        )
        self._retried(again)

    def _button(self, description: str, tooltip: str, intent: Callable[[], object]) -> ipywidgets.Button:
        def act() -> None:
            try:
                intent()
            except AnalytexError as error:  # said in the panel: a traceback would go nowhere
                self.notice.value = tag("div", f"{error}", class_="apd-trouble", role="alert")
            self._redraw()

        button = ipywidgets.Button(description=description, tooltip=tooltip)
        button.on_click(lambda _: act())
        return button


class Jobs(Section):
    """The table of chunks and their jobs."""

    def __init__(self, redraw: Callable[[], object]) -> None:
        self.table = ipywidgets.HTML()
        self.pager = Pager("chunks", redraw, follows=True)
        super().__init__("jobs", [self.table, self.pager], redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Show the page around the chunk that is worked on, or the one that was turned to."""
        chunks, current = snapshot.state.chunks, snapshot.state.current
        self.named(len(chunks))
        if self.shown:
            page = chunks[self.pager.slice(len(chunks), None if current is None else current - 1)]
            lines = [chunk_line(chunk, snapshot.now) for chunk in page]
            made = table(CHUNK_COLUMNS, lines, numeric=CHUNK_NUMBERS, caption="Chunks and their jobs")
            self.table.value = scrolling(made)


class Errors(Section):
    """What the service refused: by kind, row by row, and those rows as they stand in the input."""

    def __init__(self, push: ShownPush, redraw: Callable[[], object]) -> None:
        self._push = push
        self._drawn: tuple[int, int] | None = None
        self._errors = pd.DataFrame()
        self._groups: list[ErrorGroup] = []
        self.groups = ipywidgets.HTML()
        self.choice = Choice("Rows of", ("all errors", -1), self._on_choice)
        self.rows = ipywidgets.HTML()
        self.pager = Pager("errors", self._draw_rows)
        self.input = ipywidgets.HTML()
        self.input_section = Section("these rows of the input", [self.input], self._draw_input)
        toggle = row(self.input_section.toggle)
        parts = [self.groups, self.choice, self.rows, self.pager, toggle, self.input_section]
        super().__init__("errors", parts, redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Read the errors anew if there are more, and only while somebody looks at them."""
        refused, answered = snapshot.refused, snapshot.total - snapshot.to_go
        self.named(refused)
        show(self.toggle, shown=refused > 0 or self.shown)
        if not self.shown or self._drawn == (refused, answered):
            return
        self._errors = self._push.errors
        self._drawn = (refused, answered)
        self._groups = group_errors(self._errors)
        more = words.and_more(len(self._groups) - SHOWN_GROUPS, "more kind", " of error, in the list below")
        self.groups.value = join(
            (scrolling(groups_table(self._groups[:SHOWN_GROUPS])), tag_if_any("div", more))
        )
        kinds = [f"{words.number(group.count)}: {group.about(70)}" for group in self._groups]
        every = f"all {words.count(len(self._errors), 'error')}"
        self.choice.offer([(every, -1), *zip(kinds, range(len(kinds)), strict=True)])
        self._draw_rows()
        self._draw_input()

    def _on_choice(self) -> None:
        self.pager.first = 0
        self._draw_rows()
        self._draw_input()

    def _chosen(self) -> pd.DataFrame:
        place: int | None = self.choice.value
        if place is None or place < 0:
            return self._errors
        return self._errors.iloc[self._groups[place].members]

    def _draw_rows(self) -> None:
        errors = self._chosen()
        page = errors.iloc[self.pager.slice(len(errors))]
        lines = [
            (
                row_name(error["position"], error["index"], error["id"]),
                *(cell(error[name], limit) for name, limit in ERROR_COLUMNS.items()),
            )
            for error in page.to_dict("records")
        ]
        headers = ("Row", *map(str.capitalize, ERROR_COLUMNS))
        self.rows.value = scrolling(
            table(headers, lines, numeric=("Position", "Chunk"), caption="Row by row")
        )

    def _draw_input(self) -> None:
        if self.input_section.shown and len(self._errors):
            self.input.value = input_rows(self._push.failed, self._chosen())


def input_rows(failed: pd.DataFrame, errors: pd.DataFrame) -> Markup:
    """Return the refused rows of the input whose index labels stand among the errors."""
    labels = set(errors.loc[errors["position"].notna(), "index"])
    mine = failed.loc[[label in labels for label in failed.index]]
    shown = mine.iloc[:SHOWN_INPUT_ROWS, :SHOWN_INPUT_COLUMNS]
    headers = ["Row", *(shortened(column, 60) for column in shown.columns)]
    lines = [
        [shortened(label, 40), *map(cell, values)]
        for label, values in zip(shown.index, shown.itertuples(index=False, name=None), strict=True)
    ]
    hidden = {"more row": len(mine) - len(shown), "more column": mine.shape[1] - shown.shape[1]}
    more = " and ".join(words.count(number, noun) for noun, number in hidden.items() if number)
    note = f"{more} in push.failed" if more else ""
    return join(
        (scrolling(table(headers, lines, caption="These rows of the input")), tag_if_any("div", note))
    )


def cell(value: Any, limit: int = 60) -> str:
    """Return a value of a table that is read by people; what is missing is empty."""
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else shortened(value, limit)
