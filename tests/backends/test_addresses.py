"""What --database may be, and that no message repeats a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from curation.backends.addresses import parse_address
from curation.cli import cli
from curation.errors import UsageError
from curation.store.database import Store

from ..support.cases import some

SECRET = "hunter2"

#: What is none; each has the password, and no store of such a name is there.
NO_ADDRESSES = [
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


@pytest.mark.parametrize("database", some(NO_ADDRESSES))
@pytest.mark.parametrize(
    "command", some([["status"], ["import", "."], ["db", "upgrade"], ["db", "backup", "x"]])
)
def test_what_is_no_database_is_misuse_and_is_not_repeated(
    database: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["--database", database, *command])
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert SECRET not in result.output
    assert list(tmp_path.iterdir()) == []


@given(
    st.sampled_from(
        ["postgresql://u:{}@h/db", "postgresql:/u:{}@h/db", "u:{}@h/db", "host=h password={}",
         "postgres://u:{}@h:{}/db", "postgresql://u:{}@", "//u:{}@h"]
    ),
    st.text(min_size=0, max_size=6),
)  # fmt: skip
def test_no_password_is_ever_shown(form: str, tail: str) -> None:
    """Whatever is in it: each is refused without it, or it is told apart from what is shown."""
    database = form.replace("{}", f"{SECRET}{tail}")
    try:
        shown = Store(database).location
    except UsageError as error:
        shown = str(error)
    assert SECRET not in shown


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
def test_a_path_is_a_path(path: str) -> None:
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
def test_a_url_is_a_url(url: str) -> None:
    assert parse_address(url).drivername in ("postgresql+psycopg", "sqlite+pysqlite")


def test_a_database_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no database named"):
        parse_address("postgresql://")
    monkeypatch.setenv("PGSERVICE", "news")
    assert parse_address("postgresql://").database is None
    with pytest.raises(UsageError, match="no database named"):
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
    told = CliRunner().invoke(cli, ["--database", "postgresql://?service=none&password=hunter2", "status"])
    assert (told.exit_code, "postgresql://?service=none" in told.stderr) == (1, True)
    assert SECRET not in told.stderr
