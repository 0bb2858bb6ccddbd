"""What came back of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from requests.utils import parse_header_links

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, and the whole body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # the classes of HTTP statuses

    def next_link(self) -> str | None:
        """Return the URL that the ``Link`` header names as the next page."""
        links = parse_header_links(self.headers.get("Link", ""))
        return next((link["url"] for link in links if link.get("rel") == "next"), None)
