"""Import documents: what is added, updated, kept, missing and quarantined."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.errors import ImportFailed
from curation.importing import batches
from curation.importing.records.summary import Summary
from curation.store.database import Store
from curation.store.schema import (
    article_topics,
    articles,
    changes,
    changesets,
    collection_items,
    documents,
    images,
    import_issues,
    imports,
    overrides,
    provider_aliases,
    provider_images,
    providers,
    related_links,
    sources,
    taxonomy_documents,
    topics,
)

from ..support.cases import some
from ..support.importing_helpers import (
    RELATED_TO_ANY,
    count,
    decide_flags,
    import_folder,
    interrupt_import,
    one,
    rows,
    write_story,
)
from ..support.store_digest import digests


def run_import(store: Store, root: Path, source: str | None = None) -> Summary:
    return import_folder(store, root, actor="tester", source=source)


def test_the_sample_site_is_imported_completely(store: Store, site: Path) -> None:
    summary = run_import(store, site)
    assert (summary.added, summary.taxonomy, summary.quarantined) == (50, 10, 0)
    by_collection = sa.select(articles.c.collection, sa.func.count()).group_by(articles.c.collection)
    assert dict(map(tuple, rows(store, by_collection)))["news"] == 22
    assert count(store, related_links) == 20
    assert count(store, related_links, related_links.c.target_id.is_not(None)) == 19
    assert count(store, collection_items, collection_items.c.item_id.is_(None)) == 1
    assert count(store, documents) == 50
    assert one(store, sa.select(sources.c.name)) == "site"
    assert one(store, sa.select(imports.c.status)) == "succeeded"


def test_the_stored_documents_are_the_files_byte_for_byte(store: Store, site: Path) -> None:
    run_import(store, site)
    stored = rows(store, sa.select(articles.c.path, documents.c.content).join(documents))
    assert len(stored) == 50
    assert all((site / path).read_bytes() == bytes(content) for path, content in stored)
    notes = rows(store, sa.select(taxonomy_documents.c.path, taxonomy_documents.c.content))
    assert all((site / path).read_bytes() == bytes(content) for path, content in notes)


def test_importing_twice_changes_nothing_but_the_imports(store: Store, site: Path) -> None:
    run_import(store, site)
    before = digests(store, "imports")
    summary = run_import(store, site)
    assert (summary.added, summary.updated, summary.unchanged) == (0, 0, 50)
    assert digests(store, "imports") == before
    assert count(store, imports) == 2


def test_small_batches_give_the_same_rows(store: Store, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 7)
    run_import(store, site)
    assert count(store, articles) == 50
    assert count(store, related_links, related_links.c.target_id.is_not(None)) == 19
    assert count(store, providers) == len(
        set(map(tuple, rows(store, sa.select(providers.c.name, providers.c.domain))))
    )


def test_taxonomy_describes_providers_and_topics(store: Store, site: Path) -> None:
    run_import(store, site)
    parent = topics.alias("parent")
    named = sa.select(topics.c.name, topics.c.slug, parent.c.name).outerjoin(
        parent, parent.c.id == topics.c.parent_id
    )
    found = {name: (slug, above) for name, slug, above in rows(store, named)}
    assert found["Fresnel Lenses"] == ("fresnel-lenses", "Lighthouses")
    assert found["Coast"][1] is None
    assert found["Herring Gulls"] == (None, None)
    assert count(store, provider_aliases) >= 2
    assert count(store, provider_images) == 10
    assert count(store, providers, providers.c.description.is_not(None)) == 3


def test_a_provider_is_its_name_and_domain_together(store: Store, site: Path) -> None:
    run_import(store, site)
    gazettes = (
        sa.select(providers.c.domain)
        .where(providers.c.name == "Harbour Gazette")
        .order_by(providers.c.domain)
    )
    assert [domain for (domain,) in rows(store, gazettes)] == [
        "gazette.example.org",
        "harbourgazette.example",
    ]
    assert count(store, providers, providers.c.domain == "tube.example") == 2


def test_a_related_link_finds_a_target_that_comes_later(store: Store, tmp_path: Path) -> None:
    linking = write_story(tmp_path, "a.md")
    related = "related:\n  - title: b.md\n    publishedDateTime: 2024-02-02T00:00:00Z\n    webUrl: ''\n---\n"
    linking.write_text(linking.read_text().replace("---\nBody.", f"{related}Body."))
    run_import(store, tmp_path, "late")
    assert one(store, sa.select(related_links.c.target_id)) is None
    write_story(tmp_path, "b.md", at="2024-02-02T00:00:00Z")
    run_import(store, tmp_path, "late")
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    assert one(store, target) == "_news/b.md"
    write_story(tmp_path, "b.md", at="2024-02-02T00:00:00Z", title="another title")
    run_import(store, tmp_path, "late")
    assert one(store, sa.select(related_links.c.target_id)) is None


def test_a_link_to_a_missing_article_is_resolved_again_but_not_one_to_a_quarantined_file(
    store: Store, tmp_path: Path
) -> None:
    lost = write_story(tmp_path, "a.md", title="twin")
    write_story(tmp_path, "b.md", title="twin")
    linking = write_story(tmp_path, "z.md")
    linking.write_text(linking.read_text().replace("---\nBody.", f"{RELATED_TO_ANY}Body."))
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    run_import(store, tmp_path, "s")
    assert one(store, target) == "_news/a.md"
    lost.write_text("no fence")
    run_import(store, tmp_path, "s")
    assert one(store, target) == "_news/a.md"
    lost.unlink()
    run_import(store, tmp_path, "s")
    assert one(store, target) == "_news/b.md"


def test_a_related_link_is_resolved_by_url_where_title_and_date_fail(store: Store, tmp_path: Path) -> None:
    linking = write_story(tmp_path, "a.md")
    related = "related:\n  - title: old headline\n    webUrl: https://B.example:443/b#top\n---\n"
    linking.write_text(linking.read_text().replace("---\nBody.", f"{related}Body."))
    write_story(tmp_path, "b.md", url="https://b.example/b")
    run_import(store, tmp_path, "s")
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    assert one(store, target) == "_news/b.md"


def test_a_link_refers_to_no_article_of_another_source(store: Store, tmp_path: Path) -> None:
    for source in ("one", "two"):
        write_story(tmp_path / source, "b.md")
    linking = write_story(tmp_path / "one", "a.md")
    related = "related:\n  - title: b.md\n    publishedDateTime: 2024-01-01T00:00:00Z\n---\n"
    linking.write_text(linking.read_text().replace("---\nBody.", f"{related}Body."))
    run_import(store, tmp_path / "two")
    run_import(store, tmp_path / "one")
    owner = (
        sa.select(sources.c.name)
        .join(articles)
        .join(related_links, related_links.c.target_id == articles.c.id)
    )
    assert one(store, owner) == "one"


def test_importing_one_source_leaves_the_links_of_the_others(
    store: Store, site: Path, tmp_path: Path
) -> None:
    run_import(store, site)
    links = sa.select(related_links.c.id, related_links.c.target_id).order_by(related_links.c.id)
    before = rows(store, links)
    run_import(store, site, "copy")
    write_story(tmp_path / "third", "a.md", at="2021-05-26T07:40:00Z")
    run_import(store, tmp_path / "third")
    assert rows(store, links)[: len(before)] == before
    owner, target = articles.alias(), articles.alias()
    across = (
        sa.select(sa.func.count())
        .select_from(related_links)
        .join(owner, owner.c.id == related_links.c.article_id)
        .join(target, target.c.id == related_links.c.target_id)
        .where(owner.c.source_id != target.c.source_id)
    )
    assert one(store, across) == 0


def test_an_item_that_is_no_path_does_not_stop_an_import(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    odd = "items: ['videos/" + "v" * 900 + "', '../../x', '']\n---\n"
    file.write_text(file.read_text().replace("---\nBody.", f"{odd}Body."))
    assert run_import(store, tmp_path, "s").added == 1
    assert count(store, collection_items) == 3


@pytest.mark.parametrize("name", ["", "x" * 191, "two\nlines"])
def test_an_invalid_source_name_is_refused(store: Store, site: Path, name: str) -> None:
    with pytest.raises(ImportFailed, match="--source"):
        run_import(store, site, name)


def test_repairing_a_broken_file_resolves_its_issue_and_keeps_the_others(
    store: Store, tmp_path: Path
) -> None:
    file = write_story(tmp_path, "a.md")
    good = file.read_text().replace("heat: 70", "heat: hot")
    file.write_text(good)
    run_import(store, tmp_path, "s")
    file.write_text(good.replace("title:", "title: :"))
    run_import(store, tmp_path, "s")
    still_open = sa.select(import_issues.c.code).where(import_issues.c.resolved_import_id.is_(None))
    assert sorted(code for (code,) in rows(store, still_open)) == ["not_a_number", "yaml_syntax"]
    file.write_text(good)
    run_import(store, tmp_path, "s")
    assert [code for (code,) in rows(store, still_open)] == ["not_a_number"]


def test_an_issue_that_moves_gets_its_new_line(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text()
    for heat, line in (("heat: 70: 80", 6), ("# a comment\nheat: 70: 80", 7)):
        file.write_text(text.replace("heat: 70", heat))
        run_import(store, tmp_path, "s")
        assert [tuple(r) for r in rows(store, sa.select(import_issues.c.code, import_issues.c.line))] == [
            ("yaml_syntax", line)
        ]


#: Contents that a document may get by accident, and with which it is no longer one.
NOT_A_DOCUMENT = {
    "empty": "",
    "blanks": " \n\n",
    "text before the fence": "Oops.\n---\ntitle: a\n---\nBody.\n",
    "an empty line before the fence": "\n---\ntitle: a\n---\nBody.\n",
    "two dashes": "--\ntitle: a\n---\nBody.\n",
    "a long dash": "—\ntitle: a\n---\nBody.\n",
    "conflict markers": "<<<<<<< HEAD\n---\ntitle: a\n=======\n---\ntitle: b\n>>>>>>> main\n---\nBody.\n",
    "a Git LFS pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
    "a page of HTML": "<!doctype html>\n<title>502</title>\n",
}


@pytest.mark.any_engine
@pytest.mark.parametrize("kind", some(NOT_A_DOCUMENT))
def test_a_known_file_that_is_no_longer_a_document_is_an_error_and_its_article_stays(
    store: Store, tmp_path: Path, kind: str
) -> None:
    file = write_story(tmp_path, "a.md")
    write_story(tmp_path, "b.md")
    text = file.read_text()
    run_import(store, tmp_path, "s")
    before = digests(store, "imports", "import_issues", "files")
    file.write_text(NOT_A_DOCUMENT[kind])
    for _ in range(2):
        summary = run_import(store, tmp_path, "s")
        assert (summary.quarantined, summary.skipped, summary.missing, summary.unchanged) == (1, 0, 0, 1)
        assert summary.status == "partial"
        assert digests(store, "imports", "import_issues", "files") == before
    issue = import_issues.c
    issue_columns = sa.select(issue.path, issue.severity, issue.code, issue.line, issue.resolved_import_id)
    assert rows(store, issue_columns) == [("_news/a.md", "error", "no_opening_fence", 1, None)]
    file.write_text(text)
    summary = run_import(store, tmp_path, "s")
    assert (summary.unchanged, summary.quarantined) == (2, 0)
    assert count(store, import_issues, issue.resolved_import_id.is_(None)) == 0
    assert digests(store, "imports", "import_issues", "files") == before


def test_a_folder_that_becomes_a_link_is_reported_and_marks_nothing_missing(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    write_story(root, "a.md")
    (root / "_samples").mkdir()
    (root / "_samples" / "b.md").write_text("---\ntitle: b\n---\n")
    run_import(store, root)
    (root / "_news").rename(tmp_path / "elsewhere")
    (root / "_news").symlink_to(tmp_path / "elsewhere")
    assert run_import(store, root).missing == 0
    assert rows(store, sa.select(import_issues.c.code, import_issues.c.path)) == [("symlink", "_news")]


def test_an_internal_error_in_one_file_stops_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.documents.parsing import parse_article
    from curation.importing.reading import files

    def fail_on_one(content: bytes) -> Any:
        if b"bad.md" in content:
            raise ZeroDivisionError
        return parse_article(content)

    monkeypatch.setattr(files, "parse_article", fail_on_one)
    write_story(tmp_path, "bad.md")
    write_story(tmp_path, "good.md")
    summary = run_import(store, tmp_path, "s")
    assert (summary.added, summary.quarantined) == (1, 1)
    assert one(store, sa.select(import_issues.c.code)) == "internal_error"


def test_a_changed_document_changes_its_row_and_only_that(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    write_story(tmp_path, "b.md", quality=20)
    run_import(store, tmp_path, "s")
    before = rows(store, sa.select(articles.c.id, articles.c.path).order_by(articles.c.path))
    write_story(tmp_path, "a.md", quality=11, title="new")
    summary = run_import(store, tmp_path, "s")
    assert (summary.added, summary.updated, summary.unchanged) == (0, 1, 1)
    assert rows(store, sa.select(articles.c.id, articles.c.path).order_by(articles.c.path)) == before
    wanted = sa.select(articles.c.title, articles.c.quality, articles.c.upstream_quality).order_by(
        articles.c.path
    )
    assert [tuple(r) for r in rows(store, wanted)] == [("new", 11, 11), ("b.md", 20, 20)]
    audit = sa.select(
        changesets.c.kind, changesets.c.actor, changes.c.field, changes.c.old_value, changes.c.new_value
    )
    assert [tuple(r) for r in rows(store, audit.join(changes))] == [("import", "tester", "quality", 10, 11)]


def test_a_document_that_differs_in_secured_alone_is_unchanged(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text()
    file.write_text(text.replace("---\nBody.", 'secured: "QUJD;REVG"\n---\nBody.'))
    run_import(store, tmp_path, "s")
    before = digests(store, "imports", "documents")
    file.write_text(text.replace("---\nBody.", 'secured: "R0hJ;SktM"\n---\nBody.'))
    summary = run_import(store, tmp_path, "s")
    assert (summary.updated, summary.unchanged) == (0, 1)
    assert digests(store, "imports", "documents") == before
    assert bytes(one(store, sa.select(documents.c.content))) == file.read_bytes()


def test_secured_is_nowhere_but_in_the_stored_document(store: Store, site: Path) -> None:
    run_import(store, site)
    file = next(f for f in sorted((site / "_news").glob("*.md")) if b"\nsecured:" in f.read_bytes())
    secret = file.read_text().split('secured: "')[1][:24]
    for table in (t for t in articles.metadata.sorted_tables if t is not documents):
        assert secret not in repr(rows(store, sa.select(table))), table.name


def test_an_override_is_kept_when_upstream_changes(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    run_import(store, tmp_path, "s")
    decide_flags(store, "_news/a.md", quality=80, published=0)
    write_story(tmp_path, "a.md", quality=30)
    run_import(store, tmp_path, "s")
    wanted = sa.select(
        articles.c.quality, articles.c.upstream_quality, articles.c.published, articles.c.upstream_published
    )
    assert [tuple(r) for r in rows(store, wanted)] == [(80, 30, False, True)]
    issue_columns = sa.select(
        import_issues.c.severity, import_issues.c.code, import_issues.c.field, import_issues.c.message
    )
    assert [tuple(r) for r in rows(store, issue_columns)] == [
        ("notice", "upstream_changed", "quality", "upstream changed to 30; the override 80 is kept")
    ]
    write_story(tmp_path, "a.md", quality=80)
    run_import(store, tmp_path, "s")
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 0
    assert count(store, overrides) == 2


def test_removed_is_a_veto(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    file.write_text(file.read_text().replace("published: true", "published: true\nremoved: true"))
    run_import(store, tmp_path, "s")
    wanted = sa.select(articles.c.published, articles.c.removed, articles.c.upstream_published)
    assert [tuple(r) for r in rows(store, wanted)] == [(False, True, True)]


def test_a_missing_file_is_marked_and_returns(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    write_story(tmp_path, "b.md")
    run_import(store, tmp_path, "s")
    text = file.read_text()
    file.unlink()
    assert run_import(store, tmp_path, "s").missing == 1
    assert run_import(store, tmp_path, "s").missing == 0
    gone = sa.select(articles.c.missing_since).where(articles.c.path == "_news/a.md")
    assert isinstance(one(store, gone), dt.datetime)
    file.write_text(text)
    assert run_import(store, tmp_path, "s").updated == 1
    assert one(store, gone) is None


def test_a_broken_file_is_quarantined_and_its_issue_resolved_when_repaired(
    store: Store, tmp_path: Path
) -> None:
    write_story(tmp_path, "good.md")
    bad = write_story(tmp_path, "bad.md")
    text = bad.read_text()
    bad.write_text(text.replace("heat: 70", "heat: 70: 80"))
    summary = run_import(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.status) == (1, 1, "partial")
    wanted = sa.select(*(import_issues.c[n] for n in ("path", "severity", "code", "line", "column")))
    assert [tuple(r) for r in rows(store, wanted)] == [("_news/bad.md", "error", "yaml_syntax", 6, 9)]
    before = digests(store, "imports")
    assert run_import(store, tmp_path, "s").quarantined == 1
    assert digests(store, "imports") == before
    bad.write_text(text)
    assert run_import(store, tmp_path, "s").added == 1
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 0


def test_a_file_that_breaks_later_does_not_change_its_article(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md", quality=10)
    run_import(store, tmp_path, "s")
    before = digests(store, "imports", "import_issues", "files")
    file.write_bytes(b"---\ntitle: \xff\n---\n")
    summary = run_import(store, tmp_path, "s")
    assert (summary.quarantined, summary.missing) == (1, 0)
    assert digests(store, "imports", "import_issues", "files") == before


def test_a_field_that_cannot_be_stored_is_left_empty_with_a_warning(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text().replace("title: a.md", "title: [a]")
    file.write_text(text.replace("publishedDateTime: 2024-01-01T00:00:00Z", "publishedDateTime: soon"))
    summary = run_import(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.to_review, summary.status) == (1, 0, 0, "succeeded")
    assert rows(store, sa.select(articles.c.title, articles.c.published_at)) == [(None, None)]
    issue_columns = sa.select(import_issues.c.severity, import_issues.c.code, import_issues.c.field).order_by(
        import_issues.c.field
    )
    assert [tuple(r) for r in rows(store, issue_columns)] == [
        ("warning", "not_an_instant", "publishedDateTime"),
        ("warning", "not_one_value", "title"),
    ]


def test_an_unreadable_flag_is_an_error_and_keeps_its_value(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text()
    broken = text.replace("heat: 70", "heat: hot").replace("quality: 50", "quality: .nan")
    broken = broken.replace("published: true", "published: flase")
    flags = sa.select(*(articles.c[name] for name in ("quality", "heat", "published", "upstream_published")))
    issue_columns = sa.select(import_issues.c.severity, import_issues.c.code, import_issues.c.field).where(
        import_issues.c.resolved_import_id.is_(None)
    )
    expected_issues = [
        ("error", "not_a_flag", "published"),
        ("error", "not_a_number", "heat"),
        ("error", "not_finite", "quality"),
    ]
    file.write_text(broken)
    summary = run_import(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.to_review, summary.status) == (1, 0, 1, "partial")
    assert rows(store, flags) == [(None, None, False, False)]
    assert sorted(map(tuple, rows(store, issue_columns))) == expected_issues
    for word in ("false", "true"):
        file.write_text(text.replace("published: true", f"published: {word}"))
        summary = run_import(store, tmp_path, "s")
        assert (summary.updated, summary.to_review, summary.status) == (1, 0, "succeeded")
        expected = rows(store, flags)
        assert expected == [(50, 70, word == "true", word == "true")]
        assert rows(store, issue_columns) == []
        file.write_text(broken)
        for _ in range(2):
            summary = import_folder(store, tmp_path, source="s", full=True)
            assert (summary.quarantined, summary.to_review, summary.status) == (0, 1, "partial")
            assert rows(store, flags) == expected
            assert sorted(map(tuple, rows(store, issue_columns))) == expected_issues


def test_links_and_special_files_are_skipped_with_an_issue(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path / "root", "a.md")
    secret = tmp_path / "secret.md"
    secret.write_text("---\ntitle: secret\n---\n")
    (tmp_path / "root" / "_news" / "link.md").symlink_to(secret)
    os.mkfifo(tmp_path / "root" / "_news" / "fifo.md")
    summary = run_import(store, tmp_path / "root", "s")
    assert (summary.added, summary.quarantined) == (1, 0)
    issue_columns = sa.select(import_issues.c.code, import_issues.c.path).order_by(import_issues.c.path)
    assert [tuple(r) for r in rows(store, issue_columns)] == [
        ("special_file", "_news/fifo.md"),
        ("symlink", "_news/link.md"),
    ]


def test_a_folder_without_content_is_refused_and_marks_nothing_missing(store: Store, site: Path) -> None:
    run_import(store, site)
    with pytest.raises(ImportFailed, match="no content"):
        run_import(store, site / "assets", "site")
    assert count(store, articles, articles.c.missing_since.is_not(None)) == 0


def test_one_import_of_a_source_at_a_time(store: Store, site: Path) -> None:
    with (
        store.backend.import_lock(store.engine, "site"),
        pytest.raises(ImportFailed, match="another import of 'site' is running"),
    ):
        run_import(store, site)
    assert run_import(store, site).added == 50


def test_an_interrupted_import_is_marked_failed_and_the_next_one_completes_it(
    store: Store, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 10)
    interrupt_import(store, site)
    [(status, added)] = rows(store, sa.select(imports.c.status, imports.c.added))
    assert (status, added) == ("failed", count(store, articles))
    assert 0 < count(store, articles) < 50
    assert count(store, documents) == count(store, articles)
    summary = run_import(store, site)
    assert summary.added + summary.unchanged == 50
    assert count(store, related_links, related_links.c.target_id.is_not(None)) == 19


def test_uses_of_an_image_with_other_values_keep_them(store: Store, site: Path) -> None:
    run_import(store, site)
    from curation.store.schema import article_images

    uses = sa.select(images.c.url, images.c.title, article_images.c.extra).join(article_images)
    differing = [
        (url, title, extra) for url, title, extra in rows(store, uses) if extra and extra.get("title")
    ]
    assert differing
    assert all(extra["url"] == url and extra["title"] != title for url, title, extra in differing)


def test_null_topics_have_no_row_and_stay_as_written(store: Store, site: Path) -> None:
    run_import(store, site)
    path = "_news/2020-07-03-"
    tea_towel = sa.select(articles.c.id, articles.c.extra).where(articles.c.path.startswith(path))
    [(article_id, extra)] = rows(store, tea_towel)
    assert None in extra["topics"]
    assert count(store, article_topics, article_topics.c.article_id == article_id) == len(
        [t for t in extra["topics"] if t is not None]
    )


def test_extra_is_json_text_on_every_engine(store: Store, site: Path) -> None:
    run_import(store, site)
    cast = sa.cast(articles.c.extra, sa.Text)
    for path, text in rows(store, sa.select(articles.c.path, cast)):
        assert isinstance(json.loads(text), dict), path


def test_an_import_right_after_another_of_its_source_does_not_wait(store: Store) -> None:
    """PostgreSQL releases the locks of a closed session late. In this test, the session stays open."""
    lasting = sa.create_engine(store.engine.url)  # its pool closes no connection
    with store.backend.import_lock(lasting, "s"):
        pass
    with store.backend.import_lock(store.engine, "s"):
        pass
    lasting.dispose()
