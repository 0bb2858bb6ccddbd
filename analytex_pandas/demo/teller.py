"""Tells the story: prints what is said, prints the code, runs it, and ends in what became of every row."""

from __future__ import annotations

import code
import os
import shutil
import sys
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import pandas as pd

import analytex_pandas as apd
from analytex_pandas.demo.export import write_export
from analytex_pandas.demo.story import STORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analytex_pandas.demo.story import Step

ROWS_PER_MINUTE: Final = 120_000
"""A hundred times the service's own pace."""
WIDEST: Final = 96
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def tell() -> None:
    """Run the demo."""
    with (
        tempfile.TemporaryDirectory(prefix="analytex-demo-", ignore_cleanup_errors=True) as name,
        state_in(Path(name) / "state"),
        apd.sandbox(ROWS_PER_MINUTE, refuse=refuse_bad_email) as sandbox,
    ):
        folder = Path(name)
        write_export(folder)
        prompt = Prompt(sys.stdout, {"sandbox": sandbox, "folder": folder})
        for step in STORY:
            prompt.tell(step)
        prompt.say("Where every row of customers.csv is now:")
        prompt.show(summary(prompt.names, len(sandbox.users)))
        prompt.say(
            "To do the same with data of yours, read the first ten minutes in README.md, or open "
            "notebooks/quickstart.ipynb."
        )


def refuse_bad_email(record: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Refuse a record as the service might: code, property and message."""
    email = record.get("metadata", {}).get("email", "@")
    return None if "@" in email else ("invalid_email", "email", "not an e-mail address")


@contextmanager
def state_in(directory: Path) -> Iterator[None]:
    """Keep what pushes write down apart from the user's own, wherever that is."""
    before = os.environ.get("ANALYTEX_STATE_DIR")
    os.environ["ANALYTEX_STATE_DIR"] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ANALYTEX_STATE_DIR"]
        else:
            os.environ["ANALYTEX_STATE_DIR"] = before


class Prompt(code.InteractiveInterpreter):
    """A Python prompt at which the demo types."""

    def __init__(self, out: TextIO, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.names = names
        self._out = out
        self._width = min(WIDEST, shutil.get_terminal_size((88, 24)).columns)
        terminal = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._bold, self._plain = (BOLD, PLAIN) if terminal else ("", "")

    def say(self, words: str) -> None:
        print(textwrap.fill(words, self._width), file=self._out, flush=True)

    def show(self, text: str) -> None:
        print(f"\n{text}\n", file=self._out, flush=True)

    def tell(self, step: Step) -> None:
        self.say(step.words)
        print(file=self._out)
        for line in step.code.splitlines():
            print(f"{self._bold}>>> {line}{self._plain}", file=self._out, flush=True)
            with pd.option_context("display.width", self._width, "display.max_columns", None):
                self.runsource(line)
        print(file=self._out, flush=True)

    def showtraceback(self) -> None:
        """Let an error end the demo."""
        raise  # noqa: PLE0704  # called while the error of the code is handled


def summary(names: Mapping[str, Any], profiles: int) -> str:
    """Return how many rows of the customers went where, and that they add up."""
    push, again = names["push"], names["again"]
    counts = push.counts
    fates = [
        (counts["acknowledged"], "acknowledged by the service at once"),
        (again.counts["acknowledged"], "acknowledged once they were mended"),
        (counts["duplicate"], "stood in the file twice, and went once"),
        (counts["invalid"], "stayed behind without an id: push.plan.invalid lists them"),
    ]
    lines = [f"{number:>8,}  {words}" for number, words in fates]
    total = sum(number for number, _ in fates)
    return "\n".join([*lines, f"{total:>8,}  rows in the file, {profiles:,} users at the service"])
