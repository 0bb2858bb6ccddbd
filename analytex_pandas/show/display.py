"""Which display suits: a live panel, HTML that is renewed, a bar, lines now and then, or none."""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from analytex_pandas import settings
from analytex_pandas.delivery.state import PushState
from analytex_pandas.frame.columns import RawBatch
from analytex_pandas.service.wire import Job
from analytex_pandas.show import words
from analytex_pandas.show.jobs import Owners, job_bundle
from analytex_pandas.show.live import Live, ShownPush, follow
from analytex_pandas.show.marimo_cells import follow_in_cell, within_cell
from analytex_pandas.show.pages import push_bundle
from analytex_pandas.show.surroundings import execution, in_marimo, on_kernel, widgets_work
from analytex_pandas.show.terminal import LINE_INTERVAL, PlanBar, PushBar, log_lines, stream_lines

if TYPE_CHECKING:
    import ipywidgets

    from analytex_pandas.show.monitor import Monitor

SHOWN: Final[WeakKeyDictionary[ShownPush, int]] = WeakKeyDictionary()
"""In which execution of a cell a push was shown on its own account: its result need not show it again."""

RENEWAL_INTERVAL: Final = 2.0
"""Seconds between two renewals of HTML: each replaces the whole output."""
PATIENCE: Final = 2.0
"""Seconds that a plan may take without a word."""
PLAN_INTERVAL: Final = 0.25
"""Seconds between two pictures of a plan that takes longer."""

logger = logging.getLogger("analytex_pandas.show")


class Output:
    """What is shown below the cell, and renewed in place when it is shown again."""

    def __init__(self) -> None:
        self.handle: Any = None

    def show(self, bundle: Mapping[str, str]) -> None:
        from IPython.display import display  # there only where this is called

        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(bundle, raw=True)


def show_push(push: ShownPush, progress: bool | None = None) -> list[Live[PushState]]:
    """Start the displays that suit and return at once; what draws on a stream, so that its end can be waited for.

    `progress` is False for none, True insists. None is what suits: a panel in a notebook, a bar on a terminal;
    elsewhere lines once the push has lasted half a minute, unless a log has them; nothing where
    ``ANALYTEX_SILENT`` says so. The log is told in any case.
    """
    streams = []
    try:
        if (lines := log_lines()) is not None:
            streams.append(follow(push, lines.draw).begin())
        if progress is False or (progress is None and settings.is_silent()):
            return streams
        if on_kernel():
            display_push(push)
            SHOWN[push] = execution()
        elif in_marimo():
            follow_in_cell(push).begin()
        elif sys.stderr is None:  # a program without a console has none
            return streams
        elif sys.stderr.isatty():
            bar = PushBar(sys.stderr)
            streams.append(follow(push, bar.draw, ended=bar.end).begin())
        elif lines is None or progress:
            told = stream_lines(sys.stderr, patience=0.0 if progress else LINE_INTERVAL)
            streams.append(follow(push, told.draw).begin())
    except Exception:  # no display may stop a push
        logger.warning("The display of push %s failed; the push goes on.", push.id, exc_info=True)
    return streams


def display_push(push: ShownPush) -> None:
    """Display a push where IPython displays things; what its ``_ipython_display_`` does.

    What the same execution of a cell has shown already is not shown twice: ``df.analytex.push_users()`` shows
    its panel, and is the result of its cell besides.
    """
    if not on_kernel():
        Output().show({"text/plain": push_bundle(push)["text/plain"]})
    elif SHOWN.get(push) != execution():
        if widgets_work():
            shown = panel(push)
            shown._ipython_display_()  # IPython's name for it
            if not push.state().done:
                from analytex_pandas.show.notice import say_in_title  # loads ipywidgets

                push.subscribe(functools.partial(say_in_title, shown))
        else:
            output = Output()
            live = follow(push, lambda _: output.show(push_bundle(push)), shortest=RENEWAL_INTERVAL).begin()
            # Whoever executes the notebook may end with the cell that waits: the last picture comes before.
            push.subscribe(lambda state: state.done and live.finish())


def panel(push: ShownPush) -> ipywidgets.Widget:
    from analytex_pandas.show.panel import PushPanel  # loads ipywidgets

    return PushPanel(push).start()


def push_mimebundle(push: ShownPush) -> dict[str, Any]:
    """Return a push in every form that a front end may want; a widget only on a kernel, where it can live."""
    if widgets_work():
        return dict(panel(push)._repr_mimebundle_())  # IPython's name for it
    if in_marimo() and not push.state().done and not within_cell():
        follow_in_cell(push, last=True).start()
    return dict(push_bundle(push))


def monitor(look: Callable[[], list[Job]], owners: Callable[[Sequence[str]], Owners]) -> Monitor:
    """Return a panel of all jobs of an account: live in a notebook, elsewhere as they are now.

    `look` returns the jobs, `owners` push and chunk of those of these job ids that this machine started. An error the
    first time is raised; later it is looked at again.
    """
    from analytex_pandas.show.monitor import Monitor  # loads ipywidgets

    made = Monitor(look, owners)
    made.seen(look())
    return made.start() if on_kernel() else made


def display_job(job: Job, look: Callable[[], Job], owners: Owners) -> None:
    """Display one job, live until it ends; what the ``_ipython_display_`` of a job does."""
    if widgets_work():
        from analytex_pandas.show.monitor import JobPanel  # loads ipywidgets

        JobPanel(job, look, owners).start()._ipython_display_()
    else:
        Output().show(job_bundle(job, owners))


def watched(batches: Iterable[RawBatch], total: int | None) -> Iterator[RawBatch]:
    """Yield batches, and show how far they are once that takes a while; a display that fails stops nothing."""
    view: PlanLine | PlanBar | None = None
    done, due = 0, time.monotonic() + PATIENCE
    try:
        for batch in batches:
            yield batch
            done += batch.rows
            if time.monotonic() >= due:
                due = inf  # not again where it fails
                with harmless():
                    view = view or (PlanLine if on_kernel() else PlanBar)(total)
                    view.draw(done)
                    due = time.monotonic() + PLAN_INTERVAL
    finally:
        if view is not None and due < inf:
            with harmless():
                view.end()


class PlanLine:
    """How far a plan is, as a line below the cell."""

    def __init__(self, total: int | None) -> None:
        self._of = "" if total is None else f" of {words.number(total)}"
        self._output = Output()

    def draw(self, done: int) -> None:
        text = f"Planning: {words.number(done)}{self._of} rows read. Nothing is sent yet."
        self._output.show({"text/plain": text})

    def end(self) -> None:
        self._output.show({"text/plain": ""})


@contextmanager
def harmless() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.warning("The display of a plan failed; the plan goes on.", exc_info=True)
