"""A copy of the store in temporary tables of one session, in which something is tried out.

A temporary table hides the one of its name, so that whatever is done goes to the copy. Nobody waits for
it: the store's own tables are only read, and the copy is of one moment. It goes with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

#: The option of a connection to such a copy: it takes no lock that others wait for.
REHEARSING = "rehearsing"

#: The index for full-text search is large, and no import looks at it.
_LEFT_OUT = "article_search"

#: Tables of the store's schema, with the sequence of their ids and its last value.
_TABLES = f"""
SELECT n.nspname, c.relname, s.name, pg_catalog.pg_sequence_last_value(s.name::regclass)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
LEFT JOIN LATERAL (
  SELECT pg_catalog.pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)
) s (name) ON a.attname IS NOT NULL
WHERE c.relkind = 'r' AND c.relname <> '{_LEFT_OUT}' AND c.relnamespace = (
  SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('articles'))"""  # noqa: S608

#: References between them, as they are written now: before other tables have their names.
_REFERENCES = """
SELECT r.relname, c.conname, pg_catalog.pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
WHERE c.contype = 'f' AND c.connamespace = (
  SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('articles'))"""


@contextmanager
def scratch_copy(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction on a copy of the store; always rolled back."""
    with engine.connect() as plain:
        connection = plain.execution_options(**{REHEARSING: True})
        with connection.begin() as transaction:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            _copy_tables(connection)
            yield connection
            transaction.rollback()


def _copy_tables(connection: sa.Connection) -> None:
    tables = connection.exec_driver_sql(_TABLES.replace("%", "%%")).all()
    references = connection.exec_driver_sql(_REFERENCES).all()
    for schema, table, sequence, last in tables:
        for statement in _copying(f'"{schema}"', f'"{table}"', sequence, last):
            connection.exec_driver_sql(statement)
    for table, name, definition in references:
        if table != _LEFT_OUT:
            connection.exec_driver_sql(f'ALTER TABLE pg_temp."{table}" ADD CONSTRAINT "{name}" {definition}')
    for _, table, _, _ in tables:
        connection.exec_driver_sql(f'ANALYZE pg_temp."{table}"')


def _copying(schema: str, table: str, sequence: str | None, last: int | None) -> Iterator[str]:
    """The statements that copy a table."""
    yield f"CREATE TEMPORARY TABLE {table} (LIKE {schema}.{table} INCLUDING ALL) ON COMMIT DROP"
    yield f"INSERT INTO pg_temp.{table} SELECT * FROM {schema}.{table}"  # noqa: S608 - names of the catalog
    if sequence is not None:
        own = f'pg_temp."{table.strip(chr(34))}_ids"'
        yield f"CREATE TEMPORARY SEQUENCE {own.removeprefix('pg_temp.')} START {(last or 0) + 1}"
        yield f"ALTER SEQUENCE {own} OWNED BY pg_temp.{table}.id"
        yield f"ALTER TABLE pg_temp.{table} ALTER id SET DEFAULT nextval('{own}')"
