"""The import lock of a store on SQLite. It leaves no file behind, and also works where others can write.

The lock is `flock` on an empty file. It ends with its process, even if that is killed. Two rules make it safe
to delete the file:

- A lock is valid only if, after locking, the path still refers to the locked file. Otherwise the process
  tries again.
- Only the owner of a valid lock deletes the file, before releasing the lock.

So a process that opened the file before its deletion gets an invalid lock, and there are never two owners. A
leftover file (after SIGKILL, or another user's in a sticky folder) is reused.

The file only needs to be readable. `flock` requires no more, and the file may belong to another user.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .. import interrupts
from ..errors import StoreError, StoreReadOnly
from .base import make_running_import_error

#: Maximum number of attempts, while other processes create and delete the file.
_TRIES = 1_000


@contextmanager
def import_lock(store: Path, source: str, read_only: str) -> Iterator[Callable[[], None]]:
    """Implement `Backend.import_lock`; `read_only` is the message for a folder that cannot be written to."""
    key = hashlib.sha256(source.encode()).hexdigest()[:12]
    # Next to the resolved file: a link to it in another folder is the same store.
    path = Path(f"{store.resolve()}.{key}.lock")
    lock = LockFile(path)
    with interrupts.cleaning_up(lock.release):
        try:
            is_acquired = lock.acquire()
        except OSError as error:
            if not os.access(path.parent, os.W_OK):
                raise StoreReadOnly(read_only) from error
            raise StoreError(
                f"the lock file {path} cannot be created or locked ({error.strerror}):"
                " delete what is at this path, and check that the store's folder is writable"
            ) from error
        if not is_acquired:
            raise make_running_import_error(source)
        yield lambda: None


class LockFile:
    """A lock on the path of a file, to be acquired once, by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Acquire the lock; return False if another process has it.

        Raises:
            OSError: the file cannot be created, or the path is not a regular file.
        """
        for _ in range(_TRIES):
            self._file = self._open()
            if self._file is None:
                continue
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._close()
                return False
            if self._is_at_path():
                return True
            self._close()
        raise OSError(errno.EAGAIN, "other programs keep creating and deleting it", str(self._path))

    def release(self) -> None:
        """Delete the file and release the lock; do nothing if it is released already."""
        if self._file is None:
            return
        # A file with content is not ours. In a sticky folder another user's file cannot be deleted.
        if self._is_at_path() and os.fstat(self._file).st_size == 0:
            with suppress(OSError):
                self._path.unlink()
        self._close()

    def _open(self) -> int | None:
        """Open or create the file; return None if it was created by another process meanwhile.

        The first attempt is without O_CREAT. In a sticky folder Linux refuses that for another user's file.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags)
        except FileNotFoundError:
            return self._create(flags)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EEXIST, "not a regular file", str(self._path))
        return file

    def _create(self, flags: int) -> int | None:
        try:
            file = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return None
        with suppress(OSError):
            os.fchmod(file, 0o644)  # regardless of the umask: other users must be able to read it
        return file

    def _is_at_path(self) -> bool:
        """Return whether the path refers to the open file."""
        assert self._file is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._file), os.lstat(self._path))
        return False

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)  # this releases the lock
