"""Exports of real dumps: unchanged bytes, one changed line per override, and imports of the result.

CURATION_FULL=1 uses whole snapshots and 2,000 overrides; otherwise every fourth file and 120 overrides.
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
from curation.editing.reverting import revert_changeset
from curation.flags import FLAGS
from curation.scanning import kind_of
from curation.store.database import Store
from curation.store.schema import articles, changesets

from ..support.exporting_helpers import git, read_all_files, summary_line
from ..support.importing_helpers import import_folder
from ..support.places import DATA
from ..support.upstream_changes import FULL, Files, Site, snapshots

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")]

Curation = Callable[..., Result]
OVERRIDES = 2_000 if FULL else 120


def as_crlf(files: Files) -> Files:
    return {path: re.sub(rb"\r?\n", b"\r\n", data) for path, data in files.items()}


@pytest.mark.parametrize("family", ["powerapps", "diablo4"])
@pytest.mark.parametrize("line_ends", ["as they are", "crlf"])
def test_every_snapshot_is_exported_unchanged(
    curation: Curation, store: Store, tmp_path: Path, family: str, line_ends: str
) -> None:
    site, out = Site(tmp_path / "site"), tmp_path / "out"
    for files in snapshots(family):
        documents = {path: data for path, data in files.items() if kind_of(path) is not None}
        documents = as_crlf(documents) if line_ends == "crlf" else documents
        site.write_files(documents)
        import_folder(store, site.root)
        result = curation("export", "files", str(out))
        assert (result.exit_code, summary_line(result)) == (
            0, f"{len(documents):,} written, 0 unchanged, 0 left",
        )  # fmt: skip
        assert read_all_files(out) == documents
        assert (
            summary_line(curation("export", "files", str(site.root)))
            == f"0 written, {len(documents):,} unchanged, 0 left"
        )
        shutil.rmtree(out)


def override_at_random(store: Store, count: int, seed: int) -> None:
    """Make `count` changesets, each of one or two flags of one article."""
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


#: The meaning of absent flags.
DEFAULTS = {"published": True, "removed": False}


def flags_of(data: bytes) -> dict[str, int | bool | None]:
    """Return the flags of a document, read independently of the project's parser."""
    import yaml

    values = yaml.load(data.decode().split("\n---", 2)[0].removeprefix("---\n"), yaml.CSafeLoader)
    return {flag: values.get(flag, DEFAULTS.get(flag)) for flag in FLAGS}


def test_each_override_changes_one_line_and_can_be_imported(
    curation: Curation, store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "powerapps"
    files = snapshots("powerapps")[-1]
    Site(root).write_files(files)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "upstream")
    import_folder(store, root)
    override_at_random(store, OVERRIDES, seed=OVERRIDES)
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

    # One line changes for each flag that differs, and no other line.
    changed_lines = {}
    for line in git(root, "diff", "--numstat").splitlines():
        added, removed, path = line.split("\t")
        changed_lines[path] = (int(added), int(removed))
    expected = {}
    for path, flags in changed.items():
        stated = {flag for flag in flags if re.search(rf"(?m)^{flag}:", files[path].decode())}
        if flags:
            expected[path] = (len(flags), len(stated))
    assert changed_lines == expected
    assert len(expected) > OVERRIDES / 10
    lines = [line for line in git(root, "diff", "-U0").splitlines() if re.match(r"[-+](?![-+])", line)]
    assert all(re.fullmatch(r"[-+](quality|heat|published|removed): \S+", line) for line in lines)

    # The changed tree, imported as another source, gives the same values.
    import_folder(store, root, source="another")
    with store.reading() as connection:
        columns = (articles.c.path, *(articles.c[flag] for flag in FLAGS))
        mine = sa.select(*columns).where(
            articles.c.source_id == sa.select(sa.func.max(articles.c.source_id)).scalar_subquery()
        )
        assert {path: tuple(values) for path, *values in connection.execute(mine)} == wanted
    assert curation("export", "files", str(root), "--check", "--source", "powerapps").exit_code == 0

    # After reverting all changesets, the tree is clean.
    with store.writing() as connection:
        made = connection.scalars(
            sa.select(changesets.c.id).where(changesets.c.kind == "edit").order_by(changesets.c.id.desc())
        ).all()
        for changeset_id in made:
            revert_changeset(connection, changeset_id, actor="ann")
    result = curation("export", "files", str(root), "--source", "powerapps")
    assert result.exit_code == 0, result.stderr
    assert git(root, "status", "--short") == ""


def test_a_cycle_of_import_and_export_changes_nothing_more(
    curation: Curation, store: Store, tmp_path: Path
) -> None:
    """After import, override, export and import, another export writes nothing."""
    site = Site(tmp_path / "diablo4")
    site.write_files(snapshots("diablo4")[0])
    import_folder(store, site.root)
    override_at_random(store, OVERRIDES // 4, seed=4)
    wanted = effective(store)
    assert curation("export", "files", str(site.root)).exit_code == 0
    for _ in range(2):
        import_folder(store, site.root)
        assert effective(store) == wanted
        result = curation("export", "files", str(site.root))
        assert (result.exit_code, summary_line(result).split(",")[0]) == (0, "0 written")
