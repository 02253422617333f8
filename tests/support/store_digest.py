"""Digests of the contents of a store, to compare two stores."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from curation.store.database import Store, find_head_revision
from curation.store.schema import files, metadata, search_queue, units_of_work


def digests(store: Store, *excluded: str) -> dict[str, str]:
    """Return a digest of the rows of each table, in any order.

    The stamps of files are left out, because they are set only once a file is older than the clock's
    resolution. The queue of the search index and the keys of transactions are left out too, and so is what a
    store of an older revision does not have.
    """
    excluded = (*excluded, search_queue.name, units_of_work.name)
    found = {}
    is_older = store.read_revision() != find_head_revision()
    with store.reading() as connection:
        for table in metadata.sorted_tables:
            if table.name not in excluded:
                columns = [column for column in table.c if column is not files.c.stamp]
                if is_older:
                    names = _find_columns(connection, table.name)
                    columns = [column for column in columns if column.name in names]
                if not columns:
                    continue
                rows = sorted(
                    repr(tuple(_plain(v) for v in row)) for row in connection.execute(sa.select(*columns))
                )
                found[table.name] = f"{len(rows)}:{hashlib.sha256(repr(rows).encode()).hexdigest()}"
    return found


def _find_columns(connection: sa.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table; none if it does not exist."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table):
        return set()
    return {column["name"] for column in inspector.get_columns(table)}


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
