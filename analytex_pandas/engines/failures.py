"""What an engine says when it fails, often 14,000 characters of several languages, in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from analytex_pandas.errors import AnalytexError, ValidationError, one_line, reason

NAMED = re.compile(
    r"(?:Caused by: )?((?:[\w$]+\.)*[\w$]*(?:Error|Exception|Interrupt|Killed\w*): .+|\[[A-Z_.]+\] .+)"
)
"""A line that says what was raised: the last of a Python traceback, the first of a Java one, a class of Spark's."""
WRAPPERS = re.compile(
    r"PythonException|PYTHON_EXCEPTION|PythonError|Exception thrown in awaitResult|Job aborted|TaskError"
)
COLOURS = re.compile(r"\x1b?\[[0-9;]*m")
PACKAGES = re.compile(r"^(?:[\w$]+\.)+(?=[A-Z])")


@contextmanager
def told_briefly(what: str) -> Iterator[None]:
    """Make an error of ours, of one line, of whatever an engine raises; `what` begins its message.

    The engine's own error is the context of ours, not its cause: a notebook would show all of its text.
    """
    try:
        yield
    except (AnalytexError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # an engine raises what it and the user's own functions like
        raise ValidationError(f"{what}: {cause_of(error)}.") from None


def cause_of(error: Exception) -> str:
    """Return why an engine failed: what was raised first, where its text tells that."""
    text = COLOURS.sub("", str(error))
    first, _, _ = text.partition("The above exception was the direct cause of")
    lines = [match[1] for line in first.splitlines() if (match := NAMED.match(line.strip()))]
    told = [line for line in lines if not WRAPPERS.search(line)]
    if "\n" not in text.strip() or not told:
        return reason(error)  # its first words are all there is
    return one_line(lambda: PACKAGES.sub("", told[-1])).rstrip(".: ")
