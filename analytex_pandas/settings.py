"""What is configured and what is fixed: the key, the environment, the state directory, the service's limits.

Settings come from an argument, else from the environment variable, read when it is used.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn
from urllib.parse import SplitResult, urlsplit

from analytex_pandas.errors import AuthenticationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Limits of the service; source: "Limits" in its bulk API documentation (maxItems in its OpenAPI description).
MAX_REQUEST_RECORDS: Final = 10_000
MAX_REQUEST_BYTES: Final = 50_000_000
"""Bytes of a whole request body; requests stay strictly below."""
ROWS_PER_MINUTE: Final = 1_200
"""The documented pace; a later edition says 1,800, so estimates made from it are on the safe side."""
MAX_PROPERTIES: Final = 500
MAX_PROPERTY_NAME_CHARACTERS: Final = 255
MAX_STRING_CHARACTERS: Final = 65_535

LONGEST_NAME: Final = 20
"""Characters of a mistyped environment that are repeated; a key is longer."""

Kind = Literal["users", "companies"]
"""What a record is about; also the path segment and the JSON envelope of its uploads."""

ID_NAMES: Final[Mapping[str, str]] = {"users": "user_id", "companies": "company_id"}
"""What holds the id of a record of each kind."""

ENVIRONMENTS: Final = {
    "analytex": "https://analytex.userpilot.io",
    "analytex-eu": "https://analytex-eu.userpilot.io",
}


class ApiKey:
    """An API key that shows itself to nobody: not in ``repr``, a pickle, or a dump of its attributes.

    ``reveal`` returns it: a function, so that whoever walks through attributes finds no text.
    """

    __slots__ = ("reveal",)

    def __init__(self, secret: str) -> None:
        self.reveal: Callable[[], str] = lambda: secret

    def __repr__(self) -> str:
        return "ApiKey()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is not pickled. Connect again where it is needed: apd.connect().")


def api_key(argument: str | None = None) -> ApiKey:
    """Return the API key from the argument, else from ``ANALYTEX_API_KEY``; AuthenticationError where there is none."""
    key = (argument if argument is not None else os.environ.get("ANALYTEX_API_KEY", "")).strip()
    if not key:
        raise AuthenticationError(
            "There is no API key. Pass api_key=… to apd.connect(), or set the environment variable "
            "ANALYTEX_API_KEY. The key stands in Analytex under Settings → Environments → API key."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise AuthenticationError(
            "The API key holds spaces, line breaks or characters outside ASCII, which no key does. "
            "Was more than the key pasted?"
        )
    return ApiKey(key)


def base_url(environment: str | None = None) -> str:
    """Return the base URL of an environment: a name of ``ENVIRONMENTS`` or a URL, else ``ANALYTEX_ENVIRONMENT``.

    Plain http to another machine is refused: the key would travel in the clear.
    """
    name = environment or os.environ.get("ANALYTEX_ENVIRONMENT") or "analytex"
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    url = split_url(name)
    known = ", ".join(repr(known) for known in ENVIRONMENTS)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValidationError(
            f"environment={showable(name)!r} is neither one of {known} nor a base URL like https://host.example."
        )
    if url.username or url.password or url.query or url.fragment:
        raise ValidationError(
            "A base URL holds a scheme, a host and perhaps a path, and nothing else: no user, password, "
            "query or fragment."
        )
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValidationError(
            f"environment={showable(name)!r}: plain http would send the API key in the clear. Use https; http is for "
            "this machine only (127.0.0.1, localhost)."
        )
    return name.rstrip("/")


def showable(environment: str) -> str:
    """Return what may be repeated of an environment that is none: somebody may have put the key there."""
    if "@" in environment or "?" in environment:
        return "…"
    is_name_or_url = len(environment) <= LONGEST_NAME or "://" in environment
    return environment if is_name_or_url else f"… ({len(environment)} characters)"


def split_url(text: str) -> SplitResult:
    """Return a URL in its parts; without any where it cannot be read, its port included."""
    try:
        url = urlsplit(text)
        _ = url.port  # raises for what is no port
    except ValueError:
        return urlsplit("")
    return url


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def state_directory() -> Path:
    """Return the private directory of journals and spools: ``ANALYTEX_STATE_DIR``, else the user's state directory.

    It and everything below is made with mode 0700, files with 0600; see ``private_directory``.
    """
    if configured := os.environ.get("ANALYTEX_STATE_DIR"):
        return Path(configured).expanduser()
    import platformdirs  # only pushes and plans need it

    return platformdirs.user_state_path("analytex-pandas", appauthor=False)


def private_directory(path: Path) -> Path:
    """Make a directory, and those above it that are missing, for this user only."""
    if not path.is_dir():
        private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def is_silent() -> bool:
    """Tell whether ``ANALYTEX_SILENT`` asks for no progress display."""
    return os.environ.get("ANALYTEX_SILENT", "").lower() not in ("", "0", "false", "no")
