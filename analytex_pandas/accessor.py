"""``df.analytex``: the functions of :mod:`analytex_pandas.api` as methods of a DataFrame. Keeps the frame, no logic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analytex_pandas.arguments import PlanCompanies, PlanUsers, PushCompanies, PushUsers, with_options

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from analytex_pandas.plan import Plan
    from analytex_pandas.push import Push
    from analytex_pandas.settings import Kind


@pd.api.extensions.register_dataframe_accessor("analytex")
class AnalytexAccessor:
    """Push this DataFrame's rows to Analytex as users or companies.

    Each method is the function of the same name, with the frame as its data.

    Examples
    --------
    >>> import pandas as pd, analytex_pandas as apd
    >>> df = pd.DataFrame({"uid": [1, 2], "plan": ["free", "pro"]})
    >>> df.analytex.plan_users(user_id="uid").rows
    2
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    @with_options(PlanUsers)
    def plan_users(self, **options: Unpack[PlanUsers]) -> Plan:
        """Return what a push of users would do; see :func:`analytex_pandas.plan_users`."""
        from analytex_pandas import api  # loaded when it is first used

        return api.plan_users(self._frame, **options)

    @with_options(PlanCompanies)
    def plan_companies(self, **options: Unpack[PlanCompanies]) -> Plan:
        """Return what a push of companies would do; see :func:`analytex_pandas.plan_companies`."""
        from analytex_pandas import api  # loaded when it is first used

        return api.plan_companies(self._frame, **options)

    @with_options(PushUsers)
    def push_users(self, **options: Unpack[PushUsers]) -> Push:
        """Send the rows as users; see :func:`analytex_pandas.push_users`."""
        from analytex_pandas import api  # loaded when it is first used

        return api.push_users(self._frame, **options)

    @with_options(PushCompanies)
    def push_companies(self, **options: Unpack[PushCompanies]) -> Push:
        """Send the rows as companies; see :func:`analytex_pandas.push_companies`."""
        from analytex_pandas import api  # loaded when it is first used

        return api.push_companies(self._frame, **options)

    @with_options(PlanUsers)
    def to_ndjson(
        self, directory: str | Path, kind: Kind = "users", **options: Unpack[PlanUsers]
    ) -> list[Path | Any]:
        """Write the records as NDJSON files; see :func:`analytex_pandas.to_ndjson`.

        Parameters
        ----------
        directory : str or pathlib.Path
            Where to, made if it does not exist; or a URL.
        kind : {"users", "companies"}, default "users"
            What a record is.
        **options
            The keyword arguments.
        """
        from analytex_pandas import api  # loaded when it is first used

        return api.to_ndjson(self._frame, directory, kind, **options)
