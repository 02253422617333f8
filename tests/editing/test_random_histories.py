"""Properties of overrides over random histories of imports, edits, reverts, scores and searches.

After every step `verify` finds nothing: effective values are overrides or upstream values, and the recorded
changes lead to the present state. Reverting everything, the newest first, restores the first state exactly.
`CURATION_EXAMPLES` is the number of histories on both engines together.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.searching import find_matches, index_queued
from curation.articles.selecting import Filters, Selection
from curation.editing.flags import ChangeBy, reset_flags, set_flags
from curation.editing.reverting import revert_changeset
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.scoring.applying import score_articles
from curation.sources.rule_settings import set_rule_settings
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import articles, changesets, overrides
from curation.verifying.run import verify

from ..support.cases import share
from ..support.importing_helpers import import_folder, revert_one_import
from ..support.places import SITE
from ..support.stores import new_database

EXAMPLES = int(os.environ.get("CURATION_EXAMPLES", "6"))
STEPS = 14

#: For each path: effective values, upstream values, and overrides with their changesets.
State = dict[str, tuple[Any, ...]]


class History:
    """A store with a random history, and the ids of the changesets that it has had."""

    def __init__(self, store: Store, root: Path, seed: int) -> None:
        self.store, self.root, self.random = store, root, random.Random(seed)
        self.changeset_ids: list[int] = []
        import_folder(store, root, source="site")
        with store.writing() as connection:
            set_rule_settings(connection, "site", {"related_bonus": 20, "publish_threshold": 70})
        self.start = self.state()

    def state(self) -> State:
        columns = (articles.c[name] for flag in FLAGS for name in (flag, f"upstream_{flag}"))
        with self.store.reading() as connection:
            found = {
                path: tuple(row) for path, *row in connection.execute(sa.select(articles.c.path, *columns))
            }
            table = overrides.c
            query = sa.select(articles.c.path, table.field, table.value, table.changeset_id).join(articles)
            for path, *override in sorted(map(tuple, connection.execute(query))):
                found[path] += (tuple(override),)
        return found

    def step(self) -> None:
        steps = (
            self.edit,
            self.edit,
            self.reset,
            self.reset_adopted_overrides,
            self.revert,
            self.score,
            self.score,
            self.change_upstream,
            self.search,
        )
        changeset_id = self.random.choice(steps)()
        self.changeset_ids += [changeset_id] if changeset_id is not None else []
        with self.store.reading() as connection:
            assert list(verify(connection)) == []

    def selection(self) -> Selection:
        collections = ("news", "learning", "archive", "samples")
        if self.random.random() < 0.5:
            return Selection((), Filters(collection=(self.random.choice(collections),)))
        paths = sorted(self.state())
        return Selection(self.random.sample(paths, self.random.randint(1, 3)))

    def edit(self) -> int | None:
        qualities: list[int | ChangeBy] = [
            self.random.randint(0, 120),
            ChangeBy(self.random.randint(-30, 30)),
        ]
        values: dict[str, int | ChangeBy] = {
            "quality": self.random.choice(qualities),
            "heat": self.random.randint(-1, 200),
            "published": self.random.randint(0, 1),
            "removed": self.random.randint(0, 1),
        }
        flags = self.random.sample(FLAGS, self.random.randint(1, 3))
        return self.run(
            lambda connection: (
                set_flags(
                    connection,
                    self.selection(),
                    {flag: values[flag] for flag in flags},
                    actor="ann",
                    reason=None,
                ).changeset_id
            )
        )

    def reset(self) -> int | None:
        flags = self.random.sample(FLAGS, self.random.randint(1, 4))
        return self.run(
            lambda connection: (
                reset_flags(connection, self.selection(), flags, actor="bob", reason=None).changeset_id
            )
        )

    def reset_adopted_overrides(self) -> int | None:
        """Remove adopted overrides; check that no flag changes and that none is left to remove."""
        before, flags = self.state(), self.random.sample(FLAGS, self.random.randint(1, 4))

        def reset_adopted(connection: sa.Connection) -> int | None:
            all_articles = Selection()
            edit = reset_flags(connection, all_articles, flags, actor="fay", reason=None, adopted=True)
            assert (
                reset_flags(connection, all_articles, flags, actor="fay", reason=None, adopted=True).changed
                == 0
            )
            return edit.changeset_id

        changeset_id = self.run(reset_adopted)
        count = 2 * len(FLAGS)
        assert {path: values[:count] for path, values in self.state().items()} == {
            path: values[:count] for path, values in before.items()
        }
        return changeset_id

    def revert(self) -> int | None:
        with self.store.reading() as connection:
            query = sa.select(changesets.c.id).where(changesets.c.kind != "import")
            known = connection.scalars(query.order_by(changesets.c.id)).all()
        if not known:
            return None
        target = self.random.choice(known)
        return self.run(lambda connection: revert_changeset(connection, target, actor="cat").changeset_id)

    def score(self) -> int | None:
        return self.run(lambda connection: score_articles(connection, (), actor="dan").changeset_id)

    def search(self) -> None:
        index_queued(self.store)
        with self.store.reading() as connection:
            found = set(
                connection.scalars(sa.select(find_matches(connection, "lighthouse").subquery().c.article_id))
            )
            contains_word = sa.or_(
                *(articles.c[name].icontains("lighthouse") for name in ("title", "excerpt", "body"))
            )
            assert found >= set(connection.scalars(sa.select(articles.c.id).where(contains_word)))

    def change_upstream(self) -> int | None:
        """Change flags in a few documents, and import them."""
        for path in self.random.sample(sorted((self.root / "_news").glob("*.md")), 3):
            lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
            for i, line in enumerate(lines):
                if line.startswith(("quality:", "heat:")):
                    lines[i] = f"{line.partition(':')[0]}: {self.random.randint(-1, 120)}\n"
            path.write_text("".join(lines))
        return import_folder(self.store, self.root, source="site").changeset_id

    def run(self, action: Callable[[sa.Connection], int | None]) -> int | None:
        try:
            with self.store.writing() as connection:
                return action(connection)
        except (EditRefused, SelectionError):
            return None

    def revert_all(self) -> None:
        """Revert everything, the newest first."""
        for changeset in reversed(self.changeset_ids):
            with self.store.reading() as connection:
                kind = connection.scalar(sa.select(changesets.c.kind).where(changesets.c.id == changeset))
            if kind == "import":
                assert revert_one_import(self.store, changeset, actor="eve").kept == []
            else:
                with self.store.writing() as connection:
                    assert revert_changeset(connection, changeset, actor="eve").kept == []


@pytest.mark.parametrize(
    ("engine", "seed"),
    [
        pytest.param(engine, seed, marks=pytest.mark.slow if number else ())
        for engine in ("sqlite", "postgresql")
        for number, seed in enumerate(share(EXAMPLES, engine))
    ],
)
def test_the_laws_hold_over_any_history(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, seed: int
) -> None:
    if engine == "sqlite":
        store = Store(str(tmp_path / "store.db"))
        migrate.upgrade(store)
    else:
        url, template = map(request.getfixturevalue, ("postgresql_url", "postgresql_template"))
        store = Store(new_database(url, f" TEMPLATE {template}"))
    history = History(store, Path(shutil.copytree(SITE, tmp_path / "site")), seed)
    for _ in range(STEPS):
        history.step()
    history.revert_all()
    assert history.state() == history.start
    with store.reading() as connection:
        assert list(verify(connection)) == []
    store.engine.dispose()
