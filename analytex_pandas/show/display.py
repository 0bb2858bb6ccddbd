"""Which display suits: a live panel, HTML that is renewed, a bar, a line in a log now and then, or none."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, Final, TextIO
from weakref import WeakKeyDictionary

from analytex_pandas import settings
from analytex_pandas.show import words
from analytex_pandas.show.jobs import job_bundle
from analytex_pandas.show.live import follow
from analytex_pandas.show.markup import printable
from analytex_pandas.show.pages import push_bundle, snapshot_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import ipywidgets

    from analytex_pandas.delivery.state import PushState
    from analytex_pandas.frame.columns import RawBatch
    from analytex_pandas.service.wire import Job
    from analytex_pandas.show.jobs import Owners
    from analytex_pandas.show.live import Live, ShownPush
    from analytex_pandas.show.monitor import Monitor
    from analytex_pandas.show.snapshot import Snapshot

SHOWN: Final[WeakKeyDictionary[ShownPush, int]] = WeakKeyDictionary()
"""In which execution of a cell a push was shown on its own account: its result need not show it again."""

RENEWAL_INTERVAL: Final = 2.0
"""Seconds between two renewals of HTML: each replaces the whole output."""

LINE_INTERVAL: Final = 30.0
"""Seconds between two lines in a log."""
BAR_FORMAT: Final = "{desc} {percentage:3.0f}%|{bar:20}| {unit}"
"""The line stands where tqdm has the unit: before its postfix it would put a comma."""

PATIENCE: Final = 2.0
"""Seconds that a plan may take without a word."""
PLAN_INTERVAL: Final = 0.25
"""Seconds between two pictures of a plan that takes longer."""

logger = logging.getLogger("analytex_pandas.show")


def in_notebook() -> bool:
    """Tell whether code runs in a notebook: on an IPython kernel, or in marimo."""
    return on_kernel() or in_marimo()


def on_kernel() -> bool:
    """Tell whether code runs on an IPython kernel (JupyterLab, VS Code, Colab …), not in a terminal."""
    return getattr(shell(), "kernel", None) is not None


def in_marimo() -> bool:
    """Tell whether code runs in a marimo notebook, which shows HTML and no ipywidgets."""
    marimo = sys.modules.get("marimo")
    return bool(marimo is not None and marimo.running_in_notebook())


def execution() -> int:
    """Return the number of the cell execution that goes on."""
    return int(getattr(shell(), "execution_count", 0))


def shell() -> object | None:
    """Return IPython's running shell without importing IPython: where it runs, it is loaded."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def widgets_run() -> bool:
    """Tell whether ipywidgets is there, and gives bundles that HTML can stand beside (from version 8 on)."""
    try:
        import ipywidgets  # only a notebook needs it
    except ImportError:
        return False
    return hasattr(ipywidgets.Widget, "_repr_mimebundle_")


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


def show_push(push: ShownPush, progress: bool | None = None) -> Live[PushState] | None:
    """Start the display that suits and return at once; what draws on a stream, so that its end can be waited for.

    `progress` is False for none, True insists. None is what suits: a panel in a notebook, a bar on a terminal, in a log
    a line now and then once the push has lasted a while; nothing where ``ANALYTEX_SILENT`` says so.
    """
    if progress is False or (progress is None and settings.is_silent()):
        return None
    try:
        if on_kernel():
            display_push(push)
            SHOWN[push] = execution()
            return None
        if in_marimo() or sys.stderr is None:  # a program without a console has none
            return None
        if sys.stderr.isatty():
            bar = PushBar(sys.stderr)
            return follow(push, bar.draw, ended=bar.end).begin()
        return follow(push, PushLines(sys.stderr, always=bool(progress)).draw).begin()
    except Exception:  # no display may stop a push
        logger.warning("The display of push %s failed; the push goes on.", push.id, exc_info=True)
        return None


def display_push(push: ShownPush) -> None:
    """Display a push where IPython displays things; what its ``_ipython_display_`` does.

    What the same execution of a cell has shown already is not shown twice: ``df.analytex.push_users()`` shows
    its panel, and is the result of its cell besides.
    """
    if not on_kernel():
        Output().show({"text/plain": push_bundle(push)["text/plain"]})
    elif SHOWN.get(push) != execution():
        if widgets_run():
            panel(push)._ipython_display_()  # IPython's name for it
        else:
            output = Output()
            follow(push, lambda _: output.show(push_bundle(push)), shortest=RENEWAL_INTERVAL).begin()


def panel(push: ShownPush) -> ipywidgets.Widget:
    from analytex_pandas.show.panel import PushPanel  # loads ipywidgets

    return PushPanel(push).start()


def push_mimebundle(push: ShownPush) -> dict[str, Any]:
    """Return a push in every form that a front end may want; a widget only on a kernel, where it can live."""
    if on_kernel() and widgets_run():
        return dict(panel(push)._repr_mimebundle_())  # IPython's name for it
    return dict(push_bundle(push))


class PushBar:
    """A push as a tqdm bar that shows the snapshot's own numbers; silent where the stream is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm  # only a terminal needs it

        # tqdm's own pace and time left would differ from those of the other displays: they are left out.
        self._bar = tqdm(
            total=1, file=stream, disable=None, dynamic_ncols=True, bar_format=BAR_FORMAT, mininterval=0
        )
        self.end = self._bar.close

    def draw(self, snapshot: Snapshot) -> None:
        bar = self._bar
        if bar.disable:
            return
        if snapshot.total:
            bar.total, bar.n = snapshot.total, snapshot.rows_done
        else:
            bar.n = int(snapshot.state.done)
        bar.set_description_str(f"{snapshot.mark}", refresh=False)
        bar.unit = line(snapshot)
        bar.refresh()


class PushLines:
    """A push as a line now and then, for logs: at most one every ``LINE_INTERVAL`` seconds, and one at the end.

    A push that is over before the first line is due says nothing, unless it was asked to.
    """

    def __init__(self, stream: TextIO, *, always: bool = False, interval: float = LINE_INTERVAL) -> None:
        self._stream = stream
        self._interval = interval
        self._said_something = always
        self._last = float("-inf") if always else time.monotonic()

    def draw(self, snapshot: Snapshot) -> None:
        done, now = snapshot.state.done, time.monotonic()
        if self._said_something if done else now - self._last >= self._interval:
            self._last, self._said_something = now, True
            brief = f"Push {snapshot.state.id}: {snapshot.mark}, {snapshot.percent}, {line(snapshot)}"
            self._stream.write(f"{snapshot_text(snapshot, []) if done else brief}\n")
            self._stream.flush()


def line(snapshot: Snapshot) -> str:
    parts = (snapshot.rows_in_words, snapshot.time_in_words, printable(snapshot.activity))
    return " · ".join(filter(None, parts))


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
    if on_kernel() and widgets_run():
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


class PlanBar:
    """How far a plan is, as a tqdm bar on stderr; none where that is no terminal."""

    def __init__(self, total: int | None) -> None:
        from tqdm import tqdm  # only a plan that takes long needs it

        self._bar = tqdm(
            total=total,
            desc="planning",
            unit=" rows",
            unit_scale=True,
            leave=False,
            disable=None,
            dynamic_ncols=True,
        )
        self.end = self._bar.close

    def draw(self, done: int) -> None:
        self._bar.update(done - self._bar.n)


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
