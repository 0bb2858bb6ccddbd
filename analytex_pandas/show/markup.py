"""HTML that is escaped by construction: text becomes markup only through :func:`tag`, which escapes it; tables."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

VOID_TAGS: Final = frozenset({"br", "col", "hr"})


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
    if name in VOID_TAGS:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(children)}</{name}>")


def join(parts: Iterable[str], separator: str = "") -> Markup:
    """Return the parts one after the other, those that are not markup escaped."""
    pieces = (part if isinstance(part, Markup) else escape(part) for part in parts)
    return Markup(separator.join(pieces))


def printable(text: str) -> str:
    """Return text without what could steer a terminal or turn a line around.

    Control and direction characters and lone surrogates (which no message can carry) become "�"; other white
    space becomes a space. The zero-width joiner stays, because emoji and several scripts are written with it.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character == "\u200d"
        else " "
        if character.isspace()
        else "\ufffd"
        for character in text
    )


def shortened(value: object, limit: int = 120) -> str:
    """Return a value as one printable line of at most ``limit`` characters."""
    return printable(one_line(lambda: str(value), limit))


LONG_WORD: Final = 16
"""Characters from which a word may be broken: in a narrow table shorter ones are to stay whole."""
GAP: Final = "  "


def table(
    headers: Sequence[str],
    lines: Sequence[Sequence[str]],
    *,
    numeric: Collection[str] = (),
    caption: str = "",
) -> Markup:
    """Return an HTML table of text (escaped here) or markup; the first cell of a line names the line.

    `numeric` columns are flush right; `caption` is for those who cannot see where it stands.
    """
    right = {place for place, header in enumerate(headers) if header in numeric}

    def cell(name: str, place: int, text: str, scope: str | None = None) -> Markup:
        long = scope != "col" and any(len(word) > LONG_WORD for word in text.split())
        kind = "apd-number" if place in right else "apd-long" if long else None
        # A narrow panel shows each line as a paragraph, each cell behind its column's name.
        label = headers[place] if scope != "col" else None
        return tag(name, text, scope=scope, class_=kind, data_label=label)

    head = tag("tr", *(cell("th", place, header, "col") for place, header in enumerate(headers)))
    body = join(
        tag(
            "tr",
            *(
                cell("td", place, text) if place else cell("th", place, text, "row")
                for place, text in enumerate(line)
            ),
        )
        for line in lines
    )
    title = tag("caption", caption) if caption else Markup("")
    return tag("table", title, tag("thead", head), tag("tbody", body), class_="apd-table")


IN_PLACE: Final = {
    # JupyterLab sets tables flush right.
    "th": "text-align:left;vertical-align:top",
    "td": "text-align:left;vertical-align:top",
    "caption": "text-align:left;caption-side:top",
    "apd-number": "text-align:right;vertical-align:top",
    "apd-long": "text-align:left;vertical-align:top;overflow-wrap:anywhere",
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
        if ' style="' in attributes:
            attributes = attributes.replace(' style="', f' style="{style};')
            return f"<{name}{attributes}>"
        return f'<{name}{attributes} style="{style}">'

    return tag("div", Markup(OPENING.sub(styled, join(parts))), class_="apd-static")


def text_table(
    headers: Sequence[str], lines: Sequence[Sequence[str]], *, numeric: Collection[str] = (), width: int = 100
) -> str:
    """Return a table of aligned columns that fits into ``width`` characters as far as its columns can shrink.

    The widest column gives way first, and no column becomes narrower than its header.
    """
    cells = [list(headers), *([printable(text) for text in line] for line in lines)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(headers))]
    narrowest = [min(wide, max(8, len(header))) for wide, header in zip(widths, headers, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(range(len(widths)), key=lambda place: widths[place] - narrowest[place])
        if widths[widest] <= narrowest[widest]:
            break
        widths[widest] -= 1
    shown = []
    for line in cells:
        padded = (
            shortened(text, wide).rjust(wide) if header in numeric else shortened(text, wide).ljust(wide)
            for text, wide, header in zip(line, widths, headers, strict=True)
        )
        shown.append(GAP.join(padded).rstrip())
    return "\n".join(shown)
