"""Every state of the design is drawn by the real panels, and reads well."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
import gallery

TRUE = {
    "Running, 20 chunks": [
        "57.0 %",
        "11,403 of 19,998 rows processed",
        "until about 14:21:41",
        "403 of 1,000",
    ],
    "Running, 300 chunks": ["300 chunks:", "apd-many"],
    "Running, 1,000 chunks": ["each square is 4 chunks, the worst of them", "started yesterday 14:05"],
    "Running, one chunk": ["One job for all rows", "0 ✓ acknowledged"],
    "Waiting for another job": ["crm-sync-0412.ndjson", "758 of 2,000 rows", "about 14:15:00, in 1 min 2 s"],
    "Trouble: no answer": [
        "since 14:12:48",
        "4 so far, the next at 14:14:58",
        "about 20:12",
        "end not known",
        "doctor",
    ],
    "Pausing": [
        "pausing after this job",
        "Pauses when chunk 12 is done, about 14:15:01.",
        "pauses in 30 s",
        "Resume",
    ],
    "Paused": ["Paused since 14:15:02", "6 min 40 s of sending left", "paused for 3 min"],
    "Cancel asks once": ["Cancel this push?", "until about 14:15:01", "Keep sending", "Yes, cancel"],
    "Cancelling": ["Cancelled when chunk 12 is done, about 14:15:01.", "stops in 30 s", "7,998 ⊘ not sent"],
    "Cancelled": ["after 12 of 20 chunks", "7,998 rows not sent", "Resume"],
    "Failed: wrong key": ["The API key was not accepted.", "0 of 3,000", "401", "Resume"],
    "Failed: too many refused": ["stopped", "max_errors=0.01", "Save as CSV", "Resume"],
    "Interrupted": ["The kernel that sent this push has ended.", "as last heard", "Resume"],
    "Completed": ["100 %", "all 19,998 rows acknowledged", "took 17 min", "20 chunks, all done"],
    "Completed with errors": [
        "337 of 3,000 rows refused by the service, for 3 reasons.",
        "Row by row",
        "bad_email",
    ],
    "Unknown rows": ["60 rows unknown", "Send unknown rows again", "Sending them again is safe"],
    "Retry, shown inside": ["Retry → 337 users", "62.9 %", "212 of 337"],
    "Running, jobs open": ["Chunks and their jobs", "Hide jobs (20)", "403 of 1,000"],
    "Looking for what was sent": ["no clear answer came", "1,000 ◔ looked for", "end not known"],
}
"""What each state has to say."""
ABSENT = {
    "Trouble: no answer": ["s left", "rows/min"],
    "Pausing": ["Pause</button>"],
    "Cancelling": ['<button class="jupyter-button ">Pause', "Resume", "Cancel …"],
    "Failed: wrong key": ["progressbar", "apd-tiles", "Chunk 1 of"],
    "Completed": ["apd-cells", "as of", "○ to go", "Pause"],
    "Running, one chunk": ["apd-cells"],
}
"""What would not be true, or not possible."""


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    """Every state as the front end builds it."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (gallery.words, gallery.live):
            patch.setattr(module, "present", module.present)  # put back what the gallery sets
        patch.setenv("ANALYTEX_STATE_DIR", "")
        return gallery.gallery()


@pytest.mark.parametrize("name", TRUE)
def test_a_state_says_what_is_so(shown: dict[str, str], name: str) -> None:
    """The sentences, numbers and buttons of the design, and none that would not be true."""
    assert set(TRUE) == set(gallery.STATES)
    page = shown[name].partition("</style>")[2]
    text = " ".join(re.sub(r"<[^>]*>", "", page).split())
    assert [part for part in TRUE[name] if part not in text and part not in page] == []
    assert [part for part in ABSENT.get(name, []) if part in page] == []
    assert "<script" not in page


@pytest.mark.parametrize("name", TRUE)
def test_the_tiles_are_the_counts(name: str) -> None:
    """They add up to the rows, in every state."""
    panel = gallery.panel(name)
    counts = panel.push.state().counts
    tiles = re.search(r'<ul class="apd-tiles">(.*?)</ul>', panel.body.value)
    if tiles is None:
        assert counts["pending"] == sum(panel.push.state().counts.values()) - counts["input"]
        return
    rows = {}
    for number, of, fate in re.findall(
        r"<b>([\d,]+)</b> (?:<small>of ([\d,]+)</small> )?<span>. (.*?)</span>", tiles[1]
    ):
        rows[fate] = int((of or number).replace(",", ""))
    assert rows["acknowledged"] == counts["acknowledged"]
    assert rows["refused"] == counts["refused"]
    assert rows["unknown"] == counts["unknown"]
    total = sum(counts[key] for key in ("pending", "in_flight", "acknowledged", "refused", "unknown"))
    assert sum(rows.values()) == total
