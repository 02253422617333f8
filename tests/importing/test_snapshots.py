"""Dumps that come in again and again, in order of date: after each the store is as a fresh import would
leave it (`likeness`), and every decision and notice is accounted for by a model of the rules (`upstream`).

The real snapshots lie beside the checkout. CURATION_FULL=1 takes all of them, 500 decisions between each
two, and every sequence on both engines; CURATION_SEEDS=10 as many sequences of mischief and decisions.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.scanning import Kind, kind_of
from curation.store.database import Store
from curation.store.schema import articles, documents, imports, related_links, sources

from ..support.cases import some
from ..support.importing_helpers import import_folder
from ..support.places import DATA
from ..support.store_comparison import count, differences, disagreements, rows
from ..support.upstream_changes import FULL, Files, Mischief, Model, Site, decide_at_random, snapshots

needs_dumps = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")

FAMILIES = ("powerapps", "diablo4")
ENGINES = ("sqlite", "postgresql")
SEEDS = int(os.environ.get("CURATION_SEEDS", "1"))

#: What is to be shown on one engine is shown on the other too where time does not matter.
MORE_ENGINES = ENGINES if FULL or SEEDS > 1 else ENGINES[:1]

Command = Callable[..., Result]


@pytest.fixture
def fresh_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Makes stores that nothing was imported into: on SQLite, whatever the other is on, so that the
    engines are compared with each other too."""
    made: list[Store] = []

    def make() -> Store:
        store = Store(str(shutil.copy(sqlite_template, tmp_path / f"fresh-{len(made)}.db")))
        made.append(store)
        return store

    yield make
    for store in made:
        store.engine.dispose()


# --- the snapshots as they are --------------------------------------------------------------------------


@needs_dumps
@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
def test_after_each_snapshot_the_store_is_as_a_fresh_import_would_leave_it(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, family: str
) -> None:
    site = Site(tmp_path / family)
    for files in snapshots(family):
        site.hold(files)
        import_folder(store, site.root)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert differences(store, fresh) == []
        assert count(store, documents) == sum(kind_of(path) is Kind.ARTICLE for path in files)


# --- what few snapshots hold ----------------------------------------------------------------------------

_A, _B, _C = "_news/a.md", "_news/b.md", "_news/c.md"
_O, _P = "_data/organizations/o.md", "_data/organizations/p.md"
_T, _U = "_data/topics/t.yaml", "_data/topics/u.yaml"


def _shown(width: int) -> str:
    return f"images:\n- url: https://i.example/x.png\n  width: {width}\n"


def _article(told: str = "", title: str = "a") -> bytes:
    return f"---\ntitle: {title}\noriginalUrl: https://a.example/{title}\n{told}---\n".encode()


def _organization(told: str = "", domain: str = "o.example") -> bytes:
    return f"---\nname: O\ndomain: {domain}\n{told}---\n".encode()


def _topic(name: str, parent: str = "") -> bytes:
    return f"_id: {name}-slug\nname: {name}\n{parent and f'parent: {parent}'}\n".encode()


_DATED = "publishedDateTime: 2020-01-01T00:00:00Z\n"
_LINK = f"related:\n- title: a\n  {_DATED}  webUrl: https://a.example/c\n"
_OF_O = "provider: {name: O, domain: o.example}\n"

#: Dumps in order, each but for an article that is always there.
STORIES: dict[str, Sequence[Files]] = {
    "the first to show an image is gone, and is there again": (
        {_A: _article(_shown(10)), _B: _article(_shown(20))},
        {_B: _article(_shown(20))},
        {_A: _article(_shown(10)), _B: _article(_shown(20))},
    ),
    "the first to show an image has no fence any more": (
        {_A: _article(_shown(10)), _B: _article(_shown(20))},
        {_A: b"none", _B: _article(_shown(20))},
    ),
    "the first to show an image is broken": (
        {_A: _article(_shown(10)), _B: _article(_shown(20))},
        {_A: b"---\n[\n---\n", _B: _article(_shown(20))},
        {_A: _article(), _B: _article(_shown(20))},
    ),
    "the first to show an image is renamed": (
        {_A: _article(_shown(10)), _B: _article(_shown(20))},
        {_C: _article(_shown(10)), _B: _article(_shown(20))},
    ),
    "a link shows what an article showed": (
        {
            _A: _article(_shown(10)),
            _B: _article("related:\n- title: q\n  " + _shown(20).replace("\n", "\n  ").rstrip(" ")),
        },
        {_B: _article("related:\n- title: q\n  " + _shown(20).replace("\n", "\n  ").rstrip(" "))},
    ),
    "an organization's image has another size": (
        {_O: _organization(_shown(10))},
        {_O: _organization(_shown(11))},
    ),
    "two organizations show an image, and the first is gone": (
        {_O: _organization(_shown(10)), _P: _organization(_shown(20), "p.example")},
        {_P: _organization(_shown(20), "p.example")},
        {_O: _organization(_shown(10)), _P: _organization(_shown(20), "p.example")},
    ),
    "an article shows an organization's image no more": (
        {_O: _organization(_shown(10)), _A: _article(_shown(20))},
        {_O: _organization(_shown(10)), _A: _article()},
    ),
    "an article that shows an organization's image is gone": (
        {_O: _organization(_shown(10)), _A: _article(_shown(20))},
        {_O: _organization(_shown(10))},
    ),
    "an organization shows an article's image": (
        {_A: _article(_shown(20))},
        {_O: _organization(_shown(10)), _A: _article(_shown(20))},
    ),
    "two files describe a provider, and then one each": (
        {_O: _organization("description: one\notherNames: [x]\n"), _P: _organization("description: two\n")},
        {_O: _organization("description: one\notherNames: [x]\n"), _P: _organization(domain="p.example")},
        {_P: _organization(domain="p.example")},
        {_O: _organization("description: one\n"), _P: b"---\nname: [\n---\n"},
    ),
    "an organization is gone, and then its last article": (
        {_O: _organization("description: one\n"), _A: _article(_OF_O)},
        {_A: _article(_OF_O)},
        {_A: _article()},
    ),
    "topics change parents": (
        {_T: _topic("t", "p"), _U: _topic("u", "p")},
        {_T: _topic("t", "q"), _U: _topic("u", "t")},
        {_T: _topic("t", "u"), _U: _topic("u", "t")},
        {_T: _topic("t"), _U: _topic("u")},
    ),
    "topics are gone": (
        {_T: _topic("t", "p"), _U: _topic("u", "t")},
        {_U: _topic("u", "t")},
        {_T: _topic("v", "u")},
        {},
    ),
    "a link names one by title, then another by its address": (
        {_A: _article(_DATED), _B: _article(_LINK, "b"), _C: _article("", "c")},
        {_B: _article(_LINK, "b"), _C: _article("", "c")},
        {_A: _article(_DATED), _B: _article(_LINK, "b"), _C: _article("", "c")},
    ),
    "a collection's item is gone, and there under another suffix": (
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.md": _article()},
        {"_learning/c/x.md": _article("items: [v/y]\n")},
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.html": _article()},
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.md": _article()},
    ),
}


@pytest.mark.parametrize("story", some(STORIES, 8))
def test_what_few_snapshots_hold_is_as_a_fresh_import_would_leave_it(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, story: str
) -> None:
    site = Site(tmp_path / "site")
    for number, files in enumerate(STORIES[story]):
        site.hold({"_news/always.md": _article("", "always")} | files)
        import_folder(store, site.root)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert (number, differences(store, fresh)) == (number, [])


def test_a_link_names_who_is_there_before_who_is_gone_and_by_title_before_address(
    store: Store, tmp_path: Path
) -> None:
    """A fresh import cannot tell: it would be wrong alike, and knows nobody who is gone."""
    site, link = Site(tmp_path / "site"), {_B: _article(_LINK, "b")}
    by_title, by_address = {_A: _article(_DATED)}, {_C: _article("", "c")}
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    for files, due in ((by_title | by_address, _A), (by_address, _C), ({}, _A), (by_title | by_address, _A)):
        site.hold(link | files)
        import_folder(store, site.root)
        assert rows(store, target) == [(due,)]


# --- two sources ----------------------------------------------------------------------------------------

#: Dumps of sources that share things, in the order in which they come.
SHARED: dict[str, Sequence[tuple[str, Files]]] = {
    "both show an image": (
        ("two", {_A: _article(_shown(20))}),
        ("one", {_A: _article(_shown(10))}),
        ("one", {}),
        ("two", {_A: _article(_shown(30))}),
        ("one", {_B: _article(_shown(10))}),
        ("one", {_B: _article(_shown(30))}),
        ("two", {}),
        ("one", {}),
    ),
    "both describe a provider": (
        ("one", {_O: _organization("description: one\notherNames: [x]\n" + _shown(10))}),
        ("two", {_P: _organization("description: two\n" + _shown(20))}),
        ("one", {_O: _organization("description: three\n")}),
        ("two", {_P: b"---\nname: [\n---\n", _A: _article(_OF_O)}),
        ("two", {_A: _article(_OF_O)}),
        ("one", {}),
        ("two", {}),
    ),
    "an organization's image is another source's article's": (
        ("one", {_O: _organization(_shown(10))}),
        ("two", {_A: _article(_shown(20) + _OF_O)}),
        ("one", {_O: _organization(_shown(11))}),
        ("two", {_A: b"none"}),
        ("two", {_A: _article(_shown(20))}),
        ("one", {}),
        ("two", {_A: _article()}),
    ),
    "a topic's parent is another source's": (
        ("one", {_T: _topic("t", "u")}),
        ("two", {_T: _topic("u", "v")}),
        ("two", {_T: _topic("t", "w"), _U: _topic("u")}),
        ("one", {_T: _topic("t", "v")}),
        ("two", {}),
        ("one", {}),
    ),
    "links stay in their source": (
        ("one", {_A: _article(_DATED)}),
        ("two", {_B: _article(_LINK, "b")}),
        ("two", {_A: _article(_DATED), _B: _article(_LINK, "b")}),
        ("one", {}),
        ("two", {_B: _article(_LINK, "b")}),
    ),
}


class Sources:
    """Two sources of one store, which is after each import as if both were taken in anew, in any order."""

    def __init__(self, store: Store, fresh_store: Callable[[], Store], root: Path) -> None:
        self._store, self._fresh_store = store, fresh_store
        self._sites = {name: Site(root / name) for name in ("one", "two")}
        for name in self._sites:
            self.hold(name, {})

    def hold(self, name: str, files: Files) -> None:
        self._sites[name].hold({"_news/always.md": _article("", "always")} | files)

    def differences(self, name: str, files: Files) -> list[str]:
        """What the import of a dump of one of them leaves otherwise than it should be."""
        self.hold(name, files)
        import_folder(self._store, self._sites[name].root)
        fresh = self._fresh_store()
        known = {source for (source,) in rows(self._store, sa.select(sources.c.name))}
        for other in sorted(known, reverse=crc32(repr(sorted(files)).encode()) % 2 == 0):
            import_folder(fresh, self._sites[other].root)
        return differences(self._store, fresh)


@pytest.mark.parametrize("story", some(SHARED))
def test_what_two_sources_share_is_as_if_both_were_taken_in_anew(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, story: str
) -> None:
    both = Sources(store, fresh_store, tmp_path)
    for number, (name, files) in enumerate(SHARED[story]):
        assert (number, both.differences(name, files)) == (number, [])


@needs_dumps
@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize("store", MORE_ENGINES, indirect=True)
def test_a_site_of_which_two_sources_hold_a_part_each(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, seed: int
) -> None:
    """They share organizations, topics and images; each comes in its own time, and has its own mischief."""
    both = Sources(store, fresh_store, tmp_path)
    mischief = {"one": Mischief(seed), "two": Mischief(-seed)}
    for snapshot in snapshots("powerapps")[:: 1 if FULL else 3]:
        for name, part in _parts(snapshot).items():
            assert both.differences(name, part) == []
        for name, part in reversed(_parts(snapshot).items()):
            assert both.differences(name, mischief[name].do(part)) == []


def _parts(files: Files) -> dict[str, Files]:
    """Two halves of a site; a third of the taxonomy is in both."""
    parts: dict[str, Files] = {"one": {}, "two": {}}
    for path, content in files.items():
        number = crc32(content if path.startswith("_data/") else path.encode()) >> 8
        share = number % 3 if path.startswith("_data/") else number % 2
        for name in ("one", "two") if share == 2 else (("one", "two")[share],):
            parts[name][path] = content
    return parts


# --- from git -------------------------------------------------------------------------------------------


class Repository(NamedTuple):
    """A repository with a commit for each snapshot, and the same without a work tree."""

    worktree: Path
    bare: Path
    commits: Sequence[str]


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Repository]:
    return {family: _repository(tmp_path_factory.mktemp("git") / family, family) for family in FAMILIES}


def _repository(root: Path, family: str) -> Repository:
    root.mkdir()
    git(root, "init", "--quiet")
    site, commits = Site(root), []
    for files in snapshots(family):
        site.hold(files)
        git(root, "add", "--all")
        git(root, "-c", "user.name=t", "-c", "user.email=t@t.example", "commit", "--quiet", "--message=x")
        commits.append(git(root, "rev-parse", "HEAD"))
    bare = root.with_name(f"{family}.git")
    git(root, "clone", "--quiet", "--bare", str(root), str(bare))
    return Repository(root, bare, commits)


def git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@needs_dumps
@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("store", "bare"),
    [(engine, bare) for engine in ENGINES for bare in (False, True) if FULL or bare == (engine == "sqlite")],
    indirect=["store"],
    ids=str,
)
def test_the_same_from_git(
    store: Store,
    curation: Command,
    fresh_store: Callable[[], Store],
    repositories: Mapping[str, Repository],
    family: str,
    bare: bool,
) -> None:
    from curation.cli import cli

    repository = repositories[family]
    place = repository.bare if bare else repository.worktree
    for commit in repository.commits:
        done = curation("import", str(place), "--rev", commit)
        assert done.exit_code == 0, done.output
        fresh = fresh_store()
        location = fresh.backend.url.render_as_string(hide_password=False)
        arguments = ["--database", location, "import", str(place), "--rev", commit]
        assert cli.main(arguments, standalone_mode=False) is None
        assert differences(store, fresh) == []
    taken = rows(store, sa.select(imports.c.git_commit).order_by(imports.c.id))
    assert [commit for (commit,) in taken] == list(repository.commits)


# --- with decisions between them ------------------------------------------------------------------------

#: Decisions between each two real snapshots.
DECISIONS = 500 if FULL else 80

#: Engine, site, and whether there is mischief.
SEQUENCES = (
    [(engine, family, much) for engine in ENGINES for family in FAMILIES for much in (False, True)]
    if FULL or SEEDS > 1
    else [("sqlite", "powerapps", True), ("sqlite", "diablo4", False), ("postgresql", "diablo4", True)]
)


@needs_dumps
@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize(
    ("store", "family", "mischief"),
    SEQUENCES,
    indirect=["store"],
    ids=["-".join((*of, "mischief" if much else "as_it_was")) for *of, much in SEQUENCES],
)
def test_no_decision_is_lost_and_every_notice_has_its_cause(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, family: str, mischief: bool, seed: int
) -> None:
    site, model, chance = Site(tmp_path / family), Model(), random.Random(seed)
    dumps = _with_mischief(family, seed) if mischief else snapshots(family)
    for number, files in enumerate(dumps):
        site.hold(files)
        import_folder(store, site.root)
        model.take_in(files)
        assert_agreement(store, model)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert differences(store, fresh) == []
        if number < len(dumps) - 1:
            some = DECISIONS // 4 if mischief else DECISIONS // 2
            decide_at_random(store, model, chance, some)
            assert_agreement(store, model)
            import_folder(store, site.root)  # nothing has changed but what editors decided
            model.take_in(files)
            assert_agreement(store, model)
            decide_at_random(store, model, chance, some)
    if mischief:
        due = HAPPENS if FULL or family == "powerapps" else HAPPENS[:4]  # three thin snapshots hold too few
        assert [what for what in due if not model.met[what]] == [], model.met


def assert_agreement(store: Store, model: Model) -> None:
    found = disagreements(store, model)
    assert not found, "\n".join(found)


#: What is to be met in every sequence with mischief.
HAPPENS = (
    "another story", "set aside", "returned", "parts", "adopted", "decided anew", "decided otherwise", "moved",
    "moved with decisions",
)  # fmt: skip


def _with_mischief(family: str, seed: int) -> list[Files]:
    """The snapshots, after each one that much has happened to; at last all is mended."""
    mischief = Mischief(seed)
    dumps = [files for snapshot in snapshots(family) for files in (snapshot, mischief.do(snapshot))]
    return [*dumps, snapshots(family)[-1]]
