"""What a session's settings made of rows when they were written, made right by the stored documents.

Before sessions were pinned (`backends/postgresql_sessions.py`), a time zone in the environment shifted the
instants that were written, and `standard_conforming_strings = off` stored digests as text. Both are made of
the document, which is stored as bytes and was not touched by either. Nothing else is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..backends import backend_of
from ..importing.reading.rows import ARTICLE_COLUMNS, LINK_COLUMNS
from ..store.database import Store
from ..store.schema import articles, related_links
from .contents import OF_SESSION, parse_stored
from .findings import as_made, batches, plain

_IN_ARTICLES = sorted(OF_SESSION.intersection(ARTICLE_COLUMNS))
_IN_LINKS = sorted(OF_SESSION.intersection(LINK_COLUMNS))


def repair(store: Store, progress: Callable[[int, int], None] | None = None) -> tuple[int, int]:
    """Rewrite instants and digests of articles and related links that are not as their documents say.

    Commits batch by batch. Returns how many articles and how many related links were rewritten; `progress`
    is told articles done, of all.
    """
    with store.reading() as connection:
        several = list(batches(connection, articles))
    total = sum(map(len, several))
    done = fixed_articles = fixed_links = 0
    for ids in several:
        with store.writing(repeatable=True) as connection:
            backend_of(connection).lock_references(connection)  # no import changes any meanwhile
            one, other = _repair_some(connection, ids)
        fixed_articles, fixed_links = fixed_articles + one, fixed_links + other
        done += len(ids)
        if progress is not None:
            progress(done, total)
    return fixed_articles, fixed_links


def _repair_some(connection: sa.Connection, article_ids: Sequence[int]) -> tuple[int, int]:
    whole, _, read = parse_stored(connection, article_ids)
    ids = [whole[number].id for number in read.article_tasks]
    due_articles = {
        article_id: _picked(ARTICLE_COLUMNS, row.values, _IN_ARTICLES)
        for article_id, row in zip(ids, read.rows.articles, strict=True)
    }
    due_links = {
        (ids[link.article], link.values[0]): _picked(LINK_COLUMNS, link.values, _IN_LINKS)
        for link in read.rows.links
    }
    table = related_links.c
    return (
        _rewrite(connection, articles, [articles.c.id], articles.c.id.in_(ids), _IN_ARTICLES, due_articles),
        _rewrite(
            connection, related_links, [table.article_id, table.position], table.article_id.in_(ids),
            _IN_LINKS, due_links,
        ),
    )  # fmt: skip


def _picked(names: Sequence[str], values: Sequence[Any], wanted: Sequence[str]) -> tuple[Any, ...]:
    by_name = dict(zip(names, values, strict=True))
    return tuple(by_name[name] for name in wanted)


def _rewrite(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[sa.Column[Any]],
    where: sa.ColumnElement[bool],
    names: Sequence[str],
    due: Mapping[Any, tuple[Any, ...]],
) -> int:
    """Give the rows of a table what is due to them by key; return how many were not as due."""
    query = sa.select(table.c.id, *key, *(as_made(table.c[name]) for name in names)).where(where)
    wrong = []
    for row_id, *rest in connection.execute(query):
        keys, held = rest[: len(key)], tuple(map(plain, rest[len(key) :]))
        values = due.get(keys[0] if len(keys) == 1 else tuple(keys))
        if values is not None and values != held:
            wrong.append((row_id, *values))
    if wrong:
        backend_of(connection).bulk_update(connection, table, ("id", *names), wrong)
    return len(wrong)
