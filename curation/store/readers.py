"""Readers: roles for BI tools and analysts that may only read the views of a store."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import StoreError
from .database import VERSION_TABLE, Store
from .descriptions import find_views


def make_reader_statements(store: Store, role: str) -> Sequence[str]:
    """Return the statements that create a reader, or grant missing privileges to an existing one."""
    with store.reading() as connection:
        return store.backend.make_reader_statements(connection, role, _readable())


def grant_reader(store: Store, role: str) -> Sequence[str]:
    """Run the statements in one transaction and return them.

    Raises:
        StoreError: the role would have other privileges that these statements do not or cannot revoke.
            Nothing is changed.
    """
    with store.writing(repeatable=True) as connection:
        statements = store.backend.make_reader_statements(connection, role, _readable())
        for statement in statements:
            # A role's name may have a % in it.
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        if excess := store.backend.find_excess_privileges(connection, role, _readable()):
            actions = ", ".join(excess[:3]) + (f" and {len(excess) - 3} more" if len(excess) > 3 else "")
            raise StoreError(
                f"{role!r} could still {actions}: nothing was changed; run this as the database's owner, or"
                " give a role without other privileges"
            )
    return statements


def find_readers_lacking_views(store: Store) -> Sequence[str]:
    """Return the readers that may not read every view, because a view is newer than they are."""
    with store.reading() as connection:
        return store.backend.find_readers_lacking_views(connection, [view.name for view in find_views()])


def _readable() -> list[str]:
    """Return the views, and the table that `Store.check` reads: without it no command runs as a reader."""
    return [VERSION_TABLE, *(view.name for view in find_views())]
