"""Column types that mean the same on every engine.

SQLite tables are STRICT, which knows the names INTEGER, REAL, TEXT and BLOB only; MariaDB needs
LONGTEXT, exact lengths and a collation that equates nothing; PostgreSQL has the real types.
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

#: utf8mb4_bin equates `x` and `x `; only the NOPAD collation tells every two texts apart.
EXACT_COLLATION = "utf8mb4_nopad_bin"


class _MariadbType(UserDefinedType[Any]):
    """A type of MariaDB by its name there: importing SQLAlchemy's own types of it, with all its drivers, took
    a tenth of a command's start."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


#: Text of any length; TEXT ends at 64 KB.
_LONGTEXT = f"LONGTEXT CHARACTER SET utf8mb4 COLLATE {EXACT_COLLATION}"


class Instant(TypeDecorator[dt.datetime]):
    """A UTC instant, to the microsecond.

    In: an aware datetime of any zone; a naive one is a mistake and raises ValueError. Out: an aware
    datetime in UTC. SQLite holds it in its own canonical text, `2021-05-28 16:00:00[.ffffff]`, which
    sorts as time does and compares with SQLite's `datetime('now', ...)`.
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
            raise ValueError(f"an instant needs a zone: {value!r}")
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
    """True or false; INTEGER on SQLite, where the table's CHECK holds it to 0 and 1."""

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
    """A whole number of 64 bits."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text() -> TypeEngine[str]:
    """Text of any length."""
    return sa.Text().with_variant(_MariadbType(_LONGTEXT), *MARIADB_DIALECTS)


def name(length: int) -> TypeEngine[str]:
    """Text of at most `length` characters that sorts by code point on every engine.

    For what is looked up by a plain index: at most 640 characters, since PostgreSQL refuses index
    entries over 2,704 bytes and MariaDB over 3,072, at four bytes a character.
    """
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB_DIALECTS)
    )


def digest() -> TypeEngine[bytes]:
    """A SHA-256: the key of unique text that is too long for an index."""
    return sa.LargeBinary(32).with_variant(_MariadbType("BINARY(32)"), *MARIADB_DIALECTS)


def blob() -> TypeEngine[bytes]:
    """Bytes of any length."""
    return sa.LargeBinary().with_variant(_MariadbType("LONGBLOB"), *MARIADB_DIALECTS)


class Json(TypeDecorator[Any]):
    """JSON whose keys keep their order and whose numbers keep their digits, on every engine alike.

    In: JSON text, ready made. Out: the decoded value. PostgreSQL's JSON operators work on it; `jsonb`
    would reorder the keys of what upstream wrote.
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
    """PostgreSQL's `json`, given as text: SQLAlchemy's own JSON type would encode the text again."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"
