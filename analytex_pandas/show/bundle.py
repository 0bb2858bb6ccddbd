"""A widget as what a front end is sent, whatever version of ipywidgets made it."""

from __future__ import annotations

from typing import Any, Final

import ipywidgets

VIEW: Final = "application/vnd.jupyter.widget-view+json"


def widget_bundle(widget: ipywidgets.VBox, **options: Any) -> dict[str, Any]:
    """Return a widget's own MIME bundle; ipywidgets 7 has none that HTML could be put beside, so it is made here."""
    inherited = getattr(ipywidgets.VBox, "_repr_mimebundle_", None)
    if inherited is None:
        return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
    return dict(inherited(widget, **options) or {})
