"""`curation db reindex` rebuilds derived data on every engine, and `db verify` reports problems in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from click.testing import Result

from curation.articles import searching
from curation.backends.sqlite_index import find_wrong_index
from curation.store.database import Store
from curation.verifying.reindexing import reindex
from curation.verifying.run import verify

from ..support.cases import some
from ..support.store_mutations import INDEX
from ..support.stores import ON_POSTGRESQL, ON_SQLITE
from ..support.verifying_helpers import OVERRIDDEN

Command = Callable[..., Result]

#: SQL that damages derived data, by the check that finds it.
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
def test_problems_in_derived_data_are_listed_and_fixed(filled: Store, curation: Command, check: str) -> None:
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
    assert ("deleted" in done.stdout) == (check == "orphans")
    if check != "images":  # an article that is the first to use the image still differs from its row
        assert checks(filled) == set()


@ON_SQLITE
@pytest.mark.parametrize("name", some(INDEX["sqlite"]))
def test_a_damaged_index_is_rebuilt(filled: Store, curation: Command, name: str) -> None:
    searching.index_queued(filled)
    execute(filled, INDEX["sqlite"][name].format(3))
    filled.engine.dispose()  # an open connection would not read the index's format again
    assert checks(filled) == {"search"}
    result = curation("search", "needle")
    assert result.exit_code == 0 or "the full-text index is damaged" in result.stderr
    assert "backup" not in result.stderr
    assert "run `curation db reindex`" in curation("db", "verify").stderr
    assert curation("db", "reindex").exit_code == 0
    assert checks(filled) == set()
    assert "needle" in curation("search", "needle").stdout.lower()


@ON_POSTGRESQL
def test_a_counter_below_the_highest_id_is_fixed(filled: Store, curation: Command) -> None:
    columns = "id, import_id, source_id, path, severity, code, message"
    execute(filled, f"INSERT INTO import_issues ({columns}) VALUES (900, 1, 1, 'x', 'notice', 'x', 'x')")
    assert checks(filled) == {"ids"}
    assert curation("db", "reindex").exit_code == 0
    assert checks(filled) == set()


def test_it_fails_during_an_import(filled: Store, curation: Command) -> None:
    with filled.backend.import_lock(filled.engine, "site"):
        ended = curation("db", "reindex")
    assert ended.exit_code == 1
    assert "another import of 'site' is running" in ended.stderr


def test_an_interruption_loses_nothing(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "ARTICLES_PER_BATCH", 20)
    searching.index_queued(filled)

    def stop(done: int, total: int) -> None:
        assert total == 50
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(filled, stop)
    assert checks(filled) == set()
    calls: list[int] = []
    assert reindex(filled, lambda done, _: calls.append(done)) == (50, 0)
    assert (calls, checks(filled)) == ([20, 40, 50], set())


def test_queued_articles_are_not_reported_as_missing(filled: Store) -> None:
    searching.index_queued(filled)
    execute(filled, f"INSERT INTO search_queue SELECT id FROM articles WHERE path = '{OVERRIDDEN}'")
    execute(filled, "DELETE FROM article_search")
    with filled.reading() as connection:
        assert sum(finding.check == "search" for finding in verify(connection)) == 49


@ON_SQLITE
@pytest.mark.parametrize("step", range(1, 300, 23))
def test_an_interrupted_check_of_the_index_reports_the_interrupt(filled: Store, step: int) -> None:
    """Even if SQLite has ended the transaction itself."""
    steps = iter(range(step + 1))
    with filled.reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: next(steps, None) == step, 5)
        message = ""
        try:
            list(find_wrong_index(driver))
        except sqlite3.OperationalError as error:
            message = str(error)
        finally:
            driver.set_progress_handler(None, 0)
        assert "savepoint" not in message
