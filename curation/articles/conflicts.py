"""List the conflicts between overrides and upstream."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..store.database import stream_rows
from ..store.schema import articles, changesets, overrides, review_items, sources
from .listing import Table
from .override_status import stated_value_of
from .reading import decode_flag
from .review_queue import is_conflict_item
from .selecting import Filters, make_filter_conditions

#: The columns of `list_conflicts`.
CONFLICT_COLUMNS = (
    "article", "flag", "yours", "upstream_then", "upstream_now", "actor", "at", "reason", "title", "path",
)  # fmt: skip


def select_conflicts() -> sa.Select[Any]:
    """Return a query of the conflicts, joined to `articles`, `sources` and `changesets`.

    A conflict is an override with its flag and value, and what upstream stated when it was made or last
    confirmed, and states now. Values are numbers.
    """
    row = overrides.c
    return (
        sa.select(
            articles.c.id.label("article"), articles.c.path, articles.c.title, row.field.label("flag"),
            row.value.label("override"), row.upstream_value.label("upstream_then"),
            stated_value_of(row.field).label("upstream_now"),
            changesets.c.actor, changesets.c.created_at.label("at"), changesets.c.reason,
        )
        .select_from(review_items)
        .join(articles, articles.c.id == review_items.c.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .join(overrides, sa.and_(row.article_id == articles.c.id, row.field == review_items.c.flag))
        .join(changesets, changesets.c.id == row.changeset_id)
        .where(is_conflict_item())
    )  # fmt: skip


def list_conflicts(connection: sa.Connection, filters: Filters, limit: int | None = None) -> Table:
    """Return the conflicts of the articles that match the filters, those of the newest decisions first.

    Raises:
        SelectionError: A name in the filters is unknown.
    """
    newest = (overrides.c.changeset_id.desc(), articles.c.path, overrides.c.field)
    query = (
        select_conflicts().where(*make_filter_conditions(connection, filters)).order_by(*newest).limit(limit)
    )
    return Table(CONFLICT_COLUMNS, map(_conflict_row, stream_rows(connection, query)))


def _conflict_row(row: Any) -> tuple[Any, ...]:
    values = (row.override, row.upstream_then, row.upstream_now)
    decoded = (decode_flag(row.flag, value) for value in values)
    return (row.article, row.flag, *decoded, row.actor, row.at, row.reason, row.title, row.path)
