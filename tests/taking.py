"""Imports, as tests want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.database import Store
from curation.importing.run import import_dump
from curation.importing.summary import Options, Summary
from curation.scanning import find_dumps


def import_folder(
    store: Store, root: Path, *, source: str | None = None, actor: str = "tester", **options: Any
) -> Summary:
    """Imports the whole of a source's root."""
    [dump] = find_dumps([root], source=source, root=None, rev=None, known={})
    with dump.tree:
        return import_dump(store, dump, dump.tree.scan(dump.within), Options(actor=actor, **options))
