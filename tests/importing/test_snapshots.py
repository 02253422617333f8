"""Import sequences of dumps, in order of date.

After each dump, the store must equal a fresh import (`support.store_comparison`). All overrides and notices
must agree with a model of the rules (`support.upstream_changes`).

The real snapshots are next to the checkout. `CURATION_FULL=1` uses all of them, with 500 edits between two
dumps, and runs every sequence on both engines. `CURATION_SEEDS` is the number of random sequences.
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
from ..support.upstream_changes import FULL, DumpChanger, Files, Model, Site, edit_at_random, snapshots

needs_dumps = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")

FAMILIES = ("powerapps", "diablo4")
ENGINES = ("sqlite", "postgresql")
SEEDS = int(os.environ.get("CURATION_SEEDS", "1"))

#: Both engines if time does not matter, else only one.
MORE_ENGINES = ENGINES if FULL or SEEDS > 1 else ENGINES[:1]

Command = Callable[..., Result]


@pytest.fixture
def fresh_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Return a function that makes empty stores, always on SQLite, so that the engines are compared too."""
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
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_store_equals_a_fresh_import_after_each_snapshot(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, family: str
) -> None:
    site = Site(tmp_path / family)
    for files in snapshots(family):
        site.write_files(files)
        import_folder(store, site.root)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert differences(store, fresh) == []
        assert count(store, documents) == sum(kind_of(path) is Kind.ARTICLE for path in files)


# --- constructed dumps ----------------------------------------------------------------------------------

_A, _B, _C = "_news/a.md", "_news/b.md", "_news/c.md"
_O, _P = "_data/organizations/o.md", "_data/organizations/p.md"
_T, _U = "_data/topics/t.yaml", "_data/topics/u.yaml"


def _image(width: int) -> str:
    return f"images:\n- url: https://i.example/x.png\n  width: {width}\n"


def _article(fields: str = "", title: str = "a") -> bytes:
    return f"---\ntitle: {title}\noriginalUrl: https://a.example/{title}\n{fields}---\n".encode()


def _organization(fields: str = "", domain: str = "o.example") -> bytes:
    return f"---\nname: O\ndomain: {domain}\n{fields}---\n".encode()


def _topic(name: str, parent: str = "") -> bytes:
    return f"_id: {name}-slug\nname: {name}\n{parent and f'parent: {parent}'}\n".encode()


_DATED = "publishedDateTime: 2020-01-01T00:00:00Z\n"
_LINK = f"related:\n- title: a\n  {_DATED}  webUrl: https://a.example/c\n"
_OF_O = "provider: {name: O, domain: o.example}\n"

#: Dumps in order. Each also has an article that never changes.
DUMPS: dict[str, Sequence[Files]] = {
    "the first use of an image is missing and returns": (
        {_A: _article(_image(10)), _B: _article(_image(20))},
        {_B: _article(_image(20))},
        {_A: _article(_image(10)), _B: _article(_image(20))},
    ),
    "the first use of an image loses its fence": (
        {_A: _article(_image(10)), _B: _article(_image(20))},
        {_A: b"none", _B: _article(_image(20))},
    ),
    "the first use of an image is broken": (
        {_A: _article(_image(10)), _B: _article(_image(20))},
        {_A: b"---\n[\n---\n", _B: _article(_image(20))},
        {_A: _article(), _B: _article(_image(20))},
    ),
    "the first use of an image is renamed": (
        {_A: _article(_image(10)), _B: _article(_image(20))},
        {_C: _article(_image(10)), _B: _article(_image(20))},
    ),
    "a link uses the image of an article": (
        {
            _A: _article(_image(10)),
            _B: _article("related:\n- title: q\n  " + _image(20).replace("\n", "\n  ").rstrip(" ")),
        },
        {_B: _article("related:\n- title: q\n  " + _image(20).replace("\n", "\n  ").rstrip(" "))},
    ),
    "an organization's image has another size": (
        {_O: _organization(_image(10))},
        {_O: _organization(_image(11))},
    ),
    "two organizations use an image, and the first is missing": (
        {_O: _organization(_image(10)), _P: _organization(_image(20), "p.example")},
        {_P: _organization(_image(20), "p.example")},
        {_O: _organization(_image(10)), _P: _organization(_image(20), "p.example")},
    ),
    "an article no longer uses an organization's image": (
        {_O: _organization(_image(10)), _A: _article(_image(20))},
        {_O: _organization(_image(10)), _A: _article()},
    ),
    "an article that uses an organization's image is missing": (
        {_O: _organization(_image(10)), _A: _article(_image(20))},
        {_O: _organization(_image(10))},
    ),
    "an organization uses an article's image": (
        {_A: _article(_image(20))},
        {_O: _organization(_image(10)), _A: _article(_image(20))},
    ),
    "two files describe a provider, and then one each": (
        {_O: _organization("description: one\notherNames: [x]\n"), _P: _organization("description: two\n")},
        {_O: _organization("description: one\notherNames: [x]\n"), _P: _organization(domain="p.example")},
        {_P: _organization(domain="p.example")},
        {_O: _organization("description: one\n"), _P: b"---\nname: [\n---\n"},
    ),
    "an organization is missing, and then its last article": (
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
    "topics are missing": (
        {_T: _topic("t", "p"), _U: _topic("u", "t")},
        {_U: _topic("u", "t")},
        {_T: _topic("v", "u")},
        {},
    ),
    "a link refers to an article by title, then to another by URL": (
        {_A: _article(_DATED), _B: _article(_LINK, "b"), _C: _article("", "c")},
        {_B: _article(_LINK, "b"), _C: _article("", "c")},
        {_A: _article(_DATED), _B: _article(_LINK, "b"), _C: _article("", "c")},
    ),
    "a collection's item is missing and returns with another suffix": (
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.md": _article()},
        {"_learning/c/x.md": _article("items: [v/y]\n")},
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.html": _article()},
        {"_learning/c/x.md": _article("items: [v/y]\n"), "_learning/v/y.md": _article()},
    ),
}


@pytest.mark.parametrize("case", some(DUMPS, 8))
def test_the_store_equals_a_fresh_import_after_each_constructed_dump(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, case: str
) -> None:
    site = Site(tmp_path / "site")
    for number, files in enumerate(DUMPS[case]):
        site.write_files({"_news/always.md": _article("", "always")} | files)
        import_folder(store, site.root)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert (number, differences(store, fresh)) == (number, [])


def test_a_link_prefers_present_articles_and_titles(store: Store, tmp_path: Path) -> None:
    """A fresh import cannot show this, because it has no missing articles and the same rules."""
    site, link = Site(tmp_path / "site"), {_B: _article(_LINK, "b")}
    by_title, by_address = {_A: _article(_DATED)}, {_C: _article("", "c")}
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    for files, expected in (
        (by_title | by_address, _A),
        (by_address, _C),
        ({}, _A),
        (by_title | by_address, _A),
    ):
        site.write_files(link | files)
        import_folder(store, site.root)
        assert rows(store, target) == [(expected,)]


# --- two sources ----------------------------------------------------------------------------------------

#: Dumps of sources that share rows, in order.
SHARED: dict[str, Sequence[tuple[str, Files]]] = {
    "both use an image": (
        ("two", {_A: _article(_image(20))}),
        ("one", {_A: _article(_image(10))}),
        ("one", {}),
        ("two", {_A: _article(_image(30))}),
        ("one", {_B: _article(_image(10))}),
        ("one", {_B: _article(_image(30))}),
        ("two", {}),
        ("one", {}),
    ),
    "both describe a provider": (
        ("one", {_O: _organization("description: one\notherNames: [x]\n" + _image(10))}),
        ("two", {_P: _organization("description: two\n" + _image(20))}),
        ("one", {_O: _organization("description: three\n")}),
        ("two", {_P: b"---\nname: [\n---\n", _A: _article(_OF_O)}),
        ("two", {_A: _article(_OF_O)}),
        ("one", {}),
        ("two", {}),
    ),
    "an organization's image is another source's article's": (
        ("one", {_O: _organization(_image(10))}),
        ("two", {_A: _article(_image(20) + _OF_O)}),
        ("one", {_O: _organization(_image(11))}),
        ("two", {_A: b"none"}),
        ("two", {_A: _article(_image(20))}),
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


class TwoSources:
    """Two sources of one store. After each import the store must equal fresh imports of both in any order."""

    def __init__(self, store: Store, fresh_store: Callable[[], Store], root: Path) -> None:
        self._store, self._fresh_store = store, fresh_store
        self._sites = {name: Site(root / name) for name in ("one", "two")}
        for name in self._sites:
            self.write(name, {})

    def write(self, name: str, files: Files) -> None:
        self._sites[name].write_files({"_news/always.md": _article("", "always")} | files)

    def differences(self, name: str, files: Files) -> list[str]:
        """Import a dump of one source. Return the differences from fresh imports of both."""
        self.write(name, files)
        import_folder(self._store, self._sites[name].root)
        fresh = self._fresh_store()
        known = {source for (source,) in rows(self._store, sa.select(sources.c.name))}
        for other in sorted(known, reverse=crc32(repr(sorted(files)).encode()) % 2 == 0):
            import_folder(fresh, self._sites[other].root)
        return differences(self._store, fresh)


@pytest.mark.parametrize("case", some(SHARED))
def test_shared_rows_equal_those_of_fresh_imports(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, case: str
) -> None:
    two_sources = TwoSources(store, fresh_store, tmp_path)
    for number, (name, files) in enumerate(SHARED[case]):
        assert (number, two_sources.differences(name, files)) == (number, [])


@needs_dumps
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize("store", MORE_ENGINES, indirect=True)
def test_a_site_divided_between_two_sources(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, seed: int
) -> None:
    """They share organizations, topics and images. Each has its own dates and random changes."""
    two_sources = TwoSources(store, fresh_store, tmp_path)
    mischief = {"one": DumpChanger(seed), "two": DumpChanger(-seed)}
    for snapshot in snapshots("powerapps")[:: 1 if FULL else 3]:
        for name, part in _parts(snapshot).items():
            assert two_sources.differences(name, part) == []
        for name, part in reversed(_parts(snapshot).items()):
            assert two_sources.differences(name, mischief[name].change(part)) == []


def _parts(files: Files) -> dict[str, Files]:
    """Divide a site into two halves. A third of the taxonomy is in both."""
    parts: dict[str, Files] = {"one": {}, "two": {}}
    for path, content in files.items():
        number = crc32(content if path.startswith("_data/") else path.encode()) >> 8
        share = number % 3 if path.startswith("_data/") else number % 2
        for name in ("one", "two") if share == 2 else (("one", "two")[share],):
            parts[name][path] = content
    return parts


# --- from git -------------------------------------------------------------------------------------------


class Repository(NamedTuple):
    """A repository with a commit for each snapshot, and its bare clone."""

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
        site.write_files(files)
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
@pytest.mark.slow
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
    imported_commits = rows(store, sa.select(imports.c.git_commit).order_by(imports.c.id))
    assert [commit for (commit,) in imported_commits] == list(repository.commits)


# --- with edits between them ----------------------------------------------------------------------------

#: Number of edits between two real snapshots.
EDITS = 500 if FULL else 80

#: Engine, site, and whether the dumps are changed randomly (`DumpChanger`).
SEQUENCES = (
    [(engine, family, much) for engine in ENGINES for family in FAMILIES for much in (False, True)]
    if FULL or SEEDS > 1
    else [("sqlite", "powerapps", True), ("sqlite", "diablo4", False), ("postgresql", "diablo4", True)]
)


@needs_dumps
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize(
    ("store", "family", "mischief"),
    SEQUENCES,
    indirect=["store"],
    ids=["-".join((*of, "mischief" if much else "as_it_was")) for *of, much in SEQUENCES],
)
def test_no_override_is_lost_and_every_notice_has_a_cause(
    store: Store, fresh_store: Callable[[], Store], tmp_path: Path, family: str, mischief: bool, seed: int
) -> None:
    site, model, chance = Site(tmp_path / family), Model(), random.Random(seed)
    dumps = _with_mischief(family, seed) if mischief else snapshots(family)
    for number, files in enumerate(dumps):
        site.write_files(files)
        import_folder(store, site.root)
        model.import_files(files)
        assert_model_agrees(store, model)
        fresh = fresh_store()
        import_folder(fresh, site.root)
        assert differences(store, fresh) == []
        if number < len(dumps) - 1:
            some = EDITS // 4 if mischief else EDITS // 2
            edit_at_random(store, model, chance, some)
            assert_model_agrees(store, model)
            import_folder(store, site.root)  # only overrides have changed
            model.import_files(files)
            assert_model_agrees(store, model)
            edit_at_random(store, model, chance, some)
    if mischief:
        # Three small snapshots do not contain all events.
        expected = EXPECTED_EVENTS if FULL or family == "powerapps" else EXPECTED_EVENTS[:4]
        assert [what for what in expected if not model.met[what]] == [], model.met


def assert_model_agrees(store: Store, model: Model) -> None:
    found = disagreements(store, model)
    assert not found, "\n".join(found)


#: Events that every sequence with random changes must contain.
EXPECTED_EVENTS = (
    "another story", "set aside", "returned", "conflict", "settled", "decided anew", "moved",
    "moved with decisions",
)  # fmt: skip


def _with_mischief(family: str, seed: int) -> list[Files]:
    """Return the snapshots, each followed by a randomly changed copy. The last one is unchanged."""
    mischief = DumpChanger(seed)
    dumps = [files for snapshot in snapshots(family) for files in (snapshot, mischief.change(snapshot))]
    return [*dumps, snapshots(family)[-1]]
