"""Check whether the store still has the earlier files of an import."""

from __future__ import annotations

import sqlalchemy as sa

from ...errors import EditRefused
from ...store.schema import article_moves, articles, changesets, file_versions, imports, taxonomy_documents
from ...wording import counted
from ..records import versions
from .limits import ImportToRevert


def check_revertible(connection: sa.Connection, changeset_id: int, target: ImportToRevert) -> None:
    """Raise EditRefused if an import is already reverted, is too old, or its earlier files are lost."""
    if target.status == "reverted":
        raise EditRefused(f"changeset {changeset_id} is already reverted")
    mine = file_versions.c.import_id == target.id
    kept = connection.scalar(sa.select(sa.func.count()).select_from(file_versions).where(mine)) or 0
    if target.changed and not kept and _count_newer(connection, target) >= versions.KEPT_IMPORTS:
        raise EditRefused(
            f"changeset {changeset_id} is too old to be reverted: earlier versions of files are kept for the"
            f" last {versions.KEPT_IMPORTS} imports of a source"
        )
    lost = _count_lost(connection, changeset_id, target)
    if not _is_partly_reverted(connection, changeset_id):
        lost = max(lost, target.changed - kept)
    if lost:
        raise EditRefused(
            f"changeset {changeset_id} cannot be reverted: the earlier versions of {counted(lost, 'file')}"
            " are lost; import an earlier state of the source instead"
        )


def _count_newer(connection: sa.Connection, target: ImportToRevert) -> int:
    """Return the number of later imports of the source that have earlier versions of files."""
    query = (
        sa.select(sa.func.count(file_versions.c.import_id.distinct()))
        .join(imports, imports.c.id == file_versions.c.import_id)
        .where(imports.c.source_id == target.source_id, imports.c.id > target.id)
    )
    return connection.scalar(query) or 0


def _count_lost(connection: sa.Connection, changeset_id: int, target: ImportToRevert) -> int:
    """Return the number of files that are as the import left them, and have no earlier version."""
    move, lost = article_moves.c, 0
    for table in (articles, taxonomy_documents):
        version = file_versions.c
        path: sa.ColumnElement[str] = table.c.path
        if table is articles:  # the earlier version of a moved article has its old path
            old_path = sa.select(move.old_path).where(
                move.changeset_id == changeset_id, move.article_id == articles.c.id
            )
            path = sa.func.coalesce(old_path.correlate(articles).scalar_subquery(), path)
        has_version = sa.exists().where(
            version.import_id == target.id, version.source_id == table.c.source_id, version.path == path
        )
        query = sa.select(sa.func.count()).where(
            table.c.last_import_id == target.id,
            table.c.first_import_id != target.id,
            ~has_version.correlate(table),
        )
        lost += connection.scalar(query) or 0
    return lost


def _is_partly_reverted(connection: sa.Connection, changeset_id: int) -> bool:
    """Return whether the import was reverted except for some files that a later import had changed.

    Earlier versions of the files that were reverted are deleted.
    """
    query = sa.select(changesets.c.id).where(changesets.c.reverts_id == changeset_id).limit(1)
    return connection.scalar(query) is not None
