"""Where code runs: which front end there is, and what it can show. Imports none of them: what runs is loaded."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any


def in_notebook() -> bool:
    """Tell whether code runs in a notebook: on an IPython kernel, or in marimo."""
    return on_kernel() or in_marimo()


def on_kernel() -> bool:
    """Tell whether code runs on an IPython kernel (JupyterLab, VS Code, Colab …), not in a terminal."""
    return getattr(shell(), "kernel", None) is not None


def in_marimo() -> bool:
    """Tell whether code runs in a marimo notebook, which shows HTML and no ipywidgets."""
    marimo = sys.modules.get("marimo")
    return bool(marimo is not None and marimo.running_in_notebook())


def unattended() -> bool:
    """Tell whether a notebook is executed with nobody before it, as nbconvert and papermill do.

    They say that nobody can type. Widgets that they store are shown later with scripts of other servers, or not at all.
    Voila says so too, and has somebody all the same.
    """
    if not on_kernel() or os.environ.get("SERVER_SOFTWARE", "").startswith("voila/"):
        return False
    request: dict[str, Any] = getattr(shell(), "get_parent", dict)() or {}
    return not request.get("content", {}).get("allow_stdin", True)


def widgets_work() -> bool:
    """Tell whether widgets can be shown, to somebody who can press them."""
    return on_kernel() and not unattended() and find_spec("ipywidgets") is not None


def execution() -> int:
    """Return the number of the cell execution that goes on."""
    return int(getattr(shell(), "execution_count", 0))


def shell() -> Any:
    """Return IPython's running shell, None where there is none."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
