"""The account's jobs, live in a real JupyterLab, whoever started them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

import analytex_pandas as apd

pytestmark = pytest.mark.browser

PATIENCE = 60_000
MONITOR = """import analytex_pandas as apd
apd.connect({key!r}, {url!r})
watched = apd.monitor()
watched"""


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 560)])
def test_jobs_of_others_appear_run_and_end_without_a_cell_being_run(lab: Any, dark: bool, width: int) -> None:
    """Somebody else's job blocks the queue: it is seen, followed, and its errors can be read."""
    refuse = {"u1": ("bad", "<b>plan", "<img src=x onerror=window.hacked=1>")}
    with apd.sandbox(rows_per_minute=6_000, refuse=refuse) as service:
        client = service.client
        client.submit_records([{"user_id": "u1"}, {"user_id": "u2"}])
        cell = MONITOR.format(key=service.api_key, url=service.url)
        with lab.opened(f"monitor-{width}.ipynb", [cell], dark=dark, width=width) as book:
            book.run_all()
            panel = book.page.locator(".apd-monitor")
            expect(panel.locator(".apd-pill")).to_contain_text(
                "No job runs, 1 in the history", timeout=PATIENCE
            )
            frame = pd.DataFrame({"user_id": [f"u{place}" for place in range(2_000)]})
            push = apd.push_users(frame, client=client, wait=False, progress=False)
            expect(panel.locator(".apd-pill")).to_contain_text("1 job running", timeout=PATIENCE)
            book.button("Errors of a job").click()
            book.page.get_by_label("Errors of").select_option(index=1)
            expect(panel.get_by_text("<img src=x onerror=window.hacked=1>")).to_be_visible()
            book.shot(lab.home / f"monitor-{width}.png")
            expect(panel.locator(".apd-pill")).to_contain_text(
                "No job runs, 2 in the history", timeout=PATIENCE
            )
            book.button("Stop watching").click()
            expect(book.button("Watch", exact=True)).to_be_focused()
            assert book.page.evaluate("() => window.hacked") is None
        push.wait()
