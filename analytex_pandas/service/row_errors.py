"""What a job reports about its rows, in whatever shape, as one flat tuple of errors.

The shape is not documented, so it is read by rules. An object in a list is one error; an object whose keys name rows,
properties or kinds of error has an error for each; what an object says of itself holds for the errors in it. Where one
result a row is listed, good ones are none. Numbers and ids are read from keys, values, paths and the heads of texts
(see ``naming``), never from the middle of prose. What is none of this is kept as it was sent.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from analytex_pandas.service.facts import Facts, is_flat, lists_rows, says
from analytex_pandas.service.keys import (
    ALARM,
    CONSTANT,
    VAGUE,
    Key,
    has_text,
    is_count,
    is_fine,
    is_good,
    is_number,
    is_refusal,
    mark_of,
    meaning,
    opened,
    texts_of,
)
from analytex_pandas.service.naming import MAX_READ_CHARACTERS, Names, RowError, Sent, pieces_of
from analytex_pandas.service.values import to_count, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from analytex_pandas.service.keys import PlaceKind

NOTHING: Final = Sent()
NO_REASONS: Final = frozenset({"errors", "links", "status", "type"})
"""Keys of a job beside which there is nothing to read, or which are read by themselves."""
MAX_AROUND_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 20
"""Levels that are read apart; anything deeper is kept whole in the ``raw`` of one error."""
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
        more = sum(1 for _ in islice(errors, MAX_ERRORS))  # as many are counted as are kept
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
            if not item or name in NO_REASONS or (item is True and not key.is_wrong):
                continue
            if isinstance(item, dict | list) and (key.is_wrong or key.is_list):
                yield from self.read(item, above, key)
            elif isinstance(item, dict):
                counts = [(inner, count) for inner, count in item.items() if is_count(meaning(inner), count)]
                yield from (total_of(inner, count, above) for inner, count in counts)
            elif item is True or is_count(key, item):  # "has_errors": true
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
            elif (one := self.of_tuple(item, below)) is not None:
                yield one
            else:
                yield from self.read(item, below, key)

    def of_tuple(self, item: object, above: Above) -> RowError | None:
        """Return the error that a list of single values is: a row or an id, perhaps a property, and words."""
        values: list[Any] = item if isinstance(item, list) else []
        if len(values) < 2 or len(texts_of(values)) != len(values) or above.said.names_rows():  # noqa: PLR2004  # else it says one thing
            return None
        first, *more, message = values
        if (
            is_number(message)
            or not (is_number(first) or first in self.names.ids)
            or message in self.names.ids
        ):
            return None
        name = next((one for one in more if one in self.names.properties), above.said.property)
        row = self.row_of(first, meaning("")) if is_number(first) else RowError(id=first)
        return above.error(item, message=message, property=name).of(row)

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
        is_map = (is_alone or lists_rows(value, self.names)) and not says(value, self.names)
        facts = Facts(self.names)
        facts.gather(value, is_map=is_map)
        parts = [
            (key, item) for key, item in facts.rest if is_alone and facts.are_none() and not is_number(item)
        ]
        errors = [above.said] if parts or (is_alone and facts.are_none()) else facts.described(above.said)
        below = [*facts.below, *parts]
        found: set[RowError] = set()
        keys = {key for key, _ in below}
        beside = {key: item for key, item in value.items() if str(key) not in keys} if below else {}
        brief = (
            errors[0]
            if len(errors) == 1
            else above.said._replace(code=errors[0].code, message=errors[0].message)
        )
        brief = brief._replace(message=brief.message[:MAX_AROUND_CHARACTERS])
        for key, item in below:
            if found and isinstance(item, str) and meaning(key).property and key not in self.names.properties:
                continue  # {"issues": […], "name": "ZodError"}
            for error in self.read_below(key, item, above.inside(key, brief, beside)):
                found.add(RowError().on(error))
                yield error
        if not errors[0].names_rows():
            yield from (total_of(key, count, above) for key, count in facts.totals)
        is_said = errors != [above.said] or (
            (not is_alone or is_flat(value)) and any(map(has_text, value.values()))
        )
        for one in errors if is_said else ():
            # What is said of a row is said by the errors below, if these are on the same row.
            if not found or (one.names_rows() and RowError().on(one) not in found):
                yield from self.in_words(above._replace(said=one).error(value))

    def read_below(self, name: str, item: Any, above: Above) -> Iterator[RowError]:
        """Yield the errors under a key: of a row, of rows by place or id, of a property, or of a kind."""
        said, key = above.said, meaning(name)
        row = None if said.names_rows() else self.names.row_of_key(name) or self.guessed(name, key)
        if row is not None:
            if not is_good(item):
                yield from self.read(item, above._replace(said=said.of(row)), key)
            return
        items, is_property = item if isinstance(item, list) else [item], name in self.names.properties
        texts = texts_of(items)
        is_flat_list = len(texts) == len(items)
        if is_flat_list and not is_property and not (said.names_rows() and not self.names.is_owner(key)):
            facts = Facts(self.names)
            facts.take_rows(key, item)
            if rows := facts.rows():
                for number, one in enumerate(rows):
                    part = item if number == 0 else one.id or one.company or one.place
                    yield above.error(part, message=said.message or name).of(one)
                return
        is_listed = is_flat_list and all(is_number(one) or one in self.names.ids for one in items)
        if is_listed and not (key.words or key.is_list or VAGUE.fullmatch(key.name)):
            said = said._replace(message=said.message or name)  # the kind of error that these rows have
        if CONSTANT.fullmatch(name):
            said = said._replace(code=said.code or name)
        is_name = said.names_rows() or (is_flat_list and not any("://" in text for text in texts))
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
    return inside.error(value, message=f"{key}: {to_text(value)}", total=to_count(value) or 1, is_count=True)
