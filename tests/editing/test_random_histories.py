"""Laws of decisions over random histories of imports, edits, reverts, scores and searches, on both engines.

At every moment effective = override or upstream, and the audit replays to the present (`verify`); and taking
all back, the newest first, gives exactly the store that there was.
`CURATION_EXAMPLES` is how many histories are tried on each engine.
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
from curation.editing.undo import revert_changeset
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.scoring.applying import score_articles
from curation.sources.rule_settings import set_rule_settings
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import articles, changesets, overrides
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder, undo_one_import
from ..support.places import SITE
from ..support.stores import new_database

EXAMPLES = int(os.environ.get("CURATION_EXAMPLES", "6"))
STEPS = 14

#: An article's flags, those of upstream, and its decisions with the changesets that made them.
State = dict[str, tuple[Any, ...]]


class History:
    """A store that has been through something, and the changesets of it that stand."""

    def __init__(self, store: Store, root: Path, seed: int) -> None:
        self.store, self.root, self.chance = store, root, random.Random(seed)
        self.made: list[int] = []
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
            decided = sa.select(articles.c.path, table.field, table.value, table.changeset_id).join(articles)
            for path, *decision in sorted(map(tuple, connection.execute(decided))):
                found[path] += (tuple(decision),)
        return found

    def step(self) -> None:
        steps = (
            self.edit,
            self.edit,
            self.reset,
            self.release,
            self.revert,
            self.score,
            self.score,
            self.change,
            self.search,
        )
        made = self.chance.choice(steps)()
        self.made += [made] if made is not None else []
        with self.store.reading() as connection:
            assert list(verify(connection)) == []

    def selection(self) -> Selection:
        collections = ("news", "learning", "archive", "samples")
        if self.chance.random() < 0.5:
            return Selection((), Filters(collection=(self.chance.choice(collections),)))
        paths = sorted(self.state())
        return Selection(self.chance.sample(paths, self.chance.randint(1, 3)))

    def edit(self) -> int | None:
        qualities: list[int | ChangeBy] = [
            self.chance.randint(0, 120),
            ChangeBy(self.chance.randint(-30, 30)),
        ]
        values: dict[str, int | ChangeBy] = {
            "quality": self.chance.choice(qualities),
            "heat": self.chance.randint(-1, 200),
            "published": self.chance.randint(0, 1),
            "removed": self.chance.randint(0, 1),
        }
        flags = self.chance.sample(FLAGS, self.chance.randint(1, 3))
        return self.decide(
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
        flags = self.chance.sample(FLAGS, self.chance.randint(1, 4))
        return self.decide(
            lambda connection: (
                reset_flags(connection, self.selection(), flags, actor="bob", reason=None).changeset_id
            )
        )

    def release(self) -> int | None:
        """Lets go of what upstream agrees with: no flag changes its value, and nothing is left to let go of."""
        before, flags = self.state(), self.chance.sample(FLAGS, self.chance.randint(1, 4))

        def letting_go(connection: sa.Connection) -> int | None:
            every = Selection()
            edit = reset_flags(connection, every, flags, actor="fay", reason=None, adopted=True)
            assert reset_flags(connection, every, flags, actor="fay", reason=None, adopted=True).changed == 0
            return edit.changeset_id

        made = self.decide(letting_go)
        values = 2 * len(FLAGS)
        assert {path: told[:values] for path, told in self.state().items()} == {
            path: told[:values] for path, told in before.items()
        }
        return made

    def revert(self) -> int | None:
        with self.store.reading() as connection:
            query = sa.select(changesets.c.id).where(changesets.c.kind != "import")
            known = connection.scalars(query.order_by(changesets.c.id)).all()
        if not known:
            return None
        target = self.chance.choice(known)
        return self.decide(lambda connection: revert_changeset(connection, target, actor="cat").changeset_id)

    def score(self) -> int | None:
        return self.decide(lambda connection: score_articles(connection, (), actor="dan").changeset_id)

    def search(self) -> None:
        index_queued(self.store)
        with self.store.reading() as connection:
            found = set(
                connection.scalars(sa.select(find_matches(connection, "lighthouse").subquery().c.article_id))
            )
            said = sa.or_(
                *(articles.c[name].icontains("lighthouse") for name in ("title", "excerpt", "body"))
            )
            assert found >= set(connection.scalars(sa.select(articles.c.id).where(said)))

    def change(self) -> int | None:
        """A night at upstream: a few documents' flags move."""
        for path in self.chance.sample(sorted((self.root / "_news").glob("*.md")), 3):
            lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
            for i, line in enumerate(lines):
                if line.startswith(("quality:", "heat:")):
                    lines[i] = f"{line.partition(':')[0]}: {self.chance.randint(-1, 120)}\n"
            path.write_text("".join(lines))
        return import_folder(self.store, self.root, source="site").changeset_id

    def decide(self, doing: Callable[[sa.Connection], int | None]) -> int | None:
        try:
            with self.store.writing() as connection:
                return doing(connection)
        except (EditRefused, SelectionError):
            return None

    def undo_all(self) -> None:
        """Takes back whatever there was, the newest first."""
        for changeset in reversed(self.made):
            with self.store.reading() as connection:
                kind = connection.scalar(sa.select(changesets.c.kind).where(changesets.c.id == changeset))
            if kind == "import":
                assert undo_one_import(self.store, changeset, actor="eve").kept == []
            else:
                with self.store.writing() as connection:
                    assert revert_changeset(connection, changeset, actor="eve").kept == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, EXAMPLES))])
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
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
    history.undo_all()
    assert history.state() == history.start
    with store.reading() as connection:
        assert list(verify(connection)) == []
    store.engine.dispose()
