"""The buttons of a push.

Each says one thing and none is a toggle, because clicks on a busy kernel arrive late and all together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from analytex_pandas.errors import AnalytexError
from analytex_pandas.show.markup import tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot


class Controls:
    """Pause, Go on, Cancel (which asks once), Retry.

    Parameters
    ----------
    push : Push
        What the buttons steer.
    retried : callable
        Called with the new push that Retry started.
    redraw : callable
        Called after each click.
    """

    def __init__(
        self, push: ShownPush, retried: Callable[[ShownPush], object], redraw: Callable[[], object]
    ) -> None:
        self._push = push
        self._retried = retried
        self._redraw = redraw
        self._was_retried = False
        self._asking = False
        self.pause = self._button("Pause", "Send nothing more; the job that runs now runs on", self._on_pause)
        self.go_on = self._button("Go on", "Go on sending", self._on_go_on)
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
        self._ask = ipywidgets.VBox([self.question, _row(self.confirm, self.keep)])
        self._ask.add_class("apd-ask")
        self.widget = ipywidgets.VBox([_row(*self._live, self.retry), self._ask, self.notice])

    def draw(self, snapshot: Snapshot) -> None:
        """Enable what can be done now; hide what cannot be done any more."""
        self.pause.disabled = not snapshot.can_pause
        self.go_on.disabled = not snapshot.can_go_on
        self.cancel.disabled = not snapshot.can_cancel or self._asking
        for button in self._live:
            _show(button, shown=not snapshot.done)
        _show(self.retry, shown=snapshot.can_retry)
        self.retry.disabled = self._was_retried
        self._asking = self._asking and snapshot.can_cancel
        _show(self._ask, shown=self._asking)
        _show(self.notice, shown=bool(self.notice.value))

    def _on_pause(self) -> None:
        self._push.pause()

    def _on_go_on(self) -> None:
        self._push.unpause()

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


def _row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    row = ipywidgets.HBox(list(widgets))
    row.add_class("apd-buttons")
    return row


def _show(widget: ipywidgets.Widget, *, shown: bool) -> None:
    widget.layout.display = None if shown else "none"
