"""`curation log N` lists the documents that an import changed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from curation.importing.records import versions

Curation = Callable[..., Result]


def write(root: Path, name: str, text: str = "") -> None:
    (root / "_news").mkdir(parents=True, exist_ok=True)
    body = f"{name} is a story of its own, {text}\n"
    (root / f"_news/{name}.md").write_text(f"---\ntitle: The story {name}\nheat: 5\n---\n{body}")


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def documents(result: Result) -> list[tuple[str, str]]:
    return [(row["new"], row["path"]) for row in rows(result) if row["flag"] == "document"]


@pytest.fixture
def root(tmp_path: Path, curation: Curation) -> Path:
    """A dump of five stories that was imported once."""
    for name in "abcde":
        write(tmp_path / "dump", name)
    assert curation("import", str(tmp_path / "dump")).exit_code == 0
    return tmp_path / "dump"


def test_an_import_lists_what_it_added_changed_moved_lost_and_found_again(
    root: Path, curation: Curation
) -> None:
    added = curation("log", "1", "--format", "json")
    assert documents(added) == [("added", f"_news/{name}.md") for name in "abcde"]
    assert added.stderr.splitlines()[1] == "5 changes: 5 added, 0 of flags or paths"
    write(root, "a", "changed")
    (root / "_news/b.md").unlink()
    (root / "_news/c.md").rename(root / "_news/moved.md")
    write(root, "f")
    text = (root / "_news/d.md").read_text().replace("heat: 5", "heat: 7")
    (root / "_news/d.md").write_text(text)
    assert curation("import", str(root)).exit_code == 0
    second = curation("log", "2", "--format", "json")
    assert documents(second) == [
        ("added", "_news/f.md"),
        ("changed", "_news/a.md"),
        ("changed", "_news/d.md"),
        ("missing", "_news/b.md"),
    ]
    rest = [(row["flag"], row["old"], row["new"]) for row in rows(second) if row["flag"] != "document"]
    assert rest == [("heat", 5, 7), ("path", "_news/c.md", "_news/moved.md")]
    assert second.stderr.splitlines()[1:] == ["6 changes: 1 added, 2 changed, 1 missing, 2 of flags or paths"]
    write(root, "b")
    assert curation("import", str(root)).exit_code == 0
    third = curation("log", "3", "--format", "json")
    assert documents(third) == [("found again", "_news/b.md")]
    assert third.stderr.splitlines()[1:] == ["1 change: 1 found again, 0 of flags or paths"]
    assert all(isinstance(row["article"], int) for row in rows(second))


@pytest.mark.any_engine
@pytest.mark.parametrize("form", ["table", "csv", "jsonl", "markdown", "html"])
def test_every_format_and_limit_works(root: Path, curation: Curation, form: str) -> None:
    assert "_news/c.md" in curation("log", "1", "--format", form).stdout
    some = curation("log", "1", "--limit", "2", "--format", "json")
    assert documents(some) == [("added", "_news/a.md"), ("added", "_news/b.md")]
    assert documents(curation("log", "1", "--flag", "heat", "--format", "json")) == []


def test_a_document_that_moved_and_changed_is_in_the_list_under_its_new_path(
    root: Path, curation: Curation
) -> None:
    text = (root / "_news/a.md").read_text()
    (root / "_news/a.md").unlink()
    (root / "_news/z.md").write_text(text.replace("heat: 5", "heat: 6"))
    assert "1 moved" in curation("import", str(root)).stdout
    found = curation("log", "2", "--format", "json")
    assert documents(found) == [("changed", "_news/z.md")]
    assert ("path", "_news/a.md", "_news/z.md") in {(r["flag"], r["old"], r["new"]) for r in rows(found)}


def test_documents_that_are_no_longer_known_are_counted(root: Path, curation: Curation) -> None:
    (root / "_news/b.md").unlink()
    for number in range(versions.KEPT_IMPORTS + 2):
        write(root, "a", str(number))
        assert curation("import", str(root)).exit_code == 0
    found = curation("log", "2", "--format", "json")
    assert documents(found) == []
    reason = "kept for the last 20 imports of a source"
    assert found.stderr.splitlines()[2:] == [
        f"not listed: 1 of 1 updated articles ({reason})",
        f"not listed: 1 of 1 missing articles ({reason})",
    ]
    assert "not listed" not in curation("log", "4", "--format", "json").stderr


def test_articles_that_were_deleted_since_are_counted(root: Path, curation: Curation) -> None:
    assert curation("revert", "1").exit_code == 0
    assert "not listed: 5 of 5 added articles (deleted since)" in curation("log", "1").stderr
    assert "changes" in curation("log", "2").stderr


def test_filters_that_match_an_import_leave_it_complete(root: Path, curation: Curation) -> None:
    complete = documents(curation("log", "1", "--format", "json"))
    for given in (
        ["--kind", "import"],
        ["--since", "2020-01-01"],
        ["--kind", "import", "--until", "2099-01-01"],
    ):
        assert documents(curation("log", "1", *given, "--format", "json")) == complete
    assert documents(curation("log", "1", "--kind", "edit", "--format", "json")) == []


def test_a_reverted_import_is_reported(root: Path, curation: Curation) -> None:
    write(root, "a", "other words")
    assert curation("import", str(root)).exit_code == 0
    assert curation("revert", "2").exit_code == 0
    message = curation("log", "2").stderr
    assert "the import was reverted; documents that are as before are not listed" in message
    assert "not listed:" not in message


def test_taxonomy_is_listed(curation: Curation, site: Path) -> None:
    assert curation("import", str(site)).exit_code == 0
    first = curation("log", "1", "--format", "json")
    assert Counter(what for what, _ in documents(first)) == {"added": 60}
    assert "not listed" not in first.stderr
    topic = next((site / "_data/topics").glob("*.yaml"))
    topic.write_text(topic.read_text() + "\nnote: x\n")
    shutil.rmtree(site / "_data/organizations")
    assert curation("import", str(site)).exit_code == 0
    listed = documents(curation("log", "2", "--format", "json"))
    assert ("changed", f"_data/topics/{topic.name}") in listed
    assert {what for what, path in listed if "organizations" in path} == {"missing"}
