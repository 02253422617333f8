"""Descriptions of tables: every column of the database has one, and PostgreSQL has them as comments."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from click.testing import Result
from sqlalchemy.schema import CreateIndex, CreateTable

from curation.backends.base import ENGINE_TABLES
from curation.errors import StoreError
from curation.store import migrate
from curation.store.columns import copy_metadata
from curation.store.database import Store
from curation.store.descriptions import find_tables, with_comments
from curation.store.schema import metadata, with_table_options


def test_every_table_and_column_has_a_description(store: Store) -> None:
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        columns = {
            name: [column["name"] for column in inspector.get_columns(name)]
            for name in inspector.get_table_names()
            if name != "curation_version" and not name.startswith(ENGINE_TABLES)
        }
    assert {table.name: list(table.columns) for table in find_tables()} == columns
    for table in find_tables():
        assert table.purpose.endswith("."), table.name
        assert all(table.columns.values()), table.name


def test_the_command_shows_the_descriptions(curation: Callable[..., Result]) -> None:
    tables = json.loads(curation("db", "tables", "--format", "json").stdout)
    assert {row["table"] for row in tables} == {table.name for table in find_tables()}
    columns = json.loads(curation("db", "tables", "topics", "--format", "json").stdout)
    assert columns[0] == {"column": "id", "meaning": "the topic's id"}
    refused = curation("db", "tables", "x")
    assert (refused.exit_code, "no table 'x': there are sources" in refused.stderr) == (1, True)


def comments(store: Store) -> dict[str, str | None]:
    """Return the comments of tables, and of columns as `table.column`."""
    found: dict[str, str | None] = {}
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        names = set(inspector.get_table_names())
        for table in (table for table in find_tables() if table.name in names):
            found[table.name] = inspector.get_table_comment(table.name)["text"]
            found |= {f"{table.name}.{c['name']}": c["comment"] for c in inspector.get_columns(table.name)}
    return found


@pytest.fixture
def postgresql_store(request: pytest.FixtureRequest) -> Store:
    from ..support.stores import new_database

    url, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("url", "template"))
    return Store(new_database(url, f" TEMPLATE {template}"))


def test_copies_with_options_and_comments_leave_the_schema_as_it_is() -> None:
    copy = with_comments(with_table_options())
    assert copy is not metadata
    assert copy.tables.keys() == metadata.tables.keys()
    for name, table in metadata.tables.items():
        copied = copy.tables[name]
        assert copied.comment
        assert all(column.comment for column in copied.columns)
        assert copied.dialect_kwargs["sqlite_strict"] is True
        assert {i.name for i in copied.indexes} == {i.name for i in table.indexes}
        assert {c.name for c in copied.constraints} == {c.name for c in table.constraints}
        assert table.comment is None
        assert not any(column.comment for column in table.columns)
        assert not table.kwargs
        assert not any(index.kwargs for index in table.indexes)


def test_copies_create_the_same_tables() -> None:
    copy = copy_metadata(metadata)
    for dialect in (
        sa.make_url("sqlite://").get_dialect()(),
        sa.make_url("postgresql+psycopg://").get_dialect()(),
    ):
        for name, table in metadata.tables.items():
            assert ddl(copy.tables[name], dialect) == ddl(table, dialect)


def ddl(table: sa.Table, dialect: sa.Dialect) -> list[str]:
    """Return the lines that create a table and its indexes, in any order."""
    statements: list[sa.schema.ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, table.indexes)]
    lines = (line for made in statements for line in str(made.compile(dialect=dialect)).splitlines())
    return sorted(line.strip().removesuffix(",") for line in lines)


def test_postgresql_has_the_comments_of_each_revision(postgresql_store: Store) -> None:
    expected = {table.name: table.purpose for table in find_tables()}
    expected |= {
        f"{t.name}.{column}": meaning for t in find_tables() for column, meaning in t.columns.items()
    }
    assert comments(postgresql_store) == expected
    migrate.downgrade(postgresql_store, "0029")
    earlier = comments(postgresql_store)
    assert earlier.keys() < expected.keys()
    added = {name.partition(".")[0] for name in expected.keys() - earlier.keys()}
    assert added == {"changes", "overrides", "review_items", "reviews", "set_aside_overrides", "sources"}
    assert earlier["files.state"] == "kept (the store has its document), passed (it is no content) or refused"
    migrate.upgrade(postgresql_store, "0030")
    migrate.downgrade(postgresql_store, "0015")
    for revision in ("0016", "0019", "0020", "0022", "0023", "0024", "0029"):
        migrate.upgrade(postgresql_store, revision)
    assert comments(postgresql_store) == earlier
    migrate.downgrade(postgresql_store, "0014")
    assert set(comments(postgresql_store).values()) == {None}
    migrate.upgrade(postgresql_store)
    assert comments(postgresql_store) == expected


def test_check_reports_a_different_comment(postgresql_store: Store) -> None:
    with postgresql_store.writing() as connection:
        connection.execute(sa.text("COMMENT ON COLUMN articles.heat IS 'degrees'"))
    with pytest.raises(StoreError, match="differ from the schema"):
        migrate.check(postgresql_store)
