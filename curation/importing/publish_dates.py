"""Articles whose date is to come: upstream does not publish them before it has come.

So Jekyll does it, unless `future: true` says otherwise (https://jekyllrb.com/docs/configuration/options/).
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

#: The setting of a source: `true` publishes what has a date to come at once.
FUTURE = "future"


def publish_limit(connection: sa.Connection, source_id: int) -> str | None:
    """Return the instant (UTC, as text) up to which dates are published; None where all are."""
    table = source_settings.c
    query = sa.select(table.value).where(table.source_id == source_id, table.name == FUTURE)
    # `given` sorts before `read`, and wins.
    stated = connection.scalar(query.order_by(table.origin).limit(1))
    return None if stated == "true" else format_instant(now())


def find_early(connection: sa.Connection, source_id: int, limit: str | None) -> Sequence[str]:
    """Return the paths of articles that are to be read again: those that were scheduled and are due, those
    that are published and not due, and those that an older release read otherwise.

    Args:
        limit: as `publish_limit` gives it.
    """
    article = articles.c
    # In the words of `ix_articles_scheduled`: SQLite uses the index for no bound value.
    is_scheduled = article.upstream_status == sa.literal_column(f"'{SCHEDULED}'")
    scheduled = sa.select(article.path).where(article.source_id == source_id, is_scheduled)
    # `source_id + 0` is no key: by the source's own, all its articles would be read.
    is_of_source = article.source_id + 0 == source_id
    is_outdated = article.id.in_(sa.select(outdated_articles.c.article_id))
    outdated = sa.select(article.path).where(is_of_source, is_outdated)
    paths = list(connection.scalars(outdated))
    if limit is None:
        return [*paths, *connection.scalars(scheduled)]
    at = now()
    paths += connection.scalars(scheduled.where(article.published_at <= at))
    undated = scheduled.add_columns(article.extra).where(article.published_at.is_(None))
    paths += [path for path, extra in connection.execute(undated) if _due(path, extra) <= at]
    early = (is_of_source, article.published_at > at, *_is_published())
    paths += connection.scalars(sa.select(article.path).where(*early))
    is_back = sa.exists().where(imports.c.source_id == source_id, imports.c.started_at > at)
    if connection.scalar(sa.select(is_back)):  # the clock was ahead
        paths += [path for _, path in _find_published_early(connection, source_id, at)]
    return paths


@contextmanager
def following_future(connection: sa.Connection, source_id: int) -> Iterator[None]:
    """Have the next import parse articles that are published before their date, where the setting `future`
    is changed within and no longer allows that.

    Those whose date is `published_at` need no mark: each import finds them (`find_early`).
    """
    was_allowed = publish_limit(connection, source_id) is None
    yield
    if was_allowed and publish_limit(connection, source_id) is not None:
        marked = set(connection.scalars(sa.select(outdated_articles.c.article_id)))
        early = _find_published_early(connection, source_id, now())
        rows = [(article_id,) for article_id, _ in early if article_id not in marked]
        backend_of(connection).bulk_insert(connection, outdated_articles, ("article_id",), rows)


def _find_published_early(
    connection: sa.Connection, source_id: int, at: dt.datetime
) -> list[tuple[int, str]]:
    """Return the ids and paths of articles that are published before their date, which is not
    `published_at`."""
    article = articles.c
    query = sa.select(article.id, article.path, article.extra).where(
        article.source_id == source_id, article.published_at.is_(None), *_is_published()
    )
    rows = connection.execute(query)
    return [(article_id, path) for article_id, path, extra in rows if _due(path, extra) > at]


def _is_published() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that upstream publishes an article."""
    article = articles.c
    is_published = sa.or_(article.upstream_published.is_(None), article.upstream_published.is_(sa.true()))
    return article.upstream_status.is_(None), is_published


def _due(path: str, extra: Mapping[str, Any]) -> dt.datetime:
    """Return from when on upstream publishes an article without `published_at`; one without any date is
    published at all times."""
    return find_due_date(path, extra) or dt.datetime.min.replace(tzinfo=dt.UTC)
