"""PostgreSQL sessions do not depend on the settings of the server, the role or the environment."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from curation.backends.postgresql import Postgresql
from curation.backends.types import Flag, Instant, Json, blob
from curation.documents.instants import format_instant
from curation.errors import StoreError
from curation.store import migrate
from curation.store.database import Store, empty_temp_table, make_temporary_table
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.postgresql_server import HOSTILE_SETTINGS
from ..support.store_comparison import differences
from ..support.stores import dropped_afterwards, execute_sql, new_database, run_on


@pytest.mark.parametrize("way", ["engine", "own"])
def test_session_settings_do_not_depend_on_defaults(hostile: Store, way: str) -> None:
    from curation.backends.postgresql_sessions import PINNED

    assert isinstance(hostile.backend, Postgresql)
    names = list(PINNED)
    query = "SELECT {}".format(", ".join(f"current_setting('{name}')" for name in names))
    if way == "engine":
        with hostile.writing() as connection:
            found: Sequence[object] = connection.exec_driver_sql(query).one()
    else:
        with hostile.backend._connect() as own:
            [found] = own.execute(query).fetchall()
    assert dict(zip(names, found, strict=True)) == dict(PINNED)
    assert set(HOSTILE_SETTINGS) - {"escape_string_warning"} <= set(PINNED)


def test_hostile_defaults_do_not_change_results(hostile: Store, tmp_path: Path) -> None:
    plain = Store(str(tmp_path / "plain.db"))
    migrate.upgrade(plain)
    for store in (hostile, plain):
        run = run_on(store)
        assert import_folder(store, SITE).added == 50
        for command in (
            ["set", "--heat", "10", "--topic", "Lighthouses"],
            ["unpublish", "1"],
            ["revert", "3"],
        ):
            result = run(*command)
            assert result.exit_code == 0, result.output
        assert import_folder(store, SITE, full=True).unchanged == 50
        with store.reading() as connection:
            assert list(verify(connection)) == []
    assert differences(hostile, plain) == []
    outputs = [
        run_on(store)(*command).stdout
        for command in (
            ["sql", "SELECT id, published_at, updated_at FROM articles ORDER BY id", "--format", "csv"],
            ["list", "--format", "csv"], ["report", "topics", "--format", "csv"], ["search", "tide"],
        )
        for store in (hostile, plain)
    ]  # fmt: skip
    assert outputs[::2] == outputs[1::2]
    assert all(outputs)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused_with_advice(
    postgresql_url: str, request: pytest.FixtureRequest, encoding: str
) -> None:
    how = f" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    database = dropped_afterwards(request, new_database(postgresql_url, how))
    for command in (["db", "upgrade"], ["sql", "SELECT 1"], ["import", str(SITE)]):
        refused = run_on(Store(database))(*command)
        assert refused.exit_code == 1
        [line] = refused.stderr.splitlines()
        assert encoding in line
    statement = line[line.index("CREATE DATABASE") :]
    execute_sql(postgresql_url, statement)
    dropped_afterwards(request, f"{database}_utf8")
    assert run_on(Store(f"{database}_utf8"))("db", "upgrade").exit_code == 0


def test_the_values_of_settings_are_checked(served: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.backends import postgresql_sessions

    ignoring = postgresql_sessions._PIN.replace("set_config(name, value, false)", "current_setting(name)")
    monkeypatch.setattr(postgresql_sessions, "_PIN", ignoring)
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    with pytest.raises(StoreError, match=r"ignores session settings \(TimeZone\)"), served.reading():
        pass


_bulk = make_temporary_table(
    "bulk",
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("at", Instant()),
    sa.Column("bytes", blob()),
    sa.Column("json", Json()),
    sa.Column("text", sa.Text),
    sa.Column("flag", Flag()),
)
_ROWS = st.lists(
    st.tuples(
        st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        st.none() | st.binary(max_size=20) | st.just(b"\\x61\\"),
        st.none() | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers() | st.just("\\\t")),
        st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.just("\\N\t\\."),
        st.none() | st.booleans(),
    ),
    min_size=1,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_bulk_writes_keep_all_values(hostile: Store, rows: list[tuple[Any, ...]]) -> None:
    with hostile.writing() as connection:
        backend, table = hostile.backend, empty_temp_table(connection, _bulk)
        made = [
            (number, format_instant(at), data, None if value is None else json.dumps(value), text, flag)
            for number, (at, data, value, text, flag) in enumerate(rows)
        ]
        backend.bulk_insert(connection, table, table.c.keys(), made)
        backend.bulk_update(connection, table, table.c.keys(), made)
        back = [tuple(row[1:]) for row in connection.execute(sa.select(table).order_by(table.c.id))]
    assert back == rows


def test_a_read_only_server_stays_read_only(postgresql_url: str, served: Store) -> None:
    name = served.backend.url.database
    execute_sql(postgresql_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    result = run_on(served)("import", str(SITE))
    assert (result.exit_code, "the store is read-only" in result.stderr) == (1, True)
