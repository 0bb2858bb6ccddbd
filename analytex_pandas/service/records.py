"""Records as the JSON body of a request."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from analytex_pandas import settings
from analytex_pandas.errors import INVALID_COLUMNS, PayloadTooLargeError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analytex_pandas.service.wire import Kind

MAX_NAMED: Final = 5
ID_KEYS: Final[Mapping[str, str]] = {"users": "user_id", "companies": "company_id"}


def records_json(records: Iterable[Mapping[str, object]], kind: Kind) -> bytes:
    """Encode records as the body of a request.

    Raises
    ------
    ValidationError
        If there are none, or any cannot be written as JSON; its ``report`` lists each.
    PayloadTooLargeError
        If there are more than the service takes in one request.
    """
    if isinstance(records, Mapping | str | bytes):
        raise ValidationError(
            f"records is a {type(records).__name__}, but has to be an iterable of dicts, one for each record."
        )
    lines: list[bytes] = []
    report: list[dict[str, object]] = []
    for position, record in enumerate(islice(records, settings.MAX_REQUEST_RECORDS + 1)):
        try:
            lines.append(encode(record))
        except (TypeError, ValueError, RecursionError) as error:
            report.append(invalid(position, record, kind, error))
    check_count(len(lines) + len(report))
    if report:
        named = "; ".join(f"record {row['position']}: {row['message']}" for row in report[:MAX_NAMED])
        more = f"; and {len(report) - MAX_NAMED} more" if len(report) > MAX_NAMED else ""
        raise ValidationError(
            f"{len(report)} of {len(lines) + len(report)} records cannot be written as JSON: {named}{more}. "
            "Nothing was sent. Positions count from 0; .report has all of them.",
            pd.DataFrame(report, columns=list(INVALID_COLUMNS), dtype=object).astype(INVALID_COLUMNS),
        )
    return envelope(lines, kind)


def lines_json(content: bytes, kind: Kind) -> bytes:
    """Wrap lines of NDJSON as the body of a request, every record as it stands.

    Raises
    ------
    ValidationError
        If there are none.
    PayloadTooLargeError
        If there are more than the service takes in one request.
    """
    lines = [line for line in content.split(b"\n") if line.strip()]
    check_count(len(lines))
    return envelope(lines, kind)


def envelope(lines: list[bytes], kind: Kind) -> bytes:
    return b'{"%s":[%s]}' % (kind.encode(), b",".join(lines))


def check_count(count: int) -> None:
    if not count:
        raise ValidationError("There are no records, so there is nothing to send.")
    if count > settings.MAX_REQUEST_RECORDS:
        raise PayloadTooLargeError(
            f"There are more than {settings.MAX_REQUEST_RECORDS:,} records, and the service takes no more in "
            "one request. Nothing was sent. Send them in several requests; a push cuts its input to fit."
        )


def encode(value: object) -> bytes:
    """Write a record as JSON, refusing what JSON has no form for."""
    if not isinstance(value, Mapping):
        raise TypeError(f"a record is a dict, this is a {type(value).__name__}")
    return dumps(dict(value))


def dumps(value: object) -> bytes:
    """Write a value as compact JSON in UTF-8."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_dict
    ).encode()


def as_dict(value: object) -> dict[Any, Any]:
    """Return a mapping as a dict, for ``json``; it knows no others."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(
        f"a {type(value).__name__} has no form in JSON; make it a string, number, boolean or None"
    )


def invalid(position: int, record: object, kind: Kind, error: Exception) -> dict[str, object]:
    """Return the row of the report for a record that cannot be written."""
    name, message = culprit(record) or (None, str(error))
    identifier = record.get(ID_KEYS[kind]) if isinstance(record, Mapping) else None
    return {
        "position": position,
        "index": position,
        "id": identifier,
        "property": name,
        "code": "not_json",
        "message": f"{name}: {message}" if name else message,
    }


def culprit(record: object) -> tuple[str, str] | None:
    """Return the first property that cannot be written, and why; None if it is not a matter of one."""
    for name, value in items(record):
        try:
            dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            return str(name), why(value, error)
    return None


def items(record: object) -> Iterator[tuple[object, object]]:
    """Yield the names and values of a record, those of its metadata in its place."""
    if not isinstance(record, Mapping):
        return
    for name, value in record.items():
        if name == "metadata" and isinstance(value, Mapping):
            yield from value.items()
        else:
            yield name, value


def why(value: object, error: Exception) -> str:
    """Return why a value cannot be written, in words."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} has no form in JSON; leave the property out, or send None"
    if isinstance(error, UnicodeEncodeError):
        return "the text holds half of a surrogate pair, which is no character"
    return str(error)
