"""Copies an SQLite store while it is in use: to one complete, checked file that appears only at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..errors import StoreError
from ..interrupts import Outcome, record_outcome, stop_on_signal
from ..temporary import temporary_file

#: Pages per step, about 16 MB. Between steps the progress bar moves and Ctrl-C takes effect.
STEP = 1_000

#: Suffixes of the files that SQLite creates next to a database.
COMPANIONS = ("-wal", "-shm", "-journal")


def copy_store(
    source: sqlite3.Connection,
    store: Path,
    file: Path,
    *,
    replace: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Copy the current state of `source`, a connection to `store`, to `file`.

    Raises:
        StoreError: `file` is not a suitable path, or the copy fails SQLite's check.
        sqlite3.Error, OSError: the copy cannot be written.

    After an error `file` is unchanged.
    """
    _check_path(store, file, replace=replace)
    with temporary_file(file, companions=COMPANIONS) as temporary:
        with closing(sqlite3.connect(temporary)) as copy:
            copy_pages(source, copy, progress)
        with closing(sqlite3.connect(temporary)) as copy:  # opened again, as for a restore
            _check(copy)
        # Writable, even if the store is not. No one else may read it, because documents have secured data.
        temporary.chmod(store.stat().st_mode & 0o777 | 0o200)
        temporary.replace(file)
    record_outcome(Outcome.SAVED)


def _check_path(store: Path, file: Path, *, replace: bool) -> None:
    if _is_of_store(store, file):
        raise StoreError(f"{file} is a file of the store itself: give another path")
    if not file.parent.is_dir():
        raise StoreError(f"folder {str(file.parent)!r} does not exist: create it, or give another path")
    if file.exists() and not replace:
        raise StoreError(f"{file} already exists: give another path, or --force to replace it")


def _is_of_store(store: Path, file: Path) -> bool:
    """Return whether a path is, or links to, the store or a file that SQLite creates next to it."""
    own = [Path(f"{store}{suffix}") for suffix in ("", *COMPANIONS)]
    if file.exists() and any(part.exists() and part.samefile(file) for part in own):
        return True
    return file.resolve() in [part.resolve() for part in own]


def copy_pages(
    source: sqlite3.Connection,
    copy: sqlite3.Connection,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Copy the current state of a database to an empty database."""
    # One read transaction for all steps. Without it SQLite starts again from the first page after each commit
    # of a writer, and would never finish during a busy import.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def report(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    source.backup(copy, pages=STEP, progress=report)


def _check(copy: sqlite3.Connection) -> None:
    with stop_on_signal(copy.interrupt):
        [(finding,)] = copy.execute("PRAGMA quick_check(1)")
    if finding != "ok":
        raise StoreError(
            f"the copy failed SQLite's check ({finding}) and was deleted: run `curation db verify`"
        )
