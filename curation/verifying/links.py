"""Checks that related links and collection items refer to the article that an import would find for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..importing.steps import find_unfinished_imports
from ..importing.writing.links import item_target, related_target
from ..store.database import stream_rows
from ..store.schema import articles, collection_items, imports, related_links, sources
from .findings import Finding, subject_of


def find_wrong_links(connection: sa.Connection) -> Iterator[Finding]:
    """Find links and items that would refer to another article if they were resolved now.

    An import resolves them at its end. A source with a running or interrupted import is not checked.
    """
    for source_id in connection.scalars(sa.select(sources.c.id).order_by(sources.c.id)).all():
        if _is_complete(connection, source_id):
            for query, noun in (
                (_select_links(source_id), "related link"),
                (_select_items(source_id), "collection item"),
            ):
                for subject, position, target_id in stream_rows(connection, query):
                    article = "no article" if target_id is None else f"article {target_id}"
                    wrong = f"{noun} {position} refers to {article}, but now resolves differently"
                    yield Finding("links", subject, wrong)


def _is_complete(connection: sa.Connection, source_id: int) -> bool:
    running = sa.select(imports.c.id).where(imports.c.source_id == source_id, imports.c.status == "running")
    return not connection.scalars(running).all() and not find_unfinished_imports(connection, source_id)


def _select_links(source_id: int) -> sa.Select[Any]:
    return _select_wrong(source_id, related_links, related_links.c.target_id, related_target(source_id))


def _select_items(source_id: int) -> sa.Select[Any]:
    return _select_wrong(source_id, collection_items, collection_items.c.item_id, item_target(source_id))


def _select_wrong(
    source_id: int, table: sa.Table, stored: sa.Column[Any], target: sa.ColumnElement[int]
) -> sa.Select[Any]:
    owner = articles.alias("owner")
    return (
        sa.select(subject_of(owner), table.c.position, stored)
        .join_from(table, owner, owner.c.id == table.c.article_id)
        .join(sources, sources.c.id == owner.c.source_id)
        .where(owner.c.source_id == source_id, stored.is_distinct_from(target))
        .order_by(owner.c.id, table.c.position)
    )
