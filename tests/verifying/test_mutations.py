"""Mutation tests of `db verify`: one value of a store changes, in any table or in the full-text index.

Either `db verify` finds the change, or a list in this file has the column with the reason why it cannot.

`CURATION_MUTATIONS` is the number of mutations on each engine in the slow run (default: 100), `CURATION_SEED`
the seed of the random numbers.
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
from curation.articles.selecting import Selection
from curation.editing.keeping import keep_articles
from curation.store.database import Store
from curation.store.schema import metadata
from curation.verifying.run import verify

from ..support.cases import few_or_many
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.store_mutations import COLUMNS, INDEX, Mutation, mutate
from ..support.stores import make_store
from ..support.verifying_helpers import OVERRIDDEN, PLAIN, fill, override_flags, unguarded

MUTATIONS = int(os.environ.get("CURATION_MUTATIONS", "100"))
SEED = int(os.environ.get("CURATION_SEED", "0"))

_SET = "it was set manually, and it has no history"
_CLOCK = "clocks can be wrong or jump, and imports are ordered by id"
_DUMP = "only the dump has it, and the dump is not stored"
_ISSUE = "it is the result of parsing bytes that are not stored"
_STORY = "it describes a former story, which no document has any more"
_FREE = "any value is valid"
_PREVIOUS = "it is a previous value, and nothing else has it"
_UNREFERENCED = "a row without references may have any id (PostgreSQL knows which ids were never assigned)"

#: Columns whose changes are never found, and why.
UNCHECKABLE = {
    ("sources", "name"): _SET,
    ("sources", "location"): "the next import may find the source at any location",
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
    ("import_issues", "path"): _ISSUE,
    ("import_issues", "severity"): _ISSUE,
    ("import_issues", "code"): _ISSUE,
    ("import_issues", "line"): _ISSUE,
    ("import_issues", "column"): _ISSUE,
    ("import_issues", "field"): _ISSUE,
    ("import_issues", "message"): _ISSUE,
    ("files", "stamp"): "it is only a hint; without it the file is read again",
    ("file_versions", "upstream_quality"): _PREVIOUS,
    ("file_versions", "upstream_heat"): _PREVIOUS,
    ("file_versions", "upstream_published"): _PREVIOUS,
    ("file_versions", "upstream_removed"): _PREVIOUS,
    ("file_versions", "upstream_status"): _PREVIOUS,
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
    ("reviews", "reviewed_at"): _CLOCK,
    ("outdated_articles", "article_id"): "only the migration knows what an older release read",
}

#: Columns whose changes are found only if another row contradicts them, and why not always.
SOMETIMES = {
    **{
        ("reviews", column): "nothing else shows what an editor has looked at; the queue may be the same"
        for column in (
            "article_id", "field", "changeset_id", "snoozed_until", "upstream_quality", "upstream_heat",
            "upstream_published", "upstream_removed", "ended_changeset_id",
        )
    },
    **{
        ("sources", column): "it was set manually, and the queue may be the same"
        for column in ("review_quality", "approval", "approval_after")
    },
    **{
        (table, column): "an override of an older release may lack it"
        for table in ("overrides", "set_aside_overrides") for column in ("upstream_value",)
    },
    ("changes", "old_upstream_value"): "an override of an older release may lack it",
    ("changes", "new_upstream_value"): "an override of an older release may lack it",
    **{
        (table, "id"): _UNREFERENCED
        for table in (
            "imports", "import_issues", "taxonomy_documents", "changesets", "set_aside_overrides", "changes",
            "related_links",
        )
    },
    ("imports", "source_id"): "nothing refers to an import that wrote nothing",
    ("imports", "status"): "a failed import wrote the same rows as a complete one; doubtful files are not counted",
    ("imports", "quarantined"): "only the dump has the number; the status shows whether there were any",
    ("imports", "updated"): "versions are kept only for the last imports of a source",
    ("imports", "missing"): "versions are kept only for the last imports of a source",
    ("import_issues", "import_id"): "any import of the source may have found it",
    ("import_issues", "source_id"): "an import of the other source may have found it",
    ("import_issues", "resolved_import_id"): "any later import may have resolved it",
    ("files", "source_id"): "nothing refers to a skipped file",
    ("files", "path"): "nothing refers to a skipped file",
    ("files", "state"): "only the dump shows whether a file with an article was quarantined",
    ("file_versions", "source_id"): "the import may belong to the other source",
    ("file_versions", "path"): "a version has no bytes if the file was only marked missing",
    ("file_versions", "missing_since"): "the number of missing files is checked, but nothing else has the time",
    ("file_versions", "import_id"): "the first version may belong to any import before the next version",
    ("file_versions", "last_import_id"): "any import before the first version may have changed it",
    ("articles", "first_import_id"): "a failed or reverted import has no exact counts",
    ("articles", "last_import_id"): "without versions, any import may have changed it",
    ("articles", "missing_since"): "it is checked that the file is missing, but nothing else has the time",
    ("taxonomy_documents", "first_import_id"): "taxonomy documents are not counted",
    ("taxonomy_documents", "last_import_id"): "taxonomy documents are not counted",
    ("taxonomy_documents", "missing_since"): "it is checked that the file is missing, but nothing else has the time",
    ("changesets", "kind"): "an edit may just as well be a score",
    ("changesets", "import_id"): "nothing else refers to the changeset of an import without changes of flags",
    ("changesets", "reverts_id"): "nothing else shows which of several changesets was reverted",
    ("changes", "changeset_id"): "a change that removes an override may belong to any changeset",
    ("changes", "old_value"): "the first value of a flag is known only until an import changes the document",
    ("changes", "old_decision_id"): "rows of older releases lack it",
    ("article_moves", "changeset_id"): "a single move may belong to any changeset",
    ("article_moves", "old_path"): "only versions show the path before the first move",
    ("search_queue", "article_id"): "an article that waits to be indexed may already be indexed",
}  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def rich(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with at least one row in every table. Tests roll back their changes."""
    folder = tmp_path_factory.mktemp("rich")
    made = make_store(request, folder)
    enrich(made, folder)
    yield made
    made.engine.dispose()


def enrich(store: Store, folder: Path) -> None:
    """Fill every table: two sources with shared images, overrides, moves and replaced stories."""
    site = Path(shutil.copytree(SITE, folder / "site"))
    fill(store, site)
    for path in (PLAIN, OVERRIDDEN):
        with store.writing() as connection:
            keep_articles(connection, Selection([path]), actor="editor", reason=None)
    hidden = site / "_news/2022-10-10-the-bollard-column-again.md"
    override_flags(store, PLAIN, published=0)
    hidden.write_text(hidden.read_text().replace("\ntitle: ", "\ntitle: Still "))
    (site / OVERRIDDEN).rename(site / "_news/moved.md")
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
    """Yield random mutations with their findings. Every column has its turn before any is repeated."""
    rng = random.Random(SEED)
    order: list[tuple[str, str]] = []
    while count:
        order = order or rng.sample(COLUMNS, len(COLUMNS))
        with unguarded(store) as connection:
            mutation = mutate(connection, rng, *order.pop())
            if mutation is None:
                continue
            count -= 1
            yield mutation, [finding.wrong for finding in verify(connection)]


@few_or_many("count", 8, MUTATIONS)
def test_a_changed_value_is_found_or_listed(rich: Store, count: int) -> None:
    wrong = []
    for mutation, found in _mutations(rich, count):
        column = mutation[:2]
        if column in SOMETIMES or bool(found) != (column in UNCHECKABLE):
            continue
        wrong.append(f"{'found, but listed' if found else 'not found'}: {mutation} {found[:1]}")
    assert not wrong, "\n".join(wrong)


def test_the_lists_have_existing_columns_only() -> None:
    assert not (UNCHECKABLE.keys() | SOMETIMES.keys()) - set(COLUMNS)
    assert not UNCHECKABLE.keys() & SOMETIMES.keys()


def test_a_store_with_a_row_in_every_table_is_sound(rich: Store) -> None:
    with rich.reading() as connection:
        assert {finding.check for finding in verify(connection)} == set()
        empty = [
            table.name
            for table in metadata.sorted_tables
            if not connection.scalar(sa.select(sa.func.count()).select_from(table))
        ]
    assert empty == []


def test_a_change_of_the_index_is_found(rich: Store) -> None:
    rng = random.Random(SEED)
    for name, sql in INDEX[rich.backend.name].items():
        with unguarded(rich) as connection:
            assert connection.exec_driver_sql(sql.format(rng.randrange(20))).rowcount, name
            found = list(verify(connection))
        checks = {finding.check for finding in found}
        assert checks == {"search"}, (name, found)
