"""What a command came to, as text and as JSON."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NamedTuple

import pandas as pd

from analytex_pandas.errors import AnalytexError, ValidationError, code, harmless_line
from analytex_pandas.frame.places import place_of
from analytex_pandas.show.markup import GAP, text_table


class Done(NamedTuple):
    """What a command came to: its exit status, its result as a document of JSON, and as text."""

    status: int
    document: Any
    text: str = ""


def shown(table: pd.DataFrame) -> Done:
    """Return a table as a result."""
    return Done(0, json_of(table), table_text(table))


def written(table: pd.DataFrame, to: str | None) -> Done:
    """Return a table as a result, as CSV where it is text; or write it to a file, of this machine or at a URL."""
    if to is None:
        return Done(0, json_of(table), table.to_csv(index=False))
    contents: dict[str, Callable[[], str | bytes]] = {
        ".csv": lambda: table.to_csv(index=False),
        ".parquet": lambda: with_text_labels(in_unicode(table)).to_parquet(index=False),
        ".json": lambda: json_of(table),
        ".ndjson": lambda: json_of(table, lines=True),
    }
    contents[".jsonl"] = contents[".ndjson"]
    ending = PurePath(to).suffix.lower()
    if ending not in contents:
        raise ValidationError(f"--to {code(to)}: it ends in none of {', '.join(contents)}.")
    content = contents[ending]()
    place_of(to).write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
    return Done(0, {"file": to, "rows": len(table)}, f"{len(table):,} rows in {to}")


def in_unicode(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose bytes, and text with half a surrogate pair, are what can be printed of them."""
    names = [name for name in table.columns if table[name].dtype == object]
    return table.assign(
        **{name: pd.Series([*map(in_a_file, table[name])], table.index, dtype=object) for name in names}
    )


def in_a_file(cell: Any) -> Any:
    """Return a label, or whatever else is in a table, as a file can hold it."""
    if isinstance(cell, tuple):
        return tuple(map(in_a_file, cell))
    if isinstance(cell, bytes):
        return str(cell)
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


def with_text_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without labels of several kinds, for which a file has no type."""
    return table if table["index"].dtype != object else table.assign(index=table["index"].map(str, "ignore"))


def json_of(table: pd.DataFrame, *, lines: bool = False) -> str:
    """Return a table as JSON: a list of its rows, or a row a line."""
    text: str = in_unicode(table).to_json(
        orient="records",
        lines=lines,
        date_format="iso",
        double_precision=15,
        force_ascii=False,
        default_handler=str,
    )
    return text


def rows_of(table: pd.DataFrame) -> Any:
    """Return a table as a list of its rows, in values of JSON."""
    return json.loads(json_of(table))


def table_text(table: pd.DataFrame) -> str:
    """Return a table as aligned text, without empty columns; where a terminal is too narrow, as a block a row."""
    if table.empty:
        return "There are none."
    cells = {str(name): [cell_text(value) for value in table[name]] for name in table}
    cells = {name: texts for name, texts in cells.items() if any(texts)}
    numeric = [name for name in cells if pd.api.types.is_numeric_dtype(table[name])]
    text = text_table([*cells], [*zip(*cells.values(), strict=True)], numeric=numeric, width=sys.maxsize)
    if max(map(len, text.splitlines())) <= shutil.get_terminal_size((sys.maxsize, 0)).columns:
        return text
    wide = max(map(len, cells))
    rows = (zip(cells, row, strict=True) for row in zip(*cells.values(), strict=True))
    return "\n\n".join("\n".join(f"{name:{wide}}{GAP}{text}" for name, text in row if text) for row in rows)


def cell_text(value: Any) -> str:
    """Return a value as one line of text, a time to the second; what is missing is empty."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    return f"{value:%Y-%m-%d %H:%M:%S}Z" if isinstance(value, pd.Timestamp) else harmless_line(str(value))


def error_document(error: AnalytexError) -> dict[str, str]:
    """Return an error in values of JSON."""
    return {"class": type(error).__name__, "message": str(error)}
