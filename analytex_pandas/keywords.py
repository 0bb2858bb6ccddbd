"""The keyword arguments of the public functions, for type checkers: what a plan is asked, and what calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analytex_pandas.frame.options import CompanyOptions, UserOptions

if TYPE_CHECKING:
    from analytex_pandas.service.client import Client


class PlanUsers(UserOptions, total=False):
    """Keyword arguments of ``plan_users``."""

    client: Client | None


class PlanCompanies(CompanyOptions, total=False):
    """Keyword arguments of ``plan_companies``."""

    client: Client | None


class PushUsers(PlanUsers, total=False):
    """Keyword arguments of ``push_users``."""

    wait: bool | None
    progress: bool | None


class PushCompanies(PlanCompanies, total=False):
    """Keyword arguments of ``push_companies``."""

    wait: bool | None
    progress: bool | None
