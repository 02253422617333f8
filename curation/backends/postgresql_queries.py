"""A query on PostgreSQL: one cursor in a read-only transaction, which is never committed.

DECLARE takes a single SELECT, so that neither `commit; insert ...` nor COPY gets in, and a read-only
transaction cannot be made another once it has begun to read. What a query reads leaves locks until its end:
rows are given out only once these say that no table was read which holds documents, whoever asks and by
whatever road. What remains is what a role may call; `unsafe_privileges` tells.
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
from .base import PATIENCE
from .postgresql_errors import first_line, is_cut
from .queries import (
    MAX_VALUE,
    ONE_STATEMENT,
    ONLY_READING,
    SECRET_TABLES,
    Query,
    QueryResult,
    UntypedValue,
    missing_parameter,
    not_readable,
)
from .query_workers import Worker, too_long
from .sql_text import Numbered, named_at, numbered, second_statement, tokens, without_semicolons

if TYPE_CHECKING:
    from psycopg.abc import Buffer

Connection = psycopg.Connection[tuple[Any, ...]]

_DECLARE = "DECLARE curation NO SCROLL CURSOR FOR "

#: PostgreSQL's own tables that hold what others' columns hold, or passwords.
_SECRET_CATALOGS = ("pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_authid")

#: Tables and what they keep long values in, which has a name of its own.
_SECRETS = """
SELECT c.oid::bigint, t.name FROM unnest($1::text[]) AS t (name)
JOIN pg_catalog.pg_class r ON r.oid = to_regclass(t.name)
JOIN pg_catalog.pg_class c ON c.oid IN (r.oid, r.reltoastrelid)"""
_READ = """
SELECT relation::bigint FROM pg_catalog.pg_locks
WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND relation = ANY($1::oid[])"""

#: Rows, bytes and seconds of one fetch: it begins with one row, and grows to where one of these is reached.
_ROWS, _BYTES, _SECONDS = 2_000, 4 * 1024 * 1024, 0.5

#: What the server may write to its disk to sort and join, where this role may say so.
_LIMIT_TEMPORARY = """
SELECT set_config('temp_file_limit', '4GB', true) WHERE current_setting('temp_file_limit') = '-1'
AND has_parameter_privilege(current_user, 'temp_file_limit', 'SET')"""

#: Has the server look every second whether the process that asks is still there; not every system can.
_LOOK = "SET LOCAL client_connection_check_interval = '1s'"

#: Where the server refuses what reads like a SELECT and writes: `WITH ... AS (INSERT ...)`, SELECT INTO.
_OTHER_THAN_SELECT = frozenset({"transformDeclareCursorStmt", "transformSelectStmt"})

#: A parameter in the server's words, which are translated around it.
_MARK = re.compile(r"\$(\d{1,5})\b")
_SAY_TYPE = "say it, as in CAST(:name AS integer)"

#: An operator or a function that has no place for a flag, which is a number on SQLite.
_FLAG_AS_NUMBER = re.compile(r"\bboolean\b")
_SAY_FLAG = "write `published` or `NOT published`, and to reckon with a flag CAST(published AS integer)"

_DECIMAL = re.compile(r"[-+]?\d+(\.\d+)?")


@contextmanager
def run_query(
    connect: Callable[[], Connection], explain: Callable[[Exception], str], query: Query
) -> Iterator[QueryResult]:
    """Runs a query over a connection of its own. Raises QueryRefused, and StoreError where there is none."""
    asking = _Asking(connect, query)
    with Worker(query, asking.stop, asking.close) as worker:
        try:
            columns = worker.call(asking.start)
            yield QueryResult(columns, _rows(worker, asking))
        except psycopg.errors.IdleInTransactionSessionTimeout as error:
            raise QueryRefused(too_long(query)) from error
        except psycopg.Error as error:
            # A result that libpq itself could not take has no code, and no class of its own.
            if type(error) is psycopg.DatabaseError and not error.sqlstate:
                raise MemoryError from error
            if is_cut(error):
                raise StoreError(explain(error)) from error
            raise asking.refusal(error) from error


def _rows(worker: Worker, asking: _Asking) -> Iterator[tuple[Any, ...]]:
    while rows := worker.call(asking.fetch):
        yield from rows


class _Asking:
    """One query's connection; all but `stop` is called in the worker's thread."""

    def __init__(self, connect: Callable[[], Connection], query: Query) -> None:
        query = replace(query, sql=without_semicolons(query.sql, escapes=True))
        self._connect, self._query = connect, query
        self._connection: Connection | None = None
        self._text: Numbered = numbered(query.sql, query.parameters)
        self._secrets: dict[int, str] = {}
        self._columns: list[str] = []
        self._size, self._left = 1, query.limit
        self._is_declared = False

    def start(self) -> list[str]:
        """Begins the query; returns its columns."""
        self._connection = self._connect()
        self._connection.read_only = True
        self._connection.prepare_threshold = None
        _give_texts(self._connection)
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
        """Declares the cursor. Parameters go without a type, and take that of what they are compared with;
        a whole number's column refuses 90.5 then, and is compared with a decimal number instead."""
        self._bound()
        values = [decimals.get(name, self._query.parameters[name]) for name in self._text.names]
        plain = [str(value) if isinstance(value, UntypedValue) else value for value in values]
        # In binary it goes by the extended protocol, which takes one statement.
        self._execute(f"{_DECLARE}{self._text.text}", plain, binary=True)
        self._is_declared = True
        self._check_reach()

    def _bound(self) -> None:
        """Bounds the transaction; it begins with this."""
        timeout = self._query.timeout
        milliseconds = 0 if timeout is None else min(int(timeout * 1000) + 1, 2**31 - 1)
        settings = {
            "statement_timeout": milliseconds,
            "lock_timeout": int(PATIENCE * 1000),
            "idle_in_transaction_session_timeout": str(
                min(milliseconds + 5_000, 2**31 - 1) if timeout else 0
            ),
            "cursor_tuple_fraction": 1,  # all rows are wanted, not the first ones soon
            "standard_conforming_strings": "on",
        }
        wanted = ", ".join(
            f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items()
        )
        self._execute(f"SELECT {wanted}")
        assert self._connection is not None
        version = self._connection.info.server_version
        if version >= 150000:
            self._execute(_LIMIT_TEMPORARY)
        if version >= 140000:
            with suppress(psycopg.errors.InvalidParameterValue), self._connection.transaction():
                self._execute(_LOOK)
        names = [*SECRET_TABLES, *(f"pg_catalog.{name}" for name in _SECRET_CATALOGS)]
        self._secrets = dict(self._execute(_SECRETS, [names]).fetchall())

    def fetch(self) -> list[tuple[Any, ...]]:
        """The next rows; none at the end."""
        count = self._size if self._left is None else min(self._size, self._left)
        if not count:  # of this the server would make the last row again
            return []
        begun = time.monotonic()
        rows = self._execute(f"FETCH FORWARD {count} FROM curation").fetchall()
        took = time.monotonic() - begun
        size = sum(self._weigh(row) for row in rows)
        self._check_reach()
        self._left = None if self._left is None else self._left - len(rows)
        if took > _SECONDS or size > _BYTES:
            self._size = max(1, self._size // 4)
        elif took < _SECONDS / 4 and size < _BYTES / 4:
            self._size = min(_ROWS, self._size * 4)
        return rows

    def _weigh(self, row: Sequence[Any]) -> int:
        sizes = [getsizeof(value) for value in row]
        for column, size in zip(self._columns, sizes, strict=True):
            if size > MAX_VALUE + 100:
                raise QueryRefused(
                    f"a value of {column} has {size >> 20} MB, and up to {MAX_VALUE >> 20} MB are allowed:"
                    f" ask for a part, such as left({column}, 1000)"
                )
        return sum(sizes)

    def _check_reach(self) -> None:
        for (oid,) in self._execute(_READ, [list(self._secrets)]).fetchall():
            raise QueryRefused(not_readable(self._secrets[oid].removeprefix("pg_catalog.")))

    def stop(self) -> None:
        """Has the server give up what it does for this connection."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=1.0)

    def close(self) -> None:
        """Ends the transaction without commit: a notification would be sent by that."""
        if self._connection is not None:
            self._connection.close()

    def refusal(self, error: psycopg.Error) -> QueryRefused:
        """What the user is told of an error."""
        text = error.diag.message_primary or first_line(error)
        offset = self._offset(error)
        if isinstance(error, psycopg.errors.QueryCanceled):
            return QueryRefused(too_long(self._query))
        second = second_statement(self._query.sql, escapes=True)
        if second is not None and offset is None and isinstance(error, psycopg.errors.SyntaxError):
            return QueryRefused(ONE_STATEMENT, second)
        if self._is_other_than_select(error, offset):
            return QueryRefused(ONLY_READING)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return QueryRefused("the store is busy: another command is at work; run this again in a moment")
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            name = next((name for name in SECRET_TABLES if re.search(rf"\b{name}\b", text)), None)
            told = f"this role may not do that ({text}): `curation db views` tells what a reader may ask"
            return QueryRefused(not_readable(name) if name else told)
        if name := self._parameter_at(offset):
            return missing_parameter(name, offset)
        if about := self._parameter_in(error.diag.context or ""):
            text = f":{about}: {text}"
        if isinstance(error, psycopg.errors.IndeterminateDatatype):
            text = f"{_MARK.sub(lambda mark: f':{self._parameter_in(mark[0])}', text)}: {_SAY_TYPE}"
        kind = _MISSING.get(type(error))
        name = named_at(self._query.sql, offset) if kind and offset is not None else ""
        if not kind:
            text += _hint(error, text)
        return QueryRefused(text, offset, (kind, name) if kind and name else None)

    def _offset(self, error: psycopg.Error) -> int | None:
        place = error.diag.statement_position
        if place is None or self._is_declared:
            return None
        return self._text.offset(max(0, int(place) - 1 - len(_DECLARE)))

    def _parameter_at(self, offset: int | None) -> str:
        found = (t.parameter for t in tokens(self._query.sql, escapes=True) if t.start == offset)
        return next(found, "")

    def _parameter_in(self, text: str) -> str:
        """The name of the first parameter that a text has a number of, in whatever language it is."""
        numbers = (int(number) for number in _MARK.findall(text))
        return next((self._text.names[n - 1] for n in numbers if 0 < n <= len(self._text.names)), "")

    def _is_other_than_select(self, error: psycopg.Error, offset: int | None) -> bool:
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            return True
        if error.diag.source_function in _OTHER_THAN_SELECT:
            return True
        first = next(tokens(self._query.sql, escapes=True), None)
        is_first = first is not None and offset == first.start
        return is_first and isinstance(error, psycopg.errors.SyntaxError)


def _hint(error: psycopg.Error, text: str) -> str:
    """What is added to an error's text: our advice, or the server's."""
    if isinstance(error, psycopg.errors.UndefinedFunction) and _FLAG_AS_NUMBER.search(text):
        return f": {_SAY_FLAG}"
    return f" ({error.diag.message_hint})" if error.diag.message_hint else ""


_MISSING: dict[type[psycopg.Error], str] = {
    psycopg.errors.UndefinedTable: "table",
    psycopg.errors.UndefinedColumn: "column",
}


def _is_decimal(value: object) -> bool:
    return isinstance(value, UntypedValue) and _DECIMAL.fullmatch(value) is not None


class _Flag(Loader):
    """Flags are 1 and 0, as SQLite has them: the same question has the same answer on every engine."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class _Text(Loader):
    """A value as the server writes it."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Instant(_Text):
    """Instants in raw SQL read alike on every engine: UTC, as SQLite holds them."""

    def load(self, data: Buffer) -> str:
        return super().load(data).removesuffix("+00")


class _Number(Loader):
    """A number, or its text where Python would not write it out again."""

    def load(self, data: Buffer) -> Decimal | str:
        text = bytes(data).decode()
        return text if len(text) > 4_000 else Decimal(text)


def _give_texts(connection: Connection) -> None:
    """Has the driver give as text what rows in JSON or a table would not take otherwise, or what Python has
    no value for, such as a date before Christ."""
    adapters = connection.adapters
    adapters.register_loader("timestamptz", _Instant)
    adapters.register_loader("numeric", _Number)
    adapters.register_loader("bool", _Flag)
    for kind in ("date", "time", "timetz", "timestamp", "interval", "uuid", "inet", "cidr"):
        adapters.register_loader(kind, _Text)
    for kind in ("int4", "int8", "num", "date", "ts", "tstz"):
        adapters.register_loader(f"{kind}range", _Text)
        adapters.register_loader(f"{kind}multirange", _Text)
