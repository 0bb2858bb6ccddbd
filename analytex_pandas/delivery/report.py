"""What a job that ended says about each row of its chunk: pure, from the job and the chunk's ids.

Lines are counted from 0 within the chunk. A report names rows by id, by number, or not at all; an id that
stands once in the chunk is believed before a number. What cannot be decided keeps its ``raw`` and no line: it
is not guessed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from analytex_pandas.service.row_errors import RowError
    from analytex_pandas.service.wire import Job

LONGEST_REASON: Final = 1_000
"""Characters of what a failed job says that are repeated on each of its rows."""
JOB_FAILED: Final = "job_failed"
"""Code of a row that is refused because its whole job failed."""


@dataclass(frozen=True, slots=True)
class LineError:
    """One row error, on the line of the chunk it is about, where that can be told."""

    line: int | None
    id: str | None
    property: str | None
    code: str | None
    message: str
    raw: str


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


def judge(job: Job | None, rows: int, ids: Callable[[], Sequence[str | None]]) -> Verdict:
    """Return what became of the rows of a chunk whose job ended; None when nobody can tell what became of it.

    `ids` is called only if it matters.
    """
    if job is None:
        return Verdict(doubtful=tuple(range(rows)), unknown=rows)
    names = ids() if job.errors or job.failed else ()
    lines = lines_meant(job.errors, rows, names)
    found = tuple(
        LineError(
            line,
            (None if line is None else names[line]) or said.id,
            *(said.property, said.code, said.message, said.raw),
        )
        for line, said in zip(lines, job.errors, strict=True)
    )
    if job.failed:
        return whole_failure(job.errors, found, names)
    refused = {line for line in lines if line is not None}
    unknown = max(shortfall(job, rows, len(refused)), unplaced(job, lines, rows, len(refused)))
    doubtful = tuple(line for line in range(rows) if line not in refused) if unknown else ()
    return Verdict(found, tuple(sorted(refused)), doubtful, min(unknown, len(doubtful)))


def unplaced(job: Job, lines: Sequence[int | None], rows: int, refused: int) -> int:
    """Return how many rows a completed job refuses by names that lead to none of them.

    Each is one of the others, and nobody can tell which; unless as many rows are done as are left without it.
    """
    if job.completed_rows is not None and job.completed_rows == rows - refused < rows:
        return 0
    nowhere = (said for line, said in zip(lines, job.errors, strict=True) if line is None)
    return len({(said.place_kind, said.place, said.id) for said in nowhere if names_a_row(said)})


def shortfall(job: Job, rows: int, refused: int) -> int:
    """Return how many rows a completed job leaves without an answer.

    ``completed_rows`` may include refused rows or not; both are taken for whole.
    """
    completed, accepted = job.completed_rows, rows - refused
    if completed is None:
        # Some jobs only say how many rows they found in the file, and some of those 0 for any.
        completed = min(job.total_rows or accepted, accepted)
    if completed in (rows, accepted):
        return 0
    return max((rows if completed > accepted else accepted) - completed, 0)


def whole_failure(said: Sequence[RowError], found: Sequence[LineError], ids: Sequence[str | None]) -> Verdict:
    """Return the verdict on a job that failed whole: every row is refused, each with a reason."""
    general = [error for error in said if not names_a_row(error)]
    alone = general[0] if len(general) == 1 else None
    named = {error.line for error in found}
    wordless = (
        "Its job failed, without a reason."
        if named <= {None}
        else "Its job failed as a whole, without naming this row."
    )
    message = " ".join(dict.fromkeys(error.message for error in general if error.message)) or wordless
    code = next((error.code for error in general if error.code), JOB_FAILED)
    raws = f"[{', '.join(error.raw for error in general)}]" if general else ""
    # It stands on each row, so what is long stands once more, on none.
    is_long = len(message) + len(raws) > LONGEST_REASON
    whole = (LineError(None, None, None, code, message, raws),) if is_long else ()
    if is_long:
        message, raws = (
            f"{message[:LONGEST_REASON]}… (the whole of it, {len(general):,} messages, is without a row)",
            "",
        )
        alone = None
    rest = tuple(
        LineError(line, name, alone.property if alone else None, code, message, alone.raw if alone else raws)
        for line, name in enumerate(ids)
        if line not in named
    )
    # A general reason stands on each row that has none of its own; where all have, it stands alone.
    own = tuple(error for error, one in zip(found, said, strict=True) if names_a_row(one) or not rest)
    return Verdict(own + rest + whole, tuple(range(len(ids))))


def names_a_row(error: RowError) -> bool:
    """Tell whether a report means one row, though perhaps none that can be found."""
    return error.place is not None or error.id is not None


def lines_meant(errors: Sequence[RowError], rows: int, ids: Sequence[str | None]) -> list[int | None]:
    """Return the line that each error is about, None where that cannot be told."""
    counts = Counter(ids)
    line_of = {name: line for line, name in enumerate(ids) if name and counts[name] == 1}
    first = first_row(errors, rows, line_of)
    found = [(error, line_of.get(error.id or ""), line_at(error, rows, first)) for error in errors]
    # Digits as keys are ids where all of them are ids and not all are numbers of rows, and the other way round.
    could_be_ids = all(by_id is not None for error, by_id, _ in found if is_key(error))
    could_be_rows = all(by_place is not None for error, _, by_place in found if is_key(error))
    lines = []
    for error, by_id, by_place in found:
        if not is_key(error):
            lines.append(by_place if by_id is None else by_id)
        elif could_be_ids != could_be_rows:
            lines.append(by_id if could_be_ids else by_place)
        else:
            lines.append(by_id if by_id == by_place else None)
    return lines


def line_at(error: RowError, rows: int, first: int | None) -> int | None:
    """Return the line that an error's number means, or None when it has none in range."""
    start = {"line": 1, "index": 0}.get(error.place_kind or "", first)
    if error.place is None or start is None:
        return None
    return error.place - start if 0 <= error.place - start < rows else None


def is_key(error: RowError) -> bool:
    """Tell whether the row is named by one key of digits, which may be meant as a row number or as an id."""
    return error.place_kind == "row" and error.id is not None and error.id == str(error.place)


def first_row(errors: Sequence[RowError], rows: int, line_of: Mapping[str, int]) -> int | None:
    """Return the number that the report gives the first row, 1 unless it shows 0, None if it shows both."""
    placed = [
        (error.place, None if is_key(error) else line_of.get(error.id or ""))
        for error in errors
        if error.place_kind == "row" and error.place is not None
    ]
    shown = {place - line for place, line in placed if line is not None} & {0, 1}
    shown |= {first for place, _ in placed for first, at in ((0, 0), (1, rows)) if place == at}
    return None if len(shown) > 1 else min(shown, default=1)
