"""Checks what the engine can check itself, references between rows, and counters of ids."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from ..backends import backend_of
from ..store.database import stream_rows
from ..store.schema import metadata
from .findings import Finding


def find_engine_damage(connection: sa.Connection) -> Iterator[Finding]:
    """Find damage of the engine's pages, indexes and constraints, where it has a check for them."""
    for text, is_of_index in backend_of(connection).find_damage(connection):
        yield Finding("search", "index", text) if is_of_index else Finding("engine", "store", text)


def find_broken_references(connection: sa.Connection) -> Iterator[Finding]:
    """Find references to rows that do not exist, with one anti-join for each foreign key.

    Engines check foreign keys on writing, but not always. SQLite does so only in connections that enable it,
    and a superuser of PostgreSQL can disable it.
    """
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            yield from _find_broken_key(connection, table, key)


def _find_broken_key(connection: sa.Connection, table: sa.Table, key: sa.ForeignKey) -> Iterator[Finding]:
    column, target = key.parent, key.column.table.alias("target")
    target_key = target.c[key.column.name]
    primary_key = list(table.primary_key.columns)
    query = (
        sa.select(column.label("reference"), *primary_key)
        .outerjoin_from(table, target, target_key == column)
        .where(column.is_not(None), target_key.is_(None))
        .order_by(*primary_key)
    )
    for reference, *values in stream_rows(connection, query):
        row = ", ".join(f"{part.name} {value}" for part, value in zip(primary_key, values, strict=True))
        wrong = f"{column.name} is {reference}, but {key.column.table.name} has no such row"
        yield Finding("references", f"{table.name}: {row}", wrong)


def find_outdated_id_counters(connection: sa.Connection) -> Iterator[Finding]:
    """Find tables whose counter of ids is lower than their highest id.

    This happens if rows are copied without their sequence. The next import would then fail.
    """
    with_ids = [table for table in metadata.sorted_tables if "id" in table.c]
    read_last_ids = backend_of(connection).read_last_ids(connection, with_ids)
    for table in with_ids:
        highest = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
        if highest > read_last_ids[table.name]:
            wrong = f"its highest id is {highest}, but its counter is at {read_last_ids[table.name]}"
            yield Finding("ids", table.name, wrong)
