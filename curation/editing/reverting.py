"""Revert a changeset of flags: restore the overrides that it replaced, with the changesets that made them.

A flag is left as it is, and reported, if its override was changed again since, or if another story has taken
the article's path since. Later changes that were themselves reverted do not matter. Imports are reverted in
`importing/reverting`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from ..articles.override_status import matches_upstream
from ..articles.story_changes import has_other_story
from ..backends import backend_of
from ..errors import EditRefused
from ..store.schema import articles, changes, changesets, overrides
from .changing import (
    Author,
    WantedOverrides,
    apply_overrides,
    changes_decision,
    changes_override,
    close_changeset,
    open_changeset,
)
from .flags import count_changed
from .reviews import find_replaced_reviews, revert_reviews


@dataclass(slots=True)
class RevertResult:
    """The result of reverting a changeset.

    Attributes:
        changeset_id: The new changeset.
        changed: Number of articles whose flags changed, or whose review was reverted.
        kept: The flags that were left as they are: path, flag and reason.
        adopted: Number of flags that lost their override and kept its value, because upstream has adopted it.
    """

    changeset_id: int
    changed: int
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    adopted: int = 0


def read_changeset_kind(connection: sa.Connection, changeset_id: int) -> tuple[str, str | None]:
    """Return the kind of a changeset, and the kind of the one that it reverts, if any.

    Raises:
        EditRefused: There is no such changeset.
    """
    reverted = changesets.alias("reverted")
    query = (
        sa.select(changesets.c.kind, reverted.c.kind)
        .outerjoin_from(changesets, reverted, reverted.c.id == changesets.c.reverts_id)
        .where(changesets.c.id == changeset_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise EditRefused(f"no changeset {changeset_id}: run `curation log` to list changesets")
    return row[0], row[1]


def revert_changeset(
    connection: sa.Connection, changeset_id: int, *, actor: str, reason: str | None = None
) -> RevertResult:
    """Revert a changeset of flags by a new changeset; the caller commits.

    Raises:
        EditRefused: Nothing of it can be reverted.
    """
    # Batches of imports and other edits wait for this lock, so the rows need no locks of their own.
    backend_of(connection).lock_references(connection)
    kept = _find_kept(connection, changeset_id)
    new_id = open_changeset(connection, Author("revert", actor, reason, changeset_id))
    has_changes = apply_overrides(connection, new_id, "revert", _select_previous(changeset_id))
    origin_id, reviewed = revert_reviews(connection, changeset_id, new_id)
    is_empty = not (has_changes or reviewed)
    if close_changeset(connection, new_id, is_empty=is_empty, origin_id=origin_id) is None:
        first = ": {}, {}, {}".format(*kept[0]) if kept else ""
        raise EditRefused(f"nothing of changeset {changeset_id} is left to revert{first}")
    adopted = _count_adopted(connection, changeset_id, new_id)
    return RevertResult(new_id, max(count_changed(connection, new_id), reviewed), kept, adopted)


def _count_adopted(connection: sa.Connection, changeset_id: int, new_id: int) -> int:
    """Return how many flags keep the value of a changeset although `new_id` removed its overrides.

    These flags have no earlier override, and upstream has adopted the value.
    """
    reverted, revert = changes.alias("reverted"), changes.alias("revert")
    query = (
        sa.select(sa.func.count())
        .select_from(revert)
        .join(
            reverted,
            sa.and_(reverted.c.article_id == revert.c.article_id, reverted.c.field == revert.c.field),
        )
        .join(articles, articles.c.id == revert.c.article_id)
        .where(
            revert.c.changeset_id == new_id, reverted.c.changeset_id == changeset_id,
            revert.c.new_override.is_(None), matches_upstream(revert.c.field, revert.c.old_override),
            revert.c.new_value.is_distinct_from(reverted.c.old_value),
        )
    )  # fmt: skip
    return connection.scalar(query) or 0


def _select_override_changes(changeset_id: int) -> sa.Select[tuple[int, str]]:
    """Select the changes of overrides in a changeset, joined to the current overrides."""
    change = changes.c
    return (
        sa.select(change.article_id, change.field)
        .outerjoin_from(
            changes,
            overrides,
            sa.and_(overrides.c.article_id == change.article_id, overrides.c.field == change.field),
        )
        .where(change.changeset_id == changeset_id, changes_override())
    )


def _is_still_in_effect() -> sa.ColumnElement[bool]:
    """Return the condition that the override of a change is still in effect, for the same story.

    If the change only confirmed the override, it must not have been confirmed again since.
    """
    return sa.and_(
        overrides.c.value.is_not_distinct_from(changes.c.new_override),
        overrides.c.changeset_id.is_not_distinct_from(changes.c.new_decision_id),
        sa.or_(
            changes_decision(),
            overrides.c.upstream_value.is_not_distinct_from(changes.c.new_upstream_value),
        ),
        ~has_other_story(changes),
    )


def _select_previous(changeset_id: int) -> WantedOverrides:
    """Select the overrides before a changeset, for flags whose override has not changed since."""
    before = (
        changes.c.old_override.label("override"), changes.c.old_decision_id.label("decision_id"),
        changes.c.old_upstream_value.label("upstream_value"),
    )  # fmt: skip
    return _select_override_changes(changeset_id).where(_is_still_in_effect()).add_columns(*before)


def _find_kept(connection: sa.Connection, changeset_id: int) -> list[tuple[str, str, str]]:
    """Return the flags that cannot be reverted: path, flag and reason, which names the last changeset."""
    later = changes.alias("later")
    last = (
        sa.select(sa.func.max(later.c.id))
        .where(
            later.c.article_id == changes.c.article_id, later.c.field == changes.c.field,
            later.c.id > changes.c.id, sa.or_(changes_decision(later), ~changes_decision()),
            changes_override(later),
        )
        .correlate(changes)
        .scalar_subquery()
    )  # fmt: skip
    last_changeset, last_override = (
        sa.select(column).where(later.c.id == last).scalar_subquery()
        for column in (later.c.changeset_id, later.c.new_override)
    )
    query = (
        _select_override_changes(changeset_id)
        .join(articles, articles.c.id == changes.c.article_id)
        .where(~_is_still_in_effect())
        .with_only_columns(articles.c.path, changes.c.field, last_changeset, last_override)
        .order_by(articles.c.path, changes.c.field)
    )
    flags = [(path, flag, _reason(*last_change)) for path, flag, *last_change in connection.execute(query)]
    kept_again = [
        (path, "review", f"was kept again since, by changeset {later_id}")
        for path, later_id in find_replaced_reviews(connection, changeset_id)
    ]
    return [*flags, *kept_again]


def _reason(changeset_id: int | None, override: int | None) -> str:
    """Return why a flag is left as it is, from the last change of its override."""
    if changeset_id is None:
        return "was about another story, whose path this one has taken"
    return f"was {'reset' if override is None else 'set'} since, by changeset {changeset_id}"
