"""Mark the documents of files that are gone or have returned. Nothing is deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import articles, taxonomy_documents
from ..records.files import delete_file_states
from ..records.import_records import ImportRecords
from .orphans import refresh_images_of
from .taxonomy import mark_taxonomy


def mark_missing(
    connection: sa.Connection, records: ImportRecords, paths: Sequence[str], moment: dt.datetime
) -> int:
    """Mark the documents of these files as missing, and forget the files. The caller commits.

    Args:
        moment: The time since when they are missing, UTC.

    Returns:
        The number of articles marked.
    """
    delete_file_states(connection, records.source_id, paths)
    return set_missing_since(connection, records, paths, moment)


def mark_present(connection: sa.Connection, records: ImportRecords, paths: Sequence[str]) -> None:
    """Mark the documents of files that were missing as present and unchanged. The caller commits."""
    set_missing_since(connection, records, paths, None)


def set_missing_since(
    connection: sa.Connection, records: ImportRecords, paths: Sequence[str], since: dt.datetime | None
) -> int:
    """Mark articles and taxonomy as missing or present, except those that already are. The caller commits.

    Args:
        since: The time since when they are missing, UTC; None to mark them as present.

    Returns:
        The number of articles marked.
    """
    marked = _read_rows(connection, articles, records.source_id, paths, is_missing=since is None)
    ids = [row.id for row in marked]
    values = {"missing_since": since, "last_import_id": records.import_id}
    for some in chunks(ids):
        connection.execute(sa.update(articles).where(articles.c.id.in_(some)).values(values))
    records.touched_ids.update(ids)
    refresh_images_of(connection, ids)
    notes = _read_rows(connection, taxonomy_documents, records.source_id, paths, is_missing=since is None)
    mark_taxonomy(connection, [row.id for row in notes], since)
    for row in (*marked, *notes):
        records.versions.add_presence_change(row.path, row.missing_since, row.last_import_id)
    return len(marked)


def _read_rows(
    connection: sa.Connection, table: sa.Table, source_id: int, paths: Sequence[str], *, is_missing: bool
) -> list[Any]:
    since = table.c.missing_since
    columns = (table.c.id, table.c.path, since, table.c.last_import_id)
    query = sa.select(*columns).where(
        table.c.source_id == source_id, since.is_not(None) if is_missing else since.is_(None)
    )
    return [row for some in chunks(paths) for row in connection.execute(query.where(table.c.path.in_(some)))]
