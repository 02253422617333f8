"""Opens PostgreSQL sessions whose settings do not depend on the server, database, role or environment.

Every connection of this program is opened here. The settings are set after connecting, not by startup
options: libpq's PGTZ and similar variables would override these, and poolers such as PgBouncer refuse them.
The server's answers are checked.

Two settings are not changed. The search path locates the store, like the name of the database. And
`default_transaction_read_only` is set on purpose.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import select
import struct
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import pq, sql
from psycopg.adapt import Dumper

from ..errors import StoreError

if TYPE_CHECKING:
    Connection = psycopg.Connection[tuple[Any, ...]]

#: Settings that change the meaning of values, and timeouts after which a server ends a session, transaction
#: or statement (0 = never). Old servers lack some of them.
PINNED: Mapping[LiteralString, LiteralString] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "gin_fuzzy_search_limit": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}
_VALUES: LiteralString = ", ".join(f"('{name}', '{value}')" for name, value in PINNED.items())
_PIN: LiteralString = (
    "SELECT name, pg_catalog.set_config(name, value, false)"  # noqa: S608 - our names and values
    f" FROM (VALUES {_VALUES}) AS pinned (name, value)"
    " WHERE pg_catalog.current_setting(name, true) IS NOT NULL"
)

#: Defaults of connections, which the URL can override. The keepalives are for routers that drop a connection
#: after some idle minutes, such as the one with the lock of an import.
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "curation",
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}

#: Maximum time to find out why a server refused a connection, in seconds.
_DIAGNOSIS_TIMEOUT = 3.0

#: The SQLSTATE of a refusal in libpq's trace.
_TRACED_CODE = re.compile(rb'\tErrorResponse\t.*? C "([0-9A-Z]{5})" ')


def open_session(arguments: Sequence[Any], options: Mapping[str, Any]) -> Connection:
    """Open a connection with pinned settings and no transaction.

    Raises:
        psycopg.Error: with the server's SQLSTATE if it refused the connection.
        StoreError: the database is not UTF-8, or the server ignores a setting.
    """
    # This overrides PGCLIENTENCODING, which may name an encoding that the server does not know.
    options = {**_DEFAULTS, **options, "client_encoding": "UTF8"}
    try:
        connection = psycopg.connect(*arguments, autocommit=True, **options)
    except psycopg.OperationalError as error:
        error.sqlstate = error.sqlstate or _refusal_code(arguments, options)
        raise
    try:
        _check_encoding(connection)
        _pin(connection)
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _check_encoding(connection: Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding == "UTF8":
        return
    name = connection.info.dbname
    statement = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
    command = statement.format(sql.Identifier(f"{name}_utf8")).as_string()
    problem = f"database {name!r} has the encoding {encoding}, not UTF-8"
    raise StoreError(f"{problem}; create another one with: {command}")


def _pin(connection: Connection) -> None:
    values: dict[str, str] = dict(connection.execute(_PIN).fetchall())
    wrong = [name for name, value in values.items() if value != PINNED[name]]
    if wrong or not values:
        raise StoreError(
            f"the server ignores session settings ({', '.join(wrong) or 'all'}):"
            " connect to PostgreSQL directly, or through a pooler in session mode"
        )


def _refusal_code(arguments: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """Return the SQLSTATE with which a server refuses a connection; None if it is unknown.

    psycopg provides only the message, in the server's language. So this connects again with libpq's trace.
    The trace is written to memory, because it may include a password.
    """
    if not hasattr(os, "memfd_create"):  # libpq's trace works on Linux only
        return None
    plain = {name: value for name, value in options.items() if name != "context"}
    conninfo = psycopg.conninfo.make_conninfo(*arguments, **plain)
    descriptor = os.memfd_create("curation")
    try:
        _trace(conninfo, descriptor)
        codes = _TRACED_CODE.findall(os.pread(descriptor, 1 << 16, 0))
    finally:
        os.close(descriptor)
    return codes[-1].decode() if codes else None


def _trace(conninfo: str, descriptor: int) -> None:
    """Try to connect, and make libpq write all messages to a file."""
    attempt = pq.PGconn.connect_start(conninfo.encode())
    try:
        attempt.trace(descriptor)
        until = time.monotonic() + _DIAGNOSIS_TIMEOUT
        status = pq.PollingStatus(attempt.connect_poll())
        while status in _WAITING and time.monotonic() < until:
            reads, writes = _WAITING[status]
            select.select([attempt.socket][:reads], [attempt.socket][:writes], [], 0.2)
            status = pq.PollingStatus(attempt.connect_poll())
        attempt.untrace()
    except psycopg.Error:  # no socket: no server is listening
        return
    finally:
        attempt.finish()


#: For each state of libpq, the number of sockets to wait for until they are readable, and until they are
#: writable.
_WAITING = {pq.PollingStatus.READING: (1, 0), pq.PollingStatus.WRITING: (0, 1)}


#: The start of PostgreSQL's time, counted in microseconds.
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - like the texts: without a time zone, in UTC
_pack = struct.Struct(">q").pack


class InstantDumper(Dumper):
    """Sends the text of a UTC instant, `2021-05-28 16:00:00`, in binary.

    The server would interpret the text in the session's time zone and date style.
    """

    format = pq.Format.BINARY
    oid = psycopg.adapters.types["timestamptz"].oid

    def dump(self, obj: str) -> bytes:
        since = dt.datetime.fromisoformat(obj) - _EPOCH
        return _pack((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
