"""What live panels are made of: the panel and its saved form, sections that open, pages that turn, choices."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from analytex_pandas.show import words
from analytex_pandas.show.markup import Markup, tag
from analytex_pandas.show.pages import STYLE
from analytex_pandas.show.surroundings import in_marimo, unattended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analytex_pandas.show.live import Live

HANDLES: Final = 8
"""Places where one panel is on display whose saved form is brought up to date at the end."""
VIEW: Final = "application/vnd.jupyter.widget-view+json"
PAGE: Final = 10


class LivePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A panel of parts below the style sheet, drawn by its `live`."""

    live: Live[Any]

    def __init__(self, kind: str, parts: Sequence[ipywidgets.Widget]) -> None:
        self._handles: deque[Any] = deque(maxlen=HANDLES)
        style = ipywidgets.HTML(STYLE)
        style.add_class("apd-style")
        super().__init__([style, *parts])
        self.add_class("apd")
        self.add_class("tex2jax_ignore")
        self.add_class(f"apd-{kind}")

    def saved_form(self) -> dict[str, str]:
        """Return the text and the HTML that are shown where the widget cannot be, by MIME type."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop drawing and take the widgets away; what they show goes on."""
        self.live.stop()
        super().close()

    def __repr__(self) -> str:
        return self.saved_form()["text/plain"]

    def _repr_html_(self) -> str:
        return self.saved_form()["text/html"]

    def _repr_mimebundle_(self, **options: Any) -> Any:
        own = getattr(super(), "_repr_mimebundle_", None)
        if unattended() or in_marimo():
            bundle = {}
        elif own is None:  # ipywidgets 7, which has no bundle that HTML could be put beside
            bundle = {VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}}
        else:
            bundle = dict(own(**options) or {})
        return bundle | self.saved_form()

    def _ipython_display_(self) -> None:
        """Display the panel in a way that its saved form can be brought up to date later."""
        from IPython.display import display  # there only where this is called

        self._handles.append(display(self._repr_mimebundle_(), raw=True, display_id=True))  # type: ignore[no-untyped-call]

    def renew_saved_form(self) -> None:
        """Leave what was seen last in the notebook: else it would keep the HTML of the moment of display."""
        while self._handles:
            self._handles.popleft().update(self._repr_mimebundle_(), raw=True)


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    made = ipywidgets.HBox(widgets)
    made.add_class("apd-buttons")
    return made


def show(widget: ipywidgets.Widget, *, shown: bool) -> None:
    widget.layout.display = None if shown else "none"


def scrolling(content: Markup) -> Markup:
    """Return something wide that scrolls by itself on a narrow page, with the keyboard too."""
    return tag("div", content, class_="apd-scroll", tabindex="0")


class Section(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Parts that a toggle button opens and closes; drawn only while they are open.

    `noun` is what it holds, in the plural; `toggled` is called when it has been opened or closed.
    """

    def __init__(self, noun: str, parts: Sequence[ipywidgets.Widget], toggled: Callable[[], object]) -> None:
        super().__init__(parts)
        self._noun = noun
        self._toggled = toggled
        self._count: int | None = None
        self.toggle = ipywidgets.ToggleButton(value=False)
        self.toggle.observe(lambda _: self._on_toggle(), "value")
        self.add_class("apd-section")
        self.named(None)

    @property
    def shown(self) -> bool:
        return bool(self.toggle.value)

    def named(self, count: int | None) -> None:
        """Say on the button how many there are, and what pressing it does."""
        self._count = count
        number = "" if count is None else f" ({words.number(count)})"
        self.toggle.description = f"{'Hide' if self.shown else 'Show'} {self._noun}{number}"
        show(self, shown=self.shown)

    def _on_toggle(self) -> None:
        self.named(self._count)
        self._toggled()


class Pager(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Buttons that turn the pages of something long; `turned` draws the page."""

    def __init__(self, noun: str, turned: Callable[[], object], *, follows: bool = False) -> None:
        self._noun, self._turned, self._follows = noun, turned, follows
        self.first = 0
        self.back = ipywidgets.Button(description="← Earlier", tooltip=f"Earlier {noun}")
        self.on = ipywidgets.Button(description="Later →", tooltip=f"Later {noun}")
        self.where = ipywidgets.Label()
        self.back.on_click(lambda _: self._turn(-PAGE))
        self.on.on_click(lambda _: self._turn(PAGE))
        super().__init__([self.back, self.on, self.where])
        self.add_class("apd-buttons")

    def slice(self, total: int, follow: int | None = None) -> slice:
        """Return the lines to show of ``total``; those around ``follow`` until the user turns a page."""
        if follow is not None and self._follows:
            self.first = follow // PAGE * PAGE
        self.first = max(0, min(self.first, (total - 1) // PAGE * PAGE))
        last = min(total, self.first + PAGE)
        self.where.value = f"{self.first + 1:,} to {last:,} of {total:,} {self._noun}" if total else ""
        self.back.disabled = self.first == 0
        self.on.disabled = last >= total
        show(self, shown=total > PAGE)
        return slice(self.first, last)

    def _turn(self, lines: int) -> None:
        self._follows = False
        self.first += lines
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
