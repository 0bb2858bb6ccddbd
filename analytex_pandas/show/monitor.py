"""Live panels of the account's jobs, whoever started them, and of one job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets

from analytex_pandas.show import words
from analytex_pandas.show.details import Choice, Pager, row, scrolling
from analytex_pandas.show.jobs import (
    COLUMNS,
    NUMERIC,
    errors_frame,
    errors_html,
    job_html,
    job_text,
    jobs_html,
    jobs_text,
    newest_first,
    take_jobs,
)
from analytex_pandas.show.live import BUSY_INTERVAL, Live, present
from analytex_pandas.show.markup import Markup, shortened, standing_alone, table, tag
from analytex_pandas.show.widget import LivePanel
from analytex_pandas.show.words import job_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from analytex_pandas.errors import AnalytexError
    from analytex_pandas.service.wire import Job
    from analytex_pandas.show.jobs import Owners

    FindOwners = Callable[[Sequence[str]], Owners]

IDLE_INTERVAL: Final = 5.0
"""Seconds between two looks at an account of which no job runs."""
PATIENCE: Final = 1_800.0
"""Seconds without a running job after which nobody is supposed to look any more."""


class Monitor(LivePanel):
    """All jobs of the account, live: running first, history below, errors of a job on demand."""

    def __init__(self, look: Callable[[], list[Job]], owners: FindOwners) -> None:
        self._find_owners = owners
        self._owners: Owners = {}
        self.jobs: list[Job] = []
        """The jobs as they were last seen, newest first."""
        self.headline = ipywidgets.HTML()
        self.trouble = ipywidgets.HTML()
        self.running = ipywidgets.HTML()
        self.history = ipywidgets.HTML()
        self.pager = Pager("jobs", self._draw_history)
        self.choice = Choice("Errors of", ("no job", ""), self._draw_errors)
        self.error_rows = ipywidgets.HTML()
        self.go_on = ipywidgets.Button(
            description="Watch", tooltip="Look at the jobs again, and keep looking"
        )
        self.halt = ipywidgets.Button(description="Stop watching", tooltip="The jobs run on")
        self._last_busy = 0.0
        self.live = Live(
            "the account's jobs", look, self.seen, self._rest, unseen=self.unseen, ended=self.stopped
        )
        self.go_on.on_click(lambda _: self.start())
        self.halt.on_click(lambda _: self.stop())
        parts = [self.headline, self.trouble, self.running, self.history, self.pager.widget]
        super().__init__([*parts, self.choice, self.error_rows, row(self.halt, self.go_on)])
        self.add_class("apd-monitor")

    def start(self) -> Self:
        """Look, and keep looking until told to stop, or until no job has run for half an hour."""
        self._set_live(live=True)
        self._last_busy = time.monotonic()
        self.live.start()
        return self

    def stop(self) -> None:
        """Look no more; the jobs run on."""
        self.live.stop()

    def close(self) -> None:
        self.live.stop()
        super().close()

    @property
    def errors(self) -> pd.DataFrame:
        """The errors of the job that is chosen: row (as the service counts), id, property, code, message, raw."""
        chosen = self._chosen()
        return errors_frame(() if chosen is None else chosen.errors)

    def _rest(self, found: list[Job]) -> float | None:
        now = time.monotonic()
        if not all(job.ended for job in found):
            self._last_busy = now
            return BUSY_INTERVAL
        return IDLE_INTERVAL if now - self._last_busy <= PATIENCE else None

    def seen(self, found: list[Job]) -> None:
        """Show the jobs."""
        self.jobs = newest_first(found)
        self._owners = self._find_owners([job.job_id for job in found])
        picture = take_jobs(self.jobs, self._owners, present())
        self.headline.value = tag("div", tag("b", picture.headline), class_="apd-state", role="status")
        self.trouble.value = ""
        lines = picture.running
        self.running.value = (
            scrolling(table(COLUMNS, lines, numeric=NUMERIC, caption="Running")) if lines else ""
        )
        self._draw_history()
        self._offer_errors()

    def unseen(self, error: AnalytexError) -> None:
        """Say that the service did not answer; what was seen last stays."""
        text = f"No answer at {words.clock(present(), present())}: {error} Looking again."
        self.trouble.value = tag("div", text, class_="apd-trouble", role="status")

    def stopped(self) -> None:
        """Say that nobody looks any more."""
        self._set_live(live=False)
        self.renew_saved_form()

    def _draw_history(self) -> None:
        lines = take_jobs(self.jobs, self._owners, present()).history
        page = lines[self.pager.slice(len(lines))]
        caption = "History"
        self.history.value = (
            scrolling(table(COLUMNS, page, numeric=NUMERIC, caption=caption)) if lines else ""
        )

    def _offer_errors(self) -> None:
        options: list[tuple[str, Any]] = [("no job", "")]
        for job in self.jobs:
            if job.errors:
                about = f"{job_mark(job.status)}, {words.count(len(job.errors), 'error')}"
                options.append((f"{shortened(job.job_id, 60)}: {about}", job.job_id))
        self.choice.offer(options)
        self.choice.layout.display = None if len(options) > 1 else "none"
        self._draw_errors()

    def _chosen(self) -> Job | None:
        return next((job for job in self.jobs if job.job_id == self.choice.value), None)

    def _draw_errors(self) -> None:
        chosen = self._chosen()
        self.error_rows.value = "" if chosen is None else scrolling(errors_html(chosen))

    def _set_live(self, *, live: bool) -> None:
        self.halt.disabled, self.go_on.disabled = not live, live

    def __repr__(self) -> str:
        return jobs_text(take_jobs(self.jobs, self._owners, present()))

    def _repr_html_(self) -> str:
        return jobs_html(take_jobs(self.jobs, self._owners, present()))


class JobPanel(LivePanel):
    """One job, live until it ends."""

    def __init__(self, job: Job, look: Callable[[], Job], owners: Owners) -> None:
        self.job = job
        self._owners = owners
        self.body = ipywidgets.HTML()
        self.trouble = ipywidgets.HTML()
        self.live = Live(
            f"job {job.job_id}",
            look,
            self.seen,
            lambda found: None if found.ended else BUSY_INTERVAL,
            unseen=self.unseen,
            ended=self.renew_saved_form,
        )
        super().__init__([self.body, self.trouble])
        self.add_class("apd-job")
        self.seen(job)

    def start(self) -> Self:
        """Look until the job ends."""
        if not self.job.ended:
            self.live.start()
        return self

    def close(self) -> None:
        """Look no more, and take the widgets away."""
        self.live.stop()
        super().close()

    def seen(self, found: Job) -> None:
        """Show the job."""
        self.job = found
        self.body.value = scrolling(job_html(found, self._owners, present()))
        self.trouble.value = ""

    def unseen(self, error: AnalytexError) -> None:
        """Say that the service did not answer; what was seen last stays."""
        self.trouble.value = tag(
            "div", f"No answer: {error} Looking again.", class_="apd-trouble", role="status"
        )

    def __repr__(self) -> str:
        return job_text(self.job, self._owners, present())

    def _repr_html_(self) -> Markup:
        return standing_alone(job_html(self.job, self._owners, present()))
