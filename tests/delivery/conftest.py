"""What the tests of pushes share: helper modules beside them, and a service and client for each test that asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from other_service import OtherService

# Under --import-mode=importlib pytest puts no directory on the path.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def service() -> Iterator[OtherService]:
    """Serve with quick jobs."""
    from other_service import serving  # found by the path that is set above

    with serving(seconds_a_job=0.02) as running:
        yield running
