"""Decisions: one command, one changeset, one transaction, with who and why. All of it set-based.

A decision is an override of one flag of one article. Setting a flag to what upstream says already is a
decision too: it stands when upstream changes its mind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from .backends import of
from .database import insert_row, now
from .errors import EditRefused
from .schema import articles, as_number, changes, changesets, overrides
from .selecting import CANDIDATES, Selection, select_articles, selected

#: Removed is decided first: it has a say in what published becomes.
_ORDER = ("removed", "published", "quality", "heat")

#: The override that stands on a flag before the command, for each flag.
_DECIDED = {field: overrides.alias(f"decided_{field}") for field in _ORDER}

#: What a flag may be set to: whole numbers of 64 bits; `published` and `removed` are 0 and 1.
Decisions = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a command did: its changeset (None if nothing was to be changed), how many articles were
    selected and how many changed, and those refused, by path (at most eight are named)."""

    changeset_id: int | None
    selected: int
    changed: int
    refused: int
    refused_paths: Sequence[str]


def set_flags(
    connection: sa.Connection, selection: Selection, decisions: Decisions, *, actor: str, reason: str | None
) -> Edit:
    """Sets flags of the selected articles; the caller commits.

    A removed article is not published unless the same command restores it: it is left alone and named.
    Raises SelectionError if nothing is selected, EditRefused if all that is was refused.
    """
    # A large selection and an import's batch lock the same rows in other orders: one of them at a time.
    of(connection).lock_references(connection)
    count = select_articles(connection, selection)
    refused, paths = _refuse_removed(connection, decisions)
    if refused == count:
        raise EditRefused(
            f"removed, and so not published: {', '.join(paths)}; `--restored` with it restores them"
        )
    changeset_id = _make_changeset(connection, actor, reason)
    for field in _ORDER:
        if field in decisions:
            _decide(connection, changeset_id, field, decisions[field])
        elif field == "published" and "removed" in decisions:
            _follow_removal(connection, changeset_id)
    mine = changes.c.changeset_id == changeset_id
    changed = connection.scalar(sa.select(sa.func.count(changes.c.article_id.distinct())).where(mine)) or 0
    if not changed:
        connection.execute(sa.delete(changesets).where(changesets.c.id == changeset_id))
    return Edit(changeset_id if changed else None, count, changed, refused, paths)


def _make_changeset(connection: sa.Connection, actor: str, reason: str | None) -> int:
    values = {"kind": "edit", "actor": actor, "reason": reason, "created_at": now()}
    return insert_row(connection, changesets, values)


def _refuse_removed(connection: sa.Connection, decisions: Decisions) -> tuple[int, list[str]]:
    """Takes removed articles out of the selection of a command that would publish them."""
    if decisions.get("published") != 1 or "removed" in decisions:
        return 0, []
    chosen = sa.select(selected.c.article_id)
    removed = sa.and_(articles.c.removed.is_(sa.true()), articles.c.id.in_(chosen))
    count = connection.scalar(sa.select(sa.func.count()).select_from(articles).where(removed)) or 0
    named = sa.select(articles.c.path).where(removed).order_by(articles.c.path).limit(CANDIDATES)
    paths = list(connection.scalars(named))
    ids = sa.select(articles.c.id).where(removed)
    connection.execute(sa.delete(selected).where(selected.c.article_id.in_(ids.correlate(None))))
    return count, paths


def _decide(connection: sa.Connection, changeset_id: int, field: str, value: int) -> None:
    """Records the change of one flag, makes the override stand, and the effective value follow."""
    becomes = _effective(field, sa.literal(value))
    override = _DECIDED[field]
    is_news = sa.or_(
        override.c.value.is_distinct_from(value), as_number(articles.c[field]).is_distinct_from(becomes)
    )
    _record(connection, changeset_id, field, becomes, sa.literal(value), is_news)
    ours = sa.and_(changes.c.changeset_id == changeset_id, changes.c.field == field)
    touched = sa.select(changes.c.article_id).where(ours)
    connection.execute(
        sa.delete(overrides).where(overrides.c.field == field, overrides.c.article_id.in_(touched))
    )
    connection.execute(
        sa.insert(overrides).from_select(
            ["article_id", "field", "value", "changeset_id"],
            sa.select(
                changes.c.article_id, changes.c.field, changes.c.new_override, changes.c.changeset_id
            ).where(ours),
        )
    )
    _apply(connection, changeset_id, field)


def _follow_removal(connection: sa.Connection, changeset_id: int) -> None:
    """Published follows when removed changes: off with the veto, back to who decides it without."""
    override = _DECIDED["published"]
    says = sa.func.coalesce(override.c.value, as_number(articles.c.upstream_published), 1)
    becomes = _effective("published", says)
    _record(
        connection,
        changeset_id,
        "published",
        becomes,
        override.c.value,
        as_number(articles.c.published) != becomes,
    )
    _apply(connection, changeset_id, "published")


def _record(
    connection: sa.Connection,
    changeset_id: int,
    field: str,
    becomes: sa.ColumnElement[int],
    new_override: sa.ColumnElement[int],
    is_news: sa.ColumnElement[bool],
) -> None:
    """Writes the audit rows of one flag, for the selected articles where there is something to say."""
    override = _DECIDED[field]
    rows = (
        sa.select(
            sa.literal(changeset_id), articles.c.id, sa.literal(field), as_number(articles.c[field]), becomes,
            override.c.value, new_override,
        )
        .select_from(selected)
        .join(articles, articles.c.id == selected.c.article_id)
        .outerjoin(override, sa.and_(override.c.article_id == articles.c.id, override.c.field == field))
        .where(is_news)
    )  # fmt: skip
    columns = [
        "changeset_id",
        "article_id",
        "field",
        "old_value",
        "new_value",
        "old_override",
        "new_override",
    ]
    connection.execute(sa.insert(changes).from_select(columns, rows))


def _apply(connection: sa.Connection, changeset_id: int, field: str) -> None:
    """Brings the effective values to what the audit rows of one flag say."""
    ours = sa.and_(changes.c.changeset_id == changeset_id, changes.c.field == field)
    new_value = (
        sa.select(changes.c.new_value).where(ours, changes.c.article_id == articles.c.id).scalar_subquery()
    )
    value = new_value if field in ("quality", "heat") else new_value != 0
    touched = sa.select(changes.c.article_id).where(ours)
    connection.execute(sa.update(articles).where(articles.c.id.in_(touched)).values({field: value}))


def _effective(field: str, decided: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """What a decided number becomes: published gives way to removed (see `importing.merge`)."""
    if field != "published":
        return decided
    return sa.case((articles.c.removed.is_(sa.true()), 0), else_=decided)
