"""The live panel, driven without a browser: pictures in, values read."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.show.panel import PushPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.push import Push


@pytest.fixture
def panel(steered: Callable[..., Any], state: Callable[..., PushState]) -> Callable[..., Any]:
    """Make a panel of a push whose state the test sets; it is drawn when the test says so."""

    def make(picture: PushState | None = None) -> tuple[Any, Any]:
        work = steered(picture or state())
        made = PushPanel(work.push)
        made.live.draw()
        return made, work

    return make


def shown(widget: Any) -> bool:
    """Whether a widget is not hidden."""
    return widget.layout.display != "none"


def test_the_numbers_move_with_the_push(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """The bar, the tiles and the words are those of the picture."""
    made, work = panel(state([make_chunk(1, "processing", completed_rows=40), make_chunk(2)]))
    assert 'aria-valuenow="20"' in made.sections["bar"].value
    work.show(state([make_chunk(1, "completed_with_errors", refused=3), make_chunk(2)], activity="chunk <2>"))
    made.live.draw()
    assert 'aria-valuenow="50"' in made.sections["bar"].value
    assert 'class="apd-fill-bad" style="width:1.50%"' in made.sections["bar"].value
    assert "<b>97</b>" in made.sections["numbers"].value
    assert "chunk &lt;2&gt;" in made.sections["activity"].value


def test_what_did_not_change_is_not_sent(
    panel: Callable[..., Any], state: Callable[..., PushState], wire: Any
) -> None:
    """No flicker, no traffic: a second drawing of the same state sends at most the clock."""
    made, work = panel(state(rate=20.0, activity="chunk 1 of 2"))
    wire.clear()
    made.live.draw()
    assert wire.names.total() <= 2  # the pace's history and the time
    wire.clear()
    work.show(state(rate=20.0, activity="chunk 2 of 2"))
    made.live.draw()
    assert wire.names["value"] <= 3
    assert wire.names["children"] == 0


def test_widgets_are_built_once(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """What is replaced loses focus and selection."""
    made, work = panel()
    before = made.children
    for status in ("processing", "completed"):
        work.show(state([make_chunk(1, status)], status="completed" if status == "completed" else "running"))
        made.live.draw()
    assert made.children == before


def test_each_button_has_one_meaning_and_shows_when_it_applies(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Late clicks must not undo each other; what cannot be done is not offered."""
    made, work = panel()
    controls = made.controls
    assert (controls.pause.disabled, controls.go_on.disabled) == (False, True)
    controls.pause.click()
    controls.pause.click()
    assert work.push.status == "paused"
    assert (controls.pause.disabled, controls.go_on.disabled) == (True, False)
    controls.go_on.click()
    assert work.push.status == "running"
    work.show(state([make_chunk(1, "completed")], status="completed"))
    made.live.draw()
    assert not any(map(shown, (controls.pause, controls.go_on, controls.cancel, controls.retry)))


def test_cancel_asks_once(panel: Callable[..., Any]) -> None:
    """A slip of the mouse must not stop a night's push."""
    made, work = panel()
    controls = made.controls
    controls.cancel.click()
    assert not work.drive.cancelled
    assert "apd.resume" in controls.question.value
    controls.keep.click()
    assert not work.drive.cancelled
    controls.cancel.click()
    controls.confirm.click()
    assert work.drive.cancelled
    assert controls.cancel.disabled


def test_the_state_is_a_live_region_that_changes_only_with_the_state(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """A screen reader would otherwise talk four times a second."""
    made, work = panel()
    before = made.sections["state"].value
    assert 'role="status"' in before
    work.show(
        state([make_chunk(1, "processing", completed_rows=90), make_chunk(2)], activity="other", rate=3.0)
    )
    made.live.draw()
    assert made.sections["state"].value == before


def test_a_thousand_chunks_have_a_mark_each_and_a_legend_in_words(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """At a glance for the eye, in words for those who do not see it."""
    chunks = [make_chunk(number, "completed" if number < 400 else "pending") for number in range(1, 1_001)]
    made, _ = panel(state(chunks))
    assert made.sections["cells"].value.count("<i") == 1_000
    assert "○</span> to go 601" in made.sections["legend"].value
    assert 'aria-hidden="true"' in made.sections["cells"].value


def test_the_jobs_table_follows_the_work_until_a_page_is_turned(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Nothing before it is opened, then the chunk in hand, then what the user looks for."""
    chunks = [make_chunk(number) for number in range(1, 101)]
    made, work = panel(state(chunks, current=55))
    assert made.jobs.table.value == ""
    made.jobs.toggle.value = True
    assert made.jobs.pager.where.value == "51 to 60 of 100 chunks"
    made.jobs.pager.back.click()
    assert made.jobs.pager.where.value == "41 to 50 of 100 chunks"
    work.show(state(chunks, current=95))
    made.live.draw()
    assert made.jobs.pager.where.value == "41 to 50 of 100 chunks"


def refused_push(pushed: Callable[..., Push]) -> Push:
    """A push with errors of two kinds on hostile rows."""
    frame = pd.DataFrame(
        {"user_id": [f"u{place}" for place in range(30)], "plan": [f"<u>{place}" for place in range(30)]},
        index=[f"row {place}" for place in range(30)],
    )
    refuse = {f"u{place}": ("bad_plan", "plan", f"'<i>{place}' is no plan") for place in range(12)}
    return pushed(frame, refuse | {"u20": ("other", "<plan>", "something else")})


def test_errors_by_kind_then_rows_then_the_rows_of_the_input(pushed: Callable[..., Push]) -> None:
    """From the count to the very cell, each step only when it is asked for."""
    made = PushPanel(refused_push(pushed)).start()
    errors = made.errors
    assert errors.toggle.description == "Show errors (13)"
    assert errors.groups.value == ""
    errors.toggle.value = True
    assert errors.toggle.description == "Hide errors (13)"
    assert re.findall(
        r'<th scope="row" class="apd-number" data-label="Errors"[^>]*>(\d+)', errors.groups.value
    ) == ["12", "1"]
    assert "row 0, row 1, row 2, …" in errors.groups.value
    assert errors.pager.where.value == "1 to 10 of 13 errors"
    errors.pager.on.click()
    assert errors.pager.where.value == "11 to 13 of 13 errors"
    errors.choice.value = 1
    assert errors.rows.value.count("<tr>") == 2
    assert "row 20" in errors.rows.value
    assert errors.input.value == ""
    errors.input_section.toggle.value = True
    assert "&lt;u&gt;20" in errors.input.value
    assert errors.input.value.count("<tr>") == 2


def everything(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def test_hostile_text_is_text_in_every_widget(pushed: Callable[..., Push]) -> None:
    """ipywidgets.HTML cleans nothing."""
    made = PushPanel(refused_push(pushed)).start()
    for section in (made.jobs, made.errors, made.errors.input_section):
        section.toggle.value = True
    values = [widget.value for widget in everything(made) if isinstance(getattr(widget, "value", None), str)]
    assert len(values) > 10
    assert not any(re.search(r"<u>|<i>|<plan>", value) for value in values)


def test_retry_shows_the_new_push_below_and_goes_once(pushed: Callable[..., Push]) -> None:
    """Two clicks that arrive together must not send the rows twice."""
    made = PushPanel(refused_push(pushed)).start()
    assert shown(made.controls.retry)
    made.controls.retry.click()
    made.controls.retry.click()
    (again,) = made.successor.children
    again.push.wait(30)
    assert again.push.counts["input"] == 13
    assert again.push.id in made.controls.notice.value
    assert again.live.finish(10)
    assert len(apd.pushes()) == 2


def test_what_a_click_cannot_do_is_said_in_the_panel(pushed: Callable[..., Push]) -> None:
    """A traceback of a button's callback goes to a log that nobody reads."""
    push = refused_push(pushed)
    made = PushPanel(push).start()
    kept = next(made.push.plan.spool.directory.parents[1].glob("*.sqlite3"))
    kept.write_bytes(b"<b>no journal</b>" * 1_000)
    made.controls.retry.click()
    assert 'role="alert"' in made.controls.notice.value
    assert shown(made.controls.notice)


def test_a_second_panel_shows_the_present_state(
    panel: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """The first one may be far up, or in a tab that was closed."""
    first, work = panel()
    work.show(state([make_chunk(1, "processing", completed_rows=77), make_chunk(2)]))
    second = work.push.panel()
    first.live.draw()
    assert second.sections["bar"].value == first.sections["bar"].value
    assert second.live.finish(10)


def test_the_panel_runs_with_the_push_to_its_end(
    steered: Callable[..., Any], state: Callable[..., PushState], make_chunk: Callable[..., ChunkState]
) -> None:
    """Started once, it needs no cell."""
    work = steered(state())
    made = PushPanel(work.push).start()
    work.show(state([make_chunk(1, "completed")], status="completed"))
    assert made.live.finish(10)
    assert "completed" in made.sections["state"].value


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
