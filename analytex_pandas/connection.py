"""The client that is used where none is given: the connected one, else that of the environment variables.

They are read whenever one is needed. What is connected, is so for the whole process, in all its threads.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
import warnings
from http import HTTPStatus
from pathlib import Path
from typing import Any

from analytex_pandas import settings
from analytex_pandas.delivery.pacing import heals
from analytex_pandas.errors import AnalytexError, AuthenticationError, ValidationError, code
from analytex_pandas.service.client import Client
from analytex_pandas.show.surroundings import in_notebook

DEFAULT: list[Client] = []
"""The connected clients, the last of which is used: that of ``connect``, and that of each open sandbox."""
LENT: list[Client] = []
"""Those of them that are of open sandboxes."""
FROM_ENVIRONMENT: list[Client] = []
"""The client that the environment variables gave last."""


def connect(
    api_key: str | None = None, environment: str | None = None, *, check: bool = True, **client_options: Any
) -> Client:
    """Set the client that everything uses from now on; without it, the environment variables are read at each call.

    Parameters
    ----------
    api_key : str, optional
        Else the environment variable ``ANALYTEX_API_KEY``, else a prompt in a notebook or terminal.
    environment : str, optional
        ``"analytex"``, ``"analytex-eu"`` (EU data residency) or a base URL, else ``ANALYTEX_ENVIRONMENT``, else
        ``"analytex"``.
    check : bool, default True
        Whether to ask the service for its jobs once, so that a wrong key or address is said now and not later. What may
        heal (no network, HTTP 5xx or 429) is a warning.
    **client_options
        ``timeout``, ``paths``, ``session`` and ``state_directory`` of :class:`Client`.

    Returns
    -------
    Client
        What every push uses from now on that is not given another.

    Raises
    ------
    AuthenticationError
        If there is no key, or the service does not take it.
    ValidationError
        If the environment is none.
    AnalytexError
        If what answers there is no Analytex: it has no such path, points elsewhere, or shows a web page.

    Examples
    --------
    >>> import analytex_pandas as apd
    >>> with apd.sandbox() as service:
    ...     client = apd.connect(service.api_key, service.url)
    ...     client.jobs()
    []
    """
    try:
        client = Client(api_key, environment, **client_options)
    except AuthenticationError:
        can_ask = in_notebook() or (sys.stdin is not None and sys.stdin.isatty())
        if api_key is not None or not can_ask:
            raise
        asked = "Analytex API key (Settings → Environments): "
        client = Client(getpass.getpass(asked), environment, **client_options)
    finally:
        # A traceback that prints local variables would show a key that is in one of them.
        del api_key, environment
    if check:
        try:
            client.check()
        except AnalytexError as error:
            if not (heals(error) and error.status_code != HTTPStatus.OK):  # a page with 200 is no Analytex
                raise
            warnings.warn(f"Connected, but the service does not answer well now: {error}", stacklevel=2)
    # It takes the place of the one before, but for what is given back when the sandboxes close.
    before = max((place for place, one in enumerate(DEFAULT) if one in LENT), default=-1)
    DEFAULT[before + 1 :] = [client]
    return client


def lend(client: Client) -> None:
    """Connect the client of a sandbox, until it is given back."""
    DEFAULT.append(client)
    LENT.append(client)


def give_back(client: Client) -> None:
    """Have the client again that was connected before a sandbox, with whoever connected to that meanwhile gone, too."""
    if client in LENT:
        LENT.remove(client)
        DEFAULT[:] = [one for one in DEFAULT if one.base_url != client.base_url]


def default_client(given: Any = None) -> Client:
    """Return the client that is given, else the connected one, else that of the environment variables."""
    if (client := checked_client(given) or pinned()) is not None:
        return client
    try:
        return from_environment()
    except AuthenticationError as error:
        if os.environ.get("ANALYTEX_API_KEY"):
            raise  # it says what is wrong with that
        raise AuthenticationError(
            "Nothing is connected yet. Call apd.connect(), or set ANALYTEX_API_KEY, or pass client=…"
        ) from error


def connected() -> Client | None:
    """Return the connected client, else that of the environment variables, None where they give none."""
    with contextlib.suppress(AnalytexError):  # who needs one is told
        return pinned() or from_environment()
    return None


def pinned() -> Client | None:
    return DEFAULT[-1] if DEFAULT else None


def from_environment() -> Client:
    """Return the client of the environment variables: the one they gave before, as long as they say the same."""
    client = Client()
    for before in FROM_ENVIRONMENT:
        if before.is_of_account(client):
            return before
    FROM_ENVIRONMENT[:] = [client]
    return client


def state_directory(client: Client | None) -> Path:
    """Return where pushes of a client are kept; of the connected one, or else of the user, where none is given."""
    client = checked_client(client) or connected()
    return settings.state_directory() if client is None else client.state_directory


def rows_per_minute(client: Client | None) -> float:
    """Return the pace that is reckoned with: of the jobs that a client, or the connected one, has seen."""
    client = client or connected()
    return (client and client.speed.rows_per_minute) or settings.ROWS_PER_MINUTE


def checked_client(client: Any) -> Client | None:
    """Return the client that was given, if it is one."""
    if client is None or isinstance(client, Client):
        return client
    raise ValidationError(
        f"client={code(client, 100)}: an apd.Client, as apd.connect() returns it, or None for the connected one, is "
        "needed."
    )
