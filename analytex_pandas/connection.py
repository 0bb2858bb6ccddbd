"""The connected client, which is used where none is given; asked for a key where somebody is there to type it."""

from __future__ import annotations

import getpass
import sys
import warnings
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from analytex_pandas import settings
from analytex_pandas.delivery.pacing import heals
from analytex_pandas.errors import AnalytexError, AuthenticationError, ValidationError, code
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT: list[Client] = []
"""The connected client, if there is one."""


def connect(api_key: str | None, environment: str | None, *, check: bool, **client_options: Any) -> Client:
    """Make a client and use it from now on; see :func:`analytex_pandas.connect`."""
    try:
        client = Client(api_key, environment, **client_options)
    except AuthenticationError:
        if api_key is not None or not can_ask():
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
            warnings.warn(f"Connected, but the service does not answer well now: {error}", stacklevel=3)
    DEFAULT[:] = [client]
    return client


def default_client(given: Any = None) -> Client:
    """Return the client that is given, else the connected one; without one, connect by the environment variables."""
    if (client := checked_client(given)) is not None:
        return client
    if not DEFAULT:
        try:
            DEFAULT[:] = [Client()]
        except AuthenticationError as error:
            raise AuthenticationError(
                "Nothing is connected yet. Call apd.connect(), or set ANALYTEX_API_KEY, or pass client=…"
            ) from error
    return DEFAULT[0]


def connected() -> Client | None:
    return DEFAULT[0] if DEFAULT else None


def state_directory(client: Client | None) -> Path:
    """Return where pushes of a client are kept; of the connected one, or else of the user, where none is given."""
    client = checked_client(client) or connected()
    return settings.state_directory() if client is None else client.state_directory


def checked_client(client: Any) -> Client | None:
    """Return the client that was given, if it is one."""
    if client is None or isinstance(client, Client):
        return client
    raise ValidationError(
        f"client={code(client, 100)}: an apd.Client, as apd.connect() returns it, or None for the connected one, is "
        "needed."
    )


def can_ask() -> bool:
    from analytex_pandas.show.surroundings import in_notebook  # light until used

    return in_notebook() or (sys.stdin is not None and sys.stdin.isatty())
