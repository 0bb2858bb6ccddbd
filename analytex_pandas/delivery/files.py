"""The files of a state directory: for this user only, and deleted only where they are ours.

Ours is what has a name of our own form, in a state directory that bears our mark, and is reached without a link.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from analytex_pandas.errors import AnalytexError, code
from analytex_pandas.settings import private_directory

ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6,8}")
MARK: Final = ".analytex-pandas"
MARK_TEXT: Final = (
    "State of analytex_pandas: what it has put below spool/, outcomes/ and memory/, it deletes again.\n"
)
JOURNAL: Final = "journal.sqlite3"
ENTRIES: Final = frozenset(
    {MARK, "spool", "outcomes", "memory", "locks", JOURNAL, f"{JOURNAL}-wal", f"{JOURNAL}-shm"}
)
"""All that a state directory holds."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def new_id() -> str:
    """Return an id for a plan and its push: sorts by time, says when it began (UTC), is never given twice."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def checked_id(push_id: str) -> str:
    """Return an id, from which a path will be made, if it has our form."""
    if not ID.fullmatch(push_id):
        raise AnalytexError(f"{code(push_id)} is no id of a push of ours, so nothing is done with it.")
    return push_id


def ready(state_directory: Path) -> set[str]:
    """Make a state directory, for this user only, where it is missing; return the names of what is in it.

    One that is there is tightened where it holds nothing but what is ours; a user's own folder keeps its mode.

    Raises
    ------
    AnalytexError
        If it cannot be used, or belongs to another user.
    """
    with usable():
        private_directory(state_directory)
        names = {path.name for path in state_directory.iterdir()}
        tighten(state_directory, names <= ENTRIES)
    return names


def folder(state_directory: Path, name: str) -> Path:
    """Return a folder of a state directory, made where it is missing.

    The state directory is marked as ours, but not where something else may stand in the place of our folders.
    """
    names, place = ready(state_directory), state_directory / name
    with usable():
        if MARK not in names and (JOURNAL in names or not names & ENTRIES):
            write(state_directory / MARK, MARK_TEXT.encode())
        place.mkdir(mode=0o700, exist_ok=True)
        tighten(place, is_ours(place))
    return place


@contextlib.contextmanager
def usable() -> Iterator[None]:
    """Make a clear error of what the system says about the state directory."""
    try:
        yield
    except OSError as error:
        raise AnalytexError(
            f"The state directory cannot be used: {error}. Set ANALYTEX_STATE_DIR, or state_directory=… of the client, "
            "to a directory of your own on a disk of this machine."
        ) from error


def tighten(place: Path, ours: bool) -> None:
    """Take what others may do with a file or folder away, if it is ours; refuse one of another user."""
    found = place.stat()
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise PermissionError(f"{place} belongs to another user (number {found.st_uid})")
    if ours and found.st_mode & OTHERS and os.name == "posix":
        place.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def is_ours(place: Path) -> bool:
    """Tell whether a folder is one of a state directory that bears our mark, and no link."""
    return (place.parent / MARK).is_file() and not place.is_symlink()


def children(place: Path, form: re.Pattern[str]) -> list[Path]:
    """Return the folders in a folder of a state directory that we have put there."""
    with usable():
        if not is_ours(place) or not place.is_dir():
            return []
        return [
            path
            for path in place.iterdir()
            if form.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]


def remove(place: Path, form: re.Pattern[str]) -> None:
    """Delete the files of a folder whose names have our form, and the folder if it is empty then."""
    if place.is_symlink() or not place.is_dir():
        return
    for path in place.iterdir():
        if form.fullmatch(path.name) and (path.is_symlink() or not path.is_dir()):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody has put something of their own there
        place.rmdir()


def private(path: str, flags: int) -> int:
    """Open a file for this user only; an opener for ``open``."""
    return os.open(path, flags, 0o600)


def write(path: Path, content: bytes | memoryview[Any]) -> None:
    """Write a file for this user only."""
    with open(path, "wb", opener=private) as file:  # needs an opener
        file.write(content)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    is_directory = path.is_dir()
    try:
        # Windows syncs no file that is only read.
        descriptor = os.open(path, os.O_RDONLY if is_directory else os.O_RDWR)
    except PermissionError:
        if is_directory:
            return  # Windows opens none
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(what: str, directory: Path, error: OSError) -> AnalytexError:
    return AnalytexError(
        f"{what} cannot be written to {directory}: {error}. Make room there, or set ANALYTEX_STATE_DIR to a directory "
        "with more, and plan again. Nothing was sent."
    )


def read(path: Path) -> bytes:
    """Return the content of a file, which is none of those that never end, nor anybody else's."""
    if path.exists() and (path.is_symlink() or not path.is_file()):
        raise damaged(path, "is no file of ours")
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, f"cannot be read: {error}") from error


def damaged(path: Path, why: str) -> AnalytexError:
    return AnalytexError(
        f"{path} {why}. Put it back from a backup; else plan those rows again: with only_changed=True what was "
        "acknowledged is left out."
    )
