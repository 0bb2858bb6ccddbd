"""Faults on demand: what networks, proxies and the service itself do on a bad day."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from analytex_pandas.sandbox_server.answers import Answer, error_answer, html_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

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

_MADE_WITH_THE_JOB: Final[Collection[FaultKind]] = ("fail_job", "lose_rows")
_AFTER_ACCEPTING: Final[Collection[FaultKind]] = (
    "drop_answer",
    "cut_answer",
    "slow",
    "accepted_500",
    "empty_body",
)
_ONLY_SO: Final[Collection[FaultKind]] = ("drop_request", "drop_answer", "cut_answer", "accepted_500")


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
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"{self.kind!r} is no fault; there are {', '.join(get_args(FaultKind))}.")
        if self.on not in get_args(Target):
            raise ValueError(f"on={self.on!r} is none of {', '.join(map(repr, get_args(Target)))}.")
        if self.kind in _MADE_WITH_THE_JOB and self.on not in ("submit", "any"):
            raise ValueError(f"{self.kind} strikes jobs as they are made: on='submit'.")
        if self.kind in (*_ONLY_SO, *_MADE_WITH_THE_JOB) and self.accepted is not None:
            raise ValueError(f"accepted= cannot be chosen for {self.kind}: its name says it.")
        for name, share in (("share", self.share), ("probability", self.probability)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name}={share} is not between 0 and 1.")
        if self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError(f"times={self.times}, after={self.after}: it strikes once at least.")

    @property
    def moment(self) -> Moment:
        """When it strikes."""
        if self.kind in _MADE_WITH_THE_JOB:
            return "job"
        accepted = self.kind in _AFTER_ACCEPTING if self.accepted is None else self.accepted
        return "answer" if accepted else "request"

    def strike(self, answer: Answer | None, elsewhere: str) -> Answer | None:
        """Return what the caller gets in place of `answer`; `elsewhere` is the call's URL on another host."""
        make = _ANSWERS.get(self.kind)
        return answer if make is None else make(self, answer or Answer(500), elsewhere)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The ``Retry-After`` header, where there is one."""
        return () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)


_ANSWERS: Final[Mapping[FaultKind, Callable[[Fault, Answer, str], Answer]]] = {
    "drop_request": lambda _, answer, __: replace(answer, delivery="none"),
    "drop_answer": lambda _, answer, __: replace(answer, delivery="none"),
    "cut_answer": lambda _, answer, __: replace(answer, delivery="cut"),
    "http_429": lambda fault, *_: error_answer(
        429, "rate_limited", "Too many requests.", headers=fault.headers
    ),
    "http_500": lambda *_: error_answer(500, "internal_error", "Something went wrong."),
    "http_502_html": lambda *_: html_answer(502, "502 Bad Gateway"),
    "http_503": lambda fault, *_: error_answer(
        503, "unavailable", "Temporarily unavailable.", headers=fault.headers
    ),
    "accepted_500": lambda *_: error_answer(500, "internal_error", "Something went wrong."),
    "empty_body": lambda _, answer, __: Answer(answer.status),
    "html_200": lambda *_: html_answer(200, "Sign in to the network"),
    "redirect": lambda fault, _, elsewhere: Answer(307, headers=(("Location", fault.location or elsewhere),)),
}


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
