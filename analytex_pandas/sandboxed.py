"""The sandbox as users meet it: the stand-in service with a client, whose pushes are kept apart from the user's."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from typing import Self

from analytex_pandas import connection
from analytex_pandas.sandbox_server.sandbox import Sandbox as Service
from analytex_pandas.service.client import Client


def remove_own(directory: str, maker: int) -> None:
    """Remove the state directory of a sandbox, unless it is a forked child that ends."""
    if os.getpid() == maker:
        shutil.rmtree(directory, ignore_errors=True)


class Sandbox(Service):
    """A stand-in for the service, open within ``with``; see :func:`analytex_pandas.sandbox`.

    Attributes
    ----------
    client : Client
        Connected to it, and used while it is open where no client is given.
    """

    @functools.cached_property
    def client(self) -> Client:
        """A client of this sandbox."""
        return Client(self.api_key, self.url, state_directory=self._directory)

    @functools.cached_property
    def _directory(self) -> str:
        """The state directory of its client, which goes when the process ends."""
        directory = tempfile.mkdtemp(prefix="analytex-sandbox-")
        atexit.register(remove_own, directory, os.getpid())
        return directory

    def start(self) -> Self:
        """Open the port, and be the connected one from now on; does nothing where it is open."""
        opens = self._server is None
        super().start()
        if opens:
            vars(self).pop("client", None)  # opened again, it may listen elsewhere
            connection.lend(self.client)
        return self

    def close(self) -> None:
        """Close the port; what the account holds can still be read, and who was connected before is so again."""
        if self._server is not None:
            connection.give_back(self.client)
        super().close()
