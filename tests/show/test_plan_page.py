"""A plan as a page that one understands before pressing the button."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import analytex_pandas as apd
from analytex_pandas.show.plan_page import plan_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.plan import Plan


class Text(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = "", set()
        self.feed(page)

    def handle_starttag(self, name: str, _: list[tuple[str, str | None]]) -> None:
        self.tags.add(name)
        self.text += "" if name == "code" else "\n"

    def handle_data(self, text: str) -> None:
        self.text += text


def messy() -> pd.DataFrame:
    """Three good rows, two bad ones, hostile names and values."""
    return pd.DataFrame(
        {
            "user_id": ["ann", "bob", None, "cyd", " "],
            "<img src=x onerror=alert(1)>": ["<script>alert(1)</script>", "b\x1b[2J", "c", "d", "e"],
            "seats": [1.0, None, 3.0, 4.0, 5.0],
        }
    )


@pytest.mark.parametrize("form", [str, lambda plan: Text(plan._repr_html_()).text], ids=["text", "html"])
def test_both_forms_say_what_goes_what_not_and_what_to_do(form: Callable[[Plan], str]) -> None:
    """Rows, chunks, size, time, columns with notes, bad rows with their labels, the next call."""
    said = form(apd.plan_users(messy(), invalid="skip"))
    for part in (
        "3 users in 1 chunk",
        "at 1,200 rows a minute",
        "Of 5 input rows not sent: 2 invalid.",
        "seats",
        "whole floats",
        "Nothing has been sent yet. plan.push() sends it.",
    ):
        assert part in said


def test_hostile_names_and_values_stay_text() -> None:
    """A column named like a tag is shown as that name."""
    page = Text(apd.plan_users(messy(), invalid="skip")._repr_html_())
    assert page.tags <= {
        "style",
        "b",
        "span",
        "i",
        "ul",
        "li",
        "div",
        "p",
        "strong",
        "code",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "\x1b" not in str(apd.plan_users(messy(), invalid="skip"))


def test_rows_in_the_way_are_said_before_the_button_is_pressed() -> None:
    """push() would raise for them: the page says so, and the way out."""
    text = str(apd.plan_users(messy()))
    assert "plan.push() will refuse" in text
    assert 'invalid="skip"' in text
    assert "(rows 2)" in text


def test_a_conflict_of_ids_names_its_way_out() -> None:
    """invalid="skip" would not help there."""
    text = str(apd.plan_users(pd.DataFrame({"user_id": ["a", "a"], "n": [1, 2]})))
    assert 'duplicates="first"' in text
    assert 'invalid="skip"' not in text


def wide() -> pd.DataFrame:
    """Sixty columns of three types, one of which is odd."""
    columns = {f"c{place:02}": [place] if place % 3 else ["x"] for place in range(58)}
    return pd.DataFrame({"user_id": ["ann"], **columns, "odd": [2.0]})


def test_a_wide_frame_shows_first_what_has_a_note() -> None:
    """Of sixty columns the odd one matters; the others are counted by type, and folded on a page."""
    plan = apd.plan_users(wide())
    text, page = str(plan), plan._repr_html_()
    assert "• odd: whole floats, sent as integers" in text
    assert "59 more columns: 38 number, 21 string, all in plan.columns" in text
    assert "c07" not in text
    open_part, _, folded = page.partition("<details><summary>59 more columns: 38 number, 21 string</summary>")
    assert "whole floats" in open_part
    assert "c07" not in open_part
    assert "c07" in folded
    assert len(text.splitlines()) < 12


def test_a_table_has_no_column_of_notes_without_one() -> None:
    """An empty column costs the width that examples need."""
    assert "Note" not in apd.plan_users(pd.DataFrame({"user_id": ["ann"], "plan": ["pro"]}))._repr_html_()
    assert "Note" in apd.plan_users(pd.DataFrame({"user_id": ["ann"], "seats": [2.0]}))._repr_html_()


def test_code_is_set_as_code_and_can_be_pasted() -> None:
    """What mends a column is whole in one element, and in a terminal on one line; it runs, and mends."""
    frame = pd.DataFrame(
        {"user_id": ["nan", " b", "c"], "joined": ["2024-01-01", "2024-02-01", "2024-03-01"]}
    )
    plan = apd.plan_users(frame)
    found = [html.unescape(code) for code in re.findall(r"<code>(df.*?)</code>", plan._repr_html_())]
    assert len(found) == 2
    assert "<code>types={&#x27;joined&#x27;: &#x27;date&#x27;}</code>" in plan._repr_html_()
    assert "<code>plan.push()</code>" in plan._repr_html_()
    for width in (60, 140):
        lines = [
            line.strip() for line in plan_text(plan.document, 1_200, pushed=False, width=width).splitlines()
        ]
        assert set(found) <= set(lines)
    names: dict[str, pd.DataFrame] = {"df": frame.copy()}
    for line in found:
        exec(line, names)  # noqa: S102  # it is there to be pasted
    assert names["df"]["user_id"].tolist()[1:] == ["b", "c"]
    assert pd.isna(names["df"]["user_id"][0])


@pytest.mark.parametrize(
    "name", ["rev [EUR]", "net; gross", "it's", 'say "so"', "x)", "a = (b", "{c}", "d`e", ("f", "g"), " h "]
)
def test_code_is_whole_whatever_the_column_is_called(name: Any) -> None:
    """Brackets, semicolons and quotes in a name end no code: it is found, runs, and leaves nothing to note."""
    rows = ["2024-01-01", "n/a", "2024-03-01"]
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "other": rows})
    frame.columns = pd.Index(["user_id", name], tupleize_cols=False)
    plan = apd.plan_users(frame, types={name: "date"})
    kept = apd.plan_users(frame.iloc[[0, 2]])
    pages = [plan._repr_html_(), kept._repr_html_()]
    found = [html.unescape(code) for page in pages for code in re.findall(r"<code>(df.*?)</code>", page)]
    (types,) = (html.unescape(it) for it in re.findall(r"<code>(types=.*?)</code>", pages[1]))
    assert types == f"types={ {name: 'date'} }"
    text = plan_text(plan.document, 1_200, pushed=False, width=60) + plan_text(
        kept.document, 1_200, pushed=False, width=60
    )
    assert found
    for line in found:
        assert line in text
        names = {"df": frame.copy()}
        exec(line, names)  # noqa: S102  # it is there to be pasted
        assert not names["df"].equals(frame) or list(names["df"]) != list(frame)


def test_a_backtick_in_data_is_a_backtick() -> None:
    """It is our sentences that mark code by it."""
    plan = apd.plan_users(pd.DataFrame({"user_id": ["ann"], "a`b": ["`x`"]}))
    assert "a`b" in str(plan)
    assert "<code>x" not in plan._repr_html_()


@pytest.mark.parametrize("width", [60, 100, 140])
def test_the_text_keeps_to_the_width_of_the_terminal(width: int) -> None:
    """Wrapped tables cannot be read."""
    plan = apd.plan_users(messy(), invalid="skip")
    lines = plan_text(plan.document, 1_200, pushed=False, width=width).splitlines()
    assert all(len(line) <= max(width, 75) for line in lines if "  " in line)


def test_an_empty_frame_has_a_page_too() -> None:
    """Nothing to send is an answer."""
    plan = apd.plan_users(pd.DataFrame({"user_id": pd.Series(dtype=str)}))
    assert "nothing to send" in str(plan)
    assert "nothing to send" in plan._repr_html_()
