"""Remove what an import added."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import articles, changes, overrides, taxonomy_documents
from ..records.files import delete_file_states
from ..writing.articles import queue_for_search
from ..writing.orphans import Orphans
from ..writing.taxonomy import delete_taxonomy
from .context import UndoContext
from .limits import changed_later, decided_at_all


def remove_added(context: UndoContext) -> None:
    """Remove the articles and taxonomy documents that the import added."""
    for table in (articles, taxonomy_documents):
        rows = context.free_rows(context.connection.execute(_added(context, table)).all())
        paths = [row.path for row in rows]
        context.records.issues.load(context.connection, paths)
        for path in paths:
            context.records.issues.set_open(path, ())
        delete_file_states(context.connection, context.undoing.source_id, paths)
        row_ids = [row.id for row in rows]
        if table is articles:
            _remove_articles(context.connection, row_ids)
        else:
            delete_taxonomy(context.connection, row_ids)
        context.undone.removed += len(rows)


def _added(context: UndoContext, table: sa.Table) -> sa.Select[tuple[int, str, bool, bool]]:
    """Return the query of what the import added, by path."""
    undoing = context.undoing
    is_decided = (
        decided_at_all(undoing.id, context.changeset_id, table.c.id) if table is articles else sa.false()
    )
    # Old versions are deleted after a while; which import wrote the row last is kept.
    is_later = sa.or_(table.c.last_import_id != undoing.id, changed_later(undoing, table.c.path))
    return (
        sa.select(table.c.id, table.c.path, is_later.label("is_later"), is_decided.label("is_decided"))
        .where(table.c.first_import_id == undoing.id, table.c.source_id == undoing.source_id)
        .order_by(table.c.path)
    )


def _remove_articles(connection: sa.Connection, row_ids: Sequence[int]) -> None:
    orphans = Orphans()
    orphans.release_references_of(connection, row_ids)
    queue_for_search(connection, row_ids)
    for ids in chunks(row_ids):
        # Overrides that are left are the import's own, of doubtful articles. Changes that are left are those
        # of imports that were undone and of decisions that were reverted.
        connection.execute(sa.delete(overrides).where(overrides.c.article_id.in_(ids)))
        connection.execute(sa.delete(changes).where(changes.c.article_id.in_(ids)))
        connection.execute(sa.delete(articles).where(articles.c.id.in_(ids)))
    orphans.refresh_images(connection, ())
    orphans.remove_orphans(connection)
