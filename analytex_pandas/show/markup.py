"""HTML that is escaped by construction: text becomes markup only through :func:`tag`, which escapes it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

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
