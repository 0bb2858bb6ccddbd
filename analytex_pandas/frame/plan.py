"""What a push would do, before it does it: ``Plan``, and how a draft becomes one."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, ValidationError
from analytex_pandas.frame.columns import json_type_of
from analytex_pandas.frame.document import CHANGE_DTYPES, COLUMN_DTYPES, PlanDocument, typed_table
from analytex_pandas.frame.fingerprints import COMPANY
from analytex_pandas.frame.labels import printable
from analytex_pandas.frame.ndjson import lines_of, records
from analytex_pandas.frame.notes import id_note, property_note
from analytex_pandas.frame.reports import invalid_table, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from analytex_pandas.delivery.push import Push
    from analytex_pandas.frame.columns import Field, Traits
    from analytex_pandas.frame.draft import ChunkStore, Draft
    from analytex_pandas.frame.fingerprints import Tally
    from analytex_pandas.frame.options import Options
    from analytex_pandas.settings import Kind

SECONDS_A_MINUTE = 60
SHOWN_PROBLEMS = 5


class Effects(Protocol):
    """What a plan can set in motion; handed in by the facade, which knows disk and network."""

    def launch(self, plan: Plan, wait: bool | None, progress: bool | None) -> Push:
        """Start the push of a plan."""

    def export(self, plan: Plan, directory: str | Path) -> list[Path]:
        """Write a plan's chunks as NDJSON files."""

    def changes(self, plan: Plan) -> pd.DataFrame:
        """Compare a plan with what its account has acknowledged."""

    def page(self, plan: Plan) -> str:
        """Return a plan as HTML."""

    def text(self, plan: Plan) -> str:
        """Return a plan as text."""


class Plan:
    """What a push of this data would do. Nothing has been sent.

    Made by :func:`plan_users` and :func:`plan_companies`. The records are encoded already and wait on this machine, in
    private files that go when the plan is pushed or dropped; changing the data later changes nothing.

    Examples
    --------
    >>> import pandas as pd, analytex_pandas as apd
    >>> df = pd.DataFrame({"user_id": ["ann", "bob", None], "seats": [3.0, None, 1.0]})
    >>> plan = df.analytex.plan_users()
    >>> plan.rows, plan.invalid["code"].tolist()
    (2, ['missing_id'])
    >>> plan.records(2)
    [{'user_id': 'ann', 'metadata': {'seats': 3}}, {'user_id': 'bob'}]
    """

    def __init__(self, document: PlanDocument, store: ChunkStore, effects: Effects) -> None:
        self.document = document
        self.store = store
        self.effects = effects
        self.taken: list[str] = []  # the push that took the records over; shared with who deletes them

    @property
    def id(self) -> str:
        """The plan's id; its push has the same."""
        return self.document.id

    @property
    def kind(self) -> Kind:
        """What a record is: ``"users"`` or ``"companies"``."""
        return self.document.kind

    @property
    def options(self) -> Options:
        """What was asked for."""
        return self.document.options

    @property
    def rows(self) -> int:
        """Rows that a push would send."""
        return self.document.counts["to_send"]

    @property
    def bytes(self) -> int:
        """Bytes of NDJSON that a push would send."""
        return sum(size.bytes for size in self.document.chunks)

    @property
    def duration(self) -> pd.Timedelta:
        """How long the service takes for it, at its documented pace of 1,200 rows a minute."""
        seconds = self.rows / settings.ROWS_PER_MINUTE * SECONDS_A_MINUTE
        return pd.Timedelta(seconds=round(seconds))

    @property
    def columns(self) -> pd.DataFrame:
        """What becomes of each column: column, property, dtype, json_type, nulls (rows), example, note."""
        return self.document.columns.copy()

    @property
    def counts(self) -> pd.Series[int]:
        """Rows: input, invalid, duplicate, unchanged, to_send; the first is the sum of the others."""
        return pd.Series(dict(self.document.counts), dtype="int64", name="rows")

    @property
    def invalid(self) -> pd.DataFrame:
        """Rows that cannot be sent and why: position, index, id, property, code, message; one row a problem."""
        return self.document.invalid.copy()

    @property
    def changes(self) -> pd.DataFrame:
        """What differs from what the account last acknowledged from this machine.

        property, new_profiles (values of profiles that are not known yet), changed_values, unchanged_values. Values
        of invalid and duplicate rows are not counted; ``company_id`` is the company that a user belongs to. A plan
        made with ``only_changed=True`` has it from the start; any other compares its records when it is asked, with
        the account of its `client` or of the connected one, as long as it is not pushed; else it is empty.
        """
        if self.options.only_changed or self.taken:
            return self.document.changes.copy()
        return self.effects.changes(self)

    @property
    def chunks(self) -> pd.DataFrame:
        """The requests it takes: chunk, rows, bytes."""
        sizes = self.document.chunks
        return pd.DataFrame(
            {
                "chunk": pd.Series([size.number for size in sizes], dtype="int64"),
                "rows": pd.Series([size.rows for size in sizes], dtype="int64"),
                "bytes": pd.Series([size.bytes for size in sizes], dtype="int64"),
            }
        )

    def records(self, n: int = 5) -> list[dict[str, Any]]:
        """Return the first `n` records as they would be sent."""
        found: list[dict[str, Any]] = []
        for size in self.document.chunks:
            if len(found) >= n:
                break
            self.check_spooled()
            found += islice(records(lines_of(self.store.read_chunk(size.number))), n - len(found))
        return found

    def to_ndjson(self, directory: str | Path) -> list[Path]:
        """Write the chunks as NDJSON files, one record a line, and return their paths.

        Each file is one request's worth: ``apd.Client.submit_file`` takes it as it is.

        Parameters
        ----------
        directory : str or pathlib.Path
            Where to; made if it does not exist. A file that is there already is not overwritten.

        Raises
        ------
        ValidationError
            If rows are invalid and ``invalid="skip"`` was not asked for.
        """
        self.check()
        self.check_spooled()
        return self.effects.export(self, directory)

    def push(self, wait: bool | None = None, progress: bool | None = None) -> Push:
        """Send it.

        Parameters
        ----------
        wait : bool, optional
            Whether to return only when the push has ended. By default not in a notebook, and elsewhere yes.
        progress : bool, optional
            Whether to show progress. By default a panel in a notebook, and a bar on stderr where that is a terminal.

        Returns
        -------
        Push
            The push, under way or ended.

        Raises
        ------
        ValidationError
            If rows are invalid and ``invalid="skip"`` was not asked for. Nothing is sent then.
        AnalytexError
            If this plan was pushed already; the message names the push.
        """
        self.check()
        self.check_spooled()
        return self.effects.launch(self, wait, progress)

    def check(self) -> None:
        """Raise ValidationError where rows stand in the way of a push."""
        document = self.document
        in_the_way = document.invalid
        if document.options.invalid == "skip":
            in_the_way = in_the_way[in_the_way["code"] == "duplicate"]
            if not document.blocked:
                return
        if not len(in_the_way):
            return
        rows = in_the_way["position"].nunique()
        lines = [f"- {said(row)}" for row in in_the_way.head(SHOWN_PROBLEMS).to_dict("records")]
        more = len(in_the_way) - len(lines)
        if more > 0:
            lines.append(f"- and {more:,} more, all in plan.invalid and in this error's .report")
        ways = []
        if (in_the_way["code"] != "duplicate").any():
            ways.append('invalid="skip" sends the other rows and reports these')
        if document.blocked:
            ways.append('duplicates="first" or "last" chooses among rows of one id')
        raise ValidationError(
            f"{rows:,} of {document.counts['input']:,} rows cannot be sent, so nothing was:\n"
            + "\n".join(lines)
            + f"\n{'; '.join(ways)}.",
            in_the_way.reset_index(drop=True),
        )

    def check_spooled(self) -> None:
        """Raise AnalytexError where the plan's records have been taken over by its push."""
        if self.taken:
            raise AnalytexError(
                f"This plan was pushed already, as push {self.id!r}: apd.resume({self.id!r}) gives that push. "
                "To send the data again, plan again."
            )

    def __repr__(self) -> str:
        return self.effects.text(self)

    def _repr_html_(self) -> str:
        return self.effects.page(self)


def document_of(draft: Draft, plan_id: str, kind: Kind, options: Options) -> PlanDocument:
    """Return a finished draft as the document of a plan."""
    to_send = sum(size.rows for size in draft.chunks)
    counts = {
        "input": draft.rows,
        "invalid": draft.invalid,
        "duplicate": draft.duplicate,
        "unchanged": draft.unchanged,
        "to_send": to_send,
    }
    id_name = "user_id" if kind == "users" else "company_id"
    id_columns = {}
    if draft.layout is not None and draft.layout.id is not None:
        id_columns[id_name] = draft.layout.id.label
    if draft.layout is not None and draft.layout.company is not None:
        id_columns["company_id"] = draft.layout.company.label
    return PlanDocument(
        id=plan_id,
        kind=kind,
        options=options,
        counts=counts,
        chunks=tuple(draft.chunks),
        columns=columns_table(draft, id_name),
        invalid=invalid_table(draft.reports),
        index_names=draft.index_names,
        id_columns=id_columns,
        blocked=draft.conflicting > 0,
        changes=changes_table(draft.tallies, draft.traits),
    )


def columns_table(draft: Draft, id_name: str) -> pd.DataFrame:
    """Return ``Plan.columns``: the ids first, then the properties in the order of the input."""
    rows: list[tuple[Any, ...]] = []
    found = draft.layout
    if found is not None and found.id is not None:
        rows.append(id_row(found.id, id_name, draft.id_traits, draft.memory_note))
    if found is not None and found.company is not None and draft.company_traits is not None:
        rows.append(id_row(found.company, "company_id", draft.company_traits))
    for name, traits in draft.traits.items():
        kinds = draft.kinds[name]
        json_type = json_type_of(kinds) if kinds else "null"
        origin = draft.fields[name]
        said = property_note(name, json_type, traits, origin)
        note = "; ".join(filter(None, [said, draft.change_notes.get(name)]))
        rows.append(
            (origin.label, name, origin.dtype, json_type, traits.missing, example(traits, json_type), note)
        )
    names = list(COLUMN_DTYPES)
    return pd.DataFrame(
        {
            name: pd.Series([printable(row[at]) for row in rows], dtype=COLUMN_DTYPES[name])
            for at, name in enumerate(names)
        }
    )


def changes_table(tallies: Mapping[str, Tally], names: Iterable[str]) -> pd.DataFrame:
    """Return ``Plan.changes``: the company first, then the properties in the order of `names`."""
    rows = [("company_id", tallies[COMPANY])] if COMPANY in tallies else []
    rows += [(name, tallies[name]) for name in names if name in tallies]
    lines = ((name, tally.new, tally.changed, tally.unchanged) for name, tally in rows)
    return typed_table([dict(zip(CHANGE_DTYPES, line, strict=True)) for line in lines], CHANGE_DTYPES)


def id_row(origin: Field, name: str, traits: Traits, more: str = "") -> tuple[Any, ...]:
    """Return what becomes of an id column; `more` is added to its note."""
    note = "; ".join(filter(None, [id_note(traits, origin), more]))
    return (origin.label, name, origin.dtype, "string", traits.missing, traits.example, note)


def example(traits: Traits, json_type: str) -> Any:
    """Return a value of a column as it would be sent; None where there is none."""
    if traits.example is None or json_type == "string":
        return traits.example
    return json.loads(traits.example)
