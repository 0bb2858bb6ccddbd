"""Live panels of the account's jobs, whoever started them, and of one job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import ipywidgets

from analytex_pandas.show import jobs, words
from analytex_pandas.show.live import BUSY_INTERVAL, Live
from analytex_pandas.show.markup import shortened, tag
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


class Trouble(ipywidgets.HTML):  # type: ignore[misc]  # ipywidgets has no types
    """Where it is said that the service did not answer; what was seen last stays."""

    value: str

    def say(self, error: AnalytexError) -> None:
        now = words.present()
        text = f"No answer at {words.clock(now, now)}: {error} Looking again."
        self.value = tag("div", text, class_="apd-trouble", role="status")


class Monitor(LivePanel):
    """All jobs of the account, live: running first, history below, errors of a job on demand."""

    def __init__(self, look: Callable[[], list[Job]], owners: FindOwners) -> None:
        self._find_owners = owners
        self._owners: Owners = {}
        self._last_busy = 0.0
        self.jobs: list[Job] = []
        """The jobs as they were last seen, newest first."""
        self.trouble = Trouble()
        self.headline, self.running, self.history, self.error_rows = (ipywidgets.HTML() for _ in range(4))
        self.live = Live("the account's jobs", look, self.seen, self._rest)
        self.live.unseen, self.live.ended = self.trouble.say, self.stopped
        self.pager = Pager("jobs", self._draw_jobs)
        self.choice = Choice("Errors of", ("no job", ""), self._draw_errors)
        self.halt = ipywidgets.Button(description="Stop watching", tooltip="The jobs run on")
        self.go_on = ipywidgets.Button(
            description="Watch", tooltip="Look at the jobs again, and keep looking"
        )
        self.halt.on_click(lambda _: self.stop())
        self.go_on.on_click(lambda _: self.start())
        tables = [self.running, self.history, self.pager, self.choice, self.error_rows]
        super().__init__("monitor", [self.headline, self.trouble, *tables, row(self.halt, self.go_on)])

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
        return jobs.errors_frame([error for job in self._chosen() for error in job.errors])

    def seen(self, found: list[Job]) -> None:
        """Show the jobs."""
        self.jobs = jobs.newest_first(found)
        self._owners = self._find_owners([job.job_id for job in found])
        self.trouble.value = ""
        self._draw_jobs()
        options: list[tuple[str, Any]] = [("no job", "")]
        for job in self.jobs:
            if job.errors:
                about = f"{jobs.mark_of(job)}, {words.count(len(job.errors), 'error')}"
                options.append((f"{shortened(job.job_id, 60)}: {about}", job.job_id))
        self.choice.offer(options)
        show(self.choice, shown=len(options) > 1)
        self._draw_errors()

    def stopped(self) -> None:
        """Say that nobody looks any more."""
        self._set_live(live=False)
        self.renew_saved_form()

    def saved_form(self) -> dict[str, str]:
        return jobs.jobs_bundle(self.jobs, self._owners)

    def _rest(self, found: list[Job]) -> float | None:
        now = time.monotonic()
        if not all(job.ended for job in found):
            self._last_busy = now
            return BUSY_INTERVAL
        return IDLE_INTERVAL if now - self._last_busy <= PATIENCE else None

    def _draw_jobs(self) -> None:
        headline, running, history = jobs.jobs_told(self.jobs, self._owners, words.present())
        self.headline.value = tag("div", tag("b", headline), class_="apd-state", role="status")
        page = history[self.pager.slice(len(history))]
        self.running.value = (
            scrolling(jobs.jobs_table(running, caption="Running"), "Running") if running else ""
        )
        self.history.value = scrolling(jobs.jobs_table(page, caption="History"), "History") if page else ""

    def _chosen(self) -> list[Job]:
        """Return the job whose errors are to be seen, if there is one."""
        return [job for job in self.jobs if job.job_id == self.choice.value]

    def _draw_errors(self) -> None:
        self.error_rows.value = "".join(scrolling(jobs.errors_html(job), "Errors") for job in self._chosen())

    def _set_live(self, *, live: bool) -> None:
        self.halt.disabled, self.go_on.disabled = not live, live


class JobPanel(LivePanel):
    """One job, live until it ends."""

    def __init__(self, job: Job, look: Callable[[], Job], owners: Owners) -> None:
        self._owners = owners
        self.body, self.trouble = ipywidgets.HTML(), Trouble()
        self.live = Live(
            f"job {job.job_id}",
            look,
            self.seen,
            lambda found: None if found.ended else BUSY_INTERVAL,
            unseen=self.trouble.say,
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
        self.body.value = scrolling(jobs.job_html(found, self._owners, words.present()), "Job")
        self.trouble.value = ""

    def saved_form(self) -> dict[str, str]:
        return jobs.job_bundle(self.job, self._owners)
