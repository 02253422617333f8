"""A file of another program is reported as that, and never changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from curation.cli import cli
from curation.store import migrate
from curation.store.database import Store

from ..support.cases import some
from ..support.places import SITE

COMMANDS = [
    ["status"], ["list"], ["search", "x"], ["show", "1"], ["set", "1", "--heat", "1"], ["log"], ["revert", "1"],
    ["explain", "1"], ["score"], ["source", "list"], ["issues"], ["report", "review"], ["sql", "SELECT 1"],
    ["export", "files", "out"], ["export", "api", "out"], ["export", "articles"], ["import", str(SITE)],
    ["import", str(SITE), "--dry-run"], ["db", "upgrade"], ["db", "downgrade", "base"], ["db", "current"],
    ["db", "history"], ["db", "check"], ["db", "verify"], ["db", "repair"], ["db", "metadata"],
    ["db", "backup", "copy.db"],
]  # fmt: skip

#: Files of other programs.
FILES = {
    "a table": "CREATE TABLE moz_places (id INTEGER); INSERT INTO moz_places VALUES (1)",
    "a table of one of our names": "CREATE TABLE articles (id INTEGER)",
    "a view alone": "CREATE VIEW v AS SELECT 1 AS one",
    "an index of words": "CREATE VIRTUAL TABLE notes USING fts5(body)",
    "another tool's revisions": "CREATE TABLE alembic_version (version_num TEXT)",
}


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--database", str(file), *arguments])


@pytest.mark.parametrize("command", some([(command,) for command in COMMANDS], 5))
@pytest.mark.parametrize("kind", list(FILES))
def test_a_file_of_another_program_is_reported_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.executescript(FILES[kind])
    before = file.read_bytes()
    result = run(file, *command)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: {file} belongs to another program (it has ")
    assert line.endswith("give another path with --database")
    assert "upgrade" not in line
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["places.sqlite"]


def test_a_file_of_ours_or_without_tables_is_not_reported_as_another_programs(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.touch()
    assert "no store at" in run(file, "status").stderr
    assert run(file, "db", "upgrade").exit_code == 0
    assert run(file, "db", "downgrade", "base", "--yes").exit_code == 0
    assert "run `curation db upgrade`" in run(file, "status").stderr
    assert run(file, "db", "upgrade").exit_code == 0
    assert run(file, "status").exit_code == 0
    (tmp_path / "text.db").write_text("no database at all, but a text")
    assert "is not an SQLite database" in run(tmp_path / "text.db", "status").stderr


def test_programs_may_share_a_database_of_a_server(served: Store) -> None:
    migrate.downgrade(served, "base")
    with served.writing() as connection:
        connection.execute(sa.text("CREATE TABLE moz_places (id INTEGER)"))
    url = served.backend.url.render_as_string(hide_password=False)
    result = CliRunner().invoke(cli, ["--database", url, "status"])
    assert (result.exit_code, "run `curation db upgrade`" in result.stderr) == (1, True)
    assert CliRunner().invoke(cli, ["--database", url, "db", "upgrade"]).exit_code == 0
