"""Live panels of the account's jobs, whoever started them, and of one job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets

from analytex_pandas.show import words
from analytex_pandas.show.jobs import (
    errors_frame,
    errors_html,
    job_bundle,
    job_html,
    jobs_bundle,
    jobs_table,
    jobs_told,
    newest_first,
)
from analytex_pandas.show.live import BUSY_INTERVAL, Live
from analytex_pandas.show.markup import Markup, shortened, tag
from analytex_pandas.show.widgets import Choice, LivePanel, Pager, row, scrolling, show

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
        self._last_busy = 0.0
        self.jobs: list[Job] = []
        """The jobs as they were last seen, newest first."""
        self.live = Live(
            "the account's jobs", look, self.seen, self._rest, unseen=self.unseen, ended=self.stopped
        )
        self.headline, self.trouble, self.running, self.history, self.error_rows = (
            ipywidgets.HTML() for _ in range(5)
        )
        self.pager = Pager("jobs", self._draw_jobs)
        self.choice = Choice("Errors of", ("no job", ""), self._draw_errors)
        self.halt = ipywidgets.Button(description="Stop watching", tooltip="The jobs run on")
        self.go_on = ipywidgets.Button(
            description="Watch", tooltip="Look at the jobs again, and keep looking"
        )
        self.halt.on_click(lambda _: self.stop())
        self.go_on.on_click(lambda _: self.start())
        jobs = [self.headline, self.trouble, self.running, self.history, self.pager]
        super().__init__("monitor", [*jobs, self.choice, self.error_rows, row(self.halt, self.go_on)])

    def start(self) -> Self:
        """Look, and keep looking until told to stop, or until no job has run for half an hour."""
        self._set_live(live=True)
        self._last_busy = time.monotonic()
        self.live.start()
        return self

    def stop(self) -> None:
        """Look no more; the jobs run on."""
        self.live.stop()

    @property
    def errors(self) -> pd.DataFrame:
        """The errors of the job that is chosen: row (as the service counts), id, property, code, message, raw."""
        return errors_frame([error for job in self._chosen() for error in job.errors])

    def seen(self, found: list[Job]) -> None:
        """Show the jobs."""
        self.jobs = newest_first(found)
        self._owners = self._find_owners([job.job_id for job in found])
        self.trouble.value = ""
        self._draw_jobs()
        options: list[tuple[str, Any]] = [("no job", "")]
        for job in self.jobs:
            if job.errors:
                mark = words.mark(job.status, words.JOB_MARKS)
                about = f"{mark}, {words.count(len(job.errors), 'error')}"
                options.append((f"{shortened(job.job_id, 60)}: {about}", job.job_id))
        self.choice.offer(options)
        show(self.choice, shown=len(options) > 1)
        self._draw_errors()

    def unseen(self, error: AnalytexError) -> None:
        """Say that the service did not answer; what was seen last stays."""
        self.trouble.value = no_answer(error)

    def stopped(self) -> None:
        """Say that nobody looks any more."""
        self._set_live(live=False)
        self.renew_saved_form()

    def saved_form(self) -> dict[str, str]:
        return jobs_bundle(self.jobs, self._owners)

    def _rest(self, found: list[Job]) -> float | None:
        now = time.monotonic()
        if not all(job.ended for job in found):
            self._last_busy = now
            return BUSY_INTERVAL
        return IDLE_INTERVAL if now - self._last_busy <= PATIENCE else None

    def _draw_jobs(self) -> None:
        headline, running, history = jobs_told(self.jobs, self._owners, words.present())
        self.headline.value = tag("div", tag("b", headline), class_="apd-state", role="status")
        page = history[self.pager.slice(len(history))]
        self.running.value = scrolling(jobs_table(running, caption="Running")) if running else ""
        self.history.value = scrolling(jobs_table(page, caption="History")) if page else ""

    def _chosen(self) -> list[Job]:
        """Return the job whose errors are to be seen, if there is one."""
        return [job for job in self.jobs if job.job_id == self.choice.value]

    def _draw_errors(self) -> None:
        self.error_rows.value = "".join(scrolling(errors_html(job)) for job in self._chosen())

    def _set_live(self, *, live: bool) -> None:
        self.halt.disabled, self.go_on.disabled = not live, live


class JobPanel(LivePanel):
    """One job, live until it ends."""

    def __init__(self, job: Job, look: Callable[[], Job], owners: Owners) -> None:
        self._owners = owners
        self.body, self.trouble = ipywidgets.HTML(), ipywidgets.HTML()
        self.live = Live(
            f"job {job.job_id}",
            look,
            self.seen,
            lambda found: None if found.ended else BUSY_INTERVAL,
            unseen=self.unseen,
            ended=self.renew_saved_form,
        )
        super().__init__("job", [self.body, self.trouble])
        self.seen(job)

    def start(self) -> Self:
        """Look until the job ends."""
        if not self.job.ended:
            self.live.start()
        return self

    def seen(self, found: Job) -> None:
        """Show the job."""
        self.job = found
        self.body.value = scrolling(job_html(found, self._owners, words.present()))
        self.trouble.value = ""

    def unseen(self, error: AnalytexError) -> None:
        """Say that the service did not answer; what was seen last stays."""
        self.trouble.value = no_answer(error)

    def saved_form(self) -> dict[str, str]:
        return job_bundle(self.job, self._owners)


def no_answer(error: AnalytexError) -> Markup:
    now = words.present()
    text = f"No answer at {words.clock(now, now)}: {error} Looking again."
    return tag("div", text, class_="apd-trouble", role="status")
