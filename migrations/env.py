"""Runs revisions on the connection that `curation.store.migrate` hands over, or on alembic.ini's URL.

The runner holds the migration lock, and on SQLite has switched foreign keys off; all revisions of one
run are one transaction where the engine can roll DDL back.
"""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import context

from curation.backends import backend_of
from curation.backends.base import ENGINE_TABLES
from curation.store.database import VERSION_TABLE, Store
from curation.store.descriptions import with_comments
from curation.store.editing_tables import ORDER_INDEX
from curation.store.schema import metadata, with_table_options


def is_ours(name: str | None, type_: str, _: object) -> bool:
    """Whether a table or an index is one of the schema's, and not an engine's own."""
    if type_ == "index":
        return name != ORDER_INDEX
    return type_ != "table" or not (name or "").startswith(ENGINE_TABLES)


def run(connection: sa.Connection, *, compares: bool = True) -> None:
    """Run what Alembic was asked for.

    Args:
        compares: the tables are compared with the schema, which takes all that the schema says of them.
    """
    context.configure(
        connection=connection,
        target_metadata=with_comments(with_table_options()) if compares else metadata,
        transactional_ddl=connection.dialect.name in ("sqlite", "postgresql"),
        render_as_batch=True,
        include_name=is_ours,
        compare_server_default=False,
        version_table=VERSION_TABLE,
    )
    with context.begin_transaction():
        with backend_of(connection).preserving_grants(connection):
            context.run_migrations()
        backend_of(connection).check_foreign_keys(connection)


def run_for_developer() -> None:
    """`alembic revision --autogenerate` and the like: the store is named as the command's is."""
    store = Store(os.environ.get("CURATION_DATABASE", "curation.db"))
    with store.engine.connect() as connection, store.backend.migration_lock(connection):
        run(connection)


given = context.config.attributes.get("connection")
if given is not None:
    run(given, compares=context.config.attributes["compares"])
else:
    run_for_developer()
