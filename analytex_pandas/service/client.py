"""The calls of the service, each one request, each failure an error of ``analytex_pandas.errors``."""

from __future__ import annotations

import copy
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn, get_args
from urllib.parse import quote, urlsplit

from analytex_pandas import settings
from analytex_pandas.errors import AnalytexError, ValidationError, code, did_you_mean
from analytex_pandas.service import bodies, failures
from analytex_pandas.service.listing import Listing
from analytex_pandas.service.speed import Speed
from analytex_pandas.service.transport import Transport
from analytex_pandas.service.wire import Job, parse_job
from analytex_pandas.settings import Kind

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    import requests

    from analytex_pandas.service.bodies import Body

SCRYPT_COST: Final = 2**14
"""With blocks of 8: 16 MiB and some 50 ms a guess, so that a digest on disk does not give the key away."""
PATHS: Final[Mapping[str, str]] = {
    "users": "/v1/users/bulk_identify",
    "companies": "/v1/companies/bulk_identify",
    "users_file": "/v1/users/bulk_identify",
    "companies_file": "/v1/companies/bulk_identify",
    "jobs": "/v1/background_jobs",
}
"""Path of each call; those of the file uploads are not printed in every copy of the documentation."""
CHECK_SECONDS: Final = 15.0
JOB_PLACE: Final = "{job_id}"


class Client:
    """The service's HTTP calls; usable alone, and by several threads at once.

    Each call makes one request (a list: one for each page) and never repeats it. A client is not pickled,
    since it holds the API key.

    Parameters
    ----------
    api_key : str, optional
        Else the environment variable ``ANALYTEX_API_KEY``.
    environment : str, optional
        ``"analytex"``, ``"analytex-eu"`` or a base URL, else the environment variable
        ``ANALYTEX_ENVIRONMENT``, else ``"analytex"``.
    timeout : float or (float, float), default (10, 120)
        Seconds to wait for a connection and for an answer; one number for both.
    paths : Mapping, optional
        Paths other than the documented ones, by call: ``users``, ``companies``, ``users_file``,
        ``companies_file``, ``jobs``, ``job`` (with ``{job_id}`` in it).
    session : requests.Session, optional
        One of your own, for proxies and certificates; it decides what is trusted. Else each call has its own, which
        trusts what the operating system trusts, and ``REQUESTS_CA_BUNDLE``.
    state_directory : path, optional
        Where pushes to this account are written down, for this user only. Else the environment variable
        ``ANALYTEX_STATE_DIR``, else the user's state directory.

    Attributes
    ----------
    base_url : str
        Where the service is.
    paths : dict
        The path of each call.

    Raises
    ------
    AuthenticationError
        If there is no API key, or it cannot be one.
    ValidationError
        If the environment, a timeout or a path cannot be used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        environment: str | None = None,
        *,
        timeout: float | tuple[float, float] = (10.0, 120.0),
        paths: Mapping[str, str] | None = None,
        session: requests.Session | None = None,
        state_directory: str | os.PathLike[str] | None = None,
    ) -> None:
        failure: BaseException | None = None
        try:
            self.key = settings.api_key(api_key)
            self.base_url = settings.base_url(environment)
        except AnalytexError as error:
            failure = failures.bare(error)
        # A traceback that prints local variables would show it, mistyped or in the wrong place, too.
        del api_key, environment
        if failure is not None:
            raise failure
        self.timeout = checked_timeout(timeout)
        self.paths = merge_paths(paths)
        self.transport = Transport(self.key, self.base_url, self.timeout, session)
        self._state_directory = None if state_directory is None else checked_directory(state_directory)
        self.speed = Speed()
        self._digests: dict[bytes, str] = {}

    def __repr__(self) -> str:
        # A traceback may show one that is only half made.
        return f"Client({getattr(self, 'base_url', None)!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A Client holds the API key and is not pickled or copied. Make one where it is needed: "
            "apd.Client(), with the key from ANALYTEX_API_KEY."
        )

    @property
    def state_directory(self) -> Path:
        """Where pushes to this account are written down."""
        return self._state_directory or settings.state_directory()

    def account_digest(self, salt: bytes) -> str:
        """Return what tells this account (environment and key) apart from others on this machine, in hexadecimal.

        `salt` is a random secret of this machine. It is slow to compute, so that it does not give the key away.
        """
        if salt not in self._digests:
            place = self.transport.origin + urlsplit(self.base_url).path.rstrip("/")
            salted = hashlib.sha256(salt + place.encode()).digest()
            self._digests[salt] = hashlib.scrypt(
                self.key.reveal().encode(), salt=salted, n=SCRYPT_COST, r=8, p=1, dklen=32
            ).hex()
        return self._digests[salt]

    def is_of_account(self, other: Client) -> bool:
        """Tell whether another client sends to the same account: by the same key to the same address."""
        return (self.base_url, self.key.reveal()) == (other.base_url, other.key.reveal())

    def submit_file(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        kind: Kind = "users",
        *,
        filename: str | None = None,
    ) -> Job:
        """Upload NDJSON, one record a line, as a job.

        Parameters
        ----------
        file : path, bytes or binary stream
            What to upload; streamed from disk. A stream is read from where it stands.
        kind : {"users", "companies"}
            What the records are.
        filename : str, optional
            The name that the job shows; else that of the file.

        Returns
        -------
        Job
            As it stood when it was accepted.

        Raises
        ------
        ValidationError
            If the file is empty, or the service finds it malformed.
        PayloadTooLargeError
            If the request is over 50 MB or 10,000 records.
        ConflictError
            If the account runs a job already.
        OSError
            If the file cannot be read.
        AuthenticationError, RateLimitError, ServerError, TransportError
            If the service did not accept it, or did not answer. After the last two it may have arrived.
        """
        check_kind(kind)
        with bodies.file_body(file, kind, filename) as (body, name):
            return self.submit(f"{kind}_file", body, f"Uploading {name}")

    def submit_records(self, records: Iterable[Mapping[str, object]], kind: Kind = "users") -> Job:
        """Send records as JSON, as a job.

        Parameters
        ----------
        records : iterable of Mapping
            Each with ``user_id`` (for companies ``company_id``) and ``metadata``, the properties.
        kind : {"users", "companies"}
            What the records are.

        Returns
        -------
        Job
            As it stood when it was accepted.

        Raises
        ------
        ValidationError
            If there are no records, if any cannot be written as JSON (``.report`` lists them), or if the
            service finds them malformed.
        AnalytexError
            As :meth:`submit_file` does.
        """
        check_kind(kind)
        return self.submit(kind, bodies.records_body(records, kind), f"Sending {kind}")

    def submit_lines(self, lines: bytes, kind: Kind = "users") -> Job:
        """Send lines of NDJSON, one record a line, as JSON and as a job, every digit as it stands.

        Else it does what :meth:`submit_records` does.
        """
        check_kind(kind)
        return self.submit(kind, bodies.lines_body(lines, kind), f"Sending {kind}")

    def submit(self, path: str, body: Body, call: str) -> Job:
        """Post a body and read the job that it became."""
        return failures.parsed(self.transport.post(self.base_url + self.paths[path], call, body), parse_job)

    def job(self, job_id: str) -> Job:
        """Ask for one job.

        Parameters
        ----------
        job_id : str
            Its id, with whatever characters.

        Returns
        -------
        Job
            As it stands.

        Raises
        ------
        NotFoundError
            If the account has no such job.
        AuthenticationError, RateLimitError, ServerError, TransportError
            If the service did not say.
        """
        if not job_id:
            raise ValidationError("job_id is empty. Client.jobs() lists the jobs with their ids.")
        call = f"Asking for job {failures.in_brief(job_id)}"
        path = self.paths["job"].replace(JOB_PLACE, quote_segment(job_id))
        job = failures.parsed(self.transport.get(self.base_url + path, call), parse_job)
        self.speed.note(job)
        return job

    def jobs(self) -> list[Job]:
        """List the account's jobs, every page of them.

        Returns
        -------
        list of Job
            In the order of the service, newest first.

        Raises
        ------
        AuthenticationError, RateLimitError, ServerError, TransportError
            If the service did not say, or not all: a list is whole or an error.
        """
        return self.listing().read()

    def check(self) -> None:
        """Ask for the newest jobs once, and not for long.

        Raises
        ------
        AnalytexError
            As :meth:`jobs` does.
        """
        transport = copy.copy(self.transport)
        transport.timeout = (min(self.timeout[0], CHECK_SECONDS), min(self.timeout[1], CHECK_SECONDS))
        Listing(transport, self.base_url + self.paths["jobs"], self.speed.note).read_page()

    def listing(self) -> Listing:
        """Return a reading of the account's jobs that can go on where it failed."""
        return Listing(self.transport, self.base_url + self.paths["jobs"], self.speed.note)


def checked_directory(directory: object) -> Path:
    """Return a state directory as it is from wherever the process may go."""
    try:
        if directory and "://" not in str(directory):
            return Path(directory).expanduser().absolute()  # type: ignore[arg-type]  # tried
    except (RuntimeError, ValueError, TypeError):
        pass  # said below
    raise ValidationError(f"state_directory={code(directory)} names no directory.")


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
    segment = quote(text, safe="", errors="surrogatepass")
    # A segment of dots alone means "here" or "one up" to everyone who tidies a path.
    return segment.replace(".", "%2E") if segment in (".", "..") else segment


def check_kind(kind: object) -> None:
    """Refuse a kind that there is not."""
    if kind not in get_args(Kind):
        # Not repeated where it may be the records themselves.
        given = repr(kind) if isinstance(kind, str) else f"a {type(kind).__name__}"
        raise ValidationError(f"kind is {given}, but has to be 'users' or 'companies'.")


def checked_timeout(timeout: object) -> tuple[float, float]:
    """Return the seconds to wait for a connection and for an answer."""
    pair = timeout if isinstance(timeout, tuple | list) else (timeout, timeout)
    seconds = [float(one) for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(pair) != 2 or len(seconds) != 2 or not all(math.isfinite(one) and one > 0 for one in seconds):  # noqa: PLR2004  # connect and read
        raise ValidationError(
            f"timeout is {timeout!r}, but has to be a number of seconds above 0, or two: to connect, and to "
            "answer. Every call has a timeout."
        )
    return seconds[0], seconds[1]
