"""Long tables a page at a time, with buttons to turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ipywidgets

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = 10


class Pager:
    """Buttons that turn the pages of something long.

    Parameters
    ----------
    noun : str
        What is turned over, in the plural: ``"chunks"``.
    turned : callable
        Called after each turn, to draw the page.
    page : int
        Lines a page.
    """

    def __init__(self, noun: str, turned: Callable[[], object], page: int = PAGE) -> None:
        self._page = page
        self._turned = turned
        self._noun = noun
        self._total = 0
        self.first = 0
        self._follows = False
        self.back = ipywidgets.Button(description="← Earlier", tooltip=f"Earlier {noun}")
        self.on = ipywidgets.Button(description="Later →", tooltip=f"Later {noun}")
        self.where = ipywidgets.Label()
        self.back.on_click(lambda _: self._turn(-self._page))
        self.on.on_click(lambda _: self._turn(self._page))
        self.widget = ipywidgets.HBox([self.back, self.on, self.where])
        self.widget.add_class("apd-buttons")

    def slice(self, total: int, follow: int | None = None) -> slice:
        """Return the lines to show of ``total``; those around ``follow`` until the user turns a page."""
        self._total = total
        if follow is not None and self._follows:
            self.first = follow // self._page * self._page
        self.first = max(0, min(self.first, (total - 1) // self._page * self._page))
        last = min(total, self.first + self._page)
        self.where.value = f"{self.first + 1:,} to {last:,} of {total:,} {self._noun}" if total else ""
        self.back.disabled = self.first == 0
        self.on.disabled = last >= total
        self.widget.layout.display = "none" if total <= self._page else None
        return slice(self.first, last)

    def follow(self) -> None:
        """Let the page go along with what happens until the user turns one."""
        self._follows = True

    def restart(self) -> None:
        """Go back to the first page."""
        self.first = 0

    def _turn(self, lines: int) -> None:
        self._follows = False
        self.first = max(0, min(self.first + lines, self._total - 1))
        self._turned()
