"""The measured pace over the whole push, in bounded memory."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

CAPACITY: Final = 64
BLOCKS: Final = "▁▂▃▄▅▆▇█"


class RateHistory:
    """Rows answered over time: at most ``CAPACITY`` points, thinned out as the push grows longer."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._spacing = 0.0

    def __len__(self) -> int:
        return len(self._points)

    def add(self, seconds: float, rows: float) -> None:
        """Note how many rows are answered at a time (in seconds of any steady clock)."""
        points = self._points
        # The newest point moves along until it is a spacing away from the one before: the end is exact.
        if len(points) > 1 and points[-1][0] - points[-2][0] < self._spacing:
            points[-1] = (seconds, rows)
        else:
            points.append((seconds, rows))
        if len(points) > CAPACITY:
            self._points = points[::2] if len(points) % 2 else [*points[::2], points[-1]]
            span = self._points[-1][0] - self._points[0][0]
            self._spacing = max(2 * self._spacing, span / CAPACITY)

    def rates(self, buckets: int = 24) -> tuple[float, ...]:
        """Return rows per second in ``buckets`` equal stretches from first to last point, oldest first."""
        points = self._points
        if len(points) < 2 or points[-1][0] <= points[0][0]:  # noqa: PLR2004  # a stretch has two ends
            return ()
        start, step = points[0][0], (points[-1][0] - points[0][0]) / buckets
        totals = _interpolated(points, [start + step * place for place in range(buckets + 1)])
        return tuple(max(0.0, (after - before) / step) for before, after in pairwise(totals))


def _interpolated(points: list[tuple[float, float]], times: list[float]) -> list[float]:
    """Return the rows answered at each of the rising times, on straight lines between the points."""
    values = []
    right = 1
    for time in times:
        while right < len(points) - 1 and points[right][0] < time:
            right += 1
        (time_0, rows_0), (time_1, rows_1) = points[right - 1], points[right]
        weight = 1.0 if time_1 <= time_0 else min(1.0, max(0.0, (time - time_0) / (time_1 - time_0)))
        values.append(rows_0 + weight * (rows_1 - rows_0))
    return values


def sparkline(rates: tuple[float, ...]) -> str:
    """Return the rates as a line of blocks, the highest one full."""
    highest = max(rates, default=0.0)
    if highest <= 0:
        return BLOCKS[0] * len(rates)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(value / highest * len(BLOCKS)))] for value in rates)
