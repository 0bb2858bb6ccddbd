"""What the tests of frames share: the oracle beside them, and how many examples Hypothesis tries."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

# Under --import-mode=importlib pytest puts no directory on the path.
sys.path.append(str(Path(__file__).parent))

settings.register_profile(
    "quick",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=5_000)
settings.register_profile("unshrunk", settings.get_profile("quick"), phases=[Phase.generate])
settings.load_profile(os.environ.get("ANALYTEX_TEST_PROFILE", "quick"))
