"""Runs read-only queries on PostgreSQL, with a cursor in a read-only transaction that is never committed.

- DECLARE accepts a single SELECT only, so that neither `commit; insert ...` nor COPY is possible.
- A read-only transaction cannot become writable after it has started to read.
- Each table that a query reads stays locked until the end. Rows are returned only if these locks show that no
  table with documents was read, for every role and in every way.

What remains is the functions that a role may call. `describe_unsafe_privileges` reports these.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from sys import getsizeof
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Loader

from ..errors import QueryRefused, StoreError
from .base import LOCK_TIMEOUT
from .postgresql_errors import get_first_line, is_disconnected
from .queries import (
    MAX_VALUE,
    ONE_STATEMENT,
    ONLY_READING,
    SECRET_TABLES,
    Query,
    QueryResult,
    UntypedValue,
    describe_unreadable_table,
    make_missing_parameter_error,
)
from .query_workers import Worker, describe_timeout
from .sql_text import (
    Numbered,
    find_name_at,
    find_second_statement,
    number_parameters,
    split_tokens,
    without_semicolons,
)

if TYPE_CHECKING:
    from psycopg.abc import Buffer

Connection = psycopg.Connection[tuple[Any, ...]]

_DECLARE = "DECLARE curation NO SCROLL CURSOR FOR "

#: PostgreSQL's own tables with values of other tables, large objects or passwords.
_SECRET_CATALOGS = ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_authid")

#: Tables, and their TOAST tables, which store long values.
_SECRETS = """
SELECT c.oid::bigint, t.name FROM unnest($1::text[]) AS t (name)
JOIN pg_catalog.pg_class r ON r.oid = to_regclass(t.name)
JOIN pg_catalog.pg_class c ON c.oid IN (r.oid, r.reltoastrelid)"""
#: Those of these tables that the transaction has read.
_READ = """
SELECT relation::bigint FROM pg_catalog.pg_locks
WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND relation = ANY($1::oid[])"""

#: Limits of one fetch in rows, bytes and seconds. Fetches start with one row, and grow up to one of the
#: limits.
_ROWS, _BYTES, _SECONDS = 2_000, 4 * 1024 * 1024, 0.5

#: Limits the temporary files for sorts and joins, if this role may set the limit.
_LIMIT_TEMPORARY = """
SELECT set_config('temp_file_limit', '4GB', true) WHERE current_setting('temp_file_limit') = '-1'
AND has_parameter_privilege(current_user, 'temp_file_limit', 'SET')"""

#: Makes the server check every second whether the client still exists. Not every system supports it.
_CHECK_CLIENT = "SET LOCAL client_connection_check_interval = '1s'"

#: Functions of the server that refuse a SELECT that writes: `WITH ... AS (INSERT ...)`, SELECT INTO.
_OTHER_THAN_SELECT = frozenset({"transformDeclareCursorStmt", "transformSelectStmt"})

#: A parameter in a message of the server, in any language.
_MARK = re.compile(r"\$(\d{1,5})\b")
_TYPE_ADVICE = "state the type, as in CAST(:name AS integer)"

#: Part of the message for an operator or function that does not accept a flag. On SQLite a flag is a number.
_FLAG_AS_NUMBER = re.compile(r"\bboolean\b")
_FLAG_ADVICE = "write `published` or `NOT published`, or CAST(published AS integer) to calculate with a flag"

_DECIMAL = re.compile(r"[-+]?\d+(\.\d+)?")


@contextmanager
def run_query(
    connect: Callable[[], Connection], explain: Callable[[Exception], str], query: Query
) -> Iterator[QueryResult]:
    """Run a query on its own connection. Raise QueryRefused, and StoreError without a connection."""
    execution = _Execution(connect, query)
    with Worker(query, execution.stop, execution.close) as worker:
        try:
            columns = worker.call(execution.start)
            yield QueryResult(columns, _rows(worker, execution))
        except psycopg.errors.IdleInTransactionSessionTimeout as error:
            raise QueryRefused(describe_timeout(query)) from error
        except psycopg.Error as error:
            # libpq has no memory for the result. This error has neither a code nor its own class.
            if type(error) is psycopg.DatabaseError and not error.sqlstate:
                raise MemoryError from error
            if is_disconnected(error):
                raise StoreError(explain(error)) from error
            raise execution.make_refusal(error) from error


def _rows(worker: Worker, execution: _Execution) -> Iterator[tuple[Any, ...]]:
    while rows := worker.call(execution.fetch):
        yield from rows


class _Execution:
    """Runs one query on its own connection. All methods but `stop` are called in the worker's thread."""

    def __init__(self, connect: Callable[[], Connection], query: Query) -> None:
        query = replace(query, sql=without_semicolons(query.sql, escapes=True))
        self._connect, self._query = connect, query
        self._connection: Connection | None = None
        self._text: Numbered = number_parameters(query.sql, query.parameters)
        self._secrets: dict[int, str] = {}
        self._columns: list[str] = []
        self._fetch_size, self._remaining = 1, query.limit
        self._is_declared = False

    def start(self) -> list[str]:
        """Start the query and return its columns."""
        self._connection = self._connect()
        self._connection.read_only = True
        self._connection.prepare_threshold = None
        _register_loaders(self._connection)
        self._execute = psycopg.RawCursor(self._connection).execute
        try:
            self._declare({})
        except (psycopg.errors.InvalidTextRepresentation, psycopg.errors.NumericValueOutOfRange):
            decimals = {n: Decimal(str(v)) for n, v in self._query.parameters.items() if _is_decimal(v)}
            if not decimals:
                raise
            self._connection.rollback()
            self._declare(decimals)
        described = self._execute("FETCH FORWARD 0 FROM curation").description
        self._columns = [column.name for column in described or ()]
        return self._columns

    def _declare(self, decimals: dict[str, Decimal]) -> None:
        """Declare the cursor.

        Untyped parameters take the type of what they are compared with. An integer column then refuses 90.5.
        The caller passes such values as `decimals`, which are compared as numbers.
        """
        self._set_limits()
        values = [decimals.get(name, self._query.parameters[name]) for name in self._text.names]
        plain = [str(value) if isinstance(value, UntypedValue) else value for value in values]
        # `binary` selects the extended protocol, which allows only one statement.
        self._execute(f"{_DECLARE}{self._text.text}", plain, binary=True)
        self._is_declared = True
        self._check_tables()

    def _set_limits(self) -> None:
        """Start the transaction by setting its limits."""
        timeout = self._query.timeout
        milliseconds = 0 if timeout is None else min(int(timeout * 1000) + 1, 2**31 - 1)
        settings = {
            "statement_timeout": milliseconds,
            "lock_timeout": int(LOCK_TIMEOUT * 1000),
            "idle_in_transaction_session_timeout": str(
                min(milliseconds + 5_000, 2**31 - 1) if timeout else 0
            ),
            "cursor_tuple_fraction": 1,  # optimize for all rows, not for the first ones
            "standard_conforming_strings": "on",
        }
        calls = ", ".join(
            f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items()
        )
        self._execute(f"SELECT {calls}")
        assert self._connection is not None
        version = self._connection.info.server_version
        if version >= 150000:
            self._execute(_LIMIT_TEMPORARY)
        if version >= 140000:
            with suppress(psycopg.errors.InvalidParameterValue), self._connection.transaction():
                self._execute(_CHECK_CLIENT)
        names = [*SECRET_TABLES, *(f"pg_catalog.{name}" for name in _SECRET_CATALOGS)]
        self._secrets = dict(self._execute(_SECRETS, [names]).fetchall())

    def fetch(self) -> list[tuple[Any, ...]]:
        """Return the next rows; none at the end."""
        count = self._fetch_size if self._remaining is None else min(self._fetch_size, self._remaining)
        if not count:  # FETCH FORWARD 0 would return the last row again
            return []
        start = time.monotonic()
        rows = self._execute(f"FETCH FORWARD {count} FROM curation").fetchall()
        seconds = time.monotonic() - start
        size = sum(self._row_size(row) for row in rows)
        self._check_tables()
        self._remaining = None if self._remaining is None else self._remaining - len(rows)
        if seconds > _SECONDS or size > _BYTES:
            self._fetch_size = max(1, self._fetch_size // 4)
        elif seconds < _SECONDS / 4 and size < _BYTES / 4:
            self._fetch_size = min(_ROWS, self._fetch_size * 4)
        return rows

    def _row_size(self, row: Sequence[Any]) -> int:
        """Return the bytes of a row. Raise QueryRefused for a value that is too large."""
        sizes = [getsizeof(value) for value in row]
        for column, size in zip(self._columns, sizes, strict=True):
            if size > MAX_VALUE + 100:
                raise QueryRefused(
                    f"a value of {column} has {size >> 20} MB, more than the maximum of {MAX_VALUE >> 20} MB:"
                    f" select a part, such as left({column}, 1000)"
                )
        return sum(sizes)

    def _check_tables(self) -> None:
        """Raise QueryRefused if the query has read a secret table."""
        for (oid,) in self._execute(_READ, [list(self._secrets)]).fetchall():
            raise QueryRefused(describe_unreadable_table(self._secrets[oid].removeprefix("pg_catalog.")))

    def stop(self) -> None:
        """Cancel the running statement on the server."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=1.0)

    def close(self) -> None:
        """End the transaction without a commit, which would send notifications."""
        if self._connection is not None:
            self._connection.close()

    def make_refusal(self, error: psycopg.Error) -> QueryRefused:
        """Return an error with a message for the user."""
        text = error.diag.message_primary or get_first_line(error)
        offset = self._offset(error)
        if isinstance(error, psycopg.errors.QueryCanceled):
            return QueryRefused(describe_timeout(self._query))
        refused = self._refused_statement(error, offset) or _refused_access(error, text)
        if refused is not None:
            return refused
        if name := self._parameter_at(offset):
            return make_missing_parameter_error(name, offset)
        text = self._name_parameters(error, text)
        kind = _MISSING.get(type(error))
        if kind is None:
            return QueryRefused(text + _hint(error, text), offset)
        name = find_name_at(self._query.sql, offset) if offset is not None else ""
        return QueryRefused(text, offset, (kind, name) if name else None)

    def _refused_statement(self, error: psycopg.Error, offset: int | None) -> QueryRefused | None:
        """Return the error for several statements, or for one that is not a SELECT; else None."""
        second = find_second_statement(self._query.sql, escapes=True)
        if second is not None and offset is None and isinstance(error, psycopg.errors.SyntaxError):
            return QueryRefused(ONE_STATEMENT, second)
        return QueryRefused(ONLY_READING) if self._is_other_than_select(error, offset) else None

    def _name_parameters(self, error: psycopg.Error, text: str) -> str:
        """Return the text of an error with the names of the parameters that it is about."""
        if parameter := self._parameter_in(error.diag.context or ""):
            text = f":{parameter}: {text}"
        if isinstance(error, psycopg.errors.IndeterminateDatatype):
            return f"{_MARK.sub(lambda mark: f':{self._parameter_in(mark[0])}', text)}: {_TYPE_ADVICE}"
        return text

    def _offset(self, error: psycopg.Error) -> int | None:
        position = error.diag.statement_position
        if position is None or self._is_declared:
            return None
        return self._text.find_original_offset(max(0, int(position) - 1 - len(_DECLARE)))

    def _parameter_at(self, offset: int | None) -> str:
        found = (t.parameter for t in split_tokens(self._query.sql, escapes=True) if t.start == offset)
        return next(found, "")

    def _parameter_in(self, text: str) -> str:
        """Return the name of the first parameter whose number is in a message; "" if there is none."""
        numbers = (int(number) for number in _MARK.findall(text))
        return next((self._text.names[n - 1] for n in numbers if 0 < n <= len(self._text.names)), "")

    def _is_other_than_select(self, error: psycopg.Error, offset: int | None) -> bool:
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            return True
        if error.diag.source_function in _OTHER_THAN_SELECT:
            return True
        first = next(split_tokens(self._query.sql, escapes=True), None)
        is_first = first is not None and offset == first.start
        return is_first and isinstance(error, psycopg.errors.SyntaxError)


def _refused_access(error: psycopg.Error, text: str) -> QueryRefused | None:
    """Return the error for a table that is locked or that the role may not read; else None."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return QueryRefused("the store is busy: another command is running; run this again in a moment")
    if not isinstance(error, psycopg.errors.InsufficientPrivilege):
        return None
    name = next((name for name in SECRET_TABLES if re.search(rf"\b{name}\b", text)), None)
    message = f"this role lacks a privilege ({text}): run `curation db views` for what readers may query"
    return QueryRefused(describe_unreadable_table(name) if name else message)


def _hint(error: psycopg.Error, text: str) -> str:
    """Return what is added to an error's text: our advice or the server's."""
    if isinstance(error, psycopg.errors.UndefinedFunction) and _FLAG_AS_NUMBER.search(text):
        return f": {_FLAG_ADVICE}"
    return f" ({error.diag.message_hint})" if error.diag.message_hint else ""


_MISSING: dict[type[psycopg.Error], str] = {
    psycopg.errors.UndefinedTable: "table",
    psycopg.errors.UndefinedColumn: "column",
}


def _is_decimal(value: object) -> bool:
    return isinstance(value, UntypedValue) and _DECIMAL.fullmatch(value) is not None


class _Flag(Loader):
    """Loads booleans as 1 and 0, as on SQLite: a query has the same result on every engine."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Text(Loader):
    """Loads a value as the server's text."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Instant(_Text):
    """Loads instants as text in UTC, as SQLite stores them."""

    def load(self, data: Buffer) -> str:
        return super().load(data).removesuffix("+00")


class _Number(Loader):
    """Loads a number as Decimal, or as text if it is too long for Python to format."""

    def load(self, data: Buffer) -> Decimal | str:
        text = bytes(data).decode()
        return text if len(text) > 4_000 else Decimal(text)


def _register_loaders(connection: Connection) -> None:
    """Load as text what JSON and tables cannot show, and what Python cannot represent, such as dates BC."""
    adapters = connection.adapters
    adapters.register_loader("timestamptz", _Instant)
    adapters.register_loader("numeric", _Number)
    adapters.register_loader("bool", _Flag)
    for kind in ("date", "time", "timetz", "timestamp", "interval", "uuid", "inet", "cidr"):
        adapters.register_loader(kind, _Text)
    for kind in ("int4", "int8", "num", "date", "ts", "tstz"):
        adapters.register_loader(f"{kind}range", _Text)
        adapters.register_loader(f"{kind}multirange", _Text)
