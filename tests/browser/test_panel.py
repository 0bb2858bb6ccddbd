"""The live panel in a real JupyterLab: it moves without a cell being run, obeys, comes back, and stays at the end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import analytex_pandas as apd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60_000
ROWS = 4_000
MOVED = "before => Number(document.querySelector('.apd-panel [role=progressbar]').ariaValueNow) > before"
SAVED_FORM = """text => {
  const cell = window.jupyterapp.shell.currentWidget.content.widgets[1];
  return cell.outputArea.model.get(1).data["text/html"].includes(text);
}"""
"""Whether what would be saved of the second cell's output says this."""
CONNECT = "import pandas as pd, analytex_pandas as apd\nclient = apd.connect({key!r}, {url!r})"
HOSTILE_FRAME = f"""
df = pd.DataFrame({{
    "user_id": [f"u{{place}}" for place in range({ROWS})],
    "<img src=x onerror=window.hacked=1>": ["<script>window.hacked=2</script>"] * {ROWS},
    "plan": ["pro", "<b>free</b>", "trial", None] * ({ROWS} // 4),
    "seats": [1.0, None, 3.0, 4.0] * ({ROWS} // 4),
}}, index=[f"row <i>{{place}}" for place in range({ROWS})])
"""
PUSH = "push = apd.push_users(df, chunk_rows=200)"
ERROR = "'<img src=x onerror=window.hacked=3> {}' is not allowed"


@pytest.fixture
def service() -> Iterator[Any]:
    """A service that takes ten seconds for all rows and refuses some, with hostile messages."""
    refuse = {f"u{place}": ("not_allowed", "plan", ERROR.format(place)) for place in range(0, ROWS, 90)}
    refuse["u17"] = ("too_long", "<b>plan", "value longer than 65535 characters")
    with apd.sandbox(rows_per_minute=24_000, refuse=refuse, job_ids="odd") as running:
        yield running


def cells(service: Any, *more: str) -> list[str]:
    """Cells that connect to the service, make the frame, and go on."""
    return [CONNECT.format(key=service.api_key, url=service.url) + HOSTILE_FRAME, *more]


def submits(service: Any) -> int:
    """Return how many uploads the service has had."""
    return sum(request.method == "POST" for request in service.requests)


def until_moved(page: Page, before: float) -> None:
    """Wait until the bar has passed a percentage."""
    page.wait_for_function(MOVED, arg=before)


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 1280), (False, 560), (True, 560)])
def test_the_panel_moves_obeys_and_mends(lab: Any, service: Any, dark: bool, width: int) -> None:
    """Move, pause (nothing more is sent), be asked before a cancel, go on, find the errors, send them again."""
    shots: Path = lab.home / "shots" / f"{'dark' if dark else 'light'}-{width}"
    shots.mkdir(parents=True)
    name = f"panel-{shots.name}.ipynb"
    with lab.opened(
        name, cells(service, "plan = apd.plan_users(df)\nplan", PUSH), dark=dark, width=width
    ) as book:
        book.run_all()
        book.shows("running")
        until_moved(book.page, book.progress() + 5)
        book.button("Jobs (20)").click()
        book.shot(shots / "1-running.png")
        book.button("Pause").click()
        book.shows("paused")
        book.page.wait_for_function(
            "() => !/processing|queued|validating/.test(document.querySelector('.apd-key').innerText)"
        )
        sent = submits(service)
        book.shot(shots / "2-paused.png")
        expect(book.button("Pause")).to_be_hidden()
        assert submits(service) == sent < 20
        book.button(
            "Cancel …"
        ).click()  # while it is paused: on a busy machine, a push that runs may end meanwhile
        expect(book.button("Yes, cancel")).to_be_visible()
        book.shot(shots / "3-asked.png")
        expect(book.button("Keep sending")).to_be_focused()
        book.button("Keep sending").click()
        expect(book.button("Cancel …")).to_be_focused()
        book.button("Resume").click()
        book.shows("completed with errors")
        assert submits(service) == 20
        book.button(re.compile("Refused rows")).click()
        book.page.get_by_label("Rows of").select_option(index=2)
        book.button("These rows of the input").click()
        expect(book.button("Hide these rows of the input")).to_be_visible()
        expect(book.panel.get_by_text("row <i>17").last).to_be_visible()
        book.shot(shots / "4-errors.png")
        book.button("Retry refused rows").click()
        expect(book.page.locator(".apd-panel")).to_have_count(2, timeout=PATIENCE)
        expect(book.page.locator(".apd-panel").nth(1).locator(".apd-pill")).to_contain_text(
            "completed with errors"
        )
        book.shot(shots / "5-retried.png")
        assert book.page.evaluate("() => window.hacked") is None
        assert book.panel.locator("img").count() == 0
        cut = book.page.evaluate(
            "() => [...document.querySelectorAll('.apd-panel *')].filter("
            "e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')"
            ".map(e => e.className + ': ' + e.innerText.slice(0, 80))"
        )
        assert cut == []


def test_the_quickstart_runs_as_it_stands(lab: Any) -> None:
    """Cell after cell, with the live panel in between, and no error at the end."""
    (lab.root / "quickstart.ipynb").write_bytes((REPOSITORY / "notebooks" / "quickstart.ipynb").read_bytes())
    with lab.opened("quickstart.ipynb", height=6_000) as book:
        book.run_all()
        expect(book.page.locator(".apd-panel")).to_have_count(2, timeout=PATIENCE)  # the push, and its retry
        states = book.page.locator(".apd-panel .apd-pill")
        expect(states.nth(0)).to_contain_text("completed with errors", timeout=PATIENCE)
        expect(states.nth(1)).to_contain_text("completed", timeout=PATIENCE)
        book.ready()
        cells = [cell for cell in book.saved().cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        kinds = [output.output_type for cell in cells for output in cell.outputs]
        assert "error" not in kinds
        assert "stream" not in kinds  # nothing printed, nothing warned of
        book.shot(lab.home / "quickstart.png")


def test_a_reopened_tab_and_a_second_panel_show_the_present(lab: Any, service: Any) -> None:
    """Closing the browser stops nothing; whoever comes back sees how far it is."""
    with lab.opened("reopened.ipynb", cells(service, PUSH)) as book:
        book.run_all()
        book.shows("running")
        book.saved()
    with lab.opened("reopened.ipynb") as book:
        book.shows("running")
        until_moved(book.page, book.progress())
        book.add_cell("push.panel()")
        expect(book.page.locator(".apd-panel")).to_have_count(2, timeout=PATIENCE)
        bars = book.page.locator(".apd-panel [role=progressbar]")
        expect(bars.nth(1)).to_have_attribute("aria-valuenow", "100", timeout=PATIENCE)
        expect(bars.nth(0)).to_have_attribute("aria-valuenow", "100", timeout=PATIENCE)


def test_cancel_and_a_restarted_kernel_carry_on_where_they_stopped(lab: Any, service: Any) -> None:
    """Cancelled is not lost: apd.resume() in a new kernel sends the rest, in a panel, and no chunk twice."""
    with lab.opened("cancelled.ipynb", cells(service, PUSH)) as book:
        book.run_all()
        book.shows("running")
        until_moved(book.page, book.progress())
        book.button("Cancel …").click()
        book.button("Yes, cancel").click()
        book.shows("cancelling")
        expect(book.panel).to_contain_text("Nothing more is sent")
        expect(book.button("Jobs (20)")).to_be_focused()
        book.shows("cancelled")
        expect(book.button("Resume")).to_be_visible()
        book.page.wait_for_timeout(1_500)
        expect(book.button("Jobs (20)")).to_be_focused()
        sent = submits(service)
        assert sent < 20
        book.add_cell("again = apd.resume(push.id)")
        expect(book.page.locator(".apd-panel")).to_have_count(2, timeout=PATIENCE)
        until_moved(book.page, 0)
        book.restart_kernel()
        connect = CONNECT.format(key=service.api_key, url=service.url)
        book.add_cell(f"{connect}\nresumed = apd.resume()")
        last = book.page.locator(".apd-panel").last
        expect(last.locator(".apd-pill")).to_contain_text("completed with errors", timeout=PATIENCE)
        assert submits(service) == 20
        assert len(service.users) == ROWS - len(range(0, ROWS, 90)) - 1


def test_a_panel_that_lost_its_kernel_says_how_to_go_on(lab: Any, service: Any) -> None:
    """It stands there with its last numbers: they have a time, no button pretends to work, and the call is there."""
    with lab.opened("lost.ipynb", cells(service, PUSH)) as book:
        book.run_all()
        book.shows("running")
        until_moved(book.page, 5)
        expect(book.panel.locator(".apd-gone")).to_be_hidden()
        book.restart_kernel()
        expect(book.panel.locator(".apd-gone")).to_be_visible()
        expect(book.panel.locator(".apd-gone")).to_contain_text("shows and continues it")
        expect(book.panel.locator(".apd-as-of")).to_contain_text("as of")
        expect(book.button("Pause")).to_be_hidden()
        book.shot(lab.home / "lost.png")


def test_a_button_with_the_focus_stays_until_the_focus_leaves_it(lab: Any, service: Any) -> None:
    """A keyboard user at Pause, when the push ends, is not thrown to the top of the page; nobody's typing is either."""
    with lab.opened("focus.ipynb", cells(service, PUSH)) as book:
        book.run_all()
        book.shows("running")
        pause = book.button("Pause")
        pause.focus()
        book.shows("completed with errors")
        expect(pause).to_be_focused()
        book.page.keyboard.press("Tab")
        expect(pause).to_be_hidden()
        assert book.page.evaluate("() => document.activeElement.closest('.apd') !== null")


def test_a_cell_that_waits_can_be_interrupted_and_the_push_goes_on(lab: Any, service: Any) -> None:
    """Ctrl-C ends the waiting, not the push, and the traceback says how to come back."""
    with lab.opened("interrupted.ipynb", cells(service, PUSH, "push.wait()")) as book:
        book.run_all()
        book.shows("running")
        until_moved(book.page, 5)
        book.command("notebook:interrupt-kernel")
        expect(book.page.get_by_text("push.wait() waits for it again")).to_be_visible(timeout=PATIENCE)
        book.shows("completed with errors")


def test_the_saved_notebook_keeps_the_end(lab: Any, service: Any) -> None:
    """Exported, or opened where nothing runs and nothing is trusted: the summary, and no "widget not found"."""
    with lab.opened("saved.ipynb", cells(service, PUSH)) as book:
        book.run_all()
        book.shows("completed with errors")
        book.page.wait_for_function(SAVED_FORM, arg="completed with errors")
        saved = book.saved()
    live, output = saved.cells[1].outputs
    assert live.data["text/html"] == ""
    assert "completed with errors" in output.data["text/html"]
    assert "98.8 %" in output.data["text/html"]
    assert "as of" not in output.data["text/html"]
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(lab.root / "saved.ipynb"), "--stdout"]
    page = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert "completed with errors" in page
    assert "<img src=x" not in page
    untrusted = (lab.root / "saved.ipynb").read_text().replace(service.api_key, "another")
    (lab.root / "untrusted.ipynb").write_text(untrusted)
    for dark in (False, True):
        with lab.opened("untrusted.ipynb", dark=dark) as book:
            static = book.page.locator(".apd-static")
            expect(static).to_be_visible(timeout=PATIENCE)
            expect(static).to_contain_text("completed with errors")
            expect(static).to_contain_text("3,954")
            book.shot(lab.home / f"untrusted-{dark}.png")


LONG_AFTER = "from analytex_pandas.show import notice\nnotice.LONG = 1.0"
HIDDEN = "hidden => Object.defineProperty(document, 'hidden', {value: hidden, configurable: true})"


@pytest.mark.parametrize("hidden", [True, False])
def test_the_tab_says_when_a_long_push_has_ended(lab: Any, service: Any, hidden: bool) -> None:
    """Where nobody looks at it, until somebody does; and nothing of it is in the file."""
    cell = PUSH.replace("df", "df[20:420]")
    with lab.opened(f"title-{hidden}.ipynb", [*cells(service, LONG_AFTER), cell]) as book:
        before = book.page.title()
        book.page.evaluate(HIDDEN, hidden)
        book.run_all()
        book.shows("completed")
        if hidden:
            book.page.wait_for_function("() => /^. completed.*: push /.test(document.title)")
            book.page.evaluate(HIDDEN, False)
            book.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        book.page.wait_for_function("title => document.title === title", arg=before)
        assert "javascript" not in str(book.saved())
