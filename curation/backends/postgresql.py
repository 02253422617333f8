"""The PostgreSQL backend, for teams: bulk writes with COPY, advisory locks."""

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
from .base import LOCK_TIMEOUT, Backend, Damage, Term, make_running_import_error
from .queries import SECRET_TABLES, Query, QueryResult
from .types import Flag, Instant, Json

if TYPE_CHECKING:
    import psycopg

#: Options of a URL that locate the store. Other options may be secret.
_LOCATION_OPTIONS = frozenset({"service", "host", "hostaddr", "port", "dbname", "user"})

_LOST_LOCK = (
    "the lock of the import of {source!r} was lost, and the import stopped after its last complete batch:"
)

#: Whether this session has an advisory lock, whose number the server stores in two halves.
_IS_LOCKED = """
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1 AND granted
  AND (classid::bigint << 32) | objid::bigint = %s)"""

#: Privileges of the current role, and of roles that it can become, beyond reading public data. A read-only
#: transaction prevents writes. It does not prevent what a superuser's functions do, or that one session of a
#: role ends another.
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
    THEN 'may read documents, including secured data' END
], NULL)"""


#: Ends a session of this program and this user, by its process id.
_END_SESSION = """
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE pid = :pid AND pid <> pg_catalog.pg_backend_pid() AND application_name = 'curation'
  AND datname = current_database() AND usename = current_user"""

#: Parameters of a connection with short timeouts: in seconds, and in milliseconds.
_SHORT_TIMEOUTS = {"connect_timeout": 2, "tcp_user_timeout": 3000}
_SHORT_TIMEOUT_OPTIONS = " -c lock_timeout=1s -c statement_timeout=3s"

# psycopg logs abandoned connections. Without a handler, these lines would appear next to our error message.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class Postgresql(Backend):
    """The PostgreSQL backend."""

    name = "postgresql"
    is_shared = True
    reading: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @property
    def location(self) -> str:
        options = {key: value for key, value in self.url.query.items() if key in _LOCATION_OPTIONS}
        return self.url.set(drivername=self.name, query=options).render_as_string(hide_password=True)

    def create_engine(self) -> sa.Engine:
        try:
            engine = sa.create_engine(
                self.url,
                poolclass=sa.pool.NullPool,
                pool_reset_on_return=None,  # connections are closed, and a lost one would raise an error
                use_native_hstore=False,  # not used, and checking for it takes a round trip
                hide_parameters=True,
            )
        except ModuleNotFoundError as error:
            raise StoreError(
                "the PostgreSQL driver is not installed; run: pip install 'curation[postgresql]'"
            ) from error
        sa.event.listen(engine, "do_connect", _open_session)
        return engine

    @contextmanager
    def short_timeouts(self, engine: sa.Engine) -> Iterator[None]:
        sa.event.listen(engine, "do_connect", _shorten_timeouts)
        try:
            yield
        finally:
            sa.event.remove(engine, "do_connect", _shorten_timeouts)

    def session_of(self, connection: sa.Connection) -> int:
        return _driver(connection).info.backend_pid

    def end_session(self, connection: sa.Connection, session: int) -> None:
        # The condition on the application matters: behind a pooler, the id may be one of the pooler itself.
        connection.execute(sa.text(_END_SESSION), {"pid": session})

    @contextmanager
    def migration_lock(self, connection: sa.Connection) -> Iterator[None]:
        key = sa.literal(_key("migrate"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        connection.commit()
        try:
            yield
        finally:
            # The migration uses this connection too. If it is lost, the migration was rolled back.
            with suppress(sa.exc.SQLAlchemyError):
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
                connection.commit()

    def check_foreign_keys(self, connection: sa.Connection) -> None:
        """Do nothing: the engine enforces foreign keys during migrations."""

    def find_damage(self, connection: sa.Connection) -> Iterable[Damage]:
        """Return nothing: checking pages (`amcheck`) is left to the server's administrators."""
        return ()

    def backup(
        self, file: Path, *, replace: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        raise StoreError(f"PostgreSQL has its own backup program; run: {self._dump_command(file)}")

    def _dump_command(self, file: Path) -> str:
        url, secret = self.url, ("password", "sslpassword")
        shown = sa.URL.create(
            self.name, url.username, None, url.host, url.port, url.database,
            {key: value for key, value in url.query.items() if key not in secret},
        )  # fmt: skip
        target = shown.render_as_string(hide_password=False)
        # Otherwise PGCLIENTENCODING may select an encoding that lacks some of our characters.
        options = ["--format=custom", "--encoding=UTF8", f"--file={file}", f"--dbname={target}"]
        return shlex.join(["pg_dump", *options])

    @contextmanager
    def import_lock(self, engine: sa.Engine, source: str) -> Iterator[Callable[[], None]]:
        # A session lock ends with its connection. It is released explicitly, because the server may notice a
        # closed connection only after the next import has started.
        key = _key("import", source)
        try:
            connection = engine.connect()
            is_acquired = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key)))
            connection.commit()
        except sa.exc.DBAPIError as error:
            raise StoreError(self.explain(error)) from error
        with connection:
            if not is_acquired:
                raise make_running_import_error(source)
            try:
                yield lambda: self._check_lock(connection, key, source)
            finally:
                with suppress(sa.exc.SQLAlchemyError):  # the connection is lost, and the lock with it
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    def _check_lock(self, connection: sa.Connection, key: int, source: str) -> None:
        """Raise ImportFailed unless this session exists and has the lock; a pooler may give another one."""
        try:
            is_locked = connection.exec_driver_sql(_IS_LOCKED, (key,)).scalar()
            connection.commit()
        except sa.exc.SQLAlchemyError as error:
            raise ImportFailed(f"{_LOST_LOCK.format(source=source)} {self.explain(error)}") from error
        if not is_locked:
            raise ImportFailed(
                f"{_LOST_LOCK.format(source=source)} connect to PostgreSQL directly, or through a pooler in"
                " session mode, then run this again"
            )

    def scratch_copy(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        from .postgresql_scratch_copy import scratch_copy

        return scratch_copy(engine)

    def lock_references(self, connection: sa.Connection) -> None:
        if connection.get_execution_options().get("is_scratch_copy"):
            return
        timeout = f"{int(LOCK_TIMEOUT * 1000)}ms"
        connection.execute(sa.select(sa.func.set_config("lock_timeout", timeout, sa.true())))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("references"))))

    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')

    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        # The ids are nearly always consecutive, and then the first and the last one are enough.
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
        # The sequence never returns an id twice, not even after a rollback.
        connection.execute(sa.insert(table).from_select(list(columns), rows))

    def read_last_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> Mapping[str, int]:
        last = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass), 0)"
        return {table.name: connection.exec_driver_sql(last, (table.name,)).scalar_one() for table in tables}

    def raise_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        given, row_id = self.read_last_ids(connection, tables), "pg_get_serial_sequence(%s, 'id')::regclass"
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
        keys: Sequence[Any],
    ) -> Iterator[tuple[Any, ...]]:
        from psycopg import sql

        query = sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%b)").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Identifier(table.name),
            sql.Identifier(columns[0]),
        )
        if keys:
            with _driver(connection).cursor() as cursor:
                yield from cursor.execute(query, [list(keys)])

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

    def describe_unsafe_privileges(self) -> str | None:
        with self._connect() as connection:
            user, powers = connection.execute(_POWERS, [list(SECRET_TABLES)]).fetchone() or ("", [])
        if not powers:
            return None
        return (
            f"{user!r} {', and '.join(powers)}: a malicious query could do harm;"
            " use a role that may only SELECT, and not from documents"
        )

    def make_reader_statements(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        from .postgresql_readers import make_reader_statements

        return make_reader_statements(_driver(connection), role, readable)

    def find_excess_privileges(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        from .postgresql_readers import find_excess_privileges

        return find_excess_privileges(_driver(connection), role, readable)

    def find_readers_lacking_views(self, connection: sa.Connection, views: Sequence[str]) -> Sequence[str]:
        from .postgresql_readers import find_readers_lacking_views

        return find_readers_lacking_views(_driver(connection), views)

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
    """Open a connection for SQLAlchemy, and set its session settings before SQLAlchemy uses it."""
    from .postgresql_sessions import open_session

    return open_session(arguments, options)


def _shorten_timeouts(
    _dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]
) -> None:
    """Add short timeouts to the parameters of a new connection."""
    parameters.update(_SHORT_TIMEOUTS)
    parameters["options"] = f"{parameters.get('options') or ''}{_SHORT_TIMEOUT_OPTIONS}"


def _driver(connection: sa.Connection) -> psycopg.Connection[tuple[Any, ...]]:
    driver: Any = connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]


def _copy(
    cursor: psycopg.Cursor[tuple[Any, ...]],
    table: str,
    columns: Sequence[sa.Column[Any]],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Write rows with a binary COPY, which does not depend on session settings."""
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


#: The types in which values are sent. JSON values are text already.
_BINARY_TYPES: dict[type[Any], str] = {
    sa.BigInteger: "int8", sa.Text: "text", sa.String: "text", sa.LargeBinary: "bytea", Flag: "bool",
    Instant: "timestamptz", Json: "text",
}  # fmt: skip


def _key(*parts: str) -> int:
    """Return the number of an advisory lock: 63 bits of a hash, to avoid those of other programs."""
    digest = hashlib.sha256("\0".join(("curation", *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
