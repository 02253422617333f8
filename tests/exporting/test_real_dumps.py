"""Real dumps written back: byte for byte, one line for each flag decided, and back again.

CURATION_FULL=1 takes whole snapshots and 2,000 decisions; else every fourth file and 120.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.selecting import Selection
from curation.editing.flags import reset_flags, set_flags
from curation.editing.undo import revert_changeset
from curation.flags import FLAGS
from curation.scanning import kind_of
from curation.store.database import Store
from curation.store.schema import articles, changesets

from ..support.exporting_helpers import everything, git, told
from ..support.importing_helpers import import_folder
from ..support.places import DATA
from ..support.upstream_changes import FULL, Files, Site, snapshots

pytestmark = [pytest.mark.long, pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")]

Curation = Callable[..., Result]
DECISIONS = 2_000 if FULL else 120


def as_crlf(files: Files) -> Files:
    return {path: re.sub(rb"\r?\n", b"\r\n", data) for path, data in files.items()}


@pytest.mark.parametrize("family", ["powerapps", "diablo4"])
@pytest.mark.parametrize("line_ends", ["as they are", "crlf"])
def test_every_snapshot_comes_out_as_it_came_in(
    curation: Curation, store: Store, tmp_path: Path, family: str, line_ends: str
) -> None:
    site, out = Site(tmp_path / "site"), tmp_path / "out"
    for files in snapshots(family):
        held = {path: data for path, data in files.items() if kind_of(path) is not None}
        held = as_crlf(held) if line_ends == "crlf" else held
        site.hold(held)
        import_folder(store, site.root)
        result = curation("export", "files", str(out))
        assert (result.exit_code, told(result)) == (0, f"{len(held):,} written, 0 unchanged, 0 left")
        assert everything(out) == held
        assert (
            told(curation("export", "files", str(site.root))) == f"0 written, {len(held):,} unchanged, 0 left"
        )
        shutil.rmtree(out)


def decide_at_random(store: Store, count: int, seed: int) -> None:
    """So many changesets, each of one flag or two of one article."""
    rng = random.Random(seed)
    with store.reading() as connection:
        ids = connection.scalars(sa.select(articles.c.id).order_by(articles.c.path)).all()
    for _ in range(count):
        decisions = {
            "quality": rng.randint(0, 189), "heat": rng.randint(-1, 900),
            "published": rng.randint(0, 1), "removed": int(rng.random() < 0.2),
        }  # fmt: skip
        chosen = {flag: decisions[flag] for flag in rng.sample(FLAGS, rng.choice((1, 1, 1, 2)))}
        if chosen.get("published") == 1:
            chosen["removed"] = 0
        with store.writing() as connection:
            selection = Selection([str(rng.choice(ids))])
            if rng.random() < 0.1:
                reset_flags(connection, selection, list(chosen), actor="ann", reason=None)
            else:
                set_flags(connection, selection, chosen, actor="ann", reason=None)


def effective(store: Store) -> dict[str, tuple[int | bool | None, ...]]:
    with store.reading() as connection:
        columns = (articles.c.path, *(articles.c[flag] for flag in FLAGS))
        return {path: tuple(values) for path, *values in connection.execute(sa.select(*columns))}


#: What a document that is silent means.
SILENT = {"published": True, "removed": False}


def flags_of(data: bytes) -> dict[str, int | bool | None]:
    """What a document says of its flags, read by nothing of ours."""
    import yaml

    values = yaml.load(data.decode().split("\n---", 2)[0].removeprefix("---\n"), yaml.CSafeLoader)
    return {flag: values.get(flag, SILENT.get(flag)) for flag in FLAGS}


def test_decisions_are_one_line_each_and_come_back(curation: Curation, store: Store, tmp_path: Path) -> None:
    root = tmp_path / "powerapps"
    files = snapshots("powerapps")[-1]
    Site(root).hold(files)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "as upstream has it")
    import_folder(store, root)
    decide_at_random(store, DECISIONS, seed=DECISIONS)
    wanted = effective(store)
    changed = {
        path: [
            flag for flag, value in zip(FLAGS, wanted[path], strict=True)
            if (path.startswith("_") and value != flags_of(data)[flag])
        ]
        for path, data in files.items() if path in wanted
    }  # fmt: skip
    result = curation("export", "files", str(root))
    assert result.exit_code == 0, result.stderr

    # One line for each flag that is another, and no other line.
    told_by_git = {}
    for line in git(root, "diff", "--numstat").splitlines():
        added, removed, path = line.split("\t")
        told_by_git[path] = (int(added), int(removed))
    expected = {}
    for path, flags in changed.items():
        stated = {flag for flag in flags if re.search(rf"(?m)^{flag}:", files[path].decode())}
        if flags:
            expected[path] = (len(flags), len(stated))
    assert told_by_git == expected
    assert len(expected) > DECISIONS / 10
    lines = [line for line in git(root, "diff", "-U0").splitlines() if re.match(r"[-+](?![-+])", line)]
    assert all(re.fullmatch(r"[-+](quality|heat|published|removed): \S+", line) for line in lines)

    # The changed tree, taken in as a source of its own, says the same.
    import_folder(store, root, source="another")
    with store.reading() as connection:
        columns = (articles.c.path, *(articles.c[flag] for flag in FLAGS))
        mine = sa.select(*columns).where(
            articles.c.source_id == sa.select(sa.func.max(articles.c.source_id)).scalar_subquery()
        )
        assert {path: tuple(values) for path, *values in connection.execute(mine)} == wanted
    assert curation("export", "files", str(root), "--check", "--source", "powerapps").exit_code == 0

    # All of it taken back, the tree is clean.
    with store.writing() as connection:
        made = connection.scalars(
            sa.select(changesets.c.id).where(changesets.c.kind == "edit").order_by(changesets.c.id.desc())
        ).all()
        for changeset_id in made:
            revert_changeset(connection, changeset_id, actor="ann")
    result = curation("export", "files", str(root), "--source", "powerapps")
    assert result.exit_code == 0, result.stderr
    assert git(root, "status", "--short") == ""


def test_the_loop_ends_where_it_began(curation: Curation, store: Store, tmp_path: Path) -> None:
    """import, decide, export, import again: nothing is left to be done, and what upstream agrees with by now
    can be released without any effect."""
    site = Site(tmp_path / "diablo4")
    site.hold(snapshots("diablo4")[0])
    import_folder(store, site.root)
    decide_at_random(store, DECISIONS // 4, seed=4)
    wanted = effective(store)
    assert curation("export", "files", str(site.root)).exit_code == 0
    for _ in range(2):
        import_folder(store, site.root)
        assert effective(store) == wanted
        result = curation("export", "files", str(site.root))
        assert (result.exit_code, told(result).split(",")[0]) == (0, "0 written")
