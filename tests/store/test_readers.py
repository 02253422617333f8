"""Readers on a real PostgreSQL: each connects, reads every view, and can do nothing else."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from psycopg import sql

from curation.backends.queries import Query
from curation.cli import cli
from curation.errors import SelectionError
from curation.queries.reports import find_reports, run_query
from curation.store import migrate
from curation.store.database import Store, find_head_revision, find_migrations_folder
from curation.store.descriptions import find_tables, find_views
from curation.store.readers import find_readers_lacking_views, grant_reader, make_reader_statements

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.stores import new_database

VIEWS = [view.name for view in find_views()]

#: A name that has to be quoted everywhere.
ODD = """an "odd" 50% role's -- name;"""


def url_as(store: Store, role: str) -> str:
    return store.backend.url.set(drivername="postgresql", username=role).render_as_string(hide_password=False)


@pytest.fixture
def served(postgresql_url: str, postgresql_template: str) -> Iterator[Store]:
    """Yield a store on PostgreSQL with the sample site. Roles that a test creates are dropped afterwards."""
    store = Store(new_database(postgresql_url, f" TEMPLATE {postgresql_template}"))
    import_folder(store, SITE, actor="tester")
    with store.reading() as connection:
        before = set(connection.scalars(sa.text("SELECT rolname FROM pg_roles")))
    yield store
    store.engine.dispose()
    with psycopg.connect(url_as(store, "curation"), autocommit=True) as owner:
        for (role,) in owner.execute("SELECT rolname FROM pg_roles").fetchall():
            if role not in before:
                name = sql.Identifier(role)
                owner.execute(sql.SQL("DROP OWNED BY {}").format(name))
                owner.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def role() -> str:
    return f"reader_{uuid.uuid4().hex[:8]}"


def run(database: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--database", database, *arguments])


def execute(store: Store, *statements: str) -> None:
    with store.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


REFUSED = [
    "SELECT count(*) FROM articles",
    "SELECT content FROM documents",
    "SELECT content FROM taxonomy_documents",
    "SELECT delta FROM file_versions",
    "SELECT words FROM article_search",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TABLE mine (id integer)",
    "CREATE TEMPORARY TABLE mine (id integer)",
    "CREATE SCHEMA mine",
    "CREATE VIEW mine AS SELECT content FROM documents",
    "UPDATE image_usage SET title = 'x'",
    "INSERT INTO curation_version VALUES ('9999')",
    "SELECT nextval('articles_id_seq')",
    "SET ROLE curation",
    "GRANT SELECT ON articles TO PUBLIC",
]  # fmt: skip


def test_a_reader_reads_each_view_and_nothing_else(served: Store, role: str) -> None:
    result = run(url_as(served, "curation"), "db", "grant-reader", role, "--apply")
    assert (result.exit_code, "and nothing else" in result.stdout) == (0, True), result.stderr
    with psycopg.connect(url_as(served, role), autocommit=True) as reader:
        for view in VIEWS:
            reader.execute(f"SELECT * FROM {view}").fetchall()
        assert reader.execute("SELECT count(*) FROM article_overview").fetchone() == (50,)
        assert reader.execute("SHOW statement_timeout").fetchone() == ("1min",)
        for statement in REFUSED:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                reader.execute(statement)
        reader.execute(
            "SET default_transaction_read_only = off"
        )  # a reader can lift this guard against accidents
        for statement in REFUSED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_commands_that_read_only_views_run_as_a_reader(served: Store, role: str) -> None:
    grant_reader(served, role)
    database = url_as(served, role)
    result = run(database, "sql", "SELECT count(*) AS n FROM published_articles", "--format", "csv")
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr  # and no warning of its privileges
    tables = {table.name for table in find_tables()}
    for report in find_reports():
        asks_tables = tables & set(re.findall(r"\b(?:FROM|JOIN) (\w+)", report.sql))
        result = run(database, "report", report.name)
        assert (result.exit_code, len(result.stderr.splitlines())) == ((1, 1) if asks_tables else (0, 0)), (
            report
        )
        assert ("permission denied for table" in result.stderr) == bool(asks_tables)
    for refused in (("list",), ("set", "1", "--heat", "1"), ("sql", "SELECT content FROM documents")):
        result = run(database, *refused)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)


def test_the_printed_statements_do_the_same(served: Store) -> None:
    printed = run(url_as(served, "curation"), "db", "grant-reader", ODD).stdout
    with served.reading() as connection:
        assert not connection.scalar(sa.text("SELECT count(*) FROM pg_roles WHERE rolname = :r"), {"r": ODD})
    with psycopg.connect(url_as(served, "curation"), autocommit=True) as owner:
        owner.execute(printed)
    with psycopg.connect(url_as(served, "curation"), user=ODD, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM article_overview").fetchone() == (50,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT 1 FROM articles")
    again = make_reader_statements(served, ODD)
    assert not [statement for statement in again if not statement.startswith("GRANT")]
    grant_reader(served, ODD)


def test_an_editor_can_still_write(served: Store, role: str) -> None:
    """The role of an editor owns nothing, and its commands create temporary tables."""
    editor = f"editor_{uuid.uuid4().hex[:8]}"
    execute(
        served,
        f"CREATE ROLE {editor} LOGIN",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {editor}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {editor}",
    )
    grant_reader(served, role)
    result = run(url_as(served, editor), "set", "--collection", "news", "--heat", "7", "--yes")
    assert result.exit_code == 0, result.stderr
    with psycopg.connect(url_as(served, editor)) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (id integer)")


def test_a_schema_that_anyone_could_write_to_is_closed(served: Store, role: str) -> None:
    """PostgreSQL 14 creates such schemas. The owner of the tables needs the right to create tables, too."""
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    execute(served, "GRANT CREATE ON SCHEMA public TO PUBLIC", f"CREATE ROLE {owner} LOGIN",
            f"ALTER TABLE articles OWNER TO {owner}")  # fmt: skip
    grant_reader(served, role)
    with psycopg.connect(url_as(served, owner)) as connection:
        connection.execute("CREATE TABLE mine (id integer)")
        connection.rollback()
    with psycopg.connect(url_as(served, role)) as connection:
        connection.read_only = False
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id integer)")
    execute(served, "ALTER TABLE articles OWNER TO curation")


@pytest.mark.parametrize(
    ("privilege", "message"),
    [
        ("ALTER ROLE {} SUPERUSER", "superuser"),
        ("ALTER ROLE {} CREATEROLE", "create roles"),
        ("GRANT pg_read_all_data TO {}", "read or write article_authors"),
        ("GRANT pg_read_server_files TO {}; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {}", "files"),
        ("GRANT SELECT (content) ON documents TO {}", "read or write documents"),
        ("GRANT UPDATE ON image_usage TO {}", "read or write image_usage"),
        ("GRANT SELECT ON articles TO PUBLIC", "read or write articles"),
        (
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {}', current_database()); END $$",
            "schemas",
        ),
    ],
)
def test_a_role_with_other_privileges_is_an_error(
    served: Store, role: str, privilege: str, message: str
) -> None:
    execute(served, f"CREATE ROLE {role} LOGIN", privilege.replace("{}", role))
    result = run(url_as(served, "curation"), "db", "grant-reader", role, "--apply")
    assert (result.exit_code, message in result.stderr, "nothing was changed" in result.stderr) == (
        1,
        True,
        True,
    )
    with served.reading() as connection:
        seen = connection.scalar(
            sa.text("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee"
                    " WHERE r.rolname = :role AND c.relname = 'review_queue'"), {"role": role},
        )  # fmt: skip
    assert seen == 0


@pytest.mark.parametrize("name", ["", "public", "none", "pg_reader", "x" * 64, "é" * 32, "a\nb", "a\0b"])
def test_an_invalid_role_name_is_an_error(served: Store, name: str) -> None:
    with pytest.raises(SelectionError):
        make_reader_statements(served, name)


def test_a_missing_right_to_grant_is_an_error_of_one_line(served: Store, role: str) -> None:
    execute(served, f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON curation_version TO {role}")
    result = run(url_as(served, role), "db", "grant-reader", "another", "--apply")
    assert (result.exit_code, len(result.stderr.splitlines()), "permission denied" in result.stderr) == (
        1,
        1,
        True,
    )


def test_an_sqlite_file_has_no_roles(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    for more in ((), ("--apply",)):
        result = run(str(tmp_path / "store.db"), "db", "grant-reader", "analyst", *more)
        assert (result.exit_code, "SQLite has no roles" in result.stderr) == (1, True)


# --- views that are created again ------------------------------------------------------------------------


REVISION = """
from alembic import op
revision, down_revision = "9999", {head!r}

def upgrade():
    execute = op.get_bind().exec_driver_sql
    made = {{name: execute(f"SELECT pg_get_viewdef('{{name}}'::regclass)").scalar() for name in {views}}}
    for name in made:
        execute(f"DROP VIEW {{name}}")
    del made["open_issues"]
    for name, definition in made.items():
        execute(f"CREATE VIEW {{name}} AS {{definition}}")
"""


def test_views_that_a_revision_creates_again_keep_their_grants(
    served: Store, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(find_migrations_folder(), folder)
    (folder / "versions" / "9999_make_views.py").write_text(
        REVISION.format(head=find_head_revision(), views=VIEWS)
    )
    monkeypatch.setattr(migrate, "find_migrations_folder", lambda: folder)
    grant_reader(served, role)
    execute(
        served,
        "GRANT SELECT ON image_usage TO PUBLIC",
        f"GRANT SELECT ON topic_stats TO {role} WITH GRANT OPTION",
    )
    assert migrate.upgrade(served) == "9999"
    with psycopg.connect(url_as(served, role)) as reader:
        for name in VIEWS:
            if name != "open_issues":
                reader.execute(f"SELECT * FROM {name}")
        [acl] = reader.execute("SELECT relacl::text FROM pg_class WHERE relname = 'image_usage'").fetchall()
        assert "=r/curation" in acl[0].strip("{}").split(",")
        [acl] = reader.execute("SELECT relacl::text FROM pg_class WHERE relname = 'topic_stats'").fetchall()
        assert f"{role}=r*/curation" in acl[0]


def test_downgrade_and_upgrade_keep_the_grants_of_views(served: Store, role: str) -> None:
    grant_reader(served, role)
    migrate.downgrade(served, "0012")  # the views stay
    migrate.upgrade(served)
    assert find_readers_lacking_views(served) == []


def test_upgrading_reports_readers_that_may_not_read_a_view(served: Store, role: str) -> None:
    grant_reader(served, role)
    migrate.downgrade(served, "0011")  # there are no views
    result = run(url_as(served, "curation"), "db", "upgrade")
    assert f"run `curation db grant-reader {role} --apply`" in result.stderr
    assert run(url_as(served, "curation"), "db", "grant-reader", role, "--apply").exit_code == 0
    result = run(url_as(served, "curation"), "db", "upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    with run_query(Store(url_as(served, role)), Query("SELECT count(*) FROM review_queue", {})) as answer:
        assert list(answer.rows)
