"""The values of --database. No message repeats a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as st

from curation.backends.addresses import parse_address
from curation.cli import cli
from curation.errors import UsageError
from curation.store.database import Store

from ..support.cases import some

PASSWORD = "hunter2"

#: Invalid values, each with the password.
INVALID_ADDRESSES = [
    "postgresql://u:hunter2@h:bad/x",
    "postgresql://u:hunter2@h:99999/x",
    "postgresql://u:hunter2",
    "postgresql://u:hun@hunter2@h/db",
    "postgresql://u:x@hun/hunter2@h/db",
    "postgresql:/u:hunter2@h",
    "postgresql:/u:hunter2@h/db",
    "postgres:u:hunter2@h",
    " postgresql://u:hunter2@h/x",
    "host=h password=hunter2",
    "connect_timeout=3 dbname=x password = 'hunter2'",
    "PASSWORD=hunter2 host=h",
    "u:hunter2@h/db",
    "//u:hunter2@h/db",
    "jdbc:postgresql://h/d?user=u&password=hunter2",
    "mysql://u:hunter2@h/db",
    "postgresql+psycopg2://u:hunter2@h/db",
    "postgresql://u:hunter2@h",
    "postgresql://h?password=hunter2",
]


@pytest.mark.parametrize("database", some(INVALID_ADDRESSES))
@pytest.mark.parametrize(
    "command", some([["status"], ["import", "."], ["db", "upgrade"], ["db", "backup", "x"]])
)
def test_an_invalid_address_is_a_usage_error_and_is_not_repeated(
    database: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["--database", database, *command])
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert PASSWORD not in result.output
    assert list(tmp_path.iterdir()) == []


@given(
    st.sampled_from(
        ["postgresql://u:{}@h/db", "postgresql:/u:{}@h/db", "u:{}@h/db", "host=h password={}",
         "postgres://u:{}@h:{}/db", "postgresql://u:{}@", "//u:{}@h"]
    ),
    st.text(min_size=0, max_size=6),
)  # fmt: skip
def test_no_password_is_ever_shown(form: str, tail: str) -> None:
    """Any password is left out, both of error messages and of the location."""
    database = form.replace("{}", f"{PASSWORD}{tail}")
    try:
        shown = Store(database).location
    except UsageError as error:
        shown = str(error)
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    "path",
    [
        "news.db",
        "./host=x",
        "/srv/a:b@c.db",
        "./u:p@h",
        "C:/stores/news.db",
        "a=b.db",
        "10:30.db",
        "ann@corp.db",
    ],
)
def test_paths_are_accepted(path: str) -> None:
    assert parse_address(path).database == path


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://news@db.example/news",
        "postgres://ann@corp:pw@db.example:5433/news",
        "postgresql://u:p%40ss@h/news?sslmode=require",
        "postgresql:///news?host=/run/postgresql",
        "postgresql://?service=news",
        "postgresql:///?service=news",
        "postgresql://h?dbname=news",
        "sqlite:///news.db",
    ],
)
def test_urls_are_accepted(url: str) -> None:
    assert parse_address(url).drivername in ("postgresql+psycopg", "sqlite+pysqlite")


def test_the_environment_may_name_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no database name"):
        parse_address("postgresql://")
    monkeypatch.setenv("PGSERVICE", "news")
    assert parse_address("postgresql://").database is None
    with pytest.raises(UsageError, match="no database name"):
        parse_address("sqlite://")


@pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True)
def test_a_service_names_the_database(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = Store(empty_database).backend.url
    file = tmp_path / "services.conf"
    file.write_text(f"[news]\nhost={url.host}\nport={url.port}\nuser={url.username}\ndbname={url.database}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    for command in (["db", "upgrade"], ["status"], ["sql", "SELECT 1"]):
        result = CliRunner().invoke(cli, ["--database", "postgresql://?service=news", *command])
        assert result.exit_code == 0, result.output
    result = CliRunner().invoke(cli, ["--database", "postgresql://?service=none&password=hunter2", "status"])
    assert (result.exit_code, "postgresql://?service=none" in result.stderr) == (1, True)
    assert PASSWORD not in result.stderr
