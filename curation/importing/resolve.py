"""Which article a related link and a collection's item name, once that article is there.

A link is the article of the same source with its title and instant (5,312 of 5,315 resolve so, none
ambiguously), else with its canonical URL. Only what an import has touched is looked at: links of touched
articles, links to them, and links that could name them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..scanning import ARTICLE_SUFFIXES
from ..schema import articles, collection_items, related_links


def resolve_related(connection: sa.Connection, source_id: int, import_ids: Sequence[int]) -> None:
    """Sets `target_id` of the links that these imports have touched, in one statement."""
    links = related_links.c
    target = sa.func.coalesce(
        _first_article(
            source_id, articles.c.published_at == links.published_at, articles.c.title == links.title
        ),
        _first_article(source_id, articles.c.canonical_digest == links.canonical_digest),
    )
    connection.execute(
        sa.update(related_links)
        .where(
            links.id.in_(_touched(import_ids)),
            links.article_id.in_(sa.select(articles.c.id).where(articles.c.source_id == source_id)),
            links.target_id.is_distinct_from(target),
        )
        .values(target_id=target)
    )


def _first_article(source_id: int, *same: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """The article that a link could name; of several the first by path, and never the link's own.

    `source_id + 0` keeps engines without statistics from walking the whole source by (source_id, path)
    for the sake of the order: measured on SQLite, 20,000 articles took over ten minutes that way.
    """
    return (
        sa.select(articles.c.id)
        .where(articles.c.source_id + 0 == source_id, articles.c.id != related_links.c.article_id, *same)
        .order_by(articles.c.path)
        .limit(1)
        .correlate(related_links)
        .scalar_subquery()
    )


def _touched(import_ids: Sequence[int]) -> sa.CompoundSelect[tuple[int]]:
    links, touched = related_links.alias("l"), articles.alias("t")
    ways = (
        links.c.article_id == touched.c.id,
        links.c.target_id == touched.c.id,
        links.c.published_at == touched.c.published_at,
        links.c.canonical_digest == touched.c.canonical_digest,
    )
    return sa.union(
        *(
            sa.select(links.c.id)
            .join_from(touched, links, way)
            .where(touched.c.last_import_id.in_(import_ids))
            for way in ways
        )
    )


def resolve_items(connection: sa.Connection, source_id: int) -> None:
    """Sets `item_id` of the collection items that name an article which has come."""
    item = collection_items.c
    mine = sa.select(articles.c.id).where(articles.c.source_id == source_id)
    paths = [item.item_stem.concat(suffix) for suffix in ARTICLE_SUFFIXES]
    named = (
        sa.select(articles.c.id)
        .where(articles.c.source_id == source_id, articles.c.path.in_(paths))
        .order_by(articles.c.path)
        .limit(1)
        .correlate(collection_items)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(collection_items)
        .where(item.item_id.is_(None), item.article_id.in_(mine), named.is_not(None))
        .values(item_id=named)
    )
