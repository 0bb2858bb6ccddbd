"""What a live panel costs while a push of a thousand chunks runs."""

from __future__ import annotations

import gc
import sys
import types
from typing import TYPE_CHECKING, Any

import ipywidgets
import pytest

from analytex_pandas.show import panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.delivery.state import ChunkState, PushState

CHUNKS = 1_000
MINUTE, HOUR = 60, 3_600
SECONDS = 20
BYTES_A_SECOND = 20_000


@pytest.mark.skipif(
    not hasattr(ipywidgets.Widget, "_repr_mimebundle_"),
    reason="ipywidgets 7 sends by other means than those that are recorded",
)
def test_a_thousand_chunks_stay_under_twenty_kilobytes_a_second(
    steered: Callable[..., Any],
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    wire: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four pictures a second, a chunk ended every two, the jobs table open: a slow line must carry it."""
    now = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(panel, "time", clock)

    def at(tick: int) -> PushState:
        ended, processed = divmod(tick, 8)
        ended += 400
        chunks = [make_chunk(number, "completed", completed_rows=100) for number in range(1, ended + 1)]
        chunks.append(make_chunk(ended + 1, "processing", completed_rows=12 * processed))
        chunks += [make_chunk(number) for number in range(ended + 2, CHUNKS + 1)]
        return state(chunks, current=ended + 1, rate=50.0 + tick, activity=f"chunk {ended + 1}: {processed}")

    work = steered(at(0))
    made = panel.PushPanel(work.push)
    made.redraw()
    made.jobs.toggle.click()
    wire.clear()
    for tick in range(1, 4 * SECONDS + 1):
        now[0] = tick / 4
        work.show(at(tick))
        made.live.draw()
    assert 0 < wire.bytes < BYTES_A_SECOND * SECONDS


def test_an_hour_leaves_nothing_behind(
    steered: Callable[..., Any],
    state: Callable[..., PushState],
    make_chunk: Callable[..., ChunkState],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After sixty minutes of pictures the panel holds as many objects as after ten."""
    now = [0.0]
    clock = types.SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(panel, "time", clock)

    def at(second: int) -> PushState:
        current = 1 + second * 7 // HOUR
        chunks = [make_chunk(number, "completed", completed_rows=100) for number in range(1, current)]
        chunks.append(make_chunk(current, "processing", completed_rows=second % 100))
        chunks += [make_chunk(number) for number in range(current + 1, 9)]
        return state(chunks, current=current, rate=1_000.0 + second % 400, activity=f"second {second}")

    work = steered(at(0))
    made = panel.PushPanel(work.push)
    made.jobs.toggle.click()
    held = {}
    for second in range(HOUR + 1):
        now[0] = float(second)
        work.show(at(second))
        made.live.draw()
        if second in (10 * MINUTE, HOUR):
            gc.collect()
            held[second] = sys.getallocatedblocks()
    assert held[HOUR] < 1.01 * held[10 * MINUTE]
