"""What Windows refuses, refused here: a push that lives with it here needs nothing of POSIX there."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def install() -> None:
    """Refuse to open a directory, to sync a file that is only read, and to delete or replace a file that is open."""
    shutil._use_fd_functions = False  # noqa: SLF001  # Windows has no descriptors of directories
    os.open = opening(os.open)
    os.fsync = syncing(os.fsync)
    for name in ("unlink", "remove", "rename", "replace"):
        setattr(os, name, deleting(getattr(os, name)))


def opening(open_: Callable[..., int]) -> Callable[..., int]:
    """Return ``os.open`` for files only."""

    def opened(path: Any, *arguments: Any, **options: Any) -> int:
        if os.path.isdir(path):  # noqa: PTH112  # what it is about
            raise PermissionError(13, "a directory cannot be opened", path)
        return open_(path, *arguments, **options)

    return opened


def syncing(fsync: Callable[[int], None]) -> Callable[[int], None]:
    """Return ``os.fsync`` for what can be written to."""

    def synced(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "what is only read cannot be synced")
        fsync(descriptor)

    return synced


def deleting(delete: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes names away, but none of an open or mapped file."""

    def deleted(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if os.path.realpath(path) in used():
                raise PermissionError(13, "an open file cannot be deleted", path)
        return delete(*paths, **options)

    return deleted


def used() -> set[str]:
    """Return the files that this process has open or mapped."""
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]  # noqa: PTH208  # as above
    mapped = {
        line.split(maxsplit=5)[5] for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line
    }
    return {os.readlink(link) for link in links if os.path.islink(link)} | mapped  # noqa: PTH114, PTH115  # as above
