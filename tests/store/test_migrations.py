"""Upgrades and downgrades with rows, on every engine; concurrent migrations; the rules of revisions."""

from __future__ import annotations

import ast
import datetime as dt
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.conflicts import list_conflicts
from curation.articles.searching import find_matches, index_queued
from curation.articles.selecting import Filters, Selection
from curation.backends.base import ENGINE_TABLES
from curation.editing.flags import set_flags
from curation.editing.keeping import keep_articles
from curation.editing.reverting import revert_changeset
from curation.errors import StoreError
from curation.store import migrate
from curation.store.database import Store, find_head_revision, find_migrations_folder, insert_row
from curation.store.schema import articles, changes, import_issues, metadata, overrides, search_queue

from ..support.editing_helpers import assert_sound
from ..support.importing_helpers import import_folder, write_story
from ..support.places import CHECKOUT, SITE
from ..support.store_digest import digests

REVISIONS = sorted((find_migrations_folder() / "versions").glob("[0-9]*.py"))


@pytest.mark.slow
def test_up_down_and_up_again_with_rows(empty_database: str) -> None:
    store = Store(empty_database)
    assert migrate.upgrade(store) == find_head_revision()
    import_folder(store, SITE, actor="tester")
    for revision in reversed(REVISIONS[:-1]):
        migrate.downgrade(store, revision.name[:4])
    while store.read_revision() != find_head_revision():
        migrate.upgrade(store, "+1")
    migrate.check(store)
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(articles)) == 50
    assert migrate.downgrade(store, "base") is None
    with store.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["curation_version"]
    migrate.upgrade(store)
    import_folder(store, SITE, actor="tester")
    migrate.check(store)


def test_overrides_of_an_older_release_keep_their_changesets(empty_database: str) -> None:
    """Revision 0006 has no `..._decision_id` and no scores."""
    store = Store(empty_database)
    migrate.upgrade(store)
    import_folder(store, SITE, actor="tester")
    migrate.downgrade(store, "0006")
    with store.writing() as connection:
        last = connection.scalar(sa.text("SELECT max(id) FROM changesets")) or 0
        article = connection.scalar(sa.text("SELECT min(id) FROM articles WHERE quality = 62"))
        edits = [
            # kind, reverts, and the override before and after
            ("edit", None, None, 90), ("edit", None, 90, 30), ("revert", 2, 30, 90), ("edit", None, 90, None),
            ("revert", 4, None, 90),
        ]  # fmt: skip
        for number, (kind, reverts, before, after) in enumerate(edits, 1):
            connection.execute(
                sa.text(
                    "INSERT INTO changesets (kind, actor, created_at, reverts_id)"
                    " VALUES (:kind, 'ann', '2026-01-01T00:00:00.000000Z', :reverts)"
                ),
                {"kind": kind, "reverts": last + reverts if reverts else None},
            )
            connection.execute(
                sa.text(
                    "INSERT INTO changes (changeset_id, article_id, field, old_value, new_value,"
                    " old_override, new_override) VALUES (:c, :article, 'quality', :old, :new, :old_o, :new_o)"
                ),
                {"c": last + number, "article": article, "old": before or 62, "new": after or 62,
                 "old_o": before, "new_o": after},
            )  # fmt: skip
        connection.execute(
            sa.text("INSERT INTO overrides VALUES (:article, 'quality', 90, :c)"),
            {"article": article, "c": last + 1},
        )
        connection.execute(
            sa.text("UPDATE articles SET quality = 90 WHERE id = :article"), {"article": article}
        )
    migrate.upgrade(store)
    with store.reading() as connection:
        query = sa.select(changes.c.old_decision_id, changes.c.new_decision_id).order_by(changes.c.id)
        found = [tuple(by and by - last for by in row) for row in connection.execute(query)]
    assert found == [(None, 1), (1, 2), (2, 1), (1, None), (None, 1)]
    assert_sound(store)
    with store.writing() as connection:
        revert_changeset(connection, last + 5, actor="bob")
    assert_sound(store)


def test_scores_stay_scores_after_a_downgrade(empty_database: str) -> None:
    store = Store(empty_database)
    migrate.upgrade(store)
    insert = "INSERT INTO changesets (id, kind, actor, created_at, reason) VALUES (:i, :k, 'a', :at, :r)"
    reasons = [("score", None), ("score", "weekly"), ("edit", None), ("edit", "weekly")]
    at = "2026-01-01T00:00:00.000000Z"
    with store.writing() as connection:
        for number, (kind, reason) in enumerate(reasons, 1):
            connection.execute(sa.text(insert), {"i": number, "k": kind, "r": reason, "at": at})
    migrate.downgrade(store, "0008")
    migrate.upgrade(store)
    with store.reading() as connection:
        found = connection.execute(sa.text("SELECT kind, reason FROM changesets ORDER BY id")).all()
    assert [tuple(row) for row in found] == reasons


def test_documents_that_an_older_release_reads_differently_are_parsed_by_the_next_import(
    empty_database: str, tmp_path: Path
) -> None:
    """Revision 0021 reads only `publishedDateTime` as a date, and neither `_Drafts` nor misspelt keys."""
    store = Store(empty_database)
    migrate.upgrade(store)
    hidden = {
        "_posts/2099-01-01-a.md": "", "_posts/99-1-1-b.md": "date: 2099-01-01", "_news/_Drafts/c.md": "",
        "_news/d.md": "publishedDateTime: Jan 2099", "_news/e.md": "Publised: 'No'", "_news/f.md": "removd: true",
        "_news/g.md": "dratf: yes", "_news/h.md": "drafts: true", "_news/i.md": "upblished: false",
    }  # fmt: skip
    shown = {"_news/x.md": "publishedDateTime: 2020-01-01", "_news/y.md": "publisher: The Sun"}
    for path, front in (hidden | shown).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"---\ntitle: {path}\nneeds: 1\n{front}\n---\nThe words of {path}.\n")
    import_folder(store, tmp_path)
    as_older_release = (
        "UPDATE articles SET upstream_status = NULL, upstream_published = NULL, published = true"
    )
    with store.writing() as connection:
        connection.execute(sa.text(as_older_release))
    for revision in ("0021", "0020", "0021"):
        stands = store.read_revision()
        assert stands is not None
        migrate.downgrade(store, revision) if revision < stands else migrate.upgrade(store, revision)
    migrate.upgrade(store)
    summary = import_folder(store, tmp_path)
    assert (summary.updated, summary.unchanged) == (len(hidden), len(shown))
    with store.reading() as connection:
        published = sa.select(articles.c.path).where(articles.c.upstream_published.is_(None))
        unchanged = set(connection.scalars(published))
    # Flags that are not legible keep their values.
    assert (
        unchanged & {"_posts/2099-01-01-a.md", "_posts/99-1-1-b.md", "_news/_Drafts/c.md", "_news/d.md"}
        == set()
    )
    assert shown.keys() <= unchanged


def test_the_full_text_index_is_rebuilt_by_upgrade_and_downgrade(empty_database: str) -> None:
    """After each step across revision 0025 the index is empty, and all articles are in its queue."""
    store = Store(empty_database)
    migrate.upgrade(store)
    import_folder(store, SITE, actor="tester")
    index_queued(store)
    before = _found(store, "tide")
    for revision in ("0024", "0025", "0024", "head"):
        (migrate.downgrade if revision == "0024" else migrate.upgrade)(store, revision)
        with store.reading() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM article_search")) == 0
            assert connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) == 50
    index_queued(store)
    assert _found(store, "tide") == before != []
    migrate.check(store)


def _found(store: Store, query: str) -> list[int]:
    with store.reading() as connection:
        return sorted(connection.scalars(find_matches(connection, query)))


#: Names that revisions 0027 to 0029 change, before and after.
CODES = {
    "upstream_parts": "upstream_changed",
    "internal_fault": "internal_error",
    "too_many_faults": "too_many_issues",
}
STATES = {"kept": "imported", "passed": "skipped", "refused": "quarantined"}
INDEX = {"ix_articles_parted": "ix_articles_conflicts"}


def test_renamed_values_have_their_old_names_after_a_downgrade(edited: Store) -> None:
    """The store `edited` has files in each state, and an open conflict."""
    with edited.writing() as connection:
        for code in ("internal_error", "too_many_issues"):
            issue = {"severity": "error", "code": code, "path": "_news/2020-01-01-broken.md", "message": "x"}
            insert_row(connection, import_issues, {"import_id": 2, "source_id": 1, **issue})
    before = digests(edited)
    migrate.downgrade(edited, "0032")  # revision 0033 drops the index
    states, codes, indexes = read_names(edited)
    assert states.keys() == {*STATES.values()}
    assert codes.keys() >= {*CODES.values()}
    assert indexes.keys() >= {*INDEX.values()}

    migrate.downgrade(edited, "0026")
    assert read_names(edited) == (renamed(states, STATES), renamed(codes, CODES), renamed(indexes, INDEX))
    with pytest.raises(StoreError), edited.writing() as connection:
        connection.execute(sa.text("UPDATE files SET state = 'imported'"))

    migrate.upgrade(edited, "0032")
    assert read_names(edited) == (states, codes, indexes)
    migrate.upgrade(edited)
    assert digests(edited) == before
    migrate.check(edited)


def renamed(counts: Counter[str], names: dict[str, str]) -> Counter[str]:
    """Return counts by the old names."""
    old_names = {new: old for old, new in names.items()}
    return Counter({old_names.get(name, name): n for name, n in counts.items()})


def read_names(store: Store) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return the states of files, the codes of open issues, and the indexes of articles, each with its count."""
    is_open = "WHERE resolved_import_id IS NULL"
    with store.reading() as connection:
        states = connection.scalars(sa.text("SELECT state FROM files")).all()
        codes = connection.scalars(sa.text(f"SELECT code FROM import_issues {is_open}")).all()
        indexes = [str(index["name"]) for index in sa.inspect(connection).get_indexes("articles")]
    return Counter(states), Counter(codes), Counter(indexes)


def test_tables_of_another_program_are_left_alone(empty_database: str) -> None:
    store = Store(empty_database)
    with store.writing() as connection:
        connection.execute(sa.text("CREATE TABLE images (theirs integer)"))
    with pytest.raises(StoreError, match="another program"):
        migrate.upgrade(store)
    with store.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["images"]


def test_upgrading_twice_changes_nothing(store: Store) -> None:
    import_folder(store, SITE, actor="tester")
    before = digests(store)
    assert migrate.upgrade(store) == find_head_revision()
    assert digests(store) == before


def test_the_tables_are_those_of_the_schema(store: Store) -> None:
    migrate.check(store)
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        names = {name for name in inspector.get_table_names() if not name.startswith(ENGINE_TABLES)}
        assert names - {"curation_version"} == set(metadata.tables)
        for table in metadata.sorted_tables:
            columns = [c["name"] for c in inspector.get_columns(table.name)]
            assert columns == [c.name for c in table.columns], table.name
            assert inspector.get_pk_constraint(table.name)["constrained_columns"], table.name


def test_check_reports_differences_from_the_schema(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("DROP INDEX ix_articles_by_date"))
    with pytest.raises(StoreError, match="differ from the schema"):
        migrate.check(store)


def test_types_are_enforced(store: Store) -> None:
    import_folder(store, SITE, actor="tester")
    for wrong in (
        "UPDATE articles SET quality = 'abc'",
        "UPDATE articles SET published = 7",
        "UPDATE imports SET status = 'x'",
    ):
        with pytest.raises(StoreError), store.writing() as connection:
            connection.execute(sa.text(wrong))


def test_references_are_enforced(store: Store) -> None:
    with pytest.raises(StoreError), store.writing() as connection:
        connection.execute(sa.text("INSERT INTO article_authors VALUES (4711, 0, 'nobody')"))


@pytest.mark.slow
def test_two_runners_at_once_both_succeed(empty_database: str) -> None:
    command = [sys.executable, "-m", "curation", "--database", empty_database, "db", "upgrade"]
    runners = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    ended = [(runner.communicate(timeout=60), runner.returncode) for runner in runners]
    assert [code for _, code in ended] == [0] * 4, ended
    migrate.check(Store(empty_database))


def test_a_failing_migration_leaves_nothing_behind(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (folder / name).write_text((find_migrations_folder() / name).read_text())
    (folder / "versions" / "0001_fail.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '0001', None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer, primary_key=True))\n    raise RuntimeError\n"
    )
    monkeypatch.setattr(migrate, "find_migrations_folder", lambda: folder)
    store = Store(empty_database)
    with pytest.raises(RuntimeError):
        migrate.upgrade(store)
    with store.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_a_store_of_another_release_is_an_error_with_the_command_to_run(
    store: Store, curation: Callable[..., Result]
) -> None:
    for revision, message in (("0000", "run `curation db upgrade`"), ("9999", "install a newer curation")):
        with store.writing() as connection:
            connection.execute(sa.text("UPDATE curation_version SET version_num = :r"), {"r": revision})
        result = curation("status")
        assert result.exit_code == 1
        assert message in result.stderr


@pytest.mark.parametrize("file", REVISIONS, ids=lambda file: file.name)
def test_a_revision_stands_alone(file: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z]+(_[a-z]+)+\.py", file.name)
    text = file.read_text()
    assert f'revision = "{file.name[:4]}"' in text
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] == "curation" for name in names)


@pytest.mark.slow
def test_the_developers_configuration_works(empty_database: str) -> None:
    root = CHECKOUT
    if not (root / "alembic.ini").exists():
        pytest.skip("alembic.ini is part of a checkout, not of the package")
    import os

    environment = os.environ | {"CURATION_DATABASE": empty_database}
    command = [sys.executable, "-m", "alembic", "-c", str(root / "alembic.ini"), "upgrade", "head"]
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd="/")
    migrate.check(Store(empty_database))


def test_what_upstream_stated_follows_from_the_history_of_an_older_release(
    store: Store, tmp_path: Path
) -> None:
    """Revision 0030 does not know it. Where the history does not say it, it is null, and a conflict stays one."""

    def import_qualities(**qualities: int) -> None:
        for name, quality in qualities.items():
            write_story(tmp_path, f"{name}.md", url=f"https://a.example/{name}", quality=quality)
        import_folder(store, tmp_path, source="s", actor="tester")

    def override(name: str, **values: int) -> None:
        with store.writing() as connection:
            set_flags(connection, Selection([f"_news/{name}.md"]), values, actor="ann", reason=None)

    def read() -> tuple[dict[tuple[str, str], int | None], set[tuple[str, str]]]:
        with store.reading() as connection:
            query = sa.select(articles.c.path, overrides.c.field, overrides.c.upstream_value).join(overrides)
            found = {(path, flag): value for path, flag, value in connection.execute(query)}
            rows = list_conflicts(connection, Filters()).rows
            return found, {(row[9], row[1]) for row in rows}

    names = ("first", "again", "moved", "moved_again", "hidden", "vetoed", "scheduled")
    import_qualities(**dict.fromkeys(names[:-1], 50))
    write_story(tmp_path, "scheduled.md", url="https://a.example/s", at="2999-01-01T00:00:00Z")
    import_folder(store, tmp_path, source="s", actor="tester")
    override("scheduled", published=0)
    for name in names[:4]:
        override(name, quality=80)
    override("again", quality=90)
    override("again", quality=95)
    override("hidden", published=0)
    override("vetoed", removed=1, published=0)
    import_qualities(moved=60, moved_again=60)
    override("moved_again", quality=90)
    import_qualities(moved_again=70)
    before, conflicts = read()
    assert conflicts == {("_news/moved.md", "quality"), ("_news/moved_again.md", "quality")}

    migrate.downgrade(store, "0030")
    migrate.upgrade(store)
    after, conflicts_after = read()
    unknown = {("_news/moved_again.md", "quality")}
    assert {key: value for key, value in before.items() if key not in unknown} == {
        key: value for key, value in after.items() if key not in unknown
    }
    assert [after[key] for key in unknown] == [None]
    assert conflicts_after == conflicts
    assert_sound(store)
    with store.writing() as connection:
        last = connection.scalar(
            sa.select(sa.func.max(changes.c.changeset_id)).where(changes.c.new_override == 95)
        )
        revert_changeset(connection, last or 0, actor="bob")
    assert read()[1] == conflicts
    assert_sound(store)


def test_reviews_and_keeps_survive_a_downgrade_as_edits(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md")
    import_folder(store, tmp_path, source="s", actor="tester")
    for reason in (None, "seen"):
        with store.writing() as connection:
            until = None if reason else dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
            keep_articles(connection, Selection(["a.md"]), actor="ann", reason=reason, until=until)

    def read() -> list[tuple[str, str | None]]:
        with store.reading() as connection:
            query = sa.text("SELECT kind, reason FROM changesets ORDER BY id")
            return [(row[0], row[1]) for row in connection.execute(query)]

    assert read() == [("import", None), ("keep", None), ("keep", "seen")]
    migrate.downgrade(store, "0031")
    assert read() == [("import", None), ("edit", "[keep] "), ("edit", "[keep] seen")]
    migrate.upgrade(store)
    assert read() == [("import", None), ("keep", None), ("keep", "seen")]
    assert_sound(store)
