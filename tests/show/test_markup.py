"""HTML that is escaped by construction."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytex_pandas.show.markup import Markup, escape, join, printable, shortened, tag

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates among them


class Seen(HTMLParser):
    """The tags, attributes and text that a browser would make of HTML."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attributes)))

    def handle_data(self, text: str) -> None:
        self.text += text


@given(ANY_TEXT, ANY_TEXT)
def test_text_stays_text_in_content_and_in_attributes(content: str, value: str) -> None:
    """Whatever the text, the page has the one element that was asked for, with that one attribute."""
    page = Seen(tag("td", content, title=value))
    assert [(name, set(attributes)) for name, attributes in page.tags] == [("td", {"title"})]
    assert page.text == printable(content)
    assert page.tags[0][1]["title"] == printable(value)


@given(ANY_TEXT)
def test_escaped_text_has_no_character_that_means_something_in_html(text: str) -> None:
    """Not a tag, not a quote, not half an entity."""
    shown = escape(text)
    assert not set(shown) & set("<>\"'")
    assert (
        shown.replace("&lt;", "")
        .replace("&gt;", "")
        .replace("&amp;", "")
        .replace("&quot;", "")
        .replace("&#x27;", "")
        .count("&")
        == 0
    )


@given(st.lists(ANY_TEXT))
def test_only_markup_passes_unescaped(parts: list[str]) -> None:
    """Joining is no way around the escaping."""
    assert Seen(join(parts, "<br>")).tags == [("br", {})] * max(0, len(parts) - 1)


def test_markup_passes_as_it_is() -> None:
    """Elements nest without being escaped twice."""
    assert tag("p", tag("b", "a & b"), class_="x", aria_label="y", title=None) == (
        '<p class="x" aria-label="y"><b>a &amp; b</b></p>'
    )
    assert isinstance(join(["a"]), Markup)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07gone", "\ufffd[2J\ufffdgone"),
        ("a\r\nb\tc\xa0d", "a  b c d"),
        ("user\u202egpj.exe", "user\ufffdgpj.exe"),
        ("\ud800", "\ufffd"),
        ("Ünï 👩\u200d💻", "Ünï 👩\u200d💻"),
    ],
)
def test_nothing_steers_the_terminal_or_turns_the_line_around(text: str, shown: str) -> None:
    """Escape sequences in a value must not clear somebody's screen; accents and joined emoji stay."""
    assert printable(text) == shown


@given(ANY_TEXT, st.integers(2, 30))
def test_what_is_shortened_fits_and_can_be_sent(text: str, limit: int) -> None:
    """A message to the front end is UTF-8, so no lone surrogate may be left."""
    short = shortened(text, limit)
    assert len(short) <= limit
    short.encode()
