"""Rebuilds what is derived from the rest of the store.

This is the full-text index, the values of shared images, the targets of links and collection items, the
review queue, and the counters of ids. Unused providers, topics and images are deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import sqlalchemy as sa

from ..articles.review_queue import refresh_queue
from ..articles.searching import rebuild_index
from ..backends import backend_of
from ..importing.writing.images import refresh_images
from ..importing.writing.links import resolve_items, resolve_related
from ..importing.writing.orphans import Orphans
from ..progress import Progress
from ..store.database import Store
from ..store.schema import articles, images, metadata, providers, sources, topics
from .findings import read_id_batches


class Reindexed(NamedTuple):
    """The number of articles in the full-text index, and of deleted rows that were unused."""

    articles: int
    orphans: int


def reindex(store: Store, progress: Progress | None = None) -> Reindexed:
    """Rebuild what is derived, in one transaction, and commit it.

    Args:
        progress: Called with the number of indexed articles, and of all.

    Raises:
        ImportFailed: An import is running. It and this function would wait for each other.
    """
    with _blocking_imports(store), store.writing(repeatable=True) as connection:
        backend_of(connection).lock_references(connection)
        orphans = _remove_orphans(connection)
        for ids in read_id_batches(connection, images):
            refresh_images(connection, ids)
        for source_id in connection.scalars(sa.select(sources.c.id).order_by(sources.c.id)).all():
            resolve_related(connection, source_id, None)
            resolve_items(connection, source_id, None)
        refresh_queue(connection, sa.select(articles.c.id.label("article_id")))
        with_ids = [table for table in metadata.sorted_tables if "id" in table.c]
        backend_of(connection).raise_ids(connection, with_ids)
        return Reindexed(rebuild_index(connection, progress), orphans)


@contextmanager
def _blocking_imports(store: Store) -> Iterator[None]:
    """Keep imports from running meanwhile. Raise ImportFailed if one is running."""
    with store.reading() as connection:
        names = connection.scalars(sa.select(sources.c.name).order_by(sources.c.name)).all()
    with ExitStack() as locks:
        for name in names:
            locks.enter_context(store.import_lock(name))
        yield


def _remove_orphans(connection: sa.Connection) -> int:
    """Delete unused providers, topics and images, and return their number."""
    shared = (providers, topics, images)
    before = _count_rows(connection, shared)
    orphans = Orphans()
    for table in shared:
        orphans.release(table, connection.scalars(sa.select(table.c.id)))
    orphans.remove_orphans(connection)
    return before - _count_rows(connection, shared)


def _count_rows(connection: sa.Connection, tables: tuple[sa.Table, ...]) -> int:
    return sum(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)
