"""How the API key gets onto a request, and nowhere else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from requests.auth import AuthBase

if TYPE_CHECKING:
    from requests import PreparedRequest

    from analytex_pandas.settings import ApiKey

SCRYPT_COST: Final = 2**14
"""With blocks of 8: 16 MiB and some 50 ms a guess, so that a digest on disk does not give the key away."""
MASK: Final = "***"
MIN_MASKED_CHARACTERS: Final = 8
"""A shorter text would be found everywhere, and no key is that short."""


class TokenAuth(AuthBase):
    """The ``Authorization`` header as an auth object: requests lets ``.netrc`` override a plain header."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the key on a request."""
        request.headers["Authorization"] = f"Token {self.key.reveal()}"
        return request


def masked(text: str, key: ApiKey) -> str:
    """Return a text from outside without the key, should it echo it."""
    secret = key.reveal()
    return text.replace(secret, MASK) if len(secret) >= MIN_MASKED_CHARACTERS else text


def masked_bytes(content: bytes, key: ApiKey) -> bytes:
    """Return an answer without the key, should it echo it."""
    secret = key.reveal().encode()
    return content.replace(secret, MASK.encode()) if len(secret) >= MIN_MASKED_CHARACTERS else content


def account_digest(key: ApiKey, place: str, salt: bytes) -> str:
    """Return what tells an account (key and place) apart on this machine without giving the key away."""
    salt = hashlib.sha256(salt + place.encode()).digest()
    return hashlib.scrypt(key.reveal().encode(), salt=salt, n=SCRYPT_COST, r=8, p=1, dklen=32).hex()
