"""Imports, and what undoes them, as tests want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.importing.records.summary import Options, Summary
from curation.importing.run import import_dump
from curation.importing.undo import Undone, undo_import, undoing_imports
from curation.scanning import find_dumps
from curation.store.database import Store


def import_folder(
    store: Store, root: Path, *, source: str | None = None, actor: str = "tester", **options: Any
) -> Summary:
    """Imports the whole of a source's root, as a new source whatever it looks like."""
    [dump] = find_dumps([root], source=source, root=None, rev=None, known={})
    with dump.tree:
        return import_dump(
            store, dump, dump.tree.scan(dump.within), Options(actor=actor, **{"new_source": True, **options})
        )


def undo_one_import(store: Store, changeset_id: int, *, dry_run: bool = False, **who: Any) -> Undone:
    """Undoes an import, as `revert` of its changeset does."""
    with undoing_imports(store, [changeset_id]) as connection:
        undone = undo_import(connection, changeset_id, **who)
        if dry_run:
            connection.rollback()
    return undone
