"""What a job reports about its rows, in whatever shape, as one flat tuple of errors.

The shape is not documented, so it is read by a few rules. Keys are compared by letters and digits only, with five small
vocabularies: places, ids, properties, codes and words. An object in a list is one error; an object of rows, ids or
paths has an error for each; what stands around errors holds for all of them. Numbers and ids are read from keys, values,
paths and the heads of texts, never from the middle of prose. What is none of this is kept as it was sent.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from analytex_pandas.service.values import COUNTS, NUMBER, clean, to_count, to_counts, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping

PlaceKind = Literal["line", "index", "row", "key", "list", "path", "result"]

PLACES: Final[Mapping[str, PlaceKind]] = {
    **dict.fromkeys(("line", "linenumber", "lineno", "linenum"), "line"),
    **dict.fromkeys(("index", "indice", "idx", "rowindex", "recordindex", "itemindex", "arrayindex"), "index"),
    **dict.fromkeys(("batchindex", "indexe", "indices", "indexes", "eventindex", "inputindex"), "index"),
    **dict.fromkeys(("row", "rownumber", "rowno", "rownum", "record", "recordnumber", "item"), "row"),
    **dict.fromkeys(("itemnumber", "recordno", "entry", "position"), "row"),
}  # fmt: skip
ABOUT: Final = re.compile(
    r"^(?:fail(?:ed)?|invalid|bad|error|errored|reject(?:ed)?|refused|skipped|affected|input|csv|file|source|sf)"
)
"""What may stand before a word of a vocabulary: ``failedRows``, ``error_indices``."""
USERS: Final = frozenset({"user", "distinctid", "externalid", "customerid", "contactid", "profileid"})
ANYONE: Final = frozenset(
    {"id", "key", "uid", "identifier", "recordid", "objectid", "resourceid", "originalid"}
)
ECHOES: Final = frozenset(
    {"user", "company", "record", "data", "location", "row", "line", "item", "object", "entity", "profile", "contact", "payload"}
    | {"input", "body", "source", "subject", "customer", "person", "resource", "value", "document", "values"}
)  # fmt: skip
"""Where the record, or its id, may be repeated; what begins with ``original`` likewise."""
PROPERTIES: Final = ("property", "propertyname", "field", "fieldname", "fieldpath", "attribute", "column", "columnname", "param",
    "parameter", "loc", "pointer", "instancepath", "datapath", "jsonpointer", "jsonpath", "path", "field", "propertie", "location",
    "source", "target", "element", "key", "name")  # fmt: skip
PATHS: Final = frozenset(PROPERTIES)
NAMES: Final = ANYONE | USERS | ECHOES
"""Words for an id, which is one only if the rows have it."""
VALUES: Final = frozenset({"value", "input", "given", "received", "actual", "rejectedvalue", "invalidvalue"})
"""Where the value of the property may be repeated."""
COLUMNS: Final = frozenset({"column", "columnnumber", "col", "char", "offset", "pos"})
"""Beside a line they say where a parser stood, perhaps in one record."""
RESULTS: Final = frozenset(
    {"results", "items", "records", "rows", "report", "responses", "requestresponses", "data"}
)
ELSEWHERE: Final = frozenset({"locations", "links", "stack", "trace", "stacktrace", "help", "schemapath"})
"""What is about no row."""
WEAK: Final = frozenset({"location", "source", "target", "element", "key", "name"})
"""Words for a property that mean one only where the rows have it, or where it is a path."""
CODES: Final = ("errorcode", "code", "statuscode", "errcode", "errortype", "type", "keyword", "rule", "category", "reason", "error", "kind", "status", "httpstatus")  # fmt: skip
WORDS: Final = ("message", "msg", "detail", "errormessage", "errormsg", "errordescription", "description", "reason", "error", "title", "text")  # fmt: skip
LIKE_WORDS: Final = re.compile(r"(?:message|error|reason|description|detail)s?$")
WRONG: Final = re.compile(
    r"err|fail|invalid|reject|refus|violat|problem|missing|notfound|unprocess|conflict|detail|issue|cause|duplicate"
)
"""In a key: what stands there is about rows that were not taken."""
GOOD: Final = re.compile(
    r"(?:ok|okay|success\w{0,9}|succe\w{0,6}|updated|created|upserted|inserted|imported|accepted|processed|applied|saved|merged"
    r"|unchanged|complete\w?|done|valid|passed|noop|none|null|(?:no|0)(?:error|failure|problem|issue)s?\w{0,9})"
)
MARKS: Final = frozenset({"success", "ok", "succeeded", "valid", "isvalid"})
STATUSES: Final = frozenset({"status", "result", "state", "outcome", "statuscode", "httpstatus", "code"})

PLACE: Final = rf"""(?P<kind>row|line|index|record|item)
    (?: (?:e?s|ices)[\s_]?[:=]?\s?[\[(]?(?P<many>{COUNTS.pattern})
      | [\s_]*(?:number\b|no\b\.?|nr\b\.?|id\b)?\s?[\#:=\[(]?\s?\#?(?P<one>{NUMBER}(?:[-–]{NUMBER})?) )
    (?![\w%]|[.:-][0-9]|,?\s?(?:col|char|pos|out\s+of)|\s?of\s[^0-9])"""
LEAD: Final = r"""(?:(?:errors?|fail(?:ed|ure)|fatal|invalid|bad|problem|warning|validation|skipp(?:ed|ing)|reject(?:ed|ing)|refused|ignored
    |could|not|cannot|unable|to|import(?:ing)?|process(?:ing)?|pars(?:e|ing)|insert|updat(?:e|ing)|upsert|sav(?:e|ing)|validat(?:e|ing)
    |in|on|at|for|while|the|input|data|csv|json|ndjson|file)\b[\s:,-]{1,3}){0,7}"""
WHO: Final = r"""(?P<who>user|company|customer|profile|contact)(?P<id>[_ ]?id)?\s?[:=\#]?\s?
    (?: (?P<quote>["'`]) (?P<quoted>[^"'`]{1,500}) (?P=quote) | [(\[](?P<inside>[^\s()\[\]]{1,500})[)\]]
      | (?P<bare>[^\s,;()\[\]"'`]{1,500}) )"""
HEAD: Final = re.compile(rf"\W{{0,5}}{LEAD}\W{{0,3}}{PLACE}", re.IGNORECASE | re.VERBOSE)
OWNER: Final = re.compile(rf"\W{{0,5}}{LEAD}\W{{0,3}}{WHO}", re.IGNORECASE | re.VERBOSE)
"""Also read straight behind a place: "Row 5 (user_id u4): …"."""
TAIL: Final = re.compile(rf"[(\[]\s?(?:{PLACE}|{WHO})\s?[)\]]\W{{0,3}}$", re.IGNORECASE | re.VERBOSE)
FIRST: Final = re.compile(
    r"""["'`(\[<]?(?P<token>[^\s"'`()<>]{1,500}?)["'`)\]>]?(?P<colon>:(?=\s|$))?(?=\s|$)"""
)
STEPS: Final = re.compile(r"[^./\[\]#$\"']+")
MORE: Final = re.compile(rf"\W{{0,5}}(?:and\s)?(?P<number>{NUMBER})\s(?P<more>more|other|additional|further)?\s?(?:\w{{1,20}}\s){{0,2}}?(?:rows?|records?|errors?|failures?|users?|companies|items?|(?<=more))\b", re.IGNORECASE)  # fmt: skip
PIECES: Final = re.compile(r"[\r\n;|]+|[,.]\s(?=(?:row|line|record|index|item)s?\s\#?[0-9])", re.IGNORECASE)
BEHIND: Final = re.compile(rf"\s?[(\[]\s?{WHO}\s?[)\]]", re.IGNORECASE | re.VERBOSE)
PATH: Final = re.compile(r"(?!\S{0,20}://)(?=\S*[./\[])[\w#$/\[][^\s,;]{0,500}")
DIGITS: Final = re.compile(r"[0-9]{1,18}")
ID_LIKE: Final = re.compile(r"\S{1,500}")
TOTAL: Final = re.compile(
    r"(?:count|row|record|item|total|user|companie|error|failure|failed|rejected|invalid|skipped)s?$"
)
VAGUE: Final = re.compile(r"(?:error|fail\w{0,4}|invalid|rejected|refused|skipped|bad|false)s?")
ALARM: Final = re.compile(
    r"(?<!no )(?<!\b0 )(?<!without )\b(?:error|fail|invalid|reject|refus|skipp|unable|cannot|could not|problem)",
    re.IGNORECASE,
)

MAX_AROUND_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 20
"""Levels that are read apart; anything deeper is kept whole in the ``raw`` of one error."""
MAX_HELD: Final = 3
"""Levels below an error in which its own details are looked for."""
MAX_READ_CHARACTERS: Final = 2_000
"""Characters of an error's own words in which a row or an id is looked for."""
MAX_ERRORS: Final = 100_000
"""Errors of one job that are read apart; ten for each of its rows."""
MAX_CHARACTERS: Final = 20_000_000
"""Characters of one job's errors that are kept whole."""


class RowError(NamedTuple):
    """One error as the service reported it; every field but ``raw`` may be missing.

    ``place`` is the number that it gave for the row, ``place_kind`` what it called that number: ``key`` for the key of an
    object, ``list`` for a bare number in a list, ``path`` for one in a path, ``result`` for the place of a result among as
    many as there are rows, from 0. ``id`` is its ``user_id`` or ``company_id``: where ``place`` and ``id`` are the same
    digits, either may be what was meant. ``company`` is one that a job of users names: it stands for its rows. ``echo``
    are values of the row that were repeated, by property. ``total`` counts the rows that a remark on many speaks of,
    ``more`` those beside the ones named; ``is_count`` is a number under a key, ``"failed_rows": 12``.
    ``message`` is ``""`` if it had no words. ``raw`` is the error as JSON, with the key it stood under.
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
    is_count: bool = False

    def names_rows(self) -> bool:
        return self.place is not None or self.id is not None or self.company is not None


class Sent(NamedTuple):
    """What is known of the rows that a report is about; of ``ids`` None: any text may be one."""

    rows: int | None = None
    kind: str | None = None
    ids: Container[str] | None = None
    companies: Container[str] = ()
    properties: Collection[str] = ()


class Above(NamedTuple):
    """What the levels above say of the errors below them, and how one is written with what stands around it."""

    said: RowError = RowError()
    depth: int = 0
    around: Callable[[object], object] = lambda value: value

    def inside(self, key: object, said: RowError, beside: Mapping[Any, object] | None = None) -> Above:
        """Return the same for what stands under a key, with what is to be repeated of what stands beside it."""
        return Above(said, self.depth + 1, lambda value: self.around({**(beside or {}), key: value}))

    def error(self, value: object, **said: Any) -> RowError:
        return self.said._replace(raw=to_json(self.around(value)), **said)


def parse_errors(value: object, sent: Sent = Sent()) -> tuple[RowError, ...]:  # noqa: B008  # it is frozen
    """Read the ``errors`` of a job, whatever their shape, in the order of the report; empty only if the report is."""
    return kept_whole(lambda: Reader(sent).read(value, Above()), value)


def parse_report(job: Mapping[str, object], *, failed: bool, sent: Sent = Sent()) -> tuple[RowError, ...]:  # noqa: B008
    """Read all that a job says of errors: its ``errors``, and reasons, counts and reports beside them."""
    return kept_whole(lambda: Reader(sent).read_job(job, failed=failed), job.get("errors"))


def kept_whole(read: Callable[[], Iterator[RowError]], value: object) -> tuple[RowError, ...]:
    """Return errors with bounds on their number and on their characters."""
    try:
        errors = read()
        found, room = list(islice(errors, MAX_ERRORS)), MAX_CHARACTERS
        more = sum(1 for _ in errors)
    except RecursionError:
        return (Above().error(value, message=to_text(value)[:MAX_AROUND_CHARACTERS]),)
    for place, error in enumerate(found):
        room -= len(error.message) + len(error.raw)
        if room < 0:
            found[place] = error._replace(message=error.message[:MAX_AROUND_CHARACTERS], raw="", echo=())
    if more:
        found.append(RowError(message=f"{more:,} more errors were reported, which are not kept.", more=more))
    told = sum(not error.is_count for error in found)
    return tuple(error for error in found if not (error.is_count and error.total <= told))


class Facts:
    """What an object says itself, with the objects that only hold more of it."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str, Any]] = []
        """Letters and digits of a key, the key, and a value, or a list, without parts of its own."""
        self.echoes: list[tuple[str, dict[Any, Any]]] = []
        """Records that were repeated, under which key."""
        self.below: list[tuple[str, Any]] = []
        """What has errors of its own."""
        self.totals: list[tuple[str, Any]] = []


class Reader:
    """Reads a report on rows of which some things are known."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.ids: Container[str] = sent.ids or ()
        self.is_known = sent.ids is not None

    def read_job(self, job: Mapping[str, object], *, failed: bool) -> Iterator[RowError]:
        yield from self.read(job.get("errors"), Above())
        reasons: dict[str, object] = {}
        for key, item in job.items():
            name, above = plain(key), Above().inside(key, RowError())
            if not item or item is True or key in ("errors", "links", "status"):
                continue
            if is_total(name, item):
                yield total_of(key, item, above)
            elif isinstance(item, str) and "://" in item:
                if WRONG.search(name) or "report" in name:
                    yield above.error(item, message=f"{key}: {to_text(item)}")
            elif isinstance(item, list | dict) and (WRONG.search(name) or name in RESULTS):
                yield from self.read(item, above, name)
            elif isinstance(item, dict):
                counts = [(inner, count) for inner, count in item.items() if is_total(plain(inner), count)]
                for inner, count in counts:
                    yield total_of(inner, count, above)
            elif (is_words(name) or name in CODES) and name != "type":
                if failed or WRONG.search(name) or ALARM.search(to_text(item)):
                    reasons[key] = item
        if reasons:
            yield from self.read_object(reasons, Above())

    def read(self, value: object, above: Above, name: str = "") -> Iterator[RowError]:
        """Yield the errors of a value; `name` is the key that it stands under, in letters and digits."""
        value = opened(value)
        if above.depth > MAX_DEPTH:
            yield above.error(value, message=to_text(value))
        elif isinstance(value, list | tuple):
            yield from self.read_list(value, above, name)
        elif isinstance(value, dict):
            yield from self.read_object(value, above, is_alone=True)
        elif isinstance(value, str):
            yield from self.read_text(above.error(value, message=to_text(value)), name)
        elif value:
            words = above.said.message or ("" if value is True else to_text(value))
            total = 0 if above.said.names_rows() or not is_number(value) else to_count(value) or 0
            yield above.error(value, message=words, total=total)

    def read_list(self, items: Collection[object], above: Above, name: str) -> Iterator[RowError]:
        is_result = not above.said.names_rows() and self.are_results(items)
        above = above._replace(
            depth=above.depth + 1
        )  # the brackets of a list say nothing, and are not in `raw`
        for place, item in enumerate(map(opened, items)):
            below = above
            if is_result:
                if not is_wrong(item):
                    continue
                below = above._replace(said=above.said._replace(place=place, place_kind="result"))
            if isinstance(item, dict):
                yield from self.read_object(item, below)
            elif is_number(item) and not below.said.names_rows():
                yield self.of_number(item, below, name)
            else:
                yield from self.read(item, below, name)

    def are_results(self, items: Collection[object]) -> bool:
        """Tell whether a list has one result for each row: some are good, or all have the mark of one."""
        if not items or len(items) != self.sent.rows:
            return False
        wrong = [is_wrong(item) for item in items]
        return any(wrong) and (not all(wrong) or all(mark_of(item) is not None for item in items))

    def of_number(self, value: object, above: Above, name: str) -> RowError:
        """Return the error of a bare number in a list: of the row of that number, or of that id."""
        text, kind, message = to_text(value), place_kind(name), above.said.message or to_text(value)
        if kind is None and self.ids_of(name, [text]):
            return above.error(value, id=text, message=message)
        count = to_count(value)
        identity = text if kind is None and text in self.ids else None
        kind = None if count is None else kind or "list"
        return above.error(value, place=count, place_kind=kind, id=identity, message=message)

    def read_object(
        self, value: dict[Any, Any], above: Above, *, is_alone: bool = False
    ) -> Iterator[RowError]:
        """Yield the errors of an object; an item of a list is one, with all its keys, unless these name rows."""
        if mark_of(value) is True:
            return
        facts = Facts()
        self.gather(value, facts, is_map=is_alone and not self.says(value))
        errors, rest = self.described(facts, above.said, is_alone=is_alone)
        below = [*facts.below, *rest]
        parts = {id(item) for _, item in below}
        beside = {key: item for key, item in value.items() if id(item) not in parts}
        is_long, found = bool(below) and len(to_json(beside)) > MAX_AROUND_CHARACTERS, False
        brief = (
            errors[0]
            if len(errors) == 1
            else above.said._replace(message=errors[0].message, code=errors[0].code)
        )
        brief = brief._replace(message=brief.message[:MAX_AROUND_CHARACTERS])
        for key, item in below:
            inside = above.inside(key, brief, beside)
            for error in self.read_below(str(key), item, inside):
                yield error
                if (
                    is_long and not found
                ):  # repeated around each of thousands of errors, it would fill the memory
                    beside = {}
                found = True
        if not errors[0].names_rows():
            yield from (total_of(key, count, above) for key, count in facts.totals)
        said_more = errors != [above.said]
        if found or not (said_more or (not is_alone and any(map(has_text, value.values())))):
            return
        for error in errors:
            one = above._replace(said=error).error(value)
            yield from [one] if one.names_rows() else self.read_text(one)

    def gather(self, value: dict[Any, Any], facts: Facts, *, is_map: bool = False, level: int = 0) -> None:
        """Sort what an object holds, and what the objects in it do that only hold more of it."""
        for key, given in value.items():
            name, item = plain(str(key)), opened(given)
            if is_empty(item) or GOOD.fullmatch(name) or name in ELSEWHERE:
                continue
            if not level and self.row_of_key(str(key)):
                facts.below.append((key, item))
            elif is_total(name, item):
                facts.totals.append((str(key), item))
            elif isinstance(item, dict):
                if (name in ECHOES or name.startswith("original")) and self.is_record(item):
                    facts.echoes.append((name, item))
                elif is_map or level == MAX_HELD or (WRONG.search(name) and not self.says(item)):
                    facts.below.append((key, item))
                else:
                    self.gather(item, facts, level=level + 1)
                    if key in self.sent.properties:
                        facts.fields.append(("property", str(key), str(key)))
            elif isinstance(item, list) and self.has_errors(name, item, is_map=is_map):
                facts.below.append((key, item))
            else:
                facts.fields.append((name, str(key), item))

    def has_errors(self, name: str, items: list[Any], *, is_map: bool) -> bool:
        """Tell whether the items of a list are errors of their own rather than one more detail."""
        if any(isinstance(item, dict | list) for item in items):
            return (
                is_map
                or any(isinstance(item, dict) and self.says(item) for item in items)
                or bool(WRONG.search(name))
            )
        if name in PATHS or place_kind(name) or self.ids_of(name, texts_of(items)):
            return False
        return bool(WRONG.search(name)) and (name not in WORDS or name.startswith("detail"))

    def says(self, value: dict[Any, Any]) -> bool:
        """Tell whether an object itself describes an error."""
        for key, item in value.items():
            name = plain(str(key))
            if isinstance(item, dict | bool) or is_empty(item) or is_total(name, item):
                continue
            texts = texts_of(item)
            if isinstance(item, list):
                if name in PATHS and texts:
                    return True
            elif (
                is_words(name)
                or (place_kind(name) and to_counts(item))
                or self.ids_of(name, texts)
                or self.companies_of(name, texts)
                or (name in CODES and " " not in texts[0])
                or self.property_in(name, item)
            ):
                return True
        return False

    def row_of_key(self, key: str) -> RowError | None:
        """Return what a key says of the row that is meant, None where it says nothing."""
        key = clean(key)
        place = to_count(key)
        kind: PlaceKind | None = None if place is None else "key"
        if key in self.ids or (place is not None and not self.is_known):
            return RowError(place, kind, key)
        if place is not None:
            return RowError(place, kind)
        if key in self.sent.companies:
            return RowError(company=key)
        if len(key) > MAX_READ_CHARACTERS or key in self.sent.properties:
            return None
        match = HEAD.fullmatch(key.replace("_", " "))
        if match and (places := places_in(match)):
            return RowError(places[0], place_kind(match["kind"].casefold()))
        found = self.located(key) if is_path(key) else RowError()
        if found.names_rows():
            return found
        return None if self.is_known or not ID_LIKE.fullmatch(key) or plain(key) in NAMES else None

    def read_below(self, key: str, item: Any, above: Above) -> Iterator[RowError]:
        """Yield the errors under a key: of a row, of a property, of a place or id in the plural, of a kind."""
        said, name, items = above.said, plain(key), item if isinstance(item, list) else [item]
        row = None if said.names_rows() else self.row_of_key(key)
        if row is not None:
            if not (isinstance(item, str) and GOOD.fullmatch(plain(item))):
                said = said._replace(
                    place=row.place, place_kind=row.place_kind, id=row.id, company=row.company
                )
                yield from self.read(
                    item, above._replace(said=said._replace(property=row.property or said.property)), name
                )
            return
        texts = texts_of(items)
        if len(texts) == len(items) and key not in self.sent.properties:
            message, kind = said.message or key, place_kind(name)
            found = [RowError(id=text) for text in self.ids_of(name, texts, strict=False)]
            found += [RowError(company=text) for text in self.companies_of(name, texts)]
            if kind is not None and all(map(to_counts, items)):
                found = [RowError(place, kind) for one in items for place in to_counts(one)]
            for number, one in enumerate(found):
                part = item if not number else one.id or one.company or one.place
                said = said._replace(
                    place=one.place, place_kind=one.place_kind, id=one.id, company=one.company
                )
                yield above._replace(said=said).error(part, message=message)
            if found:
                return
        if (is_words(name) or WRONG.search(name) or name in RESULTS) and key not in self.sent.properties:
            yield from self.read(item, above, name)
        elif not is_number(item):
            is_name = key in self.sent.properties or said.names_rows() or len(texts) == len(items)
            named = said._replace(property=self.property_of(key)) if is_name else said
            if texts and all(is_number(one) or one in self.ids for one in items):
                named = named._replace(message=said.message or key)
            yield from self.read(item, above._replace(said=named), name)

    def described(
        self, facts: Facts, said: RowError, *, is_alone: bool
    ) -> tuple[list[RowError], list[tuple[str, Any]]]:
        """Return what the fields of an object say of the errors it is about, and those fields that have their own."""
        places: dict[PlaceKind, list[int]] = {}
        strong, weak, companies, strangers, echo, rest = [], [], [], [], [], []
        codes, words, paths = {}, {}, {}
        is_parser = any(name in COLUMNS and is_number(item) for name, _, item in facts.fields)
        for name, key, item in facts.fields:
            texts, kind = texts_of(item), place_kind(name)
            numbers = [
                place for one in (item if isinstance(item, list) else [item]) for place in to_counts(one)
            ]
            if kind and numbers and len(numbers) >= len(texts):
                if not (kind == "line" and is_parser):
                    places.setdefault(kind, numbers)
            elif found := self.ids_of(name, texts):
                (strong if self.is_owner(name) else weak).extend(found)
            elif found := self.companies_of(name, texts):
                companies += found
            elif self.is_owner(name) and isinstance(item, str | int) and ID_LIKE.fullmatch(texts[0]):
                strangers.append(texts[0])
            elif (found_path := self.property_in(name, item)) is not None:
                paths.setdefault(name, found_path)
            elif name in VALUES and texts:
                echo.append(("", texts[0]))
            elif is_words(name) and texts and not is_number(item) and key not in self.sent.properties:
                words.setdefault(name, "; ".join(texts))
            elif name in CODES and texts and " " not in texts[0] and not isinstance(item, list):
                codes.setdefault(name, texts[0])
            elif texts:
                rest.append((key, item))
        records = [self.of_record(name, record) for name, record in facts.echoes]
        if is_alone and not (
            places or strong or weak or companies or strangers or paths or words or codes or records
        ):
            return [said], rest
        located = next((path for path in paths.values() if path.place is not None or path.id), RowError())
        names = [path.property for word in PROPERTIES if (path := paths.get(word)) and path.property]
        message = next(filter(None, (words.get(word) for word in (*WORDS, *words))), "")
        spare = {name: text for name, text in words.items() if text != message and " " not in text}
        code = next(
            (
                found
                for word in CODES
                if (found := codes.get(word) or spare.get(word)) and not is_vague(word, found)
            ),
            None,
        )
        texts = [
            (key, "; ".join(texts_of(item)))
            for key, item in rest
            if not is_number(item) and not all(map(is_number, item if isinstance(item, list) else [item]))
        ]
        if not message and texts:
            owned = [
                (key, text) for key, text in texts if key in self.sent.properties or not (names or code)
            ] or texts
            message = owned[0][1] if len(owned) == 1 else "; ".join(f"{key}: {text}" for key, text in owned)
            names = names or [", ".join(self.property_of(key) for key, _ in owned)]
        elif message:
            echo += [(key, text) for key, text in texts if key in self.sent.properties]
        name = names[0] if names else said.property
        echo = [(key or name or "", text) for key, text in echo]
        for record in records:
            echo += record.echo
        said = said._replace(
            property=name,
            code=code or said.code,
            message=message or said.message or code or "",
            echo=tuple(pair for pair in echo if pair[0]) or said.echo,
        )
        found_ids = strong or [record.id for record in records if record.id] or weak or [located.id]
        companies += [record.company for record in records if record.company]
        kind = next((kind for kind in ("line", "index", "row") if kind in places), None)
        rows = places[kind] if kind else [located.place] if located.place is not None else []
        if rows and not strong and not records and all(text and text.isdigit() for text in found_ids):
            found_ids = []  # such as the number of the error itself
        kind = kind or located.place_kind
        identities = [one for one in dict.fromkeys(found_ids) if one]
        if len(rows) > 1 or (rows and len(identities) != 1):
            return [said._replace(place=row, place_kind=kind) for row in dict.fromkeys(rows)], []
        if rows:
            said = said._replace(place=rows[0], place_kind=kind)
        if identities:
            return [said._replace(id=one) for one in identities], []
        if strangers:
            said = said._replace(id=strangers[0])
        elif companies and not rows:
            return [said._replace(company=one) for one in dict.fromkeys(companies)], []
        return [said], []

    # Single keys and values

    def is_owner(self, name: str) -> bool:
        """Tell whether a key is the service's own for the id of a row."""
        kinds = {"users": ("userid",), "companies": ("companyid",)}.get(
            self.sent.kind or "", ("userid", "companyid")
        )
        return name.rstrip("s").endswith(kinds)

    def ids_of(self, name: str, texts: list[str], *, strict: bool = True) -> list[str]:
        """Return the ids among the values of a key: but for the service's own key, those that the rows have."""
        own = self.is_owner(name)
        if own and not (self.is_known and strict):
            return [text for text in texts if text in self.ids or ID_LIKE.fullmatch(text)]
        singular = name.removesuffix("s")
        if own or not {name, singular}.isdisjoint(NAMES) or name.startswith("original"):
            return [text for text in texts if text in self.ids]
        return []

    def companies_of(self, name: str, texts: list[str]) -> list[str]:
        if self.sent.kind != "users" or not (
            name.rstrip("s").endswith("companyid") or name in ("company", "companies")
        ):
            return []
        return [
            text
            for text in texts
            if text in self.sent.companies or (name != "company" and ID_LIKE.fullmatch(text))
        ]

    def is_record(self, record: dict[Any, Any]) -> bool:
        """Tell whether an object repeats a row that was sent, rather than say more of an error."""
        names = {
            plain(str(key)): to_text(item)
            for key, item in record.items()
            if not isinstance(item, dict | list)
        }
        if "metadata" in record or any(map(self.is_owner, names)):
            return True
        if any(
            name in ANYONE and (text in self.ids or text in self.sent.companies)
            for name, text in names.items()
        ):
            return not any(is_words(name) for name in names)
        return bool(record) and all(key in self.sent.properties for key in record)

    def of_record(self, under: str, record: dict[Any, Any]) -> RowError:
        """Return whose the record is that was repeated, and its values."""
        metadata = record.get("metadata")
        flat = record | (metadata if isinstance(metadata, dict) else {})
        named = {
            plain(str(key)): to_text(item) for key, item in flat.items() if not isinstance(item, dict | list)
        }
        own = [
            text
            for name, text in named.items()
            if self.is_owner(name) and (text in self.ids or not self.is_known)
        ]
        weak = [text for name, text in named.items() if name in ANYONE]
        if under == "company" and self.sent.kind == "users" and not own:
            return RowError(
                company=next(iter([*weak, *(named.get(key) for key in ("companyid",) if key in named)]), None)
            )
        identity = next(iter([*own, *(text for text in weak if text in self.ids)]), None)
        pairs = ((str(key), to_text(item)) for key, item in flat.items() if not isinstance(item, dict | list))
        echo = tuple(
            (key, text)
            for key, text in pairs
            if text and (key in self.sent.properties or key == "company_id")
        )
        return RowError(id=identity, echo=echo)

    def property_of(self, name: str) -> str:
        return self.located(name).property or name if is_path(name) else name

    def property_in(self, name: str, item: Any) -> RowError | None:
        """Return the property that a key names, with the row where it is a path; None where it names none."""
        texts, singular = texts_of(item), name.removesuffix("s")
        if (
            not texts
            or is_number(item)
            or not ({name, singular} & PATHS)
            or (isinstance(item, list) and len(texts) < len(item))
        ):
            return None
        if isinstance(item, list):
            if name in PATHS or any(map(str.isdigit, texts)):
                return self.located(texts)
            return RowError(property=", ".join(map(self.property_of, texts)))
        found = self.located(item) if is_path(item) else RowError(property=texts[0])
        is_theirs = (
            texts[0] in self.sent.properties or found.names_rows() or found.property in self.sent.properties
        )
        return found if is_theirs or name not in WEAK else None

    def located(self, path: str | list[str]) -> RowError:
        """Return what a path names: a row, from 0, or an id, and the last name behind it, a property."""
        steps = path if isinstance(path, list) else STEPS.findall(path)
        whole = path.removeprefix("metadata.") if isinstance(path, str) else None
        if whole in self.sent.properties:
            return RowError(property=whole)
        is_closed = isinstance(path, list) or path[0] in "/#[" or "[" in path
        place = identity = None
        for number, step in enumerate(steps):
            if DIGITS.fullmatch(step) and (is_closed or not all(map(str.isdigit, steps[number:]))):
                if not (number and steps[number - 1] in self.sent.properties):
                    place, steps = int(step), steps[number + 1 :]
                break
            if step in self.ids and step not in self.sent.properties and len(steps) > 1:
                identity, steps = step, steps[number + 1 :]
                break
        names = [step for step in steps if not DIGITS.fullmatch(step)]
        joined = ".".join(name for name in names if name != "metadata")
        last = joined if joined in self.sent.properties else names[-1] if names else None
        return RowError(place, None if place is None else "path", identity, last)

    # Texts

    def read_text(self, error: RowError, name: str = "") -> Iterator[RowError]:
        """Yield the error with what the head of its words names; one for each row, or line, that they name."""
        text = error.message
        if error.names_rows():
            yield error
        elif text in self.ids or (to_count(text) is not None and text.isdigit()):
            place = to_count(text)
            kind: PlaceKind | None = None if place is None else place_kind(name) or "list"
            yield error._replace(id=text if text in self.ids else None, place=place, place_kind=kind)
        elif text in self.sent.companies and self.sent.kind == "users":
            yield error._replace(company=text)
        elif not text or not GOOD.fullmatch(plain(text)):
            pieces = [" ".join(piece.split()) for piece in PIECES.split(text, MAX_ERRORS) if piece.strip()]
            heads = [self.head(piece[:MAX_READ_CHARACTERS]) for piece in pieces] if len(pieces) > 1 else []
            if sum(map(bool, heads)) > 1:
                yield from by_piece(error, pieces, heads)
            else:
                found = self.head(
                    " ".join(text[:MAX_READ_CHARACTERS].split())
                )  # runs of blanks cost patterns their time squared
                yield from (merged(error, one) for one in found or [RowError()])

    def head(self, words: str) -> list[RowError]:
        """Return the rows that the head of a text names, or that stand alone in brackets at its end."""
        if match := HEAD.match(words):
            behind = BEHIND.match(words, match.end())
            owner = self.owner(behind) if behind else RowError()
            places = places_in(match)
            return [
                RowError(place, place_kind(match["kind"].casefold()), owner.id if len(places) == 1 else None)
                for place in places
            ]
        first = FIRST.match(words)
        token = first["token"] if first else ""
        if token and is_path(token) and (found := self.located(token.rstrip(":"))).names_rows():
            return [found]
        if (match := OWNER.match(words)) and (owner := self.owner(match)).names_rows():
            return [owner]
        if first and token in self.ids and (first["colon"] or not token.isdigit()):
            place = to_count(token)
            return [RowError(place, None if place is None else "key", token)]
        if match := TAIL.search(words[-200:]):
            if match["kind"]:
                return [RowError(place, place_kind(match["kind"].casefold())) for place in places_in(match)]
            if (owner := self.owner(match)).names_rows():
                return [owner]
        if match := MORE.match(words):
            number = int(match["number"].replace(",", ""))
            return [RowError(more=number) if match["more"] else RowError(total=number)] if number else []
        return []

    def owner(self, match: re.Match[str]) -> RowError:
        """Return the id, or the company, that words name; without knowing the rows, only if they say it plainly."""
        text = match["quoted"] or match["inside"] or match["bare"]
        is_plain = bool(match["quoted"] or match["inside"]) or (
            match["id"] and (text.endswith(":") or match[0].endswith(("=" + text, ": " + text)))
        )
        known = next(
            (
                one
                for one in (text, text.rstrip(":."), text.rstrip("s"))
                if one in self.ids or one in self.sent.companies
            ),
            None,
        )
        text = known or text.rstrip(":")
        if known is None and (self.is_known and not (match["id"] or match["quoted"]) or not is_plain):
            return RowError()
        is_company = match["who"].casefold() == "company" and self.sent.kind == "users"
        return RowError(company=text) if is_company else RowError(id=text)


def by_piece(error: RowError, pieces: list[str], heads: list[list[RowError]]) -> Iterator[RowError]:
    """Yield the errors of a text of several lines; one that names no row belongs to the one before it."""
    texts: list[tuple[str, list[RowError]]] = []
    before = ""
    for piece, found in zip(pieces, heads, strict=True):
        if found:
            texts.append((f"{before} {piece}".strip(), found))
            before = ""
        elif texts:
            texts[-1] = (f"{texts[-1][0]}; {piece}", texts[-1][1])
        else:
            before = f"{before} {piece}".strip()
    for number, (piece, found) in enumerate(texts):
        # The first keeps the whole text; with each of thousands it would fill the memory.
        raw = to_json(piece) if number else error.raw
        yield from (merged(error._replace(message=piece, raw=raw), one) for one in found)


def merged(error: RowError, found: RowError) -> RowError:
    """Return an error with what its words say of its row."""
    return error._replace(
        place=found.place, place_kind=found.place_kind, id=found.id, company=found.company, total=found.total, more=found.more,
        property=found.property or error.property,
    )  # fmt: skip


@lru_cache(maxsize=4_096)
def plain(key: str) -> str:
    """Return the letters and digits of a key, by which keys are compared."""
    return "".join(filter(str.isalnum, key[:100])).casefold()


@lru_cache(maxsize=4_096)
def place_kind(name: str) -> PlaceKind | None:
    for stem in (name, ABOUT.sub("", name)):
        for word in (stem, stem.removesuffix("s")):
            if word in PLACES:
                return PLACES[word]
    return None


def places_in(match: re.Match[str]) -> list[int]:
    return to_counts(match["many"] or match["one"])


def is_words(name: str) -> bool:
    return name in WORDS or (bool(LIKE_WORDS.search(name)) and name not in CODES)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_total(name: str, value: object) -> bool:
    """Tell whether a key counts the rows or errors that were not taken."""
    return is_number(value) and bool(WRONG.search(name) and TOTAL.search(name)) and bool(to_count(value))


def total_of(key: str, value: Any, above: Above) -> RowError:
    return above.inside(key, above.said).error(
        value, message=f"{key}: {to_text(value)}", total=to_count(value), is_count=True
    )


def texts_of(value: object) -> list[str]:
    """Return the texts of a value, or of the values in a list; numbers are texts here, truth is none."""
    items = value if isinstance(value, list) else [value]
    return [text for item in items if isinstance(item, str) or is_number(item) if (text := to_text(item))]


def opened(value: Any) -> Any:
    """Return what a text holds, if it is a JSON document itself."""
    if not (isinstance(value, str) and value[:1] in ("{", "[") and value[-1:] in ("}", "]")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def is_path(text: str) -> bool:
    return bool(PATH.fullmatch(text))


def is_vague(name: str, code: str) -> bool:
    """Tell whether a code is none: the address of a page, or a status that says but that there is an error."""
    return "://" in code or (
        name in ("status", "kind", "type", "reason", "error") and VAGUE.fullmatch(plain(code)) is not None
    )


def is_alarming(name: str, value: object) -> bool:
    if not WRONG.search(name) or value in (None, "", [], {}, 0, False):
        return False
    return not (isinstance(value, str) and GOOD.fullmatch(plain(value)))


def mark_of(item: object) -> bool | None:
    """Return whether an object is the result of a row that was taken, or of one that was not; None if neither."""
    if not isinstance(item, dict):
        return None
    names = {plain(str(key)): value for key, value in item.items()}
    marks = [value for name, value in names.items() if name in MARKS and isinstance(value, bool)]
    for name in STATUSES & names.keys():
        value = names[name]
        if isinstance(value, str) and not value.strip().isdigit():
            marks += (
                [True] if GOOD.fullmatch(plain(value)) else [False] if VAGUE.fullmatch(plain(value)) else []
            )
        elif (status := to_count(value)) is not None and 200 <= status < 600 and name != "code":  # noqa: PLR2004  # HTTP's
            marks.append(status < 400)  # noqa: PLR2004
    inner = [value for value in names.values() if isinstance(value, dict)]
    if not marks and len(names) == len(inner) == 1:
        return mark_of(inner[0])
    if any(is_alarming(name, value) for name, value in names.items()):
        return False if marks else None
    return all(marks) if marks else None


def is_wrong(item: object) -> bool:
    """Tell whether an item, among good ones, is the result of a row that was not taken."""
    if not isinstance(item, dict):
        return has_text(item) and not (isinstance(item, str) and GOOD.fullmatch(plain(item)))
    mark = mark_of(item)
    if mark is not None:
        return not mark
    return any(
        (is_words(name) or name in CODES[:5] or is_alarming(name, value) or isinstance(value, list | dict))
        and has_text(value)
        for name, value in ((plain(str(key)), value) for key, value in item.items())
    )


def is_empty(value: object) -> bool:
    """Tell whether nothing stands there; a 0 is something."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def has_text(value: object) -> bool:
    """Tell whether there are words or numbers in a value; zeros alone, as beside an empty list, are no error."""
    if isinstance(value, dict | list):
        return any(map(has_text, value.values() if isinstance(value, dict) else value))
    return bool(value.strip() if isinstance(value, str) else value)
