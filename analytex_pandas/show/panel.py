"""The live panel of a push: built once, then only values are set, and only those that changed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self

import ipywidgets

from analytex_pandas.errors import AnalytexError
from analytex_pandas.show.details import Errors, Jobs, row
from analytex_pandas.show.live import follow
from analytex_pandas.show.markup import tag
from analytex_pandas.show.pages import SECTIONS, push_bundle, sections
from analytex_pandas.show.widget import LivePanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

LARGE_INTERVAL: Final = 1.0
"""Seconds between two drawings of what is large: the strip of chunks, the jobs table."""


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
        super().__init__(
            [
                *self.sections.values(),
                self.controls.widget,
                row(self.jobs.section.toggle, self.errors.section.toggle),
                self.jobs.section.box,
                self.errors.section.box,
                self.successor,
            ]
        )
        self.add_class("apd-panel")

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

    def close(self) -> None:
        """Stop drawing and take the widgets away; the push goes on."""
        self.live.finish(0)
        super().close()

    def redraw(self) -> None:
        """Draw everything at once, because the user has pressed something."""
        self._large_drawn = float("-inf")
        self.live.draw()

    def _add_retry(self, push: ShownPush) -> None:
        self.successor.children = [PushPanel(push).start()]

    def __repr__(self) -> str:
        return f"<panel of push {self.push.id}: {self.push.status}>"

    def saved_form(self) -> dict[str, str]:
        return push_bundle(self.push)

    def _repr_html_(self) -> str:
        return self.saved_form()["text/html"]


class Controls:
    """Pause, Go on, Cancel (which asks once), Retry; `retried` gets the push that Retry started."""

    def __init__(
        self, push: ShownPush, retried: Callable[[ShownPush], object], redraw: Callable[[], object]
    ) -> None:
        self._push = push
        self._retried = retried
        self._redraw = redraw
        self._was_retried = False
        self._asking = False
        self.pause = self._button("Pause", "Send nothing more; the job that runs now runs on", push.pause)
        self.go_on = self._button("Go on", "Go on sending", push.unpause)
        self.cancel = self._button("Cancel …", "Stop sending for good; asks first", self._on_cancel)
        self.retry = self._button(
            "Retry refused rows", "Send the refused rows again, as a new push", self._on_retry
        )
        self.confirm = self._button("Yes, cancel", "Stop sending", self._on_confirm)
        self.keep = self._button("No, keep sending", "Do not cancel", self._on_keep)
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
        self.notice = ipywidgets.HTML()
        self._live = (self.pause, self.go_on, self.cancel)
        self._ask = ipywidgets.VBox([self.question, row(self.confirm, self.keep)])
        self._ask.add_class("apd-ask")
        self.widget = ipywidgets.VBox([row(*self._live, self.retry), self._ask, self.notice])

    def draw(self, snapshot: Snapshot) -> None:
        """Enable what can be done now; hide what cannot be done any more."""
        self.pause.disabled = not snapshot.can_pause
        self.go_on.disabled = not snapshot.can_go_on
        self.cancel.disabled = not snapshot.can_cancel or self._asking
        for button in self._live:
            _show(button, shown=not snapshot.state.done)
        _show(self.retry, shown=snapshot.can_retry)
        self.retry.disabled = self._was_retried
        self._asking = self._asking and snapshot.can_cancel
        _show(self._ask, shown=self._asking)
        _show(self.notice, shown=bool(self.notice.value))

    def _on_cancel(self) -> None:
        self._asking = True

    def _on_keep(self) -> None:
        self._asking = False

    def _on_confirm(self) -> None:
        self._asking = False
        self._push.cancel()

    def _on_retry(self) -> None:
        if self._was_retried:
            return
        self._was_retried = True
        try:
            again = self._push.retry(wait=False, progress=False)
        except BaseException:
            self._was_retried = False
            raise
        self.notice.value = tag(
            "div", "The refused rows go again below, as push ", tag("code", again.id), ".", role="status"
        )
        self._retried(again)

    def _button(self, description: str, tooltip: str, intent: Callable[[], object]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=description, tooltip=tooltip)
        button.on_click(lambda _: self.act(intent))
        return button

    def act(self, intent: Callable[[], object]) -> None:
        """Do what a click asks for, and say in the panel what went wrong: a traceback would go nowhere."""
        try:
            intent()
        except AnalytexError as error:
            self.notice.value = tag("div", f"{error}", class_="apd-trouble", role="alert")
        self._redraw()


def _show(widget: ipywidgets.Widget, *, shown: bool) -> None:
    widget.layout.display = None if shown else "none"
