"""Readers: roles that may read a store's views and nothing else, as BI tools and analysts want them."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import StoreError
from .database import VERSION_TABLE, Store
from .descriptions import find_views


def reader_statements(store: Store, role: str) -> Sequence[str]:
    """The statements that make a role a reader, or grant one that is there what it lacks."""
    with store.reading() as connection:
        return store.backend.reader_statements(connection, role, _readable())


def grant_reader(store: Store, role: str) -> Sequence[str]:
    """Runs them in one transaction, and returns them.

    Raises StoreError, and nothing is changed, if the role could do more than read by what it was granted
    otherwise, or because who runs this may not take it away.
    """
    with store.writing(repeatable=True) as connection:
        statements = store.backend.reader_statements(connection, role, _readable())
        for statement in statements:
            # A role's name may have a % in it.
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        if excess := store.backend.excess_privileges(connection, role, _readable()):
            told = ", ".join(excess[:3]) + (f" and {len(excess) - 3} more" if len(excess) > 3 else "")
            raise StoreError(
                f"{role!r} could still {told}: nothing was changed; run this as the database's owner, or give"
                " a role that was granted nothing else"
            )
    return statements


def readers_lacking_views(store: Store) -> Sequence[str]:
    """The readers that were made before a view was, and may not read it."""
    with store.reading() as connection:
        return store.backend.readers_lacking_views(connection, [view.name for view in find_views()])


def _readable() -> list[str]:
    """The views, and what `Store.check` asks: without it no command of ours would run as a reader."""
    return [VERSION_TABLE, *(view.name for view in find_views())]
