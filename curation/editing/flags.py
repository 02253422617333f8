"""Flags set, moved, or given back to upstream, of all selected articles at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from ..articles.selecting import CANDIDATES, Selection, select_articles, select_articles_if_any, selected
from ..articles.upstream import is_adopted
from ..backends import backend_of
from ..backends.types import integer
from ..errors import EditRefused
from ..flags import FLAGS
from ..integers import INT64
from ..store.schema import articles, changes, overrides
from .changing import Author, WantedOverrides, record_overrides, typed_null

#: The bounds of a value: whole numbers of 64 bits.
LOWEST, HIGHEST = INT64[0], INT64[-1]


@dataclass(frozen=True, slots=True)
class ChangeBy:
    """How far a quality or heat is to be moved from what it is."""

    amount: int


#: What each flag is to be: a whole number (`published` and `removed`: 0 and 1), or moved by some.
Decisions = Mapping[str, int | ChangeBy]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Articles that were left alone: why, how many, and the first few by path."""

    why: str
    count: int
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a command did: its changeset (None if nothing was to be changed), how many articles were
    selected and how many changed, and which were refused."""

    changeset_id: int | None
    selected: int
    changed: int
    refusals: Sequence[Refusal] = field(default=())

    @property
    def refused(self) -> int:
        return sum(refusal.count for refusal in self.refusals)


def set_flags(
    connection: sa.Connection,
    selection: Selection,
    decisions: Decisions,
    *,
    actor: str,
    reason: str | None,
    unchanged_since: int | None = None,
) -> Edit:
    """Sets flags of the selected articles; the caller commits.

    A removed article is not published unless the same command restores it, and what has no value cannot be
    moved by some: these are left alone and named. Raises SelectionError if nothing is selected; EditRefused
    if all that is was refused, or if an article was changed since the version `unchanged_since`.
    """
    count = _select(connection, selection, unchanged_since)
    refusals = [*_refuse_removed(connection, decisions), *_refuse_moves(connection, decisions)]
    if sum(refusal.count for refusal in refusals) == count:
        raise EditRefused("; ".join(f"{refusal.why}: {', '.join(refusal.paths)}" for refusal in refusals))
    changeset_id = record_overrides(connection, Author("edit", actor, reason), _settings(decisions))
    return Edit(changeset_id, count, count_changed(connection, changeset_id), refusals)


def reset_flags(
    connection: sa.Connection,
    selection: Selection,
    fields: Sequence[str],
    *,
    actor: str,
    reason: str | None,
    unchanged_since: int | None = None,
    adopted: bool = False,
) -> Edit:
    """Gives flags of the selected articles back to upstream; the caller commits. Raises as `set_flags`.

    With `adopted` only the overrides that upstream has adopted, so that no effective value changes.
    `selected` of the result counts the articles that have one; none is no error.
    """
    count = _select(connection, _narrowed(selection, fields) if adopted else selection, unchanged_since)
    standing = (
        sa.select(
            overrides.c.article_id, overrides.c.field,
            typed_null().label("override"), typed_null().label("decision_id"),
        )
        .join(selected, selected.c.article_id == overrides.c.article_id)
        .where(overrides.c.field.in_(fields))
    )  # fmt: skip
    if adopted:
        standing = standing.join(articles, articles.c.id == overrides.c.article_id).where(is_adopted())
    changeset_id = record_overrides(connection, Author("edit", actor, reason), standing)
    return Edit(changeset_id, count, count_changed(connection, changeset_id))


def _narrowed(selection: Selection, fields: Sequence[str]) -> Selection:
    return replace(selection, filters=replace(selection.filters, adopted=fields))


def count_changed(connection: sa.Connection, changeset_id: int | None) -> int:
    """How many articles a changeset changed; none for None."""
    mine = changes.c.changeset_id == changeset_id
    return connection.scalar(sa.select(sa.func.count(changes.c.article_id.distinct())).where(mine)) or 0


def _select(connection: sa.Connection, selection: Selection, unchanged_since: int | None) -> int:
    # A large selection and an import's batch lock the same rows in other orders: one of them at a time.
    backend_of(connection).lock_references(connection)
    select = select_articles_if_any if selection.filters.adopted else select_articles
    count = select(connection, selection)
    if unchanged_since is not None:
        _refuse_changed(connection, unchanged_since)
    return count


def _refuse_changed(connection: sa.Connection, version: int) -> None:
    """Raises EditRefused if a selected article has a later change than that of a number."""
    since = (
        sa.select(articles.c.path, sa.func.max(changes.c.id))
        .join_from(selected, changes, changes.c.article_id == selected.c.article_id)
        .join(articles, articles.c.id == selected.c.article_id)
        .where(changes.c.id > version)
        .group_by(articles.c.path)
        .order_by(articles.c.path)
    )
    rows = connection.execute(since).all()
    if rows:
        path, now_at = rows[0]
        raise EditRefused(
            f"{len(rows):,} of these were changed since version {version}, {path} first (now {now_at}):"
            " nothing was done; `curation log ARTICLE` tells what, `curation show ARTICLE` the version"
        )


def _refuse_removed(connection: sa.Connection, decisions: Decisions) -> list[Refusal]:
    """Takes removed articles out of the selection of a command that would publish them."""
    if decisions.get("published") != 1 or decisions.get("removed") == 0:
        return []
    if decisions.get("removed") == 1:
        raise EditRefused("what is removed is not published: give --removed or --published, not both")
    return _refuse(
        connection, articles.c.removed.is_(sa.true()),
        "removed, and so not published (`curation set ARTICLE --restored --published` restores it)",
    )  # fmt: skip


def _refuse_moves(connection: sa.Connection, decisions: Decisions) -> list[Refusal]:
    """Takes articles out whose flag has no value to be moved from, or would go beyond 64 bits."""
    refusals = []
    for flag, decision in decisions.items():
        if isinstance(decision, ChangeBy):
            column = articles.c[flag]
            if decision.amount > 0:
                is_beyond = column > HIGHEST - decision.amount
            else:
                is_beyond = column < LOWEST - decision.amount
            refusals += _refuse(connection, column.is_(None), f"without {flag}, so nothing to add to")
            refusals += _refuse(connection, is_beyond, f"{flag} would be beyond 64 bits")
    return refusals


def _refuse(connection: sa.Connection, condition: sa.ColumnElement[bool], why: str) -> list[Refusal]:
    chosen = sa.select(selected.c.article_id)
    refused = sa.and_(condition, articles.c.id.in_(chosen))
    count = connection.scalar(sa.select(sa.func.count()).select_from(articles).where(refused)) or 0
    if not count:
        return []
    named = sa.select(articles.c.path).where(refused).order_by(articles.c.path).limit(CANDIDATES)
    refusal = Refusal(why, count, connection.scalars(named).all())
    ids = sa.select(articles.c.id).where(refused)
    connection.execute(sa.delete(selected).where(selected.c.article_id.in_(ids.correlate(None))))
    return [refusal]


def _settings(decisions: Decisions) -> WantedOverrides:
    """The override that each decision makes of each selected article."""
    settings = []
    for flag in (flag for flag in FLAGS if flag in decisions):
        decision = decisions[flag]
        is_moved = isinstance(decision, ChangeBy)
        value = (
            articles.c[flag] + decision.amount
            if isinstance(decision, ChangeBy)
            else sa.literal(decision, integer())
        )
        query = sa.select(
            selected.c.article_id, sa.literal(flag).label("field"), value.label("override"),
            typed_null().label("decision_id"),
        )  # fmt: skip
        if is_moved:
            query = query.join(articles, articles.c.id == selected.c.article_id)
        settings.append(query)
    return settings[0] if len(settings) == 1 else sa.select(sa.union_all(*settings).subquery())
