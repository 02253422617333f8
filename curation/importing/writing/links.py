"""Resolve the articles that related links and collection items refer to.

A link refers to the article of the same source with its title and publication time, or else with its
canonical URL. Of 5,315 links, 5,312 resolve by title and time, none ambiguously. Present articles precede
missing ones.

Only links that an import has touched are resolved: links of touched articles, links to them, and links that
could refer to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ...paths import ARTICLE_SUFFIXES, SUFFIX_SPELLINGS
from ...store.schema import articles, collection_items, related_links

#: Ids of the imports that touched the articles; None for all articles of the source.
ImportIds = Sequence[int] | None


def resolve_related(connection: sa.Connection, source_id: int, imports: ImportIds) -> None:
    """Set `target_id` of links that imports have touched, in one statement. The caller commits."""
    links, target = related_links.c, related_target(source_id)
    connection.execute(
        sa.update(related_links)
        .where(_is_touched_link(source_id, imports), links.target_id.is_distinct_from(target))
        .values(target_id=target)
    )


def resolve_items(connection: sa.Connection, source_id: int, imports: ImportIds) -> None:
    """Set `item_id` of collection items that imports have touched, in one statement. The caller commits."""
    item, target = collection_items.c, item_target(source_id)
    connection.execute(
        sa.update(collection_items)
        .where(_is_touched_item(source_id, imports), item.item_id.is_distinct_from(target))
        .values(item_id=target)
    )


def related_target(source_id: int) -> sa.ColumnElement[int]:
    """Return the SQL expression for the id of the article that a row of `related_links` refers to."""
    links = related_links.c
    by_title = (articles.c.published_at == links.published_at, articles.c.title == links.title)
    by_url = (articles.c.canonical_digest == links.canonical_digest,)
    is_there, is_gone = articles.c.missing_since.is_(None), articles.c.missing_since.is_not(None)
    return sa.func.coalesce(
        _first_article(source_id, is_there, *by_title),
        _first_article(source_id, is_there, *by_url),
        _first_article(source_id, is_gone, *by_title),
        _first_article(source_id, is_gone, *by_url),
    )


def _first_article(source_id: int, *same: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Return a subquery for the first article by path that meets conditions, except the link's own article.

    `source_id + 0` prevents an engine without statistics from scanning the whole source by (source_id, path)
    to get the order. On SQLite, that scan took over ten minutes with 20,000 articles.
    """
    return (
        sa.select(articles.c.id)
        .where(articles.c.source_id + 0 == source_id, articles.c.id != related_links.c.article_id, *same)
        .order_by(articles.c.path)
        .limit(1)
        .correlate(related_links)
        .scalar_subquery()
    )


def item_target(source_id: int) -> sa.ScalarSelect[int]:
    """Return a subquery for the id of the article that a row of `collection_items` refers to."""
    paths = [collection_items.c.item_stem.concat(suffix) for suffix in SUFFIX_SPELLINGS]
    is_gone = sa.case((articles.c.missing_since.is_(None), 0), else_=1)
    return (
        sa.select(articles.c.id)
        .where(articles.c.source_id == source_id, articles.c.path.in_(paths))
        .order_by(is_gone, articles.c.path)
        .limit(1)
        .correlate(collection_items)
        .scalar_subquery()
    )


def _is_touched_link(source_id: int, imports: ImportIds) -> sa.ColumnElement[bool]:
    """Return the condition for links from or to touched articles, and links that could refer to them."""
    links = related_links.c
    is_mine = links.article_id.in_(sa.select(articles.c.id).where(articles.c.source_id == source_id))
    if imports is None:
        return is_mine
    link, touched = related_links.alias("l").c, articles.alias("t")
    ways = (
        link.article_id == touched.c.id,
        link.target_id == touched.c.id,
        link.published_at == touched.c.published_at,
        link.canonical_digest == touched.c.canonical_digest,
    )
    found = (
        sa.select(link.id).join_from(touched, link.id.table, way).where(touched.c.last_import_id.in_(imports))
        for way in ways
    )
    return sa.and_(links.id.in_(sa.union(*found)), is_mine)


def _is_touched_item(source_id: int, imports: ImportIds) -> sa.ColumnElement[bool]:
    """Return the condition for items of touched collections, and those that may refer to touched articles."""
    item = collection_items.c
    is_mine = item.article_id.in_(sa.select(articles.c.id).where(articles.c.source_id == source_id))
    if imports is None:
        return is_mine
    touched = articles.alias("t").c
    is_touched = touched.last_import_id.in_(imports)
    ids = sa.select(touched.id).where(is_touched)
    stems = [
        sa.select(sa.func.substr(touched.path, 1, sa.func.length(touched.path) - len(suffix))).where(
            is_touched, sa.func.lower(touched.path).endswith(suffix)
        )
        for suffix in ARTICLE_SUFFIXES
    ]
    ways = (item.article_id.in_(ids), item.item_id.in_(ids), item.item_stem.in_(sa.union_all(*stems)))
    return sa.and_(sa.or_(*ways), is_mine)
