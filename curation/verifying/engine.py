"""What the engine finds wrong by itself, and references to rows that are not there."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from ..backends import backend_of
from ..store.database import stream_rows
from ..store.schema import metadata
from .findings import Finding


def find_damage(connection: sa.Connection) -> Iterator[Finding]:
    """What the engine says of its own pages, indexes and constraints, where it can be asked."""
    for text, is_of_index in backend_of(connection).find_damage(connection):
        yield Finding("search", "index", text) if is_of_index else Finding("engine", "store", text)


def find_broken_references(connection: sa.Connection) -> Iterator[Finding]:
    """References that lead nowhere.

    Every engine enforces foreign keys as they are written; yet SQLite does so only in connections that ask
    for it, and PostgreSQL lets a superuser switch it off. One anti-join a key tells.
    """
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            yield from _find_broken(connection, table, key)


def _find_broken(connection: sa.Connection, table: sa.Table, key: sa.ForeignKey) -> Iterator[Finding]:
    column, target = key.parent, key.column.table.alias("target")
    there = target.c[key.column.name]
    row_key = list(table.primary_key.columns)
    query = (
        sa.select(column.label("reference"), *row_key)
        .outerjoin_from(table, target, there == column)
        .where(column.is_not(None), there.is_(None))
        .order_by(*row_key)
    )
    for reference, *values in stream_rows(connection, query):
        told = ", ".join(f"{part.name} {value}" for part, value in zip(row_key, values, strict=True))
        wrong = f"{column.name} is {reference}, and there is no such row in {key.column.table.name}"
        yield Finding("references", f"{table.name}: {told}", wrong)


def find_ids_given_twice(connection: sa.Connection) -> Iterator[Finding]:
    """Tables that have ids which will be given out again, as after rows were copied without their sequence:
    the next import would fail."""
    with_ids = [table for table in metadata.sorted_tables if "id" in table.c]
    given = backend_of(connection).last_ids(connection, with_ids)
    for table in with_ids:
        greatest = connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
        if greatest > given[table.name]:
            wrong = f"it has id {greatest}, and the last one that was given out is {given[table.name]}"
            yield Finding("ids", table.name, wrong)
