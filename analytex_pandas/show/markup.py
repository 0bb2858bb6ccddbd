"""HTML that is escaped by construction: text becomes markup only through :func:`tag`, which escapes it; tables."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

LONG_WORD: Final = 16
"""Characters from which a word may be broken: in a narrow table shorter ones are to stay whole."""
GAP: Final = "  "


class Markup(str):
    """A string that is HTML already; everything else is text from data or service and is escaped."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Return text as HTML that shows it letter by letter: no tag, no attribute, no control character."""
    return Markup(html.escape(printable(str(text)), quote=True))


def tag(name: str, *children: str, **attributes: str | None) -> Markup:
    """Return an element; children and attribute values that are not markup are escaped, None leaves one out.

    ``class_`` stands for ``class``, and ``aria_label`` for ``aria-label``.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}>{join(children)}</{name}>")


def tag_if_any(name: str, text: str) -> Markup:
    """Return an element, or nothing where there is no text."""
    return tag(name, text) if text else Markup("")


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """Return the parts one after the other, those that are not markup escaped."""
    return Markup(separator.join(part if isinstance(part, Markup) else escape(part) for part in parts))


def printable(text: str) -> str:
    """Return text without what could steer a terminal or turn a line around.

    Control and direction characters and lone surrogates (which no message can carry) become "�"; other white
    space becomes a space. The zero-width joiner stays, because emoji and several scripts are written with it.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\u200d" else " " if letter.isspace() else "\ufffd"
        for letter in text
    )


def shortened(value: object, limit: int = 120) -> str:
    """Return a value as one printable line of at most ``limit`` characters."""
    return printable(one_line(lambda: str(value), limit))


def prose(text: str) -> Markup:
    """Return a sentence as HTML, what stands in backticks as code."""
    parts = text.split("`")
    return join(tag("code", part) if place % 2 else part for place, part in enumerate(parts))


def table(
    headers: Sequence[str], lines: Iterable[Sequence[str]], *, caption: str, numeric: Collection[str] = ()
) -> Markup:
    """Return an HTML table of text (escaped here) or markup; the first cell of a line names the line.

    `numeric` columns are flush right; `caption` is for those who cannot see where it stands.
    """

    def cell(place: int, text: str) -> Markup:
        header = headers[place]
        long = any(len(word) > LONG_WORD for word in text.split())
        kind = "apd-number" if header in numeric else "apd-long" if long else None
        # A narrow panel shows each line as a paragraph, each cell behind its column's name.
        name, scope = ("td", None) if place else ("th", "row")
        return tag(name, text, scope=scope, class_=kind, data_label=header)

    head = (
        tag("th", header, scope="col", class_="apd-number" if header in numeric else None)
        for header in headers
    )
    body = (tag("tr", *(cell(place, text) for place, text in enumerate(line))) for line in lines)
    parts = tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *body)
    return tag("table", *parts, class_="apd-table")


IN_PLACE: Final = {
    # JupyterLab sets tables flush right.
    "th": "text-align:left;vertical-align:top;padding:2px 8px",
    "td": "text-align:left;vertical-align:top;padding:2px 8px",
    "caption": "text-align:left;caption-side:top",
    "apd-number": "text-align:right;vertical-align:top;padding:2px 8px",
    "apd-long": "text-align:left;vertical-align:top;padding:2px 8px;overflow-wrap:anywhere",
    "apd-track": "background-color:#dddddd;height:10px;max-width:640px;overflow:hidden",
    **{
        f"apd-fill-{tone}": f"float:left;height:10px;min-width:2px;background-color:{colour}"
        for tone, colour in (("ok", "#0b6e99"), ("bad", "#b3261e"), ("warn", "#b7791f"), ("busy", "#7fb4cb"))
    },
}
"""What the style sheet would say, by class or else by element, for pages that have none."""
OPENING: Final = re.compile(r'<([a-z]+)((?: [a-z-]+="[^"]*")*)>')


def standing_alone(*parts: str) -> Markup:
    """Return a page of its own: an untrusted notebook strips style sheets, so the styles are written in place."""

    def styled(match: re.Match[str]) -> str:
        name, attributes = match.groups()
        kind = re.search(r' class="([^"]*)"', attributes)
        style = IN_PLACE.get(kind[1] if kind else name)
        if style is None:
            return match[0]
        before, own, after = attributes.partition(' style="')
        return f'<{name}{before} style="{style};{after}>' if own else f'<{name}{before} style="{style}">'

    return tag("div", Markup(OPENING.sub(styled, join(parts))), class_="apd-static tex2jax_ignore")


def text_table(
    headers: Sequence[str], lines: Iterable[Sequence[str]], *, numeric: Collection[str] = (), width: int = 100
) -> str:
    """Return a table of aligned columns that fits into ``width`` characters as far as its columns can shrink.

    The widest column gives way first, and no column becomes narrower than its header.
    """
    cells = [list(headers), *([printable(text) for text in line] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    spare = [wide - min(wide, max(8, len(header))) for wide, header in zip(widths, headers, strict=True)]
    for _ in range(sum(widths) + len(GAP) * (len(widths) - 1) - width):
        widest = spare.index(max(spare))
        if not spare[widest]:
            break
        widths[widest], spare[widest] = widths[widest] - 1, spare[widest] - 1

    def padded(text: str, wide: int, header: str) -> str:
        short = shortened(text, wide)
        return short.rjust(wide) if header in numeric else short.ljust(wide)

    return "\n".join(GAP.join(map(padded, line, widths, headers)).rstrip() for line in cells)
