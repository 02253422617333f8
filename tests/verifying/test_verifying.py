"""`curation db verify` reports nothing about a correctly filled store, and reports each kind of damage.

The tests damage stores by SQL, without the engine's constraints.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.importing import batches
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, documents
from curation.verifying import findings as findings_module
from curation.verifying.run import Finding, count, verify

from ..support.cases import some
from ..support.importing_helpers import import_folder, interrupt_import
from ..support.places import SITE
from ..support.store_digest import digests
from ..support.stores import ON_SQLITE, make_store
from ..support.verifying_helpers import (
    ANOTHER,
    BROKEN,
    MISSING,
    OVERRIDDEN,
    PLAIN,
    REPLACED,
    fill,
    override_flags,
    unguarded,
)


def found(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same as `filled`, for tests that roll back their changes."""
    folder = tmp_path_factory.mktemp("shared")
    made = make_store(request, folder)
    fill(made, Path(shutil.copytree(SITE, folder / "site")))
    yield made
    made.engine.dispose()


SHARED_ON_SQLITE = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)


# --- sound -----------------------------------------------------------------------------------------------


def test_an_empty_store_is_sound(store: Store) -> None:
    assert found(store) == []


def test_a_filled_store_is_sound(filled: Store) -> None:
    assert found(filled) == []
    with filled.reading() as connection:
        counts = count(connection)
    assert (counts.articles, counts.documents) == (50, 60)
    assert counts.changes > 6


def test_batches_of_any_size_find_the_same(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.writing() as connection:
        connection.exec_driver_sql("UPDATE articles SET excerpt = 'x' WHERE mod(id, 5) = 0")
    whole = found(filled)
    assert len(whole) >= 10
    calls = []
    monkeypatch.setattr(findings_module, "ROWS_PER_BATCH", 7)
    with filled.reading() as connection:
        assert list(verify(connection, lambda done, total: calls.append((done, total)))) == whole
    assert calls == [(min(n, 50), 50) for n in range(7, 57, 7)]


def test_verifying_changes_nothing(filled: Store) -> None:
    before = digests(filled)
    assert found(filled) == []
    assert digests(filled) == before


def test_verifying_sees_one_state_while_editors_work(filled: Store) -> None:
    with filled.reading() as connection:
        counts = count(connection)
        override_flags(filled, PLAIN, quality=1, removed=1)
        assert list(verify(connection)) == []
        assert count(connection) == counts
    with filled.reading() as connection:
        assert count(connection).changes > counts.changes
    assert found(filled) == []


def test_an_editor_at_work_during_an_import_leaves_a_sound_history(
    store: Store, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import's changeset is older than the editor's, but its change of this article is later."""
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 10)
    import_folder(store, site)
    path = "_samples/flash-pattern-simulator.md"
    with (site / "_archive/_news/2019-06-21-sea-level-measured-from-a-deckchair.md").open("a") as first:
        first.write("One more line.\n")
    (site / path).write_text(ANOTHER)

    edits: list[int] = []

    def edit(done: int, total: int) -> None:
        if done >= total // 2 and not edits:
            edits.append(done)
            override_flags(store, path, quality=77)

    assert import_folder(store, site, full=True, progress=edit).updated == 2
    rows = sa.select(changes.c.old_override, changes.c.new_override, changesets.c.kind)
    rows = rows.join(changesets).join(articles, articles.c.id == changes.c.article_id)
    rows = rows.where(articles.c.path == path, changes.c.field == "quality")
    with store.reading() as connection:
        by_time = connection.execute(rows.order_by(changesets.c.created_at)).all()
    assert list(map(tuple, by_time)) == [(77, None, "import"), (None, 77, "edit")]
    assert found(store) == []


def test_an_interrupted_import_leaves_a_sound_store(
    store: Store, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import resolves links at its end, so they are checked only after that."""
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 10)
    interrupt_import(store, site)
    assert found(store) == []
    import_folder(store, site)
    assert found(store) == []


# --- damage ---------------------------------------------------------------------------------------------


def article(path: str) -> str:
    return f"(SELECT id FROM articles WHERE path = '{path}')"


class Damage(NamedTuple):
    """SQL that damages a store, and the expected findings: pairs of the check and a part of its text."""

    sql: str
    found: list[tuple[str, str]]
    subject: str = ""


#: An image whose uses all have its values, and one that is used once.
_UNIFORM = (
    "(SELECT min(image_id) FROM article_images WHERE image_id NOT IN"
    " (SELECT image_id FROM article_images WHERE extra IS NOT NULL))"
)
_USED_ONCE = (
    "(SELECT min(image_id) FROM article_images WHERE image_id NOT IN (SELECT image_id FROM related_link_images)"
    " AND image_id IN (SELECT image_id FROM article_images GROUP BY image_id HAVING count(*) = 1))"
)

DAMAGES = {
    "reference to a missing import": Damage(
        f"UPDATE file_versions SET last_import_id = 999 WHERE path = '{OVERRIDDEN}'",
        [("references", "last_import_id is 999, but imports has no such row")],
        f"file_versions: source_id 1, path {OVERRIDDEN}, import_id 2",
    ),
    "author of a missing article": Damage(
        "INSERT INTO article_authors (article_id, position, name) VALUES (999, 0, 'Nobody')",
        [("references", "article_id is 999, but articles has no such row")],
        "article_authors: article_id 999, position 0",
    ),
    "document of a missing article": Damage(
        f"INSERT INTO documents SELECT 999, digest, content FROM documents WHERE article_id = {article(PLAIN)}",
        [("references", "article_id is 999")],
    ),
    "no document": Damage(
        f"DELETE FROM documents WHERE article_id = {article(PLAIN)}",
        [("documents", "no document")],
        f"site:{PLAIN}",
    ),
    "another digest": Damage(
        f"UPDATE documents SET digest = (SELECT digest FROM documents WHERE article_id = {article(OVERRIDDEN)})"
        f" WHERE article_id = {article(PLAIN)}",
        [("documents", "does not match its digest")],
        f"site:{PLAIN}",
    ),
    "other bytes": Damage(
        f"UPDATE documents SET content = (SELECT content FROM documents WHERE article_id = {article(OVERRIDDEN)})"
        f" WHERE article_id = {article(PLAIN)}",
        [("documents", "does not match its digest")],
        f"site:{PLAIN}",
    ),
    "file forgotten": Damage(
        f"DELETE FROM files WHERE path = '{PLAIN}'", [("files", "no file is recorded")], f"site:{PLAIN}"
    ),
    "file skipped": Damage(
        f"UPDATE files SET state = 'skipped' WHERE path = '{BROKEN}'",
        [("files", "no file is recorded")],
        f"site:{BROKEN}",
    ),
    "file of a topic forgotten": Damage(
        "DELETE FROM files WHERE path = '_data/topics/00-coast.yaml'",
        [("files", "no file is recorded")],
        "site:_data/topics/00-coast.yaml",
    ),
    "file without article": Damage(
        "INSERT INTO files (source_id, path, state) VALUES (1, '_news/nothing.md', 'imported')",
        [("files", "nothing present was read from it")],
        "site:_news/nothing.md",
    ),
    "file of a missing article": Damage(
        f"UPDATE articles SET missing_since = '2024-01-01 00:00:00' WHERE path = '{PLAIN}'",
        [("files", "nothing present was read from it"), ("review", "it should have nothing")],
        f"site:{PLAIN}",
    ),
    "import without end": Damage(
        "UPDATE imports SET finished_at = NULL WHERE id = 1",
        [("imports", "is succeeded, but has no finished_at")],
        "import 1",
    ),
    "running import with an end": Damage(
        "UPDATE imports SET status = 'running' WHERE id = 1", [("imports", "is running, but")], "import 1"
    ),
    "import that added more": Damage(
        "UPDATE imports SET added = added + 1 WHERE id = 1",
        [("imports", "added is 51, but its rows give 50")],
        "import 1",
    ),
    "import that changed less": Damage(
        "UPDATE imports SET updated = 0, missing = 0 WHERE id = 2",
        [("imports", "updated is 0, but its rows give 2"), ("imports", "missing is 0, but its rows give 1")],
        "import 2",
    ),
    "earlier bytes": Damage(
        f"UPDATE file_versions SET delta = digest WHERE path = '{OVERRIDDEN}'",
        [("versions", "its content before import 2 cannot be restored")],
        f"site:{OVERRIDDEN}",
    ),
    "digest of earlier bytes": Damage(
        f"UPDATE file_versions SET digest = (SELECT digest FROM documents LIMIT 1) WHERE path = '{OVERRIDDEN}'",
        [("versions", "its content before import 2 cannot be restored")],
        f"site:{OVERRIDDEN}",
    ),
    "changed by another import": Damage(
        f"UPDATE articles SET last_import_id = 1 WHERE path = '{OVERRIDDEN}'",
        [
            ("audit", "heat: change 8 starts from 122 (no override), not 1122 (no override)"),
            ("versions", "import 1 changed it last, but import 2 stored the version before"),
        ],
        f"site:{OVERRIDDEN}",
    ),
    "unused topic": Damage(
        "INSERT INTO topics (id, name, digest) SELECT 0, 'x', digest FROM documents LIMIT 1",
        [("orphans", "nothing refers to it"), ("identity", "its digest does not match its name")],
        "topics 0",
    ),
    "first value of a flag": Damage(
        "UPDATE changes SET old_value = 1 WHERE old_value = 0 AND field = 'removed'",
        [("audit", "starts from true (no override), not false (no override)")],
    ),
    "provider of another name": Damage(
        "UPDATE providers SET name = 'Somebody Else' WHERE id = 2",
        [("identity", "its digest does not match its name and domain")],
        "providers 2",
    ),
    "topic of another name": Damage(
        "UPDATE topics SET name = 'Something Else' WHERE id = 2",
        [("identity", "its digest does not match its name")],
        "topics 2",
    ),
    "image of another URL": Damage(
        f"UPDATE images SET url = 'https://else.example/' WHERE id = {_UNIFORM}",
        [("identity", "its digest does not match its url")],
    ),
    "taxonomy of other bytes": Damage(
        "UPDATE taxonomy_documents SET digest = (SELECT digest FROM documents LIMIT 1)"
        " WHERE path = '_data/topics/00-coast.yaml'",
        [("taxonomy", "does not match its digest")],
        "site:_data/topics/00-coast.yaml",
    ),
    "other front matter": Damage(
        "UPDATE taxonomy_documents SET front_matter = '{}' WHERE path = '_data/topics/00-coast.yaml'",
        [("taxonomy", "differs from the document: front_matter")],
        "site:_data/topics/00-coast.yaml",
    ),
    "about another topic": Damage(
        "UPDATE taxonomy_documents SET topic_id ="
        " (SELECT topic_id FROM taxonomy_documents WHERE path = '_data/topics/02-tides.yaml')"
        " WHERE path = '_data/topics/01-lighthouses.yaml'",
        [
            ("taxonomy", "differs from the document: topic_id"),
            ("taxonomy", "slug, parent_id"),
            ("taxonomy", "slug, parent_id"),
        ],
    ),
    "about another provider": Damage(
        "UPDATE taxonomy_documents SET provider_id = NULL"
        " WHERE path = '_data/organizations/puddles.example.org.md'",
        [("taxonomy", "differs from the document: provider_id"), ("taxonomy", "provider_images")],
    ),
    "description": Damage(
        "UPDATE providers SET description = 'x' WHERE id = 1",
        [("taxonomy", "differs from the documents about it: description")],
        "providers 1",
    ),
    "aliases": Damage(
        "DELETE FROM provider_aliases WHERE provider_id = (SELECT min(provider_id) FROM provider_aliases)",
        [("taxonomy", "differs from the documents about it: provider_aliases")],
    ),
    "images of a provider": Damage(
        "UPDATE provider_images SET position = 7 WHERE position = 0 AND provider_id = 1",
        [("taxonomy", "differs from the documents about it: provider_images")],
        "providers 1",
    ),
    "slug of a topic": Damage(
        "UPDATE topics SET slug = 'x' WHERE name = 'Coast'",
        [("taxonomy", "differs from the documents about it: slug")],
    ),
    "parent of a topic": Damage(
        "UPDATE topics SET parent_id = NULL WHERE name = 'Fresnel Lenses'",
        [("taxonomy", "differs from the documents about it: parent_id")],
    ),
    "link without target": Damage(
        f"UPDATE related_links SET target_id = NULL WHERE article_id = {article(OVERRIDDEN)} AND position = 1",
        [("links", "related link 1 refers to no article, but now resolves differently")],
        f"site:{OVERRIDDEN}",
    ),
    "link to another article": Damage(
        f"UPDATE related_links SET target_id = {article(PLAIN)}"
        f" WHERE article_id = {article(OVERRIDDEN)} AND position = 1",
        [("links", "related link 1 refers to article")],
        f"site:{OVERRIDDEN}",
    ),
    "item without target": Damage(
        "UPDATE collection_items SET item_id = NULL"
        " WHERE position = 0 AND article_id = (SELECT min(article_id) FROM collection_items)",
        [("links", "collection item 0 refers to no article, but now resolves differently")],
    ),
    "columns of an article": Damage(
        f"UPDATE articles SET body = 'x', excerpt = NULL, provider_id = NULL WHERE path = '{PLAIN}'",
        [("rows", "articles: differs from the document: provider_id, excerpt, body")],
        f"site:{PLAIN}",
    ),
    "extra and content hash": Damage(
        f"UPDATE articles SET extra = '{{\"x\": 1}}', content_hash = 'x' WHERE path = '{PLAIN}'",
        [("rows", "articles: differs from the document: content_hash, extra")],
    ),
    "times and addresses": Damage(
        "UPDATE articles SET published_at = '2024-01-01 00:00:00', canonical_digest = NULL"
        f" WHERE path = '{PLAIN}'",
        [("rows", "articles: differs from the document: canonical_digest, published_at")],
    ),
    "missing topic": Damage(
        f"DELETE FROM article_topics WHERE position = 1 AND article_id = {article(OVERRIDDEN)}",
        [("rows", "article_topics: 1 row, but the document gives 2")],
        f"site:{OVERRIDDEN}",
    ),
    "another topic": Damage(
        "UPDATE article_topics SET topic_id = (SELECT id FROM topics WHERE name = 'Herring Gulls')"
        f" WHERE position = 1 AND article_id = {article(OVERRIDDEN)}",
        [("rows", "article_topics: differs from the document at position 1")],
        f"site:{OVERRIDDEN}",
    ),
    "another author": Damage(
        "UPDATE article_authors SET name = 'x'"
        " WHERE position = 0 AND article_id = (SELECT min(article_id) FROM article_authors)",
        [("rows", "article_authors: differs from the document at position 0")],
    ),
    "use of an image": Damage(
        f"UPDATE article_images SET extra = '{{}}' WHERE position = 1 AND article_id = {article(OVERRIDDEN)}",
        [("rows", "article_images: differs from the document at position 1")],
        f"site:{OVERRIDDEN}",
    ),
    "facts of an image": Damage(
        f"UPDATE images SET width = 7 WHERE id = {_USED_ONCE}",
        [("rows", "article_images: differs from the document at position")],
    ),
    "related link": Damage(
        f"UPDATE related_links SET excerpt = 'x', extra = '{{}}', provider_id = NULL"
        f" WHERE article_id = {article(OVERRIDDEN)} AND position <> 1",
        [("rows", "related_links: differs from the document at position 0, 2")],
        f"site:{OVERRIDDEN}",
    ),
    "image of a link": Damage(
        "DELETE FROM related_link_images WHERE position = 0 AND related_link_id ="
        " (SELECT min(related_link_id) FROM related_link_images)",
        [("rows", "related_link_images: ")],
    ),
    "collection item": Damage(
        "UPDATE collection_items SET item_path = 'x'"
        " WHERE position = 0 AND article_id = (SELECT min(article_id) FROM collection_items)",
        [("rows", "collection_items: differs from the document at position 0")],
    ),
    "upstream value": Damage(
        f"UPDATE articles SET upstream_quality = 3 WHERE path = '{OVERRIDDEN}'",
        [("rows", "articles: differs from the document: upstream_quality")],
    ),
    "value without override": Damage(
        f"UPDATE articles SET heat = 3 WHERE path = '{PLAIN}'",
        [("flags", "heat is 3, but upstream and overrides give")],
        f"site:{PLAIN}",
    ),
    "veto": Damage(
        f"UPDATE articles SET removed = (1 = 1) WHERE path = '{PLAIN}'",
        [("flags", "removed is true, but upstream and overrides give false")],
    ),
    "veto without effect": Damage(
        "UPDATE articles SET published = (1 = 1) WHERE path = '_samples/flash-pattern-simulator.md'",
        [
            ("flags", "published is true, but upstream and overrides give false"),
            ("audit", "published is true (no override), but its changes lead to false (no override)"),
        ],
    ),
    "last change": Damage(
        f"UPDATE changes SET new_value = 1 WHERE article_id = {article(OVERRIDDEN)} AND new_value = 70",
        [
            ("audit", "quality is 70 (override 70), but its changes lead to 1 (override 70)"),
            ("audit", "has the impossible state 1 (override 70)"),
        ],
        f"site:{OVERRIDDEN}",
    ),
    "change in between": Damage(
        f"UPDATE changes SET old_value = 1 WHERE article_id = {article(OVERRIDDEN)} AND new_value = 70",
        [
            ("audit", "starts from 1 (override 80), not 80 (override 80)"),
            ("audit", "has the impossible state 1 (override 80)"),
        ],
        f"site:{OVERRIDDEN}",
    ),
    "first change": Damage(
        f"UPDATE changes SET old_override = 1 WHERE article_id = {article(OVERRIDDEN)} AND new_value = 80",
        [("audit", "(override 1), not "), ("audit", "has the impossible state ")],
        f"site:{OVERRIDDEN}",
    ),
    "lost change": Damage(
        f"DELETE FROM changes WHERE article_id = {article(OVERRIDDEN)} AND new_value = 70",
        [
            ("audit", "quality is 70 (override 70), but its changes lead to 80 (override 80)"),
            ("overrides", "has no change that sets the override"),
        ],
    ),
    "override without change": Damage(
        "INSERT INTO overrides (article_id, field, value, changeset_id)"
        f" SELECT id, 'heat', heat, 2 FROM articles WHERE path = '{PLAIN}'",
        [
            ("audit", "but its changes lead to"),
            ("overrides", "changeset 2 has no change that sets the override"),
        ],
        f"site:{PLAIN}",
    ),
    "override of another changeset": Damage(
        f"UPDATE overrides SET changeset_id = 1 WHERE article_id = {article(OVERRIDDEN)} AND field = 'quality'",
        [
            (
                "audit",
                "quality is 70 (override 70) of changeset 1, but its changes lead to 70 (override 70) of changeset 3",
            ),
            ("overrides", "quality: changeset 1 has no change that sets the override"),
        ],
        f"site:{OVERRIDDEN}",
    ),
    "set aside from another changeset": Damage(
        "UPDATE set_aside_overrides SET changeset_id = 1",
        [("overrides", "heat: changeset 1 has no change that sets the override")],
        f"site:{REPLACED}",
    ),
    "set aside and in effect": Damage(
        "INSERT INTO set_aside_overrides (article_id, field, value, changeset_id)"
        " SELECT article_id, field, value, changeset_id FROM overrides"
        f" WHERE article_id = {article(OVERRIDDEN)} AND field = 'quality'",
        [("overrides", "is both in effect and set aside")],
        f"site:{OVERRIDDEN}",
    ),
}


@pytest.mark.parametrize("name", some(DAMAGES))
def test_each_damage_is_found_and_nothing_else(shared: Store, name: str) -> None:
    damage = DAMAGES[name]
    with unguarded(shared) as connection:
        assert connection.exec_driver_sql(damage.sql).rowcount > 0
        findings = list(verify(connection))
    pairs = [(finding.check, finding.wrong) for finding in findings]
    assert [check for check, _ in pairs] == [check for check, _ in damage.found], pairs
    for (_, wrong), (_, part) in zip(pairs, damage.found, strict=True):
        assert part in wrong
    assert not damage.subject or findings[0].subject == damage.subject


@pytest.mark.slow
def test_every_column_that_a_document_decides_is_compared(shared: Store) -> None:
    """Each column in turn becomes null, false or a wrong value."""
    left_out = {"id", "source_id", "first_import_id", "last_import_id", "missing_since", "path"}
    columns = [column for column in articles.c if column.name not in left_out]
    for column in columns:
        with unguarded(shared) as connection:
            row = sa.select(column).where(articles.c.path == PLAIN)
            wrong = _wrong_value(column, connection.scalar(row))
            connection.execute(sa.update(articles).where(articles.c.path == PLAIN).values({column: wrong}))
            findings = list(verify(connection))
        assert findings, column.name
        assert {f.check for f in findings} <= {"rows", "flags"}, column.name
    assert found(shared) == []


def _wrong_value(column: sa.Column[Any], value: Any) -> Any:
    if column.name == "extra":
        return '{"wrong": true}'
    if column.name == "provider_id":
        return None if value == 1 else 1
    if column.name in ("published_at", "updated_at"):
        return dt.datetime(1999, 1, 1, tzinfo=dt.UTC)
    if column.name == "canonical_digest":
        return b"wrong"
    if column.name == "upstream_status":
        return "draft"
    if column.nullable and value is not None:
        return None
    if isinstance(column.type, sa.String | sa.Text):
        return "wrong"
    if column.name in ("quality", "heat", "upstream_quality", "upstream_heat"):
        return 4711
    if column.name.endswith(("published", "removed")):
        return not value
    raise AssertionError(f"no wrong value for {column.name}, which is {value!r}")


def test_a_document_that_can_no_longer_be_parsed_is_found(shared: Store) -> None:
    for content, reason in ((b"---\ntitle: [\n---\n", "yaml_syntax"), (b"no fence", "it is not a document")):
        with unguarded(shared) as connection:
            is_plain = (
                documents.c.article_id
                == sa.select(articles.c.id).where(articles.c.path == PLAIN).scalar_subquery()
            )
            values = {"content": content, "digest": hashlib.sha256(content).digest()}
            connection.execute(sa.update(documents).where(is_plain).values(values))
            [finding] = verify(connection)
        assert (finding.check, finding.subject) == ("rows", f"site:{PLAIN}")
        assert reason in finding.wrong


@SHARED_ON_SQLITE  # PostgreSQL stores only valid instants
def test_an_invalid_instant_is_found(shared: Store) -> None:
    with unguarded(shared) as connection:
        connection.exec_driver_sql(f"UPDATE articles SET published_at = 'yesterday' WHERE path = '{PLAIN}'")
        [finding] = verify(connection)
    assert finding.wrong == "articles: differs from the document: published_at"


@SHARED_ON_SQLITE  # PostgreSQL has no check that any user may run
def test_damage_of_the_engine_is_reported_alone(shared: Store) -> None:
    with unguarded(shared) as connection:
        connection.exec_driver_sql(
            f"UPDATE articles SET upstream_published = 7, body = 'x' WHERE path = '{PLAIN}'"
        )
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        [finding] = verify(connection)
    assert finding.check == "engine"
    assert "CHECK constraint failed in articles" in finding.wrong


@ON_SQLITE
def test_a_file_with_damaged_pages_is_reported(filled: Store, curation: Callable[..., Result]) -> None:
    root = "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_articles_by_date'"
    with filled.reading() as connection:
        page = connection.exec_driver_sql(root).scalar_one()
    filled.engine.dispose()  # the last connection to close moves the WAL into the file
    with Path(filled.location).open("r+b") as file:
        file.seek((page - 1) * 16384 + 8)
        file.write(b"\xff" * 64)
    ended = curation("db", "verify")
    assert ended.exit_code == 1
    assert "restore" in ended.stderr
    assert "internal error" not in ended.stderr


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_reports_a_sound_store(filled: Store, curation: Callable[..., Result]) -> None:
    ended = curation("db", "verify")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("no problems found: 50 articles, 60 documents, ")
    assert ended.stdout.endswith(" changes checked\n")


def test_the_command_lists_problems_and_fails(filled: Store, curation: Callable[..., Result]) -> None:
    with filled.writing() as connection:
        connection.exec_driver_sql(f"UPDATE articles SET heat = 3 WHERE path IN ('{PLAIN}', '{MISSING}')")
    ended = curation("db", "verify")
    assert ended.exit_code == 1
    assert ended.stdout.split()[:3] == ["check", "subject", "wrong"]
    assert f"site:{PLAIN}" in ended.stdout
    assert "3 findings: restore a backup" in ended.stderr
    rows = json.loads(curation("db", "verify", "--format", "json").stdout)
    assert [row["check"] for row in rows] == ["flags", "audit", "flags"]


def test_a_sound_store_has_no_rows(filled: Store, curation: Callable[..., Result]) -> None:
    ended = curation("db", "verify", "--format", "json")
    assert (ended.exit_code, ended.stdout) == (0, "[]\n")
    assert "no problems found" in ended.stderr


# --- after an upgrade ------------------------------------------------------------------------------------

PRESENT, ABSENT, UNREADABLE, DATED, SOUND = (
    f"_news/{name}.md" for name in ("present", "absent", "unreadable", "dated", "sound")
)
DRAFT = "---\ntitle: {path}\nquality: 7\ndraft: true\n---\nWords of {path}.\n"
FUTURE = "---\ntitle: Future\npublishedDateTime: 2091-01-01T00:00:00Z\n---\nFuture words.\n"


@pytest.fixture
def upgraded(store: Store, tmp_path: Path) -> Store:
    """An upgraded store of revision 0016, which had no drafts. Its source is `s`, in the test's folder."""
    (tmp_path / "s" / "_news").mkdir(parents=True)
    for path in (PRESENT, ABSENT, UNREADABLE):
        (tmp_path / "s" / path).write_text(DRAFT.format(path=path))
    (tmp_path / "s" / DATED).write_text(FUTURE)
    (tmp_path / "s" / SOUND).write_text(ANOTHER)
    import_folder(store, tmp_path / "s")
    (tmp_path / "s" / ABSENT).unlink()
    (tmp_path / "s" / UNREADABLE).write_text("---\ntitle: [\n---\n")
    summary = import_folder(store, tmp_path / "s")
    assert (summary.missing, summary.quarantined) == (1, 1)
    migrate.downgrade(store, "0016")
    with store.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE articles SET published = (1 = 1), upstream_published = NULL"
            f" WHERE path IN ('{PRESENT}', '{ABSENT}', '{UNREADABLE}')"
        )
    migrate.upgrade(store)
    return store


def outdated(*paths: str) -> set[tuple[str, str]]:
    return {("outdated", f"s:{path}") for path in paths}


def find_subjects(store: Store) -> set[tuple[str, str]]:
    return {(finding.check, finding.subject) for finding in found(store)}


def state(store: Store, path: str) -> tuple[Any, ...]:
    query = sa.select(articles.c.published, articles.c.upstream_status).where(articles.c.path == path)
    with store.reading() as connection:
        return tuple(connection.execute(query).one())


def test_documents_read_by_an_older_release_wait_for_an_import(upgraded: Store, tmp_path: Path) -> None:
    assert find_subjects(upgraded) == outdated(PRESENT, ABSENT, UNREADABLE, DATED)
    summary = import_folder(upgraded, tmp_path / "s")
    assert summary.updated == 2
    assert find_subjects(upgraded) == outdated(ABSENT, UNREADABLE)
    assert state(upgraded, PRESENT) == (False, "draft")
    assert state(upgraded, DATED) == (False, "scheduled")
    for path in (ABSENT, UNREADABLE):  # the same bytes as before
        (tmp_path / "s" / path).write_text(DRAFT.format(path=path))
    import_folder(upgraded, tmp_path / "s")
    assert (find_subjects(upgraded), count_outdated(upgraded)) == (set(), 0)
    assert {state(upgraded, path) for path in (ABSENT, UNREADABLE)} == {(False, "draft")}
    assert import_folder(upgraded, tmp_path / "s").updated == 0


def test_damage_is_found_in_an_upgraded_store_too(upgraded: Store, tmp_path: Path) -> None:
    for path, damage in (
        (PRESENT, "upstream_quality = 3, quality = 3"),
        (PRESENT, "upstream_status = 'scheduled'"),
        (PRESENT, "body = 'x'"),
        (SOUND, "upstream_published = (1 = 0), published = (1 = 0)"),
    ):
        with unguarded(upgraded) as connection:
            connection.exec_driver_sql(f"UPDATE articles SET {damage} WHERE path = '{path}'")
            pairs = {(finding.check, finding.subject) for finding in verify(connection)}
        assert pairs == outdated(PRESENT, ABSENT, UNREADABLE, DATED) - outdated(path) | {
            ("rows", f"s:{path}")
        }
    with upgraded.writing() as connection:
        connection.exec_driver_sql(f"UPDATE articles SET heat = 3 WHERE path = '{PRESENT}'")
    assert ("flags", f"s:{PRESENT}") in find_subjects(upgraded)


def test_flags_that_are_damaged_after_an_import_are_found(upgraded: Store, tmp_path: Path) -> None:
    import_folder(upgraded, tmp_path / "s")
    with upgraded.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE articles SET published = (1 = 1), upstream_published = NULL, upstream_status = NULL"
            f" WHERE path IN ('{PRESENT}', '{DATED}')"
        )
    assert ("rows", f"s:{PRESENT}") in find_subjects(upgraded)
    assert ("outdated", f"s:{PRESENT}") not in find_subjects(upgraded)


def test_the_command_reports_documents_that_wait_for_an_import(
    upgraded: Store, curation: Callable[..., Result]
) -> None:
    ended = curation("db", "verify")
    assert ended.exit_code == 0
    assert "\nno problems found: 5 articles" in ended.stdout
    assert ended.stderr == (
        "note: 4 documents were parsed by an older release: run `curation import` on the sources again\n"
    )
    with upgraded.writing() as connection:
        connection.exec_driver_sql(f"UPDATE articles SET body = 'x' WHERE path = '{SOUND}'")
    ended = curation("db", "verify")
    assert ended.exit_code == 1
    assert "Error: 1 finding" in ended.stderr


def test_values_read_by_an_older_release_wait_for_an_import(store: Store, tmp_path: Path) -> None:
    """Revision 0026 marks only documents that may now be read differently. In others, differences are damage."""
    front = {
        "lookalike": "x: 61e9540", "below": "x: [1, _1]", "quoted": 'quality: "80"', "leap": "publishedDateTime: 2016-12-31T23:59:60Z",
        "mail": "publishedDateTime: Tue, 10 Jun 2003 04:00:00 GMT", "blanks": "publishedDateTime: ' 2003-06-10 '",
        "title": "title: 7", "aside": "x: a\ufdd0", "kept": "x: |+\n  a\n",
    }  # fmt: skip
    plain = "quality: 80\nheat: -1\npublishedDateTime: 2003-06-10T04:00:00Z\nx: [1.5, a_1, 10 tips]\n"
    texts = {f"_news/{name}.md": text for name, text in (front | {"plain": plain}).items()}
    for path, text in texts.items():
        (tmp_path / "s" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "s" / path).write_text(f"---\ntext: {path}\n{text}\n---\nWords of {path}.\n")
    organization = tmp_path / "s" / "_data" / "organizations" / "o.md"
    organization.parent.mkdir(parents=True)
    organization.write_text("---\nname: O\nrank: _5\n---\n")
    import_folder(store, tmp_path / "s")
    (tmp_path / "s/_news/quoted.md").unlink()
    import_folder(store, tmp_path / "s")
    for revision in ("0025", "head"):
        (migrate.downgrade if revision == "0025" else migrate.upgrade)(store, revision)
    changed = sorted({f"_news/{name}.md" for name in front} - {"_news/quoted.md"})
    with store.writing() as connection:
        stale = connection.exec_driver_sql("SELECT path FROM files WHERE stamp = 'stale' ORDER BY path")
        assert stale.scalars().all() == ["_data/organizations/o.md", *changed]
        connection.exec_driver_sql("UPDATE articles SET extra = '{\"x\": 8}'")
        connection.exec_driver_sql(
            'UPDATE taxonomy_documents SET front_matter = \'{"name": "O", "rank": 5}\''
        )
    organizations = outdated("_data/organizations/o.md")
    # These have no notice that they may be read differently.
    silent = {("rows", f"s:_news/{name}.md") for name in ("plain", "aside", "kept")}
    assert (
        find_subjects(store)
        == outdated("_news/quoted.md", *changed) - {("outdated", subject) for _, subject in silent}
        | organizations
        | silent
    )
    summary = import_folder(store, tmp_path / "s")
    assert summary.updated == len(changed)
    assert find_subjects(store) == {*outdated("_news/quoted.md"), ("rows", "s:_news/plain.md")}


def test_damage_behind_a_quarantined_file_is_found(store: Store, tmp_path: Path) -> None:
    """A broken file does not show how an older release read the stored document."""
    for path in (
        (article_file := tmp_path / "s/_news/a.md"),
        (topic_file := tmp_path / "s/_data/topics/t.yaml"),
    ):
        path.parent.mkdir(parents=True)
    article_file.write_text('---\nquality: "80"\n---\nWords.\n')
    topic_file.write_text("name: T\nrank: _5\n")
    import_folder(store, tmp_path / "s")
    article_file.write_text("---\ntitle: [\n---\n")
    topic_file.write_text("name: [\n")
    assert import_folder(store, tmp_path / "s").quarantined == 2
    assert find_subjects(store) == set()
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE articles SET body = 'x'")
        connection.exec_driver_sql('UPDATE taxonomy_documents SET front_matter = \'{"name": "T"}\'')
    assert find_subjects(store) == {("rows", "s:_news/a.md"), ("taxonomy", "s:_data/topics/t.yaml")}


def count_outdated(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM outdated_articles")) or 0
