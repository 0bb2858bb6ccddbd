"""The same frame of pandas as a frame of each engine, in some parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


def cut(frame: pd.DataFrame, parts: int) -> list[pd.DataFrame]:
    """Return a frame in consecutive parts of one size, but for the last."""
    step = max(-(-len(frame) // parts), 1)
    return [frame.iloc[first : first + step] for first in range(0, max(len(frame), 1), step)]


def dask_frame(*args: Any) -> Any:
    """With or without a cluster; the text of a frame stays what it is."""
    import dask
    import dask.dataframe as dd

    frame, parts = args[-2:]
    with dask.config.set({"dataframe.convert-string": False}):
        pieces = cut(frame, parts)
        return dd.from_map(lambda place: pieces[place], range(len(pieces)), meta=frame.iloc[:0])


def spark_frame(spark: Any, frame: pd.DataFrame, parts: int) -> Any:
    """Rows in their order, in so many partitions."""
    if not len(frame):
        return spark.createDataFrame(
            [], "user_id string, n long, f double, since timestamp, on boolean, text string"
        )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if parts == 1:
        return spark.createDataFrame(table).coalesce(1)
    step = -(-len(frame) // parts)
    numbered = table.append_column("part", pa.array([place // step for place in range(len(frame))]))
    numbered = numbered.append_column("place", pa.array(range(len(frame))))
    by_part = spark.createDataFrame(numbered).repartitionByRange(parts, "part")
    return by_part.sortWithinPartitions("place").drop("part", "place")


def pandas_on_spark(spark: Any, frame: pd.DataFrame, _: int) -> Any:
    """With an index of its own, and times without a zone: it knows no others."""
    import pyspark.pandas as ps

    assert spark is not None
    times = {name: frame[name].dt.tz_localize(None) for name in frame.select_dtypes("datetimetz")}
    return ps.from_pandas(frame.assign(**times))


def ray_dataset(ray: Any, frame: pd.DataFrame, parts: int) -> Any:
    """Blocks of pandas."""
    return ray.data.from_pandas(cut(frame, parts))


def ray_mapped(ray: Any, frame: pd.DataFrame, parts: int) -> Any:
    """Blocks that are still to be computed, of Arrow."""
    blocks = [pa.Table.from_pandas(piece, preserve_index=False) for piece in cut(frame, parts)]
    return ray.data.from_arrow(blocks).map_batches(lambda block: block, batch_format="pyarrow")


def daft_frame(frame: pd.DataFrame, _: int) -> Any:
    """In the parts that Daft makes."""
    import daft

    return daft.from_arrow(pa.Table.from_pandas(frame, preserve_index=False))


def modin_frame(frame: pd.DataFrame, _: int) -> Any:
    """Of one process."""
    import modin.config

    modin.config.Engine.put("python")
    import modin.pandas as mpd

    return mpd.DataFrame(frame)


def narwhals_frame(frame: pd.DataFrame, parts: int) -> Any:
    """Dask behind narwhals."""
    import narwhals as nw

    return nw.from_native(dask_frame(frame, parts))


ENGINES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "dask": (dask_frame, ()),
    "dask cluster": (dask_frame, ("dask_cluster",)),
    "spark": (spark_frame, ("spark",)),
    "pandas on spark": (pandas_on_spark, ("spark",)),
    "ray": (ray_dataset, ("ray",)),
    "ray mapped": (ray_mapped, ("ray",)),
    "daft": (daft_frame, ()),
    "modin": (modin_frame, ()),
    "narwhals": (narwhals_frame, ()),
}
"""Engine → what makes a frame of it, and the fixtures that it needs."""
LABELLED = ("dask", "pandas on spark", "modin", "narwhals")
"""Engines whose rows have labels of their own."""
