"""Sessions of PostgreSQL that mean the same whatever their server, database, role or environment is set to.

Every connection of this program is opened here. Its settings are set after connecting, not by options of the
start: libpq's PGTZ and its like would win over these, and poolers such as PgBouncer refuse them. What the
server answers is compared with what was asked for. The search path is left as it is: it says where the store
is, as the name of the database does. So is `default_transaction_read_only`: who sets it means it.
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

#: Settings on which the meaning of what is sent or read depends, and those by which a server ends a session,
#: a transaction or a statement of its own accord (0: never). A server that is too old for one lacks it.
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

#: How each connection begins, where its URL does not say otherwise. A router forgets a connection that is
#: silent for some minutes, such as the one that holds the lock of an import.
_DEFAULTS: Mapping[str, Any] = {
    "application_name": "curation",
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
}

#: Seconds that may be spent on finding out why a server refused a connection.
_PATIENCE = 3.0

#: The code in a server's refusal, as libpq's trace writes it.
_TRACED_CODE = re.compile(rb'\tErrorResponse\t.*? C "([0-9A-Z]{5})" ')


def open_session(arguments: Sequence[Any], options: Mapping[str, Any]) -> Connection:
    """Open a connection with pinned settings and no transaction.

    Raises psycopg.Error, with the server's SQLSTATE where it refused the connection, and StoreError for a
    database that is not UTF-8 or a server that does not take the settings.
    """
    # Given here it wins over PGCLIENTENCODING, which may name an encoding that the server does not know.
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
    raise StoreError(f"{problem}: make another one by: {command}")


def _pin(connection: Connection) -> None:
    answered: dict[str, str] = dict(connection.execute(_PIN).fetchall())
    wrong = [name for name, value in answered.items() if value != PINNED[name]]
    if wrong or not answered:
        raise StoreError(
            f"the server does not take the setting {', '.join(wrong) or 'of any name'} of a session:"
            " connect to PostgreSQL itself, or by a pooler in session mode"
        )


def _refusal_code(arguments: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """Return the SQLSTATE with which a server refuses a connection; None if it is unknown.

    psycopg gives the text alone, which is in the server's language. So the connection is tried once more,
    with libpq writing down what the server says: in memory, since that may include a password.
    """
    if not hasattr(os, "memfd_create"):  # libpq traces on Linux alone
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
    """Try to connect while libpq writes what goes to and fro to a file."""
    attempt = pq.PGconn.connect_start(conninfo.encode())
    try:
        attempt.trace(descriptor)
        until = time.monotonic() + _PATIENCE
        status = pq.PollingStatus(attempt.connect_poll())
        while status in _WAITING and time.monotonic() < until:
            reads, writes = _WAITING[status]
            select.select([attempt.socket][:reads], [attempt.socket][:writes], [], 0.2)
            status = pq.PollingStatus(attempt.connect_poll())
        attempt.untrace()
    except psycopg.Error:  # no socket: nobody is there
        return
    finally:
        attempt.finish()


#: How many sockets to wait for until they can be read, and written to, by what libpq waits for.
_WAITING = {pq.PollingStatus.READING: (1, 0), pq.PollingStatus.WRITING: (0, 1)}


#: The instant from which PostgreSQL counts microseconds.
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - as the texts are: without a zone, and UTC
_pack = struct.Struct(">q").pack


class InstantDumper(Dumper):
    """Sends the text of a UTC instant, `2021-05-28 16:00:00`, in binary: as text, it would be read in the
    session's time zone and date style."""

    format = pq.Format.BINARY
    oid = psycopg.adapters.types["timestamptz"].oid

    def dump(self, obj: str) -> bytes:
        since = dt.datetime.fromisoformat(obj) - _EPOCH
        return _pack((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
