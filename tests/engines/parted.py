"""A frame of pandas with what can go wrong in parts, and any such frame as one of each engine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ROWS = 3_000


def rows_of_many_types() -> pd.DataFrame:
    """Rows with gaps; one has no id, and one id stands twice with other values, far apart."""
    places = np.arange(ROWS)
    since = pd.date_range("2024-01-01 08:00", periods=ROWS, freq="h", tz="UTC").astype("datetime64[us, UTC]")
    found = pd.DataFrame(
        {
            "user_id": [f"u{place}" for place in places],
            "n": places,
            "f": np.where(places % 3, places / 4, np.nan),
            "since": since,
            "on": places % 2 == 0,
            "text": ['é"\\x'] * ROWS,
        },
        index=[f"row {place}" for place in places],
    )
    found.loc["row 5", "user_id"] = None
    found.loc["row 2900", "user_id"] = "u3"
    return found


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


def maker(name: str, request: pytest.FixtureRequest) -> Callable[[pd.DataFrame, int], Any]:
    """Start an engine, and return what makes a frame of it, in so many parts, of one of pandas."""
    make_frame, needs = ENGINES[name]
    return partial(make_frame, *map(request.getfixturevalue, needs))


LABELLED = ("dask", "pandas on spark", "modin", "narwhals")
"""Engines whose rows have labels of their own."""
