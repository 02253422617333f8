"""A folder that is written to, and nothing outside of it, whatever a path says or a link names.

Every part of a path is opened by its descriptor and without following links, so that a folder cannot be
exchanged for a link between looking and writing. A file takes its place by a rename, whole; a killed process
leaves at most one hidden file, which is used again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import CurationError
from ..interrupts import Outcome, record_outcome, signals_deferred

#: Folders whose descriptors are kept open: files come in order of path, so that few are enough.
_OPEN_FOLDERS = 32

#: What a file is called until it takes its place.
UNFINISHED_FILE = ".curation-export.tmp"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PathRefused(CurationError):  # noqa: N818 - a path is refused, it does not err
    """A path that leads out of the folder, or at which something lies that is no file of ours."""


class PathClosed(PathRefused):
    """A path that this user may not read or write."""


def checked_path(path: str) -> str:
    """A path, if it is one below a folder; raises PathRefused for all else."""
    parts = path.split("/")
    if "\\" in path:
        raise PathRefused("it holds a backslash, which parts folders elsewhere: rename it")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PathRefused("it leads out of the folder")
    if any(part.casefold() == ".git" for part in parts):
        raise PathRefused("it lies in git's own folder")
    return path


#: What is wrong with one path, where another may well be written.
_OF_ONE_PATH = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})


@contextmanager
def _refusing_what_is_closed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_ONE_PATH:
            raise
        raise PathClosed(f"it is closed: {error.strerror}") from error


class OutputFolder:
    """A folder, made where it is not there yet; the paths of its files are relative, with `/`.

    One process at a time has it: a second one is told so by a CurationError. Every method raises PathRefused,
    with a clause in which "it" is the path, where a path is not one below the folder, where a link, a device
    or a folder lies in its way, or where it is closed to this user; OSError where the disk refuses all.
    """

    def __init__(self, root: Path, *, is_dry: bool = False) -> None:
        """Opens the folder; one that is not there is made, unless nothing is to be written (`is_dry`): then
        others may look at it too."""
        self.root = root
        self._is_dry = is_dry
        self._folders: OrderedDict[str, int] = OrderedDict()
        self._root: int | None = None
        if is_dry and not root.exists():
            return
        root.mkdir(parents=True, exist_ok=True)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock(self._root, fcntl.LOCK_SH if is_dry else fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._is_dry:
            record_outcome(Outcome.SAVED)
        for descriptor in (*self._folders.values(), self._root):
            if descriptor is not None:
                os.close(descriptor)

    @_refusing_what_is_closed()
    def read(self, path: str) -> bytes | None:
        """The bytes of a file; None where there is none."""
        folder, name = self._split(path)
        above = self._open(folder, make=False)
        if above is None or self._status(above, name) is None:
            return None
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()

    @_refusing_what_is_closed()
    def write(self, path: str, data: bytes) -> None:
        """Puts a file in its place, with the mode of the one that it replaces; its folders are made."""
        folder, name = self._split(path)
        above = self._open(folder, make=True)
        assert above is not None
        earlier = self._status(above, name)
        with signals_deferred():
            self._replace(above, name, data, earlier)

    def _replace(self, above: int, name: str, data: bytes, earlier: os.stat_result | None) -> None:
        try:
            descriptor = _create(above)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(data)
                if earlier is not None:
                    os.fchmod(descriptor, stat.S_IMODE(earlier.st_mode))
            os.rename(UNFINISHED_FILE, name, src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(UNFINISHED_FILE, dir_fd=above)
            raise

    @_refusing_what_is_closed()
    def remove(self, path: str) -> bool:
        """Takes a file away, and its folders as far as nothing else is in them; False where there is none."""
        folder, name = self._split(path)
        above = self._open(folder, make=False)
        if above is None or self._status(above, name) is None:
            return False
        os.unlink(name, dir_fd=above)
        self._remove_empty(folder)
        return True

    @_refusing_what_is_closed()
    def names(self, folder: str) -> list[str]:
        """The names of what lies in a folder ("" is the root), in order; none where there is no such
        folder."""
        descriptor = self._open(checked_path(folder) if folder else "", make=False)
        return sorted(os.listdir(descriptor)) if descriptor is not None else []  # noqa: PTH208 - a descriptor

    def _lock(self, root: int, kind: int) -> None:
        try:
            fcntl.flock(root, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(root)
            raise CurationError(
                f"another export is at work in {self.root}: try again once it is done"
            ) from error
        except OSError:  # a file system without locks
            pass

    def _split(self, path: str) -> tuple[str, str]:
        folder, _, name = checked_path(path).rpartition("/")
        return folder, name

    def _status(self, above: int, name: str) -> os.stat_result | None:
        """What is known of a file; None where there is none."""
        try:
            status = os.stat(name, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise PathRefused("it is no file, but a link, a folder or a device")
        return status

    def _open(self, folder: str, *, make: bool) -> int | None:
        """The descriptor of a folder; None where there is none and none is to be made."""
        if not folder:
            return self._root
        if folder in self._folders:
            self._folders.move_to_end(folder)
            return self._folders[folder]
        above, _, name = folder.rpartition("/")
        parent = self._open(above, make=make)
        descriptor = self._open_within(parent, name, make=make) if parent is not None else None
        if descriptor is not None:
            self._folders[folder] = descriptor
            if len(self._folders) > _OPEN_FOLDERS:
                os.close(self._folders.popitem(last=False)[1])
        return descriptor

    def _open_within(self, parent: int, name: str, *, make: bool) -> int | None:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
        try:
            return os.open(name, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise PathRefused("it lies below a link or a file, not a folder") from error
            raise

    def _remove_empty(self, folder: str) -> None:
        while folder:
            above, _, name = folder.rpartition("/")
            parent = self._open(above, make=False)
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError:
                return
            if (gone := self._folders.pop(folder, None)) is not None:  # not kept open any more, deep down
                os.close(gone)
            folder = above


def _create(folder: int) -> int:
    """The descriptor of a new file in a folder; what was left over there is no longer."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(UNFINISHED_FILE, flags, 0o666, dir_fd=folder)
    except FileExistsError:
        os.unlink(UNFINISHED_FILE, dir_fd=folder)
        return os.open(UNFINISHED_FILE, flags, 0o666, dir_fd=folder)
