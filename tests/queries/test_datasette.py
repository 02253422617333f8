"""The metadata for Datasette describes the store, opens nothing secured, and has the reports as queries."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from curation.cli import cli
from curation.queries.datasette import describe
from curation.queries.reports import find_reports, make_report_query, read_report, run_query
from curation.store import migrate
from curation.store.database import Store
from curation.store.descriptions import find_tables, find_views

from ..support.importing_helpers import import_folder
from ..support.places import SITE

#: Tables with the bytes of documents, and those of the full-text index.
CLOSED = {
    "documents", "taxonomy_documents", "file_versions", "article_search", "article_search_config",
    "article_search_content", "article_search_data", "article_search_docsize", "article_search_idx",
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    store = Store(str(tmp_path / "news.db"))
    migrate.upgrade(store)
    import_folder(store, SITE, actor="tester")
    store.engine.dispose()
    return tmp_path / "news.db"


@pytest.fixture
def metadata(file: Path) -> dict[str, Any]:
    """The metadata of the database, which has the name of the file."""
    databases = describe(Store(str(file)), find_reports())["databases"]
    assert databases.keys() == {"news"}
    database: dict[str, Any] = databases["news"]
    return database


def columns_of(file: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(file)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
        ).fetchall()
        return {
            name: [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')] for (name,) in names
        }


def test_every_table_and_view_is_described_with_its_columns(file: Path, metadata: dict[str, Any]) -> None:
    actual = columns_of(file)
    assert metadata["tables"].keys() == actual.keys() - {"sqlite_stat1", "sqlite_stat4"}
    for relation in (*find_tables(), *find_views()):
        page = metadata["tables"][relation.name]
        assert page["description"] == relation.purpose
        assert list(page["columns"]) == actual[relation.name]
    for name, page in metadata["tables"].items():
        named = [page[key] for key in ("sort", "sort_desc", "label_column", "fts_pk") if key in page]
        assert {*named, *page.get("facets", ())} <= set(actual[name]), name
        assert page.get("fts_table", "articles") in actual


def test_secured_tables_are_closed(metadata: dict[str, Any]) -> None:
    closed = {name for name, page in metadata["tables"].items() if page.get("allow") is False}
    assert closed == CLOSED
    assert all(metadata["tables"][name]["hidden"] for name in closed)
    assert metadata["allow_sql"] is False  # SQL could read the closed tables


def test_columns_of_bytes_are_closed_or_digests(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        open_columns = {
            (table, column)
            for table in columns_of(file)
            for _, column, type_, *_ in connection.execute(f'PRAGMA table_info("{table}")')
            if type_ == "BLOB" and not column.endswith("digest") and table not in CLOSED
        }
    assert open_columns == set()


def test_queries_give_the_same_rows_as_reports(file: Path, metadata: dict[str, Any]) -> None:
    store = Store(str(file))
    assert metadata["queries"].keys() == {f"report_{report.name}" for report in find_reports()}
    for report in find_reports():
        query = metadata["queries"][f"report_{report.name}"]
        with run_query(store, make_report_query(report, {}, 10.0)) as answer:
            expected = list(answer.rows)
        with closing(sqlite3.connect(file)) as connection:
            # Datasette passes '' for an empty field, and everything else as text.
            assert connection.execute(query["sql"], dict.fromkeys(query["params"], "")).fetchall() == expected
            defaults = {parameter.name: parameter.default for parameter in report.parameters}
            assert connection.execute(query["sql"], defaults).fetchall() == expected
        assert report.purpose in query["description"]
        assert all(f"{p.name}: {p.meaning}" in query["description"] for p in report.parameters)


def test_queries_and_tables_have_different_names(metadata: dict[str, Any]) -> None:
    assert not metadata["queries"].keys() & metadata["tables"].keys()


def test_only_parameters_are_replaced_by_defaults(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        "-- title: Own\n-- purpose: Own.\n-- parameter: since date 2021-01-01 since when\n"
        "-- parameter: word text it's a word\n"
        "SELECT ':since' AS kept, /* :since */ :since AS since, \":since\", :word AS word -- :since\n"
        'FROM (SELECT 1 AS ":since")\n'
    )
    [query] = describe(Store(str(file)), [read_report(tmp_path / "own.sql")])["databases"]["news"][
        "queries"
    ].values()
    with closing(sqlite3.connect(file)) as connection:
        row = connection.execute(query["sql"], {"since": "", "word": ""}).fetchone()
    assert row == (":since", "2021-01-01", 1, "it's")


def test_a_date_relative_to_today_is_computed_when_the_query_runs(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        "-- title: Own\n-- purpose: Own.\n-- parameter: since date today-90 since when\nSELECT :since AS since\n"
    )
    own = read_report(tmp_path / "own.sql")
    [query] = describe(Store(str(file)), [own])["databases"]["news"]["queries"].values()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(query["sql"], {"since": ""}).fetchone() == (
            make_report_query(own, {}, None).parameters["since"],
        )
        assert connection.execute(query["sql"], {"since": "2021-01-01"}).fetchone() == ("2021-01-01",)


def test_an_invalid_report_is_named_and_a_link_is_kept(file: Path, tmp_path: Path) -> None:
    own, written, link = tmp_path / "own", tmp_path / "written.json", tmp_path / "link.json"
    own.mkdir()
    (own / "bad.sql").write_text("SELECT 1")
    written.write_text("old")
    link.symlink_to(written)
    command = ["--database", str(file), "db", "metadata", "--reports", str(own), "--output", str(link)]
    result = CliRunner().invoke(cli, command)
    assert (result.exit_code, result.stderr.count("left out: ")) == (3, 1)
    assert link.is_symlink()
    assert "report_review" in json.loads(written.read_text())["databases"]["news"]["queries"]


def test_the_command_writes_the_metadata(file: Path, metadata: dict[str, Any], tmp_path: Path) -> None:
    written = tmp_path / "metadata.json"
    command = ["--database", str(file), "db", "metadata"]
    assert CliRunner().invoke(cli, [*command, "--output", str(written)]).exit_code == 0
    assert json.loads(written.read_text()) == {"databases": {"news": metadata}}
    assert CliRunner().invoke(cli, command).stdout == written.read_text()


def test_a_store_that_datasette_cannot_open_is_refused(
    postgresql_url: str, postgresql_template: str, tmp_path: Path
) -> None:
    for database, message in (
        (f"{postgresql_url}/{postgresql_template}", "grant-reader"), (str(tmp_path / "absent.db"), "no store"),
    ):  # fmt: skip
        result = CliRunner().invoke(cli, ["--database", database, "db", "metadata"])
        assert (result.exit_code, len(result.stderr.splitlines()), message in result.stderr) == (1, 1, True)
