"""The store: open it, begin and end its transactions, and know whether its schema is of this release.

Transactions open at the edge, by `reading` and `writing`; what is called within takes the connection
and never commits.
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

# What it says of a connection that an interruption closed is a traceback; errors reach the user as a line.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())

#: Where the store's revision stands; not Alembic's default, which another program's database may have.
VERSION_TABLE = "curation_version"

#: Seconds for which the store is asked what became of a COMMIT whose answer was lost; and after a signal.
LOOKUP = 5.0
LOOKUP_INTERRUPTED = 0.8

#: How long keys of units of work are kept: far longer than anyone looks them up.
KEPT = dt.timedelta(days=1)


class Store:
    """One database, by URL or by the path of an SQLite file. Nothing is opened until it is used."""

    def __init__(self, database: str) -> None:
        self.backend: Backend = backend_for(database)
        self._has_units = False

    @cached_property
    def engine(self) -> sa.Engine:
        return self.backend.create_engine()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing and sees one state of the store."""
        with self._connect() as connection:
            connection = connection.execution_options(**self.backend.reading)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, *, repeatable: bool = False) -> Iterator[sa.Connection]:
        """A transaction that ends whole: committed at the end, or rolled back by any error.

        It is a unit of work: a random key is stored with it. If the answer to COMMIT is lost, the key is
        looked up over a new connection. Where it is there, this returns as if COMMIT had answered.

        Args:
            repeatable: doing all of it again changes nothing. Where the outcome stays unknown, the error
                message says to run the command again.

        Raises:
            OutcomeUnknown: the answer to COMMIT was lost, and the store does not answer.
        """
        # Signals are held back from COMMIT until the connection is closed.
        with ExitStack() as ending, self._connect() as connection, connection.begin() as transaction:
            yield connection
            if transaction.is_active:
                key = self._record_unit(connection)
                ending.enter_context(interrupts.committing())
                self._commit(connection, transaction, key, repeatable)

    @contextmanager
    def scratch_copy(self) -> Iterator[sa.Connection]:
        """A transaction on a copy of the store, which is not kept: nobody waits for it, however long it
        takes."""
        with self._explaining(), self.backend.scratch_copy(self.engine) as connection:
            yield connection

    @contextmanager
    def rolled_back(self) -> Iterator[sa.Connection]:
        """A transaction as of `writing`, which is rolled back at its end. Where a store cannot be written to,
        it is one on a copy."""
        with ExitStack() as held:
            connection = held.enter_context(self.writing())
            try:
                with self._explaining():  # an engine refuses the first statement that writes, no earlier
                    connection.execute(sa.delete(units_of_work).where(sa.false()))
            except StoreReadOnly:
                connection.rollback()
                held.close()
                connection = held.enter_context(self.scratch_copy())
            yield connection
            connection.rollback()

    @contextmanager
    def importing(self, source: str, *, dry_run: bool = False) -> Iterator[Callable[[], None]]:
        """No other import of a source runs meanwhile; yields what raises ImportFailed once that does not hold
        any more. A dry run needs none where it cannot be taken: it works on a copy of one moment.

        Raises:
            ImportFailed: another import of the source is running.
        """
        check: Callable[[], None] = _check_nothing
        with ExitStack() as held:
            try:
                check = held.enter_context(self.backend.import_lock(self.engine, source))
            except StoreReadOnly:
                if not dry_run:
                    raise
            yield check

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._explaining():
            connection = self.engine.connect()
            try:
                yield connection
            finally:
                # A connection that was closed half way would keep its locks.
                with interrupts.signals_deferred():
                    connection.close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Raises StoreError, in words, for an error of the engine."""
        try:
            yield
        except (sa.exc.DBAPIError, self._driver_error) as error:
            kind = StoreReadOnly if self.backend.is_read_only(error) else StoreError
            raise kind(self.backend.explain(error)) from error

    def _record_unit(self, connection: sa.Connection) -> str | None:
        """Stores the key of a unit of work within its transaction; returns it. None where the schema is older
        than the table."""
        self._has_units = self._has_units or connection.dialect.has_table(connection, units_of_work.name)
        if not self._has_units:
            return None
        key, instant = os.urandom(16).hex(), now()
        connection.execute(sa.insert(units_of_work).values(key=key, finished_at=instant))
        if key.startswith("00"):  # one of 256 removes what all of them need no more
            is_old = units_of_work.c.finished_at < instant - KEPT
            connection.execute(sa.delete(units_of_work).where(is_old))
        return key

    def _commit(
        self, connection: sa.Connection, transaction: sa.RootTransaction, key: str | None, repeatable: bool
    ) -> None:
        """Commits, and finds out what became of it where the answer was lost."""
        session = self.backend.session_of(connection)
        if not repeatable:
            interrupts.record_outcome(Outcome.UNKNOWN)
        try:
            with interrupts.interruptible_commit():
                transaction.commit()
            outcome = Outcome.DONE
        except (sa.exc.DBAPIError, KeyboardInterrupt) as error:
            outcome = self._outcome(connection, key, session, error)
            self._raise(error, outcome, repeatable)
        if not repeatable:
            interrupts.record_outcome(outcome)

    def _outcome(
        self, connection: sa.Connection, key: str | None, session: int | None, error: BaseException
    ) -> Outcome:
        """What became of a COMMIT that raised an error."""
        if isinstance(error, sa.exc.DBAPIError) and not error.connection_invalidated:
            return Outcome.NOT_DONE  # the engine itself refused it
        with suppress(sa.exc.DBAPIError, self._driver_error):
            connection.invalidate()
        if key is None:
            return Outcome.UNKNOWN
        patience = LOOKUP_INTERRUPTED if interrupts.is_requested() else LOOKUP
        until = time.monotonic() + patience
        with self.backend.short_timeouts(self.engine):
            while time.monotonic() < until:
                with suppress(sa.exc.DBAPIError, self._driver_error):
                    return _look_up(self.backend, self.engine, key, session)
                time.sleep(0.1)
        return Outcome.UNKNOWN

    def _raise(self, error: BaseException, outcome: Outcome, repeatable: bool) -> None:
        """Raises what the outcome of a COMMIT that raised an error calls for; nothing if it was done after
        all."""
        is_ours = isinstance(error, interrupts.Interrupted)
        if outcome is Outcome.DONE and (is_ours or not isinstance(error, KeyboardInterrupt)):
            interrupts.postpone()
            return
        if outcome is Outcome.UNKNOWN and not repeatable:
            raise OutcomeUnknown(
                f"the connection to {self.location} was lost during the commit, and it does not answer: it"
                " may have been done; see `curation log`, and run this again only if it is not there"
            ) from error
        if not repeatable:
            interrupts.record_outcome(Outcome.NOT_DONE)
        raise error

    @property
    def _driver_error(self) -> type[Exception]:
        """What the driver itself raises, where bulk writes go past SQLAlchemy."""
        error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return error

    def check(self) -> None:
        """Raises StoreError, naming the command that mends it, unless the schema is this release's."""
        if not self.backend.store_exists():
            raise StoreError(f"no store at {self.location}: make one with `curation import PATH`")
        current, head = self.revision(), head_revision()
        self._has_units = current == head
        if current is None:
            self.refuse_other_program()
            raise StoreError(f"no curation store in {self.location}: run `curation db upgrade`")
        if current < head:
            raise StoreError(
                f"the store's schema is {current}, this release needs {head}: run `curation db upgrade`"
            )
        self._refuse_newer(current)

    def refuse_newer(self) -> None:
        """Raises StoreError if the schema is of a newer release than this."""
        if self.backend.store_exists():
            self._refuse_newer(self.revision())

    def _refuse_newer(self, current: str | None) -> None:
        head = head_revision()
        if current is not None and current > head:
            raise StoreError(
                f"the store's schema {current} is newer than this release ({head}): install a newer curation"
            )

    def damage(self) -> str | None:
        """What is damaged in the store, in a few words; None if nothing can be seen.

        It reads all of the store: for when something went wrong that should not.
        """
        try:
            with self.reading() as connection:
                for told in self.backend.find_damage(connection):
                    return told.text
                return next(self.backend.find_unreadable(connection, metadata.tables.values()), None)
        except (StoreError, UnicodeDecodeError):  # the second one of the driver: a name is damaged
            return "not all of it can be read"

    def refuse_other_program(self) -> None:
        """Raises StoreError for a file that another program made: nothing is to be done to it."""
        if self.backend.is_shared or not self.backend.store_exists():
            return
        with self.reading() as connection:
            inspector = sa.inspect(connection)
            names = inspector.get_table_names()
            if VERSION_TABLE in names:
                return
            names += inspector.get_view_names()
        held = (
            f"it holds {names[0]!r}, and nothing of curation's" if names else "it holds nothing of curation's"
        )
        raise StoreError(
            f"{self.location} is the file of another program ({held}): give another path with --database"
        )

    def schema_changes(self) -> None:
        """Forgets what was learnt of the schema; for migrations."""
        self._has_units = False

    def revision(self) -> str | None:
        """The revision that the store is at; None where it has no schema."""
        with self.reading() as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            revision: str | None = connection.scalar(
                sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE))
            )
            return revision

    @property
    def location(self) -> str:
        """Where the store is, fit to be shown: without a password."""
        return self.backend.location


def _check_nothing() -> None:
    """Check a lock that was not taken: there is nothing to lose."""


def migrations_folder() -> Path:
    """Where the revisions lie: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def head_revision() -> str:
    """The newest revision of this release, such as `0001`: the four digits that its file begins with."""
    return max(file.name[:4] for file in (migrations_folder() / "versions").glob("[0-9]*_*.py"))


def _look_up(backend: Backend, engine: sa.Engine, key: str, session: int | None) -> Outcome:
    """Whether a unit of work is in the store, asked over a new connection.

    A server may still be about to commit it, or keep it open for a client that is gone. So the session is
    ended, and the key claimed: the insertion waits for the transaction that inserted it, and fails if that
    commits. Once it succeeds, that transaction is over without COMMIT. Raises DBAPIError where it waits for
    too long.

    Args:
        session: see `Backend.session_of`. None where no session outlives its connection.
    """
    is_it = units_of_work.c.key == key
    with engine.connect() as connection:
        if session is None:
            with connection.execution_options(**backend.reading).begin():
                found = connection.scalar(sa.select(units_of_work.c.key).where(is_it))
            return Outcome.NOT_DONE if found is None else Outcome.DONE
        with connection.begin():
            backend.end_session(connection, session)
        try:
            with connection.begin():
                connection.execute(sa.insert(units_of_work).values(key=key, finished_at=now()))
                connection.execute(sa.delete(units_of_work).where(is_it))
        except sa.exc.IntegrityError:
            return Outcome.DONE
    return Outcome.NOT_DONE


def insert_row(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Adds one row and returns its id."""
    row_id: int = backend_of(connection).reserve_ids(connection, table, 1)[0]
    connection.execute(sa.insert(table).values(id=row_id, **values))
    return row_id


def now() -> dt.datetime:
    """This instant, in UTC."""
    return dt.datetime.now(dt.UTC)


#: Rows of a long answer that are in memory at once.
ROWS_IN_MEMORY = 500


def stream_rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    """Yield the rows of a query, of which few are in memory at once; it is asked when the first is wanted."""
    with connection.execute(query.execution_options(yield_per=ROWS_IN_MEMORY)) as rows:
        yield from rows


def temporary_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A table of one connection's own, in no migration; see `empty_temp_table`."""
    return sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def empty_temp_table(connection: sa.Connection, table: sa.Table) -> sa.Table:
    """Has a temporary table be there, without rows. It is never dropped: where it is not there yet, that
    would hit a table of another program which has its name."""
    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    connection.execute(sa.delete(table))
    return table
