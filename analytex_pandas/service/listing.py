"""The list of jobs, read to its last page; a failure half way costs the page it fell on, not those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analytex_pandas.errors import ServerError
from analytex_pandas.service import failures
from analytex_pandas.service.pages import NextPage
from analytex_pandas.service.paths import next_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from analytex_pandas.service.wire import Job

MAX_PAGES: Final = 1_000
MAX_STALE_PAGES: Final = 3
"""Pages in a row without a job not listed before: new jobs shift a list by a few, but not by so many."""

Page = tuple[list["Job"], NextPage | None, str]
"""The jobs of a page, where the list goes on, and the URL that it was read from in the end."""


class Listing:
    """One reading of the account's jobs.

    Parameters
    ----------
    first : str
        The URL of the first page.
    page : callable
        Reads the page of a URL.
    call : str
        What it is, in words, for errors.

    Attributes
    ----------
    whole : bool
        Whether every page has been read.
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
        """Return every job, in the order of the service; called again after an error, it reads on.

        Raises
        ------
        AnalytexError
            If a page did not come: a list is whole or an error.
        """
        while not self.whole:
            self.read_page()
        return list(self._jobs.values())

    def read_page(self) -> None:
        """Read the next page.

        Raises
        ------
        AnalytexError
            If it did not come, or if there is no end to the pages.
        """
        page, following, url = self._page(self._url)
        self._asked.add(self._url)
        before = len(self._jobs)
        for job in page:
            self._jobs.setdefault(job.job_id, job)
        self._stale = self._stale + 1 if len(self._jobs) == before else 0
        if following is None:
            self.whole = True
            return
        self._url = next_url(self._first, url, following)
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
