"""The folders that an export accepts: empty ones and copies of its source."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.cases import some
from ..support.exporting_helpers import (
    BOLLARD,
    ROCK,
    Curation,
    override_flags,
    read_all_files,
    read_documents,
    summary_line,
)
from ..support.places import SITE

MODES: tuple[list[str], ...] = ([], ["--restore"], ["--dry-run"], ["--check"], ["--restore", "--dry-run"])


def other_site(folder: Path) -> None:
    """Write a site of the same kind, with some names that many sites have."""
    for path in ("_news/2024-01-01-hello.md", "_news/2024-01-02-hello-again.md", BOLLARD, "_pages/about.md"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"---\ntitle: Of another site, {path}\n---\nb\n")
    (folder / "_config.yml").write_text("title: Another\n")


def side_by_side(folder: Path) -> None:
    shutil.copytree(SITE, folder / "site")
    (folder / "curation.db").write_bytes(b"x")


def home(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / ".bashrc").write_text("mine")


def part_of_site(folder: Path) -> None:
    shutil.copytree(SITE / "_news", folder, dirs_exist_ok=True)


def hidden_folder(folder: Path) -> None:
    (folder / ".config" / "x").mkdir(parents=True)


UNRELATED_CONTENT = [other_site, side_by_side, home, part_of_site, hidden_folder]


@pytest.mark.any_engine
@pytest.mark.parametrize("mode", some([(mode,) for mode in MODES], 2))
@pytest.mark.parametrize("fill", UNRELATED_CONTENT)
def test_a_folder_with_other_content_is_refused(
    site_curation: Curation, tmp_path: Path, site: Path, fill: Callable[[Path], None], mode: list[str]
) -> None:
    override_flags(site_curation)
    out = tmp_path / "out"
    out.mkdir()
    fill(out)
    before = read_all_files(out)
    result = site_curation("export", "files", str(out), *mode)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: nothing was written: {out} contains ")
    assert line.endswith(f"; use an empty or new folder, or the source's own ({site})")
    assert read_all_files(out) == before


def test_the_error_names_the_content_of_the_folder(
    site_curation: Curation, tmp_path: Path, site: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("c", "a", "b", "d", "e"):
        (out / name).mkdir()
    assert "contains a, b, c and 2 more, and no document of source 'site'; use" in error_message(
        site_curation, out
    )
    other_site(out)
    assert "contains 4 content files, 1 of them at a path of source 'site'; use" in error_message(
        site_curation, out
    )
    shutil.rmtree(site)
    assert error_message(site_curation, out).endswith("or the source's own\n")


def error_message(run: Curation, out: Path) -> str:
    result = run("export", "files", str(out))
    assert result.exit_code == 1
    return result.stderr


@pytest.mark.parametrize("name", ["", ".git", "lost+found"])
def test_an_empty_folder_gets_all_documents(site_curation: Curation, tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    assert (
        summary_line(site_curation("export", "files", str(tmp_path / "out")))
        == "60 written, 0 unchanged, 0 left"
    )


def unchanged(tree: Path) -> None:
    pass


def without_most(tree: Path) -> None:
    """Delete most documents, as in a sparse checkout."""
    for name in ("_learning", "_newsletters", "_samples", "_data"):
        shutil.rmtree(tree / name, ignore_errors=True)


def with_more(tree: Path) -> None:
    """Add documents, as after a run of the upstream pipeline that is not imported yet."""
    for number in range(200):
        (tree / f"_news/2030-01-01-new-{number}.md").write_text(f"---\ntitle: {number}\n---\nb\n")


def with_other_bytes(tree: Path) -> None:
    """Change the line ends, as git does on Windows."""
    for file in tree.rglob("*.md"):
        if file.name != Path(BOLLARD).name:
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


@pytest.mark.any_engine
@pytest.mark.parametrize("change", [unchanged, without_most, with_more, with_other_bytes])
@pytest.mark.parametrize("is_copy", [True, False])
def test_a_copy_of_the_source_is_accepted_and_only_changes_are_written(
    site_curation: Curation, tmp_path: Path, site: Path, is_copy: bool, change: Callable[[Path], None]
) -> None:
    override_flags(site_curation)
    tree = tmp_path / "checkout"
    if is_copy:
        shutil.copytree(site, tree)
    else:
        tree.symlink_to(site)
    for path in ("README.md", "assets/a.css", ".git/HEAD", "_layouts/page.html"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("not content")
    change(tree)
    before = read_all_files(tree)
    result = site_curation("export", "files", str(tree))
    assert result.exit_code in (0, 3)
    assert summary_line(result).startswith("1 written")
    after = read_all_files(tree)
    assert {path for path in before | after if before.get(path) != after.get(path)} == {BOLLARD}


def test_an_earlier_export_is_accepted_as_a_copy_of_the_source(
    site_curation: Curation, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert site_curation("export", "files", str(out), "--collection", "news").exit_code == 0
    (out / ROCK).unlink()
    override_flags(site_curation)
    assert summary_line(site_curation("export", "files", str(out), "--collection", "news")).startswith(
        "1 written"
    )
    result = site_curation("export", "files", str(out), "--restore")
    assert (result.exit_code, len(read_documents(out))) == (0, 60)


def test_the_source_s_own_folder_is_accepted_even_if_empty(site_curation: Curation, site: Path) -> None:
    """Deleted files are not written without --restore, even if no file is left."""
    for path in read_documents(site):
        (site / path).unlink()
    assert summary_line(site_curation("export", "files", str(site))) == "0 written, 0 unchanged, 60 left"
    assert (
        summary_line(site_curation("export", "files", str(site), "--restore"))
        == "60 written, 0 unchanged, 0 left"
    )


def test_only_the_same_source_can_continue_an_interrupted_export(
    site_curation: Curation, tmp_path: Path, site: Path
) -> None:
    other, out = tmp_path / "other", tmp_path / "out"
    other_site(other)
    assert site_curation("import", str(other), "--new-source").exit_code == 0
    out.mkdir()
    (out / ".curation-unfinished").write_bytes(
        b"`curation export files` of 'site' was cut off: run it again\n"
    )
    (out / "note").write_text("x")
    assert site_curation("export", "files", str(out), "--source", "other").exit_code == 1
    assert (
        summary_line(site_curation("export", "files", str(out), "--source", "site"))
        == "60 written, 0 unchanged, 0 left"
    )
    assert not (out / ".curation-unfinished").exists()


def test_an_imported_archive_is_never_replaced(site_curation: Curation, tmp_path: Path, site: Path) -> None:
    first, second = (shutil.make_archive(str(tmp_path / name), "zip", site) for name in ("first", "second"))
    for archive in (first, second):
        assert site_curation("import", archive, "--source", "site").exit_code == 0
    for archive in (first, second):
        before = Path(archive).read_bytes()
        result = site_curation("export", "files", archive)
        assert (result.exit_code, "was imported, and may contain other files" in result.stderr) == (2, True)
        assert Path(archive).read_bytes() == before
