"""Column types that mean the same on every engine.

- SQLite tables are STRICT, and allow only the types INTEGER, REAL, TEXT and BLOB.
- MariaDB needs LONGTEXT, exact lengths, and a collation that distinguishes all texts.
- PostgreSQL has the real types.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

UTC = dt.UTC

MARIADB_DIALECTS = ("mysql", "mariadb")  # `mysql+pymysql://` to a MariaDB server reports `mysql`

#: utf8mb4_bin treats `x` and `x ` as equal. Only the NOPAD collation distinguishes all texts.
EXACT_COLLATION = "utf8mb4_nopad_bin"


class _MariadbType(UserDefinedType[Any]):
    """A MariaDB type, by its name.

    Importing SQLAlchemy's own MariaDB types, with all its drivers, took a tenth of a command's start.
    """

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


#: Text of any length. TEXT is limited to 64 KB.
_LONGTEXT = f"LONGTEXT CHARACTER SET utf8mb4 COLLATE {EXACT_COLLATION}"


class Instant(TypeDecorator[dt.datetime]):
    """An instant in UTC, with microseconds.

    It accepts an aware datetime of any time zone, and raises ValueError for a naive one. It returns an aware
    datetime in UTC. SQLite stores its canonical text, `2021-05-28 16:00:00[.ffffff]`, which sorts by time and
    compares with SQLite's `datetime('now', ...)`.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        if dialect.name in MARIADB_DIALECTS:
            return dialect.type_descriptor(_MariadbType("DATETIME(6)"))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a time zone: {value!r}")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return value
        naive = value.replace(tzinfo=None)
        return naive if dialect.name in MARIADB_DIALECTS else naive.isoformat(" ")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Flag(TypeDecorator[bool]):
    """A boolean; INTEGER on SQLite, where a CHECK of the table allows only 0 and 1."""

    impl = sa.Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Integer())
        return dialect.type_descriptor(sa.Boolean())

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


def integer() -> TypeEngine[int]:
    """Return the type of a 64-bit integer."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text() -> TypeEngine[str]:
    """Return the type of text of any length."""
    return sa.Text().with_variant(_MariadbType(_LONGTEXT), *MARIADB_DIALECTS)


def name(length: int) -> TypeEngine[str]:
    """Return the type of text of at most `length` characters that sorts by code point on every engine.

    For an indexed column `length` is at most 640: at four bytes per character, PostgreSQL allows index
    entries of 2,704 bytes and MariaDB of 3,072.
    """
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB_DIALECTS)
    )


def digest() -> TypeEngine[bytes]:
    """Return the type of a SHA-256: the key of unique text that is too long for an index."""
    return sa.LargeBinary(32).with_variant(_MariadbType("BINARY(32)"), *MARIADB_DIALECTS)


def blob() -> TypeEngine[bytes]:
    """Return the type of bytes of any length."""
    return sa.LargeBinary().with_variant(_MariadbType("LONGBLOB"), *MARIADB_DIALECTS)


class Json(TypeDecorator[Any]):
    """JSON that keeps the order of its keys and the digits of its numbers, on every engine.

    It accepts JSON text and returns the decoded value. PostgreSQL's JSON operators work on it. `jsonb` would
    reorder the keys of upstream's JSON.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(_PostgresqlJson())
        if dialect.name in MARIADB_DIALECTS:
            return dialect.type_descriptor(_MariadbType(_LONGTEXT))
        return dialect.type_descriptor(sa.Text())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return json.loads(value) if isinstance(value, str) else value


class _PostgresqlJson(UserDefinedType[Any]):
    """PostgreSQL's `json`, sent as text. SQLAlchemy's own JSON type would encode the text again."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"
