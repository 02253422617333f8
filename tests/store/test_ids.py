"""No engine uses an id for a second row, so that a saved list of ids never selects other rows.

`CURATION_SEEDS=20` runs that many histories instead of 2.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.backends import backend_of
from curation.errors import EditRefused
from curation.store import migrate
from curation.store.database import Store, insert_row
from curation.store.schema import articles, changes, changesets, metadata, sources
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder, revert_one_import, write_story
from ..support.store_comparison import rows

SEEDS = int(os.environ.get("CURATION_SEEDS", "2"))
WITH_IDS = [table for table in metadata.sorted_tables if "id" in table.c]


def ids_of(store: Store) -> dict[str, set[int]]:
    return {table.name: {row[0] for row in rows(store, sa.select(table.c.id))} for table in WITH_IDS}


def write_rich(root: Path, name: str, chance: random.Random) -> None:
    """Write a document with a provider, a topic, an image and a related link, each one of six."""
    one = chance.randrange(6)
    (root / "_news").mkdir(parents=True, exist_ok=True)
    (root / "_data" / "topics").mkdir(parents=True, exist_ok=True)
    (root / "_news" / f"{name}.md").write_text(
        f"---\ntitle: {name}\nquality: {chance.randrange(100)}\nprovider: {{name: P{one}}}\ntopics: [T{one}]\n"
        f"images: [{{url: 'https://e.org/{one}.png', width: {one}}}]\n"
        f"related: [{{title: R{one}, provider: {{name: Q{one}}}}}]\nodd: [1e400]\n---\n"
    )
    (root / "_data" / "topics" / f"{one}.yaml").write_text(f"name: T{one}\n")


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, SEEDS))])
def test_a_new_row_has_an_id_that_no_row_ever_had(
    store: Store, tmp_path: Path, curation: Callable[..., Result], seed: int
) -> None:
    chance = random.Random(seed)
    root, imported = tmp_path / "site", []
    greatest = {table.name: 0 for table in WITH_IDS}
    before = ids_of(store)
    write_rich(root, "always", chance)
    for step in range(16):
        action = chance.randrange(6) if step else 0
        if action < 2:
            for name in chance.sample("abcdefgh", 3):
                write_rich(root, name, chance)
            imported.append(import_folder(store, root, source="s").changeset_id)
        elif action == 2:
            for file in sorted(root.rglob("?.*"))[:2]:
                file.unlink()
            imported.append(import_folder(store, root, source="s").changeset_id)
        elif action == 3 and imported:
            with suppress(EditRefused):
                revert_one_import(store, imported.pop() or 0, actor="ann")
        elif action == 4:
            curation("set", "--source", "s", "--heat", f"={chance.randrange(9)}", "--yes")
        else:
            last = rows(store, sa.select(sa.func.max(changesets.c.id)).where(changesets.c.kind == "edit"))
            curation("revert", str(last[0][0]))
        now = ids_of(store)
        for name, found in now.items():
            new = found - before[name]
            assert all(row_id > greatest[name] for row_id in new), (step, action, name, new, greatest[name])
            greatest[name] = max(greatest[name], *new, 0)
        before = now
    with store.reading() as connection:
        assert list(verify(connection)) == []


def test_the_id_of_a_removed_article_is_not_used_again(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "b.md")
    summary = import_folder(store, tmp_path, source="s")
    [(removed,)] = rows(store, sa.select(articles.c.id).where(articles.c.path == "_news/b.md"))
    revert_one_import(store, summary.changeset_id or 0, actor="ann")
    (tmp_path / "_news" / "b.md").unlink()
    write_story(tmp_path, "c.md")
    import_folder(store, tmp_path, source="s")
    [(new,)] = rows(store, sa.select(articles.c.id).where(articles.c.path == "_news/c.md"))
    assert new > removed


def test_a_version_never_names_a_later_change(
    store: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    """Otherwise `--if-unchanged-since` would accept a later change as the one that was seen."""
    write_story(tmp_path, "a.md")
    write_story(tmp_path, "b.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "c.md", quality=1)
    write_story(tmp_path, "a.md", quality=7)
    summary = import_folder(store, tmp_path, source="s")
    [(seen,)] = rows(store, sa.select(sa.func.max(changes.c.id)))
    with store.writing() as connection:
        connection.execute(sa.delete(changes))
    assert curation("set", "_news/b.md", "--heat", "=3").exit_code == 0
    assert rows(store, sa.select(sa.func.min(changes.c.id)))[0][0] > seen
    refused = curation("set", "_news/b.md", "--heat", "=4", "--if-unchanged-since", str(seen))
    assert (refused.exit_code, summary.updated) == (1, 1)


def test_ids_after_a_rollback_and_after_rows_of_another_program(store: Store) -> None:
    values = {"name": "a", "location": "/a"}
    with store.writing() as connection:
        first = insert_row(connection, sources, values)
        connection.rollback()
    with store.writing() as connection:
        again = insert_row(connection, sources, values)
        assert again >= first
        assert list(backend_of(connection).reserve_ids(connection, sources, 0)) == []
        reserved = list(backend_of(connection).reserve_ids(connection, sources, 3))
        assert reserved == sorted({*reserved})
        assert reserved[0] > again
    with store.writing() as connection:
        connection.execute(sa.text("INSERT INTO sources (id, name, location) VALUES (99, 'b', '/b')"))
    with store.reading() as connection:
        findings = [finding.wrong for finding in verify(connection)]
    if backend_of(store.engine).makes_store:  # its counter considers such a row, unlike a sequence
        assert findings == []
        with store.writing() as connection:
            assert insert_row(connection, sources, {"name": "c", "location": "/c"}) == 100
    else:
        assert findings == [f"its highest id is 99, but its counter is at {reserved[-1]}"]


def test_an_upgraded_store_continues_after_its_highest_id(empty_database: str, tmp_path: Path) -> None:
    store = Store(empty_database)
    migrate.upgrade(store)
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "b.md")
    summary = import_folder(store, tmp_path, source="s")
    migrate.downgrade(store, "0017")
    migrate.upgrade(store)
    [(greatest,)] = rows(store, sa.select(sa.func.max(articles.c.id)))
    revert_one_import(store, summary.changeset_id or 0, actor="ann")
    (tmp_path / "_news" / "b.md").unlink()
    write_story(tmp_path, "c.md")
    import_folder(store, tmp_path, source="s")
    assert rows(store, sa.select(sa.func.max(articles.c.id)))[0][0] > greatest
    migrate.check(store)
    store.engine.dispose()
