"""What the tests of pushes share: helper modules beside them, and a service and client for each test that asks."""

from __future__ import annotations

import sys
from pathlib import Path

# Under --import-mode=importlib pytest puts no directory on the path.
sys.path.append(str(Path(__file__).parent))
