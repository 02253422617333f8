"""What the store holds, for eyes: lists of articles, one article in full, its history, the issues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import SelectionError
from ..flags import FLAGS
from ..store.database import ROWS_IN_MEMORY, stream_rows
from ..store.schema import (
    article_topics,
    articles,
    sources,
    topics,
)
from ..suggestions import unknown_name
from .reading import article_columns, articles_joined
from .searching import find_matches, parse_query, snippet
from .selecting import Filters, filter_conditions


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of values, which are read as they are asked for, within the transaction."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


def _topic_names() -> sa.ScalarSelect[str]:
    ordered = (
        sa.select(topics.c.name)
        .join(article_topics, article_topics.c.topic_id == topics.c.id)
        .where(article_topics.c.article_id == articles.c.id)
        .order_by(article_topics.c.position)
        .correlate(articles)
        .subquery()
    )
    return sa.select(sa.func.aggregate_strings(ordered.c.name, ", ")).scalar_subquery()


def _columns() -> dict[str, sa.ColumnElement[Any]]:
    """What `list` can show, by name."""
    own = ("id", "path", "collection", "slug", "category", "type", "title", "excerpt", *FLAGS)
    dates = ("published_at", "updated_at", "missing_since", "upstream_status")
    urls = ("original_url", "web_url", "canonical_url")
    upstream = tuple(f"upstream_{flag}" for flag in FLAGS)
    others = ("source", "provider", "domain", "version")
    known = article_columns()
    return {name: known[name] for name in (*others, *own, *dates, *urls, *upstream)} | {
        "topics": _topic_names()
    }


LIST_COLUMNS = tuple(sorted(_columns()))
DEFAULT_COLUMNS = ("id", "published_at", "quality", "heat", "published", "provider", "title", "path")


def list_articles(
    connection: sa.Connection,
    filters: Filters,
    *,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    sort: str = "-published_at",
    limit: int | None = None,
) -> Table:
    """The articles that filters want. `sort` is a column's name, with `-` for descending; ties go by path.

    Raises SelectionError for a column that there is not.
    """
    known = _columns()
    unknown = [name for name in (*columns, sort.removeprefix("-")) if name not in known]
    if unknown:
        raise SelectionError(unknown_name("column", unknown[0], LIST_COLUMNS, "curation list --columns help"))
    by = known[sort.removeprefix("-")]
    order = by.desc().nulls_last() if sort.startswith("-") else by.asc().nulls_last()
    query = (
        sa.select(*(known[name].label(name) for name in columns))
        .select_from(articles_joined())
        .where(*filter_conditions(connection, filters))
        .order_by(order, articles.c.path, sources.c.name)
        .limit(limit)
    )
    return Table(columns, stream_rows(connection, query))


#: What `search_articles` tells of each; `found` is where, with the words between [ and ].
SEARCH_COLUMNS = ("id", "published_at", "quality", "heat", "published", "title", "path", "found")


def search_articles(
    connection: sa.Connection, query: str, filters: Filters, *, limit: int | None = None
) -> Iterator[Sequence[Any]]:
    """The articles that a query finds and filters want, the best fit first; rows of `SEARCH_COLUMNS`.

    Raises SelectionError for a query without a word. The index is up to date (`searching.index_queued`).
    """
    terms = parse_query(query)
    hits = find_matches(connection, query).subquery("hits")
    # What is sorted is no texts: those are read of the articles that are told alone.
    best = (
        sa.select(articles.c.id, articles.c.path, hits.c.fit)
        .join_from(articles, hits, hits.c.article_id == articles.c.id)
        .where(*filter_conditions(connection, filters))
        .order_by(hits.c.fit.desc(), articles.c.path, articles.c.id)
        .limit(limit)
        .subquery("best")
    )
    told = (articles.c[name] for name in SEARCH_COLUMNS[:-1])
    rows = connection.execute(
        sa.select(*told, articles.c.title, articles.c.excerpt, articles.c.body)
        .join_from(best, articles, articles.c.id == best.c.id)
        .order_by(best.c.fit.desc(), best.c.path, best.c.id)
    )
    for row in rows.yield_per(ROWS_IN_MEMORY):
        *values, title, excerpt, body = row
        yield (*values, snippet(terms, (excerpt, body, title), ("[", "]")))


def count_articles(connection: sa.Connection, filters: Filters) -> int:
    """How many articles filters want."""
    query = sa.select(sa.func.count()).select_from(articles).where(*filter_conditions(connection, filters))
    return connection.scalar(query) or 0
