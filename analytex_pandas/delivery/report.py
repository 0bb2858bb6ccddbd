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
    """What became of the rows of a chunk.

    Attributes
    ----------
    errors : tuple of LineError
        Everything that the service said, and for a failed job one for each of its rows.
    refused : tuple of int
        The lines that were refused, ascending.
    doubtful : tuple of int
        The lines among which the unknown ones are, ascending.
    unknown : int
        How many of the doubtful lines nobody answered for.
    """

    errors: tuple[LineError, ...] = ()
    refused: tuple[int, ...] = ()
    doubtful: tuple[int, ...] = ()
    unknown: int = 0


def judge(job: Job, rows: int, ids: Callable[[], Sequence[str | None]]) -> Verdict:
    """Return what became of the rows of a chunk whose job ended; `ids` is called only if it matters."""
    found = tuple(placed(job.errors, rows, ids())) if job.errors else ()
    if job.failed:
        return whole_failure(job, found, rows, ids())
    refused = {error.line for error in found if error.line is not None}
    unknown = max(shortfall(job, rows, len(refused)), unplaced(job, found, rows, len(refused)))
    doubtful = tuple(line for line in range(rows) if line not in refused) if unknown else ()
    return Verdict(found, tuple(sorted(refused)), doubtful, min(unknown, len(doubtful)))


def all_unknown(rows: int) -> Verdict:
    """Return the verdict on a chunk of which nobody can tell whether it arrived."""
    return Verdict(doubtful=tuple(range(rows)), unknown=rows)


def unplaced(job: Job, found: Sequence[LineError], rows: int, refused: int) -> int:
    """Return how many rows a completed job refuses by names that lead to none of them.

    Each is one of the others, and nobody can tell which; unless as many rows are done as are left without it.
    """
    if job.completed_rows is not None and job.completed_rows == rows - refused < rows:
        return 0
    return len(
        {
            (said.place_kind, said.place, said.id)
            for error, said in zip(found, job.errors, strict=True)
            if error.line is None and names_a_row(said)
        }
    )


def shortfall(job: Job, rows: int, refused: int) -> int:
    """Return how many rows a completed job leaves without an answer.

    ``completed_rows`` may include refused rows or not; both are taken for whole.
    """
    completed = job.completed_rows
    if completed is None:
        # Some jobs only say how many rows they found in the file.
        completed = job.total_rows or None
        if completed is None or completed >= rows - refused:
            return 0
    accepted = rows - refused
    if completed in (rows, accepted):
        return 0
    return max((rows if completed > accepted else accepted) - completed, 0)


def whole_failure(job: Job, found: Sequence[LineError], rows: int, ids: Sequence[str | None]) -> Verdict:
    """Return the verdict on a job that failed whole: every row is refused, each with a reason."""
    general = [error for error, said in zip(found, job.errors, strict=True) if not names_a_row(said)]
    named = {error.line for error in found if error.line is not None}
    reason = " ".join(dict.fromkeys(error.message for error in general if error.message))
    raw = general[0].raw if len(general) == 1 else f"[{', '.join(error.raw for error in general)}]"
    code = next((error.code for error in general if error.code), JOB_FAILED)
    wordless = (
        "Its job failed as a whole, without naming this row."
        if named
        else "Its job failed, without a reason."
    )
    rest = tuple(
        LineError(
            line=line,
            id=ids[line],
            property=general[0].property if len(general) == 1 else None,
            code=code,
            message=reason or wordless,
            raw=raw if general else "",
        )
        for line in range(rows)
        if line not in named
    )
    # A general reason stands on each row that has none of its own; where all have, it stands alone.
    kept = tuple(
        error for error, said in zip(found, job.errors, strict=True) if names_a_row(said) or not rest
    )
    return Verdict(kept + rest, tuple(range(rows)))


def names_a_row(error: RowError) -> bool:
    """Tell whether a report means one row, though perhaps none that can be found."""
    return error.place is not None or error.id is not None


def placed(errors: Sequence[RowError], rows: int, ids: Sequence[str | None]) -> list[LineError]:
    counts = Counter(ids)
    line_of = {name: line for line, name in enumerate(ids) if name is not None and counts[name] == 1}
    first = first_row(errors, rows, line_of)
    believed = keys_are(errors, rows, line_of, first)
    return [
        LineError(
            line=line,
            id=ids[line] if line is not None and ids[line] is not None else error.id,
            property=error.property,
            code=error.code,
            message=error.message,
            raw=error.raw,
        )
        for error in errors
        for line in (line_named(error, rows, line_of, first, believed),)
    ]


def line_named(
    error: RowError, rows: int, line_of: Mapping[str, int], first: int | None, believed: str
) -> int | None:
    by_id = line_of.get(error.id) if error.id is not None else None
    by_place = line_at(error, rows, first)
    if not is_key(error):
        return by_place if by_id is None else by_id
    if believed == "ids":
        return by_id
    if believed == "rows" or by_id == by_place:
        return by_place
    return None


def line_at(error: RowError, rows: int, first: int | None) -> int | None:
    """Return the line that an error's number means, or None when it has none in range."""
    start = {"line": 1, "index": 0}.get(error.place_kind or "", first)
    if error.place is None or start is None:
        return None
    line = error.place - start
    return line if 0 <= line < rows else None


def is_key(error: RowError) -> bool:
    """Tell whether the row is named by one key of digits, which may be meant as a row number or as an id."""
    return error.place_kind == "row" and error.id is not None and error.id == str(error.place)


def first_row(errors: Sequence[RowError], rows: int, line_of: Mapping[str, int]) -> int | None:
    """Return the number that the report gives the first row, 1 unless it shows 0, None if it shows both."""
    numbered = [error for error in errors if error.place_kind == "row" and error.place is not None]
    shown = set()
    for error in numbered:
        if error.place == 0:
            shown.add(0)
        if error.place == rows:
            shown.add(1)
        line = None if is_key(error) else line_of.get(error.id or "")
        if line is not None and error.place is not None and error.place - line in (0, 1):
            shown.add(error.place - line)
    if len(shown) > 1:
        return None
    return shown.pop() if shown else 1


def keys_are(errors: Sequence[RowError], rows: int, line_of: Mapping[str, int], first: int | None) -> str:
    """Return what the digits are that a report uses as keys: ``"ids"``, ``"rows"``, or ``"either"``."""
    keys = [error for error in errors if is_key(error)]
    could_be_ids = all(error.id in line_of for error in keys)
    could_be_rows = all(line_at(error, rows, first) is not None for error in keys)
    if could_be_ids and not could_be_rows:
        return "ids"
    if could_be_rows and not could_be_ids:
        return "rows"
    return "either"
