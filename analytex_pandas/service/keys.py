"""What the keys and single values of a report may mean by themselves: four small vocabularies, and results.

Keys are compared by their letters and digits only, in the singular: ``rowNumber``, ``row-number`` and ``ROW_NUMBERS``
are one.
"""

from __future__ import annotations

import csv
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analytex_pandas.service.values import to_count, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analytex_pandas.service.naming import PlaceKind


def listed(words: str) -> dict[str, None]:
    """Return words in their order, to look up in."""
    return dict.fromkeys(words.split())


PLACES: Final[dict[str, PlaceKind]] = {
    **dict.fromkeys(("line", "linenumber", "lineno", "linenum"), "line"),
    **dict.fromkeys(("index", "indice", "indexe", "idx"), "index"),
    **dict.fromkeys(("row", "rownumber", "rowno", "rownum", "record", "recordnumber", "recordno"), "row"),
    **dict.fromkeys(("item", "itemnumber", "entry", "position"), "row"),
    **dict.fromkeys(("range", "rowrange", "linerange"), "row"),
}  # fmt: skip
ENDS: Final = re.compile(
    r"(?P<before>[a-z]*?)(?:(?P<first>start|begin|from|first)|(?:end|to|last|until|stop)(?:ing)?)(?P<after>[a-z]*)"
)
"""Of a span of rows: ``startRow`` and ``endRow``, ``row_from`` and ``row_to``; below ``rows``, the bare words."""
ECHOES: Final = listed(
    "user company record data location row line item object entity profile contact payload input body "
    "source subject customer person resource document value trait attribute"
)
"""Where the record, or its id, may be repeated; what begins with ``original`` likewise."""
ID: Final = re.compile(
    r"(?!.*valid|request|trace|error|job|batch|correlation|event|message|session|log|span).*id|key|identifier|identity|username|original.*"
)
RIVAL: Final = re.compile(r"existing|conflict|duplicateof|other|previous|match|sameas|candidate")
"""The key of another record, which is not the one that was refused."""
OWNERS: Final = {"userid": "users", "companyid": "companies"}
PROPERTIES: Final = listed(
    "property propertyname field fieldname fieldpath attribute column columnname param parameter loc "
    "pointer instancepath datapath jsonpointer jsonpath path"
)
WEAK: Final = listed("location source target element key name")
"""Words for a property that mean one only where the rows have it, or where it is a path."""
VALUES: Final = listed("value input given received actual rejectedvalue invalidvalue")
MAX_HELD: Final = 3
"""Levels in an error in which details of it are looked for, and errors in a result."""
PLAIN_CODES: Final = listed("errorcode code statuscode errcode errortype")
"""Words for a code that only an error has."""
CODES: Final = listed(
    "errorcode code statuscode errcode errortype keyword type rule category reason error kind status "
    "httpstatus"
)
WORDS: Final = listed(
    "message msg detail errormessage errormsg errordescription description reason error title text"
)
LIKE_WORDS: Final = re.compile(r"(?:message|msg|error|reason|description|detail|explanation)$")
LISTS: Final = listed("result item record row report response requestresponse data")
"""Words for a list of results or errors that say nothing themselves."""
COLUMNS: Final = listed("column columnnumber col char offset pos")
"""Numbers beside a line that say where a parser stood, perhaps in one record."""
ELSEWHERE: Final = listed("locations link links stack trace stacktrace help schemapath")
ABOUT: Final = re.compile(
    r"(?:fail(?:ed)?|invalid|bad|error(?:ed)?|reject(?:ed)?|refused|skipped|affected|input|csv|file|source)"
)
"""May stand before a word of a vocabulary: ``failedRows``, ``error_indices``."""
UNTAKEN: Final = (
    "dropped|discarded|ignored|excluded|omitted|suppressed|quarantined|bounced|unmatched|unparsed"
)
DECLINED: Final = (
    r"unsuccessful|declined|denied|forbidden|blocked|malformed|corrupt(?:ed)?|reverted|rolled.?back|timed.?out"
    r"|not.?(?:found|accepted)"
)
LEFT: Final = (
    r"incomplete|unprocessed|unsaved|undelivered|not.?(?:updated|saved|imported|applied|processed|delivered)"
)
"""How many are left is no trouble while a job runs; which ones, or words of it, are."""
WRONG: Final = re.compile(
    r"(?!max|on|allow|stopon|continue|skip(?!p)|warn)(?!.*(?:limit|threshold|format|mode|policy|handling)$).*?(?:err|fail|invalid|reject|refus"
    r"|skipp|violat|problem|missing|conflict|detail|issue|cause|duplicate|exception"
    rf"|partialsucc|deadletter|bad(?:row|record|user)|{UNTAKEN}|{DECLINED}|{LEFT})"
)
"""In a key: what stands there is about rows that were not taken."""
TOTAL: Final = re.compile(
    rf"(?:count|row|record|item|total|user|company|error|failure|exception|failed|rejected|invalid|skipped|{UNTAKEN}|{DECLINED})$"
)
OF_ERRORS: Final = re.compile(r"err(?!or(?:ed)?(?:row|record|user|item))|issue|problem|violation")
"""In the key of a number: it counts errors, of which a row may have several."""
GOOD: Final = re.compile(
    r"ok|okay|success\w{0,9}|succe\w{0,6}|updated|created|upserted|inserted|imported|accepted|processed|applied|saved|merged"
    r"|info|debug|unchanged|complete\w?|done|valid|passed|noop|none|null|(?:no|0)(?:error|failure|problem|issue)s?\w{0,9}"
)
GOOD_KEY: Final = re.compile(
    rf"new(?:member|user|record|row)s|(?:{GOOD.pattern}|unmodified)"
    r"(?:count|total|id|userid|indice|indexe|row|record|member|user|companie|item|field)?s?"
)
VAGUE: Final = re.compile(r"(?:error|fail\w{0,4}|invalid|rejected|refused|skipped|bad|false|warning)s?")
"""A status that says no more than that there is an error."""
TROUBLE: Final = (
    rf"(?:error|fail|invalid|reject|refus|skipp|unable|cannot|could not|problem|partial|{DECLINED}|{LEFT}"
    rf"|(?:rows?|records?|users?|companies)(?:\s[a-z]{{1,9}}){{0,2}}\s(?:{UNTAKEN}))"
)
ALARM: Final = re.compile(rf"\b{TROUBLE}", re.IGNORECASE)
DENIED: Final = re.compile(
    rf"\b(?:no|none|nothing|0|zero|without)(?:\sof\s[0-9]{{1,9}})?(?:\s[a-z]{{1,15}}){{0,3}}?\s{TROUBLE}\w*",
    re.IGNORECASE,
)
"""``0 rows failed``: what is said not to have happened."""
NAMED: Final = re.compile(
    r"(?:(?<!val)id|name|file|path|by|environment|policy|mode|strategy|tag|label|type|format)$"
)
"""The end of a key under which somebody's own words stand, not those of the service about rows."""
MAX_ALARM: Final = 2_000
CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]{1,60}")
"""``INVALID_EMAIL``: a code, also as a key."""
MARKS: Final = listed("success ok succeeded valid isvalid accepted processed saved applied")
STATUSES: Final = listed("status result state outcome statuscode httpstatus level severity")
UNWRITTEN: Final = re.compile(r"truncated|more")


class Key(NamedTuple):
    """What a key may say of the value under it; ``property``, ``code`` and ``words`` are of their vocabularies."""

    full: str
    name: str
    """In the singular."""
    is_plural: bool
    place: PlaceKind | None
    property: str
    code: str
    words: str
    owner: str
    """``users`` or ``companies``, whose own id it is: ``userId``, ``invalidUserIds``."""
    is_id: bool
    is_echo: bool
    is_rival: bool
    is_wrong: bool
    is_total: bool
    is_good: bool


@lru_cache(maxsize=4_096)
def meaning(key: str) -> Key:
    full = plain(key)
    name = f"{full[:-3]}y" if full.endswith("ies") else full.removesuffix("s") or full
    place = next((PLACES[stem] for stem in (name, ABOUT.sub("", name, count=1)) if stem in PLACES), None)
    code, words = (next((stem for stem in (full, name) if stem in table), "") for table in (CODES, WORDS))
    is_wrong = WRONG.match(full) is not None
    is_rival = RIVAL.search(full) is not None and not full.endswith("s")
    is_echo = not is_rival and (name in ECHOES or full.startswith("original"))
    owner = next((kind for end, kind in OWNERS.items() if name.endswith(end) and not is_rival), "")
    return Key(
        *(full, name, full.endswith("s")),
        place=place or ("index" if name.endswith("index") and not ENDS.fullmatch(name) else None),
        property=next((stem for stem in (full, name) if stem in PROPERTIES or stem in WEAK), ""),
        code=code or (full if full.endswith("code") else ""),
        words=words or (name if LIKE_WORDS.search(name) and not code else ""),
        owner=owner,
        is_id=is_echo or (ID.fullmatch(name) is not None and not owner and not is_rival),
        is_echo=is_echo,
        is_rival=is_rival,
        is_wrong=is_wrong,
        is_total=is_wrong and TOTAL.search(name) is not None and (place is None or full.endswith("s")),
        is_good=GOOD_KEY.fullmatch(full) is not None,
    )


@lru_cache(maxsize=4_096)
def plain(text: str) -> str:
    """Return the letters and digits of a key, or of a text, by which it is compared."""
    return "".join(filter(str.isalnum, text[:100])).casefold()


def keyed(value: Mapping[Any, object]) -> Iterator[tuple[Key, Any]]:
    return ((meaning(str(name)), item) for name, item in value.items())


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(key: Key, value: object) -> bool:
    """Tell whether a key counts the rows or errors that were not taken."""
    return key.is_total and not isinstance(value, bool) and bool(to_count(value))


def is_unwritten(key: Key) -> bool:
    """Tell whether the key of a truth says that there are more errors than are written."""
    return UNWRITTEN.search(key.full) is not None


def texts_of(value: object) -> list[str]:
    """Return the texts of a value, or of the values in a list; numbers are texts here, truth is none."""
    items = value if isinstance(value, list) else [value]
    return [text for item in items if isinstance(item, str) or is_number(item) if (text := to_text(item))]


def with_spans(value: dict[Any, Any]) -> dict[Any, Any]:
    """Return an object that names but a span of rows with that as a text, ``"row": "3-5"``."""
    spans: dict[str, dict[bool, tuple[Any, int]]] = {}
    for name, item in value.items():
        key = meaning(str(name))
        if key.name.endswith("range") and isinstance(item, list) and len(item) == 2:  # noqa: PLR2004  # its two ends
            item = dict(zip(("from", "to"), item, strict=True))  # noqa: PLW2901
        if key.place and not isinstance(item, dict):
            return value
        for inner, end in item.items() if key.place else [("", item)]:
            if is_number(end) and (ends := ENDS.fullmatch(plain(f"{name}{inner}"))):
                place = ends["before"] + ends["after"]
                spans.setdefault(place, {})[ends["first"] is not None] = (name, int(end))
    for place, span in spans.items():
        if len(span) == 2 and meaning(place).place:  # noqa: PLR2004  # a first and a last
            (first, begin), (last, end) = span[True], span[False]
            return {name: item for name, item in value.items() if name not in (first, last)} | {
                place: f"{begin}-{end}"
            }
    return value


def opened(value: Any) -> Any:
    """Return what a text holds, if it is a JSON document itself, or has one in each line; and a table as objects."""
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] in ("{", "[") and text[-1:] in ("}", "]"):
        for parts in ([text], text.splitlines()):
            try:
                found = [json.loads(part) for part in parts if part.strip()]
            except (ValueError, RecursionError):
                continue
            return objects_of(found if len(parts) > 1 else found[0])
    return objects_of(value)


def objects_of(value: Any) -> Any:
    """Return a table as the objects that its rows are, if one column names rows and one has words."""
    for names, rows in tables_in(value):
        said = [meaning(name) for name in names if isinstance(name, str)]
        is_even = all(isinstance(row, list | tuple) and len(row) == len(said) for row in [names, *rows])
        is_place = any(key.place or key.owner for key in said)
        if rows and is_even and is_place and any(key.words or key.code for key in said):
            return [dict(zip(names, row, strict=True)) for row in rows]
    return value


def tables_in(value: Any) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    """Yield the names and rows that may be a table: lines of CSV, names beside rows, lists by column."""
    if isinstance(value, str) and "\n" in value.strip():
        lines = value.strip().splitlines()
        try:
            names, *rows = csv.reader(
                lines, delimiter=max(",;\t|", key=lines[0].count), skipinitialspace=True
            )
        except csv.Error:
            return
        yield names, rows
    elif isinstance(value, dict) and value and all(isinstance(item, list) for item in value.values()):
        columns = [*value.values()]
        if len(columns) == 2:  # noqa: PLR2004  # {"columns": […], "data": […]}
            yield columns[0], columns[1]
        if all(len(texts_of(column)) == len(column) == len(columns[0]) for column in columns):
            yield [*value], [*zip(*columns, strict=True)]


def is_fine(value: object) -> bool:
    """Tell whether a value says that all is well: "ok", or a status of HTTP below 400."""
    if isinstance(value, str):
        return len(value) < 100 and GOOD.fullmatch(plain(value)) is not None  # noqa: PLR2004  # as many as are compared
    return is_number(value) and to_count(value) in range(200, 400)


def is_alarm(text: str) -> bool:
    """Tell whether words, or a status that is more than a word, speak of what was not taken."""
    words = DENIED.sub("", text[:MAX_ALARM].replace("_", " "))
    return any(mark in text for mark in " _") and ALARM.search(words) is not None


def has_text(value: object) -> bool:
    """Tell whether there are words or numbers in a value; zeros alone, as beside an empty list, are no error."""
    if isinstance(value, dict | list):
        return any(map(has_text, value.values() if isinstance(value, dict) else value))
    return bool(value.strip() if isinstance(value, str) else value)


def is_alarming(key: Key, value: object) -> bool:
    return key.is_wrong and has_text(value) and not (isinstance(value, str) and is_fine(value))


def mark_of(item: object, depth: int = 0) -> bool | None:
    """Return whether an object is the result of a row that was taken, or of one that was not; None if of neither."""
    if not isinstance(item, dict):
        return None
    marks, said = [], list(keyed(item))
    for key, value in said:
        if isinstance(value, bool):
            marks += [value] if key.full in MARKS or (value and key.is_good) else []
        elif key.full in STATUSES and (is_fine(value) or to_count(value) in range(200, 600)):
            marks.append(is_fine(to_count(value) or value))
        elif key.full in STATUSES and isinstance(value, str) and VAGUE.fullmatch(plain(value)):
            marks.append(False)
    if not marks and len(item) == 1:
        return mark_of(next(iter(item.values())), depth)
    if not marks:
        return None
    if not all(marks) or any(is_alarming(key, value) for key, value in said):
        return False
    # {"success": true, "results": […]} is about the request.
    return None if any(holds_refusals(value, depth) for key, value in said if not key.is_echo) else True


def with_marks(key: Key, value: Any, rows: int | None) -> Any:
    """Return ``"valid": [true, false]``, a mark for each row, as the results that these are; anything else as it is."""
    words = (key.full, key.name, key.full.removesuffix("es"))
    word = next((word for word in words if word in MARKS or word in STATUSES), "")
    if not (word and isinstance(value, list) and rows in (None, len(value))):
        return value
    results = [{word: item} for item in value if not isinstance(item, dict | list)]
    is_each = len(results) == len(value) and all(mark_of(result) is not None for result in results)
    return results if is_each else value


def holds_refusals(value: object, depth: int = 0) -> bool:
    """Tell whether there are errors somewhere in a value; what is too deep to look at may be one."""
    if depth > MAX_HELD or not isinstance(value, dict | list):
        return isinstance(value, dict | list) and has_text(value)
    if isinstance(value, list):
        return any(holds_refusals(item, depth + 1) for item in value)
    said = list(keyed(value))
    if any(is_alarming(key, item) or holds_refusals(item, depth + 1) for key, item in said):
        return True
    mark = mark_of(value, depth + 1)
    is_error = any(key.words and has_text(item) for key, item in said) and any(
        key.code in PLAIN_CODES for key, _ in said
    )
    return mark is False or (mark is None and is_error)


def is_refusal(item: object) -> bool:
    """Tell whether an item, among good ones, is the result of a row that was not taken."""
    if not isinstance(item, dict):
        return has_text(item) and not (isinstance(item, str) and is_fine(item))
    if (mark := mark_of(item)) is not None:
        return not mark
    said = ((key, value) for key, value in keyed(item) if has_text(value))
    return any(
        key.words or key.code in PLAIN_CODES or is_alarming(key, value) or isinstance(value, list | dict)
        for key, value in said
    )
