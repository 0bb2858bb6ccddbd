"""The same table as every kind of input that can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def pandas_numpy(table: pa.Table, _: Path) -> pd.DataFrame:
    """NumPy dtypes where there are no gaps, else floats and Python objects."""
    return table.to_pandas(date_as_object=True)


def pandas_objects(table: pa.Table, _: Path) -> pd.DataFrame:
    """Nothing but Python objects."""
    return pd.DataFrame(
        {name: pd.Series(python_values(table[name]), dtype=object) for name in table.column_names}
    )


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column as Python objects; a float of 32 bits stays one."""
    values = column.to_pylist()
    if column.type != pa.float32():
        return list(values)
    return [None if value is None else np.float32(value) for value in values]


def pandas_nullable(table: pa.Table, _: Path) -> pd.DataFrame:
    """The dtypes of pandas' own that know missing values."""
    nullable = {
        pa.int64(): pd.Int64Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.float32(): pd.Float32Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype("python"),
    }
    return table.to_pandas(types_mapper=nullable.get)


def pandas_arrow(table: pa.Table, _: Path) -> pd.DataFrame:
    """Arrow-backed columns."""
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def pandas_categories(table: pa.Table, _: Path) -> pd.DataFrame:
    """Every column as categories."""
    return pandas_objects(table, _).astype("category")


def arrow_table(table: pa.Table, _: Path) -> pa.Table:
    """As it is."""
    return table


def arrow_chunks(table: pa.Table, _: Path) -> pa.Table:
    """In chunks of uneven sizes."""
    return pa.concat_tables([table.slice(start, 3) for start in range(0, len(table), 3)] or [table])


def arrow_reader(table: pa.Table, _: Path) -> pa.RecordBatchReader:
    """A stream that can be read once."""
    return table.to_reader(max_chunksize=2)


def arrow_views(table: pa.Table, _: Path) -> pa.Table:
    """Text as views and large text, dictionaries, runs of equal values."""
    columns = {}
    for number, name in enumerate(table.column_names):
        column = table[name].combine_chunks()
        if column.type == pa.string():
            column = [
                column.cast(pa.string_view()),
                column.cast(pa.large_string()),
                column.dictionary_encode(),
            ][number % 3]
        elif len(column):
            column = pa.RunEndEncodedArray.from_arrays(
                pa.array(range(1, len(column) + 1), pa.int32()), column
            )
        columns[name] = column
    return pa.table(columns)


def reordered(table: pa.Table, _: Path) -> pa.Table:
    """The columns in another order."""
    return table.select(table.column_names[::-1])


def polars_frame(table: pa.Table, _: Path) -> pl.DataFrame:
    """A polars DataFrame."""
    return pl.from_arrow(table)  # type: ignore[return-value]


def duckdb_relation(table: pa.Table, _: Path) -> Any:
    """A DuckDB relation."""
    return duckdb.connect().from_arrow(table)


def parquet_file(table: pa.Table, directory: Path) -> Path:
    """A Parquet file of several row groups."""
    path = directory / "data.parquet"
    pq.write_table(table, path, row_group_size=4)
    return path


def parquet_text_path(table: pa.Table, directory: Path) -> str:
    """A Parquet file by its path as text."""
    return str(parquet_file(table, directory))


def parquet_directory(table: pa.Table, directory: Path) -> Path:
    """A directory of Parquet files."""
    half = len(table) // 2
    (directory / "parts").mkdir()
    pq.write_table(table.slice(0, half), directory / "parts" / "a.parquet")
    pq.write_table(table.slice(half), directory / "parts" / "b.parquet")
    return directory / "parts"


def frames(table: pa.Table, _: Path) -> Iterator[pd.DataFrame]:
    """A generator of DataFrames, the dtypes of which differ by where the gaps are."""
    for start in range(0, max(len(table), 1), 2):
        yield table.slice(start, 2).to_pandas()


def mixed_frames(table: pa.Table, directory: Path) -> Iterator[Any]:
    """A generator of frames of all kinds."""
    kinds: list[Callable[..., Any]] = [
        pandas_arrow,
        polars_frame,
        arrow_table,
        pandas_nullable,
        pandas_objects,
    ]
    for number, start in enumerate(range(0, max(len(table), 1), 3)):
        yield kinds[number % len(kinds)](table.slice(start, 3), directory)


BACKENDS: list[Callable[[pa.Table, Path], Any]] = [
    pandas_numpy,
    pandas_objects,
    pandas_nullable,
    pandas_arrow,
    pandas_categories,
    arrow_table,
    arrow_chunks,
    arrow_reader,
    arrow_views,
    reordered,
    polars_frame,
    duckdb_relation,
    parquet_file,
    parquet_text_path,
    parquet_directory,
    frames,
    mixed_frames,
]
