"""What is configured and what is fixed: the key, the environment, the state directory, the service's limits.

Settings come from an argument, else from the environment variable, read when it is used.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, NoReturn
from urllib.parse import SplitResult, urlsplit

from analytex_pandas.errors import AnalytexError, AuthenticationError, ValidationError, did_you_mean

# Limits of the service; source: "Limits" in its bulk API documentation (maxItems in its OpenAPI description).
MAX_REQUEST_RECORDS: Final = 10_000
MAX_REQUEST_BYTES: Final = 50_000_000
"""Bytes of a whole request body; requests stay strictly below."""
ROWS_PER_MINUTE: Final = 1_200
"""The documented pace; a later edition says 1,800, so estimates made from it are on the safe side."""
MAX_PROPERTIES: Final = 500
MAX_PROPERTY_NAME_CHARACTERS: Final = 255
MAX_STRING_CHARACTERS: Final = 65_535

HOST: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
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

    What is not clearly a base URL is refused, not mended: the key goes there.
    """
    name = environment or os.environ.get("ANALYTEX_ENVIRONMENT") or "analytex"
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    if "://" not in name:
        # Not repeated: somebody may have put the key there.
        known = ", ".join(repr(known) for known in ENVIRONMENTS)
        raise ValidationError(
            f"The environment is neither one of {known} nor a base URL, which begins with https://, like https://host.example."
            f"{did_you_mean(name, ENVIRONMENTS)}"
        )
    if wrong := fault_of_url(name):
        raise ValidationError(f"The environment is no base URL: {wrong}.")
    return name.rstrip("/")


def fault_of_url(text: str) -> str:
    """Return what is wrong with a base URL, in words; empty where nothing is."""
    url = split_url(text)
    host = url.hostname or ""
    if "@" in text or "?" in text or "#" in text:
        return "it has a scheme, a host and perhaps a path, and nothing else: no user, password, query or fragment"
    if (
        url.scheme not in ("http", "https")
        or not host
        or not text.isprintable()
        or " " in text
        or "\\" in text
    ):
        return "it does not read like https://host.example"
    if not host.isascii():
        try:
            plain = host.encode("idna").decode()
        except UnicodeError:
            plain = ""
        hint = f"; if it is meant, write {plain}" if plain else ""
        return f"its host has letters beyond ASCII, which may look like others{hint}"
    if url.port == 0 or not (":" in host or HOST.fullmatch(host)) or re.search(r"%|\.\.|[{}]", url.path):
        return "it does not read like https://host.example"
    if re.search(r"(?i)/(v[0-9]|(users|companies)/|background_jobs)", url.path):
        return f"it goes on with the API's own path, {url.path}, which is added by itself; leave that out"
    if url.scheme == "http" and not is_loopback(host):
        return (
            "plain http would send the API key in the clear. Use https; http is for this machine only (127.0.0.1, "
            "localhost)"
        )
    return ""


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
    """Return the private directory of journals and spools: ``ANALYTEX_STATE_DIR``, else the user's state directory."""
    import platformdirs  # only pushes and plans need it

    configured = os.environ.get("ANALYTEX_STATE_DIR")
    if configured and "://" in configured:
        raise AnalytexError(
            "ANALYTEX_STATE_DIR is a URL; journals need files that can be locked: a directory of this machine."
        )
    try:
        path = (
            Path(configured).expanduser()
            if configured
            else platformdirs.user_state_path("analytex-pandas", appauthor=False)
        )
    except RuntimeError:
        path = None
    if path is None or path.parts[:1] == ("~",):
        raise AnalytexError(
            "There is no home directory to keep the state of pushes in. Set ANALYTEX_STATE_DIR to a directory of your "
            "own."
        )
    return path.absolute()


def private_directory(path: Path) -> Path:
    """Make a directory, and those above it that are missing, for this user only."""
    if not path.is_dir():
        private_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def is_silent() -> bool:
    """Tell whether ``ANALYTEX_SILENT`` asks for no progress display."""
    return os.environ.get("ANALYTEX_SILENT", "").lower() not in ("", "0", "false", "no")
