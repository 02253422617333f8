"""What is derived from the rest of the store, made anew: the full-text index, what images and links say by
who is there, what nobody uses any more, and from where on ids are given out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import sqlalchemy as sa

from ..articles.searching import rebuild_index
from ..backends import backend_of
from ..importing.writing.images import refresh_images
from ..importing.writing.links import resolve_items, resolve_related
from ..importing.writing.orphans import Orphans
from ..store.database import Store
from ..store.schema import images, metadata, providers, sources, topics
from .findings import batches


class Reindexed(NamedTuple):
    """How many articles the full-text index has, and how many rows nobody used."""

    articles: int
    orphans: int


def reindex(store: Store, progress: Callable[[int, int], None] | None = None) -> Reindexed:
    """Makes anew what can be derived, in one transaction; commits by itself. `progress` is told articles of
    the index done, of all.

    Raises ImportFailed while an import of any source is running: each would wait for the other.
    """
    with _without_imports(store), store.writing(repeatable=True) as connection:
        backend_of(connection).lock_references(connection)
        orphans = _remove_orphans(connection)
        for ids in batches(connection, images):
            refresh_images(connection, ids)
        for source_id in connection.scalars(sa.select(sources.c.id).order_by(sources.c.id)).all():
            resolve_related(connection, source_id, None)
            resolve_items(connection, source_id, None)
        with_ids = [table for table in metadata.sorted_tables if "id" in table.c]
        backend_of(connection).raise_ids(connection, with_ids)
        return Reindexed(rebuild_index(connection, progress), orphans)


@contextmanager
def _without_imports(store: Store) -> Iterator[None]:
    """No import runs meanwhile."""
    with store.reading() as connection:
        names = connection.scalars(sa.select(sources.c.name).order_by(sources.c.name)).all()
    with ExitStack() as held:
        for name in names:
            held.enter_context(store.importing(name))
        yield


def _remove_orphans(connection: sa.Connection) -> int:
    """Removes providers, topics and images that nobody uses; returns how many."""
    shared = (providers, topics, images)
    before = _count(connection, shared)
    orphans = Orphans()
    for table in shared:
        orphans.release(table, connection.scalars(sa.select(table.c.id)))
    orphans.remove_orphans(connection)
    return before - _count(connection, shared)


def _count(connection: sa.Connection, tables: tuple[sa.Table, ...]) -> int:
    return sum(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)
