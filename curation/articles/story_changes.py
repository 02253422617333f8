"""Find out whether an article's path has another story than at an earlier changeset."""

from __future__ import annotations

import sqlalchemy as sa

from ..store.schema import articles, story_takeovers


def has_other_story(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that an article has another story than at a changeset.

    Canonical URL and title both differ (see `importing.merging.stories`).

    Args:
        rows: A table with the columns `article_id` and `changeset_id`.
    """
    story, takeover, now = story_takeovers, story_takeovers.alias("takeover"), articles.alias("now")
    next_takeover = (
        sa.select(sa.func.min(takeover.c.last_changeset_id))
        .where(
            takeover.c.article_id == rows.c.article_id,
            takeover.c.last_changeset_id >= rows.c.changeset_id,
        )
        .correlate(rows)
        .scalar_subquery()
    )
    return (
        sa.select(sa.literal(1))
        .join_from(story, now, now.c.id == story.c.article_id)
        .where(
            story.c.article_id == rows.c.article_id, story.c.last_changeset_id == next_takeover,
            story.c.title.is_distinct_from(now.c.title),
            story.c.canonical_digest.is_distinct_from(now.c.canonical_digest),
        )
        .correlate(rows)
        .exists()
    )  # fmt: skip
