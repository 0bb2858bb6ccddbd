"""Row errors in every shape that the service has been seen or documented to send, as one flat tuple.

The shape of a job's ``errors`` is not documented, so this reads: a list of strings, a list of objects, an
object keyed by row number or by id, one string, null, any nesting of these, and keeps verbatim whatever is
none of them.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from analytex_pandas.service.values import clean, to_count, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PlaceKind = Literal["line", "index", "row"]

PLACE_KEYS: Final[Mapping[str, PlaceKind]] = {
    "line": "line",
    "line_number": "line",
    "index": "index",
    "row_index": "index",
    "row": "row",
    "record": "row",
    "row_number": "row",
}
"""In order of trust: a line is 1-based and an index 0-based for everyone, a row is either."""
ID_KEYS: Final = ("user_id", "company_id")
PROPERTY_KEYS: Final = ("field", "property")
CODE_KEYS: Final = ("error_code", "code")
TEXT_KEYS: Final = ("message", "error", "details")
KNOWN_KEYS: Final = frozenset((*PLACE_KEYS, *ID_KEYS, *PROPERTY_KEYS, *CODE_KEYS, *TEXT_KEYS, "errors"))

MAX_AROUND_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 20
"""Levels that are read apart; anything deeper is kept whole in the ``raw`` of one error."""

PLACE: Final = r"""(?P<kind>row|line|index|record) \s* (?:number|no\.?)? \s* [\#:=\[]? \s*
                   (?P<number>[0-9]{1,18}) \b"""
PLACE_FIRST: Final = re.compile(
    rf"^\W* (?:error\s+)? (?:(?:in|on|at|for)\s+)? {PLACE}",  # "Row 12: …", "Error on line 5 …"
    re.IGNORECASE | re.VERBOSE,
)
# Further on, a number after such a word may be something else: "list index 3 out of range", "address line 2",
# or where a parser stood inside one record, "line 1 column 5".
PLACE_LATER: Final = re.compile(
    rf"(?: \b(?:in|on|at|for)\s+ | [(\[]\s* | (?=\brow\s) ) {PLACE} (?! ,?\s*(?:col|char|pos|of\b))",
    re.IGNORECASE | re.VERBOSE,
)
ID_TEXT: Final = re.compile(
    r"""\b(?:user|company)(?:[_ ]?id)? \s*[:=]?\s* (?P<quote>["'`]) (?P<quoted>.+?) (?P=quote)
      | \b(?:user|company)_id (?:
            \s*=\s* (?P<equals>[^\s,;()\[\]"'`]+)                        # "user_id=abc"
          | \s+ (?!(?:is|was|has|must|should|may|can|not)\b) (?P<prefix>\S+): (?=\s|$)  # "user_id abc: …"
        )
      | [(\[]\s* (?:user|company)_id \s*[:=]?\s* (?P<bracketed>[^\s()\[\]]+) \s*[)\]]  # "(user_id abc)" """,
    re.IGNORECASE | re.VERBOSE,
)
MAX_READ_CHARACTERS: Final = 2_000
"""Characters of an error's own words in which a row or an id is looked for."""
MAX_ERRORS: Final = 100_000
"""Errors of one job that are read apart; ten for each of its rows."""
MAX_CHARACTERS: Final = 20_000_000
"""Characters of one job's errors that are kept whole."""
PIECES: Final = re.compile(r"[\r\n;]+")


class RowError(NamedTuple):
    """One error as the service reported it; every field but ``raw`` may be missing.

    ``place`` is the number that it gave for the row, ``place_kind`` what it called that number; the key of an object
    keyed by number counts as ``"row"``. ``id`` is its ``user_id`` or ``company_id``: where ``place`` and ``id`` are the
    same digits, they come from one key, and either may be what was meant. ``message`` is ``""`` if it had no words.
    ``raw`` is the error as JSON, with the key it stood under: nothing is ever dropped.
    """

    place: int | None = None
    place_kind: PlaceKind | None = None
    id: str | None = None
    property: str | None = None
    code: str | None = None
    message: str = ""
    raw: str = ""

    def names_a_row(self) -> bool:
        return self.place is not None or self.id is not None


class Above(NamedTuple):
    """What the levels above say of the errors below them, and how one is written with what stands around it."""

    said: RowError = RowError()
    depth: int = 0
    around: Callable[[object], object] = lambda value: value

    def inside(self, key: object, said: RowError, beside: Mapping[object, object] | None = None) -> Above:
        """Return the same for what stands under a key, with what is to be repeated of what stands beside it."""
        return Above(said, self.depth + 1, lambda value: self.around({**(beside or {}), key: value}))

    def error(self, value: object, message: str = "") -> RowError:
        return self.said._replace(message=message or self.said.message, raw=to_json(self.around(value)))


def parse_errors(value: object) -> tuple[RowError, ...]:
    """Read the ``errors`` of a job, whatever their shape, in the order of the report; empty only if the report is."""
    if not value:
        return ()
    try:
        errors = read(value, Above())
        found, room = list(islice(errors, MAX_ERRORS)), MAX_CHARACTERS
        more = sum(1 for _ in errors)
        for place, error in enumerate(found):
            room -= len(error.message) + len(error.raw)
            if room < 0:
                found[place] = error._replace(message=error.message[:MAX_AROUND_CHARACTERS], raw="")
        if more:
            found.append(RowError(message=f"{more:,} more errors were reported, which are not kept."))
        return tuple(found)
    except RecursionError:
        return (Above().error(value),)


def read(value: object, above: Above) -> Iterator[RowError]:
    if above.depth > MAX_DEPTH:
        yield above.error(value, to_text(value))
    elif isinstance(value, list | tuple):
        for item in value:
            # The brackets of a list say nothing, so they are left out of `raw`.
            yield from or_itself(read(item, above._replace(depth=above.depth + 1)), item, above)
    elif isinstance(value, dict):
        document = {str(key).casefold(): item for key, item in value.items()}
        if KNOWN_KEYS.isdisjoint(document):
            yield from read_keyed(value, above)
        else:
            yield from read_object(value, document, above)
    else:
        yield from in_words(above.error(value, to_text(value)))


def or_itself(errors: Iterator[RowError], value: object, above: Above) -> Iterator[RowError]:
    """Yield the errors found in a value, or the value as one if there are none."""
    yield next(errors, None) or above.error(value)
    yield from errors


def read_keyed(value: dict[object, object], above: Above) -> Iterator[RowError]:
    """Yield the errors of an object keyed by row number or id; below a row, by property."""
    for key, item in value.items():
        name, said = clean(str(key)), above.said
        if said.names_a_row():
            said = said._replace(property=said.property or name)
        else:
            place = to_count(name)
            said = said._replace(id=name, place=place, place_kind=None if place is None else "row")
        # A key names a row even when nothing stands under it: that row was reported.
        below = above.inside(key, said)
        yield from or_itself(read(item, below), item, below)


def read_object(
    value: dict[object, object], document: Mapping[str, object], above: Above
) -> Iterator[RowError]:
    """Yield the error that an object describes, or those nested in it with what it says about them all."""
    said = described(document, above.said)
    for key, item in value.items():
        name = str(key).casefold()
        if item and (name == "errors" or (name == "details" and isinstance(item, list))):
            in_brief = said._replace(message=said.message[:MAX_AROUND_CHARACTERS])
            errors = read(item, above.inside(key, in_brief, beside=value))
            if (first := next(errors, None)) is None:
                continue
            yield first
            if len(to_json(value)) - len(to_json(item)) > MAX_AROUND_CHARACTERS:
                # Repeated around each of thousands of errors, a long surrounding would fill the memory.
                errors = islice(read(item, above.inside(key, in_brief)), 1, None)
            yield from errors
            return
    if said.names_a_row() or any(map(has_text, (said.code, said.property, *document.values()))):
        yield from in_words(above._replace(said=said).error(value))


def described(document: Mapping[str, object], said: RowError) -> RowError:
    """Return what was said of an error with what an object says itself, which comes before it."""
    # Some services put what identifies the row one level down: {"message": …, "details": {"row": 3}}.
    below = [item for item in (document.get("details"), document.get("error")) if isinstance(item, dict)]
    inner = {str(key).casefold(): item for one in reversed(below) for key, item in one.items()}
    for source in (inner, document) if inner else (document,):
        place = place_of(source) if source is document or said.place is None else None
        said = RowError(
            *(place or (said.place, said.place_kind)),
            id=first_text(source, ID_KEYS) or said.id,
            property=first_text(source, PROPERTY_KEYS) or said.property,
            code=first_text(source, CODE_KEYS) or said.code,
            message=message_of(source) or said.message,
        )
    return said


def place_of(document: Mapping[str, object]) -> tuple[int, PlaceKind] | None:
    for key, kind in PLACE_KEYS.items():
        if key in document and (place := to_count(document[key])) is not None:
            return place, kind
    return None


def first_text(document: Mapping[str, object], keys: tuple[str, ...]) -> str | None:
    """Return the first of the keys that holds a text or a number, as text."""
    for key in keys:
        value = document.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and (text := to_text(value)):
            return text
    return None


def message_of(document: Mapping[str, object]) -> str:
    """Return the words of an error: its message, else its error, its details, its code."""
    for key in (*TEXT_KEYS, *CODE_KEYS):
        value = document.get(key)
        if not isinstance(value, dict) and (text := to_text(value)):
            return text
    return to_text(document.get("details") or None)


def has_text(value: object) -> bool:
    """Tell whether there are words in a value; counts alone, as beside an empty list, are no error."""
    if isinstance(value, dict | list):
        return any(map(has_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and bool(value.strip())


def in_words(error: RowError) -> Iterator[RowError]:
    """Yield the error with the row or id that its words name, if no key did; one for each row they name."""
    if error.names_a_row():
        yield error
        return
    pieces = [" ".join(piece.split()) for piece in PIECES.split(error.message, MAX_ERRORS) if piece.strip()]
    if len(pieces) < 2 or not all(PLACE_FIRST.match(piece[:MAX_READ_CHARACTERS]) for piece in pieces):  # noqa: PLR2004  # one piece is the whole
        yield find_in_text(error)
        return
    for number, piece in enumerate(pieces):
        # The first keeps the whole text; with each of thousands it would fill the memory.
        yield find_in_text(error._replace(message=piece, raw=to_json(piece) if number else error.raw))


def find_in_text(error: RowError) -> RowError:
    """Return the error with the row and the id that its own words plainly name."""
    words = " ".join(
        error.message[:MAX_READ_CHARACTERS].split()
    )  # runs of blanks cost the patterns their time squared
    first = PLACE_FIRST.match(words)
    found = [first] if first else PLACE_LATER.finditer(words)
    places = {(int(match["number"]), PLACE_KEYS[match["kind"].casefold()]) for match in found}
    ids = {match[match.lastgroup or 0] for match in ID_TEXT.finditer(words)}
    place, place_kind = places.pop() if len(places) == 1 else (None, None)
    return error._replace(place=place, place_kind=place_kind, id=ids.pop() if len(ids) == 1 else None)
