"""What live panels are made of: the panel and its saved form, buttons, views that open, pages that turn, choices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import ipywidgets

from analytex_pandas.errors import AnalytexError
from analytex_pandas.show.live import Live
from analytex_pandas.show.markup import NO_MATHEMATICS, STYLE, Markup, join, tag
from analytex_pandas.show.surroundings import in_marimo, unattended

HANDLES: Final = 8
"""Places where one panel is on display whose saved form is brought up to date at the end."""
VIEW: Final = "application/vnd.jupyter.widget-view+json"
PAGE: Final = 10


class LivePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A panel, drawn by its `live`; `inside` is one that stands in the card of another."""

    live: Live[Any]

    def __init__(self, kind: str, parts: Sequence[ipywidgets.Widget], *, inside: bool = False) -> None:
        self._handles: deque[Any] = deque(maxlen=HANDLES)
        super().__init__(parts)
        for name in ("apd-sub" if inside else "apd", f"apd-{kind}", *NO_MATHEMATICS):
            self.add_class(name)

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
        """Display the panel, and below it what a file keeps of it, which the panel hides while it is there.

        Two outputs, because JupyterLab builds an output that is renewed anew: the focus in it would be lost.
        """
        from IPython.display import display  # there only where this is called

        bundle = self._repr_mimebundle_()
        if VIEW in bundle:
            display(bundle | dict.fromkeys(self.saved_form(), ""), raw=True)  # type: ignore[no-untyped-call]
        self._handles.append(display(self._kept_form(), raw=True, display_id=True))  # type: ignore[no-untyped-call]

    def renew_saved_form(self) -> None:
        """Leave what was seen last in the notebook: else it would keep the HTML of the moment of display."""
        for handle in self._handles:
            handle.update(self._kept_form(), raw=True)

    def _kept_form(self) -> dict[str, str]:
        saved = self.saved_form()
        kept = tag("div", Markup(saved["text/html"]), class_=f"apd-kept-{self.model_id}")
        return saved | {"text/html": str(kept)}

    @property
    def style_sheet(self) -> Markup:
        """The style of a panel that is there, by which the output that a file keeps of it is not seen."""
        kept = f".apd-kept-{self.model_id}"
        hiding = f".jp-OutputArea-child:has({kept}),.output_area:has({kept}),{kept}{{display:none}}"
        return join((STYLE, tag("style", Markup(hiding))))


def row(*widgets: ipywidgets.Widget, kind: str = "apd-buttons") -> ipywidgets.HBox:
    made = ipywidgets.HBox(widgets)
    made.add_class(kind)
    return made


def show(widget: ipywidgets.Widget, *, shown: bool) -> None:
    """Show a widget or take it away; a button that has the focus stays to be left, by the style sheet."""
    (widget.remove_class if shown else widget.add_class)("apd-past")


def is_shown(widget: ipywidgets.Widget) -> bool:
    return "apd-past" not in widget._dom_classes  # noqa: SLF001  # ipywidgets' only name for it


def focus(widget: ipywidgets.Widget) -> None:
    """Move the focus from a button that was pressed, and goes, to another."""
    if hasattr(widget, "focus"):  # from ipywidgets 8 on
        widget.focus()


def named_scroller(kind: str, name: str) -> dict[str, str]:
    """Return the attributes of what scrolls by itself: the keyboard reaches it, and a screen reader says what it is."""
    return {"class_": kind, "role": "region", "aria_label": name, "tabindex": "0"}


class Acts(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """One row of buttons: what can be done now on the left, what can be looked at on the right.

    `acts` are names, each with a label, a tooltip and what pressing it does; `views` open below. What an act cannot do
    is told to `failed`; `acted` is called after each.
    """

    def __init__(
        self,
        acts: dict[str, tuple[str, str, Callable[[], object]]],
        views: Sequence[View],
        failed: Callable[[str], object],
        acted: Callable[[], object],
    ) -> None:
        self.buttons: dict[str, ipywidgets.Button] = {}
        self._views, self._failed, self._acted = views, failed, acted
        self.offered: tuple[str, ...] = ()
        for name, (label, tooltip, act) in acts.items():
            button = ipywidgets.Button(description=label, tooltip=tooltip)
            button.on_click(lambda _, name=name, act=act: self._press(name, act))
            self.buttons[name] = button
            show(button, shown=False)
        toggles = row(*(view.toggle for view in views), kind="apd-view")
        super().__init__([*self.buttons.values(), toggles])
        self.add_class("apd-buttons")

    def offer(self, names: Sequence[str]) -> None:
        """Show the buttons of what can be done, and no other."""
        self.offered = tuple(names)
        for name, button in self.buttons.items():
            show(button, shown=name in names)

    def focus_on(self, name: str | None = None) -> None:
        """Put the focus on a button, or on the first there is: the one that had it goes."""
        shown = [self.buttons[name]] if name in self.buttons else []
        shown += [self.buttons[name] for name in self.offered]
        shown += [view.toggle for view in self._views if is_shown(view.toggle)]
        if shown:
            focus(shown[0])

    def _press(self, name: str, act: Callable[[], object]) -> None:
        if name not in self.offered:  # it only stood there until the focus left it
            return
        try:
            act()
        except AnalytexError as error:  # said in the panel: a traceback would go nowhere
            self._failed(str(error))
        self._acted()
        if name not in self.offered:
            self.focus_on(AFTER.get(name))


AFTER: Final = {"cancel": "keep", "keep": "cancel"}
"""Where the focus goes from a button that goes, if not to the first."""


class View(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Parts that a button opens and closes; drawn only while they are open.

    The button says in words what pressing it does: plain widgets cannot have ``aria-expanded``. `noun` is what the view
    holds, in the plural; `toggled` is called when it has been opened or closed.
    """

    def __init__(self, noun: str, parts: Sequence[ipywidgets.Widget], toggled: Callable[[], object]) -> None:
        super().__init__(parts)
        self._noun, self._toggled = noun, toggled
        self._count: int | None = None
        self.shown = False
        self.toggle = ipywidgets.Button()
        self.toggle.on_click(lambda _: self.unfold(not self.shown))
        self.named(None)

    def unfold(self, shown: bool = True) -> None:
        self.shown = shown
        (self.toggle.add_class if shown else self.toggle.remove_class)("mod-active")
        self.named(self._count)
        self._toggled()

    def named(self, count: int | None) -> None:
        """Say on the button how many there are, and that pressing it hides them."""
        self._count = count
        number = "" if count in (None, 1) else f" ({count:,})"
        noun = self._noun.removesuffix("s") if count == 1 else self._noun
        name = f"Hide {noun}" if self.shown else noun[:1].upper() + noun[1:]
        self.toggle.description = f"{name}{number}"
        show(self, shown=self.shown)


class Pager(ipywidgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """Buttons that turn the pages of something long; `turned` draws the page."""

    def __init__(
        self,
        noun: str,
        turned: Callable[[], object],
        *others: ipywidgets.Widget,
        names: tuple[str, str] = ("← Previous", "Next →"),
        follows: bool = False,
    ) -> None:
        self._noun, self._turned, self._follows = noun, turned, follows
        self.first = 0
        self.back, self.on = (ipywidgets.Button(description=name) for name in names)
        self.where = ipywidgets.Label()
        self.back.on_click(lambda _: self._turn(-PAGE))
        self.on.on_click(lambda _: self._turn(PAGE))
        super().__init__([self.back, self.on, self.where, *others])
        self.add_class("apd-buttons")

    def slice(self, total: int, follow: int | None = None) -> slice:
        """Return the lines to show of ``total``; those around ``follow`` until the user turns a page."""
        if follow is not None and self._follows:
            self.first = follow // PAGE * PAGE
        self.first = max(0, min(self.first, (total - 1) // PAGE * PAGE))
        last = min(total, self.first + PAGE)
        self.where.value = f"{self.first + 1:,} to {last:,} of {total:,} {self._noun}" if total > PAGE else ""
        show(self.back, shown=self.first > 0)
        show(self.on, shown=last < total)
        return slice(self.first, last)

    def _turn(self, lines: int) -> None:
        self._follows = False
        self.first += lines
        self._turned()
        turned, other = (self.on, self.back) if lines > 0 else (self.back, self.on)
        if not is_shown(turned):
            focus(other)


class Choice(ipywidgets.Dropdown):  # type: ignore[misc]  # ipywidgets has no types
    """A choice that outlives changes of what else there is; the first option stands for none in particular."""

    options: Any
    value: Any

    def __init__(self, description: str, first: tuple[str, Any], chosen: Callable[[], object]) -> None:
        super().__init__(description=description, options=[first], value=first[1])
        self.layout.width = "auto"
        self.layout.max_width = "30rem"
        self.style.description_width = "initial"
        self.add_class("apd-view")
        self.observe(lambda _: chosen(), "value")

    def offer(self, options: list[tuple[str, Any]]) -> None:
        if list(self.options) != options:
            chosen = self.value
            self.options = options
            self.value = chosen if any(value == chosen for _, value in options) else options[0][1]
