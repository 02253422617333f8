"""Import in different ways: unchanged files, parts, processes, dry runs and --strict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from curation.cli import cli
from curation.documents import parsing
from curation.errors import DocumentError, ImportFailed
from curation.importing import batches
from curation.importing.reading import files as file_reading, pipeline, processes
from curation.store.database import Store
from curation.store.schema import articles, files, import_issues, imports, sources

from ..support.copied_news import multiply_site
from ..support.importing_helpers import count, decide_flags, import_folder, one, rows, write_story
from ..support.store_digest import digests


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects the names of the files that are read."""
    seen: list[str] = []

    def read_file(location: str) -> bytes:
        seen.append(Path(location).name)
        return Path(location).read_bytes()

    monkeypatch.setattr(file_reading, "read_file", read_file)
    return seen


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return a list that collects the documents that are parsed."""
    seen: list[bytes] = []
    parse = parsing.parse_article

    def parse_article(content: bytes) -> Any:
        seen.append(content)
        return parse(content)

    monkeypatch.setattr(file_reading, "parse_article", parse_article)
    return seen


def wait_for_stable_times() -> None:
    """Wait until the files' times are older than the resolution of the clock, so that they are reliable."""
    time.sleep(0.15)


# --- unchanged files ------------------------------------------------------------------------------------


def test_an_unchanged_file_is_not_read(store: Store, site: Path, reads: list[str]) -> None:
    wait_for_stable_times()
    import_folder(store, site)
    assert len(reads) == 60  # 50 articles, and 10 of taxonomy
    reads.clear()
    summary = import_folder(store, site)
    assert (summary.unchanged, summary.skipped, reads) == (50, 6, [])
    write_story(site, "new.md")
    assert import_folder(store, site).added == 1
    assert reads == ["new.md"]


def test_a_quarantined_file_is_not_read_again_but_counted_again(
    store: Store, tmp_path: Path, reads: list[str]
) -> None:
    write_story(tmp_path, "good.md")
    (tmp_path / "_news" / "bad.md").write_text("---\na: b: c\n---\n")
    (tmp_path / "_news" / "plain.md").write_text("no fence\n")
    wait_for_stable_times()
    for _ in range(2):
        summary = import_folder(store, tmp_path, source="s")
        assert (summary.quarantined, summary.skipped, summary.status) == (1, 1, "partial")
    assert sorted(reads) == ["bad.md", "good.md", "plain.md"]
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 1


def test_a_file_that_was_only_touched_is_read_and_not_parsed(
    store: Store, tmp_path: Path, reads: list[str], parses: list[bytes]
) -> None:
    file = write_story(tmp_path, "a.md")
    wait_for_stable_times()
    import_folder(store, tmp_path, source="s")
    os.utime(file)
    wait_for_stable_times()
    assert import_folder(store, tmp_path, source="s").unchanged == 1
    assert import_folder(store, tmp_path, source="s").unchanged == 1
    assert (len(reads), len(parses)) == (2, 1)


@pytest.mark.parametrize("restores_time", [True, False])
def test_other_bytes_of_the_same_size_are_noticed(store: Store, tmp_path: Path, restores_time: bool) -> None:
    file = write_story(tmp_path, "a.md", quality=10)
    old = file.stat()
    wait_for_stable_times()
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "a.md", quality=20)
    if restores_time:
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert file.stat().st_size == old.st_size
    assert import_folder(store, tmp_path, source="s").updated == 1
    assert one(store, sa.select(articles.c.quality)) == 20


def test_a_file_written_within_the_grain_of_the_clock_is_read_again(
    store: Store, tmp_path: Path, reads: list[str]
) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s")
    assert one(store, sa.select(files.c.stamp)) is None
    wait_for_stable_times()
    import_folder(store, tmp_path, source="s")
    import_folder(store, tmp_path, source="s")
    assert reads == ["a.md", "a.md"]


def test_full_reads_every_file(store: Store, site: Path, reads: list[str], parses: list[bytes]) -> None:
    wait_for_stable_times()
    import_folder(store, site)
    before = digests(store, "imports")
    reads.clear()
    parses.clear()
    assert import_folder(store, site, full=True).unchanged == 50
    assert len(reads) == 60
    assert digests(store, "imports") == before


# --- parts -----------------------------------------------------------------------------------------------


def test_a_part_of_a_source_marks_nothing_else_missing(
    store: Store, site: Path, curation: Callable[..., Result]
) -> None:
    import_folder(store, site)
    news = sorted((site / "_news").glob("*.md"))
    news[0].unlink()
    news[1].unlink()
    write_story(site, "2024-02-02-part.md")
    for part in (site / "_news", site / "_news" / "2024-02-02-part.md"):
        result = curation("import", str(part))
        assert result.exit_code == 0, result.output
        assert ", 0 missing" in result.stdout
    assert count(store, articles) == 51
    assert count(store, sources) == 1
    assert rows(store, sa.select(imports.c.location))[-1][0].endswith(": _news/2024-02-02-part.md")
    assert import_folder(store, site).missing == 2


def test_a_part_needs_a_root(site: Path, curation: Callable[..., Result]) -> None:
    file = next((site / "_news").glob("*.md"))
    refused = curation("import", str(file))
    assert refused.exit_code == 1
    assert "--root" in refused.stderr
    assert curation("import", str(file), "--root", str(site)).stdout.startswith("site: 1 added")


def test_several_sources_at_once(store: Store, site: Path, curation: Callable[..., Result]) -> None:
    copy = Path(shutil.copytree(site, site.parent / "copy"))
    result = curation("import", str(site), str(copy), "--new-source")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines() if "added" in line] == ["site", "copy"]
    assert count(store, articles) == 100


# --- archives and repositories ---------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repository: Path) -> str:
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "more", "--allow-empty")
    return git(repository, "rev-parse", "HEAD")


def test_revisions_of_a_repository(store: Store, site: Path, curation: Callable[..., Result]) -> None:
    git(site, "init", "-q")
    first = commit(site)
    write_story(site, "2024-02-02-new.md")
    second = commit(site)
    outputs = [
        curation("import", str(site), "--rev", rev).stdout.split(" (")[0] for rev in (first, "HEAD", first)
    ]
    assert outputs == [
        "site: 50 added, 0 updated, 0 unchanged, 0 missing, 6 skipped, 0 quarantined",
        "site: 1 added, 0 updated, 50 unchanged, 0 missing, 6 skipped, 0 quarantined",
        "site: 0 added, 0 updated, 50 unchanged, 1 missing, 6 skipped, 0 quarantined",
    ]
    commits = sa.select(imports.c.git_commit).order_by(imports.c.started_at)
    assert [found for (found,) in rows(store, commits)] == [first, second, first]


def test_known_blobs_are_not_read(
    store: Store, site: Path, curation: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.scanning import File, GitTree

    git(site, "init", "-q")
    commit(site)
    curation("import", str(site), "--rev", "HEAD")
    write_story(site, "2024-02-02-new.md")
    commit(site)
    asked: list[str] = []
    read = GitTree.read

    def ask(tree: GitTree, some: Sequence[File]) -> list[bytes | DocumentError]:
        asked.extend(f.path for f in some)
        return read(tree, some)

    monkeypatch.setattr(GitTree, "read", ask)
    assert "1 added" in curation("import", str(site), "--rev", "HEAD").stdout
    assert asked == ["_news/2024-02-02-new.md"]


def test_an_archive_gives_the_same_rows_as_its_folder(
    store: Store, site: Path, curation: Callable[..., Result]
) -> None:
    import_folder(store, site)
    before = digests(store, "imports", "sources")
    archive = site.parent / "site.tar.xz"
    with tarfile.open(archive, "w:xz") as made:
        made.add(site, arcname="site")
    result = curation("import", str(archive))
    assert result.stdout.startswith("site: 0 added, 0 updated, 50 unchanged, 0 missing"), result.output
    assert digests(store, "imports", "sources") == before


# --- in parallel -----------------------------------------------------------------------------------------


class CountingExecutor(Executor):
    """An executor that counts the tasks that wait in it."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.waiting = 0
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        future = self.inner.submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: setattr(self, "waiting", self.waiting - 1))
        return future


def test_processes_and_any_executor_give_the_same_rows(
    store: Store, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiply_site(site.parent, 300, site / "_copies")
    inline = import_folder(store, site, source="inline")
    with processes.process_pool(2) as executor:
        parallel = import_folder(store, site, source="processes", executor=executor)
    monkeypatch.setattr(pipeline, "FILES_PER_TASK", 20)
    monkeypatch.setattr(batches, "FILES_PER_TASK", 20)
    monkeypatch.setattr(pipeline, "MAX_PENDING", 5)
    with ThreadPoolExecutor(3) as threads:
        counting = CountingExecutor(threads)
        threaded = import_folder(store, site, source="threads", executor=counting)
    assert counting.most <= 5
    assert inline.counts == parallel.counts == threaded.counts
    names = [column for column in articles.c if not column.name.endswith("id")]
    kept = [
        sorted(map(repr, rows(store, sa.select(*names).join(sources).where(sources.c.name == name))))
        for name in ("inline", "processes", "threads")
    ]
    assert kept[0] == kept[1] == kept[2]


def test_jobs_of_the_command(
    site: Path, curation: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MIN_FILES_FOR_PROCESSES", 100)
    multiply_site(site.parent, 300, site / "_copies")
    assert curation("import", str(site), "--jobs", "2").stdout.startswith("site: 350 added")


# --- dry and strict --------------------------------------------------------------------------------------


def test_a_dry_run_reports_changes_by_flag_and_keeps_nothing(
    store: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write_story(tmp_path, name, quality=10)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/c.md", quality=1)
    before = digests(store)
    write_story(tmp_path, "a.md", quality=90)
    hidden = write_story(tmp_path, "b.md", quality=5)
    hidden.write_text(hidden.read_text().replace("published: true", "published: false"))
    write_story(tmp_path, "c.md", quality=99)
    write_story(tmp_path, "d.md")
    arguments = ("import", str(tmp_path), "--source", "s", "--actor", "tester")
    dry = curation(*arguments, "--dry-run")
    assert dry.exit_code == 0
    assert digests(store) == before
    wet = curation(*arguments)
    assert dry.stdout.splitlines()[1:] == [
        "  quality: 2 changed (1 up, 1 down)",
        "  published: 1 changed (0 true, 1 false)",
        "  dry run: nothing was saved",
    ]
    assert wet.stdout.splitlines()[1:3] == dry.stdout.splitlines()[1:3]
    assert wet.stdout.split(" (")[0] == dry.stdout.split(" (")[0]


def test_a_dry_run_creates_no_store(tmp_path: Path, site: Path) -> None:
    database = tmp_path / "none.db"
    result = CliRunner().invoke(cli, ["--database", str(database), "import", str(site), "--dry-run"])
    assert (result.exit_code, result.stdout.split(",")[0]) == (0, "site: 50 added")
    assert list(tmp_path.glob("none*")) == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bad.md", b"---\na: b: c\n---\n", "yaml_syntax"),
        ("odd.md", b"---\ntitle: x\nheat: hot\n---\n", "not_a_number"),
        ("crlf.md", b"---\r\ntitle: x\r\n---\r\n", "line_ends"),
    ],
)
def test_strict_keeps_nothing_if_there_is_any_issue(
    store: Store, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s", strict=True)
    before = digests(store, "imports")
    (tmp_path / "_news" / name).write_bytes(content)
    write_story(tmp_path, "a.md", quality=3)
    with pytest.raises(ImportFailed, match=f"1 issue,.*_news/{name}.*{code}"):
        import_folder(store, tmp_path, source="s", strict=True)
    assert digests(store, "imports") == before
    assert rows(store, sa.select(imports.c.status).order_by(imports.c.started_at))[-1][0] == "failed"
    import_folder(store, tmp_path, source="s")
    with pytest.raises(ImportFailed, match=code):  # an earlier issue that is still open
        import_folder(store, tmp_path, source="s", strict=True)


def test_a_dry_and_strict_run_keeps_nothing_either(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s")
    before = digests(store)
    (tmp_path / "_news" / "bad.md").write_text("---\na: b: c\n---\n")
    with pytest.raises(ImportFailed, match="1 issue,"):
        import_folder(store, tmp_path, source="s", strict=True, dry_run=True)
    assert digests(store) == before


def test_an_unreadable_file_is_read_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_story(tmp_path, "a.md")
    wait_for_stable_times()

    def fail(location: str) -> bytes:
        raise DocumentError("unreadable", "cannot be read: Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(file_reading, "read_file", fail)
        assert import_folder(store, tmp_path, source="s").quarantined == 1
    assert import_folder(store, tmp_path, source="s").added == 1


def test_strict_ignores_notices_about_overrides(
    store: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    write_story(tmp_path, "a.md", quality=10)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", quality=90)
    write_story(tmp_path, "a.md", quality=30)
    import_folder(store, tmp_path, source="s", strict=True)
    notices = json.loads(curation("issues", "--all", "--format", "json").stdout)
    assert [issue["code"] for issue in notices] == ["upstream_changed"]


# --- stories ---------------------------------------------------------------------------------------------


def test_a_story_takes_over_a_path_and_comes_back(store: Store, tmp_path: Path) -> None:
    first = {"title": "First", "url": "https://a.example/first", "quality": 10}
    second = {"title": "Second", "url": "https://a.example/second", "quality": 20}
    columns = sa.select(articles.c.title, articles.c.quality, articles.c.heat)
    codes = sa.select(import_issues.c.code, import_issues.c.field).where(
        import_issues.c.resolved_import_id.is_(None)
    )

    def import_story(story: dict[str, Any]) -> tuple[Any, list[Any]]:
        file = write_story(tmp_path, "a.md", **story)
        file.write_text(file.read_text().replace("Body.", f"The words of {story['title']}."))
        import_folder(store, tmp_path, source="s")
        return rows(store, columns)[0], sorted(rows(store, codes))

    import_story(first)
    decide_flags(store, "_news/a.md", quality=90)
    assert import_story(second) == (("Second", 20, 70), [("override_set_aside", "quality")])
    decide_flags(store, "_news/a.md", heat=1)
    assert import_story(first) == (
        ("First", 90, 70),
        [("override_returned", "quality"), ("override_set_aside", "heat")],
    )
    assert import_story(second) == (
        ("Second", 20, 1),
        [("override_returned", "heat"), ("override_set_aside", "quality")],
    )
    before = digests(store, "imports")
    import_folder(store, tmp_path, source="s")
    assert digests(store, "imports") == before


def test_a_notice_has_the_present_override_and_is_resolved_when_an_editor_decides_anew(
    store: Store, tmp_path: Path
) -> None:
    write_story(tmp_path, "a.md", quality=10)
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", quality=90)
    write_story(tmp_path, "a.md", quality=30)
    open_messages = sa.select(import_issues.c.message).where(import_issues.c.resolved_import_id.is_(None))
    for upstream, override, messages in (
        (30, None, ["upstream changed to 30; the override 90 is kept"]),
        (30, 90, []),
        (40, None, ["upstream changed to 40; the override 90 is kept"]),
        (50, None, ["upstream changed to 50; the override 90 is kept"]),
        (30, None, []),
        (40, 80, []),
        (80, None, []),
    ):
        write_story(tmp_path, "a.md", quality=upstream)
        if override is not None:
            import_folder(store, tmp_path, source="s")
            decide_flags(store, "_news/a.md", quality=override)
        import_folder(store, tmp_path, source="s")
        assert [message for (message,) in rows(store, open_messages)] == messages, upstream


def test_another_title_or_another_url_alone_is_the_same_story(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", title="One", url="https://a.example/1")
    import_folder(store, tmp_path, source="s")
    decide_flags(store, "_news/a.md", quality=90)
    for story in (
        {"title": "Two", "url": "https://a.example/1"},
        {"title": "Two", "url": "https://a.example/2"},
    ):
        write_story(tmp_path, "a.md", **story)
        import_folder(store, tmp_path, source="s")
        assert one(store, sa.select(articles.c.quality)) == 90
