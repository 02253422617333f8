"""Repairs values that earlier releases stored wrongly because of settings of the database session.

Sessions now have fixed settings (`backends/postgresql_sessions.py`). Before that, a time zone in the
environment shifted instants, and `standard_conforming_strings = off` stored digests as text. The stored
documents are bytes, which neither setting affects, so the right values are computed from them. Nothing else
is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..backends import backend_of
from ..importing.reading.rows import ARTICLE_COLUMNS, LINK_COLUMNS
from ..progress import Progress
from ..store.database import Store
from ..store.schema import articles, related_links
from .contents import SESSION_COLUMNS, parse_stored_documents
from .findings import as_imported, read_id_batches, unwrap_bytes

_ARTICLE_NAMES = sorted(SESSION_COLUMNS.intersection(ARTICLE_COLUMNS))
_LINK_NAMES = sorted(SESSION_COLUMNS.intersection(LINK_COLUMNS))


def repair(store: Store, progress: Progress | None = None) -> tuple[int, int]:
    """Rewrite instants and digests of articles and related links that differ from their documents.

    Each batch is committed by itself.

    Args:
        progress: Called with the number of checked articles, and of all.

    Returns:
        The numbers of rewritten articles and related links.
    """
    with store.reading() as connection:
        all_batches = list(read_id_batches(connection, articles))
    total = sum(map(len, all_batches))
    done = fixed_articles = fixed_links = 0
    for ids in all_batches:
        with store.writing(repeatable=True) as connection:
            backend_of(connection).lock_references(connection)  # no import changes them meanwhile
            batch_articles, batch_links = _repair_batch(connection, ids)
        fixed_articles += batch_articles
        fixed_links += batch_links
        done += len(ids)
        if progress is not None:
            progress(done, total)
    return fixed_articles, fixed_links


def _repair_batch(connection: sa.Connection, article_ids: Sequence[int]) -> tuple[int, int]:
    whole, _, read = parse_stored_documents(connection, article_ids)
    ids = [whole[number].id for number in read.article_tasks]
    article_values = {
        article_id: _pick(ARTICLE_COLUMNS, row.values, _ARTICLE_NAMES)
        for article_id, row in zip(ids, read.rows.articles, strict=True)
    }
    link_values = {
        (ids[link.article], link.values[0]): _pick(LINK_COLUMNS, link.values, _LINK_NAMES)
        for link in read.rows.links
    }
    table = related_links.c
    return (
        _rewrite(
            connection, articles, [articles.c.id], articles.c.id.in_(ids), _ARTICLE_NAMES, article_values
        ),
        _rewrite(
            connection, related_links, [table.article_id, table.position], table.article_id.in_(ids),
            _LINK_NAMES, link_values,
        ),
    )  # fmt: skip


def _pick(names: Sequence[str], values: Sequence[Any], wanted: Sequence[str]) -> tuple[Any, ...]:
    by_name = dict(zip(names, values, strict=True))
    return tuple(by_name[name] for name in wanted)


def _rewrite(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[sa.Column[Any]],
    where: sa.ColumnElement[bool],
    names: Sequence[str],
    expected: Mapping[Any, tuple[Any, ...]],
) -> int:
    """Write the expected values, by key, to rows that differ. Return the number of rewritten rows."""
    query = sa.select(table.c.id, *key, *(as_imported(table.c[name]) for name in names)).where(where)
    wrong = []
    for row_id, *rest in connection.execute(query):
        keys, stored = rest[: len(key)], tuple(map(unwrap_bytes, rest[len(key) :]))
        values = expected.get(keys[0] if len(keys) == 1 else tuple(keys))
        if values is not None and values != stored:
            wrong.append((row_id, *values))
    if wrong:
        backend_of(connection).bulk_update(connection, table, ("id", *names), wrong)
    return len(wrong)
