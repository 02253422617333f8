"""`OutputFolder` writes to one folder and nowhere else."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.errors import CurationError
from curation.exporting.output_folder import OutputFolder, PathInaccessible, PathRefused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept.md").write_text("kept")
    return tmp_path / "root"


@pytest.fixture
def target(root: Path) -> Iterator[OutputFolder]:
    with OutputFolder(root) as opened:
        yield opened


def outside(root: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (root.parent / "outside").iterdir()}


def test_files_are_written_and_nothing_else(root: Path, target: OutputFolder) -> None:
    target.write("_news/a.md", b"one")
    target.write("_news/a.md", b"two")
    target.write("top.xml", b"x")
    assert target.read("_news/a.md") == b"two"
    assert target.read("_news/b.md") is None
    assert target.read("_none/b.md") is None
    assert target.list_names("_news") == ["a.md"]
    assert target.list_names("") == ["_news", "top.xml"]
    assert target.list_names("_none") == []
    assert sorted(f.name for f in root.rglob("*")) == ["_news", "a.md", "top.xml"]


def test_the_mode_is_kept(root: Path, target: OutputFolder) -> None:
    target.write("a.md", b"one")
    (root / "a.md").chmod(0o640)
    target.write("a.md", b"two")
    assert stat.S_IMODE((root / "a.md").stat().st_mode) == 0o640


def test_removing_a_file_deletes_empty_folders(root: Path, target: OutputFolder) -> None:
    target.write("api/news/page/2/index.json", b"x")
    target.write("api/news/index.json", b"x")
    assert target.remove("api/news/page/2/index.json")
    assert not target.remove("api/news/page/2/index.json")
    assert target.list_names("api/news") == ["index.json"]
    target.write("api/news/page/2/index.json", b"y")
    assert target.read("api/news/page/2/index.json") == b"y"


@pytest.mark.parametrize(
    "path",
    ["../outside/x.md", "/etc/x.md", "a/../../outside/x.md", "./a.md", "a//b.md", "a/", "", ".", "..", "a\0b", "..\\x",
     "C:\\x.md", ".git/hooks/post-commit", "_news/.GIT/x.md"],
)  # fmt: skip
def test_a_path_outside_is_refused(root: Path, target: OutputFolder, path: str) -> None:
    for doing in (
        lambda: target.write(path, b"evil"),
        lambda: target.read(path),
        lambda: target.remove(path),
    ):
        with pytest.raises(PathRefused):
            doing()
    assert list(root.rglob("*")) == []
    assert outside(root) == {"kept.md": "kept"}


def test_links_are_not_followed(root: Path, target: OutputFolder) -> None:
    (root / "_news").symlink_to(root.parent / "outside")
    (root / "_learning").mkdir()
    (root / "_learning" / "kept.md").symlink_to(root.parent / "outside" / "kept.md")
    (root / "_learning" / "new.md").symlink_to(root.parent / "outside" / "new.md")
    for path in (
        "_news/kept.md",
        "_news/new.md",
        "_learning/kept.md",
        "_learning/new.md",
        "_news/deeper/x.md",
    ):
        with pytest.raises(PathRefused):
            target.write(path, b"evil")
        with pytest.raises(PathRefused):
            target.read(path)
        with pytest.raises(PathRefused):
            target.remove(path)
    assert outside(root) == {"kept.md": "kept"}


def test_a_link_at_the_temporary_path_is_not_followed(root: Path, target: OutputFolder) -> None:
    """Somebody may put a symbolic or hard link at the path of the temporary file."""
    for plant in (os.symlink, os.link):
        plant(root.parent / "outside" / "kept.md", root / ".curation-export.tmp")
        target.write("a.md", b"new")
        assert (root / "a.md").read_bytes() == b"new"
        assert outside(root) == {"kept.md": "kept"}


def test_special_files_and_folders_are_refused(root: Path, target: OutputFolder) -> None:
    (root / "folder.md").mkdir()
    os.mkfifo(root / "fifo.md")
    here = Path.cwd()
    os.chdir(root)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.md")
    os.chdir(here)
    for name in ("folder.md", "fifo.md", "socket.md"):
        with pytest.raises(PathRefused):
            target.write(name, b"x")
        with pytest.raises(PathRefused):
            target.read(name)
    (root / "file").write_text("x")
    with pytest.raises(PathRefused):
        target.write("file/a.md", b"x")


def test_a_second_export_is_refused(root: Path) -> None:
    with (
        OutputFolder(root),
        pytest.raises(CurationError, match="another export is running"),
        OutputFolder(root),
    ):
        pass
    with OutputFolder(root) as again:
        again.write("a.md", b"x")


def test_many_folders_can_be_written(root: Path, target: OutputFolder) -> None:
    for turn in range(2):
        for number in range(100):
            target.write(f"{number}/deep/a.md", str(turn).encode())
    assert all((root / str(number) / "deep" / "a.md").read_bytes() == b"1" for number in range(100))


def test_a_dry_run_creates_no_folder(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "none", is_dry=True) as target:
        assert target.read("a.md") is None
        assert target.list_names("") == []
    assert not (tmp_path / "none").exists()


def test_an_inaccessible_path_is_refused(root: Path, target: OutputFolder) -> None:
    """Here the name is too long, which is an error for root too. Other paths can still be written."""
    target.write("_news/a.md", b"x")
    for doing in (target.read, target.remove, lambda path: target.write(path, b"x")):
        for path in (f"_news/{'x' * 300}.md", f"{'x' * 300}/a.md"):
            with pytest.raises(PathRefused, match="file name too long"):
                doing(path)
    with pytest.raises(PathInaccessible, match="file name too long"):
        target.list_names("x" * 300)
    assert [file.name for file in root.rglob("*") if file.is_file()] == ["a.md"]


@pytest.mark.parametrize("step", ["open", "fchmod", "rename"])
def test_a_ctrl_c_leaves_no_unfinished_file(
    root: Path, target: OutputFolder, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target.write("a.md", b"one")
    real = getattr(os, step)

    def interrupted(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        target.write("a.md", b"two")
    monkeypatch.undo()
    assert [file.name for file in root.iterdir()] == ["a.md"]
