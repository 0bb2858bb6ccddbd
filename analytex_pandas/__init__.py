"""Push pandas DataFrames of users and companies into Analytex: typed, resumable, with an answer for every row.

Importing it registers ``df.analytex``, and loads the rest when it is first used. The convention is
``import analytex_pandas as apd``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from analytex_pandas import accessor as _accessor  # noqa: F401  # registers df.analytex

if TYPE_CHECKING:
    from analytex_pandas.account import Job, job, jobs, monitor
    from analytex_pandas.api import (
        clean,
        forget,
        plan_companies,
        plan_users,
        push_companies,
        push_files,
        push_users,
        pushes,
        resume,
        sandbox,
        to_ndjson,
    )
    from analytex_pandas.checkup import doctor
    from analytex_pandas.connection import connect
    from analytex_pandas.errors import (
        AnalytexError,
        AuthenticationError,
        ConflictError,
        NotFoundError,
        PayloadTooLargeError,
        PushError,
        RateLimitError,
        ServerError,
        TransportError,
        ValidationError,
    )
    from analytex_pandas.plan import Plan
    from analytex_pandas.push import Push
    from analytex_pandas.service.client import Client

__version__ = "0.1.0"

__all__ = [
    "AnalytexError",
    "AuthenticationError",
    "Client",
    "ConflictError",
    "Job",
    "NotFoundError",
    "PayloadTooLargeError",
    "Plan",
    "Push",
    "PushError",
    "RateLimitError",
    "ServerError",
    "TransportError",
    "ValidationError",
    "clean",
    "connect",
    "doctor",
    "forget",
    "job",
    "jobs",
    "monitor",
    "plan_companies",
    "plan_users",
    "push_companies",
    "push_files",
    "push_users",
    "pushes",
    "resume",
    "sandbox",
    "to_ndjson",
]

_PLACES = {
    "Client": "service.client",
    "Plan": "plan",
    "Push": "push",
    "connect": "connection",
    "doctor": "checkup",
    **dict.fromkeys(("Job", "job", "jobs", "monitor"), "account"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _PLACES.get(name) or ("errors" if name[0].isupper() else "api")
    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
