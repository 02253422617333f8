"""Import dumps and revert imports in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.importing.records.summary import Options, Summary
from curation.importing.reverting.context import ImportRevertResult
from curation.importing.reverting.run import revert_import, reverting_imports
from curation.importing.run import import_dump
from curation.scanning import find_dumps
from curation.store.database import Store


def import_folder(
    store: Store, root: Path, *, source: str | None = None, actor: str = "tester", **options: Any
) -> Summary:
    """Import a folder as a source; the checks against mistaken new sources are off."""
    [dump] = find_dumps([root], source=source, root=None, rev=None, known={})
    with dump.tree:
        return import_dump(
            store, dump, dump.tree.scan(dump.within), Options(actor=actor, **{"new_source": True, **options})
        )


def interrupt_import(store: Store, root: Path) -> None:
    """Import a source until more than half of its files are written, and then raise what Ctrl-C raises."""

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(store, root, progress=stop)


def revert_one_import(
    store: Store, changeset_id: int, *, dry_run: bool = False, **who: Any
) -> ImportRevertResult:
    """Revert an import, as `revert` of its changeset does."""
    with reverting_imports(store, [changeset_id]) as connection:
        reverted = revert_import(connection, changeset_id, **who)
        if dry_run:
            connection.rollback()
    return reverted


STORY = """---
title: {title}
publishedDateTime: {at}
originalUrl: {url}
quality: {quality}
heat: 70
published: true
provider:
  name: The Tidal Times
  domain: tidaltimes.example
---
Body.
{title}
"""


def rows(store: Store, query: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(query).all())


def one(store: Store, query: Any) -> Any:
    with store.reading() as connection:
        return connection.scalar(query)


def count(store: Store, table: sa.Table, *conditions: Any) -> int:
    found: int = one(store, sa.select(sa.func.count()).select_from(table).where(*conditions))
    return found


def write_story(root: Path, name: str, **fields: Any) -> Path:
    file = root / "_news" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    fields = {
        "title": name,
        "at": "2024-01-01T00:00:00Z",
        "url": f"https://a.example/{name}",
        "quality": 50,
    } | fields
    file.write_text(STORY.format(**fields))
    return file


def decide_flags(store: Store, path: str, **values: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection([path]), values, actor="editor", reason="because")


RELATED_TO_ANY = "related:\n  - title: twin\n    publishedDateTime: 2024-01-01T00:00:00Z\n---\n"
