"""What a sandbox can be asked for: its terms, which `Sandbox` documents, and faults."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Final, Literal, get_args

from analytex_pandas.sandbox_server.server import Answer, error_answer

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
    "type", "filename", "file_size", "total_rows", "completed_rows",
    "start_time", "end_time", "elapsed_time", "links", "submitted_at", "errors",
]  # fmt: skip

Refusing = Literal[
    "drop_request",
    "http_401",
    "http_404",
    "http_429",
    "http_500",
    "http_502_html",
    "http_503",
    "html_200",
    "redirect",
]
WithTheJob = Literal["fail_job", "lose_rows"]
AfterAccepting = Literal["drop_answer", "cut_answer", "slow", "accepted_500", "empty_body"]
FaultKind = Literal[Refusing, WithTheJob, AfterAccepting]
Endpoint = Literal["submit", "list", "job"]
Target = Literal["submit", "list", "job", "any"]
Moment = Literal["request", "job", "answer"]
"""When a fault strikes: before the call is acted on, as its job is made, or after it was accepted."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a network, a proxy or the service itself does on a bad day, and when it strikes.

    Parameters
    ----------
    kind
        ``drop_request``: the connection is closed before the request is read.
        ``drop_answer``: the call is accepted, then the connection is closed without an answer.
        ``cut_answer``: accepted, and closed in the middle of the answer.
        ``slow``: accepted, and answered after `seconds`.
        ``http_401``, ``http_404``, ``http_429``, ``http_500``, ``http_503``: refused with that status.
        ``http_502_html``: refused with a proxy's page.
        ``accepted_500``: accepted, then answered with 500.
        ``empty_body``: accepted, and answered with nothing.
        ``html_200``: not accepted, but a page is answered with status 200, as a captive portal does.
        ``redirect``: not accepted, but pointed to `location` with 307.
        ``fail_job``: accepted, and the whole job fails after the share `share` of its rows.
        ``lose_rows``: accepted, and the job completes, but the last rows (the share `share`) are neither
        written nor mentioned.
    on
        The call that it strikes: ``"submit"``, ``"list"``, ``"job"`` or ``"any"``.
    times
        How often it strikes; None: without end.
    after
        How many calls it lets pass before.
    probability
        Of striking, at each call.
    accepted
        Whether the call is acted on nevertheless; None: as said under `kind`.
    seconds
        The delay of ``slow``.
    retry_after
        The ``Retry-After`` header of ``http_429`` and ``http_503``: seconds, an HTTP date, or None for none.
    location
        Where ``redirect`` points; None: the same path under another name of this host.
    share
        Of the rows of a job, from 0 to 1; None: 0 for ``fail_job``, 0.1 for ``lose_rows``.
    message
        What a job that failed says of itself; None: nothing.
    """

    kind: FaultKind
    on: Target = "any"
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    accepted: bool | None = None
    seconds: float = 2.0
    retry_after: int | str | None = 1
    location: str | None = None
    share: float | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        check("kind", FaultKind, self.kind)
        check("on", Target, self.on)
        with_the_job = self.kind in get_args(WithTheJob)
        if with_the_job and self.on not in ("submit", "any"):
            raise ValueError(f"{self.kind} strikes jobs as they are made: on='submit'.")
        said = with_the_job or self.kind in ("drop_request", "drop_answer", "cut_answer", "accepted_500")
        if said and self.accepted is not None:
            raise ValueError(f"accepted= cannot be chosen for {self.kind}: its name says it.")
        for name, share in (("share", self.share), ("probability", self.probability)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name}={share} is not between 0 and 1.")
        if self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError(f"times={self.times}, after={self.after}: it strikes once at least.")

    @property
    def moment(self) -> Moment:
        if self.kind in get_args(WithTheJob):
            return "job"
        accepted = self.kind in get_args(AfterAccepting) if self.accepted is None else self.accepted
        return "answer" if accepted else "request"

    def strike(self, answer: Answer | None, elsewhere: str) -> Answer | None:
        """Return what the caller gets in place of `answer`; `elsewhere` is the call's URL on another host."""
        match self.kind:
            case "drop_request" | "drop_answer":
                return replace(answer or Answer(500), delivery="none")
            case "cut_answer":
                return replace(answer or Answer(500), delivery="cut")
            case "empty_body":
                return Answer(answer.status if answer else 500)
            case "redirect":
                return Answer(307, headers=(("Location", self.location or elsewhere),))
            case "http_429" | "http_503" if self.retry_after is not None:
                return replace(ANSWERS[self.kind], headers=(("Retry-After", str(self.retry_after)),))
            case _:
                return ANSWERS.get(self.kind, answer)


def page(status: int, text: str) -> Answer:
    """Return a page such as a proxy in front of the service makes."""
    html = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n"
        f"<center><h1>{text}</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, html.encode(), "text/html; charset=utf-8")


ANSWERS: Final = {
    "http_401": error_answer(401, "unauthorized", "The API key is wrong."),
    "http_404": error_answer(404, "not_found", "There is nothing."),
    "http_429": error_answer(429, "rate_limited", "Too many requests."),
    "http_500": error_answer(500, "internal_error", "Something went wrong."),
    "http_502_html": page(502, "502 Bad Gateway"),
    "http_503": error_answer(503, "unavailable", "Temporarily unavailable."),
    "html_200": page(200, "Sign in to the network"),
    "accepted_500": error_answer(500, "internal_error", "Something went wrong."),
}


class Faults:
    """The faults that are armed, in the order in which they were."""

    def __init__(self, terms: Terms) -> None:
        self._lock = threading.Lock()
        # Not for secrets: the same seed gives the same bad day.
        self._random = random.Random(terms.seed)  # noqa: S311  # see above
        self._armed: list[Fault] = []
        for kind, given in (terms.faults or {}).items():
            options = {"probability": given} if isinstance(given, int | float) else given
            self.arm(Fault(**{"kind": kind, "times": None, **options}))

    def arm(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def take(self, endpoint: Endpoint, moment: Moment) -> Fault | None:
        with self._lock:
            for place, fault in enumerate(self._armed):
                if fault.moment != moment or fault.on not in (endpoint, "any"):
                    continue
                if fault.after:
                    self._armed[place] = replace(fault, after=fault.after - 1)
                elif self._random.random() < fault.probability:
                    if fault.times == 1:
                        del self._armed[place]
                    elif fault.times is not None:
                        self._armed[place] = replace(fault, times=fault.times - 1)
                    return fault
        return None
