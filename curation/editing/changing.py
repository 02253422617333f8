"""Overrides that are wanted, made to stand: recorded, put in force, and followed by the effective values.

A handful of statements however many articles there are; the rows of `changes` that the first one writes
say to the others what is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..articles.upstream import upstream_value
from ..backends import backend_of
from ..backends.types import integer
from ..flags import FLAGS
from ..store.database import empty_temp_table, insert_row, now, temporary_table
from ..store.schema import articles, as_number, changes, changesets, overrides

#: What is wanted: rows of (article_id, field, override, decision_id), one at most for a flag of an article.
#: An override of None gives the flag back to upstream; a decision_id of None is the new changeset's own.
WantedOverrides = sa.Select[tuple[int, str, int | None, int | None]]


def typed_null() -> sa.ColumnElement[int | None]:
    """None as a column of `WantedOverrides`: a bare NULL has no type, and a union would take it for text."""
    return sa.cast(sa.null(), integer())


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes flags, why, by what kind of changeset; and which one that takes back."""

    kind: str
    actor: str
    reason: str | None = None
    reverts_id: int | None = None


def record_overrides(connection: sa.Connection, author: Author, wanted: WantedOverrides) -> int | None:
    """Makes the wanted overrides stand, under one new changeset, whose id it returns; None if all is as
    wanted already. The caller has locked the articles, and commits."""
    changeset_id = insert_row(
        connection,
        changesets,
        {"kind": author.kind, "actor": author.actor, "reason": author.reason,
         "reverts_id": author.reverts_id, "created_at": now()},
    )  # fmt: skip
    _record(connection, changeset_id, wanted, takes_over=author.kind == "edit")
    mine = changes.c.changeset_id == changeset_id
    fields = connection.scalars(sa.select(changes.c.field).where(mine).distinct()).all()
    if not fields:
        connection.execute(sa.delete(changesets).where(changesets.c.id == changeset_id))
        return None
    _override(connection, mine)
    for field in fields:
        _apply(connection, mine, field)
    return changeset_id


def _record(
    connection: sa.Connection, changeset_id: int, wanted: WantedOverrides, *, takes_over: bool
) -> None:
    """Writes the audit rows, where there is something to say. A decision that stands already stays its
    maker's, but an editor takes over (`takes_over`) what was only computed, or held back by an import."""
    _note_wanted(connection, wanted)
    want, held, removal = _wanted, overrides.alias("held"), _wanted.alias("removal")
    removed = sa.func.coalesce(removal.c.override, upstream_value("removed"))
    is_removed_after = sa.case(
        (removal.c.article_id.is_not(None), removed), else_=as_number(articles.c.removed)
    )
    old = _by_flag(want.c.field, {flag: as_number(articles.c[flag]) for flag in FLAGS})
    new = _becomes(want, is_removed_after)
    same_override = sa.and_(
        held.c.value.is_not_distinct_from(want.c.override),
        sa.or_(want.c.decision_id.is_(None), want.c.decision_id == held.c.changeset_id),
    )
    if takes_over:
        computed = sa.select(changesets.c.id).where(changesets.c.kind.in_(("score", "import")))
        is_news = sa.and_(want.c.override.is_not(None), want.c.decision_id.is_(None))
        same_override = sa.and_(same_override, ~sa.and_(is_news, held.c.changeset_id.in_(computed)))
    decision = sa.case(
        (want.c.override.is_(None), sa.null()),
        (same_override, held.c.changeset_id),
        else_=sa.func.coalesce(want.c.decision_id, changeset_id),
    )
    rows = (
        sa.select(
            sa.literal(changeset_id), articles.c.id, want.c.field, old, new,
            held.c.value, want.c.override, held.c.changeset_id, decision,
        )
        .select_from(want)
        .join(articles, articles.c.id == want.c.article_id)
        .outerjoin(held, sa.and_(held.c.article_id == want.c.article_id, held.c.field == want.c.field))
        .outerjoin(removal, sa.and_(removal.c.article_id == want.c.article_id, removal.c.field == "removed"))
        .where(sa.or_(sa.not_(same_override), old.is_distinct_from(new)))
        .order_by(articles.c.id, want.c.field)
    )  # fmt: skip
    columns = (
        "changeset_id", "article_id", "field", "old_value", "new_value",
        "old_override", "new_override", "old_decision_id", "new_decision_id",
    )  # fmt: skip
    backend_of(connection).insert_selected(connection, changes, columns, rows)


#: The wanted overrides of one changeset, with what follows from them. A table and no subquery: of that
#: PostgreSQL knows no keys, and looked through all of it for each article.
_wanted = temporary_table(
    "wanted_overrides",
    sa.Column("article_id", integer(), primary_key=True, autoincrement=False),
    sa.Column("field", sa.String(16), primary_key=True),
    sa.Column("override", integer()),
    sa.Column("decision_id", integer()),
)


def _note_wanted(connection: sa.Connection, wanted: WantedOverrides) -> None:
    """Notes what is wanted, and with each change of `removed` that `published` follows it."""
    columns = [column.name for column in _wanted.c]
    connection.execute(sa.insert(empty_temp_table(connection, _wanted)).from_select(columns, wanted))
    standing, also = overrides.alias("standing"), _wanted.alias("also")
    of_published = (standing.c.article_id == _wanted.c.article_id, standing.c.field == "published")
    is_wanted = sa.exists().where(also.c.article_id == _wanted.c.article_id, also.c.field == "published")
    followers = (
        sa.select(
            _wanted.c.article_id, sa.literal("published"), standing.c.value, standing.c.changeset_id,
        )
        .outerjoin_from(_wanted, standing, sa.and_(*of_published))
        .where(_wanted.c.field == "removed", ~is_wanted)
    )  # fmt: skip
    connection.execute(sa.insert(_wanted).from_select(columns, followers))
    backend_of(connection).analyze(connection, _wanted)


def _becomes(want: sa.FromClause, is_removed_after: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The effective value: the override, else upstream's, and the veto of removed (`importing.merge`)."""
    says: dict[str, sa.ColumnElement[Any]] = {
        flag: sa.func.coalesce(want.c.override, upstream_value(flag)) for flag in FLAGS
    }
    says["published"] = sa.case((is_removed_after == 1, 0), else_=says["published"])
    return _by_flag(want.c.field, says)


def _by_flag(
    field: sa.ColumnElement[str], values: Mapping[str, sa.ColumnElement[Any]]
) -> sa.ColumnElement[int]:
    return sa.case(*((field == flag, value) for flag, value in values.items()))


def is_moved(table: sa.FromClause = changes) -> sa.ColumnElement[bool]:
    """Whether a row of `changes` tells of another decision, not of its effect alone."""
    change = table.c
    return sa.or_(
        change.old_override.is_distinct_from(change.new_override),
        change.old_decision_id.is_distinct_from(change.new_decision_id),
    )


def _override(connection: sa.Connection, mine: sa.ColumnElement[bool]) -> None:
    """Puts the overrides in force that the audit rows tell of."""
    change = changes.c
    key = sa.tuple_(overrides.c.article_id, overrides.c.field)
    gone = sa.select(change.article_id, change.field).where(
        mine, is_moved(), change.old_override.is_not(None)
    )
    connection.execute(sa.delete(overrides).where(key.in_(gone)))
    made = sa.select(change.article_id, change.field, change.new_override, change.new_decision_id).where(
        mine, is_moved(), change.new_override.is_not(None)
    )
    columns = ("article_id", "field", "value", "changeset_id")
    connection.execute(sa.insert(overrides).from_select(columns, made))


def _apply(connection: sa.Connection, mine: sa.ColumnElement[bool], field: str) -> None:
    """Brings the effective values of one flag to what the audit rows say."""
    change = changes.c
    value = change.new_value if field in ("quality", "heat") else change.new_value != 0
    connection.execute(
        sa.update(articles)
        .where(
            mine,
            change.field == field,
            change.article_id == articles.c.id,
            change.old_value.is_distinct_from(change.new_value),
        )
        .values({field: value})
    )
