"""What all live panels are: widgets with a style sheet, and a saved form that is brought up to date at the end."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import ipywidgets

from analytex_pandas.show.pages import STYLE

HANDLES: Final = 8
"""Places where one panel is on display whose saved form is brought up to date at the end."""
VIEW: Final = "application/vnd.jupyter.widget-view+json"


class LivePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A panel of parts below the style sheet."""

    def __init__(self, parts: list[ipywidgets.Widget]) -> None:
        self._handles: deque[Any] = deque(maxlen=HANDLES)
        style = ipywidgets.HTML(STYLE)
        style.add_class("apd-style")
        super().__init__([style, *parts])
        self.add_class("apd")

    def saved_form(self) -> dict[str, str]:
        """Return the text and the HTML that are shown where the widget cannot be, by MIME type."""
        return {"text/plain": repr(self), "text/html": str(self._repr_html_())}

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        own = getattr(super(), "_repr_mimebundle_", None)
        if own is None:  # ipywidgets 7, which has no bundle that HTML could be put beside
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
