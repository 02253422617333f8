"""Record what editors have reviewed, so that an article leaves the review queue.

A review is about a whole article (`curation keep`), or about one flag whose override an editor has reset. At
most one review of each kind holds for an article: a later one ends it, and so does a revert. No row is
deleted, so that a revert can be reverted too.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..articles.override_status import stated_value
from ..articles.review_queue import RESET_FLAGS, WHOLE_ARTICLE
from ..articles.selecting import selected
from ..backends.types import Instant
from ..store.database import now
from ..store.schema import articles, changes, changesets, reviews

_COLUMNS = (
    "article_id", "field", "changeset_id", "reviewed_at", "snoozed_until",
    "upstream_quality", "upstream_heat", "upstream_published", "upstream_removed",
)  # fmt: skip


def record_reviews(connection: sa.Connection, changeset_id: int, snoozed_until: dt.datetime | None) -> None:
    """Record that an editor has reviewed the articles in the temporary table `selected`.

    Args:
        snoozed_until: When the articles return to the review queue in any case, UTC; None for never.
    """
    rows = sa.select(selected.c.article_id, sa.literal(WHOLE_ARTICLE).label("field"))
    _insert(connection, changeset_id, rows.subquery(), snoozed_until)


def record_resets(connection: sa.Connection, changeset_id: int) -> None:
    """Record the overrides that a changeset has removed, as far as the review queue asks for them."""
    change = changes.c
    rows = sa.select(change.article_id, change.field).where(
        change.changeset_id == changeset_id, change.old_override.is_not(None),
        change.new_override.is_(None), change.field.in_(RESET_FLAGS),
    )  # fmt: skip
    _insert(connection, changeset_id, rows.subquery(), None)


def _insert(
    connection: sa.Connection, changeset_id: int, rows: sa.FromClause, snoozed_until: dt.datetime | None
) -> None:
    """Insert a review for each row (article_id, field), with what upstream states now.

    It ends the earlier one.
    """
    upstream = (
        stated_value("quality"),
        stated_value("heat"),
        stated_value("published") != 0,
        stated_value("removed") != 0,
    )
    query = sa.select(
        rows.c.article_id, rows.c.field, sa.literal(changeset_id), sa.literal(now(), Instant()),
        sa.cast(sa.literal(snoozed_until, Instant()), Instant()), *upstream,
    ).join_from(rows, articles, articles.c.id == rows.c.article_id)  # fmt: skip
    connection.execute(sa.insert(reviews).from_select(_COLUMNS, query))
    _end_earlier(connection, changeset_id)


def _end_earlier(connection: sa.Connection, changeset_id: int) -> None:
    """End the earlier reviews of the same articles and fields as those that hold of a changeset."""
    later = reviews.alias("later")
    is_replaced = sa.exists().where(
        later.c.article_id == reviews.c.article_id, later.c.field == reviews.c.field,
        later.c.changeset_id == changeset_id, later.c.ended_changeset_id.is_(None),
    )  # fmt: skip
    connection.execute(
        sa.update(reviews)
        .where(
            reviews.c.ended_changeset_id.is_(None), reviews.c.changeset_id < changeset_id,
            is_replaced.correlate(reviews),
        )
        .values(ended_changeset_id=changeset_id)
    )  # fmt: skip


def select_reviewed(changeset_id: int) -> tuple[sa.Select[tuple[int]], ...]:
    """Return queries of the articles whose reviews a changeset made or ended."""
    article_id = sa.select(reviews.c.article_id)
    return (
        article_id.where(reviews.c.changeset_id == changeset_id),
        article_id.where(reviews.c.ended_changeset_id == changeset_id),
    )


def find_replaced_reviews(connection: sa.Connection, changeset_id: int) -> list[tuple[str, int]]:
    """Return the paths of the articles that were kept again since, each with the later changeset."""
    later = changesets.alias("later")
    query = (
        sa.select(articles.c.path, later.c.id)
        .select_from(reviews)
        .join(articles, articles.c.id == reviews.c.article_id)
        .join(later, later.c.id == reviews.c.ended_changeset_id)
        .where(
            reviews.c.changeset_id == changeset_id, reviews.c.field == WHOLE_ARTICLE, later.c.kind == "keep",
        )
        .order_by(articles.c.path)
    )  # fmt: skip
    return [(path, later_id) for path, later_id in connection.execute(query)]


def revert_reviews(connection: sa.Connection, changeset_id: int, revert_id: int) -> tuple[int, int]:
    """Revert the reviews of a changeset, or restore them if the changeset is a revert itself.

    A review that a later one has replaced stays as it is, and so does that of a flag that is not reverted.

    Args:
        revert_id: The changeset of the revert, whose changes are recorded.

    Returns:
        The changeset that made the reviews, and the number of those that ended or were restored.
    """
    origin, is_restored = _find_origin(connection, changeset_id)
    if is_restored:
        changed = _restore(connection, changeset_id, revert_id)
        _end_earlier(connection, origin)
        return origin, changed
    holds = (reviews.c.changeset_id == origin, reviews.c.ended_changeset_id.is_(None))
    ended = connection.execute(
        sa.update(reviews).where(*holds, _is_reverted(revert_id)).values(ended_changeset_id=revert_id)
    )
    return origin, max(_restore(connection, origin, revert_id), ended.rowcount)


def _is_reverted(revert_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a review is of a whole article, or of a flag that a revert has changed."""
    is_changed = sa.exists().where(
        changes.c.changeset_id == revert_id, changes.c.article_id == reviews.c.article_id,
        changes.c.field == reviews.c.field,
    )  # fmt: skip
    return sa.or_(reviews.c.field == WHOLE_ARTICLE, is_changed.correlate(reviews))


def _find_origin(connection: sa.Connection, changeset_id: int) -> tuple[int, bool]:
    """Follow reverts of reverts back to the changeset that they are about.

    Returns:
        The changeset, and whether reverting `changeset_id` puts it into effect again.
    """
    is_restored = False
    while True:
        query = sa.select(changesets.c.reverts_id).where(changesets.c.id == changeset_id)
        reverted_id = connection.scalar(query)
        if reverted_id is None:
            return changeset_id, is_restored
        changeset_id, is_restored = reverted_id, not is_restored


def _restore(connection: sa.Connection, changeset_id: int, revert_id: int) -> int:
    """Restore the reviews that a changeset ended and that no later one has replaced.

    Returns:
        The number of restored reviews.
    """
    later = reviews.alias("later")
    has_later = sa.exists().where(
        later.c.article_id == reviews.c.article_id, later.c.field == reviews.c.field,
        later.c.changeset_id > reviews.c.changeset_id, later.c.ended_changeset_id.is_(None),
    )  # fmt: skip
    restored = connection.execute(
        sa.update(reviews)
        .where(
            reviews.c.ended_changeset_id == changeset_id,
            ~has_later.correlate(reviews),
            _is_reverted(revert_id),
        )
        .values(ended_changeset_id=None)
    )
    return restored.rowcount
