"""Runs read-only queries on SQLite.

`mode=ro` alone lets ATTACH write to the same file, and VACUUM INTO copy it. The following combination
withstood all attacks that were tried:

- `mode=ro`, `query_only`, and no ATTACH
- an authorizer that denies everything it does not know, including tables such as `dbstat`
- a limit on the size of values
- a thread that can always be abandoned
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from sys import getsizeof
from typing import Any

from ..errors import QueryRefused
from .queries import (
    MAX_SQL,
    MAX_VALUE,
    ONE_STATEMENT,
    ONLY_READING,
    SECRET_TABLES,
    Query,
    QueryResult,
    UntypedValue,
    describe_unreadable_table,
    limit_rows,
    make_missing_parameter_error,
)
from .query_workers import Worker
from .sql_text import (
    Token,
    find_parameter,
    find_second_statement,
    quote_identifiers_strictly,
    split_tokens,
    without_semicolons,
)

#: Functions that a query may call. None of them reads files, loads code or changes anything. Functions of
#: later versions of SQLite are denied until they are added here.
_SAFE_FUNCTIONS = """
abs acos asin atan atan2 avg ceil ceiling changes char coalesce concat concat_ws cos count cume_dist
current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
format glob group_concat hex ifnull iif instr json json_array json_array_length json_each
json_extract json_group_array json_group_object json_object json_patch json_quote json_remove
json_replace json_set json_tree json_type json_valid julianday lag last_value lead length like
likelihood likely ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length
percent_rank pi pow power printf quote radians random rank replace round row_number rtrim sign sin
soundex sqlite_version sqrt strftime string_agg substr substring sum tan time timediff total trim
trunc typeof unhex unicode unixepoch unlikely upper -> ->>
"""
SAFE_FUNCTIONS = frozenset(_SAFE_FUNCTIONS.split())

#: SQLite's own tables that may be read: the schema, and JSON table functions.
_SAFE_TABLES = frozenset({"sqlite_master", "sqlite_schema", "json_each", "json_tree"})

#: Maximum rows, bytes and seconds of one batch of rows.
_ROWS, _BYTES, _SECONDS = 2_000, 4 * 1024 * 1024, 0.5

#: SQLite's primary result codes for a damaged file.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: Maximum number of columns. With the limit on values, it bounds the size of a row.
_COLUMNS = 200

#: Replaces a name, to find out whether an error is about it.
_MARK = "curation_looks_here"

#: Maximum number of occurrences of a name that are tried.
_TRIES = 50


@contextmanager
def run_query(connection: sqlite3.Connection, query: Query) -> Iterator[QueryResult]:
    """Run a query on a read-only connection, and close it. Raise QueryRefused if the query fails."""
    original = query.sql
    query = replace(query, sql=quote_identifiers_strictly(without_semicolons(original, escapes=False)))
    guard = _Guard(connection)
    with Worker(query, connection.interrupt, connection.close) as worker:
        try:
            cursor = worker.call(lambda: guard.start(query))
            columns = [_original_name(column[0], query.sql, original) for column in cursor.description]
            yield QueryResult(columns, limit_rows(_rows(worker, cursor), query.limit))
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            raise guard.make_refusal(error, query) from error


def _original_name(column: str, sql: str, original: str) -> str:
    """Return the name of a column with the quotes of the original query.

    SQLite names a column without an alias after its expression in the query.
    """
    at = sql.find(column) if "`" in column or "[" in column else -1
    return column if at < 0 else original[at : at + len(column)]


def _rows(worker: Worker, cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
    while rows := worker.call(lambda: _batch(cursor)):
        yield from rows


def _batch(cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    size, until = 0, time.monotonic() + _SECONDS
    for row in cursor:
        rows.append(row)
        size += sum(map(getsizeof, row))
        if len(rows) >= _ROWS or size > _BYTES or time.monotonic() > until:
            break
    return rows


class _Guard:
    """Restricts a connection to SELECT, and keeps the first denial for the error message."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._denied = ""
        self._offset: int | None = None
        self._tables: frozenset[str] = frozenset()

    def start(self, query: Query) -> sqlite3.Cursor:
        """Restrict the connection, then start the query."""
        execute, setlimit = self._connection.execute, self._connection.setlimit
        execute("PRAGMA query_only = ON")
        execute("PRAGMA trusted_schema = OFF")
        execute("PRAGMA case_sensitive_like = ON")  # as on other engines
        names = execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        self._tables = frozenset(name for (name,) in names if not name.startswith("sqlite_")) | _SAFE_TABLES
        # On first use they write their own schema, which the authorizer would deny.
        execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
        setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 4 * MAX_SQL)  # bytes
        setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _COLUMNS)
        self._connection.set_authorizer(self._authorize)
        values = {name: _as_value(value) for name, value in query.parameters.items()}
        try:
            cursor = execute(query.sql, values)
        except (sqlite3.Error, sqlite3.Warning) as error:
            denied = self._denied
            self._offset = self._find_offset(query.sql, values, str(error))
            self._denied = denied
            raise
        if cursor.description is None:
            raise QueryRefused("an empty query: give one SELECT")
        return cursor

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        # For a WITH table of which only rows are counted, SQLite names no column.
        is_readable = first not in SECRET_TABLES and (first in self._tables or not second)
        if action == sqlite3.SQLITE_READ and is_readable:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in SAFE_FUNCTIONS:
            return sqlite3.SQLITE_OK
        self._denied = self._denied or _denial(action, first, second)
        return sqlite3.SQLITE_DENY

    def make_refusal(self, error: Exception, query: Query) -> QueryRefused:
        """Return an error with a message for the user."""
        text, code = str(error), getattr(error, "sqlite_errorcode", None)
        if self._denied:
            return QueryRefused(self._denied, self._offset)
        if code is None and isinstance(error, sqlite3.Error | sqlite3.Warning):
            return _refused_by_driver(error, query)
        if code is not None:
            text = _explain_code(code, text)
        missing = re.fullmatch(r"no such (table|column): (?:.*\.)?([^.]*)", text, re.DOTALL)
        if missing and self._offset is not None and query.sql[self._offset] in "`[":
            named = text if missing[2] else f'{text}""'
            text = f"{named} (write texts in single quotes)"
        return QueryRefused(text, self._offset, (missing[1], missing[2]) if missing else None)

    def _find_offset(self, sql: str, values: Mapping[str, object], text: str) -> int | None:
        """Return the offset of an error in a query; None if it cannot be found.

        SQLite knows it, but Python's driver does not provide it. So this tries variants of the query with
        EXPLAIN: cut off after the token in the message, or with another name for the one in the message.
        """
        if "incomplete input" in text:
            return len(sql.rstrip())
        if match := re.search(r'unrecognized token: "(.*)"', text, re.DOTALL):
            return sql.find(match[1]) if sql.count(match[1]) == 1 else None
        if ": " not in text:  # the message has no name
            return None
        is_syntax = re.fullmatch(r'near "(.*)": syntax error', text, re.DOTALL)
        reported = is_syntax[1] if is_syntax else text.partition(": ")[2].rstrip("()")
        found = _find_reported(sql, reported, is_token=is_syntax is not None)
        for token in found[:_TRIES]:
            variant = sql[: token.end] if is_syntax else f"{sql[: token.start]}{_MARK}{sql[token.end :]}"
            message = self._error_message(variant, values)
            if message == text if is_syntax else _MARK in message:
                return token.start
        return None

    def _error_message(self, sql: str, values: Mapping[str, object]) -> str:
        is_explained = next((t.name.lower() for t in split_tokens(sql, escapes=False)), "") == "explain"
        with suppress(UnicodeError):
            try:
                self._connection.execute(sql if is_explained else f"EXPLAIN {sql}", values).close()
            except (sqlite3.Error, sqlite3.Warning) as error:
                return str(error)
        return ""


def _find_reported(sql: str, reported: str, *, is_token: bool) -> list[Token]:
    """Return the tokens of a query that a message may mean by a token or a name in it."""
    names = {reported.lower()}
    if not is_token:  # the column of `a.b`, or a quoted name, which may be empty
        names |= {reported.rpartition(".")[2].lower(), f"`{reported}`".lower()}
    return [t for t in split_tokens(sql, escapes=False) if names & {t.text.lower(), t.name.lower()} - {""}]


def _explain_code(code: int, text: str) -> str:
    """Return the text of an error, with an explanation of SQLite's code where that helps."""
    if code & 0xFF in _DAMAGE:
        return f"the store is damaged ({text}): restore it from a backup"
    if code == sqlite3.SQLITE_TOOBIG:
        return f"{text}: the maximum size of a value is {MAX_VALUE >> 20} MB"
    return text


def _refused_by_driver(error: Exception, query: Query) -> QueryRefused:
    """Return the error for one that Python's driver itself raises, without an SQLite code."""
    second = find_second_statement(query.sql, escapes=False)
    if second is not None:
        return QueryRefused(ONE_STATEMENT, second)
    used = (token.parameter for token in split_tokens(query.sql, escapes=False) if token.parameter)
    missing = next((name for name in used if name not in query.parameters), None)
    if missing is not None:
        return make_missing_parameter_error(missing, find_parameter(missing, query.sql, escapes=False))
    if type(error) is sqlite3.OperationalError:
        return QueryRefused("a value is not valid UTF-8: select its bytes with hex(...)")
    return QueryRefused(str(error))


def _denial(action: int, first: str | None, second: str | None) -> str:
    if action == sqlite3.SQLITE_READ:
        return describe_unreadable_table(str(first))
    if action == sqlite3.SQLITE_FUNCTION:
        return f"function {second} is not allowed: a query may only call functions that compute values"
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":  # how SQLite opens a virtual table
        return (
            "virtual tables cannot be queried: use the store's tables and views (run `curation db views`),"
            " and `curation search` for the full-text index"
        )
    return ONLY_READING


def _as_value(value: object) -> object:
    """Convert an untyped value to a number if it looks like one.

    In SQLite any text is greater than any number, but a number is compared with a text column as text. `007`
    stays a text, because as a number it would become 7.
    """
    if not isinstance(value, UntypedValue):
        return value
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value):
        return int(value)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", value):
        return float(value)
    return str(value)
