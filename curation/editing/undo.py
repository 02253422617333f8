"""Taking a changeset of flags back: decisions become what they were before it, and their makers' again.

What was decided otherwise since is left alone and named, and so is what was decided about a story whose path
another one has taken; what was decided and taken back meanwhile is not in the way. Imports are undone in
`importing/undo`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from ..articles.upstream import matches_upstream
from ..backends import backend_of
from ..errors import EditRefused
from ..store.schema import articles, changes, changesets, overrides, story_takeovers
from .changing import Author, WantedOverrides, is_moved, record_overrides
from .flags import count_changed


@dataclass(slots=True)
class Reverted:
    """What taking a changeset back did: the changeset of it, the articles changed, and what was left alone:
    path, flag, and why. `upheld` flags lost their decision and kept its value: upstream says the same now."""

    changeset_id: int
    changed: int
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    upheld: int = 0


def kind_of(connection: sa.Connection, changeset_id: int) -> tuple[str, str | None]:
    """The kind of a changeset, and of the one that it takes back, if it does. Raises EditRefused if there is
    none of this number."""
    undone = changesets.alias("undone")
    query = (
        sa.select(changesets.c.kind, undone.c.kind)
        .outerjoin_from(changesets, undone, undone.c.id == changesets.c.reverts_id)
        .where(changesets.c.id == changeset_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise EditRefused(f"no changeset {changeset_id}: `curation log` lists them")
    return row[0], row[1]


def revert_changeset(
    connection: sa.Connection, changeset_id: int, *, actor: str, reason: str | None = None
) -> Reverted:
    """Takes a changeset of decisions back, by one of its own; the caller commits.

    Raises EditRefused if nothing of it can be undone.
    """
    # Every import's batch and every other decision waits for this lock, so rows need none of their own.
    backend_of(connection).lock_references(connection)
    kept = _decided_since(connection, changeset_id)
    author = Author("revert", actor, reason, changeset_id)
    new_id = record_overrides(connection, author, _before(changeset_id))
    if new_id is None:
        first = ": {}, {}, {}".format(*kept[0]) if kept else ""
        told = f"nothing of changeset {changeset_id} is left to undo{first}"
        raise EditRefused(told)
    upheld = _count_upheld(connection, changeset_id, new_id)
    return Reverted(new_id, count_changed(connection, new_id), kept, upheld)


def _count_upheld(connection: sa.Connection, changeset_id: int, new_id: int) -> int:
    """How many flags a changeset had moved, and stay there though its decision is taken back by `new_id`: no
    earlier one stands, and upstream says the same by now."""
    undone, back = changes.alias("undone"), changes.alias("back")
    query = (
        sa.select(sa.func.count())
        .select_from(back)
        .join(undone, sa.and_(undone.c.article_id == back.c.article_id, undone.c.field == back.c.field))
        .join(articles, articles.c.id == back.c.article_id)
        .where(
            back.c.changeset_id == new_id, undone.c.changeset_id == changeset_id,
            back.c.new_override.is_(None), matches_upstream(back.c.field, back.c.old_override),
            back.c.new_value.is_distinct_from(undone.c.old_value),
        )
    )  # fmt: skip
    return connection.scalar(query) or 0


def _moves(changeset_id: int) -> sa.Select[tuple[int, str]]:
    """The changes of who decides a flag; with what stands now beside them."""
    change = changes.c
    return (
        sa.select(change.article_id, change.field)
        .outerjoin_from(
            changes,
            overrides,
            sa.and_(overrides.c.article_id == change.article_id, overrides.c.field == change.field),
        )
        .where(change.changeset_id == changeset_id, is_moved())
    )


def _stands() -> sa.ColumnElement[bool]:
    """Whether the decision that a change made is the one that stands, about the story that it was about."""
    return sa.and_(
        overrides.c.value.is_not_distinct_from(changes.c.new_override),
        overrides.c.changeset_id.is_not_distinct_from(changes.c.new_decision_id),
        ~_is_taken_over(),
    )


def _is_taken_over() -> sa.ColumnElement[bool]:
    """Whether an article is about another story now than it was at a change: canonical URL and title both
    differ (`importing.merging.stories.is_different_story`)."""
    story, sooner, now = story_takeovers, story_takeovers.alias("sooner"), articles.alias("now")
    next_one = (
        sa.select(sa.func.min(sooner.c.last_changeset_id))
        .where(
            sooner.c.article_id == changes.c.article_id, sooner.c.last_changeset_id >= changes.c.changeset_id
        )
        .correlate(changes)
        .scalar_subquery()
    )
    return (
        sa.select(sa.literal(1))
        .join_from(story, now, now.c.id == story.c.article_id)
        .where(
            story.c.article_id == changes.c.article_id, story.c.last_changeset_id == next_one,
            story.c.title.is_distinct_from(now.c.title),
            story.c.canonical_digest.is_distinct_from(now.c.canonical_digest),
        )
        .correlate(changes)
        .exists()
    )  # fmt: skip


def _before(changeset_id: int) -> WantedOverrides:
    """The decisions that stood before a changeset, where its own stand now."""
    before = (changes.c.old_override.label("override"), changes.c.old_decision_id.label("decision_id"))
    return _moves(changeset_id).where(_stands()).add_columns(*before)


def _decided_since(connection: sa.Connection, changeset_id: int) -> list[tuple[str, str, str]]:
    """The flags that are left alone: path, flag, and why, with the last changeset that had a say."""
    later = changes.alias("later")
    last = (
        sa.select(sa.func.max(later.c.id))
        .where(
            later.c.article_id == changes.c.article_id, later.c.field == changes.c.field,
            later.c.id > changes.c.id, is_moved(later),
        )
        .correlate(changes)
        .scalar_subquery()
    )  # fmt: skip
    by, became = (
        sa.select(column).where(later.c.id == last).scalar_subquery()
        for column in (later.c.changeset_id, later.c.new_override)
    )
    query = (
        _moves(changeset_id)
        .join(articles, articles.c.id == changes.c.article_id)
        .where(~_stands())
        .with_only_columns(articles.c.path, changes.c.field, by, became)
        .order_by(articles.c.path, changes.c.field)
    )
    return [(path, flag, _why_kept(by, became)) for path, flag, by, became in connection.execute(query)]


def _why_kept(by: int | None, became: int | None) -> str:
    """Why a flag is left alone: the last changeset that had a say, and the decision that it made."""
    if by is None:
        return "was about another story, whose path this one took"
    return f"was {'given back to upstream' if became is None else 'decided'} since, by changeset {by}"
