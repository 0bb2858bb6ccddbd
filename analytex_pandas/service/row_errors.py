"""What a job reports about its rows, in whatever shape, as one flat tuple of errors.

The shape is not documented, so it is read by rules. An object in a list is one error; an object whose keys name rows,
properties or kinds of error has an error for each; what an object says of itself holds for the errors in it. Where one
result a row is listed, good ones are none. Numbers and ids are read from keys, values, paths and the heads of texts
(see ``naming``), never from the middle of prose. What is none of this is kept as it was sent.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analytex_pandas.service.keys import (
    ALARM,
    CODES,
    COLUMNS,
    VAGUE,
    VALUES,
    WORDS,
    Key,
    has_text,
    is_count,
    is_empty,
    is_fine,
    is_number,
    is_refusal,
    mark_of,
    meaning,
    opened,
    plain,
    texts_of,
)
from analytex_pandas.service.naming import MAX_READ_CHARACTERS, Names, RowError, Sent, pieces_of
from analytex_pandas.service.values import to_count, to_counts, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from analytex_pandas.service.keys import PlaceKind

NOTHING: Final = Sent()
TRUSTED: Final[tuple[PlaceKind, ...]] = ("line", "index", "row")
"""Words for the place of a row, in order of trust."""
NO_REASONS: Final = frozenset({"errors", "links", "status", "type"})
"""Keys of a job beside which there is nothing to read, or which are read by themselves."""
MAX_AROUND_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 20
"""Levels that are read apart; anything deeper is kept whole in the ``raw`` of one error."""
MAX_HELD: Final = 3
"""Levels below an error in which its own details are looked for."""
MAX_ERRORS: Final = 100_000
"""Errors of one job that are read apart; ten for each of its rows."""
MAX_CHARACTERS: Final = 20_000_000
"""Characters of one job's errors that are kept whole."""


class Above(NamedTuple):
    """What the levels above say of the errors below them, and how one is written with what stands around it."""

    said: RowError = RowError()
    depth: int = 0
    around: Callable[[object], object] = lambda value: value

    def inside(self, key: object, said: RowError, beside: Mapping[Any, object] | None = None) -> Above:
        """Return the same for what stands under a key, with what is to be repeated of what stands beside it.

        What is long is repeated around the first error only: around each of thousands, it would fill the memory.
        """
        left = [beside or {}]
        is_long = bool(beside) and len(to_json(beside)) > MAX_AROUND_CHARACTERS

        def around(value: object) -> object:
            here = left[0]
            if is_long:
                left[0] = {}
            return self.around({**here, key: value})

        return Above(said, self.depth + 1, around)

    def error(self, value: object, **said: Any) -> RowError:
        return self.said._replace(raw=to_json(self.around(value)), **said)


class Facts:
    """What an object, with the objects in it that only hold more of it, says of the error that it is."""

    def __init__(self) -> None:
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
        return bool(
            self.places or self.own_ids or self.ids or self.strangers or self.companies or self.records
        )

    def are_none(self) -> bool:
        return not (self.name_rows() or self.paths or self.words or self.codes)

    def words_first(self) -> str:
        return next(filter(None, (self.words.get(word) for word in (*WORDS, *self.words))), "")

    def code_first(self) -> str | None:
        """Return the code, perhaps a word such as ``reason`` or ``error`` where there is a better message."""
        message = self.words_first()
        spare = {word: text for word, text in self.words.items() if text != message and " " not in text}
        found = ((word, self.codes.get(word) or spare.get(word, "")) for word in (*CODES, *self.codes))
        return next((code for word, code in found if code and not is_vague(word, code)), None)


def parse_errors(value: object, sent: Sent = NOTHING) -> tuple[RowError, ...]:
    """Read the ``errors`` of a job, whatever their shape, in the order of the report; empty only if the report is."""
    return bounded(lambda: Reader(sent).read(value, Above()), value)


def parse_report(job: Mapping[str, object], *, failed: bool, sent: Sent = NOTHING) -> tuple[RowError, ...]:
    """Read all that a job says of errors: its ``errors``, and reasons, counts and reports beside them."""
    return bounded(lambda: Reader(sent).read_job(job, failed=failed), job.get("errors"))


def bounded(read: Callable[[], Iterator[RowError]], value: object) -> tuple[RowError, ...]:
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


class Reader:
    """Reads a report on rows of which some things are known."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.names = Names(sent)

    def read_job(self, job: Mapping[str, object], *, failed: bool) -> Iterator[RowError]:
        yield from self.read(job.get("errors"), Above())
        reasons: dict[str, object] = {}
        for name, item in job.items():
            key, above = meaning(name), Above().inside(name, RowError())
            if not item or item is True or name in NO_REASONS:
                continue
            if isinstance(item, dict | list) and (key.is_wrong or key.is_list):
                yield from self.read(item, above, key)
            elif isinstance(item, dict):
                counts = [(inner, count) for inner, count in item.items() if is_count(meaning(inner), count)]
                yield from (total_of(inner, count, above) for inner, count in counts)
            elif is_count(key, item):
                yield total_of(name, item, Above())
            elif "://" in (text := to_text(item)):
                if key.is_wrong or "report" in key.name:
                    yield above.error(item, message=f"{name}: {text}")
            elif (key.words or key.code) and (failed or key.is_wrong or ALARM.search(text)):
                reasons[name] = item
        if reasons:
            yield from self.read_object(reasons, Above())

    def read(self, value: object, above: Above, key: Key = meaning("")) -> Iterator[RowError]:  # noqa: B008  # frozen
        """Yield the errors of a value that stands under a key."""
        value = opened(value)
        if above.depth > MAX_DEPTH:
            yield above.error(value, message=to_text(value))
        elif isinstance(value, list | tuple):
            yield from self.read_list(value, above, key)
        elif isinstance(value, dict):
            yield from self.read_object(value, above, is_alone=True)
        elif isinstance(value, str):
            yield from self.read_text(value, above, key)
        elif value:
            words = above.said.message or ("" if value is True else to_text(value))
            total = 0 if above.said.names_rows() or not is_number(value) else to_count(value) or 0
            yield above.error(value, message=words, total=total)

    def read_list(self, items: Collection[object], above: Above, key: Key) -> Iterator[RowError]:
        is_result = not above.said.names_rows() and self.are_results(items)
        above = above._replace(
            depth=above.depth + 1
        )  # the brackets of a list say nothing, and are not in `raw`
        for place, item in enumerate(map(opened, items)):
            below = above
            if is_result:
                if not is_refusal(item):
                    continue
                below = above._replace(said=above.said._replace(place=place, place_kind="result"))
            if isinstance(item, dict):
                yield from self.read_object(item, below)
            elif is_number(item) and not below.said.names_rows():
                yield below.error(item, message=below.said.message or to_text(item)).of(
                    self.row_of(item, key)
                )
            else:
                yield from self.read(item, below, key)

    def are_results(self, items: Collection[object]) -> bool:
        """Tell whether a list has one result for each row: some are good, or all have the mark of one."""
        if not items or len(items) != self.sent.rows:
            return False
        refused = [is_refusal(item) for item in items]
        return any(refused) and (not all(refused) or all(mark_of(item) is not None for item in items))

    def row_of(self, value: object, key: Key) -> RowError:
        """Return the row that a bare number means, by its place or by its id."""
        text, place = to_text(value), to_count(value)
        if key.place is None and self.names.ids_in(key, [text]):
            return RowError(id=text)
        kind: PlaceKind | None = None if place is None else key.place or "list"
        return RowError(place, kind, text if key.place is None and text in self.names.ids else None)

    def read_text(self, text: str, above: Above, key: Key) -> Iterator[RowError]:
        """Yield the errors of a text: one for each row, or line, that it names."""
        sent, text, names = text, to_text(text), self.names
        if not above.said.names_rows():
            if not text or is_fine(text):
                return
            found = RowError(company=text) if text in names.companies else None
            if text in names.ids or text.isdecimal():
                found = self.row_of(text, key) if text.isdecimal() else RowError(id=text)
            if found is not None:
                yield above.error(sent, message=above.said.message or text).of(found)
                return
        yield from self.in_words(above.error(sent, message=text))

    def in_words(self, error: RowError) -> Iterator[RowError]:
        """Yield the error with the rows that its words name, if nothing else does; of several lines, one for each."""
        if error.names_rows():
            yield error
            return
        pieces = pieces_of(error.message, MAX_ERRORS)
        found = [self.names.rows_in_words(piece[:MAX_READ_CHARACTERS]) for piece in pieces]
        if len(pieces) == 1 or sum(map(bool, found)) < 2:  # noqa: PLR2004  # one is the whole
            # Not what stands behind the first line: "Row 1: a; b".
            yield from (error.of(row) for row in next(filter(None, found[:1]), [RowError()]))
            return
        before, first = "", True
        for number, (piece, rows) in enumerate(zip(pieces, found, strict=True)):
            if not rows and number + 1 < len(pieces):
                before += f"{piece}; "  # what names no row belongs to the next that does
                continue
            # The first keeps the whole text; with each of thousands it would fill the memory.
            one = error._replace(message=before + piece, raw=error.raw if first else to_json(before + piece))
            before, first = "", False
            yield from (one.of(row) for row in rows or [RowError(total=1)])

    def read_object(
        self, value: dict[Any, Any], above: Above, *, is_alone: bool = False
    ) -> Iterator[RowError]:
        """Yield the errors of an object; an item of a list is one, with all its keys, unless these name rows."""
        if mark_of(value) is True:
            return
        facts = Facts()
        self.gather(value, facts, is_map=is_alone and not self.says(value))
        parts = [
            (key, item) for key, item in facts.rest if is_alone and facts.are_none() and not is_number(item)
        ]
        errors = (
            [above.said] if parts or (is_alone and facts.are_none()) else self.described(facts, above.said)
        )
        below = [*facts.below, *parts]
        keys, found = {key for key, _ in below}, False
        beside = {key: item for key, item in value.items() if str(key) not in keys} if below else {}
        brief = (
            errors[0]
            if len(errors) == 1
            else above.said._replace(code=errors[0].code, message=errors[0].message)
        )
        brief = brief._replace(message=brief.message[:MAX_AROUND_CHARACTERS])
        for key, item in below:
            for error in self.read_below(key, item, above.inside(key, brief, beside)):
                found = True
                yield error
        if not errors[0].names_rows():
            yield from (total_of(key, count, above) for key, count in facts.totals)
        is_said = errors != [above.said] or (
            (not is_alone or is_flat(value)) and any(map(has_text, value.values()))
        )
        if is_said and not (found and len(errors) == 1):
            for one in errors:
                yield from self.in_words(above._replace(said=one).error(value))

    def says(self, value: dict[Any, Any]) -> bool:
        """Tell whether an object itself describes an error, rather than have errors under its keys."""
        if any(self.names.row_of_key(str(key)) for key in value):
            return False
        facts = Facts()
        for name, item in value.items():
            key = meaning(str(name))
            if not isinstance(item, dict | bool) and not is_empty(item) and not is_count(key, item):
                if isinstance(item, list) and not (key.property and not key.is_plural):
                    continue
                self.take(key, str(name), item, facts)
        return not facts.are_none()

    def gather(self, value: dict[Any, Any], facts: Facts, *, is_map: bool = False, level: int = 0) -> None:
        """Take what an object says, and what the objects in it do that only hold more of it."""
        is_parser = any(
            meaning(str(name)).name in COLUMNS and is_number(item) for name, item in value.items()
        )
        for name, given in value.items():
            key, item = meaning(str(name)), opened(given)
            if is_empty(item) or key.is_good or key.is_elsewhere or str(name).startswith("@"):
                continue
            if level == 0 and self.names.row_of_key(str(name)):
                facts.below.append((str(name), item))
            elif is_count(key, item):
                facts.totals.append((str(name), item))
            elif isinstance(item, dict):
                self.gather_inside(key, str(name), item, facts, is_map=is_map, level=level)
            elif isinstance(item, list) and (is_map or self.has_errors(key, item)):
                facts.below.append((str(name), item))
            elif not (is_parser and key.place == "line"):
                self.take(key, str(name), item, facts)

    def gather_inside(
        self, key: Key, name: str, item: dict[Any, Any], facts: Facts, *, is_map: bool, level: int
    ) -> None:
        if key.is_echo and self.names.is_record(item):
            facts.records.append(self.names.of_record(key, item))
        elif is_map or level == MAX_HELD or (key.is_wrong and not self.says(item)):
            facts.below.append((name, item))
        else:
            self.gather(item, facts, level=level + 1)
            if name in self.names.properties:
                facts.paths.append(RowError(property=name))

    def has_errors(self, key: Key, items: list[Any]) -> bool:
        """Tell whether the items of a list are errors of their own rather than one more detail."""
        if any(isinstance(item, dict | list) for item in items):
            return key.is_wrong or any(isinstance(item, dict) and self.says(item) for item in items)
        if not key.is_wrong or key.property or key.place or self.names.ids_in(key, texts_of(items)):
            return False
        return key.words in ("", "detail") or (key.is_plural and key.words in ("error", ""))

    def take(self, key: Key, name: str, item: Any, facts: Facts) -> None:
        """Take what a single value, or a list of such, says."""
        texts, names = texts_of(item), self.names
        if not texts or self.take_row(key, item, texts, facts):
            return
        if found := names.property_in(key, item):
            facts.paths.append(found)
        elif key.full in VALUES:
            facts.values.append(texts[0])
        elif key.words and not is_number(item) and name not in names.properties:
            facts.words.setdefault(key.words, "; ".join(texts))
        elif key.code and not isinstance(item, list) and " " not in texts[0]:
            facts.codes.setdefault(key.code, texts[0])
        elif not key.is_id or isinstance(item, list):
            facts.rest.append((name, item))

    def take_row(self, key: Key, item: Any, texts: list[str], facts: Facts) -> bool:
        """Take the places, ids or companies that a value names; tell whether it names any."""
        counts = [to_counts(one) for one in (item if isinstance(item, list) else [item])] if key.place else []
        if counts and all(counts):
            facts.places.setdefault(key.place or "row", [place for some in counts for place in some])
        elif ids := self.names.ids_in(key, texts):
            (facts.own_ids if self.names.is_owner(key) else facts.ids).extend(ids)
        elif companies := self.names.companies_in(key, texts):
            facts.companies += companies
        elif strangers := self.names.strangers_in(key, item):
            facts.strangers += strangers
        else:
            return False
        return True

    def described(self, facts: Facts, said: RowError) -> list[RowError]:
        """Return what the facts say of an error, once for each row that they name."""
        rest = [(key, "; ".join(texts_of(item)), item) for key, item in facts.rest if not only_numbers(item)]
        code, message = facts.code_first(), facts.words_first()
        name = next((path.property for path in facts.paths if path.property), None)
        if not message:
            is_map = facts.are_none() or not (facts.codes or facts.paths or facts.name_rows())
            own = [
                (key, text)
                for key, text, item in rest
                if is_map or isinstance(item, list) or key in self.names.properties
            ]
            if own:
                message = own[0][1] if len(own) == 1 else "; ".join(f"{key}: {text}" for key, text in own)
                name = name or ", ".join(self.names.property_of(key) for key, _ in own)
            elif not code:
                message = next(
                    (text for _, text, _ in rest if " " in text), "; ".join(text for _, text, _ in rest)
                )
        else:
            lists = [key for key, _, item in rest if isinstance(item, list) and key in self.names.properties]
            name = name or (", ".join(lists) if lists else None)
        name = name or said.property
        echo = [(name or "", text) for text in facts.values]
        if facts.words:
            echo += [
                (key, text)
                for key, text, item in rest
                if key in self.names.properties and not isinstance(item, list)
            ]
        echo += [pair for record in facts.records for pair in record.echo]
        echo += [("company_id", company) for company in facts.companies]
        said = said._replace(
            property=name,
            code=code or said.code,
            message=message or said.message or code or "",
            echo=tuple(pair for pair in echo if pair[0]) or said.echo,
        )
        rows = list(dict.fromkeys(self.rows_said(facts)))
        return [
            said._replace(place=row.place, place_kind=row.place_kind, id=row.id, company=row.company)
            for row in rows
        ] or [said]

    def rows_said(self, facts: Facts) -> list[RowError]:
        """Return the rows that the facts name: by number, with an id if there is but one, else by id, or by company."""
        path = next((path for path in facts.paths if path.place is not None or path.id), RowError())
        kind = next((kind for kind in TRUSTED if kind in facts.places), path.place_kind)
        places = (
            facts.places.get(kind, [])
            if kind in facts.places
            else [path.place]
            if path.place is not None
            else []
        )
        ids = facts.own_ids or [record.id for record in facts.records if record.id]
        if not ids and not (
            places and all(map(str.isdecimal, facts.ids))
        ):  # such as the number of the error itself
            ids = facts.ids or ([path.id] if path.id else [])
        if places:
            alone = ids[0] if len(set(ids)) == len(places) == 1 else None
            return [RowError(place, kind, alone) for place in places]
        if ids or facts.strangers:
            return [RowError(id=identity) for identity in ids or facts.strangers]
        companies = facts.companies + [record.company for record in facts.records if record.company]
        return [RowError(company=company) for company in companies]

    def read_below(self, name: str, item: Any, above: Above) -> Iterator[RowError]:
        """Yield the errors under a key: of a row, of rows by place or id, of a property, or of a kind."""
        said, key = above.said, meaning(name)
        row = None if said.names_rows() else self.names.row_of_key(name) or self.guessed(name, key)
        if row is not None:
            if not (isinstance(item, str) and is_fine(item)):
                yield from self.read(item, above._replace(said=said.of(row)), key)
            return
        items, is_property = item if isinstance(item, list) else [item], name in self.names.properties
        texts = texts_of(items)
        if len(texts) == len(items) and not is_property and not said.names_rows():
            facts = Facts()
            self.take(key, name, item, facts)
            if rows := self.rows_said(facts):
                for number, one in enumerate(rows):
                    part = item if number == 0 else one.id or one.company or one.place
                    yield above.error(part, message=said.message or name).of(one)
                return
        is_listed = bool(texts) and all(is_number(one) or one in self.names.ids for one in items)
        if is_listed and not (key.words or key.is_list or VAGUE.fullmatch(key.name)):
            said = said._replace(message=said.message or name)  # the kind of error that these rows have
        is_name = said.names_rows() or len(texts) == len(items)
        if is_property or (is_name and not (key.words or key.is_wrong or key.is_list)):
            said = said._replace(property=self.names.property_of(name))
        yield from self.read(item, above._replace(said=said), key)

    def guessed(self, name: str, key: Key) -> RowError | None:
        """Return the id that a key may be where nobody knows the rows."""
        is_word = (
            key.words or key.code or key.property or key.place or key.is_id or key.is_wrong or key.is_list
        )
        return None if self.names.is_known or is_word else RowError(id=name)


def total_of(key: str, value: Any, above: Above) -> RowError:
    inside = above.inside(key, above.said)
    return inside.error(value, message=f"{key}: {to_text(value)}", total=to_count(value), is_count=True)


def is_flat(value: dict[Any, Any]) -> bool:
    """Tell whether an object has but single values, none of which says that there are no errors."""
    return not any(
        isinstance(item, dict | list) or (meaning(str(key)).is_wrong and not item)
        for key, item in value.items()
    )


def only_numbers(item: object) -> bool:
    return all(map(is_number, item if isinstance(item, list) else [item]))


def is_vague(word: str, code: str) -> bool:
    """Tell whether a code is none: the address of a page, or a status that says but that there is an error."""
    return "://" in code or (
        word in ("status", "kind", "type", "reason", "error") and VAGUE.fullmatch(plain(code)) is not None
    )
