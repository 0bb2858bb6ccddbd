"""The connected client, which is used where none is given; asked for a key where somebody is there to type it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from analytex_pandas import settings
from analytex_pandas.errors import AuthenticationError
from analytex_pandas.frame.options import Rule, checked
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT: list[Client] = []
"""The connected client, if there is one."""


def connect(api_key: str | None, environment: str | None, **client_options: Any) -> Client:
    """Make a client and use it from now on; see :func:`analytex_pandas.connect`."""
    try:
        client = Client(api_key, environment, **client_options)
    except AuthenticationError:
        if api_key is not None or not can_ask():
            raise
        client = Client(ask_for_key(), environment, **client_options)
    finally:
        # A traceback that prints local variables would show a key that is in one of them.
        del api_key, environment
    DEFAULT[:] = [client]
    return client


def default_client() -> Client:
    """Return the connected client; without one, connect by the environment variables."""
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
    client = client or connected()
    return settings.state_directory() if client is None else client.state_directory


def checked_client(client: Any) -> Client | None:
    """Return the client that was given, if it is one."""

    def check(value: Any) -> Client | None:
        if not isinstance(value, Client | None):
            raise TypeError
        return value

    takes = "an apd.Client, as apd.connect() returns it, or None for the connected one,"
    found: Client | None = checked("client", client, Rule(takes, check))
    return found


def can_ask() -> bool:
    from analytex_pandas.show.display import in_notebook  # light until used

    return in_notebook() or (sys.stdin is not None and sys.stdin.isatty())


def ask_for_key() -> str:
    """Return the key that the user types; it is not echoed."""
    import getpass  # light until used

    return getpass.getpass("Analytex API key (Settings → Environments): ")
