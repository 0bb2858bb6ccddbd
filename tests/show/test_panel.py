"""The live panel, driven without a browser: pictures in, values read."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.show.grouping import group_errors
from analytex_pandas.show.pages import snapshot_html
from analytex_pandas.show.panel import PushPanel
from analytex_pandas.show.snapshot import Snapshot
from analytex_pandas.show.widgets import is_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.push import Push


ONE_ERROR = pd.DataFrame(
    {"position": [0], "index": ["row 0"], "id": ["u0"], "property": ["plan"], "code": ["bad"]}
).assign(message="'gold' is no plan")


@pytest.fixture
def panel(steered: Callable[..., Any], state: Callable[..., PushState]) -> Callable[..., Any]:
    """Make a panel of a push whose state the test sets; it is drawn when the test says so."""

    def make(picture: PushState | None = None) -> tuple[Any, Any]:
        work = steered(picture or state())
        made = PushPanel(work.push)
        made.redraw()
        return made, work

    return make


def buttons(made: Any) -> list[str]:
    """What the row of buttons offers."""
    return [button.description for button in made.acts.buttons.values() if is_shown(button)]


def press(made: Any, description: str) -> None:
    """Click the button that is there under this name."""
    (button,) = [it for it in made.acts.buttons.values() if is_shown(it) and it.description == description]
    button.click()


def test_the_numbers_move_with_the_push(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """The bar, the tiles and the words are those of the picture."""
    made, work = panel(state([make_chunk(1, "processing", completed_rows=40), make_chunk(2)]))
    assert 'aria-valuenow="20"' in made.body.value
    work.show(state([make_chunk(1, "completed_with_errors", refused=3), make_chunk(2)], activity="chunk <2>"))
    made.redraw()
    assert 'aria-valuenow="50"' in made.body.value
    assert "width:1.50%" in made.body.value
    assert "<b>97</b> <span>✓ acknowledged</span>" in made.body.value
    assert "Chunk &lt;2&gt;" in made.body.value


def test_what_did_not_change_is_not_sent(
    panel: Callable[..., Any], state: Callable[..., PushState], wire: Any
) -> None:
    """No flicker, no traffic: a second drawing of the same state sends at most the clock."""
    made, work = panel(state(rate=20.0, activity="chunk 1 of 2"))
    wire.clear()
    made.redraw()
    assert wire.names.total() <= 1
    wire.clear()
    work.show(state(rate=20.0, activity="chunk 2 of 2"))
    made.live.draw()
    assert wire.names.total() == 0  # a second has not passed
    work.show(state(rate=20.0, status="waiting"))
    made.live.draw()
    assert "waiting" in made.head.value  # a change of what it does is shown at once, all of it
    assert "Another job runs" in made.body.value


def test_there_are_few_widgets_and_they_are_built_once(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """What is replaced loses focus and selection; of what is read there are two, of which one seldom changes."""
    made, work = panel()
    before, head = list(everything(made)), made.head.value
    work.show(state([make_chunk(1, "processing", completed_rows=90), make_chunk(2)], activity="b", rate=3.0))
    made.redraw()
    assert made.head.value == head  # a live region: a screen reader would talk every second
    assert 'role="status"' in head
    work.show(state([make_chunk(1, "completed")], status="completed"))
    made.redraw()
    assert list(everything(made)) == before
    assert len(before) < 45


def test_what_cannot_be_done_is_not_there(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Late clicks must not undo each other, and nothing is offered that would do nothing."""
    made, work = panel()
    assert buttons(made) == ["Pause", "Cancel …"]
    pause = made.acts.buttons["pause"]
    pause.click()
    pause.click()
    assert work.push.status == "paused"
    assert buttons(made) == ["Resume", "Cancel …"]
    press(made, "Resume")
    assert work.push.status == "running"
    work.show(state([make_chunk(1, "completed")], status="completed"))
    made.redraw()
    assert buttons(made) == []
    assert made.acts.offered == ()


@pytest.mark.parametrize("status", ["failed", "cancelled", "interrupted"])
def test_what_was_stopped_can_be_resumed(
    panel: Callable[..., Any], state: Callable[..., PushState], status: str
) -> None:
    """The way on is the first button."""
    made, _ = panel(state(status=status))
    assert buttons(made)[0] == "Resume"


def test_cancel_asks_once(panel: Callable[..., Any]) -> None:
    """A slip of the mouse must not stop a night's push; then it says what is waited for."""
    made, work = panel()
    press(made, "Cancel …")
    assert not work.drive.cancelled
    assert buttons(made) == ["Keep sending", "Yes, cancel"]
    assert "Cancel this push?" in made.body.value
    assert "apd.resume" in made.body.value
    press(made, "Keep sending")
    assert not work.drive.cancelled
    press(made, "Cancel …")
    press(made, "Yes, cancel")
    assert work.drive.cancelled
    assert buttons(made) == []
    assert "cancelling" in made.head.value
    assert "Cancelled when chunk 1 is done" in made.body.value


def test_a_pause_while_a_job_runs_says_what_is_waited_for(panel: Callable[..., Any]) -> None:
    """A job cannot be stopped; the click was taken all the same."""
    made, _ = panel()
    press(made, "Pause")
    assert "pausing after this job" in made.head.value
    assert "Pauses when chunk 1 is done" in made.body.value
    assert "pausing after this job" in repr(made)


def test_the_focus_goes_to_what_takes_the_place_of_a_button(panel: Callable[..., Any], wire: Any) -> None:
    """A keyboard user is not thrown back to the top of the page."""
    made, _ = panel()
    acts = made.acts.buttons
    if not hasattr(made, "focus"):
        pytest.skip("ipywidgets 7 cannot move the focus")
    for pressed, focused in [("cancel", "keep"), ("keep", "cancel"), ("pause", "go_on"), ("go_on", "pause")]:
        wire.clear()
        acts[pressed].click()
        assert [(it, message) for it, message in wire.custom if message == {"do": "focus"}] == [
            (acts[focused].comm.comm_id, {"do": "focus"})
        ]


def test_the_jobs_table_follows_the_work_until_a_page_is_turned(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Nothing before it is opened, then the chunk in hand, then what the user looks for."""
    chunks = [make_chunk(number, "completed" if number < 55 else "pending") for number in range(1, 101)]
    made, work = panel(state(chunks, current=55))
    assert made.jobs.table.value == ""
    assert made.jobs.toggle.description == "Jobs (100)"
    made.jobs.toggle.click()
    assert made.jobs.toggle.description == "Hide jobs (100)"
    assert made.jobs.pager.where.value == "51 to 60 of 100 chunks"
    made.jobs.pager.back.click()
    assert made.jobs.pager.where.value == "41 to 50 of 100 chunks"
    work.show(state(chunks, current=95))
    made.redraw()
    assert made.jobs.pager.where.value == "41 to 50 of 100 chunks"


def refused_push(pushed: Callable[..., Push]) -> Push:
    """A push with errors of two kinds on hostile rows."""
    frame = pd.DataFrame(
        {"user_id": [f"u{place}" for place in range(30)], "plan": [f"<u>{place}" for place in range(30)]},
        index=[f"row {place}" for place in range(30)],
    )
    refuse = {f"u{place}": ("bad_plan", "plan", f"'<i>{place}' is no plan") for place in range(12)}
    return pushed(frame, refuse | {"u20": ("other", "<plan>", "something else")})


def test_reasons_first_then_rows_then_the_rows_of_the_input(pushed: Callable[..., Push]) -> None:
    """From the reason to the very cell; what is long only when it is asked for."""
    made = PushPanel(refused_push(pushed)).start()
    assert "13 of 30 rows refused by the service, for 2 reasons." in made.body.value
    reasons = re.findall(r'data-l="(Rows|Property|First rows)"[^>]*>(.*?)</td>', made.body.value)
    assert reasons[:3] == [
        ("Rows", "12"),
        ("Property", "<bdi>plan</bdi>"),
        ("First rows", "<bdi>row 0, row 1, row 2, …</bdi>"),
    ]
    errors = made.errors
    assert errors.toggle.description == "Refused rows (13)"
    assert errors.rows.value == ""
    errors.toggle.click()
    assert errors.toggle.description == "Hide refused rows (13)"
    assert errors.pager.where.value == "1 to 10 of 13 errors"
    errors.pager.on.click()
    assert errors.pager.where.value == "11 to 13 of 13 errors"
    errors.choice.value = 1
    assert errors.rows.value.count("<tr>") == 2
    assert "row 20" in errors.rows.value
    errors.input_view.toggle.click()
    assert "&lt;u&gt;20" in errors.input.value
    assert errors.input.value.count("<tr>") == 2
    errors.ids_view.toggle.click()
    assert ">u20</pre>" in errors.ids.value
    for scroller in (errors.input.value, errors.ids.value):
        assert re.search(r'role="region" aria-label="[^"]+" tabindex="0"', scroller)


def test_errors_can_be_saved_and_no_file_is_lost(
    pushed: Callable[..., Push], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CSV for a spreadsheet, as Parquet for the next notebook; a file that was mended is not overwritten."""
    monkeypatch.chdir(tmp_path)
    push = refused_push(pushed)
    made = PushPanel(push).start()
    press(made, "Save as CSV")
    press(made, "Save as CSV")
    assert f"refused-{push.id}-2.csv, beside" in made.body.value
    made.errors.parquet.click()
    saved = [pd.read_csv(path) for path in sorted(tmp_path.glob("*.csv"))]
    saved.append(pd.read_parquet(tmp_path / f"refused-{push.id}.parquet"))
    for frame in saved:
        assert frame["id"].tolist() == push.errors["id"].tolist()
        assert frame["index"].tolist() == push.errors["index"].tolist()
        assert frame["message"].tolist() == push.errors["message"].tolist()


def test_a_directory_that_cannot_be_written_is_said_in_the_panel(
    pushed: Callable[..., Push], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A traceback of a button's callback goes to a log that nobody reads."""
    made = PushPanel(refused_push(pushed)).start()
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    press(made, "Save as CSV")
    assert "could not be written" in made.body.value


def everything(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def test_hostile_text_is_text_in_every_widget(pushed: Callable[..., Push]) -> None:
    """ipywidgets.HTML cleans nothing."""
    made = PushPanel(refused_push(pushed)).start()
    for view in (made.jobs, made.errors, made.errors.input_view, made.errors.ids_view):
        view.toggle.click()
    values = [widget.value for widget in everything(made) if isinstance(getattr(widget, "value", None), str)]
    assert len(values) > 7
    assert not any(re.search(r"<u>|<i>|<plan>", value) for value in values)


def test_retry_opens_where_its_button_is_and_goes_once(pushed: Callable[..., Push]) -> None:
    """Two clicks that arrive together must not send the rows twice."""
    made = PushPanel(refused_push(pushed)).start()
    retry = made.acts.buttons["retry"]
    retry.click()
    retry.click()
    (again,) = made.successor.children
    again.push.wait(30)
    assert again.push.counts["input"] == 13
    assert again.live.finish(10)
    assert len(apd.pushes()) == 2
    assert "apd-sub" in again.get_state(["_dom_classes"])["_dom_classes"]
    assert "<style>" not in again.head.value
    assert buttons(made) == ["Save as CSV"]
    assert made.saved_form()["text/html"].count("apd-pill") > 1
    assert again.push.id in made.saved_form()["text/plain"]


def test_what_a_retry_mended_is_acknowledged_in_the_panel_too(
    state: Callable[..., PushState], make_chunk: Callable[..., ChunkState], now: Any
) -> None:
    """The push ended with errors; what became of its rows since is another matter."""
    mended = Snapshot(state([make_chunk(1, "completed_with_errors")], status="completed_with_errors"), now)
    page = snapshot_html(mended, group_errors(ONE_ERROR))
    assert "all 100 rows acknowledged" in page
    assert "sent again since, and is acknowledged" in page
    assert "is no plan" not in page


def test_a_cancelled_push_is_resumed_in_its_own_panel(pushed: Callable[..., Push]) -> None:
    """The same push, the same card, and the name that the user gave it still holds it."""
    frame = pd.DataFrame({"user_id": [f"u{place}" for place in range(10)]})
    push = pushed(frame, {"u1": ("bad", "x", "no")}, max_errors=0, chunk_rows=5, wait=False)
    with pytest.raises(apd.PushError):
        push.wait(30)
    made = PushPanel(push).start()
    assert "1 of 5 rows answered for were refused" in made.body.value
    assert buttons(made)[0] == "Resume"
    press(made, "Resume")
    push.wait(30)
    assert made.live.finish(10)
    assert push.status == "completed_with_errors"
    assert "completed with errors" in made.head.value


def test_what_a_click_cannot_do_is_said_in_the_panel(pushed: Callable[..., Push]) -> None:
    """And the button is there again."""
    made = PushPanel(refused_push(pushed)).start()
    kept = next(made.push.plan.spool.directory.parents[1].glob("*.sqlite3"))
    kept.write_bytes(b"<b>no journal</b>" * 1_000)
    press(made, "Retry refused rows")
    assert "journal" in made.body.value
    assert "Retry refused rows" in buttons(made)


def test_a_second_panel_shows_the_present_state(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """The first one may be far up, or in a tab that was closed."""
    first, work = panel()
    work.show(state([make_chunk(1, "processing", completed_rows=77), make_chunk(2)]))
    second = work.push.panel()
    first.redraw()
    for made in (first, second):
        assert 'aria-valuenow="38.5"' in made.body.value
    assert second.live.finish(10)


def test_the_panel_runs_with_the_push_to_its_end(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Started once, it needs no cell."""
    work = steered(state())
    made = PushPanel(work.push).start()
    work.show(state([make_chunk(1, "completed")], status="completed"))
    assert made.live.finish(10)
    assert "completed" in made.head.value


def test_a_closed_panel_stops_drawing_and_the_push_goes_on(
    steered: Callable[..., Any], state: Callable[..., PushState]
) -> None:
    """Its thread must not outlive it."""
    work = steered(state())
    made = PushPanel(work.push).start()
    made.close()
    assert made.live.finish(10)
    assert not work.push.done
    assert not any(thread.name.startswith("analytex-show") for thread in threading.enumerate())


def test_the_saved_form_stands_beside_the_widget(pushed: Callable[..., Push]) -> None:
    """Where there is no kernel, the HTML is shown instead of "widget not found"."""
    bundle = PushPanel(pushed(pd.DataFrame({"user_id": ["ann"]}))).start()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert "1 acknowledged" in bundle["text/plain"]
    assert "<b>1</b>" in bundle["text/html"]
