"""Push pandas DataFrames of users and companies into Analytex: typed, resumable, with an answer for every row.

Importing it registers ``df.analytex``. The convention is ``import analytex_pandas as apd``.
"""

from __future__ import annotations

from analytex_pandas import accessor as _accessor  # noqa: F401  # registers df.analytex
from analytex_pandas.api import (
    clean,
    connect,
    job,
    jobs,
    plan_companies,
    plan_users,
    push_companies,
    push_users,
    pushes,
    resume,
    sandbox,
    to_ndjson,
)
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
from analytex_pandas.frame.plan import Plan
from analytex_pandas.push.push import Push
from analytex_pandas.service.client import Client

__version__ = "0.1.0"

__all__ = [
    "AnalytexError",
    "AuthenticationError",
    "Client",
    "ConflictError",
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
    "job",
    "jobs",
    "plan_companies",
    "plan_users",
    "push_companies",
    "push_users",
    "pushes",
    "resume",
    "sandbox",
    "to_ndjson",
]
