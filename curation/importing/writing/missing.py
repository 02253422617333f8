"""Files that are gone, and files that are there again: marked, never deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import articles, taxonomy_documents
from ..records.files import forget
from ..records.import_records import ImportRecords
from .orphans import settle_images_of
from .taxonomy import mark_taxonomy


def mark_missing(
    connection: sa.Connection, records: ImportRecords, paths: Sequence[str], moment: dt.datetime
) -> int:
    """Marks what these files held as missing since an instant; returns how many articles that are."""
    forget(connection, records.source_id, paths)
    return set_missing_since(connection, records, paths, moment)


def mark_present(connection: sa.Connection, records: ImportRecords, paths: Sequence[str]) -> None:
    """Says that files which were missing are there again, as they were."""
    set_missing_since(connection, records, paths, None)


def set_missing_since(
    connection: sa.Connection, records: ImportRecords, paths: Sequence[str], since: dt.datetime | None
) -> int:
    """Marks articles and taxonomy as missing since an instant, None as there again, where they are not so
    already; returns how many articles that are."""
    marked = _rows(connection, articles, records.source_id, paths, is_missing=since is None)
    ids = [row.id for row in marked]
    values = {"missing_since": since, "last_import_id": records.import_id}
    for some in chunks(ids):
        connection.execute(sa.update(articles).where(articles.c.id.in_(some)).values(values))
    settle_images_of(connection, ids)
    notes = _rows(connection, taxonomy_documents, records.source_id, paths, is_missing=since is None)
    mark_taxonomy(connection, [row.id for row in notes], since)
    for row in (*marked, *notes):
        records.versions.add_marked(row.path, row.missing_since, row.last_import_id)
    return len(marked)


def _rows(
    connection: sa.Connection, table: sa.Table, source_id: int, paths: Sequence[str], *, is_missing: bool
) -> list[Any]:
    since = table.c.missing_since
    columns = (table.c.id, table.c.path, since, table.c.last_import_id)
    query = sa.select(*columns).where(
        table.c.source_id == source_id, since.is_not(None) if is_missing else since.is_(None)
    )
    return [row for some in chunks(paths) for row in connection.execute(query.where(table.c.path.in_(some)))]
