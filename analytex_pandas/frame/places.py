"""Where files are: a path of this machine, or a URL, which fsspec opens. Whatever has ``://`` is no local path."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from glob import glob
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from analytex_pandas.errors import (
    AnalytexError,
    ValidationError,
    code,
    did_you_mean,
    harmless_line,
    reason,
    translated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pyarrow.fs import FileInfo, FileSystem

DRIVERS = {
    **dict.fromkeys(["s3", "s3a"], "s3fs"),
    **dict.fromkeys(["gs", "gcs"], "gcsfs"),
    **dict.fromkeys(["abfs", "abfss", "az", "adl"], "adlfs"),
    **dict.fromkeys(["http", "https"], "aiohttp requests"),
    **dict.fromkeys(["sftp", "ssh"], "paramiko"),
    "smb": "smbprotocol",
}
"""The scheme of a URL → the packages that fsspec opens it with."""
LOST_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")
MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Place:
    """A file, a pattern or a directory: as the user wrote it, and as its file system knows it."""

    shown: str
    path: PurePath
    filesystem: FileSystem

    @property
    def is_local(self) -> bool:
        return isinstance(self.path, Path)

    def is_dir(self) -> bool:
        return bool(self._info().type.name == "Directory")

    def exists(self) -> bool:
        return bool(self._info().type.name != "NotFound")

    def below(self, endings: str | tuple[str, ...]) -> list[PurePath]:
        """Return the files below a directory whose names end so, in any case, sorted; none in hidden places."""
        from pyarrow import fs  # kept out of the import of the package

        with self._looked_at():
            if isinstance(self.path, Path):
                every = walked(self.path)
            else:
                every = iter(self._files(fs.FileSelector(str(self.path), recursive=True)))
            found = (file for file in every if file.name.lower().endswith(endings))
            return sorted(
                file for file in found if not any(map(is_hidden, file.relative_to(self.path).parts))
            )

    def matching(self) -> list[PurePath]:
        """Return the file of this very name, or those that the pattern matches."""
        if self._info().is_file:
            return [self.path]
        with self._looked_at():
            if isinstance(self.path, Path):
                found = map(Path, glob(str(self.path), recursive=True))  # noqa: PTH207  # may be absolute
                return sorted(file for file in found if file.is_file())
            names = self.filesystem.handler.fs.glob(str(self.path)) if MAGIC.search(str(self.path)) else []
            return self._files(sorted(names))

    def _info(self) -> FileInfo:
        with self._looked_at():
            return self.filesystem.get_file_info(str(self.path))

    def _files(self, which: Any) -> list[PurePath]:
        return [PurePosixPath(info.path) for info in self.filesystem.get_file_info(which) if info.is_file]

    def _looked_at(self) -> AbstractContextManager[None]:
        return translated(f"{code(self.shown)} cannot be read")

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.shown.rstrip('/')}/{name}", self.path / name, self.filesystem)

    def sibling(self, name: str) -> Place:
        """Return what is beside it."""
        return Place(f"{self.shown.rpartition('/')[0]}/{name}", self.path.with_name(name), self.filesystem)

    def write(self, content: bytes) -> None:
        """Write a file, and make what is above it."""
        try:
            self.filesystem.create_dir(str(self.path.parent), recursive=True)
            with self.filesystem.open_output_stream(str(self.path)) as file:
                file.write(content)
        except Exception as error:
            raise AnalytexError(f"{code(self.shown)} cannot be written: {reason(error)}.") from error


def walked(directory: Path) -> Iterator[PurePath]:
    """Yield the files below a directory, by links to others, too, but none of these twice: so a circle of them ends."""
    seen = set()
    for above, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        if (here := os.path.realpath(above)) in seen:
            folders.clear()
            continue
        seen.add(here)
        folders.sort(key=lambda name: (Path(above, name).is_symlink(), name))
        yield from (file for name in names if (file := Path(above, name)).is_file())


def is_hidden(name: str) -> bool:
    """Tell whether a part of a path is bookkeeping of who wrote it, as ``_delta_log``; ``_day=1`` is a value."""
    return name.startswith(("_", ".")) and "=" not in name


def url_of(value: Any) -> str | None:
    """Return a URL, which is text with ``://``; None for anything else."""
    if isinstance(value, str):
        return value if "://" in value else None
    if (
        isinstance(value, os.PathLike)
        and LOST_SLASH.match(path := os.fsdecode(value))
        and not Path(path).exists()
    ):
        raise ValidationError(
            f"{code(path)} was a URL before pathlib took one of its slashes away. Give the URL as text."
        )
    return None


def source_name(data: Any) -> str:
    """Return the name of the file, pattern or directory that data is, or the first of several; empty for others."""
    if isinstance(data, list | tuple) and data and (first := source_name(data[0])):
        return first if len(data) == 1 else f"{first} and {len(data) - 1:,} more"
    if not isinstance(data, str | os.PathLike):
        return ""
    path = os.fsdecode(data)
    name = path.partition("?")[0].rstrip("/").rpartition("/")[2] if "://" in path else PurePath(path).name
    return harmless_line(name)


def place_of(value: Any) -> Place:
    """Return where a path or a URL leads to.

    Raises
    ------
    ValidationError
        If fsspec, or what it opens such a URL with, is not installed, or nothing knows the scheme.
    """
    from pyarrow import fs  # kept out of the import of the package

    url = url_of(value)
    if url is None:
        path = os.fsdecode(value)
        with translated(f"The name of {code(path)} is no UTF-8"):  # by which Arrow finds files
            path.encode()
        return Place(path, Path(path), fs.LocalFileSystem())
    scheme = url.partition("://")[0].rpartition("::")[2]
    packages = " ".join(["fsspec", *filter(None, [DRIVERS.get(scheme)])])
    try:
        import fsspec  # an extra: only URLs need it

        known_schemes = {*fsspec.available_protocols(), *fsspec.registry}  # and those of the user's own
        if scheme not in known_schemes:
            near = did_you_mean(scheme, sorted(known_schemes))
            raise ValidationError(f"Nothing here knows URLs of {scheme}:// ({code(url)}).{near}")
        with translated(f"{code(url)} cannot be opened"):
            try:
                found, path = fsspec.core.url_to_fs(url)
            except ImportError as error:
                known = f"Install it: pip install {packages}" if scheme in DRIVERS else str(error)
                raise ValidationError(
                    f"What opens URLs of {scheme}:// is not installed here ({code(url)}). {known}"
                ) from error
            found.invalidate_cache()  # others write there, too
    except ImportError as error:
        raise ValidationError(
            f"{code(url)} is a URL, which fsspec opens, and that is not installed here. "
            f"Install it: pip install {packages}"
        ) from error
    return Place(url, PurePosixPath(path), fs.PyFileSystem(fs.FSSpecHandler(found)))
