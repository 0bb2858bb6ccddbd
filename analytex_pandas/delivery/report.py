"""What the answers about a job say about each row of its chunk: pure, from the answers and the chunk's records.

Lines are counted from 0 within the chunk. A report names rows by id, by number, by a company, by values that it
repeats, or not at all; an id that stands once in the chunk is believed before a number. Where numbers begin is learnt
from what stands beside them, and from the reports before. What cannot be decided keeps its ``raw`` and no line: it is
not guessed, and rows that it may be about are unknown.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeAlias

from analytex_pandas.service.naming import RowError, Sent
from analytex_pandas.service.row_errors import explained
from analytex_pandas.service.values import to_text
from analytex_pandas.service.wire import Job
from analytex_pandas.settings import ID_NAMES, Kind

LONGEST_REASON: Final = 1_000
"""Characters of what a failed job says that are repeated on each of its rows."""
JOB_FAILED: Final = "job_failed"
"""Code of a row that is refused because its whole job failed."""
FIRST: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys(("row", "line", "key"), (1, 0, 2)),
    "list": (0, 1, 2), "index": (0, 1), "path": (0,), "result": (0,),
}  # fmt: skip
"""What numbers of a kind may call the first row, the usual one first; 2 where the line of a header is counted."""
IDS: Final = -1
"""In the place of the first row: digits of this kind are ids."""
ABSENT: Final = re.compile(
    r"required|missing|blank|empty|absent|\bnull\b|must be (?:present|given|set)|not (?:present|given|provided|set)\b",
    re.IGNORECASE,
)
"""Words of an error on a property that the row does not have."""
ABSENT_KEY: Final = re.compile(r'"[^"]{0,40}(?:missing|required|absent)[^"]{0,40}":', re.IGNORECASE)
MOST_READ: Final = 2_000
"""Characters of an error that are looked through for such a key."""
MOST_HEARD: Final = 100
"""Errors of a kind that are looked at for where its numbers begin."""
BY_CHANCE: Final = 0.34
"""What is as likely or less is proof."""
MOST_ALIKE: Final = 20
"""Rows that a repeated value is compared with."""


@dataclass(frozen=True, slots=True)
class LineError:
    """One row error, on the line of the chunk it is about, where that can be told."""

    line: int | None
    id: str | None
    property: str | None
    code: str | None
    message: str
    raw: str

    def entry(self, positions: Sequence[int], job_id: str | None) -> tuple[object, ...]:
        """Return the error as the journal has it; `positions` are those of the chunk's lines."""
        position = None if self.line is None else positions[self.line]
        return position, self.id, self.property, self.code, self.message, job_id, self.raw


Placed: TypeAlias = "list[tuple[RowError, int | None]]"
"""Errors with the line that each is about, None where that cannot be told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the rows of a chunk; lines are ascending."""

    errors: tuple[LineError, ...] = ()
    """Everything that the service said, and for a failed job one for each of its rows."""
    refused: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    """The lines among which the unknown ones are."""
    unknown: int = 0
    """How many of the doubtful lines nobody answered for."""
    taught: Mapping[str, int] = field(default_factory=dict)
    """Where numbers of each kind were shown to begin, what was known before included."""


class Lines:
    """The records of a chunk, and where in it what a report may name of them stands."""

    def __init__(self, records: Sequence[Mapping[str, Any]], kind: Kind) -> None:
        self.kind: Kind = kind
        self.records = records
        self.names = [hashable(record.get(ID_NAMES[kind])) for record in records]
        counts = Counter(self.names)
        self.line_of = {name: line for line, name in enumerate(self.names) if name and counts[name] == 1}
        self.of_company: dict[str, list[int]] = defaultdict(list)
        for line, record in enumerate(records if kind == "users" else ()):
            self.of_company[hashable(record.get("company_id")) or ""].append(line)
        self.of_company.pop("", None)

    @cached_property
    def values(self) -> dict[str, dict[str, list[int]]]:
        """The lines by property and by value, as text."""
        found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for line, record in enumerate(self.records):
            for name, value in {**record, **metadata_of(record)}.items():
                found[name][to_text(value)].append(line)
        return found

    def sent(self) -> Sent:
        properties = {name for record in self.records for name in metadata_of(record)}
        return Sent(len(self.records), self.kind, set(self.line_of), self.of_company, properties)

    def value(self, line: int, name: str) -> str:
        """Return the value of a property of a record as text, empty if it has none."""
        record = self.records[line]
        return to_text(metadata_of(record).get(name, record.get(name)))

    def alike(self, pairs: Sequence[tuple[str, str]]) -> int | None:
        """Return the one line that has all these values, None if there is none, or several."""
        pairs = [(name, text) for name, text in pairs if name in self.values]
        if not pairs:
            return None
        fewest = min((self.values[name].get(text, []) for name, text in pairs), key=len)
        found = [
            line
            for line in fewest[:MOST_ALIKE]
            if all(self.value(line, *pair[:1]) == pair[1] for pair in pairs)
        ]
        return found[0] if len(found) == 1 and len(fewest) <= MOST_ALIKE else None

    def witness(self, error: RowError) -> frozenset[int] | None:
        """Return the lines that an error can be about, by values it repeats or its property; None if by neither."""
        echo = error.echo if error.company is None else (*error.echo, ("company_id", error.company))
        # Others are not as they were sent.
        pairs = [(name, text) for name, text in echo if text in self.values.get(name, ())]
        if pairs:
            lines = (frozenset(self.values[name].get(text, ())) for name, text in pairs)
            return frozenset.intersection(*lines)
        holders = self.holders.get(error.property or "")
        if not holders or len(holders) == len(self.records):
            return None
        words = f"{error.code} {error.message}".replace("_", " ")
        is_absent = ABSENT.search(words) or ABSENT_KEY.search(error.raw[:MOST_READ])
        return frozenset(range(len(self.records))) - holders if is_absent else holders

    @cached_property
    def holders(self) -> dict[str, frozenset[int]]:
        """The lines that have a property, and not empty."""
        return {
            name: frozenset(line for text, lines in found.items() if text for line in lines)
            for name, found in self.values.items()
        }


def metadata_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a record; a file from elsewhere may hold anything in their place."""
    metadata = record.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def hashable(name: Any) -> Any:
    return name if isinstance(name, str | int) else None


def judge(
    job: Job | None,
    rows: int,
    lines: Callable[[], Lines],
    heard: Sequence[Job] = (),
    taught: Mapping[str, int] | None = None,
) -> Verdict:
    """Return what became of the rows of a chunk whose job ended; None when nobody can tell what became of it.

    `heard` are earlier answers about it, `taught` is what earlier reports have shown of numbers. `lines` is called only
    if it matters.
    """
    taught = taught or {}
    answers = [*heard] if job is None or (heard and heard[-1] is job) else [*heard, job]
    untaken = None if job is None else job.untaken_of(rows)
    if untaken is None and not any(answer.has_report or answer.failed for answer in answers):
        unknown = rows if job is None else min(unanswered(job, (), rows, 0), rows)
        return Verdict(doubtful=tuple(range(rows)) if unknown else (), unknown=unknown, taught=taught)
    chunk = lines()
    sent = chunk.sent()
    said = united(answer.errors_of(sent) for answer in answers)
    if untaken is not None and untaken.total > max((error.total for error in said), default=0):
        said = [*(error for error in said if error.message != untaken.message or error.names_rows()), untaken]
    said, found, taught = located(said, chunk, taught)
    if job is not None and job.failed:
        return replace(whole_failure(said, found, chunk.names), taught=taught)
    refused = {error.line for error in found if error.line is not None}
    left = rows - len(refused)
    nowhere = [error for error, one in zip(said, found, strict=True) if one.line is None]
    unknown = left if job is None else unanswered(job, nowhere, rows, len(refused))
    doubtful = tuple(line for line in range(rows) if line not in refused) if unknown else ()
    return Verdict(found, tuple(sorted(refused)), doubtful, min(unknown, left), taught)


def located(
    said: Sequence[RowError], chunk: Lines, taught: Mapping[str, int]
) -> tuple[list[RowError], tuple[LineError, ...], dict[str, int]]:
    """Return errors, each once for each row, and on the lines that they are about; and what they teach of numbers."""
    first: dict[str | None, int | None] = {}
    known = dict(taught)
    for kind in dict.fromkeys(error.place_kind for error in said if error.place_kind):
        errors = [error for error in said if error.place_kind == kind]
        first[kind], is_proven = first_row(kind, errors, chunk, taught.get(kind))
        if is_proven:
            known[kind] = first[kind] or 0
    placed: Placed = []
    for error in said:
        line = line_meant(error, chunk, first.get(error.place_kind))
        is_company = line is None and error.place is None and error.id is None
        lines: Sequence[int | None] = chunk.of_company.get(error.company or "", ()) if is_company else ()
        placed += [(error, one) for one in lines or [line]]
    placed = explained(placed)
    found = tuple(
        LineError(
            line,
            (None if line is None else chunk.names[line]) or error.id or error.company,
            *(error.property, error.code, error.message, error.raw),
        )
        for error, line in placed
    )
    return [error for error, _ in placed], found, known


def united(answers: Iterable[Sequence[RowError]]) -> list[RowError]:
    """Return what several answers said, what they said alike but once, in the order of the last."""
    found: list[RowError] = []
    for errors in answers:
        there = Counter(error._replace(raw="") for error in errors)
        gone = []
        for error in found:
            bare = error._replace(raw="")
            there[bare] -= 1
            gone += [error] if there[bare] < 0 else []
        found = [*errors, *gone]
    return found


def unanswered(job: Job, nowhere: Sequence[RowError], rows: int, refused: int) -> int:
    """Return how many rows a completed job leaves without an answer, besides those that it refuses.

    ``completed_rows`` may include refused rows or not; both are taken for whole. Errors that lead to no row are about
    at least one each, nobody can tell which; unless as many rows are done as are left without the refused.
    """
    completed, accepted = job.completed_rows, rows - refused
    if completed is not None and completed == accepted < rows:
        return 0
    named = [error for error in nowhere if error.names_rows()]
    names = {(error.place_kind, error.place, error.id, error.company) for error in named}
    remarks = sum(error.more or int(not error.total) for error in nowhere if not error.names_rows())
    most = max((error.total for error in nowhere), default=0)
    return max(shortfall(job, rows, refused), len(names) + remarks, most - refused)


def shortfall(job: Job, rows: int, refused: int) -> int:
    completed, accepted = job.completed_rows, rows - refused
    if completed is None:
        # Some jobs only say how many rows they found in the file, and some of those 0 for any.
        completed = min(job.total_rows or accepted, accepted)
    return max((rows if completed > accepted else accepted) - completed, 0)


def whole_failure(said: Sequence[RowError], found: Sequence[LineError], ids: Sequence[str | None]) -> Verdict:
    """Return the verdict on a job that failed whole: every row is refused, each with a reason."""
    general = [error for error in said if not error.names_rows()]
    named = {error.line for error in found}
    whole: tuple[LineError, ...] = ()
    reasons = " ".join(dict.fromkeys(error.message for error in general if error.message))
    wordless = "without a reason" if named <= {None} else "as a whole, without naming this row"
    raws = [error.raw for error in general]
    reason = LineError(
        None,
        None,
        general[0].property if len(general) == 1 else None,
        next((error.code for error in general if error.code), JOB_FAILED),
        reasons or f"Its job failed{',' if named <= {None} else ''} {wordless}.",
        raws[0] if len(raws) == 1 else f"[{', '.join(raws)}]" if raws else "",
    )
    if len(reason.message) + len(reason.raw) > LONGEST_REASON:
        # It stands on each row, so what is long stands once more, on none.
        whole = (replace(reason, property=None),)
        brief = f"{reason.message[:LONGEST_REASON]}… (the whole of it, {len(general):,} messages, is without a row)"
        reason = replace(reason, property=None, message=brief, raw="")
    rest = tuple(replace(reason, line=line, id=name) for line, name in enumerate(ids) if line not in named)
    # A general reason stands on each row that has none of its own; where all have, it stands alone.
    own = tuple(error for error, one in zip(found, said, strict=True) if one.names_rows() or not rest)
    return Verdict(own + rest + whole, tuple(range(len(ids))))


def line_meant(error: RowError, chunk: Lines, first: int | None) -> int | None:
    """Return the line of an error, where numbers of its kind begin at `first`."""
    by_id = chunk.line_of.get(error.id or "")
    by_place = line_at(error, chunk, first)
    if is_either(error):
        return by_id if first == IDS else by_place
    if by_id is not None or error.place is not None:
        return by_place if by_id is None else by_id
    return chunk.alike(error.echo) if error.id is None and error.company is None else None


def line_at(error: RowError, chunk: Lines, first: int | None) -> int | None:
    if error.place is None or first is None or first == IDS:
        return None
    line = error.place - first
    return line if 0 <= line < len(chunk.records) else None


def is_either(error: RowError) -> bool:
    """Tell whether the row is named by digits that may be meant as its number or as its id."""
    return error.place_kind in ("key", "list") and error.id is not None and error.id == str(error.place)


def first_row(
    kind: str, errors: Sequence[RowError], chunk: Lines, taught: int | None
) -> tuple[int | None, bool]:
    """Return what numbers of a kind call the first row, and whether that is proven; None if it is undecided.

    Proof is an id beside a number, a 0 or the number behind the last, values repeated, and a property that only some
    rows have. Without any, what reports before have shown holds; else what is usual.
    """
    rows, known = len(chunk.records), FIRST[kind]
    if kind in ("key", "list") and (taught == IDS or any(map(is_either, errors))):
        return ids_or_rows(errors, chunk, taught)
    numbers = [error.place or 0 for error in errors]
    lines = [chunk.line_of.get(error.id or "") for error in errors]
    beside = {number - line for number, line in zip(numbers, lines, strict=True) if line is not None}
    if beside:
        return (beside.pop(), True) if len(beside) == 1 else (None, False)
    possible = [first for first in known if first <= min(numbers) and max(numbers) < first + rows]
    if len(known) == 1 or not possible:
        return (known[0] if possible else None), False
    if len(possible) == 1:
        return possible[0], True
    witnesses = [(error, seen) for error in errors[:MOST_HEARD] if (seen := chunk.witness(error)) is not None]
    fitting = [
        first for first in possible if all((error.place or 0) - first in seen for error, seen in witnesses)
    ]
    # How likely it is that they all fit by chance: that many rows have such a property proves nothing.
    is_proven = len(fitting) == 1 and math.prod(len(seen) / rows for _, seen in witnesses) <= BY_CHANCE
    usual = taught if taught in possible else known[0]
    if usual in fitting or is_proven:
        return (usual if usual in fitting else fitting[0]), is_proven
    return None, False


def ids_or_rows(errors: Sequence[RowError], chunk: Lines, taught: int | None) -> tuple[int | None, bool]:
    """Return whether digits are ids, or where numbers begin: ids if all are, and not all are numbers of rows."""
    by_id = [chunk.line_of.get(error.id or "") for error in errors]
    first = FIRST[errors[0].place_kind or "key"][0] if taught in (None, IDS) else taught
    by_place = [line_at(error, chunk, first) for error in errors]
    are_ids, are_rows = None not in by_id, None not in by_place
    if are_rows and (not are_ids or by_id == by_place):
        return first, not are_ids
    if are_ids and (not are_rows or taught == IDS):
        return IDS, taught != IDS
    return (taught, False) if are_rows and taught is not None and taught != IDS else (None, False)
