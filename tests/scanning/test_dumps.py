"""Each path of a command line becomes a dump: a root or a part of one, with the name of its source."""

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


def summarize(dumps: list[Dump]) -> list[tuple[str, str, tuple[str, ...], int]]:
    """Return the source name, location, paths and number of files of each dump."""
    summaries = []
    for dump in dumps:
        with dump.tree as tree:
            summaries.append(
                (dump.source, Path(tree.location).name, dump.within, len(tree.scan(dump.within).files))
            )
    return summaries


def zip_with(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "---\na: 1\n---\n")
    return path


def test_a_folder_is_a_root_and_names_its_source(dumps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert summarize(find(dumps / "one")) == [("one", "one", (), 3)]
    assert summarize(find(dumps / "one", source="other")) == [("other", "one", (), 3)]
    assert isinstance(find(dumps / "one")[0].tree, Folder)
    monkeypatch.chdir(dumps / "one")
    assert summarize(find(Path())) == [("one", "one", (), 3)]
    (dumps / "link").symlink_to("one")
    assert summarize(find(dumps / "link")) == [("one", "one", (), 3)]


def test_a_root_without_content_is_rejected_by_the_scan(dumps: Path) -> None:
    for path in (dumps / "one/assets", dumps / "one/_news"):
        [dump] = find(path)
        with pytest.raises(ImportFailed, match=r"no content in .*; to import a part .*--root"):
            dump.tree.scan(dump.within)


def test_several_roots_are_several_dumps(dumps: Path) -> None:
    archive = zip_with(dumps / "three.zip", "_news/a.md", "_news/b.md")
    found = find(dumps / "two", archive, dumps / "one", archive)
    assert summarize(found) == [("two", "two", (), 1), ("three", "three.zip", (), 2), ("one", "one", (), 3)]


def test_a_part_belongs_to_the_known_source_around_it(dumps: Path) -> None:
    known = {"mine": str(dumps / "one"), "elsewhere": "/nowhere/one"}
    assert summarize(find(dumps / "one/_news", known=known)) == [("mine", "one", ("_news",), 2)]
    assert summarize(find(dumps / "one/_news/a.md", known=known)) == [("mine", "one", ("_news/a.md",), 1)]
    paths = [
        dumps / "one" / part for part in ("_samples", "_news/c", "_news/c/b.md", "_news/c", "_samples/x.md")
    ]
    assert summarize(find(*paths, known=known)) == [("mine", "one", ("_news/c", "_samples"), 2)]
    assert summarize(find(dumps / "one/_news", dumps / "one", known=known)) == [("mine", "one", (), 3)]


def test_a_root_has_the_name_of_its_folder_even_if_another_name_is_known(dumps: Path) -> None:
    assert summarize(find(dumps / "one", known={"mine": str(dumps / "one")})) == [("one", "one", (), 3)]


def test_a_folder_of_a_known_source_outside_its_content_folders_is_a_root(dumps: Path) -> None:
    known = {"all": str(dumps)}
    assert summarize(find(dumps / "in/deep", known=known)) == [("deep", "deep", (), 1)]


def test_the_nearest_known_source_is_used(dumps: Path) -> None:
    shutil.copytree(dumps / "two", dumps / "one/_archive")
    known = {"one": str(dumps / "one"), "old": str(dumps / "one/_archive")}
    assert summarize(find(dumps / "one/_archive/_news", known=known)) == [("old", "_archive", ("_news",), 1)]


def test_sources_that_share_a_root(dumps: Path) -> None:
    known = {"a": str(dumps / "one"), "b": str(dumps / "one")}
    part = dumps / "one/_news"
    with pytest.raises(ImportFailed, match=r"belongs to several sources \(a, b\): choose one with --source"):
        find(part, known=known)
    assert summarize(find(part, known=known, source="b")) == [("b", "one", ("_news",), 2)]
    assert summarize(find(part, known={**known, "one": str(dumps / "one")})) == [
        ("one", "one", ("_news",), 2)
    ]


def test_the_root_option_gives_the_root(dumps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = dumps / "one"
    assert summarize(find(root / "_news", root=root)) == [("one", "one", ("_news",), 2)]
    assert summarize(find(root / "_news/a.md", root=root, source="x")) == [("x", "one", ("_news/a.md",), 1)]
    assert summarize(find(root, root=root)) == [("one", "one", (), 3)]
    monkeypatch.chdir(dumps)
    assert summarize(find(Path("one/_news"), root=Path("one"))) == [("one", "one", ("_news",), 2)]
    known = {"deeper": str(root / "_news")}
    assert summarize(find(root / "_news/c", root=root, known=known)) == [("one", "one", ("_news/c",), 1)]


def rejected_calls(dumps: Path) -> dict[str, tuple[str, Callable[[], object]]]:
    one, two = dumps / "one", dumps / "two"
    return {
        "absent": ("is not a folder: give the root of a source", lambda: find(dumps / "absent")),
        "absent part": ("is not a folder", lambda: find(one / "_news/z.md", known={"one": str(one)})),
        "absent part of a root": ("is not a folder", lambda: find(one / "_news/z.md", root=one)),
        "absent root": ("is not inside", lambda: find(one / "_news", root=dumps / "z")),
        "one file": (
            "is a single file: give the root of its source with --root",
            lambda: find(one / "_news/a.md"),
        ),
        "outside of the root": (
            "two is not inside .*one, the --root folder",
            lambda: find(two, root=one),
        ),
        "no content there": ("assets is not content", lambda: find(one / "assets", root=one)),
        "a name for two": ("--source is for one root", lambda: find(one, two, source="x")),
        "one name for two": (
            r"one and .*copy/one would both be the source 'one': .*--source",
            lambda: find(one, Path(shutil.copytree(one, dumps / "copy/one"))),
        ),
        "no name": ("'' is not a valid source name", lambda: find(one, source="")),
        "long name": ("xxx' is not a valid source name", lambda: find(one, source="x" * 191)),
        "name of two lines": (
            r"'a\\nb' is not a valid source name: give one with --source",
            lambda: find(one, source="a\nb"),
        ),
        "root of the disk": ("'' is not a valid source name", lambda: find(Path("/"))),
        "no repository": ("is not in a git repository", lambda: find(one, rev="HEAD")),
        "archive at a revision": (
            "is an archive and has no revisions",
            lambda: find(zip_with(dumps / "a.zip", "_news/a.md"), rev="HEAD"),
        ),
        "root outside of an archive": (
            "is not a path inside the archive",
            lambda: find(zip_with(dumps / "a.zip", "_news/a.md"), root=dumps),
        ),
        "no archive": ("is not a complete zip archive", lambda: find(_write(dumps / "b.zip", b"text"))),
        "no tar": ("no content in", lambda: _scan(find(_write(dumps / "b.tgz", b"text")))),
        "device": ("is not a folder", lambda: find(Path("/dev/null"))),
    }


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _scan(found: list[Dump]) -> None:
    for dump in found:
        with dump.tree as tree:
            tree.scan(dump.within)


@pytest.mark.parametrize("name", rejected_calls(Path()))
def test_invalid_paths_and_options_are_rejected(dumps: Path, name: str) -> None:
    message, call = rejected_calls(dumps)[name]
    with pytest.raises(ImportFailed, match=message):
        call()


def test_a_path_through_a_link_is_not_a_part(dumps: Path) -> None:
    (dumps / "one/_linked").symlink_to(dumps / "two")
    (dumps / "one/_news/link.md").symlink_to(dumps / "two/_news/a.md")
    for path in (dumps / "one/_linked", dumps / "one/_news/link.md"):
        with pytest.raises(ImportFailed, match=r"is not inside .*\(links are not followed\)"):
            find(path, root=dumps / "one")
    assert summarize(find(dumps / "one/_linked", known={"one": str(dumps / "one")})) == [
        ("two", "two", (), 1)
    ]


def test_an_archive_is_a_root(dumps: Path) -> None:
    archive = zip_with(dumps / "dump.zip", "site/_news/a.md")
    [dump] = find(archive)
    assert isinstance(dump.tree, Archive)
    assert summarize([dump]) == [("site", "dump.zip", (), 1)]
    assert summarize(find(archive, source="x")) == [("x", "dump.zip", (), 1)]
    assert summarize(find(archive, root=Path("site"))) == [("site", "dump.zip", (), 1)]
    two = zip_with(dumps / "two.zip", "a/_news/a.md", "b/_news/a.md", "b/_news/b.md")
    with pytest.raises(ImportFailed, match="several roots"):
        find(two)
    assert summarize(find(two, root=Path("./b/"))) == [("b", "two.zip", (), 2)]


def test_open_trees_are_closed_if_another_fails(dumps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Path] = []
    close = Archive.close

    def note(tree: Archive) -> None:
        closed.append(tree._path)
        close(tree)

    monkeypatch.setattr(Archive, "close", note)
    first = zip_with(dumps / "first.zip", "_news/a.md")
    with pytest.raises(ImportFailed):
        find(first, zip_with(dumps / "second.zip", "a/_news/a.md", "b/_news/a.md"))
    assert closed.count(first) == 1


def test_with_a_revision_the_repository_is_read(dumps: Path) -> None:
    root = dumps / "one"
    git(root, "init", "-q")
    first = commit(root)
    shutil.rmtree(root / "_samples")
    assert summarize(find(root)) == [("one", "one", (), 2)]
    [dump] = find(root, rev="HEAD")
    assert isinstance(dump.tree, GitTree)
    assert dump.tree.commit == first
    assert summarize([dump]) == [("one", "one", (), 3)]
    known = {"mine": str(root)}
    assert summarize(find(root / "_samples/x.md", rev="HEAD", known=known)) == [
        ("mine", "one", ("_samples/x.md",), 1)
    ]
    assert summarize(find(root / "_news", rev="HEAD", root=root)) == [("one", "one", ("_news",), 2)]
    [dump] = find(root / "_news/z.md", rev="HEAD", root=root)
    with dump.tree as tree, pytest.raises(ImportFailed, match=r"_news/z\.md is not in"):
        tree.scan(dump.within)


def test_a_root_inside_a_repository(dumps: Path) -> None:
    git(dumps, "init", "-q")
    commit(dumps)
    git(dumps.parent, "clone", "-q", "--bare", str(dumps), str(dumps / "all.git"))
    for path, rev in ((dumps, "HEAD"), (dumps / "all.git", None), (dumps / "all.git", "HEAD~0")):
        assert summarize(find(path, rev=rev, root=Path("in/deep"))) == [("deep", "deep", (), 1)]
    assert summarize(find(dumps / "in/deep", rev="HEAD")) == [("deep", "deep", (), 1)]


def test_a_bare_repository_needs_no_revision(dumps: Path) -> None:
    git(dumps / "one", "init", "-q")
    commit(dumps / "one")
    git(dumps, "clone", "-q", "--bare", "one", "site.git")
    assert summarize(find(dumps / "site.git")) == [("site", "site.git", (), 3)]
