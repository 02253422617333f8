"""Stores for tests: copies of templates, on each engine."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from curation.store.database import Store

#: Marks for tests of features that only one engine has. They do not run on the other, so none is skipped.
ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("store", ["postgresql"], indirect=True)


def make_store(request: pytest.FixtureRequest, folder: Path) -> Store:
    """Return a store of this release, on the engine that the fixture's parameter names."""
    return copy_store(request, folder, "template")


def copy_store(request: pytest.FixtureRequest, folder: Path, what: str) -> Store:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue(f"sqlite_{what}"), folder / "store.db")
        return Store(str(folder / "store.db"))
    url = request.getfixturevalue("postgresql_url")
    template = request.getfixturevalue(f"postgresql_{what}")
    return Store(dropped_afterwards(request, new_database(url, f" TEMPLATE {template}")))


def run_on(store: Store) -> Callable[..., Result]:
    """Return a function that runs the command on a store."""
    from curation.cli import cli

    database = store.backend.url.render_as_string(hide_password=False)
    return lambda *arguments: CliRunner().invoke(cli, ["--database", database, *arguments])


def new_database(url: str, how: str = "") -> str:
    name = f"test_{uuid.uuid4().hex[:12]}"
    # Copying a template's files is twice as fast as writing all of it to the log.
    execute_sql(url, f"CREATE DATABASE {name}{how}{' STRATEGY file_copy' if how else ''}")
    return f"{url}/{name}"


def dropped_afterwards(request: pytest.FixtureRequest, database: str) -> str:
    """Return a database that is dropped when its fixture ends.

    With thousands of databases, stopping the server takes half a minute.
    """
    url, _, name = database.rpartition("/")
    request.addfinalizer(lambda: execute_sql(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    return database


def execute_sql(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
