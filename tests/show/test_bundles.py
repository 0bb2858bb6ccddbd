"""What notebooks are handed: bundles that every front end takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOSTILE = {f"u{place}": ("bad", "<b>plan", "<i>'x' $y$ is no plan") for place in range(3)}


@pytest.fixture(scope="module")
def shown() -> Iterator[dict[str, Any]]:
    """One of everything that shows itself, with errors, notes and a frame that has names as objects of its own."""

    class Name(str):
        __slots__ = ()

    frame = pd.DataFrame({"user_id": [f"u{place}" for place in range(5)], Name("<b>plan"): [Name("$x$")] * 5})
    with apd.sandbox(rows_per_minute=1e9, refuse=HOSTILE) as service:
        plan = apd.plan_users(frame)
        push = apd.push_users(frame, wait=True, progress=False)
        yield {
            "plan": plan,
            "push": push,
            "panel": push.panel(),
            "monitor": apd.monitor(),
            "job": apd.job(push.jobs["job_id"][0], client=service.client),
        }


def everything(value: Any) -> Iterator[Any]:
    """Yield a bundle's keys and values, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from everything(inner)
    else:
        yield value


@pytest.mark.parametrize("name", ["plan", "push", "panel", "monitor", "job"])
@pytest.mark.parametrize("method", ["_repr_mimebundle_", "_repr_html_", "__repr__"])
def test_a_bundle_is_plain(shown: dict[str, Any], name: str, method: str) -> None:
    """marimo's encoder takes exactly `str`: what inherits from it makes every display of it go wrong."""
    if hasattr(shown[name], method):
        assert {type(part) for part in everything(getattr(shown[name], method)())} <= {
            str,
            int,
            bool,
            type(None),
        }


@pytest.mark.parametrize("name", ["plan", "push", "panel", "monitor"])
def test_a_dollar_is_no_mathematics(shown: dict[str, Any], name: str) -> None:
    """JupyterLab typesets what stands between two, but for what is below these classes."""
    form: Callable[[], str] = getattr(
        shown[name], "_repr_html_", lambda: shown[name]._repr_mimebundle_()["text/html"]
    )
    classes = re.match(r'<div class="([^"]*)">', form())
    assert classes
    # of MathJax 2, in Notebook 6 and nbconvert, and of MathJax 3 and later, in JupyterLab 4
    assert {"tex2jax_ignore", "mathjax_ignore"} <= {*classes[1].split()}
