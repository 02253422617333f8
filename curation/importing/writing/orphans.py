"""What a change leaves behind: providers, topics and images that nobody uses any more are removed, so that
a store that was brought up to date is as one that was filled at once.
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
from .images import settle_images

#: Where each is used; a row that is in none of these is an orphan.
USES: dict[sa.Table, tuple[sa.Column[Any], ...]] = {
    providers: (articles.c.provider_id, related_links.c.provider_id, taxonomy_documents.c.provider_id),
    topics: (article_topics.c.topic_id, taxonomy_documents.c.topic_id, topics.c.parent_id),
    images: (article_images.c.image_id, related_link_images.c.image_id, provider_images.c.image_id),
}


def is_unused(row: sa.FromClause, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return whether nothing refers to a row of one of these tables; `row` is an alias of the table."""
    return sa.and_(*(~sa.exists().where(column == row.c.id) for column in USES[table]))


class Orphans:
    """What one transaction may have left without a user."""

    def __init__(self) -> None:
        self._released: dict[sa.Table, set[int]] = {table: set() for table in USES}

    def release(self, table: sa.Table, row_ids: Iterable[int | None]) -> None:
        """Notes rows that are used once less."""
        self._released[table].update(row_id for row_id in row_ids if row_id is not None)

    def note_released(self, connection: sa.Connection, article_ids: Sequence[int]) -> None:
        """Notes what articles refer to, before they are written anew."""
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
        """Removes what was released and has no other user; a topic's parent goes with its last child."""
        for table, released in self._released.items():
            while released:
                released = self._remove(connection, table, sorted(released))

    def _remove(self, connection: sa.Connection, table: sa.Table, row_ids: Sequence[int]) -> set[int]:
        """Removes the orphans among some rows; returns the topics that these were children of."""
        above: set[int] = set()
        target = table.alias("t")
        unused = is_unused(target, table)
        for some in chunks(row_ids):
            ids = connection.scalars(sa.select(target.c.id).where(target.c.id.in_(some), unused)).all()
            if not ids:
                continue
            if table is topics:
                parents = connection.scalars(sa.select(topics.c.parent_id).where(topics.c.id.in_(ids)))
                above |= {parent for parent in parents if parent is not None}
            elif table is providers:
                connection.execute(sa.delete(provider_aliases).where(provider_aliases.c.provider_id.in_(ids)))
            connection.execute(sa.delete(table).where(table.c.id.in_(ids)))
        return above

    def settle_images(self, connection: sa.Connection, deviating: Iterable[int]) -> None:
        """Lets the rows of images say what they should, where uses differ or one was released."""
        settle_images(connection, self._released[images].union(deviating))


def settle_images_of(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Lets the images of articles that were marked or moved say what their first use now says."""
    orphans = Orphans()
    orphans.note_released(connection, article_ids)
    orphans.settle_images(connection, ())
