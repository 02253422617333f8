"""Checks what the engine can check itself, references between rows, and counters of ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

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
    """Find references to rows that do not exist.

    Engines check foreign keys on writing, but not always. SQLite does so only in connections that enable it,
    and a superuser of PostgreSQL can disable it. One statement counts the broken rows of all keys. Rows are
    read only for the keys that have some.
    """
    counts = connection.execute(_make_count_query()).one()
    for key, count in zip(_list_foreign_keys(), counts, strict=True):
        if count:
            yield from _find_broken_rows(connection, key)


@cache
def _list_foreign_keys() -> list[sa.ForeignKey]:
    return [
        key
        for table in metadata.sorted_tables
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
    ]


@cache
def _make_count_query() -> sa.Select[*tuple[int, ...]]:
    """Return the query for a row with the number of broken rows of each foreign key."""
    counts = [
        sa.select(sa.func.count()).select_from(_select_broken_rows(key).subquery()).scalar_subquery()
        for key in _list_foreign_keys()
    ]
    return sa.select(*counts)


def _select_broken_rows(key: sa.ForeignKey) -> sa.Select[int]:
    """Return the query for the rows without the row that they refer to. It is an anti-join."""
    column, target = key.parent, key.column.table.alias("target")
    target_key = target.c[key.column.name]
    return (
        sa.select(column.label("reference"))
        .outerjoin_from(column.table, target, target_key == column)
        .where(column.is_not(None), target_key.is_(None))
    )


def _find_broken_rows(connection: sa.Connection, key: sa.ForeignKey) -> Iterator[Finding]:
    column, primary_key = key.parent, list(key.parent.table.primary_key.columns)
    query = _select_broken_rows(key).add_columns(*primary_key).order_by(*primary_key)
    for reference, *values in stream_rows(connection, query):
        row = ", ".join(f"{part.name} {value}" for part, value in zip(primary_key, values, strict=True))
        wrong = f"{column.name} is {reference}, but {key.column.table.name} has no such row"
        yield Finding("references", f"{column.table.name}: {row}", wrong)


def find_outdated_id_counters(connection: sa.Connection) -> Iterator[Finding]:
    """Find tables whose counter of ids is lower than their highest id.

    This happens if rows are copied without their sequence. The next import would then fail.
    """
    with_ids = [table for table in metadata.sorted_tables if "id" in table.c]
    read_last_ids = backend_of(connection).read_last_ids(connection, with_ids)
    for table, highest in zip(with_ids, _read_highest_ids(connection, with_ids), strict=True):
        if highest > read_last_ids[table.name]:
            wrong = f"its highest id is {highest}, but its counter is at {read_last_ids[table.name]}"
            yield Finding("ids", table.name, wrong)


def _read_highest_ids(connection: sa.Connection, tables: Sequence[sa.Table]) -> sa.Row[*tuple[int, ...]]:
    """Return the highest id of each table, or 0."""
    highest = [sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0)).scalar_subquery() for table in tables]
    return connection.execute(sa.select(*highest)).one()
