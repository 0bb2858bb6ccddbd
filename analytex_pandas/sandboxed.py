"""The sandbox as users meet it: the stand-in service with a client, whose pushes are kept apart from the user's."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from typing import TYPE_CHECKING, Self

from analytex_pandas import connection
from analytex_pandas.sandbox_server.sandbox import Sandbox as Service
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from types import TracebackType


class Sandbox(Service):
    """A stand-in for the service, open within ``with``; see :func:`analytex_pandas.sandbox`.

    Attributes
    ----------
    client : Client
        Connected to it, and used within ``with`` where no client is given.
    """

    @functools.cached_property
    def client(self) -> Client:
        """A client of this sandbox, whose state directory goes when the process ends."""
        directory = tempfile.mkdtemp(prefix="analytex-sandbox-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return Client(self.api_key, self.url, state_directory=directory)

    def __enter__(self) -> Self:
        super().__enter__()
        self._connected_before = list(connection.DEFAULT)
        connection.DEFAULT[:] = [self.client]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if [self.client] == connection.DEFAULT:
            connection.DEFAULT[:] = self._connected_before
        super().__exit__(kind, error, trace)
