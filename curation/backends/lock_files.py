"""Locks between processes that leave no file behind, in folders that others may write to as well.

A lock is `flock` on an empty file. It goes with its process, however that ends. Two rules make the removal of
the file safe:

- A lock counts only if, once it is taken, the path still names the locked file. Otherwise all begins again.
- Only who holds a lock that counts removes the file, before the lock is released.

So whoever opened the file before it was removed gets a lock that does not count, and there are never two
holders. A file that is left (SIGKILL, or another user's in a sticky folder) is taken by the next one.

Nothing is asked of the file but that it can be read: `flock` needs no more, and it may be another user's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

#: Times that a file may come or go between two looks at it.
_TRIES = 1_000


class LockFile:
    """A lock by the name of a file; taken once, by one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock; return False if somebody else holds it.

        Raises:
            OSError: there can be no such file here, or what has its name is no regular file.
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
            if self._is_named():
                return True
            self._close()
        raise OSError(errno.EAGAIN, "another program makes and removes it all the time", str(self._path))

    def release(self) -> None:
        """Remove the file and release the lock; again it does nothing."""
        if self._file is None:
            return
        # A file that holds something is none of ours. Another user's cannot be removed in a sticky folder.
        if self._is_named() and os.fstat(self._file).st_size == 0:
            with suppress(OSError):
                self._path.unlink()
        self._close()

    def _open(self) -> int | None:
        """Open the file, or make it; None if it was removed or made in between.

        Without O_CREAT first: in a sticky folder Linux refuses that for a file of another user.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags)
        except FileNotFoundError:
            return self._make(flags)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(errno.EEXIST, "something else has its name", str(self._path))
        return file

    def _make(self, flags: int) -> int | None:
        try:
            file = os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return None
        with suppress(OSError):
            os.fchmod(file, 0o644)  # whatever the umask: others need to read it
        return file

    def _is_named(self) -> bool:
        """Whether the path names the file that is open."""
        assert self._file is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self._file), os.lstat(self._path))
        return False

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)  # which releases the lock
