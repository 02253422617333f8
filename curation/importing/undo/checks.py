"""Refuse to undo an import of which the store no longer has the earlier files."""

from __future__ import annotations

import sqlalchemy as sa

from ...errors import EditRefused
from ...store.schema import article_moves, articles, changesets, file_versions, imports, taxonomy_documents
from ..records import versions
from .limits import Undoing


def check_undoable(connection: sa.Connection, changeset_id: int, undoing: Undoing) -> None:
    """Raise EditRefused for an import that is undone already, is too old, or whose earlier files are lost."""
    if undoing.status == "reverted":
        raise EditRefused(f"changeset {changeset_id} is undone already")
    mine = file_versions.c.import_id == undoing.id
    kept = connection.scalar(sa.select(sa.func.count()).select_from(file_versions).where(mine)) or 0
    if undoing.changed and not kept and _newer(connection, undoing) >= versions.KEPT_IMPORTS:
        raise EditRefused(
            f"changeset {changeset_id} is too old to be undone: what files were before is kept for the last"
            f" {versions.KEPT_IMPORTS} imports of a source"
        )
    lost = _count_lost(connection, changeset_id, undoing)
    if not _is_undone_in_part(connection, changeset_id):
        lost = max(lost, undoing.changed - kept)
    if lost:
        raise EditRefused(
            f"changeset {changeset_id} cannot be undone: what {lost:,} of its files were before is not kept;"
            " import an earlier state of the source instead"
        )


def _newer(connection: sa.Connection, undoing: Undoing) -> int:
    """How many later imports of the source can be undone."""
    query = (
        sa.select(sa.func.count(file_versions.c.import_id.distinct()))
        .join(imports, imports.c.id == file_versions.c.import_id)
        .where(imports.c.source_id == undoing.source_id, imports.c.id > undoing.id)
    )
    return connection.scalar(query) or 0


def _count_lost(connection: sa.Connection, changeset_id: int, undoing: Undoing) -> int:
    """How many files are as the import changed them, with nothing that tells what they were before."""
    move, lost = article_moves.c, 0
    for table in (articles, taxonomy_documents):
        version = file_versions.c
        path: sa.ColumnElement[str] = table.c.path
        if table is articles:  # of one that moved it is kept where it was before
            was_at = sa.select(move.old_path).where(
                move.changeset_id == changeset_id, move.article_id == articles.c.id
            )
            path = sa.func.coalesce(was_at.correlate(articles).scalar_subquery(), path)
        is_kept = sa.exists().where(
            version.import_id == undoing.id, version.source_id == table.c.source_id, version.path == path
        )
        query = sa.select(sa.func.count()).where(
            table.c.last_import_id == undoing.id,
            table.c.first_import_id != undoing.id,
            ~is_kept.correlate(table),
        )
        lost += connection.scalar(query) or 0
    return lost


def _is_undone_in_part(connection: sa.Connection, changeset_id: int) -> bool:
    """Whether it was undone but for files that a later import had changed: of the others nothing is kept."""
    query = sa.select(changesets.c.id).where(changesets.c.reverts_id == changeset_id).limit(1)
    return connection.scalar(query) is not None
