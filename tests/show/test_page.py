"""The static HTML of a push: what stays in a saved notebook."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytex_pandas.delivery.state import Blocker, ChunkState, PushState, Trouble, counted
from analytex_pandas.delivery.tables import ERROR_COLUMNS
from analytex_pandas.show.grouping import group_errors, groups_table
from analytex_pandas.show.markup import prose, table, tag
from analytex_pandas.show.pages import push_bundle, snapshot_html
from analytex_pandas.show.panel import PushPanel, input_rows
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
    {"div", "p", "b", "i", "code", "span", "style", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    | {"ul", "li", "dl", "dt", "dd", "small", "bdi"}
)
KNOWN_ATTRIBUTES = frozenset(
    [
        "class",
        "style",
        "scope",
        "title",
        "role",
        "tabindex",
        "data-l",
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
    blocker = Blocker(job, (push_id, 1), identifier, label, 1, 2, now, now)
    trouble = Trouble(now, message, 3, now, now)
    others = [
        dataclasses.replace(state, error_class="PushError", reason=error),
        dataclasses.replace(state, error_class="ServerError", reason=error),
        dataclasses.replace(state, status="waiting", blocker=blocker),
        dataclasses.replace(state, status="running", trouble=trouble),
        dataclasses.replace(state, status="running", chunks=(ChunkState(1, 5, 5, "looking"), chunks[1])),
    ]
    pages = [
        *(snapshot_html(Snapshot(other, now), group_errors(errors)) for other in others),
        snapshot_html(shot, group_errors(errors)),
        groups_table(group_errors(errors)),
        table(CHUNK_COLUMNS, [chunk_line(chunk, now) for chunk in chunks], caption="Chunks"),
        input_rows(failed, errors),
    ]
    for page in pages:
        Checked(page)


def test_the_page_of_a_finished_push_tells_how_it_ended(pushed: Callable[..., Push]) -> None:
    """Without a kernel, months later: what was sent, what was refused, what to type."""
    frame = pd.DataFrame({"user_id": ["ann", "bob", None], "<script>": ["x", "y", "z"]})
    push = pushed(frame, {"bob": ("bad", "<script>", "<b>no</b>")}, invalid="skip")
    text = Checked(push_bundle(push)["text/html"]).text
    for part in ("completed with errors", push.id, "1 invalid", "<b>no</b>", "push.errors", "50.0 %"):
        assert part in text
    assert "as of" not in text


@pytest.mark.parametrize("mended", [1, 2, 3])
def test_reasons_are_of_the_rows_that_are_refused_still(pushed: Callable[..., Push], mended: int) -> None:
    """What a retry has brought in is no refused row any more: not in the reasons, nor among the panel's rows."""
    frame = pd.DataFrame({"user_id": ["ann", "bob", "cy", "dee"], "plan": "x"}, index=["row"] * 4)
    refuse = {name: ("bad", "plan", f"no such plan {name!r}") for name in frame["user_id"][1:]}
    push = pushed(frame, refuse)
    again = push.failed.iloc[:mended]
    for name in again["user_id"]:
        del refuse[name]
    push.retry(again, wait=True, progress=False)
    left = 3 - mended
    panel = PushPanel(push)
    panel.live.draw()
    assert sum(group.count for group in panel.refusals.groups) == len(panel.refusals.errors) == left
    text = push_bundle(push)["text/plain"]
    assert (f"✕ {left}: plan: no such plan" in text) == (left > 0)
    assert len(push.errors) == 3  # what happened, happened


def test_the_page_of_a_running_push_says_of_when_it_is_and_how_to_come_back(
    state: Callable[..., PushState], now: dt.datetime
) -> None:
    """A notebook saved half way must not pass for the present, and may be read in another zone."""
    there = now.astimezone(dt.timezone(dt.timedelta(hours=1)))
    text = Checked(snapshot_html(Snapshot(state(activity="chunk 1 of 2"), there), [])).text
    assert "as of 2026-11-24 00:15 UTC+01:00" in text
    assert "apd.resume(" in text
    assert "Chunk 1 of 2" in text


def test_the_page_reads_without_what_an_untrusted_notebook_strips(
    state: Callable[..., PushState], make_chunk: Callable[..., ChunkState], now: dt.datetime
) -> None:
    """Without style sheet, classes and roles, lists and words say everything; the bar has its own colours."""
    picture = state(
        [make_chunk(1, "completed"), make_chunk(2, "processing", completed_rows=40), make_chunk(3)]
    )
    page = snapshot_html(Snapshot(picture, now), [])
    assert not re.search(r"<svg|<script", page)
    stripped = re.sub(r' (role|aria-\w+|class)="[^"]*"|<style>.*?</style>', "", page, flags=re.DOTALL)
    assert "var(" not in stripped
    assert "width:33.33%;background-color:#2f8fbb;height:10px" in stripped
    text = " ".join(Checked(stripped).text.split())
    for part in (
        "running · 300 users",
        "46.6 % 140 of 300 rows processed",
        "100 ✓ acknowledged0 ✕ refused0 ? unknown40 of 100 ◔ processing100 ○ to go",
        "3 chunks: ✓ 1 done, ◔ 1 processing, ○ 1 to go",
    ):
        assert part in text


def test_tables_break_long_words_where_there_is_no_style_sheet() -> None:
    """JupyterLab's sanitiser keeps only this way."""
    page = table(["A", "B"], [["x" * 500, "y"]], caption="Words")
    assert 'style="table-layout:fixed;width:100%"' in page
    assert page.count("overflow-wrap:break-word") == 2


@settings(deadline=None)  # pandas' first call is slow on a busy machine
@given(HOSTILE, HOSTILE)
def test_code_in_a_sentence_changes_no_text(text: str, value: str) -> None:
    """What stands in backticks is set as code, whoever set them; nothing else becomes an element."""
    assert (
        Checked(prose(f"{text} `{value}`")).text == Checked(tag("p", f"{text} {value}".replace("`", ""))).text
    )
