"""The store: open it, begin and end its transactions, and know whether its schema is of this release.

Transactions open at the edge, by `reading` and `writing`; what is called within takes the connection
and never commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .backends import Backend, backend_for, of
from .errors import StoreError

PACKAGE = Path(__file__).parent

#: Where the store's revision stands; not Alembic's default, which another program's database may have.
VERSION_TABLE = "curation_version"


class Store:
    """One database, by URL or by the path of an SQLite file. Nothing is opened until it is used."""

    def __init__(self, database: str) -> None:
        self.backend: Backend = backend_for(database)

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
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that ends whole: committed at the end, or rolled back by any error."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except (sa.exc.DBAPIError, self._driver_error) as error:
            raise StoreError(self.backend.explain(error)) from error

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
        if current is None:
            raise StoreError(f"no curation store in {self.location}: run `curation db upgrade`")
        if current < head:
            raise StoreError(
                f"the store's schema is {current}, this release needs {head}: run `curation db upgrade`"
            )
        if current > head:
            raise StoreError(
                f"the store's schema {current} is newer than this release ({head}): install a newer curation"
            )

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


def migrations_folder() -> Path:
    """Where the revisions lie: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / "migrations"
    return installed if installed.is_dir() else PACKAGE.parent / "migrations"


def head_revision() -> str:
    """The newest revision of this release, such as `0001`: the four digits that its file begins with."""
    return max(file.name[:4] for file in (migrations_folder() / "versions").glob("[0-9]*_*.py"))


def insert_row(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Adds one row and returns its id."""
    row_id: int = of(connection).reserve_ids(connection, table, 1)[0]
    connection.execute(sa.insert(table).values(id=row_id, **values))
    return row_id


def now() -> dt.datetime:
    """This instant, in UTC."""
    return dt.datetime.now(dt.UTC)


def temporary_table(name: str, *columns: sa.Column[Any]) -> sa.Table:
    """A table of one connection's own, in no migration; see `emptied`."""
    return sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def emptied(connection: sa.Connection, table: sa.Table) -> sa.Table:
    """Has a temporary table be there, without rows. It is never dropped: where it is not there yet, that
    would hit a table of another program which has its name."""
    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    connection.execute(sa.delete(table))
    return table
