"""What the demo says, and the code that it runs: the lines that are shown are the lines that run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is said, then done: words for somebody who has never heard of the project, and code.

    Of the code one statement stands on a line; the value of an expression is shown as Python's prompt shows it.
    """

    words: str
    code: str


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
