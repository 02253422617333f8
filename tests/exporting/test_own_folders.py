"""Into which folders documents are written: empty ones, and trees of their source; and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.cases import some
from ..support.exporting_helpers import BOLLARD, ROCK, Curation, content, decide, everything, told
from ..support.places import SITE

MODES: tuple[list[str], ...] = ([], ["--restore"], ["--dry-run"], ["--check"], ["--restore", "--dry-run"])


def other_site(folder: Path) -> None:
    """A site of the same kind, of which some files have names that many sites have."""
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


def part_of_the_site(folder: Path) -> None:
    shutil.copytree(SITE / "_news", folder, dirs_exist_ok=True)


def hidden_folder(folder: Path) -> None:
    (folder / ".config" / "x").mkdir(parents=True)


OTHER_THINGS = [other_site, side_by_side, home, part_of_the_site, hidden_folder]


@pytest.mark.parametrize("mode", some([(mode,) for mode in MODES], 2))
@pytest.mark.parametrize("fill", OTHER_THINGS)
def test_a_folder_with_other_things_is_refused_with_what_it_holds(
    site_curation: Curation, tmp_path: Path, site: Path, fill: Callable[[Path], None], mode: list[str]
) -> None:
    decide(site_curation)
    out = tmp_path / "out"
    out.mkdir()
    fill(out)
    before = everything(out)
    result = site_curation("export", "files", str(out), *mode)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: nothing was written: {out} contains ")
    assert line.endswith(f"; use an empty or new folder, or the source's own ({site})")
    assert everything(out) == before


def test_what_is_there_is_named(site_curation: Curation, tmp_path: Path, site: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("c", "a", "b", "d", "e"):
        (out / name).mkdir()
    assert "contains a, b, c and 2 more, and no document of source 'site'; use" in told_of(site_curation, out)
    other_site(out)
    assert "contains 4 content files, 1 of them at a path of source 'site'; use" in told_of(
        site_curation, out
    )
    shutil.rmtree(site)
    assert told_of(site_curation, out).endswith("or the source's own\n")


def told_of(run: Curation, out: Path) -> str:
    result = run("export", "files", str(out))
    assert result.exit_code == 1
    return result.stderr


@pytest.mark.parametrize("name", ["", ".git", "lost+found"])
def test_an_empty_folder_gets_everything(site_curation: Curation, tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    assert told(site_curation("export", "files", str(tmp_path / "out"))) == "60 written, 0 unchanged, 0 left"


def as_it_is(tree: Path) -> None:
    pass


def without_most(tree: Path) -> None:
    """As in a sparse checkout."""
    for name in ("_learning", "_newsletters", "_samples", "_data"):
        shutil.rmtree(tree / name, ignore_errors=True)


def with_more(tree: Path) -> None:
    """As after a pass of the pipeline that the store has not seen."""
    for number in range(200):
        (tree / f"_news/2030-01-01-new-{number}.md").write_text(f"---\ntitle: {number}\n---\nb\n")


def with_other_bytes(tree: Path) -> None:
    """As git writes it on Windows."""
    for file in tree.rglob("*.md"):
        if file.name != Path(BOLLARD).name:
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("change", [as_it_is, without_most, with_more, with_other_bytes])
@pytest.mark.parametrize("is_copy", [True, False])
def test_a_tree_of_the_source_is_written_to_wherever_it_is_and_nothing_else_in_it(
    site_curation: Curation, tmp_path: Path, site: Path, is_copy: bool, change: Callable[[Path], None]
) -> None:
    decide(site_curation)
    tree = tmp_path / "checkout"
    if is_copy:
        shutil.copytree(site, tree)
    else:
        tree.symlink_to(site)
    for path in ("README.md", "assets/a.css", ".git/HEAD", "_layouts/page.html"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("not content")
    change(tree)
    before = everything(tree)
    result = site_curation("export", "files", str(tree))
    assert result.exit_code in (0, 3)
    assert told(result).startswith("1 written")
    after = everything(tree)
    assert {path for path in before | after if before.get(path) != after.get(path)} == {BOLLARD}


def test_an_earlier_export_is_a_tree_of_the_source(site_curation: Curation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert site_curation("export", "files", str(out), "--collection", "news").exit_code == 0
    (out / ROCK).unlink()
    decide(site_curation)
    assert told(site_curation("export", "files", str(out), "--collection", "news")).startswith("1 written")
    result = site_curation("export", "files", str(out), "--restore")
    assert (result.exit_code, len(content(out))) == (0, 60)


def test_the_source_s_own_folder_is_its_own_even_without_a_document(
    site_curation: Curation, site: Path
) -> None:
    """What is gone is not written unasked, though nothing is there any more."""
    for path in content(site):
        (site / path).unlink()
    assert told(site_curation("export", "files", str(site))) == "0 written, 0 unchanged, 60 left"
    assert told(site_curation("export", "files", str(site), "--restore")) == "60 written, 0 unchanged, 0 left"


def test_what_was_cut_off_goes_on_for_its_source_alone(
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
        told(site_curation("export", "files", str(out), "--source", "site"))
        == "60 written, 0 unchanged, 0 left"
    )
    assert not (out / ".curation-unfinished").exists()


def test_no_archive_that_was_ever_imported_is_replaced(
    site_curation: Curation, tmp_path: Path, site: Path
) -> None:
    first, second = (shutil.make_archive(str(tmp_path / name), "zip", site) for name in ("first", "second"))
    for archive in (first, second):
        assert site_curation("import", archive, "--source", "site").exit_code == 0
    for archive in (first, second):
        before = Path(archive).read_bytes()
        result = site_curation("export", "files", archive)
        assert (result.exit_code, "is what was imported" in result.stderr) == (2, True)
        assert Path(archive).read_bytes() == before
