"""The metadata for Datasette: it tells of what is there, opens nothing secured, and its queries answer as the
reports do."""

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
from curation.queries.reports import find_reports, read_report, report_query, run_query
from curation.store import migrate
from curation.store.database import Store
from curation.store.descriptions import find_tables, find_views

from ..support.importing_helpers import import_folder
from ..support.places import SITE

#: What holds the bytes of documents, or a text of theirs that the tables have already.
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
def told(file: Path) -> dict[str, Any]:
    """What is told of the database, which has the file's name."""
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


def test_every_table_and_view_is_told_of_with_its_columns(file: Path, told: dict[str, Any]) -> None:
    there = columns_of(file)
    assert told["tables"].keys() == there.keys() - {"sqlite_stat1", "sqlite_stat4"}
    for relation in (*find_tables(), *find_views()):
        page = told["tables"][relation.name]
        assert page["description"] == relation.purpose
        assert list(page["columns"]) == there[relation.name]
    for name, page in told["tables"].items():
        named = [page[key] for key in ("sort", "sort_desc", "label_column", "fts_pk") if key in page]
        assert {*named, *page.get("facets", ())} <= set(there[name]), name
        assert page.get("fts_table", "articles") in there


def test_what_is_secured_is_closed(told: dict[str, Any]) -> None:
    closed = {name for name, page in told["tables"].items() if page.get("allow") is False}
    assert closed == CLOSED
    assert all(told["tables"][name]["hidden"] for name in closed)
    assert told["allow_sql"] is False  # it would reach them all the same


def test_whatever_holds_bytes_is_closed_or_a_digest(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        held = {
            (table, column)
            for table in columns_of(file)
            for _, column, type_, *_ in connection.execute(f'PRAGMA table_info("{table}")')
            if type_ == "BLOB" and not column.endswith("digest") and table not in CLOSED
        }
    assert held == set()


def test_the_queries_answer_as_the_reports_do(file: Path, told: dict[str, Any]) -> None:
    store = Store(str(file))
    assert told["queries"].keys() == {f"report_{report.name}" for report in find_reports()}
    for report in find_reports():
        query = told["queries"][f"report_{report.name}"]
        with run_query(store, report_query(report, {}, 10.0)) as answer:
            due = list(answer.rows)
        with closing(sqlite3.connect(file)) as connection:
            # Datasette gives '' for what is left empty, and all else as text.
            assert connection.execute(query["sql"], dict.fromkeys(query["params"], "")).fetchall() == due
            defaults = {parameter.name: parameter.default for parameter in report.parameters}
            assert connection.execute(query["sql"], defaults).fetchall() == due
        assert report.purpose in query["description"]
        assert all(f"{p.name}: {p.meaning}" in query["description"] for p in report.parameters)


def test_no_query_stands_in_the_way_of_a_table(told: dict[str, Any]) -> None:
    assert not told["queries"].keys() & told["tables"].keys()


def test_only_a_parameter_takes_a_default(file: Path, tmp_path: Path) -> None:
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


def test_a_day_that_is_told_from_today_is_reckoned_when_it_is_asked(file: Path, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        "-- title: Own\n-- purpose: Own.\n-- parameter: since date today-90 since when\nSELECT :since AS since\n"
    )
    own = read_report(tmp_path / "own.sql")
    [query] = describe(Store(str(file)), [own])["databases"]["news"]["queries"].values()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(query["sql"], {"since": ""}).fetchone() == (
            report_query(own, {}, None).parameters["since"],
        )
        assert connection.execute(query["sql"], {"since": "2021-01-01"}).fetchone() == ("2021-01-01",)


def test_a_file_that_is_no_report_is_named_and_a_link_stays(file: Path, tmp_path: Path) -> None:
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


def test_the_command_writes_it_whole(file: Path, told: dict[str, Any], tmp_path: Path) -> None:
    written = tmp_path / "metadata.json"
    command = ["--database", str(file), "db", "metadata"]
    assert CliRunner().invoke(cli, [*command, "--output", str(written)]).exit_code == 0
    assert json.loads(written.read_text()) == {"databases": {"news": told}}
    assert CliRunner().invoke(cli, command).stdout == written.read_text()


def test_a_store_that_datasette_cannot_open_is_refused(
    postgresql_url: str, postgresql_template: str, tmp_path: Path
) -> None:
    for database, said in (
        (f"{postgresql_url}/{postgresql_template}", "grant-reader"), (str(tmp_path / "absent.db"), "no store"),
    ):  # fmt: skip
        result = CliRunner().invoke(cli, ["--database", database, "db", "metadata"])
        assert (result.exit_code, len(result.stderr.splitlines()), said in result.stderr) == (1, 1, True)
