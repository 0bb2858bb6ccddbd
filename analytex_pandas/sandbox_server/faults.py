"""Faults on demand: what networks, proxies and the service itself do on a bad day."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from analytex_pandas.sandbox_server.messages import Answer, error_answer
from analytex_pandas.sandbox_server.terms import check

if TYPE_CHECKING:
    from collections.abc import Mapping

FaultKind = Literal[
    "drop_request",
    "drop_answer",
    "cut_answer",
    "slow",
    "http_429",
    "http_500",
    "http_502_html",
    "http_503",
    "accepted_500",
    "empty_body",
    "html_200",
    "redirect",
    "fail_job",
    "lose_rows",
]
Endpoint = Literal["submit", "list", "job"]
Target = Literal["submit", "list", "job", "any"]
Moment = Literal["request", "job", "answer"]
"""When a fault strikes: before the call is acted on, as its job is made, or after it was accepted."""

_MADE_WITH_THE_JOB: Final = ("fail_job", "lose_rows")
_AFTER_ACCEPTING: Final = ("drop_answer", "cut_answer", "slow", "accepted_500", "empty_body")
_ONLY_SO: Final = (*_MADE_WITH_THE_JOB, "drop_request", "drop_answer", "cut_answer", "accepted_500")
_ERRORS: Final = {
    "http_429": (429, "rate_limited", "Too many requests."),
    "http_500": (500, "internal_error", "Something went wrong."),
    "http_503": (503, "unavailable", "Temporarily unavailable."),
    "accepted_500": (500, "internal_error", "Something went wrong."),
}
_PAGES: Final = {"http_502_html": (502, "502 Bad Gateway"), "html_200": (200, "Sign in to the network")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, and when it strikes.

    Parameters
    ----------
    kind
        ``drop_request``: the connection is closed before the request is read.
        ``drop_answer``: the call is accepted, then the connection is closed without an answer.
        ``cut_answer``: accepted, and closed in the middle of the answer.
        ``slow``: accepted, and answered after `seconds`.
        ``http_429``, ``http_500``, ``http_503``: refused with that status.
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
        if self.kind in _MADE_WITH_THE_JOB and self.on not in ("submit", "any"):
            raise ValueError(f"{self.kind} strikes jobs as they are made: on='submit'.")
        if self.kind in _ONLY_SO and self.accepted is not None:
            raise ValueError(f"accepted= cannot be chosen for {self.kind}: its name says it.")
        for name, share in (("share", self.share), ("probability", self.probability)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name}={share} is not between 0 and 1.")
        if self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError(f"times={self.times}, after={self.after}: it strikes once at least.")

    @property
    def moment(self) -> Moment:
        if self.kind in _MADE_WITH_THE_JOB:
            return "job"
        accepted = self.kind in _AFTER_ACCEPTING if self.accepted is None else self.accepted
        return "answer" if accepted else "request"

    def strike(self, answer: Answer | None, elsewhere: str) -> Answer | None:
        """Return what the caller gets in place of `answer`; `elsewhere` is the call's URL on another host."""
        if self.kind in _PAGES:
            return _page(*_PAGES[self.kind])
        if self.kind in _ERRORS:
            wait = self.retry_after if self.kind in ("http_429", "http_503") else None
            headers = () if wait is None else (("Retry-After", str(wait)),)
            return error_answer(*_ERRORS[self.kind], headers=headers)
        match self.kind:
            case "drop_request" | "drop_answer":
                return replace(answer or Answer(500), delivery="none")
            case "cut_answer":
                return replace(answer or Answer(500), delivery="cut")
            case "empty_body":
                return Answer(answer.status if answer else 500)
            case "redirect":
                return Answer(307, headers=(("Location", self.location or elsewhere),))
            case _:
                return answer


def _page(status: int, text: str) -> Answer:
    """Return a page such as a proxy in front of the service makes."""
    page = (
        f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n"
        f"<center><h1>{text}</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, page.encode(), "text/html; charset=utf-8")


class Faults:
    """The faults that are armed, in the order in which they were."""

    def __init__(self, plan: Mapping[str, float | Mapping[str, Any]] | None, seed: int | None) -> None:
        self._lock = threading.Lock()
        # Not for secrets: the same seed gives the same bad day.
        self._random = random.Random(seed)  # noqa: S311  # see above
        self._armed: list[Fault] = []
        for kind, terms in (plan or {}).items():
            options = dict(terms) if not isinstance(terms, int | float) else {"probability": terms}
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
                    continue
                if self._random.random() >= fault.probability:
                    continue
                if fault.times == 1:
                    del self._armed[place]
                elif fault.times is not None:
                    self._armed[place] = replace(fault, times=fault.times - 1)
                return fault
        return None
