"""The live panel of a push: built once, then only values are set, and only those that changed."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets

from analytex_pandas.show import pieces
from analytex_pandas.show.bundle import widget_bundle
from analytex_pandas.show.controls import Controls
from analytex_pandas.show.details import Errors, Jobs
from analytex_pandas.show.feed import Feed
from analytex_pandas.show.markup import escape
from analytex_pandas.show.page import push_html
from analytex_pandas.show.style import STYLE
from analytex_pandas.show.text import push_text

if TYPE_CHECKING:
    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.show.chunks import Strip
    from analytex_pandas.show.shown import ShownPush
    from analytex_pandas.show.snapshot import Snapshot

LARGE_INTERVAL: Final = 1.0
"""Seconds between two drawings of what is large: the strip of chunks, the jobs table."""
HANDLES: Final = 8
"""Places where one panel is on display whose saved form is brought up to date at the end."""


class PushPanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A live panel: how far, how fast, until when, what went wrong and where, and the buttons.

    Parameters
    ----------
    push : Push
        What is shown and steered.
    """

    def __init__(self, push: ShownPush) -> None:
        self.push = push
        self._handles: deque[Any] = deque(maxlen=HANDLES)
        self._large_drawn = float("-inf")
        self._strip: Strip | None = None
        self.feed = Feed(push, self)
        self.state_line = ipywidgets.HTML()
        self.bar = ipywidgets.HTML()
        self.numbers = ipywidgets.HTML()
        self.pace = ipywidgets.HTML()
        self.activity = ipywidgets.HTML()
        self.cells = ipywidgets.HTML()
        self.legend = ipywidgets.HTML()
        self.controls = Controls(push, self._add_retry, self.redraw)
        self.jobs = Jobs(self.redraw)
        self.errors = Errors(push, self.redraw)
        self.successor = ipywidgets.VBox()
        toggles = ipywidgets.HBox([self.jobs.section.toggle, self.errors.section.toggle])
        toggles.add_class("apd-buttons")
        style = ipywidgets.HTML(STYLE)
        style.add_class("apd-style")
        super().__init__(
            [
                style,
                self.state_line,
                self.bar,
                self.numbers,
                self.pace,
                self.activity,
                self.cells,
                self.legend,
                self.controls.widget,
                toggles,
                self.jobs.section.box,
                self.errors.section.box,
                self.successor,
            ]
        )
        self.add_class("apd")
        self.add_class("apd-panel")

    def start(self) -> Self:
        """Draw, and go on drawing until the push is done."""
        self.feed.start()
        return self

    def draw(self, state: PushState, snapshot: Snapshot) -> None:
        """Set what changed; widgets send nothing for a value that is the same."""
        self.state_line.value = pieces.state_line(snapshot)
        self.bar.value = pieces.bar(snapshot)
        self.numbers.value = pieces.numbers(snapshot)
        self.pace.value = pieces.pace(snapshot)
        self.activity.value = escape(snapshot.activity)
        self.controls.draw(snapshot)
        self.errors.draw(state)
        now = time.monotonic()
        if snapshot.done or now - self._large_drawn >= LARGE_INTERVAL:
            self._large_drawn = now
            self._draw_strip(snapshot.strip)
            self.jobs.draw(state, datetime.now(UTC).astimezone())
        if snapshot.done:
            self._renew_saved_form()

    def end(self) -> None:
        """Leave the last picture where it is."""

    def close(self) -> None:
        """Stop drawing and take the widgets away; the push goes on."""
        self.feed.finish(0)
        super().close()

    def redraw(self) -> None:
        """Draw everything at once, because the user has pressed something."""
        self._large_drawn = float("-inf")
        self.feed.draw()

    def _draw_strip(self, strip: Strip) -> None:
        if strip != self._strip:
            self._strip = strip
            self.cells.value = pieces.cells(strip)
            self.legend.value = pieces.legend(strip)

    def _add_retry(self, push: ShownPush) -> None:
        self.successor.children = [PushPanel(push).start()]

    def __repr__(self) -> str:
        return f"<panel of push {self.push.id}: {self.push.status}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = widget_bundle(self, **options)
        return bundle | {"text/plain": push_text(self.push), "text/html": push_html(self.push)}

    def _ipython_display_(self) -> None:
        """Display the panel in a way that its saved form can be brought up to date later."""
        from IPython.display import display  # there only where this is called

        self._handles.append(display(self._repr_mimebundle_(), raw=True, display_id=True))  # type: ignore[no-untyped-call]

    def _renew_saved_form(self) -> None:
        """Leave the end in the notebook: without this, it would keep the HTML of the moment of display."""
        while self._handles:
            self._handles.popleft().update(self._repr_mimebundle_(), raw=True)
