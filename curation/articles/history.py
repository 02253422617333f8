"""History of edits and imports: changesets, one row each, and their changes in full.

The order is that of their ids, which is the order of writing. No clock is involved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from ..errors import SelectionError
from ..flags import FLAGS
from ..integers import INT64
from ..store.database import stream_rows
from ..store.schema import article_moves, articles, changes, changesets, reviews, sources
from .listing import Table
from .reading import decode_flag
from .review_queue import WHOLE_ARTICLE


@dataclass(frozen=True, slots=True)
class HistoryFilters:
    """Filters for changesets and changes; an empty field filters nothing.

    `since` is inclusive, `until` is exclusive; both are UTC.
    """

    actor: Sequence[str] = ()
    kind: Sequence[str] = ()
    flag: Sequence[str] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    article_id: int | None = None


def list_changesets(connection: sa.Connection, filters: HistoryFilters, limit: int | None = None) -> Table:
    """Return one row for each changeset, the newest first.

    A row has the number of changes of each flag, the number of articles, and the changeset that reverted this
    one, if any.
    """
    wanted = sa.select(changesets).where(*_changeset_conditions(filters))
    if filters.flag or filters.article_id is not None:
        matching = [
            sa.exists().where(changes.c.changeset_id == changesets.c.id, *_change_conditions(filters))
        ]
        if not filters.flag:
            for column in (
                article_moves.c.changeset_id,
                reviews.c.changeset_id,
                reviews.c.ended_changeset_id,
            ):
                of_article = column.table.c.article_id == filters.article_id
                matching.append(sa.exists().where(column == changesets.c.id, of_article))
        wanted = wanted.where(sa.or_(*matching))
    page = wanted.order_by(changesets.c.id.desc()).limit(limit).subquery("page")
    counts = sa.select(
        changes.c.changeset_id,
        sa.func.count(changes.c.article_id.distinct()).label("articles"),
        *(sa.func.sum(sa.case((changes.c.field == flag, 1), else_=0)).label(flag) for flag in FLAGS),
    ).where(changes.c.changeset_id.in_(sa.select(page.c.id)))
    counted = counts.group_by(changes.c.changeset_id).subquery("counted")
    is_kept = reviews.c.field == WHOLE_ARTICLE
    is_reverted = sa.and_(is_kept, page.c.kind == "revert")
    moved, kept, unkept = (
        sa.select(sa.func.count()).where(condition, column == page.c.id).correlate(page).scalar_subquery()
        for column, condition in (
            (article_moves.c.changeset_id, sa.true()),
            (reviews.c.changeset_id, is_kept),
            (reviews.c.ended_changeset_id, is_reverted),
        )
    )
    # Grouped, because PostgreSQL would search all changesets backwards for the maximum of each row.
    reverting = changesets.alias("reverting")
    reverted_by = (
        sa.select(reverting.c.reverts_id, sa.func.max(reverting.c.id).label("id"))
        .where(reverting.c.reverts_id.in_(sa.select(page.c.id)))
        .group_by(reverting.c.reverts_id)
        .subquery("reverted_by")
    )
    query = (
        sa.select(
            page.c.id, page.c.created_at, page.c.kind, page.c.actor, counted.c.articles,
            *(counted.c[flag] for flag in FLAGS), moved, kept, unkept, page.c.reverts_id, reverted_by.c.id,
            page.c.reason,
        )
        .outerjoin_from(page, counted, counted.c.changeset_id == page.c.id)
        .outerjoin(reverted_by, reverted_by.c.reverts_id == page.c.id)
        .order_by(page.c.id.desc())
    )  # fmt: skip
    columns = ("changeset", "at", "kind", "actor", "articles", "changed", "reverts", "reverted_by", "reason")
    return Table(columns, map(_changeset_row, stream_rows(connection, query)))


def _changeset_row(row: Sequence[Any]) -> tuple[Any, ...]:
    key, at, kind, actor, count, *rest = row
    names = (*FLAGS, "moved", "kept", "no longer kept")
    counts = dict(zip(names, rest, strict=False))
    summary = ", ".join(f"{name} {n}" for name, n in counts.items() if n)
    # A keep concerns each article that it changes, and others.
    count = max(count or 0, counts["kept"], counts["no longer kept"])
    return (key, at, kind, actor, count, summary, *rest[len(names) :])


#: The columns of `list_changes`.
CHANGE_COLUMNS = ("changeset", "at", "kind", "actor", "article", "path", "flag", "old", "new", "reason")


def list_changes(
    connection: sa.Connection,
    filters: HistoryFilters,
    changeset_id: int | None = None,
    limit: int | None = None,
) -> Table:
    """Return the changes of flags, the moves of documents and the keeps of articles.

    A move is a change of `path`. A keep is a change of `review`, to `kept` or to the date until which the
    article is kept, and its revert changes that to nothing. The newest come first; the changes of one
    changeset are ordered by path.

    Args:
        changeset_id: Only changes of this changeset.
        limit: Maximum number of rows.
    """
    others = []
    for list_rows in () if filters.flag else (_list_moves, _list_keeps, _list_reverted_keeps):
        rows = list_rows(connection, filters, changeset_id, limit)
        first = next(rows, None)
        others += [] if first is None else [chain([first], rows)]
    if not others:
        return Table(CHANGE_COLUMNS, _list_flag_changes(connection, filters, changeset_id, limit))
    key = itemgetter(5) if changeset_id is not None else _newest_first
    flags = _list_flag_changes(connection, filters, changeset_id, limit, by_changeset=True)
    return Table(CHANGE_COLUMNS, islice(merge(flags, *others, key=key), limit))


def _newest_first(row: Sequence[Any]) -> int:
    return -int(row[0])


def _list_moves(
    connection: sa.Connection, filters: HistoryFilters, changeset_id: int | None, limit: int | None
) -> Iterator[Sequence[Any]]:
    move = article_moves.c
    values = (sa.literal("path"), move.old_path, move.new_path)
    return stream_rows(connection, _select_others(article_moves, values, filters, changeset_id).limit(limit))


def _list_keeps(
    connection: sa.Connection, filters: HistoryFilters, changeset_id: int | None, limit: int | None
) -> Iterator[Sequence[Any]]:
    values = (sa.literal("review"), sa.null(), reviews.c.snoozed_until)
    query = _select_others(reviews, values, filters, changeset_id).where(reviews.c.field == WHOLE_ARTICLE)
    for *first, old, until, reason in stream_rows(connection, query.limit(limit)):
        yield (*first, old, until or "kept", reason)


def _list_reverted_keeps(
    connection: sa.Connection, filters: HistoryFilters, changeset_id: int | None, limit: int | None
) -> Iterator[Sequence[Any]]:
    values = (sa.literal("review"), reviews.c.snoozed_until, sa.null())
    query = _select_others(reviews, values, filters, changeset_id, reviews.c.ended_changeset_id)
    query = query.where(reviews.c.field == WHOLE_ARTICLE, changesets.c.kind == "revert")
    for *first, until, new, reason in stream_rows(connection, query.limit(limit)):
        yield (*first, until or "kept", new, reason)


def _select_others(
    table: sa.FromClause,
    values: Sequence[sa.ColumnElement[Any]],
    filters: HistoryFilters,
    changeset_id: int | None,
    made_by: sa.ColumnElement[int] | None = None,
) -> sa.Select[Any]:
    """Select the rows of a table that belong to an article and a changeset, as changes.

    Args:
        values: The name of what changes, and its values before and after.
        made_by: The column with the changeset; by default `changeset_id`.
    """
    changeset = table.c.changeset_id if made_by is None else made_by
    wanted = [*_changeset_conditions(filters)]
    if filters.article_id is not None:
        wanted.append(table.c.article_id == filters.article_id)
    if changeset_id is not None:
        wanted.append(changeset == changeset_id)
    return (
        sa.select(
            *(changesets.c[name] for name in ("id", "created_at", "kind", "actor")),
            articles.c.id.label("article"), articles.c.path, *values, changesets.c.reason,
        )
        .select_from(table)
        .join(changesets, changesets.c.id == changeset)
        .join(articles, articles.c.id == table.c.article_id)
        .where(*wanted)
        .order_by(changeset.desc(), articles.c.path)
    )  # fmt: skip


def _list_flag_changes(
    connection: sa.Connection,
    filters: HistoryFilters,
    changeset_id: int | None,
    limit: int | None,
    *,
    by_changeset: bool = False,
) -> Iterator[Sequence[Any]]:
    """Yield changes of flags, the newest first: by changeset, or by change unless `by_changeset` is set."""
    query = (
        sa.select(
            *(changesets.c[name] for name in ("id", "created_at", "kind", "actor")),
            articles.c.id.label("article"),
            articles.c.path,
            *(changes.c[name] for name in ("field", "old_value", "new_value")),
            changesets.c.reason,
        )
        .join(changesets, changesets.c.id == changes.c.changeset_id)
        .join(articles, articles.c.id == changes.c.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(*_changeset_conditions(filters), *_change_conditions(filters))
        .limit(limit)
    )
    if changeset_id is None:
        newest = (changes.c.changeset_id.desc(), changes.c.id.desc())
        query = query.order_by(*(newest if by_changeset else newest[1:]))
    else:
        by_place = (articles.c.path, sources.c.name, changes.c.field)
        query = query.where(changes.c.changeset_id == changeset_id).order_by(*by_place)
    return map(_change_row, stream_rows(connection, query))


def _change_row(row: Any) -> tuple[Any, ...]:
    old, new = (decode_flag(row.field, value) for value in (row.old_value, row.new_value))
    return (*row[:7], old, new, row.reason)


def describe_changeset(connection: sa.Connection, changeset_id: int) -> str:
    """Return one line about a changeset: kind, actor, time and reason.

    Raises:
        SelectionError: There is no such changeset.
    """
    row = None
    if changeset_id in INT64:
        row = connection.execute(sa.select(changesets).where(changesets.c.id == changeset_id)).first()
    if row is None:
        raise SelectionError(f"no changeset {changeset_id}: run `curation log` to list changesets")
    reverted = f" of changeset {row.reverts_id}" if row.reverts_id else ""
    reason = f": {row.reason}" if row.reason else ""
    at = f"{row.created_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"changeset {row.id}: {row.kind}{reverted} by {row.actor} at {at}{reason}"


def matches_filters(connection: sa.Connection, filters: HistoryFilters, changeset_id: int) -> bool:
    """Return whether a changeset matches the filters for changesets."""
    chosen = sa.select(changesets.c.id).where(
        changesets.c.id == changeset_id, *_changeset_conditions(filters)
    )
    return connection.scalar(chosen) is not None


def _changeset_conditions(filters: HistoryFilters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.actor:
        wanted.append(changesets.c.actor.in_(filters.actor))
    if filters.kind:
        wanted.append(changesets.c.kind.in_(filters.kind))
    if filters.since is not None:
        wanted.append(changesets.c.created_at >= filters.since)
    if filters.until is not None:
        wanted.append(changesets.c.created_at < filters.until)
    return wanted


def _change_conditions(filters: HistoryFilters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.flag:
        wanted.append(changes.c.field.in_(filters.flag))
    if filters.article_id is not None:
        wanted.append(changes.c.article_id == filters.article_id)
    return wanted
