"""What one object of a report says of the error that it is: which rows, which property, what code, in what words.

An object that says something itself is one error, with the objects in it as details of it. Any other is a map: its keys
name rows, properties or kinds of errors, and there is an error under each.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.service.keys import (
    CODES,
    COLUMNS,
    ELSEWHERE,
    MAX_HELD,
    VAGUE,
    VALUES,
    WEAK,
    WORDS,
    Key,
    has_text,
    is_count,
    is_fine,
    is_number,
    is_refusal,
    is_unwritten,
    keyed,
    meaning,
    opened,
    plain,
    texts_of,
    with_marks,
    with_spans,
)
from analytex_pandas.service.naming import HEAD, ID_LIKE, Names, RowError, is_path, places_in
from analytex_pandas.service.values import to_count, to_counts, to_text

if TYPE_CHECKING:
    from analytex_pandas.service.naming import PlaceKind


COUNTED: Final = re.compile(r"count|total|occurrence|affected(?:row|record|user|item)?")
SEVERAL: Final = re.compile(r"[,;\s]+(?:and\s)?")
RANKS: Final = {word: rank for rank, word in enumerate(CODES)}


class Facts:
    """What an object says itself, with the objects in it that only hold more of it, and what has errors of its own."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.named: dict[str, list[Any]] = {}
        """Rows, by what names them: places by their kind, ids as ``own``, ``id`` or ``stranger``, and companies."""
        self.paths: list[RowError] = []
        self.words: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.echo: list[tuple[str, str]] = []
        self.values: list[str] = []
        self.rest: list[tuple[str, Any]] = []
        """What stands under no word of a vocabulary."""
        self.below: list[tuple[str, Any]] = []
        self.totals: list[tuple[str, Any]] = []
        self.is_flat = True
        """Whether it has but single values, none of which says that there are no errors."""

    def are_none(self) -> bool:
        return not (self.named or self.paths or self.words or self.codes or self.echo)

    def gather(self, value: dict[Any, Any], *, is_alone: bool = False, level: int = 0) -> Facts:
        """Take what an object says, single values first: by these, it is an error or a map."""
        held: list[tuple[Key, str, Any]] = []
        spanned = with_spans(value)
        items = []
        for name, item in spanned.items():
            key, value = meaning(str(name)), opened(item)
            marked = with_marks(key, value, self.names.sent.rows)
            items.append((str(name), key if marked is value else meaning("results"), marked))
        is_flat = not any(
            isinstance(item, dict | list) or (key.is_wrong and not item) for _, key, item in items
        )
        self.is_flat = self.is_flat and is_flat
        has_counts = any(is_count(key, item) for _, key, item in items)  # {"total": 12, "failed": 2}
        is_parser = any(key.name in COLUMNS and is_number(item) for _, key, item in items)
        for name, key, item in items:
            if says_nothing(key, name, item):
                continue
            if level == 0 and self.names.row_of_key(name):
                self.below.append((name, item))
            elif is_count(key, item) or (not has_counts and self.is_total(key, item, is_flat=is_flat)):
                self.totals.append((name, item))
            elif isinstance(item, dict) or (isinstance(item, list) and not is_path_of(key, item)):
                held.append((key, name, item))
            elif not (is_parser and key.place == "line"):
                self.take(key, name, item)
        is_map = level == 0 and (self.are_none() or bool(self.below)) and (is_alone or self.list_rows(held))
        self.take_held(held, is_map=is_map, level=level)
        return self

    def is_total(self, key: Key, item: Any, *, is_flat: bool) -> bool:
        """Tell whether it says how many errors there are, or but that there are more."""
        count = to_count(item) if is_number(item) else None
        is_all = not is_flat and count in (0, self.names.sent.rows)
        return (
            is_unwritten(key) if item is True else bool(count and not is_all and COUNTED.fullmatch(key.name))
        )

    def take_held(self, held: list[tuple[Key, str, Any]], *, is_map: bool, level: int) -> None:
        for key, name, item in sorted(held, key=lambda one: not one[0].is_echo):
            if key.is_rival and self.named:
                continue
            if isinstance(item, dict):
                self.take_object(key, name, item, is_map=is_map, level=level)
            elif not (is_map or self.are_errors(key, item)):
                self.take(key, name, item)
            elif not key.is_wrong and any(other.is_wrong and has_text(part) for other, _, part in held):
                self.below.append(
                    (name, [one for one in item if is_refusal(one)])
                )  # the others' errors are apart
            else:
                self.below.append((name, item))

    def take_object(self, key: Key, name: str, item: dict[Any, Any], *, is_map: bool, level: int) -> None:
        if key.is_echo and not is_map and self.is_record(item):
            self.take_record(key, item)
        elif is_map or level == MAX_HELD or (key.is_wrong and not self.says(item)):
            self.below.append((name, item))
        else:
            named = self.named
            self.named = {}
            self.gather(item, level=level + 1)
            self.named |= named
            self.paths += [RowError(property=name)] if name in self.names.properties else []

    def says(self, value: dict[Any, Any]) -> bool:
        """Tell whether an object in this one describes an error by its single values, rather than hold errors."""
        single = {name: item for name, item in value.items() if not isinstance(item, dict | list)}
        facts = Facts(self.names).gather(single)
        return not (facts.are_none() or any(self.names.row_of_key(str(name)) for name in value))

    def list_rows(self, held: list[tuple[Key, str, Any]]) -> bool:
        lists = ((key, item) for key, _, item in held if isinstance(item, list))
        return any(Facts(self.names).take_rows(key, item) for key, item in lists)

    def are_errors(self, key: Key, items: list[Any]) -> bool:
        """Tell whether the items of a list are errors of their own rather than one more detail."""
        if any(isinstance(item, dict | list) for item in items):
            return key.is_wrong or any(isinstance(item, dict) and self.says(item) for item in items)
        is_list = key.words in ("", "detail") or (key.is_plural and key.words == "error")
        return key.is_wrong and is_list and not key.property and not self.list_rows([(key, "", items)])

    def take(self, key: Key, name: str, item: Any) -> None:
        """Take what a single value, or a list of such, says."""
        texts = texts_of(item)
        if not texts or self.take_rows(key, item) or self.take_path(key, item, texts):
            return
        if key.full in VALUES:
            self.values.append(texts[0])
        elif key.words and not is_number(item) and name not in self.names.properties:
            if not is_fine(texts[0]):
                self.words.setdefault(key.words, "; ".join(texts))
        elif key.code and not isinstance(item, list) and " " not in texts[0]:
            is_bare = is_number(item) and not key.code.endswith(("code", "status"))  # "errors": 0
            if not is_bare and not is_fine(item):
                self.codes.setdefault(key.code, texts[0])
        elif not key.is_id or isinstance(item, list):
            self.rest.append((name, item))

    def take_rows(self, key: Key, item: Any) -> bool:
        """Take the places, ids or companies that a value names; tell whether it names any."""
        names, slot, is_own = self.names, "", self.is_own(key)
        is_company = names.sent.kind == "users" and (key.owner == "companies" or key.name.endswith("company"))
        is_id = key.is_id or (isinstance(item, list) and key.name == "affected")
        if not (key.place or is_id or key.owner or is_company):
            return False
        found: list[Any] = []
        if key.place and (isinstance(item, list) or not key.is_plural or to_count(item) is None):
            # "rows": 3 may be how many
            in_words = HEAD.fullmatch(item.strip()) if isinstance(item, str) else None  # {"row": "row 4"}
            counts = [to_counts(one) for one in (item if isinstance(item, list) else [item])]
            counts = [[row.place or 0 for row in places_in(in_words)]] if in_words else counts
            slot, found = key.place, list(chain.from_iterable(counts)) if all(counts) else []
        elif key.place:
            return False
        texts = texts_of(item)
        if key.owner and isinstance(item, str) and item not in names.ids:
            texts = SEVERAL.split(item)  # "u3, u4 and u5"
        like = [] if found else [text for text in texts if ID_LIKE.fullmatch(text)]
        known = [text for text in like if text in names.ids or (is_own and not names.is_known)]
        if known and (is_own or is_id):
            slot, found = ("own", like) if is_own else ("id", known)
        elif is_company:
            slot, found = "company", [text for text in like if text in names.companies or key.owner]
        elif is_own and not found:
            slot, found = "stranger", like  # an id that no row has
        if found:
            self.named.setdefault(slot, []).extend(found)
        return bool(found)

    def is_own(self, key: Key) -> bool:
        """Tell whether a key is the service's own for the id of a row."""
        return key.owner == self.names.sent.kind if self.names.sent.kind else bool(key.owner)

    def take_path(self, key: Key, item: Any, texts: list[str]) -> bool:
        """Take the property that a key names, with the row where it is a path, or the row of a path under any key."""
        names, found = self.names, RowError()
        if is_number(item) or (isinstance(item, list) and (len(texts) < len(item) or not key.property)):
            return False
        if isinstance(item, list):
            is_names = key.is_plural and not any(map(str.isdigit, texts))
            joined = ", ".join(map(names.property_of, texts))
            self.paths.append(RowError(property=joined) if is_names else names.located(texts))
            return True
        path = item.replace(" -> ", ".") if key.property else item
        found = names.located(path) if is_path(path) else RowError(property=texts[0])
        if not key.property:
            is_found = not (key.words or key.code or key.full in VALUES) and found.place is not None
        else:
            is_theirs = not {texts[0], found.property}.isdisjoint(names.properties)
            is_found = is_theirs or key.property not in WEAK or found.names_rows()
        self.paths += [found] if is_found else []
        return is_found

    def is_record(self, record: dict[Any, Any]) -> bool:
        """Tell whether an object repeats a row that was sent, rather than say more of an error."""
        single = [(key, to_text(item)) for key, item in keyed(record) if not isinstance(item, dict | list)]
        if "metadata" in record or any(self.is_own(key) for key, _ in single):
            return True
        if any(
            key.is_id and (text in self.names.ids or text in self.names.companies) for key, text in single
        ):
            return not any(key.words for key, _ in single)
        return bool(record) and all(key in self.names.properties for key in record)

    def take_record(self, under: Key, record: dict[Any, Any]) -> None:
        """Take whose the record is that was repeated, and its values."""
        names, metadata = self.names, record.get("metadata")
        flat = record | (metadata if isinstance(metadata, dict) else {})
        single = [(str(name), text) for name, item in flat.items()
                  if not isinstance(item, dict | list) and (text := to_text(item))]  # fmt: skip
        is_company, found = under.name == "company", dict[str, str]()
        for name, text in single:
            key = meaning(name)
            is_mine = self.is_own(key) and (text in names.ids or not names.is_known)
            if is_mine or (key.is_id and text in (names.companies if is_company else names.ids)):
                found.setdefault("own" if is_mine else "company" if is_company else "id", text)
        if slot := next((slot for slot in ("own", "id", "company") if slot in found), ""):
            self.named.setdefault("company" if slot == "company" else "own", []).append(found[slot])
        self.echo += [
            (name, text) for name, text in single if name in names.properties or name == "company_id"
        ]

    def described(self, said: RowError) -> list[RowError]:
        """Return what is said of an error, with what stands around it, once for each row that is named."""
        names, properties = self.names, self.names.properties
        rest = [(name, item, "; ".join(texts_of(item))) for name, item in self.rest if not only_numbers(item)]
        message, code = self.message(), self.code()
        name = next((path.property for path in self.paths if path.property), None)
        is_bare = not (message or self.codes or self.paths or self.named)
        own = [one for one in rest if one[0] in properties or isinstance(one[1], list) or is_bare]
        if not message and own:  # {"email": ["is invalid"]}
            message = own[0][2] if len(own) == 1 else "; ".join(f"{key}: {text}" for key, _, text in own)
            name, rest = name or ", ".join(names.property_of(key) for key, *_ in own), []
        elif not message and not code:
            message = next((text for *_, text in rest if " " in text), "; ".join(text for *_, text in rest))
        elif name is None:
            name = (
                ", ".join(key for key, item, _ in own if isinstance(item, list) and key in properties) or None
            )
        name = name or said.property
        if name == "company_id" and (known := [text for text in self.values if text in names.companies]):
            self.named.setdefault("company", []).extend(known)
        echo = [
            *((name or "", text) for text in self.values),
            *((key, text) for key, item, text in rest if not isinstance(item, list)),
            *self.echo,
            *(("company_id", company) for company in self.named.get("company", ())),
        ]
        said = said._replace(
            property=name,
            code=code or said.code,
            message=message or said.message or code or "",
            echo=tuple(one for one in echo if one[0] in properties or one[0] == "company_id") or said.echo,
        )
        return [said.on(row) for row in dict.fromkeys(self.rows())] or [said]

    def message(self) -> str:
        return next(filter(None, (self.words.get(word) for word in (*WORDS, *self.words))), "")

    def code(self) -> str | None:
        """Return the code, perhaps a word such as ``reason`` or ``error`` where there is a better message."""
        message = self.message()
        spare = {word: text for word, text in self.words.items() if text != message and " " not in text}
        codes = {**spare, **self.codes}
        words = sorted(codes, key=lambda word: RANKS.get(word, len(RANKS)))
        return next((codes[word] for word in words if not is_vague(word, codes[word])), None)

    def rows(self) -> list[RowError]:
        """Return the rows that are named: by number, with an id if there is but one, else by id, or by company."""
        path = next((path for path in self.paths if path.names_rows()), RowError())
        kinds: tuple[PlaceKind, ...] = ("line", "index", "row")  # in order of trust
        kind = next((kind for kind in kinds if kind in self.named), path.place_kind)
        places = self.named.get(kind or "", [] if path.place is None else [path.place])
        others = self.named.get("id", [] if path.id is None else [path.id])
        is_of_error = places and all(map(str.isdecimal, others))  # an id of the error itself, perhaps
        ids = self.named.get("own", [] if is_of_error else others)
        if places:
            alone = ids[0] if len(set(ids)) == len(places) == 1 else None
            return [RowError(place, kind, alone) for place in places]
        ids = ids or self.named.get("stranger", [])
        return [RowError(id=one) for one in ids] or [
            RowError(company=one) for one in self.named.get("company", [])
        ]


def is_path_of(key: Key, items: list[Any]) -> bool:
    """Tell whether a list may be the steps of one path."""
    return bool(key.property) and not key.is_plural and not any(isinstance(one, dict | list) for one in items)


def says_nothing(key: Key, name: str, item: object) -> bool:
    is_empty = item is None or item is False or item in ("", [], {})  # a 0 is something
    return is_empty or key.is_good or key.full in ELSEWHERE or name.startswith("@")


def only_numbers(item: object) -> bool:
    return all(map(is_number, item if isinstance(item, list) else [item]))


def is_vague(word: str, code: str) -> bool:
    """Tell whether a code is none: the address of a page, or a status that says but that there is an error."""
    is_status = word in ("status", "kind", "type", "reason", "error")
    return "://" in code or (is_status and VAGUE.fullmatch(plain(code)) is not None)
