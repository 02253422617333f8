"""Revert one import: take the locks, open the transaction and run the steps in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from ...backends import backend_of
from ...errors import EditRefused
from ...store.database import Store
from ...store.schema import changesets, imports, sources
from ..records.decision_notices import refresh_override_issues
from ..writing.links import resolve_items, resolve_related
from ..writing.orphans import refresh_images_of
from .checks import check_revertible
from .context import ImportRevertResult, RevertContext
from .limits import ImportToRevert
from .moves import move_back
from .removal import remove_added
from .restoring import find_versions, restore_documents, restore_marks


@contextmanager
def reverting_imports(
    store: Store, changeset_ids: Iterable[int], *, dry_run: bool = False
) -> Iterator[sa.Connection]:
    """Yield a transaction in which the imports of changesets can be reverted, and commit it.

    No import of their sources can run meanwhile. A dry run is rolled back.

    Raises:
        EditRefused: A changeset is not an import.
        ImportFailed: An import of a source is running.
    """
    with store.reading() as connection:
        names = {_find_import(connection, changeset_id).source for changeset_id in changeset_ids}
    with ExitStack() as stack:
        locks = [stack.enter_context(store.import_lock(name, dry_run=dry_run)) for name in sorted(names)]
        yield stack.enter_context(store.rolled_back() if dry_run else store.writing())
        for check_lock in locks:  # before the commit: nothing is reverted if the lock was lost
            check_lock()


def revert_import(
    connection: sa.Connection, changeset_id: int, *, actor: str, reason: str | None = None
) -> ImportRevertResult:
    """Revert the import that made a changeset. Call this within `reverting_imports`, which commits.

    Raises:
        EditRefused: The changeset is not an import, is already reverted, is too old, or the earlier versions
            of some files that it changed are lost.
    """
    target = _find_import(connection, changeset_id)
    check_revertible(connection, changeset_id, target)
    context = RevertContext.start(connection, target, changeset_id, actor, reason)
    backend_of(connection).lock_references(connection)
    remove_added(context)
    unmoved_paths, moved_back = move_back(context)
    versions = [row for row in find_versions(context) if row.path not in unmoved_paths]
    restore_documents(context, versions)
    restore_marks(context, versions)
    # The first use of an image depends on marks and paths, which are written now.
    touched = {row.article_id for row in versions if row.article_id is not None}
    refresh_images_of(connection, sorted(touched | moved_back))
    # All links are resolved, because nothing records which could have referred to a removed article.
    resolve_related(connection, target.source_id, None)
    resolve_items(connection, target.source_id, None)
    _finish(context)
    return context.result


def _find_import(connection: sa.Connection, changeset_id: int) -> ImportToRevert:
    """Return the import of a changeset. Raise EditRefused if the changeset is not an import."""
    changed = imports.c.updated + imports.c.missing + imports.c.moved
    query = (
        sa.select(imports.c.id, imports.c.source_id, sources.c.name, imports.c.status, changed)
        .join(changesets, changesets.c.import_id == imports.c.id)
        .join(sources, sources.c.id == imports.c.source_id)
        .where(changesets.c.id == changeset_id, changesets.c.kind == "import")
    )
    row = connection.execute(query).first()
    if row is None:
        raise EditRefused(f"changeset {changeset_id} is not an import; `curation log` lists changesets")
    return ImportToRevert(*row)


def _finish(context: RevertContext) -> None:
    """Write changes and issues, and mark the import as reverted unless it can be reverted once more."""
    connection, records = context.connection, context.records
    records.audit.flush(connection)
    records.issues.flush(connection)
    records.refresh_queue(connection)
    refresh_override_issues(connection, context.target.source_id, records.issues)
    records.issues.flush(connection)
    if not context.can_be_repeated:
        is_mine = imports.c.id == context.target.id
        connection.execute(sa.update(imports).where(is_mine).values(status="reverted"))
