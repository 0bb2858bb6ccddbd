"""What the tests of frames share: the oracle beside them, and how many examples Hypothesis tries."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from analytex_pandas.frame import sources

# Under --import-mode=importlib pytest puts no directory on the path.
sys.path.append(str(Path(__file__).parent))

from backends import BACKENDS  # found by the path above

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

settings.register_profile(
    "quick",
    max_examples=40,
    deadline=None,
    derandomize="CI" in os.environ,  # what lands is what was tried; new examples are for whoever develops
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=5_000)
settings.register_profile("unshrunk", settings.get_profile("quick"), phases=[Phase.generate])
settings.load_profile(os.environ.get("ANALYTEX_TEST_PROFILE", "quick"))


@pytest.fixture(params=BACKENDS, ids=lambda backend: str(backend.__name__))
def make_input(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[pa.Table], Any]:
    """Return what makes an input of an Arrow table: each test that asks runs over every backend there is."""
    return lambda table: request.param(table, tmp_path_factory.mktemp("input"))


@pytest.fixture(params=[1, 3, 20_000], ids="batches of {}".format)
def batch_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many rows are coerced at once; each test that asks runs over several."""
    for name in ("STREAMED", "IN_MEMORY"):
        size = dataclasses.replace(getattr(sources, name), rows=request.param)
        monkeypatch.setattr(sources, name, size)
    return int(request.param)
