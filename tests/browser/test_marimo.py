"""marimo in a real browser: what is shown there, and that it moves without a cell being run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import pandas as pd
    import analytex_pandas as apd

    apd.connect({key!r}, {url!r})
    frame = pd.DataFrame({{"user_id": [f"u{{place}}" for place in range(1_000)], "price": "$5 and $6"}})
    return apd, frame, mo


@app.cell
def _(frame):
    frame.analytex.plan_users()
    return


@app.cell
def _(frame, mo):
    mo.output.append(mo.md("above the push"))
    push = frame.analytex.push_users(chunk_rows=250)
    return (push,)


@app.cell
def _(push):
    push
    return


@app.cell
def _(mo, push):
    mo.vstack([mo.md("beside the push"), push])
    return


@app.cell
def _(apd):
    apd.monitor()
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def service() -> Iterator[Any]:
    """Ten seconds for all rows, one of which is refused."""
    with apd.sandbox(
        rows_per_minute=6_000, refuse={"u3": ("bad", "price", "'$5 and $6' is no <b>price")}
    ) as running:
        yield running


def test_a_push_moves_and_ends_with_its_errors(marimo_page: Callable[[str], Page], service: Any) -> None:
    """Shown by its own cell and by another one; what stands above it stays; tables are padded; nothing goes wrong."""
    page = marimo_page(NOTEBOOK.format(key=service.api_key, url=service.url))
    expect(page.get_by_text("in the history")).to_be_visible()  # the monitor
    expect(page.get_by_text("above the push", exact=True)).to_be_visible()
    shown = page.locator(".apd-static")
    expect(shown.filter(has_text=re.compile(r"(249|499|749)\s*✓\s*acknowledged"))).to_have_count(
        2
    )  # acknowledged on the way
    expect(shown.filter(has_text=re.compile("completed with errors", re.IGNORECASE))).to_have_count(2)
    expect(shown.filter(has_text="'$5 and $6' is no <b>price")).to_have_count(2)
    expect(page.get_by_text("above the push", exact=True)).to_be_visible()
    expect(page.get_by_text("beside the push", exact=True)).to_be_visible()
    padding = "cell => parseFloat(getComputedStyle(cell).paddingRight)"
    assert shown.locator("td").first.evaluate(padding) >= 6
    assert page.get_by_text("Something went wrong").count() == 0
