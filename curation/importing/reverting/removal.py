"""Remove the rows of an import: the articles and taxonomy documents that it added."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import articles, changes, overrides, taxonomy_documents
from ..records.files import delete_file_states
from ..writing.articles import queue_for_search
from ..writing.orphans import Orphans
from ..writing.taxonomy import delete_taxonomy
from .context import RevertContext
from .limits import is_changed_later, was_edited


def remove_added(context: RevertContext) -> None:
    """Remove the articles and taxonomy documents that the import added and nobody has changed since."""
    for table in (articles, taxonomy_documents):
        rows = context.select_revertible(context.connection.execute(_select_added(context, table)).all())
        paths = [row.path for row in rows]
        context.records.issues.load(context.connection, paths)
        for path in paths:
            context.records.issues.set_open(path, ())
        delete_file_states(context.connection, context.target.source_id, paths)
        row_ids = [row.id for row in rows]
        if table is articles:
            _remove_articles(context.connection, row_ids)
        else:
            delete_taxonomy(context.connection, row_ids)
        context.result.removed += len(rows)


def _select_added(context: RevertContext, table: sa.Table) -> sa.Select[tuple[int, str, bool, bool]]:
    """Return the query of the rows that the import added, by path."""
    target = context.target
    is_edited = was_edited(target.id, context.changeset_id, table.c.id) if table is articles else sa.false()
    # Old versions are deleted after some imports, but `last_import_id` stays.
    is_later = sa.or_(table.c.last_import_id != target.id, is_changed_later(target, table.c.path))
    return (
        sa.select(table.c.id, table.c.path, is_later.label("is_later"), is_edited.label("is_edited"))
        .where(table.c.first_import_id == target.id, table.c.source_id == target.source_id)
        .order_by(table.c.path)
    )


def _remove_articles(connection: sa.Connection, row_ids: Sequence[int]) -> None:
    orphans = Orphans()
    orphans.release_references_of(connection, row_ids)
    queue_for_search(connection, row_ids)
    for ids in chunks(row_ids):
        # The remaining overrides are those of the import itself, for doubtful articles. The remaining changes
        # belong to imports and changesets that were reverted.
        connection.execute(sa.delete(overrides).where(overrides.c.article_id.in_(ids)))
        connection.execute(sa.delete(changes).where(changes.c.article_id.in_(ids)))
        connection.execute(sa.delete(articles).where(articles.c.id.in_(ids)))
    orphans.refresh_images(connection, ())
    orphans.remove_orphans(connection)
