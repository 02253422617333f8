"""`db verify` under mutation: one value of a store is changed, in any column of any table, or in the full-text
index. It is found, or the column is listed here with the reason why it cannot be.

`CURATION_MUTATIONS` is how many there are on each engine in the long run (100); `CURATION_SEED` is the first.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.searching import index_queued
from curation.store.database import Store
from curation.store.schema import metadata
from curation.verifying.run import verify

from ..support.cases import few_or_many
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.store_mutations import COLUMNS, INDEX, Mutation, mutate
from ..support.stores import make_store
from ..support.verifying_helpers import DECIDED, PLAIN, decide, fill, unguarded

MUTATIONS = int(os.environ.get("CURATION_MUTATIONS", "100"))
FIRST = int(os.environ.get("CURATION_SEED", "0"))

_SET = "it was set by hand, and no history of it is kept"
_CLOCK = "clocks are wrong and jump, and imports are ordered by id"
_DUMP = "the dump alone tells, and it is not kept"
_SAID = "it is what a release said of bytes that are not kept"
_STORY = "a story that is no more: no document tells it"
_FREE = "anything may stand there"
_BEFORE = "it is what was before, and nothing else tells that"
_ROOM = "rows that nothing refers to may have any id (what was never given out, PostgreSQL tells)"

#: Columns of which a change is never found, and why.
UNCHECKABLE = {
    ("sources", "name"): _SET,
    ("sources", "location"): "a source lies wherever the next import finds it",
    ("sources", "related_bonus"): _SET,
    ("sources", "publish_threshold"): _SET,
    ("source_settings", "source_id"): _SET,
    ("source_settings", "name"): _SET,
    ("source_settings", "origin"): _SET,
    ("source_settings", "value"): _SET,
    ("imports", "started_at"): _CLOCK,
    ("imports", "finished_at"): _CLOCK,
    ("imports", "location"): _DUMP,
    ("imports", "git_commit"): _DUMP,
    ("imports", "unchanged"): _DUMP,
    ("imports", "skipped"): _DUMP,
    ("import_issues", "path"): _SAID,
    ("import_issues", "severity"): _SAID,
    ("import_issues", "code"): _SAID,
    ("import_issues", "line"): _SAID,
    ("import_issues", "column"): _SAID,
    ("import_issues", "field"): _SAID,
    ("import_issues", "message"): _SAID,
    ("files", "stamp"): "it is a hint; without it the file is read again",
    ("file_versions", "upstream_quality"): _BEFORE,
    ("file_versions", "upstream_heat"): _BEFORE,
    ("file_versions", "upstream_published"): _BEFORE,
    ("file_versions", "upstream_removed"): _BEFORE,
    ("file_versions", "upstream_status"): _BEFORE,
    ("changesets", "actor"): _FREE,
    ("changesets", "reason"): _FREE,
    ("changesets", "created_at"): _CLOCK,
    ("set_aside_overrides", "title"): _STORY,
    ("set_aside_overrides", "canonical_digest"): _STORY,
    ("set_aside_overrides", "canonical_url"): _STORY,
    ("set_aside_overrides", "body_digest"): _STORY,
    ("story_takeovers", "article_id"): _STORY,
    ("story_takeovers", "last_changeset_id"): _STORY,
    ("story_takeovers", "title"): _STORY,
    ("story_takeovers", "canonical_digest"): _STORY,
    ("story_takeovers", "canonical_url"): _STORY,
    ("story_takeovers", "body_digest"): _STORY,
    ("former_stories", "article_id"): _STORY,
    ("former_stories", "import_id"): _STORY,
    ("former_stories", "changeset_id"): _STORY,
    ("former_stories", "content_hash"): _STORY,
    ("former_stories", "published_at"): _STORY,
    ("former_stories", "title"): _STORY,
    ("former_stories", "canonical_digest"): _STORY,
    ("former_stories", "canonical_url"): _STORY,
    ("former_stories", "body_digest"): _STORY,
    ("units_of_work", "key"): _FREE,
    ("units_of_work", "finished_at"): _CLOCK,
    ("outdated_articles", "article_id"): "what an older release read is known to the migration alone",
}

#: Columns of which a change is found where another row tells of it, and why not everywhere.
SOMETIMES = {
    **{
        (table, "id"): _ROOM
        for table in (
            "imports", "import_issues", "taxonomy_documents", "changesets", "set_aside_overrides", "changes",
            "related_links",
        )
    },
    ("imports", "source_id"): "an import that wrote nothing is told of by nothing",
    ("imports", "status"): "one that failed wrote as one that ended; doubts are not counted",
    ("imports", "quarantined"): "the dump alone tells how many; that there were any, the status does",
    ("imports", "updated"): "versions are kept of the last imports of a source",
    ("imports", "missing"): "versions are kept of the last imports of a source",
    ("import_issues", "import_id"): "of two imports of a source each may have found it",
    ("import_issues", "source_id"): "another source's import may have found it",
    ("import_issues", "resolved_import_id"): "of two later imports each may have mended it",
    ("files", "source_id"): "a file that was skipped is told of by nothing",
    ("files", "path"): "a file that was skipped is told of by nothing",
    ("files", "state"): "whether a file that has an article was refused, the dump alone tells",
    ("file_versions", "source_id"): "the import may be another source's",
    ("file_versions", "path"): "a version of a file that was only marked has no bytes",
    ("file_versions", "missing_since"): "that it was missing is counted; since when, nothing tells",
    ("file_versions", "import_id"): "the first version of a file may be of any import before the next one",
    ("file_versions", "last_import_id"): "before the first version any import may have changed it",
    ("articles", "first_import_id"): "an import that failed or was undone has no sure counts",
    ("articles", "last_import_id"): "without versions any import may have changed it",
    ("articles", "missing_since"): "that it is missing is checked; since when, nothing tells",
    ("taxonomy_documents", "first_import_id"): "the taxonomy is not counted",
    ("taxonomy_documents", "last_import_id"): "the taxonomy is not counted",
    ("taxonomy_documents", "missing_since"): "that it is missing is checked; since when, nothing tells",
    ("changesets", "kind"): "an edit may as well be a score",
    ("changesets", "import_id"): "an import without changes of flags is told of by its changeset alone",
    ("changesets", "reverts_id"): "which of several was reverted, nothing else tells",
    ("changes", "changeset_id"): "a change that ends an override may be of any changeset",
    ("changes", "old_value"): "the first value of a flag is known as long as no import changed the document",
    ("changes", "old_decision_id"): "rows of older releases do not tell",
    ("article_moves", "changeset_id"): "a single move may be of any changeset",
    ("article_moves", "old_path"): "where an article was before its first move, only versions tell",
    ("search_queue", "article_id"): "what waits to be indexed may be there already",
}  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def rich(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a row in every table, most often several; what tests do to it is rolled back."""
    folder = tmp_path_factory.mktemp("rich")
    made = make_store(request, folder)
    enrich(made, folder)
    yield made
    made.engine.dispose()


def enrich(store: Store, folder: Path) -> None:
    """Have happen all that leaves rows: of two sources that share images, decisions, moves, other stories."""
    site = Path(shutil.copytree(SITE, folder / "site"))
    fill(store, site)
    hidden = site / "_news/2022-10-10-the-bollard-column-again.md"
    decide(store, PLAIN, published=0)
    hidden.write_text(hidden.read_text().replace("\ntitle: ", "\ntitle: Still "))
    (site / DECIDED).rename(site / "_news/moved.md")
    (site / "_news/noted.md").write_text(
        "---\ntitle: 2024\nimages:\n- {url: 'https://e.org/i.png', title: 2024, width: 5}\n---\nNoted.\n"
    )
    import_folder(store, site)
    other = folder / "other/_news"
    other.mkdir(parents=True)
    (other / "a.md").write_text(
        "---\ntitle: Other\nimages:\n- {url: 'https://e.org/i.png', width: 9}\n- {url: 'https://e.org/j.png'}\n---\nWords.\n"
    )
    import_folder(store, other.parent, source="other")
    (other / "a.md").write_text("---\ntitle: Other\nquality: 3\n---\nOther words.\n")
    import_folder(store, other.parent, source="other")
    index_queued(store)
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO outdated_articles SELECT min(id) FROM articles")
        connection.exec_driver_sql("INSERT INTO search_queue SELECT max(id) FROM articles")


def _mutations(store: Store, count: int) -> Iterator[tuple[Mutation, list[str]]]:
    """Random mutations, each column once before any comes again; and what is then found."""
    chance = random.Random(FIRST)
    order: list[tuple[str, str]] = []
    while count:
        order = order or chance.sample(COLUMNS, len(COLUMNS))
        with unguarded(store) as connection:
            mutation = mutate(connection, chance, *order.pop())
            if mutation is None:
                continue
            count -= 1
            yield mutation, [finding.wrong for finding in verify(connection)]


@few_or_many("count", 8, MUTATIONS)
def test_a_value_that_is_changed_is_found_or_listed(rich: Store, count: int) -> None:
    wrong = []
    for mutation, found in _mutations(rich, count):
        column = mutation[:2]
        if column in SOMETIMES or bool(found) != (column in UNCHECKABLE):
            continue
        wrong.append(f"{'found, though listed' if found else 'not found'}: {mutation} {found[:1]}")
    assert not wrong, "\n".join(wrong)


def test_the_lists_name_columns_that_there_are() -> None:
    assert not (UNCHECKABLE.keys() | SOMETIMES.keys()) - set(COLUMNS)
    assert not UNCHECKABLE.keys() & SOMETIMES.keys()


def test_a_store_is_sound_that_has_a_row_in_every_table(rich: Store) -> None:
    with rich.reading() as connection:
        assert {finding.check for finding in verify(connection)} == set()
        empty = [
            table.name
            for table in metadata.sorted_tables
            if not connection.scalar(sa.select(sa.func.count()).select_from(table))
        ]
    assert empty == []


def test_a_change_of_the_index_is_found(rich: Store) -> None:
    chance = random.Random(FIRST)
    for name, sql in INDEX[rich.backend.name].items():
        with unguarded(rich) as connection:
            assert connection.exec_driver_sql(sql.format(chance.randrange(20))).rowcount, name
            found = list(verify(connection))
        checks = {finding.check for finding in found}
        assert checks == {"search"}, (name, found)
