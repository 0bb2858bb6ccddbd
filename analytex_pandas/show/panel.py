"""The live panel of a push: one HTML for the head, one for all else that is read, one row of buttons, and views."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import ipywidgets
import pandas as pd

from analytex_pandas.show import words
from analytex_pandas.show.grouping import ErrorGroup, group_errors, row_name
from analytex_pandas.show.live import ShownPush, follow
from analytex_pandas.show.markup import Markup, datum, join, shortened, table, tag, tag_if_any, without_styles
from analytex_pandas.show.messages import question
from analytex_pandas.show.pages import body, head, marked, push_bundle
from analytex_pandas.show.snapshot import CHUNK_COLUMNS, Snapshot, chunk_line, chunk_mark
from analytex_pandas.show.widgets import Acts, Choice, LivePanel, Pager, View, named_scroller, row, show

INTERVAL: Final = 1.0
"""Seconds between two drawings while nothing but numbers change: who reads or selects text is disturbed by each."""
SHARE_OF_READING: Final = 0.05
"""Of the time, what reading the errors of a running push may take at most."""
CHUNK_NUMBERS: Final = ("Rows", "Refused")
ERROR_COLUMNS: Final = ("Message", "Property", "Id", "Row")
SHOWN_INPUT_ROWS: Final = 10
SHOWN_INPUT_COLUMNS: Final = 12
SHOWN_IDS: Final = 1_000


class PushPanel(LivePanel):
    """A live panel: how far, how fast, until when, what went wrong and where, and the buttons."""

    def __init__(self, push: ShownPush, *, inside: bool = False) -> None:
        self.push = push
        self._inside = inside
        self._asking = self._retried = False
        self._drawn = float("-inf")
        self._small = self._mode = ""
        self._saved = -1
        self.live = follow(push, self.draw)
        self.refusals = Refusals(push)
        self.head, self.body = ipywidgets.HTML(), ipywidgets.HTML()
        self.jobs = Jobs(self.redraw)
        self.errors = Errors(self.refusals, self.save, self.redraw)
        acts: dict[str, tuple[str, str, Callable[[], object]]] = {
            "keep": ("Keep sending", "Do not cancel", lambda: self._ask(False)),
            "yes": ("Yes, cancel", "Stop sending", self._cancel),
            "resume": ("Resume", "Go on where it stopped; nothing is sent twice", self._resume),
            "pause": ("Pause", "Send nothing more; the job that runs now runs on", push.pause),
            "go_on": ("Resume", "Go on sending", push.unpause),
            "cancel": ("Cancel …", "Stop sending for good; asks first", lambda: self._ask(True)),
            "retry_unknown": (
                "Send unknown rows again",
                "Send the rows again of which no answer is known, and the refused ones, as a new push",
                lambda: self._retry(unknown=True),
            ),
            "retry": ("Retry refused rows", "Send the refused rows again, as a new push", self._retry),
            "save": ("Save as CSV", "Write the refused rows to a file beside this notebook", self.save),
        }
        self.acts = Acts(acts, [self.jobs, self.errors], self._say, self.redraw)
        self.successor = ipywidgets.VBox()
        views = [self.jobs, self.errors, self.successor]
        super().__init__("panel", [self.head, self.body, self.acts, *views], inside=inside)

    def start(self) -> Self:
        """Draw, and go on drawing until the push is done."""
        self.live.begin()
        return self

    def draw(self, snapshot: Snapshot) -> None:
        """Set what changed, all of it of one moment; widgets send nothing for a value that is the same."""
        now, state = time.monotonic(), snapshot.state
        if not state.done and snapshot.mode == self._mode and now - self._drawn < INTERVAL:
            return
        self._drawn, self._mode = now, snapshot.mode
        acts = snapshot.acts
        self._asking = self._asking and "cancel" in acts
        if self._retried:
            acts = tuple(act for act in acts if not act.startswith("retry"))
        self.acts.offer(("keep", "yes") if self._asking else acts)
        self.head.value = ("" if self._inside else self.style_sheet) + head(snapshot)
        self.refusals.read(snapshot)
        said = question(snapshot) if self._asking else None
        groups = self.refusals.groups
        self.body.value = body(snapshot, groups, said=said, quiet=self._retried, small=self._small)
        self.jobs.draw(snapshot)
        self.errors.draw(snapshot)
        if state.done and self._saved != state.revision:
            self._saved = state.revision
            self.renew_saved_form()

    def redraw(self) -> None:
        """Draw everything at once, because the user has pressed something."""
        self._drawn = float("-inf")
        self.live.draw()

    def close(self) -> None:
        for again in self.successor.children:
            again.close()
        super().close()

    def saved_form(self) -> dict[str, str]:
        own = push_bundle(self.push)
        return {
            kind: "\n".join([text, *(it.saved_form()[kind] for it in self.successor.children)])
            for kind, text in own.items()
        }

    def save(self, kind: str = "csv") -> None:
        """Write the errors into a file of the working directory, under a name that is free."""
        errors = self.refusals.errors
        names = (f"refused-{self.push.id}{'' if n == 1 else f'-{n}'}.{kind}" for n in itertools.count(1))
        path = next(path for path in map(Path, names) if not path.exists())
        try:
            if kind == "parquet":  # whose columns have one type each; labels have any
                labels = errors["index"].map(str, na_action="ignore")
                errors.assign(index=labels).to_parquet(path, index=False)
            else:
                errors.to_csv(path, index=False)
        except (OSError, ValueError) as error:  # no room, no right, or text that no file can hold
            self._say(f"{path} could not be written: {error}")
            return
        self._say(f"{words.count(len(errors), 'error')} saved as {path}, beside this notebook.")

    def _say(self, text: str) -> None:
        self._small = text

    def _ask(self, asking: bool) -> None:
        self._asking = asking

    def _cancel(self) -> None:
        self._asking = False
        self.push.cancel()

    def _resume(self) -> None:
        self.push.resume()
        self.live = follow(self.push, self.draw)
        self.start()

    def _retry(self, *, unknown: bool = False) -> None:
        if self._retried:  # two clicks may arrive together
            return
        self._retried = True
        try:
            again = self.push.retry(unknown=unknown, wait=False, progress=False)
        except BaseException:
            self._retried = False
            raise
        shown = PushPanel(again, inside=True)
        shown.live.ended = self._mended
        self.successor.children = [shown.start()]

    def _mended(self) -> None:
        self.redraw()
        self.renew_saved_form()


class Refusals:
    """The errors of a push and their reasons, read anew when there are more, and never for much of the time."""

    def __init__(self, push: ShownPush) -> None:
        self.push = push
        self.errors = pd.DataFrame()
        self.groups: list[ErrorGroup] = []
        self._seen = (0, 0)
        self._due = float("-inf")

    def read(self, snapshot: Snapshot) -> None:
        seen, now = (snapshot.refused, snapshot.to_go), time.monotonic()
        if not snapshot.refused or seen == self._seen or (now < self._due and not snapshot.state.done):
            return
        self._seen = seen
        self.errors = self.push.refusals
        self.groups = group_errors(self.errors)
        self._due = now + (time.monotonic() - now) / SHARE_OF_READING


class Jobs(View):
    """The table of chunks and their jobs."""

    def __init__(self, redraw: Callable[[], object]) -> None:
        self.table = ipywidgets.HTML()
        self.pager = Pager("chunks", redraw, follows=True)
        super().__init__("jobs", [self.table, self.pager], redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Show the page around the chunk that is worked on, or the one that was turned to."""
        chunks, current = snapshot.chunks, snapshot.state.current
        self.named(len(chunks))
        show(self.toggle, shown=self.shown or any(chunk.attempts or chunk.job_id for chunk in chunks))
        if self.shown:
            page = chunks[self.pager.slice(len(chunks), None if current is None else current - 1)]
            lines = []
            for chunk in page:
                number, state, *others, job = chunk_line(chunk, snapshot.now)
                mark = chunk_mark(chunk)
                state = join((marked(mark), state.removeprefix(str(mark))))
                lines.append((number, state, *others, tag_if_any("code", job)))
            nowrap, caption = ("State", "Sent", "Took"), "Chunks and their jobs"
            made = table(CHUNK_COLUMNS, lines, numeric=CHUNK_NUMBERS, nowrap=nowrap, caption=caption)
            self.table.value = without_styles(made)


class Errors(View):
    """What the service refused: row by row, those rows as they stand in the input, and their ids to copy."""

    def __init__(
        self, refusals: Refusals, save: Callable[[str], object], redraw: Callable[[], object]
    ) -> None:
        self._refusals = refusals
        self._drawn: object = None
        self.choice = Choice("Rows of", ("all errors", -1), self._on_choice)
        self.rows, self.input, self.ids = (ipywidgets.HTML() for _ in range(3))
        self.pager = Pager("errors", self._draw_rows, self.choice)
        self.input_view = View("these rows of the input", [self.input], self._draw_more)
        self.ids_view = View("ids to copy", [self.ids], self._draw_more)
        self.parquet = ipywidgets.Button(description="Save as Parquet")
        self.parquet.on_click(lambda _: (save("parquet"), redraw()))
        more = row(self.parquet, self.ids_view.toggle, self.input_view.toggle)
        parts = [self.rows, self.pager, more, self.ids_view, self.input_view]
        super().__init__("refused rows", parts, redraw)

    def draw(self, snapshot: Snapshot) -> None:
        """Show what has been read, and only while somebody looks at it."""
        errors, groups = self._refusals.errors, self._refusals.groups
        self.named(snapshot.refused)
        show(self.toggle, shown=snapshot.refused > 0 or self.shown)
        if not self.shown or self._drawn is errors:
            return
        self._drawn = errors
        kinds = [f"{words.number(group.count)}: {group.about(70)}" for group in groups]
        every = f"every reason ({words.number(len(errors))})"
        self.choice.offer([(every, -1), *zip(kinds, range(len(kinds)), strict=True)])
        show(self.choice, shown=len(groups) > 1)
        self._draw_rows()
        self._draw_more()

    def _on_choice(self) -> None:
        self.pager.first = 0
        self._draw_rows()
        self._draw_more()

    def _chosen(self) -> pd.DataFrame:
        place: int | None = self.choice.value
        if place is None or place < 0:
            return self._refusals.errors
        return self._refusals.errors.iloc[self._refusals.groups[place].members]

    def _draw_rows(self) -> None:
        errors = self._chosen()
        lines = []
        for error in errors.iloc[self.pager.slice(len(errors))].to_dict("records"):
            texts = (cell(error["message"], 300), cell(error["property"], 120), cell(error["id"], 80))
            name = row_name(error["position"], error["index"], error["id"])
            lines.append([datum(text, 300) for text in (*texts, name)])
        self.rows.value = without_styles(table(ERROR_COLUMNS, lines, wide="Message", caption="Row by row"))

    def _draw_more(self) -> None:
        errors = self._chosen()
        if self.input_view.shown and len(errors):
            self.input.value = input_rows(self._refusals.push.failed, errors)
        self.input_view.named(None)
        ids: list[str] = list(errors["id"].dropna().unique()) if len(errors) else []
        self.ids_view.named(len(ids))
        if self.ids_view.shown:
            more = words.and_more(len(ids) - SHOWN_IDS, "more id", " in push.errors")
            text = join((shortened(one, 300) for one in ids[:SHOWN_IDS]), "\n")
            hint = tag("p", "A click selects all of them.", class_="apd-dim")
            listed = tag("pre", text, **named_scroller("apd-ids", "Ids to copy"))
            self.ids.value = join((hint, listed, tag_if_any("p", more)))


def input_rows(failed: pd.DataFrame, errors: pd.DataFrame) -> Markup:
    """Return the refused rows of the input whose index labels stand among the errors."""
    labels = set(errors.loc[errors["position"].notna(), "index"])
    mine = failed.loc[[label in labels for label in failed.index]]
    shown = mine.iloc[:SHOWN_INPUT_ROWS, :SHOWN_INPUT_COLUMNS]
    headers = ["Row", *(shortened(column, 60) for column in shown.columns)]
    lines = [
        [datum(label, 40), *(datum(cell(value), 60) for value in values)]
        for label, values in zip(shown.index, shown.itertuples(index=False, name=None), strict=True)
    ]
    hidden = {"more row": len(mine) - len(shown), "more column": mine.shape[1] - shown.shape[1]}
    more = " and ".join(words.count(number, noun) for noun, number in hidden.items() if number)
    note = f"{more} in push.failed" if more else ""
    made = table(headers, lines, caption="These rows of the input")
    scroller = tag("div", made, **named_scroller("apd-scroll", "These rows of the input"))
    return join((scroller, tag_if_any("p", note)))


def cell(value: Any, limit: int = 60) -> str:
    """Return a value of a table that is read by people; what is missing is empty."""
    return "" if pd.api.types.is_scalar(value) and pd.isna(value) else shortened(value, limit)
