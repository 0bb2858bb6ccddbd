"""Invalid rows as a table, and as a line of a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analytex_pandas.errors import code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Report:
    """Why rows cannot be sent: their positions, index labels and ids, the property, the code and the message."""

    positions: Sequence[int]
    labels: Sequence[Any]
    ids: Sequence[str | None]
    property: str
    code: str
    message: str


def said(row: Mapping[Any, Any]) -> str:
    """Return a row of ``Plan.invalid`` as a message says it: where it is, and why."""
    where = f", {row['property']!r}" if row["property"] else ""
    return f"row {code(row['index'])}{where}: {row['message']}"


def invalid_table(reports: Sequence[Report]) -> pd.DataFrame:
    """Return ``Plan.invalid``, in the order of the input."""
    positions = [position for report in reports for position in report.positions]
    frame = pd.DataFrame(
        {
            "position": pd.Series(positions, dtype="int64"),
            "index": objects([label for report in reports for label in report.labels]),
            "id": objects([id_ for report in reports for id_ in report.ids]),
            "property": objects([report.property for report in reports for _ in report.positions]),
            "code": objects([report.code for report in reports for _ in report.positions]),
            "message": objects([report.message for report in reports for _ in report.positions]),
        }
    )
    return frame.sort_values("position", kind="stable", ignore_index=True)


def objects(values: Sequence[Any]) -> pd.Series[Any]:
    """Return values, tuples among them, as a column of objects."""
    return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=object)
