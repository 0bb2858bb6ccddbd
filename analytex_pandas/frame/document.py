"""A plan as a document that outlives the kernel, and its records as rows of the input again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, typed_table
from analytex_pandas.frame.columns import json_type_of
from analytex_pandas.frame.fingerprints import COMPANY
from analytex_pandas.frame.labels import Escaped, index_of, printable, restored_index, tag, untag
from analytex_pandas.frame.layout import invalid_table
from analytex_pandas.frame.ndjson import ChunkSize
from analytex_pandas.frame.notes import id_note, property_note
from analytex_pandas.frame.options import Options

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from analytex_pandas.frame.columns import Field, Traits
    from analytex_pandas.frame.draft import Draft
    from analytex_pandas.frame.fingerprints import Tally
    from analytex_pandas.settings import Kind

COLUMN_DTYPES = {
    "column": "object",
    "property": "object",
    "dtype": "object",
    "json_type": "object",
    "nulls": "int64",
    "example": "object",
    "note": "object",
}
CHANGE_DTYPES = {
    "property": "object",
    "new_profiles": "int64",
    "changed_values": "int64",
    "unchanged_values": "int64",
}


def no_changes() -> pd.DataFrame:
    return typed_table(CHANGE_DTYPES)


@dataclass(frozen=True)
class PlanDocument:
    """Everything of a plan but its chunk files; the tables are as those of ``Plan``.

    `id_columns` says which column, or index level, holds ``user_id`` and ``company_id``; `blocked` is True when
    differing rows of one id stand in the way of a push.
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

    def to_bytes(self) -> bytes:
        """Return the document as bytes, for the journal."""
        document = {
            "id": self.id,
            "kind": self.kind,
            "options": self.options.to_document(),
            "counts": dict(self.counts),
            "chunks": [asdict(size) for size in self.chunks],
            "columns": table_document(self.columns),
            "invalid": table_document(self.invalid),
            "index_names": tag(self.index_names),
            "id_columns": {role: tag(label) for role, label in self.id_columns.items()},
            "blocked": self.blocked,
            "changes": table_document(self.changes),
        }
        return json.dumps(document).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PlanDocument:
        """Return the document that ``to_bytes`` was made from."""
        document = json.loads(data)
        return cls(
            id=document["id"],
            kind=document["kind"],
            options=Options.from_document(document["options"]),
            counts=document["counts"],
            chunks=tuple(ChunkSize(**size) for size in document["chunks"]),
            columns=untagged(COLUMN_DTYPES, document["columns"]),
            invalid=untagged(INVALID_COLUMNS, document["invalid"]),
            index_names=untag(document["index_names"]),
            id_columns={role: untag(label) for role, label in document["id_columns"].items()},
            blocked=document["blocked"],
            changes=untagged(CHANGE_DTYPES, document["changes"]),
        )

    def restore(self, rows: pa.Table, lines: Sequence[bytes]) -> pd.DataFrame:
        """Return records, and where they came from, as rows of the input under its own column names and index.

        Values are those that were sent, in the column's dtype where they fit it.
        """
        records = [json.loads(line) for line in lines]
        index = restored_index(rows, self.index_names) if records else pd.Index([], dtype=object)
        columns: dict[Any, pd.Series[Any]] = {}
        for sent in self.columns.to_dict("records"):
            if sent["column"] in self.index_names:
                continue
            values = [value_of(record, sent["property"], self.id_columns) for record in records]
            label = sent["column"] if sent["column"] not in columns else sent["property"]
            columns[label] = restored(values, sent["dtype"], index)
        odd = any(isinstance(label, Escaped) for label in columns)
        frame = pd.DataFrame(columns, index=index, columns=index_of(list(columns)) if odd else None)
        if not records:
            frame.index = pd.Index(
                [], dtype=object, name=self.index_names[0] if len(self.index_names) == 1 else None
            )
        return frame


def value_of(record: Mapping[str, Any], name: str, id_columns: Mapping[str, Hashable]) -> Any:
    """Return an id or a property of a record; None where it has none."""
    metadata = record.get("metadata", {})
    return record.get(name) if name in id_columns and name not in metadata else metadata.get(name)


def restored(values: Sequence[Any], dtype: str, index: pd.Index[Any]) -> pd.Series[Any]:
    """Return values as a column of the dtype they had, or of their own where that does not hold them."""
    series: pd.Series[Any] = pd.Series(list(values), index=index, dtype=object)
    if dtype.startswith(("datetime64", "timestamp")):
        try:
            return cast_to(pd.to_datetime(series, utc=True, format="ISO8601"), as_utc(dtype))
        except (TypeError, ValueError):
            return series
    if dtype in PLAIN_DTYPES:
        try:
            return cast_to(series, PLAIN_DTYPES[dtype])
        except (TypeError, ValueError, OverflowError):
            return series
    return series


def cast_to(series: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Return a column in a dtype that is known by its name only."""
    converted: pd.Series[Any] = series.astype(dtype)
    return converted


def as_utc(dtype: str) -> str:
    """Return the dtype of aware datetimes; what was sent is UTC."""
    if "," in dtype and dtype.startswith("datetime64"):
        return dtype
    return "datetime64[us, UTC]" if "ns" not in dtype else "datetime64[ns, UTC]"


PLAIN_DTYPES = {
    **{name: name for name in ("str", "string", "bool", "boolean", "category")},
    **{f"{sign}int{width}": f"{sign}int{width}" for sign in ("", "u") for width in (8, 16, 32, 64)},
    **{f"{sign}Int{width}": f"{sign}Int{width}" for sign in ("", "U") for width in (8, 16, 32, 64)},
    **{name: name for name in ("float32", "float64", "Float32", "Float64")},
}


def table_document(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a DataFrame of scalars as JSON."""
    return [{str(name): tag(value) for name, value in row.items()} for row in frame.to_dict("records")]


def untagged(dtypes: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the DataFrame that ``table_document`` was given."""
    return typed_table(dtypes, [{name: untag(value) for name, value in row.items()} for row in rows])


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
    id_name = settings.ID_NAMES[kind]
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


def example(traits: Traits, json_type: str) -> Any:
    """Return a value of a column as it would be sent; None where there is none."""
    if traits.example is None or json_type == "string":
        return traits.example
    return json.loads(traits.example)
