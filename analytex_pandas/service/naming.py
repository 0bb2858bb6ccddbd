"""What the texts of a report name: rows, ids, companies and properties, in keys, in paths, and at the head of words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from analytex_pandas.service.values import (
    COUNTS,
    NOUN,
    NUMBER,
    TO,
    clean,
    to_count,
    to_counts,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Container

PlaceKind = Literal["line", "index", "row", "key", "list", "path", "result"]
KINDS: Final[dict[str, PlaceKind]] = {"line": "line", "index": "index", "ind": "index"}
"""What a word in a text calls a number; any other is a row."""

PLACE: Final = rf"""(?P<kind>row|line|index|ind(?=ices)|record|item)(?P<many>e?s|ices)?
    [\s_]*(?:number\b|no\b\.?|nr\b\.?|id\b)?\s?[\#:=\[(]?\s?
    (?P<numbers> (?(many){COUNTS.pattern}|(?:\#?{NUMBER}(?:{TO}|\ (?:and|&)\ ){NOUN}\#?{NUMBER}
      | (?!{NUMBER}\ [-\u2013]\ ){COUNTS.pattern}
        (?=\s?(?:[:)\].]|$)|\s(?:are|were|have|had)\b) | \#?{NUMBER}(?:[-\u2013]{NUMBER})?)) )
    (?![\w%]|[.:'-][0-9]|\s[0-9]{{3}}(?![0-9])|\s?out\s+of|\s?of\s[^0-9]
      |\sor\s{NOUN}?\#?[0-9]|\s(?:more|others?|additional|further)\b)"""
LEAD: Final = r"""(?:(?:errors?|fail(?:ed|ure)|fatal|invalid|bad|problem|warning|validation|skipp(?:ed|ing)
    |reject(?:ed|ing)|refused|ignored|could|not|cannot|unable|to|import(?:ing)?|process(?:ing)?|pars(?:e|ing)|insert|updat(?:e|ing)|upsert
    |sav(?:e|ing)|validat(?:e|ing)|in|on|at|for|while|the|input|data|csv|json|ndjson|file)\b[\s:,-]{1,3}){0,7}"""
WHO: Final = r"""(?P<who>user|company|customer|profile|contact)(?P<id>[_ ]?id)?s?\s?[:=\#]?\s?
    (?: (?P<quote>["'`]) (?P<quoted>[^"'`]{1,500}) (?P=quote) | [(\[](?P<inside>[^\s()\[\]]{1,500})[)\]]
      | (?P<bare>[^\s,;()\[\]"'`]{1,500}) )"""
HEAD: Final = re.compile(rf"\W{{0,5}}{LEAD}\W{{0,3}}{PLACE}", re.IGNORECASE | re.VERBOSE)
"""The row that a text is about stands at its head, behind a few words at most: "Failed to import row 5: …"."""
OWNER: Final = re.compile(rf"\W{{0,5}}{LEAD}\W{{0,3}}{WHO}", re.IGNORECASE | re.VERBOSE)
NEXT: Final = re.compile(
    r"""["'`]?(?:\s?[,;]\s?(?:and\s)?|\s(?:and|&)\s)(?:(?:user|company)\s)?["'`]?(?P<token>[^\s,;()\[\]"'`]{1,500})""",
    re.IGNORECASE,
)
"""One more id behind another: "u3, u4 and u5: …"."""
BEHIND: Final = re.compile(rf"\s?[(\[]\s?{WHO}\s?[)\]]", re.IGNORECASE | re.VERBOSE)
"""The owner behind a row: "Row 5 (user_id u4): …"."""
TAIL: Final = re.compile(
    rf"[(\[]\s?(?:{PLACE}|{WHO}(?:{NEXT.pattern.replace('?P<token>', '')}){{0,100}})[\"'`\s]?[)\]]\W{{0,3}}$",
    re.IGNORECASE | re.VERBOSE,
)
"""In brackets at the end: "… is invalid (row 5)"."""
FIRST: Final = re.compile(
    r"""(?P<quote>["'`(\[<])?(?P<token>[^\s"'`()<>]{1,500}?)["'`)\]>]?(?P<colon>:(?=\s|$))?(?=\s|$)"""
)
PARSER: Final = re.compile(r"\s(?:col|char|pos)\w{0,10}\W{0,3}[0-9]", re.IGNORECASE)
"""Behind a line, without a comma: where a parser stood, perhaps in one record."""
MORE: Final = re.compile(
    rf"\W{{0,5}}(?:(?:[a-z]{{1,15}}\s){{0,3}}(?:with|were|are|found|[a-z]{{1,15}}[:,])\s)?(?:and\s)?(?P<number>{NUMBER})\s(?P<more>more|others?|additional|further|similar)?\s?(?:\w{{1,20}}\s){{0,2}}?"
    r"(?:rows?|records?|errors?|failures?|users?|companies|items?|(?<=more)|(?<=others))\b",
    re.IGNORECASE,
)
CELL: Final = re.compile(r"""\W?(?:[0-9]{1,18}["']?[,\t]["']?)?(?P<id>[^\s,;"']{1,500})["']?[,;\t]["']?\S""")
"""The first or second cell in a line of CSV: "5,u4,email,bad"."""
AND_MORE: Final = re.compile(
    rf"(?:\band|\+|&)\s?(?P<number>{NUMBER})\s(?:more|others?|additional|further)\b"
    r"|\bonwards?\b|\band\s(?:the\s|all\s)?(?:following|later|subsequent|other)\s(?:rows|lines|records|users)\b",
    re.IGNORECASE,
)
"""Behind a row that is named: there are more, perhaps one cannot tell how many."""
LINES: Final = re.compile(r"[\r\n;|]+")
PIECES: Final = re.compile(r"[,.]\s(?=(?:row|line|record|index|item)s?\s\#?[0-9])", re.IGNORECASE)
PATH: Final = re.compile(r"(?!\S{0,20}://)(?=\S*[./\[])[\w#$/\[][^\s,;]{0,500}")
STEPS: Final = re.compile(r"[^./\[\]#$\"']+")
DIGITS: Final = re.compile(r"[0-9]{1,18}")
ID_LIKE: Final = re.compile(r"\S{1,500}")
MAX_READ_CHARACTERS: Final = 2_000
"""Characters of an error's own words in which a row or an id is looked for."""
MAX_TAIL: Final = 200
MOST_REMEMBERED: Final = 1_000


class RowError(NamedTuple):
    """One error as the service reported it; every field but ``raw`` may be missing.

    ``place`` is the number that it gave for the row, ``place_kind`` what it called that number: ``key`` for the key of
    an object, ``list`` for a bare number in a list, ``path`` for one in a path, ``result`` for the place of a result
    among as many as there are rows, from 0. ``id`` is its ``user_id`` or ``company_id``: where ``place`` and ``id`` are
    the same digits, either may be what was meant. ``company`` is one that a job of users names: it stands for its rows.
    ``echo`` are values of the row that were repeated, by property. ``total`` counts the rows that a remark on many
    speaks of, ``more`` those beside the ones named; ``counts`` is what a number under a key, ``"failed_rows": 12``, is
    of: ``rows`` or ``errors``. ``message`` is ``""`` if it had no words. ``raw`` is the error as JSON, with its key.
    """

    place: int | None = None
    place_kind: PlaceKind | None = None
    id: str | None = None
    property: str | None = None
    code: str | None = None
    message: str = ""
    raw: str = ""
    company: str | None = None
    echo: tuple[tuple[str, str], ...] = ()
    total: int = 0
    more: int = 0
    counts: Literal["", "rows", "errors"] = ""

    def names_rows(self) -> bool:
        return self.place is not None or self.id is not None or self.company is not None

    def on(self, row: RowError) -> RowError:
        """Return the error on the row that another names."""
        return self._replace(place=row.place, place_kind=row.place_kind, id=row.id, company=row.company)

    def of(self, found: RowError) -> RowError:
        """Return the error as one of the rows that another names, and of its property, if it has one."""
        name = found.property or self.property
        return self.on(found)._replace(total=found.total, more=found.more, property=name)


class Sent(NamedTuple):
    """What is known of the rows that a report is about; of ``ids`` None: any text may be one."""

    rows: int | None = None
    kind: str | None = None
    ids: Container[str] | None = None
    companies: Container[str] = ()
    properties: Collection[str] = ()


class Names:
    """Finds what is named, with what is known of the rows that were sent."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.is_known = sent.ids is not None
        self.ids: Container[str] = sent.ids or ()
        self.companies: Container[str] = sent.companies if sent.kind == "users" else ()
        self.properties = sent.properties
        self.read: dict[str, list[RowError]] = {}
        """What was found in texts, most of which come again."""

    def property_of(self, name: str) -> str:
        return self.located(name).property or name if is_path(name) else name

    def located(self, path: str | list[str]) -> RowError:
        """Return what a path names: a row, from 0, or an id, and the last name behind it, a property."""
        steps = path if isinstance(path, list) else STEPS.findall(path)
        if isinstance(path, str) and (whole := path.removeprefix("metadata.")) in self.properties:
            return RowError(property=whole)
        is_closed = isinstance(path, list) or path[0] in "/#[" or "[" in path
        place = identity = None
        for number, step in enumerate(steps):
            is_inner = number > 0 and steps[number - 1] in self.properties
            is_id = step in self.ids and (to_count(step) or 0) >= (self.sent.rows or 0)
            if (
                DIGITS.fullmatch(step)
                and not is_id
                and (is_closed or not all(map(str.isdigit, steps[number:])))
            ):
                if not is_inner:  # else it is one of the values of a property
                    place, steps = int(step), steps[number + 1 :]
                break
            if step in self.ids and step not in self.properties and len(steps) > 1:
                identity, steps = step, steps[number + 1 :]
                break
        names = [step for step in steps if not DIGITS.fullmatch(step)]
        joined = ".".join(name for name in names if name != "metadata")
        last = joined if joined in self.properties else names[-1] if names else None
        return RowError(place, None if place is None else "path", identity, last)

    def row_of_key(self, text: str) -> RowError | None:
        """Return the row that the key of an object names, None where it names none."""
        key = clean(text)
        if key.isalpha() and key not in self.ids and key not in self.companies:
            return None
        place = to_count(key)
        kind: PlaceKind | None = None if place is None else "key"
        if key in self.ids or (place is not None and not self.is_known):
            return RowError(place, kind, key)
        if place is not None:
            return RowError(place, kind)
        if key in self.companies:
            return RowError(company=key)
        if key in self.properties or len(key) > MAX_READ_CHARACTERS:
            return None
        if match := HEAD.fullmatch(key.replace("_", " ")):
            return places_in(match)[0]
        found = self.located(key) if is_path(key) else None
        return found if found is not None and found.names_rows() else None

    def rows_in_words(self, words: str) -> list[RowError]:
        """Return the rows that the head of a text names, or that stand alone in brackets at its end."""
        if (found := self.read.get(words)) is None:
            if len(self.read) == MOST_REMEMBERED:
                self.read.clear()
            found = self.rows_at_head(words)
            if found and found[0].names_rows() and (match := AND_MORE.search(words)):
                found = [*found, RowError(more=whole_number(match["number"] or "1"))]
            self.read[words] = found
        return found

    def rows_at_head(self, words: str) -> list[RowError]:
        match = HEAD.match(words)
        if match and not (match["kind"].casefold() == "line" and PARSER.match(words, match.end())):
            behind, places = BEHIND.match(words, match.end()), places_in(match)
            owner = self.owner(behind) if behind and len(places) == 1 else RowError()
            return [place._replace(id=owner.id) for place in places]
        first = FIRST.match(words)
        token = first["token"] if first else ""
        if token and is_path(token) and (row := self.located(token.rstrip(":"))).names_rows():
            return [row]
        if found := self.ids_in(words, first):
            return found
        if match := MORE.match(words):
            number = whole_number(match["number"])
            return [RowError(more=number) if match["more"] else RowError(total=number)] if number else []
        return []

    def ids_in(self, words: str, first: re.Match[str] | None) -> list[RowError]:
        """Return what the head of a text, whose first word is given, or the end names by ids or companies."""
        if (match := OWNER.match(words)) and (owner := self.owner(match)).names_rows():
            return self.with_others(owner, words, end_of_name(match))
        token = first["token"] if first else ""
        name = token.rstrip(",;")
        if first and name in self.ids:
            place = to_count(name)
            here = RowError(place, None if place is None else "key", name)
            found = self.with_others(here, words, first.start("token") + len(name))
            # "a" may be a user, but is a word in most texts
            if len(found) > 1 or first["colon"] or first["quote"] or not (token.isdigit() or token.isalpha()):
                return found
        if match := TAIL.search(words[-MAX_TAIL:]):
            if match["kind"]:
                return places_in(match)
            if (owner := self.owner(match)).names_rows():
                return self.with_others(owner, match[0], end_of_name(match) - match.start())
        cell = CELL.match(words)
        return [RowError(id=cell["id"])] if cell and cell["id"] in self.ids else []

    def with_others(self, first: RowError, words: str, end: int) -> list[RowError]:
        """Return what is named with the ids, or companies, that a list goes on with."""
        found, known = [first], self.companies if first.company else self.ids
        while match := NEXT.match(words, end):
            name = next((one for one in (match["token"], match["token"].rstrip(":.")) if one in known), None)
            if name is None:
                found += [RowError(more=1)] if match["token"].endswith(":") else []
                break
            place = None if first.place is None else to_count(name)
            found.append(RowError(company=name) if first.company else first._replace(place=place, id=name))
            end = match.start("token") + len(name)
        return found

    def owner(self, match: re.Match[str]) -> RowError:
        """Return the id, or the company, that words name; one that no row has only if they say it plainly."""
        text = match["quoted"] or match["inside"] or match["bare"]
        name = next(
            (one for one in (text, text.rstrip(":.")) if one in self.ids or one in self.companies), None
        )
        if name is None:
            is_marked = (
                text.endswith(":")
                or match[0].endswith((f"={text}", f": {text}"))
                or match[0].strip()[0] in "(["
            )
            is_plain = match["quoted"] or match["inside"] or (match["id"] and is_marked)
            if not is_plain or (self.is_known and not match["id"]):
                return RowError()
            name = text.rstrip(":")
        is_company = match["who"].casefold() == "company" and self.sent.kind == "users"
        return RowError(company=name) if is_company else RowError(id=name)


def end_of_name(match: re.Match[str]) -> int:
    return max(map(match.end, ("quoted", "inside", "bare"))) - match[0].endswith(":")


def places_in(match: re.Match[str]) -> list[RowError]:
    kind = KINDS.get(match["kind"].casefold(), "row")
    return [RowError(place, kind) for place in to_counts(match["numbers"].casefold())]


def pieces_of(text: str, most: int) -> list[str]:
    """Return the lines, or sentences that begin with a row, of a text."""
    lines = LINES.split(text, most)
    parts = (PIECES.split(line) if len(line) < MAX_READ_CHARACTERS else [line] for line in lines)
    return [" ".join(piece.split()) for part in parts for piece in part if piece.strip()]


def is_path(text: str) -> bool:
    return PATH.fullmatch(text) is not None
