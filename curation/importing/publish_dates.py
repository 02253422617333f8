"""Find articles that are published before their date, or not published after it.

Upstream publishes no article before its date. Jekyll has the same rule, unless its configuration has
`future: true` (https://jekyllrb.com/docs/configuration/options/).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ..backends import backend_of
from ..documents.due_dates import find_due_date
from ..documents.instants import format_instant
from ..store.database import now
from ..store.schema import articles, imports, outdated_articles, source_settings
from .reading.tasks import SCHEDULED

#: Name of the setting of a source. With `true`, articles are published before their date.
FUTURE = "future"


def find_publish_limit(connection: sa.Connection, source_id: int) -> str | None:
    """Return the time (UTC, as text) up to which articles are published by their date, or None for all."""
    table = source_settings.c
    query = sa.select(table.value).where(table.source_id == source_id, table.name == FUTURE)
    # `given` sorts before `read` and has priority.
    value = connection.scalar(query.order_by(table.origin).limit(1))
    return None if value == "true" else format_instant(now())


def find_paths_to_reparse(connection: sa.Connection, source_id: int, limit: str | None) -> Sequence[str]:
    """Return the paths of articles that must be parsed again, even if their files have not changed.

    These are scheduled articles whose date has come, published articles whose date has not, and articles that
    an earlier release parsed differently.

    Args:
        limit: The result of `find_publish_limit`.
    """
    article = articles.c
    # A literal as in `ix_articles_scheduled`, because SQLite does not use the index for a bound value.
    is_scheduled = article.upstream_status == sa.literal_column(f"'{SCHEDULED}'")
    scheduled = sa.select(article.path).where(article.source_id == source_id, is_scheduled)
    # With `source_id` alone, its index would be used, and all articles of the source would be read.
    is_of_source = article.source_id + 0 == source_id
    is_outdated = article.id.in_(sa.select(outdated_articles.c.article_id))
    outdated = sa.select(article.path).where(is_of_source, is_outdated)
    paths = list(connection.scalars(outdated))
    if limit is None:
        return [*paths, *connection.scalars(scheduled)]
    moment = now()
    paths += connection.scalars(scheduled.where(article.published_at <= moment))
    undated = scheduled.add_columns(article.extra).where(article.published_at.is_(None))
    paths += [
        path for path, extra in connection.execute(undated) if _find_publish_time(path, extra) <= moment
    ]
    early = (is_of_source, article.published_at > moment, *_are_published())
    paths += connection.scalars(sa.select(article.path).where(*early))
    has_future_import = sa.exists().where(imports.c.source_id == source_id, imports.c.started_at > moment)
    if connection.scalar(sa.select(has_future_import)):  # the clock was ahead during an earlier import
        paths += [path for _, path in _find_published_early(connection, source_id, moment)]
    return paths


@contextmanager
def queue_early_articles(connection: sa.Connection, source_id: int) -> Iterator[None]:
    """Queue articles for the next import if the setting `future` stops being `true` within this block.

    The next import parses the articles that are published before their date. Only those without
    `published_at` need this: every import finds the others (`find_paths_to_reparse`). The caller commits.
    """
    was_allowed = find_publish_limit(connection, source_id) is None
    yield
    if was_allowed and find_publish_limit(connection, source_id) is not None:
        queued = set(connection.scalars(sa.select(outdated_articles.c.article_id)))
        early = _find_published_early(connection, source_id, now())
        rows = [(article_id,) for article_id, _ in early if article_id not in queued]
        backend_of(connection).bulk_insert(connection, outdated_articles, ("article_id",), rows)


def _find_published_early(
    connection: sa.Connection, source_id: int, moment: dt.datetime
) -> list[tuple[int, str]]:
    """Return the ids and paths of articles without `published_at` that are published before their date.

    Args:
        moment: The present time, UTC.
    """
    article = articles.c
    query = sa.select(article.id, article.path, article.extra).where(
        article.source_id == source_id, article.published_at.is_(None), *_are_published()
    )
    rows = connection.execute(query)
    return [
        (article_id, path) for article_id, path, extra in rows if _find_publish_time(path, extra) > moment
    ]


def _are_published() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the SQL conditions of articles that upstream publishes."""
    article = articles.c
    is_published = sa.or_(article.upstream_published.is_(None), article.upstream_published.is_(sa.true()))
    return article.upstream_status.is_(None), is_published


def _find_publish_time(path: str, extra: Mapping[str, Any]) -> dt.datetime:
    """Return the time (UTC) from which upstream publishes an article without `published_at`.

    For an article without any date, it is the earliest time possible.
    """
    return find_due_date(path, extra) or dt.datetime.min.replace(tzinfo=dt.UTC)
