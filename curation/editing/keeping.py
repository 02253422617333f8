"""Keep articles as they are: an editor has looked at them, and they leave the review queue."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..articles.override_status import stated_value_of
from ..articles.review_queue import is_conflict_item, is_reviewed_as_is
from ..articles.selecting import Selection, selected
from ..store.schema import articles, changesets, overrides, review_items, reviews
from .changing import Author, WantedOverrides, apply_overrides, close_changeset, open_changeset, typed_null
from .flags import Edit, select_for_edit
from .reviews import record_reviews


def keep_articles(
    connection: sa.Connection,
    selection: Selection,
    *,
    actor: str,
    reason: str | None,
    until: dt.datetime | None = None,
    takes_upstream: bool = False,
    unchanged_since: int | None = None,
) -> Edit:
    """Take the selected articles from the review queue, until something new happens; the caller commits.

    Their overrides are confirmed against what upstream states now, so that they are no longer in conflict. An
    override that an import made becomes the editor's. With `until` nothing is confirmed: then the articles
    return to the queue for the same reasons.

    Articles that are kept like this already, and about which there is nothing new, are not kept again.

    Args:
        until: When the articles return to the queue in any case, UTC.
        takes_upstream: Remove overrides that are in conflict, so that these flags follow upstream. Articles
            without a conflict are left as they are.
        unchanged_since: As for `set_flags`.

    Returns:
        The edit. Its `changed` counts the articles that were kept.

    Raises:
        SelectionError: As for `set_flags`.
        EditRefused: As for `set_flags`.
    """
    count = select_for_edit(connection, selection, unchanged_since)
    if takes_upstream:
        _drop_without_conflict(connection)
    else:
        _drop_kept(connection, until)
    kept = connection.scalar(sa.select(sa.func.count()).select_from(selected)) or 0
    if not kept:
        return Edit(None, count, 0)
    changeset_id = open_changeset(connection, Author("keep", actor, reason))
    if takes_upstream:
        apply_overrides(connection, changeset_id, "keep", _select_conflicts())
    elif until is None:
        apply_overrides(connection, changeset_id, "keep", _select_confirmed())
    record_reviews(connection, changeset_id, until)
    close_changeset(connection, changeset_id, is_empty=False)
    return Edit(changeset_id, count, kept)


def _drop_without_conflict(connection: sa.Connection) -> None:
    """Take articles out of the selection that have no conflict."""
    conflicting = sa.select(_select_conflicts().subquery().c.article_id)
    connection.execute(sa.delete(selected).where(selected.c.article_id.not_in(conflicting)))


def _drop_kept(connection: sa.Connection, until: dt.datetime | None) -> None:
    """Take articles out of the selection that are kept like this already."""
    review = reviews.c
    is_same_end = review.snoozed_until.is_(None) if until is None else review.snoozed_until == until
    query = (
        sa.select(review.article_id)
        .join(articles, articles.c.id == review.article_id)
        .where(review.article_id.in_(sa.select(selected.c.article_id)), *is_reviewed_as_is(), is_same_end)
    )
    if until is None:
        rows = _select_confirmed().subquery()
        query = query.where(review.article_id.not_in(sa.select(rows.c.article_id)))
    connection.execute(sa.delete(selected).where(selected.c.article_id.in_(query)))


def _select_overrides() -> sa.Select[tuple[int, str]]:
    """Select the overrides of the selected articles, with the articles."""
    return (
        sa.select(overrides.c.article_id, overrides.c.field)
        .join(selected, selected.c.article_id == overrides.c.article_id)
        .join(articles, articles.c.id == overrides.c.article_id)
    )


def _select_conflicts() -> WantedOverrides:
    """Select the overrides in conflict, to be removed: those that the review queue names."""
    nulls = (typed_null().label(name) for name in ("override", "decision_id", "upstream_value"))
    item = review_items.c
    of_override = sa.and_(item.article_id == overrides.c.article_id, item.flag == overrides.c.field)
    return _select_overrides().add_columns(*nulls).join(review_items, of_override).where(is_conflict_item())


def _select_confirmed() -> WantedOverrides:
    """Select the overrides to be confirmed: upstream has changed since, or an import made them."""
    row, stated = overrides.c, stated_value_of(overrides.c.field)
    is_by_import = changesets.c.kind == "import"
    decision_id = sa.case((is_by_import, typed_null()), else_=row.changeset_id)
    return (
        _select_overrides()
        .add_columns(
            row.value.label("override"), decision_id.label("decision_id"), stated.label("upstream_value")
        )
        .join(changesets, changesets.c.id == row.changeset_id)
        .where(
            changesets.c.kind != "score",
            sa.or_(is_by_import, row.upstream_value.is_distinct_from(stated)),
        )
    )
