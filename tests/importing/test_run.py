"""Imports, on every engine: what comes in, what stays, what is kept apart."""

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
    one,
    rows,
    write_story,
)
from ..support.store_digest import digests


def take_in(store: Store, root: Path, source: str | None = None) -> Summary:
    return import_folder(store, root, actor="tester", source=source)


def test_the_sample_site_is_taken_in_whole(store: Store, site: Path) -> None:
    summary = take_in(store, site)
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
    take_in(store, site)
    stored = rows(store, sa.select(articles.c.path, documents.c.content).join(documents))
    assert len(stored) == 50
    assert all((site / path).read_bytes() == bytes(content) for path, content in stored)
    notes = rows(store, sa.select(taxonomy_documents.c.path, taxonomy_documents.c.content))
    assert all((site / path).read_bytes() == bytes(content) for path, content in notes)


def test_importing_twice_changes_nothing_but_the_imports(store: Store, site: Path) -> None:
    take_in(store, site)
    before = digests(store, "imports")
    summary = take_in(store, site)
    assert (summary.added, summary.updated, summary.unchanged) == (0, 0, 50)
    assert digests(store, "imports") == before
    assert count(store, imports) == 2


def test_small_batches_give_the_same_rows(store: Store, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    take_in(store, site)
    assert count(store, articles) == 50
    assert count(store, related_links, related_links.c.target_id.is_not(None)) == 19
    assert count(store, providers) == len(
        set(map(tuple, rows(store, sa.select(providers.c.name, providers.c.domain))))
    )


def test_taxonomy_describes_providers_and_topics(store: Store, site: Path) -> None:
    take_in(store, site)
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
    take_in(store, site)
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
    take_in(store, tmp_path, "late")
    assert one(store, sa.select(related_links.c.target_id)) is None
    write_story(tmp_path, "b.md", at="2024-02-02T00:00:00Z")
    take_in(store, tmp_path, "late")
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    assert one(store, target) == "_news/b.md"
    write_story(tmp_path, "b.md", at="2024-02-02T00:00:00Z", title="another title")
    take_in(store, tmp_path, "late")
    assert one(store, sa.select(related_links.c.target_id)) is None


def test_a_link_to_what_is_gone_finds_another_and_one_to_what_loses_its_fence_stays(
    store: Store, tmp_path: Path
) -> None:
    lost = write_story(tmp_path, "a.md", title="twin")
    write_story(tmp_path, "b.md", title="twin")
    linking = write_story(tmp_path, "z.md")
    linking.write_text(linking.read_text().replace("---\nBody.", f"{RELATED_TO_ANY}Body."))
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    take_in(store, tmp_path, "s")
    assert one(store, target) == "_news/a.md"
    lost.write_text("no fence")
    take_in(store, tmp_path, "s")
    assert one(store, target) == "_news/a.md"
    lost.unlink()
    take_in(store, tmp_path, "s")
    assert one(store, target) == "_news/b.md"


def test_a_related_link_is_resolved_by_url_where_title_and_date_fail(store: Store, tmp_path: Path) -> None:
    linking = write_story(tmp_path, "a.md")
    related = "related:\n  - title: old headline\n    webUrl: https://B.example:443/b#top\n---\n"
    linking.write_text(linking.read_text().replace("---\nBody.", f"{related}Body."))
    write_story(tmp_path, "b.md", url="https://b.example/b")
    take_in(store, tmp_path, "s")
    target = sa.select(articles.c.path).join(related_links, related_links.c.target_id == articles.c.id)
    assert one(store, target) == "_news/b.md"


def test_a_link_names_no_article_of_another_source(store: Store, tmp_path: Path) -> None:
    for source in ("one", "two"):
        write_story(tmp_path / source, "b.md")
    linking = write_story(tmp_path / "one", "a.md")
    related = "related:\n  - title: b.md\n    publishedDateTime: 2024-01-01T00:00:00Z\n---\n"
    linking.write_text(linking.read_text().replace("---\nBody.", f"{related}Body."))
    take_in(store, tmp_path / "two")
    take_in(store, tmp_path / "one")
    owner = (
        sa.select(sources.c.name)
        .join(articles)
        .join(related_links, related_links.c.target_id == articles.c.id)
    )
    assert one(store, owner) == "one"


def test_importing_one_source_leaves_the_links_of_the_others(
    store: Store, site: Path, tmp_path: Path
) -> None:
    take_in(store, site)
    links = sa.select(related_links.c.id, related_links.c.target_id).order_by(related_links.c.id)
    before = rows(store, links)
    take_in(store, site, "copy")
    write_story(tmp_path / "third", "a.md", at="2021-05-26T07:40:00Z")
    take_in(store, tmp_path / "third")
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


def test_an_item_that_is_no_path_stops_nothing(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    odd = "items: ['videos/" + "v" * 900 + "', '../../x', '']\n---\n"
    file.write_text(file.read_text().replace("---\nBody.", f"{odd}Body."))
    assert take_in(store, tmp_path, "s").added == 1
    assert count(store, collection_items) == 3


@pytest.mark.parametrize("name", ["", "x" * 191, "two\nlines"])
def test_a_name_that_no_source_can_have_is_refused(store: Store, site: Path, name: str) -> None:
    with pytest.raises(ImportFailed, match="--source"):
        take_in(store, site, name)


def test_restoring_a_broken_file_closes_its_issue_and_keeps_the_others(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    good = file.read_text().replace("heat: 70", "heat: hot")
    file.write_text(good)
    take_in(store, tmp_path, "s")
    file.write_text(good.replace("title:", "title: :"))
    take_in(store, tmp_path, "s")
    still_open = sa.select(import_issues.c.code).where(import_issues.c.resolved_import_id.is_(None))
    assert sorted(code for (code,) in rows(store, still_open)) == ["not_a_number", "yaml_syntax"]
    file.write_text(good)
    take_in(store, tmp_path, "s")
    assert [code for (code,) in rows(store, still_open)] == ["not_a_number"]


def test_an_issue_that_moves_says_where_it_is_now(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text()
    for heat, line in (("heat: 70: 80", 6), ("# a comment\nheat: 70: 80", 7)):
        file.write_text(text.replace("heat: 70", heat))
        take_in(store, tmp_path, "s")
        assert [tuple(r) for r in rows(store, sa.select(import_issues.c.code, import_issues.c.line))] == [
            ("yaml_syntax", line)
        ]


#: What may become of a document by accident, so that it is none any more.
NO_DOCUMENT = {
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


@pytest.mark.parametrize("kind", some(NO_DOCUMENT))
def test_a_known_file_that_is_no_document_any_more_is_an_error_and_its_article_stays(
    store: Store, tmp_path: Path, kind: str
) -> None:
    file = write_story(tmp_path, "a.md")
    write_story(tmp_path, "b.md")
    text = file.read_text()
    take_in(store, tmp_path, "s")
    before = digests(store, "imports", "import_issues", "files")
    file.write_text(NO_DOCUMENT[kind])
    for _ in range(2):
        summary = take_in(store, tmp_path, "s")
        assert (summary.quarantined, summary.skipped, summary.missing, summary.unchanged) == (1, 0, 0, 1)
        assert summary.status == "partial"
        assert digests(store, "imports", "import_issues", "files") == before
    issue = import_issues.c
    said = sa.select(issue.path, issue.severity, issue.code, issue.line, issue.resolved_import_id)
    assert rows(store, said) == [("_news/a.md", "error", "no_opening_fence", 1, None)]
    file.write_text(text)
    summary = take_in(store, tmp_path, "s")
    assert (summary.unchanged, summary.quarantined) == (2, 0)
    assert count(store, import_issues, issue.resolved_import_id.is_(None)) == 0
    assert digests(store, "imports", "import_issues", "files") == before


def test_a_folder_that_becomes_a_link_is_named_and_marks_nothing_missing(
    store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    write_story(root, "a.md")
    (root / "_samples").mkdir()
    (root / "_samples" / "b.md").write_text("---\ntitle: b\n---\n")
    take_in(store, root)
    (root / "_news").rename(tmp_path / "elsewhere")
    (root / "_news").symlink_to(tmp_path / "elsewhere")
    assert take_in(store, root).missing == 0
    assert rows(store, sa.select(import_issues.c.code, import_issues.c.path)) == [("symlink", "_news")]


def test_a_fault_of_ours_in_one_file_stops_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.documents.parsing import parse_article
    from curation.importing.reading import files

    def stumble(content: bytes) -> Any:
        if b"bad.md" in content:
            raise ZeroDivisionError
        return parse_article(content)

    monkeypatch.setattr(files, "parse_article", stumble)
    write_story(tmp_path, "bad.md")
    write_story(tmp_path, "good.md")
    summary = take_in(store, tmp_path, "s")
    assert (summary.added, summary.quarantined) == (1, 1)
    assert one(store, sa.select(import_issues.c.code)) == "internal_error"


def test_a_changed_document_changes_its_row_and_only_that(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    write_story(tmp_path, "b.md", quality=20)
    take_in(store, tmp_path, "s")
    before = rows(store, sa.select(articles.c.id, articles.c.path).order_by(articles.c.path))
    write_story(tmp_path, "a.md", quality=11, title="new")
    summary = take_in(store, tmp_path, "s")
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
    take_in(store, tmp_path, "s")
    before = digests(store, "imports", "documents")
    file.write_text(text.replace("---\nBody.", 'secured: "R0hJ;SktM"\n---\nBody.'))
    summary = take_in(store, tmp_path, "s")
    assert (summary.updated, summary.unchanged) == (0, 1)
    assert digests(store, "imports", "documents") == before
    assert bytes(one(store, sa.select(documents.c.content))) == file.read_bytes()


def test_secured_is_nowhere_but_in_the_stored_document(store: Store, site: Path) -> None:
    take_in(store, site)
    file = next(f for f in sorted((site / "_news").glob("*.md")) if b"\nsecured:" in f.read_bytes())
    secret = file.read_text().split('secured: "')[1][:24]
    for table in (t for t in articles.metadata.sorted_tables if t is not documents):
        assert secret not in repr(rows(store, sa.select(table))), table.name


def test_a_decision_stands_when_upstream_changes_its_mind(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", quality=10)
    take_in(store, tmp_path, "s")
    decide_flags(store, "_news/a.md", quality=80, published=0)
    write_story(tmp_path, "a.md", quality=30)
    take_in(store, tmp_path, "s")
    wanted = sa.select(
        articles.c.quality, articles.c.upstream_quality, articles.c.published, articles.c.upstream_published
    )
    assert [tuple(r) for r in rows(store, wanted)] == [(80, 30, False, True)]
    said = sa.select(
        import_issues.c.severity, import_issues.c.code, import_issues.c.field, import_issues.c.message
    )
    assert [tuple(r) for r in rows(store, said)] == [
        ("notice", "upstream_changed", "quality", "upstream changed to 30; the override 80 is kept")
    ]
    write_story(tmp_path, "a.md", quality=80)
    take_in(store, tmp_path, "s")
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 0
    assert count(store, overrides) == 2


def test_removed_is_a_veto(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    file.write_text(file.read_text().replace("published: true", "published: true\nremoved: true"))
    take_in(store, tmp_path, "s")
    wanted = sa.select(articles.c.published, articles.c.removed, articles.c.upstream_published)
    assert [tuple(r) for r in rows(store, wanted)] == [(False, True, True)]


def test_a_missing_file_is_marked_and_comes_back(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    write_story(tmp_path, "b.md")
    take_in(store, tmp_path, "s")
    text = file.read_text()
    file.unlink()
    assert take_in(store, tmp_path, "s").missing == 1
    assert take_in(store, tmp_path, "s").missing == 0
    gone = sa.select(articles.c.missing_since).where(articles.c.path == "_news/a.md")
    assert isinstance(one(store, gone), dt.datetime)
    file.write_text(text)
    assert take_in(store, tmp_path, "s").updated == 1
    assert one(store, gone) is None


def test_a_broken_file_is_put_aside_and_closes_its_issue_when_mended(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "good.md")
    bad = write_story(tmp_path, "bad.md")
    text = bad.read_text()
    bad.write_text(text.replace("heat: 70", "heat: 70: 80"))
    summary = take_in(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.status) == (1, 1, "partial")
    wanted = sa.select(*(import_issues.c[n] for n in ("path", "severity", "code", "line", "column")))
    assert [tuple(r) for r in rows(store, wanted)] == [("_news/bad.md", "error", "yaml_syntax", 6, 9)]
    before = digests(store, "imports")
    assert take_in(store, tmp_path, "s").quarantined == 1
    assert digests(store, "imports") == before
    bad.write_text(text)
    assert take_in(store, tmp_path, "s").added == 1
    assert count(store, import_issues, import_issues.c.resolved_import_id.is_(None)) == 0


def test_a_file_that_breaks_later_leaves_its_article_as_it_was(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md", quality=10)
    take_in(store, tmp_path, "s")
    before = digests(store, "imports", "import_issues", "files")
    file.write_bytes(b"---\ntitle: \xff\n---\n")
    summary = take_in(store, tmp_path, "s")
    assert (summary.quarantined, summary.missing) == (1, 0)
    assert digests(store, "imports", "import_issues", "files") == before


def test_a_field_that_cannot_be_kept_is_left_empty_with_a_warning(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text().replace("title: a.md", "title: [a]")
    file.write_text(text.replace("publishedDateTime: 2024-01-01T00:00:00Z", "publishedDateTime: soon"))
    summary = take_in(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.to_review, summary.status) == (1, 0, 0, "succeeded")
    assert rows(store, sa.select(articles.c.title, articles.c.published_at)) == [(None, None)]
    said = sa.select(import_issues.c.severity, import_issues.c.code, import_issues.c.field).order_by(
        import_issues.c.field
    )
    assert [tuple(r) for r in rows(store, said)] == [
        ("warning", "not_an_instant", "publishedDateTime"),
        ("warning", "not_one_value", "title"),
    ]


def test_a_flag_that_cannot_be_read_is_an_error_and_stays_as_it_was(store: Store, tmp_path: Path) -> None:
    file = write_story(tmp_path, "a.md")
    text = file.read_text()
    broken = text.replace("heat: 70", "heat: hot").replace("quality: 50", "quality: .nan")
    broken = broken.replace("published: true", "published: flase")
    flags = sa.select(*(articles.c[name] for name in ("quality", "heat", "published", "upstream_published")))
    said = sa.select(import_issues.c.severity, import_issues.c.code, import_issues.c.field).where(
        import_issues.c.resolved_import_id.is_(None)
    )
    told = [
        ("error", "not_a_flag", "published"),
        ("error", "not_a_number", "heat"),
        ("error", "not_finite", "quality"),
    ]
    file.write_text(broken)
    summary = take_in(store, tmp_path, "s")
    assert (summary.added, summary.quarantined, summary.to_review, summary.status) == (1, 0, 1, "partial")
    assert rows(store, flags) == [(None, None, False, False)]
    assert sorted(map(tuple, rows(store, said))) == told
    for word in ("false", "true"):
        file.write_text(text.replace("published: true", f"published: {word}"))
        summary = take_in(store, tmp_path, "s")
        assert (summary.updated, summary.to_review, summary.status) == (1, 0, "succeeded")
        due = rows(store, flags)
        assert due == [(50, 70, word == "true", word == "true")]
        assert rows(store, said) == []
        file.write_text(broken)
        for _ in range(2):
            summary = import_folder(store, tmp_path, source="s", full=True)
            assert (summary.quarantined, summary.to_review, summary.status) == (0, 1, "partial")
            assert rows(store, flags) == due
            assert sorted(map(tuple, rows(store, said))) == told


def test_links_and_special_files_are_passed_over_with_an_issue(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path / "root", "a.md")
    secret = tmp_path / "secret.md"
    secret.write_text("---\ntitle: secret\n---\n")
    (tmp_path / "root" / "_news" / "link.md").symlink_to(secret)
    os.mkfifo(tmp_path / "root" / "_news" / "fifo.md")
    summary = take_in(store, tmp_path / "root", "s")
    assert (summary.added, summary.quarantined) == (1, 0)
    said = sa.select(import_issues.c.code, import_issues.c.path).order_by(import_issues.c.path)
    assert [tuple(r) for r in rows(store, said)] == [
        ("special_file", "_news/fifo.md"),
        ("symlink", "_news/link.md"),
    ]


def test_a_folder_without_content_is_refused_and_marks_nothing_missing(store: Store, site: Path) -> None:
    take_in(store, site)
    with pytest.raises(ImportFailed, match="no content"):
        take_in(store, site / "assets", "site")
    assert count(store, articles, articles.c.missing_since.is_not(None)) == 0


def test_one_import_of_a_source_at_a_time(store: Store, site: Path) -> None:
    with (
        store.backend.import_lock(store.engine, "site"),
        pytest.raises(ImportFailed, match="another import of 'site' is running"),
    ):
        take_in(store, site)
    assert take_in(store, site).added == 50


def test_an_import_that_dies_is_marked_failed_and_the_next_one_completes_it(
    store: Store, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 10)

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(store, site, actor="tester", progress=stop)
    [(status, added)] = rows(store, sa.select(imports.c.status, imports.c.added))
    assert (status, added) == ("failed", count(store, articles))
    assert 0 < count(store, articles) < 50
    assert count(store, documents) == count(store, articles)
    summary = take_in(store, site)
    assert summary.added + summary.unchanged == 50
    assert count(store, related_links, related_links.c.target_id.is_not(None)) == 19


def test_uses_of_an_image_that_differ_keep_what_they_say(store: Store, site: Path) -> None:
    take_in(store, site)
    from curation.store.schema import article_images

    uses = sa.select(images.c.url, images.c.title, article_images.c.extra).join(article_images)
    differing = [
        (url, title, extra) for url, title, extra in rows(store, uses) if extra and extra.get("title")
    ]
    assert differing
    assert all(extra["url"] == url and extra["title"] != title for url, title, extra in differing)


def test_null_topics_have_no_row_and_stay_as_written(store: Store, site: Path) -> None:
    take_in(store, site)
    path = "_news/2020-07-03-"
    tea_towel = sa.select(articles.c.id, articles.c.extra).where(articles.c.path.startswith(path))
    [(article_id, extra)] = rows(store, tea_towel)
    assert None in extra["topics"]
    assert count(store, article_topics, article_topics.c.article_id == article_id) == len(
        [t for t in extra["topics"] if t is not None]
    )


def test_extra_is_json_text_on_every_engine(store: Store, site: Path) -> None:
    take_in(store, site)
    cast = sa.cast(articles.c.extra, sa.Text)
    for path, text in rows(store, sa.select(articles.c.path, cast)):
        assert isinstance(json.loads(text), dict), path


def test_an_import_right_after_another_of_its_source_is_not_held_up(store: Store) -> None:
    """PostgreSQL ends a closed session, and with it its locks, in its own time: here, not at all."""
    lasting = sa.create_engine(store.engine.url)  # its pool closes no connection
    with store.backend.import_lock(lasting, "s"):
        pass
    with store.backend.import_lock(store.engine, "s"):
        pass
    lasting.dispose()
