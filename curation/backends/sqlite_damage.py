"""Finds damage that SQLite does not detect: its pages have no checksums, so it accepts corrupted values.

This runs after an unexpected error. A value that is invalid for its column is damage.
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
    """Yield a line for each table that is missing or has a value that cannot be read."""
    before, driver.text_factory = driver.text_factory, bytes
    try:
        for table in tables:
            if problem := _find_problem(driver, table):
                yield f"{table.name}: {problem}"
    finally:
        driver.text_factory = before


def _find_problem(driver: sqlite3.Connection, table: sa.Table) -> str | None:
    """Return the first problem of a table; None if there is none."""
    readers = {column.name: _reader(column) for column in table.columns}
    names = ", ".join(f'"{name}"' for name in readers)
    try:
        for row in driver.execute(f'SELECT {names} FROM "{table.name}"'):  # noqa: S608 - our names
            for (name, reader), value in zip(readers.items(), row, strict=True):
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
