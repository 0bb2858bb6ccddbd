"""Frames of Spark, classic and Connect, and of pandas on Spark."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

SHIPPED = "partition bigint, batch binary"
MOST_BYTES = 4 * 1024 * 1024
"""Of a batch that travels as one cell: Connect has a limit for what a message holds, the JVM one for an array."""


def shipping(most_bytes: int) -> Any:
    """Return what makes of a partition's batches cells of bytes, so that Spark hands them over one by one.

    Its own Arrow stream fails with timestamps, and ``toArrow`` collects the whole. A function within a function
    travels whole: the workers need pyarrow, not this package.
    """

    def ship(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        partition = 0 if context is None else context.partitionId()
        for batch in batches:
            step = max(batch.num_rows * most_bytes // max(batch.nbytes, most_bytes), 1)
            for first in range(0, batch.num_rows, step):
                part = batch.slice(first, step)
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, part.schema) as writer:
                    writer.write_batch(part)
                yield pa.RecordBatch.from_arrays(
                    [pa.array([partition], pa.int64()), pa.array([sink.getvalue().to_pybytes()])],
                    names=["partition", "batch"],
                )

    return ship


def spark_frames(frame: Any, index: list[str] | None = None) -> Generator[tuple[int, pa.Table]]:
    """Yield the batches of a frame, each with the number of its partition; some columns may be its `index`."""
    shipped = numbered(frame).mapInArrow(shipping(MOST_BYTES), SHIPPED)
    for row in shipped.toLocalIterator(prefetchPartitions=True):
        with pa.ipc.open_stream(row["batch"]) as reader:
            table = reader.read_all().rename_columns(frame.columns)
        yield row["partition"], table if index is None else with_index(table, index)


def numbered(frame: Any) -> Any:
    """Return a frame with names that Spark finds: none with a dot or a backtick in it, and none that stands twice."""
    return frame.toDF(*(f"c{number}" for number in range(len(frame.columns))))


def with_index(table: pa.Table, index: list[str]) -> pa.Table:
    """Return a table with columns that are an index, said as pandas says it."""
    return table.replace_schema_metadata({b"pandas": json.dumps({"index_columns": index}).encode()})


def as_spark(frame: Any) -> tuple[Any, list[str]]:
    """Return a frame of pandas on Spark as one of Spark, and the names of the columns that hold its index.

    What has no zone in pandas is an instant in Spark, by the zone of the session; and categories are their codes there,
    -1 where there is none. Here they are what pandas shows.
    """
    from pyspark.sql import functions

    index = [
        f"__index_level_{level}__" if name is None else str(name)
        for level, name in enumerate(frame.index.names)
    ]
    found = frame.to_spark(index_col=index)
    dtypes = [None] * len(index) + list(frame.dtypes)
    for field, dtype in zip(found.schema.fields, dtypes, strict=True):
        column = functions.col("`{}`".format(field.name.replace("`", "``")))
        if field.dataType.typeName() == "timestamp":
            found = found.withColumn(field.name, column.cast("timestamp_ntz"))
        if isinstance(dtype, pd.CategoricalDtype):
            values = functions.array(*map(functions.lit, dtype.categories.tolist()))
            found = found.withColumn(field.name, functions.get(values, column))
    return found, index


def without_rows(frame: Any) -> pd.DataFrame:
    """Return a frame with the columns of one of Spark."""
    return pd.DataFrame(columns=frame.columns)
