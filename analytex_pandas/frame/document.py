"""A plan as a document that outlives the kernel, and its records as rows of the input again."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, typed_table
from analytex_pandas.frame.columns import json_type_of
from analytex_pandas.frame.fingerprints import COMPANY
from analytex_pandas.frame.labels import (
    Escaped,
    index_of,
    printable,
    restored_index,
    tag,
    tagged,
    untag,
    untagged,
)
from analytex_pandas.frame.layout import invalid_table
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.frame.notes import erasing, id_note, property_note, twins
from analytex_pandas.frame.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from analytex_pandas.frame.columns import Field, Traits
    from analytex_pandas.frame.draft import Draft
    from analytex_pandas.frame.fingerprints import Tally
    from analytex_pandas.settings import Kind

COLUMN_DTYPES = {
    **dict.fromkeys(("column", "property", "dtype", "json_type"), "object"),
    "nulls": "int64",
    **dict.fromkeys(("example", "note"), "object"),
}
CHANGE_DTYPES = {
    "property": "object",
    **dict.fromkeys(("new_profiles", "changed_values", "unchanged_values"), "int64"),
}
PLAIN_DTYPES = re.compile(
    "str|string|bool|boolean|category|u?int(8|16|32|64)|U?Int(8|16|32|64)|[fF]loat(32|64)"
)
"""Those that a column of the values that were sent can have again."""


def no_changes() -> pd.DataFrame:
    return typed_table(CHANGE_DTYPES)


@dataclass(frozen=True)
class PlanDocument:
    """Everything of a plan but its chunk files; the tables are as those of ``Plan``.

    `id_columns` says which column, or index level, holds ``user_id`` and ``company_id``; `blocked` is True when
    differing rows of one id stand in the way of a push; `erased` is how many values are sent as null; `digest` tells
    its records from any others; `source` names the file that it was read from, if it was one.
    """

    id: str
    kind: Kind
    options: Options
    counts: Mapping[str, int]
    chunks: tuple[ChunkSize, ...]
    columns: pd.DataFrame
    invalid: pd.DataFrame
    index_names: tuple[Hashable, ...]
    id_columns: Mapping[str, Hashable]
    blocked: bool = False
    changes: pd.DataFrame = field(default_factory=no_changes)
    erased: int = 0
    digest: str = ""
    source: str = ""

    @property
    def in_the_way(self) -> pd.DataFrame:
        """The rows, as in `invalid`, for which it is not pushed."""
        if self.options.invalid == "skip" and not self.leaves_too_many:
            return self.invalid[(self.invalid["code"] == "duplicate") & self.blocked]
        return self.invalid

    @property
    def leaves_too_many(self) -> bool:
        """Whether more rows are invalid than `max_errors` allows."""
        return self.options.too_many(self.counts["invalid"], self.counts["input"])

    def to_bytes(self) -> bytes:
        """Return the document as bytes, for the journal."""
        document = vars(self) | {name: write(getattr(self, name)) for name, (write, _) in WAYS.items()}
        return json.dumps(document).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PlanDocument:
        """Return the document that ``to_bytes`` was made from."""
        document = json.loads(data)
        return cls(**document | {name: read(document[name]) for name, (_, read) in WAYS.items()})

    def restore(self, rows: pa.Table, lines: Sequence[bytes]) -> pd.DataFrame:
        """Return records, and where they came from, as rows of the input under its own column names and index.

        Values are those that were sent, in the column's dtype where they fit it.
        """
        records = [json.loads(line) for line in lines]
        if records:
            index = restored_index(rows, self.index_names)
        else:
            name = self.index_names[0] if len(self.index_names) == 1 else None
            index = pd.Index([], dtype=object, name=name)
        columns: dict[Any, pd.Series[Any]] = {}
        for sent in self.columns.to_dict("records"):
            if sent["column"] in self.index_names:
                continue
            values = [value_of(record, sent["property"], self.id_columns) for record in records]
            label = sent["column"] if sent["column"] not in columns else sent["property"]
            columns[label] = restored(values, sent["dtype"], index)
        odd = any(isinstance(label, Escaped) for label in columns)
        return pd.DataFrame(columns, index=index, columns=index_of(list(columns)) if odd else None)


def value_of(record: Mapping[str, Any], name: str, id_columns: Mapping[str, Hashable]) -> Any:
    """Return an id or a property of a record; None where it has none."""
    metadata = record.get("metadata", {})
    return record.get(name) if name in id_columns and name not in metadata else metadata.get(name)


def restored(values: Sequence[Any], dtype: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    """Return values as a column of the dtype they had, or of their own where that does not hold them."""
    series: pd.Series[Any] = pd.Series(list(values), index=index, dtype=object)
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        if dtype.startswith(("datetime64", "timestamp")):  # what was sent is UTC
            of_pandas = dtype.startswith("datetime64") and "," in dtype
            aware: Any = dtype if of_pandas else f"datetime64[{'ns' if 'ns' in dtype else 'us'}, UTC]"
            return pd.to_datetime(series, utc=True, format="ISO8601").astype(aware)
        if PLAIN_DTYPES.fullmatch(dtype):
            return series.astype(dtype)
    return series


def tagged_values(named: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): tag(value) for name, value in named.items()}


def untagged_values(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: untag(value) for name, value in document.items()}


def table_ways(dtypes: Mapping[str, str]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return (
        lambda frame: [tagged_values(row) for row in frame.to_dict("records")],
        lambda rows: typed_table(dtypes, [untagged_values(row) for row in rows]),
    )


WAYS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "options": (
        lambda options: {name: tagged(value) for name, value in vars(options).items()},
        lambda texts: Options(**{name: untagged(text) for name, text in texts.items()}),
    ),
    "chunks": (
        lambda chunks: [*map(asdict, chunks)],
        lambda sizes: tuple(ChunkSize(**size) for size in sizes),
    ),
    "columns": table_ways(COLUMN_DTYPES),
    "invalid": table_ways(INVALID_COLUMNS),
    "index_names": (tag, untag),
    "id_columns": (tagged_values, untagged_values),
    "changes": table_ways(CHANGE_DTYPES),
}
"""What of a plan is no JSON: the way there and back."""


def document_of(
    draft: Draft, plan_id: str, kind: Kind, options: Options, *, digest: str, source: str
) -> PlanDocument:
    """Return a finished draft as the document of a plan, the records of which have a digest."""
    counts = {name: getattr(draft, name) for name in ("invalid", "duplicate", "unchanged")}
    to_send = sum(size.rows for size in draft.chunks)
    id_name = settings.ID_NAMES[kind]
    found = draft.layout
    ids = {} if found is None else {id_name: found.id}
    if found is not None and kind == "users":
        ids["company_id"] = found.company
    return PlanDocument(
        id=plan_id,
        kind=kind,
        options=options,
        counts={"input": draft.rows, **counts, "to_send": to_send},
        chunks=tuple(draft.chunks),
        columns=columns_table(draft, id_name),
        invalid=invalid_table(draft.reports),
        index_names=draft.index_names,
        id_columns={name: field.label for name, field in ids.items() if field is not None},
        blocked=draft.conflicting > 0,
        changes=changes_table(draft.tallies, draft.traits),
        erased=draft.erased.total(),
        digest=digest,
        source=source,
    )


def columns_table(draft: Draft, id_name: str) -> pd.DataFrame:
    """Return ``Plan.columns``: the ids first, then the properties in the order of the input."""
    rows: list[tuple[Any, ...]] = []
    found = draft.layout
    if found is not None and found.id is not None:
        rows.append(id_row(found.id, id_name, draft.id_traits, draft.memory_note))
    if found is not None and found.company is not None and draft.company_traits is not None:
        rows.append(id_row(found.company, "company_id", draft.company_traits))
    alike = twins(draft.fields)
    for name, traits in draft.traits.items():
        kinds, origin, example = draft.kinds[name], draft.fields[name], traits.example
        json_type = json_type_of(kinds) if kinds else "null"
        if example is not None and json_type != "string":
            example = json.loads(example)
        said = property_note(name, json_type, traits, origin, kind=draft.kind, twin=alike.get(name))
        note = "; ".join(filter(None, [said, erasing(draft.erased[name]), draft.change_notes.get(name)]))
        rows.append((origin.label, name, origin.dtype, json_type, traits.missing, example, note))
    shown = [dict(zip(COLUMN_DTYPES, map(printable, row), strict=True)) for row in rows]
    return typed_table(COLUMN_DTYPES, shown)


def changes_table(tallies: Mapping[str, Tally], names: Iterable[str]) -> pd.DataFrame:
    """Return ``Plan.changes``: the company first, then the properties in the order of `names`."""
    rows = [("company_id", tallies[COMPANY])] if COMPANY in tallies else []
    rows += [(name, tallies[name]) for name in names if name in tallies]
    lines = ((name, tally.new, tally.changed, tally.unchanged) for name, tally in rows)
    return typed_table(CHANGE_DTYPES, [dict(zip(CHANGE_DTYPES, line, strict=True)) for line in lines])


def id_row(origin: Field, name: str, traits: Traits, more: str = "") -> tuple[Any, ...]:
    """Return what becomes of an id column; `more` is added to its note."""
    note = "; ".join(filter(None, [id_note(traits, origin), more]))
    return (origin.label, name, origin.dtype, "string", traits.missing, traits.example, note)
