"""Opens an SQLite store that cannot be written to.

In WAL mode SQLite needs to create a file `-shm` next to the store, even to read. If it cannot, no other
program uses the store, because that would have created one. Then there are two cases:

- There is no `-wal`, or an empty one: the file is complete, and is opened as immutable.
- There are changes in a `-wal` (a copy of a store in use, or a crash): both files are copied to a temporary
  folder, which is deleted with the process. Without the `-wal` readers would see an old state of the store.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

from ..temporary import temporary_folder

#: Errors of Python's driver for a file that SQLite cannot read. SQLite's message may quote a damaged name,
#: and the driver raises the second error when it decodes that.
DAMAGE_ERRORS = (sqlite3.Error, UnicodeDecodeError)


def make_uri(path: Path, mode: str) -> str:
    """Return the URI to open a store with: in a mode (`rw`, `ro`), or as immutable.

    Raises:
        OSError: there is no space for a copy.
    """
    path = path.resolve()
    uri = path.as_uri()
    if os.access(path.parent, os.W_OK) or not path.exists() or _can_be_read(f"{uri}?mode=ro"):
        return f"{uri}?mode={mode}"
    wal = Path(f"{path}-wal")
    if not wal.exists() or not wal.stat().st_size:
        return f"{uri}?mode=ro&immutable=1"
    return f"{_copied(path).as_uri()}?mode=ro"


def _can_be_read(uri: str) -> bool:
    """Return whether SQLite can read a file. Other errors are ignored: opening the store reports them."""
    try:
        with closing(sqlite3.connect(uri, uri=True)) as driver:
            driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except DAMAGE_ERRORS as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
    return True


_COPIES = ExitStack()
atexit.register(_COPIES.close)


@cache
def _copied(path: Path) -> Path:
    """Copy a store and its `-wal` to a temporary folder, and return the copy."""
    folder = _COPIES.enter_context(temporary_folder())
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", folder / f"{path.name}{suffix}")
    return folder / path.name
