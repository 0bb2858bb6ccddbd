"""How a list of jobs goes on: by URL, page number, cursor or offset, wherever an answer may say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from analytex_pandas.errors import ServerError
from analytex_pandas.service.values import to_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIST_KEYS: Final = ("jobs", "data", "results")
NEXT_KEYS: Final = ("next", "next_url", "next_page", "next_page_url", "next_cursor")
NESTING_KEYS: Final = ("links", "_links", "meta", "pagination", "paging", "data", "jobs", "results")
MAX_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class NextPage:
    """Where a list goes on.

    Attributes
    ----------
    kind : {"url", "page", "cursor", "offset"}
        What ``value`` is: a URL, absolute or relative, or the value of the query parameter of that name.
    value : str
        As the service gave it.
    """

    kind: Literal["url", "page", "cursor", "offset"]
    value: str


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
        if any(key in place for key in NEXT_KEYS):
            continue
        if (found := as_next("cursor", place.get("cursor")) or counted(place, listed)) is not None:
            return found
    if any(place.get("has_more") is True for place in places):
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
    if key == "next_page" and isinstance(value, str) and not value.strip().isdigit():
        key = "next_url"
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        return None
    text = str(value).strip()
    if key in ("next_cursor", "cursor"):
        return NextPage("cursor", text)
    if key == "next_page" or (key == "next" and text.isdigit()):
        return NextPage("page", text)
    if key == "next" and "://" not in text and not text.startswith(("/", "?", ".")):
        # A "next" that is neither a URL nor a number can only be a cursor.
        return NextPage("cursor", text)
    return NextPage("url", text)


def counted(place: Mapping[str, object], listed: int) -> NextPage | None:
    """Return the next page from counts: page of total_pages, page and per_page of total, offset of total."""
    page, pages = to_count(place.get("page")), to_count(place.get("total_pages"))
    per_page, total = to_count(place.get("per_page")), to_count(place.get("total"))
    if pages is None and per_page and total is not None:
        pages = -(-total // per_page)
    if page is not None and (pages is not None or place.get("has_more") is True):
        return NextPage("page", str(page + 1)) if pages is None or page < pages else None
    offset = to_count(place.get("offset"))
    if offset is not None and listed and (place.get("has_more") is True or offset + listed < (total or 0)):
        return NextPage("offset", str(offset + listed))
    return None
