"""What a command came to, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NamedTuple

import pandas as pd

from analytex_pandas.errors import AnalytexError, ValidationError, code
from analytex_pandas.frame.places import place_of


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
    plain = table.assign(**{name: table[name].map(str) for name in ("index",) if table[name].dtype == object})
    contents: dict[str, Callable[[], str | bytes]] = {
        ".csv": lambda: table.to_csv(index=False),
        ".parquet": lambda: plain.to_parquet(index=False),
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


def json_of(table: pd.DataFrame, *, lines: bool = False) -> str:
    """Return a table as JSON: a list of its rows, or a row a line."""
    text: str = table.to_json(
        orient="records", date_format="iso", force_ascii=False, default_handler=str, lines=lines
    )
    return text


def records(table: pd.DataFrame) -> Any:
    """Return a table as a list of its rows, in values of JSON."""
    return json.loads(json_of(table))


def table_text(table: pd.DataFrame) -> str:
    """Return a table as aligned text, whole."""
    if table.empty:
        return "There are none."
    cells = table.astype(object).where(table.notna(), "")
    return cells.to_string(index=False, max_colwidth=200, justify="left")


def said(error: AnalytexError) -> dict[str, str]:
    """Return an error in values of JSON."""
    return {"class": type(error).__name__, "message": str(error)}
