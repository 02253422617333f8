"""The SQLite backend, the embedded default: WAL mode, foreign keys on, writers start with BEGIN IMMEDIATE."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from .. import interrupts
from ..errors import StoreError
from .base import LOCK_TIMEOUT, Backend, Damage, Term, chunks
from .queries import Query, QueryResult
from .sqlite_read_only import DAMAGE_ERRORS, make_uri

#: Maximum time that a writer waits for another one, in seconds.
BUSY_TIMEOUT = LOCK_TIMEOUT

#: Milliseconds of one uninterruptible wait for the write lock.
_LOCK_WAIT_STEP = 100

#: Maximum bytes of a store that readers map into memory (SQLite's own limit). Reports that look up a million
#: articles take a third of the time, since no page is copied.
MAX_MAPPED_BYTES = 2_147_418_112


class Sqlite(Backend):
    """The SQLite backend."""

    name = "sqlite"
    makes_store = True
    reading: ClassVar[Mapping[str, Any]] = {"reading": True}

    @property
    def path(self) -> Path:
        return Path(str(self.url.database))

    @property
    def file(self) -> Path:
        return self.path

    @property
    def location(self) -> str:
        return str(self.path)

    @property
    def mapped_bytes(self) -> int:
        return min(MAX_MAPPED_BYTES, self.path.stat().st_size) if self.path.exists() else 0

    def create_engine(self) -> sa.Engine:
        engine = sa.create_engine(
            self.url,
            connect_args={"timeout": BUSY_TIMEOUT},
            hide_parameters=True,
        )
        sa.event.listen(engine, "do_connect", self._choose_address)
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "close", _forget)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _choose_address(self, _dialect: object, _record: object, arguments: list[Any], options: Any) -> None:
        uri = make_uri(self.path, "rw")
        if not uri.endswith("?mode=rw"):
            arguments[0], options["uri"] = uri, True

    def store_exists(self) -> bool:
        """Return whether there is a file with tables.

        An import that was interrupted while it created the store leaves a file without tables. The next
        import creates them.
        """
        return self.path.exists() and not self._is_blank()

    def _is_blank(self) -> bool:
        # Opened for writing: a read-only connection cannot roll back an interrupted transaction.
        try:
            with closing(
                sqlite3.connect(make_uri(self.path, "rw"), uri=True, timeout=BUSY_TIMEOUT)
            ) as driver:
                return driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
        except DAMAGE_ERRORS:  # opening the store reports the error
            return False

    @contextmanager
    def migration_lock(self, connection: sa.Connection) -> Iterator[None]:
        # BEGIN IMMEDIATE is the lock: a second migration reads the revision only after it has the lock.
        # Foreign keys are off, because a batch rebuild of a parent table would delete all child rows.
        driver = _driver(connection)
        # This affects only a new file. A page of 16 KB has room for a whole document: a first import of
        # 20,000 documents writes a fifth less than with 4 KB.
        driver.execute("PRAGMA page_size = 16384")
        _switch_to_wal(driver)
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            driver.execute("PRAGMA foreign_keys = ON")

    def check_foreign_keys(self, connection: sa.Connection) -> None:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StoreError(
                f"the migration would break references of table {broken[0]!r}: nothing was changed"
            )

    def find_damage(self, connection: sa.Connection) -> Iterable[Damage]:
        from .sqlite_index import find_damage

        return find_damage(_driver(connection))

    def backup(
        self, file: Path, *, replace: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        from .sqlite_backup import copy_store

        try:
            with closing(_open_read_only(self.path)) as source:
                copy_store(source, self.path, file, replace=replace, progress=progress)
        except sqlite3.Error as error:
            raise StoreError(self.explain(error)) from error

    def import_lock(self, engine: sa.Engine, source: str) -> AbstractContextManager[Callable[[], None]]:
        del engine
        from .sqlite_import_lock import import_lock

        return import_lock(self.path, source, _ADVICE[sqlite3.SQLITE_READONLY].format(path=self.path))

    @contextmanager
    def scratch_copy(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        del engine
        from ..temporary import temporary_folder
        from .sqlite_backup import copy_pages

        with temporary_folder() as folder:
            copy = Sqlite(self.url.set(database=str(folder / "store.db")))
            with closing(_open_read_only(self.path)) as source, closing(sqlite3.connect(copy.path)) as target:
                target.execute("PRAGMA synchronous = OFF")
                copy_pages(source, target)
            copy_engine = copy.create_engine()
            try:
                with copy_engine.connect() as connection, connection.begin() as transaction:
                    yield connection
                    transaction.rollback()
            finally:
                copy_engine.dispose()

    def lock_references(self, connection: sa.Connection) -> None:
        """Do nothing: BEGIN IMMEDIATE already blocks every other writer."""

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Do nothing: joins use the key of the temporary table."""

    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        if count == 0:
            return ()
        last = _move_counter(connection, table, count)
        return range(last + 1 - count, last + 1)

    def insert_selected(
        self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: sa.Select[Any]
    ) -> None:
        last, found = _move_counter(connection, table, 0), rows.subquery()
        numbered = sa.select(last + sa.func.row_number().over(), *found.c)
        connection.execute(sa.insert(table).from_select(["id", *columns], numbered))
        _move_counter(connection, table, 0)

    def read_last_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> Mapping[str, int]:
        given = dict(_driver(connection).execute("SELECT table_name, last_id FROM id_counters").fetchall())
        greatest = {table.name: connection.scalar(sa.select(sa.func.max(table.c.id))) for table in tables}
        return {name: max(given.get(name, 0), last or 0) for name, last in greatest.items()}

    def raise_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        for table in tables:
            _move_counter(connection, table, 0)

    def bulk_insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        marks = ", ".join("?" * len(columns))
        _driver(connection).executemany(
            f'INSERT INTO "{table.name}" ({_names(columns)}) VALUES ({marks})',  # noqa: S608 - our names
            rows,
        )

    def bulk_update(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        key, *others = columns
        settings = ", ".join(f'"{name}" = ?' for name in others)
        _driver(connection).executemany(
            f'UPDATE "{table.name}" SET {settings} WHERE "{key}" = ?',  # noqa: S608 - our names
            ((*values, row_key) for row_key, *values in rows),
        )

    def find_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        keys: Sequence[Any],
    ) -> Iterator[tuple[Any, ...]]:
        driver = _driver(connection)
        for values in chunks(keys):
            marks = ", ".join("?" * len(values))
            yield from driver.execute(
                f'SELECT {_names(columns)} FROM "{table.name}" WHERE "{columns[0]}" IN ({marks})',  # noqa: S608
                values,
            )

    def index_articles(self, connection: sa.Connection, up_to: int) -> None:
        from .sqlite_search import index_articles

        index_articles(_driver(connection), up_to)

    def find_wrong_index(self, connection: sa.Connection) -> Iterator[tuple[int | None, str]]:
        from .sqlite_index import find_wrong_index

        return find_wrong_index(_driver(connection))

    def clear_index(self, connection: sa.Connection) -> None:
        from .sqlite_index import clear_index

        clear_index(_driver(connection))

    def search(self, terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
        from .sqlite_search import search

        return search(terms)

    def run_query(self, query: Query) -> AbstractContextManager[QueryResult]:
        from .sqlite_queries import run_query

        return run_query(_open_read_only(self.path), query)

    def explain(self, error: Exception) -> str:
        cause = getattr(error, "orig", error)
        is_index = getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_CORRUPT_VTAB
        if is_index or any(sign in str(cause) for sign in _UNOPENED):
            return _BROKEN_INDEX
        code = _code_of(cause)
        if type(cause) is sqlite3.OperationalError and not hasattr(cause, "sqlite_errorcode"):
            code = _CORRUPT  # Python's driver itself raises this for text that is not UTF-8
        advice = _ADVICE.get(code)
        return advice.format(path=self.path, cause=cause) if advice else f"SQLite error: {cause}"

    def is_read_only(self, error: Exception) -> bool:
        return _code_of(getattr(error, "orig", error)) == sqlite3.SQLITE_READONLY

    def find_unreadable(self, connection: sa.Connection, tables: Iterable[sa.Table]) -> Iterator[str]:
        from .sqlite_damage import find_unreadable

        return find_unreadable(_driver(connection), tables)


_BUSY = "the store is busy: another command is writing; run this again in a moment"

#: Messages of FTS5 about an index that it cannot open. These errors have no code of their own.
_UNOPENED = ("invalid fts5 file format", "no such fts5 table")

#: Used for all errors of virtual tables: the full-text index is the only one.
_BROKEN_INDEX = (
    "the full-text index is damaged, but nothing else: run `curation db reindex`, then run this again"
)

#: What to do, by SQLite's primary result code.
_ADVICE = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_READONLY: ("the store is read-only: check the permissions of {path} and of its folder"),
    sqlite3.SQLITE_FULL: (
        "the disk is full, and the last step was rolled back: free some space, then run this again"
    ),
    sqlite3.SQLITE_IOERR: (
        "{path} could not be read or written, and the last step was rolled back:"
        " check the disk and its free space, then run this again"
    ),
    sqlite3.SQLITE_NOTADB: (
        "{path} is not an SQLite database, or its header is damaged: give another path with --database,"
        " or restore it from a backup"
    ),
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened: check that its folder exists and is writable"),
    sqlite3.SQLITE_ERROR: (
        "SQLite error: {cause}; {path} may be damaged: run `curation db verify`, or restore it from a backup"
    ),
    sqlite3.SQLITE_CORRUPT: "{path} is damaged: restore it from a backup",
}
_CORRUPT: int = sqlite3.SQLITE_CORRUPT


def _code_of(error: BaseException) -> int:
    """Return the primary result code of an SQLite error; 0 for another error."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


#: Without this counter SQLite would reuse the id of a deleted row. The writer has the only write lock, so the
#: ids that it adds are its own. Rows that another program wrote are taken into account.
_MOVE_COUNTER = """
INSERT INTO id_counters (table_name, last_id)
VALUES (:name, coalesce((SELECT max(id) FROM "{0}"), 0) + :count)
ON CONFLICT (table_name) DO UPDATE SET last_id = max(last_id + :count, excluded.last_id)
RETURNING last_id"""


def _move_counter(connection: sa.Connection, table: sa.Table, count: int) -> int:
    """Reserve `count` ids of a table and return the last one."""
    values = {"name": table.name, "count": count}
    [(last,)] = _driver(connection).execute(_MOVE_COUNTER.format(table.name), values).fetchall()
    return int(last)


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _prepare(driver: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    record.info["stopper"] = interrupts.add_stopper(driver.interrupt)
    driver.isolation_level = None  # the driver must not send BEGIN itself, so that DDL is rolled back too
    driver.execute("PRAGMA foreign_keys = ON")
    driver.execute("PRAGMA synchronous = NORMAL")
    driver.execute("PRAGMA temp_store = MEMORY")
    # In pages, not bytes: SQLite converts bytes with the default page size, a quarter of ours.
    driver.execute("PRAGMA cache_size = 2000")
    driver.execute("PRAGMA wal_autocheckpoint = 2000")


def _forget(_driver: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    if (key := record.info.pop("stopper", None)) is not None:
        interrupts.remove_stopper(key)


def _begin(connection: sa.Connection) -> None:
    # A deferred transaction that reads first fails to write if another one wrote in between. Measured: 118 of
    # 160 contended updates were lost, with IMMEDIATE none.
    reading = connection.get_execution_options().get("reading", False)
    if reading:
        connection.exec_driver_sql("BEGIN")
    else:
        _begin_immediate(_driver(connection))


def _begin_immediate(driver: sqlite3.Connection) -> None:
    """Wait for other writers for at most BUSY_TIMEOUT, in short steps.

    SQLite's own wait cannot be interrupted.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    driver.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT_STEP}")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")


def _switch_to_wal(driver: sqlite3.Connection) -> None:
    """Switch the file to WAL mode, in which a writer does not block readers. The file keeps the setting.

    Two migrations may switch at the same time, and SQLite does not wait for this lock.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if (
                _code_of(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                or time.monotonic() > deadline
            ):
                raise
            time.sleep(0.05)
        else:
            return


def _open_read_only(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError(f"no store at {path}: make one with `curation import PATH`")
    # A query runs in another thread than its caller.
    connection = sqlite3.connect(
        make_uri(path, "ro"), uri=True, isolation_level=None, timeout=BUSY_TIMEOUT, check_same_thread=False
    )
    connection.execute(f"PRAGMA mmap_size = {MAX_MAPPED_BYTES}")
    return connection
