"""Tells the story: what is said and the code that it runs, and in the end what became of every row.

The lines that are shown are the lines that run.
"""

from __future__ import annotations

import code
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

import analytex_pandas as apd
from analytex_pandas.demo.export import write_export

ROWS_PER_MINUTE: Final = 120_000
"""A hundred times the service's own pace."""
WIDEST: Final = 96
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


class Step(NamedTuple):
    words: str  # what is about to happen, for somebody who has never heard of the project
    lines: str  # what is typed, one statement a line; what an expression gives is shown as Python's prompt shows it


STORY: Final = (
    Step(
        "Analytex keeps a profile of each user and company of a product. This demo fills in those profiles "
        "from two files that a shop exported. Nothing leaves this machine: a sandbox plays the service, a "
        "hundred times as fast as the real one. Lines after >>> are what you would type.",
        "import numpy as np, pandas as pd, analytex_pandas as apd\n"
        "client = apd.connect(sandbox.api_key, sandbox.url)",
    ),
    Step(
        "First the companies. That file is clean, so one call will do.",
        'companies = pd.read_csv(folder / "companies.csv")\n'
        'companies.analytex.push_companies(company_id="account_id")',
    ),
    Step(
        "Now 20,000 customers, as messy as a real export: ids that pandas made floats because of a gap, "
        "dates as dates and dates as text, a category.",
        'types = {"dtype": {"plan": "category"}, "parse_dates": ["signed_up_at"]}\n'
        'df = pd.read_csv(folder / "customers.csv", **types)\n'
        'df.loc[410:412, ["customer_id", "account_id", "plan", "signed_up_at", "last_order"]]',
    ),
    Step(
        "Look before you send. A plan tells what will become of every column and row; it sends nothing.",
        'options = {"user_id": "customer_id", "company_id": "account_id"}\ndf.analytex.plan_users(**options)',
    ),
    Step(
        "So: seven rows cannot be sent. The two infinite averages can be made gaps; five rows without an id "
        "have to stay behind. And last_order shall go as a date. The service takes 10,000 rows at a time, "
        "hence two chunks; here that takes ten seconds.",
        'df["avg_order"] = df["avg_order"].replace(np.inf, np.nan)\n'
        'options |= {"invalid": "skip", "types": {"last_order": "date"}}\n'
        "push = df.analytex.push_users(**options)\n"
        "push",
    ),
    Step(
        "The service has refused six rows. Why, and which rows of the file they are:",
        'push.errors[["index", "id", "property", "message"]]\npush.failed["email"].head(2)',
    ),
    Step(
        'Somebody typed "at" for "@". Mend these six, and send only them again:',
        "fixed = push.failed\n"
        'fixed["email"] = fixed["email"].str.replace(" at ", "@")\n'
        "again = push.retry(fixed)\n"
        "again",
    ),
)


def tell() -> None:
    """Run the demo; what its pushes write down is kept apart from the user's own for the rest of the process."""
    with (
        tempfile.TemporaryDirectory(prefix="analytex-demo-", ignore_cleanup_errors=True) as name,
        apd.sandbox(ROWS_PER_MINUTE, refuse=refuse_bad_email) as sandbox,
    ):
        folder = Path(name)
        os.environ["ANALYTEX_STATE_DIR"] = str(folder / "state")
        write_export(folder)
        prompt = Prompt({"sandbox": sandbox, "folder": folder})
        for words, lines in STORY:
            prompt.say(words, "")
            prompt.type(lines)
        fates = summary(prompt.names, len(sandbox.users))
        prompt.say("Where every row of customers.csv is now:", f"\n{fates}\n")
        prompt.say(
            "To do the same with data of yours, read the first ten minutes in README.md, or open "
            "notebooks/quickstart.ipynb."
        )


def refuse_bad_email(record: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Refuse a record as the service might: code, property and message."""
    email = record.get("metadata", {}).get("email", "@")
    return None if "@" in email else ("invalid_email", "email", "not an e-mail address")


class Prompt(code.InteractiveInterpreter):
    """A Python prompt at which the demo types."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.names = names
        self._width = min(WIDEST, shutil.get_terminal_size((88, 24)).columns)
        terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._bold, self._plain = (BOLD, PLAIN) if terminal else ("", "")

    def say(self, words: str, *more: str) -> None:
        print(textwrap.fill(words, self._width), *more, sep="\n", flush=True)

    def type(self, lines: str) -> None:
        for line in lines.splitlines():
            print(f"{self._bold}>>> {line}{self._plain}", flush=True)
            with pd.option_context("display.width", self._width, "display.max_columns", None):
                self.runsource(line)
        print(flush=True)

    def showtraceback(self) -> None:
        """Let an error end the demo."""
        raise  # noqa: PLE0704  # called while the error of the code is handled


def summary(names: Mapping[str, Any], profiles: int) -> str:
    """Return how many rows of the customers went where, and that they add up."""
    push, again = names["push"], names["again"]
    counts = push.counts
    fates = [
        (counts["acknowledged"] - again.counts["acknowledged"], "acknowledged by the service at once"),
        (again.counts["acknowledged"], "acknowledged once they were mended"),
        (counts["duplicate"], "stood in the file twice, and went once"),
        (counts["invalid"], "stayed behind without an id: push.plan.invalid lists them"),
    ]
    lines = [f"{number:>8,}  {words}" for number, words in fates]
    total = sum(number for number, _ in fates)
    return "\n".join([*lines, f"{total:>8,}  rows in the file, {profiles:,} users at the service"])
