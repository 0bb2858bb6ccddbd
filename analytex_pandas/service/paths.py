"""Where things are: the paths of the calls, in one place, and the URLs made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from analytex_pandas.errors import ValidationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

PATHS: Final[Mapping[str, str]] = {
    "users": "/v1/users/bulk_identify",
    "companies": "/v1/companies/bulk_identify",
    "users_file": "/v1/users/bulk_identify",
    "companies_file": "/v1/companies/bulk_identify",
    "jobs": "/v1/background_jobs",
}
"""Path of each call; those of the file uploads are not printed in every copy of the documentation."""
JOB_PLACE: Final = "{job_id}"
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
URL_CHARACTERS: Final = "%/:=&?~#+!$,;'@()*[]"
"""What stands in a URL as it is; ``%`` among them, since what is percent-encoded stays as it was encoded."""


class Origin(NamedTuple):
    """The machine and service that an API key is meant for."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of a URL, in lower case and with its port."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port in (None, DEFAULT_PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def merge_paths(overrides: Mapping[str, str] | None) -> dict[str, str]:
    """Return the paths with a user's own in their place; ``job`` follows ``jobs`` unless given itself."""
    names = [*PATHS, "job"]
    for name, path in (overrides or {}).items():
        if name not in names:
            raise ValidationError(
                f"paths: there is no call {name!r}.{did_you_mean(name, names)} The calls are {', '.join(names)}."
            )
        if not str(path).startswith("/"):
            raise ValidationError(
                f"paths[{name!r}] is {path!r}, but has to be a path from '/' on; environment=… sets the host."
            )
        if name == "job" and JOB_PLACE not in path:
            raise ValidationError(f"paths['job'] is {path!r}, but has to say where {JOB_PLACE} goes.")
    paths = {**PATHS, **(overrides or {})}
    return {"job": f"{paths['jobs']}/{JOB_PLACE}", **paths}


def quote_segment(text: str) -> str:
    """Percent-encode an opaque text so that it is exactly one segment of a path."""
    segment = quote(text, safe="", errors="replace")
    # A segment of dots alone means "here" or "one up" to everyone who tidies a path.
    return segment.replace(".", "%2E") if segment in (".", "..") else segment


def job_url(base_url: str, paths: Mapping[str, str], job_id: str) -> str:
    return base_url + paths["job"].replace(JOB_PLACE, quote_segment(job_id))


def resolve(url: str, reference: str) -> str:
    """Return where a reference found at a URL (a redirect, a next page) leads, without its fragment."""
    try:
        joined = urlsplit(urljoin(url, reference.strip()))
    except ValueError:
        return reference.strip()
    return quote(urlunsplit(joined._replace(fragment="")), safe=URL_CHARACTERS, errors="replace")


def with_query(url: str, name: str, value: str) -> str:
    """Return a URL with a query parameter more."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode([(name, value)])}"
