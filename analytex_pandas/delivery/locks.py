"""One driver for a push: a lock on a file, which a process gives back when it dies, however it dies.

POSIX record locks belong to the process: a fork does not inherit them, which matters in notebooks. They do
not tell two threads of one process apart, so what this process holds is remembered here; and closing any
descriptor of a locked file gives the lock back, so a file this process has locked is never opened again.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from analytex_pandas.settings import private_directory

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MUTEX = threading.RLock()
"""Keeps the threads of this process apart: each would be given what another of them has locked."""

PATIENCE = 1.0
"""Seconds to try for: somebody who only asks whether a push is driven holds its lock for a moment."""


class DriverLock:
    """The right to drive one push.

    Parameters
    ----------
    state_directory : pathlib.Path
        The directory whose ``locks`` holds one file a driven push.
    push_id : str
        The push.
    """

    _held: set[tuple[int, str]] = set()  # noqa: RUF012  # (process, path) of every lock this process holds

    def __init__(self, state_directory: Path, push_id: str) -> None:
        self.path = private_directory(state_directory / "locks") / f"{push_id}.lock"
        self._descriptor: int | None = None

    def acquire(self, patience: float = PATIENCE) -> bool:
        """Take the lock, trying for `patience` seconds; False when another driver has it."""
        deadline = time.monotonic() + patience
        while not self._try():
            if self.key in self._held or time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        """Give the lock back and take its file away."""
        with MUTEX:
            if self._descriptor is None:
                return
            self._held.discard(self.key)
            self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def is_free(self) -> bool:
        """Tell whether nobody drives the push at this moment."""
        with MUTEX:
            if self.key in self._held:
                return False
            if not self.path.exists():
                return True
            free = self._try()
            self.release()
            return free

    @property
    def key(self) -> tuple[int, str]:
        """What tells this lock apart within this process and its forks."""
        return os.getpid(), str(self.path)

    def _try(self) -> bool:
        with MUTEX:
            if self.key in self._held:
                return False
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if lock_file(descriptor) and is_file_of(descriptor, self.path):
                self._descriptor = descriptor
                self._held.add(self.key)
                return True
            os.close(descriptor)
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def plan_lock(state_directory: Path, plan_id: str) -> DriverLock:
    """Return the lock that says that somebody will push a plan: as long as it is held, its spool is not swept."""
    return DriverLock(state_directory, f"{plan_id}.plan")


def is_file_of(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is still the one at `path`: its last holder may have taken that away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def lock_file(descriptor: int) -> bool:
        """Lock an open file for this process if nobody else has."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def lock_file(descriptor: int) -> bool:
        """Lock an open file for this process if nobody else has."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
