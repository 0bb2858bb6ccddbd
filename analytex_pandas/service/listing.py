"""The list of jobs, read to its last page; a failure half way costs the page it fell on, not those before it.

A page says where the list goes on by a URL, a page number or a cursor, wherever in it that may stand.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from requests.utils import parse_header_links

from analytex_pandas.errors import ServerError
from analytex_pandas.service import failures
from analytex_pandas.service.transport import resolve
from analytex_pandas.service.values import to_count, to_text
from analytex_pandas.service.wire import SHOWN_CHARACTERS, Job, parse_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from analytex_pandas.service.transport import Transport

CALL: Final = "Listing the jobs"
MAX_PAGES: Final = 1_000
MAX_STALE_PAGES: Final = 3
"""Pages in a row without a job not listed before: new jobs shift a list by a few, but not by so many."""
LIST_KEYS: Final = ("jobs", "data", "results")
NEXT_KEYS: Final = ("next", "next_url", "next_page", "next_page_url", "next_cursor")
NESTING_KEYS: Final = ("links", "_links", "meta", "pagination", "paging", "data", "jobs", "results")
MAX_DEPTH: Final = 3


class Listing:
    """One reading of the account's jobs, from the URL `first`; ``whole`` once every page has been read.

    `note` is told of every job.
    """

    def __init__(self, transport: Transport, first: str, note: Callable[[Job], object]) -> None:
        self._transport = transport
        self._note = note
        self._first = first
        self._begin()

    def _begin(self) -> None:
        self._url = self._first
        self._jobs: dict[str, Job] = {}
        self._asked: set[str] = set()
        self._stale = 0
        self.whole = False

    def newest(self, last: Callable[[Job], bool] = lambda _: True) -> list[Job]:
        """Return the newest jobs, to the page of the first that is `last`; all where they are not listed first."""
        while not (self.whole or (newest_first(self._jobs.values()) and any(map(last, self._jobs.values())))):
            self.read_page()
        return list(self._jobs.values())

    def read(self) -> list[Job]:
        """Return every job, in the order of the service; called again after an error, it reads on."""
        while not self.whole:
            self.read_page()
        return list(self._jobs.values())

    def read_page(self) -> None:
        """Read the next page; raise if it does not come, or if there is no end to the pages."""
        answer = self._transport.get(self._url, CALL)
        page, following = failures.parsed(answer, lambda document: parse_page(document, self._first))
        links = {link.get("rel"): link["url"] for link in parse_header_links(answer.headers.get("Link", ""))}
        following = following or links.get("next")
        self._asked.add(self._url)
        before = len(self._jobs)
        for job in page:
            self._jobs.setdefault(job.job_id, job)
            self._note(job)
        self._stale = self._stale + 1 if len(self._jobs) == before else 0
        if following is None:
            self.whole = True
            return
        self._url = resolve(answer.url, following)
        if self._url in self._asked or len(self._asked) >= MAX_PAGES or self._stale >= MAX_STALE_PAGES:
            failure = ServerError(
                f"{CALL}: the pages of the list do not come to an end: {len(self._asked)} were read, with "
                f"{len(self._jobs):,} jobs, and the last points to {failures.in_brief(self._url)}. So it is not "
                "known which jobs there are."
            )
            # Whoever tries again begins again.
            self._begin()
            raise failure


def newest_first(jobs: Iterable[Job]) -> bool:
    """Tell whether the times of listed jobs say that the newest come first; those of one moment say nothing."""
    descends = False
    for later, earlier in itertools.pairwise(job.submitted_at or job.start_time for job in jobs):
        if later is None or earlier is None or later < earlier:
            return False
        descends = descends or later > earlier
    return descends


def parse_page(document: object, first: str) -> tuple[list[Job], str | None]:
    """Read a page of the list of jobs, bare or wrapped, and the URL where it goes on; None at its end.

    That may be relative to the page's own; a page number or a cursor is put into the URL of the first.
    """
    items = find_jobs(document)
    if items is None:
        raise ServerError(
            "The service answered something that is not a list of jobs: "
            f"{to_text(document)[:SHOWN_CHARACTERS] or 'nothing'}"
        )
    return [parse_job(item) for item in items], find_next_url(document, first, len(items))


def find_jobs(document: object, depth: int = 0) -> list[object] | None:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or depth == MAX_DEPTH:
        return None
    below = (find_jobs(document.get(key), depth + 1) for key in LIST_KEYS)
    return next((jobs for jobs in below if jobs is not None), None)


def find_next_url(document: object, first: str, listed: int) -> str | None:
    """Return where a list goes on after a page that lists so many jobs.

    ServerError if the page says that there is more, but not where: a list cut short in silence could hide a job.
    """
    places = list(places_of(document))
    if any(place.get("has_more") is False for place in places):
        return None
    named = (as_url(key, place.get(key), first) for key in NEXT_KEYS for place in places)
    if found := next(filter(None, named), None):
        return found
    for place in places:
        # Where a next page has a key of its own, an empty one is the end, and a bare cursor the present one.
        if place.keys().isdisjoint(NEXT_KEYS):
            if found := as_url("cursor", place.get("cursor"), first):
                return found
            if says_more(place, listed):
                raise ServerError(
                    "The list of jobs says that it goes on, but not where, so not all jobs are known. Ask the "
                    "support of the service how its list is paged."
                )
    return None


def places_of(document: object, depth: int = 0) -> Iterator[Mapping[str, object]]:
    """Yield the objects of a page that may say where the list goes on, outermost first."""
    if isinstance(document, dict) and depth < MAX_DEPTH:
        yield document
        for key in NESTING_KEYS:
            yield from places_of(document.get(key), depth + 1)


def as_url(key: str, value: object, first: str) -> str | None:
    """Return the URL that is meant by what stood under one of the keys that name a next page."""
    if isinstance(value, dict):
        value = value.get("href") or value.get("url")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        return None
    text = str(value).strip()
    is_url = "://" in text or text.startswith(("/", "?", "."))
    if key in ("next", "next_page") and text.isdigit():
        name = "page"
    elif key in ("next_cursor", "cursor") or (key == "next" and not is_url):
        # A "next" that is neither a URL nor a number can only be a cursor.
        name = "cursor"
    else:
        return text
    return f"{first}{'&' if '?' in first else '?'}{urlencode({name: text})}"


def says_more(place: Mapping[str, object], listed: int) -> bool:
    """Tell whether a page counts more jobs, or pages, than there are up to it."""
    page, pages, offset, total, size = (
        to_count(place.get(key)) for key in ("page", "total_pages", "offset", "total", "per_page")
    )
    if page is not None and total is not None and size:
        pages = -(-total // size)
    more_pages = page is not None and pages is not None and page < pages
    more_jobs = offset is not None and total is not None and offset + listed < total
    return place.get("has_more") is True or more_pages or more_jobs
