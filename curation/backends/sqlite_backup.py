"""A copy of an SQLite store while it is in use: one file, whole, checked, and there only once it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..errors import StoreError
from ..interrupts import Outcome, record_outcome, stop_on_signal
from ..temporary import temporary_file

#: Pages of one step, some 16 MB: a bar moves, and Ctrl-C is heard.
STEP = 1_000

#: What SQLite puts beside a database.
COMPANIONS = ("-wal", "-shm", "-journal")


def copy_store(
    source: sqlite3.Connection,
    store: Path,
    file: Path,
    *,
    replace: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Copies what `source`, a connection to `store`, sees at this moment to `file`.

    Raises StoreError for a place that will not do, and if the copy does not pass SQLite's check;
    sqlite3.Error and OSError if it cannot be written. In all these cases `file` stays as it was.
    """
    _refuse_place(store, file, replace=replace)
    with temporary_file(file, companions=COMPANIONS) as made:
        with closing(sqlite3.connect(made)) as copy:
            copy_pages(source, copy, progress)
        with closing(sqlite3.connect(made)) as copy:  # as whoever restores it will open it
            _check(copy)
        made.chmod(
            store.stat().st_mode & 0o777 | 0o200
        )  # writable, though the store may not be; documents hold what is secured: no one else reads them
        made.replace(file)
    record_outcome(Outcome.SAVED)


def _refuse_place(store: Path, file: Path, *, replace: bool) -> None:
    own = [Path(f"{store}{suffix}") for suffix in ("", *COMPANIONS)]
    is_link = file.exists() and any(part.exists() and part.samefile(file) for part in own)
    if is_link or file.resolve() in [part.resolve() for part in own]:
        raise StoreError(f"{file} is the store's own: give another path")
    if not file.parent.is_dir():
        raise StoreError(f"there is no folder {str(file.parent)!r}: make it, or give another path")
    if file.exists() and not replace:
        raise StoreError(f"{file} is there already: give another path, or --force to replace it")


def copy_pages(
    source: sqlite3.Connection,
    copy: sqlite3.Connection,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Copies what a connection sees at this moment into an empty database."""
    # One read transaction over all steps: without it each commit of a writer makes SQLite start again
    # from the first page, and beside a busy importer it would never end.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def tell(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    source.backup(copy, pages=STEP, progress=tell)


def _check(copy: sqlite3.Connection) -> None:
    with stop_on_signal(copy.interrupt):
        [(finding,)] = copy.execute("PRAGMA quick_check(1)")
    if finding != "ok":
        raise StoreError(
            f"the copy is not sound ({finding}), and was not kept: `curation db verify` looks at the store"
        )
