"""Which article a related link and a collection's item name, against which an import would have them name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..importing.steps import unfinished_imports
from ..importing.writing.links import item_target, related_target
from ..store.database import stream_rows
from ..store.schema import articles, collection_items, imports, related_links, sources
from .findings import Finding, subject_of


def find_wrong_links(connection: sa.Connection) -> Iterator[Finding]:
    """Links and items that name another article than they would if all were resolved now.

    An import resolves at its end. A source whose last import was cut off, or is running, is left alone.
    """
    for source_id in connection.scalars(sa.select(sources.c.id).order_by(sources.c.id)).all():
        if _is_settled(connection, source_id):
            for query, noun in ((_links(source_id), "related link"), (_items(source_id), "collection item")):
                for subject, position, named in stream_rows(connection, query):
                    article = "no article" if named is None else f"article {named}"
                    wrong = f"{noun} {position} names {article}, and would be resolved otherwise now"
                    yield Finding("links", subject, wrong)


def _is_settled(connection: sa.Connection, source_id: int) -> bool:
    running = sa.select(imports.c.id).where(imports.c.source_id == source_id, imports.c.status == "running")
    return not connection.scalars(running).all() and not unfinished_imports(connection, source_id)


def _links(source_id: int) -> sa.Select[Any]:
    return _wrong(source_id, related_links, related_links.c.target_id, related_target(source_id))


def _items(source_id: int) -> sa.Select[Any]:
    return _wrong(source_id, collection_items, collection_items.c.item_id, item_target(source_id))


def _wrong(
    source_id: int, table: sa.Table, named: sa.Column[Any], target: sa.ColumnElement[int]
) -> sa.Select[Any]:
    owner = articles.alias("owner")
    return (
        sa.select(subject_of(owner), table.c.position, named)
        .join_from(table, owner, owner.c.id == table.c.article_id)
        .join(sources, sources.c.id == owner.c.source_id)
        .where(owner.c.source_id == source_id, named.is_distinct_from(target))
        .order_by(owner.c.id, table.c.position)
    )
