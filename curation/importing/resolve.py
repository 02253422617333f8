"""Which article a related link and a collection's item name, once that article is there.

A link is the article of the same source with its title and instant (5,312 of 5,315 resolve so, none
ambiguously), else with its canonical URL; one that is there before one that is missing. Only what an import
has touched is looked at: links of touched articles, links to them, and links that could name them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..scanning import ARTICLE_SUFFIXES
from ..schema import articles, collection_items, related_links


@dataclass(frozen=True, slots=True)
class Touched:
    """Which articles imports have touched: those they wrote, and those they marked missing at an instant."""

    import_ids: Sequence[int]
    missing_since: dt.datetime | None = None

    def condition(self, article: sa.FromClause) -> sa.ColumnElement[bool]:
        written = article.c.last_import_id.in_(self.import_ids)
        if self.missing_since is None:
            return written
        return sa.or_(written, article.c.missing_since == self.missing_since)


def resolve_related(connection: sa.Connection, source_id: int, touched_by: Touched) -> None:
    """Sets `target_id` of the links that these imports have touched, in one statement."""
    links = related_links.c
    by_title = (articles.c.published_at == links.published_at, articles.c.title == links.title)
    by_url = (articles.c.canonical_digest == links.canonical_digest,)
    is_there, is_gone = articles.c.missing_since.is_(None), articles.c.missing_since.is_not(None)
    target = sa.func.coalesce(
        _first_article(source_id, is_there, *by_title),
        _first_article(source_id, is_there, *by_url),
        _first_article(source_id, is_gone, *by_title),
        _first_article(source_id, is_gone, *by_url),
    )
    connection.execute(
        sa.update(related_links)
        .where(
            links.id.in_(_touched(touched_by)),
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


def _is_gone() -> sa.ColumnElement[int]:
    return sa.case((articles.c.missing_since.is_(None), 0), else_=1)


def _touched(touched_by: Touched) -> sa.CompoundSelect[tuple[int]]:
    links, touched = related_links.alias("l"), articles.alias("t")
    ways = (
        links.c.article_id == touched.c.id,
        links.c.target_id == touched.c.id,
        links.c.published_at == touched.c.published_at,
        links.c.canonical_digest == touched.c.canonical_digest,
    )
    return sa.union(
        *(
            sa.select(links.c.id).join_from(touched, links, way).where(touched_by.condition(touched))
            for way in ways
        )
    )


def resolve_items(connection: sa.Connection, source_id: int, touched_by: Touched) -> None:
    """Sets `item_id` of the collection items that these imports have touched."""
    item = collection_items.c
    mine = sa.select(articles.c.id).where(articles.c.source_id == source_id)
    paths = [item.item_stem.concat(suffix) for suffix in ARTICLE_SUFFIXES]
    named = (
        sa.select(articles.c.id)
        .where(articles.c.source_id == source_id, articles.c.path.in_(paths))
        .order_by(_is_gone(), articles.c.path)
        .limit(1)
        .correlate(collection_items)
        .scalar_subquery()
    )
    touched = articles.alias("t")
    condition = touched_by.condition(touched)
    owners = sa.select(touched.c.id).where(condition)
    stems = [
        sa.select(sa.func.substr(touched.c.path, 1, sa.func.length(touched.c.path) - len(suffix))).where(
            condition, touched.c.path.endswith(suffix)
        )
        for suffix in ARTICLE_SUFFIXES
    ]
    is_touched = sa.or_(
        item.article_id.in_(owners), item.item_id.in_(owners), item.item_stem.in_(sa.union_all(*stems))
    )
    connection.execute(
        sa.update(collection_items)
        .where(is_touched, item.article_id.in_(mine), item.item_id.is_distinct_from(named))
        .values(item_id=named)
    )
