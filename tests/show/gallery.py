"""Every state of the panel on one page, drawn by the real panels: ``python tests/show/gallery.py DIRECTORY``.

Writes ``gallery.html`` and pictures of it in both themes at 1280 and 700 px, to be looked at beside the design.
"""

# ruff: noqa: E501, PLR0917, SLF001  # a state a line; ipywidgets has no other name for a widget's classes
from __future__ import annotations

import datetime as dt
import html
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import analytex_pandas as apd
from analytex_pandas.delivery.state import Blocker, ChunkState, PushState, Trouble, counted
from analytex_pandas.delivery.tables import ERROR_COLUMNS
from analytex_pandas.service.row_errors import RowError
from analytex_pandas.service.wire import Job
from analytex_pandas.show import live, pages, words
from analytex_pandas.show.monitor import Monitor
from analytex_pandas.show.panel import PushPanel
from analytex_pandas.show.widgets import is_shown

if TYPE_CHECKING:
    from collections.abc import Callable

START = dt.datetime(2026, 11, 24, 14, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
ID = "20261124-140500-8898c449"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body{{margin:0;background:#fff;color:#212121;font:14px/1.5 system-ui,sans-serif}}
body[data-jp-theme-light="false"]{{--jp-layout-color0:#111;--jp-layout-color2:#424242;--jp-layout-color3:#616161;
--jp-ui-font-color1:rgba(255,255,255,.87);background:#111;color:rgba(255,255,255,.87)}}
main{{max-width:1168px;margin:0 auto;padding:20px 16px}}h2{{font-size:14px;margin:0 0 8px}}
section{{display:grid;grid-template-columns:180px minmax(0,1fr);gap:0 28px;margin-bottom:32px}}
@media (max-width:1000px){{section{{display:block}}}}
.jupyter-button{{font:13px/28px system-ui,sans-serif;height:28px;padding:0 10px;border:0;
background:var(--jp-layout-color2,#eee);color:var(--jp-ui-font-color1,rgba(0,0,0,.8))}}
.jupyter-button.mod-active{{background:var(--jp-layout-color3,#bdbdbd)}}
</style></head><body data-jp-theme-light="true"><main>{sections}</main></body></html>"""


class Pictured:
    """A push that stands still in one state."""

    def __init__(self, state: PushState, errors: pd.DataFrame, retry: Pictured | None = None) -> None:
        self.id, self._state, self.refusals, self._retry = state.id, state, errors, retry
        self.failed = pd.DataFrame({"user_id": errors["id"], "email": "x@y"}, index=pd.Index(errors["index"]))

    def state(self) -> PushState:
        return self._state

    def subscribe(self, _: Callable[..., object]) -> Callable[[], None]:
        return lambda: None

    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def cancel(self) -> None: ...
    def resume(self) -> None: ...

    def retry(self, **_: Any) -> Pictured:
        assert self._retry is not None
        return self._retry


def at(minutes: float, seconds: float = 0.0) -> dt.datetime:
    """A time of the story."""
    return START + dt.timedelta(minutes=minutes, seconds=seconds)


def chunks(
    total: int, done: int, rows: int = 1_000, last: int | None = None, **special: Any
) -> list[ChunkState]:
    """Chunks of which so many are done; `special` says of some, by ``c12``, what they are instead."""
    made = []
    for number in range(1, total + 1):
        values: dict[str, Any] = {"status": "completed" if number <= done else "pending"}
        values |= special.get(f"c{number}", {})
        size = last if last is not None and number == total else rows
        if values["status"] not in ("pending", "waiting"):
            sent = START + dt.timedelta(seconds=50 * (number - 1))
            values = {
                "attempts": 1,
                "job_id": f"f35e2f74-f5da-434b-a6bb-{number:012}",
                "submitted_at": sent,
            } | values
            if values["status"] != "processing":
                values |= {"ended_at": sent + dt.timedelta(seconds=50), "completed_rows": size}
        made.append(ChunkState(number, size, size * 60, **values))
    return made


def state(made: list[ChunkState], planned: dict[str, int] | None = None, **values: Any) -> PushState:
    """A push of these chunks."""
    left_out = {"invalid": 0, "duplicate": 0, "unchanged": 0} | (planned or {})
    total = sum(one.rows for one in made) + sum(left_out.values())
    values = {"id": ID, "kind": "users", "status": "running", "started_at": START, "rate": 20.0} | values
    values = {"source": "customers.parquet"} | values
    return PushState(counts=counted(left_out | {"input": total}, made), chunks=tuple(made), **values)


def errors(*kinds: tuple[int, str, str, str]) -> pd.DataFrame:
    """So many errors of each kind: count, code, property, message with a place for a value."""
    rows = [
        {"position": 9 * place, "index": f"customer {9 * place}", "id": f"u{1033 + place}", "code": code,
         "property": name, "message": text.format(f"'c{place}@ex'"), "chunk": 1, "job_id": "j", "raw": "{}"}
        for count, code, name, text in kinds
        for place in range(1, count + 1)
    ]  # fmt: skip
    return pd.DataFrame(
        {key: pd.Series([row[key] for row in rows], dtype=kind) for key, kind in ERROR_COLUMNS.items()}
    )


ERR, RUN = {"status": "completed_with_errors", "refused": 1}, {"status": "processing", "completed_rows": 403}
TWELFTH = {"c1": ERR, "c2": ERR, "c8": ERR, "c12": RUN}
MAIL = "not an e-mail address: {}"
THREE = errors((3, "bad_email", "email", MAIL))
NONE = errors()
BAD = errors(
    (286, "bad_email", "email", MAIL),
    (48, "quota", "score", "ערך לא חוקי 🚫 quota of the plan used up"),
    (
        3,
        "weird",
        "long_property_name_" * 3,
        "<script>alert(1)</script> & other text that only looks like markup {}" + "verylongword" * 9,
    ),
)
ACTIVITY = "chunk 12 of 20: processing, 403 of 1,000 rows"


def twenty(**values: Any) -> PushState:
    """The push of the design, in its twelfth chunk."""
    known = {
        "current": 12,
        "activity": ACTIVITY,
        "due": at(10, 1),
        "estimated_end": at(16, 41),
        "planned": {"invalid": 2},
    }
    return state(chunks(20, 11, last=998, **TWELFTH), **known | values)


def stopped(**values: Any) -> PushState:
    """The same, stopped after its twelfth chunk."""
    special = TWELFTH | {"c12": ERR}
    return state(chunks(20, 12, last=998, **special), **{"since": at(10, 2), "ended_at": at(10, 2)} | values)


def one(**values: Any) -> PushState:
    """A push of one chunk, in the middle."""
    run = {"status": "processing", "completed_rows": 1_612}
    activity = "chunk 1 of 1: processing, 1,612 of 3,000 rows"
    return state(
        chunks(1, 0, 3_000, c1=run),
        **{"current": 1, "activity": activity, "estimated_end": at(2, 30), "due": at(2, 30)} | values,
    )


def many(total: int, done: int, minutes: float, **special: Any) -> PushState:
    """A push of many chunks."""
    run = {"status": "processing", "completed_rows": 610}
    made = chunks(total, done, **special | {f"c{done + 1}": run})
    activity = f"chunk {done + 1:,} of {total:,}: processing, 610 of 1,000 rows"
    left = dt.timedelta(seconds=(total - done) * 50)
    return state(
        made, current=done + 1, activity=activity, due=at(minutes, 20), estimated_end=at(minutes) + left
    )


ELSEWHERE = Blocker(
    "9bee3f8e-e043-4840", None, "crm-sync-0412.ndjson", "users", 758, 2_000, at(8, 20), at(10)
)
SILENCE = Trouble(at(7, 48), "HTTP 503 Service Unavailable", 4, at(9, 58), at(7, 48) + dt.timedelta(hours=6))
WITH_ERRORS = {"status": "completed_with_errors", "refused": 112}
REFUSED = {"id": "20261124-140500-5b1d90e4", "status": "completed_with_errors", "ended_at": at(2, 31)}
RETRIED = state([ChunkState(1, 337, 20_000, "processing", "j", 1, 212)], id="20261124-141203-20c4f6aa", parent=ID,
                activity="chunk 1 of 1: processing, 212 of 337 rows", estimated_end=at(2, 40), due=at(2, 40))  # fmt: skip


def opened(view: str) -> Callable[[Any], None]:
    """Open a view of the panel."""
    return lambda panel: getattr(panel, view).unfold()


def completed(status: str = "completed", **special: Any) -> PushState:
    """The push of the design at its end."""
    return state(chunks(20, 20, last=998, **special), {"invalid": 2}, status=status, ended_at=at(16, 41))


THREE_REFUSED = {"c1": ERR, "c2": ERR, "c8": ERR}
UNKNOWN = {"status": "completed_with_errors", "unknown": 60}
CANARY = [{"status": "completed_with_errors", "refused": refused} for refused in (71, 71, 72)]
STATES: dict[str, tuple[Any, ...]] = {
    "Running, 20 chunks": (twenty(), THREE, at(9, 31)),
    "Running, 300 chunks": (many(300, 47, 39.7, c9=ERR, c31=ERR), errors((2, "range", "score", "number out of range")), at(39, 41)),
    "Running, 1,000 chunks": (
        many(1_000, 730, 609, c12=ERR, c16=ERR, c500=UNKNOWN, c700=ERR), THREE, at(608, 31)),
    "Running, one chunk": (one(), NONE, at(1, 21)),
    "Waiting for another job": (
        state(chunks(20, 11, last=998, **{**TWELFTH, "c12": {"status": "waiting"}}), status="waiting", current=12, since=at(8, 44),
              blocker=ELSEWHERE, estimated_end=at(17, 30)), THREE, at(8, 58)),
    "Trouble: no answer": (twenty(trouble=SILENCE, estimated_end=None), THREE, at(9, 31)),
    "Pausing": (twenty(status="paused", pausing=True), THREE, at(9, 31)),
    "Paused": (stopped(status="paused", ended_at=None), THREE, at(13, 2)),
    "Cancel asks once": (twenty(), THREE, at(9, 31), lambda panel: panel.acts.buttons["cancel"].click()),
    "Cancelling": (twenty(cancelling=True), THREE, at(9, 31)),
    "Cancelled": (stopped(status="cancelled"), THREE, at(13, 2)),
    "Failed: wrong key": (
        state(chunks(1, 0, 3_000), status="failed", ended_at=at(0, 1), error_class="AuthenticationError",
              reason="GET /v1/jobs: HTTP 401 Unauthorized: no such key. Check the key."), NONE, at(0, 2)),
    "Failed: too many refused": (
        state(chunks(20, 3, last=998, **{f"c{n}": it for n, it in enumerate(CANARY, 1)}), status="failed", ended_at=at(2, 31),
              error_class="PushError", reason="214 of 3,000 rows answered for were refused, and max_errors=0.01."),
        errors((214, "", "email", "not an e-mail address")), at(2, 40)),
    "Interrupted": (twenty(status="interrupted", estimated_end=None, due=None), THREE, at(57, 10)),
    "Completed": (completed(), NONE, at(17)),
    "Completed with errors": (
        state(chunks(3, 3, c1=WITH_ERRORS, c2=WITH_ERRORS, c3=WITH_ERRORS | {"refused": 113}), **REFUSED), BAD, at(3), opened("errors")),
    "Unknown rows": (completed("completed_with_errors", **THREE_REFUSED, c12=UNKNOWN), THREE, at(17)),
    "Retry, shown inside": (
        state(chunks(3, 3, c1=WITH_ERRORS, c2=WITH_ERRORS, c3=WITH_ERRORS | {"refused": 113}), **REFUSED), BAD, at(2, 34),
        lambda panel: panel.acts.buttons["retry"].click()),
    "Running, jobs open": (twenty(), THREE, at(9, 31), opened("jobs")),
    "Looking for what was sent": (
        twenty(activity="chunk 12 of 20: the answer was lost, looking for it among the jobs; it goes again in 80 s if it is not there",
               due=None, estimated_end=None), THREE, at(9, 31)),
}  # fmt: skip


def frozen(moment: dt.datetime) -> None:
    """Let this be the time."""
    for module in (words, live, pages.words):
        module.present = lambda: moment  # type: ignore[attr-defined]


def panel(name: str) -> PushPanel:
    """The real panel of a state."""
    picture, refused, moment, *acts = STATES[name]
    if name == "Looking for what was sent":
        looked = picture.chunks[11].__class__(12, 1_000, 60_000, "looking", attempts=1)
        picture = state(
            [*picture.chunks[:11], looked, *picture.chunks[12:]], current=12, activity=picture.activity
        )
    frozen(moment)
    made = PushPanel(Pictured(picture, refused, Pictured(RETRIED, NONE)))
    made.live.draw()
    for act in acts:
        act(made)
    for inner in made.successor.children:
        inner.live.stop()
    return made


def rendered(widget: Any) -> str:
    """A widget as the front end would build it."""
    if not is_shown(widget):
        return ""
    kind = type(widget).__mro__
    names = {it.__name__ for it in kind}
    own = " ".join(widget._dom_classes)
    if "Box" in names:
        style = "display:flex;flex-flow:column" if "VBox" in names else "display:flex"
        inner = "".join(map(rendered, widget.children))
        return f'<div class="widget-box {own}" style="{style}">{inner}</div>'
    if "Button" in names:
        return f'<button class="jupyter-button {own}">{html.escape(widget.description)}</button>'
    if "Dropdown" in names:
        options = "".join(f"<option>{html.escape(str(label))}</option>" for label, _ in widget.options)
        return f'<label class="{own}">{widget.description} <select style="max-width:16rem">{options}</select></label>'
    if "Label" in names:
        return f"<span>{html.escape(widget.value)}</span>"
    return f'<div class="widget-html {own}"><div class="widget-html-content">{widget.value}</div></div>'


def gallery() -> dict[str, str]:
    """Every state as HTML, and two of them as a notebook keeps them."""
    made = {name: rendered(panel(name)) for name in STATES}
    for name in ("Running, 20 chunks", "Completed with errors"):
        shown = panel(name)
        made[f"As saved: {name}"] = shown.saved_form()["text/html"]
    made["The account: 40 jobs"] = account()
    made["Plan with 60 columns"] = plan()
    return made


def account() -> str:
    """The monitor of an account with forty jobs of five sources."""

    def job(
        minutes: float,
        status: str,
        name: str,
        rows: int,
        done: int | None = None,
        took: float = 0.8,
        bad: int = 0,
    ) -> Job:
        begin = at(9.5 - minutes)
        errors = tuple(
            RowError(place, None, str(place), "email", "bad_email", "not an e-mail address", "{}")
            for place in range(bad)
        )
        ended = status in ("completed", "failed")
        return Job(
            f"{name}-{minutes}",
            status,
            "users",
            name,
            None,
            rows,
            rows if done is None else done,
            begin,
            begin + dt.timedelta(minutes=took) if ended else None,
            None,
            begin,
            errors,
        )

    own = [job(0.3, "processing", "a", 1_000, 403)]
    own += [job(0.3 + 0.84 * n, "completed", "a", 1_000, bad=n in (4, 10, 11)) for n in range(1, 12)]
    others = [
        job(30, "completed", "crm-sync-0411.ndjson", 2_000, took=2),
        job(170, "failed", "companies.parquet", 4_120, 0, bad=90),
    ]
    others += [job(60 * hour, "completed", f"segment-sync-{hour}.ndjson", 30) for hour in range(1, 17)]
    others += [
        job(1_200 + 10 * n, "completed", f"trial-scores-{n}.parquet", 10_000, took=8.3) for n in range(7)
    ]
    owners = {one.job_id: (ID, 12 - place) for place, one in enumerate(own)}
    frozen(at(9, 31))
    made = Monitor(list, lambda _: owners)
    made.seen([*own, *others])
    made.acts.offer(["halt"])
    return rendered(made)


def plan() -> str:
    """The page of a plan of sixty columns, with rows that cannot be sent."""
    rows = 2_000
    frame = pd.DataFrame({f"property_{place:02}": [place, 1] * (rows // 2) for place in range(53)})
    frame = frame.assign(
        uid=[None if place in (3, 88, 1_042) else float(place // 1.01 + place) for place in range(rows)],
        created="2024-01-15", plan=["pro", 3] * (rows // 2), score=[float("inf"), 0.5] + [0.25] * (rows - 2),
        ledger_id=9_223_372_036_854_775_807, region="EMEA",
    ).rename(columns={"region": " region "})  # fmt: skip
    with tempfile.TemporaryDirectory() as state_directory:
        os.environ["ANALYTEX_STATE_DIR"] = state_directory
        return apd.plan_users(frame, user_id="uid")._repr_html_()


def main(directory: Path) -> None:
    """Write the page, and pictures of it."""
    from playwright.sync_api import sync_playwright  # only the pictures need it

    directory.mkdir(parents=True, exist_ok=True)
    shown = gallery()
    for name in [name for name in shown if name.startswith("As saved")]:
        plain = shown[name].partition("</style>")
        shown[f"{name}, untrusted"] = "<div>" + plain[2].replace(' class="', ' data-was="')
    sections = [
        f"<section><h2>{html.escape(name)}</h2><div>{text}</div></section>" for name, text in shown.items()
    ]
    page = directory / "gallery.html"
    page.write_text(PAGE.format(title="Every state", sections="\n".join(sections)), "utf-8")
    with sync_playwright() as playwright:
        flags = ["--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=False, args=flags
        )
        for theme, width in [("light", 1280), ("dark", 1280), ("light", 700), ("dark", 700)]:
            tab = browser.new_page(viewport={"width": width, "height": 1000})
            tab.goto(page.as_uri())
            tab.evaluate("light => document.body.dataset.jpThemeLight = light", str(theme == "light").lower())
            cut = tab.evaluate(
                "() => [...document.querySelectorAll('.apd *')].filter(e => e.scrollWidth > e.clientWidth + 1"
                " && getComputedStyle(e).display !== 'inline').map(e => e.className + ': ' + e.innerText.slice(0, 60))"
            )
            print(theme, width, "cut:", cut)  # noqa: T201  # what a script found
            for first in range(0, len(sections), 5):
                tab.evaluate(
                    "first => document.querySelectorAll('section').forEach((it, place) => {"
                    "it.style.display = place >= first && place < first + 5 ? '' : 'none'})",
                    first,
                )
                tab.screenshot(path=directory / f"{theme}-{width}-{first:02}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
