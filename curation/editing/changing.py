"""Record overrides: write the changes, replace the overrides, and update the effective values.

This takes a handful of statements, however many articles there are. The first statement inserts rows of
`changes`, and the others work from these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..articles.override_status import stated_value_of, upstream_value
from ..articles.review_queue import refresh_queue
from ..backends import backend_of
from ..backends.types import integer
from ..flags import FLAGS
from ..store.database import empty_temp_table, insert_row, make_temporary_table, now
from ..store.schema import articles, as_number, changes, changesets, overrides
from .reviews import record_resets, select_reviewed

#: Rows of (article_id, field, override, decision_id, upstream_value), at most one for each flag of an
#: article. A null `override` removes it. `decision_id` is the changeset that made the override, and
#: `upstream_value` what upstream stated then. A null `decision_id` means the new changeset, and what upstream
#: states now.
WantedOverrides = sa.Select[tuple[int, str, int | None, int | None, int | None]]


def typed_null() -> sa.ColumnElement[int | None]:
    """Return null as a column of `WantedOverrides`. A bare NULL has no type, and becomes text in a union."""
    return sa.cast(sa.null(), integer())


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes flags and why, with the kind of the changeset and the changeset that it reverts."""

    kind: str
    actor: str
    reason: str | None = None
    reverts_id: int | None = None


def record_overrides(connection: sa.Connection, author: Author, wanted: WantedOverrides) -> int | None:
    """Put the wanted overrides into effect, as one new changeset.

    The caller has locked the articles, and commits.

    Returns:
        The id of the changeset, or None if there is nothing to change.
    """
    changeset_id = open_changeset(connection, author)
    has_changes = apply_overrides(connection, changeset_id, author.kind, wanted)
    if has_changes and author.kind == "edit":
        record_resets(connection, changeset_id)
    return close_changeset(connection, changeset_id, is_empty=not has_changes)


def open_changeset(connection: sa.Connection, author: Author) -> int:
    """Insert a changeset, and return its id."""
    return insert_row(
        connection,
        changesets,
        {"kind": author.kind, "actor": author.actor, "reason": author.reason,
         "reverts_id": author.reverts_id, "created_at": now()},
    )  # fmt: skip


def close_changeset(
    connection: sa.Connection, changeset_id: int, *, is_empty: bool, origin_id: int | None = None
) -> int | None:
    """Update the review queue for the articles of a changeset, or delete the changeset if it is empty.

    Args:
        origin_id: The changeset whose reviews this one has reverted or restored.

    Returns:
        The id of the changeset, or None if it is empty.
    """
    if is_empty:
        connection.execute(sa.delete(changesets).where(changesets.c.id == changeset_id))
        return None
    changed = sa.select(changes.c.article_id).where(changes.c.changeset_id == changeset_id)
    reviewed = (query for key in (changeset_id, origin_id) if key for query in select_reviewed(key))
    refresh_queue(connection, changed.union_all(*reviewed))
    return changeset_id


def apply_overrides(connection: sa.Connection, changeset_id: int, kind: str, wanted: WantedOverrides) -> bool:
    """Put the wanted overrides into effect, and record the changes in a changeset of this kind.

    Returns:
        Whether anything changed.
    """
    _insert_changes(connection, changeset_id, kind, wanted)
    of_changeset = changes.c.changeset_id == changeset_id
    fields = connection.scalars(sa.select(changes.c.field).where(of_changeset).distinct()).all()
    if not fields:
        return False
    _replace_overrides(connection, of_changeset)
    for field in fields:
        _update_articles(connection, of_changeset, field)
    return True


def _insert_changes(connection: sa.Connection, changeset_id: int, kind: str, wanted: WantedOverrides) -> None:
    """Insert a row of `changes` for each flag whose override or effective value changes.

    An override that is the same as the wanted one keeps its changeset. An editor replaces it nevertheless if
    it was computed by a score or made by an import, or if upstream has changed since.
    """
    _fill_wanted(connection, wanted)
    row, current, removal = _wanted, overrides.alias("current_override"), _wanted.alias("removal")
    removed = sa.func.coalesce(removal.c.override, upstream_value("removed"))
    is_removed_after = sa.case(
        (removal.c.article_id.is_not(None), removed), else_=as_number(articles.c.removed)
    )
    old = _by_flag(row.c.field, {flag: as_number(articles.c[flag]) for flag in FLAGS})
    new = _effective_value(row, is_removed_after)
    same_override = sa.and_(
        current.c.value.is_not_distinct_from(row.c.override),
        sa.or_(row.c.decision_id.is_(None), row.c.decision_id == current.c.changeset_id),
    )
    upstream = sa.case(
        (row.c.override.is_(None), sa.null()),
        (row.c.decision_id.is_(None), stated_value_of(row.c.field)),
        else_=row.c.upstream_value,
    )
    if kind != "score":  # nobody looks at upstream when a score is computed
        same_override = sa.and_(same_override, current.c.upstream_value.is_not_distinct_from(upstream))
    if kind == "edit":
        computed = sa.select(changesets.c.id).where(changesets.c.kind.in_(("score", "import")))
        is_new_override = sa.and_(row.c.override.is_not(None), row.c.decision_id.is_(None))
        same_override = sa.and_(
            same_override, ~sa.and_(is_new_override, current.c.changeset_id.in_(computed))
        )
    decision_id = sa.case(
        (row.c.override.is_(None), sa.null()),
        (same_override, current.c.changeset_id),
        else_=sa.func.coalesce(row.c.decision_id, changeset_id),
    )
    rows = (
        sa.select(
            sa.literal(changeset_id), articles.c.id, row.c.field, old, new,
            current.c.value, row.c.override, current.c.changeset_id, decision_id,
            current.c.upstream_value, sa.case((same_override, current.c.upstream_value), else_=upstream),
        )
        .select_from(row)
        .join(articles, articles.c.id == row.c.article_id)
        .outerjoin(current, sa.and_(current.c.article_id == row.c.article_id, current.c.field == row.c.field))
        .outerjoin(removal, sa.and_(removal.c.article_id == row.c.article_id, removal.c.field == "removed"))
        .where(sa.or_(sa.not_(same_override), old.is_distinct_from(new)))
        .order_by(articles.c.id, row.c.field)
    )  # fmt: skip
    columns = (
        "changeset_id", "article_id", "field", "old_value", "new_value",
        "old_override", "new_override", "old_decision_id", "new_decision_id",
        "old_upstream_value", "new_upstream_value",
    )  # fmt: skip
    backend_of(connection).insert_selected(connection, changes, columns, rows)


#: The wanted overrides of one changeset, with the rows that follow from them. It is a table because
#: PostgreSQL knows no keys of a subquery, and scanned all of it for each article.
_wanted = make_temporary_table(
    "wanted_overrides",
    sa.Column("article_id", integer(), primary_key=True, autoincrement=False),
    sa.Column("field", sa.String(16), primary_key=True),
    sa.Column("override", integer()),
    sa.Column("decision_id", integer()),
    sa.Column("upstream_value", integer()),
)


def _fill_wanted(connection: sa.Connection, wanted: WantedOverrides) -> None:
    """Fill the temporary table with the wanted overrides.

    Each row for `removed` brings one for `published`, because its effective value may change too.
    """
    columns = [column.name for column in _wanted.c]
    connection.execute(sa.insert(empty_temp_table(connection, _wanted)).from_select(columns, wanted))
    existing, other = overrides.alias("existing"), _wanted.alias("other")
    of_published = (existing.c.article_id == _wanted.c.article_id, existing.c.field == "published")
    is_wanted = sa.exists().where(other.c.article_id == _wanted.c.article_id, other.c.field == "published")
    followers = (
        sa.select(
            _wanted.c.article_id, sa.literal("published"), existing.c.value, existing.c.changeset_id,
            existing.c.upstream_value,
        )
        .outerjoin_from(_wanted, existing, sa.and_(*of_published))
        .where(_wanted.c.field == "removed", ~is_wanted)
    )  # fmt: skip
    connection.execute(sa.insert(_wanted).from_select(columns, followers))
    backend_of(connection).analyze(connection, _wanted)


def _effective_value(row: sa.FromClause, is_removed_after: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return the effective value: the override, else the upstream value, else the default.

    A removed article is not published (as in `importing.merging`).
    """
    values: dict[str, sa.ColumnElement[Any]] = {
        flag: sa.func.coalesce(row.c.override, upstream_value(flag)) for flag in FLAGS
    }
    values["published"] = sa.case((is_removed_after == 1, 0), else_=values["published"])
    return _by_flag(row.c.field, values)


def _by_flag(
    field: sa.ColumnElement[str], values: Mapping[str, sa.ColumnElement[Any]]
) -> sa.ColumnElement[int]:
    return sa.case(*((field == flag, value) for flag, value in values.items()))


def changes_override(table: sa.FromClause = changes) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `changes` changes the override, not only the effective value."""
    return sa.or_(changes_decision(table), changes_upstream_value(table))


def changes_decision(table: sa.FromClause = changes) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `changes` changes an override's value or who made it."""
    change = table.c
    return sa.or_(
        change.old_override.is_distinct_from(change.new_override),
        change.old_decision_id.is_distinct_from(change.new_decision_id),
    )


def changes_upstream_value(table: sa.FromClause = changes) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `changes` confirms an override against another upstream value."""
    return table.c.old_upstream_value.is_distinct_from(table.c.new_upstream_value)


def _replace_overrides(connection: sa.Connection, of_changeset: sa.ColumnElement[bool]) -> None:
    """Replace the overrides from the rows of `changes`."""
    change = changes.c
    key = sa.tuple_(overrides.c.article_id, overrides.c.field)
    replaced = sa.select(change.article_id, change.field).where(
        of_changeset, changes_override(), change.old_override.is_not(None)
    )
    connection.execute(sa.delete(overrides).where(key.in_(replaced)))
    added = sa.select(
        change.article_id, change.field, change.new_override, change.new_decision_id,
        change.new_upstream_value,
    ).where(of_changeset, changes_override(), change.new_override.is_not(None))  # fmt: skip
    columns = ("article_id", "field", "value", "changeset_id", "upstream_value")
    connection.execute(sa.insert(overrides).from_select(columns, added))


def _update_articles(connection: sa.Connection, of_changeset: sa.ColumnElement[bool], field: str) -> None:
    """Set the effective values of one flag from the rows of `changes`."""
    change = changes.c
    value = change.new_value if field in ("quality", "heat") else change.new_value != 0
    connection.execute(
        sa.update(articles)
        .where(
            of_changeset,
            change.field == field,
            change.article_id == articles.c.id,
            change.old_value.is_distinct_from(change.new_value),
        )
        .values({field: value})
    )
