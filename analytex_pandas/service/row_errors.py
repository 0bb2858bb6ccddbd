"""What a job reports about its rows, in whatever shape, as one flat tuple of errors.

The shape is documented nowhere, so it is read by rules, in this order:

1. Keys are compared by letters and digits, in the singular, in four vocabularies: place, id, property, code and words.
2. A list has an error in each item; where it has one result for each row, only in those that are none of a good row.
3. An object that says something itself is one error, with the objects in it as details of it. Any other is a map: its
   keys name rows, properties or kinds of errors, and there is an error under each.
4. What an object says holds for the errors below it. Rows listed again beside these are said already.
5. Numbers and ids stand in values, keys and paths, and at the head of a text (``naming``), never in the middle of
   prose.
6. A table, lines of CSV or lists by row or by column, is read as the objects that its rows are.
7. Counts and reasons beside errors are errors without a row, unless the others account for them. What else stands
   there is looked through for results and errors. What is none of this is kept as it was sent.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from analytex_pandas.service.facts import Facts
from analytex_pandas.service.keys import (
    CONSTANT,
    LISTS,
    MARKS,
    NAMED,
    OF_ERRORS,
    VAGUE,
    Key,
    has_text,
    holds_refusals,
    is_alarm,
    is_count,
    is_fine,
    is_number,
    is_refusal,
    is_unwritten,
    keyed,
    mark_of,
    meaning,
    opened,
    texts_of,
    with_marks,
)
from analytex_pandas.service.naming import MAX_READ_CHARACTERS, Names, RowError, Sent, pieces_of
from analytex_pandas.service.values import to_count, to_json, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from analytex_pandas.service.naming import PlaceKind

NOTHING: Final = Sent()
NO_ROWS: Final = set[RowError]()
NO_REASONS: Final = frozenset({"errors", "links", "status", "type", "filename"})
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
    is_long: bool = False
    """Whether what stands around is too long to be repeated."""

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

        return Above(said, self.depth + 1, around, is_long)

    def error(self, value: object, **said: Any) -> RowError:
        return self.said._replace(raw=to_json(self.around(value)), **said)


class Reader:
    """Reads a report on rows of which some things are known."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.names = Names(sent)

    def read(self, value: object, above: Above, key: Key) -> Iterator[RowError]:
        """Yield the errors of a value that stands under a key."""
        value = opened(value)
        if above.depth > MAX_DEPTH:
            yield above.error(value, message=to_text(value))
        elif isinstance(value, list | dict) and self.is_undecided(value):
            yield above.error(value, message="Which of these rows were taken is not said.", total=len(value))
        elif isinstance(value, list):
            yield from self.read_list(value, above, key)
        elif isinstance(value, dict):
            found = self.read_object(value, above, is_alone=True)
            yield from found if above.said.names_rows() else (self.in_request(error, key) for error in found)
        elif isinstance(value, str):
            yield from self.read_text(value, above, key)
        elif value:
            words = above.said.message or ("" if value is True else to_text(value))
            total = 0 if above.said.names_rows() or not is_number(value) else to_count(value) or 0
            yield above.error(value, message=words, total=total)

    def in_request(self, error: RowError, key: Key) -> RowError:
        """Return an error with the digits that it is under as what they are below ``users``, or ``companies``.

        The one is a place in what was sent, unless it may be an id.
        """
        if error.place_kind != "key" or error.id is not None:
            return error
        if key.full == self.sent.kind:
            return error._replace(place_kind="path")
        is_company = key.name == "company" and str(error.place) in self.names.companies
        return error.on(RowError(company=str(error.place))) if is_company else error

    def read_list(self, items: list[object], above: Above, key: Key) -> Iterator[RowError]:
        is_named = above.said.names_rows()
        is_result = not is_named and self.are_results(items)
        texts = texts_of(items)
        are_numbers = len(texts) == len(items) and all(
            one.isdecimal() or one in self.names.ids for one in texts
        )
        above = above._replace(depth=above.depth + 1)  # the brackets say nothing, and are not in `raw`
        for place, item in enumerate(map(opened, items)):
            below = above
            if is_result:
                if not is_refusal(item):
                    continue
                below = above._replace(said=above.said._replace(place=place, place_kind="result"))
            if isinstance(item, dict) and not self.is_undecided(item):
                yield from self.read_object(item, below)
            elif is_number(item) and not below.said.names_rows() and are_numbers:
                yield below.error(item, message=below.said.message or to_text(item)).of(
                    self.row_of(item, key)
                )
            elif isinstance(item, list) and not below.said.names_rows() and (pair := self.of_pair(item)):
                row, said = pair
                below = below._replace(said=below.said.of(row))
                yield from (one._replace(raw=below.error(item).raw) for one in self.read_object(said, below))
            else:
                yield from self.read(item, below, key)

    def are_results(self, items: list[object]) -> bool:
        """Tell whether a list has one result for each row: some are good, or all have the mark of one."""
        if not items or len(items) != self.sent.rows:
            return False
        refused = [is_refusal(item) for item in items]
        return any(refused) and (not all(refused) or all(mark_of(item) is not None for item in items))

    def is_undecided(self, value: dict[Any, Any] | list[Any]) -> bool:
        """Tell whether rows are but true or false: true may be an error, or success."""
        items = value if isinstance(value, list) else [*value.values()]
        is_mixed = all(isinstance(item, bool) for item in items) and len(set(items)) > 1
        return is_mixed and (value is items or all(self.names.row_of_key(str(name)) for name in value))

    def of_pair(self, item: list[Any]) -> tuple[RowError, dict[Any, Any]] | None:
        """Return what a list of single values says: of a row, an id or both, perhaps a property, and words."""
        ids = [one for one in item if to_text(one) in self.names.ids]
        words = [one for one in item if isinstance(one, str) and one not in ids and not one.isdecimal()]
        if not words or len(texts_of(item)) != len(item) or not (ids or is_number(item[0])):
            return None
        row = self.row_of(item[0], meaning("")) if is_number(item[0]) else RowError()
        row = row._replace(id=to_text(ids[0])) if ids else row
        name = next((one for one in words[:-1] if one in self.names.properties), None)
        return row, {"property": name, "message": words[-1]}

    def row_of(self, value: object, key: Key) -> RowError:
        """Return the row that a bare number means, by its place or by its id."""
        text, place = to_text(value), to_count(value)
        if key.place is None and text in self.names.ids and (key.is_id or key.owner):
            return RowError(id=text)
        kind: PlaceKind | None = None if place is None else key.place or "list"
        return RowError(place, kind, text if key.place is None and text in self.names.ids else None)

    def read_text(self, sent: str, above: Above, key: Key) -> Iterator[RowError]:
        """Yield the errors of a text: one for each row, or line, that it names."""
        text, row = to_text(sent), None
        if not above.said.names_rows():
            if not text or is_fine(text):
                return
            if text.isdecimal():
                row = self.row_of(text, key)
            elif text in self.names.ids or text in self.names.companies:
                row = RowError(id=text) if text in self.names.ids else RowError(company=text)
        if row is not None:
            yield above.error(sent, message=above.said.message or text).of(row)
        else:
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
        if mark_of(value) is True and not any(self.names.row_of_key(str(name)) for name in value):
            return
        facts = Facts(self.names).gather(value, is_alone=is_alone)
        parts = [pair for pair in facts.rest if is_alone and facts.are_none() and not is_number(pair[1])]
        errors = [above.said] if parts or (is_alone and facts.are_none()) else facts.described(above.said)
        # Bare rows come last: they may repeat those of the errors beside them.
        below = sorted([*facts.below, *parts], key=lists_places)
        found, told = set[RowError](), 0
        if below:
            keys = {key for key, _ in below}
            beside = {key: item for key, item in value.items() if str(key) not in keys}
            code, message = errors[0].code, errors[0].message[:MAX_AROUND_CHARACTERS]
            brief = (errors[0] if len(errors) == 1 else above.said)._replace(code=code, message=message)
        for key, item in below:
            if found and isinstance(item, str) and meaning(key).property and key not in self.names.properties:
                continue  # {"issues": […], "name": "ZodError"}
            said = {row for row in found if row.names_rows()} if lists_places((key, item)) else NO_ROWS
            around = above.inside(key, brief, beside)
            beside = {} if around.is_long else beside
            for error in self.read_below(key, item, around):
                if (row := RowError().on(error)) not in said:
                    found.add(row)
                    told += 1
                    yield error
        listed = told or (len(errors) if errors != [above.said] else 0)
        yield from totals_of(facts, above, listed, is_row=errors[0].names_rows())
        # Else it is a map, or counts, or says that there are none.
        is_one = not is_alone or (facts.is_flat and (above.said.names_rows() or not facts.totals))
        is_said = errors != [above.said] or (
            is_one
            and any(has_text(item) and not (is_fine(item) or key.is_good) for key, item in keyed(value))
        )
        is_mark = not (below or facts.totals) and mark_of(value) is False  # {"success": false}
        for one in errors if is_said or is_mark else ():
            # What is said of a row is said by the errors below, if these are on the same row.
            if not found or (one.names_rows() and RowError().on(one) not in found):
                marks = [f"{name}: {to_text(mark)}" for name, mark in value.items() if is_mark]
                marked = one._replace(message=one.message or "; ".join(marks))
                yield from self.in_words(above._replace(said=marked).error(value))

    def read_below(self, name: str, item: Any, above: Above) -> Iterator[RowError]:
        """Yield the errors under a key: of a row, of rows by place or id, of a property, or of a kind."""
        said, key, names = above.said, meaning(name), self.names
        row = None if said.names_rows() else names.row_of_key(name) or self.guessed(name, key)
        if row is not None:
            if not is_fine(item):
                yield from self.read(item, above._replace(said=said.of(row)), key)
            return
        texts, is_property = texts_of(item), name in names.properties
        is_flat_list = len(texts) == (len(item) if isinstance(item, list) else 1)
        # A list of ids names rows of its own, whatever row is named around it.
        are_ids = isinstance(item, list) and bool(key.owner)
        if is_flat_list and not is_property and (are_ids or not said.names_rows()):
            facts = Facts(names)
            facts.take_rows(key, item)
            if rows := facts.rows():
                for number, one in enumerate(rows):
                    part = item if number == 0 else one.id or one.company or one.place
                    words = name if said.names_rows() else said.message or name
                    yield above.error(part, message=words).of(one)
                return
        are_rows = is_flat_list and all(text.isdecimal() or text in names.ids for text in texts)
        if are_rows and not (key.words or key.name in LISTS or VAGUE.fullmatch(key.name)):
            said = said._replace(message=said.message or name)  # the kind of error that these rows have
        if CONSTANT.fullmatch(name):
            said = said._replace(code=said.code or name)
        is_name = said.names_rows() or (is_flat_list and not any("://" in text for text in texts))
        if is_property or (is_name and not (key.words or key.is_wrong or key.name in LISTS)):
            said = said._replace(property=names.property_of(name))
        yield from self.read(item, above._replace(said=said), key)

    def guessed(self, name: str, key: Key) -> RowError | None:
        """Return the id that a key may be where nobody knows the rows."""
        is_word = any(
            (key.words, key.code, key.property, key.place, key.is_id, key.is_wrong, key.name in LISTS)
        )
        return None if self.names.is_known or is_word else RowError(id=name)

    def read_job(self, job: Mapping[str, object], *, failed: bool) -> Iterator[RowError]:
        if (errors := job.get("errors")) is not True:  # {"errors": true, "items": […]} counts
            yield from self.read(errors, Above(), meaning(""))
        beside = {name: item for name, item in job.items() if name not in NO_REASONS or item is True}
        yield from self.read_beside(beside, Above(), failed=failed)

    def read_part(self, item: dict[Any, Any] | list[Any], above: Above, key: Key) -> Iterator[RowError]:
        is_map = isinstance(item, list) or any(self.names.row_of_key(str(name)) for name in item)
        if key.is_wrong or key.name in LISTS or (is_map and holds_refusals(item)):
            yield from self.read(item, above, key)
        elif isinstance(item, dict) and above.depth < MAX_DEPTH:
            yield from self.read_beside({str(name): part for name, part in item.items()}, above)
        else:
            yield from self.read([text for text in texts_of(item) if is_alarm(text)], above, key)

    def read_beside(
        self, values: Mapping[str, object], above: Above, *, failed: bool = False
    ) -> Iterator[RowError]:
        """Yield what is wrong of what stands beside errors: most of it says nothing of errors."""
        reasons: dict[str, object] = {}
        for name, item in values.items():
            key, below = meaning(name), above.inside(name, RowError())
            if item is False and key.full in MARKS:
                yield below.error(item, message=f"{name}: false")
            if not item or key.full.startswith("warn") or (NAMED.search(key.full) and not key.is_wrong):
                continue
            if isinstance(item, dict | list):
                yield from self.read_part(with_marks(key, item, self.sent.rows), below, key)
            elif item is True or is_count(key, item):
                # "has_errors": true; most that is true is no error
                yield from [total_of(name, item, above)] if key.is_wrong or is_unwritten(key) else []
            elif "://" in (text := to_text(item)):
                yield from (
                    [below.error(item, message=f"{name}: {text}")]
                    if key.is_wrong or "report" in key.name
                    else []
                )
            elif is_alarm(text) or ((failed or key.is_wrong) and (key.words or key.code)):
                reasons[name] = item
        if reasons:
            found = self.read_object(reasons, above)
            yield from (one._replace(property=None) if one.property in reasons else one for one in found)


def lists_places(pair: tuple[str, object]) -> bool:
    name, item = pair
    return (
        isinstance(item, list)
        and meaning(name).place is not None
        and not any(isinstance(one, dict) for one in item)
    )


def totals_of(facts: Facts, above: Above, listed: int, *, is_row: bool) -> Iterator[RowError]:
    """Yield what an object counts, beyond as many errors as it lists; of one row, not how many errors that has."""
    for name, value in facts.totals:
        error, left = total_of(name, value, above), (to_count(value) or 0) - listed
        if error.more or (meaning(name).is_wrong and not is_row):
            yield error
        elif left > 0 and not meaning(name).is_wrong:
            yield error._replace(more=left, total=0, counts="")


def total_of(name: str, value: Any, above: Above) -> RowError:
    """Return the error that a count is, which the errors listed beside it may account for."""
    key = meaning(name)
    error = above.inside(name, above.said).error(value, message=f"{name}: {to_text(value)}")
    if value is True and is_unwritten(key):
        return error._replace(more=1)
    counts: Literal["rows", "errors"] = "errors" if value is True or OF_ERRORS.search(key.full) else "rows"
    return error._replace(total=to_count(value) or 1, counts=counts)


def parse_errors(value: object, sent: Sent = NOTHING) -> tuple[RowError, ...]:
    """Read the ``errors`` of a job, whatever their shape, in the order of the report; empty only if the report is."""
    return told(bounded(lambda: Reader(sent).read(value, Above(), meaning("")), value), sent)


def parse_report(job: Mapping[str, object], *, failed: bool, sent: Sent = NOTHING) -> tuple[RowError, ...]:
    """Read all that a job says of errors: its ``errors``, and reasons, counts and reports beside them."""
    return told(bounded(lambda: Reader(sent).read_job(job, failed=failed), job.get("errors")), sent)


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
    return tuple(found)


def told(found: tuple[RowError, ...], sent: Sent) -> tuple[RowError, ...]:
    """Return errors without the counts that they account for; who knows the rows can tell that better."""
    if sent.ids is not None:
        return found
    named = [(error, RowError().on(error) if error.names_rows() else None) for error in found]
    return tuple(error for error, _ in explained(named))


Row = TypeVar("Row")


def explained(placed: Sequence[tuple[RowError, Row | None]]) -> list[tuple[RowError, Row | None]]:
    """Return errors, and the row of each, without the counts, ``"failed_rows": 12``, that the others account for."""
    own = [row for error, row in placed if not error.counts]
    rows = len({row for _, row in placed} - {None}) + own.count(None)
    known = {"rows": rows, "errors": max(rows, len(own))}
    untold = [error.total for error, _ in placed if error.total > known.get(error.counts, error.total)]
    return [pair for pair in placed if not pair[0].counts or (untold and pair[0].total >= max(untold))]
