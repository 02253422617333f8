"""Copies the store to temporary tables of one session, to try out changes.

A temporary table hides the table of the same name, so that all statements use the copy. The copy blocks
nobody: the tables of the store are only read, in one snapshot. It is deleted with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

#: The execution option of a connection to a copy. Such a connection acquires no locks.
IS_SCRATCH_COPY = "is_scratch_copy"

#: Not copied: the full-text index is large, and imports do not read it.
_LEFT_OUT = "article_search"

#: Tables of the store's schema, with the sequences of their ids and their last values.
_TABLES = f"""
SELECT n.nspname, c.relname, s.name, pg_catalog.pg_sequence_last_value(s.name::regclass)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
LEFT JOIN LATERAL (
  SELECT pg_catalog.pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)
) s (name) ON a.attname IS NOT NULL
WHERE c.relkind = 'r' AND c.relname <> '{_LEFT_OUT}' AND c.relnamespace = (
  SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('articles'))"""  # noqa: S608

#: Foreign keys between the tables. They are read before the temporary tables hide the originals.
_REFERENCES = """
SELECT r.relname, c.conname, pg_catalog.pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
WHERE c.contype = 'f' AND c.connamespace = (
  SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = to_regclass('articles'))"""


@contextmanager
def scratch_copy(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a transaction on a copy of the store; it is always rolled back."""
    with engine.connect() as plain:
        connection = plain.execution_options(**{IS_SCRATCH_COPY: True})
        with connection.begin() as transaction:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            _copy_tables(connection)
            yield connection
            transaction.rollback()


def _copy_tables(connection: sa.Connection) -> None:
    tables = connection.exec_driver_sql(_TABLES.replace("%", "%%")).all()
    references = connection.exec_driver_sql(_REFERENCES).all()
    for schema, table, sequence, last in tables:
        for statement in _copy_statements(f'"{schema}"', f'"{table}"', sequence, last):
            connection.exec_driver_sql(statement)
    for table, name, definition in references:
        if table != _LEFT_OUT:
            connection.exec_driver_sql(f'ALTER TABLE pg_temp."{table}" ADD CONSTRAINT "{name}" {definition}')
    for _, table, _, _ in tables:
        connection.exec_driver_sql(f'ANALYZE pg_temp."{table}"')


def _copy_statements(schema: str, table: str, sequence: str | None, last: int | None) -> Iterator[str]:
    """Yield the statements that copy a table."""
    yield f"CREATE TEMPORARY TABLE {table} (LIKE {schema}.{table} INCLUDING ALL) ON COMMIT DROP"
    yield f"INSERT INTO pg_temp.{table} SELECT * FROM {schema}.{table}"  # noqa: S608 - names of the catalog
    if sequence is not None:
        own = f'pg_temp."{table.strip(chr(34))}_ids"'
        yield f"CREATE TEMPORARY SEQUENCE {own.removeprefix('pg_temp.')} START {(last or 0) + 1}"
        yield f"ALTER SEQUENCE {own} OWNED BY pg_temp.{table}.id"
        yield f"ALTER TABLE pg_temp.{table} ALTER id SET DEFAULT nextval('{own}')"
