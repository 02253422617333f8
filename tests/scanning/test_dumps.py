"""From the paths of a command line to dumps: which is a root, which a part of one, and what it is called."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from curation.errors import ImportFailed
from curation.scanning import Archive, Dump, Folder, GitTree, find_dumps

from ..support.git_repositories import commit, git


@pytest.fixture
def dumps(tmp_path: Path) -> Path:
    """Three roots: one, two, and a deep one."""
    for path in (
        "one/_news/a.md",
        "one/_news/c/b.md",
        "one/_samples/x.md",
        "two/_news/a.md",
        "in/deep/_news/a.md",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"---\na: 1\n---\n")
    (tmp_path / "one/assets").mkdir()
    return tmp_path


def find(
    *paths: Path,
    source: str | None = None,
    root: Path | None = None,
    rev: str | None = None,
    known: Mapping[str, str] | None = None,
) -> list[Dump]:
    return find_dumps(paths, source=source, root=root, rev=rev, known=known or {})


def told(dumps: list[Dump]) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Name, location, part and number of files of each dump."""
    found = []
    for dump in dumps:
        with dump.tree as tree:
            found.append(
                (dump.source, Path(tree.location).name, dump.within, len(tree.scan(dump.within).files))
            )
    return found


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "---\na: 1\n---\n")
    return path


def test_a_folder_is_a_root_and_names_its_source(dumps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(find(dumps / "one")) == [("one", "one", (), 3)]
    assert told(find(dumps / "one", source="other")) == [("other", "one", (), 3)]
    assert isinstance(find(dumps / "one")[0].tree, Folder)
    monkeypatch.chdir(dumps / "one")
    assert told(find(Path())) == [("one", "one", (), 3)]
    (dumps / "link").symlink_to("one")
    assert told(find(dumps / "link")) == [("one", "one", (), 3)]


def test_a_root_without_content_is_refused_when_it_is_looked_through(dumps: Path) -> None:
    for path in (dumps / "one/assets", dumps / "one/_news"):
        [dump] = find(path)
        with pytest.raises(ImportFailed, match=r"no content under .*; to import a part .*--root"):
            dump.tree.scan(dump.within)


def test_several_roots_are_several_dumps(dumps: Path) -> None:
    archive = zipped(dumps / "three.zip", "_news/a.md", "_news/b.md")
    found = find(dumps / "two", archive, dumps / "one", archive)
    assert told(found) == [("two", "two", (), 1), ("three", "three.zip", (), 2), ("one", "one", (), 3)]


def test_a_part_is_of_the_known_source_around_it(dumps: Path) -> None:
    known = {"mine": str(dumps / "one"), "elsewhere": "/nowhere/one"}
    assert told(find(dumps / "one/_news", known=known)) == [("mine", "one", ("_news",), 2)]
    assert told(find(dumps / "one/_news/a.md", known=known)) == [("mine", "one", ("_news/a.md",), 1)]
    paths = [
        dumps / "one" / part for part in ("_samples", "_news/c", "_news/c/b.md", "_news/c", "_samples/x.md")
    ]
    assert told(find(*paths, known=known)) == [("mine", "one", ("_news/c", "_samples"), 2)]
    assert told(find(dumps / "one/_news", dumps / "one", known=known)) == [("mine", "one", (), 3)]


def test_a_root_is_called_as_its_folder_even_if_it_is_known_by_another_name(dumps: Path) -> None:
    assert told(find(dumps / "one", known={"mine": str(dumps / "one")})) == [("one", "one", (), 3)]


def test_a_folder_of_a_known_source_that_cannot_hold_its_content_is_a_root(dumps: Path) -> None:
    known = {"all": str(dumps)}
    assert told(find(dumps / "in/deep", known=known)) == [("deep", "deep", (), 1)]


def test_the_nearest_known_source_is_meant(dumps: Path) -> None:
    shutil.copytree(dumps / "two", dumps / "one/_archive")
    known = {"one": str(dumps / "one"), "old": str(dumps / "one/_archive")}
    assert told(find(dumps / "one/_archive/_news", known=known)) == [("old", "_archive", ("_news",), 1)]


def test_sources_that_share_a_root(dumps: Path) -> None:
    known = {"a": str(dumps / "one"), "b": str(dumps / "one")}
    part = dumps / "one/_news"
    with pytest.raises(ImportFailed, match=r"is a part of several sources \(a, b\): name one by --source"):
        find(part, known=known)
    assert told(find(part, known=known, source="b")) == [("b", "one", ("_news",), 2)]
    assert told(find(part, known={**known, "one": str(dumps / "one")})) == [("one", "one", ("_news",), 2)]


def test_root_names_the_root(dumps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = dumps / "one"
    assert told(find(root / "_news", root=root)) == [("one", "one", ("_news",), 2)]
    assert told(find(root / "_news/a.md", root=root, source="x")) == [("x", "one", ("_news/a.md",), 1)]
    assert told(find(root, root=root)) == [("one", "one", (), 3)]
    monkeypatch.chdir(dumps)
    assert told(find(Path("one/_news"), root=Path("one"))) == [("one", "one", ("_news",), 2)]
    known = {"deeper": str(root / "_news")}
    assert told(find(root / "_news/c", root=root, known=known)) == [("one", "one", ("_news/c",), 1)]


def refusals(dumps: Path) -> dict[str, tuple[str, Callable[[], object]]]:
    one, two = dumps / "one", dumps / "two"
    return {
        "absent": ("is not a folder: give a source's root", lambda: find(dumps / "absent")),
        "absent part": ("is not a folder", lambda: find(one / "_news/z.md", known={"one": str(one)})),
        "absent part of a root": ("is not a folder", lambda: find(one / "_news/z.md", root=one)),
        "absent root": ("does not lie within", lambda: find(one / "_news", root=dumps / "z")),
        "one file": ("is one file: name the root of its source by --root", lambda: find(one / "_news/a.md")),
        "outside of the root": (
            "two does not lie within .*one, which --root names",
            lambda: find(two, root=one),
        ),
        "no content there": ("assets holds no content", lambda: find(one / "assets", root=one)),
        "a name for two": ("--source names one source", lambda: find(one, two, source="x")),
        "one name for two": (
            r"one and .*copy/one would both be the source 'one': .*--source",
            lambda: find(one, Path(shutil.copytree(one, dumps / "copy/one"))),
        ),
        "no name": ("no source can be called ''", lambda: find(one, source="")),
        "long name": ("no source can be called 'xxx", lambda: find(one, source="x" * 191)),
        "name of two lines": (
            r"no source can be called 'a\\nb': name it by --source",
            lambda: find(one, source="a\nb"),
        ),
        "root of the disk": ("no source can be called ''", lambda: find(Path("/"))),
        "no repository": ("is not in a git repository", lambda: find(one, rev="HEAD")),
        "archive at a revision": (
            "is an archive, which has no revisions",
            lambda: find(zipped(dumps / "a.zip", "_news/a.md"), rev="HEAD"),
        ),
        "root outside of an archive": (
            "is no path inside the archive",
            lambda: find(zipped(dumps / "a.zip", "_news/a.md"), root=dumps),
        ),
        "no archive": ("is no whole zip archive", lambda: find(_written(dumps / "b.zip", b"text"))),
        "no tar": ("no content under", lambda: _scan(find(_written(dumps / "b.tgz", b"text")))),
        "device": ("is not a folder", lambda: find(Path("/dev/null"))),
    }


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _scan(found: list[Dump]) -> None:
    for dump in found:
        with dump.tree as tree:
            tree.scan(dump.within)


@pytest.mark.parametrize("name", refusals(Path()))
def test_what_is_refused(dumps: Path, name: str) -> None:
    message, run_query = refusals(dumps)[name]
    with pytest.raises(ImportFailed, match=message):
        run_query()


def test_a_part_reached_through_a_link_is_no_part(dumps: Path) -> None:
    (dumps / "one/_linked").symlink_to(dumps / "two")
    (dumps / "one/_news/link.md").symlink_to(dumps / "two/_news/a.md")
    for path in (dumps / "one/_linked", dumps / "one/_news/link.md"):
        with pytest.raises(ImportFailed, match=r"does not lie within .*\(links are not followed\)"):
            find(path, root=dumps / "one")
    assert told(find(dumps / "one/_linked", known={"one": str(dumps / "one")})) == [("two", "two", (), 1)]


def test_an_archive_is_a_root(dumps: Path) -> None:
    archive = zipped(dumps / "dump.zip", "site/_news/a.md")
    [dump] = find(archive)
    assert isinstance(dump.tree, Archive)
    assert told([dump]) == [("site", "dump.zip", (), 1)]
    assert told(find(archive, source="x")) == [("x", "dump.zip", (), 1)]
    assert told(find(archive, root=Path("site"))) == [("site", "dump.zip", (), 1)]
    two = zipped(dumps / "two.zip", "a/_news/a.md", "b/_news/a.md", "b/_news/b.md")
    with pytest.raises(ImportFailed, match="several roots"):
        find(two)
    assert told(find(two, root=Path("./b/"))) == [("b", "two.zip", (), 2)]


def test_trees_that_were_opened_are_closed_when_another_fails(
    dumps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Path] = []
    close = Archive.close

    def note(tree: Archive) -> None:
        closed.append(tree._path)
        close(tree)

    monkeypatch.setattr(Archive, "close", note)
    first = zipped(dumps / "first.zip", "_news/a.md")
    with pytest.raises(ImportFailed):
        find(first, zipped(dumps / "second.zip", "a/_news/a.md", "b/_news/a.md"))
    assert closed.count(first) == 1


def test_a_repository_is_read_when_a_revision_is_asked_for(dumps: Path) -> None:
    root = dumps / "one"
    git(root, "init", "-q")
    first = commit(root)
    shutil.rmtree(root / "_samples")
    assert told(find(root)) == [("one", "one", (), 2)]
    [dump] = find(root, rev="HEAD")
    assert isinstance(dump.tree, GitTree)
    assert dump.tree.commit == first
    assert told([dump]) == [("one", "one", (), 3)]
    known = {"mine": str(root)}
    assert told(find(root / "_samples/x.md", rev="HEAD", known=known)) == [
        ("mine", "one", ("_samples/x.md",), 1)
    ]
    assert told(find(root / "_news", rev="HEAD", root=root)) == [("one", "one", ("_news",), 2)]
    [dump] = find(root / "_news/z.md", rev="HEAD", root=root)
    with dump.tree as tree, pytest.raises(ImportFailed, match=r"_news/z\.md is not in"):
        tree.scan(dump.within)


def test_a_root_inside_a_repository(dumps: Path) -> None:
    git(dumps, "init", "-q")
    commit(dumps)
    git(dumps.parent, "clone", "-q", "--bare", str(dumps), str(dumps / "all.git"))
    for path, rev in ((dumps, "HEAD"), (dumps / "all.git", None), (dumps / "all.git", "HEAD~0")):
        assert told(find(path, rev=rev, root=Path("in/deep"))) == [("deep", "deep", (), 1)]
    assert told(find(dumps / "in/deep", rev="HEAD")) == [("deep", "deep", (), 1)]


def test_a_bare_repository_needs_no_revision(dumps: Path) -> None:
    git(dumps / "one", "init", "-q")
    commit(dumps / "one")
    git(dumps, "clone", "-q", "--bare", "one", "site.git")
    assert told(find(dumps / "site.git")) == [("site", "site.git", (), 3)]
