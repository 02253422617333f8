"""PostgreSQL: serves a team. Bulk writes by COPY, locks by advisory lock."""

from __future__ import annotations

import hashlib
import logging
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from ..errors import ImportFailed, StoreError
from .base import PATIENCE, Backend, Damage, Term
from .queries import SECRET_TABLES, Query, QueryResult
from .types import Flag, Instant, Json

if TYPE_CHECKING:
    import psycopg

#: Options of a URL that say where the store is; others may be secret.
_PLACE = frozenset({"service", "host", "hostaddr", "port", "dbname", "user"})

_LOST_LOCK = "the lock of the import of {source!r} was lost, and the import ended after its last whole batch:"

#: Whether this session has an advisory lock, whose number the server keeps in two halves.
_IS_LOCKED = """
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1 AND granted
  AND (classid::bigint << 32) | objid::bigint = %s)"""

#: What a role that asks might do beyond reading what is for everyone, by itself or as another role that it
#: may become. A read-only transaction holds back writing, but neither what a superuser's functions do, nor
#: that one session of a role ends another.
_POWERS = """
WITH roles AS (
  SELECT oid, rolname, rolsuper FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, 'MEMBER')
), tables AS (
  SELECT c.oid, c.relname FROM pg_catalog.pg_class c
  WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (
    SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('articles'))
)
SELECT current_user, array_remove(ARRAY[
  CASE WHEN (SELECT bool_or(rolsuper) FROM roles)
    THEN 'is a superuser, who can read and write the server''s files' END,
  CASE WHEN (SELECT bool_or(rolname IN ('pg_read_server_files', 'pg_write_server_files',
    'pg_execute_server_program') AND NOT rolsuper) FROM roles WHERE NOT (SELECT bool_or(rolsuper) FROM roles))
    THEN 'may use the server''s files' END,
  CASE WHEN (SELECT bool_or(has_table_privilege(r.oid, t.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
    FROM roles r, tables t) THEN 'may write to the store' END,
  CASE WHEN (SELECT bool_or(has_any_column_privilege(r.oid, t.oid, 'SELECT'))
    FROM roles r, tables t WHERE t.relname = ANY(%s))
    THEN 'may read documents, and with them what is secured' END
], NULL)"""


#: Ends a session of this program and this user, by its process number.
_END_SESSION = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE pid = :pid AND pid <> pg_catalog.pg_backend_pid() AND application_name = 'curation'
  AND datname = current_database() AND usename = current_user"""

#: Parameters of a connection whose question is given up after a few seconds: in seconds, and milliseconds.
_HURRIED = {"connect_timeout": 2, "tcp_user_timeout": 3000}
_HURRIED_OPTIONS = " -c lock_timeout=1s -c statement_timeout=3s"

# What psycopg logs of connections that it gives up would stand on standard error beside our own line.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class Postgresql(Backend):
    """See the module."""

    name = "postgresql"
    is_shared = True
    reading: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @property
    def location(self) -> str:
        shown = {key: value for key, value in self.url.query.items() if key in _PLACE}
        return self.url.set(drivername=self.name, query=shown).render_as_string(hide_password=True)

    def create_engine(self) -> sa.Engine:
        try:
            engine = sa.create_engine(
                self.url,
                poolclass=sa.pool.NullPool,
                pool_reset_on_return=None,  # it is closed; a connection that was cut would only complain
                use_native_hstore=False,  # the store has none, and looking for it takes a round trip
                hide_parameters=True,
            )
        except ModuleNotFoundError as error:
            raise StoreError("PostgreSQL needs its driver: pip install 'curation[postgresql]'") from error
        sa.event.listen(engine, "do_connect", _open_session)
        return engine

    @contextmanager
    def short_timeouts(self, engine: sa.Engine) -> Iterator[None]:
        sa.event.listen(engine, "do_connect", _hurry)
        try:
            yield
        finally:
            sa.event.remove(engine, "do_connect", _hurry)

    def session_of(self, connection: sa.Connection) -> int:
        return _driver(connection).info.backend_pid

    def end_session(self, connection: sa.Connection, session: int) -> None:
        # Between us and the server a pooler may have given us a number of its own.
        connection.execute(sa.text(_END_SESSION), {"pid": session})

    @contextmanager
    def migration_lock(self, connection: sa.Connection) -> Iterator[None]:
        key = sa.literal(_key("migrate"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        connection.commit()
        try:
            yield
        finally:
            # What is migrated goes through this connection too: if it is lost, nothing of it is kept.
            with suppress(sa.exc.SQLAlchemyError):
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                connection.commit()

    def check_foreign_keys(self, connection: sa.Connection) -> None:
        """Nothing to do: the engine enforces them while it migrates."""

    def find_damage(self, connection: sa.Connection) -> Iterable[Damage]:
        """Nothing: what looks through its pages (`amcheck`) is for the server's own administrators."""
        return ()

    def backup(
        self, file: Path, *, replace: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        raise StoreError(f"PostgreSQL makes its own backups; run: {self._dump_command(file)}")

    def _dump_command(self, file: Path) -> str:
        url, secret = self.url, ("password", "sslpassword")
        shown = sa.URL.create(
            self.name, url.username, None, url.host, url.port, url.database,
            {key: value for key, value in url.query.items() if key not in secret},
        )  # fmt: skip
        target = shown.render_as_string(hide_password=False)
        # PGCLIENTENCODING may name an encoding that has not all of our characters.
        options = ["--format=custom", "--encoding=UTF8", f"--file={file}", f"--dbname={target}"]
        return shlex.join(["pg_dump", *options])

    @contextmanager
    def import_lock(self, engine: sa.Engine, source: str) -> Iterator[Callable[[], None]]:
        # A lock of the session goes with its connection, however that ends; but the server ends a session
        # that was closed in its own time, and the next import may be faster.
        key = _key("import", source)
        try:
            connection = engine.connect()
            taken = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key)))
            connection.commit()
        except sa.exc.DBAPIError as error:
            raise StoreError(self.explain(error)) from error
        with connection:
            if not taken:
                raise ImportFailed(
                    f"another import of {source!r} is running; wait for it, then run this again"
                )
            try:
                yield lambda: self._check_lock(connection, key, source)
            finally:
                with suppress(sa.exc.SQLAlchemyError):  # the connection is lost, and the lock with it
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    def _check_lock(self, connection: sa.Connection, key: int, source: str) -> None:
        """Raises ImportFailed unless this session is alive, and the one that took the lock: a pooler may
        hand out another one."""
        try:
            is_held = connection.exec_driver_sql(_IS_LOCKED, (key,)).scalar()
            connection.commit()
        except sa.exc.SQLAlchemyError as error:
            raise ImportFailed(f"{_LOST_LOCK.format(source=source)} {self.explain(error)}") from error
        if not is_held:
            raise ImportFailed(
                f"{_LOST_LOCK.format(source=source)} connect to PostgreSQL itself, or by a pooler in session"
                " mode, then run this again"
            )

    def scratch_copy(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        from .postgresql_scratch_copy import scratch_copy

        return scratch_copy(engine)

    def lock_references(self, connection: sa.Connection) -> None:
        if connection.get_execution_options().get("rehearsing"):
            return
        bound = f"{int(PATIENCE * 1000)}ms"
        connection.execute(sa.select(sa.func.set_config("lock_timeout", bound, sa.true())))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("references"))))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')

    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        # Nearly always they follow each other, and their ends say it all.
        row = connection.exec_driver_sql(
            "SELECT min(id), max(id), CASE WHEN max(id) - min(id) + 1 <> count(*) THEN array_agg(id) END"
            " FROM (SELECT nextval((SELECT pg_get_serial_sequence(%s, 'id')::regclass)) AS id"
            " FROM generate_series(1, %s)) ids",
            (table.name, count),
        ).one()
        first, last, scattered = row
        if count == 0:
            return ()
        return scattered or range(first, last + 1)

    def insert_selected(
        self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: sa.Select[Any]
    ) -> None:
        # Sequences never go back, not even where a transaction does.
        connection.execute(sa.insert(table).from_select(list(columns), rows))

    def last_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> Mapping[str, int]:
        last = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass), 0)"
        return {table.name: connection.exec_driver_sql(last, (table.name,)).scalar_one() for table in tables}

    def raise_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        given, row_id = self.last_ids(connection, tables), "pg_get_serial_sequence(%s, 'id')::regclass"
        for table in tables:
            greatest = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
            if greatest > given[table.name]:
                connection.exec_driver_sql(f"SELECT setval({row_id}, %s)", (table.name, greatest))

    def bulk_insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        if not rows:
            return
        with _driver(connection).cursor() as cursor:
            _copy(cursor, table.name, [table.c[name] for name in columns], rows)

    def bulk_update(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        from psycopg import sql

        if not rows:
            return
        names = [sql.Identifier(name) for name in columns]
        stage = sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {} FROM {} WHERE false")
        settings = (sql.SQL("{0} = staged.{0}").format(name) for name in names[1:])
        change = sql.SQL("UPDATE {0} SET {1} FROM staged WHERE {0}.{2} = staged.{2}")
        target = sql.Identifier(table.name)
        with _driver(connection).cursor() as cursor:
            cursor.execute(stage.format(sql.SQL(", ").join(names), target))
            _copy(cursor, "staged", [table.c[name] for name in columns], rows)
            cursor.execute(change.format(target, sql.SQL(", ").join(settings), names[0]))
            cursor.execute("DROP TABLE staged")

    def find_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        wanted: Sequence[Any],
    ) -> Iterator[tuple[Any, ...]]:
        from psycopg import sql

        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%b)").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Identifier(table.name),
            sql.Identifier(columns[0]),
        )
        if wanted:
            with _driver(connection).cursor() as cursor:
                yield from cursor.execute(query, [list(wanted)])

    def index_articles(self, connection: sa.Connection, up_to: int) -> None:
        from .postgresql_search import index_articles

        index_articles(_driver(connection), up_to)

    def find_wrong_index(self, connection: sa.Connection) -> Iterator[tuple[int | None, str]]:
        from .postgresql_search import find_wrong_index

        return find_wrong_index(_driver(connection))

    def clear_index(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("DELETE FROM article_search")

    def search(self, terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
        from .postgresql_search import search

        return search(terms)

    def run_query(self, query: Query) -> AbstractContextManager[QueryResult]:
        from .postgresql_queries import run_query

        return run_query(self._connect, self.explain, query)

    def unsafe_privileges(self) -> str | None:
        with self._connect() as connection:
            user, powers = connection.execute(_POWERS, [list(SECRET_TABLES)]).fetchone() or ("", [])
        if not powers:
            return None
        return (
            f"{user!r} {', and '.join(powers)}: a query that is made to do harm is not contained;"
            " ask as a role that is granted SELECT alone, and not of documents"
        )

    def reader_statements(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        from .postgresql_readers import reader_statements

        return reader_statements(_driver(connection), role, readable)

    def excess_privileges(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        from .postgresql_readers import excess_privileges

        return excess_privileges(_driver(connection), role, readable)

    def readers_lacking_views(self, connection: sa.Connection, views: Sequence[str]) -> Sequence[str]:
        from .postgresql_readers import readers_lacking_views

        return readers_lacking_views(_driver(connection), views)

    def preserving_grants(self, connection: sa.Connection) -> AbstractContextManager[None]:
        from .postgresql_readers import preserving_grants

        return preserving_grants(_driver(connection))

    def explain(self, error: Exception) -> str:
        from .postgresql_errors import explain

        return explain(getattr(error, "orig", error), self.location)

    def is_read_only(self, error: Exception) -> bool:
        return getattr(getattr(error, "orig", error), "sqlstate", None) == "25006"

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        from .postgresql_sessions import open_session

        return open_session(*self.create_engine().dialect.create_connect_args(self.url))


def _open_session(
    _dialect: sa.Dialect, _record: object, arguments: list[Any], options: dict[str, Any]
) -> psycopg.Connection[tuple[Any, ...]]:
    """Has SQLAlchemy's connections be pinned before it asks them anything."""
    from .postgresql_sessions import open_session

    return open_session(arguments, options)


def _hurry(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    """Bounds a connection that is about to be made."""
    parameters.update(_HURRIED)
    parameters["options"] = f"{parameters.get('options') or ''}{_HURRIED_OPTIONS}"


def _driver(connection: sa.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    driver: Any = connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]


def _copy(
    cursor: psycopg.Cursor[tuple[Any, ...]],
    table: str,
    columns: Sequence[sa.Column[Any]],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Writes rows by COPY in binary, which no setting of a session reads otherwise."""
    from psycopg import sql

    from .postgresql_sessions import InstantDumper

    cursor.adapters.register_dumper(None, InstantDumper)
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    )
    with cursor.copy(copy) as stream:
        stream.set_types([_BINARY_TYPES[type(column.type)] for column in columns])
        for row in rows:
            stream.write_row(row)


#: What a driver's value is sent as. JSON is text, ready made, and goes as such.
_BINARY_TYPES: dict[type[Any], str] = {
    sa.BigInteger: "int8", sa.Text: "text", sa.String: "text", sa.LargeBinary: "bytea", Flag: "bool",
    Instant: "timestamptz", Json: "text",
}  # fmt: skip


def _key(*parts: str) -> int:
    """The number of an advisory lock: 63 bits of a hash, so that no other program's is met."""
    digest = hashlib.sha256("\0".join(("curation", *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
