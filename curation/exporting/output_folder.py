"""A folder that an export writes to. No path and no link can make it write outside.

Every part of a path is opened relative to a descriptor and without following links. So nobody can replace a
folder by a link between the check and the write. Files are replaced atomically, by a rename. A killed process
leaves at most one hidden file, which the next export removes.
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

#: Maximum number of open folder descriptors. Files arrive in path order, so a few are enough.
_OPEN_FOLDERS = 32

#: Name of a file while it is written.
UNFINISHED_FILE = ".curation-export.tmp"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PathRefused(CurationError):  # noqa: N818 - a path is refused, it does not err
    """A path that is outside the folder, or that is not a regular file."""


class PathInaccessible(PathRefused):
    """A path that this user may not read or write, or whose name is too long."""


def check_path(path: str) -> str:
    """Return a path that is below a folder. Raise PathRefused for any other path."""
    parts = path.split("/")
    if "\\" in path:
        raise PathRefused("the path has a backslash, which separates folders on Windows: rename the file")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PathRefused("the path is outside the folder")
    if any(part.casefold() == ".git" for part in parts):
        raise PathRefused("the path is inside a .git folder")
    return path


#: Errors that concern one path only. Other paths may still be written.
_PATH_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})


@contextmanager
def _refusing_inaccessible() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _PATH_ERRORS:
            raise
        raise PathInaccessible((error.strerror or str(error)).lower()) from error


class OutputFolder:
    """A folder to write to, and a context that locks it; paths of files are relative to it, with `/`.

    One process at a time may write; a second one gets a CurationError. Every method raises:

    - PathRefused if a path is outside the folder, or a link, a device or a folder is in its way
    - PathInaccessible if this user has no permission
    - OSError if the disk fails
    """

    def __init__(self, root: Path, *, is_dry: bool = False) -> None:
        """Open and lock the folder, and create it if necessary.

        Args:
            is_dry: whether nothing is written. Then no folder is created, and other dry runs may read it too.
        """
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

    @_refusing_inaccessible()
    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None if it does not exist."""
        folder, name = self._split(path)
        above = self._open(folder, create=False)
        if above is None or self._status(above, name) is None:
            return None
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()

    @_refusing_inaccessible()
    def write(self, path: str, data: bytes) -> None:
        """Write a file, with the mode of the file that it replaces, and create its folders."""
        folder, name = self._split(path)
        above = self._open(folder, create=True)
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

    @_refusing_inaccessible()
    def remove(self, path: str) -> bool:
        """Delete a file and then its empty folders; return False if the file does not exist."""
        folder, name = self._split(path)
        above = self._open(folder, create=False)
        if above is None or self._status(above, name) is None:
            return False
        os.unlink(name, dir_fd=above)
        self._remove_empty(folder)
        return True

    @_refusing_inaccessible()
    def list_names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder ("" is the root); none if the folder does not exist."""
        descriptor = self._open(check_path(folder) if folder else "", create=False)
        return sorted(os.listdir(descriptor)) if descriptor is not None else []  # noqa: PTH208 - a descriptor

    def _lock(self, root: int, kind: int) -> None:
        try:
            fcntl.flock(root, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(root)
            raise CurationError(
                f"another export is running in {self.root}; wait for it, then run this again"
            ) from error
        except OSError:  # a file system without locks
            pass

    def _split(self, path: str) -> tuple[str, str]:
        folder, _, name = check_path(path).rpartition("/")
        return folder, name

    def _status(self, above: int, name: str) -> os.stat_result | None:
        """Return the status of a regular file; None if nothing is there."""
        try:
            status = os.stat(name, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise PathRefused("not a regular file, but a link, a folder or a device")
        return status

    def _open(self, folder: str, *, create: bool) -> int | None:
        """Return the descriptor of a folder; None if it does not exist and `create` is false."""
        if not folder:
            return self._root
        if folder in self._folders:
            self._folders.move_to_end(folder)
            return self._folders[folder]
        above, _, name = folder.rpartition("/")
        parent = self._open(above, create=create)
        descriptor = self._open_within(parent, name, create=create) if parent is not None else None
        if descriptor is not None:
            self._folders[folder] = descriptor
            if len(self._folders) > _OPEN_FOLDERS:
                os.close(self._folders.popitem(last=False)[1])
        return descriptor

    def _open_within(self, parent: int, name: str, *, create: bool) -> int | None:
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
        try:
            return os.open(name, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise PathRefused("a folder of the path is a link or a file") from error
            raise

    def _remove_empty(self, folder: str) -> None:
        while folder:
            above, _, name = folder.rpartition("/")
            parent = self._open(above, create=False)
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError:
                return
            # In deep trees its descriptor may have been closed already.
            if (removed := self._folders.pop(folder, None)) is not None:
                os.close(removed)
            folder = above


def _create(folder: int) -> int:
    """Return the descriptor of a new, temporary file in a folder; delete one that a killed export left."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(UNFINISHED_FILE, flags, 0o666, dir_fd=folder)
    except FileExistsError:
        os.unlink(UNFINISHED_FILE, dir_fd=folder)
        return os.open(UNFINISHED_FILE, flags, 0o666, dir_fd=folder)
