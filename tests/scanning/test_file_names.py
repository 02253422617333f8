"""File names with a suffix in upper case or with a backslash, in folders, archives and git revisions."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.paths import without_suffix
from curation.scanning import Kind, kind_of
from curation.store.database import Store
from curation.store.schema import articles, collection_items, import_issues

from ..support.editor_session import Curation
from ..support.store_comparison import rows

DOCUMENT = "---\ntitle: {}\n---\nBody.\n"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("_news/A.MD", Kind.ARTICLE),
        ("_news/a.Md", Kind.ARTICLE),
        ("_news/a.HTML", Kind.ARTICLE),
        ("_news/a.Markdown", Kind.ARTICLE),
        ("_data/organizations/A.MD", Kind.ORGANIZATION),
        ("_data/topics/a.YAML", Kind.TOPIC),
        ("_data/topics/a.Yml", Kind.TOPIC),
        ("_news/a.MDX", None),
        ("_news/aMD", None),
        ("_data/topics/a.MD", None),
    ],
)
def test_a_suffix_matches_in_any_case(path: str, kind: Kind | None) -> None:
    assert kind_of(path) is kind


def test_a_name_without_its_suffix() -> None:
    assert [without_suffix(path) for path in ("a/B.MD", "a.html", "a.Markdown", "a.txt", "md")] == [
        "a/B", "a", "a", "a.txt", "md",
    ]  # fmt: skip


def folder_arguments(site: Path) -> list[str]:
    return [str(site)]


def tar_arguments(site: Path) -> list[str]:
    packed = site.parent / "site.TAR.GZ"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(site, "site")
    return [str(packed)]


def commit_arguments(site: Path) -> list[str]:
    git = ("git", "-C", str(site), "-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return [str(site), "--rev", "HEAD"]


SOURCE_FORMS = pytest.mark.parametrize("arguments_for", [folder_arguments, tar_arguments, commit_arguments])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for path in ("_news/A.MD", "_news/b.Html", "_learning/videos/c.MARKDOWN", "_news/plain.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(DOCUMENT.format(path))
    (root / "_learning/collections").mkdir()
    (root / "_learning/collections/all.MD").write_text("---\ntitle: All\nitems: [videos/c]\n---\n")
    return root


@SOURCE_FORMS
def test_files_with_a_suffix_in_any_case_are_imported_and_written_back(
    store: Store, curation: Curation, small: Path, tmp_path: Path, arguments_for: Callable[[Path], list[str]]
) -> None:
    assert curation("import", *arguments_for(small), "--source", "site").exit_code == 0
    paths = {
        "_news/A.MD",
        "_news/b.Html",
        "_learning/videos/c.MARKDOWN",
        "_news/plain.md",
        "_learning/collections/all.MD",
    }
    assert {path for (path,) in rows(store, sa.select(articles.c.path))} == paths
    [(item,)] = rows(
        store, sa.select(articles.c.path).join(collection_items, collection_items.c.item_id == articles.c.id)
    )
    assert item == "_learning/videos/c.MARKDOWN"
    assert curation("set", "videos/c", "news/A.MD", "--quality", "5").exit_code == 0
    assert curation("export", "files", str(tmp_path / "out")).exit_code == 0
    assert (tmp_path / "out/_news/A.MD").read_text() == DOCUMENT.format("_news/A.MD\nquality: 5")


@pytest.mark.any_engine
@SOURCE_FORMS
@pytest.mark.parametrize("path", ["_news/a\\b.md", "_news/c\\d/e.md", "_new\\s/a.md"])
def test_a_file_with_a_backslash_in_its_name_is_quarantined(
    store: Store, curation: Curation, small: Path, arguments_for: Callable[[Path], list[str]], path: str
) -> None:
    (small / path).parent.mkdir(exist_ok=True)
    (small / path).write_text(DOCUMENT.format("x"))
    assert curation("import", *arguments_for(small), "--source", "site").exit_code == 3
    [(code, message)] = rows(store, sa.select(import_issues.c.code, import_issues.c.message))
    assert code in ("bad_name", "unsafe_name")
    assert "backslash" in message or "`\\`" in message
    assert rows(store, sa.select(articles.c.id).where(articles.c.path.contains("\\", autoescape=True))) == []
