"""What one object of a report says of the error that it is: which rows, which property, what code, in what words."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.service.keys import (
    CODES,
    COLUMNS,
    VAGUE,
    VALUES,
    WORDS,
    Key,
    is_count,
    is_empty,
    is_fine,
    is_number,
    is_refusal,
    meaning,
    opened,
    plain,
    texts_of,
)
from analytex_pandas.service.naming import HEAD, Names, RowError, is_path, places_in
from analytex_pandas.service.values import to_count, to_counts

if TYPE_CHECKING:
    from analytex_pandas.service.keys import PlaceKind

TRUSTED: Final[tuple[PlaceKind, ...]] = ("line", "index", "row")
"""Words for the place of a row, in order of trust."""
NO_NUMBERS: Final = frozenset({"error", "reason", "type", "kind", "category", "rule", "keyword"})
"""Words for a code that are none with a number: ``"errors": 0``."""
MAX_HELD: Final = 3
"""Levels below an error in which its own details are looked for."""


class Facts:
    """What an object says itself, with the objects in it that only hold more of it."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.places: dict[PlaceKind, list[int]] = {}
        self.own_ids: list[str] = []
        self.ids: list[str] = []
        self.strangers: list[str] = []
        self.companies: list[str] = []
        self.records: list[RowError] = []
        self.paths: list[RowError] = []
        self.words: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.values: list[str] = []
        self.rest: list[tuple[str, Any]] = []
        """What stands under no word of a vocabulary."""
        self.below: list[tuple[str, Any]] = []
        """What has errors of its own."""
        self.totals: list[tuple[str, Any]] = []

    def name_rows(self) -> bool:
        return any((self.places, self.own_ids, self.ids, self.strangers, self.companies, self.records))

    def are_none(self) -> bool:
        return not (self.name_rows() or self.paths or self.words or self.codes)

    # From the object

    def gather(self, value: dict[Any, Any], *, is_map: bool = False, level: int = 0) -> None:
        """Take what an object says; where it is a map, each of its keys is about something else."""
        is_bare = is_flat(value) and not says(value, self.names)  # but for {"count": 3, "url": …}
        has_wrong = any(meaning(str(name)).is_wrong for name in value)
        is_parser = any(
            meaning(str(name)).name in COLUMNS and is_number(item) for name, item in value.items()
        )
        for name, given in value.items():
            key, item = meaning(str(name)), opened(given)
            if has_wrong and key.is_list and isinstance(item, list):  # the others have a list of their own
                item = [one if is_refusal(one) else None for one in item]
            if is_empty(item) or key.is_good or key.is_elsewhere or str(name).startswith("@"):
                continue
            if level == 0 and self.names.row_of_key(str(name)):
                self.below.append((str(name), item))
            elif is_count(key, item) or (is_bare and key.full in ("count", "total") and is_number(item)):
                self.totals.append((str(name), item))
            elif isinstance(item, dict):
                self.gather_inside(key, str(name), item, is_map=is_map, level=level)
            elif isinstance(item, list) and (is_map or self.are_errors(key, item)):
                self.below.append((str(name), item))
            elif not (is_parser and key.place == "line"):
                self.take(key, str(name), item)

    def gather_inside(self, key: Key, name: str, item: dict[Any, Any], *, is_map: bool, level: int) -> None:
        if key.is_echo and not is_map and self.names.is_record(item):
            self.records.append(self.names.of_record(key, item))
        elif is_map or level == MAX_HELD or (key.is_wrong and not says(item, self.names)):
            self.below.append((name, item))
        else:
            self.gather(item, level=level + 1)
            if name in self.names.properties:
                self.paths.append(RowError(property=name))

    def are_errors(self, key: Key, items: list[Any]) -> bool:
        """Tell whether the items of a list are errors of their own rather than one more detail."""
        if any(isinstance(item, dict | list) for item in items):
            return key.is_wrong or any(isinstance(item, dict) and says(item, self.names) for item in items)
        if not key.is_wrong or key.property or key.place or self.names.ids_in(key, texts_of(items)):
            return False
        return key.words in ("", "detail") or (key.is_plural and key.words == "error")

    def take(self, key: Key, name: str, item: Any) -> None:
        """Take what a single value, or a list of such, says."""
        texts = texts_of(item)
        if not texts or self.take_rows(key, item):
            return
        if found := self.names.property_in(key, item):
            self.paths.append(found)
        elif key.full in VALUES:
            self.values.append(texts[0])
        elif key.words and not is_number(item) and name not in self.names.properties:
            if not is_fine(texts[0]):
                self.words.setdefault(key.words, "; ".join(texts))
        elif key.code and not isinstance(item, list) and " " not in texts[0]:
            if not (is_fine(texts[0]) or (is_number(item) and key.code in NO_NUMBERS)):
                self.codes.setdefault(key.code, texts[0])
        elif (
            isinstance(item, str) and is_path(item) and (found := self.names.located(item)).place is not None
        ):
            self.paths.append(found)
        elif not key.is_id or isinstance(item, list):
            self.rest.append((name, item))

    def take_rows(self, key: Key, item: Any) -> bool:
        """Take the places, ids or companies that a value names; tell whether it names any."""
        texts, names = texts_of(item), self.names
        if key.place and key.is_plural and not isinstance(item, list) and to_count(item) is not None:
            return False  # "rows": 3 may be how many
        counts = [to_counts(one) for one in (item if isinstance(item, list) else [item])] if key.place else []
        in_words = HEAD.fullmatch(item.strip()) if key.place and isinstance(item, str) else None
        if in_words:  # {"row": "row 4"}
            counts = [[row.place for row in places_in(in_words) if row.place is not None]]
        if key.place and all(counts):
            self.places.setdefault(key.place, list(chain.from_iterable(counts)))
        elif ids := names.ids_in(key, texts):
            (self.own_ids if names.is_owner(key) else self.ids).extend(ids)
        elif companies := names.companies_in(key, texts):
            self.companies += companies
        elif strangers := names.strangers_in(key, item):
            self.strangers += strangers
        else:
            return False
        return True

    # For the error

    def described(self, said: RowError) -> list[RowError]:
        """Return what is said of an error, with what stands around it, once for each row that is named."""
        properties = self.names.properties
        rest = [(key, item, "; ".join(texts_of(item))) for key, item in self.rest if not only_numbers(item)]
        message, code = self.message(), self.code()
        name = next((path.property for path in self.paths if path.property), None)
        is_bare = not (self.codes or self.paths or self.name_rows())
        own = [
            one
            for one in rest
            if one[0] in properties or isinstance(one[1], list) or (is_bare and not message)
        ]
        if not message and own:  # {"email": ["is invalid"]}
            message = own[0][2] if len(own) == 1 else "; ".join(f"{key}: {text}" for key, _, text in own)
            name = name or ", ".join(self.names.property_of(key) for key, *_ in own)
            rest = []
        elif not message and not code:
            message = next((text for *_, text in rest if " " in text), "; ".join(text for *_, text in rest))
        elif name is None:
            name = (
                ", ".join(key for key, item, _ in own if isinstance(item, list) and key in properties) or None
            )
        name = name or said.property
        if name == "company_id":
            self.companies += [text for text in self.values if text in self.names.companies]
        echo = [
            *((name or "", text) for text in self.values),
            *((key, text) for key, item, text in rest if not isinstance(item, list)),
            *chain.from_iterable(record.echo for record in self.records),
            *(("company_id", company) for company in self.companies),
        ]
        said = said._replace(
            property=name,
            code=code or said.code,
            message=message or said.message or code or "",
            echo=tuple(pair for pair in echo if pair[0] in properties or pair[0] == "company_id")
            or said.echo,
        )
        return [said.on(row) for row in dict.fromkeys(self.rows())] or [said]

    def message(self) -> str:
        return next(filter(None, (self.words.get(word) for word in (*WORDS, *self.words))), "")

    def code(self) -> str | None:
        """Return the code, perhaps a word such as ``reason`` or ``error`` where there is a better message."""
        message = self.message()
        spare = {word: text for word, text in self.words.items() if text != message and " " not in text}
        found = ((word, self.codes.get(word) or spare.get(word, "")) for word in (*CODES, *self.codes))
        return next((code for word, code in found if code and not is_vague(word, code)), None)

    def rows(self) -> list[RowError]:
        """Return the rows that are named: by number, with an id if there is but one, else by id, or by company."""
        path = next((path for path in self.paths if path.place is not None or path.id), RowError())
        kind = next((kind for kind in TRUSTED if kind in self.places), path.place_kind)
        places = self.places.get(kind or "path", [] if path.place is None else [path.place])
        ids = self.own_ids or [record.id for record in self.records if record.id]
        is_own_number = places and all(map(str.isdecimal, self.ids))  # that of the error itself, perhaps
        if not ids and not is_own_number:
            ids = self.ids or ([path.id] if path.id else [])
        if places:
            alone = ids[0] if len(set(ids)) == len(places) == 1 else None
            return [RowError(place, kind, alone) for place in places]
        if ids or self.strangers:
            return [RowError(id=identity) for identity in ids or self.strangers]
        companies = self.companies + [record.company for record in self.records if record.company]
        return [RowError(company=company) for company in companies]


def says(value: dict[Any, Any], names: Names) -> bool:
    """Tell whether an object itself describes an error, rather than have errors under its keys."""
    if any(names.row_of_key(str(key)) for key in value):
        return False
    facts = Facts(names)
    for name, item in value.items():
        key = meaning(str(name))
        is_path = isinstance(item, list) and key.property and not key.is_plural
        if is_path or not (isinstance(item, dict | list | bool) or is_empty(item) or is_count(key, item)):
            facts.take(key, str(name), item)
    return not facts.are_none()


def lists_rows(value: dict[Any, Any], names: Names) -> bool:
    """Tell whether lists of rows stand in an object, each perhaps of another kind of error."""
    lists = ((meaning(str(key)), item) for key, item in value.items() if isinstance(item, list) and item)
    return any(Facts(names).take_rows(key, item) for key, item in lists)


def is_flat(value: dict[Any, Any]) -> bool:
    """Tell whether an object has but single values, none of which says that there are no errors."""
    said = ((meaning(str(key)), item) for key, item in value.items())
    return not any(isinstance(item, dict | list) or (key.is_wrong and not item) for key, item in said)


def only_numbers(item: object) -> bool:
    return all(map(is_number, item if isinstance(item, list) else [item]))


def is_vague(word: str, code: str) -> bool:
    """Tell whether a code is none: the address of a page, or a status that says but that there is an error."""
    is_status = word in ("status", "kind", "type", "reason", "error")
    return "://" in code or (is_status and VAGUE.fullmatch(plain(code)) is not None)
