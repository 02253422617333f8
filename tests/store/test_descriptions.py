"""What is told of the tables is what the database has, column by column, and PostgreSQL is told it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.backends.base import ENGINE_TABLES
from curation.errors import StoreError
from curation.store import migrate
from curation.store.database import Store
from curation.store.descriptions import find_tables


def test_every_table_and_column_is_told_of_and_no_other(store: Store) -> None:
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        there = {
            name: [column["name"] for column in inspector.get_columns(name)]
            for name in inspector.get_table_names()
            if name != "curation_version" and not name.startswith(ENGINE_TABLES)
        }
    assert {table.name: list(table.columns) for table in find_tables()} == there
    for table in find_tables():
        assert table.purpose.endswith("."), table.name
        assert all(table.columns.values()), table.name


def test_the_command_tells_of_them(curation: Callable[..., Result]) -> None:
    tables = json.loads(curation("db", "tables", "--format", "json").stdout)
    assert {row["table"] for row in tables} == {table.name for table in find_tables()}
    columns = json.loads(curation("db", "tables", "topics", "--format", "json").stdout)
    assert columns[0] == {"column": "id", "meaning": "the topic's id"}
    refused = curation("db", "tables", "x")
    assert (refused.exit_code, "no table 'x': there are sources" in refused.stderr) == (1, True)


def comments(store: Store) -> dict[str, str | None]:
    """What PostgreSQL was told of each table, and of each column as `table.column`."""
    told: dict[str, str | None] = {}
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        there = set(inspector.get_table_names())
        for table in (table for table in find_tables() if table.name in there):
            told[table.name] = inspector.get_table_comment(table.name)["text"]
            told |= {f"{table.name}.{c['name']}": c["comment"] for c in inspector.get_columns(table.name)}
    return told


@pytest.fixture
def postgresql_store(request: pytest.FixtureRequest) -> Store:
    from ..support.stores import new_database

    url, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("url", "template"))
    return Store(new_database(url, f" TEMPLATE {template}"))


def test_postgresql_is_told_all_of_it_and_forgets_it_again(postgresql_store: Store) -> None:
    due = {table.name: table.purpose for table in find_tables()}
    due |= {f"{t.name}.{column}": meaning for t in find_tables() for column, meaning in t.columns.items()}
    assert comments(postgresql_store) == due
    migrate.downgrade(postgresql_store, "0014")
    assert set(comments(postgresql_store).values()) == {None}
    migrate.upgrade(postgresql_store)
    assert comments(postgresql_store) == due


def test_a_comment_that_is_not_ours_is_told_by_check(postgresql_store: Store) -> None:
    with postgresql_store.writing() as connection:
        connection.execute(sa.text("COMMENT ON COLUMN articles.heat IS 'degrees'"))
    with pytest.raises(StoreError, match="not as the schema says"):
        migrate.check(postgresql_store)
