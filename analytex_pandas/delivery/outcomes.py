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
from analytex_pandas.frame.labels import NO_ROWS, POSITION, label_column

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from analytex_pandas.delivery.journal import Journal
    from analytex_pandas.delivery.state import ChunkState, PushState
    from analytex_pandas.frame.columns import Mask
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


class Told:
    """What is said of each row of the input, in its order; what is said later counts."""

    def __init__(self, marks: Marks, chunks: Sequence[ChunkState], kept_at: Mapping[int, Places]) -> None:
        """Begin with what the plan made of the rows, and with what their chunks came to."""
        sent, of_chunk = marks == SENT, chunk_of(marks == SENT, chunks, kept_at)
        self.outcome = np.array([CODE[OF_MARK[mark]] for mark in range(len(OF_MARK))], np.int8)[marks]
        usual = np.array([CODE[usual_outcome(chunk)] for chunk in chunks], np.int8)
        self.outcome[sent] = usual[of_chunk[sent]]
        self.numbers = np.array([*(chunk.number for chunk in chunks), 0])[of_chunk]
        self.codes, self.messages, self.job_ids = (Words(len(marks)) for _ in range(3))
        self.job_ids.say(np.flatnonzero(sent), [chunk.job_id for chunk in chunks], of_chunk[sent])

    def why(self, places: Places, codes: Sequence[str | None], messages: Sequence[str | None]) -> None:
        self.codes.say(places, codes)
        self.messages.say(places, messages)

    def of_kept(self, kept: pa.Table, places: Places, unknown: int) -> None:
        """Say what became of rows that an ended chunk has kept, as many `unknown` as it has."""
        fates = kept[FATE].to_numpy()
        self.outcome[places[fates == REFUSED]] = CODE["refused"]
        # Which of the doubtful rows are the unknown ones, nobody can tell; a job that stops early leaves the last.
        doubtful = places[fates == DOUBTFUL]
        unknown = min(unknown, len(doubtful))
        first = len(doubtful) - unknown
        self.outcome[doubtful[first:]] = CODE["unknown"]
        self.messages.say_of_all(doubtful[first:], NO_ANSWER)
        if first:
            self.messages.say_of_all(doubtful, PERHAPS.format(rows=len(doubtful), unknown=unknown))
        if LATER in kept.column_names:
            again = np.flatnonzero(kept[LATER].is_valid())
            answers = [*map(json.loads, kept[LATER].drop_null().to_pylist())]
            self.outcome[places[again[fates[again] == MENDED]]] = CODE["acknowledged"]
            self.numbers[places[again]] = [answer["chunk"] for answer in answers]
            self.job_ids.say(places[again], [answer["job_id"] for answer in answers])
            self.why(places[again], *([answer[name] for answer in answers] for name in ("code", "message")))


def outcomes_table(journal: Journal, state: PushState, invalid: pd.DataFrame) -> pd.DataFrame:
    """Return ``Push.outcomes``: one row a row of the input, in its order.

    `state` is the push at the moment that is wanted, `invalid` what its plan found wrong with rows. No column holds an
    object a row, but labels that are objects themselves.

    Raises
    ------
    AnalytexError
        If the input of the push is not kept here (any more).
    """
    rows, ids, marks = input_of(journal, state)
    positions = rows[POSITION].to_numpy()
    place_of = pd.Index(positions) if len(marks) else pd.RangeIndex(0)
    kept = journal.kept(state.id)
    kept_at = {
        number: place_of.get_indexer(pd.Index(table[POSITION].to_numpy())) for number, table in kept.items()
    }
    told = Told(marks, state.chunks, kept_at)
    settled = {chunk.number: chunk for chunk in state.chunks if chunk.settled}
    for said in (invalid.drop_duplicates("position"), first_errors(journal, state.id, settled)):
        places = place_of.get_indexer(pd.Index(said["position"].to_numpy(np.int64)))
        known = said[places >= 0]
        told.why(places[places >= 0], known["code"].tolist(), known["message"].tolist())
    for number in kept.keys() & settled.keys():
        told.of_kept(kept[number], kept_at[number], settled[number].unknown)
    return pd.DataFrame(
        {
            "position": positions,
            "index": label_column(rows),
            "id": pd.arrays.ArrowStringArray(ids),
            "outcome": pd.Categorical.from_codes(told.outcome, pd.Index(OUTCOMES, dtype=object)),
            "chunk": pd.arrays.IntegerArray(told.numbers, told.numbers == 0),
            "job_id": told.job_ids.column(),
            "code": told.codes.column(),
            "message": told.messages.column(),
        }
    )


def chunk_of(sent: Mask, chunks: Sequence[ChunkState], kept_at: Mapping[int, Places]) -> Places:
    """Return the place of each row's chunk among them, -1 of a row that is not sent."""
    found, in_order = np.full(len(sent), -1, np.int64), sent.copy()
    for place, chunk in enumerate(chunks):
        # cut anew, a chunk has what was left out, wherever that lay
        if not chunk.bytes and chunk.number in kept_at:
            at = kept_at[chunk.number]
            found[at], in_order[at] = place, False
    whole = [(place, chunk.rows) for place, chunk in enumerate(chunks) if chunk.bytes]
    found[in_order] = np.repeat(*np.array(whole, np.int64).reshape(-1, 2).T)
    return found


def input_of(journal: Journal, state: PushState) -> tuple[pa.Table, pa.ChunkedArray, Marks]:
    """Return the input of a push, which agrees with its chunks."""
    if not state.counts["input"]:
        return NO_ROWS, pa.chunked_array([], TEXT), np.zeros(0, np.int8)
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
