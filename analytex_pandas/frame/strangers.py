"""What is no frame: what it is, and the one line that makes a frame of it. Nothing foreign is imported for that."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analytex_pandas.errors import ValidationError, code
from analytex_pandas.frame.places import Place

ENGINES = {
    "pyspark.pandas": "{}.to_pandas()",
    "pyspark": "{}.toPandas()",
    "dask": "{}.compute()",
    "modin": "{}.modin.to_pandas()",
    "ray": "{}.to_pandas()",
    "daft": "{}.to_pandas()",
    "cudf": "{}.to_pandas()",
    "polars.lazyframe": "{}.collect()",
    "vaex": "{}.to_pandas_df()",
    "xarray": "{}.to_dataframe().reset_index()",
    "scipy": "pd.DataFrame({}.toarray())",
}
"""Module → what makes a pandas DataFrame of what comes from it, such as of frames within an iterable."""
LINES: tuple[tuple[Any, str], ...] = (
    (pa.StructArray, "pa.Table.from_struct_array({})"),
    (pa.Array | pa.ChunkedArray, 'pa.table({{"user_id": {}}})'),
    (pd.Index | np.ndarray, 'pd.DataFrame({{"user_id": {}}})'),
    (bytes | bytearray | memoryview, "pd.read_csv(io.BytesIO({}), dtype=str)"),
    (io.IOBase, "pd.read_csv({}, dtype=str)"),
)
"""Type → what makes a frame of it."""
WAYS = ("collect", "compute", "to_reader", "to_pandas", "toPandas", "to_arrow", "to_frame", "read")
"""Methods that make a frame of many an object, the likelier first."""
READ_BY = {
    ".parquet": "",
    **dict.fromkeys([".csv", ".txt"], "pd.read_csv({}, dtype=str)"),
    ".tsv": 'pd.read_csv({}, sep="\\t", dtype=str)',
    **dict.fromkeys([".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"], "pd.read_excel({}, dtype=str)"),
    ".json": "pd.read_json({}, dtype=False, convert_dates=False)",
    **dict.fromkeys([".jsonl", ".ndjson"], "pd.read_json({}, lines=True, dtype=False, convert_dates=False)"),
    **dict.fromkeys([".feather", ".arrow", ".ipc"], "pd.read_feather({})"),
    ".orc": "pd.read_orc({})",
    ".dta": "pd.read_stata({})",
    ".sav": "pd.read_spss({})",
    **dict.fromkeys([".sas7bdat", ".xpt"], "pd.read_sas({})"),
    **dict.fromkeys([".pkl", ".pickle"], "pd.read_pickle({})"),
}
"""How a file's name ends → what makes a frame of it; ids in text keep their zeros."""
COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})


def no_frame(data: Any, line: str = "", what: str = "") -> ValidationError:
    """Return what to say of data that are no frame; `line` makes one of them, if it is known already."""
    line = line or line_of(data) or line_by_method(data)
    way = f" This makes a frame of it: {line}." if line else ""
    if data is None:
        way = " Did the function that made it return nothing, as methods with inplace=True do?"
    return ValidationError(
        f"{what or 'A' + named(data)[1:]} cannot be read as a frame.{way} There can be: a pandas DataFrame, anything "
        "with an Arrow stream (pyarrow, polars, DuckDB), an iterable of those, the path or URL of Parquet files, or a "
        "frame of Dask, Spark, Ray, Daft or Modin."
    )


def no_frame_within(data: Any, number: int, item: Any) -> ValidationError:
    if isinstance(item, str) and item.casefold().endswith((".parquet", ".pq")):
        line = "(pd.read_parquet(path) for path in data)"
    elif item is None or number:
        line = ""
    elif isinstance(item, Mapping | list | tuple | pd.Series | np.ndarray):
        line = "pd.DataFrame(data)"
    elif single := line_of(item, "item") or line_by_method(item, "item"):
        line = f"[{single} for item in data]"
    else:
        line = 'pd.DataFrame({"user_id": data})'
    again = ", with the iterator made anew: items of it have been read" if line and iter(data) is data else ""
    what = f"Item {number} of the iterable ({named(data)}) is {named(item)}; it"
    return no_frame(item, line + again, what)


def named(data: Any) -> str:
    """Return what something is, such as ``a polars LazyFrame``."""
    kind = type(data)
    root = kind.__module__.partition(".")[0]
    name = kind.__name__ if root in ("builtins", "__main__") else f"{root} {kind.__name__}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def line_of(data: Any, name: str = "data") -> str:
    """Return the line that makes a frame of what is none, by its type; empty where it is a frame, or unknown."""
    kind = type(data)
    if isinstance(data, Mapping):
        first = next(iter(data.values()), None)
        if isinstance(first, pd.DataFrame):
            return f"pd.concat({name}.values())"
        if isinstance(first, Mapping):
            return f'pd.DataFrame.from_dict({name}, orient="index").rename_axis("user_id")'
        if first is None or isinstance(first, str | bytes) or not hasattr(first, "__len__"):
            return f"pd.DataFrame([{name}])" if data else "pd.DataFrame(…)"
        return f"pd.DataFrame({name})"
    if isinstance(data, np.ndarray) and (data.ndim > 1 or data.dtype.names):
        return f"pd.DataFrame({name})"
    if kind.__name__ == "Series" and hasattr(kind, "to_frame"):
        return f"{name}.to_frame()"
    if kind.__module__.startswith("pandas.") and hasattr(data, "obj"):
        return f"{name}.obj"
    by_type = (line for types, line in LINES if isinstance(data, types))
    modules = [f"{base.__module__}." for base in kind.__mro__]
    known = ((f"{module}.", line) for module, line in ENGINES.items())
    by_module = (line for module, line in known if any(one.startswith(module) for one in modules))
    return next(chain(by_type, by_module), "").format(name)


def line_by_method(data: Any, name: str = "data") -> str:
    kind = type(data)
    if hasattr(kind, "scanner"):
        return f"{name}.scanner().to_reader()"
    return next((f"{name}.{way}()" for way in WAYS if callable(getattr(kind, way, None))), "")


def line_to_read(path: PurePath) -> str:
    """Return the line, without the path, that reads a file by how its name ends."""
    suffixes = [suffix for suffix in path.suffixes if suffix.casefold() not in COMPRESSED]
    return READ_BY.get(suffixes[-1].casefold(), "") if suffixes else ""


def way_to_read(place: Place) -> str:
    """Return the line that makes a frame of a file that is no Parquet, or of a directory of such; empty if unknown."""
    path = place.path
    if not place.is_local or (isinstance(path, Path) and path.is_file()):
        line = line_to_read(path)
        return f" This makes a frame of it: {line.format(code(place.shown))}." if line else ""
    if not isinstance(path, Path) or not path.is_dir():
        column = f" If it is a column: the data come first, as in plan_users(df, user_id={code(str(path))})."
        return f" Is it the right path, seen from os.getcwd()?{'' if path.suffix or path.parent.name else column}"
    found = next((file for file in sorted(path.iterdir()) if line_to_read(file)), None)
    if found is None:
        return ""
    pattern = code(str(path / f"*{''.join(found.suffixes)}"))
    line = line_to_read(found).format("path")
    return f" These are frames of what it holds: ({line} for path in glob.glob({pattern}))."
