"""Errors are told apart by the codes of the engine, in whatever language it speaks."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from curation.errors import StoreError
from curation.store.database import Store

from ..support.stores import execute_sql, run_on


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("42P07", "tables of another program"),
        ("53300", "no connection to spare"),
        ("57014", "the server cancelled the last step"),
        ("25P03", "a time limit"),
        ("57P05", "a time limit"),
        ("55P03", "the store is busy"),
        ("25006", "the store is read-only"),
        ("40001", "was changing the same"),
        ("42501", "have the right granted"),
        ("53100", "disk is full"),
        ("57P01", "no connection to"),
        ("22000", "PostgreSQL says: die Verbindung"),
    ],
)
def test_an_error_is_known_by_its_code(served: Store, code: str, said: str) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'die Verbindung, already exists'; END $$"
    with pytest.raises(StoreError, match=said), served.writing() as connection:
        connection.exec_driver_sql(raised)


def test_a_refused_connection_is_known_by_its_code(postgresql_url: str, served: Store) -> None:
    execute_sql(postgresql_url, "DROP ROLE IF EXISTS crowd", "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
    for url, said in (
        (served.backend.url.set(username="crowd"), "no connection to spare"),
        (served.backend.url.set(database="nonesuch"), "there is no such database"),
        (served.backend.url.set(username="nobody_at_all"), "does not let this user in"),
        (served.backend.url.set(port=9), "no connection to"),
    ):
        result = run_on(Store(url.render_as_string(hide_password=False)))("status")
        assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    execute_sql(postgresql_url, "DROP ROLE crowd")


@pytest.mark.parametrize(
    ("setting", "said"),
    [("statement_timeout", "cancelled the last step"), ("lock_timeout", "the store is busy")],
)
def test_a_time_limit_of_the_server_is_told(served: Store, setting: str, said: str) -> None:
    def look() -> None:
        with served.writing() as connection:
            connection.execute(sa.text(f"SET LOCAL {setting} = '50ms'"))
            connection.execute(sa.text("SELECT count(*) FROM topics"))

    with served.writing() as blocker:
        blocker.execute(sa.text("LOCK TABLE topics IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreError, match=said):
            look()
