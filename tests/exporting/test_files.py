"""Exports of documents to a folder, a working tree and an archive."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.exporting.documents import find_flags_to_write
from curation.flags import is_about_flag
from curation.store.database import Store
from curation.store.schema import articles

from ..support.cases import some
from ..support.exporting_helpers import (
    BOLLARD,
    ROCK,
    Curation,
    git,
    override_flags,
    read_all_files,
    read_documents,
    summary_line,
)
from ..support.places import SITE
from ..support.store_digest import digests
from ..support.tricky_documents import tricky_documents


def test_an_empty_folder_gets_all_documents_unchanged(
    site_curation: Curation, site: Path, tmp_path: Path
) -> None:
    result = site_curation("export", "files", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert summary_line(result) == "60 written, 0 unchanged, 0 left"
    assert read_all_files(tmp_path / "out") == read_documents(site)
    again = site_curation("import", str(tmp_path / "out"), "--source", "site")
    assert "0 added, 0 updated, 50 unchanged, 0 missing" in again.stdout


@pytest.mark.any_engine
@pytest.mark.parametrize("suffix", some(["zip", "tar.gz", "tgz", "tar.xz", "tar.zst", "tar", "txz", "tzst"]))
def test_an_archive_gets_all_documents_unchanged(
    site_curation: Curation, site: Path, tmp_path: Path, suffix: str
) -> None:
    override_flags(site_curation)
    archive = tmp_path / f"out.{suffix}"
    assert summary_line(site_curation("export", "files", str(archive))) == "60 written, 0 unchanged, 0 left"
    first = archive.read_bytes()
    assert site_curation("export", "files", str(archive)).exit_code == 0
    assert archive.read_bytes() == first
    if suffix in ("tar.gz", "tgz"):
        assert first[4:8] == bytes(4)  # no timestamp
    again = site_curation("import", str(archive), "--source", "site")
    assert "0 added, 1 updated, 49 unchanged, 0 missing" in again.stdout, again.output


@pytest.mark.slow
def test_nasty_documents_are_exported_unchanged(curation: Curation, tmp_path: Path) -> None:
    nasty = {f"_news/{name}.md": data for name, data in tricky_documents()}
    root = tmp_path / "nasty"
    for path, data in nasty.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    assert_all_is_in(curation, curation("import", str(root)))
    assert (
        summary_line(curation("export", "files", str(tmp_path / "out")))
        == f"{len(nasty)} written, 0 unchanged, 0 left"
    )
    assert read_all_files(tmp_path / "out") == nasty
    assert curation("set", "--collection", "news", "--heat", "=31", "--published", "--yes").exit_code == 3
    assert curation("export", "files", str(root)).exit_code == 0
    assert_all_is_in(curation, curation("import", str(root)))
    # An invalid `removed` unpublishes the article upstream. It did so before the override, so that upstream has
    # not changed since.
    assert any(name.startswith("nulls-") for name, _ in tricky_documents())
    assert curation("status", "--format", "csv").stdout.splitlines()[1].split(",")[5] == "0"
    assert (
        summary_line(curation("export", "files", str(root))) == f"0 written, {len(nasty)} unchanged, 0 left"
    )


def assert_all_is_in(curation: Curation, result: Result) -> None:
    """Assert that no document was quarantined. Some of them have invalid flags."""
    assert (result.exit_code, "0 quarantined" in result.stdout) == (3, True), result.output
    errors = [
        i for i in json.loads(curation("issues", "--format", "json").stdout) if i["severity"] == "error"
    ]
    assert errors
    assert all(is_about_flag(issue["code"], issue["field"]) for issue in errors)
    assert {issue["path"].split("/")[-1].split(".")[0].split("-")[0] for issue in errors} >= {"nulls"}


@pytest.fixture
def checkout(site: Path) -> Path:
    """The sample site as a working tree of git."""
    git(site, "init", "--quiet")
    git(site, "add", "--all")
    git(site, "commit", "--quiet", "--message", "the site")
    return site


def test_an_override_changes_one_line(checkout: Path, site_curation: Curation) -> None:
    override_flags(site_curation)
    assert summary_line(site_curation("export", "files", str(checkout))) == "1 written, 59 unchanged, 0 left"
    lines = [line for line in git(checkout, "diff", "-U0").splitlines() if line[0] in "+-"]
    assert lines[2:] == ["-quality: 69", "+quality: 75", "-published: false", "+published: true"]
    assert git(checkout, "status", "--short").split() == ["M", BOLLARD]
    again = site_curation("import", str(checkout))
    assert "0 added, 1 updated, 49 unchanged" in again.stdout
    assert summary_line(site_curation("export", "files", str(checkout))) == "0 written, 60 unchanged, 0 left"


def test_removing_an_article_also_unpublishes_it(checkout: Path, site_curation: Curation) -> None:
    assert site_curation("set", ROCK, "--removed").exit_code == 0
    assert site_curation("export", "files", str(checkout)).exit_code == 0
    lines = [line for line in git(checkout, "diff", "-U0").splitlines() if line[0] in "+-"]
    assert lines[2:] == ["-published: true", "+published: false", "+removed: true"]


def test_reverting_an_override_leaves_a_clean_tree(checkout: Path, site_curation: Curation) -> None:
    override_flags(site_curation)
    assert site_curation("export", "files", str(checkout)).exit_code == 0
    assert site_curation("set", BOLLARD, "--quality", "76").exit_code == 0
    assert summary_line(site_curation("export", "files", str(checkout))) == "1 written, 59 unchanged, 0 left"
    assert site_curation("revert", "3").exit_code == 0
    assert site_curation("revert", "2").exit_code == 0
    assert summary_line(site_curation("export", "files", str(checkout))) == "1 written, 59 unchanged, 0 left"
    assert git(checkout, "status", "--short") == ""


def test_a_dry_run_is_a_patch(checkout: Path, site_curation: Curation, tmp_path: Path) -> None:
    override_flags(site_curation)
    assert site_curation("set", ROCK, "--removed").exit_code == 0
    before = read_all_files(checkout)
    result = site_curation("export", "files", str(checkout), "--dry-run")
    assert result.exit_code == 0
    assert read_all_files(checkout) == before
    assert result.stderr == "2 to be written, 58 unchanged, 0 left\n"
    (tmp_path / "patch").write_bytes(result.stdout_bytes)
    git(checkout, "apply", str(tmp_path / "patch"))
    assert summary_line(site_curation("export", "files", str(checkout))) == "0 written, 60 unchanged, 0 left"
    assert len(git(checkout, "status", "--short").splitlines()) == 2


def test_a_dry_run_of_a_new_folder_creates_nothing(
    site_curation: Curation, site: Path, tmp_path: Path
) -> None:
    result = site_curation("export", "files", str(tmp_path / "out"), "--dry-run", "--collection", "people")
    assert not (tmp_path / "out").exists()
    (tmp_path / "patch").write_bytes(result.stdout_bytes)
    (tmp_path / "made").mkdir()
    git(tmp_path / "made", "init", "--quiet")
    git(tmp_path / "made", "apply", str(tmp_path / "patch"))
    made = {
        path: data for path, data in read_all_files(tmp_path / "made").items() if not path.startswith(".git/")
    }
    assert made == {path: data for path, data in read_documents(site).items() if path.startswith("_people/")}
    assert made


def test_check_sets_the_exit_status(site_curation: Curation, site: Path) -> None:
    assert site_curation("export", "files", str(site), "--check").exit_code == 0
    override_flags(site_curation)
    before = read_all_files(site)
    result = site_curation("export", "files", str(site), "--check")
    assert (result.exit_code, result.stdout) == (1, f"{BOLLARD}\n")
    assert read_all_files(site) == before


def test_filters_select_articles(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    result = site_curation("export", "files", str(tmp_path / "out"), "--collection", "news", "--published")
    assert result.exit_code == 0
    written = read_all_files(tmp_path / "out")
    assert written
    assert all(
        read_documents(site)[path] == data and path.startswith("_news/") for path, data in written.items()
    )


def test_files_changed_since_the_import_are_left_alone_and_reported(
    site_curation: Curation, site: Path
) -> None:
    override_flags(site_curation)
    for path in (BOLLARD, ROCK):
        (site / path).write_bytes((site / path).read_bytes() + b"by hand\n")
    gone = "_news/2023-03-03-agatha-the-morning-after.md"
    (site / gone).unlink()
    before = read_all_files(site)
    result = site_curation("export", "files", str(site))
    assert result.exit_code == 3
    assert summary_line(result) == "0 written, 57 unchanged, 3 left"
    assert f"2 left alone: changed since the import\n  {ROCK}\n  {BOLLARD}\n" in result.stderr
    assert f"1 left alone: deleted since the import\n  {gone}\n" in result.stderr
    assert "to import the changed files, run `curation import`" in result.stderr
    assert "to write the deleted files, use --restore" in result.stderr
    assert read_all_files(site) == before
    restored = site_curation("export", "files", str(site), "--restore")
    assert summary_line(restored) == "1 written, 57 unchanged, 2 left"
    assert (site / gone).read_bytes() == (SITE / gone).read_bytes()


@pytest.mark.parametrize("line", ["quality: 80", "quality: 75 # mine", "quality: seventy", "quality: [75]"])
def test_a_flag_edited_by_hand_is_not_treated_as_an_export(
    site_curation: Curation, site: Path, line: str
) -> None:
    override_flags(site_curation)
    by_hand = (site / BOLLARD).read_text().replace("quality: 69", line)
    (site / BOLLARD).write_text(by_hand)
    result = site_curation("export", "files", str(site))
    assert (result.exit_code, summary_line(result)) == (3, "0 written, 59 unchanged, 1 left")
    assert (site / BOLLARD).read_text() == by_hand


@pytest.mark.parametrize(
    ("front", "why"),
    [
        ("quality: &q 80\nrating: *q\n", "cannot be changed in place"),
        ("{}\n", "there is no field to insert quality after"),
        ("? quality\ntitle: T\n", "cannot be changed in place"),
    ],
)
def test_flags_that_cannot_be_changed_in_place_are_reported(
    curation: Curation, tmp_path: Path, front: str, why: str
) -> None:
    """The other files are written nevertheless."""
    news = tmp_path / "site" / "_news"
    news.mkdir(parents=True)
    (news / "odd.md").write_text(f"---\n{front}---\n")
    (news / "usual.md").write_text("---\ntitle: T\nquality: 80\n---\n")
    assert curation("import", str(tmp_path / "site")).exit_code == 0
    assert curation("set", "--collection", "news", "--quality", "75", "--heat", "5").exit_code == 0
    result = curation("export", "files", str(tmp_path / "site"))
    assert (result.exit_code, summary_line(result)) == (3, "1 written, 0 unchanged, 1 left")
    assert re.search(rf"1 left alone: .*{why}.*\n  _news/odd.md\n", result.stderr)


def test_a_missing_article_is_not_written(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    (site / ROCK).unlink()
    assert site_curation("import", str(site)).exit_code == 0
    assert (
        summary_line(site_curation("export", "files", str(tmp_path / "out")))
        == "59 written, 0 unchanged, 0 left"
    )
    assert not (tmp_path / "out" / ROCK).exists()
    assert site_curation("export", "files", str(tmp_path / "gone"), "--missing").exit_code == 0
    assert list(read_all_files(tmp_path / "gone")) == [ROCK]


def test_with_several_sources_one_must_be_named(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    assert site_curation("import", str(site), "--source", "other", "--new-source").exit_code == 0
    result = site_curation("export", "files", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "select one with --source (other, site)" in result.stderr
    assert summary_line(
        site_curation("export", "files", str(tmp_path / "out"), "--source", "other")
    ).startswith("60 written")
    assert (
        "no source 'none'" in site_curation("export", "files", str(tmp_path / "x"), "--source", "none").stderr
    )


def test_an_interrupted_export_can_be_continued(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert site_curation("export", "files", str(out)).exit_code == 0
    for path in list(read_all_files(out))[::2]:
        (out / path).unlink()
    (out / "_news" / ".curation-export.tmp").write_text("half")
    assert site_curation("export", "files", str(out)).exit_code == 3
    assert site_curation("export", "files", str(out), "--restore").exit_code == 0
    assert read_all_files(out) == read_documents(site)


# --- a hostile store, a hostile folder ------------------------------------------------------------------

HOSTILE = ["../outside/x.md", "/outside/x.md", "_news/../../outside/x.md", "_news/.git/hooks/post-commit.md",
           ".git/hooks/post-commit", "README.md", "_news/..\\..\\x.md", "_news//x.md", "api/news/index.json",
           "_news/./x.md", "..", "_news/..", "_news/x\0.md"]  # fmt: skip


@pytest.fixture
def hostile(site_curation: Curation, store: Store, tmp_path: Path) -> list[str]:
    """Return paths in the store that are outside the folder or not content."""
    (tmp_path / "outside").mkdir()
    paths = [path for path in HOSTILE if "\0" not in path or store.backend.name == "sqlite"]
    paths = [
        path.replace("/outside", f"{tmp_path}/outside") if path.startswith("/") else path for path in paths
    ]
    with store.writing() as connection:
        ids = connection.scalars(sa.select(articles.c.id).order_by(articles.c.id)).all()
        for article_id, path in zip(ids, paths, strict=False):
            connection.execute(sa.update(articles).where(articles.c.id == article_id).values(path=path))
    return paths


def test_a_hostile_store_writes_nothing_outside(
    site_curation: Curation, hostile: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = site_curation("export", "files", str(out))
    assert result.exit_code == 3
    assert summary_line(result) == f"{60 - len(hostile)} written, 0 unchanged, {len(hostile)} left"
    for path in hostile:
        assert re.search(
            f"^  {re.escape(path.replace(chr(0), chr(92) + 'x00'))}$", result.stderr, re.MULTILINE
        ), path
    assert list((tmp_path / "outside").iterdir()) == []
    assert all(path.startswith("_") and ".." not in path for path in read_all_files(out))
    archive = site_curation("export", "files", str(tmp_path / "out.tar"))
    assert archive.exit_code == 3
    assert summary_line(archive) == f"{60 - len(hostile)} written, 0 unchanged, {len(hostile)} left"


def test_links_in_the_folder_are_not_followed(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    override_flags(site_curation)
    assert site_curation("publish", "--collection", "learning", "--yes").exit_code in (0, 3)
    assert site_curation("set", "--collection", "learning", "--quality", "3", "--yes").exit_code == 0
    outside = tmp_path / "outside"
    (site / "_learning").rename(outside)
    (site / "_learning").symlink_to(outside)
    kept = tmp_path / "kept.md"
    (site / BOLLARD).rename(kept)
    (site / BOLLARD).symlink_to(kept)
    twice = site / ROCK
    os.link(twice, tmp_path / "twice.md")
    before = read_all_files(outside) | {"kept": kept.read_bytes()}
    for restore in ((), ("--restore",)):
        result = site_curation("export", "files", str(site), *restore)
        assert result.exit_code == 3
        assert "left alone: a symbolic link is not followed" in result.stderr
        assert BOLLARD in result.stderr
        assert read_all_files(outside) | {"kept": kept.read_bytes()} == before
        assert (site / BOLLARD).is_symlink()
    assert "0 written" in summary_line(result)


def test_the_folder_itself_may_be_a_link(site_curation: Curation, site: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(site)
    assert (
        summary_line(site_curation("export", "files", str(tmp_path / "link")))
        == "0 written, 60 unchanged, 0 left"
    )


def test_names_that_differ_only_by_case_are_reported(curation: Curation, tmp_path: Path) -> None:
    root = tmp_path / "site" / "_news"
    root.mkdir(parents=True)
    for name in ("One.md", "one.md", "ONE.md"):
        (root / name).write_text(f"---\ntitle: {name}\n---\n")
    curation("import", str(tmp_path / "site"))
    result = curation("export", "files", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert len(read_all_files(tmp_path / "out")) == 3
    assert "differ from another path only by case or accents" in result.stderr
    assert "  _news/One.md\n  _news/one.md\n" in result.stderr


def test_an_export_changes_nothing_in_the_store(site_curation: Curation, store: Store, site: Path) -> None:
    override_flags(site_curation)
    before = digests(store)
    assert site_curation("export", "files", str(site)).exit_code == 0
    assert digests(store) == before


def test_an_empty_store_gives_advice(curation: Curation, tmp_path: Path) -> None:
    result = curation("export", "files", str(tmp_path / "out"))
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: nothing to export: import a folder first with `curation import FOLDER`\n",
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("overridden", "effective", "upstream", "written"),
    [
        ({"quality"}, {"quality": 5}, {"quality": 3}, {"quality": 5}),
        ({"quality"}, {"quality": 5}, {"quality": 5}, {}),
        ({"quality"}, {"quality": 5}, {}, {"quality": 5}),
        ({"published"}, {"published": True}, {}, {}),
        ({"published"}, {"published": False}, {}, {"published": False}),
        ({"removed"}, {"removed": False}, {}, {}),
        ({"removed"}, {"removed": True, "published": False}, {"published": True}, {"published": False, "removed": True}),
        ({"removed"}, {"removed": False, "published": True}, {"removed": True, "published": False},
         {"published": True, "removed": False}),
        ({"quality"}, {"quality": 5, "published": False, "removed": True}, {"published": True, "removed": True, "quality": 1},
         {"quality": 5}),
        (set(), {"heat": 3}, {"heat": 4}, {}),
    ],
)  # fmt: skip
def test_which_flags_are_written(
    overridden: set[str],
    effective: dict[str, int | bool | None],
    upstream: dict[str, int | bool | None],
    written: dict[str, int | bool | None],
) -> None:
    all_effective = {"quality": None, "heat": None, "published": True, "removed": False} | effective
    all_upstream = dict.fromkeys(("quality", "heat", "published", "removed")) | upstream
    assert find_flags_to_write(overridden, all_effective, all_upstream) == written


@pytest.mark.slow
def test_a_killed_export_leaves_whole_files(tmp_path: Path) -> None:
    """After a kill, each file is complete: the old or the new one. The next export completes the rest."""
    command = [sys.executable, "-m", "curation", "--database", str(tmp_path / "killed.db")]
    old = {f"{n}.md": f"---\ntitle: T\nquality: 1\n---\n{'body ' * 2_000}" for n in range(400)}
    news = tmp_path / "site" / "_news"
    news.mkdir(parents=True)
    for name, text in old.items():
        (news / name).write_text(text)
    for arguments in (("import", news.parent), ("set", "--collection", "news", "--quality", "2", "--yes")):
        subprocess.run([*command, *arguments], check=True, capture_output=True)
    rng, cut_off = random.Random(5), 0
    for _ in range(int(os.environ.get("CURATION_KILLS", "3"))):
        with subprocess.Popen(
            [*command, "export", "files", news.parent], stdout=subprocess.DEVNULL
        ) as running:
            while running.poll() is None and (news / "0.md").read_text() == old["0.md"]:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.1))
            running.kill()
        texts = {file.name: file.read_text() for file in news.glob("*.md")}
        changed = {name for name, text in texts.items() if text != old[name]}
        assert texts.keys() == old.keys()
        assert all(texts[name] == old[name].replace("quality: 1", "quality: 2") for name in changed)
        cut_off += 0 < len(changed) < len(old)
        for name in changed:
            (news / name).write_text(old[name])
    assert cut_off
    subprocess.run([*command, "export", "files", news.parent], check=True, capture_output=True)
    subprocess.run([*command, "export", "files", news.parent, "--check"], check=True, capture_output=True)


def test_an_earlier_upstream_value_is_not_treated_as_an_export(site_curation: Curation, site: Path) -> None:
    """A flag that somebody sets back to an earlier upstream value is their work, not an export."""
    first = (site / BOLLARD).read_text()
    (site / BOLLARD).write_text(first.replace("quality: 69", "quality: 71").replace("heat: -1", "heat: 99"))
    assert site_curation("import", str(site)).exit_code == 0
    by_hand = (site / BOLLARD).read_text().replace("quality: 71", "quality: 69")
    (site / BOLLARD).write_text(by_hand)
    result = site_curation("export", "files", str(site))
    assert (result.exit_code, summary_line(result)) == (3, "0 written, 59 unchanged, 1 left")
    assert (site / BOLLARD).read_text() == by_hand


def test_restoring_an_article_deletes_the_line_from_its_file(checkout: Path, site_curation: Curation) -> None:
    assert site_curation("set", ROCK, "--removed").exit_code == 0
    assert site_curation("export", "files", str(checkout)).exit_code == 0
    assert site_curation("revert", "2").exit_code == 0
    assert summary_line(site_curation("export", "files", str(checkout))) == "1 written, 59 unchanged, 0 left"
    assert git(checkout, "status", "--short") == ""


def test_an_interrupted_export_into_an_empty_folder_continues(
    site_curation: Curation, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark in the folder shows that files without a counterpart are not deleted, but not written yet."""
    from curation.exporting.output_folder import OutputFolder

    written: list[str] = []
    whole = OutputFolder.write

    def write(target: OutputFolder, path: str, data: bytes) -> None:
        if len(written) == 30:
            raise KeyboardInterrupt
        written.append(path)
        whole(target, path, data)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(OutputFolder, "write", write)
        cut_off = site_curation("export", "files", str(out))
    assert (cut_off.exit_code, "interrupted" in cut_off.stderr) == (1, True)
    assert (out / ".curation-unfinished").exists()
    assert summary_line(site_curation("export", "files", str(out))) == "31 written, 29 unchanged, 0 left"
    assert read_all_files(out) == read_documents(site)


def test_a_quarantined_file_is_not_treated_as_imported(site_curation: Curation, site: Path) -> None:
    """The store has the stamp of a quarantined file too, but not its bytes."""
    (site / ROCK).write_text("---\ntitle: [\n---\n")
    time.sleep(0.2)  # the stamp of a file that was just written is not trusted
    assert site_curation("import", str(site)).exit_code == 3
    result = site_curation("export", "files", str(site))
    assert (result.exit_code, summary_line(result)) == (3, "0 written, 59 unchanged, 1 left")
    assert "`curation issues` lists their problems" in result.stderr


def test_the_archive_that_was_imported_is_not_replaced(
    curation: Curation, site: Path, tmp_path: Path
) -> None:
    """The archive may have other files than content."""
    archive = tmp_path / "dump.tar"
    subprocess.run(["tar", "-cf", archive, "-C", site, "."], check=True)
    before = archive.read_bytes()
    assert curation("import", str(archive)).exit_code == 0
    result = curation("export", "files", str(archive))
    assert (result.exit_code, "was imported, and may contain other files" in result.stderr) == (2, True)
    assert archive.read_bytes() == before


def test_an_empty_path_is_rejected(site_curation: Curation) -> None:
    for command in ("files", "api"):
        result = site_curation("export", command, "")
        assert (result.exit_code, "use . for the current folder" in result.stderr) == (2, True)
