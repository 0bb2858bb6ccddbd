"""What the keys and single values of a report may mean by themselves: five small vocabularies, results, and counts.

Keys are compared by their letters and digits only, in the singular: ``rowNumber``, ``row-number`` and ``ROW_NUMBERS``
are one.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from analytex_pandas.service.values import to_count, to_text

PlaceKind = Literal["line", "index", "row", "key", "list", "path", "result"]


def listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


PLACES: Final[dict[str, PlaceKind]] = {
    **dict.fromkeys(("line", "linenumber", "lineno", "linenum"), "line"),
    **dict.fromkeys(("index", "indice", "indexe", "idx", "rowindex", "recordindex", "itemindex"), "index"),
    **dict.fromkeys(("batchindex", "arrayindex", "eventindex", "inputindex", "userindex"), "index"),
    **dict.fromkeys(("row", "rownumber", "rowno", "rownum", "record", "recordnumber", "recordno"), "row"),
    **dict.fromkeys(("item", "itemnumber", "entry", "position"), "row"),
}  # fmt: skip
ECHOES: Final = frozenset(
    listed(
        "user company record data location row line item object entity profile contact payload input body "
        "source subject customer person resource document value "
        "trait attribute"
    )
)
"""Where the record, or its id, may be repeated; what begins with ``original`` likewise."""
IDS: Final = ECHOES | frozenset(
    listed(
        "id key uid identifier recordid objectid resourceid distinctid externalid customerid contactid "
        "profileid personid memberid identity username subscriberkey "
        "personid memberid identity username subscriberkey"
    )
)
"""Where an id may stand, which it is only if the rows have it."""
PROPERTIES: Final = listed(
    "property propertyname field fieldname fieldpath attribute column columnname param parameter loc "
    "pointer instancepath datapath jsonpointer jsonpath path location source target element key name"
)
WEAK: Final = frozenset(listed("location source target element key name"))
"""Words for a property that mean one only where the rows have it, or where it is a path."""
CODES: Final = listed(
    "errorcode code statuscode errcode errortype type keyword rule category reason error kind status "
    "httpstatus"
)
WORDS: Final = listed(
    "message msg detail errormessage errormsg errordescription description reason error title text"
)
VALUES: Final = frozenset(listed("value input given received actual rejectedvalue invalidvalue"))
"""Where the value of the property may be repeated."""
COLUMNS: Final = frozenset(listed("column columnnumber col char offset pos"))
"""Numbers beside a line that say where a parser stood, perhaps in one record."""
LISTS: Final = frozenset(listed("result item record row report response requestresponse data"))
"""Words for a list of results or errors that say nothing themselves."""
ELSEWHERE: Final = frozenset(listed("location link stack trace stacktrace help schemapath"))
"""In the plural, or as such: what is about no row."""
ABOUT: Final = re.compile(
    r"(?:fail(?:ed)?|invalid|bad|errored|error|reject(?:ed)?|refused|skipped|affected|input|csv|file|source|sf)"
)
"""May stand before a word of a vocabulary: ``failedRows``, ``error_indices``."""
LIKE_WORDS: Final = re.compile(r"(?:message|msg|error|reason|description|detail|explanation)$")
WRONG: Final = re.compile(
    r"err|fail|invalid|reject|refus|skipp|violat|problem|missing|notfound|unprocess|conflict|detail|issue|cause|duplicate"
)
"""In a key: what stands there is about rows that were not taken."""
TOTAL: Final = re.compile(
    r"(?:count|row|record|item|total|user|companie|error|failure|failed|rejected|invalid|skipped)$"
)
GOOD: Final = re.compile(
    r"ok|okay|success\w{0,9}|succe\w{0,6}|updated|created|upserted|inserted|imported|accepted|processed|applied|saved|merged"
    r"|unchanged|complete\w?|done|valid|passed|noop|none|null|(?:no|0)(?:error|failure|problem|issue)s?\w{0,9}"
)
GOOD_KEY: Final = re.compile(
    rf"(?:{GOOD.pattern}|unmodified)(?:count|total|id|userid|indice|indexe|row|record|member|user|companie|item|field)?s?"
)
VAGUE: Final = re.compile(r"(?:error|fail\w{0,4}|invalid|rejected|refused|skipped|bad|false|warning)s?")
"""A status that says no more than that there is an error."""
ALARM: Final = re.compile(
    r"(?<!no )(?<!\b0 )(?<!without )\b(?:error|fail|invalid|reject|refus|skipp|unable|cannot|could not|problem)",
    re.IGNORECASE,
)
MARKS: Final = frozenset(listed("success ok succeeded valid isvalid"))
STATUSES: Final = frozenset(listed("status result state outcome statuscode httpstatus"))
CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]{1,60}")
"""``INVALID_EMAIL``: a code, also as a key."""
BAD_STATUS: Final = 400
STATUS: Final = range(200, 600)
"""HTTP's."""


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
    is_user: bool
    """Whether it is the service's own key for users, ``userId``, also as ``invalidUserIds``."""
    is_company: bool
    is_id: bool
    is_echo: bool
    is_wrong: bool
    is_list: bool
    is_total: bool
    is_good: bool
    is_elsewhere: bool


@lru_cache(maxsize=4_096)
def meaning(key: str) -> Key:
    """Return what a key may say."""
    full = plain(key)
    name = full.removesuffix("s") or full
    stems = (full, name, ABOUT.sub("", full, count=1), ABOUT.sub("", name, count=1))
    place = next(
        (PLACES[stem] for stem in stems if stem in PLACES), "index" if name.endswith("index") else None
    )
    code, word = (next((stem for stem in stems[:2] if stem in words), "") for words in (CODES, WORDS))
    return Key(
        full,
        name,
        full.endswith("s"),
        place,
        next((stem for stem in stems[:2] if stem in PROPERTIES), ""),
        code or (full if full.endswith("code") else ""),
        word or (name if LIKE_WORDS.search(name) and not code else ""),
        is_user=name.endswith("userid"),
        is_company=name.endswith("companyid") or full in ("company", "companies"),
        is_id=name in IDS or full in IDS or full.startswith("original"),
        is_echo=not {full, name}.isdisjoint(ECHOES) or full.startswith("original"),
        is_wrong=bool(WRONG.search(full)),
        is_list=name in LISTS,
        is_total=bool(WRONG.search(full) and TOTAL.search(name)) and (place is None or full.endswith("s")),
        is_good=bool(GOOD_KEY.fullmatch(full)),
        is_elsewhere=full in ("locations", "stack", "trace") or (name in ELSEWHERE and name != "location"),
    )


@lru_cache(maxsize=4_096)
def plain(text: str) -> str:
    """Return the letters and digits of a key, or of a text, by which it is compared."""
    return "".join(filter(str.isalnum, text[:100])).casefold()


def is_fine(text: str) -> bool:
    """Tell whether words say that all is well."""
    return len(text) < 100 and GOOD.fullmatch(plain(text)) is not None  # noqa: PLR2004  # as many as ``plain`` reads


def is_good(value: object) -> bool:
    """Tell whether a value, such as stands under an id, says that all is well: "ok", or a status of HTTP below 400."""
    if isinstance(value, str):
        return is_fine(value)
    return is_number(value) and to_count(value) in range(STATUS.start, BAD_STATUS)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(key: Key, value: object) -> bool:
    """Tell whether a key counts the rows or errors that were not taken."""
    return (
        key.is_total and isinstance(value, int | float | str) and bool(to_count(value)) and value is not True
    )


def is_empty(value: object) -> bool:
    """Tell whether nothing stands there; a 0 is something."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def has_text(value: object) -> bool:
    """Tell whether there are words or numbers in a value; zeros alone, as beside an empty list, are no error."""
    if isinstance(value, dict | list):
        return any(map(has_text, value.values() if isinstance(value, dict) else value))
    return bool(value.strip() if isinstance(value, str) else value)


def texts_of(value: object) -> list[str]:
    """Return the texts of a value, or of the values in a list; numbers are texts here, truth is none."""
    items = value if isinstance(value, list) else [value]
    return [text for item in items if isinstance(item, str) or is_number(item) if (text := to_text(item))]


def opened(value: Any) -> Any:
    """Return what a text holds, if it is a JSON document itself, or has one in each line."""
    text = value.strip() if isinstance(value, str) else ""
    if not (text[:1] in ("{", "[") and text[-1:] in ("}", "]")):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return value


def mark_of(item: object) -> bool | None:
    """Return whether an object is the result of a row that was taken, or of one that was not; None if of neither."""
    if not isinstance(item, dict):
        return None
    values = [(meaning(str(key)), value) for key, value in item.items()]
    marks = []
    for key, value in values:
        if isinstance(value, bool):
            marks += [value] if key.full in MARKS or key.is_good else []
        elif key.full in STATUSES and isinstance(value, str | int):
            status = to_count(value)
            if status is None and isinstance(value, str):
                marks += [True] if is_fine(value) else [False] if VAGUE.fullmatch(plain(value)) else []
            elif status is not None and status in STATUS:
                marks.append(status < BAD_STATUS)
    if not marks and len(values) == 1 and isinstance(values[0][1], dict):
        return mark_of(values[0][1])
    if any(is_alarming(key, value) for key, value in values):
        return False if marks else None
    if all(marks) and any(not key.is_echo and holds_refusals(value) for key, value in values):
        return None  # {"success": true, "results": […]} is about the request
    return all(marks) if marks else None


def holds_refusals(value: object) -> bool:
    """Tell whether there are errors somewhere in a value."""
    if isinstance(value, list):
        return any(map(holds_refusals, value))
    if not isinstance(value, dict):
        return False
    keys = [(meaning(str(key)), item) for key, item in value.items()]
    is_error = any(key.words and has_text(item) for key, item in keys) and any(key.code for key, _ in keys)
    is_wrong = mark_of(value) is False or any(is_alarming(key, item) for key, item in keys)
    return is_wrong or (is_error and mark_of(value) is None) or any(holds_refusals(item) for _, item in keys)


def is_alarming(key: Key, value: object) -> bool:
    return key.is_wrong and has_text(value) and not (isinstance(value, str) and is_fine(value))


def is_refusal(item: object) -> bool:
    """Tell whether an item, among good ones, is the result of a row that was not taken."""
    if not isinstance(item, dict):
        return has_text(item) and not (isinstance(item, str) and is_fine(item))
    mark = mark_of(item)
    if mark is not None:
        return not mark
    said = ((meaning(str(key)), value) for key, value in item.items())
    return any(
        has_text(value)
        and (key.words or key.code in CODES[:5] or is_alarming(key, value) or isinstance(value, list | dict))
        for key, value in said
    )
