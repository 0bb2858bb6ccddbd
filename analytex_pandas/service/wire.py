"""Jobs as the service describes them: frozen values, read from whatever it sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from analytex_pandas.errors import ServerError
from analytex_pandas.service.naming import RowError, Sent
from analytex_pandas.service.row_counts import untaken
from analytex_pandas.service.row_errors import parse_report
from analytex_pandas.service.values import to_count, to_datetime, to_seconds, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

WRAPPERS: Final = ("job", "data", "result")
SHOWN_CHARACTERS: Final = 200
STATUSES: Final = ("queued", "validating", "processing", "pending_refresh", "completed", "failed")
"""Those documented. A status that is not among them is not an end either."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the service described it at one moment; everything but its id and status may be missing.

    The id is opaque and may hold any character; a status that is not documented is the text as it was sent. Of
    ``total_rows``, ``completed_rows`` are those dealt with so far: whether refused rows are among them is not
    documented. ``file_size`` counts bytes, times are in UTC, ``elapsed_time`` is as sent: seconds by all appearance. A
    completed job can have ``errors``, a failed one none; reasons, counts and reports that stand beside them are among
    them. ``raw`` is the job as it was sent.
    """

    job_id: str
    status: str
    type: str | None = None
    filename: str | None = None
    file_size: int | None = None
    total_rows: int | None = None
    completed_rows: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    elapsed_time: float | None = None
    submitted_at: datetime | None = None
    errors: tuple[RowError, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed")

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def has_report(self) -> bool:
        """Whether it may say anything of errors; what it says may show only to who knows the rows."""
        return bool(self.errors or self.raw.get("errors"))

    def errors_of(self, sent: Sent) -> tuple[RowError, ...]:
        """Return the errors, read with what is known of the rows that were sent."""
        return parse_report(self.raw, failed=self.failed, sent=sent) if self.has_report else ()

    def untaken_of(self, rows: int) -> RowError | None:
        """Return what a completed job says of how many rows were taken, where that is fewer than so many."""
        return untaken(self.raw, rows) if self.status == "completed" else None


def parse_job(document: object) -> Job:
    """Read one job, bare or wrapped; ServerError for an object without an id or status."""
    raw = unwrapped(document)
    if raw is None:
        raise ServerError(
            "The service answered something that is not a job, with neither job_id nor status: "
            f"{to_text(document)[:SHOWN_CHARACTERS] or 'nothing'}"
        )
    status = to_text(raw["status"])
    status = status.casefold() if status.casefold() in STATUSES else status
    return Job(
        job_id=job_id_of(raw),
        status=status,
        errors=parse_report(raw, failed=status == "failed", sent=Sent(to_count(raw.get("total_rows")))),
        raw=raw,
        **{name: reading(raw.get(name)) for name, reading in READINGS.items()},
    )


def unwrapped(document: object) -> Mapping[str, object] | None:
    """Return the object that is the job: the document itself, or what a wrapper holds, or None."""
    if not isinstance(document, dict):
        return None
    if job_id_of(document) and isinstance(document.get("status"), str) and document["status"].strip():
        return document
    return next((job for key in WRAPPERS if (job := unwrapped(document.get(key))) is not None), None)


def job_id_of(document: Mapping[str, object]) -> str:
    """Return the id of a job, ``""`` if it has none."""
    for key in ("job_id", "id"):
        value = document.get(key)
        # Not stripped or cleaned: an id is opaque, and has to go back to the service as it came.
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return to_text(value)
    return ""


def text_or_none(value: object) -> str | None:
    """Return a text or number as text, None for anything else or nothing."""
    return to_text(value) or None if isinstance(value, str | int | float) else None


READINGS: Final[Mapping[str, Callable[[object], Any]]] = {
    **dict.fromkeys(("type", "filename"), text_or_none),
    **dict.fromkeys(("file_size", "total_rows", "completed_rows"), to_count),
    **dict.fromkeys(("start_time", "end_time", "submitted_at"), to_datetime),
    "elapsed_time": to_seconds,
}
"""How the fields of a job are read that are single values."""
