"""Edits that are killed are whole or absent, and concurrent edits are not lost.

Environment variables: `CURATION_KILLS` is how often a bulk edit is killed (default 30; on PostgreSQL a
tenth), `CURATION_SECONDS` is how long eight editors work concurrently (default 4).
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.errors import StoreError
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, overrides
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder
from ..support.killed_imports import Imports, Place, make_dump, opened
from ..support.places import CHECKOUT

KILLS = int(os.environ.get("CURATION_KILLS", "30"))
SECONDS = float(os.environ.get("CURATION_SECONDS", "4"))
SEED = int(os.environ.get("CURATION_SEED", "3"))
EDITORS = 8

#: Kills before a new store is made, because verifying takes longer after each.
KILLS_PER_STORE = 50


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request, tmp_path, request.param)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dump") / "site"
    make_dump(root, 600)
    return root


@contextmanager
def filled(place: Place, dump: Path) -> Iterator[Store]:
    database = place.new()
    with opened(database) as store:
        if place.engine == "sqlite":
            from curation.store import migrate

            migrate.upgrade(store)
        import_folder(store, dump, source="site")
        yield store


def count_changes(store: Store) -> dict[int, int]:
    """Return the number of changes of each changeset that is not an import."""
    with store.reading() as connection:
        query = (
            sa.select(changesets.c.id, sa.func.count(changes.c.id))
            .outerjoin_from(changesets, changes, changes.c.changeset_id == changesets.c.id)
            .where(changesets.c.kind != "import")
            .group_by(changesets.c.id)
        )
        return dict(map(tuple, connection.execute(query)))


# --- killed ----------------------------------------------------------------------------------------------


def test_a_bulk_edit_killed_at_any_moment_is_whole_or_absent(
    place: Place, tmp_path: Path, dump: Path
) -> None:
    kills = place.limit_kills(KILLS)
    rng, outcomes = random.Random(SEED), Counter[str]()
    with Imports(tmp_path) as started:
        for first in range(0, kills, KILLS_PER_STORE):
            with filled(place, dump) as store:
                kill_edits(started, store, range(first, min(first + KILLS_PER_STORE, kills)), rng, outcomes)
    print(f"{place.engine}: {kills} kills: {dict(outcomes)}")
    assert outcomes["absent"] or kills < 10


def kill_edits(
    started: Imports, store: Store, numbers: range, rng: random.Random, outcomes: Counter[str]
) -> None:
    """Kill an edit of all articles, or a revert, for each number, and check what it left."""
    database = store.backend.url.render_as_string(hide_password=False)
    with store.reading() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(articles)) or 0
    seconds, known = 0.1, 0
    for number in numbers:
        edits = [changeset for changeset, n in count_changes(store).items() if n]
        command = ["set", "--source", "site", "--yes", "--quality", str(number), "--heat", str(number)]
        if edits and rng.random() < 0.4:
            command = ["revert", str(edits[-1])]
        process = started.start("--database", database, *command)
        time.sleep(rng.uniform(0, seconds))
        process.kill(group=True)
        result = process.wait()
        store.engine.dispose()
        found = count_changes(store)
        is_whole = len(found) > known
        assert len(found) - known in (0, 1)
        assert is_whole or result.status != 0  # an acknowledged edit is stored
        outcomes["whole" if is_whole else "absent"] += 1
        seconds *= 0.8 if is_whole else 1.1  # stay near the end of the edit, at the machine's speed
        known = len(found)
        assert set(found.values()) <= {2 * count}
        if number % 10 == 9 or number == numbers[-1]:
            with store.reading() as connection:
                assert list(verify(connection)) == []


# --- concurrent ------------------------------------------------------------------------------------------

#: An editor that edits a few articles again and again, and prints the acknowledged changesets.
_EDITOR = """
import random, sys, time
from curation.store.database import Store
from curation.editing.flags import set_flags
from curation.errors import StoreError
from curation.editing.flags import ChangeBy, reset_flags, set_flags
from curation.editing.reverting import revert_changeset
from curation.errors import CurationError, EditRefused, SelectionError
from curation.articles.selecting import Filters, Selection

database, number, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
store, chance, mine = Store(database), random.Random(number), []
until = time.monotonic() + seconds
while time.monotonic() < until:
    ids = [str(chance.randint(1, 60)) for _ in range(chance.randint(1, 12))]
    if chance.random() < 0.1:
        chosen = Selection((), Filters(collection=("news",)))
    else:
        chosen = Selection(ids)
    who = {"actor": f"editor {number}", "reason": None}
    try:
        with store.writing() as connection:
            what = chance.random()
            if what < 0.2 and mine:
                made = revert_changeset(connection, chance.choice(mine), actor=who["actor"]).changeset_id
            elif what < 0.3:
                made = reset_flags(connection, chosen, ("quality", "heat"), **who).changeset_id
            elif what < 0.6:
                made = set_flags(connection, chosen, {"heat": ChangeBy(1), "quality": chance.randint(0, 99)}, **who).changeset_id
            else:
                made = set_flags(connection, chosen, {"published": chance.randint(0, 1)}, **who).changeset_id
        if made is not None:
            mine.append(made)
            print("made", made, flush=True)
    except (EditRefused, SelectionError):
        pass
    except CurationError as error:
        print("error", error, flush=True)
"""


@pytest.mark.slow
def test_editors_and_an_import_at_once_lose_nothing(place: Place, tmp_path: Path, dump: Path) -> None:
    root, rng = Path(shutil.copytree(dump, tmp_path / "work")), random.Random(SEED)
    with filled(place, root) as store:
        database = store.backend.url.render_as_string(hide_password=False)
        editors = [
            subprocess.Popen(
                [sys.executable, "-c", _EDITOR, database, str(number), str(SECONDS)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
            )
            for number in range(EDITORS)
        ]  # fmt: skip
        imported = 0
        while any(editor.poll() is None for editor in editors):
            for path in rng.sample(sorted((root / "_news").glob("*.md")), 60):
                text = path.read_text(encoding="utf-8-sig")
                path.write_text(
                    re.sub(r"(?m)^(heat|quality): .*$", lambda m: f"{m[1]}: {rng.randint(0, 99)}", text)
                )
            imported += import_folder(store, root, source="site").updated > 0
        outputs = [editor.communicate() for editor in editors]
        assert [editor.returncode for editor in editors] == [0] * EDITORS, outputs
        lines = [line.split(maxsplit=1) for out, _ in outputs for line in out.splitlines()]
        changeset_ids = [int(what) for kind, what in lines if kind == "made"]
        errors = [what for kind, what in lines if kind == "error"]
        with store.reading() as connection:
            kept = sa.select(changesets.c.id).where(changesets.c.kind != "import")
            assert set(connection.scalars(kept)) == set(changeset_ids)
            assert list(verify(connection)) == []
            override_count = connection.scalar(sa.select(sa.func.count()).select_from(overrides))
        print(
            f"{place.engine}: {len(changeset_ids)} acknowledged, {imported} imports, {override_count} overrides, errors: {errors}"
        )
        assert len(changeset_ids) == len(set(changeset_ids)) > EDITORS
        assert errors == []
        assert imported


def test_a_store_that_stays_busy_is_reported_in_one_line(
    place: Place, tmp_path: Path, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.backends.postgresql.LOCK_TIMEOUT", 0.3)
    monkeypatch.setattr("curation.backends.sqlite.BUSY_TIMEOUT", 0.3)
    with filled(place, dump) as store:
        other = Store(store.backend.url.render_as_string(hide_password=False))
        with other.writing() as connection:
            other.backend.lock_references(connection)
            with pytest.raises(StoreError, match="the store is busy"):
                set_heat(store)
        other.engine.dispose()


def set_heat(store: Store) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection(["1"]), {"heat": 1}, actor="ann", reason=None)
