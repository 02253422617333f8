"""Damage that SQLite does not see: its pages have no checksums, so that a changed byte of a value is a value.

Looked for where something went wrong that should not: what cannot be read as what its column holds is damage.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import sqlalchemy as sa

from .sqlite_read_only import DAMAGE_ERRORS
from .types import Instant, Json


def find_unreadable(driver: sqlite3.Connection, tables: Iterable[sa.Table]) -> Iterator[str]:
    """Yield a line for each table with a value that cannot be read, or that is not there at all."""
    before, driver.text_factory = driver.text_factory, bytes
    try:
        for table in tables:
            if told := _unreadable(driver, table):
                yield f"{table.name}: {told}"
    finally:
        driver.text_factory = before


def _unreadable(driver: sqlite3.Connection, table: sa.Table) -> str | None:
    """What is wrong with the first value of a table that cannot be read."""
    read = {column.name: _reader(column) for column in table.columns}
    names = ", ".join(f'"{name}"' for name in read)
    try:
        for row in driver.execute(f'SELECT {names} FROM "{table.name}"'):  # noqa: S608 - our names
            for (name, reader), value in zip(read.items(), row, strict=True):
                if isinstance(value, bytes) and not _is_readable(reader, value):
                    return f"a value of {name} cannot be read"
    except DAMAGE_ERRORS as error:
        return str(error) if isinstance(error, sqlite3.Error) else "the schema cannot be read"
    return None


def _reader(column: sa.Column[object]) -> Callable[[str], object] | None:
    if isinstance(column.type, sa.LargeBinary):
        return None
    if isinstance(column.type, Json):
        return json.loads
    return dt.datetime.fromisoformat if isinstance(column.type, Instant) else str


def _is_readable(reader: Callable[[str], object] | None, value: bytes) -> bool:
    if reader is None:
        return True
    with suppress(ValueError, RecursionError):
        reader(value.decode())
        return True
    return False
