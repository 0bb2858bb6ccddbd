"""The list of jobs, read to its last page; a failure half way costs the page it fell on, not those before it.

A page says where the list goes on by a URL, a page number or a cursor, wherever in it that may stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analytex_pandas.errors import ServerError
from analytex_pandas.service import failures
from analytex_pandas.service.paths import resolve, with_query
from analytex_pandas.service.values import to_count, to_text
from analytex_pandas.service.wire import SHOWN_CHARACTERS, Job, parse_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_PAGES: Final = 1_000
MAX_STALE_PAGES: Final = 3
"""Pages in a row without a job not listed before: new jobs shift a list by a few, but not by so many."""
LIST_KEYS: Final = ("jobs", "data", "results")
NEXT_KEYS: Final = ("next", "next_url", "next_page", "next_page_url", "next_cursor")
NESTING_KEYS: Final = ("links", "_links", "meta", "pagination", "paging", "data", "jobs", "results")
MAX_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class NextPage:
    """Where a list goes on: a URL, absolute or relative, or the value of the query parameter of that name."""

    kind: Literal["url", "page", "cursor"]
    value: str


Page = tuple[list[Job], NextPage | None, str]
"""The jobs of a page, where the list goes on, and the URL that it was read from in the end."""


class Listing:
    """One reading of the account's jobs, from the URL `first`; `page` reads one page, `call` is what errors say.

    ``whole`` tells whether every page has been read.
    """

    def __init__(self, first: str, page: Callable[[str], Page], call: str) -> None:
        self._first = first
        self._page = page
        self._call = call
        self._begin()

    def _begin(self) -> None:
        self._url = self._first
        self._jobs: dict[str, Job] = {}
        self._asked: set[str] = set()
        self._stale = 0
        self.whole = False

    def read(self) -> list[Job]:
        """Return every job, in the order of the service; called again after an error, it reads on."""
        while not self.whole:
            self.read_page()
        return list(self._jobs.values())

    def read_page(self) -> None:
        """Read the next page; raise if it does not come, or if there is no end to the pages."""
        page, following, url = self._page(self._url)
        self._asked.add(self._url)
        before = len(self._jobs)
        for job in page:
            self._jobs.setdefault(job.job_id, job)
        self._stale = self._stale + 1 if len(self._jobs) == before else 0
        if following is None:
            self.whole = True
            return
        if following.kind == "url":
            self._url = resolve(url, following.value)
        else:
            self._url = with_query(self._first, following.kind, following.value)
        if self._url in self._asked or len(self._asked) >= MAX_PAGES or self._stale >= MAX_STALE_PAGES:
            raise self._endless()

    def _endless(self) -> ServerError:
        failure = ServerError(
            f"{self._call}: the pages of the list do not come to an end: {len(self._asked)} were read, with "
            f"{len(self._jobs):,} jobs, and the last points to {failures.in_brief(self._url)}. So it is not "
            "known which jobs there are."
        )
        # Whoever tries again begins again.
        self._begin()
        return failure


def find_jobs(document: object, depth: int = 0) -> list[object] | None:
    """Return the jobs of a page, bare or wrapped; None if it holds no list."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict) and depth < MAX_DEPTH:
        for key in LIST_KEYS:
            if (jobs := find_jobs(document.get(key), depth + 1)) is not None:
                return jobs
    return None


def find_next_page(document: object, listed: int) -> NextPage | None:
    """Return where a list goes on after a page that lists so many jobs, None at its end.

    Raises
    ------
    ServerError
        If the page says that there is more, but not where: a list cut short in silence could hide a job.
    """
    places = list(places_of(document))
    if any(place.get("has_more") is False for place in places):
        return None
    for key in NEXT_KEYS:
        for place in places:
            if (found := as_next(key, place.get(key))) is not None:
                return found
    for place in places:
        # Where a next page has a key of its own, an empty one is the end, and a bare cursor the present one.
        if not any(key in place for key in NEXT_KEYS):
            if (found := as_next("cursor", place.get("cursor"))) is not None:
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


def as_next(key: str, value: object) -> NextPage | None:
    """Read what stood under one of the keys that name a next page."""
    if isinstance(value, dict):
        value = value.get("href") or value.get("url")
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        return None
    text = str(value).strip()
    if key in ("next_cursor", "cursor"):
        return NextPage("cursor", text)
    if key in ("next", "next_page") and text.isdigit():
        return NextPage("page", text)
    if key == "next" and "://" not in text and not text.startswith(("/", "?", ".")):
        # A "next" that is neither a URL nor a number can only be a cursor.
        return NextPage("cursor", text)
    return NextPage("url", text)


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


def parse_job_list(document: object) -> tuple[list[Job], NextPage | None]:
    """Read a page of the list of jobs, bare or wrapped, and where it goes on; None at its end."""
    items = find_jobs(document)
    if items is None:
        raise ServerError(
            "The service answered something that is not a list of jobs: "
            f"{to_text(document)[:SHOWN_CHARACTERS] or 'nothing'}"
        )
    return [parse_job(item) for item in items], find_next_page(document, len(items))
