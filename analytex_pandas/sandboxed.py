"""The sandbox as users meet it: the stand-in service with a client of its own, and a state directory apart."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Self

from analytex_pandas import settings
from analytex_pandas.sandbox_server.sandbox import Sandbox as Service
from analytex_pandas.service.client import Client


class Sandbox(Service):
    """A stand-in for the service, open within ``with``; see :func:`analytex_pandas.sandbox`.

    Attributes
    ----------
    client : Client
        Connected to it.
    """

    @functools.cached_property
    def client(self) -> Client:
        """A client of this sandbox."""
        return Client(self.api_key, self.url)

    def start(self) -> Self:
        """Open the port, and keep the state of pushes apart from now on; does nothing where it is open."""
        opens = self._server is None
        super().start()
        if opens:
            settings.INSTEAD.append(state_directory())
        return self

    def close(self) -> None:
        """Close the port; what the account holds can still be read."""
        if self._server is not None:
            settings.INSTEAD.remove(state_directory())
        super().close()


@functools.cache
def state_directory() -> Path:
    """Return the directory that this process's sandboxes keep their state in; it goes when the process ends."""
    directory = Path(tempfile.mkdtemp(prefix="analytex-sandbox-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory
