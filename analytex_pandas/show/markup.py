"""HTML that is escaped by construction: text becomes markup only through :func:`tag`, which escapes it; tables."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Sequence
from importlib.resources import files
from typing import Final

from analytex_pandas.errors import one_line

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


def datum(value: object, limit: int = 120) -> Markup:
    """Return a value of the data or of the service, whose direction of writing turns nothing around it."""
    text = shortened(value, limit)
    return tag("bdi", text) if text else Markup("")


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
    headers: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    numeric: Collection[str] = (),
    wide: str | None = None,
    nowrap: Collection[str] = (),
    caption: str,
) -> Markup:
    """Return a table whose first column names its rows.

    `numeric` are the headers of columns that are set flush right, `wide` is the one that takes the most room, `nowrap`
    those of short words that are not broken where there is a style sheet;
    `caption` is for those who cannot see where it stands. Styles are written in place for pages without a style
    sheet, where JupyterLab sets cells flush right and breaks no word unless the table's widths are fixed.
    """

    def placed(header: str, width: bool = False) -> dict[str, str | None]:
        side = "right" if header in numeric else "left"
        share = ";width:42%" if width and header == wide else ""
        kinds = {"apd-num": numeric, "apd-nowrap": nowrap, "apd-wide": (wide,)}
        kind = next((kind for kind, known in kinds.items() if header in known), None)
        breaking = "" if width else ";vertical-align:top;overflow-wrap:break-word;font-weight:normal"
        return {"class_": kind, "style": f"text-align:{side};padding:2px 8px{breaking}{share}"}

    def cell(place: int, text: str) -> Markup:
        header = headers[place]
        # A narrow panel shows each line as a paragraph, each cell behind its column's name.
        name, scope = ("td", None) if place else ("th", "row")
        return tag(name, text, scope=scope, data_l=header, **placed(header))

    head = (tag("th", header, scope="col", **placed(header, width=True)) for header in headers)
    body = (tag("tr", *(cell(place, text) for place, text in enumerate(line))) for line in lines)
    said = tag("caption", caption, style="caption-side:top;text-align:left")
    parts = said, tag("thead", tag("tr", *head)), tag("tbody", *body)
    return tag("table", *parts, style="table-layout:fixed;width:100%")


def without_styles(made: Markup) -> Markup:
    """Return markup for where there is a style sheet: a third of the bytes. Quotes in data are escaped."""
    return Markup(re.sub(r' style="[^"]*"', "", made))


NO_MATHEMATICS: Final = ("tex2jax_ignore", "mathjax_ignore")
"""Classes below which what stands between two dollars is not typeset: by MathJax 2, and by 3 and later."""
STYLE: Final = Markup(f"<style>\n{files(__package__).joinpath('style.css').read_text('utf-8')}</style>")
"""The style sheet of panels and pages."""


def standing_alone(*parts: str) -> Markup:
    """Return a page of its own; where a notebook is not trusted, it reads without the style sheet."""
    return tag(
        "div", tag("div", STYLE, *parts, class_="apd"), class_=" ".join(("apd-static", *NO_MATHEMATICS))
    )


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
