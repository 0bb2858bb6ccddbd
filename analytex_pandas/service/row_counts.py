"""What a completed job says of how many rows were taken, beside its errors: in counts, shares or words.

Rows that these leave out were refused or not dealt with, and nobody says which. While a job runs, such numbers are its
progress: only the last answer is read for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analytex_pandas.service.keys import NAMED, Key, keyed
from analytex_pandas.service.naming import RowError
from analytex_pandas.service.values import NUMBER, to_count, to_json, to_seconds, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_DEPTH: Final = 3
MAX_READ: Final = 2_000
"""Characters of a text in which numbers of rows are looked for."""
ROWS: Final = r"(?:rows?|records?|items?|users?|companies|compan(?:y|ie)|profiles?|contacts?|entries|lines?)"
SUCCESS: Final = r"(?:success(?:ful|fully|es)?|succeeded)"
TAKEN: Final = re.compile(
    rf"(?P<before>num(?:berof)?|n|total)?{ROWS}?(?:{SUCCESS}|accepted|ok)(?P<after>count|total|(?:user|companie)?id|{ROWS})?s?"
)
"""The key of how many rows were taken; those ``updated`` or ``imported`` may be some of them."""
OTHERS: Final = re.compile(
    r"(?:unchanged|unmodified|noop|updated|created|upserted|inserted|imported)(?:count|total|row|record|user)?s?"
)
SHARE: Final = re.compile(
    rf"(?:row|record)?s?(?:(?P<good>{SUCCESS})|errors?|failures?|failed|reject(?:ed|ion))"
    r"(?:rate|ratio|share|(?P<percent>percent(?:age)?|pct))"
)
ASKED: Final = re.compile(r"option|setting|config|param|request")
"""In the key of what the user chose, which says nothing of what came of it."""
VERB: Final = (
    rf"(?:{SUCCESS}|updated|created|upserted|inserted|imported|accepted|processed|applied|saved|loaded)"
)
SAID: Final = re.compile(
    rf"(?:(?P<verb>\b{VERB}\s(?:only\s)?)|(?P<head>\A\W{{0,3}}(?:only\s)?)|\b)"
    rf"(?P<taken>{NUMBER})(?P<noun>\s{ROWS})?\s?(?:/|(?:out\s)?of(?:\s(?:the|all))?)\s?(?P<all>{NUMBER})\b"
    rf"(?(verb)|(?(head)(?:\s{ROWS})?|(?(noun)|\s{ROWS}))(?:\s(?:were|was|are|have|has|been|could|be|got)){{0,3}}"
    rf"\s{VERB}\b)",
    re.IGNORECASE,
)
"""``Imported 10 of 12 rows``, ``10/12 users were updated``; not the parts of a job, ``Batch 1 of 12 processed``."""
SAME: Final = re.compile(r"unchanged|already|up.to.date|identical|no.change", re.IGNORECASE)


def untaken(job: Mapping[str, object], rows: int) -> RowError | None:
    """Return what says that the fewest of so many rows were taken, as an error that counts the others.

    None if nothing says that any was not.
    """
    beside = {name: value for name, value in job.items() if name != "errors"}
    return max(found_in(beside, rows), key=lambda error: error.total, default=None)


def found_in(values: Mapping[str, object], rows: int, depth: int = 0) -> Iterator[RowError]:
    said = [(key, item, TAKEN.fullmatch(key.full)) for key, item in keyed(values)]
    parts = (item for key, item, words in said if words or OTHERS.fullmatch(key.full))
    whole = sum(count_of(item) or 0 for item in parts)  # {"succeeded": 9, "unchanged": 1}
    for (key, item, words), name in zip(said, values, strict=True):
        if isinstance(item, dict) and depth < MAX_DEPTH and not ASKED.search(key.full):
            yield from found_in({str(inner): part for inner, part in item.items()}, rows, depth + 1)
        taken = taken_by(key, words, item, rows)
        if words and taken < whole <= rows:
            taken = whole
        if taken < rows:
            raw = to_json({name: item})
            message = (
                item[:MAX_READ] if isinstance(item, str) else f"{name}: {count_of(item) or to_json(item)}"
            )
            kept = raw if len(raw) <= MAX_READ else ""
            yield RowError(message=message, raw=kept, total=rows - taken, counts="rows")


def count_of(item: object) -> int | None:
    """Return a count, or how many rows are listed."""
    return len(item) if isinstance(item, list) else to_count(item)


def taken_by(key: Key, words: re.Match[str] | None, item: object, rows: int) -> int:
    """Return how many of so many rows one value says were taken: all, if it says nothing of that.

    `words` are those of its key, if that is one of ``TAKEN``.
    """
    if isinstance(item, str) and not (NAMED.search(key.full) or SAME.search(item[:MAX_READ])):
        said = [match for match in SAID.finditer(item[:MAX_READ]) if whole_number(match["all"]) == rows]
        if said:
            return min(whole_number(match["taken"]) for match in said)
    if (share := SHARE.fullmatch(key.full)) and (part := to_seconds(item)) is not None:
        part = part / 100 if share["percent"] or part > 1 else part
        wrong = 1 - part if share["good"] else part
        # Nearly all are not all, as hardly any wrong are not none.
        return rows if wrong <= 0 else rows - min(max(round(wrong * rows), 1), rows)
    count = count_of(item)
    if words is None or count is None:
        return rows
    is_list, is_counted = isinstance(item, list), bool(words["before"] or words["after"])
    if (words["after"] or "").endswith("id") and not is_list:
        return rows
    is_truth = count == 1 and not (is_list or is_counted)  # "success": 1
    return rows if is_truth or (is_list and not count) else count
