"""Edit flags and read them, without the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from curation.articles.selecting import Filters, Selection
from curation.editing.flags import ChangeBy, Edit, reset_flags, set_flags
from curation.editing.reverting import RevertResult, revert_changeset
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, overrides
from curation.verifying.run import verify

VETOED = "_news/2021-11-07-local-man-predicts-tide-using-tide-table.md"


LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


def edit_flags(
    store: Store,
    *references: str,
    filters: Filters | None = None,
    unchanged_since: int | None = None,
    **values: int | ChangeBy,
) -> Edit:
    with store.writing() as connection:
        selection = Selection(references, filters or Filters())
        return set_flags(
            connection, selection, values, actor="ann", reason="why not", unchanged_since=unchanged_since
        )


def reset_overrides(
    store: Store,
    *references: str,
    fields: Sequence[str] = FLAGS,
    filters: Filters | None = None,
    reason: str = "enough",
    adopted: bool = False,
) -> Edit:
    with store.writing() as connection:
        selection = Selection(references, filters or Filters())
        return reset_flags(connection, selection, fields, actor="bob", reason=reason, adopted=adopted)


def rows(store: Store, query: Any) -> list[tuple[Any, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def flags(store: Store, path: str) -> tuple[Any, ...]:
    wanted = (articles.c[name] for name in ("quality", "heat", "published", "removed"))
    return rows(store, sa.select(*wanted).where(articles.c.path == path))[0]


def revert(store: Store, changeset: int | None, actor: str = "cat") -> RevertResult:
    assert changeset is not None
    with store.writing() as connection:
        return revert_changeset(connection, changeset, actor=actor)


def read_overrides(store: Store) -> list[tuple[Any, ...]]:
    """Return all overrides: path, flag, value and changeset."""
    table = overrides.c
    wanted = sa.select(articles.c.path, table.field, table.value, table.changeset_id)
    return sorted(rows(store, wanted.join(articles, articles.c.id == table.article_id)))


def assert_sound(store: Store) -> None:
    with store.reading() as connection:
        assert list(verify(connection)) == []
