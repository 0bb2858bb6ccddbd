"""The sandbox itself: an account of its own behind a server of its own, for as long as it is open."""

from __future__ import annotations

import os
import secrets
import threading
from typing import Any, Self

import pandas as pd

from analytex_pandas.sandbox_server.server import Server
from analytex_pandas.sandbox_server.service import Request, Service
from analytex_pandas.sandbox_server.terms import Fault, FaultKind, Kind, Target, Terms


class Sandbox(Terms):
    """An embedded stand-in for the Analytex bulk API: real HTTP, real limits, jobs that take their time.

    A context manager; or `start` it and `close` it.

    Parameters
    ----------
    rows_per_minute
        The pace of jobs: one of n rows takes n / `rows_per_minute` minutes from submit to end. ``math.inf``
        ends every job as soon as someone looks.
    port
        To listen on; 0 takes a free one.
    api_key
        The key to ask for; None makes one up.
    refuse
        Records to refuse though they keep the service's rules: a function that returns code, property and
        message for a record or None, or a mapping from id to such a triple.
    faults, seed
        Faults at random: a mapping from a kind of `Fault` to its probability, or to its terms as a mapping.
        The same seed gives the same faults for the same calls. See also `fault`.
    requests_per_minute
        More are answered with 429; None: as many as you like.
    error_shape
        How a job reports its row errors: ``"objects"``, ``"strings"``, ``"by_row"`` and ``"by_id"`` (an
        object keyed by row number or id), ``"text"`` (one string), ``"none"`` (null).
    error_keys
        What each of the ``"objects"`` holds.
    first_row
        The number of the first ``row``, wherever one is named; a ``line`` counts from 1, an ``index`` from 0.
    job_list
        ``"array"``, ``"wrapped"`` in an object, or ``"paginated"``.
    list_key, paging, page_size
        Of the wrapped and paginated lists: the key that holds the jobs; where the next page is named
        (``"url"``: ``next``, ``"links"``: ``links.next``, ``"page"``: ``next_page``, ``"cursor"``:
        ``next_cursor``); jobs a page.
    job_ids
        ``"uuid"``, ``"urn"`` (``bulk:jobs:…``) or ``"odd"`` (slashes, spaces, percent signs, an accent).
    job_keys
        The keys that a job shows, wherever it is shown, beside ``job_id`` and ``status``. None: those of the
        published examples: a submit's answer and the list have neither ``completed_rows`` nor ``errors``, and none
        has ``submitted_at``.
    echo_filename
        Whether jobs name the file that was uploaded.
    completed_includes_refused
        Whether ``completed_rows`` counts refused rows.
    max_bytes, max_records, max_properties, max_name_characters, max_string_characters
        The limits. A body has to be shorter than `max_bytes`.
    keep_bodies
        Whether `requests` keeps the bodies of submits.
    clock
        Seconds that never go back; jobs and the rate limit live by it.

    Examples
    --------
    >>> with Sandbox(rows_per_minute=60_000) as sandbox:
    ...     print(sandbox.users.columns.to_list())
    ['user_id', 'company_id']
    """

    api_key: str  # made up where none is given

    def __post_init__(self) -> None:
        super().__post_init__()
        self.api_key = self.api_key or f"sandbox_{secrets.token_hex(16)}"
        self._service = Service(self)
        self._server: Server | None = None
        self._blocks = 0

    def __enter__(self) -> Self:
        self.start()
        self._blocks += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._blocks -= 1
        if not self._blocks:  # the last of nested ones
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self._server is None else self.url
        return f"<Sandbox {state}, {self.rows_per_minute:,.10g} rows a minute>"

    def start(self) -> Self:
        """Open the port; does nothing where it is open.

        Raises
        ------
        OSError
            If the port is taken.
        """
        if self._server is None:
            try:
                self._server = Server(self.port, self._service.serve)
            except OSError as error:
                error.add_note(f"The sandbox cannot listen on port {self.port}; port=0 takes a free one.")
                raise
            self._opened_by = os.getpid()
            self._service.closing.clear()
            poll_seconds = 0.02  # how soon it sees that it is to end
            threading.Thread(
                target=self._server.serve_forever, args=(poll_seconds,), name="analytex-sandbox", daemon=True
            ).start()
        return self

    def close(self) -> None:
        """Close the port and every connection; what the account holds can still be read."""
        if self._server is not None:
            server, self._server = self._server, None
            if os.getpid() == self._opened_by:  # a forked child has the socket, but not the thread
                self._service.closing.set()
                server.close()

    @property
    def url(self) -> str:
        """The base URL.

        Raises
        ------
        RuntimeError
            If the sandbox is not open.
        """
        if self._server is None:
            raise RuntimeError("The sandbox is not open: use it in a with statement, or call start().")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def users(self) -> pd.DataFrame:
        """The users, one a row: ``user_id``, ``company_id``, then properties as they came.

        Cells are what JSON held, dtype object: None where null was sent, NaN where nothing was.
        """
        return self._service.account.frame("users")

    @property
    def companies(self) -> pd.DataFrame:
        """The companies, one a row: ``company_id``, then properties; cells as in `users`."""
        return self._service.account.frame("companies")

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """The jobs, newest first, with all that there is of them, shown by a call or not."""
        return self._service.account.jobs(None)

    @property
    def requests(self) -> list[Request]:
        """The requests so far, oldest first (the last 100,000)."""
        return list(self._service.requests)

    def fault(self, kind: FaultKind, on: Target = "any", times: int | None = 1, **terms: Any) -> None:
        """Arm a fault.

        Parameters
        ----------
        kind, on, times, **terms
            As `Fault` describes them.
        """
        self._service.faults.arm(Fault(kind=kind, on=on, times=times, **terms))

    def clear_faults(self) -> None:
        """Disarm all faults, those at random included."""
        self._service.faults.clear()

    def start_foreign_job(
        self, rows: int = 1000, kind: Kind = "users", filename: str | None = "someone-elses.ndjson"
    ) -> str:
        """Start a job that someone else submitted, which writes nothing here.

        Parameters
        ----------
        rows
            How many it has, and so how long it takes.
        kind, filename
            As the job shows them.

        Returns
        -------
        str
            Its id.

        Raises
        ------
        RuntimeError
            If a job runs already.
        """
        return self._service.account.start_foreign_job(rows, kind, filename)
