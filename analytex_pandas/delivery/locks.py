"""Who may drive a push: a lock on a file, which a process gives back when it dies, however it dies.

And when a process may fork.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from analytex_pandas.delivery.files import folder
from analytex_pandas.errors import AnalytexError

PATIENCE = 1.0
"""Seconds to try for: somebody who only asks whether a push is driven holds its lock for a moment."""

UNFORKED = threading.RLock()
"""Held while a database is open, and by a fork: the child would take locks of its parent's for its own, for good."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=UNFORKED.acquire, after_in_parent=UNFORKED.release, after_in_child=UNFORKED.release
    )


def driver_lock(state_directory: Path, push_id: str) -> FileLock:
    """Return the lock of who drives a push."""
    path = folder(state_directory, "locks") / f"{push_id}.lock"
    # A lock of the soft kind stays behind when its process dies.
    return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)


def plan_lock(state_directory: Path, plan_id: str) -> FileLock:
    """Return the lock that says that somebody will push a plan: as long as it is held, its spool is not swept."""
    return driver_lock(state_directory, f"{plan_id}.plan")


def acquired(lock: FileLock, patience: float = PATIENCE) -> bool:
    """Take a lock, trying for `patience` seconds; False when somebody else has it."""
    try:
        lock.acquire(timeout=patience, poll_interval=0.02)
    except Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        raise AnalytexError(
            f"{lock.lock_file} cannot be locked: {error}. Set ANALYTEX_STATE_DIR to a directory of your own on a disk "
            "of this machine."
        ) from error
    return True


def is_free(lock: FileLock, patience: float = 0.0) -> bool:
    if not Path(lock.lock_file).exists():
        return True
    free = acquired(lock, patience)
    lock.release()
    return free


def drop(lock: FileLock) -> None:
    """Give a lock back, and take the file away; only where nobody will drive by it any more."""
    lock.release()
    with contextlib.suppress(OSError):  # who asks at this very moment keeps the file; a later sweep takes it
        Path(lock.lock_file).unlink(missing_ok=True)
