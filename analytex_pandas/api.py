"""The public functions on data and pushes: their documentation; the work is done by the modules they call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, get_args

import pandas as pd

from analytex_pandas import connection, plan, settings
from analytex_pandas.arguments import (
    PlanCompanies,
    PlanUsers,
    PushCompanies,
    PushFiles,
    PushUsers,
    with_options,
)
from analytex_pandas.delivery import memory, opening
from analytex_pandas.errors import ValidationError
from analytex_pandas.frame.options import checked
from analytex_pandas.plan import Plan
from analytex_pandas.push import Push, presented
from analytex_pandas.service.client import Client
from analytex_pandas.settings import Kind

if TYPE_CHECKING:
    from analytex_pandas.sandboxed import Sandbox  # loads the server


@with_options(PlanUsers)
def plan_users(data: Any, **options: Unpack[PlanUsers]) -> Plan:
    """Return what a push of users would do: columns, invalid rows, chunks, duration. Nothing is sent.

    Parameters
    ----------
    data : pandas.DataFrame, Arrow stream, iterable of those, path or URL of Parquet files, or frame of an engine
        The rows, read once. What has ``__arrow_c_stream__`` is an Arrow stream: pyarrow, polars, DuckDB. A path or URL
        (``s3://…``, by fsspec) is that of a Parquet file, a pattern such as ``data/*.parquet``, or a directory, whose
        ``country=de`` are columns; it is never loaded whole. Nor are frames of Dask, Spark, pandas-on-Spark, Ray, Daft,
        Modin or narwhals, or a LazyFrame. Where rows of an engine have no label, their index is (partition, row).
    **options
        The keyword arguments.

    Returns
    -------
    Plan
        With DataFrames ``columns``, ``counts``, ``invalid`` and ``chunks``, and ``push()``.

    Raises
    ------
    ValidationError
        For what is wrong with the frame as such. What is wrong with rows stands in ``Plan.invalid``.

    Examples
    --------
    >>> import pandas as pd, analytex_pandas as apd
    >>> df = pd.DataFrame({"uid": [1.0, 2.0], "since": pd.to_datetime(["2024-01-15 08:00", None])})
    >>> plan = apd.plan_users(df, user_id="uid")
    >>> plan.records()
    [{'user_id': '1', 'metadata': {'since': '2024-01-15T08:00:00Z'}}, {'user_id': '2'}]
    """
    return plan.make_plan(data, "users", options)


@with_options(PlanCompanies)
def plan_companies(data: Any, **options: Unpack[PlanCompanies]) -> Plan:
    """Return what a push of companies would do; nothing is sent. See :func:`plan_users`."""
    return plan.make_plan(data, "companies", options)


@with_options(PushUsers)
def push_users(data: Any, **options: Unpack[PushUsers]) -> Push:
    """Send rows as users: creates profiles, or updates the properties named and leaves the others alone.

    Parameters
    ----------
    data
        A DataFrame, or what else :func:`plan_users` takes: an Arrow stream, frames, Parquet, the frame of an engine.
    **options
        The keyword arguments.

    Returns
    -------
    Push
        The push, under way or ended.

    Raises
    ------
    ValidationError
        If the frame, or rows of it, cannot be sent; nothing is sent then. Its ``report`` lists the rows.
    AnalytexError
        What stopped a push that was waited for, with ``.push``. Refused rows do not raise:
        see :meth:`Push.raise_for_errors`.

    Examples
    --------
    >>> import pandas as pd, analytex_pandas as apd
    >>> with apd.sandbox(rows_per_minute=1e6) as service:
    ...     push = apd.push_users(pd.DataFrame({"user_id": ["ann", "bob"]}), client=service.client)
    ...     push.status, service.users["user_id"].tolist()
    ('completed', ['ann', 'bob'])
    """
    return plan.push_at_once(data, "users", options)


@with_options(PushCompanies)
def push_companies(data: Any, **options: Unpack[PushCompanies]) -> Push:
    """Send rows as companies: creates profiles, or updates the properties named. See :func:`push_users`."""
    return plan.push_at_once(data, "companies", options)


@with_options(PlanUsers)
def to_ndjson(
    data: Any, directory: str | Path, kind: Kind = "users", **options: Unpack[PlanUsers]
) -> list[Path | Any]:
    """Write the records of `data` as NDJSON files that the service takes as they are, and return their paths.

    Parameters
    ----------
    data
        A DataFrame, or what else :func:`plan_users` takes: an Arrow stream, frames, Parquet, the frame of an engine.
    directory : str or pathlib.Path
        Where to, made if it does not exist; or a URL: then URLs are returned. No file that is there is overwritten.
    kind : {"users", "companies"}, default "users"
        What a record is.
    **options
        The keyword arguments.

    Raises
    ------
    ValidationError
        If the frame, or rows of it, cannot be sent.
    """
    return plan.to_ndjson(data, directory, kind, options)


@with_options(PushFiles)
def push_files(paths: Any, kind: Kind = "users", **options: Unpack[PushFiles]) -> Push:
    """Send files of NDJSON that exist already, such as those of :func:`to_ndjson`: one record a line.

    Every line is checked before anything is sent: encoding, JSON, ids, primitives, the service's limits, keys that
    stand twice. Files that are too large for a request are cut, small ones go together.

    Parameters
    ----------
    paths : str, path, or list of those
        Files, patterns such as ``out/*.ndjson``, directories (without what begins with ``.`` or ``_`` there), or URLs
        (by fsspec). ``.gz`` is unpacked.
    kind : {"users", "companies"}, default "users"
        What a record is.
    **options
        The keyword arguments.

    Returns
    -------
    Push
        As of :func:`push_users`; ``position`` counts the lines of all files that are not blank, ``index`` is (file,
        line), the line counted from 1.

    Raises
    ------
    ValidationError
        If there is no file, or lines of it cannot be sent. ``.report`` lists them.

    Examples
    --------
    >>> import tempfile, pandas as pd, analytex_pandas as apd
    >>> with apd.sandbox(rows_per_minute=1e6) as service, tempfile.TemporaryDirectory() as folder:
    ...     files = apd.to_ndjson(pd.DataFrame({"user_id": ["ann", "bob"]}), folder)
    ...     push = apd.push_files(files, progress=False)
    >>> push.counts["acknowledged"].item()
    2
    """
    return plan.push_at_once(paths, checked("kind", kind), options, of_files=True)


def pushes(*, client: Client | None = None) -> pd.DataFrame:
    """Return the pushes of this machine, newest first: what they sent, how they ended, which can be resumed.

    Parameters
    ----------
    client : Client, optional
        Whose state directory is read; else the connected one's, or the user's.

    Returns
    -------
    pandas.DataFrame
        id, kind, status, environment, the counts of :attr:`Push.counts`, created_at, ended_at, parent (the push that
        it retries), error (what stopped it). ``apd.resume(id)`` carries on with one ``interrupted``.
    """
    return opening.pushes(connection.state_directory(client))


def resume(
    push_id: str | None = None,
    *,
    client: Client | None = None,
    rebind: bool = False,
    chunk_bytes: int | None = None,
    skip: Iterable[int] = (),
    wait: bool | None = None,
    progress: bool | None = None,
) -> Push:
    """Carry on with a push after a crash, an error or ``cancel()``, where it stopped.

    Nothing is sent twice: an upload whose answer was lost is looked for in the service's list of jobs first.

    Parameters
    ----------
    push_id : str, optional
        By default the newest unfinished push of this account that was not cancelled.
    client : Client, optional
        Else the connected one.
    rebind : bool, default False
        Whether to go on under another key or environment than it was started with. What its plan left out as
        unchanged (``only_changed``) was compared with the first.
    chunk_bytes : int, optional
        Bytes of a request at most, to which what is not sent yet is cut anew: for a proxy that takes less (HTTP 413).
    skip : iterable of int, optional
        Positions of rows that are not sent yet and shall not be: such as ``push.errors["position"]`` lists after the
        service declined a chunk for them (HTTP 400, 422). They count as refused: ``push.retry(fixed)`` sends them.
    wait, progress : bool, optional
        As in :func:`push_users`.

    Raises
    ------
    NotFoundError
        If there is no such push, or none to resume.
    AuthenticationError
        If it belongs to another account and `rebind` is not set.
    AnalytexError
        If another process drives it.
    """
    client = connection.default_client(client)
    if chunk_bytes is not None:
        chunk_bytes = checked("chunk_bytes", chunk_bytes)
    left_out = opening.positions(skip)
    drive = opening.resume(push_id, client, rebind=rebind, chunk_bytes=chunk_bytes, skip=left_out)
    push = plan.held(drive)
    return push if push.done else presented(push, wait, progress)


def forget(kind: Kind | None = None, *, client: Client | None = None) -> None:
    """Drop what this machine remembers of what the account has acknowledged, which ``only_changed`` compares with.

    The next push with ``only_changed=True`` then sends every row; do it when profiles were changed by other means than
    pushes from this machine. What a push under way is still to be answered for is remembered again.

    Parameters
    ----------
    kind : {"users", "companies"}, optional
        One kind; by default both.
    client : Client, optional
        Whose account; else the connected one's.

    Raises
    ------
    AuthenticationError
        If no client is given or connected: what is remembered is apart by account.

    Examples
    --------
    >>> import analytex_pandas as apd
    >>> with apd.sandbox() as service:
    ...     apd.forget("users", client=service.client)
    """
    if kind is not None and kind not in get_args(Kind):
        raise ValidationError(f"kind={kind!r}: 'users' or 'companies' is needed, or None for both.")
    client = connection.default_client(client)
    memory.forget(client, get_args(Kind) if kind is None else [kind])


def clean(push_id: str | None = None, *, before: Any = None, client: Client | None = None) -> list[str]:
    """Drop old history from this machine: what was sent when, errors, and the refused rows that were kept.

    Parameters
    ----------
    push_id : str, optional
        One push, finished or not.
    before : datetime-like or timedelta-like, optional
        Else every push that ended before this time (naive: UTC), or longer ago than this. By default all that ended.
    client : Client, optional
        Whose state directory is cleaned; else the connected one's, or the user's.

    Returns
    -------
    list of str
        The pushes that were dropped.
    """
    return opening.clean(push_id, before, connection.state_directory(client))


def sandbox(rows_per_minute: float = settings.ROWS_PER_MINUTE, port: int = 0, **terms: Any) -> Sandbox:
    """Return a stand-in for the service on this machine: real HTTP, real limits, jobs that take their time.

    A context manager with ``client``, ``url``, ``api_key``, and DataFrames ``users`` and ``companies``. Within its
    block its client is the connected one, in all threads of this process (of several the last opened), and then who
    was so before. What is pushed to it is kept in a temporary directory.

    Parameters
    ----------
    rows_per_minute : float, default 1_200
        The pace of its jobs.
    port : int, default 0
        0 takes a free one.
    **terms
        Row errors, faults and shapes of answers on demand; see :class:`analytex_pandas.sandbox_server.Sandbox`.

    Examples
    --------
    >>> import analytex_pandas as apd
    >>> with apd.sandbox() as service:
    ...     len(service.users)
    0
    """
    from analytex_pandas.sandboxed import Sandbox  # loads the server

    return Sandbox(rows_per_minute, port, **terms)
