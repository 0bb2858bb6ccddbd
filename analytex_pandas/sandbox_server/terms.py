"""What a sandbox can be asked for; `Sandbox` says what each term means."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

Kind = Literal["users", "companies"]
Refusal = tuple[str, str | None, str]
"""Code, property (None: the record as a whole) and message of a refusal that the caller thought up."""
Refuse = Callable[[Mapping[str, Any]], Refusal | None] | Mapping[str, Refusal]

ErrorShape = Literal["objects", "strings", "by_row", "by_id", "text", "none"]
ErrorKey = Literal[
    "line", "row", "index", "id", "property", "field", "code", "error_code", "error", "message", "details"
]
JobList = Literal["array", "wrapped", "paginated"]
ListKey = Literal["jobs", "data", "results"]
Paging = Literal["url", "links", "page", "cursor"]
JobIds = Literal["uuid", "urn", "odd"]
JobKey = Literal[
    "type",
    "filename",
    "file_size",
    "total_rows",
    "completed_rows",
    "start_time",
    "end_time",
    "elapsed_time",
    "links",
    "submitted_at",
    "errors",
]


@dataclass(eq=False, repr=False)
class Terms:
    rows_per_minute: float = 1200
    port: int = 0
    _: KW_ONLY
    api_key: str | None = None
    refuse: Refuse | None = None
    faults: Mapping[str, float | Mapping[str, Any]] | None = None
    seed: int | None = None
    requests_per_minute: float | None = None
    error_shape: ErrorShape = "objects"
    error_keys: Collection[ErrorKey] = ("line", "id", "property", "code", "message")
    first_row: Literal[0, 1] = 1
    job_list: JobList = "array"
    list_key: ListKey = "jobs"
    paging: Paging = "url"
    page_size: int = 20
    job_ids: JobIds = "uuid"
    job_keys: Collection[JobKey] | None = None
    echo_filename: bool = True
    completed_includes_refused: bool = True
    max_bytes: int = 50_000_000
    max_records: int = 10_000
    max_properties: int = 500
    max_name_characters: int = 255
    max_string_characters: int = 65_535
    keep_bodies: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if not self.rows_per_minute > 0:
            raise ValueError(f"rows_per_minute={self.rows_per_minute}: a pace is above 0.")
        if self.page_size < 1:
            raise ValueError(f"page_size={self.page_size}: a page holds one job at least.")
        check("error_shape", ErrorShape, self.error_shape)
        check("error_keys", ErrorKey, *self.error_keys)
        check("job_list", JobList, self.job_list)
        check("list_key", ListKey, self.list_key)
        check("paging", Paging, self.paging)
        check("job_ids", JobIds, self.job_ids)
        check("job_keys", JobKey, *(self.job_keys or ()))


def check(name: str, allowed: object, *values: str) -> None:
    for value in values:
        if value not in get_args(allowed):
            raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, get_args(allowed)))}.")
