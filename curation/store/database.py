"""The store: connections, transactions, and the check of its schema.

Commands open transactions with `reading` and `writing`. The functions that they call take the connection and
never commit.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .. import interrupts
from ..backends import backend_for, backend_of
from ..backends.base import Backend
from ..errors import OutcomeUnknown, StoreError, StoreReadOnly
from ..interrupts import Outcome
from .schema import metadata, units_of_work

PACKAGE = Path(__file__).parents[1]

# SQLAlchemy logs a traceback when an interruption closes a connection. Users see errors as one line instead.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

#: The table of the store's revision. Another program's database may have Alembic's default table.
VERSION_TABLE = "curation_version"

#: Maximum seconds to look up the outcome of a COMMIT whose answer was lost, without and after a signal.
LOOKUP_SECONDS = 5.0
LOOKUP_SECONDS_INTERRUPTED = 0.8

#: How long keys of units of work are kept, which is far longer than any look-up takes.
KEY_RETENTION = dt.timedelta(days=1)


class Store:
    """One database, by URL or by the path of an SQLite file. It is opened on first use."""

    def __init__(self, database: str) -> None:
        self.backend: Backend = backend_for(database)
        self._has_key_table = False

    @cached_property
    def engine(self) -> sa.Engine:
        return self.backend.create_engine()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a read-only transaction that sees one snapshot of the store."""
        with self._connect() as connection:
            connection = connection.execution_options(**self.backend.reading)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, repeatable: bool = False) -> Iterator[sa.Connection]:
        """Open a transaction that is committed at the end, or rolled back by any error.

        It is a unit of work: a random key is stored with it. If the answer to COMMIT is lost, the key is
        looked up over a new connection. If the store has the key, the commit counts as successful.

        Args:
            repeatable: running the transaction again changes nothing. If the outcome stays unknown, the
                error message says to run the command again.

        Raises:
            OutcomeUnknown: the answer to COMMIT was lost, and the store does not answer.
        """
        # Signals are delayed from COMMIT until the connection is closed.
        with ExitStack() as stack, self._connect() as connection, connection.begin() as transaction:
            yield connection
            if transaction.is_active:
                key = self._record_unit(connection)
                stack.enter_context(interrupts.committing())
                self._commit(connection, transaction, key, repeatable)

    @contextmanager
    def scratch_copy(self) -> Iterator[sa.Connection]:
        """Open a transaction on a temporary copy of the store, which blocks no other transaction."""
        with self._translating_errors(), self.backend.scratch_copy(self.engine) as connection:
            yield connection

    @contextmanager
    def rolled_back(self) -> Iterator[sa.Connection]:
        """Open a write transaction that is rolled back at the end; on a copy if the store is read-only."""
        with ExitStack() as stack:
            connection = stack.enter_context(self.writing())
            try:
                # Engines report a read-only store at the first statement that writes.
                with self._translating_errors():
                    connection.execute(sa.delete(units_of_work).where(sa.false()))
            except StoreReadOnly:
                connection.rollback()
                stack.close()
                connection = stack.enter_context(self.scratch_copy())
            yield connection
            connection.rollback()

    @contextmanager
    def import_lock(self, source: str, *, dry_run: bool = False) -> Iterator[Callable[[], None]]:
        """Lock a source, so that only one import of it runs at a time.

        Yields a function that raises ImportFailed if the lock was lost. A dry run on a read-only store takes
        no lock, because it works on a copy.

        Raises:
            ImportFailed: another import of the source is running.
        """
        check: Callable[[], None] = _do_nothing
        with ExitStack() as stack:
            try:
                check = stack.enter_context(self.backend.import_lock(self.engine, source))
            except StoreReadOnly:
                if not dry_run:
                    raise
            yield check

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._translating_errors():
            connection = self.engine.connect()
            try:
                yield connection
            finally:
                # A half-closed connection would keep its locks.
                with interrupts.signals_deferred():
                    connection.close()

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Raise StoreError with a readable message for an error of the engine."""
        try:
            yield
        except (sa.exc.DBAPIError, self._driver_error) as error:
            kind = StoreReadOnly if self.backend.is_read_only(error) else StoreError
            raise kind(self.backend.explain(error)) from error

    def _record_unit(self, connection: sa.Connection) -> str | None:
        """Store a key for the transaction and return it; None if the schema has no table for keys yet."""
        self._has_key_table = self._has_key_table or connection.dialect.has_table(
            connection, units_of_work.name
        )
        if not self._has_key_table:
            return None
        key, instant = os.urandom(16).hex(), now()
        connection.execute(sa.insert(units_of_work).values(key=key, finished_at=instant))
        if key.startswith("00"):  # one transaction in 256 deletes the old keys
            is_old = units_of_work.c.finished_at < instant - KEY_RETENTION
            connection.execute(sa.delete(units_of_work).where(is_old))
        return key

    def _commit(
        self, connection: sa.Connection, transaction: sa.RootTransaction, key: str | None, repeatable: bool
    ) -> None:
        """Commit, and find out the outcome if the answer was lost."""
        session = self.backend.session_of(connection)
        if not repeatable:
            interrupts.record_outcome(Outcome.UNKNOWN)
        try:
            with interrupts.interruptible_commit():
                transaction.commit()
            outcome = Outcome.DONE
        except (sa.exc.DBAPIError, KeyboardInterrupt) as error:
            outcome = self._find_outcome(connection, key, session, error)
            self._raise_unless_done(error, outcome, repeatable)
        if not repeatable:
            interrupts.record_outcome(outcome)

    def _find_outcome(
        self, connection: sa.Connection, key: str | None, session: int | None, error: BaseException
    ) -> Outcome:
        """Return the outcome of a COMMIT that raised an error."""
        if isinstance(error, sa.exc.DBAPIError) and not error.connection_invalidated:
            return Outcome.NOT_DONE  # the engine answered with an error
        with suppress(sa.exc.DBAPIError, self._driver_error):
            connection.invalidate()
        if key is None:
            return Outcome.UNKNOWN
        seconds = LOOKUP_SECONDS_INTERRUPTED if interrupts.is_requested() else LOOKUP_SECONDS
        until = time.monotonic() + seconds
        with self.backend.short_timeouts(self.engine):
            while time.monotonic() < until:
                with suppress(sa.exc.DBAPIError, self._driver_error):
                    return _look_up(self.backend, self.engine, key, session)
                time.sleep(0.1)
        return Outcome.UNKNOWN

    def _raise_unless_done(self, error: BaseException, outcome: Outcome, repeatable: bool) -> None:
        """Raise an error that fits the outcome of a COMMIT, unless the commit was successful after all."""
        is_ours = isinstance(error, interrupts.Interrupted)
        if outcome is Outcome.DONE and (is_ours or not isinstance(error, KeyboardInterrupt)):
            interrupts.postpone()
            return
        if outcome is Outcome.UNKNOWN and not repeatable:
            raise OutcomeUnknown(
                f"the connection to {self.location} was lost during the commit, and the server does not"
                " answer: the commit may have been done; see `curation log`, and run the command again only"
                " if its changeset is not there"
            ) from error
        if not repeatable:
            interrupts.record_outcome(Outcome.NOT_DONE)
        raise error

    @property
    def _driver_error(self) -> type[Exception]:
        """The base class of the driver's errors, which bulk writes raise because they bypass SQLAlchemy."""
        error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return error

    def check(self) -> None:
        """Raise StoreError with the command to run, unless the schema is the one of this release."""
        if not self.backend.store_exists():
            raise StoreError(f"no store at {self.location}: make one with `curation import PATH`")
        current, head = self.read_revision(), find_head_revision()
        self._has_key_table = current == head
        if current is None:
            self.refuse_other_program()
            raise StoreError(f"no curation store in {self.location}: run `curation db upgrade`")
        if current < head:
            raise StoreError(
                f"the store's schema is {current}, this release needs {head}: run `curation db upgrade`"
            )
        self._refuse_newer(current)

    def refuse_newer(self) -> None:
        """Raise StoreError if the schema is from a newer release."""
        if self.backend.store_exists():
            self._refuse_newer(self.read_revision())

    def _refuse_newer(self, current: str | None) -> None:
        head = find_head_revision()
        if current is not None and current > head:
            raise StoreError(
                f"the store's schema {current} is newer than this release ({head}): install a newer curation"
            )

    def find_damage(self) -> str | None:
        """Return a short description of damage in the store; None if none is found.

        This reads the whole store, so it is only for use after an unexpected error.
        """
        try:
            with self.reading() as connection:
                for finding in self.backend.find_damage(connection):
                    return finding.text
                return next(self.backend.find_unreadable(connection, metadata.tables.values()), None)
        except (StoreError, UnicodeDecodeError):  # the driver raises the second one for a damaged name
            return "some of it cannot be read"

    def refuse_other_program(self) -> None:
        """Raise StoreError if the file belongs to another program and must not be changed."""
        if self.backend.is_shared or not self.backend.store_exists():
            return
        with self.reading() as connection:
            inspector = sa.inspect(connection)
            names = inspector.get_table_names()
            if VERSION_TABLE in names:
                return
            names += inspector.get_view_names()
        content = f"it has {names[0]!r}, and no curation store" if names else "it has no curation store"
        raise StoreError(
            f"{self.location} belongs to another program ({content}): give another path with --database"
        )

    def forget_schema(self) -> None:
        """Discard what is known of the schema, before a migration changes it."""
        self._has_key_table = False

    def read_revision(self) -> str | None:
        """Return the revision of the store's schema; None if it has none."""
        with self.reading() as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            revision: str | None = connection.scalar(
                sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))
            )
            return revision

    @property
    def location(self) -> str:
        """The path or URL of the store for messages, without a password."""
        return self.backend.location


def _do_nothing() -> None:
    """Do nothing, in place of the check of a lock."""


def find_migrations_folder() -> Path:
    """Return the folder of the revisions: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def find_head_revision() -> str:
    """Return the newest revision of this release, such as `0001`: the start of the name of its file."""
    return max(file.name[:4] for file in (find_migrations_folder() / "versions").glob("[0-9]*_*.py"))


def _look_up(backend: Backend, engine: sa.Engine, key: str, session: int | None) -> Outcome:
    """Look up a unit of work over a new connection, and return whether it was committed.

    A server may not have committed it yet, or may keep it open for a client that is gone. So this ends the
    session, and then inserts the same key. The insertion waits for the earlier transaction and fails if that
    one commits. If it succeeds, the earlier transaction has ended without a commit.

    Args:
        session: see `Backend.session_of`. None if no session outlives its connection.

    Raises:
        DBAPIError: the insertion waited too long.
    """
    has_key = units_of_work.c.key == key
    with engine.connect() as connection:
        if session is None:
            with connection.execution_options(**backend.reading).begin():
                found = connection.scalar(sa.select(units_of_work.c.key).where(has_key))
            return Outcome.NOT_DONE if found is None else Outcome.DONE
        with connection.begin():
            backend.end_session(connection, session)
        try:
            with connection.begin():
                connection.execute(sa.insert(units_of_work).values(key=key, finished_at=now()))
                connection.execute(sa.delete(units_of_work).where(has_key))
        except sa.exc.IntegrityError:
            return Outcome.DONE
    return Outcome.NOT_DONE


def insert_row(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Insert one row and return its id."""
    row_id: int = backend_of(connection).reserve_ids(connection, table, 1)[0]
    connection.execute(sa.insert(table).values(id=row_id, **values))
    return row_id


def now() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(dt.UTC)


#: Rows of a long result that are in memory at once.
ROWS_IN_MEMORY = 500


def stream_rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    """Yield the rows of a query, with few in memory at once. The query runs on the first iteration."""
    with connection.execute(query.execution_options(yield_per=ROWS_IN_MEMORY)) as rows:
        yield from rows


def make_temporary_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """Return a temporary table, which exists for one connection only; see `empty_temp_table`."""
    return sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def empty_temp_table(connection: sa.Connection, table: sa.Table) -> sa.Table:
    """Create a temporary table, or delete its rows if it exists.

    It is never dropped, because before its creation DROP would hit another program's table of the same name.
    """
    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    connection.execute(sa.delete(table))
    return table
