"""List articles by filter or by search, for people to read."""

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
from ..suggestions import describe_unknown_name
from .reading import article_columns, join_articles
from .searching import find_matches, make_snippet, parse_query
from .selecting import Filters, make_filter_conditions


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of values.

    Rows may be read lazily, so they must be consumed within the transaction.
    """

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
    """Return the columns that `list` can show, by name."""
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
    """Return the articles that match the filters.

    Args:
        sort: A column's name, with `-` in front for descending order. Ties are ordered by path, then source.
        limit: Maximum number of rows.

    Raises:
        SelectionError: A column or a name in the filters is unknown.
    """
    known = _columns()
    unknown = [name for name in (*columns, sort.removeprefix("-")) if name not in known]
    if unknown:
        raise SelectionError(
            describe_unknown_name("column", unknown[0], LIST_COLUMNS, "curation list --columns help")
        )
    sort_column = known[sort.removeprefix("-")]
    order = sort_column.desc().nulls_last() if sort.startswith("-") else sort_column.asc().nulls_last()
    query = (
        sa.select(*(known[name].label(name) for name in columns))
        .select_from(join_articles())
        .where(*make_filter_conditions(connection, filters))
        .order_by(order, articles.c.path, sources.c.name)
        .limit(limit)
    )
    return Table(columns, stream_rows(connection, query))


#: The columns of `search_articles`. `found` is a snippet with the found words between [ and ].
SEARCH_COLUMNS = ("id", "published_at", "quality", "heat", "published", "title", "path", "found")


def search_articles(
    connection: sa.Connection, query: str, filters: Filters, *, limit: int | None = None
) -> Iterator[Sequence[Any]]:
    """Yield the articles that match a query and filters, the best first, as rows of `SEARCH_COLUMNS`.

    The caller has updated the index with `searching.index_queued`.

    Raises:
        SelectionError: The query has no word, or a name in the filters is unknown.
    """
    terms = parse_query(query)
    hits = find_matches(connection, query).subquery("hits")
    # Sorting is done without the long texts. They are then read of the resulting articles only.
    best = (
        sa.select(articles.c.id, articles.c.path, hits.c.fit)
        .join_from(articles, hits, hits.c.article_id == articles.c.id)
        .where(*make_filter_conditions(connection, filters))
        .order_by(hits.c.fit.desc(), articles.c.path, articles.c.id)
        .limit(limit)
        .subquery("best")
    )
    columns = (articles.c[name] for name in SEARCH_COLUMNS[:-1])
    rows = connection.execute(
        sa.select(*columns, articles.c.title, articles.c.excerpt, articles.c.body)
        .join_from(best, articles, articles.c.id == best.c.id)
        .order_by(best.c.fit.desc(), best.c.path, best.c.id)
    )
    for row in rows.yield_per(ROWS_IN_MEMORY):
        *values, title, excerpt, body = row
        yield (*values, make_snippet(terms, (excerpt, body, title), ("[", "]")))


def count_articles(connection: sa.Connection, filters: Filters) -> int:
    """Return how many articles match the filters."""
    query = (
        sa.select(sa.func.count()).select_from(articles).where(*make_filter_conditions(connection, filters))
    )
    return connection.scalar(query) or 0
