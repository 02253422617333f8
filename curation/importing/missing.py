"""Files that are gone, and files that are there again: marked, never deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..backends import chunks
from ..schema import articles, taxonomy_documents
from .course import Books
from .files import forget
from .sweep import Sweep
from .taxonomy import mark_taxonomy


def mark_missing(connection: sa.Connection, books: Books, paths: Sequence[str], moment: dt.datetime) -> int:
    """Marks what these files held as missing since an instant; returns how many articles that are."""
    source_id = books.source_id
    forget(connection, source_id, paths)
    gone = _rows(connection, articles, source_id, paths, is_missing=False)
    for ids in chunks([row.id for row in gone]):
        values = {"missing_since": moment, "last_import_id": books.import_id}
        connection.execute(sa.update(articles).where(articles.c.id.in_(ids)).values(values))
    _settle_images(connection, [row.id for row in gone])
    notes = _rows(connection, taxonomy_documents, source_id, paths, is_missing=False)
    mark_taxonomy(connection, [row.id for row in notes], moment)
    for row in (*gone, *notes):
        books.versions.add_marked(row.path, row.missing_since, row.last_import_id)
    return len(gone)


def bring_back(connection: sa.Connection, books: Books, paths: Sequence[str]) -> None:
    """Says that files which were missing are there again, as they were."""
    source_id = books.source_id
    back = _rows(connection, articles, source_id, paths, is_missing=True)
    values = {"missing_since": None, "last_import_id": books.import_id}
    for ids in chunks([row.id for row in back]):
        connection.execute(sa.update(articles).where(articles.c.id.in_(ids)).values(values))
    _settle_images(connection, [row.id for row in back])
    notes = _rows(connection, taxonomy_documents, source_id, paths, is_missing=True)
    mark_taxonomy(connection, [row.id for row in notes], None)
    for row in (*back, *notes):
        books.versions.add_marked(row.path, row.missing_since, row.last_import_id)


def _settle_images(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Lets images say what those say who are there."""
    sweep = Sweep()
    sweep.note_released(connection, article_ids)
    sweep.settle_images(connection, ())


def _rows(
    connection: sa.Connection, table: sa.Table, source_id: int, paths: Sequence[str], *, is_missing: bool
) -> list[Any]:
    since = table.c.missing_since
    columns = (table.c.id, table.c.path, since, table.c.last_import_id)
    query = sa.select(*columns).where(
        table.c.source_id == source_id, since.is_not(None) if is_missing else since.is_(None)
    )
    return [row for some in chunks(paths) for row in connection.execute(query.where(table.c.path.in_(some)))]
