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

import difflib
import enum
import logging
import re
import reprlib
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

LINE = 200
"""Characters of a foreign value that a message repeats."""
LIMITED = reprlib.Repr()
LIMITED.maxstring = LIMITED.maxother = LIMITED.maxlong = 2 * LINE

INVALID_COLUMNS = {
    "position": "int64",
    **dict.fromkeys(("index", "id", "property", "code", "message"), "object"),
}


def typed_table(dtypes: Mapping[str, str], rows: Sequence[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """Return rows as a DataFrame of these columns and dtypes, also where there are none."""
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=dtype) for name, dtype in dtypes.items()}
    )


def empty_report() -> pd.DataFrame:
    """Return an empty report of invalid rows."""
    return typed_table(INVALID_COLUMNS)


def warn(message: str) -> None:
    """Warn at the line of the user's that called this package, and anew each time that it does."""
    frame = sys._getframe(1)  # noqa: SLF001  # the documented way to it without the cost of a whole stack
    while frame.f_globals.get("__name__", "").startswith(f"{__package__}.") and frame.f_back is not None:
        frame = frame.f_back
    warnings.warn_explicit(harmless(message), UserWarning, frame.f_code.co_filename, frame.f_lineno)


UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What a terminal or a log acts on, or nobody sees; not line ends, tabs, and what joins letters."""


def harmless(text: str) -> str:
    """Return text of the service's or of data as it may be shown anywhere: what is not to be seen as escapes."""
    return UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def harmless_line(text: str) -> str:
    """Return such text on one line."""
    return " ".join(harmless(text).split())


class Harmless(logging.Filter):
    """Keeps a log to what may be shown."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the record as it may be shown, and let it pass."""
        record.msg, record.args = harmless(record.getMessage()).replace("\n", "\\n"), None
        return True


def logger_of(name: str) -> logging.Logger:
    """Return a logger whose records are harmless."""
    found = logging.getLogger(name)
    found.addFilter(HARMLESS)
    return found


HARMLESS = Harmless()


class AnalytexError(Exception):
    """Base of all errors of analytex_pandas.

    Attributes
    ----------
    status_code : int or None
        The HTTP status that the service answered with, where there was one.
    retry_after : float or None
        Seconds to wait before the next request, where the service said so.
    push : Push or None
        The :class:`analytex_pandas.Push` that this error stopped, where there was one.
    """

    def __init__(
        self, message: str, *, status_code: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after
        self.push: Any = None
        # What the service answered, where it declined a request for what is in it.
        self.document: object = None

    def __str__(self) -> str:
        return harmless(super().__str__())


class ValidationError(AnalytexError, ValueError):
    """The input cannot be sent as it is; nothing of it was sent.

    Attributes
    ----------
    report : pandas.DataFrame
        The rows that are wrong: position, index, id, property, code, message. Empty when what is wrong is not
        a matter of single rows.
    """

    def __init__(self, message: str, report: pd.DataFrame | None = None, **answered: Any) -> None:
        super().__init__(message, **answered)
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
    """Too many requests; ``retry_after`` says for how long, where the service did."""


class ServerError(AnalytexError):
    """The service, or a proxy in front of it, failed or answered what cannot be read.

    After a submit the upload may have arrived all the same.
    """


class TransportError(AnalytexError):
    """No answer came. After a submit the upload may have arrived all the same.

    Attributes
    ----------
    sent : bool
        False when the connection never stood, so that nothing can have arrived.
    heals : bool
        False where trying again is of no use: the certificate is not trusted.
    """

    def __init__(self, message: str, *, sent: bool = True, heals: bool = True) -> None:
        super().__init__(message)
        self.sent = sent
        self.heals = heals


class PushError(AnalytexError):
    """A push was stopped by its own terms, or rows of it were refused or are unknown.

    Attributes
    ----------
    push : Push
        The push; its ``errors``, ``counts`` and ``retry()`` tell and mend what happened.
    """


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Make an error of ours of whatever foreign data raise when they are looked at; `what` begins its message."""
    try:
        yield
    except (AnalytexError, MemoryError):
        raise
    except Exception as error:
        raise ValidationError(f"{what}: {reason(error)}.") from error


def reason(error: Exception) -> str:
    """Return an exception as part of a message."""
    return f"{type(error).__name__}: {one_line(lambda: str(error))}".rstrip(".: ")


def one_line(text: Callable[[], str], width: int = LINE) -> str:
    """Return a foreign object's text on one line that can be printed, or why it has none."""
    try:
        line = " ".join(part.strip() for part in text().splitlines())
    except Exception as error:  # noqa: BLE001  # a foreign object may raise whatever it likes
        return f"<it raises {type(error).__name__}>"
    line = line.encode("utf-8", "backslashreplace").decode("utf-8")
    return line if len(line) <= width else line[: width - 1] + "…"


def code(value: Any, width: int = LINE) -> str:
    """Return a value as code that gives it back when it is typed, on one line."""
    return one_line(lambda: written(value), width)


def written(value: Any) -> str:
    """Return a value as code: NumPy's scalars as Python's, those of pandas with ``pd.``."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufSU":
        value = value.item()
    if type(value) is tuple:
        return f"({', '.join(map(written, value))}{',' * (len(value) == 1)})"
    if value is pd.NA or value is pd.NaT:
        return "pd.NA" if value is pd.NA else "pd.NaT"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, pd.Interval):
        return f"pd.Interval({written(value.left)}, {written(value.right)}, closed={value.closed!r})"
    text = LIMITED.repr(value)
    return f"pd.{text}" if isinstance(value, pd.Timestamp | pd.Timedelta | pd.Period) else text


def did_you_mean(wanted: Any, known: Iterable[Any], most: int = 1, *, likeness: float = 0.6) -> str:
    """Return a hint at what may have been meant, as code; empty where nothing is near, from 0 (any) to 1 (the same).

    What reads the same and is another (``0`` and ``"0"``, ``é`` in one character and in two) comes first, and is shown
    so that the difference is seen.
    """
    text = folded(wanted)
    by_text: dict[str, list[Any]] = {}
    for one in known:
        # A column of a MultiIndex is found by one of its levels too.
        for name in (one, *(one if isinstance(one, tuple) else ())):
            by_text.setdefault(folded(name), []).append(one)
    near = difflib.get_close_matches(text, by_text, most, likeness)
    shown = dict.fromkeys(shown_beside(wanted, one) for match in near for one in by_text[match])
    names = [name for name in shown if name != code(wanted)]
    return f" Did you mean {' or '.join(names[:most])}?" if names else ""


def folded(value: Any) -> str:
    """Return how a value reads, whatever its case and the spaces around it."""
    return unicodedata.normalize("NFKC", one_line(lambda: str(value))).casefold().strip()


def shown_beside(wanted: Any, one: Any) -> str:
    """Return a near match as code, with what tells it from `wanted` where the two read the same."""
    if folded(one) != folded(wanted):
        return code(one)
    if isinstance(one, str) == isinstance(wanted, str):
        return ascii(one) if isinstance(one, str) else code(one)
    return f"{code(one)} ({'text' if isinstance(one, str) else 'not text'})"
