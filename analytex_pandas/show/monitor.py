"""Live panels of the account's jobs, whoever started them, and of one job."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import ipywidgets
import pandas as pd

from analytex_pandas.errors import AnalytexError
from analytex_pandas.service.wire import Job
from analytex_pandas.show import jobs, words
from analytex_pandas.show.jobs import Owners
from analytex_pandas.show.live import BUSY_INTERVAL, Live
from analytex_pandas.show.markup import Markup, join, tag
from analytex_pandas.show.widgets import Acts, Choice, LivePanel, Pager, View, show

FindOwners = Callable[[Sequence[str]], Owners]

IDLE_INTERVAL: Final = 5.0
"""Seconds between two looks at an account of which no job runs."""
PATIENCE: Final = 1_800.0
"""Seconds without a running job after which nobody is supposed to look any more."""
NAMES: Final = ("← Newer", "Older →")


def no_answer(error: AnalytexError) -> Markup:
    """Return what is said when the service did not answer; what was seen last stays."""
    now = words.present()
    text = tag("p", tag("b", f"No answer at {words.clock(now, now)}."), f" {error} It is asked again.")
    return tag("div", text, class_="apd-note apd-warn", role="status")


class Monitor(LivePanel):
    """All jobs of the account, live: is it free, its last day, the jobs of one push or file together."""

    def __init__(self, look: Callable[[], list[Job]], owners: FindOwners) -> None:
        self._find_owners = owners
        self._owners: Owners = {}
        self._last_busy = 0.0
        self._small = ""
        self._trouble = Markup("")
        self.jobs: list[Job] = []
        """The jobs as they were last seen, newest first."""
        self.head, self.table, self.each, self.error_rows = (ipywidgets.HTML() for _ in range(4))
        about = "the account's jobs"
        self.live = Live(about, look, self.seen, self._rest, unseen=self._unseen, ended=self.stopped)
        self.pager = Pager("lines", self._draw, names=NAMES)
        self.each_pager = Pager("jobs", self._draw, names=NAMES)
        self.error_pager = Pager("errors", self._draw)
        self.choice = Choice("Errors of", ("no job", ""), self._choose)
        self.each_view = View("every job", [self.each, self.each_pager], self._draw)
        errors = [self.choice, self.error_rows, self.error_pager]
        self.error_view = View("errors of a job", errors, self._draw)
        acts: dict[str, tuple[str, str, Callable[[], object]]] = {
            "halt": ("Stop watching", "The jobs run on", self.stop),
            "watch": ("Watch", "Look at the jobs again, and keep looking", self.start),
        }
        self.acts = Acts(acts, [self.each_view, self.error_view], self._say, self._draw)
        self.acts.offer(["watch"])
        parts = [self.head, self.table, self.pager, self.acts, self.each_view, self.error_view]
        super().__init__("monitor", parts)

    def start(self) -> Self:
        """Look, and keep looking until told to stop, or until no job has run for half an hour."""
        self.acts.offer(["halt"])
        self._last_busy = time.monotonic()
        self.live.start()
        return self

    def stop(self) -> None:
        """Look no more; the jobs run on."""
        self.live.stop()
        self.acts.offer(["watch"])

    @property
    def errors(self) -> pd.DataFrame:
        """The errors of the job that is chosen: row (as the service counts), id, property, code, message, raw."""
        return jobs.errors_frame([error for job in self._chosen() for error in job.errors])

    def seen(self, found: list[Job]) -> None:
        """Show the jobs."""
        self.jobs = jobs.newest_first(found)
        self._owners = self._find_owners([job.job_id for job in found])
        self._trouble, self._small = Markup(""), ""
        now = words.present()
        options: list[tuple[str, Any]] = [("no job", "")]
        for line in jobs.lines(found, self._owners, now, together=False):
            (job,) = line.jobs
            if job.errors:
                about = ", ".join(filter(None, (line.name, line.chunks, line.when)))
                options.append((f"{about}: {line.mark}", job.job_id))
        self.choice.offer(options)
        show(self.error_view.toggle, shown=len(options) > 1 or self.error_view.shown)
        self._draw()

    def stopped(self) -> None:
        """Say that nobody looks any more."""
        self.acts.offer(["watch"])
        self.renew_saved_form()

    def saved_form(self) -> dict[str, str]:
        return jobs.jobs_bundle(self.jobs, self._owners)

    def _unseen(self, error: AnalytexError) -> None:
        self._trouble = no_answer(error)
        self._draw()

    def _say(self, text: str) -> None:
        self._small = text

    def _rest(self, found: list[Job]) -> float | None:
        now = time.monotonic()
        if not all(job.ended for job in found):
            self._last_busy = now
            return BUSY_INTERVAL
        return IDLE_INTERVAL if now - self._last_busy <= PATIENCE else None

    def _draw(self) -> None:
        now, owners = words.present(), self._owners
        told = jobs.lines(self.jobs, owners, now)
        self.head.value = join((self.style_sheet, self._trouble, jobs.account_html(self.jobs, owners, now)))
        page = told[self.pager.slice(len(told))]
        words_of_time = tag("span", f"as of {now:%H:%M:%S}"), tag("span", self._small)
        foot = tag("p", *words_of_time, class_="apd-foot")
        self.table.value = join((jobs.lines_html(page, "Jobs, newest first"), foot)) if page else foot
        self.each_view.named(len(self.jobs))
        show(self.each_view.toggle, shown=bool(self.jobs))
        if self.each_view.shown:
            each = jobs.lines(self.jobs, owners, now, together=False)
            self.each.value = jobs.lines_html(each[self.each_pager.slice(len(each))], "Every job", each=True)
        self._draw_errors()

    def _choose(self) -> None:
        self.error_pager.first = 0
        self._draw_errors()

    def _chosen(self) -> list[Job]:
        """Return the job whose errors are to be seen, if there is one."""
        return [job for job in self.jobs if job.job_id == self.choice.value]

    def _draw_errors(self) -> None:
        chosen = self._chosen()
        page = self.error_pager.slice(sum(len(job.errors) for job in chosen))
        self.error_rows.value = "".join(jobs.errors_html(job, page) for job in chosen)


class JobPanel(LivePanel):
    """One job, live until it ends."""

    def __init__(self, job: Job, look: Callable[[], Job], owners: Owners) -> None:
        self._owners = owners
        self.body = ipywidgets.HTML()
        self.live = Live(
            f"job {job.job_id}",
            look,
            self.seen,
            lambda found: None if found.ended else BUSY_INTERVAL,
            unseen=lambda error: self._draw(no_answer(error)),
            ended=self.renew_saved_form,
        )
        super().__init__("job", [self.body])
        self.seen(job)

    def start(self) -> Self:
        """Look until the job ends."""
        if not self.job.ended:
            self.live.start()
        return self

    def seen(self, found: Job) -> None:
        """Show the job."""
        self.job = found
        self._draw(Markup(""))

    def _draw(self, trouble: Markup) -> None:
        shown = jobs.job_html(self.job, self._owners, words.present())
        self.body.value = join((self.style_sheet, trouble, shown))

    def saved_form(self) -> dict[str, str]:
        return jobs.job_bundle(self.job, self._owners)
