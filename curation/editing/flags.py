"""Set flags of all selected articles at once, or remove their overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from ..articles.override_status import is_adopted
from ..articles.selecting import MAX_CANDIDATES, Selection, select_articles, select_articles_if_any, selected
from ..backends import backend_of
from ..backends.types import integer
from ..errors import EditRefused
from ..flags import FLAGS
from ..integers import INT64
from ..store.schema import articles, changes, overrides
from ..wording import counted
from .changing import Author, WantedOverrides, record_overrides, typed_null

#: The lowest and the highest value of a flag: integers of 64 bits.
LOWEST, HIGHEST = INT64[0], INT64[-1]


@dataclass(frozen=True, slots=True)
class ChangeBy:
    """A change of quality or heat by an amount, relative to its effective value."""

    amount: int


#: The new value of each flag: an integer (0 or 1 for `published` and `removed`), or a relative change.
NewValues = Mapping[str, int | ChangeBy]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Selected articles that were not changed: the reason, how many, and the first paths."""

    why: str
    count: int
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class Edit:
    """The result of a command that edits flags.

    Attributes:
        changeset_id: The new changeset; None if nothing changed.
        selected: Number of selected articles.
        changed: Number of changed articles.
        refusals: The selected articles that could not be changed, by reason.
    """

    changeset_id: int | None
    selected: int
    changed: int
    refusals: Sequence[Refusal] = field(default=())

    @property
    def refused(self) -> int:
        """Return the number of articles that could not be changed."""
        return sum(refusal.count for refusal in self.refusals)


def set_flags(
    connection: sa.Connection,
    selection: Selection,
    values: NewValues,
    *,
    actor: str,
    reason: str | None,
    unchanged_since: int | None = None,
) -> Edit:
    """Set flags of the selected articles; the caller commits.

    A removed article cannot be published unless the same command restores it. A flag without a value cannot
    be changed by an amount. Such articles are not changed, and the result lists them.

    Args:
        values: The new value of each flag.
        reason: Stored with the changeset.
        unchanged_since: A version of an article; if a selected article has a later change, nothing is done.

    Raises:
        SelectionError: No article is selected, or a reference or name is wrong.
        EditRefused: No selected article can be changed, or one has a change later than `unchanged_since`.
    """
    count = select_for_edit(connection, selection, unchanged_since)
    refusals = [*_refuse_removed(connection, values), *_refuse_relative(connection, values)]
    if sum(refusal.count for refusal in refusals) == count:
        raise EditRefused("; ".join(f"{refusal.why}: {', '.join(refusal.paths)}" for refusal in refusals))
    changeset_id = record_overrides(connection, Author("edit", actor, reason), _select_overrides(values))
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
    """Remove overrides of the selected articles, so that flags follow upstream again; the caller commits.

    Args:
        fields: The flags whose overrides are removed.
        reason: Stored with the changeset.
        unchanged_since: As for `set_flags`.
        adopted: Remove only overrides that upstream has adopted, so that no effective value changes. The
            result's `selected` then counts the articles that have one, and may be 0.

    Raises:
        SelectionError: As for `set_flags`.
        EditRefused: As for `set_flags`.
    """
    count = select_for_edit(
        connection, _only_adopted(selection, fields) if adopted else selection, unchanged_since
    )
    existing = (
        sa.select(
            overrides.c.article_id, overrides.c.field,
            typed_null().label("override"), typed_null().label("decision_id"),
            typed_null().label("upstream_value"),
        )
        .join(selected, selected.c.article_id == overrides.c.article_id)
        .where(overrides.c.field.in_(fields))
    )  # fmt: skip
    if adopted:
        existing = existing.join(articles, articles.c.id == overrides.c.article_id).where(is_adopted())
    changeset_id = record_overrides(connection, Author("edit", actor, reason), existing)
    return Edit(changeset_id, count, count_changed(connection, changeset_id))


def _only_adopted(selection: Selection, fields: Sequence[str]) -> Selection:
    return replace(selection, filters=replace(selection.filters, adopted=fields))


def count_changed(connection: sa.Connection, changeset_id: int | None) -> int:
    """Return how many articles a changeset changed; 0 for None."""
    of_changeset = changes.c.changeset_id == changeset_id
    return (
        connection.scalar(sa.select(sa.func.count(changes.c.article_id.distinct())).where(of_changeset)) or 0
    )


def select_for_edit(connection: sa.Connection, selection: Selection, unchanged_since: int | None) -> int:
    """Select and lock articles, as `select_articles`, and keep other edits and imports out until commit.

    Args:
        unchanged_since: As for `set_flags`.

    Returns:
        The number of articles, in the temporary table `selected`.
    """
    # A large selection and a batch of an import lock the same rows in different orders, which could deadlock.
    # This lock lets only one of them run at a time.
    backend_of(connection).lock_references(connection)
    select = select_articles_if_any if selection.filters.adopted else select_articles
    count = select(connection, selection)
    if unchanged_since is not None:
        _refuse_changed(connection, unchanged_since)
    return count


def _refuse_changed(connection: sa.Connection, version: int) -> None:
    """Raise EditRefused if a selected article has a change later than the given version."""
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
            f"{counted(len(rows), 'article')} changed since version {version}, first {path} (now version"
            f" {now_at}); nothing was changed: see `curation log ARTICLE` for the changes and"
            " `curation show ARTICLE` for the version"
        )


def _refuse_removed(connection: sa.Connection, values: NewValues) -> list[Refusal]:
    """Take removed articles out of the selection if the command publishes and does not restore."""
    if values.get("published") != 1 or values.get("removed") == 0:
        return []
    if values.get("removed") == 1:
        raise EditRefused("a removed article cannot be published: give --removed or --published, not both")
    return _refuse(
        connection, articles.c.removed.is_(sa.true()),
        "removed articles cannot be published (run `curation set ARTICLE --restored --published`)",
    )  # fmt: skip


def _refuse_relative(connection: sa.Connection, values: NewValues) -> list[Refusal]:
    """Take articles out of the selection whose flag has no value to change, or would exceed 64 bits."""
    refusals = []
    for flag, value in values.items():
        if isinstance(value, ChangeBy):
            column = articles.c[flag]
            if value.amount > 0:
                is_beyond = column > HIGHEST - value.amount
            else:
                is_beyond = column < LOWEST - value.amount
            refusals += _refuse(connection, column.is_(None), f"no {flag} to change")
            refusals += _refuse(connection, is_beyond, f"{flag} would exceed 64 bits")
    return refusals


def _refuse(connection: sa.Connection, condition: sa.ColumnElement[bool], why: str) -> list[Refusal]:
    """Take articles that meet a condition out of the selection; return a refusal if there are any."""
    chosen = sa.select(selected.c.article_id)
    refused = sa.and_(condition, articles.c.id.in_(chosen))
    count = connection.scalar(sa.select(sa.func.count()).select_from(articles).where(refused)) or 0
    if not count:
        return []
    named = sa.select(articles.c.path).where(refused).order_by(articles.c.path).limit(MAX_CANDIDATES)
    refusal = Refusal(why, count, connection.scalars(named).all())
    ids = sa.select(articles.c.id).where(refused)
    connection.execute(sa.delete(selected).where(selected.c.article_id.in_(ids.correlate(None))))
    return [refusal]


def _select_overrides(values: NewValues) -> WantedOverrides:
    """Select the wanted overrides: one for each new value and each selected article."""
    queries = []
    for flag in (flag for flag in FLAGS if flag in values):
        new = values[flag]
        is_relative = isinstance(new, ChangeBy)
        value = articles.c[flag] + new.amount if isinstance(new, ChangeBy) else sa.literal(new, integer())
        query = sa.select(
            selected.c.article_id, sa.literal(flag).label("field"), value.label("override"),
            typed_null().label("decision_id"), typed_null().label("upstream_value"),
        )  # fmt: skip
        if is_relative:
            query = query.join(articles, articles.c.id == selected.c.article_id)
        queries.append(query)
    return queries[0] if len(queries) == 1 else sa.select(sa.union_all(*queries).subquery())
