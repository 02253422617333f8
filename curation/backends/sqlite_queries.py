"""A query on SQLite that can read, and nothing else.

`mode=ro` alone let ATTACH write to the same file and VACUUM INTO copy it out. What held against every attack
tried: `mode=ro`, `query_only`, no ATTACH, an authorizer that denies what it does not know (other tables than
the store's own too: `dbstat` and the like), a cap on values, and a thread that can always be given up.
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
    limited,
    missing_parameter,
    not_readable,
)
from .query_workers import Worker
from .sql_text import names_alone, place_of, second_statement, tokens, without_semicolons

#: The functions a query may call: none reads files, loads code or changes anything. Whatever SQLite
#: adds later is denied until it is listed here.
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

#: Tables of SQLite's own that may be read: the schema's, and lists in JSON.
_SAFE_TABLES = frozenset({"sqlite_master", "sqlite_schema", "json_each", "json_tree"})

#: Rows, bytes and seconds after which what was found is handed on.
_ROWS, _BYTES, _SECONDS = 2_000, 4 * 1024 * 1024, 0.5

#: Primary result codes of SQLite that say that the file is damaged.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: Columns of an answer: with the cap on values, this bounds what a row takes.
_COLUMNS = 200

#: Stands in for a name, to see whether the error is about it.
_MARK = "curation_looks_here"

#: Occurrences of a name that are tried.
_TRIES = 50


@contextmanager
def run_query(connection: sqlite3.Connection, query: Query) -> Iterator[QueryResult]:
    """Runs a query over a connection that is open for reading alone, and closes that. Raises QueryRefused."""
    asked = query.sql
    query = replace(query, sql=names_alone(without_semicolons(asked, escapes=False)))
    guard = _Guard(connection)
    with Worker(query, connection.interrupt, connection.close) as worker:
        try:
            cursor = worker.call(lambda: guard.start(query))
            columns = [_as_asked(column[0], query.sql, asked) for column in cursor.description]
            yield QueryResult(columns, limited(_rows(worker, cursor), query.limit))
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            raise guard.refusal(error, query) from error


def _as_asked(column: str, sql: str, asked: str) -> str:
    """The name of a column that has none but its place in the query, as it was written there."""
    at = sql.find(column) if "`" in column or "[" in column else -1
    return column if at < 0 else asked[at : at + len(column)]


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
    """Makes a connection answer SELECTs and nothing else, and knows what was denied."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._denied = ""
        self._offset: int | None = None
        self._tables: frozenset[str] = frozenset()

    def start(self, query: Query) -> sqlite3.Cursor:
        """Bounds the connection, then begins the query."""
        execute, setlimit = self._connection.execute, self._connection.setlimit
        execute("PRAGMA query_only = ON")
        execute("PRAGMA trusted_schema = OFF")
        execute("PRAGMA case_sensitive_like = ON")  # as on other engines
        own = execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        self._tables = frozenset(name for (name,) in own if not name.startswith("sqlite_")) | _SAFE_TABLES
        # Their making writes down a schema of their own: not for the authorizer.
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
            self._offset = self._place(query.sql, values, str(error))
            self._denied = denied
            raise
        if cursor.description is None:
            raise QueryRefused("an empty query: give one SELECT")
        return cursor

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        # Of a query's own (WITH), where its rows alone are counted, no column is named.
        is_ours = first not in SECRET_TABLES and (first in self._tables or not second)
        if action == sqlite3.SQLITE_READ and is_ours:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in SAFE_FUNCTIONS:
            return sqlite3.SQLITE_OK
        self._denied = self._denied or _denial(action, first, second)
        return sqlite3.SQLITE_DENY

    def refusal(self, error: Exception, query: Query) -> QueryRefused:
        """What the user is told of an error."""
        text, code = str(error), getattr(error, "sqlite_errorcode", None)
        if self._denied:
            return QueryRefused(self._denied, self._offset)
        if code is None and isinstance(error, sqlite3.Error | sqlite3.Warning):
            return _refused_by_driver(error, query)
        if code is not None and code & 0xFF in _DAMAGE:
            text = f"the store is damaged ({text}): restore it from a backup"
        if code == sqlite3.SQLITE_TOOBIG:
            text = f"{text}: values of up to {MAX_VALUE >> 20} MB are allowed"
        missing = re.fullmatch(r"no such (table|column): (?:.*\.)?([^.]*)", text, re.DOTALL)
        if missing and self._offset is not None and query.sql[self._offset] in "`[":
            named = text if missing[2] else f'{text}""'
            text = f"{named} (a text stands in single quotes)"
        return QueryRefused(text, self._offset, (missing[1], missing[2]) if missing else None)

    def _place(self, sql: str, values: Mapping[str, object], text: str) -> int | None:
        """Where in a query an error is; None if that cannot be told.

        SQLite knows, but its driver does not tell. So variants of the query are tried, without running any:
        cut off behind a word that it stumbles over, or with another name for one that it complains of.
        """
        if "incomplete input" in text:
            return len(sql.rstrip())
        if match := re.search(r'unrecognized token: "(.*)"', text, re.DOTALL):
            return sql.find(match[1]) if sql.count(match[1]) == 1 else None
        if ": " not in text:  # it names nothing
            return None
        is_syntax = re.fullmatch(r'near "(.*)": syntax error', text, re.DOTALL)
        complained = is_syntax[1] if is_syntax else text.partition(": ")[2].rstrip("()")
        names = {complained.lower()}
        if not is_syntax:  # of `a.b` the column, or one name that was in quotes, as it is if it is empty
            names |= {complained.rpartition(".")[2].lower(), f"`{complained}`".lower()}
        found = [t for t in tokens(sql, escapes=False) if names & {t.text.lower(), t.name.lower()} - {""}]
        for token in found[:_TRIES]:
            cut = sql[: token.end] if is_syntax else f"{sql[: token.start]}{_MARK}{sql[token.end :]}"
            told = self._complaint(cut, values)
            if told == text if is_syntax else _MARK in told:
                return token.start
        return None

    def _complaint(self, sql: str, values: Mapping[str, object]) -> str:
        is_explained = next((t.name.lower() for t in tokens(sql, escapes=False)), "") == "explain"
        with suppress(UnicodeError):
            try:
                self._connection.execute(sql if is_explained else f"EXPLAIN {sql}", values).close()
            except (sqlite3.Error, sqlite3.Warning) as error:
                return str(error)
        return ""


def _refused_by_driver(error: Exception, query: Query) -> QueryRefused:
    """The message for an error that Python's driver raises by itself, without a code of SQLite's."""
    second = second_statement(query.sql, escapes=False)
    if second is not None:
        return QueryRefused(ONE_STATEMENT, second)
    named = (token.parameter for token in tokens(query.sql, escapes=False) if token.parameter)
    lacking = next((name for name in named if name not in query.parameters), None)
    if lacking is not None:
        return missing_parameter(lacking, place_of(lacking, query.sql, escapes=False))
    if type(error) is sqlite3.OperationalError:
        return QueryRefused("a value is no text in UTF-8: ask for its bytes, as hex(...)")
    return QueryRefused(str(error))


def _denial(action: int, first: str | None, second: str | None) -> str:
    if action == sqlite3.SQLITE_READ:
        return not_readable(str(first))
    if action == sqlite3.SQLITE_FUNCTION:
        return f"function {second} is not allowed: a query may call functions that compute, and no others"
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":  # how SQLite opens a virtual table
        return (
            "a table of this kind is out of reach: ask the store's tables and views (`curation db views`),"
            " and the full-text index by `curation search`"
        )
    return ONLY_READING


def _as_value(value: object) -> object:
    """A value of which nobody said the type, as a number if it is one: SQLite holds any text for greater
    than any number, but compares a number with a text column as text. `007` is none: as text it would be 7.
    """
    if not isinstance(value, UntypedValue):
        return value
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value):
        return int(value)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", value):
        return float(value)
    return str(value)
