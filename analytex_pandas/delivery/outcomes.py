"""What became of each row of a push's input, as one table: from the input as it was kept, the journal and the state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.delivery.input_file import read_input
from analytex_pandas.delivery.kept import DOUBTFUL, FATE, LATER, MENDED, REFUSED
from analytex_pandas.delivery.state import COUNTS, UNSENT
from analytex_pandas.errors import AnalytexError
from analytex_pandas.frame.columns import TEXT, is_unicode
from analytex_pandas.frame.duplicates import DUPLICATE, INVALID, SENT, UNCHANGED
from analytex_pandas.frame.labels import POSITION, label_column

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.frame.duplicates import Marks

OUTCOMES: Final = COUNTS[1:]
CODE: Final = {name: code for code, name in enumerate(OUTCOMES)}
OF_MARK: Final = {INVALID: "invalid", DUPLICATE: "duplicate", UNCHANGED: "unchanged", SENT: "pending"}
NO_ANSWER: Final = "The service has not said what became of this row."
PERHAPS: Final = (
    "Of {rows:,} rows of its chunk, this one among them, {unknown:,} have no answer: it may be one of those."
)

Places = np.ndarray[Any, np.dtype[np.int64]]


class Words:
    """A column of text most of which is missing; what is said of a row later counts."""

    def __init__(self, rows: int) -> None:
        self._said: list[str | None] = [None]
        self._which = np.zeros(rows, np.int64)

    def say(self, places: Places, texts: Sequence[str | None], which: Places | None = None) -> None:
        """Say something of each of some rows, of no row twice; `which` of the texts, where they are fewer."""
        self._which[places] = (np.arange(len(texts)) if which is None else which) + len(self._said)
        self._said += texts

    def say_of_all(self, places: Places, text: str) -> None:
        self.say(places, [text], np.zeros(len(places), np.int64))

    def column(self) -> Any:
        said = [text if text is None or is_unicode(text) else ascii(text)[1:-1] for text in self._said]
        return pd.arrays.ArrowStringArray(pa.array(said, TEXT).take(pa.array(self._which)))


def outcomes_table(journal: Journal, state: PushState, invalid: pd.DataFrame) -> pd.DataFrame:
    """Return ``Push.outcomes``: one row a row of the input, in its order.

    `state` is the push at the moment that is wanted, `invalid` what its plan found wrong with rows. No column holds an
    object a row, but labels that are objects themselves.

    Raises
    ------
    AnalytexError
        If the input of the push is not kept here (any more).
    """
    rows, ids, marks = planned(journal, state)
    positions = rows[POSITION].to_numpy()
    place_of = pd.Index(positions) if len(marks) else pd.RangeIndex(0)
    kept = journal.kept_by_chunk(state.id)
    chunks, sent, of_chunk = state.chunks, marks == SENT, np.zeros(len(marks), np.int64)
    in_order = sent.copy()
    for place, chunk in enumerate(chunks):
        # cut anew, a chunk has what was left out, wherever that lay
        if not chunk.bytes and chunk.number in kept:
            at = place_of.get_indexer(pd.Index(kept[chunk.number][POSITION].to_numpy()))
            of_chunk[at], in_order[at] = place, False
    whole = [(place, chunk.rows) for place, chunk in enumerate(chunks) if chunk.bytes]
    of_chunk[in_order] = np.repeat(*np.array(whole, np.int64).reshape(-1, 2).T)
    numbers = np.array([0, *(chunk.number for chunk in chunks)])[np.where(sent, of_chunk + 1, 0)]
    outcome = np.array([CODE[OF_MARK[mark]] for mark in range(len(OF_MARK))], np.int8)[marks]
    codes, messages, job_ids = Words(len(marks)), Words(len(marks)), Words(len(marks))
    outcome[sent] = np.array([CODE[usual_outcome(chunk)] for chunk in chunks], np.int8)[of_chunk[sent]]
    job_ids.say(np.flatnonzero(sent), [chunk.job_id for chunk in chunks], of_chunk[sent])

    said = invalid.drop_duplicates("position") if len(invalid) else invalid
    at = place_of.get_indexer(pd.Index(said["position"].to_numpy(np.int64)))
    codes.say(at[at >= 0], said["code"][at >= 0].tolist())
    messages.say(at[at >= 0], said["message"][at >= 0].tolist())

    settled = {chunk.number: chunk for chunk in chunks if chunk.settled}
    errors = first_errors(journal, state.id, settled)
    at = place_of.get_indexer(pd.Index(errors["position"].to_numpy(np.int64)))
    codes.say(at, errors["code"].tolist())
    messages.say(at, errors["message"].tolist())
    for number, rows_kept in kept.items():
        if number not in settled:
            continue
        fates = rows_kept[FATE].to_numpy()
        at = place_of.get_indexer(pd.Index(rows_kept[POSITION].to_numpy()))
        outcome[at[fates == REFUSED]] = CODE["refused"]
        # Which of the doubtful rows are the unknown ones, nobody can tell; a job that stops early leaves the last.
        doubtful = at[fates == DOUBTFUL]
        unknown = min(settled[number].unknown, len(doubtful))
        first = len(doubtful) - unknown
        outcome[doubtful[first:]] = CODE["unknown"]
        messages.say_of_all(doubtful[first:], NO_ANSWER)
        if first:
            messages.say_of_all(doubtful, PERHAPS.format(rows=len(doubtful), unknown=unknown))
        if LATER in rows_kept.column_names:
            again = np.flatnonzero(rows_kept[LATER].is_valid())
            answers, places = [*map(json.loads, rows_kept[LATER].drop_null().to_pylist())], at[again]
            outcome[places[fates[again] == MENDED]] = CODE["acknowledged"]
            numbers[places] = [answer["chunk"] for answer in answers]
            job_ids.say(places, [answer["job_id"] for answer in answers])
            codes.say(places, [answer["code"] for answer in answers])
            messages.say(places, [answer["message"] for answer in answers])
    return pd.DataFrame(
        {
            "position": positions,
            "index": label_column(rows),
            "id": pd.arrays.ArrowStringArray(ids),
            "outcome": pd.Categorical.from_codes(outcome, pd.Index(OUTCOMES, dtype=object)),
            "chunk": pd.arrays.IntegerArray(numbers, numbers == 0),
            "job_id": job_ids.column(),
            "code": codes.column(),
            "message": messages.column(),
        }
    )


def planned(journal: Journal, state: PushState) -> tuple[pa.Table, pa.ChunkedArray, Marks]:
    """Return the input of a push, which agrees with its chunks."""
    if not state.counts["input"]:
        return (
            pa.table({POSITION: pa.array([], pa.int64())}),
            pa.chunked_array([], TEXT),
            np.zeros(0, np.int8),
        )
    rows, ids, marks = read_input(journal.directory, state.id)
    if np.count_nonzero(marks == SENT) != sum(chunk.rows for chunk in state.chunks):
        raise AnalytexError(f"The input that is kept of push {state.id} is not that of its chunks.")
    return rows, ids, marks


def usual_outcome(chunk: ChunkState) -> str:
    """Return what became of the rows of a chunk of which nothing else is said."""
    if chunk.settled:
        return "acknowledged"
    return "pending" if chunk.status in UNSENT else "in_flight"


def first_errors(journal: Journal, push_id: str, settled: Collection[int]) -> pd.DataFrame:
    """Return position, code and message of what was first said of each row, and how much more was."""
    found = journal.rows(
        # Of the columns without a function, SQLite takes those of the row that has the minimum.
        "SELECT chunk, position, code, message, count(*), min(ordinal) FROM error "
        "WHERE push = ? AND position IS NOT NULL GROUP BY chunk, position",
        push_id,
    )
    said = [
        (position, code, f"{message} (and {count - 1:,} more)" if count > 1 else message)
        for chunk, position, code, message, count, _ in found
        if chunk in settled
    ]
    return pd.DataFrame(said, columns=["position", "code", "message"], dtype=object)
