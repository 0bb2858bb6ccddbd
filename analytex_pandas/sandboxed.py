"""The sandbox as users meet it: the stand-in service with a client of its own, and a state directory apart."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from analytex_pandas import settings
from analytex_pandas.sandbox_server.sandbox import Sandbox as Service
from analytex_pandas.service.client import Client

if TYPE_CHECKING:
    from types import TracebackType


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

    def __enter__(self) -> Self:
        super().__enter__()
        settings.INSTEAD.append(state_directory())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if state_directory() in settings.INSTEAD:
            settings.INSTEAD.remove(state_directory())
        super().__exit__(kind, error, traceback)


@functools.cache
def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """Return the directory that this process's sandboxes keep their state in; it goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="analytex-sandbox-", ignore_cleanup_errors=True)


def state_directory() -> Path:
    """Return the path of the sandboxes' state directory."""
    return Path(temporary_directory().name)
