"""The end of a long push in the title of the browser's tab.

No core widget reaches the tab, so an ``Output`` widget gets a line of JavaScript, made of nothing but our own words. It
is in no output of the notebook: what is saved has no script. Where scripts are not run, or run in a frame of their own
(VS Code, Colab), nothing happens.
"""

from __future__ import annotations

import json
import logging
from typing import Final

import ipywidgets

from analytex_pandas.delivery.state import PushState
from analytex_pandas.show import words

LONG: Final = 60.0
"""Seconds from which on nobody is supposed to sit and watch."""
SCRIPT: Final = """(() => {{
  if (!document.hidden) return;
  const said = {said}, before = document.title;
  document.title = said;
  const back = () => {{
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", back);
    if (document.title === said) document.title = before;
  }};
  document.addEventListener("visibilitychange", back);
}})()"""
"""Says it where the tab is not looked at, until it is."""

logger = logging.getLogger("analytex_pandas.show")


def say_in_title(shown: ipywidgets.Box, state: PushState) -> None:
    """Say in the title that a push has ended, if it took long; a subscriber of the push."""
    if not state.done or state.started_at is None or state.ended_at is None:
        return
    if (state.ended_at - state.started_at).total_seconds() < LONG:
        return
    mark = words.mark(state.status, words.PUSH_MARKS)
    script = SCRIPT.format(said=json.dumps(f"{mark}: push {state.id}"))
    output = {"output_type": "display_data", "data": {"application/javascript": script}, "metadata": {}}
    try:
        shown.children += (ipywidgets.Output(outputs=(output,), layout={"display": "none"}),)
    except Exception:  # no display may reach a push
        logger.warning("The title of the tab could not be set.", exc_info=True)
