"""`curation db reindex`: what is derived from the rest of the store is made anew, on every engine; and what is wrong
with it is named as that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from click.testing import Result

from curation.articles import searching
from curation.backends.sqlite_index import find_wrong_index
from curation.store.database import Store
from curation.verifying.deriving import reindex
from curation.verifying.run import verify

from ..support.cases import some
from ..support.store_mutations import INDEX
from ..support.stores import ON_POSTGRESQL, ON_SQLITE
from ..support.verifying_helpers import DECIDED

Command = Callable[..., Result]

#: What can be wrong, and the check that lists it.
DERIVED = {
    "images": "UPDATE images SET width = 4711 WHERE id IN (SELECT image_id FROM article_images WHERE extra IS NOT NULL)",
    "links": "UPDATE related_links SET target_id = NULL WHERE target_id IS NOT NULL",
    "orphans": "INSERT INTO topics (id, name, digest) SELECT 900, 'x', digest FROM documents LIMIT 1",
    "search": "DELETE FROM article_search",
}


def execute(store: Store, sql: str) -> None:
    with store.writing() as connection:
        assert connection.exec_driver_sql(sql).rowcount, sql


def checks(store: Store) -> set[str]:
    with store.reading() as connection:
        return {finding.check for finding in verify(connection)}


@pytest.mark.parametrize("check", some(DERIVED, 3))
def test_what_is_derived_is_listed_and_made_anew(filled: Store, curation: Command, check: str) -> None:
    searching.index_queued(filled)
    execute(filled, DERIVED[check])
    assert check in checks(filled)
    ended = curation("db", "verify")
    assert ended.exit_code == 1
    if check == "search":
        assert "50 findings: run `curation db reindex`" in ended.stderr
    done = curation("db", "reindex")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("rebuilt the index of 50 articles")
    assert ("removed" in done.stdout) == (check == "orphans")
    if check != "images":  # such a value is an article's, too, where it is the first to show the image
        assert checks(filled) == set()


@ON_SQLITE
@pytest.mark.parametrize("name", some(INDEX["sqlite"]))
def test_a_damaged_index_is_made_anew(filled: Store, curation: Command, name: str) -> None:
    searching.index_queued(filled)
    execute(filled, INDEX["sqlite"][name].format(3))
    filled.engine.dispose()  # a connection that has opened the index does not read its format again
    assert checks(filled) == {"search"}
    told = curation("search", "needle")
    assert told.exit_code == 0 or "the full-text index is damaged" in told.stderr
    assert "backup" not in told.stderr
    assert "run `curation db reindex`" in curation("db", "verify").stderr
    assert curation("db", "reindex").exit_code == 0
    assert checks(filled) == set()
    assert "needle" in curation("search", "needle").stdout.lower()


@ON_POSTGRESQL
def test_ids_that_were_never_given_out_are_counted(filled: Store, curation: Command) -> None:
    columns = "id, import_id, source_id, path, severity, code, message"
    execute(filled, f"INSERT INTO import_issues ({columns}) VALUES (900, 1, 1, 'x', 'notice', 'x', 'x')")
    assert checks(filled) == {"ids"}
    assert curation("db", "reindex").exit_code == 0
    assert checks(filled) == set()


def test_it_waits_for_no_import(filled: Store, curation: Command) -> None:
    with filled.backend.import_lock(filled.engine, "site"):
        ended = curation("db", "reindex")
    assert ended.exit_code == 1
    assert "another import of 'site' is running" in ended.stderr


def test_where_it_is_cut_off_nothing_is_lost(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BATCH", 20)
    searching.index_queued(filled)

    def stop(done: int, total: int) -> None:
        assert total == 50
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(filled, stop)
    assert checks(filled) == set()
    told: list[int] = []
    assert reindex(filled, lambda done, _: told.append(done)) == (50, 0)
    assert (told, checks(filled)) == ([20, 40, 50], set())


def test_what_is_queued_is_not_missed(filled: Store) -> None:
    searching.index_queued(filled)
    execute(filled, f"INSERT INTO search_queue SELECT id FROM articles WHERE path = '{DECIDED}'")
    execute(filled, "DELETE FROM article_search")
    with filled.reading() as connection:
        assert sum(finding.check == "search" for finding in verify(connection)) == 49


@ON_SQLITE
@pytest.mark.parametrize("step", range(1, 300, 23))
def test_an_interrupted_check_of_the_index_says_so(filled: Store, step: int) -> None:
    """Also where SQLite has ended the transaction by itself."""
    steps = iter(range(step + 1))
    with filled.reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: next(steps, None) == step, 5)
        told = ""
        try:
            list(find_wrong_index(driver))
        except sqlite3.OperationalError as error:
            told = str(error)
        finally:
            driver.set_progress_handler(None, 0)
        assert "savepoint" not in told
