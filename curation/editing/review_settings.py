"""The settings of a source that decide which of its articles are in the review queue."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from ..articles.review_queue import refresh_queue
from ..backends import backend_of
from ..store.schema import articles, imports, sources

#: Which published articles wait for an approval: none, those that are imported from now on, or all.
APPROVALS = ("none", "new", "all")


class ReviewSettings(NamedTuple):
    """The quality from which an unpublished article is worth a look, and one of `APPROVALS`."""

    review_quality: int
    approval: str


def read_review_settings(connection: sa.Connection, source_id: int) -> ReviewSettings:
    """Return the review settings of a source."""
    row = sa.select(sources.c.review_quality, sources.c.approval).where(sources.c.id == source_id)
    return ReviewSettings(*connection.execute(row).one())


def set_review_settings(
    connection: sa.Connection,
    source_id: int,
    *,
    review_quality: int | None = None,
    approval: str | None = None,
) -> None:
    """Change review settings of a source, and update its part of the review queue; the caller commits.

    Args:
        review_quality: None leaves it as it is, as for `approval`.
        approval: One of `APPROVALS`. With `new`, articles of later imports wait for an approval.
    """
    if review_quality is None and approval is None:
        return
    backend_of(connection).lock_references(connection)
    values: dict[str, int | str] = {}
    if review_quality is not None:
        values["review_quality"] = review_quality
    if approval is not None and approval != read_review_settings(connection, source_id).approval:
        last = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0)).where(
            imports.c.source_id == source_id
        )
        values |= {"approval": approval, "approval_after": connection.scalar(last) or 0}
    if values:
        connection.execute(sa.update(sources).where(sources.c.id == source_id).values(**values))
        of_source = sa.select(articles.c.id.label("article_id")).where(articles.c.source_id == source_id)
        refresh_queue(connection, of_source)
