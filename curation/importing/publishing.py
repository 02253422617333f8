"""Articles whose date is to come: upstream does not publish them before it has come.

So Jekyll does it, unless `future: true` says otherwise (https://jekyllrb.com/docs/configuration/options/).
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..database import now
from ..instants import as_text
from ..schema import articles, outdated_articles, source_settings
from .tasks import SCHEDULED

#: The setting of a source: `true` publishes what has a date to come at once.
FUTURE = "future"


def publish_limit(connection: sa.Connection, source_id: int) -> str | None:
    """Return the instant (UTC, as text) up to which dates are published; None where all are."""
    table = source_settings.c
    query = sa.select(table.value).where(table.source_id == source_id, table.name == FUTURE)
    # `given` sorts before `read`, and wins.
    stated = connection.scalar(query.order_by(table.origin).limit(1))
    return None if stated == "true" else as_text(now())


def find_early(connection: sa.Connection, source_id: int, limit: str | None) -> Sequence[str]:
    """Return the paths of articles that are to be read again: those that were scheduled and are due, those
    that are published and not due, and those that an older release read otherwise.

    Args:
        limit: as `publish_limit` gives it.
    """
    article = articles.c
    # In the words of `ix_articles_scheduled`: SQLite uses the index for no bound value.
    is_scheduled = article.upstream_status == sa.literal_column(f"'{SCHEDULED}'")
    at = now()
    due = is_scheduled if limit is None else sa.and_(is_scheduled, article.published_at <= at)
    paths = list(connection.scalars(sa.select(article.path).where(article.source_id == source_id, due)))
    outdated = sa.select(articles.c.path).join(outdated_articles).where(article.source_id == source_id)
    paths += connection.scalars(outdated)
    if limit is not None:
        # `source_id + 0` leads by the index of dates: by the source's own, all its articles would be read.
        early = (
            article.source_id + 0 == source_id, article.published_at > at, article.upstream_status.is_(None),
            sa.or_(article.upstream_published.is_(None), article.upstream_published.is_(sa.true())),
        )  # fmt: skip
        paths += connection.scalars(sa.select(article.path).where(*early))
    return paths
