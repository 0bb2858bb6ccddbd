"""Every error that analytex_pandas raises on purpose.

.. code-block:: text

    AnalytexError                  anything below; catch this to catch all
    ├── ValidationError            the input cannot be sent as it is (also a ValueError); HTTP 400
    ├── AuthenticationError        the key is missing or was not accepted; HTTP 401, 403
    ├── NotFoundError              no such job, push or path; HTTP 404
    ├── ConflictError              a job of the account is running already; HTTP 409
    ├── PayloadTooLargeError       the request is over a limit of the service; HTTP 413
    ├── RateLimitError             too many requests; HTTP 429
    ├── ServerError                the service or a proxy before it failed; HTTP 5xx, an unreadable answer
    ├── TransportError             no answer came: it is not known whether the request arrived
    └── PushError                  a push did not reach its end, or rows of it were refused
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analytex_pandas.push.push import Push

INVALID_COLUMNS = {
    "position": "int64",
    "index": "object",
    "id": "object",
    "property": "object",
    "code": "object",
    "message": "object",
}


def empty_report() -> pd.DataFrame:
    """Return an empty report of invalid rows, with its documented columns and dtypes."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in INVALID_COLUMNS.items()})


class AnalytexError(Exception):
    """Base of all errors of analytex_pandas.

    Attributes
    ----------
    status_code : int or None
        The HTTP status that the service answered with, where there was one.
    push : Push or None
        The push that this error stopped, where there was one.
    """

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.push: Push | None = None


class ValidationError(AnalytexError, ValueError):
    """The input cannot be sent as it is; nothing of it was sent.

    Attributes
    ----------
    report : pandas.DataFrame
        The rows that are wrong: position, index, id, property, code, message. Empty when what is wrong is not
        a matter of single rows.
    """

    def __init__(
        self, message: str, report: pd.DataFrame | None = None, *, status_code: int | None = None
    ) -> None:
        super().__init__(message, status_code=status_code)
        self.report = empty_report() if report is None else report


class AuthenticationError(AnalytexError):
    """The API key is missing, or the service does not accept it."""


class NotFoundError(AnalytexError):
    """There is no such job, push or path."""


class ConflictError(AnalytexError):
    """The account runs a job already; the service takes one at a time."""


class PayloadTooLargeError(AnalytexError):
    """The request is larger than the service takes."""


class RateLimitError(AnalytexError):
    """Too many requests.

    Attributes
    ----------
    retry_after : float or None
        Seconds to wait before the next request, where the service said so.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, status_code: int | None = 429
    ) -> None:
        super().__init__(message, status_code=status_code)
        self.retry_after = retry_after


class ServerError(AnalytexError):
    """The service, or a proxy in front of it, failed or answered what cannot be read.

    After a submit the upload may have arrived all the same.

    Attributes
    ----------
    retry_after : float or None
        Seconds to wait before the next request, where the service said so.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, status_code: int | None = None
    ) -> None:
        super().__init__(message, status_code=status_code)
        self.retry_after = retry_after


class TransportError(AnalytexError):
    """No answer came. After a submit the upload may have arrived all the same.

    Attributes
    ----------
    sent : bool
        False when the connection never stood, so that nothing can have arrived.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class PushError(AnalytexError):
    """A push was stopped by its own terms, or rows of it were refused or are unknown.

    Attributes
    ----------
    push : Push
        The push; its ``errors``, ``counts`` and ``retry()`` tell and mend what happened.
    """
