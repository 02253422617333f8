"""PostgreSQL: serves a team. Bulk writes by COPY, locks by advisory lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from ..errors import ImportFailed, QueryRefused, StoreError
from . import Answer, Backend, Query, bind_processors, driver_rows, limited

if TYPE_CHECKING:
    import psycopg

#: Rows that a query's cursor brings at once.
FETCH = 2_000


class Postgresql(Backend):
    """See the module."""

    name = "postgresql"
    reading: ClassVar[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @property
    def location(self) -> str:
        return self.url.set(drivername=self.name, query={}).render_as_string(hide_password=True)

    def create_engine(self) -> sa.Engine:
        try:
            return sa.create_engine(
                self.url,
                poolclass=sa.pool.NullPool,
                connect_args={"options": "-c timezone=UTC", "application_name": "curation"},
                hide_parameters=True,
            )
        except ModuleNotFoundError as error:
            raise StoreError("PostgreSQL needs its driver: pip install 'curation[postgresql]'") from error

    @contextmanager
    def migration_lock(self, connection: sa.Connection) -> Iterator[None]:
        key = sa.literal(_key("migrate"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        connection.commit()
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
            connection.commit()

    def check_foreign_keys(self, connection: sa.Connection) -> None:
        """Nothing to do: the engine enforces them while it migrates."""

    @contextmanager
    def import_lock(self, engine: sa.Engine, source: str) -> Iterator[None]:
        # A lock of the session goes with its connection, however that ends.
        with engine.connect() as connection:
            if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_key("import", source)))):
                raise ImportFailed(
                    f"another import of {source!r} is running; wait for it, then run this again"
                )
            connection.commit()
            yield

    def lock_references(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("references"))))

    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        sequence = sa.func.pg_get_serial_sequence(table.name, "id")
        numbers = sa.func.generate_series(1, count).table_valued("n")
        return connection.scalars(sa.select(sa.func.nextval(sequence)).select_from(numbers)).all()

    def bulk_insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
    ) -> None:
        from psycopg import sql

        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor, cursor.copy(copy) as stream:
            for row in driver_rows(bind_processors(connection, table, columns), rows):
                stream.write_row(row)

    @contextmanager
    def ask(self, query: Query) -> Iterator[Answer]:
        # One server-side cursor in a READ ONLY transaction: DECLARE takes a single SELECT, so that
        # neither `commit; insert ...` nor COPY gets in. It does not hold back what the role may
        # call; `power_of_asker` tells.
        import psycopg

        try:
            with self._connect() as connection:
                connection.read_only = True
                connection.adapters.register_loader("timestamptz", _instant_loader())
                milliseconds = min(int((query.timeout or 0) * 1000), 2**31 - 1)
                connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
                with connection.cursor(name="curation") as cursor:
                    cursor.itersize = FETCH
                    cursor.execute(*_placeholders(query))
                    columns = [column.name for column in cursor.description or ()]
                    yield Answer(columns, limited(cursor, query.limit))
        except psycopg.errors.QueryCanceled as error:
            raise QueryRefused(
                f"the query ran longer than {query.timeout:g} s: raise --timeout or ask for less"
            ) from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise QueryRefused(f"only reading is allowed: {_first_line(error)}") from error
        except psycopg.Error as error:
            raise QueryRefused(_refusal(error)) from error

    def power_of_asker(self) -> str | None:
        with self._connect() as connection:
            row = connection.execute(
                "SELECT current_user, rolsuper, has_table_privilege('articles', 'UPDATE'),"
                " has_table_privilege('documents', 'SELECT')"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row is not None
        user, superuser, writes, reads_documents = row
        if superuser:
            return f"{user!r} is a superuser: a query can read the server's files and call any function"
        if writes:
            return f"{user!r} may write to the store: a query that calls a writing function is not contained"
        if reads_documents:
            return f"{user!r} may read documents, and with them what is secured"
        return None

    def explain(self, error: sa.exc.DBAPIError) -> str:
        text = _first_line(error.orig)
        if "already exists" in text:
            return f"the database has tables of another program ({text}): give curation one of its own"
        if isinstance(error, sa.exc.OperationalError):
            return f"no connection to {self.location}, or it was lost: {text}"
        return f"PostgreSQL says: {text}"

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        engine = self.create_engine()
        arguments, options = engine.dialect.create_connect_args(self.url)
        import psycopg

        options.update(options="-c timezone=UTC", application_name="curation")
        return psycopg.connect(*arguments, **options)


def _instant_loader() -> type[psycopg.abc.Loader]:
    """Instants in raw SQL read alike on every engine: UTC, as SQLite holds them."""
    from psycopg.adapt import Loader

    class InstantLoader(Loader):
        def load(self, data: psycopg.abc.Buffer) -> str:
            return bytes(data).decode().removesuffix("+00")

    return InstantLoader


def _key(*parts: str) -> int:
    """The number of an advisory lock: 63 bits of a hash, so that no other program's is met."""
    digest = hashlib.sha256("\0".join(("curation", *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _refusal(error: psycopg.Error) -> str:
    position = error.diag.statement_position
    text = error.diag.message_primary or _first_line(error)
    if "multiple commands" in text:
        return "one statement at a time"
    return f"{text} (at character {position} of the cursor's query)" if position else text


#: What a placeholder cannot stand in, or a placeholder; `::` is a cast.
_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    | :: | :(?P<name>[A-Za-z_]\w*) | %""",
    re.VERBOSE | re.DOTALL,
)


def _placeholders(query: Query) -> tuple[str, dict[str, object] | None]:
    """The query with `:name` as the driver writes it; without parameters it goes as it is."""
    if not query.parameters:
        return query.sql.rstrip().rstrip(";"), None

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        return f"%({name})s" if name else match[0].replace("%", "%%")

    return _TOKENS.sub(replace, query.sql.rstrip().rstrip(";")), dict(query.parameters)
