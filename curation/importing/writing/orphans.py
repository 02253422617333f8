"""Remove providers, topics and images that nothing uses any more.

As a result, a store that was updated many times equals one that was filled at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import (
    article_images,
    article_topics,
    articles,
    images,
    provider_aliases,
    provider_images,
    providers,
    related_link_images,
    related_links,
    taxonomy_documents,
    topics,
)
from .images import refresh_images

#: The columns that refer to each table. A row to which none of them refers is an orphan.
USING_COLUMNS: dict[sa.Table, tuple[sa.Column[Any], ...]] = {
    providers: (articles.c.provider_id, related_links.c.provider_id, taxonomy_documents.c.provider_id),
    topics: (article_topics.c.topic_id, taxonomy_documents.c.topic_id, topics.c.parent_id),
    images: (article_images.c.image_id, related_link_images.c.image_id, provider_images.c.image_id),
}


def is_unused(row: sa.FromClause, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the SQL condition that nothing refers to `row`, which is an alias of `table`."""
    return sa.and_(*(~sa.exists().where(column == row.c.id) for column in USING_COLUMNS[table]))


class Orphans:
    """The rows that one transaction may have turned into orphans."""

    def __init__(self) -> None:
        self._released: dict[sa.Table, set[int]] = {table: set() for table in USING_COLUMNS}

    def release(self, table: sa.Table, row_ids: Iterable[int | None]) -> None:
        """Note rows that have one reference less."""
        self._released[table].update(row_id for row_id in row_ids if row_id is not None)

    def release_references_of(self, connection: sa.Connection, article_ids: Sequence[int]) -> None:
        """Note the rows to which articles refer, before these articles are written again."""
        link, used = related_links.c, related_link_images.c
        for ids in chunks(article_ids):
            for table, query in (
                (providers, sa.select(articles.c.provider_id).where(articles.c.id.in_(ids))),
                (providers, sa.select(link.provider_id).where(link.article_id.in_(ids))),
                (topics, sa.select(article_topics.c.topic_id).where(article_topics.c.article_id.in_(ids))),
                (images, sa.select(article_images.c.image_id).where(article_images.c.article_id.in_(ids))),
                (
                    images,
                    sa.select(used.image_id)
                    .join(related_links, link.id == used.related_link_id)
                    .where(link.article_id.in_(ids)),
                ),
            ):
                self.release(table, connection.scalars(query))

    def remove_orphans(self, connection: sa.Connection) -> None:
        """Remove the released rows that are orphans. A topic's parent may become an orphan with it."""
        for table, released in self._released.items():
            while released:
                released = self._remove_unused(connection, table, sorted(released))

    def _remove_unused(self, connection: sa.Connection, table: sa.Table, row_ids: Sequence[int]) -> set[int]:
        """Remove the orphans among these rows. Return the ids of the parents of removed topics."""
        parents: set[int] = set()
        target = table.alias("t")
        unused = is_unused(target, table)
        for some in chunks(row_ids):
            ids = connection.scalars(sa.select(target.c.id).where(target.c.id.in_(some), unused)).all()
            if not ids:
                continue
            if table is topics:
                parents_of_orphans = connection.scalars(
                    sa.select(topics.c.parent_id).where(topics.c.id.in_(ids))
                )
                parents |= {parent for parent in parents_of_orphans if parent is not None}
            elif table is providers:
                connection.execute(sa.delete(provider_aliases).where(provider_aliases.c.provider_id.in_(ids)))
            connection.execute(sa.delete(table).where(table.c.id.in_(ids)))
        return parents

    def refresh_images(self, connection: sa.Connection, deviating: Iterable[int]) -> None:
        """Refresh the images that were released, and those with a deviating use."""
        refresh_images(connection, self._released[images].union(deviating))


def refresh_images_of(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Refresh the images of articles that were marked or moved, because their first use may have changed."""
    orphans = Orphans()
    orphans.release_references_of(connection, article_ids)
    orphans.refresh_images(connection, ())
