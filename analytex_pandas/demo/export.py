"""Writes what a shop's database might export: companies, and 20,000 customers with the mess of a real file.

The same files every time, so that what the demo says about them stays true.
"""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Final

import pandas as pd

CUSTOMERS: Final = 20_000
COMPANIES: Final = 400

WITHOUT_ID: Final = (411, 3_870, 9_244, 15_032, 19_101)
"""Rows of customers whose id is missing; the gaps turn the whole column into floats when pandas reads it."""
INFINITE: Final = (2_718, 12_020)
"""Rows whose average was divided by zero on the way here."""
BAD_EMAIL: Final = (87, 5_550, 7_301, 11_876, 14_209, 18_642)
"""Rows whose e-mail was typed with "at" in place of "@": the service refuses them."""
REPEATED: Final = 12
"""Rows at the end that stand in the file before, too."""

FIRST_NAMES: Final = (
    "Ada", "Bruno", "Chloë", "Dmitri", "Eva", "Farid", "Grace", "Hugo", "Inês", "Jonas", "Kim", "Leïla", "Mats",
    "Nora", "Olu", "Paula", "Quentin", "Rosa", "Sora", "Tomás", "Uma", "Vera", "Wim", "Xenia", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES: Final = (
    "Abbott", "Berg", "Costa", "Dubois", "Ekström", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski",
    "Lindqvist", "Moreau", "Novák", "Okafor", "Petrov", "Quinn", "Rossi", "Schmidt", "Tanaka", "Urban", "Vargas",
)  # fmt: skip
TRADES: Final = (
    "Bakery", "Books", "Clinic", "Foods", "Labs", "Logistics", "Media", "Software", "Studio", "Tools",
)  # fmt: skip
INDUSTRIES: Final = ("health", "media", "retail", "software", "transport")
PLANS: Final = ("free", "free", "free", "team", "team", "business")
FIRST_DAY: Final = dt.datetime(2022, 1, 3, 6, 30)  # noqa: DTZ001  # exports rarely say which zone they mean


def write_export(folder: Path) -> None:
    """Write ``companies.csv`` and ``customers.csv`` into a directory."""
    chance = random.Random(2024)  # noqa: S311  # the same file every time; no secret depends on it
    companies = [company(number, chance) for number in range(COMPANIES)]
    customers = [customer(number, chance) for number in range(CUSTOMERS - REPEATED)]
    customers += customers[1_000 : 1_000 + REPEATED]
    for name, rows in {"companies": companies, "customers": customers}.items():
        table = pd.DataFrame(rows, dtype="object")
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\r\n")


def company(number: int, chance: random.Random) -> dict[str, object]:
    return {
        "account_id": 5_001 + number,
        "name": f"{chance.choice(LAST_NAMES)} {chance.choice(TRADES)}",
        "industry": chance.choice(INDUSTRIES),
        "seats": chance.choice(("", 3, 10, 25, 60, 250)),
        "renews_on": FIRST_DAY.date() + dt.timedelta(days=1_000 + chance.randrange(365)),
    }


def customer(number: int, chance: random.Random) -> dict[str, object]:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    signed_up = FIRST_DAY + dt.timedelta(minutes=97 * number + chance.randrange(90))
    last_order = signed_up.date() + dt.timedelta(days=chance.randrange(200))
    mailbox = "".join(letter for letter in f"{first}.{last}{number}".lower() if letter.isascii())
    spent = round(chance.lognormvariate(3.5, 1), 2)
    return {
        "customer_id": "" if number in WITHOUT_ID else 100_001 + number,
        "name": f"{first} {last}",
        "email": f"{mailbox} at example.com" if number in BAD_EMAIL else f"{mailbox}@example.com",
        "account_id": gappy(5_001 + chance.randrange(COMPANIES), 0.3, chance),
        "plan": chance.choice(PLANS),
        "signed_up_at": signed_up,
        "last_order": gappy(last_order, 0.2, chance),
        "avg_order": "inf" if number in INFINITE else spent,
        "orders": gappy(chance.randrange(40), 0.1, chance),
        "newsletter": chance.choice(("True", "False", "")),
    }


def gappy(value: object, share: float, chance: random.Random) -> object:
    """Return a value, or, in this share of cases, nothing."""
    return "" if chance.random() < share else value
