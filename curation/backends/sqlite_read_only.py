"""How an SQLite store is opened that cannot be written to.

In WAL mode SQLite wants to make a file `-shm` beside the store, even to read. Where it cannot, no other
program is at work on the store (it would have made one), and two ways are left:

- No `-wal` is there, or an empty one: all is in the file itself, which is read as one that nobody changes.
- Changes wait in a `-wal` (a copy of a store in use, a crash): both are copied to a temporary folder, which
  goes with the process. To leave the `-wal` out would show an old state of the store.
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

#: What Python's driver raises of a file that SQLite cannot read. SQLite's message may quote a damaged name,
#: and the driver raises the second one while it decodes that.
DAMAGE_ERRORS = (sqlite3.Error, UnicodeDecodeError)


def address(path: Path, mode: str) -> str:
    """Return the URI by which a store is opened: in a mode (`rw`, `ro`), or as one that nobody changes.

    Raises:
        OSError: there is no room for a copy.
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
    """Whether SQLite itself can read a file; what else may be wrong with it, whoever opens it will hear."""
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
    """A copy of a store and its `-wal`, which goes with the process."""
    folder = _COPIES.enter_context(temporary_folder())
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", folder / f"{path.name}{suffix}")
    return folder / path.name
