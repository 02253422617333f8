"""Compare a store with a fresh import after random histories of imports, edits and reverts.

The sources share images, providers, topics and links. `support.store_comparison` lists the differences that
are allowed. `db verify` must find no problem.

`CURATION_MIXTURES` is the number of histories on both engines together. `CURATION_SEED` is the first one.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import reset_flags, set_flags
from curation.editing.reverting import revert_changeset
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.importing.records.summary import Summary
from curation.store.database import Store
from curation.store.schema import articles, changesets, import_issues
from curation.verifying.run import Finding, verify

from ..support.cases import few_or_many, share, some
from ..support.importing_helpers import import_folder, revert_one_import
from ..support.random_dumps import ChangingSource
from ..support.random_histories import empty, small_batches
from ..support.store_comparison import differences, rows
from ..support.upstream_changes import Files, Site

MIXTURES = int(os.environ.get("CURATION_MIXTURES", "12"))
FIRST = int(os.environ.get("CURATION_SEED", "0"))
STEPS = 10


@pytest.fixture
def fresh(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """Return a store for fresh imports. It is always on SQLite, so that the engines are compared too."""
    made = Store(str(shutil.copy(sqlite_template, tmp_path / "fresh.db")))
    yield made
    made.engine.dispose()


class History:
    """A random history of one store with two sources."""

    def __init__(self, store: Store, fresh: Store, root: Path, seed: int) -> None:
        self._store, self._fresh = store, fresh
        self._chance = chance = random.Random(seed)
        self._sources = {name: ChangingSource(chance) for name in ("one", "two")}
        self._sites = {name: Site(root / str(seed) / name) for name in self._sources}
        #: The files that the store has of each source. None if it has none, or an import was partly reverted.
        self._has: dict[str, Files | None] = {"one": None, "two": None}
        #: Imports that changed something: source, the files before, and whether none of them was broken.
        self._imports: dict[int, tuple[str, Files | None, bool]] = {}
        self.log: list[str] = []

    def begin(self) -> None:
        for name in self._sources:
            self._import(name)

    def step(self) -> None:
        steps: tuple[Callable[[], None], ...] = (
            self._import_any, self._import_any, self._import_any, self._revert_import, self._revert_import,
            self._decide, self._revert_edit,
        )  # fmt: skip
        step = self._chance.choice(steps)
        self.log.append(step.__name__)
        step()
        self._compare()

    def _compare(self) -> None:
        """Check that the store equals a fresh import."""
        if None in self._has.values():
            return
        empty(self._fresh)
        for name in self._chance.sample(sorted(self._has), 2):
            self._import_to(self._fresh, name, self._has[name] or {})
        assert differences(self._store, self._fresh) == []

    def _import_to(self, store: Store, name: str, files: Files) -> Summary:
        site = self._sites[name]
        site.write_files({"_news/always.md": b"---\ntitle: Always\n---\nAlways the same.\n"} | files)
        return import_folder(store, site.root)

    def _import_any(self) -> None:
        name = self._chance.choice(sorted(self._sources))
        self._sources[name].change()
        self._import(name)

    def _import(self, name: str) -> None:
        files = dict(self._sources[name].files)
        summary = self._import_to(self._store, name, files)
        before = self._has[name]
        if summary.changeset_id is not None:
            # The issues of a broken file come from its last reading, even if that import was reverted.
            is_whole = before is not None and not (_has_broken(before) or _has_broken(files))
            self._imports[summary.changeset_id] = name, before, is_whole
        self._has[name] = files

    def _revert_import(self) -> None:
        if not self._imports:
            return
        made = sorted(self._imports)
        target = made[-1] if self._chance.random() < 0.7 else self._chance.choice(made)
        name, before, is_whole = self._imports[target]
        reverted = None
        with suppress(EditRefused):
            reverted = revert_one_import(self._store, target, actor="ann", reason=None)
        if reverted is None:
            return
        if not is_whole:  # the store has read a broken file since, and reverting earlier imports does not
            self._imports |= {k: (of, had, False) for k, (of, had, _) in self._imports.items() if of == name}
        later = [key for key, (of, *_) in self._imports.items() if key > target and of == name]
        self._imports |= dict.fromkeys(later, (name, None, False))  # their earlier files are reverted
        is_last = not later
        self._has[name] = before if is_last and is_whole and not reverted.kept else None
        if not reverted.kept:
            del self._imports[target]

    def _decide(self) -> None:
        ids = [key for (key,) in rows(self._store, sa.select(articles.c.id).order_by(articles.c.id))]
        if not ids:
            return
        chosen = Selection(listed=[str(key) for key in self._chance.sample(ids, min(2, len(ids)))])
        with suppress(EditRefused, SelectionError), self._store.writing() as connection:
            if self._chance.random() < 0.3:
                reset_flags(connection, chosen, FLAGS, actor="editor", reason=None)
            else:
                decision = self._chance.choice(
                    ({"quality": 80}, {"heat": 3}, {"published": 0}, {"removed": 1})
                )
                set_flags(connection, chosen, decision, actor="editor", reason=None)

    def _revert_edit(self) -> None:
        query = sa.select(changesets.c.id).where(changesets.c.kind == "edit").order_by(changesets.c.id)
        made = [key for (key,) in rows(self._store, query)]
        if made:
            with suppress(EditRefused, SelectionError), self._store.writing() as connection:
                revert_changeset(connection, self._chance.choice(made), actor="editor", reason=None)


def _has_broken(files: Files) -> bool:
    return any(b"\nbroken: [\n" in content for content in files.values())


@few_or_many("histories", min(MIXTURES, 1), MIXTURES)
def test_a_store_equals_a_fresh_import_after_any_history(
    store: Store, fresh: Store, tmp_path: Path, histories: int
) -> None:
    for seed in (FIRST + number for number in share(histories, store.backend.name)):
        empty(store)
        history = History(store, fresh, tmp_path, seed)
        with small_batches(seed):
            try:
                history.begin()
                for _ in range(STEPS):
                    history.step()
                assert find_problems(store) == []
            except BaseException as error:
                error.add_note(f"seed {seed}, after: {' | '.join(history.log)}")
                raise


# --- named cases ----------------------------------------------------------------------------------------

_A, _B = "_news/a.md", "_news/b.md"


def _with_image(facts: str, title: str = "a") -> bytes:
    return f'---\ntitle: {title}\nimages:\n- {{url: "https://i.example/x.png", {facts}}}\n---\n{title}\n'.encode()


#: The files before an import, and those of the import that is then reverted.
REVERTED_IMPORTS: dict[str, tuple[Files, Files]] = {
    "the first use of an image was missing": (
        {_A: _with_image("width: 100"), _B: _with_image("width: 200", "b")},
        {_B: _with_image("width: 200", "b")},
    ),
    "the first use of an image moved after another one": (
        {_A: _with_image("width: 100"), _B: _with_image("width: 200", "b")},
        {"_news/c.md": _with_image("width: 100"), _B: _with_image("width: 200", "b")},
    ),
    "the first use of an image returned": (
        {_B: _with_image("width: 200", "b")},
        {_A: _with_image("width: 100"), _B: _with_image("width: 200", "b")},
    ),
    "the first use has odd values": (
        {_A: _with_image("title: 2024, isCached: yes, width: 640.0"), _B: _with_image("title: y", "b")},
        {_B: _with_image("title: y", "b")},
    ),
    "a document with notices was missing": ({_A: _with_image("title: 2024, width: -1")}, {}),
    "an organization with notices was missing": (
        {"_data/organizations/o.md": b"---\nname: 2024\ndomain: o.example\n---\n"},
        {},
    ),
}


@pytest.mark.parametrize("name", some(REVERTED_IMPORTS))
def test_a_store_equals_a_fresh_import_after_a_reverted_import(
    store: Store, fresh: Store, tmp_path: Path, name: str
) -> None:
    always: Files = {"_news/always.md": b"---\ntitle: Always\n---\nAlways.\n"}
    before, after = REVERTED_IMPORTS[name]
    site = Site(tmp_path / "site")
    for files in (before, after):
        site.write_files(always | files)
        changeset_id = import_folder(store, site.root).changeset_id
    assert changeset_id is not None
    assert revert_one_import(store, changeset_id, actor="ann", reason=None).kept == []
    site.write_files(always | before)
    import_folder(fresh, site.root)
    assert differences(store, fresh) == []
    assert find_problems(store) == []
    import_folder(store, site.root)
    assert differences(store, fresh) == []


def test_a_returned_file_has_its_notices_again(store: Store, fresh: Store, tmp_path: Path) -> None:
    site, other = Site(tmp_path / "site"), {_B: _with_image("width: 1", "b")}
    with_notices: Files = {_A: _with_image("title: 2024"), "_data/topics/t.yaml": b"name: 2024\n"}
    for files in (other | with_notices, other, other | with_notices):
        site.write_files(files)
        import_folder(store, site.root)
    import_folder(fresh, site.root)
    assert differences(store, fresh) == []
    open_ = sa.select(import_issues.c.code, import_issues.c.path)
    open_ = open_.where(import_issues.c.resolved_import_id.is_(None)).order_by(import_issues.c.path)
    assert [tuple(row) for row in rows(store, open_)] == [
        ("text_from_value", "_data/topics/t.yaml"),
        ("text_from_value", _A),
    ]


def find_problems(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))
