"""The static HTML of a push: what stays in a saved notebook."""

from __future__ import annotations

import datetime as dt
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex_pandas.delivery.state import ChunkState, PushState, counted
from analytex_pandas.delivery.tables import ERROR_COLUMNS
from analytex_pandas.show.grouping import group_errors, groups_table
from analytex_pandas.show.markup import standing_alone, table, tag
from analytex_pandas.show.pages import push_bundle, sections, snapshot_html
from analytex_pandas.show.panel import input_rows
from analytex_pandas.show.snapshot import CHUNK_COLUMNS, Snapshot, chunk_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.push import Push

HOSTILE = st.sampled_from(
    [
        "<img src=x onerror=alert(1)>",
        '"><script>alert(1)</script>',
        "' onmouseover='alert(1)",
        "javascript:alert(1)",
    ]
) | st.text(max_size=30).map(lambda text: f"<b>{text}")
KNOWN_TAGS = frozenset(
    ["div", "p", "strong", "b", "code", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "i"]
)
KNOWN_ATTRIBUTES = frozenset(
    [
        "class",
        "style",
        "scope",
        "title",
        "role",
        "tabindex",
        "data-label",
        "aria-hidden",
        "aria-label",
        "aria-valuemin",
        "aria-valuemax",
        "aria-valuenow",
        "aria-valuetext",
    ]
)


class Checked(HTMLParser):
    """Fails on any element or attribute that the package's own pages do not have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.depth = 0
        self.text = ""
        self.feed(page)
        self.close()
        assert self.depth == 0

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        assert name in KNOWN_TAGS, name
        assert {key for key, _ in attributes} <= KNOWN_ATTRIBUTES, attributes
        self.depth += 1

    def handle_endtag(self, _: str) -> None:
        self.depth -= 1

    def handle_data(self, text: str) -> None:
        self.text += text


@settings(deadline=None)  # pandas' first call is slow on a busy machine
@given(st.lists(HOSTILE, min_size=12, max_size=12))
def test_hostile_text_stays_text_wherever_it_comes_from(now_texts: list[str]) -> None:
    """Job ids, statuses, messages, properties, labels, ids, values, column names: none becomes an element."""
    job, status, activity, error, message, name, code, label, identifier, value, column, push_id = now_texts
    chunks = (
        ChunkState(1, 5, 5, status, job_id=job),
        ChunkState(2, 5, 5, "completed_with_errors", refused=2),
    )
    state = PushState(
        push_id, "users", "failed", counted({"input": 10}, chunks), chunks, activity=activity, error=error
    )
    row = {
        "position": 1,
        "index": label,
        "id": identifier,
        "property": name,
        "code": code,
        "message": message,
    }
    errors = pd.DataFrame(
        {key: pd.Series([row.get(key)], dtype=dtype) for key, dtype in ERROR_COLUMNS.items()}
    )
    now = pd.Timestamp.now("UTC").to_pydatetime()
    shot = Snapshot(state, now)
    failed = pd.DataFrame({column: [value]}, index=pd.Index([label]))
    pages = [
        snapshot_html(shot, group_errors(errors)),
        groups_table(group_errors(errors)),
        table(CHUNK_COLUMNS, [chunk_line(chunk, now) for chunk in chunks], caption="Chunks"),
        *sections(shot, large=True).values(),
        input_rows(failed, errors),
    ]
    for page in pages:
        Checked(page)


def test_the_page_of_a_finished_push_tells_how_it_ended(pushed: Callable[..., Push]) -> None:
    """Without a kernel, months later: what was sent, what was refused, what to type."""
    frame = pd.DataFrame({"user_id": ["ann", "bob", None], "<script>": ["x", "y", "z"]})
    push = pushed(frame, {"bob": ("bad", "<script>", "<b>no</b>")}, invalid="skip")
    text = Checked(push_bundle(push)["text/html"]).text
    for part in ("completed with errors", push.id, "1 invalid", "<b>no</b>", "push.errors", "100.0 %"):
        assert part in text
    assert "As of" not in text


def test_the_page_of_a_running_push_says_of_when_it_is_and_how_to_come_back(
    state: Callable[..., PushState], now: dt.datetime
) -> None:
    """A notebook saved half way must not pass for the present, and may be read in another zone."""
    there = now.astimezone(dt.timezone(dt.timedelta(hours=1)))
    text = Checked(snapshot_html(Snapshot(state(activity="chunk 1 of 2"), there), [])).text
    assert "As of 2026-11-24 00:15 UTC+01:00" in text
    assert "apd.resume(" in text
    assert "chunk 1 of 2" in text


def test_the_page_needs_nothing_that_an_untrusted_notebook_strips(pushed: Callable[..., Push]) -> None:
    """No style sheet, script, SVG or variable; colours are literal, and all is said without roles and labels."""
    page = push_bundle(pushed(pd.DataFrame({"user_id": ["ann"]})))["text/html"]
    assert not re.search(r"<style|<svg|<script|var\(", page)
    assert "background-color:#0b6e99;width:100.00%" in page
    for word in ("100.0 %", "1", "acknowledged", "0", "to go"):
        assert word in Checked(re.sub(r' (role|aria-\w+|class)="[^"]*"', "", page)).text


def test_panel_and_page_are_one_rendering(state: Callable[..., PushState], now: dt.datetime) -> None:
    """What is mended in the one is mended in the other."""
    shot = Snapshot(state(activity="chunk 1 of 2", error="<stopped>"), now)
    saved = standing_alone(*sections(shot, large=False).values())
    assert saved.removesuffix("</div>") in snapshot_html(shot, [])


@settings(deadline=None)  # pandas' first call is slow on a busy machine
@given(HOSTILE, HOSTILE)
def test_styles_in_place_change_no_text(text: str, value: str) -> None:
    """Not even one that looks like the package's own markup."""
    lines = [[text, value], ['<td class="apd-track">', "<th>"]]
    plain = table([value, text], lines, numeric=(text,), caption=value)
    page = standing_alone(tag("span", text, title=value, class_="apd-fill-ok", style="width:1%"), plain)
    assert Checked(page).text == Checked(tag("span", text)).text + Checked(plain).text
