"""The engines as a user has them: each started once, small, and only where a test asks for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Under --import-mode=importlib pytest puts no directory on the path.
REPOSITORY = Path(__file__).parents[2]
PLACES = [str(REPOSITORY / "tests" / "frame"), str(REPOSITORY / "tests" / "engines")]
sys.path += PLACES
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(REPOSITORY), *PLACES, os.environ.get("PYTHONPATH", "")]
)  # of workers

from parted import ENGINES  # noqa: E402  # found by the path above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    Make = Callable[[pd.DataFrame, int], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Engines and their libraries warn one another of what is to come; of what warns in ours their tests fail still."""
    for item in items:
        if item.get_closest_marker("engines"):
            item.add_marker(pytest.mark.filterwarnings("default", r"error:::analytex_pandas(\..*)?"))


@pytest.fixture(scope="session")
def dask_cluster() -> Iterator[Any]:
    """Two processes of Dask."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark with two threads; where ``ANALYTEX_SPARK_CONNECT`` is set by its Connect client."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.config("spark.ui.enabled", "false").config(
        "spark.sql.shuffle.partitions", 4
    )
    builder = builder.config("spark.sql.session.timeZone", "Asia/Kolkata")
    connect = os.environ.get("ANALYTEX_SPARK_CONNECT")
    place = "local[2, 2]"  # two threads, and two attempts at a task
    session = (builder.remote(place) if connect else builder.master(place)).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    """Ray with two workers."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest) -> Make:
    """What makes a frame of an engine, in so many parts, of one of pandas; each test that asks runs over all."""
    make_frame, needs = ENGINES[request.param]
    started = [request.getfixturevalue(name) for name in needs]
    return lambda frame, parts: make_frame(*started, frame, parts)
