"""Errors are recognized by the engine's codes, in any language."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from curation.errors import StoreError
from curation.store.database import Store

from ..support.stores import execute_sql, run_on


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("42P07", "tables of another program"),
        ("53300", "too many connections"),
        ("57014", "the server cancelled the last step"),
        ("25P03", "a time limit"),
        ("57P05", "a time limit"),
        ("55P03", "the store is busy"),
        ("25006", "the store is read-only"),
        ("40001", "changed the same rows"),
        ("42501", "lacks a privilege"),
        ("53100", "disk is full"),
        ("57P01", "no connection to"),
        ("22000", "PostgreSQL error: die Verbindung"),
    ],
)
def test_errors_are_recognized_by_code(served: Store, code: str, message: str) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'die Verbindung, already exists'; END $$"
    with pytest.raises(StoreError, match=message), served.writing() as connection:
        connection.exec_driver_sql(raised)


def test_refused_connections_are_recognized_by_code(postgresql_url: str, served: Store) -> None:
    execute_sql(postgresql_url, "DROP ROLE IF EXISTS crowd", "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
    for url, message in (
        (served.backend.url.set(username="crowd"), "has too many connections"),
        (served.backend.url.set(database="nonesuch"), "the database does not exist"),
        (served.backend.url.set(username="nobody_at_all"), "refused the login"),
        (served.backend.url.set(port=9), "no connection to"),
    ):
        result = run_on(Store(url.render_as_string(hide_password=False)))("status")
        assert (result.exit_code, message in result.stderr) == (1, True), result.stderr
    execute_sql(postgresql_url, "DROP ROLE crowd")


@pytest.mark.parametrize(
    ("setting", "message"),
    [("statement_timeout", "cancelled the last step"), ("lock_timeout", "the store is busy")],
)
def test_a_time_limit_of_the_server_is_reported(served: Store, setting: str, message: str) -> None:
    def count_topics() -> None:
        with served.writing() as connection:
            connection.execute(sa.text(f"SET LOCAL {setting} = '50ms'"))
            connection.execute(sa.text("SELECT count(*) FROM topics"))

    with served.writing() as blocker:
        blocker.execute(sa.text("LOCK TABLE topics IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(StoreError, match=message):
            count_topics()
